"""What IceCat-1 says in a few numbers, against the catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from icecube_hooks import AlertKind, Direction
from icecube_plugin.significance import (
    PValueError,
    alert_density,
    alert_share,
    alerts_per_year,
    circle_density,
)
from tests import make_icecat1
from tests.make_icecat1 import Entry

CATALOGUE = Path(__file__).parents[3] / "shared/corpus/facts/icecat1.csv"


@pytest.fixture(scope="module")
def entries() -> list[Entry]:
    if not CATALOGUE.exists():
        pytest.skip("the catalogue IceCat-1 is not at hand")
    return make_icecat1.read(CATALOGUE)


def test_the_module_is_made_from_the_catalogue(entries: list[Entry]) -> None:
    assert make_icecat1.TARGET.read_text(encoding="utf-8") == make_icecat1.text(entries)


@pytest.mark.parametrize(
    ("far", "per_year"),
    [(0.05, 0.0), (0.3, 3.1), (0.5, 5.5), (1.0, 10.9), (2.0, 18.8), (9.0, 28.1)],
)
def test_alerts_with_at_most_that_rate(entries: list[Entry], far: float, per_year: float) -> None:
    assert round(alerts_per_year(max_far_per_year=far), 1) == per_year
    counted = sum(entry.far_per_year <= far for entry in entries) / 12.96
    assert alerts_per_year(max_far_per_year=far) == pytest.approx(counted)


@pytest.mark.parametrize("far", [0.13, 0.25, 0.45, 0.6, 0.85, 1.2, 1.7, 2.5, 3.3, 4.4])
def test_between_the_limits_of_the_table(entries: list[Entry], far: float) -> None:
    for kind in (AlertKind.GOLD, AlertKind.BRONZE):
        counted = sum(e.far_per_year <= far and e.kind == kind.value for e in entries)
        found = 12.96 * alerts_per_year(max_far_per_year=far, kind=kind)
        assert found == pytest.approx(counted, abs=max(3.0, 0.06 * counted))


def test_shares_by_signalness(entries: list[Entry]) -> None:
    for kind, least in ((AlertKind.GOLD, 0.5), (AlertKind.GOLD, 0.9), (AlertKind.BRONZE, 0.3)):
        mine = [entry.signalness for entry in entries if entry.kind == kind.value]
        counted = sum(signalness >= least for signalness in mine) / len(mine)
        assert alert_share(kind, least) == pytest.approx(counted)
    assert alert_share(AlertKind.CASCADE, 0.0) == 1.0


@pytest.mark.parametrize("kind", [AlertKind.GOLD, AlertKind.BRONZE])
def test_the_density_is_one_on_average_and_never_zero(kind: AlertKind) -> None:
    for least in (0.0, 0.2, 0.3, 0.45, 0.5, 0.9):
        density = alert_density(kind, least)
        assert density is not None
        assert circle_density(density, 12.0, 180.0) == pytest.approx(1.0, abs=5e-3)
        assert min(density(dec) for dec in range(-90, 91)) > 0.0
    assert alert_density(AlertKind.CASCADE) is None


@pytest.mark.parametrize("dec", [-5, 0, 10, 20, 30, 45])
@pytest.mark.parametrize("kind", [AlertKind.GOLD, AlertKind.BRONZE])
def test_the_density_is_that_of_the_catalogue(
    entries: list[Entry], kind: AlertKind, dec: float
) -> None:
    """Within 15 deg of a declination, averaged over right ascension, as the catalogue counts."""
    mine = [entry for entry in entries if entry.kind == kind.value]
    density = alert_density(kind)
    assert density is not None
    at = Direction(ra_deg=0.0, dec_deg=dec)
    share = make_icecat1.share_in_circle([entry.sin_dec for entry in mine], at.dec_deg, 15.0)
    whole = make_icecat1.share_of_sky(15.0)
    assert circle_density(density, dec, 15.0) == pytest.approx(share / whole, rel=0.06)


def test_what_is_no_track() -> None:
    with pytest.raises(PValueError, match="expected gold or bronze, got 'cascade'"):
        alerts_per_year(max_far_per_year=1.0, kind=AlertKind.CASCADE)
    with pytest.raises(PValueError, match="expected a p-value"):
        alerts_per_year(min_signalness=1.5)
