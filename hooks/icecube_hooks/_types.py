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
- All are frozen `msgspec.Struct` classes: a changed copy is ``alert.replace(...)``. Nobody needs
  msgspec to use them: ``to_dict``, ``to_json``, ``from_dict``, ``from_json``.
- A value is checked against its annotation where it enters: from JSON, from a dictionary, and from
  a plugin's parser (`checked`). The constructors check nothing, for our own readers' sake.

Nothing here reads a clock, a file or the environment.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from hashlib import sha256
from typing import Any, Final, Self

import msgspec
from msgspec import UNSET, UnsetType

from ._base import (
    Contract,
    Declination,
    Finite,
    Moment,
    NotNegative,
    OpenName,
    Probability,
    RightAscension,
    WebAddress,
    translated,
)
from ._frozen import frozen

__all__ = [
    "HOOKSPEC_VERSION",
    "YEAR_S",
    "Alert",
    "AlertKind",
    "Annotation",
    "AsymmetricError",
    "CoincidentEvent",
    "Concern",
    "Direction",
    "Ellipse",
    "ExternalCoincidence",
    "FluxSensitivity",
    "GWCandidate",
    "GWReference",
    "Localization",
    "Message",
    "PValue",
    "Record",
    "Sided",
    "Sighting",
    "Significance",
    "SkyMapFile",
    "Status",
    "Tense",
    "Verdict",
    "WireFormat",
    "record_schema",
]

HOOKSPEC_VERSION: Final = "2.0"
"""Version of this contract: the second number grows with an addition, the first with a break."""

YEAR_S: Final = 365 * 86_400.0
"""Seconds in the year of 365 days with which IceCube converts false-alarm rates."""


class AlertKind(OpenName):
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
    LVK_GW = "lvk-gw"
    """Gravitational-wave candidate of LIGO, Virgo and KAGRA: theirs, not IceCube's."""
    AMON = "amon"
    """AMON's own VOEvent (role test or sim), not yet wrapped by GCN."""


class WireFormat(OpenName):
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


class Message(Contract, frozen=True, kw_only=True):
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

    value: bytes
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    timestamp: Moment | None = None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    origin: str | None = None

    def __repr__(self) -> str:  # payloads and keys may be large, or private
        place = f"topic={self.topic!r}, partition={self.partition}, offset={self.offset}"
        return f"Message({len(self.value)} bytes, {place}, origin={self.origin!r})"

    def _form(self) -> _MessageForm:
        own, text = msgspec.structs.asdict(self), _text(self.value)
        own["value"] = UNSET if text is None else text
        return _MessageForm(**own, value_base64=self.value if text is None else UNSET)

    @classmethod
    def _read(cls, read: Any, data: Any) -> Self:
        return cls._of_form(translated(read, data, _MessageForm))

    @classmethod
    def _of_form(cls, form: _MessageForm) -> Self:
        own = msgspec.structs.asdict(form)
        text, value = own.pop("value"), own.pop("value_base64")
        if value is UNSET:  # without either there was no payload
            value = b"" if text is UNSET else text.encode()
        return cls(**own, value=value)


class _MessageForm(msgspec.Struct, frozen=True, kw_only=True):
    """A message as JSON: the payload as readable text where it is UTF-8, else as base64."""

    value: str | UnsetType = UNSET
    value_base64: bytes | UnsetType = UNSET
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    timestamp: Moment | None = None
    key: bytes | None = msgspec.field(default=None, name="key_base64")
    headers: tuple[tuple[str, bytes | None], ...] = ()
    origin: str | None = None


class Concern(Contract, frozen=True, kw_only=True):
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


class Direction(Contract, frozen=True, kw_only=True):
    """A point on the sky [deg, ICRS]: right ascension in [0, 360), declination in [-90, 90]."""

    ra_deg: RightAscension
    dec_deg: Declination


class Ellipse(Contract, frozen=True, kw_only=True):
    """Error ellipse: semi-axes [deg] and position angle of the major one [deg, N through E]."""

    semi_major_deg: NotNegative
    semi_minor_deg: NotNegative
    position_angle_deg: Finite | None = None


class AsymmetricError(Contract, frozen=True, kw_only=True):
    """Error box: distances to its four sides [deg, all >= 0].

    ``ra_*`` are differences in right ascension as IceCube quotes them, not multiplied by
    cos(dec). ``position_angle_deg`` turns the box [deg, N through E]; ``None`` is unturned.
    """

    ra_minus_deg: NotNegative
    ra_plus_deg: NotNegative
    dec_minus_deg: NotNegative
    dec_plus_deg: NotNegative
    position_angle_deg: Finite | None = None


class Localization(Contract, frozen=True, kw_only=True):
    """A position and how well it is known.

    Attributes
    ----------
    ra_deg, dec_deg : float
        [deg, ICRS], see `Direction`.
    error_radius_deg : float, optional
        Radius of the error circle [deg, > 0] at `containment`. For an ellipse or a box this
        stays ``None``: nothing is averaged. Of a track in
        JSON it stands for an asymmetric region: until May 2026 the quadrature sum of both errors,
        since then their geometric mean, which is smaller by a factor of 1.41 or more.
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

    ra_deg: RightAscension
    dec_deg: Declination
    error_radius_deg: NotNegative | None = None
    containment: Probability | None = None
    error_radius_50_deg: NotNegative | None = None
    ellipse: Ellipse | None = None
    asymmetric: AsymmetricError | None = None
    systematic_included: bool | None = None
    skymap_fits_url: str | None = None
    skymap_png_url: str | None = None


class PValue(Contract, frozen=True, kw_only=True):
    """Pre-trial p-value of one search; `value` is ``None`` when that search was not run."""

    search: str
    value: Probability | None


class CoincidentEvent(Contract, frozen=True, kw_only=True):
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

    delta_t_s: Finite | None = None
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


class GWReference(Contract, frozen=True, kw_only=True):
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


class SkyMapFile(Contract, frozen=True, kw_only=True):
    """A sky map that came inside a notice, and is kept beside the record as a file.

    Attributes
    ----------
    sha256 : str
        Of the file's bytes, hexadecimal: what it is found by.
    n_bytes : int


    .. versionadded:: 2.0
    """

    sha256: str
    n_bytes: int


class ExternalCoincidence(Contract, frozen=True, kw_only=True):
    """What LVK (RAVEN) says of a coincidence with an event of another observatory.

    Attributes
    ----------
    observatory, search : str, optional
        ``Fermi``, ``GRB``.
    notice_id, ivorn : str, optional
        Of the other event's notice.
    time_difference_s : float, optional
        Time of the other event minus that of the gravitational wave [s].
    time_far_hz : float, optional
        False-alarm rate of the pair from the times [Hz].
    time_sky_far_hz : float, optional
        The same from times and sky maps [Hz].
    skymap : SkyMapFile, optional
        The combined map.
    skymap_url : str, optional
        Where the combined map is, of a notice that does not carry it.


    .. versionadded:: 2.0
    """

    observatory: str | None = None
    search: str | None = None
    notice_id: str | None = None
    ivorn: str | None = None
    time_difference_s: Finite | None = None
    time_far_hz: NotNegative | None = None
    time_sky_far_hz: NotNegative | None = None
    skymap: SkyMapFile | None = None
    skymap_url: str | None = None


class GWCandidate(Contract, frozen=True, kw_only=True):
    """What LVK says of a gravitational-wave candidate; its false-alarm rate is `Alert.far_hz`.

    Attributes
    ----------
    significant : bool, optional
        LVK's flag.
    instruments : tuple of str
        ``H1``, ``L1``, ``V1``, ``K1``.
    group, pipeline, search : str, optional
        ``CBC`` or ``Burst``; ``gstlal``; ``AllSky``.
    classification : mapping of str to float
        Probabilities: ``BNS``, ``NSBH``, ``BBH``, ``Terrestrial``. Not to be changed in place.
    properties : mapping of str to float
        Probabilities if it is astrophysical: ``HasNS``, ``HasRemnant``, ``HasMassGap``. Likewise.
    chirp_mass_edges_msun : tuple of float
        Edges of the bins of the chirp mass in the source's frame [solar masses].
    chirp_mass_probabilities : tuple of float
        Of each bin, one fewer.
    duration_s, central_frequency_hz : float, optional
        Of a burst.
    skymap : SkyMapFile, optional
    skymap_url : str, optional
        Where the map is, of a notice that does not carry it.
    external : ExternalCoincidence, optional


    .. versionadded:: 2.0
    """

    significant: bool | None = None
    instruments: tuple[str, ...] = ()
    group: str | None = None
    pipeline: str | None = None
    search: str | None = None
    classification: Mapping[str, Probability] = {}
    properties: Mapping[str, Probability] = {}
    chirp_mass_edges_msun: tuple[NotNegative, ...] = ()
    chirp_mass_probabilities: tuple[Probability, ...] = ()
    duration_s: NotNegative | None = None
    central_frequency_hz: NotNegative | None = None
    skymap: SkyMapFile | None = None
    skymap_url: str | None = None
    external: ExternalCoincidence | None = None

    def __hash__(self) -> int:  # mappings have none
        return hash((self.group, self.pipeline, self.search, self.skymap))


class FluxSensitivity(Contract, frozen=True, kw_only=True):
    """Time-integrated sensitivity E^2 dN/dE for an E^-2 spectrum inside the GW map.

    Attributes
    ----------
    low_gev_cm2, high_gev_cm2 : float
        Best and worst fluence [GeV cm^-2].
    energy_low_gev, energy_high_gev : float, optional
        Energy range to which it applies [GeV].
    """

    low_gev_cm2: NotNegative
    high_gev_cm2: NotNegative
    energy_low_gev: NotNegative | None = None
    energy_high_gev: NotNegative | None = None


class Alert(Contract, frozen=True, kw_only=True):
    """One notice, whatever its wire format.

    Two notices of the same event and revision that arrive in two formats differ in `format`,
    `unread` and `concerns`, and in what one format can say and the other cannot. The bytes of the
    notice are in its message, ``record.message.value``.

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
    gw_candidate : GWCandidate, optional
        What LVK says of the gravitational wave, in its own alerts.
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
        Fields that no reader understands, as decoded. It cannot be changed in place.
    observatory : str
        Who saw it. What is said of IceCube's alerts, and its links, is for ``IceCube`` alone.


    .. versionchanged:: 2.0
       `observatory`, `gw_candidate`; no ``raw``.
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
    trigger_time: Moment | None = None
    notice_time: Moment | None = None
    localization: Localization | None = None
    energy_tev: NotNegative | None = None
    signalness: Probability | None = None
    far_hz: NotNegative | None = None
    p_values: tuple[PValue, ...] = ()
    gw: GWReference | None = None
    coincident_events: tuple[CoincidentEvent, ...] = ()
    n_coincident: int | None = None
    most_probable_direction: Direction | None = None
    flux_sensitivity: FluxSensitivity | None = None
    observation_start: Moment | None = None
    observation_stop: Moment | None = None
    livetime_s: NotNegative | None = None
    charge_pe: NotNegative | None = None
    signal_trackness: Probability | None = None
    stream: int | None = None
    n_events: int | None = None
    delta_t_s: Finite | None = None
    sigma_t_s: Finite | None = None
    comments: tuple[str, ...] = ()
    concerns: tuple[Concern, ...] = ()
    unread: Mapping[str, Any] = {}
    observatory: str = "IceCube"
    gw_candidate: GWCandidate | None = None

    def __post_init__(self) -> None:
        if self.unread:
            msgspec.structs.force_setattr(self, "unread", frozen(self.unread))

    def __hash__(self) -> int:  # `unread` has none
        return hash((self.kind, self.format, self.event_key, self.revision, self.notice_time))

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

        ``run_event`` for a neutrino, the superevent for an LVK search and for LVK's own alert, else
        AMON's number, a name, or the ivorn.
        """
        if self.kind in (AlertKind.LVK_SEARCH, AlertKind.LVK_GW):
            return self.gw.superevent_id if self.gw is not None else None
        amon = None if self.amon_id is None else f"amon-{self.amon_id}"
        name = self.event_names[0] if self.event_names else None
        return _run_event(self.run_id, self.event_id) or amon or name or self.ivorn

    @property
    def revision_label(self) -> str:
        """Revision, or what stands in for it: the LVK sequence, or the time of the notice.

        To the time of an alert of LVK's, which has no number, its type is added.

        ``?`` where nothing is stated.
        """
        if self.revision is not None:
            return str(self.revision)
        if self.gw is not None and self.gw.notice_number is not None:
            return f"{self.gw.notice_number}-{self.gw.notice_type or '?'}"
        if self.notice_time is None:
            return "?"
        made = f"{self.notice_time:%Y%m%dT%H%M%S.%f}"
        kind = None if self.gw is None else self.gw.notice_type
        return made if kind is None else f"{made}-{kind}"

    @property
    def notice_id(self) -> str:
        """``kind:event:revision``, equal for the same notice in every format.

        A notice that is not real starts with its tense, so that it never counts as a revision
        of a real event; one that names no event is known by a digest of what it states.
        """
        looks_real = self.tense in _REAL_TENSES
        prefix = "" if self.is_real else f"{Tense.TEST if looks_real else self.tense}:"
        key = self.event_key or _digest(repr(self._unnamed()).encode("utf-8", "replace"))
        return f"{prefix}{self.kind}:{key}:{self.revision_label}"

    def _unnamed(self) -> tuple[object, ...]:
        """Return what tells one notice that names no event from another."""
        place = self.localization
        where = None if place is None else (place.ra_deg, place.dec_deg)
        return self.circular_number, self.trigger_time, where, self.comments

    def p_value(self, search: str) -> float | None:
        """Return the p-value of `search`; ``None`` if it was not run or not stated."""
        return _p_value(self.p_values, search)


class Significance(Contract, frozen=True, kw_only=True):
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
    p_value: Probability | None = None
    sigma: Finite | None = None
    is_limit: bool = False
    n_trials: NotNegative | None = None
    trials_source: str | None = None
    p_value_post: Probability | None = None
    sigma_post: Finite | None = None
    far_per_year: NotNegative | None = None
    far_source: str | None = None
    verdict: Verdict | None = None
    notes: tuple[str, ...] = ()


class Annotation(Contract, frozen=True, kw_only=True):
    """Knowledge that an annotator adds to a record: a cross-match, a classification.

    It never poses as significance.

    Attributes
    ----------
    label : str
        A few words, for a heading.
    text : str
        One sentence, for people.
    link : str, optional
        An http(s) address.
    data : mapping
        The same for programs, as JSON has it.
    provider : str
        Name of the annotator; the host fills it in.


    .. versionadded:: 2.0
    """

    label: str
    text: str
    link: WebAddress | None = None
    data: Mapping[str, Any] = {}
    provider: str = ""

    def __post_init__(self) -> None:
        if self.data:
            msgspec.structs.force_setattr(self, "data", frozen(self.data))

    def __hash__(self) -> int:  # `data` has none
        return hash((self.provider, self.label, self.text, self.link))


class Sighting(Contract, frozen=True, kw_only=True):
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
    seen_at: Moment
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    origin: str | None = None


class Record(Contract, frozen=True, kw_only=True, dict=True):
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
    annotations : tuple of Annotation
        What annotators add.
    sightings : tuple of Sighting
        When this host had the same notice (`Alert.notice_id`) before, on any topic and in any
        format, oldest first; a host that keeps no such list leaves it empty.


    .. versionchanged:: 1.1
       `sightings` and `is_repeat`.

    .. versionchanged:: 2.0
       `annotations`. In JSON the bytes of the notice stand once, as text where they are text.
    """

    id: str
    message: Message
    alert: Alert
    significances: tuple[Significance, ...] = ()
    annotations: tuple[Annotation, ...] = ()
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
            id=f"{_printable(alert.notice_id)}:{_digest(message.value)}",
            message=message,
            alert=alert,
            significances=significances,
        )

    def to_json(self) -> str:
        """Return the record as strict ASCII JSON on one line, the same object each time."""
        return self._text

    @cached_property
    def _text(self) -> str:  # every sink asks for it
        return super().to_json()

    def _form(self) -> _RecordForm:
        own = msgspec.structs.asdict(self)
        own["message"] = self.message._form()
        return _RecordForm(**own, contract=HOOKSPEC_VERSION)

    @classmethod
    def _read(cls, read: Any, data: Any) -> Self:
        """Read a record of this version, or of an earlier one."""
        form = translated(read, data, _RecordForm)
        own = msgspec.structs.asdict(form)
        own["message"] = Message._of_form(form.message)
        is_old = own.pop("contract") is None
        record = cls(**own)
        return record._with_raw(translated(read, data, _Version1)) if is_old else record

    def _with_raw(self, old: _Version1) -> Self:
        """Put the notice's bytes where they stand since version 2: into the message."""
        if old.alert.raw_base64 is None:
            return self
        return self.replace(message=self.message.replace(value=old.alert.raw_base64))


class _RecordForm(msgspec.Struct, frozen=True, kw_only=True):
    """A record as JSON."""

    id: str
    message: _MessageForm
    alert: Alert
    significances: tuple[Significance, ...]
    annotations: tuple[Annotation, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    contract: str | None = None


class _Version1Alert(msgspec.Struct):
    raw_base64: bytes | None = None


class _Version1(msgspec.Struct):
    """What records of version 1 have elsewhere; they do not say their version."""

    alert: _Version1Alert


# What msgspec knows of a type is made when one is first read. Two threads that do it at once (the
# sinks of a host that starts with a backlog) crash the process: it is made here, by one.
for _form in (_RecordForm, _Version1):
    msgspec.json.Decoder(_form)


_UNPRINTABLE: Final = re.compile(r"[^!-~]")


def _printable(text: str) -> str:
    usual = text.isascii() and text.isprintable() and " " not in text
    return text if usual else _UNPRINTABLE.sub("_", text)


def record_schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of what `Record.to_json` gives."""
    schema = msgspec.json.schema(_RecordForm)
    for kind in (AlertKind, WireFormat):  # names of later versions, and of third parties, are valid
        definition = schema["$defs"][kind.__name__]
        definition |= {"type": "string", "examples": definition.pop("enum")}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:icecube-plugin:record:{HOOKSPEC_VERSION}",
        "title": "IceCube alert, normalised",
        **schema,
    }


def _digest(value: bytes) -> str:
    return sha256(value).hexdigest()[:16]


def _text(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _run_event(run_id: int | None, event_id: int | None) -> str | None:
    return None if run_id is None or event_id is None else f"{run_id}_{event_id}"


def _p_value(p_values: tuple[PValue, ...], search: str) -> float | None:
    for p in p_values:
        if p.search == search:
            return p.value
    return None
