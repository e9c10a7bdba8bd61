"""Fisher and Stouffer against scipy.stats."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from icecube_hooks import PValue
from icecube_plugin.significance import DEPENDENT_NOTE, PValueError, fisher, stouffer
from tests.significance.alerts import searches

lists = st.lists(st.floats(1e-20, 0.999), min_size=1, max_size=6)


@given(lists)
def test_fisher_is_that_of_scipy(ps: list[float]) -> None:
    found = fisher(ps)
    expected: Any = stats.combine_pvalues(ps, "fisher")
    np.testing.assert_allclose([found.statistic, found.p_value], list(expected), rtol=1e-9)
    assert (found.n, found.method, found.is_independent) == (len(ps), "fisher", True)


@given(lists, st.data())
def test_stouffer_is_that_of_scipy(ps: list[float], data: st.DataObject) -> None:
    weights = data.draw(
        st.lists(st.floats(0.1, 10), min_size=len(ps), max_size=len(ps)) | st.none()
    )
    expected: Any = stats.combine_pvalues(ps, "stouffer", weights)
    found = stouffer(ps, weights)
    np.testing.assert_allclose(
        [found.statistic, found.p_value], list(expected), rtol=1e-9, atol=1e-12
    )


def test_one_p_value_is_itself() -> None:
    assert fisher([0.03]).p_value == pytest.approx(0.03, rel=1e-14)
    assert stouffer([0.03], [7]).p_value == pytest.approx(0.03, rel=1e-14)
    assert fisher([1.0]).p_value == 1.0
    assert stouffer([1.0, 0.5]).p_value == 1.0


def test_weight_0_leaves_one_out() -> None:
    assert stouffer([0.01, 0.9], [1, 0]).p_value == pytest.approx(0.01)
    assert stouffer([0.01, 1.0], [1, 0]).p_value == pytest.approx(0.01)


def test_generic_and_bayesian_are_warned_of() -> None:
    for combine in (fisher, stouffer):
        found = combine(searches(0.003, 0.0174))
        assert found.notes == (DEPENDENT_NOTE,)
        assert not found.is_independent
        one = combine(searches(None, 0.0174))
        assert one.is_independent
        assert one.n == 1
        two_events = combine([PValue(search="bayesian", value=p) for p in (0.1, 0.2)])
        assert two_events.notes == ()


@pytest.mark.parametrize("wrong", [[], [None], [0.0, 0.1], [1.5], ["0.1"], [True]])
def test_wrong_p_values(wrong: list[Any]) -> None:
    for combine in (fisher, stouffer):
        with pytest.raises(PValueError):
            combine(wrong)


@pytest.mark.parametrize("weights", [[1], [1, 2, 3], [0, 0], [1, -1], [1, float("nan")], [1, "2"]])
def test_wrong_weights(weights: list[Any]) -> None:
    with pytest.raises(PValueError):
        stouffer([0.1, 0.2], weights)
