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
    _coincidence,
    alert_density,
    alert_share,
    bonferroni_p,
    coincidence,
    earlier_alert,
    expected_alerts,
    fisher,
    post_trial_p,
    spent_trials,
    stouffer,
)
from icecube_plugin.sky.directions import moved_deg
from tests.significance.alerts import T0, track

SEASONS = 100_000
GRID = np.concatenate([10.0 ** np.linspace(-4, -1, 13), np.linspace(0.15, 0.95, 17)])


def some_of(*always: Any, others: tuple[Any, ...]) -> list[Any]:
    """Return values, of which the others are for the night."""
    return [*always, *(pytest.param(one, marks=pytest.mark.nightly) for one in others)]


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


@pytest.mark.parametrize("seasons", some_of(300, others=(2_000,)))
def test_the_real_function_on_isotropic_alerts(rng: np.random.Generator, seasons: int) -> None:
    half_s, post = 182.5 * 86_400.0, []
    source = Direction(ra_deg=77.36, dec_deg=5.69)
    for _ in range(seasons):
        alerts: list[Alert] = []
        for kind, rate in ALERT_RATES.items():
            n = rng.poisson(rate.per_year)
            ra = rng.uniform(0, 360, n)
            dec = np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
            shifts = rng.uniform(-half_s, half_s, n)
            for r, d, shift in zip(ra, dec, shifts, strict=True):
                when = T0 + timedelta(seconds=shift)
                alerts.append(track(r, d, kind=kind, time=when, event_id=len(alerts)))
        found = coincidence(
            source, T0, alerts, before_s=half_s, after_s=half_s, density=lambda dec: 1.0
        )
        assert len(found) == len(alerts)
        post.append(min(match.significance.p_value_post or 0.0 for match in found))
    assert is_uniform(post)


KINDS = (AlertKind.GOLD, AlertKind.BRONZE)
SHARE = 0.4
"""Of a year: the window."""
GRID_DEG = np.concatenate([[0.0], np.geomspace(0.05, 180.0, 400)])


def p_at(dec: float, apart: float, kind: AlertKind, is_even: bool, least: float = 0.0) -> float:
    """Return the p-value of `coincidence` for an alert so far away [deg]."""
    place = moved_deg(30.0, dec, np.array([75.0]), np.array([apart]))
    alert = track(float(place[0][0]), float(place[1][0]), kind=kind, signalness=1.0)
    (found,) = coincidence(
        Direction(ra_deg=30.0, dec_deg=dec), T0, [alert], before_s=SHARE * YEAR_S, after_s=0.0,
        kinds=[kind], min_signalness=least, density=(lambda dec_deg: 1.0) if is_even else None,
    )  # fmt: skip
    p = found.significance.p_value
    assert p is not None
    return p


def smallest_p(
    rng: np.random.Generator,
    dec: float,
    kind: AlertKind,
    declinations: Any,
    is_even: bool,
    least: float = 0.0,
) -> Any:
    """Return the p-value of the nearest alert of `kind` in many seasons, as `coincidence` has it.

    p falls with the separation, so it is worked out on a grid of separations and interpolated.
    """
    n_expected = [-np.log1p(-p_at(dec, r, kind, is_even, least)) for r in GRID_DEG]
    per_year = ALERT_RATES[kind].per_year * alert_share(kind, least)
    counts = rng.poisson(per_year * SHARE, SEASONS)
    there = rng.choice(declinations, counts.sum())
    ra = rng.uniform(0, 2 * np.pi, there.size)
    north = np.radians(dec)
    along = np.sin(north) * np.sin(there) + np.cos(north) * np.cos(there) * np.cos(ra)
    nearest = np.full(SEASONS, 180.0)
    some = counts > 0
    starts = np.concatenate([[0], np.cumsum(counts[some])[:-1]])
    nearest[some] = np.degrees(np.arccos(np.maximum.reduceat(along, starts)))
    p = -np.expm1(-np.interp(nearest, GRID_DEG, n_expected))
    return np.where(some, p, 1.0)


def declinations(
    rng: np.random.Generator, kind: AlertKind, is_even: bool, least: float = 0.0
) -> Any:
    """Return many declinations [rad] of an even sky, or of one like IceCat-1."""
    sines = np.linspace(-1, 1, 100_001)
    density = alert_density(kind, least)
    assert density is not None
    weights = np.ones_like(sines) if is_even else [density(d) for d in np.degrees(np.arcsin(sines))]
    return np.arcsin(rng.choice(sines, 400_000, p=np.array(weights) / np.sum(weights)))


@pytest.mark.parametrize("dec", some_of(-50, 0, 30, others=(-70, -30, -10, -5, 5, 10, 20, 50, 70)))
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_even", [True, False])
def test_chances_of_a_coincidence_are_right(
    rng: np.random.Generator, kind: AlertKind, dec: float, is_even: bool
) -> None:
    """P(p < a) / a is 0.9 to 1.1, on even skies and on skies like IceCat-1."""
    p = smallest_p(rng, dec, kind, declinations(rng, kind, is_even), is_even)
    for a in (0.1, 0.03, 0.01):
        error = 3 * np.sqrt(1 / (a * SEASONS))
        assert (p < a).mean() / a == pytest.approx(1.0, abs=max(0.1, error)), (dec, a)


@pytest.mark.parametrize("dec", some_of(5, others=(-10, 30)))
@pytest.mark.parametrize(("kind", "least"), [(AlertKind.GOLD, 0.5), (AlertKind.BRONZE, 0.3)])
def test_chances_of_alerts_with_a_signalness_are_right(
    rng: np.random.Generator, kind: AlertKind, least: float, dec: float
) -> None:
    p = smallest_p(rng, dec, kind, declinations(rng, kind, False, least), False, least)
    for a in (0.1, 0.03, 0.01):
        error = 3.5 * np.sqrt(1 / (a * SEASONS))
        assert (p < a).mean() / a == pytest.approx(1.0, abs=max(0.1, error)), (dec, a)


@pytest.mark.parametrize("is_even", [True, False])
def test_chances_of_an_earlier_alert_are_right(
    rng: np.random.Generator, is_even: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole seasons, through the function itself: P(p < a) / a over all new alerts."""
    if is_even:
        monkeypatch.setattr(_coincidence, "alert_density", lambda kind: None)
    window_s, skies = 0.5 * YEAR_S, {kind: declinations(rng, kind, is_even) for kind in KINDS}
    p_values = []
    for number in range(1_500):
        earlier: list[Alert] = []
        for kind in KINDS:
            for dec in rng.choice(skies[kind], rng.poisson(0.5 * ALERT_RATES[kind].per_year)):
                when = T0 - timedelta(seconds=rng.uniform(0, window_s))
                place = rng.uniform(0, 360), float(np.degrees(dec))
                earlier.append(track(*place, kind=kind, time=when, event_id=len(earlier) + 10))
        kind = KINDS[number % 2]
        place = rng.uniform(0, 360), float(np.degrees(rng.choice(skies[kind])))
        found = earlier_alert(track(*place, kind=kind, event_id=1), earlier, window_s=window_s)
        p_values.append(1.0 if found is None else found.significance.p_value)
    assert is_uniform(p_values)
    p = np.array(p_values)
    for a in (0.3, 0.1, 0.03):
        assert (p < a).mean() / a == pytest.approx(1.0, abs=max(0.1, 3 / np.sqrt(a * p.size)))


def test_isotropy_would_be_wrong_near_the_horizon(rng: np.random.Generator) -> None:
    sky = declinations(rng, AlertKind.GOLD, is_even=False)
    p = smallest_p(rng, 0.0, AlertKind.GOLD, sky, is_even=True)
    assert (p < 0.01).mean() / 0.01 > 2.5


def test_an_open_series_keeps_its_error(rng: np.random.Generator) -> None:
    """Whatever the number of events, the chance that any is below a is at most a."""
    n = np.array([spent_trials(number, 30).n for number in range(1, 451)])  # 4 blocks: 15/16
    post = post_trial_p(rng.random((20_000, 450)), n)
    for a in (0.1, 0.03, 0.01):
        any_below = (post < a).any(axis=1).mean()
        assert any_below == pytest.approx(1 - (1 - a) ** (15 / 16), abs=3.5 * np.sqrt(a / 20_000))
    so_far = post_trial_p(rng.random((20_000, 100)), np.arange(1.0, 101.0))
    assert (so_far < 0.01).any(axis=1).mean() > 0.03  # trials so far: several times as often


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
