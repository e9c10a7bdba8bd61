"""The pages in a real browser: silent, self-contained, safe, usable by keyboard and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Page

from icecube_plugin.alerts.words import clean
from icecube_plugin.views.pages import build
from tests.report.browser import chromium, opened
from tests.report.conftest import records_of, written
from tests.report.hostile import ATTACKS, all_hostile

PHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1280, "height": 900}

PAGES = (
    "index.html",
    "events/134327_10548129.html",  # gold, revised, retracted
    "events/134244_34406854.html",  # cascade
    "events/S241225c.html",
    "events/test+MS260101a.html",
    "events/0_900001.html",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def hostile_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("hostile"), build(all_hostile()))


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(("viewport", "scheme"), [(PHONE, "dark"), (DESKTOP, "light")])
def test_silent_and_alone(
    browser: Browser, site: Path, name: str, viewport: dict[str, int], scheme: str
) -> None:
    file = site / name
    with opened(browser, file, viewport=viewport, color_scheme=scheme) as (page, log):
        assert log.complaints == []
        assert [url for url in log.requests if not url.startswith("data:")] == [file.as_uri()]
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


@pytest.mark.parametrize("name", PAGES[:4])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessible(browser: Browser, site: Path, name: str, scheme: str) -> None:
    """Axe's rules, contrast among them."""
    with opened(browser, site / name, color_scheme=scheme) as (page, _):
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()


def shown(page: Page, column: int = 1) -> list[str]:
    """Return the texts of a column in the rows that are seen, from the top."""
    cells = page.locator(f"#events tbody tr:visible > :nth-child({column})")
    return cells.all_inner_texts()


def test_index_filters(browser: Browser, site: Path) -> None:
    with opened(browser, site / "index.html") as (page, _):
        assert page.input_value("#state") == "real"
        assert "MS260101a" not in shown(page)
        page.select_option("#state", "")
        everything = shown(page)
        page.select_option("#kind", "cascade")
        cascades = shown(page)
        assert 0 < len(cascades) < len(everything)
        assert all("Cascade" in text for text in cascades)
        assert page.inner_text("#count") == f"{len(cascades)} of {len(everything)} shown"
        page.select_option("#state", "real")
        assert len(shown(page)) == len(cascades) - 1
        page.select_option("#kind", "")
        page.select_option("#state", "retracted")
        assert shown(page) == ["NuEm-240926A", "IceCube-200728A"]
        page.select_option("#state", "")
        page.fill("#words", "s2412 2024")
        assert shown(page) == ["S241225c"]
        for name in ("IC220424A", "136565", "icecube-220424a"):
            page.fill("#words", name)
            assert shown(page) == ["IceCube-220424A"]
        page.fill("#words", "no such thing")
        assert shown(page) == []
        page.fill("#words", "")
        assert shown(page) == everything


def test_index_filters_by_numbers_and_date_and_the_url_keeps_them(
    browser: Browser, site: Path
) -> None:
    with opened(browser, site / "index.html") as (page, _):
        page.fill("#signalness", "0.5")
        page.fill("#far", "1.5")
        page.fill("#since", "2021-01-01")
        page.get_by_role("button", name="Signalness").click()
        found = shown(page)
        values = [float(text) for text in shown(page, 8)]
        assert 0 < len(found) < 20
        assert values == sorted(values)
        assert values[0] >= 0.5
        assert max(map(float, shown(page, 9))) <= 1.5
        assert min(shown(page, 2)) >= "2021"
        page.reload()
        assert shown(page) == found
        other = page.context.new_page()
        other.goto(page.url)
        assert shown(other) == found


def test_a_marker_of_the_map_leads_to_its_event(browser: Browser, site: Path) -> None:
    with opened(browser, site / "index.html", viewport={"width": 1280, "height": 800}) as (page, _):
        assert page.locator("#events tbody tr:visible").nth(3).bounding_box()["y"] < 800  # type: ignore[index]  # it is visible
        page.locator(".season a[href='events/136565_2186969.html'] path").first.click(force=True)
        assert page.inner_text("h1") == "IceCube-220424A"


def test_a_phone_shows_cards(browser: Browser, site: Path) -> None:
    with opened(browser, site / "index.html", viewport=PHONE) as (page, _):
        card = page.locator("#events tbody tr:visible").first
        box = card.bounding_box()
        assert box is not None
        assert box["width"] <= PHONE["width"]
        assert page.evaluate("document.querySelector('.wide').scrollWidth") <= PHONE["width"]
        assert (
            box["y"] < PHONE["height"]
        )  # the newest event is seen at once, the filters are folded
        assert not page.locator("#kind").is_visible()
        page.get_by_text("Filters").click()
        assert page.locator("#kind").is_visible()


def test_all_columns_are_seen(browser: Browser, site: Path) -> None:
    with opened(browser, site / "index.html", viewport={"width": 1280, "height": 800}) as (page, _):
        last = page.locator("#events thead th").last.bounding_box()
        assert last is not None
        assert last["x"] + last["width"] <= 1280


def test_index_sorts(browser: Browser, site: Path) -> None:
    with opened(browser, site / "index.html") as (page, _):
        heads = page.locator("#events thead th")
        times = shown(page, 2)  # of the real ones
        assert times == sorted(times, reverse=True)
        assert heads.nth(1).get_attribute("aria-sort") == "descending"
        for turn in ("ascending", "descending"):
            page.get_by_role("button", name="Signalness").click()
            values = shown(page, 8)
            numbers = [float(text) for text in values if text != "-"]
            assert values[: len(numbers)] == [text for text in values if text != "-"]
            assert numbers == sorted(numbers, reverse=turn == "descending")
            assert heads.nth(7).get_attribute("aria-sort") == turn
        assert heads.nth(1).get_attribute("aria-sort") is None


def test_index_by_keyboard(browser: Browser, site: Path) -> None:
    """Skip link, filter, headings and events, in that order, each with the Tab key."""
    with opened(browser, site / "index.html") as (page, _):
        reached = [focused(page) for _ in range(24)]
        first = page.locator("#events tbody a").first.inner_text()
        assert reached[0] == "Skip to content"
        assert reached[1:4] == ["words", "kind", "state"]
        assert reached[4:6] == ["signalness", "far"]
        start = reached.index("Event")
        assert reached[start : start + 3] == ["Event", "Time (UTC)", "Kind"]
        assert first in reached
        page.get_by_role("button", name="Event").focus()
        page.keyboard.press("Enter")
        assert page.locator("#events thead th").first.get_attribute("aria-sort") == "ascending"


def focused(page: Page) -> str:
    page.keyboard.press("Tab")
    return str(page.evaluate("document.activeElement.id || document.activeElement.innerText"))


@pytest.mark.parametrize("name", PAGES)
def test_readable_without_script(browser: Browser, site: Path, name: str) -> None:
    with opened(browser, site / name, java_script_enabled=False) as (page, log):
        assert page.locator("h1").is_visible()
        assert not page.locator("#filter").is_visible()
        assert log.complaints == []
        if name == "index.html":
            assert len(shown(page)) == len(list((site / "events").iterdir()))


def test_the_way_from_the_index_to_an_event_and_its_files(browser: Browser, site: Path) -> None:
    with opened(browser, site / "index.html") as (page, log):
        page.locator("#events").get_by_role("link", name="IceCube-200728A").click()
        assert page.inner_text("h1") == "IceCube-200728A"
        for link in page.locator("a[download]").all():
            file = Path(
                page.evaluate(
                    "link => decodeURI(new URL(link.href).pathname)", link.element_handle()
                )
            )
            assert file.stat().st_size > 0
        page.get_by_role("link", name="All events").click()
        assert page.url.endswith("index.html")
        assert log.complaints == []


def test_hostile_text_stays_text(browser: Browser, hostile_site: Path) -> None:
    pages = [hostile_site / "index.html", *(hostile_site / "events").iterdir()]
    assert len(pages) == 1 + len(ATTACKS)
    texts = ""
    for file in pages:
        with opened(browser, file) as (page, log):
            page.mouse.move(200, 200)
            texts += page.inner_text("body")
            assert log.complaints == []
            assert log.requests[0] == file.as_uri()
            assert all(url == file.as_uri() or url == "data:," for url in log.requests)
            assert page.evaluate(STRANGERS, file.name) == []
            addresses: list[str] = page.eval_on_selector_all(
                "a", "all => all.map(a => a.href.baseVal ?? a.href)"
            )
            for address in addresses:
                assert address.startswith(("https://", "file://", "events/")), address
    assert [attack for attack in ATTACKS if clean(attack) not in texts] == []


STRANGERS = """name => Array.from(document.querySelectorAll(
    "script, img, iframe, object, embed, [onclick], [onmouseover], [onerror], [style]"
)).filter(one => !(name === "index.html" && one.matches("body > script")))
.map(one => one.outerHTML)"""


def test_an_injected_script_could_not_run(browser: Browser, site: Path, tmp_path: Path) -> None:
    """If escaping failed, the policy would still stop it."""
    bad = "<script>document.title = 'ran'</script><img src=x onerror=\"document.title='ran'\">"
    for name in ("index.html", "events/S241225c.html"):
        text = (site / name).read_text().replace('<main id="main">', f'<main id="main">{bad}')
        file = tmp_path / Path(name).name
        file.write_text(text)
        with opened(browser, file) as (page, log):
            assert page.title() != "ran"
            assert any("Content Security Policy" in text for text in log.complaints)


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.nightly)])
def test_real_pages_are_silent(browser: Browser, corpus: Path, tmp_path: Path, every: int) -> None:
    files = build(list(records_of(corpus / "raw", corpus / "circulars"))[::every])
    folder = written(tmp_path, files)
    names = sorted(name for name in files if name.endswith(".html"))
    for name in names[:: max(1, len(names) // 5)]:
        with opened(browser, folder / name, viewport=PHONE) as (page, log):
            assert log.complaints == []
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], name
