"""Where an alert stands in the sky of an observatory through a night."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from icecube_hooks import Localization, Record
from icecube_plugin.sky.observing import SUNSET_DEG, Night, airmass, evening_of, night
from icecube_plugin.sky.site import Site, site_of

from ._events import PlotError, drawn_with, heading_of, place_of, provenance, shown, style_of
from ._figure import (
    INK,
    Axes,
    Size,
    caption,
    dates,
    entry,
    legend,
    new_figure,
    write,
    write_heading,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


__all__ = ["visibility"]


DARKER_BELOW: Final = (0.0, -6.0, -12.0, -18.0)
"""Altitudes of the Sun [deg]: sunset, and the ends of civil, nautical, astronomical twilight."""

AIRMASSES: Final = (1.0, 1.1, 1.25, 1.5, 2.0, 3.0)


def visibility(
    record: Record,
    site: Site | str,
    *,
    night_of: date | None = None,
    now: datetime | None = None,
    others: Iterable[Record] = (),
    size_in: Size = (8.0, 5.2),
) -> Figure:
    """Draw the altitude of an alert through a night.

    Parameters
    ----------
    record : Record
    site : Site or str
        See `icecube_plugin.sky.site_of`.
    night_of : date, optional
        The local date of the evening; by default the night in which the event fell, or if that
        was in daylight the next one.
    now : datetime, optional
        A moment to mark, if it is in sight.
    others : iterable of Record
        More notices of the event, which may name it.
    size_in : (float, float)
        Width and height [inches].

    Returns
    -------
    matplotlib.figure.Figure
        Altitudes above the horizon without refraction, airmass, twilight of the Sun at 0, -6, -12,
        -18 deg. If the Sun does not set, or does not rise, the whole day is drawn, and it is said.

    Raises
    ------
    PlotError
        If the alert has no position, or neither it nor `night_of` says when.
    ConfigError
        If the site is unknown or matplotlib is not installed.
    """
    figure = new_figure(size_in)
    alert, at = record.alert, site_of(site) if isinstance(site, str) else site
    place = place_of(alert)
    if place is None:
        raise PlotError(f"{shown(alert.notice_id)} states no position")
    if night_of is None:
        if alert.trigger_time is None:
            raise PlotError(f"{shown(alert.notice_id)} states no time, and no night is given")
        night_of = evening_of(alert.trigger_time, at)
    found = night(place, at, night_of)
    axes = figure.add_axes((0.09, 0.25, 0.81, 0.62))
    _draw(axes, found, style_of(alert.kind).colour)
    for moment, text in ((alert.trigger_time, "event"), (now, "now")):
        _mark(axes, moment, text)
    event, _, story = drawn_with(record, others)
    write_heading(figure, f"{heading_of(event)}\nfrom {shown(at.name)}, night of {night_of}")
    caption(figure, (*_caption(place, found), provenance(story)))
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
    near = x[sun < 6] if sun.min() < SUNSET_DEG else x
    first, last = near[0], near[-1]
    axes.set(xlim=(first, last), ylim=(0, 90))
    axes.set_ylabel("altitude [deg]", fontsize=9)
    axes.set_xlabel("time [UTC]", fontsize=9)
    axes.xaxis.set_major_locator(dates().HourLocator(byhour=range(0, 24, 2)))
    axes.xaxis.set_major_formatter(_clock_and_date)
    axes.tick_params(labelsize=8)
    axes.grid(color="#aaaaaa", alpha=0.4, lw=0.5)
    _airmass_axis(axes)
    lit = f"{found.moon_illumination * 100:.0f} % lit"
    handles = [
        entry("alert", linestyle="-", lw=2.4, color=colour),
        entry(f"Moon ({lit})", linestyle=":", lw=1.2),
    ]
    legend(axes, handles, loc="upper right")
    for y, text in zip((0.5, 0.6), _remarks(found), strict=False):
        write(axes, 0.5, y, text, transform=axes.transAxes, ha="center", fontsize=10)


def _remarks(found: Night) -> Iterator[str]:
    """Say why there is nothing to see."""
    if max(found.target) <= 0:
        yield "never above the horizon"
    if min(found.sun) > SUNSET_DEG:
        yield "the Sun does not set"
    elif max(found.sun) < SUNSET_DEG:
        yield "the Sun does not rise"


def _clock_and_date(x: float, position: int | None) -> str:
    """Return the text of a tick: the date stands at the first one, and where it changes."""
    moment = dates().num2date(x)
    is_new = position == 0 or moment.hour < 2
    return f"{moment:%H:%M\n%Y-%m-%d}" if is_new else f"{moment:%H:%M}"


def _airmass_axis(axes: Axes) -> None:
    import numpy as np

    other: Any = axes.secondary_yaxis("right")
    altitudes = np.linspace(90, 10, 401)
    ticks = np.interp(AIRMASSES, [airmass(altitude) for altitude in altitudes], altitudes)
    other.set_ticks(ticks, labels=[f"{one:g}" for one in AIRMASSES])
    other.set_ylabel("airmass", fontsize=9)
    other.tick_params(labelsize=8)


def _mark(axes: Axes, moment: datetime | None, text: str) -> None:
    """Mark a moment, if it is in sight."""
    if moment is None:
        return
    x, (low, high) = dates().date2num(moment), axes.get_xlim()
    if low < x < high:
        axes.axvline(x, color=INK, lw=1.4 if text == "now" else 0.8)
        write(axes, x, 90.7, text, va="bottom", ha="center")


def _caption(place: Localization, found: Night) -> Iterator[str]:
    site = found.site
    yield f"RA {place.ra_deg:.3f}, Dec {place.dec_deg:+.3f} deg (ICRS), the best position only."
    yield f"Site {site.lat_deg:+.4f}, {site.lon_deg:+.4f} deg (east positive), {site.height_m:g} m."
    yield "Altitudes without refraction; airmass after Kasten & Young (1989)."
    yield "Shades: Sun below 0, -6, -12, -18 deg (sunset; civil, nautical, astronomical dusk)."
    yield f"Moon {found.moon_distance_deg:.0f} deg from the alert at the middle of the night."
