"""Where else to look: addresses made of what a notice says, as plain links.

Nothing is fetched. An address that stands in a notice is a link only if it is http or https.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit

from icecube_hooks import Alert, AlertKind
from icecube_plugin.views.pages._stories import Story
from icecube_plugin.views.summary import clean

__all__ = ["Link", "links_of", "web_address"]

_AMON_PAGES = {
    AlertKind.GOLD: "notices_amon_g_b",
    AlertKind.BRONZE: "notices_amon_g_b",
    AlertKind.CASCADE: "notices_amon_icecube_cascade",
}


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


def links_of(story: Story) -> tuple[Link, ...]:
    """Return the links of an event's page."""
    return (
        *_circulars(story),
        *_gravitational_wave(story.event.newest),
        *_icecube(story),
        *_sky_maps(story),
        *_catalogues(story.placed.alert),
    )


def _circulars(story: Story) -> Iterator[Link]:
    for alert in story.event.circulars:
        if alert.circular_number is not None:
            number = alert.circular_number
            yield Link(
                text=f"GCN Circular {number}", href=f"https://gcn.nasa.gov/circulars/{number}"
            )
    if story.is_named:
        query = urlencode({"query": story.title})
        href = f"https://gcn.nasa.gov/circulars?{query}"
        yield Link(text="GCN Circulars", href=href, note=f"search for {story.title}")


def _gravitational_wave(alert: Alert) -> Iterator[Link]:
    superevent = None if alert.gw is None else alert.gw.superevent_id
    if superevent is not None:
        href = f"https://gracedb.ligo.org/superevents/{quote(superevent, safe='')}/view/"
        yield Link(text="GraceDB", href=href, note=clean(superevent, 60))


def _icecube(story: Story) -> Iterator[Link]:
    folder, run = _AMON_PAGES.get(story.kind), story.event.latest("run_id")
    number = story.event.latest("event_id")
    if folder is not None and run is not None and number is not None:
        href = f"https://gcn.gsfc.nasa.gov/{folder}/{run}_{number}.amon"
        yield Link(text="Notices at GCN", href=href, note="as text, all revisions")
    if story.kind is AlertKind.LVK_SEARCH:
        href = "https://roc.icecube.wisc.edu/public/LvkNuTrackSearch"
        yield Link(text="IceCube", href=href, note="results of all searches")
    else:
        yield Link(text="IceCube", href="https://gcn.nasa.gov/missions/icecube", note="at GCN")


def _sky_maps(story: Story) -> Iterator[Link]:
    for name, text in (("skymap_fits_url", "Sky map (FITS)"), ("skymap_png_url", "Sky map (PNG)")):
        urls = [
            getattr(alert.localization, name)
            for alert in reversed(story.event.alerts)
            if alert.localization is not None
        ]
        for href in [found for found in map(web_address, urls) if found is not None][:1]:
            yield Link(text=text, href=href)


def _catalogues(alert: Alert) -> Iterator[Link]:
    place = alert.localization or alert.most_probable_direction
    if place is None:
        return
    position = f"{place.ra_deg:.5f} {place.dec_deg:+.5f}"
    radius_deg = alert.localization.error_radius_deg if alert.localization is not None else None
    reach_deg = min(radius_deg or 1.0, 5.0)
    simbad = {
        "Coord": position,
        "CooFrame": "ICRS",
        "CooEpoch": "2000",
        "Radius": f"{60 * reach_deg:.4g}",
        "Radius.unit": "arcmin",
    }
    near = f"within {reach_deg:.3g}° of the position"
    yield Link(
        text="SIMBAD",
        href=f"https://simbad.cds.unistra.fr/simbad/sim-coo?{urlencode(simbad)}",
        note=near,
    )
    aladin = urlencode({"target": position, "fov": f"{max(4 * (radius_deg or 1.0), 0.5):.4g}"})
    href = f"https://aladin.cds.unistra.fr/AladinLite/?{aladin}"
    yield Link(text="Aladin", href=href, note="sky image")
