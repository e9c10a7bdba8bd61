"""The layout of a database: which one it has, and how an older one becomes ours.

A new column needs no new `LAYOUT`: whoever opens the database for writing adds what its tables
lack, and fills it from ``record_json``. Programs that do not know a column leave it NULL. `LAYOUT`
counts changes that an older program must not write into.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from icecube_hooks import NoticeError, Record, RefusedForGood

from .database_events import index_all
from .database_tables import TABLES, make_views, metadata, row_maker

if TYPE_CHECKING:
    from alembic.operations import ops
    from sqlalchemy import Connection, Table

__all__ = ["APPLICATION_ID", "LAYOUT", "OLDEST_LAYOUT", "bring_up", "layout_of"]

log = logging.getLogger(__name__)

LAYOUT: Final = 4
"""The layout that we write; a newer one is refused, not guessed at."""

OLDEST_LAYOUT: Final = 4
"""The oldest layout on which our queries work; older ones hold the same records."""

APPLICATION_ID: Final = 0x49634E75
"""``IcNu`` in SQLite's ``PRAGMA application_id``: tells our files from those of other programs."""

_INDEXES_1: Final = ("notice", "event", "time")


def layout_of(connection: Connection, place: str) -> int:
    """Return the layout of a database, 0 for one without tables of ours.

    Raises
    ------
    RefusedForGood
        If it is newer than `LAYOUT`.
    """
    if connection.dialect.name == "sqlite":
        version = connection.exec_driver_sql("PRAGMA user_version").scalar()
    elif connection.exec_driver_sql("SELECT to_regclass('icecube_layout')").scalar() is None:
        version = 0
    else:
        version = connection.exec_driver_sql("SELECT max(version) FROM icecube_layout").scalar()
    if (version or 0) > LAYOUT:
        reason = f"{place} has layout {version}, newer than the {LAYOUT} of this version"
        raise RefusedForGood(f"{reason}; update icecube-plugin, or use another database")
    return version or 0


def bring_up(connection: Connection, place: str) -> None:
    """Make the tables of an empty database; give those of an older one what they lack.

    Call it in a transaction that keeps other writers out.

    Raises
    ------
    RefusedForGood
        If the database is another program's, or of a newer layout.
    """
    version = layout_of(connection, place)
    missing = _missing(connection) if version > 1 else {}
    if version == LAYOUT and not missing:
        return
    if version == 0:
        _make_tables(connection, place)
    else:
        change = (
            f"tables of layout {version} to {LAYOUT}" if version < LAYOUT else "tables: new columns"
        )
        log.warning("%s: changing its %s", place, change)
        if version == 1:
            missing = _rebuild_layout_1(connection)
        else:
            _add(connection)
        _fill(connection, missing)
        if version == 1 or "event_members" in missing:
            index_all(connection)
    make_views(connection)
    _set_layout(connection)


def _make_tables(connection: Connection, place: str) -> None:
    from sqlalchemy import inspect

    if taken := sorted(set(inspect(connection).get_table_names()) & set(TABLES)):
        raise RefusedForGood(f"{place} has a table {taken[0]!r} of another program")
    metadata().create_all(connection, checkfirst=False)


def _missing(connection: Connection) -> dict[str, set[str]]:
    """Return the columns that a database lacks, by table."""
    from sqlalchemy import inspect

    inspector = inspect(connection)
    there = inspector.get_table_names()
    found = {}
    for name, table in metadata().tables.items():
        old = {one["name"] for one in inspector.get_columns(name)} if name in there else set()
        if lacking := {column.name for column in table.columns} - old:
            found[name] = lacking
    return found


def _add(connection: Connection) -> None:
    """Let Alembic add what is missing: it compares our tables with those that are there."""
    from alembic.autogenerate import produce_migrations
    from alembic.migration import MigrationContext
    from alembic.operations import Operations, ops

    # What only the database has, such as somebody's own table, is none of our business.
    options = {"include_object": lambda _, __, ___, reflected, ours: not reflected or bool(ours)}
    context = MigrationContext.configure(connection, opts=options)
    operations = Operations(context)

    def apply(steps: ops.OpContainer) -> None:
        for step in steps.ops:
            if isinstance(step, ops.OpContainer):
                apply(step)
            elif isinstance(step, ops.AddColumnOp | ops.CreateTableOp | ops.CreateIndexOp):
                operations.invoke(step)

    changes = produce_migrations(context, metadata()).upgrade_ops
    if changes is not None:
        apply(changes)


def _fill(connection: Connection, missing: Mapping[str, set[str]]) -> None:
    """Fill new columns from ``record_json``: there NULL would say that nothing is stated."""
    from sqlalchemy import select

    records = metadata().tables["records"]
    question = select(records.c.record_number, records.c.record_json)
    last = 0
    while True:
        some = question.where(records.c.record_number > last).order_by(records.c.record_number)
        rows = connection.execute(some.limit(500)).all()
        if not rows:
            return
        last = rows[-1].record_number
        read = [(number, record) for number, text in rows if (record := _read(number, text))]
        for name, lacking in missing.items():
            if name not in TABLES:
                continue
            _fill_table(connection, metadata().tables[name], lacking, read)


def _read(number: int, text: str) -> Record | None:
    """Read a record; one that cannot be read must not keep the database shut."""
    try:
        return Record.from_json(text)
    except NoticeError as error:
        log.warning("record %d cannot be read, its new columns stay NULL: %s", number, error)
        return None


def _fill_table(
    connection: Connection, table: Table, lacking: set[str], read: Sequence[tuple[int, Record]]
) -> None:
    from sqlalchemy import bindparam

    columns = [column for column in TABLES[table.name] if column.name in lacking]
    make = row_maker(columns)
    rows = []
    for number, record in read:
        things = {
            "records": [record],
            "significances": record.significances,
            "coincident_events": record.alert.coincident_events,
        }.get(table.name, ())
        for place, thing in enumerate(things, start=1):
            keys = {"key_1": number, "key_2": place}
            rows.append(keys | dict(zip((c.name for c in columns), make(thing), strict=True)))
    if not rows:
        return
    statement = table.update().values({column.name: bindparam(column.name) for column in columns})
    statement = statement.where(table.c.record_number == bindparam("key_1"))
    if "number" in table.c:
        statement = statement.where(table.c.number == bindparam("key_2"))
    connection.execute(statement, rows)


def _set_layout(connection: Connection) -> None:
    run = connection.exec_driver_sql
    if connection.dialect.name == "sqlite":
        run(f"PRAGMA application_id={APPLICATION_ID}")
        run(f"PRAGMA user_version={LAYOUT}")
        return
    run("CREATE TABLE IF NOT EXISTS icecube_layout (version INTEGER NOT NULL)")
    run("DELETE FROM icecube_layout")
    run(f"INSERT INTO icecube_layout VALUES ({LAYOUT})")  # noqa: S608  # ours


def _rebuild_layout_1(connection: Connection) -> dict[str, set[str]]:
    """Copy an SQLite file of layout 1, where text ids were the keys; return what is to be filled.

    What went, ``raw``, ``first_seen`` and ``notes``, is in ``record_json`` and ``sightings``.
    """
    from sqlalchemy import inspect

    run = connection.exec_driver_sql
    for thing in (
        "VIEW events",
        "VIEW notices",
        *(f"INDEX records_by_{what}" for what in _INDEXES_1),
    ):
        run(f"DROP {thing}")
    for name in TABLES:
        run(f"ALTER TABLE {name} RENAME TO {name}_of_1")
    metadata().create_all(connection, checkfirst=False)
    inspector, missing = inspect(connection), {}
    for name, columns in TABLES.items():
        old = {one["name"] for one in inspector.get_columns(f"{name}_of_1")}
        missing[name] = {column.name for column in columns} - old
        _copy_layout_1(connection, name, [c.name for c in columns if c.name in old])
    for name in reversed(list(TABLES)):
        run(f"DROP TABLE {name}_of_1")
    return {name: lacking for name, lacking in missing.items() if lacking}


def _copy_layout_1(connection: Connection, table: str, shared: Sequence[str]) -> None:
    numbered = {
        "records": "",
        "sightings": "row_number() OVER (PARTITION BY record_id ORDER BY old.rowid),",
    }
    keys = "record_number" if table == "records" else "record_number, number"
    new, old = (", ".join(f'{prefix}"{name}"' for name in shared) for prefix in ("", "old."))
    connection.exec_driver_sql(f"""
        INSERT INTO {table} ({keys}, {new})
        SELECT one.number, {numbered.get(table, "old.number,")} {old}
        FROM {table}_of_1 AS old JOIN records_of_1 AS one USING (record_id)
    """)  # noqa: S608  # names are ours
