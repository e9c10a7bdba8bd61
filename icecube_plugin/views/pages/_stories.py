"""Events with their records: what a page, or ``icecube-alerts show``, tells."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from icecube_hooks import AlertKind, Annotation, CoincidentEvent, Record
from icecube_plugin.alerts import Event, group, shared_neutrinos
from icecube_plugin.alerts.headline import headline
from icecube_plugin.alerts.waves import OF_WAVES
from icecube_plugin.alerts.words import tense_word
from icecube_plugin.sky.skymaps import Maps, Pixels

__all__ = ["Related", "Story", "tell"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Related:
    """Another event that has a neutrino in common with this one.

    Attributes
    ----------
    key, title : str
        Of the other event.
    neutrino : CoincidentEvent
        As the search has it.
    """

    key: str
    title: str
    neutrino: CoincidentEvent


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """An event and its records.

    Attributes
    ----------
    event : Event
    records : tuple of Record
        One for each of ``event.alerts``, in that order.
    related : tuple of Related
    maps : Maps, optional
        Where its sky map may be.
    wave : Event, optional
        Of a search, or of LVK's own alerts: what these say of the gravitational wave.
    search : Event, optional
        Likewise: the search around it.
    """

    event: Event
    records: tuple[Record, ...] = field(repr=False)
    related: tuple[Related, ...] = ()
    maps: Maps | None = field(default=None, repr=False)
    wave: Event | None = field(default=None, repr=False)
    search: Event | None = field(default=None, repr=False)

    @property
    def key(self) -> str:
        """The event's key."""
        return self.event.key

    @property
    def state(self) -> str:
        """``real``, or what it is instead: ``test``, ``mock``, ``injection``, ..."""
        return tense_word(self.event.newest)

    @property
    def assessed(self) -> Record | None:
        """The newest record that has significances."""
        return next((record for record in reversed(self.records) if record.significances), None)

    @property
    def annotations(self) -> tuple[Annotation, ...]:
        """What was added to the newest record to which something was."""
        return next((r.annotations for r in reversed(self.records) if r.annotations), ())

    def headline(self, *, is_aged: bool = True) -> str:
        """Say in a line what is now known of the event (`icecube_plugin.alerts.headline`)."""
        significances = () if self.assessed is None else self.assessed.significances
        record = self.placed.replace(significances=significances)
        return headline(record, name=self.event.title, is_aged=is_aged)

    @property
    def skymap(self) -> Pixels | None:
        """The sky map of its place, where it is at hand."""
        place = self.event.latest("localization")
        return None if place is None or self.maps is None else self.maps.usable(place)

    @property
    def placed(self) -> Record:
        """The newest record, with what is known of the event: its place for one."""
        return self.records[-1].replace(alert=self.event.known)


def tell(records: Iterable[Record], maps: Maps | None = None) -> tuple[Story, ...]:
    """Bring the records of each event together, newest event first.

    Parameters
    ----------
    records : iterable of Record
        In any order; each id counts once.
    maps : Maps, optional
        Sky maps that are at hand: regions on pages are theirs then.

    Returns
    -------
    tuple of Story
        Real events before others; by trigger time, latest first; those without a time at the end.
    """
    known = sorted({record.id: record for record in records}.values(), key=lambda one: one.id)
    by_alert: dict[int, list[Record]] = {}  # two records may hold one and the same alert
    for record in known:
        by_alert.setdefault(id(record.alert), []).append(record)
    found: dict[str, Story] = {}
    for event in group(record.alert for record in known):
        own = tuple(by_alert[id(alert)].pop(0) for alert in event.alerts)
        story = Story(event=_with_free_key(event, own, found), records=own, maps=maps)
        found[story.key] = story
    return tuple(sorted(_linked(found), key=_age_s))


def _with_free_key(event: Event, own: tuple[Record, ...], taken: Iterable[str]) -> Event:
    """Return the event, under another key if another event has its own."""
    return replace(event, key=f"{event.key}:{own[0].id}") if event.key in taken else event


def _linked(stories: dict[str, Story]) -> Iterator[Story]:
    related: dict[str, list[Related]] = {}
    events = {id(story.event): story for story in stories.values()}
    for link in shared_neutrinos(story.event for story in stories.values()):
        search, track = events[id(link.search)], events[id(link.track)]
        for one, other in ((search, track), (track, search)):
            found = Related(key=other.key, title=other.event.title, neutrino=link.coincidence)
            related.setdefault(one.key, []).append(found)
    waves, searches = (_by_superevent(stories, kind) for kind in OF_WAVES[::-1])
    for story in stories.values():
        shared = tuple(related.get(story.key, ()))
        wave, searched = (_of_superevent(story.event, known) for known in (waves, searches))
        yield replace(story, related=shared, wave=wave, search=searched)


def _by_superevent(stories: Mapping[str, Story], kind: AlertKind) -> dict[str, Event]:
    events = [story.event for story in stories.values() if story.event.newest.kind is kind]
    return {name: event for event in events for name in event.names}


def _of_superevent(event: Event, known: Mapping[str, Event]) -> Event | None:
    """Return the one of the superevent of a search, or of an event of LVK's own."""
    if event.newest.kind not in OF_WAVES:
        return None
    return next((known[name] for name in event.names if name in known), None)


def _age_s(story: Story) -> tuple[bool, float, str]:
    time = story.event.latest("trigger_time") or story.event.latest("notice_time")
    age_s = float("inf") if time is None else -time.timestamp()
    return (story.state != "real", age_s, story.key)
