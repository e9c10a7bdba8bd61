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
from urllib.parse import quote

from icecube_hooks import Alert, AlertKind, Direction, Localization, Record, Status
from icecube_plugin.alerts import changes
from icecube_plugin.sky.site import (
    DARK_SUN_DEG,
    Site,
    airmass,
    altitudes_deg,
    dark_times,
    galactic_latitude_deg,
    highest,
)

from .summary import LABEL_WIDTH, clean, summary

__all__ = ["Message", "compose"]

TITLE_CHARACTERS: Final = 150
MOST_PLACES: Final = 4
"""So many positions of one notice are looked at from the site; a search can list more neutrinos."""

_PLAIN: Final = str.maketrans(
    {"@": "(at)", "`": "'", "<": "\u2039", ">": "\u203a", "[": "(", "]": ")"}
)

_PAGES: Final = {
    AlertKind.GOLD: "notices_amon_g_b/{run}_{event}",
    AlertKind.BRONZE: "notices_amon_g_b/{run}_{event}",
    AlertKind.HESE: "notices_amon/{event}_{run}",
    AlertKind.EHE: "notices_amon/{event}_{run}",
}
"""GCN's page of all notices of an event, as its circulars cite it."""


@dataclass(frozen=True, slots=True)
class Message:
    """A title of one line, and the lines of the text; the last `n_links` of them are links."""

    title: str
    lines: tuple[str, ...]
    n_links: int

    def text(self, limit_chars: int | None = None) -> str:
        """Return the text, at most so long: lines before the links go first.

        Examples
        --------
        >>> print(Message("t", ("one", "two", "three", "link: x"), 1).text(16))
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
) -> Message:
    """Put a record into words.

    Parameters
    ----------
    record : Record
    now : datetime
        When the message is read, more or less [UTC].
    site : Site, optional
        From where to look.
    earlier, later : Alert, optional
        The notice of this event just before this one, and the newest, if this one is not it.
    """
    head, *rest = summary(record).replace("<= ", "at most ").splitlines()
    alarms = [line for line in rest if line.startswith("***")]
    facts = [line for line in rest if not line.startswith("***")]
    own = (*_history(record.alert, earlier, later), *_sky(record.alert, now, site))
    links = tuple(_links(record.alert, earlier))
    said = tuple(line.translate(_PLAIN) for line in (*alarms, *own, *facts))
    return Message(_title(record.alert, head, earlier), (*said, *links), len(links))


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


def _row(label: str, text: str) -> str:
    return f"  {label.ljust(LABEL_WIDTH)} {text}"


def _history(alert: Alert, earlier: Alert | None, later: Alert | None) -> Iterator[str]:
    if later is not None:
        yield f"*** {_label(later)} came before this one ***"
    if earlier is not None:
        found = "; ".join(change.text for change in changes(earlier, alert))
        yield _row("changed", f"since {_label(earlier)}: {clean(found or 'nothing')}")


def _label(alert: Alert) -> str:
    name = "revision" if alert.revision is not None else "notice"
    return clean(f"{name} {alert.revision_label} ({alert.format})", 60)


def _sky(alert: Alert, now: datetime, site: Site | None) -> Iterator[str]:
    place = alert.localization
    if place is not None and _has_error(place) and place.containment is None:
        yield _row("error", "containment not stated")
    places = _places(alert)[:MOST_PLACES]
    dark = dark_times(now, site) if site is not None and places else []
    for label, where in places:
        latitude = galactic_latitude_deg(where.ra_deg, where.dec_deg)
        yield _row("Galactic", f"latitude {latitude:+.1f} deg{label}")
        if site is not None:
            view = _view(where, alert.trigger_time, now, dark, site)
            yield _row("from here", f"{view}{label}")


def _has_error(place: Localization) -> bool:
    return (place.error_radius_deg or place.ellipse or place.asymmetric) is not None


def _places(alert: Alert) -> list[tuple[str, Direction | Localization]]:
    """Return what one could point at, each with words that tell it from the others."""
    if alert.localization is not None:
        return [("", alert.localization)]
    neutrinos = enumerate(alert.coincident_events, start=1)
    found: list[tuple[str, Direction | Localization]] = [
        (f" (neutrino {number})", one.localization)
        for number, one in neutrinos
        if one.localization is not None
    ]
    if not found and alert.most_probable_direction is not None:
        found.append((" (most likely)", alert.most_probable_direction))
    return found


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


def _links(alert: Alert, earlier: Alert | None) -> Iterator[str]:
    """Yield where to read on; of a notice that is not real only what does not pretend it is."""
    if not alert.is_real:
        return
    if alert.circular_number is not None:
        yield f"circular: https://gcn.nasa.gov/circulars/{alert.circular_number}"
    name = _name(alert) or (earlier and _name(earlier))
    if name:
        yield f"circulars: https://gcn.nasa.gov/circulars?query={_percent(name)}"
    page = _PAGES.get(alert.kind)
    if page is not None and alert.run_id is not None and alert.event_id is not None:
        path = page.format(run=alert.run_id, event=alert.event_id)
        yield f"notices: https://gcn.gsfc.nasa.gov/{path}.amon"
    if alert.gw is not None and alert.gw.superevent_id is not None:
        path = _percent(alert.gw.superevent_id[:80])
        yield f"GraceDB: https://gracedb.ligo.org/superevents/{path}/view/"
    for label, where in _places(alert)[:MOST_PLACES]:
        yield from _sky_links(where, label)


def _percent(text: str) -> str:
    return quote(text, safe="", errors="replace")  # JSON can hold halves of characters


def _name(alert: Alert) -> str | None:
    if alert.gw is not None and alert.gw.superevent_id is not None:
        return alert.gw.superevent_id[:80]
    return alert.event_names[0][:80] if alert.event_names else None


def _sky_links(where: Direction | Localization, label: str) -> Iterator[str]:
    radius = getattr(where, "error_radius_deg", None) or 1.0
    target = quote(f"{where.ra_deg:.4f} {where.dec_deg:+.4f}", safe="")
    view = f"target={target}&fov={min(4 * radius, 180.0):.3g}"
    yield f"Aladin{label}: https://aladin.cds.unistra.fr/AladinLite/?{view}"
    query = f"Coord={target}&CooFrame=ICRS&Radius={min(60 * radius, 600.0):.3g}&Radius.unit=arcmin"
    yield f"SIMBAD{label}: https://simbad.cds.unistra.fr/simbad/sim-coo?{query}"
