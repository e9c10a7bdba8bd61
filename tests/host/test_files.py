from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from icecube_hooks import Message, NoticeError
from icecube_hooks.host import load_plugins
from icecube_plugin.host import FileError, FileSource, messages_from


def test_the_folder_names_the_topic(fixtures: Path) -> None:
    folder = fixtures / "gcn.classic.text.ICECUBE_CASCADE"
    messages = list(messages_from([str(folder)]))
    assert {message.topic for message in messages} == {folder.name}
    assert [message.value for message in messages] == [
        file.read_bytes() for file in sorted(folder.iterdir())
    ]


def test_a_given_topic_wins(fixtures: Path) -> None:
    folder = fixtures / "gcn.classic.text.ICECUBE_CASCADE"
    assert {m.topic for m in messages_from([str(folder)], topic="t")} == {"t"}


def test_standard_input_is_one_notice() -> None:
    (message,) = messages_from(["-"], stdin=io.BytesIO(b"abc"))
    assert (message.value, message.origin, message.topic) == (b"abc", "stdin", None)


def test_lines_are_notices_or_records(tmp_path: Path, fixtures: Path) -> None:
    notice = next((fixtures / "gcn.notices.icecube.lvk_nu_track_search").iterdir()).read_bytes()
    topic = "gcn.notices.icecube.lvk_nu_track_search"
    record = load_plugins(allow=["*-json"]).record(Message(value=notice, topic=topic))
    file = tmp_path / "mixed.jsonl"
    one_line = json.dumps(json.loads(notice))
    file.write_text(f"{json.dumps(record.to_dict())}\n\n{one_line}\n" + '{"raw_base64": 1}\n')
    first, second, third = messages_from([str(file)])
    assert (first.value, first.topic) == (notice, topic)
    assert json.loads(second.value) == json.loads(notice)
    assert third.value == b'{"raw_base64": 1}'
    assert third.origin == f"{file}:4"


def test_batches_have_the_size_asked_for(fixtures: Path) -> None:
    folder = str(fixtures / "gcn.notices.icecube.lvk_nu_track_search")
    sizes = [len(batch) for batch in FileSource([folder], batch_size=4).batches()]
    assert sum(sizes) == len(list((fixtures / Path(folder).name).iterdir()))
    assert set(sizes[:-1]) == {4}


def test_hidden_files_are_left_out(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x").touch()
    (tmp_path / ".hidden").touch()
    (tmp_path / "seen").touch()
    assert [m.origin for m in messages_from([str(tmp_path)])] == [str(tmp_path / "seen")]


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="nothing: no such file or folder"):
        list(messages_from([str(tmp_path / "nothing")]))


def test_an_error_names_the_file(tmp_path: Path) -> None:
    file = tmp_path / "x.txt"
    file.write_text("hello")
    (message,) = messages_from([str(file)])
    with pytest.raises(NoticeError) as caught:
        load_plugins(allow=["icecube-plugin"]).parse(message)
    assert str(caught.value) == f"{file}: no parser recognises this message, got b'hello'"
