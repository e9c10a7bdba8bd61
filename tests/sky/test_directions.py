"""Angles and Galactic coordinates, against vectors and astropy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from icecube_hooks import Direction
from icecube_plugin.sky.directions import galactic_deg, moved_deg, polar_deg, separation_deg

RA, DEC = st.floats(0, 360, exclude_max=True), st.floats(-90, 90)


def vector(ra_deg: float, dec_deg: float) -> list[float]:
    ra, dec = math.radians(ra_deg), math.radians(dec_deg)
    return [math.cos(dec) * math.cos(ra), math.cos(dec) * math.sin(ra), math.sin(dec)]


@given(RA, DEC, RA, DEC)
def test_separation_is_that_of_vectors(ra: float, dec: float, ra_2: float, dec_2: float) -> None:
    one, two = vector(ra, dec), vector(ra_2, dec_2)
    # The half angle from sum and difference (Kahan): exact everywhere, and another formula.
    expected = 2 * math.degrees(math.atan2(math.dist(one, two), math.dist(one, [-x for x in two])))
    found = separation_deg(Direction(ra_deg=ra, dec_deg=dec), Direction(ra_deg=ra_2, dec_deg=dec_2))
    assert found == pytest.approx(expected, abs=1e-12, rel=1e-12)


@given(RA, DEC, RA, DEC)
def test_polar_coordinates_are_astropys(ra: float, dec: float, ra_2: float, dec_2: float) -> None:
    distance, angle = polar_deg(ra_2, dec_2, ra, dec)
    one, two = SkyCoord(ra * u.deg, dec * u.deg), SkyCoord(ra_2 * u.deg, dec_2 * u.deg)
    assert distance == pytest.approx(one.separation(two).deg, abs=1e-9)
    if 0.01 < distance < 179.99:
        turned = angle - one.position_angle(two).deg
        assert math.cos(math.radians(turned)) == pytest.approx(1, abs=1e-9)
    there = moved_deg(ra, dec, np.array([angle]), np.array([distance]))
    back = SkyCoord(*there, unit="deg").separation(two).deg
    assert back == pytest.approx(0, abs=1e-5)


@given(RA, DEC)
def test_galactic_coordinates_are_astropys(ra: float, dec: float) -> None:
    found = SkyCoord(*galactic_deg(ra, dec), unit="deg", frame="galactic")
    apart = found.separation(SkyCoord(ra * u.deg, dec * u.deg).galactic).arcsec
    assert apart < 0.03
