"""Names beside points: none on another; those far from their point have a line to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from ._figure import FAINT, INK, Axes

__all__ = ["BEHIND", "place_names"]

DIRECTIONS: Final = (
    *((1.0, 0.7), (-1.0, 0.7), (1.0, -0.9), (-1.0, -0.9)),
    *((0.0, 1.3), (0.0, -1.5), (1.4, 0.0), (-1.4, 0.0)),
)
DISTANCES: Final = (6, 14, 24, 36, 50, 66)
"""How far a name may stand from its point [points], near ones first."""
OFFSETS: Final = [(far * x, far * y) for far in DISTANCES for x, y in DIRECTIONS]
LEADER_FROM: Final = 20
BEHIND: Final[Any] = {"boxstyle": "square,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.75}
"""What a text stands on, so that lines under it do not strike it out."""
POINT: Final = 4
"""Half of what a marker takes [points]."""


def place_names(axes: Axes, names: Iterable[tuple[str, float, float]], size: float = 7.0) -> None:
    """Write names beside points of the axes, which have their limits."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text
    from matplotlib.transforms import Bbox

    found = list(names)
    canvas: Any = FigureCanvasAgg(axes.figure)
    scale = axes.figure.dpi / 72
    at = [axes.transData.transform((x, y)) for _, x, y in found]
    taken = [Bbox([point - POINT * scale, point + POINT * scale]) for point in at]
    for (text, x, y), point in zip(found, at, strict=True):
        label: Any = axes.annotate(
            text, (x, y), xytext=(0, 0), textcoords="offset points", fontsize=size, color=INK,
            zorder=7, parse_math=False, ha="center", va="center", annotation_clip=False,
            bbox=BEHIND,
        )  # fmt: skip
        size_px = Text.get_window_extent(label, canvas.get_renderer()).size
        boxes = [_beside(point, size_px, x * scale, y * scale) for x, y in OFFSETS]
        costs = [_cost(box, taken, axes.bbox) for box in boxes]
        box = boxes[costs.index(min(costs))]
        taken.append(box.padded(1))
        middle = (box.min + box.max) / 2
        label.set_position((middle - point) / scale)
        end = point.clip(box.min, box.max)
        if abs(end - point).max() > LEADER_FROM * scale:
            line = axes.transData.inverted().transform([point, end])
            axes.plot(*line.T, color=FAINT, lw=0.6, zorder=6, scalex=False, scaley=False)


def _beside(point: Any, size: Any, x: float, y: float) -> Any:
    """Return the box of a name whose nearest edge is an offset away from its point."""
    from matplotlib.transforms import Bbox

    width, height = size
    left = point[0] + x - width * (0.5 - 0.5 * ((x > 0) - (x < 0)))
    return Bbox.from_bounds(left, point[1] + y - height / 2, width, height)


def _cost(box: Any, taken: Iterable[Any], frame: Any) -> int:
    """Count what a name stands on; the edge of the frame is worst."""
    is_out = box.x0 < frame.x0 or box.x1 > frame.x1 or box.y0 < frame.y0 or box.y1 > frame.y1
    return sum(bool(box.overlaps(other)) for other in taken) + (5 if is_out else 0)
