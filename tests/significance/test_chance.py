"""Sources inside of regions: the formula, published chances, and the command."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from icecube_hooks import Ellipse, Localization, Message, Record
from icecube_plugin.cli.command import main
from icecube_plugin.significance import PValueError, chance_of_sources, poisson_chance
from icecube_plugin.sky import region
from icecube_plugin.sky.skymaps import read_skymap
from tests.significance.alerts import track
from tests.sky.test_skymaps import DEC, RA, uniq_file

Run = Callable[..., str]
PLACE = Localization(
    ra_deg=359.5,
    dec_deg=40.0,
    ellipse=Ellipse(semi_major_deg=3.0, semi_minor_deg=1.0, position_angle_deg=30.0),
    containment=0.9,
)


def test_poisson_is_scipys() -> None:
    for mean in (1e-12, 0.02, 1.0, 30.0):
        for k in (1, 2, 5, 40):
            assert poisson_chance(k, mean) == pytest.approx(stats.poisson.sf(k - 1, mean), rel=1e-9)
    assert poisson_chance(1, 0.0) == 0.0
    wrong: tuple[Any, ...] = (0, True, 1.5)
    for number in wrong:
        with pytest.raises(PValueError, match="expected a whole number from 1"):
            poisson_chance(number, 1.0)


def test_areas_of_all_alerts_add_up() -> None:
    chance = chance_of_sources([10.0, 30.0], 0.01, time_overlap=0.5, what="blazar", trials=3)
    assert (chance.n_alerts, chance.area_deg2) == (2, 40.0)
    assert chance.n_expected == pytest.approx(0.2)
    result = chance.significance
    assert result.quantity == "1 or more of 'blazar' in 2 regions"
    assert result.p_value == pytest.approx(1 - np.exp(-0.2))
    assert result.p_value_post == pytest.approx(1 - np.exp(-0.6))
    assert chance_of_sources([10.0], 0.01).significance.verdict is None
    for areas, density, overlap in (([], 1.0, 1.0), ([1.0], -1.0, 1.0), ([1.0], 1.0, 1.5)):
        with pytest.raises(PValueError):
            chance_of_sources(areas, density, time_overlap=overlap)


def test_chances_are_uniform_for_sources_that_are_strewn() -> None:
    """P(p <= a) <= a, and equal where the Poisson steps allow: mixed by a uniform number."""
    rng = np.random.default_rng(8)
    mean = 41_253 * 0.02 * (region(PLACE).area_deg2 / 41_253)
    counts = rng.poisson(mean, 100_000)
    tail = stats.poisson.sf(counts, mean) + rng.random(counts.size) * stats.poisson.pmf(
        counts, mean
    )
    for a in (0.1, 0.03, 0.01):
        assert (tail < a).mean() / a == pytest.approx(1.0, abs=0.1)
    ours = np.array([1.0, *(poisson_chance(k, mean) for k in range(1, 20))])[counts]
    assert np.all(ours >= tail)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    alert = track(place=PLACE, event_names=("IceCube-230914A",))
    lines = tmp_path / "alerts.jsonl"
    record = Record.of(Message(value=b"1"), alert)
    lines.write_text(json.dumps(record.to_dict()) + "\n")

    def call(*words: object, code: int = 0) -> str:
        with_lines = ["--lines", str(lines)] if "--event" in words else []
        assert main(["chance", *map(str, words), *with_lines]) == code
        out, err = capsys.readouterr()
        return out if code == 0 else err

    return call


def test_at2019fdr(command: Run) -> None:
    """PRL 128 (2022) 221101."""
    out = command(
        "--area", 154.33, "--density", "4.286e-4/deg2", "--time-overlap", 0.4, "--found", 2
    )
    assert "expected by chance: 0.0265 (0.000429 per deg2)" in out
    assert "chance of 2 or more of 'source' in 1 region: 0.000344 (3.39 sigma, one-sided)" in out
    assert "not corrected for trials" in out


def test_a_catalogue(command: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    ra, dec = rng.uniform(-5, 5, 3000), rng.uniform(35, 45, 3000)
    inside = region(PLACE).contains(ra % 360, dec)
    path = tmp_path / "catalogue.csv"
    rows = [f"S{n},{a % 360},{d}" for n, (a, d) in enumerate(zip(ra, dec, strict=True))]
    path.write_text("\n".join(["Source_Name,RAJ2000,DEJ2000", *rows, "nowhere,,"]))
    words = ("--event", "IC230914A", "--catalogue", path, "--catalogue-area", 76.6)
    found = json.loads(command(*words, "--json"))
    assert {one["source"] for one in found["inside"]} == {f"S{n}" for n in np.flatnonzero(inside)}
    assert found["n_found"] == inside.sum()
    area = region(PLACE).area_deg2
    assert found["n_expected"] == pytest.approx(3000 / 76.6 * area)  # not with "nowhere"
    apart = [one["separation_deg"] for one in found["inside"]]
    assert apart == sorted(apart)
    assert max(apart) <= 3.0
    text = command(*words, "--class", "made up")
    assert f"chance of {inside.sum()} or more of 'made up' in 1 region" in text
    assert f"and {inside.sum() - 40} more" in text


def test_maps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file with --map, and the one that the notice names with --maps, in place of its circle."""
    (tmp_path / "map.fits.gz").write_bytes(gzip.compress(uniq_file()))
    place = Localization(
        ra_deg=RA, dec_deg=DEC, error_radius_deg=1, skymap_fits_url="https://a/map.fits.gz"
    )
    record = Record.of(Message(value=b"1"), track(place=place, event_names=("IceCube-230914A",)))
    lines = tmp_path / "alerts.jsonl"
    lines.write_text(json.dumps(record.to_dict()) + "\n")
    (tmp_path / "sources.csv").write_text(f"name,ra,dec\nA,{RA},{DEC + 5}\nB,{RA},{DEC + 8}\n")
    sources = ["--catalogue", str(tmp_path / "sources.csv")]
    area = read_skymap(tmp_path / "map.fits.gz").area(0.9).area_deg2

    def inside(*words: str) -> Any:
        assert main(["chance", "--json", *sources, *words]) == 0
        return json.loads(capsys.readouterr().out)

    by_file = inside("--map", str(tmp_path / "map.fits.gz"))
    event = ("--event", "IC230914A", "--lines", str(lines))
    by_name, circle = inside(*event, "--maps", str(tmp_path)), inside(*event)
    for found in (by_file, by_name):
        assert [one["source"] for one in found["inside"]] == ["A"]
        assert found["area_deg2"] == pytest.approx(area)
    assert by_name["inside"][0]["separation_deg"] == pytest.approx(5.0)
    assert by_name["regions"][0]["name"] == "IC230914A, sky map"
    assert (circle["inside"], circle["area_deg2"]) == ([], pytest.approx(3.1415, abs=1e-3))
    halved = inside("--map", str(tmp_path / "map.fits.gz"), "--containment", "0.5")
    assert (halved["inside"], halved["area_deg2"] < 0.4 * area) == ([], True)
    assert main(["chance", *sources, *event, "--maps", "/nowhere"]) == 2
    assert "no such folder" in capsys.readouterr().err


def test_none_inside(command: Run, tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    path.write_text("ra,dec\n10.0,-40.0\n")
    text = command("--event", "IC230914A", "--catalogue", path)
    assert text.endswith("none of the catalogue is inside\n")
    data = json.loads(command("--event", "IC230914A", "--catalogue", path, "--json"))
    assert (data["n_found"], data["significance"], data["inside"]) == (0, None, [])


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ([], "no region"),
        (["--area", 1], "expected either --density or --catalogue"),
        (["--event", "IC999999A", "--density", 1], "no event 'IC999999A' with a position"),
        (["--event", "IC230914A", "--catalogue", "/nowhere.csv"], "not a catalogue"),
        (["--area", -1, "--density", 1], "expected an expected number, finite and >= 0"),
    ],
)
def test_what_is_wrong_is_said(command: Run, words: list[object], error: str) -> None:
    assert error in command(*words, code=2)
