from __future__ import annotations

from collections.abc import Sequence

import pytest

from icecube_hooks import Record, RefusedForGood, RetryLater, Sink
from icecube_hooks.testing import RecordingSink, example_records
from icecube_plugin.host.config import SinkConfig
from icecube_plugin.host.delivery import Delivery, backoff_s

RECORDS = list(example_records())


class Failing:
    """Raises what it is told for the records that it is told, a given number of times."""

    def __init__(self, error: Exception, bad: Sequence[str], times: int = 10**9) -> None:
        self.error = error
        self.bad = bad
        self.times = times
        self.ids: list[str] = []

    def write(self, records: Sequence[Record]) -> None:
        if self.times and any(record.id in self.bad for record in records):
            self.times -= 1
            raise self.error
        self.ids += [record.id for record in records]

    def close(self) -> None:
        raise OSError("cannot close")


def deliver(*sinks: Sink, attempts: int = 3) -> tuple[Delivery, list[float]]:
    waits: list[float] = []
    configs = [
        (SinkConfig(name=f"s{number}", type="x", attempts=attempts), sink)
        for number, sink in enumerate(sinks)
    ]
    return Delivery(list(configs), wait=waits.append), waits


def test_a_sink_that_raises_does_not_disturb_the_others() -> None:
    before, after = RecordingSink(), RecordingSink()
    broken = Failing(ZeroDivisionError("oops"), [record.id for record in RECORDS])
    delivery, _ = deliver(before, broken, after)
    failures = list(delivery.write(RECORDS))
    assert list(before.records) == list(after.records)
    assert list(after.records) == [record.id for record in RECORDS]
    assert {failure.sink for failure in failures} == {"s1"}
    assert str(failures[0].error) == "sink s1: ZeroDivisionError: oops"
    assert delivery.written == {"s0": len(RECORDS), "s1": 0, "s2": len(RECORDS)}
    assert delivery.failed == {"s1": len(RECORDS)}
    delivery.close()


def test_only_the_records_to_blame_are_refused() -> None:
    bad = RECORDS[1]
    sink = Failing(RefusedForGood("never"), [bad.id])
    delivery, _ = deliver(sink)
    (failure,) = delivery.write(RECORDS)
    assert [record.id for record in failure.records] == [bad.id]
    assert sink.ids == [record.id for record in RECORDS if record is not bad]


@pytest.mark.parametrize(("times", "left"), [(2, 0), (3, 1)])
def test_a_sink_in_trouble_is_tried_again(times: int, left: int) -> None:
    sink = Failing(RetryLater("locked"), [RECORDS[0].id], times=times)
    delivery, waits = deliver(sink, attempts=3)
    assert len(list(delivery.write(RECORDS))) == left
    assert waits == [backoff_s(1), backoff_s(2)]
    assert sink.ids == ([] if left else [record.id for record in RECORDS])


def test_the_back_off_grows_and_is_bounded() -> None:
    waits = [backoff_s(attempt) for attempt in range(1, 1000)]
    assert waits[:3] == [0.2, 0.4, 0.8]
    assert waits == sorted(waits)
    assert waits[-1] == 10.0
