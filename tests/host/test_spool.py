from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from icecube_hooks import Message
from icecube_hooks.testing import example_records
from icecube_plugin.host import StoreError
from icecube_plugin.host.spool import Spool

RECORDS = list(example_records())


def test_records_come_back_whole_and_in_order(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "new folder" / "spool.sqlite")
    assert (len(spool), spool.first(10)) == (0, {})
    assert not spool.path.parent.exists()  # looking makes no file
    numbers = spool.add(RECORDS)
    again = Spool(spool.path)
    assert list(again.first(99).values()) == RECORDS
    assert list(again.first(1)) == numbers[:1]
    again.remove(numbers[:-1])
    assert list(spool.first(99)) == numbers[-1:]
    assert len(spool) == 1


def test_a_redelivered_record_waits_once_and_a_sighting_elsewhere_too(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s")
    assert spool.add(RECORDS[:1]) == [1]
    assert spool.add(RECORDS[:1]) == []
    message = Message(value=RECORDS[0].message.value, topic="t", partition=0, offset=9)
    spool.add([RECORDS[0].replace(message=message)])
    assert len(spool) == 2


def test_numbers_are_not_used_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s")
    first = spool.add(RECORDS)
    spool.remove(first)
    assert min(spool.add(RECORDS)) > max(first)


def test_one_process_takes_records_out(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "s")
    assert spool.lock()
    code = (
        "import sys, pathlib; from icecube_plugin.host.spool import Spool;"
        "print(Spool(pathlib.Path(sys.argv[1])).lock())"
    )

    def other() -> str:
        command = [sys.executable, "-c", code, str(spool.path)]
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()

    assert other() == "False"
    spool.unlock()
    assert other() == "True"


def test_a_file_that_is_no_database_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_bytes(b"no database" * 100)
    with pytest.raises(StoreError, match=r"cannot keep waiting records in .*s: file is not a"):
        Spool(path).add(RECORDS)
