"""The gravitational wave of a search in words: a line for messages, and what pages show."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from icecube_hooks import Alert, Direction, Localization, Record
from icecube_plugin.alerts import Event, group
from icecube_plugin.alerts.waves import flag_text, gw_text, likeliest, newest_candidate
from icecube_plugin.alerts.words import clean, containment_text, number_text
from icecube_plugin.sky import circularised_radius_deg
from icecube_plugin.sky.skymaps import Maps, Pixels, SkyMap

__all__ = [
    "RETRACTED_WAVE",
    "WaveOfSearch",
    "areas_text",
    "at_peak",
    "decisive_of_wave",
    "in_map",
    "map_of",
    "news_text",
    "wave_line",
]

RETRACTED_WAVE: Final = "The gravitational-wave candidate was retracted."
CANDIDATE: Final = "candidate"
TOLD: Final = 5
"""Neutrinos in a line."""


@dataclass(frozen=True, slots=True)
class WaveOfSearch:
    """A search, all that LVK has said of its superevent, and where the sky maps are."""

    search: Alert
    wave: Event
    maps: Maps | None = None

    @property
    def is_retracted(self) -> bool:
        """Whether LVK has taken the candidate back."""
        return self.wave.is_retracted

    def line(self) -> str:
        """Return `wave_line`."""
        return wave_line(self.search, self.wave, self.maps)

    def news(self, alert: Alert) -> str:
        """Say what an alert of LVK's has changed in what decides; empty where it has nothing."""
        made = alert.notice_time
        earlier = [
            one
            for one in self.wave.alerts
            if made is not None and one.notice_time is not None and one.notice_time < made
        ]
        before = next(iter(group(earlier)), None)
        told = (decisive_of_wave(self.search, one, self.maps) for one in (before, self.wave))
        return news_text(*told)


def map_of(wave: Event, maps: Maps | None) -> SkyMap | None:
    """Return the newest sky map that LVK has sent of a superevent, where it is at hand."""
    candidates = (alert.gw_candidate for alert in reversed(wave.standing))
    file = next((one.skymap for one in candidates if one is not None and one.skymap), None)
    return None if file is None or maps is None else maps.of_digest(file.sha256)


def at_peak(record: Record, skymap: SkyMap) -> Record:
    """Return an alert of LVK's as it is drawn: where its map is densest, for it has no place."""
    ra_deg, dec_deg = skymap.most_probable_deg()
    there = Direction(ra_deg=ra_deg, dec_deg=dec_deg)
    return record.replace(alert=record.alert.replace(most_probable_direction=there))


def wave_line(search: Alert, wave: Event, maps: Maps | None) -> str:
    """Say in a line what LVK's newest word of a superevent is, and where the neutrinos are in it.

    Returns
    -------
    str
        ``BBH > 99.9 %, FAR 1 per 33 yr, 90 % area 2370 deg2; neutrino 1 inside the 61 % region``,
        that it was retracted, or nothing where LVK has said nothing.
    """
    alert = newest_candidate(wave)
    said = "" if alert is None else gw_text(alert)
    if wave.is_retracted:
        return f"RETRACTED by LVK, was {said}" if said else "RETRACTED by LVK"
    skymap = map_of(wave, maps)
    if skymap is None:
        return said
    neutrinos = enumerate(search.coincident_events, start=1)
    places = [(n, one.localization) for n, one in neutrinos if one.localization is not None]
    parts = [f"neutrino {n} {_where(place, skymap)}" for n, place in places[:TOLD]]
    parts += [f"{len(places) - TOLD} more"] if len(places) > TOLD else []
    return "; ".join((f"{said}, 90 % area {_rounded(skymap.area_deg2(0.9))} deg2", *parts))


def decisive_of_wave(search: Alert, wave: Event | None, maps: Maps | None) -> dict[str, str]:
    """Return what decides in what LVK says of the wave of a search, by what it is about.

    Who was told of the search has to hear of it when this changes: whether the candidate stands,
    its likeliest class, LVK's flag, and on which side of the border of the 90 % region each
    neutrino is. Not the rate, which changes a little with each notice. Empty where LVK has said
    nothing.
    """
    if wave is None:
        return {}
    if wave.is_retracted:
        return {CANDIDATE: "retracted"}
    found = {CANDIDATE: "standing"}
    alert = newest_candidate(wave)
    candidate = None if alert is None else alert.gw_candidate
    if candidate is not None:
        likely = likeliest(candidate)
        found |= {} if likely is None else {"class": clean(likely[0], 40)}
        flag = flag_text(candidate)
        found |= {} if flag is None else {"significance": flag}
    skymap = map_of(wave, maps)
    for number, one in enumerate(search.coincident_events, start=1):
        place = one.localization
        if skymap is not None and place is not None:
            is_inside = skymap.contains(place.ra_deg, place.dec_deg, 0.9)
            found[f"neutrino {number}"] = f"{'inside' if is_inside else 'outside'} the 90 % region"
    return found


def news_text(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Say what has changed in what decides (`decisive_of_wave`); empty where nothing has.

    Examples
    --------
    >>> news_text({"candidate": "standing", "class": "BBH"}, {"candidate": "retracted"})
    'candidate retracted, was standing'
    >>> news_text({"class": "BBH"}, {"class": "Terrestrial", "significance": "low"})
    'class Terrestrial, was BBH; significance low'
    """
    parts = [
        f"{name} {value}" + (f", was {before[name]}" if name in before else "")
        for name, value in now.items()
        if before.get(name) != value
    ]
    return "; ".join(parts)


def _where(place: Localization, skymap: SkyMap) -> str:
    """Say in which region a neutrino is: of whole per cent, the smallest that holds it."""
    at = place.ra_deg, place.dec_deg
    if not skymap.contains(*at, 0.9):
        return "outside the 90 % region"
    return f"inside the {min(math.ceil(100 * skymap.credible_level(*at)), 90)} % region"


def _rounded(area_deg2: float) -> str:
    return f"{float(f'{area_deg2:.3g}'):g}"


def areas_text(skymap: Pixels) -> str:
    """Return how large the regions of a sky map are."""
    areas = (f"{100 * c:.0f} % in {_rounded(skymap.area_deg2(c))} deg²" for c in (0.5, 0.9))
    return ", ".join(areas)


def in_map(place: Localization, skymap: SkyMap) -> tuple[str, str]:
    """Say at which credible level a neutrino lies, how dense and far the map is there; its error.

    Returns
    -------
    (str, str)
        Of the position, and of the position with its error.
    """
    at = place.ra_deg, place.dec_deg
    level, density = skymap.credible_level(*at), skymap.density_deg2(*at)
    inside = [f"{100 * c:.0f} %" for c in (0.5, 0.9) if skymap.contains(*at, c)]
    where = f"inside the {inside[0]} region" if inside else "outside the 90 % region"
    text = f"{where}, credible level {100 * level:.3g} %; {density:.2g} per deg²"
    distance = skymap.distance_mpc(*at)
    if distance is not None:
        text += f"; {distance[0]:.3g} ± {distance[1]:.2g} Mpc in this direction"
    return text, _with_error(place, skymap)


def _with_error(place: Localization, skymap: SkyMap) -> str:
    radius, share = circularised_radius_deg(place), place.containment
    if not radius:
        return ""
    at = place.ra_deg, place.dec_deg, radius
    of = containment_text(share) or "containment not stated"
    held = number_text(skymap.probability_within(*at))
    text = f"its circle of {radius:.3g}° ({of}) holds {held} of the map"
    if share is None or not 0.0 < share < 1.0:
        return text
    return f"{text}; overlap {skymap.overlap(*at, share):.3g}, 1 is that of an even sky"
