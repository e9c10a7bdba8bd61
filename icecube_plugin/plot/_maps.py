"""The all-sky map and the finder, with matplotlib."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from icecube_hooks import Localization, Record
from icecube_plugin.astro._regions import offset_deg
from icecube_plugin.significance import separation_deg

from ._light import graticule, grid_labels, plane_lines, tick_step
from ._paper import FAINT, INK, Axes, caption, entry, legend, new_figure, title, write
from ._scene import (
    STYLES,
    Drawn,
    Field,
    Shape,
    bodies,
    drawn,
    field_of,
    point_of,
    ring_of,
    size_deg,
)
from ._sphere import (
    Point,
    cut_line,
    cut_ring,
    great_circle,
    mollweide,
    mollweide_inverse,
    tangent,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from icecube_plugin.astro import SkyMap

    from ._sphere import Floats

__all__ = ["finder", "sky_map"]

REGION_POINTS, SMALL_POINTS, SMALL_DEG = 180, 60, 5.0
"""How many points an outline has, and how many that of a small region, for small files."""
ARROW_DEG: Final = 2.0
"""Moves shorter than this have no arrow: the markers hide them."""
NAMES_UP_TO: Final = 12
LEVELS: Final = (0.5, 0.9)


def sky_map(
    records: Iterable[Record],
    *,
    title: str | None = None,
    tests: bool = False,
    skymap: SkyMap | None = None,
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
    skymap : SkyMap, optional
        Its 50 and 90 % contours are drawn.

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
    figure = new_figure(9.0, 5.7)
    events = drawn(records, tests=tests)
    axes = figure.add_axes((0.02, 0.19, 0.96, 0.74))
    _set_up(axes)
    for one in sorted(events, key=_size, reverse=True):
        _draw_event(axes, one, named=len(events) <= NAMES_UP_TO)
    sky = bodies(events[0].time) if len(events) == 1 else ()
    for name, at in sky:
        _body(axes, name, _xy(*point_of(at)))
    if skymap is not None:
        _map_contours(axes, skymap)
    heading = title if title is not None else _heading(events)
    _title(axes, heading)
    _map_legend(axes, events, [name for name, _ in sky], skymap is not None)
    caption(figure, _map_caption(events, bool(sky)))
    return figure


_title = title


def _set_up(axes: Axes) -> None:
    """Draw what is the same on every map."""
    from matplotlib.patches import Ellipse

    axes.set_aspect("equal")
    axes.set_axis_off()
    axes.set(xlim=(-2.06, 2.06), ylim=(-1.04, 1.04))
    for line in graticule():
        axes.plot(*_xy(*zip(*line, strict=True)), color="#cccccc", lw=0.6, zorder=0)
    for line in plane_lines():
        axes.plot(*_xy(*zip(*line, strict=True)), color=INK, lw=0.9, ls=(0, (5, 3)), zorder=1)
    axes.add_patch(Ellipse((0, 0), 4, 2, fill=False, ec=INK, lw=1.0, zorder=5))
    for text, at in grid_labels():
        x, y = _xy(*at)
        write(axes, x, y, text, fontsize=7.5, color="#666666", ha="center", va="center", zorder=1)


def _xy(lon_deg: Any, dec_deg: Any) -> Any:
    return mollweide(lon_deg, dec_deg)


def _size(one: Drawn) -> float:
    """Return how large the newest region is, so that large ones are drawn first."""
    return size_deg((*one.neutrinos[:1], *one.places)[-1])


def _draw_event(axes: Axes, one: Drawn, *, named: bool) -> None:
    style = STYLES[one.kind]
    for place in one.places[:-1]:
        _region(axes, place, style.colour, alpha=0.45, fill=False)
        _marker(axes, place, style.marker, style.colour, alpha=0.45)
    for a, b in pairwise(one.places):
        _arrow(axes, a, b)
    for place in one.neutrinos:
        _region(axes, place, style.colour, alpha=0.8, fill=False)
        _marker(axes, place, ".", style.colour)
    for place in one.places[-1:]:
        _region(axes, place, style.colour, alpha=None, fill=not one.is_retracted)
        _marker(axes, place, style.marker, style.colour)
    place = (*one.neutrinos[:1], *one.places)[-1]
    if one.is_retracted:
        _marker(axes, place, "x", INK, markersize=11, mew=1.8)
    if named:
        x, y = _xy(*point_of(place))
        beside = {"xytext": (6 if x < 1.2 else -6, 6), "ha": "left" if x < 1.2 else "right"}
        axes.annotate(
            one.label, (x, y), textcoords="offset points", fontsize=7, color=INK, zorder=7,
            parse_math=False, **beside,
        )  # fmt: skip


def _region(
    axes: Axes, place: Localization, colour: str, *, alpha: float | None, fill: bool
) -> None:
    from matplotlib.patches import PathPatch

    ring = ring_of(place, SMALL_POINTS if size_deg(place) < SMALL_DEG else REGION_POINTS)
    if ring is None:
        return
    face = (*_rgb(colour), 0.3) if fill else "none"
    path = closed_path(cut_ring(ring))
    axes.add_patch(
        PathPatch(path, fc=face, ec=colour, lw=1.0, alpha=alpha, zorder=2, label="region")
    )


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
    for marker, size in (("o", 9), (".", 3)) if name == "sun" else ((_crescent(), 11),):
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


def _map_contours(axes: Axes, skymap: SkyMap) -> None:
    import numpy as np

    x, y = np.meshgrid(np.linspace(-2, 2, 1001), np.linspace(-1, 1, 501))
    lon, dec = mollweide_inverse(x, y)
    _contours(axes, x, y, skymap.credible_level(180.0 - lon, dec))


def _contours(axes: Axes, x: Floats, y: Floats, level: Floats) -> None:
    styles = {"linewidths": 1.2, "linestyles": [":", "-"], "colors": [INK], "zorder": 4}
    axes.contour(x, y, level, levels=list(LEVELS), **styles)


def _heading(events: Sequence[Drawn]) -> str:
    if len(events) > 1:
        times = sorted(one.time for one in events if one.time is not None)
        span = f", {times[0]:%Y-%m-%d} to {times[-1]:%Y-%m-%d}" if times else ""
        return f"{len(events)} events{span}"
    (one,) = events
    when = "" if one.time is None else f", {one.time:%Y-%m-%d %H:%M:%S} UTC"
    return f"{one.label}: {STYLES[one.kind].label}{'' if one.is_real else ' (NOT REAL)'}{when}"


def _map_legend(axes: Axes, events: Sequence[Drawn], sky: Sequence[str], with_skymap: bool) -> None:
    counts = Counter(one.kind for one in events)
    handles = [
        entry(
            f"{style.label} ({counts[kind]})" if len(events) > 1 else style.label,
            style.marker,
            color=style.colour,
        )
        for kind, style in STYLES.items()
        if counts[kind]
    ]
    handles.append(entry("Galactic plane", linestyle=(0, (5, 3)), lw=0.9))
    if any(len(one.places) > 1 for one in events):
        handles.append(entry("older position (faint)", "o", color=FAINT))
    if any(one.neutrinos for one in events):
        handles.append(entry("coincident neutrino", "."))
    if any(one.is_retracted for one in events):
        handles.append(entry("retracted", "x", mew=1.8, markersize=8))
    if sky:
        handles += [entry("Sun", "o"), entry("Moon", _crescent(), markerfacecolor=INK)]
    if with_skymap:
        handles += contour_entries()
    legend(axes, handles, loc="upper center", bbox_to_anchor=(0.5, 0.005), ncols=5)


def contour_entries() -> list[Any]:
    """Return the legend of a sky map's contours."""
    return [
        entry(f"sky map, {level:.0%}".replace("%", " %"), linestyle=style, lw=1.2)
        for level, style in zip(LEVELS, (":", "-"), strict=True)
    ]


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


def finder(
    record: Record, *, others: Iterable[Record] = (), skymap: SkyMap | None = None
) -> Figure:
    """Draw the surroundings of one alert.

    Parameters
    ----------
    record : Record
        The notice in the centre.
    others : iterable of Record
        More notices: other revisions of the event, and what else lies in the field.
    skymap : SkyMap, optional
        Its 50 and 90 % contours are drawn.

    Returns
    -------
    matplotlib.figure.Figure
        Offsets on the sky from the position, azimuthal equidistant, north up, east left. Solid
        regions are stated; dashed ones are scaled to 50 or 90 % as for a two-dimensional Gaussian.

    Raises
    ------
    PlotError
        If the event has no position.
    ConfigError
        If matplotlib is not installed.
    """
    figure = new_figure(7.6, 6.1)
    field = field_of(record, others)
    axes = figure.add_axes((0.1, 0.16, 0.56, 0.698))
    _frame(axes, field)
    for shape in field.shapes:
        _draw_shape(axes, shape)
    if field.is_retracted:
        axes.plot([0], [0], "x", color=INK, markersize=14, mew=2.2, zorder=6)
    if skymap is not None:
        _finder_contours(axes, field, skymap)
    handles = [*_finder_entries(field), *(contour_entries() if skymap is not None else ())]
    legend(axes, handles, loc="upper left", bbox_to_anchor=(1.13, 1.0))
    place = field.centre
    doubts = " (NOT REAL)" * (not field.is_real) + " (RETRACTED)" * field.is_retracted
    heading = f"{field.label}{doubts}: RA {place.ra_deg:.2f}°, Dec {place.dec_deg:+.2f}°"
    figure.suptitle(heading, x=0.38, y=0.97, fontsize=10, color=INK, parse_math=False)
    caption(figure, _finder_caption(field))
    return figure


def _finder_caption(field: Field) -> Iterator[str]:
    place = field.centre
    yield "ICRS (J2000); offsets on the sky, azimuthal equidistant around the position; north up,"
    yield "east left."
    if any(shape.role == "scaled" for shape in field.shapes):
        yield "Dashed region: not stated but scaled as a circular 2-D Gaussian,"
        yield "r ~ sqrt(-ln(1 - containment)); IceCube's contours are wider in the tails."
    if place.asymmetric is not None:
        yield "A box bounds the contour: it holds at least what is stated."
    if place.systematic_included is not None:
        yield f"Systematic errors are {'' if place.systematic_included else 'not '}included."


def _frame(axes: Axes, field: Field) -> None:
    """Set up the axes of a finder, with right ascension and declination as faint lines."""
    half = field.half_deg
    axes.set_aspect("equal")
    axes.set(xlim=(half, -half), ylim=(-half, half))
    axes.set_xlabel("offset east [deg]", fontsize=8)
    axes.set_ylabel("offset north [deg]", fontsize=8)
    axes.tick_params(labelsize=7.5, direction="in")
    for name, lines in zip(("ra", "dec"), _coordinate_lines(field), strict=True):
        ticks = []
        for text, (east, north) in lines:
            axes.plot(east, north, color="#d8d8d8", lw=0.6, zorder=0)
            ticks.append(
                (
                    text,
                    _crossing(east, north, half) if name == "ra" else _crossing(north, -east, half),
                )
            )
        _second_axis(axes, name, [(text, at) for text, at in ticks if at is not None])


def _second_axis(axes: Axes, name: str, ticks: Sequence[tuple[str, float]]) -> None:
    other: Any = axes.secondary_xaxis("top") if name == "ra" else axes.secondary_yaxis("right")
    other.set_ticks([at for _, at in ticks], labels=[text for text, _ in ticks])
    other.tick_params(labelsize=7.5, direction="in", length=0)
    label = "right ascension [deg]" if name == "ra" else "declination [deg]"
    (other.set_xlabel if name == "ra" else other.set_ylabel)(label, fontsize=8)


def _coordinate_lines(field: Field) -> Any:
    """Return meridians and parallels near the centre: text and offsets."""
    import numpy as np

    half, place = field.half_deg * 1.45, field.centre
    step = tick_step(field.half_deg)
    low, high = max(place.dec_deg - half, -90.0), min(place.dec_deg + half, 90.0)
    shrink = math.cos(math.radians(min(max(abs(low), abs(high)), 89.0)))
    wide = min(half / shrink, 180.0)
    ra_step = next(
        (s for s in (step, 2 * step, 5 * step, 10.0, 15.0, 30.0, 45.0) if wide / s < 9), 60.0
    )

    def flat(ra: Any, dec: Any) -> Any:
        return tangent(ra, dec, place.ra_deg, place.dec_deg)

    first = math.ceil((place.ra_deg - wide) / ra_step) * ra_step
    ras = np.arange(first, place.ra_deg + wide, ra_step)
    decs = np.arange(math.ceil(low / step) * step, high, step)
    turn, line = (
        np.linspace(place.ra_deg - wide, place.ra_deg + wide, 121),
        np.linspace(low, high, 61),
    )
    meridians = [(f"{ra % 360:g}", flat(np.full_like(line, ra), line)) for ra in ras]
    parallels = [(f"{dec:+g}" if dec else "0", flat(turn, np.full_like(turn, dec))) for dec in decs]
    return meridians, parallels


def _crossing(along: Floats, across: Floats, half: float) -> float | None:
    """Return `along` where `across` first reaches the edge of the frame inside of it."""
    import numpy as np

    hits = np.flatnonzero(np.diff(np.sign(across - half)) != 0)
    for hit in hits:
        share = (half - across[hit]) / (across[hit + 1] - across[hit])
        found = float(along[hit] + share * (along[hit + 1] - along[hit]))
        if abs(found) < half:
            return found
    return None


def _draw_shape(axes: Axes, shape: Shape) -> None:
    import numpy as np
    from matplotlib.patches import Polygon

    style = STYLES[shape.kind]
    faint = shape.role in ("older", "other", "neutrino")
    if shape.outline is not None:
        axes.add_patch(
            Polygon(
                np.column_stack(shape.outline), closed=True, fill=shape.role == "stated",
                fc=(*_rgb(style.colour), 0.12), ec=style.colour, lw=1.0 if faint else 1.6,
                ls="--" if shape.role in ("scaled", "older") else "-",
                alpha=0.6 if faint else None, zorder=2 if faint else 3, label=shape.label,
            )
        )  # fmt: skip
    if shape.role != "scaled":
        marker = "." if shape.role == "neutrino" else style.marker
        look = {"mec": style.colour, "mfc": "none", "alpha": 0.6 if faint else 1.0}
        axes.plot(*([x] for x in shape.centre), marker=marker, ls="none", zorder=4, **look)
    if shape.role == "other":
        across = shape.centre[0] / axes.get_ylim()[1]
        side = "right" if across < -0.6 else "left" if across > 0.6 else "center"
        axes.annotate(
            shape.label, shape.centre, xytext=(0, -5), textcoords="offset points", fontsize=6.5,
            color=INK, ha=side, va="top", annotation_clip=True, clip_on=True, parse_math=False,
        )  # fmt: skip


def _rgb(colour: str) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    return to_rgb(colour)


def _finder_entries(field: Field) -> list[Any]:
    """Return the legend: each shape once, the event's own first; neighbours bear their names."""
    seen: dict[str, Any] = {}
    for shape in reversed(field.shapes):
        if shape.role == "other":
            continue
        style = STYLES[shape.kind]
        dashed = shape.role in ("scaled", "older")
        line = "none" if shape.outline is None else "--" if dashed else "-"
        marker = {"scaled": "", "neutrino": "."}.get(shape.role, style.marker)
        handle = entry(shape.label, marker, color=style.colour, linestyle=line, lw=1.2)
        seen.setdefault(shape.label, handle)
    if field.is_retracted:
        seen["retracted"] = entry("retracted", "x", mew=2, markersize=8)
    return list(seen.values())[:NAMES_UP_TO]


def _finder_contours(axes: Axes, field: Field, skymap: SkyMap) -> None:
    import numpy as np

    line = np.linspace(-field.half_deg, field.half_deg, 401)
    east, north = np.meshgrid(line, line)
    angle, distance = np.degrees(np.arctan2(east, north)), np.hypot(east, north)
    ra, dec = offset_deg(field.centre.ra_deg, field.centre.dec_deg, angle, distance)
    _contours(axes, east, north, skymap.credible_level(ra, dec))
