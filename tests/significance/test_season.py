"""The best of a season, and expected beside observed."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from scipy import stats

from icecube_hooks import AlertKind, Status, Tense, WireFormat
from icecube_plugin.significance import (
    STREAMS,
    PValueError,
    newest,
    post_trial_p,
    season,
    superseded,
)
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
    assert len(newest([bronze, track(kind=AlertKind.CASCADE)])) == 1  # numbers decide


def test_superseded_notices() -> None:
    old, new, other = track(revision=0), track(revision=1), lvk(0.1, 0.1)
    assert superseded([old, new, other]) == {old.notice_id}
    assert superseded([new, new, other]) == frozenset()
    taken_back = track(revision=2, status=Status.RETRACTION)
    assert superseded([old, taken_back]) == frozenset()


def test_what_is_sorted_out() -> None:
    alerts = [
        lvk(0.1, 0.2, superevent="S1a"),
        lvk(0.1, 0.2, superevent="S2b", number=1),
        lvk(superevent="S2b", number=2, status=Status.RETRACTION),
        lvk(superevent="S5e", number=2, status=Status.RETRACTION),
        lvk(0.1, 0.2, superevent="S5e", number=1),
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
    assert (total.n_events, total.n_without, total.is_whole) == (101, 2, False)
    assert total.best is not None
    assert (total.best.p_value_post, total.best.verdict) == (None, None)
    assert (total.n_expected, total.p_excess) == (None, None)
    assert total.best.quantity == "best of 101 events heard"
    assert total.coverage == "103 heard, of how many searched events is not stated"
    partly = season(alerts, n_searched=104)
    assert (partly.coverage, partly.p_excess) == ("103 of 104 searched events heard", None)
    total = season(alerts, n_searched=103)
    assert total.best is not None
    assert total.best_event == "S200b"
    assert total.best.quantity == "best of 101 events"
    assert total.best.trials_source == "counted: 101 distinct events of the season"
    assert total.best.p_value_post == post_trial_p(0.002, 101)
    assert total.n_expected == pytest.approx(1.01)
    assert total.n_observed == 2
    assert total.p_excess == pytest.approx(0.2679, abs=1e-4)  # 1 - q^101 - 101 p q^100
    with pytest.raises(PValueError, match="expected at least the 103 that were heard, got 102"):
        season(alerts, n_searched=102)


def test_q_values_are_those_of_benjamini_and_hochberg() -> None:
    ps = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324]
    ps += [0.4262, 0.5719, 0.6528, 0.759, 1.0]  # their own example, J. R. Stat. Soc. B 57 (1995)
    alerts = [lvk(None, p, superevent=f"S{k}a") for k, p in enumerate(ps)]
    found = [event.q_value for event in season(alerts, n_searched=15).events]
    assert found == pytest.approx(list(stats.false_discovery_control(ps)))
    assert sum(q <= 0.05 for q in found if q is not None) == 4  # as they say
    assert season(alerts).events[0].q_value is None
    fewer = season(alerts[:3], n_searched=15).events
    assert [event.q_value for event in fewer] == pytest.approx([0.0015, 0.003, 0.0095])


def test_an_event_known_by_circular_only_is_no_look() -> None:
    heard = lvk(None, 0.4, superevent="S1a")
    reported = lvk(None, 0.001, superevent="S2b")
    both = lvk(None, 0.02, superevent="S3c")
    total = season(
        [
            heard,
            reported.replace(format=WireFormat.CIRCULAR),
            both,
            both.replace(format=WireFormat.CIRCULAR),
        ],
        n_searched=2,
    )
    assert (total.n_events, total.best_event, total.n_observed) == (2, "S3c", 0)
    events = [(event.event_key, event.is_circular_only) for event in total.events]
    assert events == [("S2b", True), ("S3c", False), ("S1a", False)]
    assert total.events[0].q_value is None


def test_the_two_streams_are_two_seasons() -> None:
    alerts = [lvk(0.3, 0.01, superevent="S1a"), lvk(None, 0.2, superevent="S2b")]
    high, low = (season(alerts, stream=stream) for stream in STREAMS)
    assert (high.best_event, low.best_event) == ("S1a", "S2b")
    assert season(alerts).n_events == 2


def test_the_rate_that_was_heard() -> None:
    """Each superevent once, in its stream; by circular only it is not heard."""
    day = timedelta(days=1)
    early = [
        lvk(None, 0.3, superevent=f"S{n}a").replace(trigger_time=T0 + n * day / 2) for n in range(7)
    ]
    again = early[3].replace(gw=early[3].gw and early[3].gw.replace(notice_number=3))
    late = lvk(None, 0.2, superevent="S99a").replace(trigger_time=T0 + 9 * day)
    circular = lvk(None, 0.001, superevent="S98a").replace(
        trigger_time=T0 + 20 * day, format=WireFormat.CIRCULAR
    )
    total = season([*early, again, late, circular, lvk(0.1, 0.2)], stream=STREAMS[1])
    assert total.heard is not None
    assert (total.heard.n_events, total.heard.n_days, total.heard.n_days_with) == (8, 10, 5)
    assert total.heard.per_year == pytest.approx(7 / 9 * 365)
    days = "from 2023-09-14 to 2023-09-23, on 5 of 10 days"
    assert str(total.heard) == f"8 heard {days}: 284 a year"
    assert season([late, late]).heard is None
    assert season([]).heard is None


def test_the_rate_that_was_heard_is_right_on_average() -> None:
    rng = np.random.default_rng(6)
    years = []
    for _ in range(400):
        days = np.cumsum(rng.exponential(365 / 125, 12))
        alerts = [
            lvk(0.5, 0.5, superevent=f"S{n}a").replace(trigger_time=T0 + timedelta(days=day))
            for n, day in enumerate(days.tolist())
        ]
        found = season(alerts).heard
        assert found is not None
        years.append(1 / found.per_year)  # the mean of times is right, that of rates is not
    assert 1 / np.mean(years) == pytest.approx(125, rel=4 / np.sqrt(400 * 11))


def test_one_search_only() -> None:
    alerts = [lvk(0.3, 0.01, superevent="S1a"), lvk(None, 0.2, superevent="S2b")]
    generic = season(alerts, search="generic", n_searched=2)
    assert (generic.n_events, generic.n_without) == (1, 1)
    assert generic.best is not None
    assert generic.best.p_value == 0.3
    assert generic.best.notes == ("generic",)
    assert generic.p_excess == 1.0


def test_an_empty_season() -> None:
    total = season([])
    assert (total.n_events, total.best, total.best_event) == (0, None, None)
    assert (total.n_expected, total.n_observed, total.p_excess) == (None, 0, None)
    assert season([], n_searched=0).p_excess is None


@pytest.mark.parametrize("threshold", [0, 1.5, "0.01"])
def test_a_wrong_threshold(threshold: float) -> None:
    with pytest.raises(PValueError):
        season([], threshold=threshold)
