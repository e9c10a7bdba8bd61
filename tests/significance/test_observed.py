"""The persistent count of superevents."""

from __future__ import annotations

import threading
from itertools import permutations
from pathlib import Path

from icecube_hooks import Status, Tense
from icecube_plugin.significance import ObservedEvents
from tests.significance.alerts import lvk, track


def counts(events: ObservedEvents) -> tuple[int, int]:
    return events.count("generic"), events.count("bayesian")


def test_superevents_count_not_notices(tmp_path: Path) -> None:
    path = tmp_path / "seen.sqlite"
    with ObservedEvents(path) as events:
        for number in range(5):
            events.add(lvk(0.1, 0.2, superevent="S1a", number=number))
        events.add(lvk(None, 0.2, superevent="S2b"))
        assert counts(events) == (1, 2)
    with ObservedEvents(path) as events:
        assert counts(events) == (1, 2)


def test_what_is_never_counted() -> None:
    with ObservedEvents(":memory:") as events:
        events.add(lvk(0.1, 0.2, superevent="MS230914a"))
        events.add(lvk(0.1, 0.2, superevent="S1a", tense=Tense.TEST))
        events.add(lvk(None, None, superevent="S2b"))
        events.add(track(far_per_year=1.0))
        assert counts(events) == (0, 0)


def test_a_later_revision_may_add_the_second_search() -> None:
    with ObservedEvents(":memory:") as events:
        events.add(lvk(None, 0.2, superevent="S1a", number=1))
        events.add(lvk(0.1, 0.2, superevent="S1a", number=2))
        assert counts(events) == (1, 1)


def test_a_retracted_superevent_stays_out_in_every_order() -> None:
    notices = [
        lvk(0.1, 0.2, superevent="S1a", number=1),
        lvk(0.1, 0.2, superevent="S1a", number=2),
        lvk(superevent="S1a", number=3, status=Status.RETRACTION),
    ]
    for order in permutations(notices):
        with ObservedEvents(":memory:") as events:
            for alert in order:
                events.add(alert)
            assert counts(events) == (0, 0)


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
        assert counts(one) == counts(other) == (50, 50)
