"""What an alert's columns are, said once.

Made of these are the tables of the databases and their migration, the schema of Parquet files,
astropy's tables, the parameters of VOEvent packets, and the names in filters and queries. To give
`icecube_hooks.Alert` a new field, add it to the contract, let a reader fill it, and add a column
here; a test lists the fields that have none.

Conventions
-----------
- ``None`` is "not stated". Angles in degrees (ICRS), times UTC, energies in TeV, rates in Hz.
- A name has the unit at its end; `Column.short` leaves it out, for tables whose columns carry it.
- The columns of a record have no name that those of its significances have, and of its neutrinos
  only what a position has: queries that join the tables would have to say which is meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from icecube_hooks import Alert, GWCandidate, Localization, Record

from .headline import p_post, sigma_post
from .waves import likeliest

__all__ = [
    "ALERT",
    "FAR_PER_YEAR",
    "NEUTRINO",
    "RECORD",
    "RECORD_JSON",
    "SIGHTING",
    "SIGNIFICANCE",
    "Column",
    "Kind",
    "by_name",
    "taker",
]


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    WHOLE = "whole"
    """A whole number; a notice may state one of more than 64 bits."""
    REAL = "real"
    FLAG = "flag"
    TIME = "time"
    """A time with its zone [UTC]."""


_UNITS: Final = ("_deg", "_tev", "_hz", "_s", "_pe", "_gev_cm2", "_gev")


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column.

    Attributes
    ----------
    name : str
        With the unit at its end: ``energy_tev``.
    kind : Kind
    text : str
        What it is, in a few words.
    field : str or callable
        The attribute that it is, or what computes it of the thing that has a row.
    part : tuple of str
        Attributes that lead from that thing to the part of it that `field` is about; where one of
        them is ``None``, so is the value.
    unit : str
        As the CDS and astropy write it; empty for none.
    ucd : str
        IVOA's word for what it is (UCD1+).
    group : str
        The group of a VOEvent packet that it is in; empty for none of them, ``None`` for what a
        packet says in another way.
    is_required : bool
        Whether each row has a value.
    label : str
        What it is called where a revision has changed it; empty where that is not told.
    has_decimals : bool
        Whether formats write it with a fixed number of decimals, so that rounding is absolute.
    """

    name: str
    kind: Kind
    text: str
    field: str | Callable[[Any], Any]
    part: tuple[str, ...] = ()
    unit: str = ""
    ucd: str = ""
    group: str | None = ""
    is_required: bool = False
    label: str = ""
    has_decimals: bool = False

    @property
    def short(self) -> str:
        """The name without its unit."""
        endings = (unit for unit in _UNITS if self.name.endswith(unit))
        return self.name.removesuffix(next(endings, ""))

    def get(self, thing: Any) -> Any:
        """Return the value for a record, an alert, a neutrino: whatever has this column."""
        found = _found(thing, self.part)
        if found is None:
            return None
        return getattr(found, self.field) if isinstance(self.field, str) else self.field(found)


def by_name(columns: Iterable[Column]) -> dict[str, Column]:
    """Return the columns by their names."""
    return {column.name: column for column in columns}


def taker(columns: Sequence[Column]) -> Callable[[Any], list[Any]]:
    """Return what takes the values of all these columns at once.

    As `Column.get` of each, in a fifth of the time: a part is looked up once for its columns that
    stand together.
    """
    runs: list[tuple[tuple[str, ...], Callable[[Any], Iterable[Any]], list[None]]] = []
    for (part, is_plain), run in groupby(columns, lambda c: (c.part, isinstance(c.field, str))):
        fields: list[Any] = [column.field for column in run]
        runs.append((part, _all_of(fields, is_plain), [None] * len(fields)))

    def take(thing: Any) -> list[Any]:
        values: list[Any] = []
        for part, take_fields, nothing in runs:
            found = _found(thing, part)
            values += nothing if found is None else take_fields(found)
        return values

    return take


def _all_of(fields: list[Any], is_plain: bool) -> Callable[[Any], Iterable[Any]]:
    if is_plain and len(fields) > 1:  # of one attribute it gives no tuple
        return attrgetter(*fields)
    functions = [attrgetter(field) if is_plain else field for field in fields]
    return lambda thing: [function(thing) for function in functions]


def _found(thing: Any, part: tuple[str, ...]) -> Any:
    for name in part:
        if thing is None:
            return None
        thing = getattr(thing, name)
    return thing


def _of(kind: Kind) -> Callable[..., Column]:
    """Return what makes columns of a kind, of the attribute of their name if not said otherwise."""

    def make(
        name: str, text: str, ucd: str, unit: str = "", *, field: Any = None, **more: Any
    ) -> Column:
        return Column(
            name=name,
            kind=kind,
            text=text,
            field=field or name,
            unit=unit,
            ucd=ucd,
            is_required=name in _REQUIRED,
            **more,
        )

    return make


_REQUIRED: Final = {
    *("record_id", "notice_id", "kind", "is_real", "format", "record_json"),
    *("provider", "quantity", "sided", "is_limit"),
}
_text, _whole, _real, _flag, _time = (_of(kind) for kind in Kind)


def _inside(part: str, *columns: Column) -> tuple[Column, ...]:
    """Return the columns of a thing that has the thing with these columns, or has none."""
    return tuple(replace(column, part=(part, *column.part)) for column in columns)


def _grouped(group: str, *columns: Column) -> tuple[Column, ...]:
    """Put columns into a group of VOEvent packets, unless they are in none."""
    return tuple(replace(c, group=group) if c.group == "" else c for c in columns)


def _p_value(search: str) -> Column:
    text = f"p-value of the {search} search, before trials"

    def get(thing: Any) -> Any:
        return thing.p_value(search)

    return _real(f"p_{search}", text, "stat.probability", field=get, group=None)


def _fluence(name: str, text: str, field: str) -> Column:
    return _real(name, text, "phys.energy", "GeV.cm-2", field=field)


def _first_name(alert: Alert) -> str | None:
    return alert.event_names[0] if alert.event_names else None


def _names(alert: Alert) -> str | None:
    return ", ".join(alert.event_names) or None


def _n_listed(alert: Alert) -> int | None:
    listed = len(alert.coincident_events) or None
    return listed if alert.n_coincident is None else alert.n_coincident


def _position_angle(place: Localization) -> float | None:
    """Return that of the ellipse or the box."""
    region = place.ellipse or place.asymmetric
    return None if region is None else region.position_angle_deg


def _gw_class(candidate: GWCandidate) -> str | None:
    found = likeliest(candidate)
    return None if found is None else found[0]


def _gw_share(candidate: GWCandidate) -> float | None:
    found = likeliest(candidate)
    return None if found is None else found[1]


def _gw_instruments(candidate: GWCandidate) -> str | None:
    return ", ".join(candidate.instruments) or None


def _p_post(record: Record) -> float | None:
    return p_post(record.significances)


def _sigma_post(record: Record) -> float | None:
    return sigma_post(record.significances)


_CIRCLE: Final = (
    _real("ra_deg", "right ascension, ICRS", "pos.eq.ra;meta.main", "deg"),
    _real("dec_deg", "declination, ICRS", "pos.eq.dec;meta.main", "deg"),
    _real("error_radius_deg", "radius of the error circle", "stat.error;pos", "deg"),
    _real("containment", "probability inside of the error region", "stat.probability"),
)
_PLACE: Final = (
    *_CIRCLE,
    _real("error_radius_50_deg", "radius at 50 % containment", "stat.error;pos", "deg"),
    _flag("systematic_included", "the error region covers systematic effects", "meta.code"),
    _text("skymap_fits_url", "sky map, FITS", "meta.ref.url"),
    _text("skymap_png_url", "sky map, picture", "meta.ref.url"),
    *_inside(
        "ellipse",
        _real("semi_major_deg", "error ellipse", "stat.error;pos", "deg"),
        _real("semi_minor_deg", "error ellipse", "stat.error;pos", "deg"),
    ),
    *_inside(
        "asymmetric",
        # As quoted: differences of right ascension, with no cos(dec) in them.
        _real("ra_minus_deg", "error box, no cos(dec) in it", "stat.error;pos.eq.ra", "deg"),
        _real("ra_plus_deg", "error box, no cos(dec) in it", "stat.error;pos.eq.ra", "deg"),
        _real("dec_minus_deg", "error box", "stat.error;pos.eq.dec", "deg"),
        _real("dec_plus_deg", "error box", "stat.error;pos.eq.dec", "deg"),
    ),
    _real("position_angle_deg", "north through east", "pos.posAng", "deg", field=_position_angle),
)
_IDENTITY: Final = (
    _text("notice_id", "kind:event:revision, the same in every format", "meta.id"),
    _text("event_key", "what all notices of one event share", "meta.id;meta.main"),
    _text("kind", "gold, bronze, cascade, lvk-search, ...", "meta.code.class"),
    _whole("revision", "0 is the first notice", "meta.version"),
    _text("status", "initial, subsequent, update or retraction", "meta.code.status"),
    _text("tense", "observation, test, ...", "meta.code"),
    _flag("is_real", "no test, injection, simulation or mock event", "meta.code"),
)
# Plain attributes first, computed ones behind: `taker` gets neighbours of a kind at once.
_NOTICE: Final = (
    _text("observatory", "whose alert it is", "meta.id;instr.obsty"),
    _text("format", "form in which it arrived", "meta.code"),
    _whole("run_id", "run number", "meta.id"),
    _whole("event_id", "event number", "meta.id"),
    _text("amon_id", "AMON's number", "meta.id"),
    _text("ivorn", "identifier of the VOEvent", "meta.id"),
    _whole("stream", "AMON's stream number", "meta.id"),
    _whole("circular_number", "number of the GCN Circular", "meta.id"),
    _time("trigger_time", "time of the event, UTC", "time.epoch"),
    _time("notice_time", "when the notice was made, UTC", "time"),
    _real("energy_tev", "most probable neutrino energy", "phys.energy", "TeV", label="energy"),
    _real(
        *("signalness", "probability of astrophysical origin", "stat.probability"),
        label="signalness",
        has_decimals=True,
    ),
    _real("far_hz", "rate of background alerts at least this signal-like", "arith.rate", "Hz"),
    _real("charge_pe", "deposited charge in photo-electrons", "phot.count"),
    _real("signal_trackness", "how track-like it is", "stat.probability"),
    _whole("n_events", "number of events that make up the alert", "meta.number"),
    _real("window_s", "of the coincidence", "time.duration", "s", field="delta_t_s"),
    _real("sigma_t_s", "uncertainty of the time", "stat.error;time", "s"),
    _time("observation_start", "searched time, UTC", "time.start"),
    _time("observation_stop", "searched time, UTC", "time.end"),
    _real("livetime_s", "live time inside of the searched time", "time.duration", "s"),
    _text("event_name", "first public name", "meta.id", field=_first_name, group=None),
    _text("event_names", "all public names, as sent", "meta.id", field=_names),
    _whole(
        *("n_coincident", "coincident events, stated or listed", "meta.number"),
        field=_n_listed,
        label="number of coincident events",
    ),
    _p_value("generic"),
    _p_value("bayesian"),
)
_SEARCH: Final = (
    *_inside(
        "gw",
        _text("superevent_id", "gravitational-wave event", "meta.id"),
        _whole("gw_notice_number", "of the LVK notice", "meta.version", field="notice_number"),
        _text("gw_notice_type", "Preliminary, Initial, ...", "meta.code", field="notice_type"),
        _text("gw_reference", "reference as sent", "meta.ref", field="reference"),
    ),
    *_inside(
        "gw_candidate",
        _text("gw_class", "LVK's likeliest class", "meta.code.class", field=_gw_class),
        _real("gw_class_probability", "of that class", "stat.probability", field=_gw_share),
        _flag("gw_significant", "LVK's flag", "meta.code", field="significant"),
        _text("gw_group", "CBC or Burst", "meta.code", field="group"),
        _text("gw_pipeline", "that found the candidate", "meta.id", field="pipeline"),
        _text("gw_search", "AllSky, EarlyWarning, ...", "meta.code", field="search"),
        _text("gw_instruments", "H1, L1, V1, K1", "meta.id;instr", field=_gw_instruments),
    ),
    *_inside(
        "most_probable_direction",
        _real("probable_ra_deg", "most probable, ICRS", "pos.eq.ra", "deg", field="ra_deg"),
        _real("probable_dec_deg", "most probable, ICRS", "pos.eq.dec", "deg", field="dec_deg"),
    ),
    *_inside(
        "flux_sensitivity",
        _fluence("sensitivity_low_gev_cm2", "E^2 dN/dE, best", field="low_gev_cm2"),
        _fluence("sensitivity_high_gev_cm2", "E^2 dN/dE, worst", field="high_gev_cm2"),
        _real("energy_low_gev", "lowest of the sensitivity", "phys.energy", "GeV"),
        _real("energy_high_gev", "highest of the sensitivity", "phys.energy", "GeV"),
    ),
)

ALERT: Final = (
    *_IDENTITY,
    *_grouped("alert", *_NOTICE),
    *_grouped("localization", *_inside("localization", *_PLACE)),
    *_grouped("search", *_SEARCH),
)
"""The columns of an alert."""

FAR_PER_YEAR: Final = _real(
    *("far_per_year", "false-alarm rate per year of 365 days", "arith.rate", "per year"),
    label="false-alarm rate",
    has_decimals=True,
)
"""``far_hz`` for people: no column of a table, for significances have one of that name."""

RECORD: Final = (
    _text("record_id", "same notice, same bytes, same id", "meta.id", field="id"),
    *_inside("alert", *ALERT),
    _real("headline_p_post", "p after trials that counts", "stat.probability", field=_p_post),
    _real("headline_sigma_post", "sigma after trials that counts", "stat.value", field=_sigma_post),
)
"""The columns of a record."""

RECORD_JSON: Final = _text("record_json", "the whole record", "", field=Record.to_json)
"""The column in which databases and Parquet files hold what the others leave out."""

SIGHTING: Final = (
    _text("topic", "Kafka topic", "meta.id"),
    _whole("partition", "Kafka partition", "meta.id"),
    _whole("offset", "Kafka offset", "meta.id"),
    _text("origin", "file, or another source", "meta.id"),
    _time("timestamp", "Kafka's time, UTC", "time"),
)
"""The columns of a message: when and from where a record came."""

SIGNIFICANCE: Final = (
    _text("provider", "who assessed it", "meta.id"),
    _text("quantity", "what was assessed", "meta.code"),
    _text("sided", "convention of the sigmas: one-sided or two-sided", "meta.code"),
    _real("p_value", "before trials", "stat.probability"),
    _real("sigma", "before trials", "stat.value"),
    _flag("is_limit", "the p-value is an upper limit", "meta.code"),
    _real("n_trials", "independent looks that are accounted for", "meta.number"),
    _text("trials_source", "where the number of trials is from", "meta.note"),
    _real("p_value_post", "after trials", "stat.probability"),
    _real("sigma_post", "after trials", "stat.value"),
    _real("far_per_year", "by chance, per year of 365 days", "arith.rate"),
    _text("far_source", "which rate that uses", "meta.note"),
    _text("verdict", "band of the p-value after trials", "meta.code"),
)
"""The columns of a significance."""

NEUTRINO: Final = (
    _real("delta_t_s", "neutrino time minus GW time", "time.interval", "s"),
    _whole("run_id", "run number", "meta.id"),
    _whole("event_id", "event number", "meta.id"),
    _text("event_key", "what the alert of the same neutrino has", "meta.id"),
    *_inside("localization", *_CIRCLE),
    _p_value("generic"),
    _p_value("bayesian"),
)
"""The columns of a neutrino that a search found."""
