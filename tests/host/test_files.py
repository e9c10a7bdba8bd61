from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from icecube_hooks import Message, NoticeError
from icecube_hooks.host import load_plugins
from icecube_plugin.host import FileError, FileSource, messages_from
from icecube_plugin.host._archives import Limits, TooLarge, contents
from icecube_plugin.sinks.archive import Archive


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


Files = Mapping[str, bytes]
TOPIC = "gcn.classic.text.ICECUBE_CASCADE"


def tar(path: Path, files: Files, mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]  # mode is a variable
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def zipped(path: Path, files: Files) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def gzipped(path: Path, files: Files) -> Path:
    with gzip.open(path, "wb") as file:
        file.write(b"".join(files.values()))
    return path


def plain(path: Path, files: Files) -> Path:
    path.write_bytes(b"".join(files.values()))
    return path


ARCHIVES: Mapping[str, Callable[[Path, Files], Path]] = {
    "a.tar": tar,
    "a.tar.gz": lambda path, files: tar(path, files, "w:gz"),
    "a.tgz": lambda path, files: tar(path, files, "w:gz"),
    "a.zip": zipped,
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_is_its_files(tmp_path: Path, name: str) -> None:
    files = {
        f"./2026/{TOPIC}/1.txt": b"one",
        "lines.jsonl": b"{}\n\n[]",
        ".hidden": b"x",
        "__MACOSX/1.txt": b"x",
        "../../up.txt": b"x",
        "b\x1b[2J.txt": b"two",
    }
    path = ARCHIVES[name](tmp_path / name, files)
    assert [(m.value, m.topic, m.origin) for m in messages_from([str(path)])] == [
        (b"one", TOPIC, f"{path}!2026/{TOPIC}/1.txt"),
        (b"{}", None, f"{path}!lines.jsonl:1"),
        (b"[]", None, f"{path}!lines.jsonl:3"),
        (b"two", None, f"{path}!b\ufffd[2J.txt"),
    ]
    assert list(tmp_path.iterdir()) == [path]


def test_an_archive_stands_in_the_folder_of_its_topic(tmp_path: Path) -> None:
    (tmp_path / TOPIC).mkdir()
    tar(tmp_path / TOPIC / "a.tar", {"x/1.txt": b"one"})
    gzipped(tmp_path / TOPIC / "b.txt.gz", {"": b"two"})
    gzipped(tmp_path / TOPIC / "c.jsonl.gz", {"": b"3\n4\n"})
    messages = list(messages_from([str(tmp_path)]))
    assert [m.value for m in messages] == [b"one", b"two", b"3", b"4"]
    assert {m.topic for m in messages} == {TOPIC}
    assert messages[1].origin == f"{tmp_path / TOPIC}/b.txt.gz!b.txt"


def test_no_link_or_device_is_followed(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE):
            member = tarfile.TarInfo(f"m{kind!r}")
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
    assert list(messages_from([str(tmp_path / "a.tar")])) == []


@pytest.mark.parametrize("name", [*ARCHIVES, "a.gz", "a"])
def test_a_large_content_is_refused(tmp_path: Path, name: str) -> None:
    made = ARCHIVES.get(name, gzipped if name == "a.gz" else plain)
    made(tmp_path / name, {"x": bytes(10_001)})
    limits = Limits(member=10_000, ratio=100_000)
    with pytest.raises(TooLarge, match="larger than"):
        [content.read() for content in contents(tmp_path / name, limits)]


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_that_expands_too_far_is_refused(tmp_path: Path, name: str) -> None:
    path = ARCHIVES[name](tmp_path / name, {f"{n}": bytes(9000) for n in range(200)})
    limits = Limits(member=10_000, total=1_000_000)
    with pytest.raises(TooLarge, match="expands to more than"):
        [content.read() for content in contents(path, limits)]


def test_a_bomb_takes_no_memory(tmp_path: Path) -> None:
    """100 MB of zeros in 100 kB; and a header that says it is as long."""
    path = gzipped(tmp_path / "a.gz", {str(n): bytes(50_000_000) for n in range(2)})
    with tarfile.open(tmp_path / "b.tar.gz", "w:gz") as archive:
        member = tarfile.TarInfo("x" * 200)
        member.type, member.size = tarfile.XHDTYPE, 100_000_000
        archive.addfile(member, io.BytesIO(bytes(100_000_000)))
    tracemalloc.start()
    for bomb in (path, tmp_path / "b.tar.gz"):
        with pytest.raises(FileError, match="64 MiB"):
            list(messages_from([str(bomb)]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 280_000_000


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.gz", b"no gzip"),
        ("a.gz", gzip.compress(bytes(1000))[:-9]),
        ("a.tar", b"no tar" * 1000),
        ("a.tar.gz", b"no tar"),
        ("a.tar.gz", gzip.compress(b"no tar" * 1000)),
        ("a.zip", b"no zip"),
    ],
    ids=["no gzip", "cut gzip", "no tar", "no tar.gz", "gzip of no tar", "no zip"],
)
def test_a_damaged_archive_is_named(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(FileError, match=name):
        list(messages_from([str(tmp_path / name)]))


def test_what_comes_before_an_error_is_kept(tmp_path: Path) -> None:
    (tmp_path / "1.txt").write_bytes(b"one")
    (tmp_path / "2.gz").write_bytes(b"no gzip")
    batches = FileSource([str(tmp_path)]).batches()
    assert [m.value for m in next(batches)] == [b"one"]
    with pytest.raises(FileError):
        next(batches)


def test_large_notices_come_in_smaller_batches(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.bin").write_bytes(bytes(40 * 2**20))
    assert [len(batch) for batch in FileSource([str(tmp_path)]).batches()] == [2, 1]


def test_what_the_archive_sink_wrote_is_as_it_came(tmp_path: Path, fixtures: Path) -> None:
    topic = "gcn.notices.icecube.lvk_nu_track_search"
    plugins = load_plugins(allow=["*-json"])
    messages = [
        Message(
            value=path.read_bytes(),
            topic=topic,
            partition=number % 2,
            offset=number,
            timestamp=datetime(2026, 5, 2, 4, number, tzinfo=UTC),
            key=b"k\0",
            headers=(("h", b"1"), ("h", None)),
        )
        for number, path in enumerate(sorted((fixtures / topic).iterdir()))
    ]
    Archive(folder=tmp_path).write([plugins.record(message) for message in messages])
    found = sorted(messages_from([str(tmp_path)]), key=lambda message: message.offset or 0)
    assert found == messages
    assert {m.topic for m in messages_from([str(tmp_path)], topic="t")} == {"t"}
    about = next(tmp_path.rglob(".about/*.json"))
    about.write_text("{")
    with pytest.raises(FileError, match=rf"^{re.escape(str(about))}: is damaged"):
        list(messages_from([str(tmp_path)]))
