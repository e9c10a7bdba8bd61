"""The sink jsonl: whole lines, whatever happens."""

from __future__ import annotations

import errno
import fcntl
import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from icecube_hooks import ConfigError, RetryLater
from icecube_hooks.testing import example_records, make_record
from icecube_plugin.sinks import json_lines
from icecube_plugin.sinks.json_lines import JsonLines, read_lines, register_sinks

RECORDS = [make_record(revision=number) for number in range(40)]


def test_is_registered() -> None:
    assert [(sink.name, sink.make) for sink in register_sinks()] == [("jsonl", JsonLines)]


def test_lines_are_the_records(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    JsonLines(path=path).write(example_records())
    assert tuple(read_lines(path)) == example_records()


def test_a_line_is_a_line_for_every_reader(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    separators = "\u2028\u2029\x85\x0b\x0c\x1c\r\n"
    JsonLines(path=path).write([make_record(comments=(separators,))])
    (line,) = path.read_text().splitlines()
    assert json.loads(line)["alert"]["comments"] == [separators]


def test_batch_is_one_write_and_one_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = JsonLines(path=tmp_path / "a")
    sink.write(RECORDS[:1])
    calls: list[str] = []
    write = os.write

    def noted(file: int, data: bytes) -> int:
        calls.append("write")
        return write(file, data)

    monkeypatch.setattr(os, "write", noted)
    monkeypatch.setattr(json_lines, "sync_data", lambda _: calls.append("sync"))
    sink.write(RECORDS)
    assert calls == ["write", "sync"]


def test_system_that_writes_little_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:100]))
    JsonLines(path=tmp_path / "a").write(RECORDS)
    assert list(read_lines(tmp_path / "a")) == RECORDS


def test_no_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lines, "sync_data", pytest.fail)
    JsonLines(path=tmp_path / "a", sync=False).write(RECORDS)
    assert list(read_lines(tmp_path / "a")) == RECORDS


def test_duplicates_stay_and_readers_drop_them(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for _ in range(2):
        JsonLines(path=path).write(RECORDS)
    assert len(path.read_bytes().splitlines()) == 2 * len(RECORDS)
    assert list(read_lines(path)) == RECORDS


def test_torn_line_is_ended(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a"
    sink = JsonLines(path=path)
    sink.write(RECORDS[:1])
    with path.open("ab") as file:
        file.write(b'{"id": "half of a li')
    sink.write(RECORDS[1:])
    assert f"{path}: the last line was torn by a crash" in caplog.text
    caplog.clear()
    assert list(read_lines(path)) == RECORDS
    assert f"{path}:2: not a record: JSONDecodeError" in caplog.text


@pytest.mark.parametrize(
    "line", ["[]", "{}", "5", '{"id": "x", "alert": 5, "message": {}}', "\xff"]
)
def test_lines_of_others_are_left_out(tmp_path: Path, line: str) -> None:
    path = tmp_path / "a"
    path.write_bytes(line.encode("latin-1") + b"\n")
    JsonLines(path=path).write(RECORDS[:1])
    assert list(read_lines(path)) == RECORDS[:1]


def test_full_disk_takes_the_batch_back(tmp_path: Path) -> None:
    path = tmp_path / "a"
    sink = JsonLines(path=path)
    sink.write(RECORDS[:1])
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, hard))
    try:
        with pytest.raises(RetryLater) as caught:
            sink.write(RECORDS[1:])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert str(caught.value) == f"cannot write {path}: {os.strerror(errno.EFBIG)}"
    assert path.read_bytes() == before
    sink.write(RECORDS[1:])
    assert list(read_lines(path)) == RECORDS


def test_device_that_is_full() -> None:
    with pytest.raises(RetryLater, match="cannot write /dev/full: No space left on device"):
        JsonLines(path="/dev/full").write(RECORDS[:1])


def test_file_that_is_moved_away(tmp_path: Path) -> None:
    path = tmp_path / "a"
    sink = JsonLines(path=path)
    sink.write(RECORDS[:1])
    path.rename(tmp_path / "a.1")
    sink.write(RECORDS[1:2])
    assert list(read_lines(tmp_path / "a.1")) == RECORDS[:1]
    assert list(read_lines(path)) == RECORDS[1:2]


def test_path_that_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        JsonLines(path=tmp_path)
    assert str(caught.value) == f"path: cannot open {tmp_path}: Is a directory"


def test_locked_by_another_for_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lines, "LOCK_WAIT_S", 0.01)
    sink = JsonLines(path=tmp_path / "a")
    with (tmp_path / "a").open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(RetryLater, match="a is locked by another process"):
            sink.write(RECORDS)
    sink.write(RECORDS)
    assert list(read_lines(tmp_path / "a")) == RECORDS


def _append_singly(path: Path, number: int) -> None:
    sink = JsonLines(path=path, sync=False)
    for revision in range(50):
        sink.write([make_record(event_id=number, revision=revision, comments=("x" * 20_000,))])


def test_processes_do_not_interleave(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_append_singly, args=(tmp_path / "a", n)) for n in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert len(list(read_lines(tmp_path / "a"))) == 150
    assert caplog.text == ""


ENDLESS = """
import sys
from icecube_hooks.testing import make_record
from icecube_plugin.sinks.json_lines import JsonLines
sink = JsonLines(path=sys.argv[1], sync=False)
for number in range(10**9):
    sink.write([make_record(revision=number, comments=("x" * 100_000,))])
    print(number, flush=True)
"""


def test_killed_writer_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", ENDLESS, str(path)], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(0.02)
            writer.send_signal(signal.SIGKILL)
            told = len(writer.stdout.read().splitlines()) + 1
        revisions = [record.alert.revision for record in read_lines(path)]
        assert revisions[:told] == list(range(told))
        path.unlink()
