"""The joint false-alarm rate of a candidate and neutrinos, on simulated background."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate

from icecube_plugin.significance import PValueError, joint_far_hz

DEEPEST_HZ = 2.3e-5
PAIRS = 400_000
"""Noise candidates; so many come in PAIRS / DEEPEST_HZ seconds."""


@pytest.fixture(scope="module")
def background() -> tuple[np.ndarray, np.ndarray]:
    """False-alarm rates of noise candidates, and p-values of background around them.

    By what a false-alarm rate is, noise gives as many between 0 and half of the largest as between
    that and it; p-values of background are uniform.
    """
    random = np.random.default_rng(20241125)
    return random.uniform(0, DEEPEST_HZ, PAIRS), random.uniform(0, 1, PAIRS)


def is_counted(n_seen: int, expected: float) -> bool:
    return abs(n_seen - expected) < 4 * math.sqrt(expected)


@pytest.mark.parametrize(("p", "far_hz"), [(0.5, 1e-5), (0.02, 2e-5), (0.3, 1e-6)])
def test_as_good_in_both(
    background: tuple[np.ndarray, np.ndarray], p: float, far_hz: float
) -> None:
    rates, ps = background
    livetime_s = PAIRS / DEEPEST_HZ
    seen = int(np.count_nonzero((rates <= far_hz) & (ps <= p)))
    assert is_counted(seen, joint_far_hz(p, far_hz) * livetime_s)


@pytest.mark.parametrize(("p", "far_hz"), [(0.5, 1e-5), (0.02, 2e-5), (0.004, 1e-6), (1.0, 2.3e-5)])
def test_a_product_as_small(
    background: tuple[np.ndarray, np.ndarray], p: float, far_hz: float
) -> None:
    rates, ps = background
    joint = joint_far_hz(p, far_hz, DEEPEST_HZ)
    seen = int(np.count_nonzero(rates * ps <= p * far_hz))
    assert is_counted(seen, joint * PAIRS / DEEPEST_HZ)
    product = p * far_hz  # below it any p will do
    above, _ = integrate.quad(lambda rate: product / rate, product, DEEPEST_HZ, epsabs=0)
    exact = product + above
    assert joint == pytest.approx(exact, rel=1e-6)


def test_nothing_is_nothing() -> None:
    assert joint_far_hz(0.0, 1e-9) == joint_far_hz(0.0, 1e-9, 1e-5) == 0.0


@pytest.mark.parametrize(
    "given", [(1.5, 1e-9), (math.nan, 1e-9), (0.1, -1.0), (0.1, math.inf), (0.1, 1e-5, 1e-6)]
)
def test_what_is_no_number_of_its_kind(given: tuple[float, ...]) -> None:
    with pytest.raises(PValueError):
        joint_far_hz(*given)
