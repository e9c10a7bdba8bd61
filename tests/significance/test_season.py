"""The best of a season, and expected beside observed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from icecube_hooks import AlertKind, Status, Tense
from icecube_plugin.significance import PValueError, newest, post_trial_p, season
from tests.significance.alerts import T0, lvk, track


def test_the_newest_notice_counts_whatever_the_order() -> None:
    old, new = lvk(0.001, 0.001, number=1), lvk(0.4, 0.3, number=2)
    for order in ((old, new), (new, old)):
        total = season(order)
        assert total.n_events == 1
        assert total.best is not None
        assert total.best.p_value == post_trial_p(0.3, 2)


def test_revisions_by_number_and_by_time() -> None:
    first, second = track(revision=0), track(revision=1)
    assert newest([second, first]) == (second,)
    early = lvk(0.1, 0.1, number=None, notice_time=T0)
    late = lvk(0.2, 0.2, number=None, notice_time=T0 + timedelta(hours=1))
    assert newest([late, early]) == (late,)


def test_an_upgrade_to_gold_is_the_same_event() -> None:
    bronze = track(kind=AlertKind.BRONZE, revision=0)
    gold = track(kind=AlertKind.GOLD, revision=1)
    assert newest([bronze, gold]) == (gold,)
    assert len(newest([bronze, track(kind=AlertKind.CASCADE)])) == 2


def test_what_is_sorted_out() -> None:
    alerts = [
        lvk(0.1, 0.2, superevent="S1a"),
        lvk(0.1, 0.2, superevent="S2b", number=1),
        lvk(superevent="S2b", number=2, status=Status.RETRACTION),
        lvk(0.1, 0.2, superevent="S2b", number=3),
        lvk(0.1, 0.2, superevent="MS3c"),
        lvk(0.1, 0.2, superevent="S4d", tense=Tense.TEST),
        track(far_per_year=1.0),
    ]
    total = season(alerts)
    assert (total.n_events, total.best_event) == (1, "S1a")


def test_best_expected_and_observed() -> None:
    alerts = [lvk(None, (k + 0.5) / 100, superevent=f"S{k}a") for k in range(100)]
    alerts += [lvk(None, 0.002, superevent="S200b"), lvk(None, None, superevent="S201c")]
    alerts += [lvk(None, 0.0, superevent="S202d")]
    total = season(alerts)
    assert (total.n_events, total.n_without) == (101, 2)
    assert total.best is not None
    assert total.best_event == "S200b"
    assert total.best.quantity == "best of 101 events"
    assert total.best.trials_source == "counted: 101 distinct events of the season"
    assert total.best.p_value_post == post_trial_p(0.002, 101)
    assert total.n_expected == pytest.approx(1.01)
    assert total.n_observed == 2
    assert total.p_excess == pytest.approx(0.2679, abs=1e-4)  # 1 - q^101 - 101 p q^100


def test_one_search_only() -> None:
    alerts = [lvk(0.3, 0.01, superevent="S1a"), lvk(None, 0.2, superevent="S2b")]
    generic = season(alerts, search="generic")
    assert (generic.n_events, generic.n_without) == (1, 1)
    assert generic.best is not None
    assert generic.best.p_value == 0.3
    assert generic.best.notes == ("generic",)
    assert generic.p_excess == 1.0


def test_an_empty_season() -> None:
    total = season([])
    assert (total.n_events, total.best, total.best_event) == (0, None, None)
    assert (total.n_expected, total.n_observed, total.p_excess) == (0.0, 0, None)


@pytest.mark.parametrize("threshold", [0, 1.5, "0.01"])
def test_a_wrong_threshold(threshold: float) -> None:
    with pytest.raises(PValueError):
        season([], threshold=threshold)
