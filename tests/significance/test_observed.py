"""The numbers of superevents, which survive, and what each pays."""

from __future__ import annotations

import math
import threading
from pathlib import Path

import pytest

from icecube_hooks import Status, Tense
from icecube_plugin.significance import ObservedEvents, PValueError, spent_trials
from tests.significance.alerts import lvk, track


def test_superevents_are_numbered_not_notices(tmp_path: Path) -> None:
    path = tmp_path / "seen.sqlite"
    with ObservedEvents(path) as events:
        for name in ("S1a", "S2b", "S1a", "S3c"):
            events.add(lvk(0.1, 0.2, superevent=name))
        events.add(lvk(None, 0.2, superevent="S4d"))
    with ObservedEvents(path) as events:
        assert [events.number(lvk(0.9, None, superevent=f"S{n}")) for n in ("1a", "3c")] == [1, 3]
        assert events.number(lvk(None, 0.9, superevent="S4d")) == 1  # the other stream
        assert events.number(lvk(0.9, 0.9, superevent="S4d")) is None


def test_what_is_never_counted() -> None:
    alerts = [
        lvk(0.1, 0.2, superevent="MS230914a"),
        lvk(0.1, 0.2, superevent="S1a", tense=Tense.TEST),
        lvk(None, None, superevent="S2b"),
        lvk(0.1, 0.2, superevent="S3c", status=Status.RETRACTION),
        track(far_per_year=1.0),
    ]
    with ObservedEvents(":memory:") as events:
        for alert in alerts:
            events.add(alert)
        assert [events.number(alert) for alert in alerts] == [None] * len(alerts)


def test_what_was_spent_on_a_retracted_event_is_spent() -> None:
    with ObservedEvents(":memory:") as events:
        events.add(lvk(0.1, 0.2, superevent="S1a"))
        events.add(lvk(superevent="S1a", status=Status.RETRACTION))
        events.add(lvk(0.1, 0.2, superevent="S2b"))
        assert events.number(lvk(0.1, 0.2, superevent="S2b")) == 2


@pytest.mark.parametrize("expected", [1, 7, 125, 2480.5])
def test_all_shares_together_are_one_at_most(expected: float) -> None:
    shares = [1 / spent_trials(number, expected).n for number in range(1, 60_000)]
    assert sum(shares) < 1
    assert shares == sorted(shares, reverse=True)
    four_blocks = 15 * math.ceil(expected)  # a half, a quarter, an eighth, a sixteenth
    assert sum(shares[:four_blocks]) == pytest.approx(1 - 2**-4)


def test_a_season_of_less_than_one() -> None:
    with pytest.raises(PValueError, match="expected a number of trials"):
        spent_trials(1, 0.5)


def test_several_threads_and_connections(tmp_path: Path) -> None:
    path = tmp_path / "seen.sqlite"
    with ObservedEvents(path) as one, ObservedEvents(path) as other:

        def work(events: ObservedEvents, first: int) -> None:
            for number in range(first, first + 20):
                events.add(lvk(0.1, 0.2, superevent=f"S{number}x"))

        threads = [
            threading.Thread(target=work, args=(events, first))
            for events, first in ((one, 0), (one, 10), (other, 20), (other, 30))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        alerts = [lvk(0.1, 0.2, superevent=f"S{number}x") for number in range(50)]
        assert sorted(one.number(alert) or 0 for alert in alerts) == list(range(1, 51))
        assert [one.number(a) for a in alerts] == [other.number(a) for a in alerts]
