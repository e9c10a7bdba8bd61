"""pygcn: the real package, connected to a server of the VOEvent Transport Protocol."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from lxml import etree

from icecube_hooks import ConfigError
from icecube_plugin.adapters.pygcn import handler
from icecube_plugin.host import Config, Host, SinkConfig
from tests.adapters.conftest import (
    ROOT,
    Peers,
    Program,
    Replay,
    configure,
    counts,
    outcome,
    shown,
    wait_for,
)

VOEVENTS = (
    "ICECUBE_ASTROTRACK_BRONZE/136662_35405932_0.xml",
    "ICECUBE_ASTROTRACK_BRONZE/136662_35405932_1.xml",
    "ICECUBE_ASTROTRACK_GOLD/136616_10000002_0_test.xml",
    "ICECUBE_CASCADE/139414_34468187_0.xml",
    "AMON_ICECUBE_COINC/71_0.xml",
    "AMON_ICECUBE_EHE/17569642_130214_0.xml",
    "AMON_NU_EM_COINC/NuEm-230414A.xml",
)
FOREIGN = b"""<?xml version="1.0"?>
<voe:VOEvent xmlns:voe="http://www.ivoa.net/xml/VOEvent/v2.0" version="2.0" role="observation"
    ivorn="ivo://nasa.gsfc.gcn/Fermi#GBM_Alert_2026-05-02T04:00:00.00_1">
  <What><Param name="Packet_Type" value="110" /></What>
</voe:VOEvent>
"""
NOT_XML = b"<voe:VOEvent"

# pygcn's own default is NASA's server; the block of the document is run as it is.
LOCAL = "import gcn\ngcn.listen.__defaults__ = ('127.0.0.1', %d, *gcn.listen.__defaults__[2:])\n"


@pytest.fixture(scope="module")
def payloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of VOEvents: notices, and two of IceCube's that are broken."""
    folder = tmp_path_factory.mktemp("voevents")
    for name in VOEVENTS:
        content = (ROOT / "fixtures" / f"gcn.classic.voevent.{name}").read_bytes()
        (folder / name.replace("/", "-")).write_bytes(content)
    broken = content.replace(b"<C1>", b"<C1>9", 1)
    assert broken != content
    (folder / "right_ascension.xml").write_bytes(broken)
    entities = (ROOT / "fixtures" / "broken" / "entities.xml").read_bytes()
    (folder / "entities.xml").write_bytes(entities)
    return folder


class Server:
    """Sends payloads, each with its length before it, and reads the answers.

    After what is not XML the client ends the connection, and has to come again.
    """

    def __init__(self, payloads: Sequence[bytes]) -> None:
        self.payloads = payloads
        self.answers: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(300)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def close(self) -> None:
        self._done.set()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        left = list(self.payloads)
        while left:
            connection, _ = self._socket.accept()
            connection.settimeout(300)
            with connection, suppress(ConnectionError):
                while left:
                    payload = left.pop(0)
                    connection.sendall(struct.pack("!I", len(payload)) + payload)
                    self.answers.append(_packet(connection))
                self._done.wait(300)


def _packet(connection: socket.socket) -> bytes:
    (size,) = struct.unpack("!I", _exactly(connection, 4))
    return _exactly(connection, size)


def _exactly(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        part = connection.recv(size - len(found))
        if not part:
            raise ConnectionError
        found += part
    return found


@contextmanager
def serving(payloads: Sequence[bytes]) -> Iterator[Server]:
    with closing(Server(payloads)) as server:
        yield server


def test_listen(
    payloads: Path, peers: Peers, replay: Replay, program: Program, tmp_path: Path
) -> None:
    python = peers("pygcn")
    for name in ("replay", "pygcn"):
        (tmp_path / name).mkdir()
    expected = replay(payloads, tmp_path / "replay")
    n, refused = len(expected.records), len(expected.refused)
    assert (n, refused) == (len(VOEVENTS), 2)

    folder = tmp_path / "pygcn"
    configure(folder)
    sent = [path.read_bytes() for path in sorted(payloads.iterdir())]
    with serving([FOREIGN, *sent[:-1], NOT_XML, *sent]) as server:  # all but the last come twice
        process = program(python, LOCAL % server.port + shown("pygcn_loop.py"), folder)
        wait_for(lambda: counts(folder) >= (n, n + refused), process, folder)
        process.terminate()  # Ctrl-C might be swallowed
    assert outcome(folder) == expected
    assert counts(folder) == (n, n + refused)
    assert len(server.answers) == 2 * len(sent)
    assert all(b'role="ack"' in answer for answer in server.answers)


# --- without pygcn ------------------------------------------------------------------------------


def make_host(folder: Path) -> Host:
    sink = SinkConfig(name="lines", type="jsonl", options={"path": str(folder / "lines.jsonl")})
    return Host(Config(data_folder=folder / "data", sinks=(sink,)))


def letters(host: Host) -> list[bytes]:
    return [letter.message.value for letter in host.journal.letters()]


def test_others_are_passed_over(tmp_path: Path) -> None:
    host = make_host(tmp_path)
    handler(host)(FOREIGN, etree.fromstring(FOREIGN))
    handler(host)(FOREIGN, None)
    assert (host.summary.messages, letters(host)) == (0, [])


def test_icecubes_that_nobody_can_read_are_kept(tmp_path: Path) -> None:
    """A new kind of notice must not be overlooked."""
    new = FOREIGN.replace(b"Fermi#GBM", b"AMON#ICECUBE_New")
    host = make_host(tmp_path)
    handler(host)(new, etree.fromstring(new))
    assert letters(host) == [new]
    (letter,) = host.journal.letters()
    assert letter.message.origin == f"pygcn {etree.fromstring(new).get('ivorn')}"


def test_broken_ones_are_kept(payloads: Path, tmp_path: Path) -> None:
    broken = (payloads / "right_ascension.xml").read_bytes()
    assert b"icecube" not in etree.fromstring(broken).get("ivorn", "").lower().encode()
    host = make_host(tmp_path)
    handler(host)(broken, etree.fromstring(broken))
    assert letters(host) == [broken]


def test_nothing_is_raised(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither can be written, so the message is lost; pygcn would only swallow the exception."""
    (tmp_path / "data").touch()
    new = FOREIGN.replace(b"Fermi#GBM", b"AMON#ICECUBE_New")
    handler(make_host(tmp_path))(new, etree.fromstring(new))
    assert "a VOEvent is lost: ivo://nasa.gsfc.gcn/AMON#ICECUBE_New_Alert" in caplog.text
    assert "cannot use" in caplog.text


def test_a_wrong_configuration_is_found_at_once(tmp_path: Path) -> None:
    path = tmp_path / "icecube-alerts.toml"
    path.write_text('[sinks.a]\ntype = "sqlight"\n')
    with pytest.raises(ConfigError, match="did you mean 'sqlite'"):
        handler(path)
