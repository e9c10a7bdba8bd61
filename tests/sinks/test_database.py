"""The sink database, on a real PostgreSQL server, and on SQLite."""

from __future__ import annotations

import contextlib
import multiprocessing
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from icecube_hooks import ConfigError, Record, RefusedForGood, RetryLater, Sink
from icecube_hooks.host import build
from icecube_hooks.testing import (
    SinkConformance,
    example_records,
    make_message,
    make_record,
    make_significance,
)
from icecube_plugin.sinks.database import Database, read_records, register_sinks, select
from icecube_plugin.sinks.database_engines import ADVISORY_LOCK
from icecube_plugin.sinks.database_migration import LAYOUT
from icecube_plugin.sinks.database_tables import TABLES, cell
from icecube_plugin.sinks.sqlite import Sqlite
from tests.postgres.fixture import Postgres

from .killed import kill_writers

BAD_OPTIONS: Sequence[dict[str, Any]] = (
    {"url": 5},
    {"url": "alerts.sqlite"},
    {"url": "mysql://u:hush@h/x"},
    {"url": "postgresql://u:hush@h:hush/x"},
    {"url": "sqlite://"},
    {"url": "sqlite:///:memory:"},
    {"url": "postgresql://h/x", "wait_s": -1},
    {"url": "postgresql://h/x", "wait_s": True},
    {"url": "postgresql://h/x", "password_env": "NOT_IN_THE_ENVIRONMENT"},
    {"url": "postgresql://h/x", "password_env": 5},
)


@pytest.fixture
def sink(database_url: str) -> Iterator[Database]:
    with contextlib.closing(Database(url=database_url)) as sink:
        sink.flush()
        yield sink


def run_sql(url: str, *statements: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


class TestPostgres(SinkConformance):
    factory = Database
    bad_options = BAD_OPTIONS

    @pytest.fixture(autouse=True)
    def place(self, postgres: Postgres, database_url: str) -> None:
        self.server, self.url = postgres, database_url

    def make_sink(self) -> Database:
        return Database(url=self.url)

    def written_ids(self, sink: Sink) -> Sequence[str]:
        del sink
        return [record.id for record in read_records(self.url)]

    @contextlib.contextmanager
    def trouble(self, sink: Sink) -> Iterator[None]:
        """Nobody may connect, and who is connected is thrown out."""
        del sink
        name = make_url(self.url).database
        self.server.ask(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        self.server.ask(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        )
        yield
        self.server.ask(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


class TestSqliteByUrl(SinkConformance):
    factory = Database

    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path) -> None:
        self.path = tmp_path / "Ärger und Ruhe" / "a.sqlite"

    def make_sink(self) -> Database:
        return Database(url=f"sqlite:///{self.path}")

    def written_ids(self, sink: Sink) -> Sequence[str]:
        del sink
        return [record.id for record in read_records(self.path)]


def test_is_registered() -> None:
    assert [(sink.name, sink.make) for sink in register_sinks()] == [("database", Database)]


def test_records_come_back(sink: Database, database_url: str) -> None:
    sink.write(example_records())
    assert tuple(read_records(database_url)) == example_records()


@pytest.mark.parametrize("table", TABLES)
def test_columns_are_those_of_an_alert(
    sink: Database, database_url: str, tmp_path: Path, table: str
) -> None:
    del sink
    columns = run_sql(
        database_url,
        "SELECT column_name FROM information_schema.columns"
        f" WHERE table_name = '{table}' ORDER BY ordinal_position",
    )
    keys = ("record_number",) if table == "records" else ("record_number", "number")
    expected = [*keys, *(column.name for column in TABLES[table])]
    assert [name for (name,) in columns] == expected
    file = tmp_path / "a.sqlite"
    with contextlib.closing(Sqlite(path=file)) as made:
        made.flush()
    info = select(file, f"SELECT name FROM pragma_table_info('{table}')")
    assert [name for (name,) in info] == expected


@pytest.mark.parametrize("query", [f"SELECT * FROM {name}" for name in TABLES])
def test_both_databases_hold_the_same(
    sink: Database, database_url: str, tmp_path: Path, query: str
) -> None:
    file = tmp_path / "a.sqlite"
    with contextlib.closing(Sqlite(path=file)) as other:
        for each in (sink, other):
            each.write(example_records())
    rows = list(select(database_url, query))
    assert rows
    assert sorted(map(plain, rows)) == sorted(map(plain, select(file, query)))


def plain(row: Sequence[Any]) -> str:
    """Write a row so that times and truths are the same text from both databases."""
    return repr([_plain(value) for value in row])


def _plain(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return str(cell(value))
    return value if value is None or isinstance(value, str) else float(value)


@pytest.mark.parametrize(
    ("changes", "column", "expected"),
    [
        ({"event_names": ("a\0b",), "run_id": None}, "event_key", "a\\x00b"),
        ({"revision": 10**30}, "revision", 10**30),
        ({"run_id": -(2**63) - 1}, "run_id", -(2**63) - 1),
        ({"far_hz": float("inf")}, "far_hz", float("inf")),
    ],
)
def test_odd_values_are_kept(
    sink: Database, database_url: str, changes: dict[str, Any], column: str, expected: object
) -> None:
    record = make_record(**changes)
    sink.write([record, record])
    sink.write([record])
    (read,) = read_records(database_url)
    assert (read.id, read.alert.event_names) == (record.id, record.alert.event_names)
    assert read.message.value == record.message.value
    assert run_sql(database_url, f"SELECT {column} FROM records") == [(expected,)]


def test_not_a_number(sink: Database, database_url: str) -> None:
    sink.write([make_record(far_hz=float("nan"))])
    assert run_sql(database_url, "SELECT far_hz = 'NaN' FROM records") == [(True,)]


def test_again_is_a_sighting_and_no_row(sink: Database, database_url: str) -> None:
    record = make_record(significances=(make_significance(),))
    other = record.replace(message=record.message.replace(offset=13))
    file = record.replace(message=make_message(topic=None, offset=None, origin="f"))
    sink.write([record, other])
    sink.write([record, file, other, file])
    rows = run_sql(database_url, 'SELECT number, "offset", origin FROM sightings ORDER BY number')
    assert rows == [(1, 12, "example"), (2, 13, "example"), (3, None, "f")]
    assert run_sql(database_url, "SELECT count(*) FROM significances") == [(1,)]


def test_batch_is_all_or_nothing(sink: Database, database_url: str) -> None:
    with pytest.raises(TypeError, match="objects of type object is unsupported"):
        sink.write([make_record(), make_record(event_id=1, unread={"x": object()})])
    assert list(read_records(database_url)) == []


def refuse(url: str, state: str) -> None:
    """Let the server raise an error for each row."""
    run_sql(
        url,
        "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION 'no: hush' USING ERRCODE = '{state}', DETAIL = 'hush'; END $$",
        "CREATE OR REPLACE TRIGGER refuse BEFORE INSERT ON records EXECUTE FUNCTION refuse()",
    )


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("08006", RetryLater),  # connection failure
        ("25006", RetryLater),  # read-only: a standby
        ("40001", RetryLater),  # serialization failure
        ("40P01", RetryLater),  # deadlock
        ("53100", RetryLater),  # disk full
        ("53300", RetryLater),  # too many connections
        ("55P03", RetryLater),  # lock not available
        ("57P01", RetryLater),  # shutdown
        ("58030", RetryLater),  # input or output error
        ("23505", RetryLater),  # somebody writes without our lock
        ("22P02", RefusedForGood),  # bad content
        ("23514", RefusedForGood),  # a constraint of theirs
        ("42501", RefusedForGood),  # not allowed
    ],
)
def test_what_the_server_says(
    sink: Database, database_url: str, state: str, expected: type[Exception]
) -> None:
    refuse(database_url, state)
    with pytest.raises(expected, match=r"^cannot write alerts_\d+ at the local server: no: hush$"):
        sink.write([make_record()])
    run_sql(database_url, "DROP TRIGGER refuse ON records")
    sink.write([make_record()])
    assert list(read_records(database_url)) == [make_record()]


def test_waits_no_longer_than_told_for_another_writer(database_url: str) -> None:
    with (
        contextlib.closing(Database(url=database_url, wait_s=0.05)) as sink,
        psycopg.connect(database_url) as other,
    ):
        other.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
        with pytest.raises(RetryLater, match="lock timeout"):
            sink.write([make_record()])
        other.execute("SELECT pg_advisory_unlock(%s)", [ADVISORY_LOCK])
        sink.write([make_record()])
    assert list(read_records(database_url)) == [make_record()]


def test_is_durable_where_the_server_is_not(sink: Database, database_url: str) -> None:
    name = make_url(database_url).database
    run_sql(
        database_url,
        f"ALTER DATABASE {name} SET synchronous_commit = off",
        "CREATE TABLE seen (value TEXT)",
        "CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$",
        "CREATE TRIGGER look AFTER INSERT ON records EXECUTE FUNCTION look()",
    )
    sink.close()
    sink.write([make_record()])
    assert run_sql(database_url, "SELECT value FROM seen") == [("on",)]


def test_database_of_another_program(database_url: str) -> None:
    run_sql(database_url, "CREATE TABLE records (x int)")
    with (
        contextlib.closing(Database(url=database_url)) as sink,
        pytest.raises(RefusedForGood, match=r"has a table 'records' of another program$"),
    ):
        sink.flush()
    with pytest.raises(ConfigError, match="has no tables of ours"):
        list(read_records(database_url))
    assert run_sql(database_url, "SELECT to_regclass('sightings')") == [(None,)]


def test_newer_layout(sink: Database, database_url: str) -> None:
    sink.close()
    run_sql(database_url, "UPDATE icecube_layout SET version = 7")
    newer = pytest.raises(RefusedForGood, match=r"has layout 7, newer than the 4 of this")
    with newer:
        sink.write([make_record()])
    with newer:
        sink.probe()
    with pytest.raises(ConfigError, match=r"cannot read .* has layout 7"):
        list(read_records(database_url))


@pytest.fixture
def old(database_url: str, tmp_path: Path) -> str:
    """A database that an older version wrote: its definitions, and the rows of the SQLite file."""
    folder = Path(__file__).parent
    run_sql(database_url, (folder / "layout_2_postgresql.sql").read_text("utf-8"))
    with (
        contextlib.closing(sqlite3.connect(tmp_path / "2.sqlite")) as file,
        psycopg.connect(database_url) as server,
    ):
        file.executescript((folder / "layout_2.sql").read_text("utf-8"))
        for table in TABLES:
            for row in file.execute(f"SELECT * FROM {table}"):
                columns = [name for (name,) in file.execute(INFO, [table])]
                cells = [
                    bool(value) if name in ("is_real", "is_limit") else value
                    for name, value in zip(columns, row, strict=True)
                ]
                marks = ", ".join(["%s"] * len(cells))
                server.execute(f"INSERT INTO {table} VALUES ({marks})".encode(), cells)
    return database_url


INFO = "SELECT name FROM pragma_table_info(?)"


def test_an_old_database_is_changed_and_nothing_lost(old: str, tmp_path: Path) -> None:
    run_sql(old, "CREATE VIEW mine AS SELECT event_key, retracted FROM events")
    run_sql(old, "CREATE TABLE notes (text TEXT)")
    before = list(read_records(old))
    with contextlib.closing(Database(url=old)) as sink:
        sink.flush()
        assert run_sql(old, "SELECT version FROM icecube_layout") == [(LAYOUT,)]
        assert list(read_records(old)) == before
        sink.write(before)
        sink.write([make_record(event_id=5)])
    assert run_sql(old, "SELECT max(record_number), count(*) FROM records") == [(5, 5)]
    assert run_sql(old, "SELECT count(*) FROM sightings") == [(6,)]
    assert run_sql(old, "SELECT count(*) FROM mine") == [(4,)]
    file = tmp_path / "new.sqlite"
    with contextlib.closing(Sqlite(path=file)) as other:
        other.write([*before, make_record(event_id=5)])
    for table in ("records", "significances", "coincident_events", "notices", "events"):
        info = select(file, f"SELECT name FROM pragma_table_info('{table}')")
        names = sorted({name for (name,) in info} - {"record_json"})
        # The fourth has half a character, for which records read "?" now.
        query = f"SELECT {', '.join(names)} FROM {table} WHERE record_number != 4"
        assert sorted(map(plain, select(old, query))) == sorted(map(plain, select(file, query)))


@pytest.mark.full
def test_many_open_an_old_database_at_once(old: str) -> None:
    context = multiprocessing.get_context("spawn")
    failures = context.SimpleQueue()
    openers = [context.Process(target=_write_all, args=(old, n, failures)) for n in (1, -1)]
    for opener in openers:
        opener.start()
    for opener in openers:
        opener.join()
    assert failures.empty(), failures.get()
    assert run_sql(old, "SELECT count(*) FROM records") == [(204,)]


def test_a_wrong_query_is_one_line(sink: Database, database_url: str) -> None:
    del sink
    with pytest.raises(ConfigError, match=r'^cannot read .*: column "nothing" does not exist$'):
        list(select(database_url, "SELECT nothing FROM records"))


def test_a_reader_cannot_write(sink: Database, database_url: str) -> None:
    sink.write([make_record()])
    with pytest.raises(ConfigError, match="cannot read"):
        list(select(database_url, "DELETE FROM records"))
    assert list(read_records(database_url)) == [make_record()]


# --- secrets ------------------------------------------------------------------------------------


def test_a_server_that_is_not_there_yet(caplog: pytest.LogCaptureFixture) -> None:
    sink = Database(url="postgresql://u:hush@127.0.0.1:1/x?sslmode=disable", wait_s=0.1)
    with pytest.raises(RetryLater, match=r"cannot use x at 127\.0\.0\.1:1: connection"):
        sink.probe()
    with pytest.raises(RetryLater) as caught:
        sink.write([make_record()])
    shown = [caplog.text, str(caught.value), repr(sink), repr(vars(sink))]
    assert "hush" not in "".join(shown)


@pytest.mark.parametrize("options", BAD_OPTIONS)
def test_errors_of_options_show_no_secret(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as caught:
        build(Database, options, "s")
    assert caught.value.key is not None
    assert caught.value.key.removeprefix("s.") in options
    assert "hush" not in str(caught.value)


def test_password_from_the_environment(
    postgres: Postgres, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = make_url(database_url).database
    postgres.ask("DROP ROLE IF EXISTS guarded")
    postgres.ask("CREATE ROLE guarded SUPERUSER LOGIN PASSWORD 'hush'")
    url = postgres.url(str(name), user="guarded")
    monkeypatch.setenv("ALERTS_PASSWORD", "wrong")
    with contextlib.closing(Database(url=url, password_env="ALERTS_PASSWORD")) as sink:  # noqa: S106
        with pytest.raises(RetryLater, match="password authentication failed") as caught:
            sink.write([make_record()])
        assert "wrong" not in str(caught.value)
    monkeypatch.setenv("ALERTS_PASSWORD", "hush")
    with contextlib.closing(Database(url=url, password_env="ALERTS_PASSWORD")) as sink:  # noqa: S106
        sink.write([make_record()])
    rows = select(url, "SELECT count(*) FROM records", password_env="ALERTS_PASSWORD")  # noqa: S106
    assert list(rows) == [(1,)]


# --- several at once, and trouble in the middle -------------------------------------------------


def _write_all(url: str, order: int, failures: Any) -> None:
    try:
        with contextlib.closing(Database(url=url)) as sink:
            message = make_message(partition=order % 3)
            records = [make_record(event_id=n, message=message) for n in range(200)][::order]
            for start in range(0, 200, 10):
                sink.write(records[start : start + 10])
    except Exception as error:
        failures.put(repr(error))
        raise


@pytest.mark.full
def test_processes_write_at_once(database_url: str) -> None:
    """Neither has made the tables, and they send the same records in opposite order."""
    context = multiprocessing.get_context("spawn")
    failures = context.SimpleQueue()
    writers = [
        context.Process(target=_write_all, args=(database_url, order, failures))
        for order in (1, -1)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert failures.empty(), failures.get()
    numbers = "SELECT count(*), count(DISTINCT event_id), max(record_number) FROM records"
    assert run_sql(database_url, numbers) == [(200, 200, 200)]
    assert run_sql(database_url, "SELECT count(*) FROM sightings") == [(400,)]


@pytest.mark.full
def test_killed_writers_lose_and_double_nothing(database_url: str) -> None:
    kill_writers(database_url, rounds=20)


def test_restart_of_the_server_loses_nothing(private_postgres: Postgres) -> None:
    url = private_postgres.new_database()
    told: list[Record] = []
    retries: list[str] = []
    stop = threading.Event()

    def write() -> None:
        with contextlib.closing(Database(url=url)) as sink:
            while not stop.is_set():
                records = [make_record(event_id=len(told) + n) for n in range(5)]
                try:
                    sink.write(records)
                except RetryLater as error:
                    retries.append(str(error))
                    time.sleep(0.05)
                else:
                    told.extend(records)

    writer = threading.Thread(target=write)
    writer.start()
    for mode in ("immediate", "fast"):
        _wait_for_more(told)
        private_postgres.stop(mode)
        _wait_for_more(retries)
        private_postgres.start()
    _wait_for_more(told)
    stop.set()
    writer.join()
    assert list(read_records(url)) == told
    assert list(select(url, "SELECT count(*) FROM sightings")) == [(len(told),)]


def _wait_for_more(things: Sequence[object]) -> None:
    goal, until = len(things) + 1, time.monotonic() + 60
    while len(things) < goal:
        assert time.monotonic() < until
        time.sleep(0.01)
