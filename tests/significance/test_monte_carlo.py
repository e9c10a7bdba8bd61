"""Under the null hypothesis post-trial p-values are uniform; where they are not, conservative.

Every test simulates the looks themselves, draws 1e5 seasons with a fixed seed and compares with
the uniform distribution by Kolmogorov and Smirnov.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from scipy import stats

from icecube_hooks import YEAR_S, Alert, AlertKind, Direction
from icecube_plugin.significance import (
    ALERT_RATES,
    Trials,
    bonferroni_p,
    chance_of_at_least_one,
    coincidence,
    expected_alerts,
    fisher,
    post_trial_p,
    stouffer,
)
from tests.significance.alerts import T0, track

SEASONS = 100_000
GRID = np.concatenate([10.0 ** np.linspace(-4, -1, 13), np.linspace(0.15, 0.95, 17)])


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(1068)


def is_uniform(p: Any) -> bool:
    return bool(stats.kstest(p, "uniform").pvalue > 1e-3)


def excess(p: Any) -> float:
    """Return by how many standard deviations P(p <= x) exceeds x at most."""
    share = np.array([(p <= x).mean() for x in GRID])
    return float(np.max((share - GRID) / np.sqrt(GRID * (1 - GRID) / len(p))))


def best_of_each(rng: np.random.Generator, counts: Any) -> Any:
    """Return the smallest of `counts[i]` uniform p-values for each season i."""
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    return np.minimum.reduceat(rng.random(counts.sum()), starts)


def two_searches(rng: np.random.Generator, rho: float, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Return p-values of two searches whose test statistics are correlated."""
    a, b = rng.normal(size=shape), rng.normal(size=shape)
    return stats.norm.sf(a), stats.norm.sf(rho * a + np.sqrt(1 - rho**2) * b)


def test_a_given_number_of_trials(rng: np.random.Generator) -> None:
    best = rng.random((SEASONS, 20)).min(axis=1)
    assert is_uniform(post_trial_p(best, 20))
    assert not is_uniform(bonferroni_p(best, 20))  # the test can tell
    assert not is_uniform(post_trial_p(best, 21))


def test_rate_times_live_time(rng: np.random.Generator) -> None:
    best = best_of_each(rng, rng.poisson(40.0, SEASONS))
    trials = Trials.from_rate(100.0, 0.4 * YEAR_S)
    assert trials.n == pytest.approx(40.0)
    assert is_uniform(trials.post_p(best))
    assert not is_uniform(post_trial_p(best, 30.0))


def test_observed_number_of_events(rng: np.random.Generator) -> None:
    counts = np.maximum(1, rng.poisson(8.0, SEASONS))
    best = best_of_each(rng, counts)
    assert is_uniform(post_trial_p(best, counts))
    assert not is_uniform(post_trial_p(best, float(counts.mean())))


def test_best_of_two_independent_searches_is_exact(rng: np.random.Generator) -> None:
    best = np.minimum(*two_searches(rng, 0.0, (SEASONS,)))
    assert is_uniform(post_trial_p(best, 2))
    assert not is_uniform(best)


@pytest.mark.parametrize("rho", [0.3, 0.6, 0.9])
def test_best_of_two_correlated_searches_is_conservative(
    rng: np.random.Generator, rho: float
) -> None:
    best = np.minimum(*two_searches(rng, rho, (SEASONS,)))
    post = post_trial_p(best, 2)
    assert excess(post) < 3.5
    assert not is_uniform(post)
    assert excess(best) > 10  # without the penalty it is far from it


def test_best_of_two_anticorrelated_searches_is_held_by_bonferroni(
    rng: np.random.Generator,
) -> None:
    best = np.minimum(*two_searches(rng, -0.9, (SEASONS,)))
    assert excess(post_trial_p(best, 2)) > 5  # not conservative, as the documentation says
    assert excess(bonferroni_p(best, 2)) < 3.5


@pytest.mark.parametrize("rho", [0.0, 0.6])
def test_a_season_of_best_of_two(rng: np.random.Generator, rho: float) -> None:
    events = post_trial_p(np.minimum(*two_searches(rng, rho, (SEASONS, 12))), 2)
    post = post_trial_p(events.min(axis=1), 12)
    assert is_uniform(post) if rho == 0 else excess(post) < 3.5
    twice = Trials.given(12).times(2, "x 2 searches")
    best = np.minimum(*two_searches(rng, rho, (SEASONS, 12))).min(axis=1)
    assert is_uniform(twice.post_p(best)) if rho == 0 else excess(twice.post_p(best)) < 3.5


def test_the_lowest_false_alarm_rate_of_a_year(rng: np.random.Generator) -> None:
    highest = 9.0  # background alerts per year, their false-alarm rates uniform below that
    counts = rng.poisson(highest, SEASONS)
    lowest = np.full(SEASONS, np.inf)
    lowest[counts > 0] = highest * best_of_each(rng, counts[counts > 0])
    chance = chance_of_at_least_one(lowest[counts > 0])
    assert excess(np.concatenate([chance, np.ones((counts == 0).sum())])) < 3.5
    below = chance[chance < 1 - np.exp(-highest)]
    assert is_uniform(
        np.concatenate([below, rng.uniform(1 - np.exp(-highest), 1, (counts == 0).sum())])
    )


def test_the_nearest_of_isotropic_alerts(rng: np.random.Generator) -> None:
    """1e5 seasons with the formula; `test_the_real_function...` ties the function to it."""
    window_s = 30 * 86_400.0
    best = np.ones(SEASONS)
    for kind, rate in ALERT_RATES.items():
        counts = rng.poisson(rate.per_year * window_s / YEAR_S, SEASONS)
        nearest = np.ones(SEASONS)
        nearest[counts > 0] = best_of_each(rng, counts[counts > 0])  # (1 - cos separation) / 2
        mu = expected_alerts(kind, window_s) * nearest
        best = np.minimum(best, np.where(counts > 0, -np.expm1(-mu), 1.0))
    post = post_trial_p(best, len(ALERT_RATES))
    assert excess(post) < 3.5
    seen = post[post < 0.6]
    assert is_uniform(seen / 0.6)  # above, the seasons without any alert pile up


def test_the_real_function_on_isotropic_alerts(rng: np.random.Generator) -> None:
    half_s, post = 182.5 * 86_400.0, []
    source = Direction(ra_deg=77.36, dec_deg=5.69)
    for _ in range(2_000):
        alerts: list[Alert] = []
        for kind, rate in ALERT_RATES.items():
            n = rng.poisson(rate.per_year)
            ra = rng.uniform(0, 360, n)
            dec = np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
            shifts = rng.uniform(-half_s, half_s, n)
            for r, d, shift in zip(ra, dec, shifts, strict=True):
                when = T0 + timedelta(seconds=shift)
                alerts.append(track(r, d, kind=kind, time=when, event_id=len(alerts)))
        found = coincidence(source, T0, alerts, before_s=half_s, after_s=half_s)
        assert len(found) == len(alerts)
        post.append(min(match.significance.p_value_post or 0.0 for match in found))
    assert is_uniform(post)


def test_a_wide_error_region_is_conservative(rng: np.random.Generator) -> None:
    rate, radius = 40.0, 10.0
    counts = np.maximum(rng.poisson(rate, SEASONS), 1)
    nearest = best_of_each(rng, counts)
    floor = (1 - np.cos(np.radians(radius))) / 2
    assert excess(-np.expm1(-rate * np.maximum(nearest, floor))) < 3.5


def test_fisher_and_stouffer(rng: np.random.Generator) -> None:
    ps = rng.random((20_000, 3))
    assert is_uniform([fisher(row).p_value for row in ps])
    assert is_uniform([stouffer(row).p_value for row in ps])
    assert is_uniform([stouffer(row, [1.0, 2.0, 5.0]).p_value for row in ps])


def test_fisher_on_one_event_twice_is_not_uniform(rng: np.random.Generator) -> None:
    pairs = np.column_stack(two_searches(rng, 0.8, (20_000,)))
    assert excess(np.array([fisher(row).p_value for row in pairs])) > 5


def test_gold_alone_is_a_single_kind() -> None:
    alert = track(10.0, 0.0)
    where = Direction(ra_deg=10.5, dec_deg=0.0)
    one, three = (
        coincidence(where, T0, [alert], before_s=1e6, after_s=0, kinds=kinds)[0].significance
        for kinds in ((AlertKind.GOLD,), tuple(ALERT_RATES))
    )
    assert (one.n_trials, three.n_trials) == (1.0, 3.0)
    assert one.p_value == one.p_value_post == three.p_value
