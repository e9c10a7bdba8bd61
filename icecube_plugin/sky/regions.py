"""Error regions on the sphere, and their sizes."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Protocol

from msgspec import Struct

from icecube_hooks import AsymmetricError, Ellipse, Localization

from .directions import SKY_DEG2, moved_deg, polar_deg
from .points import NotStatedError, Placed, coordinates, name_of, place_of, scalar

if TYPE_CHECKING:
    import numpy as np
    from astropy.coordinates import SkyCoord

    Floats = np.ndarray[Any, np.dtype[np.float64]]

EDGE_DEG: Final = 1e-9
"""Points this near to an edge of a box count as inside: their coordinates are rounded."""

REACH: Final = 1.02
"""Farther than the farthest point of an outline by this, for what lies between its points."""

CORNER_DEG: Final = 1e-6
"""How near to the corners of a turned box its outline has points, by position angle."""


def contains(of: Placed, coord: SkyCoord, areas: Areas | None = None) -> Any:
    """Tell whether `coord` lies in the error region: a bool, or an array for an array.

    Parameters
    ----------
    of : alert, coincident event or place
    coord : SkyCoord
    areas : callable, optional
        Such as ``Maps(folder).area`` of `skymaps`: the map where there is one, instead of the
        stated region.

    Raises
    ------
    NotStatedError
        If there is no position or no error.
    """
    point: Any = coord.icrs
    found = (areas or region_or_none)(place_of(of))
    if found is None:
        raise NotStatedError("error", name_of(of))
    return found.contains(point.ra.deg, point.dec.deg)


def cap_area_deg2(radius_deg: float) -> float:
    """Return the area of a circle on the sphere [deg^2].

    Examples
    --------
    >>> round(cap_area_deg2(180))
    41253
    """
    return SKY_DEG2 * math.sin(math.radians(min(radius_deg, 180.0)) / 2) ** 2


def circularised_radius_deg(place: Localization) -> float | None:
    """Return the radius [deg] of the stated circle, or of one that stands for ellipse or box.

    IceCube circularises a box by sqrt(ra_err * cos(dec) * dec_err), where each error is half of
    the width that the two signs span. For an ellipse, whose axes are true angles, it is the root
    of the product of the semi-axes. ``None`` where no error is stated.

    Examples
    --------
    >>> from icecube_hooks import AsymmetricError
    >>> box = AsymmetricError(ra_minus_deg=2, ra_plus_deg=2, dec_minus_deg=1, dec_plus_deg=1)
    >>> round(circularised_radius_deg(Localization(ra_deg=1, dec_deg=60, asymmetric=box)), 12)
    1.0
    """
    ellipse, box = place.ellipse, place.asymmetric
    if place.error_radius_deg is not None:
        return place.error_radius_deg
    if ellipse is not None:
        return math.sqrt(ellipse.semi_major_deg * ellipse.semi_minor_deg)
    if box is None:
        return None
    ra = (box.ra_minus_deg + box.ra_plus_deg) / 2
    dec = (box.dec_minus_deg + box.dec_plus_deg) / 2
    return math.sqrt(ra * math.cos(math.radians(place.dec_deg)) * dec)


def scale_radius(radius: float, from_containment: float, to_containment: float) -> float:
    """Return the radius at another containment, **if** the error is a circular Gaussian.

    The distance from the centre of a two-dimensional Gaussian follows Rayleigh's distribution,
    so radii go with sqrt(-ln(1 - containment)). IceCube's contours are wider in the tails or
    not round; where a notice gives both radii, use those.

    Parameters
    ----------
    radius : float
        In any unit; the result is in the same.
    from_containment, to_containment : float
        In (0, 1).

    Raises
    ------
    ValueError
        If a containment is not in (0, 1).

    Examples
    --------
    >>> round(scale_radius(1.0, 0.5, 0.9), 4)
    1.8226
    """
    for containment in (from_containment, to_containment):
        if not 0.0 < containment < 1.0:
            raise ValueError(f"expected a containment between 0 and 1, got {containment}")
    return radius * math.sqrt(math.log1p(-to_containment) / math.log1p(-from_containment))


def resized(place: Localization, containment: float) -> Localization | None:
    """Return the place with its region at another containment, as for a 2-D Gaussian.

    ``None`` if no containment below 1 is stated.
    """
    if place.containment is None or not 0 < place.containment < 1:
        return None
    factor = scale_radius(1.0, place.containment, containment)
    radius, ellipse, box = place.error_radius_deg, place.ellipse, place.asymmetric
    return place.replace(
        containment=containment,
        error_radius_deg=radius and radius * factor,
        ellipse=ellipse
        and ellipse.replace(
            semi_major_deg=ellipse.semi_major_deg * factor,
            semi_minor_deg=ellipse.semi_minor_deg * factor,
        ),
        asymmetric=box
        and box.replace(
            ra_minus_deg=box.ra_minus_deg * factor,
            ra_plus_deg=box.ra_plus_deg * factor,
            dec_minus_deg=box.dec_minus_deg * factor,
            dec_plus_deg=box.dec_plus_deg * factor,
        ),
    )


def widened(place: Localization, systematic_deg: float) -> Localization:
    """Return the place with a systematic error added in quadrature to each side of its region.

    Nothing is added where the notice says that its region covers systematic effects, or states
    none.

    Parameters
    ----------
    place : Localization
    systematic_deg : float
        At the containment of the region [deg]; a true angle.
    """
    if not systematic_deg or place.systematic_included:
        return place
    radius, ellipse, box = place.error_radius_deg, place.ellipse, place.asymmetric
    shrink = max(math.cos(math.radians(place.dec_deg)), EDGE_DEG)
    in_ra = min(systematic_deg / shrink, 360.0)
    return place.replace(
        error_radius_50_deg=None,  # is scaled from the region then
        error_radius_deg=radius and math.hypot(radius, systematic_deg),
        ellipse=ellipse
        and ellipse.replace(
            semi_major_deg=math.hypot(ellipse.semi_major_deg, systematic_deg),
            semi_minor_deg=math.hypot(ellipse.semi_minor_deg, systematic_deg),
        ),
        asymmetric=box
        and box.replace(
            ra_minus_deg=math.hypot(box.ra_minus_deg, in_ra),
            ra_plus_deg=math.hypot(box.ra_plus_deg, in_ra),
            dec_minus_deg=math.hypot(box.dec_minus_deg, systematic_deg),
            dec_plus_deg=math.hypot(box.dec_plus_deg, systematic_deg),
        ),
    )


class Area(Protocol):
    """What a stated region and that of a sky map have in common."""

    @property
    def ra_deg(self) -> float:
        """Right ascension of the best position [deg, ICRS]."""
        ...

    @property
    def dec_deg(self) -> float:
        """Declination of it [deg, ICRS]."""
        ...

    @property
    def containment(self) -> float | None:
        """Probability that it holds the source, in (0, 1]."""
        ...

    @property
    def area_deg2(self) -> float:
        """Area on the sphere [deg^2]."""
        ...

    def contains(self, ra_deg: Any, dec_deg: Any) -> Any:
        """Tell whether directions [deg, ICRS] are inside: a bool, or an array."""
        ...

    def reach_deg(self) -> float:
        """Return a distance from the best position [deg] beyond which nothing is inside."""
        ...


Areas = Callable[[Localization], Area | None]
"""What finds the region of a place: `region_or_none`, or a folder of maps."""


class Region(Struct, frozen=True, kw_only=True):
    """Where the source is, with probability `containment`.

    Attributes
    ----------
    ra_deg, dec_deg : float
        The best position [deg, ICRS]: not always the middle.
    containment : float or None
        In (0, 1].
    """

    ra_deg: float
    dec_deg: float
    containment: float | None = None

    @property
    @abstractmethod
    def area_deg2(self) -> float:
        """Area on the sphere [deg^2]; the whole sky has 41,253."""

    @abstractmethod
    def contains(self, ra_deg: Any, dec_deg: Any) -> Any:
        """Tell whether directions [deg, ICRS] are inside: a bool, or an array. NaN is outside."""

    @abstractmethod
    def outline_deg(self, points: int = 360) -> tuple[Floats, Floats]:
        """Return about that many points along the edge: right ascension, declination [deg, ICRS].

        The inside is on the left of one who walks along it on a map with east to the left: north
        comes before east. Without `SkyCoord`, whose making takes a hundred times longer.
        """

    def reach_deg(self) -> float:
        """Return a distance from the best position [deg] beyond which nothing is inside."""
        distance, _ = polar_deg(*self.outline_deg(), self.ra_deg, self.dec_deg)
        return min(REACH * float(distance.max()), 180.0)

    def boundary(self, points: int = 360) -> SkyCoord:
        """Return `outline_deg` as coordinates [ICRS]."""
        return coordinates(*self.outline_deg(points))


class _PolarRegion(Region, frozen=True, kw_only=True):
    """A region that is given by its radius in each direction."""

    @abstractmethod
    def _radius_deg(self, angle_deg: Floats) -> Floats:
        """Return the radius [deg] at position angles [deg, N through E]."""

    @abstractmethod
    def _kinks_deg(self) -> Sequence[float]:
        """Return position angles [deg] between which the radius is smooth."""

    @property
    def area_deg2(self) -> float:
        """Integral of 1 - cos(radius) over the position angle, between kinks by Gauss's rule."""
        import numpy as np

        nodes, weights = _gauss()
        edges = np.unique(np.mod(self._kinks_deg(), 360.0))
        low, high = edges, np.append(edges[1:], edges[0] + 360.0)
        angles = (low + high)[:, None] / 2 + (high - low)[:, None] / 2 * nodes
        heights = 2 * np.sin(np.radians(self._radius_deg(angles)) / 2) ** 2
        steradians = np.sum(heights * weights * np.radians(high - low)[:, None] / 2)
        return float(np.degrees(np.degrees(steradians)))

    def contains(self, ra_deg: Any, dec_deg: Any) -> Any:
        """Compare the distance from the position with the radius in that direction."""
        distance, angle = polar_deg(ra_deg, dec_deg, self.ra_deg, self.dec_deg)
        return scalar(distance <= self._radius_deg(angle))

    def _directions_deg(self, points: int) -> Floats:
        """Return the position angles [deg] of the points of the outline."""
        import numpy as np

        return np.linspace(0.0, 360.0, points, endpoint=False)

    def outline_deg(self, points: int = 360) -> tuple[Floats, Floats]:
        """Go round by position angle."""
        angles = self._directions_deg(points)
        return moved_deg(self.ra_deg, self.dec_deg, angles, self._radius_deg(angles))


@cache
def _gauss() -> tuple[Floats, Floats]:
    """Return nodes and weights of Gauss's rule; to find them takes longer than to use them."""
    import numpy as np

    return np.polynomial.legendre.leggauss(200)


class CircleRegion(_PolarRegion, frozen=True, kw_only=True):
    """All directions within `radius_deg` of the position."""

    radius_deg: float

    @property
    def area_deg2(self) -> float:
        """Area of the cap."""
        return cap_area_deg2(self.radius_deg)

    def _radius_deg(self, angle_deg: Floats) -> Floats:
        import numpy as np

        return np.full_like(angle_deg, self.radius_deg)

    def _kinks_deg(self) -> Sequence[float]:
        return (0.0, 180.0)


class EllipseRegion(_PolarRegion, frozen=True, kw_only=True):
    """An ellipse: semi-axes [deg], position angle of the major one [deg, N through E]."""

    semi_major_deg: float
    semi_minor_deg: float
    position_angle_deg: float = 0.0

    def _radius_deg(self, angle_deg: Floats) -> Floats:
        import numpy as np

        turn = np.radians(angle_deg - self.position_angle_deg)
        a, b = self.semi_major_deg, self.semi_minor_deg
        radius: Floats = a * b / np.hypot(b * np.cos(turn), a * np.sin(turn))
        return radius

    def _directions_deg(self, points: int) -> Floats:
        """Go by the angle of the circle that the ellipse is squeezed from: dense at the tips."""
        import numpy as np

        turn = np.linspace(0.0, 2 * math.pi, points, endpoint=False)
        along, across = self.semi_major_deg * np.cos(turn), self.semi_minor_deg * np.sin(turn)
        angles: Floats = self.position_angle_deg + np.degrees(np.arctan2(across, along))
        return angles

    def _kinks_deg(self) -> Sequence[float]:
        """Return angles that are dense near the tips, where the radius changes fast."""
        ratio = self.semi_minor_deg / self.semi_major_deg
        near = [math.degrees(math.atan(ratio * step)) for step in TIP_STEPS]
        turns = (0.0, *near, 90.0)
        return [self.position_angle_deg + sign * turn for turn in turns for sign in (1, -1)] + [
            self.position_angle_deg + 180.0 + sign * turn for turn in turns for sign in (1, -1)
        ]


TIP_STEPS: Final = (1.0, 4.0, 16.0, 64.0)
"""Where the edge of a long ellipse is cut for integration, in widths of its tip."""


class TurnedBoxRegion(_PolarRegion, frozen=True, kw_only=True):
    """A rectangle: distances of its sides [deg, true angles], turned [deg, N through E]."""

    west_deg: float
    east_deg: float
    south_deg: float
    north_deg: float
    position_angle_deg: float

    def _radius_deg(self, angle_deg: Floats) -> Floats:
        import numpy as np

        turn = np.radians(angle_deg - self.position_angle_deg)
        east, north = np.sin(turn), np.cos(turn)
        with np.errstate(divide="ignore", invalid="ignore"):
            sides = [
                np.where(along > 0.0, side / along, np.inf)
                for side, along in (
                    (self.east_deg, east),
                    (self.west_deg, -east),
                    (self.north_deg, north),
                    (self.south_deg, -north),
                )
            ]
        radius: Floats = np.minimum.reduce(sides)
        return radius

    def _directions_deg(self, points: int) -> Floats:
        """Go evenly, and to both sides of each corner: where a side is 0 the radius jumps."""
        import numpy as np

        even = np.linspace(0.0, 360.0, points, endpoint=False)
        kinks = np.add.outer(self._kinks_deg(), (-CORNER_DEG, CORNER_DEG)).ravel()
        found: Floats = np.unique(np.append(even, np.mod(kinks, 360.0)))
        return found

    def _kinks_deg(self) -> Sequence[float]:
        corners = [
            math.degrees(math.atan2(east, north))
            for east in (self.east_deg, -self.west_deg)
            for north in (self.north_deg, -self.south_deg)
        ]
        turns = (*corners, 0.0, 90.0, 180.0, 270.0)
        return [self.position_angle_deg + turn for turn in turns]


class BoxRegion(Region, frozen=True, kw_only=True):
    """From one right ascension to another, eastward, and from one declination to another.

    Attributes
    ----------
    ra_minus_deg, ra_plus_deg : float
        Differences in right ascension [deg], not multiplied by cos(dec).
    dec_minus_deg, dec_plus_deg : float
        [deg]
    """

    ra_minus_deg: float
    ra_plus_deg: float
    dec_minus_deg: float
    dec_plus_deg: float

    @property
    def area_deg2(self) -> float:
        """Width times the difference of the sines of declination."""
        low, high = (math.radians(dec) for dec in self._dec_range())
        # sin(high) - sin(low), without cancellation
        height = 2.0 * math.cos((high + low) / 2) * math.sin((high - low) / 2)
        return self._width_deg() * math.degrees(height)

    def contains(self, ra_deg: Any, dec_deg: Any) -> Any:
        """Compare both coordinates with the sides."""
        import numpy as np

        low, high = self._dec_range()
        east = np.mod(np.asarray(ra_deg) - self.ra_deg + self.ra_minus_deg + EDGE_DEG, 360.0)
        inside_ra = (east <= self._width_deg() + 2 * EDGE_DEG) | (self._width_deg() >= 360.0)
        dec = np.asarray(dec_deg)
        inside_dec = (low - EDGE_DEG <= dec) & (dec <= high + EDGE_DEG)
        return scalar(inside_ra & inside_dec)

    def outline_deg(self, points: int = 360) -> tuple[Floats, Floats]:
        """Go round from the south-east corner, along both parallels and meridians."""
        import numpy as np

        side = np.linspace(0.0, 1.0, max(points // 4, 1), endpoint=False)
        zero, one = np.zeros_like(side), np.ones_like(side)
        east = np.concatenate((1.0 - side, zero, side, one))
        north = np.concatenate((zero, side, one, 1.0 - side))
        low, high = self._dec_range()
        ra = np.mod(self.ra_deg - self.ra_minus_deg + self._width_deg() * east, 360.0)
        return ra, low + (high - low) * north

    def _width_deg(self) -> float:
        return min(self.ra_minus_deg + self.ra_plus_deg, 360.0)

    def _dec_range(self) -> tuple[float, float]:
        return max(self.dec_deg - self.dec_minus_deg, -90.0), min(
            self.dec_deg + self.dec_plus_deg, 90.0
        )


def region(of: Placed) -> Region:
    """Return the error region: the ellipse or the box, where one is stated, else the circle.

    A circle beside one of them has been made of it, and says less.

    Raises
    ------
    NotStatedError
        If there is no position or no error.

    Examples
    --------
    >>> from icecube_hooks import Localization
    >>> circle = region(Localization(ra_deg=10, dec_deg=0, error_radius_deg=1, containment=0.9))
    >>> round(circle.area_deg2, 4)
    3.1415
    """
    found = region_or_none(place_of(of))
    if found is None:
        raise NotStatedError("error", name_of(of))
    return found


def region_or_none(place: Localization) -> Region | None:
    """Return the error region, ``None`` where no error is stated."""
    error = place.ellipse or place.asymmetric or place.error_radius_deg
    if error is None:
        return None
    if isinstance(error, Ellipse):
        return EllipseRegion(
            semi_major_deg=error.semi_major_deg,
            semi_minor_deg=error.semi_minor_deg,
            position_angle_deg=error.position_angle_deg or 0.0,
            **_at(place),
        )
    if isinstance(error, AsymmetricError):
        return _box(error, place)
    return CircleRegion(radius_deg=error, **_at(place))


def _at(place: Localization) -> dict[str, Any]:
    return {"ra_deg": place.ra_deg, "dec_deg": place.dec_deg, "containment": place.containment}


def _box(error: AsymmetricError, place: Localization) -> Region:
    if not error.position_angle_deg:
        return BoxRegion(
            ra_minus_deg=error.ra_minus_deg,
            ra_plus_deg=error.ra_plus_deg,
            dec_minus_deg=error.dec_minus_deg,
            dec_plus_deg=error.dec_plus_deg,
            **_at(place),
        )
    shrink = math.cos(math.radians(place.dec_deg))
    return TurnedBoxRegion(
        west_deg=error.ra_minus_deg * shrink,
        east_deg=error.ra_plus_deg * shrink,
        south_deg=error.dec_minus_deg,
        north_deg=error.dec_plus_deg,
        position_angle_deg=error.position_angle_deg,
        **_at(place),
    )
