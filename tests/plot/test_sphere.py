"""Projection and cutting, against matplotlib's Mollweide and areas and points on the sphere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from matplotlib.path import Path
from matplotlib.projections.geo import MollweideAxes

from icecube_hooks import Localization
from icecube_plugin.sky import region
from icecube_plugin.sky.projections import (
    Point,
    cut_line,
    cut_ring,
    galactic_plane,
    great_circle,
    map_lon,
    mollweide,
    mollweide_inverse,
    tangent,
)
from icecube_plugin.views.plots._events import ring_of
from tests.plot.places import CIRCLES, PLACES

DEG2_PER_PLANE = 2 * math.degrees(1) ** 2
"""The plane's ellipse has an area of 2 pi, the sphere 4 pi sr: the projection keeps areas."""


def projected(rings: Sequence[Sequence[Point]]) -> list[Any]:
    return [np.column_stack(mollweide(*np.array(ring).T)) for ring in rings]


def plane_area(ring: Any) -> float:
    x, y = ring.T
    return float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)) / 2)


def is_inside(rings: Sequence[Any], points: Any) -> Any:
    """Tell by the even-odd rule whether points of the plane are inside."""
    return np.sum([Path(ring).contains_points(points) for ring in rings], axis=0) % 2 == 1


def vectors(lon: Any, dec: Any) -> Any:
    lon, dec = np.radians(lon), np.radians(dec)
    return np.column_stack((np.cos(dec) * np.cos(lon), np.cos(dec) * np.sin(lon), np.sin(dec)))


def test_projection_is_matplotlibs() -> None:
    random = np.random.default_rng(1)
    lon, dec = random.uniform(-180, 180, 2000), random.uniform(-89.9, 89.9, 2000)
    theirs = MollweideAxes.MollweideTransform(1).transform(np.radians(np.column_stack((lon, dec))))
    # matplotlib stops at 1e-3 rad of its auxiliary angle, and is less exact than that near poles
    ours = np.column_stack(mollweide(lon, dec)) * math.sqrt(2)
    assert np.max(np.abs(theirs - ours)) < 2e-3
    theta = np.arcsin(ours[:, 1] / math.sqrt(2))
    assert 2 * theta + np.sin(2 * theta) == pytest.approx(math.pi * np.sin(np.radians(dec)))


@given(st.floats(-180, 180), st.floats(-90, 90))
def test_projection_and_back(lon: float, dec: float) -> None:
    x, y = mollweide(np.array([lon]), np.array([dec]))
    assert abs(y[0]) <= 1
    back_lon, back_dec = mollweide_inverse(x, y)
    assert back_dec[0] == pytest.approx(dec, abs=2e-6)
    if abs(dec) < 89.9:
        assert back_lon[0] == pytest.approx(lon, abs=1e-6)


def test_outside_of_the_map_is_nothing() -> None:
    lon, dec = mollweide_inverse(np.array([1.9, 0.0, 2.0]), np.array([0.9, 1.5, 0.0]))
    assert np.isnan(lon).tolist() == np.isnan(dec).tolist() == [True, True, False]


def test_east_is_left() -> None:
    x, _ = mollweide(map_lon(np.array([350.0, 180.0, 10.0])), np.zeros(3))
    assert x[0] < x[1] == 0.0 < x[2]
    east, north = tangent(np.array([11.0, 10.0]), np.array([0.0, 2.0]), 10.0, 0.0)
    assert np.round(east, 9).tolist() == [1.0, 0.0]
    assert np.round(north, 9).tolist() == [0.0, 2.0]


def test_offsets_keep_distance_and_angle() -> None:
    random = np.random.default_rng(2)
    ra, dec = random.uniform(0, 360, 500), np.degrees(np.arcsin(random.uniform(-1, 1, 500)))
    for ra_0, dec_0 in ((0.5, -30.0), (200.0, 89.9), (77.0, -90.0)):
        centre, points = SkyCoord(ra_0, dec_0, unit="deg"), SkyCoord(ra, dec, unit="deg")
        east, north = tangent(ra, dec, ra_0, dec_0)
        assert np.hypot(east, north) == pytest.approx(centre.separation(points).deg)
        angle = np.degrees(np.arctan2(east, north)) % 360
        assert np.cos(np.radians(angle - centre.position_angle(points).deg)) == pytest.approx(1.0)
    assert [float(one) for one in tangent(5.0, 6.0, 5.0, 6.0)] == [0.0, 0.0]


def test_galactic_plane_is_astropys() -> None:
    ra, dec = galactic_plane()
    latitude = SkyCoord(ra, dec, unit="deg").galactic.b.deg
    assert np.max(np.abs(latitude)) < 1e-4
    pieces = cut_line(list(zip(map_lon(ra).tolist(), dec.tolist(), strict=True)))
    assert len(pieces) == 2
    assert all(abs(pieces[0][-1][0]) == abs(piece[0][0]) == 180.0 for piece in pieces[1:])


@pytest.mark.parametrize("name", PLACES)
def test_area_of_what_is_drawn(name: str) -> None:
    """The area in the plane is that of the region on the sphere."""
    check_area(PLACES[name], 720, 3e-3)


@settings(max_examples=30)
@given(CIRCLES)
def test_area_of_any_circle(place: Localization) -> None:
    assert place.error_radius_deg is not None
    edge = abs(place.dec_deg or 0.0) + place.error_radius_deg
    # An edge exactly through a pole: there the drawn polygon loses half a percent.
    assume(abs(edge - 90.0) > 1e-6)
    cap = 2 * math.pi * (1 - math.cos(math.radians(place.error_radius_deg)))
    # From 81 degrees on the projection is matplotlib's approximation, which loses at the pole.
    least = 0.03 if edge > 81.0 else 1e-4
    drawn = check_area(place, 360, 6e-3, least)
    assert drawn == pytest.approx(cap * math.degrees(1) ** 2, rel=6e-3, abs=least)


def check_area(place: Localization, points: int, rel: float, least: float = 1e-4) -> float:
    ring = ring_of(place, points)
    assert ring is not None
    drawn = sum(map(plane_area, projected(cut_ring(ring)))) * DEG2_PER_PLANE
    assert drawn == pytest.approx(region(place).area_deg2, rel=rel, abs=least)
    return drawn


@pytest.mark.parametrize("name", PLACES)
def test_points_are_inside_where_they_are_on_the_sphere(name: str) -> None:
    check_points(PLACES[name])


@settings(max_examples=30)
@given(CIRCLES)
def test_points_are_inside_of_any_circle(place: Localization) -> None:
    check_points(place, 100)


def check_points(place: Localization, count: int = 500) -> None:
    """Compare the drawn area with `Region.contains`, but for points next to the edge."""
    random = np.random.default_rng(3)
    ring = ring_of(place, 360)
    assert ring is not None
    edge = np.array(ring)
    near = edge[random.integers(len(edge), size=count)] + random.normal(0, 2, (count, 2))
    whole = np.column_stack((random.uniform(-180, 180, count), random.uniform(-89, 89, count)))
    points = np.vstack((near, whole))
    points = points[(np.abs(points[:, 0]) < 179.9) & (np.abs(points[:, 1]) < 89)]
    clear = np.max(vectors(*points.T) @ vectors(*edge.T).T, axis=1) < math.cos(math.radians(1.0))
    drawn = is_inside(projected(cut_ring(ring)), np.column_stack(mollweide(*points.T)))
    expected = region(place).contains(180.0 - points[:, 0], points[:, 1])
    assert np.array_equal(drawn[clear], expected[clear])


@settings(max_examples=30)
@given(CIRCLES)
def test_no_line_jumps_across_the_map(place: Localization) -> None:
    ring = ring_of(place, 180)
    assert ring is not None
    for piece in cut_ring(ring):
        points = np.array([*piece, piece[0]])
        steps = np.abs(np.diff(points, axis=0))
        away_from_poles = np.abs(points[:-1, 1]) < 75
        assert np.all(steps[away_from_poles, 0] < 90)
        plane = projected([[*piece, piece[0]]])[0]
        assert np.max(np.hypot(*np.diff(plane, axis=0).T)) < 0.6
        assert np.all(np.abs(points[:, 0]) <= 180)


def test_great_circle_goes_the_short_way() -> None:
    a, b = (170.0, 20.0), (-160.0, -10.0)
    line = great_circle(a, b)
    assert (line[0], line[-1]) == (a, b)
    first, last = (SkyCoord(*end, unit="deg") for end in (a, b))
    along = SkyCoord(*np.array(line).T, unit="deg")
    total = first.separation(along).deg + last.separation(along).deg
    assert total == pytest.approx(first.separation(last).deg)
    left, right = cut_line(line)
    assert (left[-1][0], right[0][0]) == (180.0, -180.0)
    assert left[-1][1] == right[0][1]
