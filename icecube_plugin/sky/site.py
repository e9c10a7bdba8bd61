"""Observatories: where on the Earth one looks from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from icecube_hooks import ConfigError
from icecube_hooks.host import nearest

__all__ = ["SITES", "Site", "site_of"]

LIMITS: Final = {"lat_deg": (-90, 90), "lon_deg": (-180, 360), "height_m": (-1000, 10_000)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """A place on the Earth.

    Attributes
    ----------
    name : str
        For people: one line.
    lat_deg : float
        Geodetic latitude (WGS 84), -90 to 90, north positive.
    lon_deg : float
        Longitude, -180 to 360, east positive.
    height_m : float

    Raises
    ------
    ConfigError
        If one of them is none.
    """

    name: str
    lat_deg: float
    lon_deg: float
    height_m: float = 0.0

    def __post_init__(self) -> None:
        """Check what a person wrote."""
        if not isinstance(self.name, str) or not self.name.isprintable():
            raise ConfigError("expected one line of text", key="site.name")
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not is_number or not low <= value <= high:
                reason = f"expected a number from {low} to {high}, got {value!r:.40}"
                raise ConfigError(reason, key=f"site.{name}")


def _site(name: str, lat_deg: float, lon_deg: float, height_m: float = 0.0) -> Site:
    return Site(name=name, lat_deg=lat_deg, lon_deg=lon_deg, height_m=height_m)


SITES: Final[Mapping[str, Site]] = MappingProxyType(
    {
        "cerro-pachon": _site("Cerro Pachón", -30.2407, -70.7366, 2722),
        "cerro-tololo": _site("Cerro Tololo", -30.1690, -70.8063, 2207),
        "haleakala": _site("Haleakalā", 20.7075, -156.2570, 3055),
        "hess": _site("H.E.S.S.", -23.2717, 16.5000, 1800),
        "kitt-peak": _site("Kitt Peak", 31.9583, -111.5967, 2120),
        "la-palma": _site("La Palma (ORM)", 28.7569, -17.8850, 2350),
        "la-silla": _site("La Silla", -29.2567, -70.7300, 2400),
        "maunakea": _site("Maunakea", 19.8260, -155.4747, 4205),
        "palomar": _site("Palomar", 33.3564, -116.8650, 1712),
        "paranal": _site("Paranal", -24.6272, -70.4042, 2635),
        "siding-spring": _site("Siding Spring", -31.2733, 149.0617, 1165),
        "sutherland": _site("Sutherland", -32.3794, 20.8107, 1760),
        "veritas": _site("VERITAS", 31.6750, -110.9522, 1268),
    }
)
"""A few observatories that follow neutrino alerts up, to about 100 m."""


def site_of(said: object) -> Site:
    """Return the site that a person means.

    Parameters
    ----------
    said : str or mapping
        A name (`SITES`, with blanks or hyphens); ``LAT,LON`` or ``LAT,LON,HEIGHT`` [deg, deg, m];
        or a table of the configuration, with the names of the attributes of `Site`.

    Raises
    ------
    ConfigError
        If it is none of these, or something is unknown, missing or out of range.

    Examples
    --------
    >>> site_of("-24.63,-70.4,2635").lat_deg
    -24.63
    >>> site_of("La Palma").height_m
    2350
    """
    if isinstance(said, str):
        return SITES.get("-".join(said.casefold().split())) or _of_numbers(said)
    if not isinstance(said, Mapping):
        raise ConfigError(
            "expected a name, or a table with name, lat_deg, lon_deg and height_m", key="site"
        )
    known = ("name", *LIMITS)
    for name in said:
        if name not in known:
            raise ConfigError("unknown option", key=f"site.{name}", hint=nearest(name, known))
    for name in ("lat_deg", "lon_deg"):
        if name not in said:
            raise ConfigError("is required", key=f"site.{name}")
    return Site(**{"name": "the site", **said})


def _of_numbers(text: str) -> Site:
    try:
        lat, lon, *height = (float(part) for part in text.split(","))
        return _site(text, lat, lon, *height)
    except (ValueError, TypeError) as error:
        if isinstance(error, ConfigError):
            raise
        known = f"LAT,LON,HEIGHT or one of {', '.join(SITES)}"
        raise ConfigError(f"unknown site {text!r:.60}", key="site", hint=known) from error
