"""From a reader's raw values to an `Alert`: the judgements that all formats share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, TypeVar

from msgspec import Struct, field

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

from ._values import decimal, iso_time, within

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
    "nuem_name",
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

_SENTINELS: Final = frozenset(
    end / scale for end in (2**31, 2**31 - 1) for scale in (1.0, 100.0, 1e4)
)
"""What GCN makes of an unset word of its packets, which hold hundredths and 1e-4 in integers."""

DEFAULT_RADIUS_ARCMIN: Final = (30.80, 12.00)
"""90 % and 50 % radius that revision 0 carries when no reconstruction gave one."""

HESE_DEFAULT_CHARGE_PE: Final = 1510.0

ADDRESS: Final = re.compile(r"https?://[!-~]{1,2000}")

_MATTERS = re.compile(
    r"retract|uncert|signaln|astro|energy|p_?val"
    r"|(?:^|[_.])(?:err(?:or)?s?|far|ids?)(?:$|[_\d])"
    r"|(?-i:(?<=[a-z])(?:Err(?:or)?s?|FAR|IDs?|Id)(?![a-z]))",
    re.IGNORECASE,
)
"""Names that speak of what alerts are judged by, however a new layout may spell them."""
_NO_DOUBT: Final = frozenset({"pair_name_id"})  # which two instruments AMON has combined

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


_NUEM_DATE = re.compile(r"\d{6}[A-Z]", re.ASCII)


def nuem_name(kind: AlertKind, date: str | None) -> str | None:
    """Return the name of AMON's coincidence with gamma rays of ``210111A``: ``NuEm-210111A``."""
    if kind is AlertKind.NU_EM and date is not None and _NUEM_DATE.fullmatch(date):
        return f"NuEm-{date}"
    return None


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


@lru_cache(512)
def _resembles(name: str) -> bool:
    return name.lower() not in _NO_DOUBT and _MATTERS.search(name) is not None


def check_size(message: Message, limit: int) -> None:
    """Refuse a message that is larger than any notice."""
    if len(message.value) > limit:
        raise NoticeError(f"the message has {len(message.value)} bytes, more than {limit}")


class Draft(Struct, kw_only=True, eq=False):
    """An alert in the making. Readers set what they find; `alert` judges and freezes it.

    Attributes carry the names and units of `Alert` and `Localization`; `path` is where position
    and region stand in the notice, such as ``coincident_events[1].``.
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
    path: str = ""

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

    def put_time(self, name: str, text: str | None, field: str) -> None:
        """Set a time if it is stated and can be read; else it is a concern."""
        if text is not None:
            self.put(name, self.attempt(iso_time, text, field))

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
            value = decimal(text, field)
        except NoticeError as error:
            self.doubt(field, error.value, None, error.reason)
            return None
        if abs(value) in _SENTINELS:
            self.doubt(field, text, None, "the end of 32-bit integers stands for no number")
            return None
        return value

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
        if self.unread:
            self._doubt_unread()
        if (self.run_id or 0) < 0 or (self.event_id or 0) < 0 or (self.revision or 0) < 0:
            self._refuse_negative_ids()
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
            **self.values,
        )

    def _doubt_unread(self) -> None:
        """Say of a field that nobody reads that it may matter: so a new layout is noticed."""
        for name, value in self.unread.items():
            inner = value if isinstance(value, dict) else {}
            for path in (name, *(f"{name}.{key}" for key in inner)):
                if _resembles(path.rpartition(".")[2][:80]):
                    found = inner.get(path[len(name) + 1 :], value)
                    why = "not read, though its name resembles one that matters"
                    self.doubt(path, str(found)[:200], None, why)

    def _refuse_negative_ids(self) -> None:
        for name in ("run_id", "event_id", "revision"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise NoticeError("expected a number of 0 or more", field=name, value=value)

    def _status(self) -> Status | None:
        """Fall back to the revision: 0 is the first notice, a later one an update of it."""
        if self.status is not None or self.revision is None:
            return self.status
        return Status.UPDATE if self.revision else Status.INITIAL

    def has_region(self) -> bool:
        """Whether an error region is stated."""
        regions = (self.error_radius_deg, self.ellipse, self.asymmetric)
        return regions != (None, None, None)

    def localization(self) -> Localization | None:
        """Return the position with its error region, or ``None`` if none was measured."""
        ra, dec = self.ra_deg, self.dec_deg
        if ra is None or dec is None or (dec == 0.0 and self._is_no_position()):
            return None
        self.error_radius_deg = radius = self._radius(self.error_radius_deg, "error_radius_deg")
        half = self._radius(self.error_radius_50_deg, "error_radius_50_deg")
        if self.revision == 0 and has_default_radii(radius, half):
            why = "the default of the first notice (30.80 arcmin), not a measured error"
            self.doubt("error_radius_deg", radius, radius, why)
        return Localization(
            ra_deg=within(ra, 0.0, 360.0, f"{self.path}ra") % 360.0,
            dec_deg=within(dec, -90.0, 90.0, f"{self.path}dec"),
            error_radius_deg=radius,
            containment=self.containment if self.has_region() else None,
            error_radius_50_deg=half,
            ellipse=self.ellipse,
            asymmetric=self.asymmetric,
            systematic_included=self.systematic_included,
            skymap_fits_url=self.skymap_fits_url,
            skymap_png_url=self.skymap_png_url,
        )

    def _is_no_position(self) -> bool:
        """Recognise (0, 0) or (-1, 0) without an error: nobody measured that."""
        if self.ra_deg in (0.0, -1.0) and not self.error_radius_deg and self.ellipse is None:
            found = f"({self.ra_deg}, {self.dec_deg}), error {self.error_radius_deg}"
            self.doubt("position", found, None, "stands for a position that is not known")
            return True
        return False

    def _radius(self, radius_deg: float | None, field: str) -> float | None:
        """Return a radius, unless it is none."""
        if radius_deg is None or 0.0 < radius_deg <= 180.0:
            return radius_deg
        why = "only a radius above 0 and up to 180 deg is one"
        self.doubt(field, radius_deg, None, why)
        return None
