"""What a TOM's users see: a project made by ``tom_setup``, in a real browser.

Bootstrap, which a TOM takes from elsewhere, is not there: all tabs are shown at once.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.kafka_broker.broker import free_ports
from tests.patience import PATIENCE_S
from tests.report.browser import chromium

from .conftest import Peers
from .test_tom import FIXTURES, TOM, block

TRACK = "gcn.notices.icecube.gold_bronze_track_alerts"
NOTICES = (
    f"{TRACK}/136565_2186969_0.json",
    f"{TRACK}/136565_2186969_1.json",
    f"{TRACK}/136392_25495567_0.json",
)
NAME = "IceCube-220424A"

# Inside the TOM: Targets by the sink, one of a person, and one that is private.
FILL = """
import os, sys
sys.path.insert(0, "")
os.environ["DJANGO_SETTINGS_MODULE"] = "mytom.settings"
import django; django.setup()
from tom_targets.models import Target
from icecube_plugin import read
from icecube_plugin.adapters.tom.sink import TomTargets
FIXTURES, *notices = sys.argv[1:]
TomTargets(permissions="OPEN").write(
    [read(f"{FIXTURES}/{name}", topic=name.split("/")[0]) for name in notices]
)
Target.objects.create(name="M31", type="SIDEREAL", ra=10.7, dec=41.3, permissions="OPEN")
Target.objects.filter(name__contains="220306A").update(permissions="PRIVATE")
print("targets", {target.name: target.pk for target in Target.objects.all()})
"""


@pytest.fixture(scope="module")
def python(peers: Peers) -> str:
    return peers("tom", *TOM)


@pytest.fixture(scope="module")
def tom(python: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A TOM that runs; its address."""
    folder = tmp_path_factory.mktemp("tom_pages") / "mytom"
    folder.mkdir()

    def run(*words: str, said: str = "") -> None:
        done = subprocess.run(
            [python, *words], cwd=folder, input=said, capture_output=True, text=True, timeout=200
        )
        assert done.returncode == 0, done.stdout + done.stderr

    run("-m", "django", "startproject", "mytom", ".")
    file = folder / "mytom" / "settings.py"
    file.write_text(
        file.read_text().replace("INSTALLED_APPS = [", 'INSTALLED_APPS = ["tom_setup",')
    )
    run("manage.py", "tom_setup", said="y\n\n1\n\n\n")
    ours, _ = block("python")
    file.write_text(f"{file.read_text()}\n{ours}")
    (folder / "icecube-alerts.toml").write_text('data_folder = "icecube"\n')
    run("manage.py", "migrate", "--verbosity", "0")
    run("-c", FILL, str(FIXTURES), *NOTICES)
    (port,) = free_ports(1)
    words = [python, "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(words, cwd=folder, stdout=log, stderr=log)
    try:
        wait_for(f"http://127.0.0.1:{port}/icecube/", server, folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(300)


def wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=300).close()  # noqa: S310  # our own server
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def browser_page() -> Iterator[Page]:
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 1200})
        # What the TOM itself takes from elsewhere (Aladin, fonts) is not there in a test.
        page.route(re.compile(r"^(?!http://127\.0\.0\.1)"), lambda route: route.abort())
        yield page


def test_the_tab_of_a_target(tom: str, browser_page: Page) -> None:
    browser_page.goto(f"{tom}/icecube/", wait_until="domcontentloaded")
    browser_page.get_by_role("link", name=NAME).click(no_wait_after=True)
    browser_page.wait_for_url("**tab=icecube")
    tab = browser_page.locator("#icecube")
    tab.wait_for(state="visible")
    text = tab.inner_text()
    assert "GOLD IC220424A r1: RA 346.11 Dec +8.91 +-1.14 deg (90 %)" in text
    assert "moved by 0.353 deg" in text
    box = tab.locator("svg.icecube-map").bounding_box()
    assert box is not None
    assert box["width"] > 200
    rows = tab.get_by_role("table").first.locator("tbody tr")
    assert rows.count() >= 2
    assert all(
        link.startswith("http") for link in tab.locator("a").evaluate_all("a => a.map(x => x.href)")
    )
    tags = browser_page.locator("dt").all_text_contents()
    assert "IceCube false alarms" in tags
    assert not any(label.startswith("icecube_") for label in tags)  # no raw numbers
    if folder := os.environ.get("ICECUBE_SHOW"):
        browser_page.screenshot(path=str(Path(folder) / "tom-tab.png"), full_page=True)


def test_the_list_shows_what_one_may_see(tom: str, browser_page: Page) -> None:
    browser_page.goto(f"{tom}/icecube/", wait_until="domcontentloaded")
    rows = browser_page.locator("tbody tr").all_inner_texts()
    (row,) = rows  # not the private one, nor a person's own
    assert NAME in row
    assert row.endswith("current")
    assert browser_page.locator("nav").get_by_role("link", name="IceCube", exact=True).count() == 1
    if folder := os.environ.get("ICECUBE_SHOW"):
        browser_page.screenshot(path=str(Path(folder) / "tom-list.png"), full_page=True)


def test_a_target_of_ones_own_says_so(tom: str, browser_page: Page) -> None:
    browser_page.goto(f"{tom}/targets/name/M31", wait_until="domcontentloaded")
    text = browser_page.locator("#icecube").text_content() or ""
    assert "No notice of IceCube has made or named this target." in text
