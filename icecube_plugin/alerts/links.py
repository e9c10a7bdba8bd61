"""Where else to look: addresses made of what a notice says, as plain links.

Nothing is fetched. An address that stands in a notice is a link only if it is http or https.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from icecube_hooks import Alert, AlertKind, Direction, Localization
from icecube_plugin.sky import circularised_radius_deg

from .events import Event
from .words import OURS, clean

__all__ = [
    "Link",
    "circular_url",
    "links_of",
    "mission_link",
    "places_of",
    "skymap_links",
    "web_address",
]

MOST_PLACES: Final = 4
"""So many positions of one notice are linked, and looked at from a site."""

_AMON_PAGES = {
    AlertKind.GOLD: "notices_amon_g_b/{run}_{event}",
    AlertKind.BRONZE: "notices_amon_g_b/{run}_{event}",
    AlertKind.CASCADE: "notices_amon_icecube_cascade/{run}_{event}",
    AlertKind.HESE: "notices_amon/{event}_{run}",
    AlertKind.EHE: "notices_amon/{event}_{run}",
}
"""GCN's page of all notices of an event, as its circulars cite it."""


_GCN_NAME: Final = re.compile(r"IceCube-\d{6}[A-Z]")
"""Names of which GCN has a page, which it makes of the subjects of circulars (its circulars.lib.ts:
no cascades). It is there when the first circular is."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A link.

    Attributes
    ----------
    text, href : str
    note : str
        What is there.
    download : bool or str
        Whether it is a file to keep; or its name.
    """

    text: str
    href: str
    note: str = ""
    download: bool | str = False

    @property
    def is_away(self) -> bool:
        """Whether it leads out of the site."""
        return self.href.startswith(("http://", "https://"))


def circular_url(number: int) -> str:
    """Return where GCN has a circular."""
    return f"https://gcn.nasa.gov/circulars/{number}"


def web_address(text: str | None) -> str | None:
    """Return an address of http or https as it may stand in a page, else ``None``.

    Examples
    --------
    >>> web_address("https://example.org/a b.fits")
    'https://example.org/a%20b.fits'
    >>> web_address("javascript:alert(1)"), web_address("https:///x"), web_address("//example.org")
    (None, None, None)
    """
    try:
        parts = urlsplit("" if text is None else text.strip())
    except ValueError:  # such as a broken IPv6 host
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or not text:
        return None
    return quote(text.strip(), safe="!#$%&'()*+,/:;=?@[]~", errors="replace")


def links_of(event: Event, located: Alert) -> tuple[Link, ...]:
    """Return where to read on about an event, and about the places that `located` states.

    IceCube's and GCN's pages of single events are for IceCube's.

    Nothing of an event that is not real: nobody else knows it.
    """
    if not event.newest.is_real:
        return ()
    return (
        *_circulars(event),
        *_gravitational_wave(event.newest),
        *(_icecube(event) if event.newest.observatory == OURS else ()),
        *(link for label, place in places_of(located) for link in _catalogues(place, label)),
    )


def places_of(alert: Alert) -> list[tuple[str, Direction | Localization]]:
    """Return what one could point at, each with words that tell it from the others.

    At most `MOST_PLACES`: a search can list more neutrinos.
    """
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
    return found[:MOST_PLACES]


def _circulars(event: Event) -> Iterator[Link]:
    for number in dict.fromkeys(alert.circular_number for alert in event.circulars):
        if number is not None:  # once, however often it was corrected
            yield Link(text=f"GCN Circular {number}", href=circular_url(number))
    names = (name for alert in event.circulars for name in alert.event_names)
    if (name := next(filter(_GCN_NAME.fullmatch, names), None)) is not None:
        href = f"https://gcn.nasa.gov/circulars/events/{name.lower()}"
        yield Link(text="GCN event page", href=href, note="all circulars of the event")
    if event.is_named:
        query = _query({"query": event.title})
        href = f"https://gcn.nasa.gov/circulars?{query}"
        yield Link(text="GCN Circulars", href=href, note=f"search for {event.title}")


def _gravitational_wave(alert: Alert) -> Iterator[Link]:
    superevent = None if alert.gw is None else alert.gw.superevent_id
    if superevent is not None:
        path = quote(superevent[:80], safe="", errors="replace")
        href = f"https://gracedb.ligo.org/superevents/{path}/view/"
        yield Link(text="GraceDB", href=href, note=clean(superevent, 60))
        href = f"https://treasuremap.space/alerts?graceids={path}"
        yield Link(text="Treasure Map", href=href, note="who points where")


def _icecube(event: Event) -> Iterator[Link]:
    page, run = _AMON_PAGES.get(event.kind), event.latest("run_id")
    number = event.latest("event_id")
    if page is not None and run is not None and number is not None:
        href = f"https://gcn.gsfc.nasa.gov/{page.format(run=run, event=number)}.amon"
        yield Link(text="Notices at GCN", href=href, note="as text, all revisions")


def mission_link(event: Event) -> Iterator[Link]:
    """Yield where IceCube and GCN tell of all events of this kind; nothing for others' events."""
    if event.newest.observatory != OURS:
        return
    if event.kind is AlertKind.LVK_SEARCH:
        href = "https://roc.icecube.wisc.edu/public/LvkNuTrackSearch"
        yield Link(text="IceCube", href=href, note="results of all searches")
    else:
        yield Link(text="IceCube", href="https://gcn.nasa.gov/missions/icecube", note="at GCN")


def skymap_links(event: Event) -> Iterator[Link]:
    """Yield the newest address of each sky map, as notices state it."""
    for name, text in (("skymap_fits_url", "Sky map (FITS)"), ("skymap_png_url", "Sky map (PNG)")):
        urls = [
            getattr(alert.localization, name)
            for alert in reversed(event.alerts)
            if alert.localization is not None
        ]
        for href in [found for found in map(web_address, urls) if found is not None][:1]:
            yield Link(text=text, href=href)


def _catalogues(place: Direction | Localization, label: str) -> Iterator[Link]:
    position = f"{place.ra_deg:.4f} {place.dec_deg:+.4f}"
    stated = circularised_radius_deg(place) if isinstance(place, Localization) else None
    radius_deg = stated or 1.0
    reach_deg = min(radius_deg, 5.0)
    simbad = {
        "Coord": position,
        "CooFrame": "ICRS",
        "CooEpoch": "2000",
        "Radius": f"{60 * reach_deg:.4g}",
        "Radius.unit": "arcmin",
    }
    yield Link(
        text=f"SIMBAD{label}",
        href=f"https://simbad.cds.unistra.fr/simbad/sim-coo?{_query(simbad)}",
        note=f"within {reach_deg:.3g}° of the position",
    )
    aladin = {"target": position, "fov": f"{min(max(4 * radius_deg, 0.5), 180.0):.4g}"}
    href = f"https://aladin.cds.unistra.fr/AladinLite/?{_query(aladin)}"
    yield Link(text=f"Aladin{label}", href=href, note="sky image")
    esasky = {**aladin, "cooframe": "J2000", "sci": "true"}
    href = f"https://sky.esa.int/esasky/?{_query(esasky)}"
    yield Link(text=f"ESASky{label}", href=href, note="images and catalogues of space missions")


def _query(values: dict[str, str]) -> str:
    return urlencode(
        values, quote_via=quote, errors="replace"
    )  # JSON can hold halves of characters
