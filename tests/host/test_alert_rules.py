"""Alert rules and dashboard: what they ask for exists, moves, fires, and is what Grafana loads."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # it has no types
from prometheus_client.parser import text_string_to_metric_families

from icecube_hooks import Message, RetryLater, SinkType, hookimpl
from icecube_hooks.host import load_plugins
from icecube_plugin.host import Config, Host, SinkConfig, health
from icecube_plugin.host.config import HealthConfig
from icecube_plugin.host.health_server import HealthServer
from tests.host.sinks import Troubled
from tests.host.test_health import LVK, Live, get
from tests.patience import wait_for

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "running.md").read_text("utf-8")
RULES = ROOT / "docs" / "running" / "icecube-alerts.rules.yml"
DASHBOARD = (ROOT / "docs" / "running" / "icecube-alerts.grafana.json").read_text("utf-8")
CASES = Path(__file__).parent / "alert_rules.test.yml"

SAYS_IF_SO = {
    "icecube_alerts_problem": 1,
    "icecube_alerts_sink_in_trouble": 1,
}
GROWS = (
    "icecube_alerts_sink_waiting",
    "icecube_alerts_last_seen_seconds",
    "icecube_alerts_refused_total",
)
FROM_ZERO = ("icecube_alerts_sink_refused_total", "icecube_alerts_sink_dropped_total")
"""There from the start: Prometheus sees no increase in a series that begins above 0."""


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD)["panels"]
    return found


def metrics() -> dict[str, str]:
    """Return the label of each metric, by its name, as the reference says from the code."""
    page = (ROOT / "docs" / "reference.md").read_text("utf-8")
    pairs = re.findall(r"^\| `(icecube_alerts_\w+)` \| \w+ \| `?([\w-]+)`? \|", page, re.MULTILINE)
    return dict(pairs)


def used(text: str) -> set[str]:
    return set(re.findall(r"icecube_alerts_\w+", text))


def promtool(*arguments: str) -> None:
    """Run it; skip where it is not, or fail where it must be."""
    program = shutil.which("promtool")
    if program is None:
        reason = "no promtool here (Debian: prometheus)"
        if os.environ.get("ICECUBE_REQUIRE_PROMTOOL") == "1":
            pytest.fail(f"ICECUBE_REQUIRE_PROMTOOL=1, but there is {reason}", pytrace=False)
        pytest.skip(reason)
    done = subprocess.run([program, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


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
        wait_for(lambda: highest(server.port)["icecube_alerts_sink_in_trouble"] == 1)
        host.moved_at = time.monotonic() - 1000.0
        after = highest(server.port)
    sink.times = 0
    host.close()
    assert used(str(rules())) == {*SAYS_IF_SO, *GROWS, *FROM_ZERO}
    assert {name: after[name] for name in SAYS_IF_SO} == SAYS_IF_SO
    assert {name: before[name] for name in FROM_ZERO} == dict.fromkeys(FROM_ZERO, 0)
    for name in GROWS:
        assert after[name] > before.get(name, 0.0), name


def test_the_dashboard_shows_every_metric_by_labels_that_it_has() -> None:
    assert used(DASHBOARD) == set(metrics())
    for target in (target for panel in panels() for target in panel["targets"]):
        labels = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
        assert labels <= {metrics()[name] for name in used(target["expr"])}, target


def test_rules_name_labels_that_their_metrics_have() -> None:
    for rule in rules():
        labels = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
        assert labels <= {metrics()[name] for name in used(rule["expr"])}, rule["alert"]


def test_the_page_names_every_rule() -> None:
    named = re.findall(r"\bIceCubeAlerts\w+", DOCUMENT)
    assert named == [rule["alert"] for rule in rules()]


def test_grafana_loads_the_dashboard() -> None:
    """By Grafana's own types: nothing of it is unknown to them, or read as another value."""
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins
    from grafana_foundation_sdk.models.dashboard import Dashboard

    register_default_plugins()
    stated = json.loads(DASHBOARD)
    assert_in(stated, json.loads(JSONEncoder().encode(Dashboard.from_json(stated))))
    boxes = [panel["gridPos"] for panel in panels()]
    cells = [(x, y) for b in boxes for x in range(b["x"], b["x"] + b["w"]) for y in (b["y"],)]
    assert len(cells) == len(set(cells))
    assert all(b["x"] + b["w"] <= 24 for b in boxes)
    assert len({panel["id"] for panel in panels()}) == len(boxes)


def assert_in(stated: Any, loaded: Any, where: str = "") -> None:
    """Whether all that is stated was loaded; defaults may have been added."""
    if isinstance(stated, dict):
        for key, value in stated.items():
            assert_in(value, loaded[key], f"{where}.{key}")
    elif isinstance(stated, list):
        assert len(stated) == len(loaded), where
        for n, (one, other) in enumerate(zip(stated, loaded, strict=True)):
            assert_in(one, other, f"{where}[{n}]")
    else:
        assert stated == loaded, where


@pytest.mark.full
def test_every_rule_fires_and_only_when_it_should(tmp_path: Path) -> None:
    promtool("check", "rules", str(RULES))
    words = {rule["alert"]: rule["annotations"] for rule in rules()}
    cases = yaml.safe_load(CASES.read_text("utf-8"))
    checks = [check for one in cases["tests"] for check in one["alert_rule_test"]]
    for check in checks:
        for alert in check.get("exp_alerts", ()):
            labels = alert["exp_labels"]
            alert["exp_annotations"] = {
                key: re.sub(r"{{ \$labels\.(\w+) }}", lambda found: labels[found[1]], text)  # noqa: B023
                for key, text in words[check["alertname"]].items()
            }
    silent, fires = (
        {check["alertname"] for check in checks if ("exp_alerts" in check) == does}
        for does in (False, True)
    )
    assert silent == fires == set(words)
    file = tmp_path / "cases.yml"
    file.write_text(yaml.safe_dump(cases | {"rule_files": [str(RULES)]}))
    promtool("test", "rules", str(file))


@pytest.mark.full
def test_prometheus_understands_what_the_dashboard_asks(tmp_path: Path) -> None:
    asked = [target["expr"] for panel in panels() for target in panel["targets"]]
    records = [{"record": f"asked:{n}", "expr": expr} for n, expr in enumerate(asked)]
    file = tmp_path / "asked.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": records}]}))
    promtool("check", "rules", str(file))


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
