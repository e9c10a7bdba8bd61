"""The sink jsonl: whole lines, whatever happens."""

from __future__ import annotations

import errno
import fcntl
import gzip
import json
import multiprocessing
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from icecube_hooks import ConfigError, RetryLater, Sink
from icecube_hooks.testing import example_records, make_record
from icecube_plugin import disk as _files
from icecube_plugin.sinks import json_lines
from icecube_plugin.sinks.json_lines import JsonLines, files, read_lines, register_sinks

from .disks import full_disk, kill_often
from .test_conformance import Placed

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


def test_batch_is_synced_once_when_all_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    assert calls[-1] == "sync"
    assert set(calls[:-1]) == {"write"}


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
    assert f"{path}:2: not a record: NoticeError" in caplog.text


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
    assert str(caught.value) == f"path: {tmp_path} is a folder"


def test_locked_by_another_for_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_files, "LOCK_WAIT_S", 0.01)
    sink = JsonLines(path=tmp_path / "a")
    with (tmp_path / "a").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(RetryLater, match="a is locked by another process"):
            sink.write(RECORDS)
    sink.write(RECORDS)
    assert list(read_lines(tmp_path / "a")) == RECORDS


def _append_singly(path: Path, number: int) -> None:
    sink = JsonLines(path=path, sync=False)
    for revision in range(50):
        sink.write([make_record(event_id=number, revision=revision, comments=("x" * 20_000,))])


@pytest.mark.full
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


@pytest.mark.full
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


# --- rotation -----------------------------------------------------------------------------------


def names(path: Path) -> list[str]:
    return [file.name for file in files(path)]


class TestRotating(Placed):
    factory = JsonLines
    bad_options = (
        {"max_mb": 0},
        {"max_mb": "1"},
        {"max_mb": True},
        {"max_mb": float("nan")},
        {"every": "week"},
        {"every": 1},
        {"compress": 1},
    )

    def make_sink(self) -> JsonLines:
        return JsonLines(path=self.path, max_mb=0.003, every="day", compress=True)

    def written_ids(self, sink: Sink) -> Sequence[str]:
        del sink
        return [record.id for record in read_lines(self.path)] if self.path.exists() else []


def at(path: Path, day: str) -> None:
    """Let the last line of a file be of noon of a day."""
    noon = datetime.fromisoformat(f"{day}T12:00+00:00").timestamp()
    os.utime(path, (noon, noon))


@pytest.mark.parametrize(
    ("every", "days", "finished"),
    [
        ("day", ("2026-05-01", "2026-05-02"), 2),
        ("month", ("2026-05-01", "2026-05-31", "2026-06-01"), 2),
        ("year", ("2025-05-01", "2025-12-31", "2026-01-01"), 2),
    ],
)
def test_a_new_file_every(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    every: Any,
    days: tuple[str, ...],
    finished: int,
) -> None:
    path = tmp_path / "a.jsonl"
    for number, day in enumerate(days):
        monkeypatch.setattr(json_lines, "_now", lambda form, day=day: _formatted(day, form))
        JsonLines(path=path, every=every).write(RECORDS[number : number + 1])
        at(path, day)
    assert len(names(path)) == finished
    assert list(read_lines(path)) == RECORDS[: len(days)]


def _formatted(day: str, form: str) -> str:
    return datetime.fromisoformat(day).replace(tzinfo=UTC).strftime(form)


def test_names_of_finished_files(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    sink = JsonLines(path=path, max_mb=1e-6)
    for number in range(3):
        sink.write(RECORDS[number : number + 1])
        at(path, "2026-05-02")
    assert names(path) == ["a-2026-05-02.0001.jsonl", "a-2026-05-02.0002.jsonl", "a.jsonl"]
    JsonLines(path=path, max_mb=1e-6, compress=True).write(RECORDS[3:4])
    packed = ["a-2026-05-02.0001.jsonl.gz", "a-2026-05-02.0002.jsonl.gz"]
    assert names(path) == [*packed, "a-2026-05-02.0003.jsonl.gz", "a.jsonl"]
    assert list(read_lines(path)) == RECORDS[:4]
    assert sorted(names(path)) == sorted(file.name for file in tmp_path.iterdir())


def test_a_file_does_not_grow_beyond_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "a"
    sink = JsonLines(path=path, max_mb=0.01)
    for record in RECORDS:
        sink.write([record])
    assert len(names(path)) > 3
    assert max(file.stat().st_size for file in files(path)) <= 10_000
    assert list(read_lines(path)) == RECORDS


def test_other_files_are_not_read(tmp_path: Path) -> None:
    for name in ("a-notes.jsonl", "b-2026-05-02.0001.jsonl", "a-2026-05-02.0001.jsonl.bak"):
        (tmp_path / name).write_text("not ours")
    JsonLines(path=tmp_path / "a.jsonl").write(RECORDS)
    assert names(tmp_path / "a.jsonl") == ["a.jsonl"]


def test_crash_between_packing_and_removing(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    for number in range(2):
        JsonLines(path=path, max_mb=1e-6).write(RECORDS[number : number + 1])
    (finished,) = files(path)[:-1]
    finished.with_name(f"{finished.name}.gz").write_bytes(gzip.compress(finished.read_bytes()))
    assert list(read_lines(path)) == RECORDS[:2]
    JsonLines(path=path, max_mb=1e-6, compress=True).write(RECORDS[2:3])
    assert [file.suffix for file in files(path)] == [".gz", ".gz", ".jsonl"]
    assert list(read_lines(path)) == RECORDS[:3]


def test_what_cannot_be_packed_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.jsonl"

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(gzip, "open", refuse)
    for number in range(2):
        JsonLines(path=path, max_mb=1e-6, compress=True).write(RECORDS[number : number + 1])
    assert "cannot compress" in caplog.text
    assert list(read_lines(path)) == RECORDS[:2]


def _rotate(path: Path, number: int) -> None:
    sink = JsonLines(path=path, sync=False, max_mb=0.1, compress=True)
    for revision in range(30):
        sink.write([make_record(event_id=number, revision=revision, comments=("x" * 20_000,))])


@pytest.mark.full
def test_processes_that_rotate_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    path = tmp_path / "a.jsonl"
    writers = [context.Process(target=_rotate, args=(path, number)) for number in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    lines = [line for file in files(path) for line in _lines(file)]
    assert len(lines) == len(list(read_lines(path))) == 90


def _lines(file: Path) -> list[bytes]:
    data = file.read_bytes()
    return (gzip.decompress(data) if file.suffix == ".gz" else data).splitlines()


def test_logrotate_may_rename_at_any_time(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    command = [sys.executable, "-c", ENDLESS.replace("100_000", "100"), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        for number in range(20):
            if path.exists():
                path.rename(tmp_path / f"{number}.old")
            time.sleep(0.005)
        writer.kill()
        told = len(writer.stdout.read().splitlines()) + 1
    old = [record for file in tmp_path.iterdir() for record in read_lines(file)]
    assert {record.alert.revision for record in old} >= set(range(told))


@pytest.mark.full
def test_killed_at_any_moment(tmp_path: Path) -> None:
    options = {"path": str(tmp_path / "a"), "max_mb": 0.2, "compress": True}
    for told in kill_often("json_lines:JsonLines", options, times=8):
        assert [record.id for record in read_lines(tmp_path / "a")][: len(told)] == told
        for file in tmp_path.iterdir():
            file.unlink()


@pytest.mark.full
def test_full_disk(tmp_path: Path) -> None:
    records = [make_record(event_id=number, comments=("x" * 3000,)) for number in range(60)]
    options = {"path": "a.jsonl", "max_mb": 0.03}
    with full_disk(tmp_path, "json_lines:JsonLines", options, records) as child:
        path = child.folder / "a.jsonl"
        assert child.reason == f"cannot write {path}: {os.strerror(errno.ENOSPC)}"
        assert list(read_lines(path)) == records[: child.number]
        child.make_room()
        assert list(read_lines(path)) == records
