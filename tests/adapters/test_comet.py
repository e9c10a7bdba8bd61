"""Inside Comet itself: ``twistd comet`` receives by the VOEvent Transport Protocol.

Comet 3.1 runs in an environment of its own, started with the document's command (the port is a
free one), and gets its events from its own ``comet-sendvo``.
"""

from __future__ import annotations

import re
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from icecube_hooks import Message
from icecube_plugin.adapters._ours import is_ours
from icecube_plugin.adapters.comet import NAME, CometHandler
from icecube_plugin.host import Config, Host, KafkaConfig, SinkConfig, StoreError
from tests.kafka_broker.broker import free_ports
from tests.patience import PATIENCE_S

from .conftest import ROOT, Outcome, Peers, Program, Replay, configure, outcome, wait_for

COMET = "comet==3.1.0"
DOCUMENT = (ROOT / "docs" / "comet.md").read_text()
TOPIC = "gcn.classic.voevent.ICECUBE_ASTROTRACK_GOLD"
SENT = (
    "gcn.classic.voevent.ICECUBE_ASTROTRACK_GOLD/136392_25495567_0.xml",
    "gcn.classic.voevent.ICECUBE_ASTROTRACK_GOLD/136392_25495567_1.xml",
    "gcn.classic.voevent.ICECUBE_ASTROTRACK_GOLD/136616_10000002_0_test.xml",
    "gcn.classic.voevent.ICECUBE_CASCADE/139414_34468187_0.xml",
    "gcn.classic.voevent.AMON_NU_EM_COINC/NuEm-230414A.xml",
)
OTHER = b"""<?xml version='1.0' encoding='UTF-8'?>
<voe:VOEvent xmlns:voe="http://www.ivoa.net/xml/VOEvent/v2.0" version="2.0" role="observation"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ivorn="ivo://org.example/bursts#1">
  <Who><AuthorIVORN>ivo://org.example/bursts</AuthorIVORN><Date>2026-05-02T04:05:06</Date></Who>
  <What><Param name="Packet_Type" value="61" /></What>
</voe:VOEvent>
"""

# Two plugins of third parties: a handler of Comet's, and a sink of ours that waits for a file.
RAISING = """
from comet.icomet import IHandler
from twisted.plugin import IPlugin
from zope.interface import implementer


@implementer(IPlugin, IHandler)
class Raising:
    name = "raising"

    def __call__(self, event):
        raise ZeroDivisionError("not ours")


raising = Raising()
"""
PATIENT = """
import time
from pathlib import Path

from icecube_hooks import SinkType, hookimpl


class Patient:
    def write(self, records):
        while not Path("go").exists():
            time.sleep(0.02)
        with Path("written").open("a") as file:
            file.writelines(record.id + "\\n" for record in records)


@hookimpl
def register_sinks():
    return [SinkType(name="patient", make=Patient)]
"""


@dataclass
class Comet:
    """A broker that runs."""

    process: subprocess.Popen[str]
    python: str
    folder: Path
    port: int

    def send(self, path: Path) -> str:
        """Send an event with Comet's own program, and return what it says."""
        program = Path(self.python).parent / "comet-sendvo"
        command = [str(program), "-h", "localhost", "-p", str(self.port), "-f", str(path)]
        return subprocess.run(command, capture_output=True, text=True, timeout=300).stdout

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(300) in (0, -signal.SIGTERM), self.log
        assert "Server Shut Down" in self.log.splitlines()[-1]

    @property
    def log(self) -> str:
        return (self.folder / "log.txt").read_text()


def command(port: int) -> list[str]:
    """Return the document's command, for another port."""
    (found,) = re.findall(r"```console\n\$ (twistd .*?)\n```", DOCUMENT, re.DOTALL)
    words = shlex.split(found.replace("\\\n", " "))
    words[words.index("--receive-port") + 1] = str(port)
    return words


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def start(
    program: Program, python: str, folder: Path, *options: str, paths: tuple[Path, ...] = ()
) -> Comet:
    """Start Comet, and wait until it listens."""
    (port,) = free_ports(1)
    (folder / "events").mkdir(exist_ok=True)
    argv = [*command(port), *options]
    path = [str(ROOT), *map(str, paths)]  # ours is in the checkout as it will be in the wheel
    code = f"import sys; sys.path += {path}; sys.argv = {argv}\n"
    process = program(python, f"{code}from twisted.scripts.twistd import run; run()", folder)
    comet = Comet(process, python, folder, port)
    deadline = time.monotonic() + PATIENCE_S
    while not listens(port):
        assert process.poll() is None, comet.log
        assert time.monotonic() < deadline, comet.log
        time.sleep(0.05)
    return comet


@pytest.fixture(scope="session")
def python(peers: Peers) -> str:
    return peers("comet", COMET)


@pytest.fixture(scope="session")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of what is sent: whole notices, and one with an impossible position."""
    folder = tmp_path_factory.mktemp("voevents")
    for name in SENT:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes((ROOT / "fixtures" / name).read_bytes())
    whole = (ROOT / "fixtures" / SENT[0]).read_bytes()
    poison = re.sub(rb"<C1>[^<]*</C1>", b"<C1>9999</C1>", whole).replace(b"_25495567_0", b"_9_0")
    poison = poison.replace(b"025495567_0", b"025495567_9")  # Comet knows events by this
    assert poison.count(b"9999") == 1
    (folder / TOPIC / "poison.xml").write_bytes(poison)
    return folder


@pytest.fixture
def third_plugin(tmp_path: Path) -> Path:
    """Put a handler of a third party where Comet looks for it."""
    folder = tmp_path / "raising"
    (folder / "comet" / "plugins").mkdir(parents=True)
    (folder / "comet" / "plugins" / "raising.py").write_text(RAISING)
    return folder


def expected_of(replay: Replay, events: Path, folder: Path) -> Outcome:
    folder.mkdir()
    found = replay(events, folder)
    assert len(found.records) == len(SENT)
    assert len(found.refused) == 1
    assert len(found.down) == len(SENT)
    assert found.significances
    return found


def test_the_same_comes_out_as_from_our_own_host(
    python: str, program: Program, replay: Replay, events: Path, third_plugin: Path, tmp_path: Path
) -> None:
    expected = expected_of(replay, events, tmp_path / "replay")
    folder = tmp_path / "comet"
    folder.mkdir()
    configure(folder)
    (folder / "other.xml").write_bytes(OTHER)
    comet = start(program, python, folder, "--raising", paths=(third_plugin,))
    for path in (*sorted(events.rglob("*.xml")), folder / "other.xml"):
        assert "Event was sent successfully" in comet.send(path)
    comet.stop()
    assert outcome(folder) == expected
    assert "Event handlers failed" in comet.log  # that of the third party, in Comet's words
    assert "] refused ivo://nasa.gsfc.gcn/AMON#ICECUBE_GOLD" in comet.log  # ours, in Comet's log

    once = comet.log.count("the exchange is down (")
    for path in (folder / "events").rglob("*"):  # or Comet would not take an event again
        if path.is_file():
            path.unlink()
    comet = start(program, python, folder)
    assert "Event was sent successfully" in comet.send(events / SENT[0])
    comet.stop()
    assert comet.log.count("the exchange is down (") == once + 1
    assert outcome(folder) == expected


def test_a_slow_sink_does_not_hold_comet_up(
    python: str, program: Program, tmp_path: Path, third_party: Path
) -> None:
    """More events than the reactor has threads, each of which Comet must look up in one."""
    site = tmp_path / "site" / "patient_sink-1.0.dist-info"
    site.mkdir(parents=True)
    (site.parent / "patient_sink.py").write_text(PATIENT)
    (site / "METADATA").write_text("Metadata-Version: 2.1\nName: patient-sink\nVersion: 1.0\n")
    (site / "entry_points.txt").write_text("[icecube_hooks]\npatient = patient_sink\n")
    (tmp_path / "icecube-alerts.toml").write_text('[sinks.slow]\ntype = "patient"\n')
    paths = sorted((ROOT / "fixtures").glob("gcn.classic.voevent.*BRONZE/*.xml"))[:14]
    comet = start(program, python, tmp_path, paths=(site.parent,))
    with ThreadPoolExecutor(7) as pool:
        said = list(pool.map(comet.send, paths))
    assert ["Event was sent successfully" in text for text in said] == [True] * len(paths)
    written = tmp_path / "written"
    assert not written.exists()
    written.touch()
    (tmp_path / "go").touch()
    # The sink may be behind by now, and then it is not waited for at the end.
    wait_for(lambda: len(written.read_text().splitlines()) == len(paths), comet.process, tmp_path)
    comet.stop()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "cannot read icecube-alerts.toml: No such file or directory"),
        ('[sinks.a]\ntype = "sqlight"\n', "sinks.a.type: "),
        ("sink = 1\n", "sink: unknown key (did you mean 'sinks'?)"),
    ],
)
def test_a_wrong_configuration_ends_it_at_the_start(
    python: str, tmp_path: Path, text: str | None, reason: str
) -> None:
    if text is not None:
        (tmp_path / "icecube-alerts.toml").write_text(text)
    code = f"import sys; sys.path += [{str(ROOT)!r}]; sys.argv = {command(*free_ports(1))}\n"
    code += "from twisted.scripts.twistd import run; run()"
    done = subprocess.run(
        [python, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert f"--icecube-alerts-config: {reason}" in done.stdout + done.stderr


def test_costs_nothing_while_it_is_off(python: str) -> None:
    """Comet imports every plugin file; ours brings nothing of us but two small modules."""
    code = f"""import sys; sys.path += [{str(ROOT)!r}]
import comet.service.broker
print(*sorted(m for m in sys.modules if m.split(".")[0] in {{"icecube_plugin", "icecube_hooks"}}))
print([flag[0] for flag in comet.service.broker.Options.optFlags if "icecube" in flag[0]])"""
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=300)
    loaded, flags = done.stdout.splitlines()
    assert loaded == "icecube_plugin icecube_plugin.adapters icecube_plugin.adapters.comet"
    assert flags == f"['{NAME}']"


def test_the_plugin_file_stands_alone() -> None:
    """An ``__init__.py`` would make it another package than Comet's, which Twisted passes over."""
    files = [str(path.relative_to(ROOT)) for path in (ROOT / "comet").rglob("*.py")]
    assert files == ["comet/plugins/icecube_alerts.py"]


# --- without Comet ------------------------------------------------------------------------------


class Event:
    """As Comet's ``xml_document`` has it."""

    def __init__(self, raw_bytes: bytes) -> None:
        self.raw_bytes = raw_bytes
        self.element = etree.fromstring(raw_bytes)


@pytest.fixture
def handler(tmp_path: Path) -> Iterator[CometHandler]:
    sink = SinkConfig(name="lines", type="jsonl", options={"path": str(tmp_path / "a.jsonl")})
    handler = CometHandler()
    handler.host = Host(Config(data_folder=tmp_path, sinks=(sink,)))
    yield handler
    handler.host.close()


def letters(handler: CometHandler) -> list[tuple[str, str | None]]:
    assert handler.host is not None
    return [(letter.error, letter.message.origin) for letter in handler.host.journal.letters()]


def whole() -> Event:
    return Event((ROOT / "fixtures" / SENT[0]).read_bytes())


def test_an_event_is_delivered(handler: CometHandler, tmp_path: Path) -> None:
    handler.handle(whole())
    assert "136392_25495567" in (tmp_path / "a.jsonl").read_text()
    assert letters(handler) == []


def test_does_nothing_before_it_is_enabled() -> None:
    handler = CometHandler()
    handler.handle(whole())
    assert handler.host is None
    assert [name for name, _, _ in handler.get_options()] == ["config"]


def test_events_of_others_are_passed_over(handler: CometHandler) -> None:
    handler.handle(Event(OTHER))
    assert handler.host is not None
    assert handler.host.summary.messages == 0
    assert letters(handler) == []


def test_what_names_icecube_and_no_parser_knows_is_kept(handler: CometHandler) -> None:
    ivorn = "ivo://nasa.gsfc.gcn/AMON#ICECUBE_GOLD_Event_new"
    handler.handle(Event(OTHER.replace(b"ivo://org.example/bursts#1", ivorn.encode())))
    assert letters(handler) == [("NoticeError", ivorn)]


def test_a_host_in_trouble_keeps_the_event(
    handler: CometHandler, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(messages: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(handler.host, "handle", fail)
    handler.handle(whole())
    ((error, origin),) = letters(handler)
    assert error == "OSError"
    assert str(origin).endswith("_136392_025495567_0")
    assert "an event is kept as a dead letter" in caplog.text


@pytest.mark.parametrize("error", [StoreError("read-only"), MemoryError()])
def test_nothing_is_raised(
    handler: CometHandler,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    def fail(*arguments: object) -> None:
        raise error

    assert handler.host is not None
    monkeypatch.setattr(handler.host, "handle", fail)
    monkeypatch.setattr(handler.host, "refuse", fail)
    handler.handle(whole())
    assert "an event is lost: ivo://nasa.gsfc.gcn/AMON#ICECUBE_GOLD_Event" in caplog.text


@pytest.mark.parametrize("asked", [(), ("igwn.gwalert",), ("gcn.classic.voevent.LVC_*",)])
def test_lvks_alerts_are_read_where_they_are_named(tmp_path: Path, asked: tuple[str, ...]) -> None:
    host = Host(Config(data_folder=tmp_path, kafka=KafkaConfig(topics_extra=asked)))
    (file,) = (ROOT / "fixtures" / "gcn.classic.voevent.LVC_INITIAL").iterdir()
    assert is_ours(host, Message(value=file.read_bytes())) is any("LVC" in one for one in asked)
    assert is_ours(host, Message(value=(ROOT / "fixtures" / SENT[0]).read_bytes()))


def test_a_parser_that_raises_claims(handler: CometHandler) -> None:
    host: Any = handler.host
    assert not is_ours(host, Message(value=OTHER))
    broken = (ROOT / "fixtures" / "broken" / "ra_9999.json").read_bytes()
    assert is_ours(host, Message(value=broken))
