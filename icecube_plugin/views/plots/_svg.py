"""Small SVG maps for web pages, written directly: a few ms and kB each, no matplotlib.

They stand inside of an HTML page as they are. Lines and text have the page's colour
(``currentColor``), so that dark pages work; there is no style element, script, id or reference.
Classes to style: ``icecube-map``, ``grid``, ``edge``, ``plane``, ``body``, ``label``, ``stated``,
``older``, ``scaled``, ``neutrino``, ``other``, ``retracted``, ``skymap``, and ``k-gold``,
``k-cascade`` ... by kind.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final
from xml.sax.saxutils import escape

from icecube_hooks import AlertKind, Direction, Localization, Record
from icecube_plugin.sky import separation_deg
from icecube_plugin.sky.directions import moved_deg
from icecube_plugin.sky.observing import sun_and_moon
from icecube_plugin.sky.projections import (
    CENTRE_RA_DEG,
    Point,
    cut_line,
    cut_ring,
    galactic_plane,
    great_circle,
    map_lon,
    mollweide,
    mollweide_inverse,
)

from ._events import (
    Drawn,
    Field,
    Shape,
    drawn,
    field_of,
    heading_of,
    last_place,
    point_of,
    ring_of,
    shapes_of,
    size_deg,
    style_of,
)

if TYPE_CHECKING:
    from icecube_plugin.sky.skymaps import Pixels

__all__ = ["svg_finder", "svg_map", "svg_marker"]

UNIT: Final = 1000
"""Units of the drawing per unit of the map's plane: all coordinates are whole numbers."""

MAP_ROWS: Final = 125
"""Rows of the grid on which the region of a sky map is drawn."""

SHORT_DEG: Final = 6.0
"""Moves shorter than this have no arrow: the markers hide them."""

CONVENTION: Final = (
    "Mollweide projection, ICRS; right ascension grows to the left. "
    "Grey band: Galactic plane. Error regions at the containment that the notice states."
)
FINDER_CONVENTION: Final = (
    "Offsets on the sky from the position in degrees (ICRS, azimuthal equidistant); "
    "north up, east left. Solid: stated. Dashed: scaled as a 2-D Gaussian."
)

_MARKERS: Final = {
    "o": "m-34 0a34 34 0 1 0 68 0a34 34 0 1 0-68 0z",
    "s": "m-30-30h60v60h-60z",
    "D": "m0-42l42 42-42 42-42-42z",
    "^": "m0-40l40 70h-80z",
    "v": "m0 40l40-70h-80z",
    "<": "m-40 0l70-40v80z",
    ">": "m40 0l-70-40v80z",
    "p": "m0-40l38 28-14 44h-48l-14-44z",
    "P": "m-13-40h26v27h27v26h-27v27h-26v-27h-27v-26h27z",
    "h": "m0-40l35 20v40l-35 20-35-20v-40z",
    "*": "m0-48l12 32 34 1-27 22 9 33-28-19-28 19 9-33-27-22 34-1z",
    ".": "m-14 0a14 14 0 1 0 28 0a14 14 0 1 0-28 0z",
    "x": "m-60-60l120 120m0-120l-120 120",
}


def svg_map(
    records: Record | Iterable[Record],
    *,
    with_bodies: bool = True,
    pages: Mapping[str, str] | None = None,
    skymap: Pixels | None = None,
) -> str:
    """Return an all-sky map as an ``<svg>`` element to stand in an HTML page.

    Parameters
    ----------
    records : Record or iterable of Record
        One notice, the notices of one event (its moves are joined), or a season.
    with_bodies : bool
        Draw Sun and Moon at the time of the event, if there is one event only.
    pages : mapping of str to str, optional
        Addresses that the events link to, by their titles. Beside the map has to be a list with
        the same links: these are for the mouse.
    skymap : SkyMap or LikelihoodScan, optional
        Its 50 and 90 % regions are shaded, and the neutrinos of a search numbered.

    Raises
    ------
    PlotError
        If nothing has a position. Tests are drawn: leave them out of `records`.
    """
    events = drawn([records] if isinstance(records, Record) else records)
    alone = events[0] if len(events) == 1 else None
    title = f"{len(events)} events" if alone is None else heading_of(alone)
    time = alone.time if with_bodies and alone is not None else None
    sky = {} if time is None else sun_and_moon(time)
    parts = [
        _background(),
        *(() if skymap is None else _sky_shades(skymap)),
        *(_body(name, at) for name, at in sky.items()),
    ]
    parts += [part for one in events for part in _linked(one, pages or {})]
    parts += [] if alone is None else [_numbers_on_sky(alone)]
    role = "group" if pages else "img"
    return _svg("-2080 -1080 4160 2160", f"Sky map: {title}", CONVENTION, parts, role)


def _numbers_on_sky(one: Drawn) -> str:
    at = [_flat([point_of(place)])[0] for place in one.neutrinos]
    numbers = zip(one.numbers, at, strict=True)
    return _labels(((text.partition(":")[0], x + 60, y - 30) for text, (x, y) in numbers), 70)


def _linked(one: Drawn, pages: Mapping[str, str]) -> Iterator[str]:
    page = pages.get(one.label)
    yield "" if page is None else f'<a href="{escape(page)}" tabindex="-1">'
    yield from _event(one)
    yield "" if page is None else "</a>"


def svg_marker(kind: AlertKind | None) -> str:
    """Return the marker of a kind as a small ``<svg>`` element, for a legend.

    ``None`` is the cross of what was retracted.
    """
    if kind is None:
        style, marker = 'stroke="currentColor"', _marker((0, 0), "x", "retracted")
    else:
        look = style_of(kind)
        style = f'class="k-{escape(kind)}" stroke="{look.colour}"'
        marker = _marker((0, 0), look.marker)
    box = 'viewBox="-60 -60 120 120" aria-hidden="true" fill="none" stroke-width="10"'
    return f'<svg class="marker" {box}><g {style}>{marker}</g></svg>'


def svg_finder(
    record: Record, *, others: Iterable[Record] = (), skymap: Pixels | None = None
) -> str:
    """Return a zoom on one alert as an ``<svg>`` element, see `icecube_plugin.views.plots.finder`.

    Raises
    ------
    PlotError
        If the event has no position.
    """
    field = field_of(record, others, skymap)
    scale = UNIT / field.half_deg
    shapes = "".join(_shape(field, shape, scale) for shape in field.shapes)
    cross = _marker((0, 0), "x", "retracted") if field.event.is_retracted else ""
    inside = 'x="-1000" y="-1000" width="2000" height="2000" viewBox="-1000 -1000 2000 2000"'
    shades = "" if skymap is None else "".join(_shades(field, skymap))
    parts = [_frame(field), f"<svg {inside}>{shades}{shapes}{cross}</svg>"]  # the inner one clips
    return _svg(
        "-1180 -1030 2250 2250", f"Finder: {heading_of(field.event)}", FINDER_CONVENTION, parts
    )


def _svg(box: str, title: str, text: str, parts: Iterable[str], role: str = "img") -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="icecube-map" viewBox="{box}" role="{role}"'
        ' fill="none" stroke="currentColor" stroke-width="8" fill-opacity=".3" fill-rule="evenodd">'
        f"<title>{escape(title)}</title><desc>{escape(text)}</desc>{''.join(parts)}</svg>"
    )


@cache
def _background() -> str:
    """Return grid, edge, labels and Galactic plane: the same in every map."""
    grid = "".join(_path(line) for line in graticule())
    plane = "".join(_path(line) for line in plane_lines())
    return (
        f'<path class="grid" stroke-opacity=".25" d="{grid}"/>'
        '<ellipse class="edge" rx="2000" ry="1000"/>'
        f'<path class="plane" stroke-opacity=".15" stroke-width="60" d="{plane}"/>'
        + _labels((text, *_flat([at])[0]) for text, at in grid_labels())
    )


def graticule() -> list[list[Point]]:
    """Return meridians every 60 deg and parallels every 30 deg."""
    meridians = [[(lon, float(dec)) for dec in range(-90, 91, 6)] for lon in GRID_LON]
    return [*meridians, *([(-180.0, dec), (180.0, dec)] for dec in (-60.0, -30.0, 0.0, 30.0, 60.0))]


GRID_LON: Final = (-120.0, -60.0, 0.0, 60.0, 120.0)


def grid_labels() -> Iterator[tuple[str, Point]]:
    """Yield the texts of the grid with their places."""
    yield from ((f"{180 - lon:.0f}°", (lon, -7.0)) for lon in GRID_LON)
    yield from ((f"{dec:+d}°", (-163.0, dec - 3.0)) for dec in (-60, -30, 30, 60))


def plane_lines() -> list[list[Point]]:
    """Return the Galactic plane, cut at the edge."""
    ra, dec = galactic_plane(90)
    return cut_line(list(zip(map_lon(ra).tolist(), dec.tolist(), strict=True)))


def _labels(labels: Iterable[tuple[str, int, int]], size: int = 88) -> str:
    texts = "".join(f'<text x="{x}" y="{y}">{escape(text)}</text>' for text, x, y in labels)
    return (
        f'<g class="label" font-family="sans-serif" font-size="{size}" text-anchor="middle"'
        f' stroke="none" fill="currentColor" fill-opacity="1">{texts}</g>'
    )


def _flat(line: Sequence[Point]) -> list[tuple[int, int]]:
    """Project, to whole units, y downward."""
    import numpy as np

    x, y = mollweide(*np.array(line).T)
    return _units(x, y, UNIT)


def _units(x: object, y: object, scale: float) -> list[tuple[int, int]]:
    import numpy as np

    points = np.rint(np.array((x, y)).T * (scale, -scale)).astype(int)
    return [(across, down) for across, down in points.tolist()]


def _path(line: Sequence[Point]) -> str:
    return _steps(_flat(line))


def _steps(points: Sequence[tuple[int, int]]) -> str:
    """Return a path in relative steps, which are short; whole numbers do not add up errors."""
    (x, y), *_ = points
    steps = " ".join(f"{b[0] - a[0]} {b[1] - a[1]}" for a, b in pairwise(points) if a != b).replace(
        " -", "-"
    )
    return f"M{x} {y}l{steps or '0 0'}"


def _body(name: str, at: Direction) -> str:
    ((x, y),) = _flat([point_of(at)])
    shape = (
        f'<circle cx="{x}" cy="{y}" r="50"/><circle cx="{x}" cy="{y}" r="8" fill="currentColor"/>'
        if name == "Sun"
        else f'<path fill="currentColor" d="M{x} {y - 50}a50 50 0 1 0 0 100a62 62 0 0 1 0-100z"/>'
    )
    return f'<g class="body" fill-opacity="1"><title>{name}</title>{shape}</g>'


def _event(one: Drawn) -> Iterator[str]:
    """Yield the elements of one event: older places, neutrinos, the newest place, its moves."""
    yield f"<g><title>{escape(heading_of(one))}</title>"
    for shape in shapes_of(one):
        fill = shape.style.colour if shape.look.is_filled and not one.is_retracted else "none"
        yield _group(shape, _region(shape.place, fill) + _at(shape.place, shape.style.marker))
    yield from (_arrow(a, b) for a, b in pairwise(one.places))
    yield _at(last_place(one), "x", "retracted") if one.is_retracted else ""
    yield "</g>"


def _group(shape: Shape, content: str) -> str:
    """Return what stands for a shape, in its colour; dashed is what is scaled."""
    look = shape.look
    dash = ' stroke-dasharray="30 20"' if look.is_dashed else ""
    faint = "" if look.opacity == 1.0 else f' opacity="{look.opacity:g}"'
    colour = f'stroke="{shape.style.colour}"'
    kind = escape(shape.kind, {'"': "&quot;"})
    return f'<g class="{shape.role} k-{kind}" {colour}{dash}{faint}>{content}</g>'


def _region(place: Localization, fill: str) -> str:
    """Return the error region as a path; nothing where none is stated."""
    ring = ring_of(place, min(12 + int(8 * size_deg(place)), 96))
    if ring is None:
        return ""
    path = "".join(f"{_path(piece)}z" for piece in cut_ring(ring))
    return f'<path class="region" fill="{fill}" d="{path}"/>'


def _at(place: Localization, marker: str, css: str = "") -> str:
    return _marker(_flat([point_of(place)])[0], marker, css)


def _marker(at: tuple[int, int], marker: str, css: str = "") -> str:
    attributes = ' class="retracted" stroke="currentColor" stroke-width="16"' if css else ""
    return f'<path{attributes} d="M{at[0]} {at[1]}{_MARKERS[marker]}"/>'


def _arrow(a: Localization, b: Localization) -> str:
    """Return the way from an older place to a newer one, with a head; nothing if it is short."""
    if separation_deg(a, b) < SHORT_DEG:
        return ""
    pieces = [_flat(piece) for piece in cut_line(great_circle(point_of(a), point_of(b)))]
    path = "".join(map(_steps, pieces))
    return f'<path class="arrow" stroke="currentColor" d="{path}{_head(*pieces[-1][-2:])}"/>'


def _head(a: tuple[int, int], b: tuple[int, int]) -> str:
    """Return the two strokes of an arrow's head at b."""
    if a == b:
        return ""
    back = math.atan2(a[1] - b[1], a[0] - b[0])
    tips = [
        (b[0] + 60 * math.cos(back + turn), b[1] + 60 * math.sin(back + turn))
        for turn in (0.4, -0.4)
    ]
    (x, y), (x2, y2) = tips
    return f"M{x:.0f} {y:.0f}L{b[0]} {b[1]}L{x2:.0f} {y2:.0f}"


def _frame(field: Field) -> str:
    """Return the frame of a finder with its ticks and directions."""
    step = tick_step(field.half_deg)
    count = int(field.half_deg / step)
    ticks = [round(n * step * UNIT / field.half_deg) for n in range(-count, count + 1)]
    marks = "".join(f"M{t} 1000v-24M-1000 {t}h24" for t in ticks)
    east = [(f"{-(n - count) * step:g}", t, 1080) for n, t in enumerate(ticks)]
    north = [(f"{-(n - count) * step:g}", -1080, t + 20) for n, t in enumerate(ticks)]
    place = field.centre
    name = f"RA {place.ra_deg:.2f}°  Dec {place.dec_deg:+.2f}°  (E ← → W, offsets in deg)"
    return f'<path class="edge" d="M-1000-1000h2000v2000h-2000z{marks}"/>' + _labels(
        [*east, *north, (name, 0, 1180)], 60
    )


def tick_step(half_deg: float) -> float:
    """Return a round step that gives two to five ticks on each side."""
    return next(
        step for step in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0) if half_deg / step < 5.5
    )


def _shades(field: Field, skymap: Pixels) -> Iterator[str]:
    """Yield the 90 and the 50 % region of a sky map over the frame of a finder."""
    import numpy as np

    line, step = _rows(UNIT)
    across, down = np.meshgrid(line, line)
    east, north = -across * field.half_deg / UNIT, -down * field.half_deg / UNIT
    angle, distance = np.degrees(np.arctan2(east, north)), np.hypot(east, north)
    sky = moved_deg(field.centre.ra_deg, field.centre.dec_deg, angle, np.minimum(distance, 180.0))
    return _in_rows(line, line, step, sky, skymap)


def _sky_shades(skymap: Pixels) -> Iterator[str]:
    """Yield the same over the whole sky."""
    import numpy as np

    line, step = _rows(UNIT)
    wide, _ = _rows(2 * UNIT, step)
    lon, dec = mollweide_inverse(*(one / UNIT for one in np.meshgrid(wide, -line)))
    return _in_rows(wide, line, step, (CENTRE_RA_DEG - lon, dec), skymap)


def _rows(half: int, step: int = 2 * UNIT // MAP_ROWS) -> tuple[Any, int]:
    import numpy as np

    return np.arange(-half + step // 2, half, step), step


def _in_rows(
    across: Any, down: Any, step: int, sky: tuple[Any, Any], skymap: Pixels
) -> Iterator[str]:
    """Yield the 90 and the 50 % region of a sky map, as rows of a grid."""
    import numpy as np

    for level in (0.9, 0.5):
        edges = np.diff(np.pad(skymap.contains(*sky, level).astype(int), ((0, 0), (1, 1))))
        starts, stops = (np.argwhere(edges == sign).tolist() for sign in (1, -1))
        runs = "".join(
            f"M{across[left] - step // 2} {down[row]}h{(right - left) * step}"
            for (row, left), (_, right) in zip(starts, stops, strict=True)
        )
        yield (
            f'<path class="skymap" stroke-width="{step}" stroke-opacity=".2" d="{runs or "M0 0"}">'
            f"<title>{level:.0%} region of the sky map</title></path>"
        )


def _shape(field: Field, shape: Shape, scale: float) -> str:
    """Return a region of a finder with its marker."""
    edge, (east, north) = field.outline(shape), field.offsets(shape)
    path = ""
    if edge is not None:
        path = f'<path class="region" d="{_steps(_units(-edge[0], edge[1], scale))}z"/>'
    ((x, y),) = _units([-east], [north], scale)
    marker = _marker((x, y), shape.style.marker) if shape.look.has_marker else ""
    number = _labels([(shape.number, x + 50, y - 25)], 60) if shape.number else ""
    return _group(shape, f"<title>{escape(shape.label)}</title>{path}{marker}{number}")
