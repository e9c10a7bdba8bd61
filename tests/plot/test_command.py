"""``icecube-alerts plot``, as a user types it."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from icecube_hooks.testing import make_record
from icecube_plugin.cli.command import main
from icecube_plugin.sinks.sqlite import Sqlite
from tests.plot.places import circle, of
from tests.sky.test_skymaps import DEC, RA, uniq_file

GOLD = "gcn.classic.voevent.ICECUBE_ASTROTRACK_GOLD"
LVK = "gcn.notices.icecube.lvk_nu_track_search"
MAGIC = {".png": b"\x89PNG", ".svg": b"<svg", ".pdf": b"%PDF"}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "arguments",
    [
        [GOLD, "-o", "out.png"],
        [GOLD, "--what", "cumulative", "-o", "out.svg"],
        [LVK, "--what", "ladder", "--event", "S231025a", "-o", "out.pdf"],
        [LVK, "--what", "sorted", "--searched", "9", "30", "-o", "out.png"],
        [GOLD, "--what", "finder", "--event", "136385_7450363", "-o", "out.svg"],
        [
            GOLD,
            "--what",
            "visibility",
            "--event",
            "136385_7450363",
            "--site",
            "paranal",
            "-o",
            "out.png",
        ],
        [GOLD, "--event", "136385_7450363", "-o", "out.svg"],
        [
            GOLD,
            "--what",
            "visibility",
            "--event",
            "136385_7450363",
            "--site",
            "-24.6,-70.4,2635",
            "-o",
            "out.png",
        ],
        [GOLD, "--size", "6x4", "--dpi", "50", "-o", "out.png"],
    ],
)
def test_draws(arguments: list[str], fixtures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plot", str(fixtures / arguments[0]), *arguments[1:]]) == 0
    out = Path(arguments[-1])
    assert capsys.readouterr().out == f"{out}\n"
    assert out.read_bytes().startswith(MAGIC[out.suffix])


def test_size_in_pixels(fixtures: Path) -> None:
    main(["plot", str(fixtures / GOLD), "--size", "6x4", "--dpi", "50", "-o", "out.png"])
    header = Path("out.png").read_bytes()[16:24]
    assert struct.unpack(">II", header) == (300, 200)


def test_draws_a_database_with_a_sky_map(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sink = Sqlite(path=str(tmp_path / "a.sqlite"))
    sink.write([of(circle(359.5, -30.0, 6.0))])
    sink.close()
    Path("map.fits").write_bytes(uniq_file())
    assert main(["plot", "a.sqlite", "--what", "finder", "--skymap", "map.fits"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("sky map: 50% in 39.")
    assert lines[1] == "icecube-finder.png"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["-o", "out.gif"], "expected a file that ends in .png, .svg or .pdf, got 'out.gif'"),
        (["--what", "visibility"], "--what visibility needs --site"),
        (["--what", "visibility", "--site", "x", "--event", "136385_7450363"], "unknown site 'x'"),
        (["--what", "finder"], "expected one event, found"),
        (["--event", "IC990101A"], "no event 'IC990101A' in the sources"),
        (["--what", "ladder", "--fetch"], "--skymap and --fetch are for map and finder"),
        (["--event", "136385_7450363", "--fetch"], "no notice names a sky map to fetch"),
    ],
)
def test_says_what_is_wrong(
    arguments: list[str], text: str, fixtures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plot", str(fixtures / GOLD), *arguments]) == 2
    assert text in capsys.readouterr().err
    assert list(Path().iterdir()) == []


def test_nothing_to_draw(fixtures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plot", str(fixtures / GOLD), "--what", "ladder"]) == 1
    assert "no real search with a p-value to draw" in capsys.readouterr().err


def test_a_finder_shows_the_map_that_was_fetched_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = circle(RA, DEC, 1.0, skymap_fits_url="https://a/map.fits")
    lines = tmp_path / "a.jsonl"
    lines.write_text(make_record(localization=place).to_json() + "\n")
    words = ["plot", "a.jsonl", "--what", "finder"]
    assert main(words) == 0
    assert "sky map" not in capsys.readouterr().out
    maps = tmp_path / "icecube-alerts-data" / "skymaps"
    maps.mkdir(parents=True)
    (maps / "map.fits").write_bytes(uniq_file())
    assert main(words) == 0
    assert "sky map: 50% in " in capsys.readouterr().out
