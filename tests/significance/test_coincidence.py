"""Geometry against astropy, and the worth of a coincidence."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import numpy as np
import pytest

from icecube_hooks import (
    YEAR_S,
    AlertKind,
    AsymmetricError,
    Direction,
    Ellipse,
    Localization,
    Status,
    Tense,
)
from icecube_plugin.significance import (
    PValueError,
    coincidence,
    contains,
    expected_alerts,
    post_trial_p,
    region_area_deg2,
    separation_deg,
)
from tests.significance.alerts import T0, track

DAY = 86_400.0
HERE = Direction(ra_deg=77.36, dec_deg=5.69)


def at(ra: float, dec: float) -> Direction:
    return Direction(ra_deg=ra, dec_deg=dec)


def test_separation_is_that_of_astropy() -> None:
    coordinates = pytest.importorskip("astropy.coordinates")
    rng = np.random.default_rng(5)
    ra, dec = rng.uniform(0, 360, (2, 200)), np.degrees(np.arcsin(rng.uniform(-1, 1, (2, 200))))
    ra[1, :50], dec[1, :50] = ra[0, :50] + 1e-7, dec[0, :50]
    ra[1, 50:60], dec[1, 50:60] = (ra[0, 50:60] + 180) % 360, -dec[0, 50:60]
    a, b = (coordinates.SkyCoord(ra[i], dec[i], unit="deg") for i in (0, 1))
    ours = [separation_deg(at(ra[0, i], dec[0, i]), at(ra[1, i], dec[1, i])) for i in range(200)]
    np.testing.assert_allclose(ours, a.separation(b).deg, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize(("distance", "inside"), [(0.0, True), (0.99, True), (1.01, False)])
def test_circle(distance: float, inside: bool) -> None:
    for dec in (-89.9, 0.0, 60.0):
        region = Localization(ra_deg=359.9, dec_deg=dec, error_radius_deg=1.0)
        assert contains(region, at(359.9, min(90.0, dec + distance))) is inside
    region = Localization(ra_deg=359.9, dec_deg=0.0, error_radius_deg=1.0)
    assert contains(region, at((359.9 + distance) % 360, 0.0)) is inside


def test_ellipse() -> None:
    ellipse = Ellipse(semi_major_deg=3.0, semi_minor_deg=1.0, position_angle_deg=90.0)  # along RA
    region = Localization(ra_deg=0.0, dec_deg=0.0, ellipse=ellipse)
    assert contains(region, at(2.9, 0.0))
    assert not contains(region, at(0.0, 1.1))
    assert not contains(region, at(3.1, 0.0))
    tilted = Ellipse(semi_major_deg=3.0, semi_minor_deg=1.0, position_angle_deg=45.0)
    region = Localization(ra_deg=10.0, dec_deg=0.0, ellipse=tilted)
    assert contains(region, at(11.9, 1.9))  # north-east
    assert not contains(region, at(8.1, 1.9))


def test_ellipse_of_unknown_orientation() -> None:
    region = Localization(
        ra_deg=0.0, dec_deg=0.0, ellipse=Ellipse(semi_major_deg=3.0, semi_minor_deg=1.0)
    )
    assert contains(region, at(0.0, 0.9)) is True
    assert contains(region, at(0.0, 2.0)) is None
    assert contains(region, at(0.0, 3.1)) is False


def test_box() -> None:
    box = AsymmetricError(ra_minus_deg=1.0, ra_plus_deg=2.0, dec_minus_deg=0.5, dec_plus_deg=0.7)
    region = Localization(ra_deg=0.5, dec_deg=60.0, asymmetric=box)
    assert contains(region, at(2.4, 60.6))
    assert contains(region, at(359.6, 59.6))
    assert not contains(region, at(359.4, 60.0))
    assert not contains(region, at(0.5, 60.8))
    assert region_area_deg2(region) == pytest.approx(3.0 * 0.5 * 1.2)
    turned = AsymmetricError(
        ra_minus_deg=2.0,
        ra_plus_deg=2.0,
        dec_minus_deg=0.5,
        dec_plus_deg=0.5,
        position_angle_deg=90.0,
    )
    region = Localization(ra_deg=0.0, dec_deg=0.0, asymmetric=turned)
    assert contains(region, at(0.0, 1.9))
    assert not contains(region, at(1.9, 0.0))


def test_areas() -> None:
    circle = Localization(ra_deg=0.0, dec_deg=0.0, error_radius_deg=1.0)
    assert region_area_deg2(circle) == pytest.approx(math.pi, rel=1e-4)
    ellipse = Ellipse(semi_major_deg=3.0, semi_minor_deg=1.0)
    place = Localization(ra_deg=0.0, dec_deg=0.0, ellipse=ellipse)
    assert region_area_deg2(place) == pytest.approx(3 * math.pi)
    nothing = Localization(ra_deg=0.0, dec_deg=0.0)
    assert region_area_deg2(nothing) is None
    assert contains(nothing, HERE) is None


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
    (match,) = coincidence(HERE, T0, [alert], before_s=0, after_s=10 * DAY)
    assert match.is_contained is True
    assert match.containment == 0.9
    assert match.delta_t_s == 2 * DAY
    assert match.separation_deg == pytest.approx(0.0759, abs=1e-3)
    expected = 10 * (10 / 365) * (math.pi / 41_252.96)  # gold per year x years x share of the sky
    assert match.n_expected == pytest.approx(expected, rel=1e-3)
    result = match.significance
    assert result.p_value == pytest.approx(expected, rel=1e-3)
    assert result.p_value_post == post_trial_p(result.p_value or 0, 3)
    assert result.trials_source == "given: 3 kinds of alert x 1 transient"
    assert result.quantity == "gold coincidence"
    assert "isotropic alerts assumed" in result.notes[0]


def test_outside_the_region_the_separation_counts() -> None:
    place = Localization(ra_deg=77.36, dec_deg=15.69, error_radius_deg=1.0)
    (match,) = coincidence(HERE, T0, [track(place=place)], before_s=DAY, after_s=DAY)
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
    (dense,) = coincidence(
        HERE, T0, [near], before_s=DAY, after_s=DAY, density=lambda dec: 2.5 if dec == 5.0 else 0.0
    )
    assert dense.n_expected == pytest.approx(2.5 * found[0].n_expected)
    assert dense.significance.notes == ()


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
