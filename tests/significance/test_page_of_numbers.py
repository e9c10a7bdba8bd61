"""The sentences of docs/significance.md, "What the numbers mean", against their sources."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from statistics import median

import pytest

from icecube_plugin.significance import GW_RUNS, alerts_per_year, p_from_sigma
from icecube_plugin.sky import scale_radius

ROOT = Path(__file__).parents[2]
PAGE = " ".join((ROOT / "docs" / "significance.md").read_text(encoding="utf-8").split())


def rows(corpus: Path, name: str) -> list[dict[str, str]]:
    with (corpus / "facts" / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t" if name.endswith(".tsv") else ","))


def circulars(corpus: Path) -> list[str]:
    folder = corpus / "circulars"
    return [" ".join(path.read_text("utf-8", "replace").split()) for path in folder.iterdir()]


def says(*sentences: str) -> None:
    for sentence in sentences:
        assert sentence in PAGE


def test_counts_of_icecat1(corpus: Path) -> None:
    """The table: alerts a year up to a stated rate, and the sum of 1 - signalness of them."""
    alerts = [(float(row["FAR"]), float(row["SIGNAL"])) for row in rows(corpus, "icecat1.csv")]
    table = re.findall(r"\| ([\d.]+ per year|any) \| ([\d.]+) \| ([\d.]+) \|", PAGE)
    assert [limit for limit, *_ in table] == ["0.3 per year", "1 per year", "any"]
    for limit, count, background in table:
        most = 1e9 if limit == "any" else float(limit.split()[0])
        found = [signalness for far, signalness in alerts if far <= most]
        assert round(len(found) / 12.96, 1) == float(count)
        assert round(sum(1 - one for one in found) / 12.96, 1) == float(background)
        assert round(alerts_per_year(max_far_per_year=most), 1) == float(count)


def test_words_of_the_circulars(corpus: Path) -> None:
    said = circulars(corpus)
    rate = "an estimated false alarm rate of 0.5131 events per year due to atmospheric backgrounds"
    says(f'"{rate}" (IceCube-230823A)', "Gold alerts have 50 % on average, bronze 30 %")
    assert any(rate in text and "IceCube-230823A" in text for text in said)
    for kind, percent in (("Gold", 50), ("Bronze", 30)):
        words = f"average astrophysical neutrino purity for {kind} alerts is {percent}%"
        assert sum(words in text for text in said) > 30


def test_radii_of_revisions(corpus: Path) -> None:
    says(
        "of 43 revised positions 39 have a 90 % radius less than 1.82 times the 50 % radius",
        "(median 1.74)",
        "Only the default radii of revision 0 are wider (2.57)",
    )
    ratios: dict[bool, list[float]] = {True: [], False: []}
    for row in rows(corpus, "gold_bronze_summary.tsv"):
        ratio = float(row["Error90 [arcmin]"]) / float(row["Error50 [arcmin]"])
        ratios[row["Rev"] == "0"].append(ratio)
    gaussian = scale_radius(1.0, 0.5, 0.9)
    revised = ratios[False]
    assert round(gaussian, 2) == 1.82
    assert (len(revised), sum(ratio < gaussian for ratio in revised)) == (43, 39)
    assert (round(median(revised), 2), round(median(ratios[True]), 2)) == (1.74, 2.57)


def test_a_year_of_chance() -> None:
    says(
        "of 125 significant and 2,480 low-significance gravitational waves",
        '59 have p below 0.0228 ("2 sigma") and three or four have p below 0.00135 ("3 sigma")',
        '1 to 2 sigma is "none", as one look in six gets there',
    )
    year = GW_RUNS[1]
    n = year.high.per_year + year.low.per_year
    assert (year.name, n) == ("O4a", 2605.0)
    assert round(n * p_from_sigma(2)) == 59
    assert 3 < n * p_from_sigma(3) < 4
    assert (round(p_from_sigma(2), 4), round(p_from_sigma(3), 5)) == (0.0228, 0.00135)
    assert 1 / p_from_sigma(1) == pytest.approx(6, abs=0.5)
