"""Where an alert stands in the sky of an observatory through a night."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from icecube_hooks import ConfigError, Localization, Record

from ._paper import INK, Axes, caption, dates, entry, legend, new_figure, title, write
from ._scene import STYLES, PlotError, offline, place_of, shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from icecube_plugin.sky.projections import Floats

__all__ = ["SITES", "Site", "site_of", "visibility"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """A place on the Earth.

    Attributes
    ----------
    name : str
    lat_deg : float
        Geodetic latitude (WGS 84), -90 to 90, north positive.
    lon_deg : float
        Longitude, -180 to 180, east positive.
    height_m : float

    Raises
    ------
    ConfigError
        If it is none.
    """

    name: str
    lat_deg: float
    lon_deg: float
    height_m: float = 0.0

    def __post_init__(self) -> None:
        if not (
            -90 <= self.lat_deg <= 90
            and -180 <= self.lon_deg <= 180
            and -1000 <= self.height_m <= 10_000
        ):
            raise ConfigError(
                f"expected latitude, longitude [deg] and height [m], got {self.lat_deg:g},"
                f"{self.lon_deg:g},{self.height_m:g}",
                key="site",
            )


def _site(name: str, lat_deg: float, lon_deg: float, height_m: float) -> Site:
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

DARKER_BELOW: Final = (0.0, -6.0, -12.0, -18.0)
"""Altitudes of the Sun [deg]: sunset, and the ends of civil, nautical, astronomical twilight."""

AIRMASSES: Final = (1.0, 1.1, 1.25, 1.5, 2.0, 3.0)
STEP_MINUTES: Final = 5


def site_of(text: str) -> Site:
    """Return the site of a name (`SITES`), or of ``LAT,LON`` or ``LAT,LON,HEIGHT`` [deg, m].

    Raises
    ------
    ConfigError
        If it is neither.

    Examples
    --------
    >>> site_of("28.76,-17.885,2350").lon_deg
    -17.885
    >>> site_of("Paranal").height_m
    2635
    """
    if text.casefold() in SITES:
        return SITES[text.casefold()]
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 3):
        known = f"LAT,LON,HEIGHT or one of {', '.join(SITES)}"
        raise ConfigError(f"unknown site {shown(text)!r}", key="site", hint=known)
    return _site(text, *numbers[:2], *(numbers[2:] or [0.0]))


@dataclass(frozen=True, kw_only=True, slots=True)
class Night:
    """Altitudes [deg] from local noon to local noon, without refraction.

    Attributes
    ----------
    times : sequence of datetime
        [UTC]
    target, sun, moon : array
    moon_illumination : float
        Share of the disc that is lit at the middle of the night.
    moon_distance_deg : float
        Between Moon and target at that time.
    """

    times: Sequence[datetime]
    target: Floats
    sun: Floats
    moon: Floats
    moon_illumination: float
    moon_distance_deg: float


def visibility(record: Record, site: Site | str, *, night_of: date | None = None) -> Figure:
    """Draw the altitude of an alert through a night.

    Parameters
    ----------
    record : Record
    site : Site or str
        See `site_of`.
    night_of : date, optional
        The local date of the evening; by default the night in which the event fell, or if that
        was in daylight the next one.

    Returns
    -------
    matplotlib.figure.Figure
        Altitudes above the horizon without refraction, airmass as 1 / sin(altitude), twilight of
        the Sun at 0, -6, -12, -18 deg.

    Raises
    ------
    PlotError
        If the alert has no position, or neither it nor `night_of` says when.
    ConfigError
        If the site is unknown or matplotlib is not installed.
    """
    figure = new_figure(8.0, 5.2)
    alert, at = record.alert, site_of(site) if isinstance(site, str) else site
    place = place_of(alert)
    if place is None:
        raise PlotError(f"{shown(alert.notice_id)} states no position")
    if night_of is None and alert.trigger_time is None:
        raise PlotError(f"{shown(alert.notice_id)} states no time, and no night is given")
    found = night(place, at, night_of or evening_of(alert.trigger_time, at))
    axes = figure.add_axes((0.09, 0.22, 0.81, 0.68))
    _draw(axes, found, STYLES[alert.kind].colour)
    _time_of(axes, found, alert.trigger_time)
    name = shown((alert.event_names or (alert.event_key or alert.notice_id,))[0])
    title(axes, f"{name} from {shown(at.name)}, night of {_local_date(found, at):%Y-%m-%d}")
    caption(figure, _caption(place, at, found))
    return figure


def evening_of(moment: datetime | None, site: Site) -> date:
    """Return the local date of the evening before or, by day, after a moment."""
    assert moment is not None  # noqa: S101  # the caller has checked
    local = moment.astimezone(UTC) + timedelta(hours=site.lon_deg / 15)
    return (local - timedelta(hours=6 if local.hour < 6 else 0)).date()


def night(place: Localization, site: Site, evening: date) -> Night:
    """Compute a night, from the local mean noon of a date to the next, without the network."""
    import numpy as np
    from astropy import units as u
    from astropy.coordinates import AltAz, EarthLocation, get_body

    from icecube_plugin.sky.points import coordinates, times_of

    noon = datetime.combine(evening, time(12), UTC) - timedelta(hours=site.lon_deg / 15)
    steps = range(0, 24 * 60 + 1, STEP_MINUTES)
    times = [noon + timedelta(minutes=step) for step in steps]
    where = EarthLocation.from_geodetic(site.lon_deg, site.lat_deg, site.height_m)
    target = coordinates(place.ra_deg, place.dec_deg)
    with offline():
        when: Any = times_of(times)
        frame: Any = AltAz(obstime=when, location=where, pressure=0 * u.hPa)
        sun: Any = get_body("sun", when, where, ephemeris="builtin")
        moon: Any = get_body("moon", when, where, ephemeris="builtin")
        altitudes = [one.transform_to(frame).alt.deg for one in (target, sun, moon)]
        middle = int(np.argmin(altitudes[1]))
        elongation = sun[middle].separation(moon[middle]).rad
        apart = coordinates(moon.ra.deg[middle], moon.dec.deg[middle]).separation(target).deg
    return Night(
        times=times,
        target=altitudes[0],
        sun=altitudes[1],
        moon=altitudes[2],
        moon_illumination=float((1 - np.cos(elongation)) / 2),
        moon_distance_deg=float(apart),
    )


def _draw(axes: Axes, found: Night, colour: str) -> None:
    import numpy as np

    x = dates().date2num(found.times)
    for altitude in DARKER_BELOW:
        axes.fill_between(x, 0, 90, where=found.sun <= altitude, color="#1b2a49", alpha=0.18, lw=0)
    up = np.where(found.target > 0, found.target, np.nan)
    axes.plot(x, np.where(found.moon > 0, found.moon, np.nan), color="black", lw=1.6, ls=":")
    axes.plot(x, up, color="white", lw=4.5)
    axes.plot(x, up, color=colour, lw=2.4)
    dark = found.sun < 6
    first, last = (x[dark][0], x[dark][-1]) if dark.any() and not dark.all() else (x[0], x[-1])
    axes.set(xlim=(first, last), ylim=(0, 90))
    axes.set_ylabel("altitude [deg]", fontsize=9)
    axes.set_xlabel(f"time [UTC], from {found.times[0]:%Y-%m-%d}", fontsize=9)
    axes.xaxis.set_major_locator(dates().HourLocator(interval=2))
    axes.xaxis.set_major_formatter(dates().DateFormatter("%H:%M", tz=UTC))
    axes.tick_params(labelsize=8)
    axes.grid(color="#ffffff", alpha=0.5, lw=0.5)
    _airmass(axes)
    handles = [
        entry("alert", linestyle="-", lw=2.4, color=colour),
        entry(
            f"Moon ({found.moon_illumination:.0%} lit)".replace("%", " %"), linestyle=":", lw=1.2
        ),
    ]
    legend(axes, handles, loc="upper right")
    if not (found.target > 0).any():
        write(axes, 0.5, 0.5, "never above the horizon", transform=axes.transAxes, ha="center")


def _airmass(axes: Axes) -> None:
    import numpy as np

    other: Any = axes.secondary_yaxis("right")
    altitudes = np.degrees(np.arcsin(1 / np.array(AIRMASSES)))
    other.set_ticks(altitudes, labels=[f"{airmass:g}" for airmass in AIRMASSES])
    other.set_ylabel("airmass", fontsize=9)
    other.tick_params(labelsize=8)


def _time_of(axes: Axes, found: Night, moment: datetime | None) -> None:
    """Mark the time of the event, if it is in sight."""
    if moment is None:
        return
    x, (low, high) = dates().date2num(moment), axes.get_xlim()
    if low < x < high:
        axes.axvline(x, color=INK, lw=1.0, ls="--")
        write(axes, x, 2, " event", rotation=90, va="bottom", ha="right")


def _local_date(found: Night, site: Site) -> date:
    return (found.times[0] + timedelta(hours=site.lon_deg / 15)).date()


def _caption(place: Localization, site: Site, found: Night) -> Iterator[str]:
    yield f"RA {place.ra_deg:.3f}, Dec {place.dec_deg:+.3f} deg (ICRS), the best position only."
    yield f"Site {site.lat_deg:+.4f}, {site.lon_deg:+.4f} deg (east positive), {site.height_m:g} m."
    yield "Altitudes without refraction; airmass 1 / sin(altitude)."
    yield "Shades: Sun below 0, -6, -12, -18 deg (sunset; civil, nautical, astronomical dusk)."
    yield f"Moon {found.moon_distance_deg:.0f} deg from the alert at the middle of the night."
