"""Catalogues: against astropy's own search, and against the lists of IceCube's circulars.

`sources_4fgl.csv` holds the sources of the Fermi-LAT catalogue 4FGL that IceCube's circulars name:
where they say it, or else the one in the designation, and the number of the circular.
`circulars_4fgl.csv` holds what each says: its region, how far the source is, whether it is inside.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table

from icecube_hooks import ConfigError, Localization
from icecube_plugin import sky
from icecube_plugin.sky.catalogues import Catalogue, read_catalogue
from tests.plot.places import box, circle, ellipse

HERE = Path(__file__).parent
SOURCES = HERE / "sources_4fgl.csv"

OTHER_DISTANCE = {
    24854: "from the notice's position",
    25402: "from the notice's position",
    25802: "both, from another position",
    25913: "4.8 for 4.66 deg, the second source",
    31839: "1.82 for 1.60 deg",
    32102: "2.06 for 1.08 deg",
}
"""Circulars whose distance is not that between the two places that they state."""

EDGE = {
    30627: "0.85 deg south of it, its region ends 0.84 deg south: rounded",
    32523: "in a corner of the box that bounds the contour",
}
"""Circulars whose region is not quite the box that they state."""


def strewn(count: int, seed: int = 1) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 360, count), np.degrees(np.arcsin(rng.uniform(-1, 1, count)))


def catalogue(count: int = 5000, **more: Any) -> Catalogue:
    return Catalogue([f"S{n}" for n in range(count)], *strewn(count), **more)


def regions() -> Iterator[Localization]:
    """Yield regions of each shape with random axes, angles and places, the poles among them."""
    rng = np.random.default_rng(7)
    for n in range(40):
        dec = (90.0, -89.0)[n] if n < 2 else float(np.degrees(np.arcsin(rng.uniform(-1, 1))))
        ra, angle = (float(x) for x in rng.uniform(0, 360, 2))
        a, b, c, d = (float(x) for x in rng.uniform(0.5, 15.0, 4))
        yield circle(ra, dec, a)
        yield ellipse(ra, dec, max(a, b), min(a, b), angle)
        yield box(ra, dec, a, b, c, d)
        yield box(ra, dec, a, b, c, d, angle=angle)


def test_the_index_leaves_nothing_out() -> None:
    found = catalogue()
    coordinates: Any = SkyCoord(found.ra_deg * u.deg, found.dec_deg * u.deg)
    n_inside = 0
    for place in regions():
        area = sky.region(place)
        every = np.flatnonzero(area.contains(found.ra_deg, found.dec_deg))
        inside = found.inside(area)
        n_inside += len(inside)
        assert {one.name for one in inside} == {f"S{n}" for n in every}
        apart = coordinates[every].separation(sky.sky_coord(place)).deg
        assert [one.separation_deg for one in inside] == pytest.approx(sorted(apart))
        nearest, distance, _ = sky.sky_coord(place).match_to_catalog_sky(coordinates)
        source = found.nearest(place.ra_deg, place.dec_deg)
        assert source is not None
        assert source.name == f"S{nearest}"
        assert source.separation_deg == pytest.approx(float(distance.deg[0]))
    assert n_inside > 2000


def test_as_many_are_expected_as_are_found_by_chance() -> None:
    """Of an even sky, and of a survey of its northern half: regions in it, not at its edge."""
    ra, dec = strewn(8_000)
    north = dec > 0
    for rows, lowest in ((np.full(ra.size, True), -90.0), (north, 40.0)):
        found = Catalogue(["S"] * int(rows.sum()), ra[rows], dec[rows])
        n_found = n_expected = 0.0
        for place in regions():
            if place.dec_deg >= lowest:
                n_found += len(found.inside(sky.region(place)))
                n_expected += found.expected(sky.region(place))
        assert n_found > 500
        assert n_found / n_expected == pytest.approx(1.0, abs=4 / np.sqrt(n_found))


def test_a_part_of_the_sky_and_few_sources() -> None:
    ra, dec = strewn(20_000)
    north = dec > 0
    half = Catalogue(["S"] * int(north.sum()), ra[north], dec[north])
    south = sky.region(Localization(ra_deg=10, dec_deg=-60, error_radius_deg=3))
    assert half.expected(south) < 0.3  # 6.8 by the density of the whole sky
    whole = Catalogue(["S"] * int(north.sum()), ra[north], dec[north], area_deg2=20_626.48)
    assert whole.expected(south) == pytest.approx(north.sum() / 20_626.48 * south.area_deg2)
    few = Catalogue(["a", "b", "nowhere"], [1.0, 200.0, np.nan], [2.0, -5.0, 3.0])
    assert len(few) == 2
    assert few.expected(south) == pytest.approx(2 / 41_252.96 * south.area_deg2)
    none = Catalogue([], [], [])
    assert (none.inside(south), none.nearest(1.0, 2.0), none.expected(south)) == ((), None, 0.0)


@pytest.mark.parametrize("form", ["fits", "votable", "ascii.ecsv", "ascii.csv"])
def test_formats(tmp_path: Path, form: str) -> None:
    ra, dec = strewn(20)
    table = Table({"Source_Name": [f"4FGL J{n}" for n in range(20)], "RAJ2000": ra, "DEJ2000": dec})
    file = tmp_path / f"sources.{ {'votable': 'vot'}.get(form, form.rpartition('.')[2]) }"
    table.write(file, format=form)
    found = read_catalogue(file)
    assert found.names == [f"4FGL J{n}" for n in range(20)]
    assert found.ra_deg == pytest.approx(ra)
    assert found.dec_deg == pytest.approx(dec)


def test_units_and_columns(tmp_path: Path) -> None:
    file = tmp_path / "hours.ecsv"
    Table({"alpha": [6.0] * u.hourangle, "delta": [0.5] * u.rad, "RA": [1.0]}).write(file)
    found = read_catalogue(file, columns={"ra": "alpha", "dec": "delta"})
    assert (found.names, found.ra_deg[0]) == (["row 1"], pytest.approx(90.0))
    assert found.dec_deg[0] == pytest.approx(np.degrees(0.5))
    with pytest.raises(ConfigError, match="no column for dec"):
        read_catalogue(file)
    with pytest.raises(ConfigError, match="no column 'beta' for dec"):
        read_catalogue(file, columns={"dec": "beta"})
    text = tmp_path / "text.csv"
    text.write_text("ra,dec\n05h09m,+5d\n")
    with pytest.raises(ConfigError, match="column 'ra': "):
        read_catalogue(text)
    with pytest.raises(ConfigError, match="not a catalogue"):
        read_catalogue(tmp_path / "none.csv")


def stated_place(row: dict[str, str]) -> Localization:
    def number(name: str) -> float:
        return float(row[f"{name}_deg"])

    ra, dec = number("ra"), number("dec")
    if row["error_radius_deg"]:
        return circle(ra, dec, number("error_radius"))
    sides = [number(name) for name in ("ra_minus", "ra_plus", "dec_minus", "dec_plus")]
    return box(ra, dec, *sides)


def circulars() -> list[dict[str, str]]:
    with (HERE / "circulars_4fgl.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_sources_that_circulars_list() -> None:
    found, n_said = read_catalogue(SOURCES), 0
    for row in circulars():
        number, place = int(row["circular"]), stated_place(row)
        inside = {one.name for one in found.inside(sky.region(place))}
        if row["is_inside"] and number not in EDGE:
            assert (row["source"] in inside) is (row["is_inside"] == "1"), number
            n_said += 1
    assert n_said > 90


def test_the_nearest_sources_of_circulars_and_their_distance() -> None:
    """The first that a circular names is the nearest, of those that any circular names."""
    found, seen = read_catalogue(SOURCES), set[str]()
    for row in circulars():
        number, place, stated = int(row["circular"]), stated_place(row), row["separation_deg"]
        nearest = found.nearest(place.ra_deg, place.dec_deg)
        assert nearest is not None
        is_first = row["circular"] not in seen
        seen.add(row["circular"])
        if is_first and number != 25802:  # names the farther one first
            assert nearest.name == row["source"], number
        if not stated or number in OTHER_DISTANCE or nearest.name != row["source"]:
            continue
        digits = len(stated.partition(".")[2])
        rounding = 0.5 * 10**-digits + 0.02  # positions have two decimals
        assert nearest.separation_deg == pytest.approx(float(stated), abs=rounding), number
    assert len(seen) > 75


def test_exceptions_are_exceptions() -> None:
    found = read_catalogue(SOURCES)
    for row in circulars():
        number = int(row["circular"])
        if number in EDGE:
            inside = {one.name for one in found.inside(sky.region(stated_place(row)))}
            assert (row["source"] in inside) is not (row["is_inside"] == "1")
