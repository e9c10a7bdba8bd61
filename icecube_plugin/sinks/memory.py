"""Who was told of which notices, and the last notices of each event: tables of an SQLite file.

For whoever must know more than the record in hand: what an event was before, under which names it
is known, and whether somebody has got it. The file is the caller's; it is bounded.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Final

from icecube_hooks import Alert, AlertKind, Record, Status
from icecube_plugin.alerts import Event, State, group
from icecube_plugin.alerts.identity import aliases, claim
from icecube_plugin.alerts.index import known_of, neighbours
from icecube_plugin.alerts.merge import content_digest, known
from icecube_plugin.alerts.words import notice_label
from icecube_plugin.disk import make_private

__all__ = [
    "SCHEMA",
    "Memory",
    "around",
    "event_of",
    "key_of",
    "notice_of",
    "opened",
    "plain",
]

log = logging.getLogger(__name__)

KEPT_SENT: Final = 100_000
KEPT_ALERTS: Final = 50_000
"""Rows; a notice has some eight, one for each alias."""
WAIT_S: Final = 10.0
"""How long to wait for another process that holds the file."""

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS sent (
    url TEXT NOT NULL, notice TEXT NOT NULL, UNIQUE (url, notice));
CREATE TABLE IF NOT EXISTS alerts (
    name TEXT NOT NULL, notice TEXT NOT NULL, alert TEXT NOT NULL, UNIQUE (name, notice));
"""


class Memory:
    """What was told to whom, and the last notices.

    Parameters
    ----------
    database : sqlite3.Connection
        With the tables of `SCHEMA`.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database

    def was_told(self, who: str, notice: str) -> bool:
        """Whether somebody was told of a notice."""
        query = "SELECT 1 FROM sent WHERE url = ? AND notice = ?"
        return self.database.execute(query, (who, notice)).fetchone() is not None

    def told(self, who: str, notice: str) -> None:
        """Note that somebody was told."""
        self.database.execute("INSERT OR IGNORE INTO sent VALUES (?, ?)", (who, notice))

    def who_was_told(self, notice: str) -> list[str]:
        """Return who was told of a notice, in that order."""
        query = "SELECT url FROM sent WHERE notice = ? ORDER BY rowid"
        return [who for (who,) in self.database.execute(query, (notice,))]

    def story(self, alert: Alert) -> dict[str, Alert]:
        """Return the other notices that can be of an alert's event, by `key_of`, as they came."""
        key = key_of(alert)
        found = neighbours(known_of({key: alert}), self._find)
        return {name: one for name, (one, _) in found.items() if name != key}

    def event(self, alert: Alert) -> tuple[Event, list[str]]:
        """Return the event of an alert, and the keys of its other notices, as they came."""
        story = self.story(alert)
        event = event_of(alert, story.values())
        own = set(map(id, event.alerts))
        return event, [key for key, one in story.items() if id(one) in own]

    def search(self, alert: Alert) -> Event | None:
        """Return the search around the superevent of an alert of LVK's, if one is kept."""
        name = alert.gw and alert.gw.superevent_id
        found = [
            one
            for one in self.story(alert).values()
            if one.kind is AlertKind.LVK_SEARCH
            and one.gw is not None
            and one.gw.superevent_id == name
        ]
        return next(iter(group(found)), None)

    def said(self, who: str, about: str) -> str:
        """Return what somebody was told last about something; empty if nothing."""
        query = "SELECT notice FROM sent WHERE url = ? ORDER BY rowid DESC LIMIT 1"
        row = self.database.execute(query, (_topic(who, about),)).fetchone()
        return "" if row is None else str(row[0])

    def say(self, who: str, about: str, text: str) -> None:
        """Note what somebody is told about something."""
        self.database.execute("DELETE FROM sent WHERE url = ?", (_topic(who, about),))
        self.told(_topic(who, about), text)

    def keep(self, alert: Alert) -> None:
        """Keep a notice under the aliases of its event, without what no reader understood."""
        key, text = key_of(alert), alert.replace(unread={}).to_json()
        rows = [(plain(name), key, text) for name in sorted(aliases(alert, claim(alert)))]
        self.database.executemany("INSERT OR IGNORE INTO alerts VALUES (?, ?, ?)", rows)

    def forget(self) -> None:
        """Drop the oldest rows."""
        for table, kept in (("sent", KEPT_SENT), ("alerts", KEPT_ALERTS)):
            last = f"(SELECT max(rowid) FROM {table})"  # noqa: S608  # ours
            self.database.execute(f"DELETE FROM {table} WHERE rowid <= {last} - {kept}")  # noqa: S608  # ours

    def _find(self, names: list[str], there: Collection[str], room: int) -> dict[str, Alert]:
        marks = ", ".join("?" * len(names))
        rows = self.database.execute(
            f"SELECT notice, alert FROM alerts WHERE name IN ({marks}) ORDER BY rowid",  # noqa: S608  # question marks
            list(map(plain, names)),
        )
        fresh = {key: text for key, text in rows if key not in there}
        newest = list(fresh.items())[-room:]
        return {key: alert for key, text in newest for alert in _alerts(text)}


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Memory]:
    """Open a file; make it, readable by its owner only, if it is not there.

    Raises
    ------
    OSError
        If it cannot be read or written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    make_private(path)
    database = sqlite3.connect(path, timeout=WAIT_S, isolation_level=None)
    try:
        database.executescript(SCHEMA)
        yield Memory(database)
    except sqlite3.Error as error:
        raise OSError(str(error)) from error
    finally:
        database.close()


def event_of(alert: Alert, story: Iterable[Alert]) -> Event:
    """Return the event of an alert, of the notices of its story."""
    return next(
        event for event in group([*story, alert]) if any(one is alert for one in event.alerts)
    )


def key_of(alert: Alert) -> str:
    """Return what is equal for two notices that say the same."""
    return plain(f"{alert.notice_id} {content_digest(alert)}")


def _topic(who: str, about: str) -> str:
    return plain(f"{who} on {about}")


def plain(text: str) -> str:
    """Return what a database takes; JSON can hold halves of characters."""
    return text.encode("ascii", "backslashreplace").decode()


def _alerts(text: str) -> tuple[Alert, ...]:
    """Return the alert of a text, or none: another version may have written it."""
    try:
        return (Alert.from_json(text),)
    except (ValueError, KeyError, TypeError) as error:
        log.warning("a notice in the state is left out: %s", type(error).__name__)
        return ()


def notice_of(record: Record, event: Event) -> str:
    """Return what is equal for what is not to be told twice.

    A notice that comes again with other values is another one: a correction is news.
    """
    alert = record.alert
    if alert.revision_label == "?" and alert.circular_number is None:
        return record.id
    suffix = ":retraction" if alert.status is Status.RETRACTION else ""
    number = alert.circular_number
    notice = alert.notice_id + suffix if number is None else f"circular:{number}"
    corrected = _index(alert, event) - _first_edition(alert, event)
    return plain(f"{notice}:{corrected}" if corrected else notice)


def _index(alert: Alert, event: Event) -> int:
    """Return where the notice that an alert is a sighting of stands in the event's history."""
    return next(
        index
        for index, notice in enumerate(event.history)
        if any(one is alert for one in notice.sightings)
    )


def _first_edition(alert: Alert, event: Event) -> int:
    index = _index(alert, event)
    while index and event.history[index - 1].state is State.CORRECTED:
        if notice_label(event.history[index - 1].alert) != notice_label(alert):
            break
        index -= 1
    return index


def around(alert: Alert, event: Event) -> tuple[Alert | None, Alert | None]:
    """Return what was known before an alert, and the newest notice if another one is newer."""
    index = _index(alert, event)
    before = [n.alert for n in event.history[:index] if n.state is not State.DOUBTED]
    earlier = known(before, is_retracted=False) if before else None
    is_last = event.history[index].alert is event.newest
    return earlier, None if is_last or index == len(event.history) - 1 else event.newest
