"""The sink ``command``: with real programs."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Generator, Sequence
from pathlib import Path

import pytest

from icecube_hooks import ConfigError, Record, RefusedForGood, RetryLater, Sink
from icecube_hooks.testing import SinkConformance, example_records, make_record
from icecube_plugin.sinks.command import Command
from tests.patience import wait_for

KEEPS = """
import json, sys
from pathlib import Path
file, record = Path(sys.argv[1]), json.load(sys.stdin)
known = file.read_text().splitlines() if file.exists() else []
if record["id"] not in known:
    with file.open("a") as lines:
        lines.write(record["id"] + "\\n")
"""


def program(code: str, *words: object) -> list[str]:
    return [sys.executable, "-c", code, *map(str, words)]


class TestConformance(SinkConformance):
    factory = Command
    bad_options = (
        {"command": []},
        {"command": "rm -rf"},
        {"command": ["no-such-program"]},
        {"command": ["true"], "timeout_s": 0},
    )

    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path) -> None:
        self.file, self.tool = tmp_path / "ids.txt", tmp_path / "tool"
        self.tool.write_text(f"#!{sys.executable}\n{KEEPS}")
        self.tool.chmod(0o755)

    def make_sink(self) -> Command:
        return Command(command=[str(self.tool), str(self.file)])

    def written_ids(self, sink: Sink) -> Sequence[str]:
        return self.file.read_text().splitlines() if self.file.exists() else []

    @contextlib.contextmanager
    def trouble(self, sink: Sink) -> Generator[None]:
        self.tool.chmod(0o644)
        yield
        self.tool.chmod(0o755)

    def records(self) -> tuple[Record, ...]:
        return tuple(example_records())[:6]


@pytest.mark.parametrize(
    ("code", "error", "text"),
    [
        ("import sys; sys.exit(75)", RetryLater, "ended with exit code 75"),
        ("import os; os.abort()", RetryLater, "ended with signal 6"),
        ("import time; time.sleep(600)", RetryLater, "took longer than 0.5 s"),
        ("import sys; sys.exit(3)", RefusedForGood, "ended with exit code 3"),
        ("raise ValueError('no telescope')", RefusedForGood, "ValueError: no telescope"),
        ("import sys; sys.exit('\\x1b[31mred\\x00')", RefusedForGood, "exit code 1: "),
    ],
)
def test_what_it_answers(code: str, error: type[Exception], text: str) -> None:
    sink = Command(command=program(code), timeout_s=0.5 if "sleep" in code else 60.0)
    with pytest.raises(error, match=r"^python[\d.]* ") as caught:
        sink.write([make_record()])
    assert text in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_one_that_reads_nothing_has_it_all_the_same() -> None:
    Command(command=["true"]).write([make_record()])


def test_what_it_has_started_ends_with_it(tmp_path: Path) -> None:
    code = "import os, sys, time; print(os.fork(), file=open(sys.argv[1], 'a')); time.sleep(600)"
    file = tmp_path / "pid"
    for patience_s in (1.0, 8.0, 60.0):  # it has to start within that
        with pytest.raises(RetryLater):
            Command(command=program(code, file), timeout_s=patience_s).write([make_record()])
        children = [int(n) for n in file.read_text().split() if n != "0"] if file.exists() else []
        if children:
            break
    assert children
    wait_for(lambda: all(map(has_ended, children)))


def has_ended(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_it_sees_no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GCN_CLIENT_SECRET", "secret")
    monkeypatch.setenv("TELESCOPE", "south")
    code = "import os, sys; open(sys.argv[1], 'w').write(repr(dict(os.environ)))"
    seen = tmp_path / "seen"
    Command(command=program(code, seen), environment=["TELESCOPE"]).write([make_record()])
    found = seen.read_text()
    assert "secret" not in found
    assert "'TELESCOPE': 'south'" in found
    assert f"'PATH': {os.environ['PATH']!r}" in found


def test_nothing_of_a_notice_is_a_word(tmp_path: Path) -> None:
    code = "import sys; open(sys.argv[1], 'a').write(repr(sys.argv[2:]))"
    for record in example_records():
        Command(command=program(code, tmp_path / "words", "$HOME", "a b")).write([record])
    assert (tmp_path / "words").read_text() == "['$HOME', 'a b']" * len(list(example_records()))


def test_a_program_that_is_gone(tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\n")
    with pytest.raises(ConfigError, match=r"there is no program .*/tool' that can be run"):
        Command(command=[str(tool)])
    tool.chmod(0o755)
    sink = Command(command=[str(tool)])
    assert sink.probe() == f"{tool} is there"
    tool.unlink()
    for call in (sink.probe, lambda: sink.write([make_record()])):
        with pytest.raises(RetryLater, match="tool"):
            call()
