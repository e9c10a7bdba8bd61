"""``icecube-alerts query``, and the SQL of docs/database.md, on both databases."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from astropy.table import QTable

from icecube_hooks import Message, NoticeError, Record, Status, Tense
from icecube_hooks.host import load_plugins
from icecube_hooks.testing import make_localization, make_record
from icecube_plugin.alerts.headline import p_post
from icecube_plugin.cli._records import Kept
from icecube_plugin.cli.command import main
from icecube_plugin.cli.query import Question, ask
from icecube_plugin.cli.tail import New
from icecube_plugin.sinks.database import Database, read_records, select
from icecube_plugin.sinks.database_tables import cell
from icecube_plugin.sky.skymaps import Maps
from tests.plot.places import at, circle
from tests.postgres.fixture import Postgres
from tests.sky.test_skymaps import DEC, RA, uniq_file

ROOT = Path(__file__).parent.parent
DOCUMENT = (ROOT / "docs" / "database.md").read_text("utf-8")
SQL = re.findall(r"```sql\n(.*?);\n```", DOCUMENT, re.DOTALL)


@pytest.fixture(scope="module")
def records() -> list[Record]:
    """The fixtures, read and assessed."""
    plugins = load_plugins(block=("sink-*",))
    found = []
    for path in sorted((ROOT / "fixtures").glob("*.*/*")):
        message = Message(value=path.read_bytes(), topic=path.parent.name, origin=path.name)
        with contextlib.suppress(NoticeError):
            alert = plugins.parse(message)
            found.append(Record.of(message, alert, tuple(plugins.assess(alert))))
    return found


@pytest.fixture(scope="module")
def file(records: list[Record], tmp_path_factory: pytest.TempPathFactory) -> str:
    return filled(f"sqlite:///{tmp_path_factory.mktemp('query')}/a.sqlite", records)


@pytest.fixture(scope="module")
def server(records: list[Record], postgres: Postgres) -> str:
    return filled(postgres.new_database(), records)


def filled(url: str, records: Sequence[Record]) -> str:
    with contextlib.closing(Database(url=url)) as sink:
        sink.write(records)
    return url


def keys(url: str, **question: Any) -> list[str | None]:
    return [found.record.alert.event_key for found in ask(url, Question(**question))]


def plain(rows: Iterator[tuple[Any, ...]]) -> list[list[Any]]:
    return [[_plain(value) for value in row] for row in rows]


def _plain(value: Any) -> Any:
    if hasattr(value, "isoformat"):
        return cell(value)
    return value if value is None or isinstance(value, str) else pytest.approx(float(value))


@pytest.mark.parametrize("query", SQL)
def test_sql_of_the_page_runs_on_both(file: str, server: str, query: str) -> None:
    rows = plain(select(server, query))
    assert rows
    assert plain(select(file, query)) == rows


def test_python_of_the_page_runs(
    records: list[Record],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    filled("sqlite:///alerts.sqlite", records)
    for block in re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL):
        exec(block, {})  # noqa: S102  # our own page
    shown = capsys.readouterr().out
    assert "('gold', " in shown
    assert "energy_tev TeV most probable neutrino energy\n" in shown


def commands() -> list[str]:
    return re.findall(r"^\$ icecube-alerts (query .*)$", DOCUMENT, re.MULTILINE)


@pytest.mark.parametrize("command", commands()[:-1])
def test_commands_of_the_page_find_something(
    file: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*shlex.split(command), "--database", file]) == 0
    assert "no alerts match" not in capsys.readouterr().out


QUESTIONS: list[tuple[dict[str, Any], Callable[[Record], bool]]] = [
    ({}, lambda r: r.alert.is_real),
    ({"with_tests": True}, lambda r: True),
    ({"kinds": ("gold",)}, lambda r: r.alert.is_real and r.alert.kind == "gold"),
    (
        {"since": datetime(2020, 1, 1, tzinfo=UTC), "until": datetime(2021, 1, 1, tzinfo=UTC)},
        lambda r: r.alert.is_real and r.alert.trigger_time is not None
        and r.alert.trigger_time.year == 2020,
    ),
    ({"event": "134751_31476488"}, lambda r: r.alert.event_key == "134751_31476488"),
    (
        {"max_p_post": 0.01},
        lambda r: r.alert.is_real
        and (p := p_post(r.significances)) is not None and p <= 0.01,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("question", "fits"), QUESTIONS)
def test_answers_are_those_of_a_look_at_every_record(
    file: str, server: str, question: dict[str, Any], fits: Callable[[Record], bool]
) -> None:
    expected = {r.alert.notice_id for r in read_records(file) if fits(r)}
    for url in (file, server):
        found = list(ask(url, Question(**question, all_revisions=True)))
        notices = [one.record.alert.notice_id for one in found]
        assert set(notices) == expected
        newest = list(ask(url, Question(**question)))
        events = [one.event_key for one in newest if one.record.alert.event_key]
        reals = [one.record.alert.is_real for one in newest if one.record.alert.event_key]
        assert len(set(zip(events, reals, strict=True))) == len(events)
        assert {one.record.id for one in newest} <= {one.record.id for one in found}


def test_both_databases_give_the_same(file: str, server: str) -> None:
    for question, _ in QUESTIONS:
        assert list(ask(file, Question(**question))) == list(ask(server, Question(**question)))


@pytest.mark.parametrize(
    ("near", "radius_deg", "expected"),
    [
        ((0.5, 0.0), 1.0001, ["1_0", "1_1"]),  # across RA 0
        ((359.5, 0.0), 0.1, ["1_1"]),
        ((90.0, 89.0), 2.0001, ["1_2"]),  # beyond the pole
        ((270.0, -90.0), 0.5001, ["1_3"]),
        ((180.0, 45.0), 0.9, []),
        ((0.5, 0.0), 180.0, ["1_0", "1_1", "1_2", "1_3"]),
    ],
)
def test_near(
    tmp_path: Path, near: tuple[float, float], radius_deg: float, expected: list[str]
) -> None:
    places = [(0.5, 0.0), (359.5, 0.0), (270.0, 89.0), (10.0, -89.5)]
    made = [
        make_record(run_id=1, event_id=n, localization=make_localization(ra_deg=ra, dec_deg=dec))
        for n, (ra, dec) in enumerate(places)
    ]
    url = filled(f"sqlite:///{tmp_path}/a.sqlite", made)
    assert sorted(map(str, keys(url, near=near, radius_deg=radius_deg))) == expected


def test_regions_that_hold_a_place(tmp_path: Path) -> None:
    """Without a radius: the stated region, or the sky map in its place where there is one."""
    url = "https://a/map.fits"
    places = {
        "holds": make_localization(ra_deg=RA, dec_deg=DEC, error_radius_deg=6.0),
        "not": make_localization(ra_deg=RA, dec_deg=DEC, error_radius_deg=4.0),
        "by map": circle(RA, DEC, 4.0, skymap_fits_url=url),
        "no region": at(RA, DEC),
    }
    records = [
        make_record(run_id=2, event_id=n, localization=place, event_names=())
        for n, place in enumerate(places.values())
    ]
    question = Question(near=(RA, DEC + 5))
    database = filled(f"sqlite:///{tmp_path}/a.sqlite", records)

    def held(asked: Question) -> list[bool | None]:
        return [one.is_inside for one in ask(database, asked)]

    assert held(question) == [True]
    assert held(replace(question, radius_deg=6.0)) == [True, False, False, None]
    (tmp_path / "map.fits").write_bytes(uniq_file())
    assert held(replace(question, areas=Maps(tmp_path).area)) == [True, True]


def test_near_a_neutrino_of_a_search(file: str, server: str) -> None:
    (search, *_) = (r for r in read_records(file) if r.alert.coincident_events and r.alert.is_real)
    place = search.alert.coincident_events[0].localization
    assert place is not None
    near = (place.ra_deg, place.dec_deg)
    for url in (file, server):
        found = list(ask(url, Question(near=near, radius_deg=0.01, all_revisions=True)))
        assert search.alert.notice_id in [one.record.alert.notice_id for one in found]
        assert found[0].separation_deg == pytest.approx(0, abs=1e-9)


def test_newest_revision_tests_and_retraction(tmp_path: Path) -> None:
    made = [
        make_record(revision=10, status=Status.UPDATE),
        make_record(revision=2, status=Status.RETRACTION),
        make_record(revision=11, tense=Tense.TEST),
        make_record(run_id=None, event_names=(), comments=("one",)),
        make_record(run_id=None, event_names=(), comments=("two",)),
    ]
    url = filled(f"sqlite:///{tmp_path}/a.sqlite", made)
    found = list(ask(url, Question()))
    assert [(one.record, one.retracted) for one in found] == [
        (made[0], False), (made[3], False), (made[4], False),  # revision 10 undoes that of 2
    ]  # fmt: skip
    assert [one.record for one in ask(url, Question(with_tests=True))] == [made[0], *made[2:]]


def test_a_season_is_found_through_the_index(file: str) -> None:
    from icecube_plugin.cli.query import _sql

    query, parameters = _sql(Question(since=datetime(2020, 1, 1, tzinfo=UTC)))
    plan = [str(row[-1]) for row in select(file, f"EXPLAIN QUERY PLAN {query}", parameters)]
    assert any("records_by_time" in step for step in plan), plan
    assert not any(step.startswith("SCAN records") for step in plan), plan


def test_output(
    file: str, server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    words = ["query", "--near", "77.36", "5.69", "--radius", "1"]
    for url in (file, server, file.removeprefix("sqlite:///")):
        assert main([*words, "--database", url]) == 0
        header, row = capsys.readouterr().out.splitlines()
        assert header.split()[:3] == ["KIND", "EVENT", "NAME"]
        assert (row.split()[1], row.split()[-2:]) == ("130033_50579430", ["0.097", "yes"])
    config = tmp_path / "c.toml"
    config.write_text(f'[sinks.a]\ntype = "database"\nurl = "{server}"\n')
    assert main(["--config", str(config), *words, "--json"]) == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert Record.from_dict(entry).alert.event_key == entry["event_key"] == "130033_50579430"
    assert (entry["retracted"], round(entry["separation_deg"], 3)) == (False, 0.097)
    monkeypatch.chdir(tmp_path)
    assert main(["query"]) == 2
    assert "no alerts kept so far: icecube-alerts-data/alerts.sqlite" in capsys.readouterr().err
    assert main(["query", "--database", file, "--event", "none'--"]) == 0
    assert capsys.readouterr().out == "no alerts match\n"


def test_when_and_columns(file: str, server: str, capsys: pytest.CaptureFixture[str]) -> None:
    """By the names that the filter of a sink has."""
    words = ["query", "--when", "energy_tev > 1000 and is_real"]
    words += ["--columns", "event_key", "energy_tev", "ra_minus_deg", "headline_p_post"]
    shown = []
    for url in (file, server):
        assert main([*words, "--database", url]) == 0
        shown.append(capsys.readouterr().out)
    header, *rows = shown[0].splitlines()
    assert header.split() == words[-4:]
    assert rows
    assert all(float(row.split()[1]) > 1000 for row in rows)
    assert shown[0] == shown[1]


def test_csv_and_ecsv(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Other readers find what the records say."""
    from icecube_plugin.alerts.columns import RECORD

    words = ["query", "--database", file, "--kind", "gold", "bronze"]
    main([*words, "--json"])
    entries = json.loads(capsys.readouterr().out)
    assert main([*words, "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert list(rows[0]) == [column.name for column in RECORD]
    assert [row["event_key"] for row in rows] == [e["event_key"] for e in entries]
    energies = [e["alert"]["energy_tev"] for e in entries]
    assert None in energies
    assert [float(row["energy_tev"]) if row["energy_tev"] else None for row in rows] == energies
    assert main([*words, "--ecsv", "--columns", "event_key", "energy_tev", "trigger_time"]) == 0
    (tmp_path / "t.ecsv").write_text(capsys.readouterr().out)
    table = QTable.read(tmp_path / "t.ecsv")
    assert (table.colnames, str(table["energy"].unit)) == (
        ["event_key", "energy", "trigger_time"],
        "TeV",
    )
    assert table["energy"].mask.tolist() == [energy is None for energy in energies]
    assert main([*words, "--ecsv", "--columns", "b_deg", "region_deg2", "far_per_year"]) == 0
    (tmp_path / "t.ecsv").write_text(capsys.readouterr().out)
    table = QTable.read(tmp_path / "t.ecsv")
    assert [str(column.unit) for column in table.itercols()] == ["deg", "deg2", "1 / yr"]
    areas = []
    for more in ((), ("--systematic-deg", "1")):
        columns = ("--columns", "error_radius_deg", "region_deg2", "containment")
        assert main([*words, *more, "--csv", *columns, "--when", "error_radius_deg < 3"]) == 0
        rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
        areas.append([float(row["region_deg2"]) for row in rows])
    assert [b - a for a, b in zip(*areas, strict=True)] == pytest.approx(
        [math.pi] * len(rows), rel=0.02
    )
    assert main([*words, "--csv", "--columns", "energ"]) == 2
    assert "did you mean 'energy_tev'?" in capsys.readouterr().err


def test_what_reads_a_file_reads_a_url(
    server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tail", "--database", server, "-n", "5", "--json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [Record.from_json(line) for line in lines] == list(read_records(server))[-5:]
    assert main(["show", "130033_50579430", "--database", server]) == 0
    assert "130033_50579430" in capsys.readouterr().out
    assert main(["show", "130033_50579430", server, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["key"] == "130033_50579430"
    assert main(["report", server, "-o", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["records"] == len(list(read_records(server)))
    config = tmp_path / "c.toml"
    config.write_text(f'[sinks.a]\ntype = "database"\nurl = "{server}"\n')
    assert main(["--config", str(config), "report", "-o", str(tmp_path), "--json"]) == 0
    assert main(["--config", str(config), "plot", "-o", str(tmp_path / "sky.png")]) == 0
    assert (tmp_path / "sky.png").read_bytes().startswith(b"\x89PNG")
    capsys.readouterr()
    assert main(["--config", str(config), "tail", "-n", "1", "--json"]) == 0
    assert Record.from_json(capsys.readouterr().out) == list(read_records(server))[-1]


def test_tail_follows_a_database(postgres: Postgres) -> None:
    """A reader asks again from the last number that it has seen."""
    url = postgres.new_database()
    with contextlib.closing(Database(url=url)) as sink:
        sink.write([make_record()])
        with contextlib.closing(New(Kept(url)).follow()) as new:
            assert next(new) == make_record()
            sink.write([make_record(), make_record(revision=1)])
            assert next(new) == make_record(revision=1)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--columns", "energy", "--database", "{file}"], "no column 'energy' (did you mean"),
        (["--when", "energy > 5", "--database", "{file}"], "unknown name 'energy' (did you mean"),
        (["--gw", "energy > 5", "--database", "{file}"], "unknown name 'energy' (did you mean"),
        (["--radius", "2"], "--radius goes with --near"),
        (["--near", "1", "91", "--radius", "1"], "expected RA 0 to 360, DEC -90 to 90"),
        (["--since", "soon"], "'soon' is not a time"),
        (["--database", "postgresql://u@h:hush/x"], "expected the URL of a database"),
        (["--database", "postgresql://u:hush@127.0.0.1:1/x"], "read a password on the command"),
        (["--database", "postgresql://u@127.0.0.1:1/x"], "cannot read x at 127.0.0.1:1: "),
    ],
)
def test_trouble(
    words: list[str], message: str, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["query", *(word.replace("{file}", file) for word in words)]) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert "hush" not in shown.out + shown.err
