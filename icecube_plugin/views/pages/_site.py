"""The files of a site, made of records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from icecube_hooks import AlertKind, Record
from icecube_plugin.alerts.file_names import page_path
from icecube_plugin.alerts.words import (
    NOT_STATED,
    clean,
    number_text,
    plural,
    short_name,
    time_text,
)
from icecube_plugin.disk import indented_json
from icecube_plugin.sky import circularised_radius_deg
from icecube_plugin.sky.site import Site
from icecube_plugin.sky.skymaps import Maps
from icecube_plugin.views.waves import at_peak, map_of

from ._ds9 import ds9
from ._looks import calendar, looks_from
from ._paths import calendar_path, record_path, region_path, voevent_path
from ._stories import Story, tell
from ._templates import markup, policy, render, source
from ._view import headline_of, page

__all__ = ["TITLE", "build", "event_files", "index", "record_files"]

TITLE: Final = "IceCube neutrino alerts"

SHADED: Final = " Grey: 50 and 90 % region of the sky map."
MAPPED: Final = 40
"""How many of the newest real events the map of the index shows."""


def build(
    records: Iterable[Record],
    *,
    title: str = TITLE,
    maps: Maps | None = None,
    sites: Sequence[Site] = (),
) -> dict[str, bytes]:
    """Return a whole site, by path: pages, index, and the files that they offer.

    Parameters
    ----------
    records : iterable of Record
        In any order; each id counts once.
    title : str
        Of the index.
    maps : Maps, optional
        Sky maps that are at hand.
    sites : sequence of Site
        Whose times to observe stand in the pages.

    Raises
    ------
    ConfigError
        If jinja2 is not installed.
    """
    stories = tell(records, maps)
    files = {"index.html": index(stories, title)}
    for story in stories:
        files |= event_files(story, sites)
        for record in story.records:
            files |= record_files(record)
    return files


def record_files(record: Record) -> dict[str, bytes]:
    """Return what is offered of a record, its JSON last: where that is, all is."""
    own = {record_path(record): indented_json(record).encode() + b"\n"}
    path = voevent_path(record)
    return own if path is None else {path: record.message.value} | own


def event_files(
    story: Story, sites: Sequence[Site] = (), since: datetime | None = None
) -> dict[str, bytes]:
    """Return the page of an event, its region, and a calendar of when sites can observe it."""
    looks = looks_from(story, sites, since)
    told, kind = page(story, looks), story.event.kind.value
    made = {
        page_path(story.key): render("event.html", page=told, kind=kind, maps=list(_maps(story))),
        region_path(story.key): ds9(story),
        calendar_path(story.key): calendar(story, looks),
    }
    return {path: data for path, data in made.items() if data is not None}


@dataclass(frozen=True, slots=True)
class _Map:
    svg: Any
    caption: str


def _maps(story: Story) -> Iterator[_Map]:
    from icecube_plugin.views.plots import PlotError, svg_finder, svg_map

    placed, history = story.placed, list(story.records)
    whole = None if story.wave is None else map_of(story.wave, story.maps)
    skymap = story.skymap or whole
    if story.event.kind is AlertKind.LVK_GW and whole is not None:
        placed, history = at_peak(placed, whole), []
    try:
        yield _Map(
            markup(svg_map(history or placed, skymap=whole)),
            "All sky: Mollweide, right ascension grows to the left. Grey band: Galactic plane. "
            "Circle with a dot: Sun, crescent: Moon, at the time of the event."
            + ("" if whole is None else SHADED),
        )
        yield _Map(
            markup(svg_finder(placed, others=history, skymap=skymap)),
            "Around the position: offsets in degrees, north up, east left. "
            "Solid: as stated. Dashed: scaled as a Gaussian. Faint: where it was before."
            + ("" if skymap is None else SHADED),
        )
    except PlotError:  # no position, no map
        return


def index(
    stories: Sequence[Story],
    title: str,
    *,
    written: datetime | None = None,
    is_live: bool = False,
) -> bytes:
    """Return the page with all events.

    Parameters
    ----------
    stories : sequence of Story
    title : str
    written : datetime, optional
        When [UTC], for a page that is kept up to date: the browser loads it again every minute.
    is_live : bool
        Whether a server tells it what is new (``icecube-alerts serve``).
    """
    script = source("index.js") + (source("live.js") if is_live else "")
    return render(
        "index.html",
        is_live=is_live,
        title=title,
        written=None if written is None else time_text(written, 0),
        heard=_heard(stories),
        summary=_summary(stories),
        map=_season(stories),
        legend=_legend(stories),
        kinds=_kinds(stories),
        states=sorted({state for story in stories for state in _states(story)}),
        header=_HEADER,
        rows=[_row(story) for story in stories],
        script=markup(script),
        policy=policy(script, is_live=is_live),
    )


def _heard(stories: Sequence[Story]) -> str:
    """Return when the newest message came, as the broker has it; a dash for files."""
    times = [r.message.timestamp for s in stories for r in s.records if r.message.timestamp]
    return time_text(max(times, default=None), 0)


def _kinds(stories: Sequence[Story]) -> list[tuple[str, str]]:
    """Return the kinds that are there, with their names."""
    return [(kind.value, short_name(kind)) for kind in _in_order(stories)]


def _in_order(stories: Sequence[Story]) -> Iterable[AlertKind]:
    """Return the kinds that are there: ours in their usual order, then others."""
    there = {story.event.kind for story in stories}
    return dict.fromkeys((*(kind for kind in AlertKind if kind in there), *sorted(there)))


def _summary(stories: Sequence[Story]) -> str:
    counts = Counter(short_name(story.event.kind) for story in stories if story.state == "real")
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
    total, others = counts.total(), len(stories) - counts.total()
    real = f"{total} real event{plural(total)}" + (f": {kinds}." if kinds else ".")
    return f"{real} {others} not real." if others else real


def _season(stories: Sequence[Story]) -> _Map | None:
    from icecube_plugin.views.plots import PlotError, svg_map

    shown = _mapped(stories)
    pages = {s.event.title: page_path(s.key) for s in shown}
    try:
        svg = svg_map([s.placed for s in shown], with_bodies=False, pages=pages)
    except PlotError:  # nothing with a position
        return None
    many = f"event{plural(len(shown))}"
    return _Map(markup(svg), f"The newest {len(shown)} real {many} with a position.")


def _mapped(stories: Sequence[Story]) -> list[Story]:
    return [s for s in stories if s.state == "real" and s.placed.alert.localization][:MAPPED]


def _legend(stories: Sequence[Story]) -> list[tuple[Any, str]]:
    """Return the markers of the map with what they stand for."""
    from icecube_plugin.views.plots import svg_marker

    shown = _mapped(stories)
    found = [(markup(svg_marker(kind)), short_name(kind)) for kind in _in_order(shown)]
    crossed = any(story.event.is_retracted for story in shown)
    return [*found, (markup(svg_marker(None)), "retracted")] if crossed else found


@dataclass(frozen=True, slots=True)
class _Head:
    text: str
    type: str = "number"
    sort: str = ""


_HEADER: Final = (
    _Head("Event", "text"),
    _Head("Time (UTC)", "text", "descending"),
    _Head("Kind", "text"),
    _Head("State", "text"),
    _Head("RA [°]"),
    _Head("Dec [°]"),
    _Head("Error radius [°]"),
    _Head("Signalness"),
    _Head("False alarms per year"),
    _Head("p-value"),
    _Head("Notices"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    href: str
    title: str
    kind: str
    kind_text: str
    states: tuple[str, ...]
    names: str
    time: str
    cells: tuple[str, ...]


def _row(story: Story) -> _Row:
    time = story.event.latest("trigger_time") or story.event.latest("notice_time")
    return _Row(
        href=page_path(story.key),
        title=story.event.title,
        kind=story.event.kind.value,
        kind_text=short_name(story.event.kind),
        states=_states(story),
        names=" ".join(_other_names(story)),
        time=time_text(time, 0),
        cells=tuple(_cells(story)),
    )


def _states(story: Story) -> tuple[str, ...]:
    return (story.state, "retracted") if story.event.is_retracted else (story.state,)


def _other_names(story: Story) -> Iterator[str]:
    """Yield what else one may look for; the key is in the link of the row."""
    numbers = (alert.circular_number for alert in story.event.circulars)
    superevent = story.event.known.gw.superevent_id if story.event.known.gw is not None else None
    for name in (*story.event.names, superevent, *numbers):
        if name is not None and str(name) not in (story.event.title, story.key):
            yield clean(str(name), 80)


def _cells(story: Story) -> Iterator[str]:
    event = story.event
    place, found = story.placed.alert.localization, headline_of(story)
    yield NOT_STATED if place is None else f"{place.ra_deg:.2f}"
    yield NOT_STATED if place is None else f"{place.dec_deg:+.2f}"
    radius_deg = None if place is None else circularised_radius_deg(place)
    p_value = None if found is None else found.p_value_post
    for number in (radius_deg, event.latest("signalness"), event.latest("far_per_year"), p_value):
        yield number_text(number)
    yield str(len(event.notices))
