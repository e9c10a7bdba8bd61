from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from icecube_hooks import Message, NoticeError
from icecube_plugin.host.guard import MOST_CRASHES, InHand, TimeLimit

MESSAGE = Message(value=b"x", topic="t", partition=0, offset=7)
OTHER = Message(value=b"y", origin="a file\udcff")


def spin(_message: Message) -> None:
    while True:
        pass


def stubborn(_message: Message) -> str:
    try:
        spin(_message)
    except Exception:  # noqa: BLE001  # what a careless parser does
        return "stopped me"
    return "never"


@pytest.fixture
def limit() -> TimeLimit:
    return TimeLimit(0.2)


@pytest.mark.parametrize("endless", [spin, stubborn])
def test_an_endless_loop_is_ended(limit: TimeLimit, endless: object) -> None:
    began = time.monotonic()
    with pytest.raises(NoticeError, match=r"t\[0\]@7: reading took longer than 0.2 s"):
        limit.run(endless, MESSAGE)  # type: ignore[arg-type]
    assert time.monotonic() - began < 2.0
    assert limit.run(lambda message: message.value, MESSAGE) == b"x"
    limit.close()


def test_it_ends_code_in_any_thread_and_nothing_comes_up_later(limit: TimeLimit) -> None:
    outcomes: list[object] = []

    def work() -> None:
        for seconds in (0.19, 0.2, 0.21, 0.23, 0.25):  # about as long as the limit
            try:
                outcomes.append(limit.run(lambda _, s=seconds: time.sleep(s), MESSAGE))  # type: ignore[misc]
            except NoticeError as error:
                outcomes.append(error)
            for _ in range(10_000):
                pass  # a late exception would come up here

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(outcomes) == 5
    limit.close()


def test_errors_of_the_action_pass(limit: TimeLimit) -> None:
    def fail(_message: Message) -> None:
        raise NoticeError("broken")

    with pytest.raises(NoticeError, match="broken"):
        limit.run(fail, MESSAGE)
    limit.close()


def crash(path: Path) -> None:
    """Start a process that dies while it reads MESSAGE, after one that is read well."""
    code = (
        "import os, sys, pathlib; from icecube_plugin.host.guard import InHand;"
        "from tests.host.test_guard import MESSAGE, OTHER;"
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
