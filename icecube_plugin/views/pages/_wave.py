"""The gravitational wave of a search, as LVK's own alerts tell it: class, rate, map, neutrinos."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from icecube_hooks import YEAR_S, Alert, AlertKind
from icecube_plugin.alerts import Event
from icecube_plugin.alerts.waves import (
    external_text,
    gw_text,
    newest_candidate,
    rate_text,
    shares_text,
)
from icecube_plugin.alerts.words import clean, notice_label, number_text, span_text
from icecube_plugin.significance import joint_far_hz
from icecube_plugin.sky.skymaps import SkyMap
from icecube_plugin.views.waves import RETRACTED_WAVE, areas_text, in_map, map_of

from ._parts import Fact
from ._stories import Story

__all__ = ["wave_facts"]

SEVERAL_WINDOWS: Final = "time window"
"""What a concern is about where a circular tells of two windows: which p is of which?"""
PRODUCT: Final = "before trials, x the candidate's own rate, as RAVEN's untargeted search"


def wave_facts(story: Story) -> Iterator[Fact]:
    """Yield what LVK says of the wave, and what follows for the neutrinos of the search."""
    wave = story.wave
    if wave is None:
        return
    alert = newest_candidate(wave)
    if wave.is_retracted:
        yield Fact(label="Retracted", text=RETRACTED_WAVE)
    if alert is None or alert.gw_candidate is None:
        return
    note = f"{notice_label(alert)}, of {len(wave.notices)}"
    yield Fact(label="Candidate", text=gw_text(alert), note=note)
    candidate = alert.gw_candidate
    by = (*candidate.instruments, candidate.group, candidate.pipeline, candidate.search)
    yield Fact(label="Found by", text=" ".join(clean(part, 40) for part in by if part))
    for label, shares in (("Classes", candidate.classification), ("If real", candidate.properties)):
        if shares:
            yield Fact(label=label, text=shares_text(shares))
    if candidate.external is not None:
        yield Fact(label="Coincident with", text=external_text(candidate.external))
    yield from _earlier(wave, alert)
    if not wave.is_retracted:
        yield from _joint(story.event.known, alert)
    skymap = map_of(wave, story.maps)
    if skymap is not None:
        yield Fact(label="Its sky map", text=areas_text(skymap))
        yield from _neutrinos(story.event.known, skymap)


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
    window = _window(search)
    if window is None:
        return
    for p in search.p_values:
        if p.value:
            rate = joint_far_hz(p.value, wave.far_hz)
            text = f"{rate * YEAR_S:.2g} per year, {rate_text(rate)}"
            note = f"p {number_text(p.value)}{window}, {PRODUCT}"
            yield Fact(label=f"Joint rate, {clean(p.search, 40)}", text=text, note=note)


def _window(search: Alert) -> str | None:
    """Return the window that p is for; empty where none is stated, ``None`` for one of several.

    The usual one is +-500 s; two weeks after a merger with a neutron star are another search.
    """
    start, stop, at = search.observation_start, search.observation_stop, search.trigger_time
    if any(one.field == SEVERAL_WINDOWS and one.taken is not None for one in search.concerns):
        return None
    if start is None or stop is None or at is None:
        return ""
    before, after = (at - start).total_seconds(), (stop - at).total_seconds()
    if abs(before - after) < 1:
        return f" within +-{before:.4g} s"
    return f" from {span_text(before)} before to {span_text(after)} after"


def _neutrinos(search: Alert, skymap: SkyMap) -> Iterator[Fact]:
    for number, neutrino in enumerate(search.coincident_events, start=1):
        if neutrino.localization is not None:
            text, note = in_map(neutrino.localization, skymap)
            yield Fact(label=f"Neutrino {number}", text=text, note=note)
