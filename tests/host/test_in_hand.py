from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from icecube_hooks import Message, NoticeError
from icecube_plugin.host.in_hand import MOST_CRASHES, InHand

MESSAGE = Message(value=b"x", topic="t", partition=0, offset=7)
OTHER = Message(value=b"y", origin="a file\udcff")


def crash(path: Path) -> None:
    """Start a process that dies while it reads MESSAGE, after one that is read well."""
    code = (
        "import os, sys, pathlib; from icecube_plugin.host.in_hand import InHand;"
        "from tests.host.test_in_hand import MESSAGE, OTHER;"
        "hand = InHand(pathlib.Path(sys.argv[1])); hand.take(OTHER); hand.take(MESSAGE);"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], cwd=Path(__file__).parents[2])
    assert done.returncode == -9


def test_a_message_that_ends_the_process_again_and_again_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "new" / "in-hand"
    for _ in range(MOST_CRASHES):
        crash(path)
    hand = InHand(path)
    hand.take(OTHER)
    with pytest.raises(NoticeError, match=rf"t\[0\]@7: the host has ended {MOST_CRASHES} times"):
        hand.take(MESSAGE)
    hand.close()
    InHand(path).take(MESSAGE)  # after an orderly end it is tried afresh


def test_a_single_crash_proves_nothing(tmp_path: Path) -> None:
    crash(tmp_path / "in-hand")
    hand = InHand(tmp_path / "in-hand")
    hand.take(MESSAGE)
    hand.clear()
    hand.close()


def test_without_the_file_reading_goes_on(tmp_path: Path) -> None:
    (tmp_path / "in-hand").mkdir()
    hand = InHand(tmp_path / "in-hand")
    hand.take(MESSAGE)
    hand.close()
    (tmp_path / "nonsense").write_bytes(b"\xff\x00 garbage")
    hand = InHand(tmp_path / "nonsense")
    hand.take(MESSAGE)
    hand.close()
