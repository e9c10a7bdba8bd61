"""The sink sqlite: each record once, whatever happens; views that answer what people ask."""

from __future__ import annotations

import contextlib
import multiprocessing
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from icecube_hooks import (
    AlertKind,
    ConfigError,
    GWReference,
    Record,
    RefusedForGood,
    RetryLater,
    Status,
    Tense,
    WireFormat,
)
from icecube_hooks.testing import example_records, make_message, make_record, make_significance
from icecube_plugin.sinks.database import event, history, read_records, select
from icecube_plugin.sinks.database_engines import use_wal
from icecube_plugin.sinks.database_migration import APPLICATION_ID, LAYOUT
from icecube_plugin.sinks.sqlite import Sqlite, register_sinks

from .disks import full_disk
from .killed import kill_writers


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.sqlite"


@pytest.fixture
def sink(path: Path) -> Iterator[Sqlite]:
    with contextlib.closing(Sqlite(path=path)) as sink:
        sink.flush()
        yield sink


def make(path: Path) -> None:
    """Make a database, or change it."""
    with contextlib.closing(Sqlite(path=path)) as sink:
        sink.flush()


def ask(path: Path, query: str, *arguments: object) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(path)) as database:
        return list(database.execute(query, arguments))


def test_is_registered() -> None:
    assert [(sink.name, sink.make) for sink in register_sinks()] == [("sqlite", Sqlite)]


def test_records_come_back(sink: Sqlite, path: Path) -> None:
    sink.write(example_records())
    assert tuple(read_records(path)) == example_records()


def test_row_of_a_track(sink: Sqlite, path: Path) -> None:
    record = make_record()
    sink.write([record])
    names = (
        "notice_id, event_key, event_name, run_id, event_id, kind, format, revision, status, tense,"
        "is_real, trigger_time, notice_time, ra_deg, dec_deg, error_radius_deg, containment,"
        "energy_tev, signalness, far_hz, p_generic, superevent_id"
    )
    assert ask(path, f"SELECT {names} FROM records") == [
        (
            *("gold:137840_57034692:0", "137840_57034692", "IceCube-230416A", 137840, 57034692),
            *("gold", "json", 0, "initial", "observation", 1),
            *("2023-04-16T07:42:31.420000Z", "2023-04-16T07:43:11.420000Z"),
            *(345.82, 9.14, 0.61, 0.9, 127.29, 0.336, 8.029e-8, None, None),
        )
    ]


def test_rows_of_a_search(sink: Sqlite, path: Path) -> None:
    (search,) = (r for r in example_records() if r.alert.coincident_events)
    sink.write([search])
    record = "SELECT superevent_id, gw_notice_number, p_generic, p_bayesian, ra_deg FROM records"
    assert ask(path, record) == [("S230914ak", 2, 0.0191, 0.0549, None)]
    names = "number, delta_t_s, event_key, ra_deg, error_radius_deg, p_generic, p_bayesian"
    assert ask(path, f"SELECT {names} FROM coincident_events ORDER BY number") == [
        (1, -261.14, "138400_7", 345.82, 0.61, 0.0191, None),
        (2, None, None, None, None, None, None),
    ]
    names = "number, quantity, sided, sigma, is_limit, n_trials, p_value_post, verdict"
    rest = ("one-sided", 2.073, 0, 2.0, 0.0378, "weak")
    assert ask(path, f"SELECT {names} FROM significances ORDER BY number") == [
        (1, "generic", *rest),
        (2, "bayesian", *rest),
    ]


def test_again_is_a_sighting_and_no_row(sink: Sqlite, path: Path) -> None:
    record = make_record(significances=(make_significance(),))
    other = record.replace(message=record.message.replace(offset=13))
    file = record.replace(message=make_message(topic=None, offset=None, origin="f"))
    assessed_anew = other.replace(significances=(make_significance(),) * 2)
    sink.write([record, other, record, file, file, assessed_anew])
    assert list(read_records(path)) == [record]
    assert ask(path, "SELECT count(*) FROM significances") == [(1,)]
    assert ask(path, 'SELECT topic, "offset", origin FROM sightings ORDER BY number') == [
        ("gcn.notices.icecube.gold_bronze_track_alerts", 12, "example"),
        ("gcn.notices.icecube.gold_bronze_track_alerts", 13, "example"),
        (None, None, "f"),
    ]


@pytest.mark.parametrize(
    ("formats", "chosen"),
    [
        (("circular", "binary", "text", "voevent", "json"), "json"),
        (("voevent", "text"), "voevent"),
        (("text", "binary"), "text"),
        (("circular", "binary"), "binary"),
    ],
)
def test_one_notice_in_several_formats(
    sink: Sqlite, path: Path, formats: Sequence[str], chosen: str
) -> None:
    sink.write([make_record(format=WireFormat(form)) for form in formats])
    assert ask(path, "SELECT format FROM notices") == [(chosen,)]
    n_notices = 1 + ("circular" in formats)  # a circular is a notice of its own
    assert ask(path, "SELECT format, n_notices FROM events") == [(chosen, n_notices)]


def test_latest_of_one_format_wins(sink: Sqlite, path: Path) -> None:
    early = datetime(2023, 1, 1, tzinfo=UTC)
    times = (early + timedelta(seconds=0.5), early, None, early + timedelta(seconds=0.5))
    sink.write([make_record(notice_time=t, raw=bytes([n])) for n, t in enumerate(times)])
    assert ask(path, "SELECT record_number FROM notices") == [(4,)]


def test_event_is_its_newest_real_revision(sink: Sqlite, path: Path) -> None:
    story = [
        make_record(revision=1, status=Status.UPDATE),
        make_record(revision=0),
        make_record(revision=10, status=Status.UPDATE),
        make_record(revision=2, status=Status.UPDATE),
        make_record(revision=11, tense=Tense.TEST),
        make_record(revision=None, format=WireFormat.CIRCULAR, kind=AlertKind.TRACK),
    ]
    sink.write(story)
    rows = ask(path, "SELECT event_key, revision, retracted, n_notices FROM events")
    assert rows == [("137840_57034692", 10, 0, 5)]
    assert event(path, "137840_57034692") == story[2]
    order = [record.alert.revision for record in history(path, "137840_57034692")]
    assert order == [None, 0, 1, 2, 10, 11]


def test_retraction_is_seen(sink: Sqlite, path: Path) -> None:
    retraction = make_record(revision=None, status=Status.RETRACTION, format=WireFormat.CIRCULAR)
    sink.write([make_record(), retraction, make_record(event_id=1)])
    rows = ask(path, "SELECT event_id, status, retracted FROM events ORDER BY event_id")
    assert rows == [(1, "initial", 0), (57034692, "initial", 1)]


def test_search_goes_by_its_sequence_number(sink: Sqlite, path: Path) -> None:
    for number in (2, 10, 9):
        gw = GWReference(superevent_id="S1a", notice_number=number, notice_type="Update")
        sink.write([make_record(kind=AlertKind.LVK_SEARCH, revision=None, gw=gw)])
    assert ask(path, "SELECT event_key, gw_notice_number FROM events") == [("S1a", 10)]


def test_unknown_event(sink: Sqlite, path: Path) -> None:
    del sink
    assert event(path, "none") is None
    assert history(path, "none") == []


def test_question_about_one_event_uses_the_index(sink: Sqlite, path: Path) -> None:
    del sink
    plan = ask(path, "EXPLAIN QUERY PLAN SELECT * FROM events WHERE event_key = 'x'")
    assert any("event_members_by_event" in row[-1] for row in plan)
    assert not any(row[-1].startswith("SCAN records") for row in plan)


def test_times_are_utc_and_sort_as_text(sink: Sqlite, path: Path) -> None:
    early = datetime(2023, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    times = [early, early + timedelta(microseconds=1), early + timedelta(seconds=1)]
    sink.write([make_record(event_id=n, trigger_time=time) for n, time in enumerate(times)])
    rows = ask(path, "SELECT trigger_time FROM records ORDER BY trigger_time")
    assert rows == [
        ("2023-01-01T00:00:00.000000Z",),
        ("2023-01-01T00:00:00.000001Z",),
        ("2023-01-01T00:00:01.000000Z",),
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"event_names": ("a\0b",), "run_id": None},
        {"revision": 10**30},
        {"far_hz": float("inf")},
    ],
)
def test_odd_values_are_kept(sink: Sqlite, path: Path, changes: dict[str, Any]) -> None:
    record = make_record(**changes)
    sink.write([record, record])
    (read,) = read_records(path)
    assert read.id == record.id
    assert read.alert.event_names == record.alert.event_names
    assert str(read.alert.unread) in (str(record.alert.unread), "{'x': '-inf'}")


def test_batch_is_all_or_nothing(sink: Sqlite, path: Path) -> None:
    bad = make_record(event_id=1, unread={"x": object()})
    with pytest.raises(TypeError, match="objects of type object is unsupported"):
        sink.write([make_record(), bad])
    assert list(read_records(path)) == []
    sink.write([make_record()])
    assert list(read_records(path)) == [make_record()]


def test_is_durable(sink: Sqlite, path: Path) -> None:
    with sink.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    assert ask(path, "PRAGMA journal_mode") == [("wal",)]


@pytest.mark.full
def test_full_disk(tmp_path: Path) -> None:
    noise = random.Random(5)  # noqa: S311  # no secret
    records = [
        make_record(event_id=number, comments=(noise.randbytes(4000).hex(),))
        for number in range(200)
    ]
    with full_disk(tmp_path, "sqlite:Sqlite", {"path": "a"}, records, kilobytes=800) as child:
        path = child.folder / "a"
        assert child.reason == f"cannot write {path}: database or disk is full"
        told = list(read_records(path))
        assert told == records[: len(told)]
        child.make_room()
        assert list(read_records(path)) == records


def test_locked(path: Path) -> None:
    with (
        contextlib.closing(Sqlite(path=path, wait_s=0.01)) as sink,
        contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(RetryLater, match=r"a\.sqlite: database is locked"):
            sink.write([make_record()])
        other.execute("ROLLBACK")
        sink.write([make_record()])
    assert list(read_records(path)) == [make_record()]


@pytest.mark.full
def test_locked_when_it_is_opened(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        sink = Sqlite(path=path, wait_s=0.01)
        for look in (sink.flush, sink.probe):
            with pytest.raises(RetryLater, match="database is locked"):
                look()
    with contextlib.closing(sink):
        sink.write([make_record()])
    assert list(read_records(path)) == [make_record()]


@pytest.mark.parametrize("text", ["not a database, but some text that is long enough\n" * 100])
def test_other_file(path: Path, text: str) -> None:
    path.write_text(text)
    sink = Sqlite(path=path)
    for look in (sink.flush, sink.probe):
        with pytest.raises(RefusedForGood, match=f" {path}: file is not a database$"):
            look()
    with pytest.raises(ConfigError, match="file is not a database"):
        list(read_records(path))
    assert path.read_text() == text


def test_database_of_another_program(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE records (x)")
    sink = Sqlite(path=path)
    for look in (sink.flush, sink.probe):
        with pytest.raises(RefusedForGood, match=f"{path} is a database of another program$"):
            look()


def test_newer_layout(sink: Sqlite, path: Path) -> None:
    sink.close()
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version=7")
    reason = f"{path} has layout 7, newer than the {LAYOUT} of this version; update icecube-plugin"
    with pytest.raises(RefusedForGood, match=reason):
        sink.probe()
    with pytest.raises(RefusedForGood, match="has layout 7"):
        sink.write([make_record()])


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^cannot read .*none: unable to open database"):
        event(tmp_path / "none", "x")
    assert not (tmp_path / "none").exists()


def test_deleted_while_in_use(sink: Sqlite, path: Path) -> None:
    sink.write([make_record()])
    for file in path.parent.iterdir():
        file.unlink()
    sink.write([make_record(revision=1)])
    assert list(read_records(path)) == [make_record(revision=1)]


def test_folder_that_is_gone_for_a_while(path: Path) -> None:
    folder = path.parent / "sub"
    with contextlib.closing(Sqlite(path=folder / "a")) as sink:
        sink.flush()
        shutil.rmtree(folder)
        folder.touch()
        with pytest.raises(RetryLater, match=r"cannot write .*sub/a: "):
            sink.write([make_record()])
        folder.unlink()
        sink.write([make_record()])
    assert list(read_records(folder / "a")) == [make_record()]


def test_closed_sink_opens_again(sink: Sqlite, path: Path) -> None:
    sink.close()
    sink.write([make_record()])
    assert list(read_records(path)) == [make_record()]


def _write_all(path: Path, number: int, failures: Any) -> None:
    try:
        with contextlib.closing(Sqlite(path=path)) as sink:
            for event_id in range(100):
                message = make_message(partition=number)
                sink.write([make_record(event_id=event_id, message=message)])
    except Exception as error:
        failures.put(repr(error))
        raise


@pytest.mark.full
def test_processes_write_at_once(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    failures = context.SimpleQueue()
    writers = [context.Process(target=_write_all, args=(path, n, failures)) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert failures.empty(), failures.get()
    assert ask(path, "SELECT count(*), count(DISTINCT event_id) FROM records") == [(100, 100)]
    assert ask(path, "SELECT count(*) FROM sightings") == [(400,)]


@pytest.mark.full
def test_killed_writers_lose_and_double_nothing(tmp_path: Path) -> None:
    memory = Path("/dev/shm")  # noqa: S108  # what a killed process has written, the system has
    folder = memory if memory.is_dir() else tmp_path
    with tempfile.TemporaryDirectory(dir=folder) as place:
        kill_writers(f"sqlite:///{place}/a.sqlite", rounds=100)


# --- files of older versions ---------------------------------------------------------------------


@pytest.fixture(params=[1, 2])
def old(request: pytest.FixtureRequest, path: Path) -> Path:
    """A file that an older version wrote."""
    text = (Path(__file__).parent / f"layout_{request.param}.sql").read_text("utf-8")
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript(text)
    return path


def test_an_old_file_is_changed_and_nothing_lost(
    old: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = list(read_records(old))
    sightings = ask(old, 'SELECT topic, "offset", timestamp FROM sightings')
    with contextlib.closing(Sqlite(path=old)) as sink:
        sink.probe()
        assert not caplog.text  # to look changes nothing
        sink.flush()
        assert re.search(rf"changing its tables of layout [12] to {LAYOUT}", caplog.text)
        assert list(read_records(old)) == before
        after = ask(old, 'SELECT topic, "offset", timestamp FROM sightings')
        assert sorted(after) == sorted(sightings)
        sink.write(before)
        assert list(read_records(old)) == before
        assert ask(old, "SELECT count(*) FROM sightings") == [(len(sightings),)]
        sink.write([make_record(event_id=5)])
    assert ask(old, "SELECT max(record_number), count(*) FROM records") == [(5, 5)]
    assert ask(old, "PRAGMA integrity_check") == [("ok",)]


def test_a_changed_file_holds_what_a_new_one_does(old: Path, tmp_path: Path) -> None:
    make(old)
    new = tmp_path / "new.sqlite"
    with contextlib.closing(Sqlite(path=new)) as sink:
        sink.write(list(read_records(old)))
    tables = ("records", "significances", "coincident_events", "notices", "events")
    for table in tables:
        info = select(new, "SELECT name FROM pragma_table_info(:t)", {"t": table})
        columns = sorted({name for (name,) in info} - {"record_json"})  # which stays as it was
        # The fourth has half a character, for which records read "?" now.
        rest = f"FROM {table} WHERE record_number < 4 ORDER BY record_number"
        query = f"SELECT {', '.join(columns)} {rest}"
        assert list(select(old, query)) == list(select(new, query))
    names = "SELECT type, name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name"
    assert ask(old, names) == ask(new, names)


@pytest.mark.full
@pytest.mark.parametrize("after", [1, 5, 20, 60])
def test_crash_in_the_change_leaves_the_old_layout(old: Path, after: int) -> None:
    crash = f"""
        import os, sqlalchemy
        from icecube_plugin.sinks.sqlite import Sqlite
        count = 0
        @sqlalchemy.event.listens_for(sqlalchemy.Engine, "before_cursor_execute")
        def look(connection, cursor, statement, *_):
            global count
            count += statement.split()[0] in ("ALTER", "CREATE", "DROP", "INSERT", "UPDATE")
            if count > {after} or "user_version=" in statement:
                os.kill(os.getpid(), 9)
        Sqlite(path={str(old)!r}).flush()
    """
    layout = ask(old, "PRAGMA user_version")
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(crash)], capture_output=True)
    assert done.returncode == -signal.SIGKILL
    assert ask(old, "PRAGMA user_version") == layout
    assert len(list(read_records(old))) == 4
    make(old)
    assert len(list(read_records(old))) == 4


def test_questions_to_a_file_that_nobody_has_changed(old: Path) -> None:
    """Records are read; other questions need to know which are of one event."""
    (layout,) = ask(old, "PRAGMA user_version")[0]
    assert len(list(read_records(old))) == 4
    with pytest.raises(ConfigError) as caught:
        list(select(old, "SELECT count(*) FROM events"))
    reason = f"cannot read {old}: it has layout {layout}"
    advice = f"a host, or `icecube-alerts sinks --deliver`, changes it to {LAYOUT}"
    assert str(caught.value) == f"{reason}; {advice}"


def test_a_new_column_is_added_and_filled(sink: Sqlite, path: Path) -> None:
    """As when somebody adds one to `alerts.columns`: here the file has lost some."""
    sink.write(example_records())
    sink.close()
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript("""
            DROP VIEW searches; DROP VIEW waves; DROP VIEW events; DROP VIEW notices;
            DROP INDEX records_by_time;
            ALTER TABLE records DROP COLUMN energy_tev;
            ALTER TABLE records DROP COLUMN trigger_time;
            ALTER TABLE significances DROP COLUMN p_value;
            ALTER TABLE coincident_events DROP COLUMN ra_deg;
            CREATE TABLE somebody_elses (x);
        """)
    sink.write([make_record(event_id=5)])
    records = (*example_records(), make_record(event_id=5))
    rows = ask(path, "SELECT energy_tev FROM records ORDER BY record_number")
    assert rows == [(record.alert.energy_tev,) for record in records]
    rows = ask(path, "SELECT p_value FROM significances ORDER BY record_number, number")
    assert rows == [(one.p_value,) for record in records for one in record.significances]
    assert ask(path, "SELECT ra_deg FROM coincident_events ORDER BY number") == [(345.82,), (None,)]
    assert ask(path, "SELECT count(energy_tev) FROM events")[0][0] > 0
    assert ask(path, "SELECT count(*) FROM somebody_elses") == [(0,)]
    indexes = ask(path, "SELECT name FROM sqlite_master WHERE name = 'records_by_time'")
    assert indexes == [("records_by_time",)]


def test_every_layout_has_a_number(path: Path, sink: Sqlite) -> None:
    del sink
    assert ask(path, "PRAGMA user_version") == [(LAYOUT,)]
    assert ask(path, "PRAGMA application_id") == [(APPLICATION_ID,)]


def test_record_is_a_type_that_reads_its_own_json(path: Path, sink: Sqlite) -> None:
    sink.write(example_records())
    rows = ask(path, "SELECT record_id, json_extract(record_json, '$.id') FROM records")
    assert all(first == second for first, second in rows)
    assert all(isinstance(record, Record) for record in read_records(path))


def _make_all(folder: Path, barrier: Any, failures: Any) -> None:
    for number in range(20):
        barrier.wait(300)
        try:
            make(folder / str(number))
        except Exception as error:  # noqa: BLE001  # the test shows it
            failures.put(repr(error))


@pytest.mark.full
def test_processes_make_the_file_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, failures = context.Barrier(4), context.SimpleQueue()
    arguments = (tmp_path, barrier, failures)
    makers = [context.Process(target=_make_all, args=arguments) for _ in range(4)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert failures.empty(), failures.get()
    assert [maker.exitcode for maker in makers] == [0] * 4


def test_switch_to_the_log_waits_for_a_reader(path: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(path, check_same_thread=False)) as reader,
        contextlib.closing(sqlite3.connect(path, timeout=0)) as writer,
    ):
        reader.executescript("CREATE TABLE t (x); BEGIN; SELECT * FROM t;")
        reader.execute("SELECT * FROM t").fetchall()
        with pytest.raises(sqlite3.OperationalError, match="database is locked"):
            use_wal(writer, 0.02)
        timer = threading.Timer(0.05, reader.rollback)
        timer.start()
        use_wal(writer, 10)
        timer.join()
        assert writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
