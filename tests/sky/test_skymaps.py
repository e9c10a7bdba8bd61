"""Sky maps, against the analytic Gaussian on the sphere and astropy-healpix itself."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import math
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import astropy_healpix as healpix
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from scipy.optimize import brentq
from scipy.stats import kstest

from icecube_hooks import Localization
from icecube_plugin import sky
from icecube_plugin.sky.skymaps import (
    LikelihoodScan,
    MapRegion,
    Maps,
    SkyMap,
    SkyMapError,
    fetch_skymap,
    parse_skymap,
    read_skymap,
)
from icecube_plugin.views.plots import finder, sky_map
from tests.plot.places import circle, of

RA, DEC, SIGMA = 359.5, -30.0, 3.0
ORDER = 7


def share_within(radius_deg: float) -> float:
    """Return the probability within a radius of exp(-r^2 / 2 sigma^2) on the sphere."""
    r = np.radians(np.linspace(0, 30, 20_001))
    weight = np.exp(-(r**2) / 2 / math.radians(SIGMA) ** 2) * np.sin(r)
    return float(np.sum(weight[r <= math.radians(radius_deg)]) / np.sum(weight))


def cap_deg2(radius_deg: float) -> float:
    return 2 * math.pi * (1 - math.cos(math.radians(radius_deg))) * math.degrees(1) ** 2


def gaussian(order: Any, ipix: Any) -> Any:
    lon, lat = healpix.healpix_to_lonlat(ipix, 2**order, order="nested")
    distance = SkyCoord(RA, DEC, unit="deg").separation(SkyCoord(lon, lat)).deg
    density = np.exp(-(distance**2) / 2 / SIGMA**2)
    area = 4.0**-order
    return density * area / np.sum(density * area)


def flat() -> tuple[Any, Any, Any]:
    ipix = np.arange(12 * 4**ORDER)
    order = np.full(len(ipix), ORDER)
    return order, ipix, gaussian(order, ipix)


def multi_order() -> tuple[Any, Any, Any]:
    """Return small pixels within 15 deg, and large ones far away."""
    coarse = np.arange(12 * 4**3)
    lon, lat = healpix.healpix_to_lonlat(coarse, 8, order="nested")
    near = SkyCoord(RA, DEC, unit="deg").separation(SkyCoord(lon, lat)).deg < 22
    fine = (coarse[near, None] * 4**5 + np.arange(4**5)).ravel()
    order = np.concatenate((np.full((~near).sum(), 3), np.full(len(fine), 8)))
    ipix = np.concatenate((coarse[~near], fine))
    return order, ipix, gaussian(order, ipix)


def table(columns: dict[str, Any], **header: Any) -> bytes:
    formats = {"i": "K", "f": "D"}
    hdu = fits.BinTableHDU.from_columns(
        [
            fits.Column(name, formats[np.asarray(c).dtype.kind], array=c)
            for name, c in columns.items()
        ]
    )
    hdu.header.update({key.upper(): value for key, value in header.items()})
    file = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(file)
    return file.getvalue()


def uniq_file() -> bytes:
    order, ipix, probability = multi_order()
    density = probability / (4 * math.pi / 12 / 4.0**order)
    return table(
        {"UNIQ": ipix + 4 * 4**order, "PROBDENSITY": density}, ordering="NUNIQ", coordsys="C"
    )


def ring_file() -> bytes:
    _, ipix, probability = flat()
    ring = probability[healpix.HEALPix(2**ORDER).ring_to_nested(ipix)]
    return table({"PROBABILITY": ring}, ordering="RING", nside=2**ORDER)


def nested_file() -> bytes:
    _, _, probability = flat()
    return table({"PROB": probability}, ordering="NESTED", nside=2**ORDER)


FILES = {"multi-order": uniq_file, "ring": ring_file, "nested": nested_file}


@pytest.fixture(scope="module", params=FILES)
def skymap(request: pytest.FixtureRequest) -> SkyMap:
    found = parse_skymap(FILES[request.param]())
    assert isinstance(found, SkyMap)
    return found


def test_area_is_that_of_the_gaussian(skymap: SkyMap) -> None:
    for containment in (0.1, 0.5, 0.9, 0.99):
        radius = brentq(lambda r, c=containment: share_within(r) - c, 0.1, 20)
        assert skymap.area_deg2(containment) == pytest.approx(cap_deg2(radius), rel=0.01)


def test_probability_within_a_circle(skymap: SkyMap) -> None:
    for radius in (1.0, 3.0, 7.0):
        found = skymap.probability_within(RA, DEC, radius)
        assert found == pytest.approx(share_within(radius), abs=2e-3)
    assert skymap.probability_within(RA, DEC, 180.0) == pytest.approx(1.0)
    assert skymap.probability_within(RA, DEC, 0.0) == 0.0


def test_density_and_level_at_positions(skymap: SkyMap) -> None:
    peak = 1 / (2 * math.pi * SIGMA**2)
    assert skymap.density_deg2(RA, DEC) == pytest.approx(peak, rel=0.02)
    north = np.array([0.5, 3.0, 6.0])
    levels = skymap.credible_level(RA, DEC + north)
    assert levels == pytest.approx([share_within(r) for r in north], abs=0.04)
    assert skymap.contains(RA, DEC + north, 0.5).tolist() == [True, True, False]
    assert skymap.contains(RA, DEC) is True
    assert (skymap.density_deg2(math.nan, 0.0), skymap.credible_level(math.nan, 0.0)) == (0.0, 1.0)


@pytest.mark.parametrize("away_deg", [0.0, 2.0, 6.0, 12.0])
@pytest.mark.parametrize("radius_deg", [0.5, 4.0])
def test_overlap_is_that_of_two_gaussians(
    skymap: SkyMap, away_deg: float, radius_deg: float
) -> None:
    """Their product integrated over a flat sky, times 4 pi."""
    own = radius_deg / math.sqrt(-2 * math.log(1 - 0.9))
    both = own**2 + SIGMA**2
    flat_sky = 4 * math.pi * math.degrees(1) ** 2 / (2 * math.pi * both)
    expected = flat_sky * math.exp(-(away_deg**2) / 2 / both)
    found = skymap.overlap(RA, DEC + away_deg, radius_deg, 0.9)
    assert found == pytest.approx(expected, rel=0.05 if away_deg < 10 else 0.2)


def test_overlap_with_what_says_nothing(skymap: SkyMap) -> None:
    even = SkyMap(np.zeros(12, int), np.arange(12), np.full(12, 1 / 12))
    assert even.overlap(10.0, 20.0, 3.0, 0.5) == pytest.approx(1.0)
    assert skymap.overlap(10.0, 20.0, 100.0, 1e-9) == pytest.approx(1.0, rel=0.05)
    with pytest.raises(ValueError, match="expected an error circle"):
        even.overlap(10.0, 20.0, 3.0, 1.0)


@pytest.mark.parametrize(("mu", "sigma"), [(400.0, 90.0), (10.0, 200.0), (-300.0, 100.0)])
def test_distance_is_that_of_drawn_ones(mu: float, sigma: float) -> None:
    random, n = np.random.default_rng(7), 2_000_000
    r = random.uniform(0, max(mu, 0) + 8 * sigma, n)
    weight = r**2 * np.exp(-((r - mu) ** 2) / 2 / sigma**2)
    mean = float(np.average(r, weights=weight))
    spread = float(np.average((r - mean) ** 2, weights=weight)) ** 0.5
    columns = [np.full(12, value) for value in (mu, sigma, 1.0)]
    found = SkyMap(np.zeros(12, int), np.arange(12), np.full(12, 1 / 12), columns)
    assert found.distance_mpc(10.0, 20.0) == pytest.approx((mean, spread), rel=0.01)


def test_distance_that_is_not_stated(skymap: SkyMap) -> None:
    assert skymap.distance_mpc(RA, DEC) is None
    for mu, sigma, norm in ((math.inf, 1.0, 0.0), (1.0, math.nan, 1.0), (1.0, 1.0, 0.0)):
        columns = [np.full(12, value) for value in (mu, sigma, norm)]
        one = SkyMap(np.zeros(12, int), np.arange(12), np.full(12, 1 / 12), columns)
        assert one.distance_mpc(10.0, 20.0) is None


def test_most_probable(skymap: SkyMap) -> None:
    ra, dec = skymap.most_probable_deg()
    best = SkyCoord(ra, dec, unit="deg").separation(SkyCoord(RA, DEC, unit="deg")).deg
    assert best < 0.6


def test_region_has_its_probability(skymap: SkyMap) -> None:
    random = np.random.default_rng(5)
    chosen = random.choice(len(skymap.probability), size=4000, p=skymap.probability)
    lon, lat = healpix.healpix_to_lonlat(
        skymap.ipix[chosen], 2 ** skymap.order[chosen], order="nested"
    )
    assert np.mean(skymap.contains(lon.deg, lat.deg, 0.9)) == pytest.approx(0.9, abs=0.025)


def test_contours_are_drawn_where_they_are() -> None:
    record, found = of(circle(RA, DEC, 5.0)), parse_skymap(uniq_file())
    axes: Any = finder(record, skymap=found).axes[0]
    (contours,) = [one for one in axes.collections if hasattr(one, "levels")]
    for level, path in zip(contours.levels, contours.get_paths(), strict=True):
        radius = brentq(lambda r, c=level: share_within(r) - c, 0.1, 20)
        assert np.mean(np.hypot(*path.vertices.T)) == pytest.approx(radius, rel=0.03)
    assert sky_map([record], skymap=found).axes[0].collections


def test_part_of_the_sky_and_gzip(tmp_path: Path) -> None:
    columns = {"PIXEL": np.array([5, 3]), "PROB": np.array([0.75, 0.25])}
    data = table(columns, **EXPLICIT)
    file = tmp_path / "map.fits.gz"
    file.write_bytes(gzip.compress(data))
    found = read_skymap(file)
    assert found.area_deg2(1.0) == pytest.approx(2 * 41252.96 / 12)
    lon, lat = healpix.healpix_to_lonlat([5, 4], 1, order="nested")
    assert found.credible_level(lon.deg, lat.deg).tolist() == [0.75, 1.0]
    assert found.contains(lon.deg, lat.deg).tolist() == [True, False]


GOOD = np.full(12, 1 / 12)
STATED = "50%(90%) uncertainty location => Change in 2LLH of 22.2(64.2)"
EXPLICIT = {"nside": 1, "indxschm": "EXPLICIT", "ordering": "NESTED"}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<html>", "not a FITS file"),
        (b"", "not a FITS file"),
        (b"\x1f\x8bnot gzip", "broken gzip file"),
        (table({"PROB": GOOD})[:2880], "no table in the FITS file"),
        (table({"OTHER": GOOD}), "no column of probabilities among OTHER"),
        (table({"PROB": GOOD * 2}, nside=1), "sum to 2, not to 1"),
        (table({"PROB": GOOD - 1}, nside=1), "a probability is negative"),
        (table({"PROB": GOOD * math.inf}, nside=1), "sum to 0, not to 1"),
        (table({"2LLH": GOOD}, nside=1), "header does not state its contours"),
        (table({"2LLH": GOOD * math.nan}, nside=1, comments=STATED), "no pixel has a finite value"),
        (table({"PROB": GOOD}, coordsys="E"), "expected equatorial coordinates, got COORDSYS 'E'"),
        (table({"PROB": GOOD}, coordsys="ECL"), "equatorial coordinates, got COORDSYS 'ECL'"),
        (table({"PROB": GOOD}, nside=2), "12 pixels do not fit NSIDE 2"),
        (table({"PROB": GOOD}, ordering="X"), "expected ORDERING RING or NESTED, got 'X'"),
        (table({"PROB": GOOD}, coordsys="G"), "expected equatorial coordinates, got COORDSYS 'G'"),
        (table({"UNIQ": np.arange(12), "PROBDENSITY": GOOD}), "a UNIQ number is below 4"),
        (table({"UNIQ": np.full(12, 4), "PROBDENSITY": 3 * GOOD / math.pi}), "pixels overlap"),
        (
            table({"PIXEL": np.arange(12) - 5, "PROB": GOOD}, **EXPLICIT),
            "a pixel's number is out of range",
        ),
    ],
)  # fmt: skip
def test_what_is_no_map_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(SkyMapError, match=reason.replace("(", r"\(")):
        parse_skymap(data)


@pytest.mark.parametrize("system", ["C", "CELESTIAL", "ICRS", "Equatorial", None])
def test_equatorial_maps_are_read(system: str | None) -> None:
    header = {} if system is None else {"coordsys": system}
    assert parse_skymap(table({"PROB": GOOD}, nside=1, **header)).area_deg2(1) > 41_000


def test_ecliptic_letter_that_means_equatorial() -> None:
    data = table({"PROB": GOOD}, nside=1, coordsys=("E", "equatorial"))
    assert parse_skymap(data).area_deg2(1) > 41_000


@pytest.mark.parametrize("odd", [math.inf, -math.inf, math.nan])
def test_pixels_without_a_value_are_ignored(odd: float) -> None:
    """IceCube's header: "Please ignore pixels with infinite or NaN values"."""
    values = np.append(np.full(6, 1 / 6), np.full(6, odd))
    found = parse_skymap(table({"PROB": values}, nside=1, ordering="NESTED"))
    assert isinstance(found, SkyMap)
    assert found.probability.tolist() == [*[1 / 6] * 6, *[0.0] * 6]


def test_map_with_an_infinite_pixel(corpus: Path) -> None:
    found = read_skymap(corpus.parent / "field" / "skymap_uniq_inf_pixel.fits")
    assert 0 < found.area_deg2(0.5) < found.area_deg2(0.9)


@pytest.mark.parametrize(
    ("unit", "scale"), [(None, 1.0), ("sr-1", 1.0), ("deg-2", math.radians(1) ** 2)]
)
def test_flat_densities(unit: str | None, scale: float) -> None:
    _, ipix, probability = flat()
    area_sr = 4 * math.pi / len(ipix)
    column = fits.Column("PROBDENSITY", "D", unit=unit, array=probability / area_sr * scale)
    hdu = fits.BinTableHDU.from_columns([column])
    hdu.header.update({"ORDERING": "NESTED", "NSIDE": 2**ORDER})
    file = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(file)
    found = parse_skymap(file.getvalue())
    assert isinstance(found, SkyMap)
    assert found.probability == pytest.approx(probability, abs=1e-12)


def scan(comments: str = STATED, **columns: Any) -> LikelihoodScan:
    """Return a scan whose 2 ln L falls by r^2 [deg^2], as IceCube's files hold it."""
    ipix = np.arange(12 * 4**ORDER)
    lon, lat = healpix.healpix_to_lonlat(ipix, 2**ORDER, order="nested")
    distance = SkyCoord(RA, DEC, unit="deg").separation(SkyCoord(lon, lat)).deg
    values = {"2LLH": distance**2 + 1000.0} | columns
    found = parse_skymap(table(values, nside=2**ORDER, ordering="NESTED", comments=comments))
    assert isinstance(found, LikelihoodScan)
    return found


def test_scan_has_the_contours_that_it_states() -> None:
    found = scan()
    assert found.contours == {0.5: 22.2, 0.9: 64.2}
    for level, change in found.contours.items():
        radius = math.sqrt(change)
        assert found.area_deg2(level) == pytest.approx(cap_deg2(radius), rel=0.03)
        assert found.reach_deg(RA, DEC, level) == pytest.approx(radius, abs=1)
        north = DEC + np.array([radius - 0.7, radius + 0.7])
        assert found.contains(np.full(2, RA), north, level).tolist() == [True, False]
        inner, outer = found.credible_level(np.full(2, RA), north)
        assert inner < level < outer
    best = SkyCoord(*found.most_probable_deg(), unit="deg")
    assert best.separation(SkyCoord(RA, DEC, unit="deg")).deg < 0.6


def test_scan_has_no_others() -> None:
    with pytest.raises(
        ValueError, match=r"^the scan states the contours at 0.5 and 0.9, not at 0.68$"
    ):
        scan().area_deg2(0.68)


def test_scan_after_wilks() -> None:
    found = scan("50%(90%) uncertainty location => Change in 2LLH based on Wilks theorem")
    assert list(found.contours.values()) == pytest.approx([1.386, 4.605], abs=1e-3)


@pytest.mark.parametrize("cut", [3000, 6000, 9000])
def test_broken_off(cut: int) -> None:
    with pytest.raises(SkyMapError, match=r"^(broken FITS file|no table)"):
        parse_skymap(nested_file()[:cut])


def test_containment_is_checked() -> None:
    found = parse_skymap(table({"PROB": GOOD}, nside=1))
    for wrong in (0.0, 1.1, -0.5):
        with pytest.raises(ValueError, match=r"^expected a containment above 0, at most 1, got"):
            found.area_deg2(wrong)


# --- fetching -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*new, *files], check=True, capture_output=True)
    return folder


@pytest.fixture
def server(certificate: Path) -> Iterator[tuple[str, list[str]]]:
    """Serve maps over https; yield the address and the list of what was asked for."""
    asked: list[str] = []
    answers = {"/map.fits": nested_file(), "/page.html": b"<html>"}

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # http.server's name
            asked.append(self.path)
            if self.path == "/away":
                self.send_response(302)
                self.send_header("Location", "http://localhost/map.fits")
                self.end_headers()
                return
            self.send_response(200 if self.path in answers else 404)
            self.end_headers()
            self.wfile.write(answers.get(self.path, b""))

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    class Quiet(http.server.ThreadingHTTPServer):
        def handle_error(self, *args: object) -> None:
            """Say nothing of a client that does not trust us."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    found = Quiet(("localhost", 0), Answer)
    found.socket = context.wrap_socket(found.socket, server_side=True)
    thread = threading.Thread(target=found.serve_forever)
    thread.start()
    yield f"https://localhost:{found.server_port}", asked
    found.shutdown()
    thread.join()
    found.server_close()


@pytest.fixture
def trust(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate / "cert.pem"))


def test_fetched_once(server: tuple[str, list[str]], trust: ssl.SSLContext, tmp_path: Path) -> None:
    url, asked = server
    cache = tmp_path / "maps"
    file = fetch_skymap(f"{url}/map.fits", cache, context=trust)
    assert fetch_skymap(f"{url}/map.fits", cache, context=trust) == file
    assert asked == ["/map.fits"]
    assert [one.name for one in cache.iterdir()] == [file.name]
    assert read_skymap(file).area_deg2(1.0) == pytest.approx(41252.96, rel=1e-6)


@pytest.mark.parametrize(
    ("path", "reason"),
    [("/page.html", "not a FITS file"), ("/away", "expected an https:// address, got 'http://")],
)
def test_nothing_bad_is_kept(
    server: tuple[str, list[str]], trust: ssl.SSLContext, tmp_path: Path, path: str, reason: str
) -> None:
    with pytest.raises(SkyMapError, match=reason):
        fetch_skymap(server[0] + path, tmp_path, context=trust)
    assert list(tmp_path.iterdir()) == []


def test_too_large(
    server: tuple[str, list[str]],
    trust: ssl.SSLContext,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("icecube_plugin.sky.skymaps.LARGEST_FILE", 10_000)
    with pytest.raises(SkyMapError, match="larger than"):
        fetch_skymap(f"{server[0]}/map.fits", tmp_path, context=trust)


def test_a_stranger_and_a_missing_file(
    server: tuple[str, list[str]], trust: ssl.SSLContext, tmp_path: Path
) -> None:
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        fetch_skymap(f"{server[0]}/map.fits", tmp_path)
    with pytest.raises(OSError, match="404"):
        fetch_skymap(f"{server[0]}/none", tmp_path, context=trust)


@pytest.mark.parametrize("url", ["http://a/b", "file:///etc/passwd", "ftp://a/b", "", "https:/a"])
def test_only_https(url: str, tmp_path: Path) -> None:
    with pytest.raises(SkyMapError, match=r"^expected an https:// address"):
        fetch_skymap(url, tmp_path)


URL = "https://roc.example.org/maps/run1.evt2.fits.gz?version=1"


@pytest.mark.parametrize("name", ["run1.evt2.fits.gz", "as fetched"])
def test_the_map_counts_where_it_is_at_hand(tmp_path: Path, name: str) -> None:
    """A map of 3 deg around RA, DEC, beside a circle of 1 deg around a place 4 deg north."""
    place = Localization(
        ra_deg=RA, dec_deg=DEC + 4, error_radius_deg=1.0, containment=0.9, skymap_fits_url=URL
    )
    south, north = SkyCoord(RA, DEC - 3, unit="deg"), SkyCoord(RA + 9, DEC + 4, unit="deg")
    maps = Maps(tmp_path)
    assert sky.contains(place, south) is False
    assert sky.contains(place, south, maps.area) is False
    if name == "as fetched":
        name = f"{hashlib.sha256(URL.encode()).hexdigest()[:32]}.fits"
    (tmp_path / name).write_bytes(gzip.compress(uniq_file()))
    area = maps.area(place)
    assert isinstance(area, MapRegion)
    assert (area.ra_deg, area.dec_deg, area.containment) == (RA, DEC + 4, 0.9)
    assert sky.contains(place, south, maps.area) is True
    assert sky.contains(place, north, maps.area) is False
    half = maps.area(place, 0.5)
    assert half is not None
    assert half.area_deg2 / area.area_deg2 == pytest.approx(math.log(0.5) / math.log(0.1), rel=0.02)


def test_nothing_reaches_beyond_the_reach_of_a_map() -> None:
    area = parse_skymap(uniq_file()).area(0.9)
    ra, dec = np.meshgrid(np.arange(0, 360, 2.0), np.arange(-89, 89, 2.0))
    inside = area.contains(ra, dec)
    there = SkyCoord(area.ra_deg, area.dec_deg, unit="deg")
    apart = there.separation(SkyCoord(ra, dec, unit="deg")).deg
    assert inside.any()
    assert apart[inside].max() < area.reach_deg() < 1.2 * apart[inside].max()


@pytest.mark.parametrize(
    "url", [None, "https://a/..", "https://a/../../secret.fits", "https://a/%00", "https://a/"]
)
def test_an_address_leads_to_no_file_elsewhere(tmp_path: Path, url: str | None) -> None:
    (tmp_path / "secret.fits").write_bytes(uniq_file())
    (tmp_path / "maps").mkdir()
    place = Localization(ra_deg=1.0, dec_deg=2.0, skymap_fits_url=url)
    assert Maps(tmp_path / "maps").of(place) is None
    assert Maps(tmp_path / "maps").area(place) is None


def test_a_file_that_has_changed_is_read_again(tmp_path: Path) -> None:
    place = Localization(ra_deg=1.0, dec_deg=2.0, skymap_fits_url="https://a/map.fits")
    file = tmp_path / "map.fits"
    file.write_bytes(b"none")
    with pytest.raises(SkyMapError):
        Maps(tmp_path).of(place)
    file.write_bytes(uniq_file())
    assert Maps(tmp_path).of(place) is Maps(tmp_path).of(place) is not None


@pytest.mark.full
@pytest.mark.parametrize("draws", [1000, pytest.param(3000, marks=pytest.mark.nightly)])
def test_what_is_said_is_calibrated(skymap: SkyMap, draws: int) -> None:
    """Sources drawn from the map have even credible levels; of background the mean overlap is 1."""
    random = np.random.default_rng(1)
    chosen = random.choice(len(skymap.probability), size=3000, p=skymap.probability)
    centre = healpix.healpix_to_lonlat(
        skymap.ipix[chosen], 2 ** skymap.order[chosen], order="nested"
    )
    levels = skymap.credible_level(*(angle.deg for angle in centre))
    assert kstest(levels, "uniform").pvalue > 1e-3
    ra, dec = random.uniform(0, 360, draws), np.degrees(np.arcsin(random.uniform(-1, 1, draws)))
    overlaps = [skymap.overlap(*place, 8.0, 0.9) for place in zip(ra, dec, strict=True)]
    assert np.mean(overlaps) == pytest.approx(1.0, abs=4 * np.std(overlaps) / draws**0.5)
