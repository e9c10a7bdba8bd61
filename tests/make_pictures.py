"""Make the pictures of the documentation anew: ``python -m tests.make_pictures``; look at each.

Plots by the commands that stand beside them in docs/plots.md, pages in a headless Chromium.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from tests.report.browser import chromium, opened

ROOT: Final = Path(__file__).parents[1]
IMAGES: Final = ROOT / "docs" / "images"
SITES: Final = ("--site", "la-palma", "--site", "paranal")
DESKTOP: Final[dict[str, Any]] = {"viewport": {"width": 1280, "height": 900}}
PHONE: Final[dict[str, Any]] = {
    "viewport": {"width": 360, "height": 740},
    "device_scale_factor": 2,
    "color_scheme": "dark",
}
SHOTS: Final = {
    "report-index": ("index.html", DESKTOP),
    "report-event": ("events/136565_2186969.html", DESKTOP),
    "report-phone": ("index.html", PHONE),
}


def run(*words: object) -> None:
    """Run our command; refused fixtures are meant to be refused."""
    command = [sys.executable, "-m", "icecube_plugin.cli", *map(str, words)]
    subprocess.run(command, cwd=ROOT, check=False, stderr=subprocess.DEVNULL)


def plots() -> None:
    """Run each command of docs/plots.md that writes a picture."""
    page = (ROOT / "docs" / "plots.md").read_text("utf-8")
    for command in re.findall(r"^\$ icecube-alerts (plot .*docs/images/.*)$", page, re.MULTILINE):
        run(*command.split())


def pages() -> None:
    """Photograph the pages of the fixtures."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        run("report", "fixtures", *SITES, "-o", folder)
        for name, (page_name, options) in SHOTS.items():
            with opened(browser, Path(folder) / page_name, **options) as (page, _):
                page.screenshot(path=IMAGES / f"{name}.png")


if __name__ == "__main__":
    plots()
    pages()
