"""The finder: what lies around one alert, with matplotlib."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from icecube_hooks import Record
from icecube_plugin.sky.directions import moved_deg
from icecube_plugin.sky.projections import tangent

from ._events import STYLES, Field, Shape, field_of
from ._figure import (
    INK,
    NAMES_UP_TO,
    Axes,
    caption,
    contour_entries,
    contours,
    entry,
    legend,
    new_figure,
    rgb,
)
from ._svg import tick_step

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from icecube_plugin.sky import Pixels
    from icecube_plugin.sky.projections import Floats

__all__ = ["finder"]


def finder(
    record: Record, *, others: Iterable[Record] = (), skymap: Pixels | None = None
) -> Figure:
    """Draw the surroundings of one alert.

    Parameters
    ----------
    record : Record
        The notice in the centre.
    others : iterable of Record
        More notices: other revisions of the event, and what else lies in the field.
    skymap : SkyMap or LikelihoodScan, optional
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
                fc=(*rgb(style.colour), 0.12), ec=style.colour, lw=1.0 if faint else 1.6,
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


def _finder_contours(axes: Axes, field: Field, skymap: Pixels) -> None:
    import numpy as np

    line = np.linspace(-field.half_deg, field.half_deg, 401)
    east, north = np.meshgrid(line, line)
    angle, distance = np.degrees(np.arctan2(east, north)), np.hypot(east, north)
    ra, dec = moved_deg(field.centre.ra_deg, field.centre.dec_deg, angle, distance)
    contours(axes, east, north, skymap.credible_level(ra, dec))
