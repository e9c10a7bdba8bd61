"""Where the sky map of an event is at hand, its pages and `show` take it."""

from __future__ import annotations

import gzip
import math
import re
from pathlib import Path

import pytest

from icecube_hooks import Localization, Record
from icecube_hooks.testing import make_record
from icecube_plugin.cli.command import main
from icecube_plugin.sinks.html import Html
from icecube_plugin.sky.skymaps import Maps, read_skymap
from icecube_plugin.views.pages import Asked, build, page_path, tell
from icecube_plugin.views.plots import svg_finder
from icecube_plugin.views.plots._events import field_of
from icecube_plugin.views.plots._svg import MAP_ROWS, UNIT
from tests.sky.test_skymaps import DEC, RA, uniq_file


@pytest.fixture
def record() -> Record:
    place = Localization(
        ra_deg=RA,
        dec_deg=DEC,
        error_radius_deg=1.0,
        containment=0.9,
        skymap_fits_url="https://a/run.fits.gz",
    )
    return make_record(localization=place)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "skymaps"
    found.mkdir()
    (found / "run.fits.gz").write_bytes(gzip.compress(uniq_file()))
    return found


def areas(folder: Path) -> str:
    skymap = read_skymap(folder / "run.fits.gz")
    return f"50 % in {skymap.area_deg2(0.5):.3g} deg², 90 % in {skymap.area_deg2(0.9):.3g} deg²"


def test_area_and_region(record: Record, folder: Path) -> None:
    (story,) = tell([record])
    name, maps = page_path(story.key), Maps(folder)
    text, bare = build([record], maps=maps)[name].decode(), build([record])[name].decode()
    assert areas(folder) in text
    assert text.count('class="skymap"') == 2
    assert "Grey: 50 and 90 % region of the sky map." in text
    assert "in place of the stated error" not in bare
    assert 'class="skymap"' not in bare
    assert Asked([record], maps=maps).get(name) == Asked([record], maps=maps).get(name)
    assert areas(folder) in (Asked([record], maps=maps).get(name) or b"").decode()


def test_the_drawn_region_is_as_large_as_the_map_says(record: Record, folder: Path) -> None:
    skymap = read_skymap(folder / "run.fits.gz")
    step = 2 * UNIT // MAP_ROWS
    row_deg2 = step * (field_of(record, [], skymap).half_deg / UNIT) ** 2
    paths = re.findall(r'class="skymap"[^>]* d="([^"]+)"', svg_finder(record, skymap=skymap))
    for path, level in zip(paths, (0.9, 0.5), strict=True):
        drawn = row_deg2 * sum(int(run) for run in re.findall(r"h(\d+)", path))
        assert drawn == pytest.approx(skymap.area_deg2(level), rel=0.03)


def test_east_is_left_and_north_is_up(record: Record, folder: Path) -> None:
    """The map lies to the west and to the north of a position that was stated otherwise."""
    place = record.alert.localization
    assert place is not None
    aside = place.replace(ra_deg=(RA + 3.0) % 360.0, dec_deg=DEC - 2.0)
    skymap = read_skymap(folder / "run.fits.gz")
    svg = svg_finder(make_record(localization=aside), skymap=skymap)
    (path, _) = re.findall(r'class="skymap"[^>]* d="([^"]+)"', svg)
    runs = [tuple(map(int, run)) for run in re.findall(r"M(-?\d+) (-?\d+)h(\d+)", path)]
    size = sum(length for _, _, length in runs)
    half = field_of(make_record(localization=aside), [], skymap).half_deg
    across = sum((start + length / 2) * length for start, _, length in runs) / size * half / UNIT
    down = sum(row * length for _, row, length in runs) / size * half / UNIT
    assert across == pytest.approx(3.0 * math.cos(math.radians(DEC)), abs=0.2)
    assert down == pytest.approx(-2.0, abs=0.2)


def test_a_map_that_is_broken_is_not_taken(record: Record, folder: Path) -> None:
    (folder / "run.fits.gz").write_bytes(b"broken")
    assert build([record], maps=Maps(folder)) == build([record])


def test_a_page_is_written_anew_when_its_map_has_come(
    record: Record, folder: Path, tmp_path: Path
) -> None:
    (folder / "run.fits.gz").rename(tmp_path / "later")
    sink, other = Html(folder=tmp_path / "site", maps=folder, sync=False), make_record(event_id=7)
    sink.write([record])
    (file,) = (tmp_path / "site" / "events").iterdir()
    assert "in place of the stated error" not in file.read_text("utf-8")
    (tmp_path / "later").rename(folder / "run.fits.gz")
    sink.write([other])
    assert areas(folder) in file.read_text("utf-8")


def test_show_and_report(
    record: Record, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = tmp_path / "alerts.jsonl"
    lines.write_text(record.to_json() + "\n")
    with_maps = ["--maps", str(folder)]
    assert main(["show", "latest", "--lines", str(lines), *with_maps]) == 0
    assert f"Sky map              {areas(folder)}" in capsys.readouterr().out
    site = str(tmp_path / "site")
    assert main(["report", str(lines), "-o", site, *with_maps]) == 0
    (page,) = (tmp_path / "site" / "events").iterdir()
    assert areas(folder) in page.read_text("utf-8")
