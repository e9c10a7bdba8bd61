"""What others have published, each statement with its source, against what we say.

A number in quotes was rounded for print: every value that rounds to it is allowed, of what goes in
as of what comes out. A number without quotes is exact.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from icecube_hooks import YEAR_S, AlertKind, Direction
from icecube_plugin.significance import (
    ALERT_RATES,
    GW_RUNS,
    PowerLaw,
    alerts_per_year,
    assess_p,
    chance_of_at_least_one,
    chance_of_sources,
    false_alarm_rate,
    p_from_sigma,
    poisson_limit,
    post_trial_p,
    post_trial_sigma,
    read_effective_area,
    sigma_from_p,
)
from icecube_plugin.sky import region, scale_radius, separation_deg
from tests.plot.places import box

Given = float | str
EHE = Path(__file__).parent / "effective_area_ehe.ecsv"


class Statement(NamedTuple):
    """A published number, what gives it, from what, and where it stands."""

    published: str
    of: Callable[..., float]
    given: tuple[Given, ...]
    source: str
    within: float = 0.0
    """By how much more it may differ, in parts of it, where a definition is another."""


def global_sigma(local: float, n: float) -> float:
    return post_trial_sigma(p_from_sigma(local), n)


def two_sided(sigma: float) -> float:
    return p_from_sigma(sigma, "two-sided")


def flares(k: int) -> Any:
    return chance_of_sources([154.33], 12 / 28_000, time_overlap=1 / 2.5, n_found=k)


def apart(ra: float, dec: float, ra2: float, dec2: float) -> float:
    return separation_deg(Direction(ra_deg=ra, dec_deg=dec), Direction(ra_deg=ra2, dec_deg=dec2))


def box_area(ra: float, dec: float, *sides: float) -> float:
    plus, minus, north, south = sides
    return region(box(ra, dec, minus, plus, south, north)).area_deg2


def gw_per_year(run: str, stream: str) -> float:
    found = next(one for one in GW_RUNS if one.name == run)
    rate = found.high if stream == "high" else found.low
    assert rate is not None
    return rate.per_year


def in_days(run: str, stream: str, days: float) -> float:
    return gw_per_year(run, stream) / 365 * days


def flux_of_one(index: float, low_tev: float, high_tev: float, years: float) -> float:
    spectrum = PowerLaw(index=index, low_tev=low_tev, high_tev=high_tev, pivot_tev=1000.0)
    fluence = read_effective_area(EHE, dec_deg=5.7).fluence(spectrum)
    return spectrum.e2_erg(fluence) / (years * 365.25 * 86_400)


def contour(containment: float) -> float:
    """Return twice the change of ln L on a contour: (r / sigma)^2."""
    return (scale_radius(1.0, 1 - 0.6065306597, containment)) ** 2


def per_year(hertz: float) -> float:
    return hertz * YEAR_S


def waiting(years: float) -> float:
    return 1 / years


def icecat(*, far: float | None = None, signalness: float | None = None) -> Callable[[], float]:
    return lambda: alerts_per_year(max_far_per_year=far, min_signalness=signalness)


NGC_1068 = "NGC 1068, Science 378 (2022) 538"
PRL_124 = "NGC 1068, PRL 124 (2020) 051103"
FDR = "AT2019dsg and AT2019fdr, PRL 128 (2022) 221101"
STEIN = "90 % areas, Stein et al., MNRAS 521 (2023) 5046, table 1"
PDG = "Review of Particle Physics, Statistics"
ICECAT = "IceCat-1, ApJS 269 (2023) 25, counted"

STATEMENTS = [
    Statement("1.32", sigma_from_p, ("0.094",), "S190517h generic, GCN Circular 24573"),
    Statement("1.84", sigma_from_p, ("0.03",), "S190728q generic, GCN Circular 25197"),
    Statement("2.22", sigma_from_p, ("0.013",), "S190728q Bayesian, GCN Circular 25197"),
    Statement("1.70", sigma_from_p, ("0.0448",), "S190808ae generic, GCN Circular 25297"),
    Statement("1.49", sigma_from_p, ("0.068",), "S190808ae Bayesian, GCN Circular 25297"),
    Statement("1.26", sigma_from_p, ("0.104",), "S191216ap generic, GCN Circular 26460"),
    Statement("2.52", sigma_from_p, ("0.0059",), "S191216ap Bayesian, GCN Circular 26460"),
    Statement("2.75", sigma_from_p, ("0.003",), "S200213t generic, GCN Circular 27043"),
    Statement("2.11", sigma_from_p, ("0.0174",), "S200213t Bayesian, GCN Circular 27043"),
    Statement("4.2", global_sigma, ("5.2", 110), f"110 sources, {NGC_1068}"),
    Statement("3.0", global_sigma, ("4.1", 51), "IC-170922A, 10 + 41 alerts, Science 361 eaat1378"),
    Statement("2.9", global_sigma, ("4.1", 97), f"northern catalogue, {PRL_124}"),
    Statement("5.3", sigma_from_p, ("5e-8",), f"hottest spot, {NGC_1068}"),
    Statement("4.1", sigma_from_p, (10**-4.74,), PRL_124),
    Statement("0.095", post_trial_p, (0.001, 100), "GCN's IceCube tutorial"),
    *(
        Statement(p, two_sided, (sigma,), "two-sided table")
        for sigma, p in ((1, "0.32"), (2, "0.046"), (3, "0.0027"), (4, "6.3e-5"))
    ),
    *(
        Statement(p, p_from_sigma, (sigma,), "one-sided table")
        for sigma, p in (
            *((1, "0.159"), (2, "0.0228"), (3, "0.00135"), (4, "3.17e-5"), (5, "2.87e-7")),
        )
    ),
    *(
        Statement(limit, poisson_limit, (n, confidence), f"upper limit, {PDG}")
        for n, confidence, limit in (
            *((0, 0.9, "2.30"), (1, 0.9, "3.89"), (2, 0.9, "5.32"), (3, 0.9, "6.68")),
            *((0, 0.95, "3.00"), (1, 0.95, "4.74"), (2, 0.95, "6.30"), (3, 0.95, "7.75")),
        )
    ),
    *(
        Statement(change, contour, (share,), f"2 ln L of two parameters, {PDG}")
        for share, change in ((0.6827, "2.30"), (0.9, "4.61"), (0.95, "5.99"), (0.99, "9.21"))
    ),
    Statement("1.71e-4", lambda: 12 / 28_000 / 2.5, (), f"density, {FDR}"),
    Statement("0.026", lambda: flares(1).n_expected, (), FDR),
    Statement("2.6e-2", lambda: flares(1).significance.p_value, (), f"one, {FDR}"),
    Statement("1.94", lambda: flares(1).significance.sigma, (), f"one, {FDR}"),
    Statement("3.4e-4", lambda: flares(2).significance.p_value, (), f"two, {FDR}"),
    Statement("3.4", lambda: flares(2).significance.sigma, (), f"two, {FDR}"),
    *(
        Statement(area, box_area, place, f"{name}, {STEIN}", within=0.003)
        for name, area, place in (
            ("IC190503A", "1.94", (120.28, 6.35, 0.57, 0.77, 0.76, 0.70)),
            ("IC190619A", "27.21", (343.26, 10.73, 4.08, 2.63, 1.51, 2.61)),
            ("IC190730A", "5.41", (225.79, 10.47, 1.28, 1.43, 1.14, 0.89)),
            ("IC190922B", "4.48", (5.76, -1.57, 1.19, 1.37, 0.93, 0.82)),
            ("IC191001A", "25.53", (314.08, 12.94, 6.56, 2.26, 1.50, 1.47)),
            ("IC200107A", "7.62", (148.18, 35.46, 2.20, 1.83, 1.10, 1.22)),
            ("IC200109A", "22.52", (164.49, 11.87, 4.94, 4.19, 1.16, 1.36)),
            ("IC200117A", "2.86", (116.24, 29.14, 0.71, 1.24, 0.90, 0.78)),
            ("IC200512A", "9.77", (295.18, 15.79, 1.72, 2.26, 1.26, 1.29)),
            ("IC200530A", "25.38", (255.37, 26.61, 2.48, 2.56, 2.33, 3.28)),
        )
    ),
    *(
        Statement(far, apart, places, f"nearest 4FGL source, GCN Circular {number}")
        for number, far, places in (
            (24378, "1.2", ("120.28", "6.35", "120.2262", "7.5509")),
            (26802, "1.66", ("116.24", "29.14", "116.63", "27.52")),
            (26832, "2.71", ("67.46", "-14.63", "69.61", "-12.91")),
            (28468, "1.71", ("195.29", "26.24", "195.76", "24.58")),
            (28504, "3.8", ("96.46", "-4.33", "93.44", "-2.02")),
            (31093, "3.10", ("225.93", "-0.20", "228.07", "2.04")),
            (33094, "0.15", ("350.54", "34.71", "350.68", "34.61")),
            (36918, "1.29", ("354.99", "22.67", "354.74", "21.40")),
        )
    ),
    Statement("1.497", waiting, ("0.668",), "one per 0.668 years, GCN Circular 31514"),
    Statement("2.53", per_year, ("8.029e-8",), "far of GCN's example of a bronze alert"),
    Statement("1.91", false_alarm_rate, ("0.0191", 100), "S230914ak at 100 per year, tutorial"),
    Statement("5.5e-11", flux_of_one, (2.0, 200, 1e4, 0.5), "arXiv:1807.08816, fig. 4", within=0.1),
    *(
        Statement(rate, lambda kind=kind: ALERT_RATES[kind].per_year, (), "GCN's IceCube page")
        for kind, rate in (
            (AlertKind.GOLD, "10"),
            (AlertKind.BRONZE, "16"),
            (AlertKind.CASCADE, "8"),
        )
    ),
    Statement("56", in_days, ("O3", "high", 330), "GWTC-2 and GWTC-3", within=0.01),
    Statement("81", in_days, ("O4a", "high", 237), "GraceDB", within=0.01),
    Statement("1610", in_days, ("O4a", "low", 237), "GraceDB", within=0.01),
    Statement("105", in_days, ("O4b", "high", 293), "EGO, 3 February 2025: 186 in all"),
    Statement("3.1", icecat(far=0.3), (), f"FAR up to 0.3 a year, {ICECAT}"),
    Statement("10.9", icecat(far=1.0), (), f"FAR up to 1 a year, {ICECAT}"),
    Statement("28.1", icecat(signalness=0.0), (), f"all, {ICECAT}"),
    Statement("9.3", icecat(signalness=0.5), (), f"signalness from 0.5, {ICECAT}"),
    Statement("0.6", icecat(signalness=0.9), (), f"signalness from 0.9, {ICECAT}"),
    Statement(
        "19", lambda: 830 * p_from_sigma(2), (), "searches of a background year below 2 sigma"
    ),
    Statement("1.1", lambda: 830 * p_from_sigma(3), (), "of them below 3 sigma"),
]


def half_unit(text: str) -> float:
    """Return half of the last digit of a printed number."""
    digits, _, power = text.lower().partition("e")
    return 0.5 * 10.0 ** (int(power or 0) - len(digits.partition(".")[2]))


def ends(given: Given) -> tuple[Any, ...]:
    try:
        return (float(given) - half_unit(str(given)), float(given) + half_unit(str(given)))
    except ValueError:
        return (given,)  # a word


def possible(one: Statement) -> tuple[float, float]:
    """Return between which values ours lies, over all that rounds to what goes in."""
    sides = [ends(value) if isinstance(value, str) else (value,) for value in one.given]
    found = [one.of(*values) for values in itertools.product(*sides)]
    middle = [float(v) if isinstance(v, str) and len(ends(v)) == 2 else v for v in one.given]
    found.append(one.of(*middle))
    return min(found), max(found)


@pytest.mark.parametrize("one", STATEMENTS, ids=lambda one: f"{one.published}: {one.source}")
def test_published(one: Statement) -> None:
    low, high = possible(one)
    allowed = half_unit(one.published) * (1 + 1e-9) + one.within * abs(float(one.published))
    assert low - allowed <= float(one.published) <= high + allowed, (low, high)


def test_there_are_enough_and_none_twice() -> None:
    assert len(STATEMENTS) >= 60
    assert len({(one.published, one.given, one.source) for one in STATEMENTS}) == len(STATEMENTS)


@pytest.mark.parametrize("one", STATEMENTS, ids=lambda one: f"{one.published}: {one.source}")
def test_the_comparison_can_fail(one: Statement) -> None:
    """A tenth more is not what we say, but where only one digit is printed."""
    low, high = possible(one)
    changed = 1.25 * float(one.published)
    allowed = half_unit(one.published) + one.within * abs(changed)
    is_coarse = high - low + 2 * allowed > 0.25 * float(one.published)
    assert is_coarse or not low - allowed <= changed <= high + allowed


@pytest.mark.parametrize("one", [one for one in STATEMENTS if one.of is sigma_from_p][:9])
def test_icecube_circulars_are_not_two_sided(one: Statement) -> None:
    low, high = sorted(sigma_from_p(p, "two-sided") for p in ends(one.given[0]))
    assert not low - 0.005 <= float(one.published) <= high + 0.005


@pytest.mark.parametrize(
    ("sigma", "verdict"),
    [(5, "discovery"), (3, "strong"), (2, "moderate"), (1.99, "none"), (1, "none"), (-1, "none")],
)
def test_the_tutorials_bands_but_weak(sigma: float, verdict: str) -> None:
    assert assess_p(p_from_sigma(sigma), trials=1).verdict == verdict
    assert assess_p(p_from_sigma(sigma)).verdict is None


@pytest.mark.parametrize(
    ("p", "verdict"),
    [
        (2.86e-7, "discovery"),
        (2.87e-7, "strong"),
        (0.00135, "moderate"),
        (0.0228, "none"),
        (1.0, "none"),
    ],
)
def test_a_band_does_not_hold_its_upper_end(p: float, verdict: str) -> None:
    assert assess_p(p, trials=1).verdict == verdict


def test_icecube_200615a_in_a_year() -> None:
    # FAR 0.2894 per year, GCN notice 134191_17593623
    assert chance_of_at_least_one(0.2894) == pytest.approx(1 - math.exp(-0.2894))
