"""Projections, and outlines on the sphere cut at the edge of the map.

Conventions
-----------
- Maps show the sky from inside: north up, east (growing right ascension) to the left.
- The all-sky map is Mollweide's, which keeps areas, around right ascension 180 deg; its edge is
  right ascension 0. Its plane has x from -2 to 2, to the right, and y from -1 to 1.
- A ring is a closed line, the first point not repeated. Its inside is on the left of one who
  walks along it on the map.
- Map longitude is 180 deg - right ascension [deg, -180 to 180], growing to the right.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from .directions import GALACTIC, polar_deg

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float64]]
    Plane = tuple[Floats, Floats]

Point = tuple[float, float]
"""Map longitude and declination [deg]."""

CENTRE_RA_DEG: Final = 180.0
EDGE_STEP_DEG: Final = 0.5
EDGE_STEPS: Final = 8
"""At least: the edge is curved inside of a small region, too."""
NEWTON_STEPS: Final = 6


def mollweide(lon_deg: Floats, dec_deg: Floats) -> Plane:
    r"""Return the place on the map.

    With :math:`u = \pi - 2|\theta|`, the equation :math:`2\theta + \sin 2\theta = \pi \sin\delta`
    becomes :math:`u - \sin u = \pi (1 - \sin|\delta|)`, which Newton solves in a few steps from
    the solution for small u also at the poles.
    """
    import numpy as np

    lon, dec = np.asarray(lon_deg, dtype=float), np.asarray(dec_deg, dtype=float)
    c = 2 * math.pi * np.sin(np.radians(90.0 - np.abs(dec)) / 2) ** 2
    u = np.maximum(np.cbrt(6 * c), 1e-12)
    for _ in range(NEWTON_STEPS):
        u = u - (u - np.sin(u) - c) / (2 * np.sin(u / 2) ** 2)
    return lon / 90.0 * np.sin(u / 2), np.copysign(np.cos(u / 2), dec)


def mollweide_inverse(x: Floats, y: Floats) -> Plane:
    """Return map longitude and declination [deg]; NaN outside of the map."""
    import numpy as np

    with np.errstate(invalid="ignore", divide="ignore"):
        theta = np.arcsin(y)
        dec = np.degrees(np.arcsin(np.clip((2 * theta + np.sin(2 * theta)) / math.pi, -1, 1)))
        lon = np.clip(np.asarray(x) * 90.0 / np.cos(theta), -180.0, 180.0)
    outside = ~(np.abs(x) <= 2 * np.cos(theta) + 1e-9)
    return np.where(outside, np.nan, lon), np.where(outside, np.nan, dec)


def map_lon(ra_deg: Any) -> Any:
    """Return the map longitude [deg] of a right ascension; its edge is on the right."""
    return (CENTRE_RA_DEG - ra_deg + 180.0) % 360.0 - 180.0


def tangent(ra_deg: Any, dec_deg: Any, ra_0: float, dec_0: float) -> Plane:
    """Return offsets to the east and north of a centre [deg], azimuthal equidistant (ARC).

    Distances and position angles from the centre are those on the sky.
    """
    import numpy as np

    distance, angle = polar_deg(ra_deg, dec_deg, ra_0, dec_0)
    turn = np.radians(angle)
    return distance * np.sin(turn), distance * np.cos(turn)


def galactic_plane(points: int = 180) -> tuple[Floats, Floats]:
    """Return right ascension and declination [deg] once around the Galactic plane."""
    import numpy as np

    lon = np.linspace(0.0, 2 * math.pi, points)
    x, y, z = np.array(GALACTIC).T[:, :2] @ (np.cos(lon), np.sin(lon))  # the inverse: transposed
    return np.degrees(np.arctan2(y, x)) % 360.0, np.degrees(np.arctan2(z, np.hypot(x, y)))


def great_circle(a: Point, b: Point, points: int = 24) -> list[Point]:
    """Return points of the shorter way from a to b, both included, not cut."""
    (x_a, y_a, z_a), (x_b, y_b, z_b) = _vector(a), _vector(b)
    way = [step / (points - 1) for step in range(points)]
    chord = ((x_a + t * (x_b - x_a), y_a + t * (y_b - y_a), z_a + t * (z_b - z_a)) for t in way)
    between = [
        (math.degrees(math.atan2(y, x)), math.degrees(math.atan2(z, math.hypot(x, y))))
        for x, y, z in chord
    ]
    return [a, *between[1:-1], b]


def cut_line(line: Sequence[Point]) -> list[list[Point]]:
    """Cut an open line where it leaves the map on one side and comes back on the other."""
    pieces: list[list[Point]] = [[line[0]]]
    for a, b in pairwise(line):
        if _crosses(a, b):
            leaving, coming = _at_edge(a, b)
            pieces[-1].append(leaving)
            pieces.append([coming])
        pieces[-1].append(b)
    return pieces


def cut_ring(ring: Sequence[Point]) -> list[list[Point]]:
    """Cut the area inside of a ring at the edge of the map.

    Returns
    -------
    list of rings
        To be filled by the even-odd rule. What crosses right ascension 0 becomes two rings, what
        holds a pole has part of the edge in it.
    """
    start = next((index for index, step in enumerate(_steps(ring)) if _crosses(*step)), None)
    if start is None:
        whole = [] if _signed_area(ring) >= 0 else [_along_edge(0.0, 360.0)]
        return [*whole, list(ring)]
    turned = [*ring[start + 1 :], *ring[: start + 1]]
    *pieces, rest = cut_line([*turned, turned[0]])
    pieces[0].insert(0, rest[0])
    return list(_joined(pieces))


def _joined(pieces: list[list[Point]]) -> Iterator[list[Point]]:
    """Join pieces that run from edge to edge, walking along the edge with inside on the left."""
    waiting = dict(enumerate(pieces))
    while waiting:
        first = next(iter(waiting))
        ring = waiting.pop(first)
        start = _edge_place(ring[0])
        while True:
            here = _edge_place(ring[-1])
            ways = {n: (_edge_place(piece[0]) - here) % 360.0 for n, piece in waiting.items()}
            nearest = min(ways, key=ways.__getitem__, default=None)
            if nearest is None or (start - here) % 360.0 <= ways[nearest]:
                yield ring + _along_edge(here, here + (start - here) % 360.0)
                break
            ring += _along_edge(here, here + ways[nearest]) + waiting.pop(nearest)


def _edge_place(point: Point) -> float:
    """Return the place on the edge: 0 to 180 up on the right, to 360 down on the left."""
    lon, dec = point
    return dec + 90.0 if lon > 0 else 270.0 - dec


def _along_edge(start: float, stop: float) -> list[Point]:
    """Return points of the edge between two places, both left out, even on the drawn ellipse."""
    first, last = _ellipse_angle(start), _ellipse_angle(stop)
    count = max(math.ceil((last - first) / EDGE_STEP_DEG), EDGE_STEPS)
    angles = (first + (last - first) * step / count for step in range(1, count))
    return [_edge_point(angle % 360.0) for angle in angles]


def _ellipse_angle(place: float) -> float:
    """Return how far a place is along the drawn ellipse [deg], from its lowest point."""
    import numpy as np

    turns, rest = divmod(place, 360.0)
    _, y = mollweide(np.array(0.0), np.array(rest - 90.0 if rest < 180.0 else 270.0 - rest))
    theta = math.degrees(math.asin(y))
    return 360.0 * turns + (theta + 90.0 if rest < 180.0 else 270.0 - theta)


def _edge_point(angle: float) -> Point:
    theta = math.radians(angle - 90.0 if angle < 180.0 else 270.0 - angle)
    dec = math.degrees(math.asin((2 * theta + math.sin(2 * theta)) / math.pi))
    return (180.0, dec) if angle < 180.0 else (-180.0, dec)


def _steps(line: Sequence[Point]) -> Iterator[tuple[Point, Point]]:
    """Yield each point with the next; the last with the first."""
    for index, point in enumerate(line):
        yield point, line[(index + 1) % len(line)]


def _crosses(a: Point, b: Point) -> bool:
    return abs(a[0] - b[0]) > 180.0


def _at_edge(a: Point, b: Point) -> tuple[Point, Point]:
    """Return where the great circle from a to b leaves the map, and where it comes back."""
    (x_a, y_a, z_a), (x_b, y_b, z_b) = _vector(a), _vector(b)
    share = 0.5 if y_a == y_b else y_a / (y_a - y_b)
    x, z = x_a + share * (x_b - x_a), z_a + share * (z_b - z_a)
    dec = math.degrees(math.atan2(z, abs(x)))
    side = math.copysign(180.0, a[0])
    return (side, dec), (-side, dec)


def _vector(point: Point) -> tuple[float, float, float]:
    lon, dec = math.radians(point[0]), math.radians(point[1])
    return math.cos(dec) * math.cos(lon), math.cos(dec) * math.sin(lon), math.sin(dec)


def _signed_area(ring: Sequence[Point]) -> float:
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in _steps(ring))
