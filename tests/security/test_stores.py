"""Files of the host that the disk has damaged."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from icecube_hooks import Message, NoticeError
from icecube_hooks.testing import example_records, make_record
from icecube_plugin.host import Config, DeadLetters, Host, SinkConfig
from icecube_plugin.host._store import StoreError
from icecube_plugin.host.dead_letters import KEPT
from icecube_plugin.host.sightings import Sightings
from icecube_plugin.host.spool import Spool
from icecube_plugin.sinks.database import read_records

DAMAGE = ("", "{", "null", "[]", '{"id": 1}', '{"value_base64": "a"}')


def change(path: Path, sql: str, *values: object) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(sql, values)


@pytest.mark.parametrize("text", DAMAGE)
def test_a_damaged_row_holds_up_no_other(
    text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    letters = DeadLetters(tmp_path / "letters.sqlite")
    letters.add([Message(value=b"a"), Message(value=b"b")], NoticeError("broken"))
    change(letters.path, "UPDATE letters SET message = ? WHERE number = 1", text)
    assert [letter.message.value for letter in letters.letters()] == [b"b"]
    assert "dead letter 1 is damaged" in caplog.text

    spool = Spool(tmp_path / "spool.sqlite")
    records = example_records()[:3]
    spool.add(records)
    change(spool.path, "UPDATE records SET record = ? WHERE number < 3", text)
    assert spool.first(2) == {3: records[2]}
    assert "record 1 in" in caplog.text
    with closing(sqlite3.connect(spool.path)) as database:
        assert database.execute("SELECT number, record FROM damaged").fetchall() == [
            (1, text),
            (2, text),
        ]


def test_a_host_gets_past_a_damaged_row(tmp_path: Path) -> None:
    """The sink gets the other records, and the host does not stop."""
    spool = Spool(tmp_path / "spool" / "db.sqlite")
    spool.add(example_records()[:2])
    change(spool.path, "UPDATE records SET record = 'x' WHERE number = 1")
    sink = SinkConfig(name="db", type="sqlite", options={"path": str(tmp_path / "a.sqlite")})
    host = Host(Config(data_folder=tmp_path, sinks=(sink,))).open()
    host._finish()
    host.close()
    assert len(list(read_records(tmp_path / "a.sqlite"))) == 1


def test_a_damaged_list_of_notices_is_an_error_of_the_store(tmp_path: Path) -> None:
    """Which the host logs, and goes on."""
    sightings = Sightings(tmp_path / "sightings.sqlite", 10)
    sightings.note([make_record()])
    change(sightings.path, "UPDATE seen SET seen_at = 'never'")
    with pytest.raises(StoreError, match="is damaged"):
        sightings.look_up([make_record()])


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
    (letter,) = with_limit.dead_letters.letters()
    assert letter.is_cut
    assert letter.message.value == large[:KEPT]
    assert letter.reason == f"{len(large)} bytes are more than 1 MB; the first {KEPT} are kept"
    assert main(["--config", str(config), "dead-letters", "--retry"]) == 1
    assert "only the beginning of the message was kept" in capsys.readouterr().err
