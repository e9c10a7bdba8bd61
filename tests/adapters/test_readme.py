"""The guide's snippets for other brokers, word for word but for addresses and topics.

Each runs in an environment with this package and one of its extras, and nothing else; that of a
TOM beside the others (`test_tom`).
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from icecube_plugin.host import messages_from
from tests.kafka_broker.broker import KafkaBroker, free_ports

from .conftest import ROOT, Peers, Program, configure, counts, interrupt, publish, wait_for
from .test_comet import COMET, Comet, listens
from .test_pygcn import LOCAL, serving

GUIDE = (ROOT / "docs" / "guide.md").read_text()
SECTION = GUIDE.partition("## Inside other brokers")[2].partition("\n## ")[0]
NOTICE = ROOT / "fixtures" / "gcn.notices.icecube.gold_bronze_track_alerts"
VOEVENT = ROOT / "fixtures" / "gcn.classic.voevent.ICECUBE_CASCADE" / "139414_34468187_0.xml"


def snippet(first: str) -> str:
    """Return the block that begins with a comment on its host."""
    (block,) = re.findall(rf"```python\n# {first}.*?\n(.*?)```", SECTION, re.DOTALL)
    return str(block)


@pytest.mark.parametrize(("host", "extra"), [("hop-client", "hop"), ("any consumer", "")])
def test_loops(
    host: str, extra: str, peers: Peers, broker: KafkaBroker, program: Program, tmp_path: Path
) -> None:
    topic = f"readme.{extra or 'plain'}"
    broker.create_topic(topic)
    sent = [next(messages_from([str(NOTICE / "136662_35405932_0.json")], topic=topic))]
    publish(broker, sent)
    configure(tmp_path)
    code = snippet(host).replace("localhost:9092", broker.bootstrap_servers)
    code = code.replace("my.topic", topic).replace("auth=False", f"auth=False, {EARLIEST}")
    process = program(peers(extra), code, tmp_path)
    wait_for(lambda: counts(tmp_path) == (1, 1), process, tmp_path)  # the letter: a sink is down
    interrupt(process)


EARLIEST = "start_at=__import__('hop').io.StartPosition.EARLIEST"  # or there must be a wait first


def test_pygcn(peers: Peers, program: Program, tmp_path: Path) -> None:
    configure(tmp_path)
    with serving([VOEVENT.read_bytes()]) as server:
        process = program(peers("pygcn"), LOCAL % server.port + snippet("pygcn"), tmp_path)
        wait_for(lambda: counts(tmp_path) == (1, 1), process, tmp_path)
        process.terminate()


def test_comet(peers: Peers, program: Program, tmp_path: Path) -> None:
    """With another port than Comet's own, and its list of events here."""
    configure(tmp_path)
    (line,) = re.findall(r"^\$ (twistd .*)$", SECTION, re.MULTILINE)
    (port,), python = free_ports(1), peers("comet", COMET)
    argv = [*line.split(), "--receive-port", str(port), "--eventdb", "."]
    code = f"import sys; sys.path += [{str(ROOT)!r}]; sys.argv = {argv}\n"
    process = program(python, f"{code}from twisted.scripts.twistd import run; run()", tmp_path)
    wait_for(lambda: listens(port), process, tmp_path)
    comet = Comet(process, python, tmp_path, port)
    assert "Event was sent successfully" in comet.send(VOEVENT)
    wait_for(lambda: counts(tmp_path) == (1, 1), process, tmp_path)
    comet.stop()


def test_every_snippet_is_run() -> None:
    hosts = re.findall(r"```python\n# ([^:(,]+?)(?: \(|:|,| of)", SECTION)
    assert hosts == ["hop-client", "pygcn", "settings.py", "any consumer"]
    assert SECTION.count("```") == 2 * (len(hosts) + 1)
