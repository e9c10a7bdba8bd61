"""Error regions against counting on the sphere and against the library `regions`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import regions
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from icecube_hooks import AsymmetricError, Ellipse, Localization
from icecube_hooks.testing import make_alert, make_localization
from icecube_plugin import sky
from icecube_plugin.sky.regions import cap_area_deg2, region, widened
from tests.plot.places import at, box, circle, ellipse

WHOLE_SKY = 4 * math.pi * (180 / math.pi) ** 2


PLACES = {
    "circle": circle(83.6, 22.0, 3.0),
    "circle across RA 0": circle(359.9, -40.0, 2.0),
    "circle around a pole": circle(120.0, 89.0, 4.0),
    "circle of a hemisphere": circle(10.0, -60.0, 90.0),
    "ellipse": ellipse(45.0, 30.0, 5.0, 2.0, 35.0),
    "ellipse across RA 0": ellipse(0.2, 5.0, 4.0, 1.0, 100.0),
    "ellipse around a pole": ellipse(200.0, -88.5, 6.0, 3.0, 20.0),
    "long ellipse": ellipse(45.0, 30.0, 20.0, 0.5, 0.0),
    "box": box(150.0, 45.0, 2.0, 3.0, 1.0, 1.5),
    "box across RA 0": box(359.5, -20.0, 1.0, 2.0, 1.5, 0.5),
    "box at a pole": box(80.0, 88.0, 30.0, 50.0, 3.0, 4.0),
    "cap": box(80.0, -88.0, 180.0, 180.0, 4.0, 3.0),
    "turned box": box(10.0, 60.0, 4.0, 2.0, 1.0, 3.0, angle=30.0),
    "turned box around a pole": box(10.0, 89.5, 200.0, 100.0, 1.0, 3.0, angle=-60.0),
    "turned half of a box": box(10.0, 20.0, 0.0, 2.0, 1.0, 1.0, angle=47.0),
}
EACH = pytest.mark.parametrize("name", PLACES)


def vectors(coord: SkyCoord) -> Any:
    ra, dec = np.radians(coord.icrs.ra.deg), np.radians(coord.icrs.dec.deg)
    return np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])


def scattered(place: Localization, radius: float, count: int) -> SkyCoord:
    """Return points that are even on the sphere, within `radius` [deg] of a place."""
    random = np.random.default_rng(2023)
    height = random.uniform(math.cos(math.radians(radius)), 1.0, count)
    turn = random.uniform(0.0, 2 * math.pi, count)
    ra, dec = math.radians(place.ra_deg), math.radians(place.dec_deg)
    up = np.array([math.cos(dec) * math.cos(ra), math.cos(dec) * math.sin(ra), math.sin(dec)])
    east = np.array([-math.sin(ra), math.cos(ra), 0.0])
    north = np.cross(up, east)
    side = np.sqrt(1 - height**2)
    x, y, z = (
        up[:, None] * height
        + east[:, None] * side * np.cos(turn)
        + north[:, None] * side * np.sin(turn)
    )
    return SkyCoord(np.arctan2(y, x) * u.rad, np.arcsin(np.clip(z, -1, 1)) * u.rad)


@EACH
def test_area_is_that_of_the_points_inside(name: str) -> None:
    place, count = PLACES[name], 200_000
    radius = 95.0 if "hemisphere" in name else 25.0
    share = np.mean(sky.contains(place, scattered(place, radius, count)))
    cap = WHOLE_SKY * (1 - math.cos(math.radians(radius))) / 2
    error = 4.5 * math.sqrt(max(share * (1 - share), 1e-5) / count)
    assert sky.region(place).area_deg2 == pytest.approx(share * cap, abs=error * cap)


@pytest.mark.parametrize("name", [name for name in PLACES if name != "cap"])
def test_edge_is_the_edge(name: str) -> None:
    """A thousandth inward of the edge is inside, and outward of it outside."""
    region = sky.region(PLACES[name])
    edge = region.boundary(80)
    for factor, inside in ((0.999, True), (1.001, False)):
        scale = scaled_box if isinstance(region, sky.BoxRegion) else scaled_radially
        moved = scale(PLACES[name], edge, factor)
        assert len(moved) >= 37
        assert set(sky.contains(PLACES[name], moved).tolist()) == {inside}


def scaled_radially(place: Localization, edge: SkyCoord, factor: float) -> SkyCoord:
    """Move points along great circles through the centre; those that are there stay out."""
    centre = SkyCoord(place.ra_deg * u.deg, place.dec_deg * u.deg)
    distance, angle = centre.separation(edge), centre.position_angle(edge)
    usable = distance > 0.01 * u.deg
    return centre.directional_offset_by(angle[usable], distance[usable] * factor)


def scaled_box(place: Localization, edge: SkyCoord, factor: float) -> SkyCoord:
    """Move points from the middle of a box in both coordinates; those at a pole stay out."""
    error = place.asymmetric
    assert error is not None
    ra = place.ra_deg + (error.ra_plus_deg - error.ra_minus_deg) / 2
    dec = (edge.dec.deg.min() + edge.dec.deg.max()) / 2
    beside = (edge.ra.deg - ra + 180) % 360 - 180
    usable = np.abs(edge.dec.deg) < 89.9
    moved = ra + beside * factor, dec + (edge.dec.deg - dec) * factor
    return SkyCoord(moved[0][usable] * u.deg, moved[1][usable] * u.deg)


def test_box_of_all_right_ascensions() -> None:
    """From -92 deg, which is -90, to -85 deg, all around."""
    around = np.arange(0.0, 360.0, 15.0)
    for dec, inside in ((-90.0, True), (-85.01, True), (-84.99, False)):
        found = sky.contains(PLACES["cap"], SkyCoord(around, np.full(24, dec), unit="deg"))
        assert set(found.tolist()) == {inside}


@given(
    st.floats(0, 360, exclude_max=True),
    st.floats(-90, 90),
    st.floats(0.1, 179),
    st.floats(0, 360, exclude_max=True),
    st.floats(-90, 90),
)
def test_circle_against_vectors(
    ra: float, dec: float, radius: float, ra2: float, dec2: float
) -> None:
    point = SkyCoord(ra2 * u.deg, dec2 * u.deg)
    centre = vectors(SkyCoord(ra * u.deg, dec * u.deg))
    chord = float(np.linalg.norm(centre - vectors(point)))
    distance = 2 * math.degrees(math.asin(min(chord / 2, 1.0)))
    if abs(distance - radius) > 1e-5:
        assert sky.contains(circle(ra, dec, radius), point) is (distance < radius)


def test_circle_area_in_closed_form() -> None:
    for radius in (1e-4, 0.5, 13.3, 90.0, 180.0):
        expected = WHOLE_SKY * math.sin(math.radians(radius / 2)) ** 2
        assert sky.region(circle(1, 2, radius)).area_deg2 == pytest.approx(expected, rel=1e-12)


def test_round_ellipse_has_the_area_of_a_circle() -> None:
    for radius in (0.5, 13.3, 60.0):
        area = sky.region(ellipse(1, 2, radius, radius, 20.0)).area_deg2
        assert area == pytest.approx(sky.cap_area_deg2(radius), rel=1e-12)


def test_a_box_does_not_go_round_more_than_once() -> None:
    area = sky.region(box(1, 80, 250, 250, 5, 5)).area_deg2
    between = sky.cap_area_deg2(15) - sky.cap_area_deg2(5)
    assert area == pytest.approx(between, rel=1e-12)


def test_small_ellipse_has_the_area_of_a_plane_one() -> None:
    for minor in (0.5, 0.05, 0.001):
        area = sky.region(ellipse(10, 70, 0.5, minor, 12.0)).area_deg2
        assert area == pytest.approx(math.pi * 0.5 * minor, rel=1e-4)


def test_turned_box_has_the_area_of_a_plane_one() -> None:
    place = box(10, 60, 0.4, 0.2, 0.1, 0.3, angle=30.0)
    assert sky.region(place).area_deg2 == pytest.approx(0.6 * 0.5 * 0.4, rel=1e-4)


@pytest.mark.parametrize(("major", "minor"), [(0.8, 0.5), (0.3, 0.01), (2.0, 0.002)])
def test_a_thin_ellipse_is_integrated_and_drawn_to_its_tips(major: float, minor: float) -> None:
    region = sky.region(ellipse(10, 0, major, minor, 30.0))
    plane = math.pi * major * minor
    assert region.area_deg2 == pytest.approx(plane, rel=1e-3)
    ra, dec = region.outline_deg(72)
    drawn = 0.5 * abs(np.sum(ra * np.roll(dec, -1) - dec * np.roll(ra, -1)))
    assert drawn == pytest.approx(plane, rel=3e-3)


@pytest.mark.parametrize(("major", "minor"), [(20.0, 0.02), (40.0, 0.5), (9.0, 8.0)])
def test_area_of_a_long_ellipse_is_that_of_another_integration(major: float, minor: float) -> None:
    a, b = math.radians(major), math.radians(minor)

    def slice_of(turn: float) -> float:
        return 1 - math.cos(a * b / math.hypot(b * math.cos(turn), a * math.sin(turn)))

    tips = [b / a * step for step in (0.1, 1.0, 10.0, 100.0) if b / a * step < math.pi / 2]
    quarter, _ = quad(slice_of, 0, math.pi / 2, points=tips, limit=2000, epsrel=1e-10)
    expected = 4 * quarter * math.degrees(1) ** 2
    area = sky.region(ellipse(10, 30, major, minor, 70.0)).area_deg2
    assert area == pytest.approx(expected, rel=1e-6)


def test_a_systematic_error_in_quadrature_is_that_of_a_sum_of_errors() -> None:
    """The 90 % circle of two independent offsets, each with its own 90 % circle."""
    rng = np.random.default_rng(1)
    size = 0.61 / math.sqrt(-2 * math.log(0.1)), 0.2 / math.sqrt(-2 * math.log(0.1))
    offsets = rng.normal(0.0, size[0], (2, 400_000)) + rng.normal(0.0, size[1], (2, 400_000))
    wide = widened(make_localization(error_radius_50_deg=0.3), 0.2)
    assert wide.error_radius_deg == pytest.approx(np.quantile(np.hypot(*offsets), 0.9), rel=0.01)
    assert (wide.containment, wide.error_radius_50_deg) == (0.9, None)


def test_what_a_systematic_error_is_added_to() -> None:
    included = make_localization(systematic_included=True)
    assert widened(included, 0.2) is included
    axes = {"semi_major_deg": 3.0, "semi_minor_deg": 0.3}
    ellipse = widened(make_localization(error_radius_deg=None, ellipse=Ellipse(**axes)), 0.4)
    assert ellipse.error_radius_deg is None
    assert ellipse.ellipse is not None
    assert ellipse.ellipse.semi_minor_deg == pytest.approx(0.5)
    sides = {"ra_minus_deg": 0.6, "ra_plus_deg": 0.0, "dec_minus_deg": 0.3, "dec_plus_deg": 0.0}
    box = AsymmetricError(**sides)
    place = make_localization(dec_deg=60.0, error_radius_deg=None, asymmetric=box)
    wide = widened(place, 0.4).asymmetric
    assert wide is not None  # 0.4 deg are 0.8 deg of right ascension there
    assert (wide.ra_minus_deg, wide.ra_plus_deg) == pytest.approx((1.0, 0.8))
    assert (wide.dec_minus_deg, wide.dec_plus_deg) == pytest.approx((0.5, 0.4))
    at_pole = widened(place.replace(dec_deg=90.0), 0.4)
    assert region(at_pole).area_deg2 == pytest.approx(cap_area_deg2(0.5), rel=1e-6)


def test_axes_of_an_ellipse() -> None:
    """Position angles go from north through east."""
    region = sky.region(ellipse(10, 0, 4.0, 1.0, 90.0))
    inside = region.contains([13.9, 14.1, 10, 10], [0, 0, 0.9, 1.1])
    assert inside.tolist() == [True, False, True, False]
    upright = sky.region(ellipse(10, 0, 4.0, 1.0, None))
    assert upright.contains(10, 3.9) is True
    assert upright.contains(13.9, 0) is False


def test_sides_of_a_box() -> None:
    """Circular 33633: RA 345.85 (+0.41 / -0.63), Dec +9.14 (+0.81 / -0.76)."""
    place = box(345.85, 9.14, 0.63, 0.41, 0.76, 0.81)
    corners = [(345.22, 8.38), (346.26, 8.38), (346.26, 9.95), (345.22, 9.95)]
    for ra, dec in corners:
        assert sky.contains(place, SkyCoord(ra, dec, unit="deg")) is True
        away = SkyCoord(ra + math.copysign(0.01, ra - 345.85), dec, unit="deg")
        assert sky.contains(place, away) is False
    edge = sky.region(place).boundary(8)
    south_east, south_west, north_west, north_east = edge[::2]
    found = [(p.ra.deg, p.dec.deg) for p in (south_west, south_east, north_east, north_west)]
    assert np.array(found) == pytest.approx(np.array(corners))


def test_turned_box_turns_east() -> None:
    """Turned by 90 deg, what pointed north points east."""
    place = box(10.0, 0.0, 0.5, 0.5, 0.5, 3.0, angle=90.0)
    assert sky.contains(place, SkyCoord(12.9, 0.0, unit="deg")) is True
    assert sky.contains(place, SkyCoord(10.0, 2.0, unit="deg")) is False
    assert isinstance(sky.region(place), sky.TurnedBoxRegion)
    assert isinstance(sky.region(box(1, 2, 1, 1, 1, 1, angle=0.0)), sky.BoxRegion)


def test_other_frames_and_missing_values() -> None:
    place = circle(83.6, 22.0, 1.0)
    centre = sky.sky_coord(place)
    assert sky.contains(place, centre.galactic) is True
    assert sky.contains(box(83.6, 22.0, 1, 1, 1, 1), centre.galactic) is True
    both = sky.sky_coords([make_alert(localization=None), place])
    for shape in (place, ellipse(83.6, 22.0, 1.0, 1.0, 0.0), box(83.6, 22.0, 1, 1, 1, 1)):
        assert sky.contains(shape, both).tolist() == [False, True]


def test_regions_know_their_containment() -> None:
    for place in PLACES.values():
        region = sky.region(place)
        assert (region.ra_deg, region.dec_deg) == (place.ra_deg, place.dec_deg)
        assert region.containment == 0.9


def test_circularised_radius() -> None:
    expected = math.sqrt(2.5 * math.cos(math.radians(45.0)) * 1.25)
    assert sky.circularised_radius_deg(PLACES["box"]) == pytest.approx(expected, rel=1e-14)
    assert sky.circularised_radius_deg(ellipse(1, 45, 4.0, 2.25, None)) == 3.0
    assert sky.circularised_radius_deg(circle(1, 45, 3.0)) == 3.0
    assert sky.circularised_radius_deg(at(1, 45)) is None


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_scaling_there_and_back(one: float, two: float) -> None:
    there = sky.scale_radius(3.0, one, two)
    assert sky.scale_radius(there, two, one) == pytest.approx(3.0, rel=1e-12)
    assert (there > 3.0) == (two > one) or two == pytest.approx(one)


def test_scaling_against_a_sample() -> None:
    random = np.random.default_rng(7)
    distance = np.hypot(random.normal(size=400_000), random.normal(size=400_000))
    half, most = np.quantile(distance, (0.5, 0.9))
    assert sky.scale_radius(half, 0.5, 0.9) == pytest.approx(most, rel=0.005)


@pytest.mark.parametrize("containment", [0.0, 1.0, -0.1, math.nan])
def test_no_containment(containment: float) -> None:
    message = f"expected a containment between 0 and 1, got {containment}"
    with pytest.raises(ValueError, match=f"^{message}$"):
        sky.scale_radius(1.0, containment, 0.5)


# --- against the library `regions`, at any place, with any axes and angle -------------------------

RA, DEC = st.floats(0, 360, exclude_max=True), st.floats(-90, 90)
AXIS, ANGLE = st.floats(0.05, 12), st.floats(-180, 360)
NEAR = 1e-7
"""Points this near to an edge, in its own size, may be on either side."""


def plane(place: Localization) -> WCS:
    """Return the projection that keeps distances and angles from a place; a pixel is a degree."""
    found = WCS(naxis=2)
    found.wcs.ctype = "RA---ARC", "DEC--ARC"
    found.wcs.crval = place.ra_deg, place.dec_deg
    found.wcs.crpix = 0, 0
    found.wcs.cdelt = -1, 1
    return found


def pixels(place: Localization, points: SkyCoord) -> regions.PixCoord:
    x, y = plane(place).wcs_world2pix(points.ra.deg, points.dec.deg, 0)
    return regions.PixCoord(x + 1, y + 1)  # crpix counts from 1


def same_inside(place: Localization, theirs: Any, size: float) -> None:
    """Compare what holds 3000 points, but those that rounding decides."""
    points = scattered(place, min(1.6 * size + 0.01, 179.0), 3000)
    at_points = pixels(place, points)
    smaller, larger = theirs(1 - NEAR).contains(at_points), theirs(1 + NEAR).contains(at_points)
    ours = sky.contains(place, points)
    clear = smaller == larger
    assert np.mean(clear) > 0.99
    assert np.array_equal(ours[clear], smaller[clear])


@settings(max_examples=60)
@given(RA, DEC, AXIS, st.floats(0.02, 1), ANGLE)
def test_ellipse_is_that_of_regions(
    ra: float, dec: float, major: float, ratio: float, angle: float
) -> None:
    def theirs(scale: float) -> regions.EllipsePixelRegion:
        return regions.EllipsePixelRegion(
            regions.PixCoord(0, 0),
            width=2 * major * ratio * scale,
            height=2 * major * scale,
            angle=angle * u.deg,
        )

    same_inside(ellipse(ra, dec, major, major * ratio, angle), theirs, major)


@settings(max_examples=60)
@given(RA, st.floats(-85, 85), AXIS, AXIS, AXIS, AXIS, ANGLE.filter(bool))
def test_turned_box_is_that_of_regions(
    ra: float, dec: float, west: float, east: float, south: float, north: float, angle: float
) -> None:
    shrink, turn = math.cos(math.radians(dec)), math.radians(angle)
    across, up = (west - east) * shrink / 2, (north - south) / 2  # of the middle; west is right
    middle = regions.PixCoord(
        across * math.cos(turn) - up * math.sin(turn),
        across * math.sin(turn) + up * math.cos(turn),
    )

    def theirs(scale: float) -> regions.RectanglePixelRegion:
        return regions.RectanglePixelRegion(
            middle,
            width=(west + east) * shrink * scale,
            height=(south + north) * scale,
            angle=angle * u.deg,
        )

    place = box(ra, dec, west, east, south, north, angle=angle)
    same_inside(place, theirs, max(west, east, south, north))


SIDES = st.floats(0.1, 90)


@settings(max_examples=60)
@given(RA, DEC, SIDES, SIDES, SIDES, SIDES)
def test_box_is_that_of_regions(
    ra: float, dec: float, west: float, east: float, south: float, north: float
) -> None:
    place = box(ra, dec, west, east, south, north)
    theirs = regions.RangeSphericalSkyRegion(
        frame="icrs",
        longitude_range=[(ra - west) % 360, (ra + east) % 360] * u.deg,
        latitude_range=[max(dec - south, -90), min(dec + north, 90)] * u.deg,
    )
    points = scattered(place, 100.0, 2000)
    assert np.array_equal(sky.contains(place, points), theirs.contains(points))


@settings(max_examples=60)
@given(RA, DEC, st.floats(0.05, 179))
def test_circle_is_that_of_regions(ra: float, dec: float, radius: float) -> None:
    place = circle(ra, dec, radius)
    theirs = regions.CircleSphericalSkyRegion(sky.sky_coord(place), radius * u.deg)
    points = scattered(place, 180.0, 2000)
    assert np.array_equal(sky.contains(place, points), theirs.contains(points))


@settings(max_examples=15)
@given(RA, DEC, AXIS, st.floats(0.1, 1), ANGLE)
def test_area_of_any_ellipse(
    ra: float, dec: float, major: float, ratio: float, angle: float
) -> None:
    """Count points; without them: the plane's area, less what the sphere takes."""
    place, count = ellipse(ra, dec, major, major * ratio, angle), 100_000
    share = np.mean(sky.contains(place, scattered(place, major, count)))
    cap = sky.cap_area_deg2(major)
    error = 5 * math.sqrt(max(share * (1 - share), 1e-5) / count)
    assert sky.region(place).area_deg2 == pytest.approx(share * cap, abs=error * cap)
    assert sky.region(place).area_deg2 == pytest.approx(math.pi * major**2 * ratio, rel=0.01)


def test_ellipse_and_box_say_more_than_a_circle() -> None:
    """A circle beside them has been made of them."""
    with_circle = box(10, 20, 1, 2, 3, 4).replace(error_radius_deg=1.5)
    assert isinstance(sky.region(with_circle), sky.BoxRegion)
    with_circle = ellipse(10, 20, 2, 1, 0).replace(error_radius_deg=1.5)
    assert isinstance(sky.region(with_circle), sky.EllipseRegion)
