"""Four sinks in trouble beside a good one: it is as fast as alone, and nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from icecube_hooks import Message, Record, RefusedForGood, RetryLater, SinkType, hookimpl
from icecube_hooks.host import PluginSet, load_plugins
from icecube_plugin.host import Config, Host, SinkConfig
from icecube_plugin.sinks.database import read_records
from tests.host.kafka.common import notice
from tests.host.sinks import Troubled
from tests.patience import wait_for

TOTAL = 3000
BATCH = 100
BAD = [f"S260502a{number}" for number in range(0, TOTAL, 300)]


class Refusing(Troubled):
    """Refuses some events for good."""

    def write(self, records: Sequence[Record], /) -> None:
        if any(record.alert.event_key in BAD for record in records):
            raise RefusedForGood("it does not fit")
        super().write(records)


class Slow(Troubled):
    """Takes its time for each batch."""

    def write(self, records: Sequence[Record], /) -> None:
        time.sleep(1.5)
        super().write(records)


class Memory:
    """A source that yields all notices in batches, then nothing until it is stopped."""

    def batches(self) -> Iterator[list[Message]]:
        for first in range(0, TOTAL, BATCH):
            numbers = range(first, first + BATCH)
            yield [Message(value=notice(n), topic="t", partition=0, offset=n) for n in numbers]
        while True:
            time.sleep(0.01)
            yield []

    def commit(self) -> None: ...
    def idle(self) -> None: ...
    def close(self) -> None: ...


@pytest.fixture
def troubled() -> dict[str, Troubled]:
    down = Troubled(RetryLater("down"), times=10**9)
    hanging = Troubled()
    hanging.gate.clear()
    return {"down": down, "hangs": hanging, "refuses": Refusing(), "slow": Slow()}


def plugins(troubled: dict[str, Troubled]) -> PluginSet:
    class Third:
        @hookimpl
        def register_sinks(self) -> list[SinkType]:
            return [SinkType(name=n, make=lambda s=s: s) for n, s in troubled.items()]

    return load_plugins(allow=["icecube-plugin"], extra={"third": Third()})


def run(folder: Path, troubled: dict[str, Troubled], then: Callable[[Host], None]) -> float:
    """Run a host; return how long it took until the good sink had everything [s]."""
    sinks = [SinkConfig(name=n, type=n, patience_s=0.5) for n in troubled]
    sinks.append(SinkConfig(name="good", type="sqlite", options={"path": str(folder / "a.sqlite")}))
    config = Config(data_folder=folder, sinks=tuple(sinks))
    began = time.monotonic()
    with Host(config, plugins=plugins(troubled), source=Memory) as host:
        wait_for(lambda: host.summary.written.get("good") == TOTAL)
        took = time.monotonic() - began
        then(host)
    return took


def test_the_good_one_is_not_held_up(tmp_path: Path, troubled: dict[str, Troubled]) -> None:
    for sink in troubled.values():
        sink.bad = frozenset()
    down, hanging = troubled["down"], troubled["hangs"]
    down.write = _always_down(down)  # type: ignore[method-assign]

    def recover(host: Host) -> None:
        states = {state.name: state for state in host.sinks}
        assert states["down"].in_trouble
        assert states["hangs"].busy_since is not None
        assert states["down"].waiting == states["hangs"].waiting == TOTAL
        assert not states["good"].in_trouble
        down.times = 0
        hanging.gate.set()
        wait_for(lambda: not any(state.waiting for state in host.sinks))
        assert {name: state.refused for name, state in states.items() if state.refused} == {
            "refuses": len(BAD)
        }

    alone = run(tmp_path / "alone", {}, lambda _: None)
    beside = run(tmp_path / "beside", troubled, recover)
    # The slow one alone would take 45 s, the others for ever. What remains is half a second once.
    assert beside < alone + 40.0, (alone, beside)
    everything = [record.id for record in read_records(tmp_path / "beside" / "a.sqlite")]
    assert len(everything) == TOTAL
    for name in ("down", "hangs", "slow"):
        assert troubled[name].ids == everything, name  # each once, in order
    assert len(troubled["refuses"].ids) == TOTAL - len(BAD)


def _always_down(sink: Troubled) -> Callable[[Sequence[Record]], None]:
    def write(records: Sequence[Record], /) -> None:
        if sink.times:
            raise RetryLater("down")
        sink.ids += [record.id for record in records]

    return write
