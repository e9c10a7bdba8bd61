"""Accuracy against mpmath, and the written rules for what is no ordinary p-value."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

from icecube_hooks import IceCubePluginError, Sided
from icecube_plugin.significance import (
    PValueError,
    Trials,
    bonferroni_p,
    chance_of_at_least_one,
    false_alarm_rate,
    log_p_from_sigma,
    p_from_sigma,
    post_trial_log_p,
    post_trial_p,
    post_trial_sigma,
    pre_trial_p,
    sigma_from_log_p,
    sigma_from_p,
)

mpmath.mp.dps = 50
PROMISED = 1e-12
RNG = np.random.default_rng(20230914)
PS = np.concatenate(
    [
        10.0 ** RNG.uniform(-300, 0, 60),
        RNG.uniform(0, 1, 30),
        0.5 + RNG.normal(size=15) * 1e-9,
        1 - 10.0 ** RNG.uniform(-15.5, 0, 30),
        [1e-300, 2.87e-7, 0.5 - 2**-54, 0.5 + 2**-53, 1 - 2**-53],
    ]
)
NS = [1.0, 2.0, 7.5, 110.0, 1e4, 1e9]


def tail(sigma: Any, sided: Sided) -> Any:
    """Return the exact p of a sigma, and of its complement, without cancellation."""
    both = mpmath.erfc(sigma / mpmath.sqrt(2))
    return both if sided is Sided.TWO else both / 2


def exact_sigma(p: Any, q: Any, guess: float, sided: Sided) -> Any:
    """Solve for sigma by Newton's method on the logarithm of the smaller of p and q = 1 - p."""
    x = mpmath.mpf(guess)
    factor = 1 if sided is Sided.ONE else 2
    for _ in range(8):
        slope = factor * mpmath.npdf(x)
        if p < q:
            value = tail(x, sided)
            x += (mpmath.log(value) - mpmath.log(p)) * value / slope
        else:
            value = mpmath.erf(x / mpmath.sqrt(2)) if sided is Sided.TWO else tail(-x, sided)
            x -= (mpmath.log(value) - mpmath.log(q)) * value / slope
    return x


def worst(found: Any, exact: list[Any]) -> float:
    return max(
        float(abs((mpmath.mpf(float(f)) - e) / e)) for f, e in zip(found, exact, strict=True)
    )


def each(function: Callable[..., Any], values: Any, *more: Any) -> list[Any]:
    return [function(float(value), *more) for value in values]


@pytest.mark.parametrize("sided", list(Sided))
def test_sigma_from_p_is_exact_for_scalar_and_array(sided: Sided) -> None:
    scalars = each(sigma_from_p, PS, sided)
    exact = [
        exact_sigma(mpmath.mpf(float(p)), 1 - mpmath.mpf(float(p)), s, sided)
        for p, s in zip(PS, scalars, strict=True)
    ]
    assert worst(scalars, exact) < PROMISED
    assert worst(sigma_from_p(PS, sided), exact) < PROMISED


@pytest.mark.parametrize("sided", list(Sided))
def test_p_and_log_p_from_sigma_are_exact(sided: Sided) -> None:
    sigmas = np.concatenate([np.linspace(0, 37, 75), [1e-9, 1e-3, 0.49, 0.5, 0.51, 29.9, 30.1]])
    if sided is Sided.ONE:
        sigmas = np.concatenate([sigmas, -sigmas[sigmas < 8]])
    exact = [tail(mpmath.mpf(float(s)), sided) for s in sigmas]
    assert worst(each(p_from_sigma, sigmas, sided), exact) < PROMISED
    assert worst(p_from_sigma(sigmas, sided), exact) < PROMISED
    nonzero = sigmas != 0  # log p is 0 there, two-sided
    logs = [mpmath.log(e) for e, keep in zip(exact, nonzero, strict=True) if keep]
    assert worst(each(log_p_from_sigma, sigmas[nonzero], sided), logs) < PROMISED
    assert worst(log_p_from_sigma(sigmas[nonzero], sided), logs) < PROMISED


@pytest.mark.parametrize("sided", list(Sided))
def test_sigma_from_log_p_is_exact_beyond_the_range_of_a_double(sided: Sided) -> None:
    logs = -np.concatenate(
        [10.0 ** RNG.uniform(-14, 3.5, 60), [1e-9, 0.69, 0.7, 689, 691, 700, 5000]]
    )
    scalars = each(sigma_from_log_p, logs, sided)
    exact = []
    for log_p, guess in zip(logs, scalars, strict=True):
        value = mpmath.mpf(float(log_p))
        exact.append(exact_sigma(mpmath.exp(value), -mpmath.expm1(value), guess, sided))
    assert worst(scalars, exact) < PROMISED
    assert worst(sigma_from_log_p(logs, sided), exact) < PROMISED


@pytest.mark.parametrize("n", NS)
def test_trials_are_exact(n: float) -> None:
    exact = [-mpmath.expm1(n * mpmath.log1p(-mpmath.mpf(float(p)))) for p in PS]
    assert worst(each(post_trial_p, PS, n), exact) < PROMISED
    assert worst(post_trial_p(PS, n), exact) < PROMISED
    back = [-mpmath.expm1(mpmath.log1p(-mpmath.mpf(float(p))) / n) for p in PS]
    assert worst(each(pre_trial_p, PS, n), back) < PROMISED
    assert worst(pre_trial_p(PS, n), back) < PROMISED
    poisson = Trials.from_rate(n, 365 * 86400)
    expected = [max(mpmath.mpf(float(p)), -mpmath.expm1(-n * mpmath.mpf(float(p)))) for p in PS]
    assert worst(each(poisson.post_p, PS), expected) < PROMISED
    assert worst(poisson.post_p(PS), expected) < PROMISED


@pytest.mark.parametrize("n", NS)
def test_log_trials_are_exact(n: float) -> None:
    logs = -np.concatenate([10.0 ** RNG.uniform(-12, 3, 60), [39.9, 40.1, 690, 5000]])
    exact = []
    for log_p in logs:
        with mpmath.workdps(int(-log_p / 2.3) + 350):  # the nines of 1 - p, and 1e-300
            survival = n * mpmath.log1p(-mpmath.exp(mpmath.mpf(float(log_p))))
            exact.append(+mpmath.log(-mpmath.expm1(survival)))
    keep = [i for i, e in enumerate(exact) if e < -1e-300]  # beyond: a double holds 0 or less
    found, array = each(post_trial_log_p, logs, n), post_trial_log_p(logs, n)
    assert worst([found[i] for i in keep], [exact[i] for i in keep]) < PROMISED
    assert worst([array[i] for i in keep], [exact[i] for i in keep]) < PROMISED


@pytest.mark.parametrize("sided", list(Sided))
@pytest.mark.parametrize("n", NS)
def test_post_trial_sigma_is_exact_where_the_post_trial_p_rounds_to_1(
    n: float, sided: Sided
) -> None:
    ps = PS[(PS < 0.9) & (PS * n < 1e5)]
    scalars = each(post_trial_sigma, ps, n, sided)
    exact = []
    for p, guess in zip(ps, scalars, strict=True):
        log_q = n * mpmath.log1p(-mpmath.mpf(float(p)))
        exact.append(exact_sigma(-mpmath.expm1(log_q), mpmath.exp(log_q), guess, sided))
    # The survival's logarithm is rounded once, which moves exp(-x) by x times that.
    keep = [i for i, p in enumerate(ps) if sided is Sided.ONE or p * n < 500]
    assert worst([scalars[i] for i in keep], [exact[i] for i in keep]) < PROMISED
    array = post_trial_sigma(ps, n, sided)
    assert worst([array[i] for i in keep], [exact[i] for i in keep]) < PROMISED


def test_the_ends() -> None:
    assert sigma_from_p(0.0) == math.inf
    assert sigma_from_p(1.0) == -math.inf
    assert sigma_from_p(0.5) == 0.0
    assert math.copysign(1, sigma_from_p(0.5)) == 1
    assert sigma_from_p(1.0, "two-sided") == 0.0
    assert sigma_from_p(0.0, "two-sided") == math.inf
    assert p_from_sigma(math.inf) == 0.0
    assert p_from_sigma(-math.inf) == 1.0
    assert sigma_from_log_p(-math.inf) == math.inf
    assert sigma_from_log_p(0.0) == -math.inf
    assert sigma_from_log_p(0.0, "two-sided") == 0.0
    assert log_p_from_sigma(0.0, "two-sided") == 0.0
    assert post_trial_p(0.0, 1e9) == 0.0
    assert post_trial_p(1.0, 1e9) == 1.0
    assert pre_trial_p(1.0, 10) == 1.0
    assert post_trial_log_p(0.0, 10) == 0.0
    assert post_trial_sigma(1.0, 10) == -math.inf
    assert post_trial_sigma(0.0, 10, "two-sided") == math.inf
    assert Trials.from_rate(10, 86400).post_sigma(1.0) == -math.inf
    np.testing.assert_array_equal(
        sigma_from_p(np.array([0.0, 0.5, 1.0])), [math.inf, 0.0, -math.inf]
    )
    np.testing.assert_array_equal(post_trial_p(np.array([0.0, 1.0]), 5), [0.0, 1.0])
    np.testing.assert_array_equal(post_trial_log_p(np.array([-math.inf, 0.0]), 5), [-math.inf, 0])
    np.testing.assert_array_equal(post_trial_sigma(np.array([0.0, 1.0]), 5), [math.inf, -math.inf])
    assert sigma_from_p(5e-324) == pytest.approx(38.467, abs=1e-3)
    assert sigma_from_p(5e-324, "two-sided") == pytest.approx(38.485, abs=1e-3)
    assert float(sigma_from_p(np.array([5e-324]), "two-sided")[0]) == pytest.approx(
        38.485, abs=1e-3
    )


def test_where_the_tutorial_loses_everything() -> None:
    assert 1 - (1 - 1e-17) ** 100 == 0.0
    assert post_trial_p(1e-17, 100) == pytest.approx(1e-15, rel=1e-12)


ONE_ARGUMENT = [
    sigma_from_p,
    p_from_sigma,
    sigma_from_log_p,
    log_p_from_sigma,
    chance_of_at_least_one,
    *(lambda p, f=f: f(p, 10) for f in (post_trial_p, post_trial_log_p, post_trial_sigma)),
    *(lambda p, f=f: f(p, 10) for f in (pre_trial_p, bonferroni_p, false_alarm_rate)),
    Trials.from_rate(10, 86400).post_p,
]


@pytest.mark.parametrize("function", ONE_ARGUMENT)
@pytest.mark.parametrize(
    "wrong",
    [
        True,
        "0.01",
        "null",
        b"1",
        math.nan,
        10**400,
        {"p": 0.1},
        np.True_,
        np.float64("nan"),
        [0.1, None],
        ["0.1"],
        [True],
        np.array([0.5, math.nan]),
        np.ma.masked_array([-0.5, 0.5], mask=[True, False]),
    ],
    ids=repr,
)
def test_what_is_no_number_is_refused(function: Callable[[Any], Any], wrong: Any) -> None:
    with pytest.raises(PValueError):
        function(wrong)


@pytest.mark.parametrize("p", [-1e-300, 1.0000000000000002, 2, -1, math.inf, np.int64(7)])
def test_out_of_range_is_refused(p: float) -> None:
    calls: list[Callable[[], object]] = [
        lambda: sigma_from_p(p),
        lambda: post_trial_p(p, 2),
        lambda: pre_trial_p(p, 2),
    ]
    for call in calls:
        with pytest.raises(PValueError, match=r"^expected a p-value in \[0, 1\]"):
            call()


@pytest.mark.parametrize("n", [0, 0.5, -3, math.nan, math.inf, "5", True, None])
def test_a_wrong_number_of_trials_is_refused(n: Any) -> None:
    with pytest.raises(PValueError, match="expected a number of trials, finite and >= 1"):
        post_trial_p(0.1, n)
    with pytest.raises(PValueError):
        Trials.given(n)


def test_a_quantity_with_a_unit_is_refused() -> None:
    units: Any = pytest.importorskip("astropy.units")
    with pytest.raises(PValueError):
        sigma_from_p(units.Quantity([0.1, 0.2], units.percent))
    with pytest.raises(PValueError):
        sigma_from_p(units.Quantity(0.1, units.percent))


def test_messages_say_what_and_where() -> None:
    with pytest.raises(PValueError) as caught:
        sigma_from_p(np.array([[0.1, 0.2], [0.3, 1.5]]))
    assert str(caught.value) == "expected a p-value in [0, 1] at [1, 1], got 1.5"
    with pytest.raises(PValueError) as caught:
        sigma_from_p("x" * 100)  # type: ignore[type-var]  # wrong on purpose
    text = "expected a p-value in [0, 1], got 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx..."
    assert str(caught.value) == text
    with pytest.raises(PValueError) as caught:
        sigma_from_p(0.1, "both")
    assert str(caught.value) == "expected 'one-sided' or 'two-sided', got 'both'"
    with pytest.raises(PValueError, match="two-sided number of sigma, >= 0"):
        p_from_sigma(-1.0, "two-sided")
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, IceCubePluginError)
    copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  # our own bytes
    assert (str(copy), copy.value) == (str(caught.value), "both")


def test_not_stated_stays_not_stated() -> None:
    assert sigma_from_p(None) is None
    assert post_trial_p(None, 10) is None
    assert false_alarm_rate(None, 10) is None
    assert Trials.given(3).post_p(None) is None


def test_scalar_in_float_out_array_in_array_out() -> None:
    scalars: list[Any] = [0.25, 1, np.float32(0.25), np.float64(0.25), np.int64(1), np.array(0.25)]
    for scalar in scalars:
        assert type(sigma_from_p(scalar)) is float
        assert type(post_trial_p(scalar, 7)) is float
    single: Any = np.full((2, 3), 0.25, dtype=np.float32)
    found = sigma_from_p(single)
    assert found.shape == (2, 3)
    assert found.dtype == np.float64
    assert sigma_from_p(np.array([])).shape == (0,)
    many = post_trial_p(np.array([0.01, 0.02]), np.array([1.0, 10.0]))
    np.testing.assert_allclose(many, [0.01, post_trial_p(0.02, 10)], rtol=1e-15)


def test_array_and_scalar_agree() -> None:
    for sided in Sided:
        np.testing.assert_allclose(
            sigma_from_p(PS, sided), each(sigma_from_p, PS, sided), rtol=1e-14
        )
        np.testing.assert_allclose(
            post_trial_sigma(PS[PS < 0.9], 30, sided),
            each(post_trial_sigma, PS[PS < 0.9], 30, sided),
            rtol=1e-12,
        )
    np.testing.assert_array_equal(bonferroni_p(PS, 9), each(bonferroni_p, PS, 9))
    np.testing.assert_allclose(
        false_alarm_rate(PS, 100), each(false_alarm_rate, PS, 100), rtol=1e-15
    )
    np.testing.assert_allclose(
        chance_of_at_least_one(PS, 1e6), each(chance_of_at_least_one, PS, 1e6), rtol=1e-15
    )
