"""The message that tells a person on shift of a record: a title, and lines of text or HTML.

The title is the `headline`. What changed comes next, then the page, then facts in the order of
what decides (`icecube_plugin.views.summary`), whether the site can look among them, then links.
What does not fit is cut from the bottom. Pure: the time is an argument.

Conventions
-----------
- A line is ``label: text``, without columns: services show them in letters of any width.
- What comes from a message cannot start a line of its own, a title, a mention (``@everyone``,
  ``<!channel>``), a code block or a link with another text: besides what `clean` takes away, the
  characters ``@``, ````` ` `````, ``<``, ``>``, ``[``, ``]`` are replaced outside of the links that
  we make.
- Addresses in links are percent-encoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Final, Literal

from icecube_hooks import (
    Alert,
    AlertKind,
    Concern,
    Direction,
    Localization,
    Message,
    Record,
    Status,
)
from icecube_plugin.alerts import changes, group
from icecube_plugin.alerts.headline import headline
from icecube_plugin.alerts.links import Link, links_of, places_of
from icecube_plugin.alerts.words import (
    NOT_STATED_CONTAINMENT,
    clean,
    notice_label,
    number_text,
    region_text,
)
from icecube_plugin.sky.directions import galactic_deg, separation_deg
from icecube_plugin.sky.observing import (
    DARK_SUN_DEG,
    airmass,
    altitudes_deg,
    dark_times,
    highest,
    sun_and_moon,
)
from icecube_plugin.sky.site import Site

from .summary import Line, facts
from .waves import WaveOfSearch

__all__ = ["Announcement", "Severity", "compose"]

TITLE_CHARACTERS: Final = 150
LINE_CHARACTERS: Final = 1000
FEWEST_CHARACTERS: Final = 15
"""A shorter beginning of a line says nothing."""
GW: Final = "GW"
_LOUD: Final = (AlertKind.GOLD, AlertKind.HESE, AlertKind.EHE)
_PLAIN: Final = str.maketrans(
    {"@": "(at)", "`": "'", "<": "\u2039", ">": "\u203a", "[": "(", "]": ")"}
)


Severity = Literal["info", "warning", "failure"]


@dataclass(frozen=True, slots=True)
class Announcement:
    """A title of one line, the lines of the text, links, and how loud it is to be."""

    title: str
    lines: tuple[Line, ...]
    links: tuple[Link, ...] = ()
    severity: Severity = "info"

    def short_title(self, limit_chars: int) -> str:
        """Return the title without the facts at its end for which there is no room."""
        title = self.title
        while len(title) > limit_chars and ", " in title:
            title = title.rpartition(", ")[0]
        return title[:limit_chars]

    def text(self, limit_chars: int | None = None, *, titled: bool = False) -> str:
        """Return the text, at most so long, with the title as its first line if it is `titled`.

        Examples
        --------
        >>> one = Announcement("t", (Line("one", "1"), Line("two", "2")))
        >>> print(one.text(20, titled=True))
        t
        one: 1
        two: 2
        >>> print(one.text(10))
        one: 1
        ...
        """
        links = (Line(link.text, link.href) for link in self.links)
        lines = [f"{line.label}: {line.text}" for line in (*self.lines, *links)]
        title = [] if not titled else [self.short_title(limit_chars or len(self.title))]
        return _fitting([*title, *lines], limit_chars, "\n")

    def html(self, limit_chars: int | None = None, *, titled: bool = False) -> str:
        """Return the same as HTML: bold labels, and links that can be clicked."""
        title = [f"<b>{escape(self.title)}</b>"] if titled else []
        lines = [f"<b>{escape(line.label)}:</b> {escape(line.text)}" for line in self.lines]
        links = [f'<a href="{escape(link.href)}">{escape(link.text)}</a>' for link in self.links]
        return _fitting([*title, *lines, *links], limit_chars, "<br/>\n")


def _fitting(lines: list[str], limit_chars: int | None, end: str) -> str:
    """Join lines, without the last ones where there is no room; a link is not cut in two."""
    whole, shown = end.join(lines), list(lines)
    while limit_chars is not None and len(whole) > limit_chars:
        last = shown.pop()
        room = limit_chars - len(end.join((*shown, ""))) - 3
        cut = "" if "://" in last or "<" in last or room < FEWEST_CHARACTERS else last[:room]
        whole = end.join((*shown, f"{cut}..."))
        if not shown:
            return f"{last[: max(limit_chars - 3, 0)]}..."
    return whole


def compose(
    record: Record,
    *,
    now: datetime,
    site: Site | None = None,
    earlier: Alert | None = None,
    later: Alert | None = None,
    doubts: Sequence[Concern] = (),
    page: str | None = None,
    wave: WaveOfSearch | None = None,
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
    page : str, optional
        Address of our own page of the event.
    wave : WaveOfSearch, optional
        What LVK says of the gravitational wave, of a search or of an alert of LVK's own whose
        search was told.
    """
    alert = record.alert
    _, deciding, rest = facts(record)
    if wave is not None:  # whose line says more than the alert alone
        deciding, rest = ([one for one in some if one.label != GW] for some in (deciding, rest))
    name = earlier.event_names[0] if earlier is not None and earlier.event_names else ""
    title = headline(record, at=now, name=name, limit_chars=TITLE_CHARACTERS)
    if wave is not None and wave.is_retracted and alert is wave.search:
        title = f"GW RETRACTED: {title}"
    lines = (
        *_history(alert, earlier, later, wave),
        *((Line("page", page),) if page is not None else ()),
        *(_of_wave(alert, wave) if wave is not None else ()),
        *deciding,
        *_sky(alert, now, site),
        *(Line("concern", f"{one.found}: {one.why}") for one in doubts),
        *rest,
    )
    return Announcement(
        clean(title.replace("<= ", "at most ").translate(_PLAIN), TITLE_CHARACTERS),
        tuple(line if line.label == "page" else _harmless(line) for line in lines),
        _links(alert, earlier),
        _severity(alert),
    )


def _harmless(line: Line) -> Line:
    text = clean(line.text.replace("<= ", "at most "), LINE_CHARACTERS).translate(_PLAIN)
    return line._replace(text=text)


def _severity(alert: Alert) -> Severity:
    """Return how loud a message is: a retraction stands out, and so does what one points at."""
    if not alert.is_real:
        return "info"
    if alert.status is Status.RETRACTION:
        return "failure"
    return "warning" if alert.kind in _LOUD else "info"


def _of_wave(alert: Alert, wave: WaveOfSearch) -> Iterator[Line]:
    """Yield what LVK says of the wave of a search, and of which search, where it is not this."""
    if alert.kind is AlertKind.LVK_GW:
        yield Line("search", _search_text(wave.search))
    line = wave.line()
    if line:
        yield Line(GW, line)


def _search_text(search: Alert) -> str:
    """Return in a line which search it was, and its p-values."""
    line = headline(Record.of(Message(value=b""), search), is_aged=False)
    stated = [one for one in search.p_values if one.value is not None]
    p_values = (f"{clean(one.search, 40)} p {number_text(one.value)}" for one in stated)
    return ", ".join((line, *p_values)) + (" before trials" if stated else "")


def _history(
    alert: Alert, earlier: Alert | None, later: Alert | None, wave: WaveOfSearch | None
) -> Iterator[Line]:
    if later is not None:
        yield Line("late", f"{_label(later)} came before this one")
    news = wave.news(alert) if wave is not None and alert.kind is AlertKind.LVK_GW else ""
    if news:
        yield Line("changed", news)
    elif earlier is not None:
        found = "; ".join(change.text for change in changes(earlier, alert))
        yield Line("changed", f"since {_label(earlier)}: {found or 'nothing'}")


def _label(alert: Alert) -> str:
    return clean(f"{notice_label(alert)} ({alert.format})", 60)


def _sky(alert: Alert, now: datetime, site: Site | None) -> Iterator[Line]:
    place = alert.localization
    if place is not None and region_text(place) and place.containment is None:
        yield Line("error", NOT_STATED_CONTAINMENT)
    places = places_of(alert)
    dark = dark_times(now, site) if site is not None and places else []
    bodies = sun_and_moon(now) if places else {}
    for label, where in places:
        _, latitude = galactic_deg(where.ra_deg, where.dec_deg)
        if site is not None:
            view = _view(where, alert.trigger_time, now, dark, site)
            yield Line("from here", f"{view}{label}")
        apart = ", ".join(
            f"{name} {separation_deg(where, one):.0f} deg" for name, one in bodies.items()
        )
        yield Line("away from", f"{apart}; Galactic latitude {latitude:+.1f} deg{label}")


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


def _links(alert: Alert, earlier: Alert | None) -> tuple[Link, ...]:
    known = [alert] if earlier is None else [alert, earlier]
    return links_of(group(known)[0], alert)  # events stand in the order of their first alerts
