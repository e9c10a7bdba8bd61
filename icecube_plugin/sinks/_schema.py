"""Layout 2 of the databases, and what of a record stands in which column.

Text and pure functions only: the sinks ``sqlite`` and ``database`` bring the connections.
``docs/database.md`` describes the layout for those who ask questions.

Conventions
-----------
- ``record_number`` counts from 1 in the order of writing; other tables refer to it. One writer at
  a time gives numbers out, under a lock of the database, so that who reads on from the last number
  that it knows misses nothing.
- Times are UTC with microseconds; in SQLite ISO 8601 text with ``Z``, so that text order is time
  order. Angles in degrees (ICRS), rates in Hz, energies in TeV. NULL is "not stated".
- Text that a database refuses (NUL, a lone surrogate) stands as its escape in the columns;
  ``record_json`` has it, and the notice's bytes, exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from operator import attrgetter
from typing import Any, Final

from icecube_hooks import CoincidentEvent, Localization, Message, Record, Significance

__all__ = [
    "COLUMNS",
    "HISTORY",
    "NEWEST_EVENT",
    "NEWEST_FIRST",
    "POSTGRESQL",
    "SCHEMA_VERSION",
    "SQLITE",
    "Rows",
    "cell",
    "definitions",
    "known_sightings",
    "notices",
    "rows_of",
]

SCHEMA_VERSION: Final = 2
"""Layout of the database; one of a newer layout is refused, not guessed at."""

Row = tuple[object, ...]

SQLITE: Final = {
    "number": "INTEGER",
    "whole": "INTEGER",  # a larger one than 64 bits stands as text
    "real": "REAL",
    "flag": "INTEGER",
    "time": "TEXT",
    "by_key": " WITHOUT ROWID",
}
"""Types of `definitions` in SQLite."""

POSTGRESQL: Final = {
    "number": "BIGINT",
    "whole": "NUMERIC",  # notices may state more than 64 bits
    "real": "DOUBLE PRECISION",
    "flag": "BOOLEAN",
    "time": "TIMESTAMPTZ",
    "by_key": "",
}
"""Types of `definitions` in PostgreSQL."""

# Record ids begin with kind and event, so that their index grows at few places, as events come in
# order of time; that of a digest would grow everywhere, which costs more than its shortness saves.
_TABLES: Final = """
CREATE TABLE records (
    record_number {number} PRIMARY KEY,
    record_id TEXT NOT NULL UNIQUE, notice_id TEXT NOT NULL, event_key TEXT, event_name TEXT,
    run_id {whole}, event_id {whole}, kind TEXT NOT NULL, format TEXT NOT NULL, revision {whole},
    status TEXT, tense TEXT, is_real {flag} NOT NULL, trigger_time {time}, notice_time {time},
    ra_deg {real}, dec_deg {real}, error_radius_deg {real}, containment {real},
    energy_tev {real}, signalness {real}, far_hz {real}, p_generic {real}, p_bayesian {real},
    superevent_id TEXT, gw_notice_number {whole}, record_json TEXT NOT NULL
);
CREATE INDEX records_by_event ON records (event_key);
CREATE INDEX records_by_time ON records (trigger_time);
CREATE TABLE sightings (
    record_number {number} NOT NULL REFERENCES records, number {number} NOT NULL,
    topic TEXT, partition {whole}, "offset" {whole}, origin TEXT, timestamp {time},
    PRIMARY KEY (record_number, number)
){by_key};
CREATE TABLE significances (
    record_number {number} NOT NULL REFERENCES records, number {number} NOT NULL,
    provider TEXT NOT NULL, quantity TEXT NOT NULL, sided TEXT NOT NULL, p_value {real},
    sigma {real}, is_limit {flag} NOT NULL, n_trials {real}, trials_source TEXT,
    p_value_post {real}, sigma_post {real}, far_per_year {real}, far_source TEXT, verdict TEXT,
    PRIMARY KEY (record_number, number)
){by_key};
CREATE TABLE coincident_events (
    record_number {number} NOT NULL REFERENCES records, number {number} NOT NULL,
    delta_t_s {real}, run_id {whole}, event_id {whole}, event_key TEXT, ra_deg {real},
    dec_deg {real}, error_radius_deg {real}, containment {real}, p_generic {real},
    p_bayesian {real},
    PRIMARY KEY (record_number, number)
){by_key};
"""

COLUMNS: Final = {
    "records": (
        *("record_number", "record_id", "notice_id", "event_key", "event_name", "run_id"),
        *("event_id", "kind", "format", "revision", "status", "tense", "is_real", "trigger_time"),
        *("notice_time", "ra_deg", "dec_deg", "error_radius_deg", "containment", "energy_tev"),
        *("signalness", "far_hz", "p_generic", "p_bayesian", "superevent_id"),
        *("gw_notice_number", "record_json"),
    ),
    "sightings": (
        *("record_number", "number", "topic", "partition", "offset", "origin", "timestamp"),
    ),
    "significances": (
        *("record_number", "number", "provider", "quantity", "sided", "p_value", "sigma"),
        *("is_limit", "n_trials", "trials_source", "p_value_post", "sigma_post", "far_per_year"),
        *("far_source", "verdict"),
    ),
    "coincident_events": (
        *("record_number", "number", "delta_t_s", "run_id", "event_id", "event_key", "ra_deg"),
        *("dec_deg", "error_radius_deg", "containment", "p_generic", "p_bayesian"),
    ),
}
"""Columns by table, in the order of the rows of `Rows`, which is that of the definitions."""

NEWEST_FIRST: Final = (
    "coalesce(revision, gw_notice_number) DESC NULLS LAST,"
    " notice_time DESC NULLS LAST, record_number DESC"
)
"""Order of the notices of an event, from its newest revision or LVK sequence number."""

_OLDEST_FIRST: Final = NEWEST_FIRST.replace("DESC NULLS LAST", "ASC NULLS FIRST").replace(
    "DESC", "ASC"
)

HISTORY: Final = f"SELECT record_json FROM notices WHERE event_key = :key ORDER BY {_OLDEST_FIRST}"  # noqa: S608  # ours
"""Asks for the notices of an event, oldest revision first."""

NEWEST_EVENT: Final = "SELECT record_json FROM events WHERE event_key = :key"
"""Asks for what is now known of an event."""

_RECORD_COLUMNS: Final = ", ".join(COLUMNS["records"])


def notices(where: str = "") -> str:
    """Return the query of the view ``notices``, of all records or those of a condition.

    No database passes a condition on through the view, so that it would read every record first.
    """
    return f"""
        SELECT {_RECORD_COLUMNS} FROM (
            SELECT records.*, row_number() OVER (
                PARTITION BY event_key, notice_id
                ORDER BY CASE format
                    WHEN 'json' THEN 0 WHEN 'voevent' THEN 1 WHEN 'text' THEN 2
                    WHEN 'binary' THEN 3 WHEN 'circular' THEN 4 ELSE 5 END,
                    notice_time DESC NULLS LAST, record_number DESC
            ) AS choice FROM records {where}
        ) AS ranked WHERE choice = 1
    """  # noqa: S608  # conditions are ours


_VIEWS: Final = f"""
CREATE VIEW notices AS {notices()};
CREATE VIEW events AS SELECT {_RECORD_COLUMNS}, retracted, n_notices FROM (
    SELECT notices.*,
        row_number() OVER (PARTITION BY event_key ORDER BY {NEWEST_FIRST}) AS choice,
        max(CASE status WHEN 'retraction' THEN 1 ELSE 0 END) OVER (PARTITION BY event_key) = 1
            AS retracted,
        count(*) OVER (PARTITION BY event_key) AS n_notices
    FROM notices WHERE is_real AND event_key IS NOT NULL
) AS ranked WHERE choice = 1;
"""  # noqa: S608  # made of the constants above


def definitions(types: Mapping[str, str]) -> list[str]:
    """Return the statements that make tables, indexes and views, with `types` of a database."""
    text = _TABLES.format_map(types) + _VIEWS
    return [statement.strip() for statement in text.split(";") if statement.strip()]


@dataclass(slots=True)
class Rows:
    """What a batch adds, by table; each row in the order of `COLUMNS`."""

    records: list[Row] = field(default_factory=list)
    sightings: list[Row] = field(default_factory=list)
    significances: list[Row] = field(default_factory=list)
    coincident_events: list[Row] = field(default_factory=list)

    def by_table(self) -> Iterator[tuple[str, list[Row]]]:
        """Yield each table that gains rows, those first to which others refer."""
        for table in COLUMNS:
            if rows := getattr(self, table):
                yield table, rows


Sightings = dict[int, set[tuple[str | None, ...]]]


def rows_of(
    records: Iterable[Record], numbers: Mapping[str, int], sightings: Sightings, last: int
) -> Rows:
    """Return the rows that a batch adds to a database.

    A record that is there is not changed: what was written first stays. That it came again, from
    another offset, topic or file, is a row more in ``sightings``.

    Parameters
    ----------
    records : iterable of Record
    numbers : mapping of str to int
        The number of each record of the batch that is there, by ``cell(record.id)``.
    sightings : dict
        What `known_sightings` makes of those records; changed in place.
    last : int
        The largest record number that is there, or 0.
    """
    rows, numbers = Rows(), dict(numbers)
    for record in records:
        key = str(_text(record.id))
        number = numbers.get(key)
        if number is None:
            last = number = numbers[key] = last + 1
            rows.records.append(_record(number, key, record))
            rows.significances += _numbered(number, record.significances, _significance)
            rows.coincident_events += _numbered(number, record.alert.coincident_events, _neutrino)
        seen = sightings.setdefault(number, set())
        place = _place(record.message)
        if (comparable := _comparable(place)) not in seen:
            seen.add(comparable)
            rows.sightings.append((number, len(seen), *place, _time(record.message.timestamp)))
    return rows


def known_sightings(rows: Iterable[Sequence[Any]]) -> Sightings:
    """Group rows of (record_number, topic, partition, offset, origin) for `rows_of`."""
    found: Sightings = {}
    for number, *place in rows:
        found.setdefault(number, set()).add(_comparable(place))
    return found


def cell(value: object) -> object:
    """Return what stands in a column for a text, time or whole number of the contract."""
    if isinstance(value, str):
        return _text(value)
    return _time(value) if isinstance(value, datetime) else value


def _record(number: int, key: str, record: Record) -> Row:
    alert, gw = record.alert, record.alert.gw
    return (
        number,
        key,
        _text(alert.notice_id),
        _text(alert.event_key),
        _text(alert.event_names[0]) if alert.event_names else None,
        _whole(alert.run_id),
        _whole(alert.event_id),
        alert.kind._value_,
        alert.format._value_,
        _whole(alert.revision),
        _value(alert.status),
        _value(alert.tense),
        alert.is_real,
        _time(alert.trigger_time),
        _time(alert.notice_time),
        *_position(alert.localization),
        alert.energy_tev,
        alert.signalness,
        alert.far_hz,
        alert.p_value("generic"),
        alert.p_value("bayesian"),
        *((None, None) if gw is None else (_text(gw.superevent_id), _whole(gw.notice_number))),
        record.to_json(),
    )


def _place(message: Message) -> Row:
    return (
        _text(message.topic),
        _whole(message.partition),
        _whole(message.offset),
        _text(message.origin),
    )


def _comparable(place: Iterable[object]) -> tuple[str | None, ...]:
    """Return a place as text: a database may give back another type of number."""
    return tuple([None if value is None else str(value) for value in place])


def _significance(one: Significance) -> Row:
    return (
        _text(one.provider),
        _text(one.quantity),
        one.sided._value_,
        one.p_value,
        one.sigma,
        one.is_limit,
        one.n_trials,
        _text(one.trials_source),
        one.p_value_post,
        one.sigma_post,
        one.far_per_year,
        _text(one.far_source),
        _value(one.verdict),
    )


def _neutrino(one: CoincidentEvent) -> Row:
    return (
        one.delta_t_s,
        _whole(one.run_id),
        _whole(one.event_id),
        one.event_key,
        *_position(one.localization),
        one.p_value("generic"),
        one.p_value("bayesian"),
    )


def _numbered(record: int, things: Sequence[Any], row: Callable[[Any], Row]) -> list[Row]:
    return [(record, number, *row(thing)) for number, thing in enumerate(things, start=1)]


_TIME: Final = "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ"
_NOWHERE: Final = (None, None, None, None)
_of_position = attrgetter("ra_deg", "dec_deg", "error_radius_deg", "containment")


def _position(place: Localization | None) -> Row:
    return _NOWHERE if place is None else _of_position(place)


def _text(text: str | None) -> str | None:
    """Return a text that every database stores."""
    if text is None or (text.isascii() and "\0" not in text):
        return text
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def _value(member: StrEnum | None) -> str | None:
    """Return the text of an enum: sqlite3 takes long to find that the member is one."""
    return None if member is None else member._value_


def _whole(number: int | None) -> int | str | None:
    """Return a number, as text if it has more than 64 bits."""
    return number if number is None or -(2**63) <= number < 2**63 else str(number)


def _time(time: datetime | None) -> str | None:
    if time is None:
        return None
    t = time if time.tzinfo is UTC else time.astimezone(UTC)
    # As isoformat(timespec="microseconds"), in half the time: each record has four.
    return _TIME % (t.year, t.month, t.day, t.hour, t.minute, t.second, t.microsecond)
