"""The all-sky map, with matplotlib."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from icecube_hooks import Localization, Record
from icecube_plugin.alerts.words import short_name
from icecube_plugin.sky import separation_deg
from icecube_plugin.sky.observing import sun_and_moon
from icecube_plugin.sky.projections import (
    CENTRE_RA_DEG,
    Point,
    cut_line,
    cut_ring,
    great_circle,
    mollweide,
    mollweide_inverse,
)

from ._events import (
    Drawn,
    Shape,
    drawn,
    heading_of,
    last_place,
    point_of,
    provenance,
    ring_of,
    shapes_of,
    size_deg,
    style_of,
)
from ._figure import (
    FAINT,
    INK,
    NAMES_UP_TO,
    Axes,
    Size,
    caption,
    draw_skymap,
    entry,
    legend,
    new_figure,
    rgb,
    skymap_entries,
    title,
    write,
)
from ._labels import BEHIND, place_names
from ._svg import graticule, grid_labels, plane_lines

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from icecube_plugin.sky.skymaps import Pixels


__all__ = ["sky_map"]

REGION_POINTS, SMALL_POINTS, SMALL_DEG = 180, 60, 5.0
"""How many points an outline has, and how many that of a small region, for small files."""
GALACTIC_BAND: Final[Any] = {"color": "#dddddd", "lw": 5.0}
ARROW_DEG: Final = 2.0
"""Moves shorter than this have no arrow: the markers hide them."""


def sky_map(
    records: Iterable[Record],
    *,
    title: str | None = None,
    tests: bool = False,
    skymap: Pixels | None = None,
    size_in: Size = (9.0, 5.7),
) -> Figure:
    """Draw alerts on the whole sky.

    Parameters
    ----------
    records : iterable of Record
        One notice, an event or a season; notices of one event are joined, its moves by arrows.
    title : str, optional
        By default the name and time of a single event, or the number of events.
    tests : bool
        Draw what is not real (tests, injections, mock events) too.
    skymap : SkyMap or LikelihoodScan, optional
        It is shaded, with its 50 and 90 % contours and their areas.
    size_in : (float, float)
        Width and height [inches].

    Returns
    -------
    matplotlib.figure.Figure
        Mollweide, ICRS, right ascension growing to the left. Regions are drawn true to the sphere
        at the containment that the notices state; retracted events are crossed out. Sun and Moon
        (from the centre of the Earth) are those at the time of the event, if there is one only.

    Raises
    ------
    PlotError
        If nothing has a position.
    ConfigError
        If matplotlib is not installed.
    """
    figure = new_figure(size_in)
    records = list(records)
    events = drawn(records, tests=tests)
    axes = figure.add_axes((0.02, 0.19, 0.96, 0.74))
    _set_up(axes)
    if skymap is not None:
        x, y = _grid()
        lon, dec = mollweide_inverse(x, y)
        draw_skymap(axes, (x, y), (CENTRE_RA_DEG - lon, dec), skymap)
    for one in sorted(events, key=_size, reverse=True):
        _draw_event(axes, one)
    if len(events) <= NAMES_UP_TO:
        place_names(axes, (name for one in events for name in _names(one, len(events))))
    time = events[0].time if len(events) == 1 else None
    sky = {} if time is None else sun_and_moon(time)
    for name, at in sky.items():
        _body(axes, name, _xy(*point_of(at)))
    _title(axes, title if title is not None else _heading(events))
    _map_legend(axes, events, tuple(sky), skymap)
    caption(figure, (*_map_caption(events, bool(sky)), provenance(records)))
    return figure


_title = title


def _names(one: Drawn, n_events: int) -> Iterator[tuple[str, Any, Any]]:
    """Yield what is written on the map: the name, or the numbers of the neutrinos of a search."""
    if n_events > 1 or not one.neutrinos:
        yield one.label, *_xy(*point_of(last_place(one)))
        return
    for number, place in zip(one.numbers, one.neutrinos, strict=True):
        yield number.partition(":")[0], *_xy(*point_of(place))


def _set_up(axes: Axes) -> None:
    """Draw what is the same on every map."""
    from matplotlib.patches import Ellipse

    axes.set_aspect("equal")
    axes.set_axis_off()
    axes.set(xlim=(-2.06, 2.06), ylim=(-1.04, 1.04))
    for line in graticule():
        axes.plot(*_xy(*zip(*line, strict=True)), color="#cccccc", lw=0.6, zorder=0)
    for line in plane_lines():
        axes.plot(*_xy(*zip(*line, strict=True)), **GALACTIC_BAND, zorder=0.2)
    axes.add_patch(Ellipse((0, 0), 4, 2, fill=False, ec=INK, lw=1.0, zorder=5))
    for text, at in grid_labels():
        x, y = _xy(*at)
        style = {"fontsize": 7.5, "color": "#666666", "ha": "center", "va": "center"}
        write(axes, x, y, text, **style, zorder=1, bbox=BEHIND)


def _xy(lon_deg: Any, dec_deg: Any) -> Any:
    return mollweide(lon_deg, dec_deg)


def _size(one: Drawn) -> float:
    """Return how large the newest region is, so that large ones are drawn first."""
    return size_deg(last_place(one))


def _draw_event(axes: Axes, one: Drawn) -> None:
    for shape in shapes_of(one):
        _region(axes, shape, fill=shape.look.is_filled and not one.is_retracted)
        _marker(axes, shape.place, shape.style.marker, shape.style.colour, alpha=shape.look.opacity)
    for a, b in pairwise(one.places):
        _arrow(axes, a, b)
    if one.is_retracted:
        _marker(axes, last_place(one), "x", INK, markersize=11, mew=1.8)


def _region(axes: Axes, shape: Shape, *, fill: bool) -> None:
    from matplotlib.patches import PathPatch

    points = SMALL_POINTS if size_deg(shape.place) < SMALL_DEG else REGION_POINTS
    ring = ring_of(shape.place, points)
    if ring is None:
        return
    edge = (*rgb(shape.style.colour), shape.look.opacity)
    face = (*rgb(shape.style.colour), 0.3) if fill else "none"
    path = closed_path(cut_ring(ring))
    axes.add_patch(PathPatch(path, fc=face, ec=edge, lw=1.0, zorder=2, label="region"))


def closed_path(rings: Iterable[Sequence[Point]]) -> Any:
    """Return one path of rings, projected."""
    import numpy as np
    from matplotlib.path import Path

    paths = []
    for ring in rings:
        points = np.column_stack(mollweide(*np.array([*ring, ring[0]]).T))
        codes = [Path.MOVETO, *[Path.LINETO] * (len(points) - 2), Path.CLOSEPOLY]
        paths.append(Path(points, codes))
    return Path.make_compound_path(*paths)


def _marker(axes: Axes, place: Localization, marker: str, colour: str, **more: Any) -> None:
    x, y = _xy(*point_of(place))
    style = {"mec": colour, "mfc": "none", "markersize": 6, "mew": 1.2, "zorder": 4, "alpha": 1.0}
    axes.plot([x], [y], ls="none", marker=marker, **(style | more))


def _arrow(axes: Axes, a: Localization, b: Localization) -> None:
    """Join an older place with a newer one, along the great circle."""
    if separation_deg(a, b) < ARROW_DEG:
        return
    pieces = [
        _xy(*zip(*piece, strict=True)) for piece in cut_line(great_circle(point_of(a), point_of(b)))
    ]
    for x, y in pieces:
        axes.plot(x, y, color=INK, lw=0.9, zorder=4)
    x, y = pieces[-1]
    arrow = {"arrowstyle": "->", "color": INK, "lw": 0.9, "shrinkA": 0, "shrinkB": 2}
    axes.annotate("", (x[-1], y[-1]), (x[-2], y[-2]), arrowprops=arrow, zorder=4)


def _body(axes: Axes, name: str, at: Any) -> None:
    for marker, size in (("o", 9), (".", 3)) if name == "Sun" else ((_crescent(), 11),):
        face = "none" if marker == "o" else INK
        axes.plot(*at, marker=marker, markersize=size, mec=INK, mfc=face, ls="none", zorder=4)


def _crescent() -> Any:
    """Return the Moon as a marker."""
    import numpy as np
    from matplotlib.path import Path

    outer, inner = np.linspace(0.6, 5.68, 24), np.linspace(5.3, 0.98, 24)
    rim = np.column_stack((np.cos(outer), np.sin(outer)))
    bite = np.column_stack((0.38 + 0.8 * np.cos(inner), 0.72 * np.sin(inner)))
    return Path(np.vstack((rim, bite, rim[:1])))


def _grid() -> Any:
    import numpy as np

    return np.meshgrid(np.linspace(-2, 2, 1001), np.linspace(-1, 1, 501))


def _heading(events: Sequence[Drawn]) -> str:
    if len(events) == 1:
        return heading_of(events[0])
    times = sorted(one.time for one in events if one.time is not None)
    span = f", {times[0]:%Y-%m-%d} to {times[-1]:%Y-%m-%d}" if times else ""
    return f"{len(events)} events{span}"


def _map_legend(
    axes: Axes, events: Sequence[Drawn], sky: Sequence[str], skymap: Pixels | None
) -> None:
    counts = Counter(one.kind for one in events)
    handles = [
        entry(
            short_name(kind) + (f" ({count})" if len(events) > 1 else ""),
            style_of(kind).marker,
            color=style_of(kind).colour,
        )
        for kind, count in counts.most_common()
    ]
    handles.append(entry("Galactic plane", linestyle="-", **GALACTIC_BAND))
    if any(len(one.places) > 1 for one in events):
        handles.append(entry("older position (faint)", "o", color=FAINT))
    if len(events) == 1:
        handles += [entry(f"neutrino {n}", ".") for n in events[0].numbers[:NAMES_UP_TO]]
    elif any(one.neutrinos for one in events):
        handles.append(entry("coincident neutrino", "."))
    if any(one.is_retracted for one in events):
        handles.append(entry("retracted", "x", mew=1.8, markersize=8))
    if sky:
        handles += [entry("Sun", "o"), entry("Moon", _crescent(), markerfacecolor=INK)]
    if skymap is not None:
        handles += skymap_entries(skymap)
    legend(axes, handles, loc="upper center", bbox_to_anchor=(0.5, 0.005), ncols=5)


def _map_caption(events: Sequence[Drawn], with_bodies: bool) -> Iterator[str]:
    yield "Mollweide projection (equal area), ICRS (J2000); right ascension grows to the left."
    yield containments([place for one in events for place in (*one.places, *one.neutrinos)])
    if with_bodies:
        yield "Sun and Moon as seen from the centre of the Earth at the time of the event."


def containments(places: Iterable[Localization]) -> str:
    """Say at which containment the regions are drawn."""
    found: Counter[str] = Counter()
    for place in places:
        if ring_of(place, 8) is not None:
            c = place.containment
            found["not stated" if c is None else f"{c * 100:.3g} %"] += 1
    if not found:
        return "No error region is stated."
    texts = [f"{text} ({count})" if len(found) > 1 else text for text, count in found.most_common()]
    return f"Error regions at the containment that each notice states: {', '.join(texts)}."
