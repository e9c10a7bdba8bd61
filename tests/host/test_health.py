from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from icecube_hooks import ConfigError, Message
from icecube_plugin.host import Config, Host, SinkConfig
from icecube_plugin.host.config import HealthConfig
from icecube_plugin.host.health import (
    HealthReporter,
    Problem,
    problems,
    read_status,
    sink_problems,
    status,
    status_path,
)
from icecube_plugin.host.health_server import HealthServer
from icecube_plugin.host.worker import SinkState
from tests.patience import wait_for

LVK = "gcn.notices.icecube.lvk_nu_track_search"


class Live:
    """A live source of memory: it yields its batches, then nothing until `stop` is called."""

    can_wait = True

    def __init__(self, batches: list[list[Message]]) -> None:
        self.given = batches
        self.errors = {"_TRANSPORT": 2}
        self.last_seen = {LVK: datetime(2026, 5, 2, tzinfo=UTC)}
        self.age_s: float | None = 1.0
        self.lost = {(LVK, 0): 3}
        self.missing = ("gcn.not.there",)

    def batches(self) -> Iterator[list[Message]]:
        yield from self.given
        while True:
            time.sleep(0.01)
            yield []

    def lag(self) -> dict[tuple[str, int], int]:
        return {(LVK, 0): 7}

    def heartbeat_age_s(self) -> float | None:
        return self.age_s

    def problems(self, limits: HealthConfig) -> Iterator[Problem]:
        if self.age_s is not None and self.age_s > limits.heartbeat_limit_s:
            yield Problem("no-heartbeat", f"no heartbeat from GCN for {self.age_s:.0f} s")

    def commit(self) -> None: ...
    def idle(self) -> None: ...
    def close(self) -> None: ...


@pytest.fixture
def source(fixtures: Path) -> Live:
    notices = [file.read_bytes() for file in sorted((fixtures / LVK).iterdir())]
    return Live([[Message(value=value, topic=LVK) for value in [*notices, b"?"]]])


@pytest.fixture
def host(tmp_path: Path, source: Live) -> Iterator[Host]:
    sinks = (SinkConfig(name="lines", type="jsonl", options={"path": str(tmp_path / "a.jsonl")}),)
    health = HealthConfig(every_s=0.05, heartbeat_limit_s=5.0, stall_limit_s=5.0)
    config = Config(data_folder=tmp_path / "new", sinks=sinks, health=health)
    host = Host(config, source=lambda: source)
    yield host
    host.stop()


def get(port: int | None, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_running_host_writes_how_it_is(host: Host, tmp_path: Path) -> None:
    host.start()
    wait_for(lambda: (read_status(tmp_path / "new") or {}).get("messages"))
    host.stop()
    now = read_status(tmp_path / "new")
    assert now is not None
    assert (now["refused"], now["kinds"]) == (1, {"lvk-search": now["records"]})
    assert now["lag"] == {f"{LVK}[0]": 7}
    assert now["last_seen"] == {LVK: "2026-05-02T00:00:00+00:00"}
    assert now["kafka_errors"] == {"_TRANSPORT": 2}
    (sink,) = now["sinks"]
    assert (sink["name"], sink["written"], sink["in_trouble"]) == ("lines", now["records"], False)
    assert not list((tmp_path / "new").glob("*.new"))
    shown = subprocess.run(
        [sys.executable, "-m", "icecube_plugin.cli", "status"],
        capture_output=True, text=True, cwd=tmp_path, env={"ICECUBE_ALERTS_CONFIG": "c.toml"},
    )  # fmt: skip
    assert shown.returncode == 2  # there is no such configuration
    (tmp_path / "c.toml").write_text('data_folder = "new"\n')
    command = [sys.executable, "-m", "icecube_plugin.cli", "--config", "c.toml", "status"]
    shown = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert f"sink       lines: {now['records']} written" in shown.stdout
    assert f"last on    {LVK}: 2026-05-02T00:00:00" in shown.stdout
    assert (shown.returncode, shown.stdout.split(":")[0]) == (1, "stopped")
    later = json.loads(status_path(tmp_path / "new").read_text()) | {
        "at": "2026-01-01T00:00:00Z",
        "state": "running",
    }
    status_path(tmp_path / "new").write_text(json.dumps(later))
    shown = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert (shown.returncode, shown.stdout.split(":")[0]) == (1, "NOT running")


def test_without_a_host_there_is_no_status(tmp_path: Path) -> None:
    assert read_status(tmp_path) is None
    status_path(tmp_path).write_text("[1")
    assert read_status(tmp_path) is None


def test_trouble_is_told_once_and_its_end(
    host: Host, source: Live, caplog: pytest.LogCaptureFixture
) -> None:
    reporter = HealthReporter(host, source)
    reporter.look()
    for source.age_s in (60.0, 61.0, 0.5, None):  # at last another host of the group has them
        reporter.look()
    assert [record.getMessage() for record in caplog.records] == [
        "not well: no heartbeat from GCN for 60 s",
        "over: no heartbeat from GCN for 61 s",
    ]
    host.moved_at -= 60.0
    ((kind, text),) = problems(host, source)
    assert kind == "host-stands"
    assert text.startswith("the host has not moved for 60")


def test_a_required_sink_that_takes_nothing() -> None:
    limits = HealthConfig(stall_limit_s=5.0)
    state = SinkState(name="lines", type="jsonl", required=True)
    assert not list(sink_problems([state], limits))
    state.waiting, state.busy_since = 3, datetime.now(UTC) - timedelta(seconds=60)
    ((kind, text),) = sink_problems([state], limits)
    assert kind == "sink-stands"
    assert text.startswith("sink lines takes nothing, 3 wait for it: it has been writing for 6")
    state.busy_since, state.in_trouble, state.last_error = None, True, "down"
    ((_, text),) = sink_problems([state], limits)
    assert text == "sink lines takes nothing, 3 wait for it: down"
    state.required = False
    assert not list(sink_problems([state], limits))


def test_two_problems_of_one_kind_are_both_told(
    host: Host, source: Live, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = (Problem("topic-missing", f"the broker has no topic {name!r}") for name in "ab")
    reporter, found = HealthReporter(host, source), [one]
    monkeypatch.setattr(source, "problems", lambda _limits: found)
    reporter.look()
    found.append(two)
    reporter.look()
    assert caplog.messages == [f"not well: {one.text}", f"not well: {one.text}; {two.text}"]
    assert status(host, source)["problems"] == {"topic-missing": f"{one.text}; {two.text}"}


def test_a_disk_that_takes_nothing(host: Host, source: Live) -> None:
    assert problems(host, source) == []
    host.journal_error = "disk full"
    assert problems(host, source) == [("journal-stands", "nothing can be kept: disk full")]


def test_health_and_metrics_over_http(host: Host, source: Live) -> None:
    host.open()
    with HealthServer(host, source, "127.0.0.1:0") as watched:
        host.handle(source.given[0])
        assert get(watched.port, "/healthz") == (200, "ok\n")
        source.age_s = 60.0
        code, text = get(watched.port, "/healthz")
        assert (code, text) == (503, "no heartbeat from GCN for 60 s\n")
        assert get(watched.port, "/etc/passwd")[0] == 404
        code, text = get(watched.port, "/metrics")
    assert code == 200
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    records = host.summary.records
    assert samples["icecube_alerts_messages_total",] == records + 1
    assert samples["icecube_alerts_refused_total",] == 1
    assert samples["icecube_alerts_alerts_total", "lvk-search"] == records
    assert samples["icecube_alerts_sink_written_total", "lines"] == records
    assert samples["icecube_alerts_sink_waiting", "lines"] == 0
    assert samples["icecube_alerts_lag", f"{LVK}[0]"] == 7
    assert samples["icecube_alerts_kafka_errors_total", "_TRANSPORT"] == 2
    assert samples["icecube_alerts_heartbeat_age_seconds",] == 60
    assert samples["icecube_alerts_problem", "no-heartbeat"] == 1
    assert samples["icecube_alerts_well",] == 0
    assert samples["icecube_alerts_lost_total", f"{LVK}[0]"] == 3
    assert samples["icecube_alerts_topic_missing", "gcn.not.there"] == 1
    host.close()


@pytest.mark.parametrize(
    ("listen", "says"),
    [
        ("nonsense", "'nonsense' is not HOST:PORT"),
        ("23810", r"'23810' is not HOST:PORT \(such as 127\.0\.0\.1:9464; 0\.0\.0\.0:9464 is open"),
        (":23810", "':23810' is not HOST:PORT"),  # to all addresses: only who says so
        ("127.0.0.1:99999", "cannot listen"),
        ("999.1.1.1:80", "cannot listen"),
    ],
)
def test_an_address_that_cannot_be_used_is_named(
    host: Host, source: Live, listen: str, says: str
) -> None:
    with pytest.raises(ConfigError, match=rf"^health\.listen: {says}"):
        HealthServer(host, source, listen)


def test_systemd_is_told(
    host: Host, source: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(300)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        with HealthReporter(host, source):
            assert [systemd.recv(100), systemd.recv(100)] == [b"READY=1", b"WATCHDOG=1"]
            host.moved_at -= 60.0
            wait_for(lambda: (read_status(tmp_path / "new") or {})["problems"])
        told: list[bytes] = []
        while not told or told[-1] != b"STOPPING=1":
            told.append(systemd.recv(100))
    assert told.count(b"WATCHDOG=1") < 4  # a host that does not move stops saying so
