"""Sky maps against ligo.skymap: LVK's own sample maps, and one with distances made here."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from icecube_plugin.notices.inside import taken_out
from icecube_plugin.sky.skymaps import SkyMap, read_skymap
from tests.adapters.conftest import ROOT, Peers
from tests.sky.test_skymaps import multi_order, table

pytestmark = pytest.mark.full

CONTAINMENTS = (0.5, 0.9)
ASK = """
import json, sys
import astropy_healpix as healpix
import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from ligo.skymap.distance import parameters_to_moments
from ligo.skymap.io import read_sky_map
from ligo.skymap.postprocess.crossmatch import crossmatch
answers = []
for path, places in json.load(sys.stdin):
    places = np.array(places)
    skymap = read_sky_map(path, moc=True)
    found = crossmatch(skymap, SkyCoord(*places.T, unit="deg"), contours=(0.5, 0.9))
    answer = {"areas": found.contour_areas, "levels": found.searched_prob.tolist()}
    order, ipix = healpix.uniq_to_level_ipix(skymap["UNIQ"])
    first = ipix * 4 ** (29 - order)
    line = np.argsort(first)
    at = healpix.lonlat_to_healpix(*(places.T * u.deg), 2**29, order="nested")
    rows = skymap[line[np.searchsorted(first[line], at, side="right") - 1]]
    answer["densities"] = (np.asarray(rows["PROBDENSITY"]) * np.radians(1) ** 2).tolist()
    moments = parameters_to_moments(*(np.asarray(rows[n]) for n in ("DISTMU", "DISTSIGMA")))
    answer["distances"] = np.column_stack(moments[:2]).tolist()
    answers.append(answer)
print(json.dumps(answers))
"""


def sample_maps() -> Iterator[bytes]:
    """Yield the maps of LVK's sample notices; none where the corpus is not there."""
    for file in sorted((ROOT / ".." / "shared" / "corpus" / "gw").glob("*.json")):
        yield from taken_out(file.read_bytes())[1].values()


def made_map() -> bytes:
    """Return a map with distances that differ from pixel to pixel."""
    order, ipix, probability = multi_order()
    mu = 300.0 + 100.0 * np.sin(ipix)
    sigma, area = 40.0 + 30.0 * np.cos(ipix), 4 * math.pi / 12 / 4.0**order
    columns = {"UNIQ": ipix + 4 * 4**order, "PROBDENSITY": probability / area}
    columns |= {"DISTMU": mu, "DISTSIGMA": sigma, "DISTNORM": 1 / (mu**2 + sigma**2)}
    units = {"TUNIT2": "sr-1", "TUNIT3": "Mpc", "TUNIT4": "Mpc", "TUNIT5": "Mpc-2"}
    return table(columns, ordering="NUNIQ", coordsys="C", **units)


def asked(python: str, questions: Sequence[tuple[Path, Any]]) -> list[Any]:
    """Return what ligo.skymap says of the places in each map."""
    given = json.dumps([[str(file), np.asarray(places).tolist()] for file, places in questions])
    done = subprocess.run([python, "-c", ASK], input=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def places_of(skymap: SkyMap) -> Any:
    """Return places all over the map: best ones, ones in the tail, and some of the whole sky."""
    random = np.random.default_rng(20241125)
    ra, dec = skymap.most_probable_deg()
    near = (ra + random.normal(0, 8, 40)) % 360, np.clip(random.normal(dec, 8, 40), -89, 89)
    sky = random.uniform(0, 360, 20), np.degrees(np.arcsin(random.uniform(-1, 1, 20)))
    return np.vstack(([[ra, dec]], np.column_stack(near), np.column_stack(sky)))


@pytest.mark.parametrize("most", [2, pytest.param(None, marks=pytest.mark.nightly)])
def test_the_same_as_ligo_skymap(peers: Peers, tmp_path: Path, most: int | None) -> None:
    """It takes ten seconds for each map."""
    python = peers("plot", "ligo.skymap==2.5.4")
    maps = [made_map(), *sample_maps()][:most]
    files = [tmp_path / f"{number}.fits" for number in range(len(maps))]
    for file, content in zip(files, maps, strict=True):
        file.write_bytes(content)
    skymaps = [found for found in map(read_skymap, files) if isinstance(found, SkyMap)]
    all_places = [places_of(skymap) for skymap in skymaps]
    answers = asked(python, list(zip(files, all_places, strict=True)))
    for skymap, places, theirs in zip(skymaps, all_places, answers, strict=True):
        areas = [skymap.area_deg2(c) for c in CONTAINMENTS]
        assert areas == pytest.approx(theirs["areas"], rel=1e-3)
        assert skymap.credible_level(*places.T) == pytest.approx(theirs["levels"], abs=1e-3)
        assert skymap.density_deg2(*places.T) == pytest.approx(theirs["densities"], rel=1e-6)
        for place, (mean, sigma) in zip(places, theirs["distances"], strict=True):
            ours = skymap.distance_mpc(*place)
            if ours is not None and math.isfinite(mean):
                assert ours == pytest.approx((mean, sigma), rel=1e-3)
        assert skymap.distance_mpc(*places[0]) is not None
