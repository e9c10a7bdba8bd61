"""From a reader's raw values to an `Alert`: the judgements that all formats share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, TypeVar

from icecube_hooks import (
    YEAR_S,
    Alert,
    AlertKind,
    AsymmetricError,
    Concern,
    Ellipse,
    Localization,
    Message,
    NoticeError,
    PValue,
    Status,
    Tense,
    WireFormat,
)

from ._values import decimal, within

__all__ = [
    "ADDRESS",
    "NOTICE_LIMIT",
    "NO_ID",
    "PACKET_KINDS",
    "TENSES",
    "Draft",
    "check_size",
    "has_default_radii",
    "kind_from_words",
    "same",
    "tense_from_words",
    "tense_on",
]

T = TypeVar("T")

NOTICE_LIMIT: Final = 1 << 20
"""Largest classic notice or VOEvent that is read [bytes]; real ones have under 10 kB."""

PACKET_KINDS: Final = {
    157: AlertKind.COINC,
    158: AlertKind.HESE,
    169: AlertKind.EHE,
    172: AlertKind.NU_EM,
    173: AlertKind.GOLD,
    174: AlertKind.BRONZE,
    176: AlertKind.CASCADE,
}
"""GCN packet types of IceCube and AMON notices."""

TENSES: Final = {
    "current": Tense.OBSERVATION,
    "archival": Tense.ARCHIVAL,
    "planned": Tense.PLANNED,
    "commanded": Tense.COMMANDED,
    "injection": Tense.INJECTION,
    "injections": Tense.INJECTION,
    "test": Tense.TEST,
}
"""Tenses as the JSON notices spell them."""

NO_ID: Final = 2**31 - 1
"""What stands in the place of a number that there is not."""

DEFAULT_RADIUS_ARCMIN: Final = (30.80, 12.00)
"""90 % and 50 % radius that revision 0 carries when no reconstruction gave one."""

HESE_DEFAULT_CHARGE_PE: Final = 1510.0

ADDRESS: Final = re.compile(r"https?://[!-~]{1,2000}")

_WORDS: Final = (
    (AlertKind.GOLD, re.compile(r"\bGOLD\b")),
    (AlertKind.BRONZE, re.compile(r"\bBRONZE\b")),
    (AlertKind.CASCADE, re.compile(r"\bCASCADE\b")),
    (AlertKind.HESE, re.compile(r"\bHESE\b")),
    (AlertKind.EHE, re.compile(r"\bEHE\b")),
    (
        AlertKind.NU_EM,
        re.compile(r"\b(?:NU|NEUTRINO) EM\b|\b(?:HAWC|ANTARES)\b.*\bCOINC|\bCOINC.*\bHAWC\b"),
    ),
    (AlertKind.COINC, re.compile(r"\bICECUBE\b.*\bCOINC")),
)


def kind_from_words(text: str) -> AlertKind | None:
    """Recognise the kind in ``ICECUBE Astrotrack Gold`` and the like.

    Examples
    --------
    >>> kind_from_words("ICECUBE Astrotrack Gold ")
    <AlertKind.GOLD: 'gold'>
    >>> kind_from_words("Fermi-LAT ANTARES coincidence")
    <AlertKind.NU_EM: 'nu-em'>
    """
    return _kind_from_words(text[:200])


@lru_cache(64)
def _kind_from_words(text: str) -> AlertKind | None:
    words = text.upper().replace("_", " ").replace("-", " ")
    return next((kind for kind, pattern in _WORDS if pattern.search(words)), None)


def tense_from_words(text: str) -> Tense:
    """Tell from the title of a classic notice whether it speaks of the sky."""
    words = text[:200].upper().replace("_", " ").split()
    if "INJECTED" in words or "INJECTION" in words:
        return Tense.INJECTION
    return Tense.TEST if "TEST" in words else Tense.OBSERVATION


def tense_on(topic: str | None, stated: Tense | None) -> Tense | None:
    """Take a test topic's word over a notice that does not call itself anything else."""
    is_plain = stated is None or stated is Tense.OBSERVATION
    return Tense.TEST if is_plain and topic is not None and ".test." in topic else stated


def has_default_radii(radius_deg: float | None, half_deg: float | None) -> bool:
    """Whether these are the radii of `DEFAULT_RADIUS_ARCMIN`."""
    if radius_deg is None or half_deg is None:
        return False
    radius, half = DEFAULT_RADIUS_ARCMIN
    return same(radius_deg * 60, radius, 0.006) and same(half_deg * 60, half, 0.006)


def same(one: float, other: float, tolerance: float) -> bool:
    """Whether two numbers agree within an absolute tolerance."""
    return abs(one - other) <= tolerance


def check_size(message: Message, limit: int) -> None:
    """Refuse a message that is larger than any notice."""
    if len(message.value) > limit:
        raise NoticeError(f"the message has {len(message.value)} bytes, more than {limit}")


@dataclass(slots=True)
class Draft:
    """An alert in the making. Readers set what they find; `alert` judges and freezes it.

    Attributes carry the names and units of `Alert` and `Localization`.
    """

    kind: AlertKind
    format: WireFormat
    values: dict[str, Any] = field(default_factory=dict)
    concerns: list[Concern] = field(default_factory=list)
    unread: dict[str, Any] = field(default_factory=dict)
    run_id: int | None = None
    event_id: int | None = None
    revision: int | None = None
    tense: Tense | None = None
    status: Status | None = None
    ra_deg: float | None = None
    dec_deg: float | None = None
    error_radius_deg: float | None = None
    containment: float | None = None
    error_radius_50_deg: float | None = None
    ellipse: Ellipse | None = None
    asymmetric: AsymmetricError | None = None
    systematic_included: bool | None = None
    skymap_fits_url: str | None = None
    skymap_png_url: str | None = None

    def doubt(self, field: str, found: object, taken: object, why: str) -> None:
        """Note a concern; `taken` is ``None`` where the value is left unstated."""
        text = None if taken is None else str(taken)
        self.concerns.append(Concern(field=field, found=str(found), taken=text, why=why))

    def doubt_repeated(self, names: Iterable[str]) -> None:
        """Note the keys that a JSON notice states twice."""
        for name in names:
            self.doubt(name, "twice", "the last one", "the JSON states this key twice")

    def attempt(self, read: Callable[..., T], *arguments: Any) -> T | None:
        """Return what `read` gives, or ``None`` and a concern if it refuses the value."""
        try:
            return read(*arguments)
        except NoticeError as error:
            self.doubt(error.field or "?", error.value, None, error.reason)
            return None

    def put(self, name: str, value: Any) -> None:
        """Set a field of the alert if it is stated."""
        if value is not None:
            self.values[name] = value

    def unit_interval(self, value: float, field: str) -> float | None:
        """Return a probability, or ``None`` and a concern outside [0, 1]."""
        if value == -1.0:
            self.doubt(field, value, None, "-1 stands for a value that was not computed")
            return None
        return self.attempt(within, value, 0.0, 1.0, field)

    def positive(self, value: float, field: str) -> float | None:
        """Return a number above 0, or ``None`` and a concern."""
        if value > 0.0:
            return value
        self.doubt(field, value, None, "only a value above 0 means something here")
        return None

    def number(self, text: str, field: str) -> float | None:
        """Read a decimal; one that is none leaves the field unstated, with a concern."""
        try:
            return decimal(text, field)
        except NoticeError as error:
            self.doubt(field, error.value, None, error.reason)
            return None

    def p_value(self, search: str, value: float, field: str) -> PValue | None:
        """Return a p-value of a classic notice; 0 is what AMON sends when there is none."""
        if value == 0.0:
            self.doubt(field, value, None, "0 stands for a p-value that was not computed")
            return None
        return PValue(search=search, value=within(value, 0.0, 1.0, field))

    def put_charge(self, value: float | None, field: str) -> None:
        """Set the charge of a HESE event, unless it is the value that stands for none."""
        if value == HESE_DEFAULT_CHARGE_PE:
            self.doubt(field, value, None, "1510 pe stands for a charge that was not filled in")
        elif value is not None:
            self.put("charge_pe", self.positive(value, field))

    def put_rate_per_year(self, value: float, field: str) -> None:
        """Set the false-alarm rate from one per year of 365 days."""
        rate = self.positive(value, field)
        self.put("far_hz", None if rate is None else rate / YEAR_S)

    def url(self, text: str | None, field: str) -> str | None:
        """Return an http(s) address; anything else is a concern."""
        if text is None or ADDRESS.fullmatch(text):
            return text
        self.doubt(field, text, None, "expected an http or https address")
        return None

    def compare_ids(self, field: str, run_id: int, event_id: int, revision: int | None) -> None:
        """Note where a second statement of run, event and revision differs from the first."""
        for name, found, taken in (
            ("run", run_id, self.run_id),
            ("event", event_id, self.event_id),
            ("revision", revision, self.revision),
        ):
            if found is not None and taken is not None and found != taken:
                self.doubt(field, found, taken, f"names another {name} than the notice itself")

    def compare_time(self, field: str, found: datetime, tolerance_s: float) -> None:
        """Note where a second statement of the trigger time differs from the first."""
        taken = self.values.get("trigger_time")
        if taken is not None and abs((found - taken).total_seconds()) > tolerance_s:
            self.doubt(
                field,
                f"{found:%Y-%m-%dT%H:%M:%S.%fZ}",
                f"{taken:%Y-%m-%dT%H:%M:%S.%fZ}",
                "disagrees with the time that is taken",
            )

    def alert(self, message: Message) -> Alert:
        """Judge what was found and make the alert."""
        for name in ("run_id", "event_id", "revision"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise NoticeError("expected a number of 0 or more", field=name, value=value)
        return Alert(
            kind=self.kind,
            format=self.format,
            run_id=self.run_id,
            event_id=self.event_id,
            revision=self.revision,
            tense=tense_on(message.topic, self.tense),
            status=self._status(),
            localization=self.localization(),
            concerns=tuple(self.concerns),
            unread=self.unread,
            raw=message.value,
            **self.values,
        )

    def _status(self) -> Status | None:
        """Fall back to the revision: 0 is the first notice, a later one an update of it."""
        if self.status is not None or self.revision is None:
            return self.status
        return Status.UPDATE if self.revision else Status.INITIAL

    def localization(self) -> Localization | None:
        """Return the position with its error region, or ``None`` if none was measured."""
        if self.ra_deg is None or self.dec_deg is None or self._is_no_position():
            return None
        self._judge_radii()
        return Localization(
            ra_deg=within(self.ra_deg, 0.0, 360.0, "ra") % 360.0,
            dec_deg=within(self.dec_deg, -90.0, 90.0, "dec"),
            error_radius_deg=self.error_radius_deg,
            containment=self.containment if self._has_region() else None,
            error_radius_50_deg=self.error_radius_50_deg,
            ellipse=self.ellipse,
            asymmetric=self.asymmetric,
            systematic_included=self.systematic_included,
            skymap_fits_url=self.skymap_fits_url,
            skymap_png_url=self.skymap_png_url,
        )

    def _has_region(self) -> bool:
        regions = (self.error_radius_deg, self.ellipse, self.asymmetric)
        return any(region is not None for region in regions)

    def _is_no_position(self) -> bool:
        """Recognise (0, 0) or (-1, 0) without an error: nobody measured that."""
        nowhere = self.dec_deg == 0.0 and self.ra_deg in (0.0, -1.0)
        if nowhere and not self.error_radius_deg and self.ellipse is None:
            found = f"({self.ra_deg}, {self.dec_deg}), error {self.error_radius_deg}"
            self.doubt("position", found, None, "stands for a position that is not known")
            return True
        return False

    def _judge_radii(self) -> None:
        """Drop radii that are no radii; say where they are the default of revision 0."""
        for name in ("error_radius_deg", "error_radius_50_deg"):
            radius = getattr(self, name)
            if radius is not None and not 0.0 < radius <= 180.0:
                self.doubt(name, radius, None, "only a radius above 0 and up to 180 deg is one")
                setattr(self, name, None)
        radii = self.error_radius_deg, self.error_radius_50_deg
        if self.revision == 0 and has_default_radii(*radii):
            self.doubt(
                "error_radius_deg",
                self.error_radius_deg,
                self.error_radius_deg,
                "the default of the first notice (30.80 arcmin), not a measured error",
            )
