"""Chances of sources in regions and of seasons, under the null hypothesis: P(p < a) / a is 1.

Regions are those of alerts as they come, over declination and kind: on even skies and on such as
IceCat-1 has. A p-value of a count cannot be below every a: the steps are filled by a uniform number
where P(p < a) = a is asked for, and without it p is conservative, P(p < a) <= a.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np
import pytest
from scipy import stats

from icecube_hooks import AlertKind, Localization
from icecube_plugin.significance import (
    alert_radii,
    chance_of_sources,
    counted_chance,
    post_trial_p,
    season,
)
from icecube_plugin.sky import Area, region
from icecube_plugin.sky.catalogues import Around, Catalogue
from icecube_plugin.sky.directions import moved_deg
from tests.plot.places import box, circle, ellipse
from tests.significance.alerts import lvk
from tests.significance.test_monte_carlo import KINDS, declinations, some_of

SEASONS: Final = 100_000
LEVELS: Final = (0.1, 0.03, 0.01)
WIDE: Final = (4.0, 7.0, 10.0, 14.0)
"""Radii [deg] of cascades, whose sizes are not published as a catalogue."""


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(2019)


def check(p: Any) -> None:
    """P(p < a) / a is 0.9 to 1.1, or as near as the number of seasons lets one see."""
    for a in LEVELS:
        error = 3.5 * np.sqrt(1 / (a * p.size))
        assert (p < a).mean() / a == pytest.approx(1.0, abs=max(0.1, error)), a


def check_counts(counts: Any, chance: Callable[[int], float], rng: np.random.Generator) -> None:
    """The same of counts; and that without the uniform number p is conservative."""
    tail = np.array([1.0, *(chance(k) for k in range(1, int(counts.max()) + 2))])
    p, below = tail[counts], tail[counts + 1]
    check(below + rng.random(counts.size) * (p - below))
    for a in LEVELS:
        assert (p < a).mean() / a < 1.1


def strewn_inside(area: Area, per_deg2: float, rng: np.random.Generator) -> Any:
    """Return how many sources of many even skies lie in a region: drawn in a circle around it."""
    reach = math.radians(area.reach_deg())
    cap_deg2 = 2 * math.pi * (1 - math.cos(reach)) * math.degrees(1) ** 2
    counts = rng.poisson(per_deg2 * cap_deg2, SEASONS)
    apart = np.degrees(np.arccos(1 - rng.random(counts.sum()) * (1 - math.cos(reach))))
    angle = rng.uniform(0, 360, apart.size)
    inside = area.contains(*moved_deg(area.ra_deg, area.dec_deg, angle, apart))
    return np.bincount(np.repeat(np.arange(SEASONS), counts)[inside], minlength=SEASONS)


@pytest.mark.parametrize("dec", some_of(-50, 5, 70, others=(-88, -20, 30, 88)))
@pytest.mark.parametrize(
    "shape",
    [
        lambda dec: circle(350.0, dec, 1.4),
        lambda dec: ellipse(350.0, dec, 9.0, 2.0, 70.0),
        lambda dec: box(350.0, dec, 3.0, 1.0, 0.7, 1.9),
    ],
    ids=["circle", "ellipse", "box"],
)
def test_a_density_and_one_region(
    dec: float, shape: Callable[[float], Localization], rng: np.random.Generator
) -> None:
    area = region(shape(dec))
    per_deg2 = 1.5 / area.area_deg2
    counts = strewn_inside(area, per_deg2, rng)
    check_counts(counts, lambda k: p_of([area], per_deg2, k), rng)


def p_of(areas: Sequence[Area], per_deg2: Any, k: int) -> float:
    sizes = [area.area_deg2 for area in areas]
    return chance_of_sources(sizes, per_deg2, n_found=k).significance.p_value or 0.0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_even", [True, False])
def test_a_density_and_the_alerts_of_a_season(
    kind: AlertKind, is_even: bool, rng: np.random.Generator
) -> None:
    areas = [region(place) for place in places(rng, kind, 8, is_even)]
    per_deg2 = 0.8 / math.fsum(area.area_deg2 for area in areas)
    counts = sum(strewn_inside(area, per_deg2, rng) for area in areas)
    check_counts(counts, lambda k: p_of(areas, per_deg2, k), rng)


def places(
    rng: np.random.Generator, kind: AlertKind, count: int, is_even: bool
) -> Iterator[Localization]:
    """Yield circles where alerts of a kind come, as large as they are."""
    is_track = kind in KINDS
    sizes = alert_radii(kind) if is_track else WIDE
    sky = declinations(rng, kind if is_track else KINDS[0], is_even or not is_track)
    for dec, radius in zip(rng.choice(sky, count), rng.choice(sizes, count), strict=True):
        yield circle(float(rng.uniform(0, 360)), float(np.degrees(dec)), float(radius))


@pytest.mark.full
@pytest.mark.parametrize(
    ("kind", "is_even"),
    [*((kind, even) for kind in KINDS for even in (True, False)), (AlertKind.CASCADE, True)],
)
@pytest.mark.parametrize("n_spots", some_of(3_000, others=(30_000,)))
def test_a_catalogue(
    kind: AlertKind, is_even: bool, n_spots: int, rng: np.random.Generator
) -> None:
    """By declination: so many are found as `counterparts` expects, and `chance` is right."""
    found = []
    spots = list(places(rng, kind, n_spots, is_even))
    for start in range(0, len(spots), 150):
        ra, sines = rng.uniform(0, 360, 7_000), rng.uniform(-1, 1, 7_000)
        catalogue = Catalogue(["S"] * ra.size, ra, np.degrees(np.arcsin(sines)))
        for place in spots[start : start + 150]:
            area = region(place)
            around, k = catalogue.around(area), len(catalogue.inside(area))
            pair = [(around.n_sources, area.area_deg2 / around.area_deg2)]
            p = 1.0 if k == 0 else counted_chance(k, pair)
            below = counted_chance(k + 1, pair)
            filled = below + rng.random() * (p - below)
            found.append((place.dec_deg, k, catalogue.expected(area), p, filled))
    dec, inside, expected, p, filled = np.array(found).T
    for low, high in ((-90, 90), (-90, 0), (0, 30), (30, 90)):
        rows = (dec >= low) & (dec < high)
        n = inside[rows].sum()
        assert n / expected[rows].sum() == pytest.approx(1.0, abs=max(0.02, 4 / np.sqrt(n)))
        check(filled[rows])
        for a in LEVELS:
            assert (p[rows] < a).mean() / a < 1.1 + 3 / np.sqrt(a * rows.sum())


def test_a_count_around_has_its_own_chance() -> None:
    """Of one region exactly: the negative binomial law; Poisson's where very many are around."""
    for n, odds, k in ((100, 0.01, 3), (7, 0.5, 6), (0, 0.02, 1)):
        expected = stats.nbinom.sf(k - 1, n + 1, 1 / (1 + odds))
        assert counted_chance(k, [(n, odds)]) == pytest.approx(expected)
    assert counted_chance(3, [(1e9, 1e-9)]) == pytest.approx(stats.poisson.sf(2, 1.0))
    assert counted_chance(3, []) == counted_chance(3, [(10, 0.0)]) == 0.0


def test_sources_that_are_active_for_a_share_of_the_time() -> None:
    around = [Around(100, 1000.0), Around(7, 50.0)]
    found = chance_of_sources([10.0, 4.0], around, time_overlap=0.25, n_found=2)
    expected = counted_chance(2, [(100, 0.25 * 0.01), (7, 0.25 * 0.08)])
    assert found.significance.p_value == expected
    assert found.n_expected == pytest.approx(0.25 * (100 * 0.01 + 7 * 0.08))


def test_the_sum_of_several_regions(rng: np.random.Generator) -> None:
    """One law with the mean and the variance of the sum, for regions of different skies."""
    odds, densities = np.array([0.3, 0.05, 0.01]), np.array([40.0, 100.0, 300.0])
    around = rng.poisson(densities, (SEASONS, 3))
    counts = rng.poisson(densities * odds, (SEASONS, 3)).sum(axis=1)
    p = np.array(
        [
            (counted_chance(int(k), pairs) if k else 1.0, counted_chance(int(k) + 1, pairs))
            for k, n in zip(counts[:40_000], around, strict=False)
            for pairs in [list(zip(n.tolist(), odds.tolist(), strict=True))]
        ]
    )
    check(p[:, 1] + rng.random(len(p)) * (p[:, 0] - p[:, 1]))


# ---------------------------------------------------------------------------------- a season


@pytest.mark.parametrize("stream", ["significant", "low-significance"])
def test_a_season(stream: str, rng: np.random.Generator) -> None:
    """The best after its trials, the least q-value, and the excess, of events that are chance."""
    n = 12
    looks = rng.random((SEASONS, n))
    searches = rng.random((300, n, 2))  # both searches of a significant event
    is_high = stream == "significant"
    if is_high:
        looks[:300] = post_trial_p(searches.min(axis=2), 2)
    best = post_trial_p(looks.min(axis=1), n)
    least_q = stats.false_discovery_control(looks, axis=1).min(axis=1)
    n_below = (looks < 0.01).sum(axis=1)
    for number in range(300):
        alerts = [
            lvk(a if is_high else None, b if is_high else p, superevent=f"S{at}a")
            for at, ((a, b), p) in enumerate(zip(searches[number], looks[number], strict=True))
        ]
        total = season(alerts, stream=stream, n_searched=n)
        assert total.best is not None
        assert total.best.p_value_post == pytest.approx(best[number])
        assert total.events[0].q_value == pytest.approx(least_q[number])
        assert total.n_observed == n_below[number]
        expected = stats.binom.sf(n_below[number] - 1, n, 0.01)
        assert total.p_excess == pytest.approx(expected)
    check(best)
    check(least_q)
    check_counts(n_below, lambda k: float(stats.binom.sf(k - 1, n, 0.01)), rng)


def test_q_values_of_a_season_of_which_some_was_not_heard(rng: np.random.Generator) -> None:
    """What was not heard counts as p = 1: conservative."""
    looks = rng.random((20_000, 12))[:, :8]
    least = np.sort(looks, axis=1) * 12 / np.arange(1, 9)
    q = np.minimum(least.min(axis=1), 1.0)
    for number in range(100):
        alerts = [lvk(None, p, superevent=f"S{at}a") for at, p in enumerate(looks[number])]
        assert season(alerts, n_searched=12).events[0].q_value == pytest.approx(q[number])
    for a in LEVELS:
        assert (q < a).mean() / a < 1.0
