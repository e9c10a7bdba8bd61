"""What holds for every valid input."""

from __future__ import annotations

import math

from hypothesis import assume, given
from hypothesis import strategies as st

from icecube_hooks import Sided
from icecube_plugin.significance import (
    Trials,
    assess_p,
    bonferroni_p,
    log_p_from_sigma,
    p_from_sigma,
    post_trial_log_p,
    post_trial_p,
    post_trial_sigma,
    pre_trial_p,
    sigma_from_log_p,
    sigma_from_p,
)
from icecube_plugin.significance.provider import make_assess
from tests.significance.alerts import lvk

ROUNDING = 1e-13
ps = st.floats(0, 1)
positive = st.one_of(st.floats(1e-300, 1), st.floats(-300, 0).map(lambda x: 10.0**x))
ns = st.one_of(st.integers(1, 10**9).map(float), st.floats(1, 1e9))
sides = st.sampled_from(Sided)


@given(positive, positive, sides)
def test_sigma_falls_with_p(a: float, b: float, sided: Sided) -> None:
    assume(a < b)
    # Neighbours in the last digit may come out the other way round.
    assert sigma_from_p(a, sided) >= sigma_from_p(b, sided) - 1e-13


@given(ps, ps, ns)
def test_post_trial_p_rises_with_p(a: float, b: float, n: float) -> None:
    assume(a < b)
    assert post_trial_p(a, n) <= post_trial_p(b, n) * (1 + ROUNDING)


@given(ps, ns, ns)
def test_post_trial_p_rises_with_n(p: float, a: float, b: float) -> None:
    assume(a < b)
    assert post_trial_p(p, a) <= post_trial_p(p, b) * (1 + ROUNDING)


@given(ps, ns)
def test_post_trial_p_is_between_p_and_bonferroni(p: float, n: float) -> None:
    post = post_trial_p(p, n)
    assert p <= post <= bonferroni_p(p, n) * (1 + ROUNDING)
    assert p <= Trials.from_rate(n, 365 * 86400).post_p(p) <= 1


@given(ps, sides)
def test_one_trial_changes_nothing(p: float, sided: Sided) -> None:
    assert post_trial_p(p, 1) == p
    assert pre_trial_p(p, 1) == p
    assert post_trial_sigma(p, 1, sided) == sigma_from_p(p, sided)
    assert Trials.given(1).post_p(p) == p


@given(positive, sides)
def test_p_to_sigma_and_back(p: float, sided: Sided) -> None:
    sigma = sigma_from_p(p, sided)
    assume(math.isfinite(sigma))
    # Each side rounds sigma in its last place, which p multiplies by sigma^2.
    assert math.isclose(p_from_sigma(sigma, sided), p, rel_tol=1e-15 * (10 + sigma**2))


@given(st.floats(-1e6, -1e-12), sides)
def test_log_p_to_sigma_and_back(log_p: float, sided: Sided) -> None:
    sigma = sigma_from_log_p(log_p, sided)
    assert math.isclose(log_p_from_sigma(sigma, sided), log_p, rel_tol=1e-11)


@given(positive, ns)
def test_trials_and_back(p: float, n: float) -> None:
    post = post_trial_p(p, n)
    assume(post < 0.9)
    assert math.isclose(pre_trial_p(post, n), p, rel_tol=1e-12)


@given(positive, ns)
def test_log_and_linear_agree(p: float, n: float) -> None:
    post = post_trial_p(p, n)
    found = math.exp(post_trial_log_p(math.log(p), n))
    assert math.isclose(found, post, rel_tol=1e-11 if p < 0.5 else 1e-6)


@given(ps, ns, sides)
def test_never_nan(p: float, n: float, sided: Sided) -> None:
    trials = Trials.from_rate(n, 1e6)
    numbers = [
        sigma_from_p(p, sided),
        post_trial_p(p, n),
        post_trial_sigma(p, n, sided),
        pre_trial_p(p, n),
        trials.post_p(p),
        trials.post_sigma(p, sided),
    ]
    if p > 0:
        numbers += [
            sigma_from_log_p(math.log(p), sided),
            post_trial_log_p(math.log(p), n),
        ]
    assert not any(map(math.isnan, numbers))


@given(ps, ns, sides)
def test_a_report_holds_finite_numbers_or_none(p: float, n: float, sided: Sided) -> None:
    result = assess_p(p, trials=n, sided=sided)
    assert result.sided is sided
    assert (result.sigma is None) == (p == 0 or (p == 1 and sided is Sided.ONE))
    assert (result.verdict is None) == (p == 0) == result.is_limit
    stated = (result.sigma, result.sigma_post, result.p_value_post, result.p_value)
    assert all(math.isfinite(x) for x in stated if x is not None)


@given(st.none() | ps, st.none() | ps)
def test_never_a_sigma_from_an_unstated_p(generic: float | None, bayesian: float | None) -> None:
    results = make_assess()(lvk(generic, bayesian))
    names = [r.quantity for r in results]
    assert ("generic" in names) == (generic is not None)
    assert ("bayesian" in names) == (bayesian is not None)
    assert ("best of 2 searches" in names) == (None not in (generic, bayesian))
    assert all(r.p_value in (generic, bayesian) for r in results)
    assert all(r.sigma is None for r in results if r.p_value == 0)
