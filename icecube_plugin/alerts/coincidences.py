"""Which neutrinos of a search are events of their own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from icecube_hooks import CoincidentEvent

from .events import Event
from .identity import realm
from .names import PAIR, run_event


@dataclass(frozen=True, kw_only=True, slots=True)
class SharedNeutrino:
    """A neutrino of a gravitational-wave search that is an alert of its own.

    Attributes
    ----------
    search, track : Event
    coincidence : CoincidentEvent
        The neutrino, as the newest notice of the search that lists it has it.
    """

    search: Event
    track: Event
    coincidence: CoincidentEvent


def shared_neutrinos(events: Iterable[Event]) -> tuple[SharedNeutrino, ...]:
    """Find searches and alerts that have a neutrino in common, by its run and event number.

    A test is linked with tests only.
    """
    known = tuple(events)
    tracks = {
        (realm(event.newest), name): event
        for event in known
        for name in event.names
        if PAIR.fullmatch(name) is not None
    }
    found = []
    for search in known:
        for key, coincidence in _coincidences(search).items():
            track = tracks.get((realm(search.newest), key))
            if track is not None:
                found.append(SharedNeutrino(search=search, track=track, coincidence=coincidence))
    return tuple(found)


def _coincidences(event: Event) -> dict[str, CoincidentEvent]:
    """Return the neutrinos of a search by ``run_event``, as its newest notice has them."""
    return {
        run_event(one.run_id, one.event_id): one
        for alert in event.alerts
        for one in alert.coincident_events
        if one.run_id is not None and one.event_id is not None
    }
