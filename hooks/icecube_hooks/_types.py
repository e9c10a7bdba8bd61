"""The types that travel: `Message` in, `Alert` and `Significance` made of it, `Record` out.

Conventions
-----------
- ``None`` is "not stated". No field ever holds 0, -1, "now" or a default in its place.
- Angles in degrees. Positions are equatorial, J2000, given as ICRS. Classic notices say
  FK5 J2000; the two differ by less than 0.03 arcsec, which no IceCube error resolves, so
  the numbers are taken over unchanged.
- Times are time-zone-aware UTC, microsecond resolution.
- Rates are in Hz. IceCube converts per-year rates with a year of 365 days (`YEAR_S`), so
  ``far_per_year`` undoes exactly that.
- All are frozen: a changed copy is ``dataclasses.replace(alert, ...)``.

Nothing here reads a clock, a file or the environment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from ._json import Jsonable, object_text, value_text

if TYPE_CHECKING:
    from dataclasses import dataclass, field
else:  # the same, in less time
    from ._frozen import dataclass, field

__all__ = [
    "YEAR_S",
    "Alert",
    "AlertKind",
    "AsymmetricError",
    "CoincidentEvent",
    "Concern",
    "Direction",
    "Ellipse",
    "FluxSensitivity",
    "GWReference",
    "Localization",
    "Message",
    "PValue",
    "Record",
    "Sided",
    "Sighting",
    "Significance",
    "Status",
    "Tense",
    "Verdict",
    "WireFormat",
]

YEAR_S: Final = 365 * 86_400.0
"""Seconds in the year of 365 days with which IceCube converts false-alarm rates."""


class AlertKind(StrEnum):
    """What was sent. The value is what configuration, JSON and databases hold."""

    GOLD = "gold"
    """Track, on average more than 50 % of astrophysical origin (packet type 173)."""
    BRONZE = "bronze"
    """Track, on average more than 30 % of astrophysical origin (packet type 174)."""
    TRACK = "track"
    """A track whose selection is not stated (some circulars)."""
    CASCADE = "cascade"
    """Cascade (packet type 176)."""
    HESE = "hese"
    """High-energy starting event, until 2019 (packet type 158)."""
    EHE = "ehe"
    """Extremely-high-energy track, until 2019 (packet type 169)."""
    COINC = "coinc"
    """AMON coincidence of IceCube events (packet type 157)."""
    NU_EM = "nu-em"
    """AMON coincidence of neutrinos with gamma rays (packet type 172)."""
    LVK_SEARCH = "lvk-search"
    """Search for neutrinos around a gravitational-wave event."""
    AMON = "amon"
    """AMON's own VOEvent (role test or sim), not yet wrapped by GCN."""


class WireFormat(StrEnum):
    """The form in which a notice arrived."""

    JSON = "json"
    VOEVENT = "voevent"
    TEXT = "text"
    BINARY = "binary"
    CIRCULAR = "circular"


class Status(StrEnum):
    """Place of a notice in the story of its event (GCN's ``alert_type``)."""

    INITIAL = "initial"
    SUBSEQUENT = "subsequent"
    UPDATE = "update"
    RETRACTION = "retraction"


class Tense(StrEnum):
    """Whether a notice speaks of the sky (GCN's ``alert_tense``, VOEvent's ``role``)."""

    OBSERVATION = "observation"
    ARCHIVAL = "archival"
    PLANNED = "planned"
    COMMANDED = "commanded"
    INJECTION = "injection"
    TEST = "test"
    SIMULATION = "simulation"


_REAL_TENSES: Final = (None, Tense.OBSERVATION, Tense.ARCHIVAL)


class Sided(StrEnum):
    """Convention between p-value and sigma.

    One-sided: p = 1 - Phi(sigma), as in IceCube's circulars. Two-sided:
    p = erfc(sigma / sqrt 2).
    """

    ONE = "one-sided"
    TWO = "two-sided"


class Verdict(StrEnum):
    """One-sided bands of a p-value: 5, 3, 2 and 1 sigma."""

    DISCOVERY = "discovery"
    STRONG = "strong"
    MODERATE = "moderate"
    WEAK = "weak"
    NONE = "none"


@dataclass(frozen=True, kw_only=True, slots=True)
class Message(Jsonable):
    """Bytes as they arrived, and from where.

    Attributes
    ----------
    value : bytes
        The payload, untouched.
    topic, partition, offset : optional
        Kafka coordinates; ``None`` for a file.
    timestamp : datetime, optional
        Kafka's time stamp [UTC].
    key : bytes, optional
    headers : tuple of (str, bytes or None)
    origin : str, optional
        File name or other source, for people.
    """

    value: bytes = field(repr=False)
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    timestamp: datetime | None = None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    origin: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Concern(Jsonable):
    """A doubt about one field, in words, with what was done about it.

    Attributes
    ----------
    field : str
        The field as the notice spells it.
    found : str
        What the notice says.
    taken : str or None
        What the alert holds instead; ``None`` when the value is left unstated.
    why : str
    """

    field: str
    found: str
    taken: str | None
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Direction(Jsonable):
    """A point on the sky [deg, ICRS]: right ascension in [0, 360), declination in [-90, 90]."""

    ra_deg: float
    dec_deg: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Ellipse(Jsonable):
    """Error ellipse: semi-axes [deg] and position angle of the major one [deg, N through E]."""

    semi_major_deg: float
    semi_minor_deg: float
    position_angle_deg: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AsymmetricError(Jsonable):
    """Error box: distances to its four sides [deg, all >= 0].

    ``ra_*`` are differences in right ascension as IceCube quotes them, not multiplied by
    cos(dec). ``position_angle_deg`` turns the box [deg, N through E]; ``None`` is unturned.
    """

    ra_minus_deg: float
    ra_plus_deg: float
    dec_minus_deg: float
    dec_plus_deg: float
    position_angle_deg: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Localization(Jsonable):
    """A position and how well it is known.

    Attributes
    ----------
    ra_deg, dec_deg : float
        [deg, ICRS], see `Direction`.
    error_radius_deg : float, optional
        Radius of the error circle [deg, > 0] at `containment`. For an ellipse or a box this
        stays ``None``: nothing is averaged.
    containment : float, optional
        Probability in (0, 1] that the region holds the source.
    error_radius_50_deg : float, optional
        Radius at 50 % containment [deg, > 0], where a notice gives that too.
    ellipse, asymmetric : optional
        The region where it is no circle, at `containment`.
    systematic_included : bool, optional
        Whether the error covers systematic effects.
    skymap_fits_url, skymap_png_url : str, optional
    """

    ra_deg: float
    dec_deg: float
    error_radius_deg: float | None = None
    containment: float | None = None
    error_radius_50_deg: float | None = None
    ellipse: Ellipse | None = None
    asymmetric: AsymmetricError | None = None
    systematic_included: bool | None = None
    skymap_fits_url: str | None = None
    skymap_png_url: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PValue(Jsonable):
    """Pre-trial p-value of one search; `value` is ``None`` when that search was not run."""

    search: str
    value: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CoincidentEvent(Jsonable):
    """A neutrino near a gravitational-wave event.

    Attributes
    ----------
    delta_t_s : float, optional
        Neutrino time minus GW time [s].
    localization : Localization, optional
    p_values : tuple of PValue
        Per-event p-values, by search.
    run_id, event_id : int, optional
    """

    delta_t_s: float | None = None
    localization: Localization | None = None
    p_values: tuple[PValue, ...] = ()
    run_id: int | None = None
    event_id: int | None = None

    @property
    def event_key(self) -> str | None:
        """``run_event``, the key that a track alert of the same neutrino has."""
        return _run_event(self.run_id, self.event_id)

    def p_value(self, search: str) -> float | None:
        """Return the p-value of `search`; ``None`` if it was not run or not stated."""
        return _p_value(self.p_values, search)


@dataclass(frozen=True, kw_only=True, slots=True)
class GWReference(Jsonable):
    """The gravitational-wave event that a search refers to.

    Attributes
    ----------
    superevent_id : str, optional
        ``S230914ak``; mock events start with ``MS``, test events with ``TS``.
    notice_number : int, optional
        Sequence number of the LVK notice that was searched.
    notice_type : str, optional
        ``Preliminary``, ``Initial``, ``Update``, as sent.
    reference : str, optional
        The reference as sent, for example ``S230914ak-2-Preliminary``.
    """

    superevent_id: str | None = None
    notice_number: int | None = None
    notice_type: str | None = None
    reference: str | None = None

    @property
    def is_mock(self) -> bool:
        """Whether the superevent is one of LVK's mock (``MS``) or test (``TS``) events."""
        return self.superevent_id is not None and self.superevent_id.startswith(("MS", "TS"))


@dataclass(frozen=True, kw_only=True, slots=True)
class FluxSensitivity(Jsonable):
    """Time-integrated sensitivity E^2 dN/dE for an E^-2 spectrum inside the GW map.

    Attributes
    ----------
    low_gev_cm2, high_gev_cm2 : float
        Best and worst fluence [GeV cm^-2].
    energy_low_gev, energy_high_gev : float, optional
        Energy range to which it applies [GeV].
    """

    low_gev_cm2: float
    high_gev_cm2: float
    energy_low_gev: float | None = None
    energy_high_gev: float | None = None


class _Keeps(Jsonable):
    """A place for a text that is asked for often: of an alert its notice id, of a record its JSON.

    It is no field: neither compared, printed, pickled nor copied.
    """

    __slots__ = ("_kept",)

    _kept: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert(_Keeps):
    """One notice, whatever its wire format.

    Two notices of the same event and revision that arrive in two formats differ in `format`,
    `raw`, `unread` and `concerns`, and in what one format can say and the other cannot.

    Attributes
    ----------
    kind : AlertKind
    format : WireFormat
    event_names : tuple of str
        Public names: ``IceCube-230416A``, ``IceCubeCascade-220801a``.
    run_id, event_id : int, optional
        IceCube's run and event number, which identify the neutrino.
    amon_id : str, optional
        AMON's number, where it is not just run and event.
    ivorn : str, optional
        Identifier of a VOEvent.
    circular_number : int, optional
        Number of the GCN Circular.
    revision : int, optional
        Revision of the notice, from 0. LVK searches have none: see `gw`.
    status : Status, optional
    tense : Tense, optional
        ``None`` where neither the notice nor its topic says.
    trigger_time : datetime, optional
        Time of the neutrino, or of the gravitational wave for an LVK search [UTC].
    notice_time : datetime, optional
        When the notice was made [UTC].
    localization : Localization, optional
    energy_tev : float, optional
        Most probable neutrino energy [TeV, > 0].
    signalness : float, optional
        Probability of astrophysical origin [0, 1].
    far_hz : float, optional
        Rate of background alerts at least this signal-like [Hz].
    p_values : tuple of PValue
        Overall p-values of an LVK search (``generic``, ``bayesian``) or a HESE notice.
    gw : GWReference, optional
    coincident_events : tuple of CoincidentEvent
    n_coincident : int, optional
        Number of coincident events that the notice states.
    most_probable_direction : Direction, optional
    flux_sensitivity : FluxSensitivity, optional
    observation_start, observation_stop : datetime, optional
        Searched time window [UTC].
    livetime_s : float, optional
        Live time inside that window [s].
    charge_pe : float, optional
        HESE: deposited charge [photo-electrons].
    signal_trackness : float, optional
        HESE: how track-like the event is [0, 1].
    stream : int, optional
        AMON stream number.
    n_events : int, optional
        Number of events that make up the alert.
    delta_t_s, sigma_t_s : float, optional
        AMON coincidences: time window and its uncertainty [s].
    comments : tuple of str
    concerns : tuple of Concern
        What in the notice is doubtful, and what was taken.
    unread : mapping
        Fields that no reader understands, as decoded. Not to be changed in place.
    raw : bytes
        The notice as it arrived.
    """

    kind: AlertKind
    format: WireFormat
    event_names: tuple[str, ...] = ()
    run_id: int | None = None
    event_id: int | None = None
    amon_id: str | None = None
    ivorn: str | None = None
    circular_number: int | None = None
    revision: int | None = None
    status: Status | None = None
    tense: Tense | None = None
    trigger_time: datetime | None = None
    notice_time: datetime | None = None
    localization: Localization | None = None
    energy_tev: float | None = None
    signalness: float | None = None
    far_hz: float | None = None
    p_values: tuple[PValue, ...] = ()
    gw: GWReference | None = None
    coincident_events: tuple[CoincidentEvent, ...] = ()
    n_coincident: int | None = None
    most_probable_direction: Direction | None = None
    flux_sensitivity: FluxSensitivity | None = None
    observation_start: datetime | None = None
    observation_stop: datetime | None = None
    livetime_s: float | None = None
    charge_pe: float | None = None
    signal_trackness: float | None = None
    stream: int | None = None
    n_events: int | None = None
    delta_t_s: float | None = None
    sigma_t_s: float | None = None
    comments: tuple[str, ...] = ()
    concerns: tuple[Concern, ...] = ()
    unread: Mapping[str, Any] = field(default_factory=dict, repr=False, hash=False)
    raw: bytes = field(default=b"", repr=False)

    @property
    def far_per_year(self) -> float | None:
        """False-alarm rate per year of 365 days."""
        return None if self.far_hz is None else self.far_hz * YEAR_S

    @property
    def is_real(self) -> bool:
        """Whether the notice speaks of the sky: not a test, injection, simulation or mock event."""
        if self.gw is not None and self.gw.is_mock:
            return False
        return self.tense in _REAL_TENSES

    @property
    def event_key(self) -> str | None:
        """What all notices of one event share.

        ``run_event`` for a neutrino, the superevent for an LVK search, else AMON's number, a
        name, or the ivorn.
        """
        if self.kind is AlertKind.LVK_SEARCH:
            return self.gw.superevent_id if self.gw is not None else None
        amon = None if self.amon_id is None else f"amon-{self.amon_id}"
        name = self.event_names[0] if self.event_names else None
        return _run_event(self.run_id, self.event_id) or amon or name or self.ivorn

    @property
    def revision_label(self) -> str:
        """Revision, or what stands in for it: the LVK sequence, or the time of the notice.

        ``?`` where nothing is stated.
        """
        if self.revision is not None:
            return str(self.revision)
        if self.gw is not None and self.gw.notice_number is not None:
            return f"{self.gw.notice_number}-{self.gw.notice_type or '?'}"
        return "?" if self.notice_time is None else f"{self.notice_time:%Y%m%dT%H%M%S.%f}"

    @property
    def notice_id(self) -> str:
        """``kind:event:revision``, equal for the same notice in every format.

        A notice that is not real starts with its tense, so that it never counts as a revision
        of a real event; one that names no event is known by a digest of its bytes.
        """
        try:
            return self._kept
        except AttributeError:  # nobody has asked so far
            text = self._new_notice_id()
            object.__setattr__(self, "_kept", text)
            return text

    def _new_notice_id(self) -> str:
        looks_real = self.tense in _REAL_TENSES
        prefix = "" if self.is_real else f"{Tense.TEST if looks_real else self.tense}:"
        key = self.event_key or _digest(self.raw)
        return f"{prefix}{self.kind}:{key}:{self.revision_label}"

    def p_value(self, search: str) -> float | None:
        """Return the p-value of `search`; ``None`` if it was not run or not stated."""
        return _p_value(self.p_values, search)


@dataclass(frozen=True, kw_only=True, slots=True)
class Significance(Jsonable):
    """What a provider says about one number of an alert.

    Attributes
    ----------
    provider : str
        Name of the significance provider.
    quantity : str
        What was assessed: ``generic``, ``bayesian``, ``best of 2 searches``, ``far``.
    sided : Sided
        Convention of both sigmas.
    p_value : float, optional
        Before trials, in [0, 1].
    sigma : float, optional
        Before trials; ``None`` where `p_value` is 0, unstated, or 1 one-sided (no finite number
        stands for it); negative above p = 0.5 one-sided.
    is_limit : bool
        The p-value is an upper limit: a stated 0 from a finite number of trials, say.
    n_trials : float, optional
        Number of independent looks that `p_value_post` accounts for; an expected (Poisson)
        number may lie below 1.
    trials_source : str, optional
        Where `n_trials` comes from, in words.
    p_value_post, sigma_post : float, optional
        After trials.
    far_per_year : float, optional
        Expected background results at least this extreme per year.
    far_source : str, optional
        Which rate that used, in words.
    verdict : Verdict, optional
        Band of `p_value_post`.
    notes : tuple of str
        Conventions and warnings for a reader.
    """

    provider: str
    quantity: str
    sided: Sided
    p_value: float | None = None
    sigma: float | None = None
    is_limit: bool = False
    n_trials: float | None = None
    trials_source: str | None = None
    p_value_post: float | None = None
    sigma_post: float | None = None
    far_per_year: float | None = None
    far_source: str | None = None
    verdict: Verdict | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Sighting(Jsonable):
    """Where and when a host has had a notice before.

    Attributes
    ----------
    record_id : str
        `Record.id` of that time: the same for the same bytes, another one for another format.
    seen_at : datetime
        When the host had delivered it [UTC].
    topic, partition, offset, origin : optional
        As in `Message`.


    .. versionadded:: 1.1
    """

    record_id: str
    seen_at: datetime
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    origin: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Record(_Keeps):
    """What a sink receives: the message, the alert read from it, and what it means.

    Attributes
    ----------
    id : str
        The same for the same notice, however often it is delivered: `Alert.notice_id` and a
        digest of the bytes, in printable ASCII without white space. A sink that writes a record
        twice under one id has written it once.
    message : Message
    alert : Alert
    significances : tuple of Significance
    sightings : tuple of Sighting
        When this host had the same notice (`Alert.notice_id`) before, on any topic and in any
        format, oldest first; a host that keeps no such list leaves it empty.


    .. versionchanged:: 1.1
       `sightings` and `is_repeat`.
    """

    id: str
    message: Message
    alert: Alert
    significances: tuple[Significance, ...] = ()
    sightings: tuple[Sighting, ...] = ()

    @property
    def is_repeat(self) -> bool:
        """Whether this host has delivered the same notice before."""
        return bool(self.sightings)

    @classmethod
    def of(
        cls, message: Message, alert: Alert, significances: tuple[Significance, ...] = ()
    ) -> Record:
        """Make a record with its id from what it is made of."""
        return cls(
            id=f"{_printable(alert.notice_id)}:{_digest(alert.raw)}",
            message=message,
            alert=alert,
            significances=significances,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return a dictionary for `json.dumps`; the notice's bytes stand in it once."""
        data = Jsonable.to_dict(self)
        if self.message.value == self.alert.raw:
            del data["message"]["value_base64"]
        return data

    def to_json(self) -> str:
        """Return `to_dict` as strict ASCII JSON on one line, the same object each time."""
        try:
            return self._kept
        except AttributeError:  # nobody has asked so far
            text = self._new_text()
            object.__setattr__(self, "_kept", text)
            return text

    def _new_text(self) -> str:
        is_once = self.message.value == self.alert.raw
        message = object_text(self.message, without="value" if is_once else "")
        return (
            f'{{"id": {value_text(self.id)}, "message": {message}, "alert": {self.alert.to_json()}'
            f', "significances": {value_text(self.significances)}'
            f', "sightings": {value_text(self.sightings)}}}'
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Record:
        """Make the record from what `to_dict` gave."""
        message = {"value_base64": data["alert"].get("raw_base64", "")} | data["message"]
        return cls(
            id=data["id"],
            message=Message.from_dict(message),
            alert=Alert.from_dict(data["alert"]),
            significances=tuple(Significance.from_dict(s) for s in data["significances"]),
            sightings=tuple(Sighting.from_dict(s) for s in data.get("sightings", ())),
        )


_UNPRINTABLE: Final = re.compile(r"[^!-~]")


def _printable(text: str) -> str:
    usual = text.isascii() and text.isprintable() and " " not in text
    return text if usual else _UNPRINTABLE.sub("_", text)


def _digest(value: bytes) -> str:
    digest: str = _sha256()(value).hexdigest()
    return digest[:16]


@cache
def _sha256() -> Any:
    from hashlib import sha256  # a tenth of the time that importing the contract takes

    return sha256


def _run_event(run_id: int | None, event_id: int | None) -> str | None:
    return None if run_id is None or event_id is None else f"{run_id}_{event_id}"


def _p_value(p_values: tuple[PValue, ...], search: str) -> float | None:
    for p in p_values:
        if p.search == search:
            return p.value
    return None
