"""Messages that harm a host: exceptions, memory, a crash of the whole process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from icecube_plugin.host import Journal
from icecube_plugin.host.in_hand import MOST_CRASHES
from icecube_plugin.sinks.database import read_records

PROGRAM = """
import os, sys
from pathlib import Path
from icecube_hooks import Message, ParserType, hookimpl
from icecube_hooks.host import load_plugins
from icecube_plugin.host import Config, Host, SinkConfig
from tests.host.kafka.common import notice

LVK = "gcn.notices.icecube.lvk_nu_track_search"

def harm(message):
    {harm}

class Third:
    @hookimpl
    def register_parsers(self):
        return [ParserType(name="harm", topics=("harm",), parse=harm)]

class Source:
    def batches(self):
        poison = Message(value=b"poison", topic="harm", partition=0, offset=1)
        yield [Message(value=notice(0), topic=LVK, partition=0, offset=0), poison,
               Message(value=notice(1), topic=LVK, partition=0, offset=2)]
    def commit(self): ...
    def idle(self): ...
    def close(self): ...

folder = Path(sys.argv[1])
sinks = (SinkConfig(name="db", type="sqlite", options={{"path": str(folder / "a.sqlite")}}),)
plugins = load_plugins(allow=["icecube-plugin"], extra={{"third": Third()}})
config = Config(data_folder=folder, sinks=sinks)
Host(config, plugins=plugins, source=Source).run()
"""


def run(folder: Path, harm: str) -> subprocess.CompletedProcess[str]:
    """Run a host on a good notice, the poison, and another good one."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(harm=harm), str(folder)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def outcome(folder: Path) -> tuple[int, list[str]]:
    """Return how many records there are, and why there are dead letters."""
    letters = Journal(folder).letters()
    return len(list(read_records(folder / "a.sqlite"))), [letter.reason for letter in letters]


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        ("raise ZeroDivisionError('oops')", "ZeroDivisionError: oops"),
        ("return bytearray(10**15)", "MemoryError"),
        ("return [0] * 10**15", "MemoryError"),
        ("return harm(message)", "RecursionError"),
        ("sys.exit(3)", "SystemExit"),
    ],
)
def test_it_is_a_dead_letter_and_the_next_is_handled(
    tmp_path: Path, harm: str, reason: str
) -> None:
    done = run(tmp_path, harm)
    assert done.returncode == 0, done.stderr
    rows, (told,) = outcome(tmp_path)
    assert rows == 2
    assert reason in told


def test_what_ends_the_process_is_put_aside_at_last(tmp_path: Path) -> None:
    harm = "os.kill(os.getpid(), 9)"
    for _ in range(MOST_CRASHES):
        assert run(tmp_path, harm).returncode == -9
    done = run(tmp_path, harm)
    assert done.returncode == 0, done.stderr
    rows, (told,) = outcome(tmp_path)
    assert rows == 2
    assert told == f"harm[0]@1: the host has ended {MOST_CRASHES} times while reading this"
