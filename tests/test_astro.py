"""Coordinates, regions and tables, against separations of vectors and counting on the sphere."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st

from icecube_hooks import (
    Alert,
    AlertKind,
    AsymmetricError,
    CoincidentEvent,
    Direction,
    Ellipse,
    GWReference,
    IceCubePluginError,
    Localization,
    PValue,
    Tense,
)
from icecube_hooks.testing import make_alert
from icecube_plugin import sky
from icecube_plugin.alerts import tables

WHOLE_SKY = 4 * math.pi * (180 / math.pi) ** 2


def at(ra: float, dec: float, **error: Any) -> Localization:
    return Localization(ra_deg=ra, dec_deg=dec, containment=0.9, **error)


def circle(ra: float, dec: float, radius: float) -> Localization:
    return at(ra, dec, error_radius_deg=radius)


def ellipse(ra: float, dec: float, *axes: float | None) -> Localization:
    major, minor, angle = axes
    assert major is not None
    assert minor is not None
    shape = Ellipse(semi_major_deg=major, semi_minor_deg=minor, position_angle_deg=angle)
    return at(ra, dec, ellipse=shape)


def box(ra: float, dec: float, *sides: float, angle: float | None = None) -> Localization:
    west, east, south, north = sides
    shape = AsymmetricError(
        ra_minus_deg=west,
        ra_plus_deg=east,
        dec_minus_deg=south,
        dec_plus_deg=north,
        position_angle_deg=angle,
    )
    return at(ra, dec, asymmetric=shape)


PLACES = {
    "circle": circle(83.6, 22.0, 3.0),
    "circle across RA 0": circle(359.9, -40.0, 2.0),
    "circle around a pole": circle(120.0, 89.0, 4.0),
    "circle of a hemisphere": circle(10.0, -60.0, 90.0),
    "ellipse": ellipse(45.0, 30.0, 5.0, 2.0, 35.0),
    "ellipse across RA 0": ellipse(0.2, 5.0, 4.0, 1.0, 100.0),
    "ellipse around a pole": ellipse(200.0, -88.5, 6.0, 3.0, 20.0),
    "long ellipse": ellipse(45.0, 30.0, 20.0, 0.5, 0.0),
    "box": box(150.0, 45.0, 2.0, 3.0, 1.0, 1.5),
    "box across RA 0": box(359.5, -20.0, 1.0, 2.0, 1.5, 0.5),
    "box at a pole": box(80.0, 88.0, 30.0, 50.0, 3.0, 4.0),
    "cap": box(80.0, -88.0, 180.0, 180.0, 4.0, 3.0),
    "turned box": box(10.0, 60.0, 4.0, 2.0, 1.0, 3.0, angle=30.0),
    "turned box around a pole": box(10.0, 89.5, 200.0, 100.0, 1.0, 3.0, angle=-60.0),
    "turned half of a box": box(10.0, 20.0, 0.0, 2.0, 1.0, 1.0, angle=47.0),
}
EACH = pytest.mark.parametrize("name", PLACES)


def vectors(coord: SkyCoord) -> Any:
    ra, dec = np.radians(coord.icrs.ra.deg), np.radians(coord.icrs.dec.deg)
    return np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])


def scattered(place: Localization, radius: float, count: int) -> SkyCoord:
    """Return points that are even on the sphere, within `radius` [deg] of a place."""
    random = np.random.default_rng(2023)
    height = random.uniform(math.cos(math.radians(radius)), 1.0, count)
    turn = random.uniform(0.0, 2 * math.pi, count)
    ra, dec = math.radians(place.ra_deg), math.radians(place.dec_deg)
    up = np.array([math.cos(dec) * math.cos(ra), math.cos(dec) * math.sin(ra), math.sin(dec)])
    east = np.array([-math.sin(ra), math.cos(ra), 0.0])
    north = np.cross(up, east)
    side = np.sqrt(1 - height**2)
    x, y, z = (
        up[:, None] * height
        + east[:, None] * side * np.cos(turn)
        + north[:, None] * side * np.sin(turn)
    )
    return SkyCoord(np.arctan2(y, x) * u.rad, np.arcsin(np.clip(z, -1, 1)) * u.rad)


@EACH
def test_area_is_that_of_the_points_inside(name: str) -> None:
    place, count = PLACES[name], 200_000
    radius = 95.0 if "hemisphere" in name else 25.0
    share = np.mean(sky.region(place).contains(scattered(place, radius, count)))
    cap = WHOLE_SKY * (1 - math.cos(math.radians(radius))) / 2
    error = 4.5 * math.sqrt(max(share * (1 - share), 1e-5) / count)
    assert sky.region(place).area_deg2 == pytest.approx(share * cap, abs=error * cap)


@pytest.mark.parametrize("name", [name for name in PLACES if name != "cap"])
def test_edge_is_the_edge(name: str) -> None:
    """A thousandth inward of the edge is inside, and outward of it outside."""
    region = sky.region(PLACES[name])
    edge = region.boundary(80)
    for factor, inside in ((0.999, True), (1.001, False)):
        scale = scaled_box if isinstance(region, sky.BoxRegion) else scaled_radially
        moved = scale(PLACES[name], edge, factor)
        assert len(moved) >= 37
        assert set(region.contains(moved).tolist()) == {inside}


def scaled_radially(place: Localization, edge: SkyCoord, factor: float) -> SkyCoord:
    """Move points along great circles through the centre; those that are there stay out."""
    centre = SkyCoord(place.ra_deg * u.deg, place.dec_deg * u.deg)
    distance, angle = centre.separation(edge), centre.position_angle(edge)
    usable = distance > 0.01 * u.deg
    return centre.directional_offset_by(angle[usable], distance[usable] * factor)


def scaled_box(place: Localization, edge: SkyCoord, factor: float) -> SkyCoord:
    """Move points from the middle of a box in both coordinates; those at a pole stay out."""
    error = place.asymmetric
    assert error is not None
    ra = place.ra_deg + (error.ra_plus_deg - error.ra_minus_deg) / 2
    dec = (edge.dec.deg.min() + edge.dec.deg.max()) / 2
    beside = (edge.ra.deg - ra + 180) % 360 - 180
    usable = np.abs(edge.dec.deg) < 89.9
    moved = ra + beside * factor, dec + (edge.dec.deg - dec) * factor
    return SkyCoord(moved[0][usable] * u.deg, moved[1][usable] * u.deg)


def test_box_of_all_right_ascensions() -> None:
    """From -92 deg, which is -90, to -85 deg, all around."""
    around = np.arange(0.0, 360.0, 15.0)
    for dec, inside in ((-90.0, True), (-85.01, True), (-84.99, False)):
        found = sky.contains(PLACES["cap"], SkyCoord(around, np.full(24, dec), unit="deg"))
        assert set(found.tolist()) == {inside}


@given(
    st.floats(0, 360, exclude_max=True),
    st.floats(-90, 90),
    st.floats(0.1, 179),
    st.floats(0, 360, exclude_max=True),
    st.floats(-90, 90),
)
def test_circle_against_vectors(
    ra: float, dec: float, radius: float, ra2: float, dec2: float
) -> None:
    point = SkyCoord(ra2 * u.deg, dec2 * u.deg)
    centre = vectors(SkyCoord(ra * u.deg, dec * u.deg))
    chord = float(np.linalg.norm(centre - vectors(point)))
    distance = 2 * math.degrees(math.asin(min(chord / 2, 1.0)))
    assert sky.separation_deg(circle(ra, dec, radius), point) == pytest.approx(distance, abs=1e-5)
    if abs(distance - radius) > 1e-5:
        assert sky.contains(circle(ra, dec, radius), point) is (distance < radius)


def test_circle_area_in_closed_form() -> None:
    for radius in (1e-4, 0.5, 13.3, 90.0, 180.0):
        expected = WHOLE_SKY * math.sin(math.radians(radius / 2)) ** 2
        assert sky.region(circle(1, 2, radius)).area_deg2 == pytest.approx(expected, rel=1e-12)


def test_small_ellipse_has_the_area_of_a_plane_one() -> None:
    for minor in (0.5, 0.05, 0.001):
        area = sky.region(ellipse(10, 70, 0.5, minor, 12.0)).area_deg2
        assert area == pytest.approx(math.pi * 0.5 * minor, rel=1e-4)


def test_turned_box_has_the_area_of_a_plane_one() -> None:
    place = box(10, 60, 0.4, 0.2, 0.1, 0.3, angle=30.0)
    assert sky.region(place).area_deg2 == pytest.approx(0.6 * 0.5 * 0.4, rel=1e-4)


def test_axes_of_an_ellipse() -> None:
    """Position angles go from north through east."""
    region = sky.region(ellipse(10, 0, 4.0, 1.0, 90.0))
    assert region.contains(
        SkyCoord([13.9, 14.1, 10, 10], [0, 0, 0.9, 1.1], unit="deg")
    ).tolist() == [
        True,
        False,
        True,
        False,
    ]
    upright = sky.region(ellipse(10, 0, 4.0, 1.0, None))
    assert upright.contains(SkyCoord(10, 3.9, unit="deg")) is True
    assert upright.contains(SkyCoord(13.9, 0, unit="deg")) is False


def test_sides_of_a_box() -> None:
    """Circular 33633: RA 345.85 (+0.41 / -0.63), Dec +9.14 (+0.81 / -0.76)."""
    place = box(345.85, 9.14, 0.63, 0.41, 0.76, 0.81)
    corners = [(345.22, 8.38), (346.26, 8.38), (346.26, 9.95), (345.22, 9.95)]
    for ra, dec in corners:
        assert sky.contains(place, SkyCoord(ra, dec, unit="deg")) is True
        away = SkyCoord(ra + math.copysign(0.01, ra - 345.85), dec, unit="deg")
        assert sky.contains(place, away) is False
    edge = sky.region(place).boundary(8)
    assert edge.ra.deg[::2] == pytest.approx([ra for ra, _ in corners])
    assert edge.dec.deg[::2] == pytest.approx([dec for _, dec in corners])


def test_turned_box_turns_east() -> None:
    """Turned by 90 deg, what pointed north points east."""
    place = box(10.0, 0.0, 0.5, 0.5, 0.5, 3.0, angle=90.0)
    assert sky.contains(place, SkyCoord(12.9, 0.0, unit="deg")) is True
    assert sky.contains(place, SkyCoord(10.0, 2.0, unit="deg")) is False
    assert isinstance(sky.region(place), sky.TurnedBoxRegion)
    assert isinstance(sky.region(box(1, 2, 1, 1, 1, 1, angle=0.0)), sky.BoxRegion)


def test_other_frames_and_missing_values() -> None:
    place = circle(83.6, 22.0, 1.0)
    centre = sky.sky_coord(place)
    assert sky.contains(place, centre.galactic) is True
    assert sky.contains(box(83.6, 22.0, 1, 1, 1, 1), centre.galactic) is True
    assert sky.separation_deg(place, centre.galactic) == pytest.approx(0.0, abs=1e-9)
    both = sky.sky_coords([make_alert(localization=None), place])
    for shape in (place, ellipse(83.6, 22.0, 1.0, 1.0, 0.0), box(83.6, 22.0, 1, 1, 1, 1)):
        assert sky.contains(shape, both).tolist() == [False, True]


def test_regions_know_their_containment() -> None:
    for place in PLACES.values():
        region = sky.region(place)
        assert (region.ra_deg, region.dec_deg) == (place.ra_deg, place.dec_deg)
        assert region.containment == 0.9


def test_single_values() -> None:
    alert = make_alert(trigger_time=datetime(2023, 4, 16, 5, 22, 26, 150_574, UTC))
    assert sky.time(alert).isot == "2023-04-16T05:22:26.150574"
    assert sky.time(alert).scale == "utc"
    assert sky.energy(alert) == 127.29 * u.TeV
    coord = sky.sky_coord(alert)
    assert (coord.ra.deg, coord.dec.deg, coord.frame.name) == (345.82, 9.14, "icrs")
    event = CoincidentEvent(localization=alert.localization)
    assert sky.sky_coord(event).separation(coord).deg == 0
    assert sky.separation_deg(Direction(ra_deg=345.82, dec_deg=10.14), coord) == pytest.approx(1)


BARE = make_alert(localization=None, energy_tev=None, trigger_time=None)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: sky.sky_coord(BARE), "gold:137840_57034692:0 states no position"),
        (lambda: sky.region(BARE), "gold:137840_57034692:0 states no position"),
        (lambda: sky.time(BARE), "gold:137840_57034692:0 states no trigger time"),
        (lambda: sky.energy(BARE), "gold:137840_57034692:0 states no energy"),
        (lambda: sky.region(at(1, 2)), "Localization states no error"),
        (lambda: sky.region(Direction(ra_deg=1, dec_deg=2)), "Direction states no error"),
    ],
)
def test_what_is_not_stated(ask: Any, message: str) -> None:
    with pytest.raises(sky.NotStatedError) as caught:
        ask()
    assert str(caught.value) == message
    assert isinstance(caught.value, IceCubePluginError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == message  # noqa: S301  # made here


def test_circularised_radius() -> None:
    error = PLACES["box"].asymmetric
    assert error is not None
    expected = math.sqrt(2.5 * math.cos(math.radians(45.0)) * 1.25)
    assert sky.circularised_radius_deg(error, 45.0) == pytest.approx(expected, rel=1e-14)
    shape = Ellipse(semi_major_deg=4.0, semi_minor_deg=1.0)
    assert sky.circularised_radius_deg(shape, 45.0) == 2.0


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_scaling_there_and_back(one: float, two: float) -> None:
    there = sky.scale_radius(3.0, one, two)
    assert sky.scale_radius(there, two, one) == pytest.approx(3.0, rel=1e-12)
    assert (there > 3.0) == (two > one) or two == pytest.approx(one)


def test_scaling_against_a_sample() -> None:
    random = np.random.default_rng(7)
    distance = np.hypot(random.normal(size=400_000), random.normal(size=400_000))
    half, most = np.quantile(distance, (0.5, 0.9))
    assert sky.scale_radius(half, 0.5, 0.9) == pytest.approx(most, rel=0.005)


@pytest.mark.parametrize("containment", [0.0, 1.0, -0.1, math.nan])
def test_no_containment(containment: float) -> None:
    message = f"expected a containment between 0 and 1, got {containment}"
    with pytest.raises(ValueError, match=f"^{message}$"):
        sky.scale_radius(1.0, containment, 0.5)


ALERTS = (
    make_alert(),
    make_alert(
        kind=AlertKind.LVK_SEARCH,
        event_names=(),
        run_id=None,
        event_id=None,
        revision=None,
        status=None,
        tense=Tense.TEST,
        trigger_time=None,
        localization=None,
        energy_tev=None,
        signalness=None,
        far_hz=None,
        gw=GWReference(superevent_id="MS230427r"),
        p_values=(PValue(search="generic", value=1e-12), PValue(search="bayesian", value=None)),
        n_coincident=0,
    ),
    make_alert(
        event_names=("IceCube-230416A", "IC230416A"),
        run_id=2**40,
        notice_time=datetime(1999, 12, 31, 23, 59, 59, 999_999, UTC),
        localization=PLACES["turned box"],
    ),
    make_alert(localization=PLACES["ellipse"]),
)


def same_table(one: QTable, other: QTable) -> None:
    assert one.colnames == other.colnames
    assert one.meta == other.meta
    for name in one.colnames:
        left, right = one[name], other[name]
        assert type(left) is type(right), name
        assert getattr(left, "unit", None) == getattr(right, "unit", None), name
        assert left.info.description == right.info.description
        if isinstance(left, Time):
            left, right = left.isot, right.isot
        left, right = (
            np.ma.MaskedArray(getattr(left, "value", left)),
            np.ma.MaskedArray(getattr(right, "value", right)),
        )
        assert left.tolist() == right.tolist(), name


@pytest.mark.parametrize("ending", ["ecsv", "fits", "vot", "xml"])
@pytest.mark.parametrize("alerts", [ALERTS, ALERTS[:1], ALERTS[1:2], ()], ids=len)
def test_tables_read_back_equal(alerts: tuple[Alert, ...], ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"alerts.{ending}"
    table = tables.table(alerts)
    tables.write_table(table, path)
    same_table(tables.read_table(path), table)


def test_table() -> None:
    table = tables.table(ALERTS)
    assert table["ra"].unit == u.deg
    assert table["energy"].unit == u.TeV
    assert table["far"].unit == u.Hz
    assert table["energy"].mask.tolist() == [False, True, False, False]
    assert table["trigger_time"].mask.tolist() == [False, True, False, False]
    assert table["run_id"].tolist() == [137840, None, 2**40, 137840]
    assert table["name"].tolist()[1:3] == [None, "IceCube-230416A, IC230416A"]
    assert table["ra_minus"].unmasked.value[2] == 4.0
    assert table["position_angle"].unmasked.value[2:].tolist() == [30.0, 35.0]
    assert table["semi_major"].mask.tolist() == [True, True, True, False]
    assert table["p_generic"].unmasked.value[1] == 1e-12
    assert table["p_bayesian"].mask.all()
    assert table["n_coincident"].tolist()[1] == 0
    assert table["superevent"].tolist()[1] == "MS230427r"
    assert table["error_covers"].tolist()[:2] == ["statistical", None]
    assert table["notice_time"][2].isot == "1999-12-31T23:59:59.999999"
    assert all(table[name].info.description for name in table.colnames)


def test_other_programs_read_the_files(tmp_path: Path) -> None:
    for ending, form in (("ecsv", "ascii.ecsv"), ("fits", "fits"), ("vot", "votable")):
        path = tmp_path / f"alerts.{ending}"
        tables.write_table(tables.table(ALERTS), path)
        found = QTable.read(path, format=form)
        assert found["ra"].unit == u.deg
        assert found["energy"].mask.tolist() == [False, True, False, False]
        assert np.asarray(found["trigger_time"]).astype(str)[0].startswith("2023-04-16T07:42:31.42")


def test_fits_escapes_what_it_cannot_hold(tmp_path: Path) -> None:
    table = tables.table([make_alert(event_names=("é",), run_id=None)])
    tables.write_table(table, tmp_path / "alerts.fits")
    assert tables.read_table(tmp_path / "alerts.fits")["name"].tolist() == ["\\xe9"]
    tables.write_table(table, tmp_path / "alerts.vot")
    assert tables.read_table(tmp_path / "alerts.vot")["name"].tolist() == ["é"]


def test_part_of_a_table(tmp_path: Path) -> None:
    part = tables.table(ALERTS)["event", "ra"]
    tables.write_table(part, tmp_path / "part", form="ascii.ecsv")
    assert tables.read_table(tmp_path / "part", form="ascii.ecsv").colnames == ["event", "ra"]


def test_unknown_ending() -> None:
    with pytest.raises(ValueError, match=r"^expected a file name that ends in") as caught:
        tables.write_table(tables.table(ALERTS), "alerts.csv")
    assert str(caught.value).endswith(".ecsv, .fits, .fit, .vot, .votable, .xml, got '.csv'")


def test_import_is_cheap() -> None:
    code = "import sys, icecube_plugin.sky; sys.exit(bool({'numpy', 'astropy'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
