"""The message that tells a person on shift of a record: a title, and a plain text.

What changed and whether the site can look come first, then the summary of the record
(`icecube_plugin.views.summary`: what, when, where, how sure), then links. Pure: the time is an
argument.

Conventions
-----------
- Plain text for every service. What comes from a message cannot start a line of its own, a title, a
  mention (``@everyone``, ``<!channel>``), a code block or a link with another text: besides what
  `clean` takes away, the characters ``@``, ````` ` `````, ``<``, ``>``, ``[``, ``]`` are replaced
  outside of the links that we make.
- Addresses in links are percent-encoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from icecube_hooks import Alert, Concern, Direction, Localization, Record, Status
from icecube_plugin.alerts import changes, group
from icecube_plugin.alerts.links import links_of, places_of
from icecube_plugin.alerts.words import (
    NOT_STATED_CONTAINMENT,
    clean,
    notice_label,
    region_text,
)
from icecube_plugin.sky.directions import galactic_deg
from icecube_plugin.sky.observing import (
    DARK_SUN_DEG,
    airmass,
    altitudes_deg,
    dark_times,
    highest,
)
from icecube_plugin.sky.site import Site

from .summary import row, summary

__all__ = ["Announcement", "compose"]

TITLE_CHARACTERS: Final = 150
_PLAIN: Final = str.maketrans(
    {"@": "(at)", "`": "'", "<": "\u2039", ">": "\u203a", "[": "(", "]": ")"}
)


@dataclass(frozen=True, slots=True)
class Announcement:
    """A title of one line, and the lines of the text; the last `n_links` of them are links."""

    title: str
    lines: tuple[str, ...]
    n_links: int

    def text(self, limit_chars: int | None = None) -> str:
        """Return the text, at most so long: lines before the links go first.

        Examples
        --------
        >>> print(Announcement("t", ("one", "two", "three", "link: x"), 1).text(16))
        one
        ...
        link: x
        """
        whole = "\n".join(self.lines)
        if limit_chars is None or len(whole) <= limit_chars:
            return whole
        keep = len(self.lines) - self.n_links
        links = self.lines[keep:]
        while keep > 1:
            keep -= 1
            shorter = "\n".join((*self.lines[:keep], "...", *links))
            if len(shorter) <= limit_chars:
                return shorter
        return f"{whole[: max(limit_chars - 3, 0)]}..."


def compose(
    record: Record,
    *,
    now: datetime,
    site: Site | None = None,
    earlier: Alert | None = None,
    later: Alert | None = None,
    doubts: Sequence[Concern] = (),
) -> Announcement:
    """Put a record into words.

    Parameters
    ----------
    record : Record
    now : datetime
        When the message is read, more or less [UTC].
    site : Site, optional
        From where to look.
    earlier, later : Alert, optional
        What was known of the event before, and its newest notice, if this one is not it.
    doubts : sequence of Concern
        What is doubtful about the event (`icecube_plugin.alerts.Event.concerns`).
    """
    head, *rest = summary(record).replace("<= ", "at most ").splitlines()
    alarms = [line for line in rest if line.startswith("***")]
    facts = [line for line in rest if not line.startswith("***")]
    own = (
        *_history(record.alert, earlier, later),
        *(row("concern", clean(f"{doubt.found}: {doubt.why}")) for doubt in doubts),
        *_sky(record.alert, now, site),
    )
    links = _links(record.alert, earlier)
    said = tuple(line.translate(_PLAIN) for line in (*alarms, *own, *facts))
    return Announcement(_title(record.alert, head, earlier), (*said, *links), len(links))


def _title(alert: Alert, head: str, earlier: Alert | None) -> str:
    """Return the title: marked if it is no event, or none any more."""
    mark = "RETRACTED: " if alert.status is Status.RETRACTION else ""
    mark = mark if alert.is_real else f"TEST, NOT REAL: {mark}"
    words = head.partition(f"  ({alert.format})")[0].split()
    if alert.gw is not None:
        words += ["notice", alert.revision_label]
    elif not alert.event_names and earlier is not None and earlier.event_names:
        words.append(f"({earlier.event_names[0][:80]})")
    return clean(f"{mark}IceCube {' '.join(words)}".translate(_PLAIN), TITLE_CHARACTERS)


def _history(alert: Alert, earlier: Alert | None, later: Alert | None) -> Iterator[str]:
    if later is not None:
        yield f"*** {_label(later)} came before this one ***"
    if earlier is not None:
        found = "; ".join(change.text for change in changes(earlier, alert))
        yield row("changed", f"since {_label(earlier)}: {clean(found or 'nothing')}")


def _label(alert: Alert) -> str:
    return clean(f"{notice_label(alert)} ({alert.format})", 60)


def _sky(alert: Alert, now: datetime, site: Site | None) -> Iterator[str]:
    place = alert.localization
    if place is not None and region_text(place) and place.containment is None:
        yield row("error", NOT_STATED_CONTAINMENT)
    places = places_of(alert)
    dark = dark_times(now, site) if site is not None and places else []
    for label, where in places:
        _, latitude = galactic_deg(where.ra_deg, where.dec_deg)
        yield row("Galactic", f"latitude {latitude:+.1f} deg{label}")
        if site is not None:
            view = _view(where, alert.trigger_time, now, dark, site)
            yield row("from here", f"{view}{label}")


def _view(
    place: Direction | Localization,
    trigger: datetime | None,
    now: datetime,
    dark: Sequence[datetime],
    site: Site,
) -> str:
    where = place.ra_deg, place.dec_deg
    times = [now] if trigger is None else [now, trigger]
    altitudes = altitudes_deg(*where, times, site)
    parts = [f"{site.name}: {_altitude(altitudes[0])} at {_clock(now)} (now)"]
    parts += [f"{_altitude(altitude)} at the trigger" for altitude in altitudes[1:]]
    parts.append(_best(where, dark, site))
    return ", ".join(parts)


def _best(where: tuple[float, float], dark: Sequence[datetime], site: Site) -> str:
    if not dark:
        return f"not dark within 24 h (Sun below {DARK_SUN_DEG:g} deg)"
    time, altitude = highest(*where, dark, site)
    if altitude <= 0:
        return "below the horizon while it is dark in the next 24 h"
    return f"highest in the dark {_altitude(altitude)} at {_clock(time)}"


def _clock(time: datetime) -> str:
    return f"{time.astimezone(UTC):%H:%M} UTC"


def _altitude(altitude_deg: float) -> str:
    air = f", airmass {airmass(altitude_deg):.1f}" if altitude_deg >= 5 else ""
    return f"altitude {altitude_deg:.0f} deg{air}"


def _links(alert: Alert, earlier: Alert | None) -> tuple[str, ...]:
    known = [alert] if earlier is None else [alert, earlier]
    event = group(known)[0]  # events stand in the order of their first alerts
    return tuple(f"{link.text}: {link.href}" for link in links_of(event, alert))
