"""What docs/notifications.md shows is what the tool does."""

from __future__ import annotations

import base64
import re
import sys
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from icecube_hooks.host import build, load_plugins
from icecube_hooks.testing import make_record
from icecube_plugin import read
from icecube_plugin.alerts.file_names import page_path
from icecube_plugin.sinks.command import Command
from icecube_plugin.sinks.webhook import Webhook
from icecube_plugin.sky.site import site_of
from icecube_plugin.views.message import compose
from tests.sinks.http_server import http_server

DOCS = Path(__file__).parents[2] / "docs"
PAGE = "".join(
    (DOCS / f"{name}.md").read_text() for name in ("notifications", "skyportal", "hermes")
)
HOST_KEYS = ("type", "required", "skip_older_than")

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def sinks() -> dict[str, dict[str, Any]]:
    return {
        name: table
        for block in blocks("toml")
        for name, table in tomllib.loads(block)["sinks"].items()
        if "type" in table
    }


def test_every_sink_of_the_page_can_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALERT_URLS", "json://localhost mailto://u:p@mail.example.org")
    monkeypatch.setenv("ALERT_SECRET", "s")
    monkeypatch.setenv("SKYPORTAL_TOKEN", "t")
    monkeypatch.setenv("HERMES_TOKEN", "t")
    known = load_plugins(allow=("sink-*",)).sinks
    tool = tmp_path / "rank-and-schedule"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    assert sorted(sinks()) == ["fritz", "hermes", "pipeline", "scheduler", "shift", "trigger"]
    for name, table in sinks().items():
        options = {key: value for key, value in table.items() if key not in HOST_KEYS}
        if "command" in options:
            options["command"] = [str(tool), *options["command"][1:]]
        assert build(known[table["type"]].make, options, f"sinks.{name}")


def test_example_message(fixtures: Path) -> None:
    folder = fixtures / "gcn.notices.icecube.gold_bronze_track_alerts"
    earlier, update = (read(folder / f"136565_2186969_{revision}.json") for revision in (0, 1))
    assert update.alert.notice_time is not None
    now = update.alert.notice_time + timedelta(minutes=1)
    site = site_of(sinks()["shift"]["site"])
    page = sinks()["shift"]["page_url"] + page_path("136565_2186969")
    message = compose(update, now=now, site=site, earlier=earlier.alert, page=page)
    expected = f"{message.title}\n\n{message.text()}\n"
    _, shown = blocks("text")  # the first is held by tests.host.test_told_waves
    assert shown == expected, expected


@pytest.mark.parametrize("body_end", [b"", b" "])
def test_verification(body_end: bytes) -> None:
    code, _ = blocks("python")
    names: dict[str, Any] = {}
    exec(compile(code, "notifications.md", "exec"), names)  # noqa: S102  # our own page
    with http_server() as server:
        Webhook(url=server.url, secret="a secret", allow_private=True).write([make_record()])  # noqa: S106
    (request,) = server.requests
    is_genuine = names["is_genuine"]
    assert is_genuine(request.headers, request.body + body_end, "a secret") is (body_end == b"")
    assert not is_genuine(request.headers, request.body, "another secret")
    late = request.headers | {"webhook-timestamp": "1700000000"}
    assert not is_genuine(late, request.body, "a secret")


def test_the_program_of_the_page(tmp_path: Path) -> None:
    _, code = blocks("python")
    record, shown = make_record(), tmp_path / "shown"
    words = [sys.executable, "-c", f"import sys; sys.stdout = open({str(shown)!r}, 'w')\n{code}"]
    Command(command=words).write([record])
    place = record.alert.localization
    assert place is not None
    assert shown.read_text() == f"{record.id} {place.ra_deg} {place.dec_deg}\n"


def test_whsec_is_what_the_page_says() -> None:
    secret = "whsec_" + base64.b64encode(b"key").decode()
    assert Webhook(url="https://example.org", secret=secret)._key == b"key"
