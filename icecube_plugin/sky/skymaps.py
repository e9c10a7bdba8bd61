"""Probability maps in HEALPix: multi-order (UNIQ) or flat, from a FITS file.

A multi-order map, as `ligo.skymap` and IceCube write it, starts with::

    TTYPE1  = 'UNIQ    '
    TTYPE2  = 'PROBDENSITY'        / [sr-1]
    ORDERING= 'NUNIQ   '
    COORDSYS= 'C       '

a flat one has a column PROB, PROBABILITY or PROBDENSITY and ``ORDERING= 'NESTED'`` or ``'RING'``.
Older ones of IceCube hold a scan of the likelihood, column 2LLH or 2DLLH, and say in ``COMMENTS``
at which change of it the contours lie: ``50%(90%) uncertainty location => Change in 2LLH of
22.2(64.2)``. They have these two regions, and no probabilities.

Conventions
-----------
- ICRS, degrees. The density within a pixel is constant.
- The region at a containment is the smallest one that holds so much: pixels by falling density.
- What the map does not cover has no probability; nor has a pixel that is NaN or infinite.
- Nothing is fetched unless `fetch_skymap` is called. `Maps` looks for what has been.
"""

from __future__ import annotations

import gzip
import io
import logging
import math
import os
import re
import tempfile
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from icecube_hooks import ConfigError, IceCubePluginError, Localization
from icecube_plugin.extras import pip_line

from .directions import SKY_DEG2, moved_deg, polar_deg
from .points import scalar
from .regions import Area, region_or_none

if TYPE_CHECKING:
    import ssl

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

log = logging.getLogger(__name__)

DEFAULT_FOLDER: Final = "icecube-alerts-data/skymaps"
"""Where ``plot --fetch`` puts maps if no other data folder is configured."""

GW_FOLDER: Final = "gw-maps"
GW_MOCK: Final = "mock"
"""Where a host keeps the maps of LVK's own alerts, in its data folder; those of mock events."""

FITS_MAGIC: Final = b"SIMPLE  ="
GZIP_MAGIC: Final = b"\x1f\x8b"
LARGEST_ORDER: Final = 29
LARGEST_FILE: Final = 64 * 2**20
LARGEST_UNPACKED: Final = 512 * 2**20
SUM_TOLERANCE: Final = 0.02
"""How far the sum of probabilities may be from 1 (files hold 32-bit numbers)."""

TIMEOUT_S: Final = 60.0

SPLITS: Final = 6
"""How often pixels at the edge of a circle are split into four."""

RINGS, SPOKES = 64, 64
"""Points that stand for a position with its error: at quantiles of the distance, and around."""

DISTANCES: Final = ("DISTMU", "DISTSIGMA", "DISTNORM")

PROBABILITIES: Final = ("PROB", "PROBABILITY")
SCANS: Final = ("2DLLH", "2LLH")
STATED_CHANGE: Final = re.compile(
    r"change in 2LLH of\s+([\d.]+)\s*\(([\d.]+)\)", re.ASCII | re.IGNORECASE
)
"""IceCube's header ``COMMENTS``, after "50%(90%) uncertainty location => "."""
WILKS: Final = {0.5: 2 * math.log(2), 0.9: 2 * math.log(10)}
"""Changes of 2 ln L at the contours where the file says "based on Wilks theorem": chi2, 2 d.o.f."""


class SkyMapError(IceCubePluginError, ValueError):
    """A file is no sky map that can be used.

    Parameters
    ----------
    reason : str
    """


class Pixels(ABC):
    """Values on pixels of the sky, each its own, none twice; what sky maps have in common.

    Attributes
    ----------
    order : array of int
        HEALPix order of each pixel; nside is 2 to that power.
    ipix : array of int
        Its nested index at that order.
    """

    def __init__(self, order: Integers, ipix: Integers, values: Floats) -> None:
        import numpy as np

        order, ipix = np.asarray(order, dtype=np.int64), np.asarray(ipix, dtype=np.int64)
        values = np.asarray(values, dtype=np.float64)
        if not (order.shape == ipix.shape == values.shape) or order.ndim != 1 or not order.size:
            raise SkyMapError("no pixels")
        first = ipix << 2 * (LARGEST_ORDER - order)
        is_order = (order >= 0) & (order <= LARGEST_ORDER)
        if not np.all(is_order & (first >= 0) & (first < np.int64(12) << 2 * LARGEST_ORDER)):
            raise SkyMapError("a pixel's number is out of range")
        line = np.argsort(first, kind="stable")
        self.order, self.ipix, self._first = order[line], ipix[line], first[line]
        self._values, self._line = values[line], line
        self._stop = self._first + (1 << (2 * (LARGEST_ORDER - self.order)))
        if np.any(self._first[1:] < self._stop[:-1]):
            raise SkyMapError("pixels overlap")

    @abstractmethod
    def area_deg2(self, containment: float) -> float:
        """Return the area of the region at a containment [deg^2]."""

    @abstractmethod
    def credible_level(self, ra_deg: Any, dec_deg: Any) -> Any:
        """Return the containment of the smallest region that reaches a position; 1 off the map."""

    @abstractmethod
    def contains(self, ra_deg: Any, dec_deg: Any, containment: float = 0.9) -> Any:
        """Tell whether positions [deg, ICRS] are in the region at a containment."""

    @property
    def pixel_deg(self) -> float:
        """Size of the best pixel [deg]."""
        return float(_size_deg(self.order[self._best : self._best + 1])[0])

    @property
    @abstractmethod
    def _best(self) -> int:
        """Index of the best pixel."""

    def most_probable_deg(self) -> tuple[float, float]:
        """Return the middle of the best pixel: right ascension, declination [deg]."""
        best = slice(self._best, self._best + 1)
        ra, dec = _centres_deg(self.order[best], self.ipix[best])
        return float(ra[0]), float(dec[0])

    def inside(self, containment: float = 0.9) -> Any:
        """Return which pixels are in the region at a containment, as an array of truths."""
        return self.contains(*_centres_deg(self.order, self.ipix), containment)

    def reach_deg(self, ra_deg: float, dec_deg: float, containment: float = 0.9) -> float:
        """Return how far from a position the region at a containment goes [deg]."""
        ra, dec = _centres_deg(self.order, self.ipix)
        inside = self.inside(containment)
        distance: Floats = polar_deg(ra[inside], dec[inside], ra_deg, dec_deg)[0]
        return float((distance + _size_deg(self.order[inside])).max())

    def area(self, containment: float = 0.9) -> MapRegion:
        """Return the region at a containment, around the best pixel."""
        return MapRegion(self, containment, *self.most_probable_deg())

    def _pixel(self, ra_deg: Any, dec_deg: Any) -> tuple[Any, Any]:
        """Return the pixels that hold positions, and whether there is one."""
        import numpy as np
        from astropy import units as u

        ra, dec = np.asarray(ra_deg, dtype=float), np.asarray(dec_deg, dtype=float)
        is_place = np.isfinite(ra) & np.isfinite(dec)
        index = _healpix().lonlat_to_healpix(
            np.where(is_place, ra, 0.0) * u.deg,
            np.where(is_place, dec, 0.0) * u.deg,
            1 << LARGEST_ORDER,
            order="nested",
        )
        pixel = np.searchsorted(self._first, index, side="right") - 1
        return pixel, is_place & (pixel >= 0) & (index < self._stop[pixel])


class SkyMap(Pixels):
    """Where the source is, pixel by pixel.

    Attributes
    ----------
    order, ipix : array of int
        See `Pixels`.
    probability : array of float
        Of each pixel; they sum to 1. What is not finite in the file is 0, as IceCube's header
        asks: there the fit has not converged.
    distances : (array, array, array), optional
        DISTMU, DISTSIGMA [Mpc] and DISTNORM [Mpc^-2] of each pixel, in the order of the file.

    Raises
    ------
    SkyMapError
        If a probability is negative, pixels overlap, or the sum is not about 1.
    """

    def __init__(
        self,
        order: Integers,
        ipix: Integers,
        probability: Floats,
        distances: Sequence[Floats] = (),
    ) -> None:
        import numpy as np

        super().__init__(order, ipix, probability)
        self._distances = [np.asarray(one, dtype=np.float64)[self._line] for one in distances]
        probability = np.where(np.isfinite(self._values), self._values, 0.0)
        if np.any(probability < 0):
            raise SkyMapError("a probability is negative")
        total = float(probability.sum())
        if abs(total - 1) > SUM_TOLERANCE:
            raise SkyMapError(f"the probabilities sum to {total:.4g}, not to 1")
        self.probability = probability / total
        self._density_deg2 = self.probability / _area_deg2(self.order)
        ranked = np.argsort(-self._density_deg2, kind="stable")
        self._level = np.empty_like(self.probability)
        self._level[ranked] = np.cumsum(self.probability[ranked])

    def area_deg2(self, containment: float) -> float:
        """Return the area of the region at a containment [deg^2]; part of the last pixel counts.

        Raises
        ------
        ValueError
            If `containment` is not in (0, 1].
        """
        import numpy as np

        if not 0.0 < containment <= 1.0:
            raise ValueError(f"expected a containment above 0, at most 1, got {containment}")
        ranked = np.argsort(self._level, kind="stable")
        areas = np.concatenate(([0.0], np.cumsum(_area_deg2(self.order)[ranked])))
        levels = np.concatenate(([0.0], self._level[ranked]))
        return float(np.interp(containment, levels, areas))

    def density_deg2(self, ra_deg: Any, dec_deg: Any) -> Any:
        """Return the probability per square degree at positions [deg, ICRS]; 0 off the map."""
        import numpy as np

        pixel, is_on = self._pixel(ra_deg, dec_deg)
        return scalar(np.where(is_on, self._density_deg2[pixel], 0.0))

    def credible_level(self, ra_deg: Any, dec_deg: Any) -> Any:
        """Return the containment of the smallest region that reaches a position; 1 off the map."""
        import numpy as np

        pixel, is_on = self._pixel(ra_deg, dec_deg)
        return scalar(np.where(is_on, self._level[pixel], 1.0))

    def contains(self, ra_deg: Any, dec_deg: Any, containment: float = 0.9) -> Any:
        """Tell whether positions [deg, ICRS] are in the region at a containment."""
        import numpy as np

        pixel, is_on = self._pixel(ra_deg, dec_deg)
        before = self._level[pixel] - self.probability[pixel]
        return scalar(is_on & np.asarray(before < containment))

    def probability_within(self, ra_deg: float, dec_deg: float, radius_deg: float) -> float:
        """Return the probability inside of a circle [deg]; pixels at its edge are split."""
        import numpy as np

        order, ipix, probability = self.order, self.ipix, self.probability
        total = 0.0
        for _ in range(SPLITS):
            distance, size = _distance_deg(order, ipix, ra_deg, dec_deg), _size_deg(order)
            total += float(probability[distance + size <= radius_deg].sum())
            edge = (np.abs(distance - radius_deg) < size) & (order < LARGEST_ORDER)
            children = (ipix[edge, None] * 4 + np.arange(4)).ravel()
            order, ipix = np.repeat(order[edge] + 1, 4), children
            probability = np.repeat(probability[edge] / 4, 4)
        distance = _distance_deg(order, ipix, ra_deg, dec_deg)
        return total + float(probability[distance <= radius_deg].sum())

    def overlap(
        self, ra_deg: float, dec_deg: float, radius_deg: float, containment: float
    ) -> float:
        """Return how much better than everywhere a position with its error fits the map.

        The integral of p_map p_position / (1 / 4 pi) over the sky: 1 where either says nothing,
        above it where both say the same place. It is the overlap integral of RAVEN. The position
        is a Gaussian on the sphere (Fisher's distribution), by so many points of equal weight.

        Parameters
        ----------
        ra_deg, dec_deg : float
            [deg, ICRS].
        radius_deg, containment : float
            Its error circle [deg], and the probability inside of it, below 1.

        References
        ----------
        Ashton et al., ApJ 860 (2018) 6; https://ligo-raven.readthedocs.io/en/latest/skymaps.html
        """
        import numpy as np

        if not (0.0 < containment < 1.0 and radius_deg > 0.0):
            raise ValueError(f"expected an error circle, got {radius_deg} deg at {containment}")
        width = (1.0 - math.cos(math.radians(radius_deg))) / -math.log1p(-containment)
        shares = (np.arange(RINGS) + 0.5) / RINGS  # of what is not on the other side of the sky
        cosines = 1.0 + width * np.log1p(shares * math.expm1(-2.0 / width))
        distance, angle = np.meshgrid(np.degrees(np.arccos(cosines)), np.arange(SPOKES))
        turns = (angle + shares) * (360.0 / SPOKES)  # not in line with the pixels
        return float(
            self.density_deg2(*moved_deg(ra_deg, dec_deg, turns, distance)).mean() * SKY_DEG2
        )

    def distance_mpc(self, ra_deg: float, dec_deg: float) -> tuple[float, float] | None:
        """Return mean and standard deviation of the distance towards a position [Mpc].

        ``None`` where the map states none. Its density along a line of sight is
        N r^2 exp(-(r - mu)^2 / 2 sigma^2), with DISTMU, DISTSIGMA, DISTNORM.

        References
        ----------
        Singer et al., ApJL 829 (2016) L15, eq. 3; ApJS 226 (2016) 10.
        """
        import numpy as np

        pixel, is_on = self._pixel(ra_deg, dec_deg)
        if not self._distances or not is_on:
            return None
        mu, sigma, norm = (float(one[pixel]) for one in self._distances)
        if not (math.isfinite(mu) and sigma > 0.0 and norm > 0.0 and math.isfinite(sigma * norm)):
            return None
        r = np.linspace(max(mu - 9 * sigma, 0.0), max(mu, 0.0) + 9 * sigma, 4001)
        log_weight = 2 * np.log(r, where=r > 0, out=np.full_like(r, -np.inf))
        log_weight -= (r - mu) ** 2 / (2 * sigma**2)
        weight = np.exp(log_weight - log_weight.max())
        mean = float(np.average(r, weights=weight))
        return mean, float(np.average((r - mean) ** 2, weights=weight) ** 0.5)

    @property
    def _best(self) -> int:
        return int(self._density_deg2.argmax())


class LikelihoodScan(Pixels):
    """A scan of the likelihood, with the contours that its file states.

    It is no map of probability: only the stated containments have a region.

    Attributes
    ----------
    order, ipix : array of int
        See `Pixels`.
    change : array of float
        Twice the logarithm of the likelihood, below its maximum. Infinite where it is not known.
    contours : mapping of float to float
        Of each stated containment the change there.
    """

    def __init__(
        self, order: Integers, ipix: Integers, values: Floats, contours: Mapping[float, float]
    ) -> None:
        import numpy as np

        super().__init__(order, ipix, values)
        known = np.isfinite(self._values)
        if not known.any():
            raise SkyMapError("no pixel has a finite value")
        self.change = np.where(known, self._values - self._values[known].min(), np.inf)
        self.contours = dict(sorted(contours.items()))

    def area_deg2(self, containment: float) -> float:
        """Return the area of the region at a stated containment [deg^2].

        Raises
        ------
        ValueError
            If the file does not state that containment.
        """
        inside = self.change <= self._change_at(containment)
        return float(_area_deg2(self.order)[inside].sum())

    def credible_level(self, ra_deg: Any, dec_deg: Any) -> Any:
        """Return a containment that is right at the stated ones, and in their order between."""
        import numpy as np

        pixel, is_on = self._pixel(ra_deg, dec_deg)
        changes, levels = [0.0, *self.contours.values()], [0.0, *self.contours]
        found = np.interp(self.change[pixel], [*changes, 2 * changes[-1]], [*levels, 1.0])
        return scalar(np.where(is_on, found, 1.0))

    def contains(self, ra_deg: Any, dec_deg: Any, containment: float = 0.9) -> Any:
        """Tell whether positions [deg, ICRS] are in the region at a stated containment."""
        import numpy as np

        pixel, is_on = self._pixel(ra_deg, dec_deg)
        return scalar(is_on & np.asarray(self.change[pixel] <= self._change_at(containment)))

    @property
    def _best(self) -> int:
        return int(self.change.argmin())

    def _change_at(self, containment: float) -> float:
        if containment not in self.contours:
            known = " and ".join(f"{level:g}" for level in self.contours)
            raise ValueError(f"the scan states the contours at {known}, not at {containment:g}")
        return self.contours[containment]


@dataclass(frozen=True, slots=True)
class MapRegion:
    """The region of a sky map at a containment: an `Area`, as a circle is one.

    Parameters
    ----------
    pixels : SkyMap or LikelihoodScan
    containment : float
        In (0, 1]; of a scan one that it states.
    ra_deg, dec_deg : float
        The best position [deg, ICRS], as stated beside the map, or of its best pixel.
    """

    pixels: Pixels
    containment: float
    ra_deg: float
    dec_deg: float

    @property
    def area_deg2(self) -> float:
        """Area of the smallest region that holds so much [deg^2]."""
        return self.pixels.area_deg2(self.containment)

    def contains(self, ra_deg: Any, dec_deg: Any) -> Any:
        """Tell whether directions [deg, ICRS] are inside: a bool, or an array."""
        return self.pixels.contains(ra_deg, dec_deg, self.containment)

    def reach_deg(self) -> float:
        """Return a distance from the best position [deg] beyond which nothing is inside."""
        return self.pixels.reach_deg(self.ra_deg, self.dec_deg, self.containment)


class Maps:
    """The sky maps of a folder, found by the address that a notice states.

    Parameters
    ----------
    folder : str or path
        Where `fetch_skymap` has put maps, or where they are under the last part of their address.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder).expanduser()

    def of(self, place: Localization) -> SkyMap | LikelihoodScan | None:
        """Return the map of a place; ``None`` if it states none or the folder has it not.

        Raises
        ------
        SkyMapError, OSError
            If the file is there and no usable map.
        """
        file = self.file(place)
        return None if file is None else _read(file, file.stat().st_mtime_ns)

    @property
    def gw_folders(self) -> tuple[Path, ...]:
        """Where what a host keeps of LVK's alerts may be: here, or beside this folder."""
        kept = self.folder.parent / GW_FOLDER
        return self.folder, kept, kept / GW_MOCK

    def of_digest(self, sha256: str) -> SkyMap | None:
        """Return the map of LVK's alert with this SHA-256, as a host keeps it beside this folder.

        ``None`` if there is none, or one that cannot be used, of which the log tells.
        """
        if re.fullmatch("[0-9a-f]{16,}", sha256) is None:
            return None
        name = f"*-{sha256[:16]}.fits"
        file = next((file for folder in self.gw_folders for file in folder.glob(name)), None)
        try:
            found = None if file is None else _read(file, file.stat().st_mtime_ns)
        except (SkyMapError, OSError, ConfigError) as error:
            log.warning("sky map of LVK not used: %s", error)
            return None
        return found if isinstance(found, SkyMap) else None

    def usable(self, place: Localization) -> SkyMap | LikelihoodScan | None:
        """Return the map of a place as `of`; of a broken one the log tells, and it is ``None``."""
        try:
            return self.of(place)
        except (SkyMapError, OSError) as error:
            log.warning("sky map not used, the stated region is: %s", error)
            return None

    def file(self, place: Localization) -> Path | None:
        """Return the file of the map of a place; ``None`` if there is none."""
        url = place.skymap_fits_url
        if url is None:
            return None
        names = (_cached_name(url), PurePosixPath(urlsplit(url).path).name)
        files = (self.folder / name for name in names)
        return next((file for file in files if file.is_file()), None)

    def area(self, place: Localization, containment: float = 0.9) -> Area | None:
        """Return the region of the map where there is one, else the stated one, if there is one."""
        found = self.of(place)
        if found is None:
            return region_or_none(place)
        return MapRegion(found, containment, place.ra_deg, place.dec_deg)


@lru_cache(8)
def _read(file: Path, changed_ns: int) -> SkyMap | LikelihoodScan:
    """Read a map once; `changed_ns` is part of the key only."""
    return read_skymap(file)


def _cached_name(url: str) -> str:
    return f"{sha256(url.encode()).hexdigest()[:32]}.fits"


def read_skymap(path: str | os.PathLike[str]) -> SkyMap | LikelihoodScan:
    """Read a sky map.

    Parameters
    ----------
    path : str or path
        A FITS file, also with gzip.

    Raises
    ------
    SkyMapError
        If it is no usable map: the message says why.
    OSError
        If it cannot be read.
    ConfigError
        If astropy-healpix is not installed.
    """
    with Path(path).open("rb") as file:
        return parse_skymap(file.read(LARGEST_FILE + 1))


def parse_skymap(data: bytes) -> SkyMap | LikelihoodScan:
    """Make a map of the bytes of its file; errors as of `read_skymap`."""
    from astropy.io import fits
    from astropy.utils.exceptions import AstropyUserWarning

    content = _unpacked(data)
    if not content.startswith(FITS_MAGIC):
        raise SkyMapError("not a FITS file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", AstropyUserWarning)  # what is broken off is no map
            return _from_fits(content)
    except (OSError, TypeError, KeyError, fits.VerifyError, AstropyUserWarning) as error:
        raise SkyMapError(f"broken FITS file: {error}") from error


def _from_fits(content: bytes) -> SkyMap | LikelihoodScan:
    """Read the first table of a FITS file."""
    from astropy.io import fits

    with fits.open(io.BytesIO(content), memmap=False, lazy_load_hdus=False) as found:
        for hdu in found:
            if isinstance(hdu, fits.BinTableHDU):
                return _from_table(hdu)
    raise SkyMapError("no table in the FITS file")


def fetch_skymap(
    url: str, cache: str | os.PathLike[str], *, context: ssl.SSLContext | None = None
) -> Path:
    """Fetch a sky map, once, and return the file in the cache.

    The URL stands in a notice: call this for notices that you trust, or let a person agree first.

    Parameters
    ----------
    url : str
        ``https://`` only, also where it redirects to.
    cache : str or path
        Folder; made if it is not there. The file's name is a digest of the URL.
    context : ssl.SSLContext, optional
        Instead of the system's certificates.

    Raises
    ------
    SkyMapError
        If the URL is not https, or the file is too large or no usable map.
    OSError
        If the server cannot be reached or answers with an error.
    """
    file = Path(cache).expanduser() / _cached_name(url)
    if not file.exists():
        data = _download(url, context)
        parse_skymap(data)  # what is in the cache has been checked
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as part:
            part.write(data)
        Path(part.name).replace(file)
    return file


def _download(url: str, context: ssl.SSLContext | None) -> bytes:
    """Return what an https address gives; it may only redirect to another one."""
    from http.client import HTTPException
    from urllib.request import HTTPRedirectHandler, HTTPSHandler, build_opener

    class OnlyHttps(HTTPRedirectHandler):
        def redirect_request(
            self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
        ) -> Any:
            _check_url(newurl)
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    _check_url(url)
    opener = build_opener(OnlyHttps, HTTPSHandler(context=context))
    try:
        with opener.open(url, timeout=TIMEOUT_S) as answer:
            found: bytes = answer.read(LARGEST_FILE + 1)
    except (HTTPException, ValueError) as error:
        raise SkyMapError(f"cannot fetch it: {error}") from error
    return found


def _check_url(url: str) -> None:
    if not url.startswith("https://"):
        raise SkyMapError(f"expected an https:// address, got {ascii(url)[:80]}")


def _unpacked(data: bytes) -> bytes:
    if len(data) > LARGEST_FILE:
        raise SkyMapError(f"larger than {LARGEST_FILE >> 20} MB")
    if not data.startswith(GZIP_MAGIC):
        return data
    try:
        with gzip.open(io.BytesIO(data)) as file:
            content = file.read(LARGEST_UNPACKED + 1)
    except (OSError, EOFError) as error:
        raise SkyMapError(f"broken gzip file: {error}") from error
    if len(content) > LARGEST_UNPACKED:
        raise SkyMapError(f"larger than {LARGEST_UNPACKED >> 20} MB when unpacked")
    return content


def _from_table(hdu: Any) -> SkyMap | LikelihoodScan:
    """Read the table of a map, by its columns."""
    import numpy as np

    _check_frame(hdu.header)
    names = {name.upper(): name for name in hdu.columns.names}
    column = next((name for name in (*PROBABILITIES, "PROBDENSITY", *SCANS) if name in names), None)
    if column is None:
        raise SkyMapError(f"no column of probabilities among {', '.join(names) or 'none'}")
    values = np.asarray(hdu.data[names[column]], dtype=np.float64).ravel()
    order, ipix = _uniq_pixels(hdu, names) if "UNIQ" in names else _flat_pixels(hdu, names, values)
    if column in SCANS:
        return LikelihoodScan(order, ipix, values, _contours(hdu.header))
    if column == "PROBDENSITY":
        per_deg2 = _per_deg2(hdu.columns[names[column]].unit)
        values = values * per_deg2 * _area_deg2(order)
    distances = [hdu.data[names[name]].ravel() for name in DISTANCES if name in names]
    return SkyMap(order, ipix, values, distances if len(distances) == len(DISTANCES) else ())


def _check_frame(header: Any) -> None:
    """Refuse what is not equatorial. HEALPix's letter E is ecliptic, if nothing else is said."""
    system = str(header.get("COORDSYS", "C")).strip().upper()
    said = header.comments["COORDSYS"].upper() if "COORDSYS" in header else ""
    if not system.startswith(("C", "EQ", "I")) and not (system == "E" and "EQUATORIAL" in said):
        raise SkyMapError(f"expected equatorial coordinates, got COORDSYS {system!r}")


def _per_deg2(unit: str | None) -> float:
    """Return what turns a density in its unit, 1/sr if none is stated, into one of 1/deg^2."""
    from astropy import units as u

    try:
        factor: Any = u.Unit(unit or "sr-1").to("deg-2")
        return float(factor)
    except (ValueError, u.UnitConversionError) as error:
        raise SkyMapError(f"expected a density in 1/sr, got {unit!r}") from error


def _contours(header: Any) -> Mapping[float, float]:
    """Return the changes of 2 ln L that the header states for 50 and 90 %."""
    said = " ".join(str(header.get(name, "")) for name in ("COMMENTS", "COMMENT"))
    stated = STATED_CHANGE.search(said)
    if stated is not None:
        return {0.5: float(stated[1]), 0.9: float(stated[2])}
    if "wilks" in said.casefold():
        return WILKS
    raise SkyMapError("a scan of the likelihood whose header does not state its contours")


def _uniq_pixels(hdu: Any, names: Mapping[str, str]) -> tuple[Integers, Integers]:
    """Return order and index of multi-order pixels, uniq = ipix + 4 nside^2."""
    import numpy as np

    uniq = np.asarray(hdu.data[names["UNIQ"]], dtype=np.int64)
    if np.any(uniq < 4):
        raise SkyMapError("a UNIQ number is below 4")
    order, ipix = _healpix().uniq_to_level_ipix(uniq)
    return order, ipix


def _flat_pixels(hdu: Any, names: Mapping[str, str], values: Floats) -> tuple[Integers, Integers]:
    """Return order and index of pixels of one size."""
    import numpy as np

    header = hdu.header
    is_explicit = str(header.get("INDXSCHM", "IMPLICIT")).strip().upper() == "EXPLICIT"
    pixels = np.arange(len(values))
    if is_explicit and "PIXEL" in names:
        pixels = np.asarray(hdu.data[names["PIXEL"]], dtype=np.int64).ravel()
    nside = int(header.get("NSIDE", round((len(values) / 12) ** 0.5)))
    if nside < 1 or nside & (nside - 1) or (not is_explicit and 12 * nside**2 != len(pixels)):
        raise SkyMapError(f"{len(pixels)} pixels do not fit NSIDE {nside}")
    ordering = str(header.get("ORDERING", "RING")).strip().upper()
    if ordering not in ("RING", "NESTED"):
        raise SkyMapError(f"expected ORDERING RING or NESTED, got {ordering!r}")
    if ordering == "RING":
        pixels = _healpix().HEALPix(nside).ring_to_nested(pixels)
    return np.full(len(pixels), nside.bit_length() - 1), pixels


def _distance_deg(order: Integers, ipix: Integers, ra_deg: float, dec_deg: float) -> Floats:
    """Return how far the middles of pixels are from a position [deg]."""
    distance: Floats = polar_deg(*_centres_deg(order, ipix), ra_deg, dec_deg)[0]
    return distance


def _centres_deg(order: Integers, ipix: Integers) -> tuple[Floats, Floats]:
    lon, lat = _healpix().healpix_to_lonlat(ipix, 2**order, order="nested")
    return lon.deg, lat.deg


def _area_deg2(order: Integers) -> Floats:
    import numpy as np

    area: Floats = np.ldexp(SKY_DEG2 / 12.0, -2 * order)
    return area


def _size_deg(order: Integers) -> Floats:
    """Return more than the distance of a pixel's corners from its middle [deg]."""
    size: Floats = _area_deg2(order) ** 0.5
    return size


def need_healpix() -> None:
    """Look for what maps are read with, where an answer without them would be wrong.

    Raises
    ------
    ConfigError
        With the line that installs it, if it is not there.
    """
    _healpix()


def _healpix() -> Any:
    try:
        import astropy_healpix
    except ImportError as error:
        raise ConfigError("sky maps need astropy-healpix", hint=pip_line("plot")) from error
    return astropy_healpix
