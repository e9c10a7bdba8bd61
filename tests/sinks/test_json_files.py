"""The sink json: one file per record, complete or absent, under a name that cannot do harm."""

from __future__ import annotations

import errno
import json
import os
import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icecube_hooks import ConfigError, Record, RetryLater
from icecube_hooks.testing import example_records, make_record
from icecube_plugin.alerts.file_names import record_file_name
from icecube_plugin.sinks.json_files import JsonFiles, register_sinks


@contextmanager
def small_files() -> Iterator[None]:
    """No file may grow beyond 1000 bytes: writes end half-way, as on a full disk.

    No fixture: pytest's own report, if it goes to a file, must not fall under it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_is_registered() -> None:
    assert [(sink.name, sink.make) for sink in register_sinks()] == [("json", JsonFiles)]


def test_file_is_the_record(tmp_path: Path) -> None:
    sink = JsonFiles(folder=tmp_path)
    for record in example_records():
        sink.write([record])
        assert Record.from_dict(json.loads(sink.path(record).read_text("utf-8"))) == record


def test_name_says_kind_event_and_revision() -> None:
    name = record_file_name(make_record(revision=1))
    assert re.fullmatch(r"gold\+137840_57034692\+1\+[0-9a-f]{16}\.json", name)


@given(st.text(), st.text())
def test_names_are_safe_and_apart(one: str, other: str) -> None:
    records = [make_record(event_names=(text,), run_id=None) for text in (one, other)]
    names = [record_file_name(record) for record in records]
    assert (names[0] == names[1]) == (one == other)
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,179}", name) for name in names)


@given(st.text(st.characters(codec=None)), st.text(st.characters(codec=None)))
def test_any_id_gives_a_safe_name(one: str, other: str) -> None:
    names = [record_file_name(make_record(id=text)) for text in (one, other)]
    assert (names[0] == names[1]) == (one == other)
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,179}", name) for name in names)


@pytest.mark.parametrize(
    ("record_id", "stem"),
    [
        ("../../etc/passwd:0123456789abcdef", "_.._etc_passwd"),
        (".hidden:0123456789abcdef", "hidden"),
        ("-rf:0123456789abcdef", "rf"),
        ("a\0b:0123456789abcdef", "a_b"),
        ("a+b:0123456789abcdef", "a_b"),
        ("\ud800:x", "_"),
        ("", "record"),
        ("gold:1_2:0:no-digest", "gold+1_2+0"),
    ],
)
def test_what_cannot_stand_in_a_name(record_id: str, stem: str) -> None:
    name = record_file_name(make_record(id=record_id))
    assert re.fullmatch(re.escape(stem) + r"\+[0-9a-f]{16}\.json", name)


def test_only_json_files_are_left(tmp_path: Path) -> None:
    records = example_records()
    JsonFiles(folder=tmp_path).write(records)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        record_file_name(record) for record in records
    )


def test_first_file_stays(tmp_path: Path) -> None:
    sink = JsonFiles(folder=tmp_path)
    record = make_record()
    sink.write([record])
    before = sink.path(record).stat()
    again = record.message.replace(offset=99)
    sink.write([record.replace(message=again)])
    assert sink.path(record).stat() == before


def test_full_disk_leaves_nothing_torn(tmp_path: Path) -> None:
    sink = JsonFiles(folder=tmp_path)
    with small_files(), pytest.raises(RetryLater) as caught:
        sink.write([make_record()])
    assert str(caught.value) == f"cannot write {tmp_path}: {os.strerror(errno.EFBIG)}"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_refusal_of_the_system_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    sink = JsonFiles(folder=tmp_path)

    def refuse(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refuse)
        with pytest.raises(RetryLater, match=os.strerror(code)):
            sink.write([make_record()])


def test_folder_comes_back(tmp_path: Path) -> None:
    sink = JsonFiles(folder=tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()
    sink.write([make_record()])
    assert sink.path(make_record()).exists()


def test_home_and_relative_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert JsonFiles(folder="~/Ä").folder == tmp_path / "Ä"
    assert JsonFiles(folder=Path("rel")).folder == tmp_path / "rel"
    assert JsonFiles().folder == tmp_path / "icecube-alerts-data" / "json"


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "sub"
    with pytest.raises(ConfigError) as caught:
        JsonFiles(folder=folder)
    assert str(caught.value) == f"folder: {folder.parent} is not a folder"


def test_folder_without_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ConfigError, match=r"cannot write into .*: Permission denied"):
        JsonFiles(folder=tmp_path)


def test_unknown_home() -> None:
    with pytest.raises(ConfigError, match="folder: cannot expand '~nobody-of-that-name/x'"):
        JsonFiles(folder="~nobody-of-that-name/x")


@pytest.mark.parametrize("sync", [True, False])
def test_sync_is_an_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sync: bool) -> None:
    calls: list[int] = []
    monkeypatch.setattr(os, "fsync", calls.append)
    JsonFiles(folder=tmp_path, sync=sync).write([make_record(), make_record(revision=1)])
    assert len(calls) == (3 if sync else 0)  # two files and their folder
