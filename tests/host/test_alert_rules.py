"""The alert rules of the documentation: each metric in them exists, and moves."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from icecube_hooks import Message, RetryLater, SinkType, hookimpl
from icecube_hooks.host import load_plugins
from icecube_plugin.host import Config, Host, SinkConfig, health
from icecube_plugin.host.config import HealthConfig
from icecube_plugin.host.health_server import HealthServer
from tests.host.sinks import Troubled
from tests.host.test_health import LVK, Live, get, until

DOCUMENT = (Path(__file__).parents[2] / "docs" / "running.md").read_text("utf-8")
IN_TROUBLE = {
    "icecube_alerts_well": 0,
    "icecube_alerts_problem": 1,
    "icecube_alerts_sink_in_trouble": 1,
}
GROWS = (
    "icecube_alerts_still_seconds",
    "icecube_alerts_heartbeat_age_seconds",
    "icecube_alerts_sink_waiting",
    "icecube_alerts_last_seen_seconds",
    "icecube_alerts_lost_total",
    "icecube_alerts_refused_total",
)


def rules() -> list[str]:
    (block,) = re.findall(r"Alert rules.*?```text\n(.*?)```", DOCUMENT, re.DOTALL)
    lines: list[str] = block.splitlines()
    return lines


def highest(port: int) -> dict[str, float]:
    """Return the highest value of each metric."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(get(port, "/metrics")[1]):
        for sample in family.samples:
            found[sample.name] = max(found.get(sample.name, 0.0), sample.value)
    return found


class _Every(frozenset[str]):
    """Every record is in it."""

    def __contains__(self, _: object) -> bool:
        return True


def test_every_metric_of_the_rules_moves(tmp_path: Path, fixtures: Path) -> None:
    sink = Troubled()
    down = RetryLater("down")

    class Third:
        @hookimpl
        def register_sinks(self) -> list[SinkType]:
            return [SinkType(name="troubled", make=lambda: sink)]

    plugins = load_plugins(allow=["icecube-plugin"], extra={"third": Third()})
    config = Config(
        data_folder=tmp_path,
        sinks=(SinkConfig(name="a", type="troubled", patience_s=0.1),),
        health=HealthConfig(heartbeat_limit_s=5.0),
    )
    source = Live([])
    source.lost = {(LVK, 0): 0}
    host = Host(config, plugins=plugins, source=lambda: source).open()
    values = [file.read_bytes() for file in sorted((fixtures / LVK).iterdir())]
    with HealthServer(host, source, "127.0.0.1:0") as server:
        before = highest(server.port)
        assert before["icecube_alerts_well"] == 1
        sink.error, sink.bad = down, _Every()
        source.age_s, source.lost = 60.0, {(LVK, 0): 3}
        source.last_seen = {LVK: datetime.now(UTC)}
        host.moved_at = time.monotonic() - 1000.0
        messages = [
            Message(value=v, topic=LVK, partition=0, offset=n) for n, v in enumerate(values)
        ]
        host.handle([*messages, Message(value=b"?", topic=LVK, partition=0, offset=99)])
        until(lambda: highest(server.port)["icecube_alerts_sink_in_trouble"] == 1)
        host.moved_at = time.monotonic() - 1000.0
        after = highest(server.port)
    sink.times = 0
    host.close()
    named = set(re.findall(r"icecube_alerts_\w+", " ".join(rules())))
    assert named == {*IN_TROUBLE, *GROWS}
    assert {name: after[name] for name in IN_TROUBLE} == IN_TROUBLE
    for name in GROWS:
        assert after[name] > before.get(name, 0.0), name


def test_every_kind_of_problem_is_explained() -> None:
    listed = set(re.findall(r"^([a-z]+-[a-z]+|refused) {2,}", health.__doc__ or "", re.MULTILINE))
    assert listed == set(re.findall(r"^\| `([a-z-]+)` \|", DOCUMENT, re.MULTILINE)) - {"in-hand"}
    source = "".join(
        path.read_text("utf-8") for path in (Path(health.__file__).parent).rglob("*.py")
    )
    made = set(re.findall(r'Problem\(\s*"([a-z-]+)"', source)) | {
        "never-connected",
        "not-connected",
    }
    assert made == listed
