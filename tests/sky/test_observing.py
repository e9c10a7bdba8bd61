"""Altitudes, Sun, Moon and nights, against astropy and formulas of their own; sites."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from icecube_hooks import ConfigError, Direction
from icecube_plugin.sky.observing import (
    airmass,
    altitudes_deg,
    dark_times,
    evening_of,
    highest,
    moon_altitudes_deg,
    night,
    sun_altitudes_deg,
    sun_and_moon,
    windows,
)
from icecube_plugin.sky.site import SITES, Site, site_of

NOW = datetime(2023, 4, 16, 8, 0, tzinfo=UTC)
PARANAL = SITES["paranal"]
TROMSO = Site(name="Troms\u00f8", lat_deg=69.65, lon_deg=18.96)

angles = st.floats(0, 359.999), st.floats(-90, 90)
times = st.integers(0, 14 * 366).map(
    lambda days: datetime(2012, 1, 1, tzinfo=UTC) + timedelta(days * 0.99)
)
sites = st.builds(Site, name=st.just("x"), lat_deg=st.floats(-90, 90), lon_deg=st.floats(-180, 180))


@contextmanager
def astropy_offline() -> Iterator[None]:
    from astropy.utils import iers

    with iers.conf.set_temp("auto_download", False), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def at(site: Site, time: Any) -> Any:
    """astropy's frame, with its own data on the Earth's rotation, and without air."""
    from astropy import units as u
    from astropy.coordinates import AltAz, EarthLocation
    from astropy.time import Time

    place = EarthLocation(lat=site.lat_deg * u.deg, lon=site.lon_deg * u.deg, height=site.height_m)
    return AltAz(obstime=Time(time), location=place)


@settings(max_examples=15)
@given(*angles, times, sites)
def test_altitude_is_that_of_astropy(ra: float, dec: float, time: datetime, site: Site) -> None:
    from astropy import units as u
    from astropy.coordinates import SkyCoord

    with astropy_offline():
        expected = SkyCoord(ra * u.deg, dec * u.deg).transform_to(at(site, time)).alt.deg
    assert altitudes_deg(ra, dec, [time], site)[0] == pytest.approx(expected, abs=0.006)


@settings(max_examples=10)
@given(times, sites)
def test_sun_and_moon_are_those_of_astropy(time: datetime, site: Site) -> None:
    from astropy.coordinates import get_body

    found = sun_and_moon(time)
    for name, altitudes in (("Sun", sun_altitudes_deg), ("Moon", moon_altitudes_deg)):
        with astropy_offline():
            frame = at(site, time)
            low = get_body(name, frame.obstime, frame.location, ephemeris="builtin")
            expected = low.transform_to(frame).alt.deg
            central = get_body(name, frame.obstime, ephemeris="builtin")
        assert altitudes([time], site)[0] == pytest.approx(expected, abs=0.02)
        turn = (found[name].ra_deg - central.ra.deg + 180) % 360 - 180
        assert (turn, found[name].dec_deg - central.dec.deg) == pytest.approx((0, 0), abs=0.01)


def test_no_sun_beyond_its_series() -> None:
    assert len(sun_and_moon(datetime(2099, 1, 1, tzinfo=UTC))) == 2
    assert sun_and_moon(datetime(9999, 1, 1, tzinfo=UTC)) == {}


@pytest.mark.parametrize(
    ("altitude", "expected"), [(90, 1.0), (60, 1.154), (30, 1.995), (10, 5.59), (5, 10.3)]
)
def test_airmass_of_kasten_and_young(altitude: float, expected: float) -> None:
    """Their table of 1989, whose values are of the same formula, to the digits of the print."""
    assert airmass(altitude) == pytest.approx(expected, rel=5e-3)


def test_best_time_is_dark_and_highest() -> None:
    dark = dark_times(NOW, PARANAL)
    steps = [NOW + number * timedelta(minutes=10) for number in range(144)]
    suns = sun_altitudes_deg(steps, PARANAL)
    assert dark == [time for time, sun in zip(steps, suns, strict=True) if sun < -12]
    assert 9 < len(dark) / 6 < 12  # hours of an autumn night
    time, altitude = highest(345.82, 9.14, dark, PARANAL)
    assert altitude == pytest.approx(max(altitudes_deg(345.82, 9.14, dark, PARANAL)))
    assert altitudes_deg(345.82, 9.14, [time], PARANAL)[0] == pytest.approx(altitude)


def sidereal_deg(time: datetime) -> float:
    """Return Greenwich mean sidereal time [deg] (USNO's short formula, UT1 taken as UTC)."""
    days = (time - datetime(2000, 1, 1, 12, tzinfo=UTC)).total_seconds() / 86_400
    return (280.46061837 + 360.98564736629 * days) % 360


@pytest.mark.parametrize("site", ["paranal", "maunakea", "la-palma"])
def test_altitude_is_that_of_the_triangle(site: str) -> None:
    at, place = SITES[site], Direction(ra_deg=345.8, dec_deg=9.1)
    found = night(place, at, date(2023, 4, 16))
    for time, altitude in list(zip(found.times, found.target, strict=True))[::24]:
        turn = math.radians(sidereal_deg(time) + at.lon_deg - place.ra_deg)
        lat, dec = math.radians(at.lat_deg), math.radians(place.dec_deg)
        height = math.sin(lat) * math.sin(dec) + math.cos(lat) * math.cos(dec) * math.cos(turn)
        assert altitude == pytest.approx(math.degrees(math.asin(height)), abs=0.35)  # precession
    assert max(found.target) == pytest.approx(90 - abs(at.lat_deg - place.dec_deg), abs=0.3)


def test_night_has_the_sun_of_that_day() -> None:
    """Paranal, 2023-04-16: the Sun at +10.2 deg is up for 11.5 h around 16:41 UTC.

    Full Moon was on 2023-04-06, 04:35 UTC.
    """
    found = night(Direction(ra_deg=0, dec_deg=0), PARANAL, date(2023, 4, 16))
    down = [time for time, sun in zip(found.times, found.sun, strict=True) if sun < -0.83]
    assert abs(down[0] - datetime(2023, 4, 16, 22, 26, tzinfo=UTC)) < timedelta(minutes=8)
    assert abs(down[-1] - datetime(2023, 4, 17, 10, 57, tzinfo=UTC)) < timedelta(minutes=8)
    assert found.moon_illumination < 0.2
    assert night(Direction(ra_deg=0, dec_deg=0), PARANAL, date(2023, 4, 5)).moon_illumination > 0.98


@pytest.mark.parametrize(
    ("hour", "evening"),
    [
        (3, date(2023, 4, 15)),
        (9, date(2023, 4, 15)),
        (12, date(2023, 4, 16)),
        (23, date(2023, 4, 16)),
    ],
)
def test_night_of_an_event(hour: int, evening: date) -> None:
    """Paranal is 4.7 h behind Greenwich."""
    assert evening_of(datetime(2023, 4, 16, hour, tzinfo=UTC), PARANAL) == evening


def test_morning_twilight_belongs_to_its_night() -> None:
    """La Palma in winter: at 07:40 UTC, 6.5 h local mean time, the Sun is still down."""
    la_palma = SITES["la-palma"]
    assert evening_of(datetime(2024, 1, 10, 7, 40, tzinfo=UTC), la_palma) == date(2024, 1, 9)
    assert evening_of(datetime(2024, 1, 10, 8, 30, tzinfo=UTC), la_palma) == date(2024, 1, 10)


@settings(max_examples=15)
@given(*angles, times, sites, st.sampled_from([20.0, 30.0, 50.0]))
@example(  # high enough from some minutes before it is no longer dark
    303.0,
    0.0,
    datetime(2012, 1, 1, tzinfo=UTC) + timedelta(2268 * 0.99),
    Site(name="x", lat_deg=0.0, lon_deg=1.0),
    20.0,
)
def test_windows_are_those_of_astropy(
    ra: float, dec: float, start: datetime, site: Site, above_deg: float
) -> None:
    """Each minute of a day is inside of a window exactly if astropy says dark and high enough."""
    from astropy import units as u
    from astropy.coordinates import SkyCoord, get_body
    from astropy.time import Time

    found = windows(Direction(ra_deg=ra, dec_deg=dec), site, start, above_deg=above_deg)
    minutes = [start + timedelta(minutes=n) for n in range(0, 24 * 60, 7)]
    with astropy_offline():
        frame = at(site, Time(minutes))
        high = SkyCoord(ra * u.deg, dec * u.deg).transform_to(frame).alt.deg - above_deg
        sun = get_body("sun", frame.obstime, frame.location, ephemeris="builtin")
        dark = -12.0 - sun.transform_to(frame).alt.deg
    for minute, margin in zip(minutes, map(min, high, dark), strict=True):
        if abs(margin) > 0.1:  # not at an edge
            assert any(w.start <= minute <= w.stop for w in found) == (margin > 0), minute
    for window in found:
        assert start <= window.start <= window.best_time <= window.stop <= start + timedelta(1)
        assert window.altitude_deg >= above_deg - 0.1


def test_a_window_has_the_moon_of_its_night() -> None:
    """The Moon was full on 6 April 2023, new on 20 April: as almanacs have it."""
    place = Direction(ra_deg=200.0, dec_deg=-10.0)
    full, *_ = windows(place, PARANAL, datetime(2023, 4, 6, 12, tzinfo=UTC))
    new, *_ = windows(place, PARANAL, datetime(2023, 4, 19, 12, tzinfo=UTC))
    assert full.moon_illumination > 0.98
    assert full.moon_distance_deg < 12
    assert new.moon_illumination < 0.02
    assert new.moon_altitude_deg < 0
    assert (full.start.hour, full.stop.hour) == (0, 9)
    assert full.altitude_deg == pytest.approx(90 - 24.627 + 10.0, abs=0.2)


def test_no_window_where_the_sun_does_not_set_or_it_stays_low() -> None:
    june = datetime(2024, 6, 20, tzinfo=UTC)
    assert windows(Direction(ra_deg=10.0, dec_deg=80.0), TROMSO, june) == []
    assert windows(Direction(ra_deg=10.0, dec_deg=80.0), PARANAL, june) == []


def test_site_of_the_configuration() -> None:
    table = {"name": "La Palma", "lat_deg": 28.76, "lon_deg": -17.88, "height_m": 2396}
    assert site_of(table) == Site(name="La Palma", lat_deg=28.76, lon_deg=-17.88, height_m=2396.0)
    assert site_of("PARANAL") is PARANAL
    assert site_of("-24.6,-70.4") == Site(name="-24.6,-70.4", lat_deg=-24.6, lon_deg=-70.4)
    assert site_of({"lat_deg": 0, "lon_deg": 0}).name == "the site"


@pytest.mark.parametrize(
    ("table", "text"),
    [
        (5, "site: expected a name, or a table"),
        ({"lat_deg": 1}, "site.lon_deg: is required"),
        ({"lat_deg": 91, "lon_deg": 0}, "site.lat_deg: expected a number from -90 to 90, got 91"),
        ({"lat_deg": True, "lon_deg": 0}, "site.lat_deg: expected a number"),
        ({"lat_deg": 0, "lon_deg": "0"}, "site.lon_deg: expected a number"),
        ({"lat_deg": float("nan"), "lon_deg": 0}, "site.lat_deg: expected a number"),
        ({"lat_deg": 0, "lon_deg": 0, "name": 5}, "site.name: expected one line of text"),
        ({"lat_deg": 0, "lon_deg": 0, "name": "a\x1b"}, "site.name: expected one line of text"),
        ({"lat": 0, "lon_deg": 0}, "site.lat: unknown option (did you mean 'lat_deg'?)"),
    ],
)
def test_wrong_site(table: object, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        site_of(table)
    assert str(caught.value).startswith(text)


@pytest.mark.parametrize("text", ["atlantis", "1", "1,2,3,4", "91,0", "0,361", "nan,0", "0,0,1e9"])
def test_no_site(text: str) -> None:
    with pytest.raises(ConfigError):
        site_of(text)
