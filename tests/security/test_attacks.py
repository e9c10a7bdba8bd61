"""Every attack goes through a whole host; then the screen, the log and the disk are looked at."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pytest

from icecube_hooks import Record
from icecube_plugin.host import Cursors, DeadLetter, Journal
from icecube_plugin.host.journal import KEPT
from icecube_plugin.sinks.database import read_records

from .attacks import ATTACKS, CANARY
from .program import SINKS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security.md"
SLOWEST_S = 0.5
MOST_MB = 1000.0
NAME = re.compile(r"\.?[A-Za-z0-9_][A-Za-z0-9 ._=+-]{0,200}")


@dataclass(frozen=True)
class Outcome:
    """What a host has left behind."""

    folder: Path
    screen: str
    log: str
    asked: list[str]
    records: list[Record]
    letters: list[DeadLetter]

    @property
    def files(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]


@contextlib.contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """Serve HTTP, and note who asks: nobody should."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/x", asked
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("attacked") / "data"
    folder.mkdir()
    (folder / "secret.txt").write_text(CANARY)
    with listening() as (server, asked):
        done = subprocess.run(
            [sys.executable, "-m", "tests.security.program", folder, server],
            cwd=ROOT, capture_output=True, timeout=1200, env=os.environ | {"TERM": "xterm"},
        )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    (folder / "secret.txt").unlink()
    with closing(Journal(folder / "host")) as journal:  # or its files go when nobody looks for it
        letters = list(journal.letters())
    return Outcome(
        folder=folder,
        screen=done.stdout.decode(),
        log=done.stderr.decode(),
        asked=asked,
        records=list(read_records(folder / "alerts.sqlite")),
        letters=letters,
    )


@pytest.mark.parametrize("name", ATTACKS)
def test_attack(outcome: Outcome, name: str, tmp_path: Path) -> None:
    """Each message is a record or a dead letter, as said, and its bytes are kept."""
    attack = ATTACKS[name]
    records = {r.message.offset: r.message for r in outcome.records if r.message.topic == name}
    letters = {x.message.offset: x for x in outcome.letters if x.message.topic == name}
    assert [letter.reason for letter in letters.values() if letter.sink is not None] == []
    for number, value in enumerate(attack.make(outcome.folder, "http://x")):
        assert (number in records, number in letters).count(True) == 1
        if name in ("external-entity", "xinclude-and-stylesheet"):
            continue  # made anew, they name another server
        kept = records[number] if number in records else letters[number].message
        is_inner = number in records and b'"contract"' in value
        expected = Record.from_json(value).message.value if is_inner else value
        assert kept.value == (expected[:KEPT] if len(value) > 2**24 else expected)
    assert ("alert" if records else "refused") == attack.becomes
    assert not (attack.becomes == "alert" and letters)


def test_no_attack_takes_long_or_much(outcome: Outcome) -> None:
    cost = json.loads((outcome.folder / "cost.json").read_text())
    assert max(cost["seconds"].values()) < SLOWEST_S, cost
    assert cost["peak_mb"] < MOST_MB


def test_nobody_was_asked(outcome: Outcome) -> None:
    """No entity, schema, style sheet, picture or sky map was fetched."""
    assert outcome.asked == []


def test_no_file_was_read(outcome: Outcome) -> None:
    found = [path for path in outcome.files if CANARY.encode() in path.read_bytes()]
    assert found == []
    assert CANARY not in outcome.screen + outcome.log


def test_every_sink_has_every_record(outcome: Outcome) -> None:
    with closing(Journal(outcome.folder / "host")) as journal:
        with closing(Cursors(outcome.folder / "host", journal)) as kept:
            cursors = kept.all()
        assert len(cursors) == len(SINKS)
        assert {cursor.seq for cursor in cursors} == {journal.look()}
    assert len((outcome.folder / "alerts.jsonl").read_text().splitlines()) == len(outcome.records)
    assert len(list(read_records(outcome.folder / "database.sqlite"))) == len(outcome.records)


def test_names_of_files_are_plain(outcome: Outcome) -> None:
    tops = {path.name for path in outcome.folder.iterdir()}
    ours = {"alerts", "database", "json", "html", "parquet", "voevent", "archive", "host", "cost"}
    assert {name.partition(".")[0] for name in tops} <= ours
    for path in outcome.folder.rglob("*"):
        assert NAME.fullmatch(path.name), path
        assert not path.is_symlink()
    assert sorted(path.name for path in outcome.folder.parent.iterdir()) == ["data"]
    assert not list(Path("/tmp").glob("icecube-owned*"))  # noqa: S108  # what attacks ask for


def test_the_screen_shows_text_only(outcome: Outcome) -> None:
    assert outcome.screen.count("\n") > 100
    assert [c for c in outcome.screen if not c.isprintable() and c != "\n"] == []
    assert all(len(line) < 2000 for line in outcome.screen.splitlines())


def test_the_log_has_our_lines_only(outcome: Outcome) -> None:
    assert [c for c in outcome.log if not c.isprintable() and c != "\n"] == []
    line = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (INFO|WARNING|ERROR) ")
    others = [text for text in outcome.log.splitlines() if not line.match(text)]
    assert others == []
    assert not any(" ERROR forged" in text[:30] for text in outcome.log.splitlines())


@pytest.mark.parametrize("file", ["alerts.sqlite", "database.sqlite", "host/journal.sqlite"])
def test_tables_are_all_there(outcome: Outcome, file: str) -> None:
    with contextlib.closing(sqlite3.connect(outcome.folder / file)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    assert ("letters" if "journal" in file else "records") in tables


class Pages(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tag = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tag = tag
        for name, value in attrs:
            if name.startswith("data-"):
                continue  # no browser acts on it
            if name.startswith("on") or (value or "").strip().lower().startswith("javascript:"):
                self.found.append(f"<{tag} {name}={value}>")
            if name in ("src", "href") and (value or "").startswith(("http://x", "//")):
                self.found.append(f"<{tag} {name}={value}>")

    def handle_endtag(self, tag: str) -> None:
        self.tag = ""

    def handle_data(self, data: str) -> None:
        if self.tag in ("script", "style") and ("666" in data or "evil" in data):
            self.found.append(data)


def test_pages_do_nothing(outcome: Outcome) -> None:
    pages = list((outcome.folder / "html").rglob("*.html"))
    assert len(pages) > 20
    for path in pages:
        text = path.read_text()
        page = Pages()
        page.feed(text)
        assert page.found == [], path
        assert "1337" not in text, "a template of a message was filled in"
        assert [c for c in text if not c.isprintable() and c not in "\n\t"] == [], path


def test_pictures_do_nothing(outcome: Outcome) -> None:
    for path in (outcome.folder / "html").rglob("*.svg"):
        text = path.read_text()
        assert "<script" not in text
        assert "onload" not in re.sub(r">[^<]*<", "><", text)


def test_json_is_ascii_and_strict(outcome: Outcome) -> None:
    def refuse(word: str) -> None:
        raise AssertionError(word)

    texts = (outcome.folder / "alerts.jsonl").read_text("ascii").splitlines()
    texts += [path.read_text("ascii") for path in (outcome.folder / "json").rglob("*.json")]
    for text in texts:
        json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("suffix", ["ecsv", "fits", "vot"])
def test_tables_hold_no_formula(outcome: Outcome, suffix: str) -> None:
    from icecube_plugin.alerts.tables import read_table

    table = read_table(outcome.folder / f"alerts.{suffix}")
    assert len(table) == len(outcome.records)
    texts = [str(value) for value in table["event_names"].tolist() if value is not None]
    assert any("HYPERLINK" in text for text in texts)
    assert [text for text in texts if text.startswith(("=", "+", "-", "@"))] == []
    assert [text for text in texts if not text.isprintable()] == []


def test_parquet_can_be_read(outcome: Outcome) -> None:
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(outcome.folder / "parquet")
    assert table.num_rows == len(outcome.records)


def test_voevents_are_well_formed(outcome: Outcome) -> None:
    from lxml import etree

    made = list((outcome.folder / "voevent").rglob("*.xml"))
    assert len(made) > 20
    for path in made:
        etree.parse(path, etree.XMLParser(resolve_entities=False, no_network=True))


def test_the_hosts_own_files_are_private(outcome: Outcome) -> None:
    for path in (outcome.folder / "host").rglob("*"):
        if path.is_file():
            assert path.stat().st_mode & 0o077 == 0, path


def test_the_page_tells_of_every_attack() -> None:
    """The table and the tests are the same, and every test that is named exists."""
    text = PAGE.read_text()
    told = re.findall(r"`test_attack\[([\w-]+)\]`", text)
    assert sorted(told) == sorted(ATTACKS)
    for file, name in re.findall(r"`([\w/]+\.py)::(\w+)`", text):
        assert re.search(rf"def {name}\(", (ROOT / "tests" / file).read_text()), (file, name)
    assert set(re.findall(r"`(test_\w+)`", text)) <= set(globals())
    assert len(SINKS) == 12
