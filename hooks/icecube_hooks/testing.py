"""Tests for a plugin of your own: records to write, and a suite that checks it.

In the test module of a sink, ten lines run the suite with pytest::

    import pytest
    from icecube_hooks.testing import SinkConformance

    from my_sink import Shout


    class TestShout(SinkConformance):
        factory = Shout

        @pytest.fixture(autouse=True)
        def place(self, tmp_path):
            self.path = tmp_path / "shouted.txt"

        def make_sink(self):
            return Shout(path=self.path)

        def written_ids(self, sink):
            return self.path.read_text().splitlines()

`ParserConformance`, `SignificanceConformance` and `AnnotatorConformance` are used in the same way.

The tests that need more than the class gives (`SinkConformance.written_ids`,
`SinkConformance.trouble`) skip and say what to add.

All values are invented, or are published ones of real events put together by us. pytest is
needed by the suite alone, and imported when it runs.
"""

from __future__ import annotations

import contextlib
import copy
import json
import pickle
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar, Final, NoReturn

from ._conformance import (
    AnnotatorConformance,
    ParserConformance,
    SignificanceConformance,
    check,
)
from ._errors import ConfigError, RetryLater
from ._types import (
    Alert,
    AlertKind,
    CoincidentEvent,
    Concern,
    Direction,
    Ellipse,
    GWReference,
    Localization,
    Message,
    PValue,
    Record,
    Sided,
    Significance,
    Status,
    Tense,
    Verdict,
    WireFormat,
)
from .hookspecs import Sink
from .host import build

__all__ = [
    "AnnotatorConformance",
    "ParserConformance",
    "RecordingSink",
    "SignificanceConformance",
    "SinkConformance",
    "example_records",
    "make_alert",
    "make_localization",
    "make_message",
    "make_record",
    "make_significance",
]

TRIGGER: Final = datetime(2023, 4, 16, 7, 42, 31, 420_000, tzinfo=UTC)


def make_message(**changes: Any) -> Message:
    """Return a message as from Kafka, with `changes` to its fields.

    Examples
    --------
    >>> make_message(offset=7).offset
    7
    """
    defaults: dict[str, Any] = {
        "value": b'{"example": true}',
        "topic": "gcn.notices.icecube.gold_bronze_track_alerts",
        "partition": 0,
        "offset": 12,
        "timestamp": TRIGGER + timedelta(seconds=41),
        "origin": "example",
    }
    return Message(**(defaults | changes))


def make_alert(**changes: Any) -> Alert:
    """Return a gold track alert with `changes` to its fields.

    Examples
    --------
    >>> make_alert(revision=1).notice_id
    'gold:137840_57034692:1'
    """
    defaults: dict[str, Any] = {
        "kind": AlertKind.GOLD,
        "format": WireFormat.JSON,
        "event_names": ("IceCube-230416A",),
        "run_id": 137840,
        "event_id": 57034692,
        "revision": 0,
        "status": Status.INITIAL,
        "tense": Tense.OBSERVATION,
        "trigger_time": TRIGGER,
        "notice_time": TRIGGER + timedelta(seconds=40),
        "localization": make_localization(),
        "energy_tev": 127.29,
        "signalness": 0.336,
        "far_hz": 8.029e-8,
    }
    return Alert(**(defaults | changes))


def make_localization(**changes: Any) -> Localization:
    """Return a position with a 90 % error circle, with `changes` to its fields."""
    defaults: dict[str, Any] = {
        "ra_deg": 345.82,
        "dec_deg": 9.14,
        "error_radius_deg": 0.61,
        "containment": 0.9,
        "systematic_included": False,
    }
    return Localization(**(defaults | changes))


def make_record(**changes: Any) -> Record:
    """Return a record; `changes` are to its own fields (`message`, ...) or to those of its alert.

    ``raw`` is the notice's bytes. Without it, records that differ in event, revision or format
    differ in these, too, as real ones do.

    Examples
    --------
    >>> make_record(revision=1, topic=None).alert.revision
    Traceback (most recent call last):
    ...
    TypeError: Alert.__init__() got an unexpected keyword argument 'topic'
    >>> make_record(revision=1, message=make_message(topic=None)).message.offset
    12
    """
    own = {
        name: changes.pop(name)
        for name in ("id", "significances", "annotations")
        if name in changes
    }
    message, alert, raw = (changes.pop(name, None) for name in ("message", "alert", "raw"))
    alert = make_alert(**changes) if alert is None else alert.replace(**changes)
    text = f"{alert.format} {alert.notice_id} {alert.event_names}"
    made = make_message(value=text.encode("utf-8", "replace") if raw is None else raw)
    return Record.of(made if message is None else message, alert).replace(**own)


def make_significance(**changes: Any) -> Significance:
    """Return a significance after trials, with `changes` to its fields."""
    defaults: dict[str, Any] = {
        "provider": "example",
        "quantity": "generic",
        "sided": Sided.ONE,
        "p_value": 0.0191,
        "sigma": 2.073,
        "n_trials": 2.0,
        "trials_source": "two searches",
        "p_value_post": 0.0378,
        "sigma_post": 1.777,
        "far_per_year": 1.91,
        "far_source": "100 alerts per year",
        "verdict": Verdict.WEAK,
    }
    return Significance(**(defaults | changes))


class RecordingSink:
    """A sink that keeps what it is given, once per id, and can be told to fail.

    Parameters
    ----------
    errors : iterable of exceptions
        One is raised by each `write`, before it succeeds.

    Attributes
    ----------
    records : dict of str to Record
        By id, in the order of their first arrival.
    batches : list of tuple of Record
        What each successful `write` was given.
    flushed, closed : int
        How often `flush` and `close` were called.
    """

    def __init__(self, *, errors: Iterable[Exception] = ()) -> None:
        self.records: dict[str, Record] = {}
        self.batches: list[tuple[Record, ...]] = []
        self.errors = list(errors)
        self.flushed = 0
        self.closed = 0

    def write(self, records: Sequence[Record], /) -> None:
        """Keep a batch, or raise the next error."""
        if self.errors:
            raise self.errors.pop(0)
        self.batches.append(tuple(records))
        for record in records:
            self.records.setdefault(record.id, record)

    def flush(self) -> None:
        """Count the call."""
        self.flushed += 1

    def close(self) -> None:
        """Count the call."""
        self.closed += 1


def example_records() -> tuple[Record, ...]:
    """Return records, each with an id of its own, that differ in all that a sink has to bear.

    Every kind and format, revisions, a retraction, a test, an injection, a mock, notices that
    state next to nothing, hostile text, an LVK search with coincident events, and numbers at the
    edges.

    Examples
    --------
    >>> len({record.id for record in example_records()}) == len(example_records())
    True
    """
    return (*_tracks(), *_searches(), *_hostile(), *_sparse())


def _tracks() -> Iterable[Record]:
    yield make_record(significances=(make_significance(quantity="far"),))
    yield make_record(format=WireFormat.VOEVENT, ivorn="ivo://nasa.gsfc.gcn/AMON#ICECUBE_GOLD")
    ellipse = Ellipse(semi_major_deg=1.0, semi_minor_deg=0.5, position_angle_deg=30.0)
    place = make_localization(error_radius_deg=None, ellipse=ellipse)
    yield make_record(revision=1, status=Status.UPDATE, localization=place)
    yield make_record(revision=2, status=Status.RETRACTION, localization=None, energy_tev=None)
    yield make_record(event_id=1, tense=Tense.TEST)
    yield make_record(event_id=1, tense=Tense.INJECTION)
    file = make_message(topic=None, partition=None, offset=None, timestamp=None)
    yield make_record(kind=AlertKind.CASCADE, event_id=2, message=file)


def _searches() -> Iterable[Record]:
    neutrino = CoincidentEvent(
        delta_t_s=-261.14,
        localization=make_localization(systematic_included=None),
        p_values=(PValue(search="generic", value=0.0191), PValue(search="bayesian", value=None)),
        run_id=138400,
        event_id=7,
    )
    search: dict[str, Any] = {
        "kind": AlertKind.LVK_SEARCH,
        **dict.fromkeys(("run_id", "event_id", "revision", "localization", "energy_tev")),
        **dict.fromkeys(("signalness", "far_hz")),
        "event_names": (),
    }
    gw = GWReference(superevent_id="S230914ak", notice_number=2, notice_type="Preliminary")
    yield make_record(
        **search,
        gw=gw,
        p_values=(PValue(search="generic", value=0.0191), PValue(search="bayesian", value=0.0549)),
        n_coincident=2,
        coincident_events=(neutrino, CoincidentEvent()),
        most_probable_direction=Direction(ra_deg=0.0, dec_deg=-90.0),
        significances=(make_significance(), make_significance(quantity="bayesian")),
    )
    yield make_record(**search, gw=gw.replace(superevent_id="MS230914a"))


def _hostile() -> Iterable[Record]:
    name = "Ärger \U0001f52d ../../etc/passwd'); DROP TABLE records;--"
    text = f"{name}\n\x1b[2J\u202egpj\u2028\ttab"
    yield make_record(
        event_names=(name,),
        run_id=None,
        comments=(text,),
        concerns=(Concern(field=text, found=text, taken=None, why=text),),
        unread={text: [text, None, {"deep": 1e300, "long": 10**30}]},
        message=make_message(value=bytes(range(256))),
    )
    yield make_record(event_names=("x" * 5000,), run_id=None)


def _sparse() -> Iterable[Record]:
    for form in WireFormat:
        alert = Alert(kind=AlertKind.TRACK, format=form)
        yield Record.of(Message(value=form.encode()), alert)
    limit = make_significance(p_value=0.0, sigma=None, is_limit=True)
    yield make_record(event_id=3, far_hz=5e-324, significances=(limit,))


class SinkConformance:
    """The rules for a sink, as tests. Inherit, name the class ``Test...``, and run pytest.

    Attributes
    ----------
    factory : callable, optional
        The `make` of the sink's `SinkType`, to test how it takes options.
    bad_options : sequence of mapping
        Options that `factory` must refuse, such as ``{"path": 5}``.
    keeps_order : bool
        Whether `written_ids` gives ids in the order in which they were written.


    .. versionadded:: 1.0
    """

    factory: ClassVar[Callable[..., Sink] | None] = None
    bad_options: ClassVar[Sequence[Mapping[str, Any]]] = ()
    keeps_order: ClassVar[bool] = True

    def make_sink(self) -> Sink:
        """Return a new sink. Within one test all of them write to the same place."""
        raise NotImplementedError(f"{type(self).__name__} must define make_sink()")

    def written_ids(self, sink: Sink) -> Sequence[str] | None:
        """Return the id of each record that the place holds, as often as a reader meets it.

        ``None`` (the default) if the test cannot know.
        """
        del sink
        return None

    def trouble(self, sink: Sink) -> contextlib.AbstractContextManager[object] | None:
        """Return a context in which `sink` cannot write for a while; ``None`` if there is none."""
        del sink
        return None

    def records(self) -> tuple[Record, ...]:
        """Return what is written: `example_records`, unless a subclass has reasons."""
        return example_records()

    def test_single_records_arrive(self) -> None:
        """Each record, written alone, is there."""
        with self._sink() as sink:
            for record in self.records():
                sink.write([record])
            self._expect(sink, self.records())

    def test_batch_arrives(self) -> None:
        """A batch of all kinds of records (missing values, Unicode, ...) is there."""
        with self._sink() as sink:
            sink.write(self.records())
            self._expect(sink, self.records())

    def test_empty_batch_is_nothing(self) -> None:
        """An empty batch is fine and writes nothing."""
        with self._sink() as sink:
            sink.write([])
            self._expect(sink, ())

    def test_order_is_kept(self) -> None:
        """Records stand in the order in which they came."""
        if not self.keeps_order:
            _skip("keeps_order is False")
        backwards = self.records()[::-1]
        with self._sink() as sink:
            sink.write(backwards)
            self._expect(sink, backwards, in_order=True)

    def test_same_record_twice_is_once(self) -> None:
        """Delivery is at least once: the same batch again adds nothing."""
        with self._sink() as sink:
            sink.write(self.records())
            sink.write(self.records())
            sink.write([self.records()[0]] * 2)
            self._expect(sink, self.records())

    def test_same_record_after_restart_is_once(self) -> None:
        """A new sink on the same place adds nothing to what is there."""
        with self._sink() as sink:
            sink.write(self.records())
            _call(sink, "flush")
        with self._sink() as sink:
            sink.write(self.records())
            self._expect(sink, self.records())

    def test_revisions_and_formats_are_apart(self) -> None:
        """An update, a retraction and another format do not overwrite what was there."""
        story = (
            make_record(),
            make_record(revision=1, status=Status.UPDATE),
            make_record(
                revision=1, status=Status.RETRACTION, message=make_message(value=b"withdrawn")
            ),
            make_record(format=WireFormat.TEXT),
        )
        with self._sink() as sink:
            sink.write(story[:1])
            sink.write(story[1:])
            self._expect(sink, story)

    def test_pickled_and_json_records_are_the_same(self) -> None:
        """Records that went through pickle or JSON count as those that they were."""
        records = self.records()
        texts = [json.dumps(record.to_dict()) for record in records]
        with self._sink() as sink:
            sink.write(pickle.loads(pickle.dumps(records)))  # noqa: S301  # made one line above
            sink.write([Record.from_dict(json.loads(text)) for text in texts])
            self._expect(sink, records)

    def test_records_are_left_alone(self) -> None:
        """The sink changes nothing in what it is given, the batch included."""
        batch = list(self.records())
        before = copy.deepcopy(batch)
        with self._sink() as sink:
            sink.write(batch)
            _call(sink, "flush")
        check(batch == before, "the sink changed what it was given")

    def test_other_thread_may_write(self) -> None:
        """A host may write from another thread than the one that made the sink."""
        failures: list[BaseException] = []
        with self._sink() as sink:
            thread = threading.Thread(target=_write, args=(sink, self.records(), failures))
            thread.start()
            thread.join()
            check(not failures, f"write in another thread raised {failures}")
            self._expect(sink, self.records())

    def test_retry_after_trouble(self) -> None:
        """Trouble that passes is `RetryLater`, and the same batch again is written once."""
        failures: list[BaseException] = []
        with self._sink() as sink:
            trouble = self.trouble(sink)
            if trouble is None:
                _skip("trouble() is not defined")
            with trouble:
                _write(sink, self.records(), failures)
            check(_are_retries(failures), f"expected RetryLater in trouble, got {failures}")
            sink.write(self.records())
            self._expect(sink, self.records())

    def test_close_twice(self) -> None:
        """``close`` may be called again, and without a record before it."""
        with self._sink() as sink:
            _call(sink, "close")

    def test_probe_changes_nothing(self) -> None:
        """``probe`` writes nothing, and in trouble raises what ``write`` would."""
        with self._sink() as sink:
            if not hasattr(sink, "probe"):
                _skip("the sink has no probe()")
            _call(sink, "probe")
            trouble = self.trouble(sink)
            with trouble or contextlib.nullcontext():
                failures = _raised(partial(_call, sink, "probe"))
            if trouble is not None:
                check(_are_retries(failures), f"expected RetryLater in trouble, got {failures}")
            self._expect(sink, ())

    def test_options_are_checked(self) -> None:
        """Unknown and bad options are a `ConfigError`, `TypeError` or `ValueError`."""
        make = type(self).factory
        if make is None:
            _skip("factory is not defined")
        for options in ({"no_such_option": 1}, *self.bad_options):
            try:
                sink = build(make, options, "sinks.test")
            except ConfigError:
                continue
            _call(sink, "close")
            raise AssertionError(f"the options {options!r} were not refused")

    @contextlib.contextmanager
    def _sink(self) -> Iterator[Sink]:
        sink = self.make_sink()
        try:
            yield sink
        finally:
            _call(sink, "close")

    def _expect(self, sink: Sink, records: Iterable[Record], *, in_order: bool = False) -> None:
        """Flush, and compare what is written with `records`."""
        _call(sink, "flush")
        ids = self.written_ids(sink)
        if ids is None:
            _skip("written without an error; define written_ids() to check what")
        found, expected = list(ids), [record.id for record in records]
        if not in_order:
            found, expected = sorted(found), sorted(expected)
        missing, excess = set(expected) - set(found), set(found) - set(expected)
        text = f"{len(found)} records instead of {len(expected)}, or not in order"
        check(found == expected, f"{text}; missing {missing}, not expected {excess}")


def _call(sink: Sink, method: str) -> None:
    """Call an optional method of a sink."""
    function = getattr(sink, method, None)
    if function is not None:
        function()


def _write(sink: Sink, records: Sequence[Record], failures: list[BaseException]) -> None:
    """Write, and put what is raised into `failures`."""
    failures += _raised(partial(sink.write, records)) or _raised(partial(_call, sink, "flush"))


def _raised(call: Callable[[], object]) -> list[BaseException]:
    """Return what a call raises."""
    try:
        call()
    except BaseException as error:  # noqa: BLE001  # whatever it is, the test reports it
        return [error]
    return []


def _are_retries(failures: Sequence[BaseException]) -> bool:
    return bool(failures) and all(isinstance(failure, RetryLater) for failure in failures)


def _skip(reason: str) -> NoReturn:
    import pytest  # only the suite needs it

    pytest.skip(reason)
