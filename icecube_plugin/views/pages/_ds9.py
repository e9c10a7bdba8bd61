"""Error regions as a DS9 region file.

Circles stand as circles; ellipses and boxes as polygons along their edge on the sphere, so that
no program has to know whose position angle it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from icecube_hooks import Localization
from icecube_plugin.sky import region
from icecube_plugin.sky.regions import widened

from ._stories import Story

__all__ = ["ds9"]


def ds9(story: Story, systematic_deg: float = 0.0) -> bytes | None:
    """Return the region file of an event, or ``None`` where no position is stated.

    With a systematic error, see `icecube_plugin.sky.regions.widened`; the labels say so.
    """
    lines = list(_lines(story, systematic_deg))
    if not lines:
        return None
    head = ("# Region file format: DS9 version 4.1", "icrs")
    return "".join(f"{line}\n" for line in (*head, *lines)).encode("ascii")


def _lines(story: Story, systematic_deg: float) -> Iterator[str]:
    alert = story.placed.alert
    neutrinos = enumerate(alert.coincident_events, start=1)
    stated = [(story.event.title, alert.localization)]
    stated += [(f"neutrino {number}", neutrino.localization) for number, neutrino in neutrinos]
    for label, place in stated:
        if place is not None:
            wide = widened(place, systematic_deg)
            added = "" if wide is place else f" +{systematic_deg:g} deg"
            yield from _of_place(wide, f"{label}{added}")


def _of_place(place: Localization, label: str) -> Iterator[str]:
    name = re.sub(r"[^A-Za-z0-9 ._+-]", "_", label)
    yield f"point({place.ra_deg:.5f},{place.dec_deg:.5f}) # point=cross text={{{name}}}"
    if place.error_radius_50_deg is not None:
        yield _circle(place, place.error_radius_50_deg, f"{name} 50 %")
    part = "" if place.containment is None else f" {100 * place.containment:.4g} %"
    if place.error_radius_deg is not None:
        yield _circle(place, place.error_radius_deg, f"{name}{part}")
    elif place.ellipse or place.asymmetric:
        yield f"polygon({_edge(place)}) # text={{{name}{part}}}"


def _circle(place: Localization, radius_deg: float, text: str) -> str:
    return (
        f'circle({place.ra_deg:.5f},{place.dec_deg:.5f},{3600 * radius_deg:.2f}") # text={{{text}}}'
    )


def _edge(place: Localization) -> str:
    ra, dec = region(place).outline_deg(72)
    points = zip(ra.tolist(), dec.tolist(), strict=True)
    return ",".join(f"{one:.5f},{other:.5f}" for one, other in points)
