"""The annotator: what it says of IceCube's own circulars, maps, options, and where it is shown."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from icecube_hooks import Annotation, ConfigError, Localization, Record
from icecube_hooks.host import load_plugins
from icecube_hooks.testing import make_alert, make_record
from icecube_plugin.significance.counterparts import make_annotate
from icecube_plugin.views.message import compose
from icecube_plugin.views.pages import page, tell
from icecube_plugin.views.plots import finder
from icecube_plugin.views.summary import summary
from tests.plot.places import box, circle
from tests.significance.alerts import T0
from tests.sky.test_catalogues import SOURCES
from tests.sky.test_skymaps import DEC, RA, uniq_file

IC230914A = box(163.83, 31.83, 2.02, 2.60, 2.13, 1.79)
"""GCN Circular 34693: two sources inside, 1.31 and 2.28 deg away."""


def record(place: Localization | None) -> Record:
    return make_record(alert=make_alert(localization=place))


def annotated(place: Localization | None, **options: Any) -> list[Annotation]:
    catalogues = {"4FGL": str(SOURCES)}
    return list(make_annotate(**{"catalogues": catalogues, **options})(record(place)))


def test_a_circular_of_icecube() -> None:
    (found,) = annotated(IC230914A)
    assert found.label == "counterparts in 4FGL"
    assert found.text.startswith("4FGL: 2 in the 90% region (15.4 deg2, ")
    assert found.text.endswith(
        " by chance): 4FGL J1051.6+3253 (1.31 deg away), 4FGL J1102.9+3014 (2.28 deg away)."
    )
    (region,) = found.data["regions"]
    assert (region["n_inside"], region["is_map"], region["containment"]) == (2, False, 0.9)
    names = [one["name"] for one in found.data["sources"]]
    assert names == ["4FGL J1051.6+3253", "4FGL J1102.9+3014"]


def test_none_inside_names_the_nearest() -> None:
    """GCN Circular 34527."""
    (found,) = annotated(box(17.93, -12.1, 0.38, 0.36, 0.24, 0.23))
    assert "none in the 90% region" in found.text
    assert found.text.endswith("; nearest 4FGL J0110.7-1254 (0.84 deg away).")
    assert found.data["sources"] == []


def test_the_inner_region() -> None:
    place = circle(163.83, 31.83, 3.0, error_radius_50_deg=1.5)
    (found,) = annotated(place)
    assert [one["n_inside"] for one in found.data["regions"]] == [1, 2]
    assert "1 in the 50% region (7.07 deg2" in found.text


def test_a_map_takes_the_place_of_the_circle(tmp_path: Path) -> None:
    (tmp_path / "a.fits.gz").write_bytes(gzip.compress(uniq_file()))
    sources = tmp_path / "sources.csv"
    sources.write_text(f"name,ra,dec\nA,{RA},{DEC + 3}\nB,{RA},{DEC + 6}\nC,{RA},{DEC + 9}\n")
    place = circle(RA, DEC, 1.0, skymap_fits_url="https://a/a.fits.gz")
    options = {"catalogues": {"mine": str(sources)}, "areas_deg2": {"mine": 30.0}}
    (by_circle,) = annotated(place, **options)
    (by_map,) = annotated(place, **options, maps=str(tmp_path))
    assert by_circle.data["sources"] == []
    assert [one["n_inside"] for one in by_map.data["regions"]] == [1, 2]
    for region in by_map.data["regions"]:
        assert region["n_expected"] == pytest.approx(0.1 * region["area_deg2"])
    assert "2 in the 90% region of the sky map (" in by_map.text
    (tmp_path / "a.fits.gz").write_bytes(b"broken")
    (fallen_back,) = annotated(place, **options, maps=str(tmp_path))
    assert fallen_back == by_circle


def test_nothing_to_say() -> None:
    assert annotated(None) == []
    assert annotated(Localization(ra_deg=1.0, dec_deg=2.0)) == []
    assert list(make_annotate()(record(IC230914A))) == []


def test_many_are_cut(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    rows = [f"S{n},{rng.uniform(9, 11)},{rng.uniform(-1, 1)}" for n in range(50)]
    (tmp_path / "many.csv").write_text("\n".join(["name,ra,dec", *rows]))
    options = {"catalogues": {"many": str(tmp_path / "many.csv")}, "most": 5}
    (found,) = annotated(circle(10.0, 0.0, 5.0), **options)
    assert len(found.data["sources"]) == 5
    assert found.data["regions"][0]["n_inside"] == 50
    assert found.text.endswith(" and 47 more.")


def test_wrong_options() -> None:
    with pytest.raises(ConfigError, match="no catalogue 'none'"):
        make_annotate(catalogues={"4FGL": SOURCES}, columns={"none": {}})
    with pytest.raises(ConfigError, match="not a catalogue"):
        make_annotate(catalogues={"4FGL": Path("/nowhere.fits")})


@pytest.fixture
def shown() -> Record:
    """Return a record as the host makes it of a configuration."""
    options = {"catalogues": {"4FGL": str(SOURCES)}, "most": 3}
    plugins = load_plugins(annotators={"counterparts": options})
    kept = record(IC230914A)
    return kept.replace(annotations=plugins.annotate(kept))


def test_shown_and_apart_from_significance(shown: Record) -> None:
    (annotation,) = shown.annotations
    assert annotation.provider == "counterparts"
    assert annotation.text in summary(shown)
    assert "4FGL J1051.6+3253 (1.31 deg away)" in compose(shown, now=T0).text()
    assert annotation.text in repr(page(next(iter(tell([shown])))))
    assert not any("4FGL" in repr(one) for one in shown.significances)
    assert Record.from_json(shown.to_json()) == shown


def test_in_the_finder(shown: Record) -> None:
    figure: Any = finder(shown)
    from matplotlib.text import Text

    texts = [text.get_text() for text in figure.findobj(Text)]
    assert "4FGL J1051.6+3253" in texts
    assert "source of a catalogue" in texts
    odd = Annotation(
        provider="x", label="y", text="z", data={"sources": [1, {"name": "n"}, {"ra_deg": "1"}]}
    )
    finder(shown.replace(annotations=(odd,)))
