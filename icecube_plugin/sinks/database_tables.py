"""The tables and views of the databases, made from the columns of an alert.

``docs/database.md`` describes them for those who ask questions.

Conventions
-----------
- ``record_number`` counts from 1 in the order of writing; other tables refer to it. One writer at
  a time gives numbers out, under a lock of the database, so that who reads on from the last number
  that it knows misses nothing.
- Times are UTC with microseconds; in SQLite ISO 8601 text with ``Z``, so that text order is time
  order. NULL is "not stated".
- Text that a database refuses (NUL, a lone surrogate) stands as its escape in the columns;
  ``record_json`` has it, and the notice's bytes, exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from icecube_plugin.alerts.columns import (
    NEUTRINO,
    RECORD,
    RECORD_JSON,
    SIGHTING,
    SIGNIFICANCE,
    Column,
    Kind,
    taker,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection, MetaData

__all__ = [
    "NEWEST_FIRST",
    "TABLES",
    "cell",
    "make_views",
    "metadata",
    "notices",
    "row_maker",
]

TABLES: Final[Mapping[str, tuple[Column, ...]]] = {
    "records": (*RECORD, RECORD_JSON),
    "sightings": SIGHTING,
    "significances": SIGNIFICANCE,
    "coincident_events": NEUTRINO,
}
"""What a row holds besides its keys: ``record_number`` and, but for ``records``, ``number``."""

EVENT_MEMBER: Final[Mapping[str, Kind | None]] = {
    "event_key": Kind.TEXT,
    "state": Kind.TEXT,
    "is_newest": Kind.FLAG,
    "retracted": Kind.FLAG,
    "n_notices": None,
}
"""What `icecube_plugin.sinks.database_events` says of each record: its event, and its state."""

Row = list[Any]


@cache
def metadata() -> MetaData:
    """Return the tables in SQLAlchemy's terms."""
    from sqlalchemy import Column as TableColumn
    from sqlalchemy import ForeignKey, Index, MetaData, Table

    found = MetaData()
    types = _types()
    number = types[None]
    for name, columns in TABLES.items():
        keys = [TableColumn("record_number", number, primary_key=True, autoincrement=False)]
        if name != "records":
            keys = [
                TableColumn("record_number", number, ForeignKey("records"), primary_key=True),
                TableColumn("number", number, primary_key=True, autoincrement=False),
            ]
        cells = [
            TableColumn(
                *(column.name, types[column.kind]),
                nullable=not column.is_required,
                unique=column.name == "record_id" or None,
            )
            for column in columns
        ]
        Table(name, found, *keys, *cells, sqlite_with_rowid=name == "records")

    def of_record() -> TableColumn[Any]:
        return TableColumn("record_number", number, primary_key=True, autoincrement=False)

    alias = TableColumn("alias", types[Kind.TEXT], primary_key=True)
    Table("event_aliases", found, alias, of_record(), sqlite_with_rowid=False)
    members = [
        TableColumn(name, types[kind], nullable=False) for name, kind in EVENT_MEMBER.items()
    ]
    Table("event_members", found, of_record(), *members)
    Index("event_members_by_event", found.tables["event_members"].c.event_key)
    records = found.tables["records"]
    # Record ids begin with kind and event, so that their index grows at few places, as events come
    # in order of time; that of a digest would grow everywhere, which costs more than it saves.
    Index("records_by_event", records.c.event_key)
    Index("records_by_time", records.c.trigger_time)
    return found


def _types() -> dict[Kind | None, Any]:
    """Return the type of each kind of column; under ``None`` that of our own numbers."""
    from sqlalchemy import REAL, BigInteger, Boolean, DateTime, Double, Integer, Numeric, Text

    return {
        None: BigInteger().with_variant(Integer(), "sqlite"),
        Kind.TEXT: Text(),
        # Notices may state more than 64 bits; in SQLite such a number stands as text.
        Kind.WHOLE: Numeric().with_variant(Integer(), "sqlite"),
        Kind.REAL: Double().with_variant(REAL(), "sqlite"),
        Kind.FLAG: Boolean().with_variant(Integer(), "sqlite"),
        Kind.TIME: DateTime(timezone=True).with_variant(Text(), "sqlite"),
    }


# --- cells --------------------------------------------------------------------------------------


def cell(value: object) -> object:
    """Return what stands in a column for a text, time or whole number of the contract."""
    if isinstance(value, str):
        return _text_cell(value)
    if isinstance(value, datetime):
        return _time_cell(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return _whole_cell(value)
    return value


def row_maker(columns: Sequence[Column]) -> Callable[[Any], Row]:
    """Return what makes a row of a thing: the cells of `columns`, in their order."""
    take = taker(columns)
    numbered = [(n, _CELLS.get(column.kind)) for n, column in enumerate(columns)]
    to_change = [(n, to_cell) for n, to_cell in numbered if to_cell is not None]

    def row(thing: Any) -> Row:
        values = take(thing)
        for n, to_cell in to_change:
            if (value := values[n]) is not None:
                values[n] = to_cell(value)
        return values

    return row


def _text_cell(text: str) -> str:
    """Return a text that every database stores; a plain one: drivers are slow with enums."""
    plain = str(text)
    if plain.isascii() and "\0" not in plain:
        return plain
    return plain.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def _whole_cell(number: int) -> int | str:
    """Return a number, as text if it has more than 64 bits."""
    return number if -(2**63) <= number < 2**63 else str(number)


_TIME: Final = "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ"


def _time_cell(time: datetime) -> str:
    t = time if time.tzinfo is UTC else time.astimezone(UTC)
    # As isoformat(timespec="microseconds"), in half the time: each record has several.
    return _TIME % (t.year, t.month, t.day, t.hour, t.minute, t.second, t.microsecond)


_CELLS: Final[Mapping[Kind, Callable[[Any], object]]] = {
    Kind.TEXT: _text_cell,
    Kind.WHOLE: _whole_cell,
    Kind.TIME: _time_cell,
}


# --- views --------------------------------------------------------------------------------------

NEWEST_FIRST: Final = (
    "coalesce(revision, gw_notice_number) DESC NULLS LAST,"
    " notice_time DESC NULLS LAST, record_number DESC"
)
"""Order of the notices of an event, from its newest revision or LVK sequence number."""

_COLUMNS: Final = ("record_number", *(column.name for column in TABLES["records"]))


def notices(where: str = "", columns: Iterable[str] = _COLUMNS) -> str:
    """Return the query of the view ``notices``, of all records or those of a condition.

    No database passes a condition on through the view, so that it would read every record first.
    """
    return f"""
        SELECT {", ".join(columns)} FROM (
            SELECT records.*, row_number() OVER (
                PARTITION BY event_key, notice_id
                ORDER BY CASE format
                    WHEN 'json' THEN 0 WHEN 'voevent' THEN 1 WHEN 'text' THEN 2
                    WHEN 'binary' THEN 3 WHEN 'circular' THEN 4 ELSE 5 END,
                    notice_time DESC NULLS LAST, record_number DESC
            ) AS choice FROM records {where}
        ) AS ranked WHERE choice = 1
    """  # noqa: S608  # conditions are ours


_OF_EVENT: Final = ("retracted", "n_notices")
_OF_WAVE: Final = (
    *("superevent_id", "record_number", "gw_notice_type", "notice_time", "gw_class"),
    *("gw_class_probability", "gw_significant", "gw_group", "gw_instruments", "far_hz"),
)
_OF_SEARCH: Final = (
    *("record_number", "event_key", "superevent_id", "trigger_time", "p_generic", "p_bayesian"),
    *("n_coincident", "headline_p_post", "retracted"),
)


def _views() -> dict[str, tuple[tuple[str, ...], str]]:
    """Return columns and query of each view, those first on which others are built."""
    columns = ", ".join(
        "member.event_key AS event_key" if name == "event_key" else name for name in _COLUMNS
    )
    about = [name for name in _OF_WAVE if name.startswith("gw_")]
    return {
        "notices": (_COLUMNS, notices()),
        "events": (
            (*_COLUMNS, *_OF_EVENT),
            f"""
            SELECT {columns}, member.retracted, member.n_notices
            FROM event_members AS member JOIN records USING (record_number)
            WHERE member.is_newest AND records.is_real AND records.event_key IS NOT NULL
            """,  # noqa: S608  # made of the constants above
        ),
        "waves": (
            (*_OF_WAVE, "retracted"),
            f"""
            SELECT {", ".join(_OF_WAVE)}, retracted FROM (
                SELECT records.*, member.retracted, row_number() OVER (
                    PARTITION BY member.event_key ORDER BY {NEWEST_FIRST}) AS choice
                FROM records JOIN event_members AS member USING (record_number)
                WHERE kind = 'lvk-gw' AND far_hz IS NOT NULL
                AND member.state NOT IN ('doubted', 'corrected')
            ) AS ranked WHERE choice = 1
            """,  # noqa: S608  # made of the constants above
        ),
        "searches": (
            (*_OF_SEARCH, *about, "gw_far_hz", "gw_retracted", "gw_record_number"),
            f"""
            SELECT {", ".join(f"event.{name} AS {name}" for name in _OF_SEARCH)},
                {", ".join(f"wave.{name} AS {name}" for name in about)},
                wave.far_hz AS gw_far_hz, wave.retracted AS gw_retracted,
                wave.record_number AS gw_record_number
            FROM events AS event LEFT JOIN waves AS wave
                ON wave.superevent_id = event.superevent_id
            WHERE event.kind = 'lvk-search'
            """,  # noqa: S608  # made of the constants above
        ),
    }


def make_views(connection: Connection) -> None:
    """Make the views anew, of the columns that are there now."""
    for name, (columns, query) in _views().items():
        wanted = query
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql(f"DROP VIEW IF EXISTS {name}")
            connection.exec_driver_sql(f"CREATE VIEW {name} AS {wanted}")
        else:
            ordered = _old_columns_first(connection, name, columns)
            wanted = f"SELECT {ordered} FROM ({query}) AS made"  # noqa: S608  # ours
            connection.exec_driver_sql(f"CREATE OR REPLACE VIEW {name} AS {wanted}")


def _old_columns_first(connection: Connection, view: str, columns: Sequence[str]) -> str:
    """Return the columns of a view, new ones last.

    PostgreSQL replaces a view only by one that begins with the same columns; dropping it would
    fail where somebody has built a view of theirs on ours.
    """
    from sqlalchemy import inspect

    inspector = inspect(connection)
    known = inspector.get_view_names()
    old = [column["name"] for column in inspector.get_columns(view)] if view in known else []
    return ", ".join([*old, *(name for name in columns if name not in old)])
