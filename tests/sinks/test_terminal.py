"""The sink terminal: where it prints, in what colour, and what it does when nobody reads."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from icecube_hooks import ConfigError, RefusedForGood, RetryLater, Tense
from icecube_hooks.host import build
from icecube_hooks.testing import example_records, make_record
from icecube_plugin.sinks import delivered
from icecube_plugin.sinks.terminal import Terminal, register_sinks
from icecube_plugin.views.summary import summary


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_is_registered() -> None:
    assert [(sink.name, sink.make) for sink in register_sinks()] == [("terminal", Terminal)]


def test_prints_to_what_standard_output_is_now(capsys: pytest.CaptureFixture[str]) -> None:
    record = make_record()
    Terminal().write([record])
    assert capsys.readouterr().out == f"{summary(record)}\n"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_stream_by_name(capsys: pytest.CaptureFixture[str], stream: Any) -> None:
    Terminal(stream=stream).write([make_record()])
    out, err = capsys.readouterr()
    assert (out == "") == (stream == "stderr")
    assert (err == "") == (stream == "stdout")


@pytest.mark.parametrize(
    ("color", "is_tty", "environment", "expected"),
    [
        ("auto", True, {"TERM": "xterm"}, True),
        ("auto", False, {"TERM": "xterm"}, False),
        ("auto", True, {"TERM": "dumb"}, False),
        ("auto", True, {"TERM": "xterm", "NO_COLOR": "1"}, False),
        ("auto", True, {"TERM": "xterm", "NO_COLOR": ""}, True),
        ("always", False, {"NO_COLOR": "1"}, True),
        ("never", True, {"TERM": "xterm"}, False),
    ],
)
def test_colour(
    monkeypatch: pytest.MonkeyPatch,
    color: Any,
    is_tty: bool,
    environment: dict[str, str],
    expected: bool,
) -> None:
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream = Tty() if is_tty else io.StringIO()
    Terminal(stream=stream, color=color).write([make_record(tense=Tense.TEST)])
    assert ("\x1b[1;31m*** TEST: NOT A REAL EVENT ***\x1b[0m" in stream.getvalue()) is expected
    assert ("\x1b" in stream.getvalue()) is expected


def test_stream_that_cannot_say_it() -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True)
    Terminal(stream=stream).write([make_record(event_names=("Ärger",))])
    stream.seek(0)
    assert stream.readline() == (
        "GOLD \\xc4rger r0: RA 345.82 Dec +9.14 +-0.61 deg (90 %), "
        "signalness 0.34, 127 TeV, T0+40 s\n"
    )


def test_delivered_again_is_shown_once() -> None:
    stream = io.StringIO()
    sink = Terminal(stream=stream)
    for _ in range(2):
        sink.write(example_records())
    assert stream.getvalue() == "".join(f"{summary(record)}\n" for record in example_records())


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivered, "REMEMBERED", 2)
    stream = io.StringIO()
    sink = Terminal(stream=stream)
    records = [make_record(revision=number) for number in range(3)]
    sink.write(records)
    before = stream.getvalue()
    sink.write(records[1:])
    assert stream.getvalue() == before
    sink.write(records[:1])
    assert stream.getvalue() == f"{before}{summary(records[0])}\n"


def test_closed_stream() -> None:
    stream = io.StringIO()
    stream.close()
    with pytest.raises(RefusedForGood) as caught:
        Terminal(stream=stream).write([make_record()])
    expected = "nobody reads the output any more: I/O operation on closed file"
    assert str(caught.value) == expected


def test_full_disk_behind_the_output() -> None:
    stream = Path("/dev/full").open("w", encoding="utf-8")  # noqa: SIM115  # closing fails, too
    with pytest.raises(RetryLater) as caught:
        Terminal(stream=stream).write([make_record()])
    assert str(caught.value) == "cannot print: No space left on device"
    with pytest.raises(OSError, match="No space left"):
        stream.close()


def test_nobody_reads() -> None:
    program = """
from icecube_hooks import RefusedForGood
from icecube_hooks.testing import make_record
from icecube_plugin.sinks.terminal import Terminal
import os, sys
sys.stdin.readline()
try:
    Terminal().write([make_record()])
except RefusedForGood as error:
    print(error, file=sys.stderr)
os._exit(0)
"""
    command = [sys.executable, "-c", program]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) as child:
        assert child.stdout is not None
        child.stdout.close()
        _, told = child.communicate(b"\n")
    assert told.decode() == f"nobody reads the output any more: [Errno 32] {os.strerror(32)}\n"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"stream": "stdin"}, "sinks.s.stream: invalid enum value 'stdin'"),
        ({"stream": 5}, "sinks.s.stream: expected `str | null`, got `int`"),
        ({"color": "blue"}, "sinks.s.color: invalid enum value 'blue'"),
    ],
)
def test_bad_options(options: dict[str, str], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(Terminal, options, "sinks.s")
    assert str(caught.value) == text
