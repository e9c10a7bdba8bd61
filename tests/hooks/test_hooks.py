"""Each hook, called as a host calls it. `test_docs` asks for one test per hook, by its name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from icecube_hooks import (
    Alert,
    Annotation,
    AnnotatorType,
    Message,
    NoticeError,
    ObserverType,
    ParserType,
    Record,
    Significance,
    SignificanceType,
    SinkType,
    hookimpl,
)
from icecube_hooks.host import load_plugins, make_sink
from icecube_hooks.testing import (
    RecordingSink,
    make_alert,
    make_message,
    make_record,
    make_significance,
)


def test_register_parsers() -> None:
    class Plugin:
        @hookimpl
        def register_parsers(self) -> list[ParserType]:
            return [ParserType(name="mine", topics=("my.*",), parse=self.parse)]

        def parse(self, message: Message) -> Alert | None:
            return make_alert(comments=("mine",)) if message.value == b"mine" else None

    plugins = load_plugins(extra={"p": Plugin()}, entry_points=())
    assert plugins.parse(make_message(topic="my.topic", value=b"mine")).comments == ("mine",)
    with pytest.raises(NoticeError) as caught:
        plugins.parse(make_message(topic="my.topic", value=b"other"))
    assert str(caught.value) == "my.topic[0]@12: no parser recognises this message, got b'other'"


def test_register_significance() -> None:
    class Plugin:
        @hookimpl
        def register_significance(self) -> list[SignificanceType]:
            return [SignificanceType(name="mine", make=self.make)]

        def make(self, *, looks: int = 1) -> Any:
            def assess(alert: Alert) -> Iterable[Significance]:
                yield make_significance(quantity=alert.kind, n_trials=looks)

            return assess

    plugins = load_plugins(
        extra={"p": Plugin()}, entry_points=(), significance={"mine": {"looks": 7}}
    )
    (significance,) = plugins.assess(make_alert())
    assert (significance.quantity, significance.n_trials) == ("gold", 7)


def test_register_sinks() -> None:
    class Plugin:
        @hookimpl
        def register_sinks(self) -> list[SinkType]:
            return [SinkType(name="memory", make=RecordingSink)]

    plugins = load_plugins(extra={"p": Plugin()}, entry_points=())
    sink = make_sink(plugins, "mine", "memory", {})
    sink.write([make_record()])
    assert isinstance(sink, RecordingSink)
    assert list(sink.records.values()) == [make_record()]


class Observer:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    @hookimpl
    def on_start(self, host: str, options: dict[str, Any]) -> None:
        self.told.append((host, options))

    @hookimpl
    def on_record(self, record: Record) -> None:
        self.told.append((record,))

    @hookimpl
    def on_refused(self, message: Message, error: NoticeError) -> None:
        self.told.append((message, error))

    @hookimpl
    def on_stop(self) -> None:
        self.told.append(())


def told(hook: str, **arguments: Any) -> list[tuple[Any, ...]]:
    observer = Observer()
    load_plugins(extra={"o": observer}, entry_points=()).notify(hook, **arguments)
    return observer.told


def test_on_start() -> None:
    assert told("on_start", host="me 1.0", options={"site": "x"}) == [("me 1.0", {"site": "x"})]


def test_on_record() -> None:
    assert told("on_record", record=make_record()) == [(make_record(),)]


def test_on_refused() -> None:
    error = NoticeError("is odd")
    assert told("on_refused", message=make_message(), error=error) == [(make_message(), error)]


def test_on_stop() -> None:
    assert told("on_stop") == [()]


def test_observer_may_take_fewer_arguments() -> None:
    class Brief:
        said = ""

        @hookimpl
        def on_start(self, host: str) -> None:
            Brief.said = host

    load_plugins(extra={"o": Brief()}, entry_points=()).notify("on_start", host="h", options={})
    assert Brief.said == "h"


def test_observer_that_raises_disturbs_no_other(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        @hookimpl
        def on_stop(self) -> None:
            raise ZeroDivisionError

    observer = Observer()
    plugins = load_plugins(extra={"broken": Broken(), "o": observer}, entry_points=())
    plugins.notify("on_stop")
    assert observer.told == [()]
    assert "plugin broken failed in on_stop" in caplog.text


def test_register_annotators() -> None:
    class Plugin:
        @hookimpl
        def register_annotators(self) -> list[AnnotatorType]:
            return [AnnotatorType(name="mine", make=self.make)]

        def make(self, *, words: str = "") -> Any:
            return lambda record: [Annotation(label=record.alert.kind, text=words)]

    plugins = load_plugins(
        extra={"p": Plugin()}, entry_points=(), annotators={"mine": {"words": "seen"}}
    )
    expected = Annotation(provider="mine", label="gold", text="seen")
    assert plugins.annotate(make_record()) == (expected,)


def test_register_observers() -> None:
    class Counting:
        def __init__(self, *, start: int = 0) -> None:
            self.count = start

        def on_record(self) -> None:
            self.count += 1

    made: list[Counting] = []

    def make(*, start: int) -> Counting:
        made.append(Counting(start=start))
        return made[0]

    class Plugin:
        @hookimpl
        def register_observers(self) -> list[ObserverType]:
            return [ObserverType(name="counts", make=make)]

    plugins = load_plugins(
        extra={"p": Plugin()}, entry_points=(), observers={"counts": {"start": 5}}
    )
    assert made == []
    plugins.notify("on_stop")
    plugins.notify("on_record", record=make_record())
    assert made[0].count == 6
