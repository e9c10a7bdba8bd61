"""The gravitational wave of a search, as LVK's own alerts tell it: class, rate, map, neutrinos."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from icecube_hooks import YEAR_S, Alert, AlertKind, Localization
from icecube_plugin.alerts import Event
from icecube_plugin.alerts.waves import gw_text, rate_text
from icecube_plugin.alerts.words import clean, containment_text, notice_label, number_text
from icecube_plugin.significance import joint_far_hz
from icecube_plugin.sky import circularised_radius_deg
from icecube_plugin.sky.skymaps import Pixels, SkyMap

from ._parts import Fact
from ._stories import Story

__all__ = ["areas_text", "wave_facts"]

PRODUCT: Final = "before trials, x the candidate's own rate, as RAVEN's untargeted search"
RETRACTED: Final = "The gravitational-wave candidate was retracted."


def wave_facts(story: Story) -> Iterator[Fact]:
    """Yield what LVK says of the wave, and what follows for the neutrinos of the search."""
    wave = story.wave
    if wave is None:
        return
    alert = _newest_candidate(wave)
    if wave.is_retracted:
        yield Fact(label="Retracted", text=RETRACTED)
    if alert is None or alert.gw_candidate is None:
        return
    note = f"{notice_label(alert)}, of {len(wave.notices)}"
    yield Fact(label="Candidate", text=gw_text(alert), note=note)
    candidate = alert.gw_candidate
    by = (*candidate.instruments, candidate.pipeline, candidate.search)
    yield Fact(label="Found by", text=" ".join(clean(part, 40) for part in by if part))
    yield from _earlier(wave, alert)
    if not wave.is_retracted:
        yield from _joint(story.event.known, alert)
    digest = None if candidate.skymap is None else candidate.skymap.sha256
    skymap = None if digest is None or story.maps is None else story.maps.of_digest(digest)
    if isinstance(skymap, SkyMap):
        yield Fact(label="Its sky map", text=areas_text(skymap))
        yield from _neutrinos(story.event.known, skymap)


def _newest_candidate(wave: Event) -> Alert | None:
    """Return the newest notice that says what it is; a retraction does not."""
    return next((a for a in reversed(wave.standing) if a.gw_candidate and a.far_hz), None)


def _earlier(wave: Event, newest: Alert) -> Iterator[Fact]:
    """Yield what was said before, where it was another thing."""
    last = gw_text(newest)
    for alert in reversed(wave.standing):
        text = gw_text(alert)
        if alert is not newest and alert.far_hz and text != last:
            yield Fact(label="Before", text=text, note=notice_label(alert))
            last = text


def _joint(search: Alert, wave: Alert) -> Iterator[Fact]:
    if search.kind is not AlertKind.LVK_SEARCH or wave.far_hz is None:
        return
    for p in search.p_values:
        if p.value:
            rate = joint_far_hz(p.value, wave.far_hz)
            text = f"{rate * YEAR_S:.2g} per year, {rate_text(rate)}"
            note = f"p {number_text(p.value)}, {PRODUCT}"
            yield Fact(label=f"Joint rate, {clean(p.search, 40)}", text=text, note=note)


def areas_text(skymap: Pixels) -> str:
    """Return how large the regions of a sky map are."""
    areas = (f"{100 * c:.0f} % in {skymap.area_deg2(c):.3g} deg²" for c in (0.5, 0.9))
    return ", ".join(areas)


def _neutrinos(search: Alert, skymap: SkyMap) -> Iterator[Fact]:
    for number, neutrino in enumerate(search.coincident_events, start=1):
        if neutrino.localization is not None:
            text, note = _in_map(neutrino.localization, skymap)
            yield Fact(label=f"Neutrino {number}", text=text, note=note)


def _in_map(place: Localization, skymap: SkyMap) -> tuple[str, str]:
    """Say at which credible level a neutrino lies, how dense the map is there, what it covers."""
    at = place.ra_deg, place.dec_deg
    level, density = skymap.credible_level(*at), skymap.density_deg2(*at)
    inside = [f"{100 * c:.0f} %" for c in (0.5, 0.9) if skymap.contains(*at, c)]
    where = f"inside the {inside[0]} region" if inside else "outside the 90 % region"
    radius = circularised_radius_deg(place)
    held = ""
    if radius is not None:
        share = skymap.probability_within(*at, radius)
        of = containment_text(place.containment) or "containment not stated"
        held = f"its circle of {radius:.3g}° ({of}) holds {number_text(share)} of the map"
    return f"{where}, credible level {100 * level:.3g} %; {density:.2g} per deg²", held
