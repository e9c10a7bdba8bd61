"""Published values. Where p was rounded for print, every p that rounds to it must be allowed."""

from __future__ import annotations

import math

import pytest

from icecube_hooks import YEAR_S, AlertKind
from icecube_plugin.significance import (
    ALERT_RATES,
    GW_RUNS,
    alerts_per_year,
    assess_p,
    chance_of_at_least_one,
    chance_of_sources,
    false_alarm_rate,
    p_from_sigma,
    post_trial_p,
    post_trial_sigma,
    sigma_from_p,
)

CIRCULARS = [
    # p, sigma, decimals of p, where
    (0.094, 1.32, 3, "S190517h generic, GCN Circular 24573"),
    (0.03, 1.84, 2, "S190728q generic, GCN Circular 25197"),
    (0.013, 2.22, 3, "S190728q bayesian, GCN Circular 25197"),
    (0.0448, 1.70, 4, "S190808ae generic, GCN Circular 25297"),
    (0.068, 1.49, 3, "S190808ae bayesian, GCN Circular 25297"),
    (0.104, 1.26, 3, "S191216ap generic, GCN Circular 26460"),
    (0.0059, 2.52, 4, "S191216ap bayesian, GCN Circular 26460"),
    (0.003, 2.75, 3, "S200213t generic, GCN Circular 27043"),
    (0.0174, 2.11, 4, "S200213t bayesian, GCN Circular 27043"),
]


@pytest.mark.parametrize(("p", "sigma", "decimals", "where"), CIRCULARS)
def test_icecube_circulars_are_one_sided(p: float, sigma: float, decimals: int, where: str) -> None:
    half = 0.5 * 10.0**-decimals
    low, high = sigma_from_p(p + half), sigma_from_p(p - half)
    assert low - 0.005 <= sigma <= high + 0.005, where
    two = sigma_from_p(p - half, "two-sided"), sigma_from_p(p + half, "two-sided")
    assert not two[1] - 0.005 <= sigma <= two[0] + 0.005, f"{where} is not two-sided"


@pytest.mark.parametrize(
    ("p", "sigma"),
    [(0.0059, 2.52), (0.104, 1.26), (0.003, 2.75), (0.0174, 2.11), (0.0191, 2.07), (0.0549, 1.60)],
)
def test_to_the_printed_digits(p: float, sigma: float) -> None:
    assert round(sigma_from_p(p), 2) == sigma


LOCAL_TO_GLOBAL = [
    # local sigma, trials, global sigma, where
    (5.2, 110, 4.2, "NGC 1068, 110 sources, Science 378 (2022) 538"),
    (4.1, 51, 3.0, "TXS 0506+056 and IC-170922A, 10 + 41 alerts, Science 361 (2018) eaat1378"),
    (4.1, 97, 2.9, "NGC 1068 in the northern catalogue, PRL 124 (2020) 051103"),
]


@pytest.mark.parametrize(("local", "n", "expected", "where"), LOCAL_TO_GLOBAL)
def test_local_to_global(local: float, n: int, expected: float, where: str) -> None:
    low, high = (post_trial_sigma(p_from_sigma(local + shift), n) for shift in (-0.05, 0.05))
    assert low - 0.05 <= expected <= high + 0.05, where


def test_ngc_1068_to_the_printed_digit() -> None:
    assert round(post_trial_sigma(p_from_sigma(5.2), 110), 1) == 4.2


@pytest.mark.parametrize(
    ("p", "sigma", "where"),
    [
        (5e-8, 5.3, "hottest spot of the sky scan, Science 378 (2022) 538"),
        (10**-4.74, 4.1, "NGC 1068, PRL 124 (2020) 051103"),
    ],
)
def test_local_p_values_of_papers(p: float, sigma: float, where: str) -> None:
    assert round(sigma_from_p(p), 1) == sigma, where


@pytest.mark.parametrize(("sigma", "p"), [(1, "0.32"), (2, "0.046"), (3, "0.0027"), (4, "6.3e-05")])
def test_the_two_sided_table(sigma: int, p: str) -> None:
    assert f"{p_from_sigma(sigma, 'two-sided'):.2g}" == p
    assert p_from_sigma(sigma, "two-sided") == pytest.approx(math.erfc(sigma / math.sqrt(2)))


@pytest.mark.parametrize(
    ("sigma", "p"),
    [(1, "0.159"), (2, "0.0228"), (3, "0.00135"), (4, "3.17e-05"), (5, "2.87e-07")],
)
def test_the_one_sided_table(sigma: int, p: str) -> None:
    assert f"{p_from_sigma(sigma):.3g}" == p


def test_the_tutorials_example() -> None:
    assert round(post_trial_p(0.001, 100), 3) == 0.095
    assert 100 * 0.001 == 0.1  # what n * p gives


@pytest.mark.parametrize(
    ("sigma", "verdict"),
    [(5, "discovery"), (3, "strong"), (2, "moderate"), (1.99, "none"), (1, "none"), (-1, "none")],
)
def test_the_tutorials_bands_but_weak(sigma: float, verdict: str) -> None:
    assert assess_p(p_from_sigma(sigma), trials=1).verdict == verdict
    assert assess_p(p_from_sigma(sigma)).verdict is None


@pytest.mark.parametrize(
    ("p", "verdict"),
    [
        (2.86e-7, "discovery"),
        (2.87e-7, "strong"),
        (0.00135, "moderate"),
        (0.0228, "none"),
        (1.0, "none"),
    ],
)
def test_a_band_does_not_hold_its_upper_end(p: float, verdict: str) -> None:
    assert assess_p(p, trials=1).verdict == verdict


def test_far_is_p_times_the_trigger_rate() -> None:
    assert false_alarm_rate(0.0191, 100) == pytest.approx(1.91)  # S230914ak at 100 per year


def test_icecube_200615a_in_a_year() -> None:
    # FAR 0.2894 per year, GCN notice 134191_17593623
    assert chance_of_at_least_one(0.2894) == pytest.approx(1 - math.exp(-0.2894))
    assert chance_of_at_least_one(8.029e-8 * YEAR_S) == pytest.approx(
        1 - math.exp(-2.5320), rel=1e-4
    )


@pytest.mark.parametrize(("k", "p", "sigma"), [(1, 2.6e-2, 1.94), (2, 3.4e-4, 3.4)])
def test_tidal_disruptions_by_chance(k: int, p: float, sigma: float) -> None:
    """AT2019dsg and AT2019fdr, PRL 128 (2022) 221101; inputs as in the paper's analysis script."""
    chance = chance_of_sources([154.33], 12 / 28_000, time_overlap=1 / 2.5, n_found=k)
    assert f"{12 / 28_000 / 2.5:.2e}" == "1.71e-04"
    assert chance.n_expected == pytest.approx(0.026, abs=0.0005)
    found = chance.significance
    assert found.p_value == pytest.approx(p, rel=0.02)
    assert found.sigma == pytest.approx(sigma, abs=0.05)


@pytest.mark.parametrize(
    ("run", "n_high", "n_low", "days"),
    [("O3", 56, 0, 330), ("O4a", 81, 1610, 237), ("O4b", 186 - 81, None, 293)],
)
def test_gw_alerts_of_a_run(run: str, n_high: int, n_low: int | None, days: float) -> None:
    """GWTC-2 and GWTC-3; GraceDB; EGO, 3 February 2025 (186 until the end of O4b)."""
    found = next(one for one in GW_RUNS if one.name == run)
    assert found.high.per_year == pytest.approx(n_high / days * 365, abs=0.6)
    if n_low is not None:
        assert found.low.per_year == pytest.approx(n_low / days * 365, abs=0.6)


@pytest.mark.parametrize(
    ("kind", "per_year"),
    [(AlertKind.GOLD, 10.0), (AlertKind.BRONZE, 16.0), (AlertKind.CASCADE, 8.0)],
)
def test_alerts_a_year(kind: AlertKind, per_year: float) -> None:
    assert ALERT_RATES[kind].per_year == per_year  # GCN's IceCube page, yearly alert rates


@pytest.mark.parametrize(
    ("far", "signalness", "per_year"),
    [
        (0.3, None, 3.1),
        (1.0, None, 10.9),
        (None, 0.0, 28.1),
        (None, 0.5, 9.3),
        (None, 0.9, 0.6),
    ],
)
def test_counts_of_icecat1(far: float | None, signalness: float | None, per_year: float) -> None:
    """364 alerts in 12.96 years, ApJS 269 (2023) 25."""
    found = alerts_per_year(max_far_per_year=far, min_signalness=signalness)
    assert round(found, 1) == per_year


def test_the_false_alarm_rate_of_the_official_example() -> None:
    # GCN's example of a bronze alert: far 8.029e-8 Hz
    assert round(8.029e-8 * YEAR_S, 2) == 2.53


def test_a_year_of_background_searches() -> None:
    """100 + 730 searches: 19 below "2 sigma", one below "3 sigma"."""
    assert round(830 * p_from_sigma(2)) == 19
    assert round(830 * p_from_sigma(3)) == 1
