"""The live pages in a real browser: news without a reload, and red when the connection is lost."""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page, expect

from icecube_hooks import Record, Tense
from icecube_hooks.testing import make_record
from icecube_plugin.cli._records import Kept
from icecube_plugin.cli.demo import MockCluster
from icecube_plugin.cli.serve import Live, configured, server
from icecube_plugin.host import Config, Host, KafkaConfig
from icecube_plugin.host.config import HealthConfig, SinkConfig, config_from
from icecube_plugin.host.health import STATUS_VERSION, status_path
from icecube_plugin.host.kafka import LiveSource
from icecube_plugin.sky.site import SITES
from tests.report.browser import chromium

TOPIC = "gcn.notices.icecube.gold_bronze_track_alerts"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def keep(folder: Path, *records: Record) -> None:
    with (folder / "alerts.jsonl").open("a") as lines:
        lines.writelines(f"{record.to_json()}\n" for record in records)


def tell(folder: Path, **problems: str) -> None:
    """Write what a host that listens writes of itself."""
    at = datetime.now(UTC).isoformat()
    now = {"version": STATUS_VERSION, "state": "running", "at": at, "every_s": 600.0}
    status_path(folder).write_text(json.dumps(now | {"problems": problems}))


@contextmanager
def served(folder: Path) -> Iterator[ThreadingHTTPServer]:
    live = Live(Kept(str(folder / "alerts.jsonl")), folder, "Live")
    running = server(live, 0)
    live.start()
    threading.Thread(target=running.serve_forever, args=(0.05,), daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


@contextmanager
def opened(browser: Browser, running: ThreadingHTTPServer, **options: Any) -> Iterator[Page]:
    context = browser.new_context(**options)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"http://127.0.0.1:{running.server_port}/")
    yield page
    assert [text for text in complaints if "ERR_" not in text] == []  # the server that has gone
    context.close()


def test_news_come_without_a_reload(browser: Browser, tmp_path: Path) -> None:
    keep(tmp_path, make_record())
    tell(tmp_path)
    with served(tmp_path) as running, opened(browser, running) as page:
        expect(page.locator("#live-state")).to_have_text("Connected")
        expect(page.locator("#live-headline")).to_contain_text("GOLD IC230416A r0: RA 345.82")
        expect(page.locator("#live-age")).to_contain_text("after the event")
        page.evaluate("window.stays = true")
        now = datetime.now(UTC)
        changes: dict[str, Any] = {"trigger_time": now, "notice_time": now, "run_id": 140000}
        keep(tmp_path, make_record(event_names=(f"IceCube-{now:%y%m%d}A",), **changes))
        keep(tmp_path, make_record(tense=Tense.TEST, event_id=5, **changes))
        expect(page.locator("#live-headline")).to_contain_text(f"GOLD IC{now:%y%m%d}A r0")
        expect(page.locator("#events tbody tr:visible")).to_have_count(2)  # the test is kept back
        expect(page.locator("#count")).to_have_text("2 of 3 shown")
        assert page.evaluate("window.stays")
        page.click("#live-headline")
        assert page.inner_text("h1") == f"IceCube-{now:%y%m%d}A"
        found = page.request.get(page.locator("a[download]").first.evaluate("a => a.href"))
        assert found.ok
        assert found.headers["content-type"].startswith("application/json")


def test_what_is_wrong_is_red(browser: Browser, tmp_path: Path) -> None:
    keep(tmp_path, make_record())
    with served(tmp_path) as running, opened(browser, running, color_scheme="dark") as page:
        state = page.locator("#live-state")
        expect(state).to_contain_text("NOT CONNECTED: no host that listens has written so far")
        tell(tmp_path)
        expect(state).to_have_text("Connected")
        well = page.locator("#live").evaluate("one => getComputedStyle(one).backgroundColor")
        tell(tmp_path, **{"no-heartbeat": "no heartbeat for 61 s"})
        expect(state).to_have_text("NOT CONNECTED: no heartbeat for 61 s")
        lost = page.locator("#live").evaluate("one => getComputedStyle(one).backgroundColor")
        assert lost != well
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()


def test_from_kafka_to_the_screen_and_the_broker_gone(
    browser: Browser, tmp_path: Path, fixtures: Path
) -> None:
    notice = (fixtures / TOPIC / "136565_2186969_1.json").read_bytes()
    with ExitStack() as broker:
        cluster = broker.enter_context(MockCluster())
        cluster.producer.produce(TOPIC, b"{}")  # makes the topic; a dead letter
        cluster.producer.flush(30)
        config = Config(
            data_folder=tmp_path,
            kafka=KafkaConfig(
                bootstrap_servers=cluster.bootstrap_servers, group_id="g", topics=(TOPIC,)
            ),
            health=HealthConfig(every_s=0.2, connection_limit_s=2.0),
            sinks=(
                SinkConfig(
                    name="lines", type="jsonl", options={"path": str(tmp_path / "alerts.jsonl")}
                ),
            ),
        )
        host = Host(config, source=lambda: LiveSource(config.kafka))
        host.start()
        (tmp_path / "alerts.jsonl").touch()
        try:
            with served(tmp_path) as running, opened(browser, running) as page:
                expect(page.locator("#live-state")).to_have_text("Connected", timeout=60_000)
                cluster.producer.produce(TOPIC, notice)
                cluster.producer.flush(30)
                headline = page.locator("#live-headline")
                expect(headline).to_contain_text("GOLD IC220424A r1: RA 346.11", timeout=60_000)
                broker.close()
                lost = page.locator("#live-state")
                expect(lost).to_contain_text("NOT CONNECTED: ", timeout=60_000)
        finally:
            host.stop(0.0)


@pytest.mark.parametrize(
    ("path", "name", "code"),
    [
        ("/", "127.0.0.1", 200),
        ("/index.html", "localhost", 200),
        ("/events/137840_57034692.html", "localhost", 200),
        ("/index.html", "evil.example.org", 421),
        ("/../../etc/passwd", "localhost", 404),
        ("/events/%2e%2e/%2e%2e/etc/passwd", "localhost", 404),
    ],
)
def test_only_its_own_files_and_only_on_this_machine(
    tmp_path: Path, path: str, name: str, code: int
) -> None:
    keep(tmp_path, make_record())
    live = Live(Kept(str(tmp_path / "alerts.jsonl")), tmp_path, "Live")
    live.take()
    running = server(live, 0)
    threading.Thread(target=running.serve_forever, args=(0.05,), daemon=True).start()
    asked = http.client.HTTPConnection("127.0.0.1", running.server_port, timeout=300)
    asked.request("GET", path, headers={"Host": name})
    assert asked.getresponse().status == code
    asked.close()
    running.shutdown()
    running.server_close()


def test_sites_of_the_configuration_look_from_now_on(tmp_path: Path) -> None:
    """A page that is asked for says when to observe in the 24 hours from then."""
    lines = tmp_path / "alerts.jsonl"
    lines.write_text(make_record().to_json() + "\n")
    live = Live(Kept(str(lines)), tmp_path, "Live", [SITES["paranal"], SITES["la-palma"]])
    live.take()
    before = datetime.now(UTC)
    page = live.site.get("events/137840_57034692.html")
    assert page is not None
    text = page.decode()
    assert "Paranal" in text
    since = re.search(r"In the 24 h from ([-0-9]+ [0-9:]+) UTC", text)
    assert since is not None
    asked = datetime.fromisoformat(since[1]).replace(tzinfo=UTC)
    assert abs(asked - before) < timedelta(minutes=5)


def test_sites_are_those_that_sinks_are_told_of() -> None:
    sinks = {
        "pages": {"type": "html", "sites": ["paranal", "la-palma"]},
        "shift": {"type": "notify", "urls": ["json://localhost"], "site": "paranal"},
    }
    assert list(configured(config_from({"sinks": sinks}, {}))) == ["paranal", "la-palma"]
    assert list(configured(config_from({}, {}))) == []
