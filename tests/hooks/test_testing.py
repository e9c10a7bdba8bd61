"""The test kit: a good sink passes, and each kind of bad one fails where it should."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import pytest

from icecube_hooks import (
    Alert,
    AlertKind,
    ConfigError,
    Record,
    RefusedForGood,
    RetryLater,
    Sink,
    Status,
    Tense,
    WireFormat,
)
from icecube_hooks.testing import (
    RecordingSink,
    SinkConformance,
    example_records,
    make_alert,
    make_localization,
    make_message,
    make_record,
    make_significance,
)

TESTS = sorted(name for name in vars(SinkConformance) if name.startswith("test_"))


class Place:
    """A sink that keeps the rules, on a place that outlives it."""

    def __init__(self, ids: list[str]) -> None:
        self.ids = ids
        self.is_down = False

    def write(self, records: Sequence[Record], /) -> None:
        if self.is_down:
            raise RetryLater("is down")
        for record in records:
            self.keep(record)

    def keep(self, record: Record) -> None:
        if record.id not in self.ids:
            self.ids.append(record.id)


def careful(*, path: str = "x") -> Sink:
    """A factory that checks its option."""
    if not isinstance(path, str):
        raise ConfigError("expected a path", key="path")
    return RecordingSink()


def careless(**options: Any) -> Sink:
    """A factory that takes anything."""
    del options
    return RecordingSink()


class Good(SinkConformance):
    sink_type: ClassVar[Callable[[list[str]], Place]] = Place
    factory = staticmethod(careful)
    bad_options = ({"path": 5},)

    def __init__(self) -> None:
        self.ids: list[str] = []

    def make_sink(self) -> Place:
        return type(self).sink_type(self.ids)

    def written_ids(self, sink: Sink) -> Sequence[str]:
        assert isinstance(sink, Place)
        return self.ids

    @contextlib.contextmanager
    def trouble(self, sink: Sink) -> Iterator[None]:
        assert isinstance(sink, Place)
        sink.is_down = True
        yield
        sink.is_down = False


class Doubling(Place):
    def keep(self, record: Record) -> None:
        self.ids.append(record.id)


class Forgetting(Place):
    def __init__(self, ids: list[str]) -> None:
        ids.clear()
        super().__init__(ids)


class DoublingAfterRestart(Doubling):
    def __init__(self, ids: list[str]) -> None:
        super().__init__(ids)
        self.seen: set[str] = set()

    def keep(self, record: Record) -> None:
        if record.id not in self.seen:
            self.seen.add(record.id)
            super().keep(record)


class Losing(Place):
    def write(self, records: Sequence[Record], /) -> None:
        super().write(records[:-1])


class OnePerNotice(Place):
    def keep(self, record: Record) -> None:
        if all(not one.startswith(record.alert.notice_id) for one in self.ids):
            super().keep(record)


class Backwards(Place):
    def write(self, records: Sequence[Record], /) -> None:
        super().write(records[::-1])


class NoEmptyBatch(Place):
    def write(self, records: Sequence[Record], /) -> None:
        assert records[0].id
        super().write(records)


class Sorting(Place):
    def write(self, records: Sequence[Record], /) -> None:
        super().write(records)
        if isinstance(records, list):
            records.sort(key=lambda record: str(record.id))


class Asciian(Place):
    def keep(self, record: Record) -> None:
        "".join(record.alert.event_names).encode("ascii")
        super().keep(record)


class Believing(Place):
    def keep(self, record: Record) -> None:
        assert record.alert.localization is not None
        super().keep(record)


class Identical(Place):
    known: ClassVar[list[Record]] = []

    def keep(self, record: Record) -> None:
        if not any(record is one for one in self.known):
            self.ids.append(record.id)


class OfOneThread(Place):
    def __init__(self, ids: list[str]) -> None:
        super().__init__(ids)
        self.thread = threading.get_ident()

    def keep(self, record: Record) -> None:
        if threading.get_ident() != self.thread:
            raise RuntimeError("made in another thread")
        super().keep(record)


class GivingUp(Place):
    def write(self, records: Sequence[Record], /) -> None:
        if self.is_down:
            raise RefusedForGood("is down")
        super().write(records)


class HalfWay(Place):
    def write(self, records: Sequence[Record], /) -> None:
        if self.is_down:
            return
        super().write(records)


class ClosingOnce(Place):
    is_closed = False

    def close(self) -> None:
        if self.is_closed:
            raise RuntimeError("is closed")
        self.is_closed = True


def failures(suite: type[SinkConformance]) -> set[str]:
    """Run the suite, and return the names of the tests that fail."""
    failed = set()
    for name in TESTS:
        try:
            getattr(suite(), name)()
        except Exception:  # noqa: BLE001  # however it fails
            failed.add(name.removeprefix("test_"))
    return failed


def suite_of(kind: type[Place]) -> type[SinkConformance]:
    return type("Suite", (Good,), {"sink_type": kind})


def test_good_sink_passes() -> None:
    assert failures(Good) == set()


@pytest.mark.parametrize(
    ("kind", "at_least"),
    [
        (Doubling, {"same_record_twice_is_once", "same_record_after_restart_is_once"}),
        (DoublingAfterRestart, {"same_record_after_restart_is_once"}),
        (Losing, {"batch_arrives", "single_records_arrive"}),
        (OnePerNotice, {"revisions_and_formats_are_apart"}),
        (Backwards, {"order_is_kept"}),
        (NoEmptyBatch, {"empty_batch_is_nothing"}),
        (Sorting, {"records_are_left_alone"}),
        (Asciian, {"batch_arrives"}),
        (Believing, {"batch_arrives"}),
        (Identical, {"pickled_and_json_records_are_the_same"}),
        (OfOneThread, {"other_thread_may_write"}),
        (GivingUp, {"retry_after_trouble"}),
        (HalfWay, {"retry_after_trouble"}),
        (ClosingOnce, {"close_twice"}),
    ],
)
def test_bad_sink_fails(kind: type[Place], at_least: set[str]) -> None:
    assert at_least <= failures(suite_of(kind))


def test_bad_options_must_be_refused() -> None:
    class Careless(Good):
        factory = staticmethod(careless)

    assert failures(Careless) == {"options_are_checked"}


def test_every_test_of_the_suite_can_fail() -> None:
    covered = {"options_are_checked"}
    for kind in Place.__subclasses__() + Doubling.__subclasses__():
        covered |= failures(suite_of(kind))
    assert covered == {name.removeprefix("test_") for name in TESTS}


def test_what_is_not_defined_is_skipped_with_the_reason() -> None:
    class Bare(SinkConformance):
        keeps_order = False

        def make_sink(self) -> Sink:
            return RecordingSink()

    reasons = {}
    for name in TESTS:
        with contextlib.suppress(pytest.skip.Exception):
            getattr(Bare(), name)()
            continue
        reasons[name] = "skipped"
    assert set(TESTS) - set(reasons) == {"test_close_twice", "test_records_are_left_alone"}
    with pytest.raises(pytest.skip.Exception, match="factory is not defined"):
        Bare().test_options_are_checked()
    with pytest.raises(pytest.skip.Exception, match=r"define written_ids\(\) to check what"):
        Bare().test_batch_arrives()


def test_suite_without_a_sink() -> None:
    class Empty(SinkConformance):
        pass

    with pytest.raises(NotImplementedError, match=r"Empty must define make_sink\(\)"):
        Empty().test_batch_arrives()


def test_recording_sink_fails_as_told() -> None:
    sink = RecordingSink(errors=[RetryLater("a"), RefusedForGood("b")])
    for error in (RetryLater, RefusedForGood):
        with pytest.raises(error):
            sink.write([make_record()])
    sink.write([make_record()] * 2)
    sink.write([make_record()])
    sink.flush()
    sink.close()
    assert list(sink.records) == [make_record().id]
    assert [len(batch) for batch in sink.batches] == [2, 1]
    assert (sink.flushed, sink.closed) == (1, 1)


def test_makers_take_changes() -> None:
    assert make_message(offset=5).offset == 5
    assert make_alert(revision=5).revision == 5
    assert make_localization(ra_deg=5).ra_deg == 5
    assert make_significance(sigma=5).sigma == 5
    record = make_record(revision=5, significances=(make_significance(),))
    assert (record.alert.revision, len(record.significances)) == (5, 1)
    assert make_record(id="x").id == "x"
    assert (
        make_record(alert=make_alert(event_id=1), revision=2).alert.notice_id == "gold:137840_1:2"
    )
    assert make_record(message=make_message(value=b"y")).message.value == b"y"


@pytest.mark.parametrize("make", [make_message, make_alert, make_localization, make_record])
def test_makers_refuse_unknown_fields(make: Callable[..., object]) -> None:
    with pytest.raises(TypeError, match="no_such_field"):
        make(no_such_field=1)


def test_makers_give_equal_values() -> None:
    assert make_record() == make_record()
    assert example_records() == example_records()


def test_examples_are_varied() -> None:
    alerts = [record.alert for record in example_records()]
    assert {alert.format for alert in alerts} == set(WireFormat)
    assert {AlertKind.GOLD, AlertKind.CASCADE, AlertKind.LVK_SEARCH} <= {a.kind for a in alerts}
    assert {None, *Status} - {alert.status for alert in alerts} == {Status.SUBSEQUENT}
    assert {None, Tense.TEST, Tense.INJECTION, Tense.OBSERVATION} <= {a.tense for a in alerts}
    bare = Alert(kind=AlertKind.GOLD, format=WireFormat.JSON)
    optional = {name for name in Alert.__struct_fields__ if getattr(bare, name) is None}
    left_out = {name for name in optional if any(getattr(a, name) is None for a in alerts)}
    assert left_out == optional
    assert any(len(alert.coincident_events) > 1 for alert in alerts)
    assert any(record.significances for record in example_records())
