"""Files of the host that the disk has damaged."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from icecube_hooks import Message, NoticeError
from icecube_hooks.testing import example_records
from icecube_plugin.host import Config, Host, Journal, SinkConfig
from icecube_plugin.host.journal import KEPT, Refusal
from icecube_plugin.sinks.database import read_records

DAMAGE = ("", "{", "null", "[]", '{"id": 1, "value": 2}', '{"value_base64": "a"}')


def damage(path: Path, text: str, where: str) -> None:
    """Put another body into some rows, with its checksum."""
    body = text.encode()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(
            f"UPDATE bodies SET body = ?, crc = ? WHERE {where}", (body, zlib.crc32(body))
        )


@pytest.mark.parametrize("text", DAMAGE)
def test_a_damaged_row_holds_up_no_other(
    text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    written = Journal(tmp_path)
    broken = NoticeError("broken")
    written.append([Refusal(Message(value=b"a"), broken), Refusal(Message(value=b"b"), broken)])
    records = example_records()[:3]
    written.append(records)
    damage(written.path, text, "seq IN (1, 3, 4)")
    there = Journal(tmp_path)
    there.look()
    assert [letter.message.value for letter in there.letters()] == [b"b"]
    assert "dead letter 1 is damaged" in caplog.text
    assert [entry.record for entry in there.after(2).entries] == [None, None, records[2]]
    assert "entry 3 in" in caplog.text


def test_a_host_gets_past_a_damaged_row(tmp_path: Path) -> None:
    """The sink gets the other records, and the host does not stop."""
    written = Journal(tmp_path)
    written.append(example_records()[:2])
    damage(written.path, "x", "seq = 1")
    options = {"path": str(tmp_path / "a.sqlite")}
    sink = SinkConfig(name="db", type="sqlite", start="earliest", options=options)
    host = Host(Config(data_folder=tmp_path, sinks=(sink,)), source=Nothing)
    summary = host.run()
    assert (summary.written, summary.failed) == ({"db": 1}, {"db": 1})
    assert len(list(read_records(tmp_path / "a.sqlite"))) == 1


class Nothing:
    """A source without messages."""

    def batches(self) -> Iterator[list[Message]]:
        return iter(())

    def commit(self) -> None: ...
    def idle(self) -> None: ...
    def close(self) -> None: ...


def test_a_large_message_is_cut_and_not_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fixtures: Path
) -> None:
    """Its beginning could be read as a notice, and would be a wrong one."""
    from icecube_plugin.cli.command import main

    notice = next((fixtures / "gcn.classic.text.ICECUBE_CASCADE").iterdir()).read_bytes()
    large = notice + b"\n" + b"x" * 2**20
    config = tmp_path / "alerts.toml"
    config.write_text(f'data_folder = "{tmp_path}"\nmessage_limit_mb = 1\n')
    with_limit = Host.from_file(config)
    with_limit.handle([Message(value=large)])
    with_limit.close()
    assert with_limit.summary.refused == 1
    (letter,) = with_limit.journal.letters()
    assert letter.is_cut
    assert letter.message.value == large[:KEPT]
    assert letter.reason == f"{len(large)} bytes are more than 1 MB; the first {KEPT} are kept"
    assert main(["--config", str(config), "dead-letters", "--retry"]) == 1
    assert "only the beginning of the message was kept" in capsys.readouterr().err
