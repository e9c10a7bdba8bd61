"""``icecube-alerts tail``, ``show`` and ``report``: piped, on a terminal, and while alerts come."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from icecube_hooks import Record
from icecube_hooks.testing import make_record
from icecube_plugin.cli.command import main
from icecube_plugin.sinks.json_lines import JsonLines
from icecube_plugin.sinks.sqlite import Sqlite
from tests.report.hostile import all_hostile

Run = Callable[..., subprocess.CompletedProcess[str]]

COMMAND = (sys.executable, "-m", "icecube_plugin.cli")


@pytest.fixture
def env() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GCN_", "ICECUBE_"))}
    return kept | {"PYTHONIOENCODING": "utf-8", "TERM": "xterm", "COLUMNS": "160"}


@pytest.fixture
def run(tmp_path: Path, env: dict[str, str]) -> Run:
    """Run ``icecube-alerts`` in an empty folder."""

    def call(*words: object, **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *map(str, words)],
            capture_output=True, cwd=tmp_path, env=env | changes, timeout=300, encoding="utf-8",
        )  # fmt: skip

    return call


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The data folder of a host that nobody configured."""
    folder = tmp_path / "icecube-alerts-data"
    records = [make_record(event_id=number, event_names=()) for number in range(15)]
    with closing(Sqlite(path=folder / "alerts.sqlite")) as sink:
        sink.write(records)
    return folder


def test_tail_shows_the_last_ones_in_order(run: Run, kept: Path) -> None:
    done = run("tail")
    assert done.returncode == 0, done.stderr
    header, *lines = done.stdout.splitlines()
    assert header.split()[:2] == ["SENT", "(UTC)"]
    assert [line.split()[3] for line in lines] == [f"137840_{n}" for n in range(5, 15)]
    assert lines[0].endswith(
        "GOLD 137840_5 r0: RA 345.82 Dec +9.14 +-0.61 deg (90 %), signalness 0.34, 127 TeV, T0+40 s"
    )
    assert "\x1b" not in done.stdout
    assert len(run("tail", "-n", 3, "--database", kept / "alerts.sqlite").stdout.splitlines()) == 4


def test_tail_reads_lines_and_writes_them(run: Run, tmp_path: Path) -> None:
    records = [make_record(), make_record(revision=1)]
    JsonLines(path=tmp_path / "a.jsonl").write(records)
    done = run("tail", "--lines", "a.jsonl", "--json")
    assert [Record.from_dict(json.loads(line)) for line in done.stdout.splitlines()] == records


@pytest.mark.parametrize("kind", [Sqlite, JsonLines])
def test_tail_follows(kind: type[Sqlite | JsonLines], tmp_path: Path, env: dict[str, str]) -> None:
    path = tmp_path / "alerts"
    sink = kind(path=path)
    sink.write([make_record(event_id=1)])
    option = "--database" if kind is Sqlite else "--lines"
    words = [*COMMAND, "tail", "-f", option, str(path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, env=env, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("SENT")
            assert "IC230416A r0" in process.stdout.readline()
            sink.write([make_record(event_id=1), make_record(event_names=("IceCube-230416B",))])
            began = time.monotonic()
            assert "IC230416B r0" in process.stdout.readline()
            assert time.monotonic() - began < 100
        finally:
            process.terminate()
            getattr(sink, "close", lambda: None)()


def test_nothing_kept_is_said(run: Run) -> None:
    done = run("tail")
    assert done.returncode == 2
    assert "no alerts kept so far: icecube-alerts-data/alerts.sqlite" in done.stderr
    assert "--database" in done.stderr
    assert "no such file" in run("show", "x", "--lines", "missing.jsonl").stderr


@pytest.mark.parametrize(
    "name", ["IC200728A", "icecube-200728a", "134327_10548129", "10548129_134327"]
)
def test_show_finds_an_event_by_any_name(run: Run, fixtures: Path, name: str) -> None:
    sources = [fixtures / "gcn.circulars", *fixtures.glob("*/*134327_10548129*")]
    done = run("show", name, *sources)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("IceCube-200728A\n*** RETRACTED: this event is withdrawn ***\n")
    assert "HISTORY\nNOTICE" in done.stdout
    assert re.search(r"^revision 1 +retraction .* retracted ", done.stdout, re.MULTILINE)


def test_show_prints_a_search_with_its_neutrinos(run: Run, fixtures: Path) -> None:
    folder = fixtures / "gcn.notices.icecube.lvk_nu_track_search"
    done = run("show", "s241225C", folder)
    first, headline, lead, news, *_ = done.stdout.splitlines()
    assert (first, headline[:30]) == ("S241225c", "GW SEARCH S241225c notice 3-In")
    assert lead.startswith("Search for neutrinos around a gravitational wave of 25 December 2024")
    assert news.startswith("Since notice 1-Preliminary: ")
    assert "p-value (generic) from 0.0121 to 0.0052" in done.stdout
    assert "COINCIDENT EVENTS" in done.stdout
    assert "TIME AFTER GW [S]" in done.stdout
    assert "best of 2 searches" in done.stdout
    data = json.loads(run("show", "S241225c", folder, "--json").stdout)
    assert data["key"] == "S241225c"
    assert len(data["notices"]) == 3
    assert {"p_value generic", "n_coincident"} <= {change["field"] for change in data["changes"]}
    assert [Record.from_dict(entry).alert.event_key for entry in data["records"]] == 3 * [
        "S241225c"
    ]


def test_show_names_what_is_near(run: Run, fixtures: Path) -> None:
    done = run("show", "S241225", fixtures / "gcn.notices.icecube.lvk_nu_track_search")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.search(r"no event 'S241225' among \d+ names; did you mean S241225c", done.stderr)


def test_text_of_messages_cannot_act_on_a_terminal(run: Run, tmp_path: Path) -> None:
    records = all_hostile()
    with closing(Sqlite(path=tmp_path / "a.sqlite")) as sink:
        sink.write(records)
    for words in (("tail",), ("show", records[-1].alert.event_names[0][:2])):
        done = run(*words, "--database", "a.sqlite")
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", done.stdout + done.stderr)


def test_rich_on_a_terminal_and_plain_without_it(
    tmp_path: Path, env: dict[str, str], kept: Path
) -> None:
    JsonLines(path=tmp_path / "a.jsonl").write([*all_hostile(), make_record()])
    coloured = on_terminal([*COMMAND, "show", "IC230416A", "--lines", "a.jsonl"], tmp_path, env)
    assert "\x1b[1mIceCube-230416A" in coloured
    code = (
        "import sys; sys.modules['rich'] = sys.modules['rich.console'] = None\n"
        "from icecube_plugin.cli import main; main(sys.argv[1:])"
    )
    plain = on_terminal([sys.executable, "-c", code, "tail", "--lines", "a.jsonl"], tmp_path, env)
    assert "IC230416A" in plain
    assert "\x1b" not in plain
    rich = on_terminal([*COMMAND, "tail", "--lines", "a.jsonl"], tmp_path, env)
    assert "\x1b[2J" not in rich
    assert "{{ 7 * 7 }}" in rich


def on_terminal(words: list[str], folder: Path, env: dict[str, str]) -> str:
    """Run a program on a pseudo-terminal and return what it shows."""
    mine, its = pty.openpty()
    with subprocess.Popen(words, stdout=its, cwd=folder, env=env) as process:
        os.close(its)
        parts = []
        while True:
            try:
                part = os.read(mine, 65536)
            except OSError:  # Linux says so when the last writer has closed it
                break
            if not part:
                break
            parts.append(part)
        assert process.wait() == 0
    os.close(mine)
    return b"".join(parts).decode()


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("words", [("tail",), ("show", "137840_7"), ("query",), ("sinks",)])
def test_what_is_shown_fits_the_screen(
    kept: Path, env: dict[str, str], width: int, words: tuple[str, ...]
) -> None:
    """A link stays whole; all else is folded, and a table too wide for that becomes blocks."""
    shown = on_terminal([*COMMAND, *words], kept.parent, env | {"COLUMNS": str(width)})
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown).replace("\r", "").splitlines()
    assert len(lines) > 4
    assert [line for line in lines if len(line) > width and "://" not in line] == []
    if words == ("query",):
        assert lines[0].split()[:2] == ["KIND", "EVENT"]
        assert (lines[-1] == "(no room for REV, STATUS, FAR/YR)") is (width == 80)


def test_report_makes_a_site_of_anything(run: Run, tmp_path: Path, kept: Path) -> None:
    JsonLines(path=tmp_path / "a.jsonl").write([make_record()])
    (tmp_path / "one.json").write_text(json.dumps(make_record(event_id=77).to_dict()))
    broken = tmp_path / "broken.txt"
    broken.write_text("nothing that anybody reads")
    done = run("report", "a.jsonl", kept / "alerts.sqlite", "one.json", "-o", "site", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["records"] == 17
    pages = {path.stem for path in (tmp_path / "site" / "events").iterdir()}
    assert {"137840_57034692", "137840_3", "137840_77"} <= pages
    assert len(pages) == 17
    again = run("report", "a.jsonl", broken, "-o", "site", "--title", "Ours")
    assert again.returncode == 1
    assert "broken.txt" in again.stderr
    assert "<h1>Ours</h1>" in (tmp_path / "site" / "index.html").read_text()
    assert len(list((tmp_path / "site" / "events").iterdir())) == 17


@pytest.mark.parametrize("layout", [1, 2])
def test_a_database_that_an_older_version_wrote(
    layout: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody has opened it for writing since, so its tables are as they were."""
    path = tmp_path / "old.sqlite"
    text = (Path(__file__).parent / "sinks" / f"layout_{layout}.sql").read_text("utf-8")
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript(text)
    assert main(["tail", "--database", str(path), "--json"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert main(["show", "IceCube-230416A", "--database", str(path)]) == 0
    assert main(["report", str(path), "-o", str(tmp_path / "site"), "--json"]) == 0
    capsys.readouterr()
    code = main(["query", "--database", str(path), "--event", "137840_57034692"])
    shown = capsys.readouterr()
    assert code == 2
    assert "`icecube-alerts sinks --deliver`, changes it to" in shown.err
