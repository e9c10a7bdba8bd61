"""When sites can observe an event: for its page, and as a calendar.

The 24 hours begin when its newest notice came, for a page that depends on no clock; a live page
gives the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from icecube_hooks import ConfigError, Direction, Localization
from icecube_plugin.alerts.links import places_of
from icecube_plugin.extras import pip_line
from icecube_plugin.sky.observing import (
    DARK_SUN_DEG,
    HIGH_ENOUGH_DEG,
    Window,
    airmass,
    dark_times,
    highest,
    windows,
)
from icecube_plugin.sky.site import Site

from ._stories import Story

if TYPE_CHECKING:
    from icalendar import Calendar, Event

__all__ = ["LIMITS", "Look", "air_text", "calendar", "looks_from", "moon_text"]

LIMITS: Final = f"Sun below {DARK_SUN_DEG:g}°, position above {HIGH_ENOUGH_DEG:g}° (airmass 2)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """A site, and when it can observe a position.

    Attributes
    ----------
    site : Site
    which : str
        Tells the position from others of the same event; empty if it is the only one.
    since : datetime
        Start of the 24 hours that are looked at [UTC].
    window : Window or None
    reason : str
        Why there is no window.
    """

    site: Site
    which: str
    since: datetime
    window: Window | None
    reason: str = ""


def looks_from(
    story: Story, sites: Iterable[Site], since: datetime | None = None
) -> tuple[Look, ...]:
    """Return when sites can observe an event: one look a window, or one that says why not.

    None for an event that is withdrawn, has no position, or whose notices state no time.
    """
    alert = story.placed.alert
    start = since or story.event.newest.notice_time or alert.trigger_time
    if start is None or story.event.is_retracted:
        return ()
    places = places_of(alert)
    return tuple(
        look for site in sites for which, place in places for look in _of(site, which, place, start)
    )


def _of(site: Site, which: str, place: Direction | Localization, since: datetime) -> Iterator[Look]:
    found = windows(place, site, since)
    for window in found:
        yield Look(site=site, which=which, since=since, window=window)
    if not found:
        reason = _reason(site, place, since)
        yield Look(site=site, which=which, since=since, window=None, reason=reason)


def _reason(site: Site, place: Direction | Localization, since: datetime) -> str:
    dark = dark_times(since, site)
    if not dark:
        return "not dark within 24 h"
    _, altitude = highest(place.ra_deg, place.dec_deg, dark, site)
    if altitude <= 0:
        return "below the horizon while it is dark"
    return f"at most {altitude:.0f}° high while it is dark"


def calendar(story: Story, looks: Sequence[Look]) -> bytes | None:
    """Return the windows as iCalendar (RFC 5545); ``None`` if there is none.

    Raises
    ------
    ConfigError
        If icalendar is not installed.
    """
    found = [(look, look.window) for look in looks if look.window is not None]
    if not found:
        return None
    made = _new_calendar()
    for number, (look, window) in enumerate(found, start=1):
        made.add_component(_entry(story, look, window, number))
    return bytes(made.to_ical())


def _new_calendar() -> Calendar:
    try:
        from icalendar import Calendar
    except ImportError as error:
        hint = pip_line("report")
        raise ConfigError("icalendar is not installed", key="sites", hint=hint) from error
    made = Calendar()
    made.add("prodid", "-//icecube-plugin//EN")
    made.add("version", "2.0")
    return made


def _entry(story: Story, look: Look, window: Window, number: int) -> Event:
    from icalendar import Event

    entry = Event()
    values = {
        "uid": f"{story.key}-{number}@icecube-plugin",
        "dtstamp": look.since.replace(microsecond=0),
        "dtstart": window.start.replace(microsecond=0),
        "dtend": window.stop.replace(microsecond=0),
        "summary": f"{story.event.title}{look.which} from {look.site.name}",
        "location": look.site.name,
        "description": f"{story.headline(is_aged=False)}\n{air_text(window)}; {moon_text(window)}",
    }
    for name, value in values.items():
        entry.add(name, value)
    return entry


def air_text(window: Window) -> str:
    """Return the best airmass and when."""
    return f"airmass {airmass(window.altitude_deg):.2f} at {window.best_time:%H:%M}"


def moon_text(window: Window) -> str:
    """Return what the Moon does meanwhile."""
    if window.moon_altitude_deg < 0:
        return "Moon down"
    return f"Moon {window.moon_distance_deg:.0f}° away, {window.moon_illumination:.0%} lit"
