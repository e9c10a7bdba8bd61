"""Where an alert stands in the sky of an observatory through a night."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

from icecube_hooks import Localization, Record
from icecube_plugin.sky.observing import Night, evening_of, night
from icecube_plugin.sky.site import Site, site_of

from ._events import STYLES, PlotError, place_of, shown
from ._figure import INK, Axes, caption, dates, entry, legend, new_figure, title, write

if TYPE_CHECKING:
    from matplotlib.figure import Figure


__all__ = ["visibility"]


DARKER_BELOW: Final = (0.0, -6.0, -12.0, -18.0)
"""Altitudes of the Sun [deg]: sunset, and the ends of civil, nautical, astronomical twilight."""

AIRMASSES: Final = (1.0, 1.1, 1.25, 1.5, 2.0, 3.0)


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
    if night_of is None:
        if alert.trigger_time is None:
            raise PlotError(f"{shown(alert.notice_id)} states no time, and no night is given")
        night_of = evening_of(alert.trigger_time, at)
    found = night(place, at, night_of)
    axes = figure.add_axes((0.09, 0.22, 0.81, 0.68))
    _draw(axes, found, STYLES[alert.kind].colour)
    _time_of(axes, found, alert.trigger_time)
    name = shown((alert.event_names or (alert.event_key or alert.notice_id,))[0])
    title(axes, f"{name} from {shown(at.name)}, night of {found.evening:%Y-%m-%d}")
    caption(figure, _caption(place, at, found))
    return figure


def _draw(axes: Axes, found: Night, colour: str) -> None:
    import numpy as np

    x, sun = dates().date2num(found.times), np.array(found.sun)
    target, moon = np.array(found.target), np.array(found.moon)
    for altitude in DARKER_BELOW:
        axes.fill_between(x, 0, 90, where=sun <= altitude, color="#1b2a49", alpha=0.18, lw=0)
    up = np.where(target > 0, target, np.nan)
    axes.plot(x, np.where(moon > 0, moon, np.nan), color="black", lw=1.6, ls=":")
    axes.plot(x, up, color="white", lw=4.5)
    axes.plot(x, up, color=colour, lw=2.4)
    dark = sun < 6
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
    if not (target > 0).any():
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


def _caption(place: Localization, site: Site, found: Night) -> Iterator[str]:
    yield f"RA {place.ra_deg:.3f}, Dec {place.dec_deg:+.3f} deg (ICRS), the best position only."
    yield f"Site {site.lat_deg:+.4f}, {site.lon_deg:+.4f} deg (east positive), {site.height_m:g} m."
    yield "Altitudes without refraction; airmass 1 / sin(altitude)."
    yield "Shades: Sun below 0, -6, -12, -18 deg (sunset; civil, nautical, astronomical dusk)."
    yield f"Moon {found.moon_distance_deg:.0f} deg from the alert at the middle of the night."
