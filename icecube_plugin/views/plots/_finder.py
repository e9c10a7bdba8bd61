"""The finder: what lies around one alert, with matplotlib."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

from icecube_hooks import Localization, Record
from icecube_plugin.alerts.words import clean, containment_text, region_text
from icecube_plugin.sky.directions import moved_deg
from icecube_plugin.sky.projections import tangent

from ._events import Field, Shape, field_of, heading_of, provenance
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
    write_heading,
)
from ._labels import place_names
from ._svg import tick_step

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from icecube_plugin.sky.projections import Floats
    from icecube_plugin.sky.skymaps import Pixels

__all__ = ["finder"]

LEGEND_CHARACTERS: Final = 28
"""So many fit beside the frame in a line."""
SOURCE: Final = "#006d2c"
"""Colour of sources of catalogues."""


def finder(
    record: Record,
    *,
    others: Iterable[Record] = (),
    skymap: Pixels | None = None,
    size_in: Size = (7.6, 6.1),
) -> Figure:
    """Draw the surroundings of one alert.

    Parameters
    ----------
    record : Record
        The notice in the centre.
    others : iterable of Record
        More notices: other revisions of the event, and what else lies in the field.
    skymap : SkyMap or LikelihoodScan, optional
        It is shaded, with its 50 and 90 % contours and their areas.
    size_in : (float, float)
        Width and height [inches].

    Returns
    -------
    matplotlib.figure.Figure
        Offsets on the sky from the position, azimuthal equidistant, north up, east left. Solid
        regions are stated; dashed ones are scaled to 50 or 90 % as for a two-dimensional Gaussian.
        The frame follows the newest region; what is beyond it is named with its distance.

    Raises
    ------
    PlotError
        If the event has no position.
    ConfigError
        If matplotlib is not installed.
    """
    figure, others = new_figure(size_in), list(others)
    field = field_of(record, others, skymap)
    axes = figure.add_axes((0.1, 0.17, 0.56, 0.69))
    _frame(axes, field)
    for shape in field.shapes:
        _draw_shape(axes, field, shape)
    if field.event.is_retracted:
        axes.plot([0], [0], "x", color=INK, markersize=14, mew=2.2, zorder=6)
    if skymap is not None:
        _draw_finder_map(axes, field, skymap)
    sources = list(_sources(record, field))
    for _, east, north in sources:
        axes.plot([east], [north], "+", color=SOURCE, markersize=8, zorder=5)
    place_names(axes, (*_names(field), *sources[:NAMES_UP_TO]), 6.5)
    handles = [*_finder_entries(field), *(skymap_entries(skymap) if skymap is not None else ())]
    handles += [entry("source of a catalogue", "+", color=SOURCE)] if sources else []
    legend(axes, handles, loc="upper left", bbox_to_anchor=(1.13, 1.0))
    write_heading(figure, f"{heading_of(field.event)}\n{_place_text(field.centre)}")
    caption(figure, (*_finder_caption(field), provenance(field.story)))
    return figure


def _sources(record: Record, field: Field) -> Iterator[tuple[str, float, float]]:
    """Yield the sources that annotators have found (``data["sources"]``), inside of the frame."""
    for annotation in record.annotations:
        listed = annotation.data.get("sources")
        for one in listed if isinstance(listed, list | tuple) else ():
            if not isinstance(one, Mapping):
                continue
            name, ra, dec = (one.get(key) for key in ("name", "ra_deg", "dec_deg"))
            if isinstance(ra, int | float) and isinstance(dec, int | float):
                east, north = tangent(ra, dec, field.centre.ra_deg, field.centre.dec_deg)
                if max(abs(east), abs(north)) < field.half_deg:
                    yield clean(str(name or ""), 30), float(east), float(north)


def _place_text(place: Localization) -> str:
    """Return position and error in words."""
    parts = (region_text(place, "°"), containment_text(place.containment))
    error = ", ".join(filter(None, parts))
    return f"RA {place.ra_deg:.2f}°, Dec {place.dec_deg:+.2f}°" + (f", {error}" if error else "")


def _finder_caption(field: Field) -> Iterator[str]:
    place = field.centre
    yield "ICRS (J2000); offsets on the sky, azimuthal equidistant around the position; north up,"
    yield "east left."
    if any(shape.role == "scaled" for shape in field.shapes):
        yield "Dashed region: not stated but scaled as a circular 2-D Gaussian,"
        yield "r ~ sqrt(-ln(1 - containment)); the real contour may be wider or narrower."
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
    meridians, parallels = _coordinate_lines(field)
    for _, (east, north) in (*meridians, *parallels):
        axes.plot(east, north, color="#d8d8d8", lw=0.6, zorder=0)
    top = ((text, _crossing(east, north, half)) for text, (east, north) in meridians)
    right = ((text, _crossing(north, -east, half)) for text, (east, north) in parallels)
    _second_axis(axes, "ra", _spaced(top, 0.26 * half))
    _second_axis(axes, "dec", _spaced(right, 0.1 * half))


def _spaced(ticks: Iterable[tuple[str, float | None]], gap: float) -> list[tuple[str, float]]:
    """Return ticks that are on the axis, without those that would stand on another."""
    kept: list[tuple[str, float]] = []
    for text, at in ticks:
        if at is not None and all(abs(at - other) >= gap for _, other in kept):
            kept.append((text, at))
    return kept


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

    ras = _multiples(place.ra_deg - wide, place.ra_deg + wide, ra_step)
    decs = _multiples(low, high, step)
    turn = np.linspace(place.ra_deg - wide, place.ra_deg + wide, 121)
    line = np.linspace(low, high, 61)
    meridians = [(f"{ra % 360:g}", flat(np.full_like(line, ra), line)) for ra in ras]
    parallels = [(f"{dec:+g}" if dec else "0", flat(turn, np.full_like(turn, dec))) for dec in decs]
    return meridians, parallels


def _multiples(low: float, high: float, step: float) -> list[float]:
    """Return the multiples of a step in a range, rounded: 0 is 0, and not -2e-16."""
    first, last = math.ceil(low / step), math.floor(high / step)
    return [round(number * step, 6) for number in range(first, last + 1)]


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


def _draw_shape(axes: Axes, field: Field, shape: Shape) -> None:
    import numpy as np
    from matplotlib.patches import Polygon

    look, style, edge = shape.look, shape.style, field.outline(shape)
    if edge is not None:
        axes.add_patch(
            Polygon(
                np.column_stack(edge), closed=True, fc=(*rgb(style.colour), 0.12 * look.is_filled),
                ec=(*rgb(style.colour), look.opacity), lw=look.width, label=shape.label,
                ls="--" if look.is_dashed else "-", zorder=2 + (look.width > 1.5),
            )
        )  # fmt: skip
    if look.has_marker:
        x, y = field.offsets(shape)
        mark = {"mec": style.colour, "mfc": "none", "alpha": look.opacity, "zorder": 4}
        axes.plot([x], [y], marker=style.marker, ls="none", **mark)


def _names(field: Field) -> Iterator[tuple[str, float, float]]:
    """Yield numbers of neutrinos, and names of neighbours at a point inside of the frame."""
    for shape in field.shapes:
        if shape.number and field.is_inside(shape):
            yield shape.number, *field.offsets(shape)
        if shape.role == "other":
            inner, position = field.inner_points(shape), field.offsets(shape)
            own = inner[-1] if tuple(inner[-1]) == position else inner[len(inner) // 2]
            yield shape.label, *own


def _finder_entries(field: Field) -> list[Any]:
    """Return the legend: each shape once, the event's own first; neighbours bear their names."""
    seen: dict[str, Any] = {}
    for shape in reversed(field.shapes):
        if shape.role == "other":
            continue
        label = ", ".join(filter(None, (shape.label, field.way_to(shape))))
        line = "none" if field.outline(shape) is None else "--" if shape.look.is_dashed else "-"
        colour = (*rgb(shape.style.colour), shape.look.opacity)
        marker = shape.style.marker if shape.look.has_marker else ""
        lines = "\n".join(wrap(label, LEGEND_CHARACTERS))
        seen.setdefault(label, entry(lines, marker, color=colour, linestyle=line, lw=1.2))
    if any(shape.role == "other" for shape in field.shapes):
        seen["other"] = entry("another event, by its name", color=FAINT, linestyle="-", lw=0.8)
    if field.event.is_retracted:
        seen["retracted"] = entry("retracted", "x", mew=2, markersize=8)
    return list(seen.values())[:NAMES_UP_TO]


def _draw_finder_map(axes: Axes, field: Field, skymap: Pixels) -> None:
    import numpy as np

    line = np.linspace(-field.half_deg, field.half_deg, 401)
    east, north = np.meshgrid(line, line)
    angle, distance = np.degrees(np.arctan2(east, north)), np.hypot(east, north)
    place = moved_deg(field.centre.ra_deg, field.centre.dec_deg, angle, distance)
    draw_skymap(axes, (east, north), place, skymap)
