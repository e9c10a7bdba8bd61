"""A headless Chromium for the tests, and what a page did in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome")


@dataclass
class Log:
    """What a page asked for and complained of."""

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the system's Chromium; skip where there is none, or fail where there must be one."""
    path = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if path is None:
        reason = "no Chromium here"
        if os.environ.get("ICECUBE_REQUIRE_BROWSER") == "1":
            pytest.fail(f"ICECUBE_REQUIRE_BROWSER=1, but there is {reason}", pytrace=False)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        # Chromium's sandbox does not work for root, which CI is; the pages are our own.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, file: Path, **options: Any) -> Iterator[tuple[Page, Log]]:
    """Open a file, and write down every request and complaint."""
    context = browser.new_context(**options)
    page, log = context.new_page(), Log()
    page.on("request", lambda request: log.requests.append(request.url))
    page.on("console", lambda message: log.complaints.append(message.text))
    page.on("pageerror", lambda error: log.complaints.append(str(error)))
    page.on("dialog", lambda dialog: log.complaints.append(dialog.message))
    page.goto(file.as_uri())
    yield page, log
    context.close()
