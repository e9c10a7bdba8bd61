"""The worth of a coincidence."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given, settings
from hypothesis import strategies as st

from icecube_hooks import (
    YEAR_S,
    AlertKind,
    Direction,
    Ellipse,
    Localization,
    Status,
    Tense,
)
from icecube_plugin.significance import (
    Coincidence,
    PValueError,
    alert_density,
    alert_share,
    circle_density,
    coincidence,
    earlier_alert,
    expected_alerts,
    post_trial_p,
)
from icecube_plugin.sky.skymaps import parse_skymap
from tests.plot.places import circle
from tests.significance.alerts import T0, track
from tests.sky.test_skymaps import DEC, RA, uniq_file

DAY = 86_400.0
HERE = Direction(ra_deg=77.36, dec_deg=5.69)


def at(ra: float, dec: float) -> Direction:
    return Direction(ra_deg=ra, dec_deg=dec)


@pytest.mark.parametrize(
    ("kind", "per_year"),
    [(AlertKind.GOLD, 10), (AlertKind.BRONZE, 16), (AlertKind.CASCADE, 8)],
)
def test_published_yearly_rates(kind: AlertKind, per_year: float) -> None:
    # https://gcn.nasa.gov/missions/icecube, "Yearly Alert Rates"
    assert expected_alerts(kind, YEAR_S) == pytest.approx(per_year)
    assert expected_alerts(kind, YEAR_S, 41_252.96 / 2, density=3) == pytest.approx(1.5 * per_year)


def test_a_kind_without_a_rate() -> None:
    with pytest.raises(PValueError, match="expected a kind of alert with a rate, got 'hese'"):
        expected_alerts(AlertKind.HESE, YEAR_S)


def test_a_contained_transient() -> None:
    place = Localization(ra_deg=77.43, dec_deg=5.72, error_radius_deg=1.0, containment=0.9)
    alert = track(place=place, time=T0 + timedelta(days=2))
    (match,) = coincidence(HERE, T0, [alert], before_s=0, after_s=10 * DAY, transients=1)
    assert match.is_contained is True
    assert match.containment == 0.9
    assert match.delta_t_s == 2 * DAY
    assert match.separation_deg == pytest.approx(0.0759, abs=1e-3)
    even = 10 * (10 / 365) * (math.pi / 41_252.96)  # gold per year x years x share of the sky
    gold = alert_density(AlertKind.GOLD)
    assert gold is not None
    expected = even * gold(HERE.dec_deg)
    assert match.n_expected == pytest.approx(expected, rel=2e-2)  # straight over 2 deg
    result = match.significance
    assert result.p_value == pytest.approx(expected, rel=2e-2)
    assert result.p_value_post == post_trial_p(result.p_value or 0, 3)
    assert result.trials_source == "given: 3 kinds of alert x 1 transient"
    assert result.quantity == "gold coincidence"
    assert result.notes == ("density of alerts over declination as in IceCat-1",)
    assert result.verdict == "strong"
    (unsaid,) = coincidence(HERE, T0, [alert], before_s=0, after_s=10 * DAY)
    assert unsaid.significance.p_value_post == result.p_value_post
    assert unsaid.significance.verdict is None
    assert unsaid.significance.trials_source == "3 kinds of alert; else not corrected for trials"


def test_outside_the_region_the_separation_counts() -> None:
    place = Localization(ra_deg=77.36, dec_deg=15.69, error_radius_deg=1.0)
    (match,) = coincidence(
        HERE, T0, [track(place=place)], before_s=DAY, after_s=DAY, density=lambda dec: 1.0
    )
    assert match.is_contained is False
    share = (1 - math.cos(math.radians(10))) / 2
    assert match.n_expected == pytest.approx(10 * 2 / 365 * share)


def test_order_window_and_density() -> None:
    near, far = track(77.0, 5.0, event_id=1), track(120.0, 5.0, event_id=2)
    late = track(77.0, 5.0, event_id=3, time=T0 + timedelta(days=3))
    found = coincidence(HERE, T0, [far, near, late], before_s=DAY, after_s=DAY)
    assert [match.alert for match in found] == [near, far]
    edge = coincidence(HERE, T0, [late], before_s=0, after_s=3 * DAY)
    assert len(edge) == 1
    even, dense = (
        coincidence(HERE, T0, [near], before_s=DAY, after_s=DAY, density=density)[0]
        for density in (lambda dec: 1.0, lambda dec: 2.5 if dec > HERE.dec_deg else 0.5)
    )
    assert dense.n_expected == pytest.approx(1.5 * even.n_expected, rel=1e-3)  # half and half
    assert dense.significance.notes == ()


@pytest.mark.parametrize("dec", [-90.0, -50.0, 0.0, 33.0, 88.0])
@pytest.mark.parametrize("radius", [0.01, 3.0, 40.0, 180.0])
def test_a_density_is_integrated_over_the_circle(dec: float, radius: float) -> None:
    gold = alert_density(AlertKind.GOLD)
    assert gold is not None
    rng = np.random.default_rng(3)
    share = (1 - math.cos(math.radians(radius))) / 2
    along = 1 - 2 * share * rng.random(200_000)  # uniform over the circle
    turn = rng.uniform(0, 2 * math.pi, along.size)
    across = np.sqrt(1 - along**2)
    north = math.radians(dec)
    sines = along * math.sin(north) + across * np.cos(turn) * math.cos(north)
    values = [gold(d) for d in np.degrees(np.arcsin(np.clip(sines, -1, 1)))[:20_000]]
    error = 4 * float(np.std(values)) / math.sqrt(len(values)) + 2e-3
    assert circle_density(gold, dec, radius) == pytest.approx(np.mean(values), abs=error)


def test_only_alerts_above_a_signalness() -> None:
    alerts = [
        track(77.0, 5.0, event_id=1, signalness=0.9),
        track(77.0, 5.0, event_id=2, signalness=0.4),
        track(77.0, 5.0, event_id=3),
    ]
    kinds = (AlertKind.GOLD, AlertKind.BRONZE)
    (one,) = coincidence(
        HERE, T0, alerts, before_s=DAY, after_s=DAY, kinds=kinds, min_signalness=0.5
    )
    assert one.alert.event_id == 1
    all_three = coincidence(HERE, T0, alerts, before_s=DAY, after_s=DAY, kinds=kinds)
    ratio = one.n_expected / all_three[0].n_expected
    assert ratio == pytest.approx(103 / 133, rel=0.1)  # and a little denser or less there
    with pytest.raises(PValueError, match="expected a kind of alert with known signalnesses"):
        alert_share(AlertKind.CASCADE, 0.5)


def test_trials_of_the_observer() -> None:
    (match,) = coincidence(
        HERE,
        T0,
        [track(77.0, 5.0)],
        before_s=DAY,
        after_s=DAY,
        kinds=[AlertKind.GOLD, AlertKind.GOLD],
        transients=50,
    )
    assert match.significance.n_trials == 50.0
    assert match.significance.trials_source == "given: 1 kind of alert x 50 transients"


def test_what_is_left_out() -> None:
    here = (77.0, 5.0)
    alerts = [
        track(*here, event_id=1, revision=0),
        track(*here, event_id=1, revision=1, status=Status.RETRACTION),
        track(*here, event_id=2, tense=Tense.TEST),
        track(*here, event_id=3, kind=AlertKind.HESE),
        track(*here, event_id=4, kind=AlertKind.CASCADE),
    ]
    found = coincidence(HERE, T0, alerts, before_s=DAY, after_s=DAY)
    assert [match.alert.event_id for match in found] == [4]
    assert coincidence(HERE, T0, alerts, before_s=DAY, after_s=DAY, kinds=()) == ()


def test_wrong_times() -> None:
    with pytest.raises(PValueError, match="expected a time with a time zone"):
        coincidence(HERE, datetime(2023, 9, 14), [], before_s=1, after_s=1)  # noqa: DTZ001  # wrong on purpose
    with pytest.raises(PValueError, match="expected a rate or duration"):
        coincidence(HERE, T0, [], before_s=-1, after_s=1)


def test_the_nearest_earlier_alert() -> None:
    new = track(77.0, 5.0, event_id=9, kind=AlertKind.BRONZE)
    earlier = [
        track(77.0, 8.0, event_id=1, time=T0 - timedelta(days=20)),
        track(77.0, 6.0, event_id=2, time=T0 - timedelta(days=10)),
        track(77.0, 5.1, event_id=3, time=T0 - timedelta(days=40)),  # before the window
        track(77.0, 5.1, event_id=4, time=T0 + timedelta(days=1)),
        track(77.0, 5.1, event_id=5, kind=AlertKind.CASCADE, time=T0 - timedelta(days=1)),
        new,
    ]
    found = earlier_alert(new, earlier, window_s=30 * DAY, trials=28)
    assert found is not None
    assert (found.alert.event_id, found.delta_t_s) == (2, -10 * DAY)
    assert found.separation_deg == pytest.approx(1.0)
    even = 26 * (30 / 365) * (1 - math.cos(math.radians(1))) / 2
    assert 2.5 < found.n_expected / even < 4.5  # gold and bronze are dense there
    assert found.significance.n_trials == 28.0
    alone = earlier_alert(new, earlier, window_s=30 * DAY)
    assert alone is not None
    assert alone.significance.verdict is None
    assert earlier_alert(new, [new], window_s=30 * DAY) is None
    assert earlier_alert(new.replace(localization=None), earlier, window_s=DAY) is None


@settings(max_examples=40)
@given(
    st.floats(0, 359),
    st.floats(-80, 80),
    st.floats(0.2, 8),
    st.floats(0.1, 1),
    st.floats(0, 180),
)
def test_an_ellipse_counts_with_its_area(
    ra: float, dec: float, major: float, ratio: float, angle: float
) -> None:
    """Any axes, angle and place: the plane's pi a b, less what the sphere takes."""
    shape = Ellipse(semi_major_deg=major, semi_minor_deg=major * ratio, position_angle_deg=angle)
    place = Localization(ra_deg=ra, dec_deg=dec, ellipse=shape, containment=0.9)
    alert = track(place=place, kind=AlertKind.CASCADE)
    here = Direction(ra_deg=ra, dec_deg=dec)

    def coincident(where: Direction) -> Coincidence:
        half = YEAR_S / 2
        kinds = [AlertKind.CASCADE]
        (one,) = coincidence(where, T0, [alert], kinds=kinds, before_s=half, after_s=half)
        return one

    found = coincident(here)
    share = math.pi * major**2 * ratio / 41_252.96
    assert found.n_expected == pytest.approx(8 * share, rel=0.01)
    assert found.is_contained is True
    beyond = moved(ra, dec, angle + 90, 1.01 * major * ratio)
    outside = coincident(beyond)
    assert outside.is_contained is False
    assert outside.n_expected == pytest.approx(found.n_expected, rel=0.03)


def moved(ra: float, dec: float, angle: float, distance: float) -> Direction:
    start: Any = SkyCoord(ra * u.deg, dec * u.deg)
    there = start.directional_offset_by(angle * u.deg, distance * u.deg)
    return Direction(ra_deg=float(there.ra.deg), dec_deg=float(there.dec.deg))


def test_a_map_takes_the_place_of_the_circle() -> None:
    """3 deg around RA, DEC, where the notice states 1 deg."""
    area = parse_skymap(uniq_file()).area(0.9)
    alert = track(place=circle(RA, DEC, 1.0))
    here = Direction(ra_deg=RA, dec_deg=DEC + 3)
    (stated,) = coincidence(here, T0, [alert], before_s=1e6, after_s=1e6)
    (mapped,) = coincidence(here, T0, [alert], before_s=1e6, after_s=1e6, areas=lambda place: area)
    assert (stated.is_contained, mapped.is_contained) == (False, True)
    assert mapped.containment == 0.9
    by_area = alert_density(AlertKind.GOLD)
    assert by_area is not None
    radius = math.degrees(2 * math.asin(math.sqrt(area.area_deg2 / 41_252.96)))
    cap = expected_alerts(AlertKind.GOLD, 2e6, area.area_deg2)
    density = circle_density(by_area, DEC + 3, radius)
    assert mapped.n_expected == pytest.approx(cap * density)
