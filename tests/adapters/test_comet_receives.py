"""What our sink ``voevent`` sends is taken by a broker that others wrote: Comet."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from icecube_hooks.testing import example_records
from icecube_plugin.sinks.voevent import VOEvents
from tests.kafka_broker.broker import free_ports
from tests.patience import PATIENCE_S

from .conftest import Peers, Program
from .test_comet import COMET, listens

STREAM = "ivo://example.org/neutrinos"


@dataclass
class Receiver:
    """A Comet that writes what it receives into a folder, valid by the schema or not at all."""

    process: subprocess.Popen[str]
    folder: Path
    port: int

    @property
    def place(self) -> str:
        return f"localhost:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "log.txt").read_text()

    def events(self) -> list[bytes]:
        return [path.read_bytes() for path in (self.folder / "got").glob("*") if path.is_file()]


@pytest.fixture
def receiver(peers: Peers, program: Program, tmp_path: Path) -> Iterator[Receiver]:
    (tmp_path / "got").mkdir()
    (tmp_path / "seen").mkdir()
    (port,) = free_ports(1)
    argv = [
        *("twistd", "-n", "comet", "--verbose", "--local-ivo", "ivo://example.org/broker"),
        *("--eventdb", "seen", "--receive", "--receive-port", str(port), "--author-whitelist"),
        *("127.0.0.0/8", "--save-event", "--save-event-directory", "got"),
    ]
    code = f"import sys; sys.argv = {argv}\nfrom twisted.scripts.twistd import run; run()"
    process = program(peers("comet", COMET), code, tmp_path)
    found = Receiver(process, tmp_path, port)
    deadline = time.monotonic() + PATIENCE_S
    while not listens(port):
        assert process.poll() is None, found.log
        assert time.monotonic() < deadline, found.log
        time.sleep(0.05)
    yield found
    process.send_signal(signal.SIGTERM)
    process.wait(300)


def test_comet_takes_every_packet_once(receiver: Receiver, tmp_path: Path) -> None:
    sink = VOEvents(ivorn=STREAM, folder=tmp_path / "ours", send_to=receiver.place)
    sink.write(example_records())
    sink.write(example_records())
    sent = sorted(sink.path(record).read_bytes() for record in example_records())
    deadline = time.monotonic() + PATIENCE_S
    while sorted(receiver.events()) != sent and time.monotonic() < deadline:
        time.sleep(0.05)
    assert sorted(receiver.events()) == sent, receiver.log
    assert receiver.log.count("VOEvent ivo://example.org/neutrinos#") == len(sent)

    # As if the answer to the first attempt had been lost.
    (marker,) = list((tmp_path / "ours" / ".sent").iterdir())[:1]
    marker.unlink()
    sink.write(example_records())
    assert marker.exists()
    assert len(re.findall("Previously seen by this broker", receiver.log)) == 1
