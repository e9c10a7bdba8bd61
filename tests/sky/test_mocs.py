"""Coverage maps against mocpy's own shapes, and the command and the sink that write them."""

from __future__ import annotations

from pathlib import Path

import pytest
import regions
from astropy import units as u
from astropy.coordinates import Latitude, Longitude
from hypothesis import given, settings
from hypothesis import strategies as st
from mocpy import MOC

from icecube_hooks import Ellipse, Localization, Record
from icecube_hooks.testing import SinkConformance, example_records, make_localization, make_record
from icecube_plugin.cli.command import main
from icecube_plugin.sinks.moc import Moc
from icecube_plugin.sky import region
from icecube_plugin.sky.mocs import moc, moc_area, moc_bytes
from icecube_plugin.sky.skymaps import Maps, parse_skymap
from tests.sky.test_skymaps import uniq_file

SKY_DEG2 = 41_252.961
PLACES = {"ra_deg": st.floats(0, 359.999), "dec_deg": st.floats(-90, 90)}


def deg2(found: MOC) -> float:
    return float(found.sky_fraction) * SKY_DEG2


def at(place: Localization) -> tuple[Longitude, Latitude]:
    return Longitude(place.ra_deg, u.deg), Latitude(place.dec_deg, u.deg)


def differ(ours: MOC, theirs: MOC) -> float:
    """Return what is in one of the two only, as a share of theirs."""
    return deg2(ours.symmetric_difference(theirs)) / deg2(theirs)


@settings(max_examples=12, deadline=None)
@given(st.builds(make_localization, error_radius_deg=st.floats(0.01, 40), **PLACES))
def test_a_circle_has_its_area(place: Localization) -> None:
    assert deg2(moc(region(place))) == pytest.approx(region(place).area_deg2, rel=0.02)


# From 22 degrees on mocpy takes the whole cell of 3438 square degrees in whose middle a cone is.
@settings(max_examples=12, deadline=None)
@given(st.builds(make_localization, error_radius_deg=st.floats(0.01, 20), **PLACES))
def test_a_circle_is_the_cone_of_mocpy(place: Localization) -> None:
    ours = moc(region(place))
    radius = place.error_radius_deg
    assert radius is not None
    theirs = MOC.from_cone(*at(place), radius=radius * u.deg, max_depth=ours.max_order + 2)
    assert differ(ours, theirs) < 0.15  # the cells at the edge


@settings(max_examples=12, deadline=None)
@given(
    st.floats(0.05, 8),
    st.floats(0.3, 0.999),  # mocpy takes no circle here
    st.floats(0, 179),
    st.builds(make_localization, error_radius_deg=st.none(), **PLACES),
)
def test_an_ellipse_is_that_of_mocpy(
    major: float, flat: float, angle: float, place: Localization
) -> None:
    axes = {"semi_major_deg": major, "semi_minor_deg": major * flat}
    place = place.replace(ellipse=Ellipse(**axes, position_angle_deg=angle))
    ours = moc(region(place))
    sizes = {"a": major * u.deg, "b": major * flat * u.deg, "pa": angle * u.deg}
    theirs = MOC.from_elliptical_cone(*at(place), **sizes, max_depth=ours.max_order + 1)
    assert differ(ours, theirs) < 0.2  # the cells at the edge


def test_a_sky_map_is_taken_where_it_is_at_hand(tmp_path: Path) -> None:
    (tmp_path / "map.fits").write_bytes(uniq_file())
    place = make_localization(skymap_fits_url="https://example.org/map.fits")
    skymap = parse_skymap(uniq_file())
    for level in (0.5, 0.9):
        area = moc_area(place, level, Maps(tmp_path))
        assert area is not None
        assert deg2(moc(area)) == pytest.approx(skymap.area_deg2(level), rel=0.02)
    stated = moc_area(place, 0.9)
    assert stated is not None
    assert deg2(moc(stated)) == pytest.approx(region(place).area_deg2, rel=0.02)


@pytest.mark.parametrize(
    ("changes", "level", "radius"),
    [
        ({}, 0.9, 0.61),
        ({}, 0.5, 0.61 * 0.5486),  # sqrt(ln 2 / ln 10)
        ({"error_radius_50_deg": 0.2}, 0.5, 0.2),
        ({"containment": 0.5}, 0.9, 0.61 / 0.5486),
        ({"containment": None}, 0.9, None),
        ({"error_radius_deg": None}, 0.9, None),
    ],
)
def test_which_region_is_meant(
    changes: dict[str, float | None], level: float, radius: float | None
) -> None:
    area = moc_area(make_localization(**changes), level)
    assert (area is None) == (radius is None)
    if area is not None and radius is not None:
        assert area.reach_deg() == pytest.approx(radius, rel=0.03)


def test_the_bytes_depend_on_nothing_else() -> None:
    area = region(make_localization())
    assert moc_bytes([area]) == moc_bytes([area])


# --- the sink -------------------------------------------------------------------------------------


def has_region(record: Record) -> bool:
    place = record.alert.localization
    return place is not None and moc_area(place, 0.9) is not None


class TestMoc(SinkConformance):
    factory = Moc
    keeps_order = False
    bad_options = ({"folder": 5}, {"folder": "/dev/null/x"}, {"sync": "no"})

    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path) -> None:
        self.path = tmp_path / "out"

    def make_sink(self) -> Moc:
        return Moc(folder=self.path, maps=self.path)

    def records(self) -> tuple[Record, ...]:
        return tuple(record for record in example_records() if has_region(record))[:4]

    def written_ids(self, sink: object) -> list[str]:
        assert isinstance(sink, Moc)
        names = (path.name.removesuffix(".90.fits") for path in self.path.glob("*.90.fits"))
        return [name.replace("+", ":") for name in names]


def test_each_record_has_two_files(tmp_path: Path) -> None:
    sink, record = Moc(folder=tmp_path, maps=tmp_path), make_record()
    sink.write([record, make_record(localization=None, run_id=1)])
    half, most = (MOC.load(sink.path(record, level)) for level in (0.5, 0.9))
    assert len(list(tmp_path.iterdir())) == 2
    assert deg2(half) / deg2(most) == pytest.approx(0.301, rel=0.02)
    assert deg2(half.intersection(most)) == pytest.approx(deg2(half), rel=1e-3)


def test_a_search_has_its_neutrinos(tmp_path: Path, fixtures: Path) -> None:
    file = fixtures / "gcn.notices.icecube.lvk_nu_track_search" / "S241225c-3-Initial.json"
    out = tmp_path / "x.fits"
    assert main(["region", "S241225c", str(file), "-o", str(out)]) == 0
    assert deg2(MOC.load(out)) == pytest.approx(3.1416 * (0.43**2 + 2.45**2), rel=0.01)


def test_a_systematic_error_is_added(tmp_path: Path, fixtures: Path) -> None:
    Moc(folder=tmp_path, maps=tmp_path, systematic_deg=0.2).write([make_record()])
    half, most = (MOC.load(path) for path in sorted(tmp_path.glob("*.fits")))
    assert deg2(most) == pytest.approx(3.1416 * (0.61**2 + 0.2**2), rel=0.02)
    assert deg2(half) / deg2(most) == pytest.approx(0.301, rel=0.02)
    file = str(fixtures / "gcn.classic.text.ICECUBE_ASTROTRACK_GOLD" / "136565_2186969_1.txt")
    words = ["region", "136565_2186969", file, "--systematic-deg", "0.5", "-o"]
    assert main([*words, str(tmp_path / "x.fits")]) == 0
    found = deg2(MOC.load(tmp_path / "x.fits"))
    assert found == pytest.approx(3.1416 * (1.14**2 + 0.5**2), rel=0.02)
    assert main([*words, str(tmp_path / "x.reg")]) == 0
    assert 'circle(346.11000,8.91000,4480.84")' in (tmp_path / "x.reg").read_text()  # from 68.39'
    assert "+0.5 deg 90 %" in (tmp_path / "x.reg").read_text()


# --- the command ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("ending", "form"), [("reg", "ds9"), ("crtf", "crtf")])
def test_regions_are_read_by_the_library(
    ending: str, form: str, tmp_path: Path, fixtures: Path
) -> None:
    file = fixtures / "gcn.classic.text.ICECUBE_ASTROTRACK_GOLD" / "136565_2186969_1.txt"
    out = tmp_path / f"x.{ending}"
    assert main(["region", "136565_2186969", str(file), "-o", str(out)]) == 0
    found = regions.Regions.read(str(out), format=form)
    radii = [one.radius.to_value(u.deg) for one in found if hasattr(one, "radius")]
    assert sorted(radii) == pytest.approx([0.63, 1.14], rel=1e-3)


def test_what_cannot_be_written_is_said(
    tmp_path: Path, fixtures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(fixtures / "gcn.classic.text.ICECUBE_ASTROTRACK_GOLD" / "136565_2186969_1.txt")
    assert main(["region", "136565_2186969", file, "-o", str(tmp_path / "x.png")]) == 2
    assert (
        "'.png' is not a form of file that is known (.fits, .reg or .crtf)"
        in capsys.readouterr().err
    )
    assert main(["region", "IC000101A", file, "-o", str(tmp_path / "x.reg")]) == 1
    assert "no event 'IC000101A'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
