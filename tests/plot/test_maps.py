"""Sky map and finder: what is in the figure is where it should be on the sphere."""

from __future__ import annotations

import math
import re
import socket
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from lxml import etree
from matplotlib.colors import to_rgb
from matplotlib.patches import PathPatch, Polygon
from matplotlib.text import Text

import icecube_plugin
from icecube_hooks import (
    AlertKind,
    CoincidentEvent,
    Direction,
    GWReference,
    Record,
    Status,
    Tense,
)
from icecube_hooks.testing import example_records, make_record
from icecube_plugin.sky import contains, region
from icecube_plugin.sky.projections import mollweide_inverse
from icecube_plugin.views.plots import (
    PlotError,
    finder,
    sky_map,
    svg_finder,
    svg_map,
    to_pdf,
    to_png,
    to_svg,
)
from icecube_plugin.views.plots._events import STYLES, drawn, field_of
from tests.plot.places import PLACES, circle, of

DEG2_PER_PLANE = 2 * math.degrees(1) ** 2
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<script>alert(1)</script> $\\frac{ \U0001f52d & \"'"


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("a plot used the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def patches(figure: Any, label: str = "region") -> list[Any]:
    return [p for p in figure.axes[0].patches if p.get_label() == label]


def area_deg2(path: Any) -> float:
    """Return the area on the sphere of a path in the plane of the map."""
    total = 0.0
    for x, y in (ring.T for ring in path.to_polygons(closed_only=True)):
        total += float(np.sum(x[:-1] * y[1:] - y[:-1] * x[1:]) / 2)
    return total * DEG2_PER_PLANE


def texts(figure: Any) -> list[str]:
    return [text.get_text() for text in figure.findobj(match=lambda a: hasattr(a, "get_text"))]


@pytest.mark.parametrize("name", PLACES)
def test_area_of_the_drawn_region(name: str) -> None:
    (patch,) = patches(sky_map([of(PLACES[name])]))
    assert isinstance(patch, PathPatch)
    assert area_deg2(patch.get_path()) == pytest.approx(region(PLACES[name]).area_deg2, rel=0.012)


def test_vertices_are_as_far_as_the_radius() -> None:
    patch: Any
    (patch,) = patches(sky_map([of(circle(359.0, 60.0, 8.0))]))
    lon, dec = mollweide_inverse(*patch.get_path().vertices.T)
    inner = np.abs(lon) < 179.999
    sky = SkyCoord(180.0 - lon[inner], dec[inner], unit="deg")
    assert SkyCoord(359.0, 60.0, unit="deg").separation(sky).deg == pytest.approx(8.0, abs=1e-6)


def test_finder_regions_are_stated_and_scaled() -> None:
    place = circle(345.8, 9.1, 2.0)
    sizes = {}
    axes: Any = finder(of(place)).axes[0]
    for patch in axes.patches:
        if isinstance(patch, Polygon):
            outline: Any = patch.get_path().vertices
            sizes[patch.get_label()] = np.hypot(*outline.T)
    assert list(sizes) == ["50 % (scaled, 2-D Gaussian)", "error region, 90 % (stated)"]
    stated, scaled = sizes["error region, 90 % (stated)"], sizes["50 % (scaled, 2-D Gaussian)"]
    assert stated == pytest.approx(2.0)
    assert scaled == pytest.approx(2.0 * math.sqrt(math.log(0.5) / math.log(0.1)))


@pytest.mark.parametrize(
    ("more", "labels"),
    [
        ({"containment": None}, ["error region, containment not stated"]),
        (
            {"error_radius_50_deg": 1.1},
            ["50 % (stated)", "error region, 90 % (stated)"],
        ),
        (
            {"containment": 0.683},
            [
                "90 % (scaled, 2-D Gaussian)",
                "50 % (scaled, 2-D Gaussian)",
                "error region, 68.3 % (stated)",
            ],
        ),
    ],
)
def test_what_is_stated_is_said(more: dict[str, Any], labels: list[str]) -> None:
    field = field_of(of(circle(10.0, 20.0, 2.0, **more)), [])
    assert [shape.label for shape in field.shapes] == labels


@pytest.mark.parametrize(
    "name", [name for name in PLACES if "sky" not in name and "hemi" not in name]
)
def test_finder_outline_is_the_edge(name: str) -> None:
    """Points of the drawn outline, moved a little inward, are inside, and outward outside."""
    place = PLACES[name]
    field = field_of(of(place), [])
    edge = field.outline(next(s for s in field.shapes if s.role == "stated"))
    assert edge is not None
    east, north = edge
    centre = SkyCoord(place.ra_deg, place.dec_deg, unit="deg")
    for factor, inside in ((0.999, True), (1.001, False)):
        if place.asymmetric is not None:
            continue  # boxes are not scaled along great circles; test_astro has their edges
        angle = np.degrees(np.arctan2(east, north))
        point = centre.directional_offset_by(
            angle * centre.ra.unit, np.hypot(east, north) * factor * centre.ra.unit
        )
        assert set(contains(place, point).tolist()) == {inside}


def test_moves_are_joined_and_older_places_faint() -> None:
    older = of(circle(10.0, 0.0, 3.0), revision=0)
    newer = of(circle(20.0, 5.0, 1.0), revision=1, status=Status.UPDATE)
    (event,) = drawn([newer, older])
    assert [place.ra_deg for place in event.places] == [10.0, 20.0]
    figure = sky_map([newer, older])
    faint, strong = patches(figure)
    assert (faint.get_edgecolor()[3], strong.get_edgecolor()[3]) == (0.5, 1.0)
    assert faint.get_facecolor()[3] == 0.0 < strong.get_facecolor()[3]
    assert "older position (faint)" in texts(figure)
    assert len([a for a in figure.axes[0].texts if getattr(a, "arrow_patch", None)]) == 1
    assert 'class="older k-gold"' in svg_map([older, newer])
    assert 'class="arrow"' in svg_map([older, newer])


def test_places_that_agree_are_one() -> None:
    stated = of(circle(10.0, 0.0, 3.0))
    rounded = of(circle(10.01, 0.0, 1.0).replace(error_radius_deg=None), revision=1)
    (event,) = drawn([stated, rounded])
    assert [(place.ra_deg, place.error_radius_deg) for place in event.places] == [(10.01, 3.0)]


def test_finder_follows_the_newest_region() -> None:
    """An old region of 10 deg, 20 deg away, does not make a frame around one of 0.5 deg."""
    old = of(circle(30.0, 0.0, 10.0), revision=0)
    new = of(circle(10.0, 0.0, 0.5), revision=1, status=Status.UPDATE, raw=b"1")
    assert field_of(new, [old]).half_deg == pytest.approx(1.15 * 0.5, rel=0.01)
    assert "other revision, 20° E" in texts(finder(new, others=[old]))
    near = of(circle(10.4, 0.0, 0.3), revision=0)
    assert field_of(new, [near]).half_deg == pytest.approx(1.15 * 0.7, rel=0.01)
    assert "other revision" in texts(finder(new, others=[near]))


@pytest.mark.parametrize("dec", [0.0, 0.1, 30.0, 85.0, -89.5])
def test_ticks_of_a_finder_can_be_read(dec: float) -> None:
    """Round numbers, and none on another."""
    figure: Any = finder(of(circle(0.3, dec, 0.7)))
    figure.canvas.draw()
    for other in figure.axes[0].child_axes:
        for axis in (other.xaxis, other.yaxis):
            shown = [label for label in axis.get_ticklabels() if label.get_text()]
            assert all(re.fullmatch(r"[+-]?\d{1,3}(\.\d{1,2})?", one.get_text()) for one in shown)
            boxes = [label.get_window_extent() for label in shown]
            assert not [1 for a, b in combinations(boxes, 2) if a.overlaps(b)]


def test_neighbours_have_their_names_though_their_middle_is_outside() -> None:
    main = of(circle(10.0, 0.0, 1.0))
    beside = of(circle(14.0, 0.0, 3.5), run_id=5, event_names=("IceCube-200101A",), raw=b"n")
    figure: Any = finder(main, others=[beside])
    (name,) = [one for one in figure.axes[0].texts if one.get_text() == "IceCube-200101A"]
    half = field_of(main, [beside]).half_deg
    assert max(map(abs, name.xy)) < half < 4


def test_names_do_not_stand_on_another() -> None:
    records = [
        of(circle(80 + 5 * n, 5 + 2 * (n % 3), 2), run_id=n + 1, raw=str(n).encode(),
           event_names=(f"IceCube-2304{n + 10}A",))
        for n in range(12)
    ]  # fmt: skip
    figure: Any = sky_map(records)
    figure.canvas.draw()
    names = [text for text in figure.axes[0].texts if text.get_text().startswith("IceCube")]
    assert len(names) == 12
    boxes = [Text.get_window_extent(name) for name in names]
    assert not [1 for a, b in combinations(boxes, 2) if a.overlaps(b)]


def test_dashes_mean_scaled_and_nothing_else() -> None:
    older = of(circle(10.5, 0.0, 1.0), revision=0)
    newer = of(circle(10.0, 0.0, 1.0), revision=1, status=Status.UPDATE, raw=b"1")
    figures: Any = (finder(newer, others=[older]), sky_map([older, newer]))
    dashed = [
        artist.get_label()
        for figure in figures
        for artist in (*figure.axes[0].patches, *figure.axes[0].lines)
        if artist.get_linestyle() not in ("-", "solid", "None")
    ]
    assert dashed == ["50 % (scaled, 2-D Gaussian)"]
    svg = svg_finder(newer, others=[older])
    assert re.findall(r'class="(\w+) [^>]*stroke-dasharray', svg) == ["scaled"]
    assert "stroke-dasharray" not in svg_map([older, newer])


def test_heading_says_kind_name_notice_and_time() -> None:
    record = of(circle(10.0, 20.0, 2.0), revision=1)
    expected = "GOLD track IceCube-230416A, revision 1, 2023-04-16 07:42:31 UTC"
    assert sky_map([record]).axes[0].get_title() == expected
    assert finder(record).get_suptitle() == (
        f"{expected}\nRA 10.00°, Dec +20.00°, radius 2°, 90 % containment"
    )
    assert f"Sky map: {expected}</title>" in svg_map(record)


def test_retracted_is_crossed_out() -> None:
    story = [
        of(circle(10, 0, 1)),
        make_record(localization=None, status=Status.RETRACTION, raw=b"r"),
    ]
    figure = sky_map(story)
    assert [line.get_marker() for line in figure.axes[0].lines].count("x") == 1
    assert patches(figure)[0].get_facecolor()[3] == 0.0
    assert "retracted" in texts(figure)
    for svg in (svg_map(story), svg_finder(story[1], others=story[:1])):
        assert svg.count('class="retracted"') == 1


def test_tests_are_left_out_unless_asked_for() -> None:
    real, test = of(circle(1, 1, 1)), of(circle(99, 1, 1), tense=Tense.TEST)
    assert len(patches(sky_map([real, test]))) == 1
    assert len(patches(sky_map([real, test], tests=True))) == 2
    with pytest.raises(
        PlotError, match=r"^no alert with a position to draw \(tests are left out\)$"
    ):
        sky_map([test])
    assert "NOT REAL" in sky_map([test], tests=True).axes[0].get_title()


def test_nothing_to_draw_is_said() -> None:
    for draw in (sky_map, svg_map):
        with pytest.raises(PlotError, match=r"^no alert with a position to draw$"):
            draw([make_record(localization=None)])
    with pytest.raises(PlotError, match=r"states no position$"):
        finder(make_record(localization=None))


def test_search_shows_its_neutrinos() -> None:
    neutrino = CoincidentEvent(localization=circle(12.0, 3.0, 0.7), run_id=1, event_id=2)
    record = make_record(
        kind=AlertKind.LVK_SEARCH,
        localization=None,
        event_names=(),
        gw=GWReference(superevent_id="S230914ak"),
        most_probable_direction=Direction(ra_deg=14.0, dec_deg=2.0),
        coincident_events=(neutrino, CoincidentEvent()),
    )
    (event,) = drawn([record])
    assert [place.ra_deg for place in event.places] == [14.0]
    assert [place.ra_deg for place in event.neutrinos] == [12.0]
    assert {"1", "neutrino 1"} <= set(texts(sky_map([record])))
    beside = of(circle(12.1, 3.0, 3.0))
    assert "S230914ak" in texts(finder(beside, others=[record]))
    near = field_of(beside, [record])
    assert "neutrino of S230914ak" in [shape.label for shape in near.shapes]
    assert 'class="neutrino k-lvk-search"' in svg_finder(record)


def test_no_sun_without_a_time() -> None:
    assert "Sun" not in texts(sky_map([of(circle(1, 1, 1), trigger_time=None)]))
    assert "Sun" in texts(sky_map([of(circle(1, 1, 1))]))


DEUTERANOPIA = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                [-0.011820, 0.042940, 0.968881]]  # fmt: skip
PROTANOPIA = [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
              [-0.003882, -0.048116, 1.051998]]  # fmt: skip
"""Machado, Oliveira & Fernandes (2009), severity 1, on linear RGB."""
TO_XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
                   [0.0193339, 0.1191920, 0.9503041]])  # fmt: skip


def linear(colour: str) -> Any:
    rgb = np.array(to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb: Any) -> Any:
    x, y, z = np.cbrt(TO_XYZ @ np.clip(rgb, 0, 1) / TO_XYZ.sum(axis=1))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize(
    "sight", [np.eye(3), DEUTERANOPIA, PROTANOPIA], ids=["normal", "deuteranopia", "protanopia"]
)
def test_kinds_are_told_apart_by_everybody(sight: Any) -> None:
    seen = {kind: lab(np.array(sight) @ linear(style.colour)) for kind, style in STYLES.items()}
    for one, other in combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 20, (one, other)


def test_kinds_are_seen_on_white() -> None:
    for kind, style in STYLES.items():
        assert 1.05 / (TO_XYZ[1] @ linear(style.colour) + 0.05) > 3, kind


def test_each_kind_has_colour_and_marker_of_its_own() -> None:
    assert set(STYLES) == set(AlertKind)
    assert len({style.colour for style in STYLES.values()}) == len(STYLES)
    assert len({style.marker for style in STYLES.values()}) == len(STYLES)


def test_svg_is_self_contained_and_stable() -> None:
    record = of(circle(0.0, 80.0, 5.0), event_names=(HOSTILE,))
    svg = to_svg(sky_map([record]))
    assert svg == to_svg(sky_map([record]))
    root = etree.fromstring(svg)
    assert root.tag == f"{SVG}svg"
    assert not re.findall(r"<(metadata|script|image|!DOCTYPE|\?xml)", svg)
    assert not re.findall(r"""(?:href|src)=["'](?!#)|@import|url\((?!#)""", svg)
    assert "&lt;script&gt;" in svg
    ids = [one.get("id") for one in root.iter() if one.get("id")]
    assert len(ids) == len(set(ids)) > 0
    assert set(re.findall(r"""(?:url\(|href=")#([^)"]+)""", svg)) == set(ids)
    other = to_svg(finder(record))
    assert not set(re.findall(r'\bid="([^"]+)"', other)) & set(ids)


def test_png_and_pdf() -> None:
    figure = finder(of(circle(0.0, 80.0, 5.0)))
    assert to_png(figure, 50).startswith(b"\x89PNG")
    assert to_png(figure, 50) == to_png(figure, 50) != to_png(figure, 60)
    assert to_pdf(figure).startswith(b"%PDF")
    assert b"CreationDate" not in to_pdf(figure)


def test_all_examples_can_be_drawn() -> None:
    """Missing values, Unicode, names of 5000 characters, poles."""
    records = example_records()
    to_svg(sky_map(records, tests=True))
    to_svg(finder(next(r for r in records if r.alert.localization), others=records))
    for record in records:
        try:
            assert len(svg_map(record)) < 30_000
            assert len(svg_finder(record, others=records)) < 30_000
        except PlotError:
            assert record.alert.localization is None


# --- light maps ---------------------------------------------------------------------------------


def light_area_deg2(svg: str) -> float:
    """Return the area on the sphere of the one region of a light map."""
    (path,) = [one.get("d", "") for one in etree.fromstring(svg).iter(f"{SVG}path")
               if one.get("class") == "region"]  # fmt: skip
    total = 0.0
    for ring in path.split("z")[:-1]:
        start, steps = ring[1:].split("l")
        numbers = [int(n) for n in re.findall(r"-?\d+", steps)]
        first = np.array([[int(n) for n in start.split()]])
        x, y = np.vstack((first, first + np.cumsum(np.array(numbers).reshape(-1, 2), axis=0))).T
        total -= float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)) / 2)
    return total / 1e6 * DEG2_PER_PLANE


@pytest.mark.parametrize("name", [name for name in PLACES if name != "small circle"])
def test_light_map_agrees_with_the_figure(name: str) -> None:
    record = of(PLACES[name])
    (patch,) = patches(sky_map([record]))
    light = light_area_deg2(svg_map(record))
    assert light == pytest.approx(area_deg2(patch.get_path()), rel=0.03, abs=1.0)


def test_light_map_stands_in_a_page() -> None:
    record = of(circle(0.0, 80.0, 20.0), event_names=(HOSTILE,))
    for svg in (svg_map(record), svg_finder(record)):
        root = etree.fromstring(svg)
        tags = {etree.QName(one).localname for one in root.iter()}
        assert tags <= {"svg", "title", "desc", "path", "g", "text", "circle", "ellipse"}
        attributes = {name for one in root.iter() for name in one.attrib}
        assert not attributes & {"id", "style", "href", "onload"}
        assert root.get("stroke") == "currentColor"
        assert "&lt;script&gt;" in svg
        assert "<script" not in svg
        assert len(svg) < 30_000


def test_light_season_is_small(fixtures: Path) -> None:
    paths = sorted((fixtures / "gcn.classic.voevent.ICECUBE_ASTROTRACK_GOLD").iterdir())
    records = [icecube_plugin.read(path, topic=path.parent.name) for path in paths[:10]]
    many = [
        Record.of(one.message, one.alert.replace(run_id=number, event_id=1))
        for number in range(50)
        for one in records
    ]
    assert len(svg_map(many)) < 250_000


def test_import_is_cheap() -> None:
    code = (
        "import sys, icecube_plugin.views.plots;"
        "print([m for m in ('matplotlib', 'numpy', 'astropy', 'scipy') if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
