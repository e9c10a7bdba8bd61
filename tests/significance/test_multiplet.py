"""Overlapping alerts: on simulated seasons, even ones and such as IceCat-1 has."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from scipy import stats

from icecube_hooks import YEAR_S, AlertKind, Localization, WireFormat
from icecube_plugin.significance import (
    ALERT_RATES,
    PValueError,
    _coincidence,
    alert_radii,
    multiplet,
)
from tests.significance.alerts import T0, track
from tests.significance.test_monte_carlo import KINDS, SEASONS, declinations, some_of

SHARE = 0.5
"""Of a year: the window."""


def new(dec: float, radius: float = 1.0, ra: float = 30.0, **more: Any) -> Any:
    place = Localization(ra_deg=ra, dec_deg=dec, error_radius_deg=radius, containment=0.9)
    return track(place=place, event_id=9, **more)


def test_who_overlaps() -> None:
    alert = new(10.0)
    day = timedelta(days=1)
    earlier = [
        new(12.9, 2.0, time=T0 - day).replace(event_id=1),  # 2.9 away, radii 3 together
        new(11.0, 0.1, time=T0 - 5 * day).replace(event_id=2),  # in the region
        new(13.1, 2.0, time=T0 - day).replace(event_id=3),  # 3.1 away
        new(10.0, time=T0 - 40 * day).replace(event_id=4),  # too early
        new(10.0, time=T0 + day).replace(event_id=5),  # later
        new(10.0, kind=AlertKind.CASCADE, time=T0 - day).replace(event_id=6),
        alert,
    ]
    found = multiplet(alert, earlier, window_s=30 * 86_400, trials=20)
    assert found is not None
    assert [one.event_id for one in found.alerts] == [2, 1]
    assert found.significance is not None
    assert found.significance.quantity == "2 earlier alerts or more that overlap"
    expected = stats.poisson.sf(1, found.n_expected)
    assert found.significance.p_value == pytest.approx(expected)
    assert found.significance.n_trials == 20


def test_its_own_event_by_another_name_is_no_earlier_one() -> None:
    """A circular of the same event gives a name and a time of minutes before, and no number."""
    before = T0 - timedelta(days=2)
    name, earlier = f"IceCube-{T0:%y%m%d}A", f"IceCube-{before:%y%m%d}A"
    alert = new(10.0).replace(event_names=(name,), trigger_time=T0)
    unnumbered = {"run_id": None, "event_id": None, "format": WireFormat.CIRCULAR}
    own = alert.replace(**unnumbered, trigger_time=T0 - timedelta(seconds=1))
    other = own.replace(event_names=(earlier,), trigger_time=before)
    found = multiplet(alert, [own, other], window_s=30 * 86_400, trials=1)
    assert found is not None
    assert [one.event_names for one in found.alerts] == [(earlier,)]


def test_none_overlaps_and_nothing_stated() -> None:
    found = multiplet(new(10.0), [], window_s=YEAR_S)
    assert found is not None
    assert (found.alerts, found.significance) == ((), None)
    assert found.n_expected > 0
    assert multiplet(track().replace(localization=None), [], window_s=1.0) is None
    with pytest.raises(PValueError, match="known sizes"):
        multiplet(new(10.0), [], window_s=1.0, kinds=[AlertKind.CASCADE])


def test_a_map_takes_the_place_of_the_circle() -> None:
    class Wide:
        ra_deg = dec_deg = 30.0
        containment = 0.9
        area_deg2 = 700.0

        def contains(self, ra_deg: Any, dec_deg: Any) -> Any:
            raise AssertionError

        def reach_deg(self) -> float:
            raise AssertionError

    alert, far = new(10.0), new(20.0, time=T0 - timedelta(days=1)).replace(event_id=1)
    narrow = multiplet(alert, [far], window_s=YEAR_S)
    wide = multiplet(alert, [far], window_s=YEAR_S, areas=lambda place: Wide())
    assert narrow is not None
    assert wide is not None
    assert (len(narrow.alerts), len(wide.alerts)) == (0, 1)
    assert wide.n_expected > narrow.n_expected


def overlaps(
    rng: np.random.Generator, dec: float, radius: float, is_even: bool, kinds: Any = KINDS
) -> Any:
    """Return how many alerts of many seasons overlap one at a declination."""
    total = np.zeros(SEASONS, dtype=int)
    for kind in kinds:
        counts = rng.poisson(ALERT_RATES[kind].per_year * SHARE, SEASONS)
        there = rng.choice(declinations(rng, kind, is_even), counts.sum())
        ra = rng.uniform(0, 2 * np.pi, there.size)
        sizes = radius + rng.choice(alert_radii(kind), there.size)
        north = np.radians(dec)
        ahead = np.sin(north) * np.sin(there) + np.cos(north) * np.cos(there) * np.cos(ra)
        hits = ahead >= np.cos(np.radians(sizes))
        total += np.bincount(np.repeat(np.arange(SEASONS), counts)[hits], minlength=SEASONS)
    return total


@pytest.mark.parametrize("dec", some_of(-40, 10, others=(-5, 0, 30, 60)))
@pytest.mark.parametrize("radius", [0.5, 6.0])
@pytest.mark.parametrize("is_even", [True, False])
@pytest.mark.parametrize("kinds", some_of(KINDS, others=((KINDS[0],), (KINDS[1],))))
def test_chances_of_a_multiplet_are_right(
    dec: float, radius: float, is_even: bool, kinds: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """P(p < a) / a is 0.9 to 1.1; the steps of a count are filled by a uniform number."""
    if is_even:
        monkeypatch.setattr(_coincidence, "alert_density", lambda kind: None)
    rng = np.random.default_rng(19)
    found = multiplet(new(dec, radius), [], window_s=SHARE * YEAR_S, kinds=kinds)
    assert found is not None
    counts, mean = overlaps(rng, dec, radius, is_even, kinds), found.n_expected
    assert counts.mean() == pytest.approx(mean, rel=0.02, abs=4 * np.sqrt(mean / SEASONS))
    p = stats.poisson.sf(counts, mean) + rng.random(SEASONS) * stats.poisson.pmf(counts, mean)
    for a in (0.1, 0.03, 0.01):
        error = 3.5 * np.sqrt(1 / (a * SEASONS))
        assert (p < a).mean() / a == pytest.approx(1.0, abs=max(0.1, error)), a
