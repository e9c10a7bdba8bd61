"""Which records a sink gets: ``filter`` and ``when`` of its table in the configuration.

::

    [sinks.pager]
    type = "notify"
    when = "kind == 'gold' and dec_deg > -5"      # an expression of the names below

    [sinks.pager.filter]                          # all of these must hold
    kinds = ["gold", "lvk-search"]                # only these
    formats = ["json", "voevent"]                 # of the same notice in several, only these
    real = true                                   # false: only tests, injections, mock events
    retractions = true                            # false: none; left out: with them
    repeats = false                               # nothing that came before, in any format
    min_signalness = 0.5                          # chance that the neutrino is astrophysical
    max_far_per_year = 1.0                        # false alarms per year that the notice states
    max_p_post = 0.05                             # p-value after trials and all searches
    min_sigma_post = 2.0                          # sigma after trials and all searches, one-sided
    max_error_radius_deg = 2.0                    # of the region that the notice states [deg]
    max_region_deg2 = 10.0                        # area of the stated region
    systematic_deg = 0.2                          # added in quadrature for region_deg2
    min_moon_deg = 30.0                           # from the Moon, at the time of the event
    dec_deg = [-5.0, 30.0]                        # declination, from and to [deg, ICRS]
    within = [{ra_deg = 77.36, dec_deg = 5.69, radius_deg = 3.0}]   # in any of these circles
    topics = ["gcn.notices.icecube.*"]            # "*" stands for any characters
    observable = [{site = "La Palma", min_altitude_deg = 30.0}]     # from any of these sites
    unstated = false                              # what passes where a value is not stated

Names are those of the columns of a record (`icecube_plugin.alerts.columns`), and ``event`` (its
key), ``far_per_year``, ``p_post``, ``sigma_post``, ``real``, ``repeat``, ``topic``; of the position
``l_deg``, ``b_deg`` and ``abs_b_deg`` (Galactic), ``region_deg2``, and ``sun_deg`` and
``moon_deg``, the distances from Sun and Moon at the time of the event. ``observable`` asks for a
time from now on, within 24 hours (``within_h``), when at a site the position is higher than
``min_altitude_deg`` (30), the Sun lower than ``max_sun_altitude_deg`` (-12), and the Moon at least
``min_moon_deg`` away (0).

``systematic_deg`` is added in quadrature to each side of the region where the notice does not say
that this covers systematic effects: in ``region_deg2`` of this filter and its ``when``. What is
delivered, and every other name, stays as stated.

What a notice does not state passes no limit on it; set ``unstated = true`` to let it pass. An
expression that needs an unstated value is false then. Who got an alert gets what follows of its
event, whatever `kinds` and the limits say of the later values: updates, corrections, circulars,
by whatever name or number they are of that event (`icecube_plugin.alerts.identity`). Who got what
stands in ``followed.sqlite``. A sink that writes to people gets of LVK's own alerts those that
change what it was told of a search (`icecube_plugin.host.told_waves`). Retractions pass every limit
on numbers, which they rarely state.
What is no number at all (a NaN of a third party) passes.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from icecube_hooks import Alert, AlertKind, ConfigError, Direction, Localization, Record, Status
from icecube_hooks.host import nearest
from icecube_plugin.alerts.columns import Column
from icecube_plugin.sinks.memory import SCHEMA, Memory, key_of, plain
from icecube_plugin.sky.directions import separation_deg
from icecube_plugin.sky.observing import DARK_SUN_DEG, HIGH_ENOUGH_DEG, windows
from icecube_plugin.sky.site import site_of

from .config import SinkConfig
from .expressions import NAMES, NUMBERS, Test, check_name, columns_with, expression
from .store import Store
from .told_waves import ToldWaves

__all__ = ["FILTERS", "NAMES", "expression", "make_filter"]

FOLLOWED: Final = "followed.sqlite"

Maker = Callable[[Any, str], Test]
"""Makes a test of the configured value; the second argument is its key, for errors."""


def make_filter(
    config: SinkConfig,
    folder: Path | None = None,
    *,
    tells_others: bool = False,
    tells_people: bool = False,
) -> Callable[[Record], bool]:
    """Return the function that says whether a record is for this sink.

    Parameters
    ----------
    config : SinkConfig
    folder : Path, optional
        The host's data folder; without it, as for a look at a configuration, no event is followed.
    tells_others : bool
        Whether the sink speaks to people or other brokers. LVK's own alerts are not ours to send:
        it gets them only where ``kinds`` names them.
    tells_people : bool
        Whether it writes to people: then it gets those, too, that change what is to be said of a
        search that it was given (`ToldWaves`).

    Raises
    ------
    ConfigError
        With the key, if the filter has an unknown name or a wrong value.
    """
    path = f"sinks.{config.name}.filter"
    wanted = dict(config.filter)
    unstated = _flag(wanted.pop("unstated", False), f"{path}.unstated")
    systematic = wanted.pop("systematic_deg", 0.0)
    columns = columns_with(_number(systematic, f"{path}.systematic_deg", 0.0, 90.0))
    tests = [
        _made(name, value, path, columns)
        for name, value in wanted.items()
        if name in _TESTS and name != "kinds"
    ]
    kinds = [_made("kinds", wanted["kinds"], path, columns)] if "kinds" in wanted else []
    limits = [
        _made(name, value, path, columns) for name, value in wanted.items() if name not in _TESTS
    ]
    if config.when is not None:
        limits.append(expression(config.when, f"sinks.{config.name}.when", columns))

    is_quiet = tells_others and AlertKind.LVK_GW not in wanted.get("kinds", ())
    if not tests and not kinds and not limits and not is_quiet:
        return _everything

    def passes(record: Record) -> bool:
        answers = (limit(record) for limit in limits)
        return all(kind(record) for kind in kinds) and all(
            unstated if answer is None else answer for answer in answers
        )

    follow, waves = _memories(
        config.name, folder, follows=bool(kinds or limits), tells=is_quiet and tells_people
    )

    def decide(record: Record) -> bool:
        if not all(test(record) for test in tests):
            return False
        if is_quiet and record.alert.kind is AlertKind.LVK_GW:
            return waves is not None and waves.is_news(record.alert)
        is_wanted = is_chosen(record)
        if waves is not None and is_wanted and record.alert.kind is AlertKind.LVK_SEARCH:
            waves.note(record.alert)
        return is_wanted

    def is_chosen(record: Record) -> bool:
        is_wanted = passes(record)
        if follow is not None:
            is_wanted = follow.look(record.alert, is_wanted=is_wanted)
        is_retraction = record.alert.status is Status.RETRACTION
        return is_wanted or (is_retraction and all(kind(record) for kind in kinds))

    def accepts(record: Record) -> bool:
        try:
            return decide(record)
        except (ArithmeticError, TypeError, ValueError):  # no true alert: a position of NaN
            return True

    return accepts


def _memories(
    sink: str, folder: Path | None, *, follows: bool, tells: bool
) -> tuple[Followed | None, ToldWaves | None]:
    """Return what remembers what a sink has got, as far as that is asked."""
    if folder is None or not (follows or tells):
        return None, None
    store = Store(folder / FOLLOWED, SCHEMA, synced=False)
    return Followed(store, sink) if follows else None, ToldWaves(store, sink) if tells else None


class Followed:
    """The events of which a sink has got a notice: it gets their updates and corrections, too.

    Parameters
    ----------
    store : Store
        Keeps them: a host that starts anew, or takes over, goes on with it.
    sink : str
    """

    def __init__(self, store: Store, sink: str) -> None:
        self._sink, self._store = plain(sink), store

    def look(self, alert: Alert, *, is_wanted: bool) -> bool:
        """Return whether an alert is wanted, or of an event that is followed; then it is."""
        with self._store.transaction() as database:
            memory = Memory(database)
            key, (_, others) = key_of(alert), memory.event(alert)
            is_followed = any(memory.was_told(self._sink, one) for one in (*others, key))
            is_wanted = is_wanted or is_followed
            memory.keep(alert)
            if is_wanted:
                memory.told(self._sink, key)
            memory.forget()
        return is_wanted


def _everything(_record: Record) -> bool:
    return True


def _made(name: str, value: Any, path: str, columns: Mapping[str, Column]) -> Test:
    key = f"{path}.{name}"
    if (known := _TESTS.get(name) or _LIMITS.get(name)) is not None:
        return known(value, key)
    if name not in _SIDES:
        hint = nearest(name, FILTERS)
        raise ConfigError("unknown key", key=key, hint=hint)
    get, limit = columns[name[4:]].get, _number(value, key)
    passes = operator.ge if name.startswith("min_") else operator.le

    def test(record: Record) -> bool | None:
        return None if (found := get(record)) is None else passes(found, limit)

    return test


def _flag(value: Any, key: str) -> bool:
    if isinstance(value, bool):
        return value
    raise ConfigError(f"expected true or false, not {value!r:.40}", key=key)


def _number(value: Any, key: str, low: float = -math.inf, high: float = math.inf) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
        return float(value)
    raise ConfigError(f"expected a number from {low:g} to {high:g}, not {value!r:.40}", key=key)


def _texts(value: Any, key: str) -> Sequence[str]:
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return value
    raise ConfigError(f"expected a list of texts, not {value!r:.40}", key=key)


def _kinds(value: Any, key: str) -> Test:
    kinds = _choice(value, key, "kind")
    return lambda record: record.alert.kind in kinds


def _formats(value: Any, key: str) -> Test:
    formats = _choice(value, key, "format")
    return lambda record: record.alert.format in formats


def _choice(value: Any, key: str, field: str) -> set[str]:
    chosen = set(_texts(value, key))
    for name in chosen:
        check_name(field, name, key)
    return chosen


def _topics(value: Any, key: str) -> Test:
    patterns = _texts(value, key)
    return lambda record: any(fnmatchcase(record.message.topic or "", p) for p in patterns)


def _real(value: Any, key: str) -> Test:
    wanted = _flag(value, key)
    return lambda record: record.alert.is_real is wanted


def _retractions(value: Any, key: str) -> Test:
    allowed = _flag(value, key)
    return lambda record: allowed or record.alert.status is not Status.RETRACTION


def _repeats(value: Any, key: str) -> Test:
    allowed = _flag(value, key)
    return lambda record: allowed or not record.is_repeat


def _dec_deg(value: Any, key: str) -> Test:
    if not isinstance(value, list) or len(value) != 2:
        raise ConfigError(f"expected [lowest, highest], not {value!r:.40}", key=key)
    low, high = (_number(item, key, -90.0, 90.0) for item in value)

    def test(record: Record) -> bool | None:
        place = record.alert.localization
        return None if place is None else low <= place.dec_deg <= high

    return test


def _within(value: Any, key: str) -> Test:
    if not isinstance(value, list) or not value:
        raise ConfigError("expected a list of circles {ra_deg, dec_deg, radius_deg}", key=key)
    circles = [_circle(item, f"{key}[{number}]") for number, item in enumerate(value)]

    def test(record: Record) -> bool | None:
        place = record.alert.localization
        if place is None:
            return None
        return any(separation_deg(centre, place) <= radius for centre, radius in circles)

    return test


def _circle(value: Any, key: str) -> tuple[Direction, float]:
    if not isinstance(value, dict) or value.keys() != {"ra_deg", "dec_deg", "radius_deg"}:
        raise ConfigError("expected {ra_deg, dec_deg, radius_deg}", key=key)
    centre = Direction(
        ra_deg=_number(value["ra_deg"], f"{key}.ra_deg", 0.0, 360.0),
        dec_deg=_number(value["dec_deg"], f"{key}.dec_deg", -90.0, 90.0),
    )
    return centre, _number(value["radius_deg"], f"{key}.radius_deg", 0.0, 180.0)


class Observable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From where, and how, something can be observed, see the module."""

    site: str | dict[str, Any]
    within_h: Annotated[float, Meta(gt=0.0, le=24.0)] = 24.0
    min_altitude_deg: Annotated[float, Meta(ge=0.0, le=90.0)] = HIGH_ENOUGH_DEG
    max_sun_altitude_deg: Annotated[float, Meta(ge=-90.0, le=0.0)] = DARK_SUN_DEG
    min_moon_deg: Annotated[float, Meta(ge=0.0, le=180.0)] = 0.0

    def holds(self, place: Localization, now: datetime) -> bool:
        """Return whether a position can be observed, from `now` on."""
        found = windows(
            place,
            site_of(self.site),
            now,
            above_deg=self.min_altitude_deg,
            sun_below_deg=self.max_sun_altitude_deg,
        )
        end = now + timedelta(hours=self.within_h)
        return any(w.start < end and w.moon_distance_deg >= self.min_moon_deg for w in found)


def _observable(value: Any, key: str) -> Test:
    if not isinstance(value, list) or not value:
        raise ConfigError("expected a list of tables {site, min_altitude_deg, ...}", key=key)
    wanted = [_observing(item, f"{key}[{number}]") for number, item in enumerate(value)]

    def test(record: Record) -> bool | None:
        place, now = record.alert.localization, datetime.now(UTC)
        return None if place is None else any(one.holds(place, now) for one in wanted)

    return test


def _observing(value: Any, key: str) -> Observable:
    try:
        found = msgspec.convert(value, Observable)
        site_of(found.site)
    except ConfigError as error:
        raise ConfigError(error.reason, key=f"{key}.site", hint=error.hint) from None
    except msgspec.ValidationError as error:
        raise ConfigError(str(error), key=key) from None
    return found


_SIDES: Final = {f"{side}_{name}" for side in ("min", "max") for name in NUMBERS}

_TESTS: Final[Mapping[str, Maker]] = {
    "kinds": _kinds,
    "formats": _formats,
    "topics": _topics,
    "real": _real,
    "retractions": _retractions,
    "repeats": _repeats,
}

_LIMITS: Final[Mapping[str, Maker]] = {
    "dec_deg": _dec_deg,
    "within": _within,
    "observable": _observable,
}

FILTERS: Final = (*_TESTS, *_LIMITS, *sorted(_SIDES), "systematic_deg", "unstated")
"""The names of all filters; ``min_`` and ``max_`` are there for every number of a record."""
