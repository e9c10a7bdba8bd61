"""``icecube-alerts query``."""

from __future__ import annotations

import argparse
import csv
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from icecube_hooks import AlertKind, ConfigError, Direction, Localization, Message, Record
from icecube_hooks.host import nearest
from icecube_plugin.alerts import Event, group
from icecube_plugin.alerts.columns import RECORD, Column
from icecube_plugin.alerts.headline import p_post
from icecube_plugin.alerts.lookup import alias_of, find
from icecube_plugin.alerts.waves import gw_text, likeliest, newest_candidate
from icecube_plugin.alerts.words import clean
from icecube_plugin.host.expressions import COLUMNS, columns_with, expression
from icecube_plugin.host.times import moment
from icecube_plugin.sinks.database import read_records, select
from icecube_plugin.sky import Areas, region_or_none, separation_deg
from icecube_plugin.sky.regions import widened
from icecube_plugin.sky.skymaps import Maps, need_healpix
from icecube_plugin.views.waves import map_of

from ._common import add_json, print_json, table
from ._records import add_maps, add_systematic, error_cell, kept_at, maps_of, number_cell

__all__ = ["Found", "Question", "add_arguments", "ask"]

EXAMPLES: Final = """\
examples:
  icecube-alerts query --kind gold bronze --since 2023-01-01 --until 2024-01-01
  icecube-alerts query --event 137840_57034692 --all-revisions
  icecube-alerts query --near 77.36 5.69 --radius 2
        best positions so near
  icecube-alerts query --near 77.36 5.69
        those whose error region holds this place
  icecube-alerts query --kind lvk-search --max-p-post 0.01 --json
  icecube-alerts query --when "energy_tev > 200" --columns event_key trigger_time energy_tev
  icecube-alerts query --gw "gw_class == 'BNS' and far_hz < 1e-7"
        searches, by what LVK's own newest alert says of the superevent
  icecube-alerts query --max-gw-area 500
        searches whose wave LVK has placed so well: 90 % region [deg2]
  icecube-alerts query --kind gold --ecsv > gold.ecsv
  icecube-alerts query --database postgresql://reader@host/alerts --since 30d

Of each event its newest revision, unless --all-revisions; times are those of the neutrino or of the
gravitational wave. --near also looks at the neutrinos of an LVK search, and sorts by separation.
The region is that of the sky map where it has been fetched (plot --fetch) or --maps has it.
"""

HEADER: Final = (
    "KIND", "EVENT", "NAME", "REV", "STATUS", "TIME (UTC)", "RA", "DEC", "ERROR", "SIGNAL",
    "FAR/YR", "P POST", "SEP", "INSIDE",
)  # fmt: skip


_ROUNDING_DEG: Final = 1e-6
"""Widens the band of declination, so that rounding does not cut off what is just near enough."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What is wanted; a field that is ``None`` or empty asks for nothing.

    Attributes
    ----------
    kinds : tuple of str
    event : str, optional
        A key, name or number in any spelling, or the number of a circular.
    since, until : datetime, optional
        Trigger time, from and before [UTC].
    near : (float, float), optional
        Right ascension and declination [deg, ICRS].
    radius_deg : float, optional
        Largest separation from `near`. If there is none, the error region must hold it.
    areas : callable
        Finds the region of a place, as of `icecube_plugin.sky.skymaps.Maps`.
    max_p_post : float, optional
        Largest post-trial p-value, after all searches (`icecube_plugin.alerts.headline`).
    when : str, optional
        An expression as that of a sink, see `icecube_plugin.host.filters`.
    systematic_deg : float
        Added in quadrature to regions (`icecube_plugin.sky.regions.widened`).
    gw : str, optional
        Such an expression over LVK's own newest alert of the superevent of a search, of those that
        LVK has not retracted.
    max_gw_area_deg2 : float, optional
        Likewise, the largest area of the 90 % region of the wave's sky map, as the host has kept
        it in `maps`; what has no map there is left out.
    maps : Maps, optional
    all_revisions, with_tests : bool
    """

    kinds: tuple[str, ...] = ()
    event: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    near: tuple[float, float] | None = None
    radius_deg: float | None = None
    areas: Areas = region_or_none
    max_p_post: float | None = None
    when: str | None = None
    systematic_deg: float = 0.0
    gw: str | None = None
    max_gw_area_deg2: float | None = None
    maps: Maps | None = None
    all_revisions: bool = False
    with_tests: bool = False

    @property
    def asks_for_waves(self) -> bool:
        """Whether it asks what LVK says: then few are found, and their maps are decoded."""
        return self.gw is not None or self.max_gw_area_deg2 is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A record that answers, its event, whether that is retracted, and how far away it is [deg].

    `is_inside` tells whether the place that is asked for lies in its error region; ``None`` if no
    region is stated. `wave` is what LVK's own alerts say of the superevent of a search.
    """

    record: Record
    event_key: str
    retracted: bool
    separation_deg: float | None = None
    is_inside: bool | None = None
    wave: Event | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    add = parser.add_argument
    add("--database", metavar="URL", help="URL, or path of an SQLite file (default: configured)")
    add(
        "--kind",
        nargs="+",
        default=[],
        choices=[kind.value for kind in AlertKind],
        metavar="KIND",
        help="such as gold",
    )
    add("--event", metavar="KEY", help="name or number, such as IC230416A, S230914ak")
    add("--since", metavar="TIME", help="from this time on: ISO, or a span such as 30d")
    add("--until", metavar="TIME", help="before this time")
    add("--near", nargs=2, type=float, metavar=("RA", "DEC"), help="position [deg, ICRS]")
    add("--radius", type=float, metavar="DEG", help="largest separation from --near")
    add_maps(parser)
    add_systematic(parser)
    add("--max-p-post", type=float, metavar="P", help="largest post-trial p-value")
    add("--when", metavar="EXPR", help='as a sink\'s: "energy_tev > 200 and dec_deg > -5"')
    add("--gw", metavar="EXPR", help="searches by LVK's own newest alert of the superevent")
    add("--max-gw-area", type=float, metavar="DEG2", help="searches by the wave's 90 %% region")
    add("--columns", nargs="+", metavar="NAME", help="show these columns; see docs/database.md")
    add("--all-revisions", action="store_true", help="each notice, not the newest of each event")
    tests = parser.add_mutually_exclusive_group()
    tests.add_argument("--real-only", action="store_true", help="no tests or mocks (the default)")
    tests.add_argument("--with-tests", action="store_true", help="tests, injections, mocks, too")
    form = parser.add_mutually_exclusive_group()
    add_json(form, "the records")
    form.add_argument("--csv", action="store_true", help="print the columns as CSV")
    form.add_argument("--ecsv", action="store_true", help="as ECSV, with units: astropy reads it")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    question = _question(arguments)
    kept = kept_at(arguments, in_database=True)
    found = list(ask(kept.place, question, password_env=kept.password_env))
    if arguments.json:
        print_json([_entry(one, maps_of(arguments)) for one in found])
    elif arguments.csv:
        _print_csv([one.record for one in found], _columns(arguments.columns, question))
    elif arguments.ecsv:
        _print_ecsv([one.record for one in found], _columns(arguments.columns, question))
    elif found and arguments.columns:
        print(_chosen_columns(found, _columns(arguments.columns, question)))
    elif found:
        print(_table(found, question.maps if question.asks_for_waves else None))
    else:
        print("no alerts match")
    return 0


def ask(database: str, question: Question, *, password_env: str | None = None) -> Iterator[Found]:
    """Yield what a database has, by trigger time; by separation where a position is asked for.

    Parameters
    ----------
    database : str
        URL, or path of an SQLite file.
    question : Question
    password_env : str, optional
        See `icecube_plugin.sinks.database.Database`.

    Raises
    ------
    ConfigError
        If the database cannot be read.
    """
    query, parameters = _sql(question)
    rows = list(select(database, query, parameters, password_env=password_env))
    if not rows and question.event is not None:  # no alias: ``latest``, or a name by its day
        records = read_records(database, password_env=password_env)
        event = find(group(record.alert for record in records), question.event)
        named = parameters | {"event": None if event is None else event.key, "alias": None}
        rows = list(select(database, query, named, password_env=password_env))
    is_wanted = _wanted(question)
    read = (_found(text, key, bool(retracted), question) for text, key, retracted in rows)
    found: Iterable[Found] = (one for one in read if is_wanted(one.record))
    found = _with_waves(list(found), database, password_env, question)
    if question.near is None:
        yield from found
        return
    radius = question.radius_deg
    near = [
        one for one in found if (one.is_inside if radius is None else _separation(one) <= radius)
    ]
    yield from sorted(near, key=_separation)


_WAVES: Final = """
SELECT record_json FROM records WHERE kind = 'lvk-gw' AND superevent_id IN ({})
ORDER BY record_number
"""


def _with_waves(
    found: list[Found], database: str, password_env: str | None, question: Question
) -> list[Found]:
    """Join each search with what LVK says of its superevent; leave out what is not wanted."""
    test = None if question.gw is None else expression(question.gw, "--gw")
    area = question.max_gw_area_deg2
    superevents = sorted({name for one in found if (name := _superevent(one))})
    names = {f"s{n}": name for n, name in enumerate(superevents)}
    if not names:
        return [] if question.asks_for_waves else found
    query = _WAVES.format(", ".join(f":{key}" for key in names))
    rows = select(database, query, names, password_env=password_env)
    waves = {
        name: wave
        for wave in group(Record.from_json(text).alert for (text,) in rows)
        for name in (wave.newest.gw and wave.newest.gw.superevent_id,)
        if name is not None
    }
    joined = [replace(one, wave=waves.get(_superevent(one) or "")) for one in found]
    if not question.asks_for_waves:
        return joined

    def is_wanted(wave: Event | None) -> bool:
        newest = None if wave is None or wave.is_retracted else newest_candidate(wave)
        if wave is None or newest is None:
            return False
        if test is not None and not test(Record.of(Message(value=b""), newest)):
            return False
        return area is None or (_area_deg2(wave, question.maps) or math.inf) <= area

    return [one for one in joined if is_wanted(one.wave)]


def _area_deg2(wave: Event, maps: Maps | None) -> float | None:
    """Return the area of the 90 % region of the newest map that LVK has sent, if it is kept."""
    skymap = map_of(wave, maps)
    return None if skymap is None else skymap.area_deg2(0.9)


def _superevent(found: Found) -> str | None:
    alert = found.record.alert
    is_search = alert.kind is AlertKind.LVK_SEARCH
    return alert.gw.superevent_id if is_search and alert.gw is not None else None


def _question(arguments: argparse.Namespace) -> Question:
    wants_waves = arguments.gw is not None or arguments.max_gw_area is not None
    if arguments.near is None and arguments.radius is not None:
        raise ConfigError("--radius goes with --near")
    if arguments.near is None and arguments.maps is not None and not wants_waves:
        raise ConfigError("--maps goes with --near, --gw and --max-gw-area")
    ra_deg, dec_deg = arguments.near or (0.0, 0.0)
    radius_deg = arguments.radius or 0.0
    if not (0 <= ra_deg <= 360 and -90 <= dec_deg <= 90 and 0 <= radius_deg <= 180):
        raise ConfigError("expected RA 0 to 360, DEC -90 to 90, radius 0 to 180 [deg]")
    if arguments.max_gw_area is not None:
        need_healpix()
    maps = maps_of(arguments)
    return Question(
        kinds=tuple(arguments.kind),
        event=arguments.event,
        since=None if arguments.since is None else moment(arguments.since),
        until=None if arguments.until is None else moment(arguments.until),
        near=(ra_deg, dec_deg) if arguments.near else None,
        radius_deg=arguments.radius,
        areas=maps.area if arguments.near else region_or_none,
        max_p_post=arguments.max_p_post,
        when=arguments.when,
        gw=arguments.gw,
        max_gw_area_deg2=arguments.max_gw_area,
        maps=maps,
        systematic_deg=arguments.systematic_deg,
        all_revisions=arguments.all_revisions,
        with_tests=arguments.with_tests,
    )


_QUERY: Final = """
SELECT record_json, member.event_key, member.retracted
FROM %s AS ranked JOIN event_members AS member USING (record_number)
WHERE %s ORDER BY trigger_time NULLS LAST, record_number
"""

_OF_EVENT: Final = """
member.event_key IN (SELECT event_key FROM event_members WHERE event_key = :event
    UNION SELECT event_key FROM event_members JOIN event_aliases USING (record_number)
    WHERE alias = :alias)
"""

_NEAR: Final = """
(dec_deg BETWEEN :south AND :north OR EXISTS (
    SELECT 1 FROM coincident_events AS neutrino
    WHERE neutrino.record_number = ranked.record_number
    AND neutrino.dec_deg BETWEEN :south AND :north))
"""


def _sql(question: Question) -> tuple[str, dict[str, object]]:
    """Return the query and its parameters; no text of the question is in the query."""
    wanted = {
        "trigger_time >= :since": question.since,
        "trigger_time < :until": question.until,
        _OF_EVENT: question.event,
    }
    asked = [text for text, value in wanted.items() if value is not None]
    kinds = {f"kind_{number}": kind for number, kind in enumerate(question.kinds)}
    _, dec_deg = question.near or (0.0, 0.0)
    asked += ["true"] if question.with_tests else ["is_real"]
    asked += [] if question.all_revisions else ["member.is_newest"]
    asked += [f"kind IN ({', '.join(f':{name}' for name in kinds)})"] if kinds else []
    radius_deg = question.radius_deg
    asked += [] if question.near is None or radius_deg is None else [_NEAR]
    parameters: dict[str, object] = {
        "since": question.since,
        "until": question.until,
        "event": question.event,
        "alias": alias_of(question.event or ""),
        "south": dec_deg - (radius_deg or 0.0) - _ROUNDING_DEG,
        "north": dec_deg + (radius_deg or 0.0) + _ROUNDING_DEG,
        **kinds,
    }
    records = "notices" if question.all_revisions else "records"
    return _QUERY % (records, " AND ".join(asked)), parameters


def _found(text: str, key: str, retracted: bool, question: Question) -> Found:
    record = Record.from_json(text)
    if question.near is None:
        return Found(record=record, event_key=key, retracted=retracted)
    here = Direction(ra_deg=question.near[0], dec_deg=question.near[1])
    stated = (record.alert.localization, *_neutrino_places(record))
    places = [place for place in stated if place is not None]
    wide = (widened(place, question.systematic_deg) for place in places)
    areas = [area for area in map(question.areas, wide) if area is not None]
    return Found(
        record=record,
        event_key=key,
        retracted=retracted,
        separation_deg=min((separation_deg(here, place) for place in places), default=None),
        is_inside=any(area.contains(*question.near) for area in areas) if areas else None,
    )


def _wanted(question: Question) -> Callable[[Record], bool]:
    """Return what chooses among the records of the SQL's answer."""
    columns = columns_with(question.systematic_deg)
    tests = [] if question.when is None else [expression(question.when, "--when", columns)]

    def is_wanted(record: Record) -> bool:
        p = None if question.max_p_post is None else p_post(record.significances)
        if question.max_p_post is not None and (p is None or p > question.max_p_post):
            return False
        return all(test(record) for test in tests)

    return is_wanted


def _neutrino_places(record: Record) -> Iterator[Localization | None]:
    return (neutrino.localization for neutrino in record.alert.coincident_events)


def _separation(found: Found) -> float:
    return math.inf if found.separation_deg is None else found.separation_deg


def _wave_entry(wave: Event, maps: Maps) -> dict[str, Any]:
    alert = newest_candidate(wave)
    candidate = None if alert is None else alert.gw_candidate
    found = None if candidate is None else likeliest(candidate)
    return {
        "gw_class": None if found is None else found[0],
        "gw_class_probability": None if found is None else found[1],
        "gw_significant": None if candidate is None else candidate.significant,
        "gw_far_hz": None if alert is None else alert.far_hz,
        "gw_retracted": wave.is_retracted,
        "gw_area_90_deg2": _area_deg2(wave, maps),
    }


def _entry(found: Found, maps: Maps) -> dict[str, Any]:
    alert = found.record.alert
    derived = {
        "event_key": found.event_key,
        "notice_id": alert.notice_id,
        "retracted": found.retracted,
        "separation_deg": found.separation_deg,
        "is_inside": found.is_inside,
    }
    derived |= {} if found.wave is None else _wave_entry(found.wave, maps)
    return derived | found.record.to_dict()


def _row(found: Found) -> list[str]:
    alert, place = found.record.alert, found.record.alert.localization
    status = "retracted" if found.retracted else alert.status
    cells = [
        alert.kind if alert.is_real else f"{alert.kind} ({alert.tense or 'mock'})",
        found.event_key,
        alert.event_names[0] if alert.event_names else "-",
        alert.revision_label,
        status or "-",
        "-" if alert.trigger_time is None else f"{alert.trigger_time:%Y-%m-%d %H:%M:%S.%f}"[:-4],
        "-" if place is None else f"{place.ra_deg:.4f}",
        "-" if place is None else f"{place.dec_deg:+.4f}",
        error_cell(alert),
        number_cell(alert.signalness),
        number_cell(alert.far_per_year),
        number_cell(p_post(found.record.significances)),
        "-" if found.separation_deg is None else f"{found.separation_deg:.3f}",
        {None: "-", True: "yes", False: "no"}[found.is_inside],
    ]
    return [clean(cell, 60) for cell in cells]


def _wave_cell(wave: Event | None, maps: Maps | None) -> str:
    newest = None if wave is None else newest_candidate(wave)
    if wave is None or wave.is_retracted:
        return "-" if wave is None else "retracted"
    if newest is None:
        return "-"
    area = _area_deg2(wave, maps)
    return clean(gw_text(newest), 60) + ("" if area is None else f", {area:.0f} deg2")


def _columns(names: Sequence[str] | None, question: Question) -> list[Column]:
    """Return the columns of those names, or all.

    Raises
    ------
    ConfigError
        For a name that is none.
    """
    for name in names or ():
        if name not in COLUMNS:
            hint = nearest(name, COLUMNS)
            raise ConfigError(f"no column {name!r:.40}", key="--columns", hint=hint)
    known = columns_with(question.systematic_deg)
    return [known[name] for name in names] if names else list(RECORD)


def _print_csv(records: Sequence[Record], columns: Sequence[Column]) -> None:
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(column.name for column in columns)
    for record in records:
        values = (column.get(record) for column in columns)
        out.writerow(v.isoformat() if isinstance(v, datetime) else v for v in values)


def _print_ecsv(records: Sequence[Record], columns: Sequence[Column]) -> None:
    from icecube_plugin.alerts.tables import table as rows_of
    from icecube_plugin.alerts.tables import write_table

    write_table(rows_of(records, columns), sys.stdout, "ascii.ecsv")


def _chosen_columns(found: Sequence[Found], columns: Sequence[Column]) -> str:
    """Return the table of those columns that were asked for."""
    rows = [[_text(column.get(one.record)) for column in columns] for one in found]
    return table(rows, [column.name for column in columns])


def _text(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.7g}" if isinstance(value, float) else clean(str(value), 60)


def _table(found: Sequence[Found], maps: Maps | None) -> str:
    """Return the table, with separations only where they were asked for.

    On a narrow screen what decides stays: which, when, where, how well, how sure.
    """
    width = len(HEADER) if found[0].separation_deg is not None else len(HEADER) - 2
    rows = [_row(one)[:width] for one in found]
    named = all(row[HEADER.index("NAME")] != "-" for row in rows)
    header = HEADER[:width]
    if any(one.wave for one in found):
        header = (*header, "GW")
        pairs = zip(rows, found, strict=True)
        rows = [[*row, _wave_cell(one.wave, maps)] for row, one in pairs]
    drop = ("STATUS", "REV", "P POST", "FAR/YR", "EVENT" if named else "NAME", "KIND")
    return table(rows, header, drop=drop)
