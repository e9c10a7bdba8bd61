from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from icecube_hooks import AlertKind, ConfigError, Message, NotOurs, Record, RefusedForGood
from icecube_hooks.host import load_plugins
from icecube_hooks.testing import make_alert
from icecube_plugin.cli._common import table
from icecube_plugin.cli.command import COMMANDS, main
from icecube_plugin.host import Cursors, Journal
from icecube_plugin.host.times import moment
from icecube_plugin.sinks.json_lines import read_lines
from tests.test_readme import check_demo

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run ``icecube-alerts`` in an empty folder, without credentials."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("GCN_", "ICECUBE_"))}

    def call(
        *words: object, stdin: bytes = b"", **changes: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "icecube_plugin.cli", *map(str, words)],
            input=stdin, capture_output=True, cwd=tmp_path, env=env | changes, timeout=300,
        )  # fmt: skip
        out, err = done.stdout.decode(), done.stderr.decode()
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)

    return call


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one line of an error, which is no traceback."""
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("icecube-alerts")
    return done.stderr.strip()


@pytest.mark.full
@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_every_command_has_help_with_examples(run: Run, command: list[str]) -> None:
    done = run(*command, "--help")
    assert done.returncode == 0
    if command != ["plugins"]:
        assert "examples:" in done.stdout
    assert "usage: icecube-alerts" in done.stdout


def test_version(run: Run) -> None:
    from icecube_plugin import __version__

    assert run("--version").stdout == f"icecube-alerts {__version__}\n"


def test_demo_reads_everything_but_the_broken_one(run: Run, tmp_path: Path, fixtures: Path) -> None:
    done = run("demo")
    assert done.returncode == 0, done.stderr
    notices = sum(len(list(folder.iterdir())) for folder in fixtures.glob("*.*/")) - 1
    assert f"{notices} read, 1 refused (broken on purpose), 1 passed over" in done.stdout
    check_demo(done.stdout)
    files = list((tmp_path / "icecube-alerts-demo" / "json").iterdir())
    assert len(files) == notices
    lines = (tmp_path / "icecube-alerts-demo" / "alerts.jsonl").read_text().splitlines()
    assert len(lines) == notices
    again = run("demo")
    assert again.returncode == 0, again.stderr
    assert len(list((tmp_path / "icecube-alerts-demo" / "json").iterdir())) == notices
    of_all = re.findall(r"(\d+) (?:messages|read|known|refused|passed)", again.stdout)
    total, *parts = map(int, of_all)
    assert sum(parts) == total


def test_parse_prints_json_or_a_table(run: Run, fixtures: Path) -> None:
    folder = fixtures / "gcn.classic.text.ICECUBE_ASTROTRACK_GOLD"
    file = min(folder.iterdir())
    (entry,) = json.loads(run("parse", file, "--json").stdout)
    assert (entry["file"], entry["kind"], entry["format"]) == (str(file), "gold", "text")
    assert f"{entry['event_key']}_{entry['revision']}" == file.stem
    assert entry["far_per_year"] == pytest.approx(entry["far_hz"] * 365 * 86400)
    done = run("parse", folder)
    assert done.returncode == 0
    header, *rows = done.stdout.split("\n\n")[0].splitlines()
    assert header.split()[:4] == ["FILE", "FORMAT", "KIND", "EVENT"]
    assert len(rows) == len(list(folder.iterdir()))
    assert "concerns:" in done.stdout


def test_parse_names_what_it_cannot_read(run: Run, fixtures: Path) -> None:
    done = run("parse", fixtures / "broken" / "ra_9999.json")
    assert done.returncode == 1
    expected = "ra_9999.json: ra: expected a number from 0 to 360, got 9999.0"
    assert one_line(done).endswith(expected)
    (entry,) = json.loads(run("parse", fixtures / "broken" / "ra_9999.json", "--json").stdout)
    assert entry["error"].endswith(expected)


def test_parse_says_that_a_folder_is_empty(run: Run, tmp_path: Path) -> None:
    done = run("parse", tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "icecube-alerts: no notice found\n"
    (tmp_path / "empty").mkdir()
    replayed = run("replay", tmp_path / "empty")
    assert replayed.stderr.splitlines()[-1] == "icecube-alerts: no notice found"


def test_parse_reads_standard_input(run: Run, fixtures: Path) -> None:
    file = next((fixtures / "gcn.classic.voevent.ICECUBE_CASCADE").iterdir())
    (entry,) = json.loads(run("parse", "-", "--json", stdin=file.read_bytes()).stdout)
    assert (entry["file"], entry["kind"], entry["format"]) == ("stdin", "cascade", "voevent")


def test_replay_goes_through_the_sinks_once(run: Run, tmp_path: Path, fixtures: Path) -> None:
    folder = fixtures / "gcn.notices.icecube.lvk_nu_track_search"
    count = len(list(folder.iterdir()))
    for _ in range(2):
        done = run("replay", folder, "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["records"] == count
    data = tmp_path / "icecube-alerts-data"
    assert len(list((data / "json").iterdir())) == count
    again = run("replay", data / "alerts.jsonl", "--json")
    assert json.loads(again.stdout)["records"] == 2 * count
    assert len(list((data / "json").iterdir())) == count


def test_a_refused_notice_is_kept_shown_and_tried_again(
    run: Run, tmp_path: Path, fixtures: Path
) -> None:
    done = run("replay", fixtures / "broken" / "truncated.json")
    assert done.returncode == 1
    assert "1 message: 0 read, 1 refused" in done.stderr
    assert "truncated.json" in run("dead-letters").stdout
    shown = run("dead-letters", "--show", "1").stdout
    assert "not valid JSON" in shown
    assert "icecube-plugin" in shown
    (entry,) = json.loads(run("dead-letters", "--json").stdout)
    assert entry["error"] == "NoticeError"
    assert run("dead-letters", "--retry").returncode == 1
    assert run("dead-letters", "--show", "7").returncode == 1


def test_what_a_sink_could_not_take_is_delivered_later(
    run: Run, tmp_path: Path, fixtures: Path
) -> None:
    config = tmp_path / "c.toml"
    config.write_text('[sinks.lines]\ntype = "jsonl"\npatience_s = 0.1\npath = "alerts.jsonl"\n')
    notice = next((fixtures / "gcn.notices.icecube.lvk_nu_track_search").iterdir())
    lines = tmp_path / "alerts.jsonl"
    lines.symlink_to("/dev/full")
    done = run("--config", config, "replay", notice)
    assert done.returncode == 1
    assert "sink lines: 0 written, 1 wait in the journal" in done.stderr
    assert run("--config", config, "sinks").stdout.split("\n")[1].split()[:3] == [
        *("lines", "jsonl", "1")
    ]
    assert run("--config", config, "sinks", "--deliver").returncode == 1
    lines.unlink()
    assert run("--config", config, "sinks", "--deliver").returncode == 0
    assert len(lines.read_text().splitlines()) == 1
    (entry,) = json.loads(run("--config", config, "sinks", "--json").stdout)
    assert (entry["waiting"], entry["required"]) == (0, True)


def test_what_a_sink_refused_is_delivered_later(run: Run, tmp_path: Path, fixtures: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text('[sinks.lines]\ntype = "jsonl"\npath = "alerts.jsonl"\n')
    notice = (
        fixtures / "gcn.notices.icecube.lvk_nu_track_search" / "S190412m-3-Initial.json"
    ).read_bytes()
    journal = Journal(tmp_path / "icecube-alerts-data")
    journal.append([Record.of(Message(value=notice), make_alert())], sink="lines")
    journal.refuse(journal.after(0).entries[0], "lines", RefusedForGood("it was full"))
    Cursors(journal.path.parent, journal).put("lines", "jsonl", 1)
    other = tmp_path / "other.toml"
    other.write_text('[sinks.screen]\ntype = "terminal"\n')
    gone = run("--config", other, "dead-letters", "--retry")
    assert (gone.returncode, gone.stderr) == (1, "1: there is no sink lines\n")
    assert run("--config", config, "dead-letters", "--retry").stdout == "1: delivered\n"
    assert run("--config", config, "dead-letters").stdout == "no dead letters\n"
    assert len((tmp_path / "alerts.jsonl").read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("toml", "code", "message"),
    [
        ("[kafca]", 2, "kafca: unknown key (did you mean 'kafka'?)"),
        ('[sinks.a]\ntype="sqlit"', 2, "no sink type 'sqlit' (did you mean 'sqlite'?)"),
        ('[sinks.a]\ntype="sqlite"\npth="x"', 2, "sinks.a.pth: unknown option"),
        ("[significance.icecube]\ntrials=0", 2, "significance.icecube.trials"),
        ("x = [", 2, "is not valid TOML"),
    ],
)
def test_a_wrong_configuration_is_one_line(
    run: Run, tmp_path: Path, fixtures: Path, toml: str, code: int, message: str
) -> None:
    config = tmp_path / "c.toml"
    config.write_text(toml)
    done = run("--config", config, "replay", fixtures / "gcn.classic.text.ICECUBE_CASCADE")
    assert done.returncode == code
    assert message in one_line(done)


def test_a_sink_is_tested_with_a_marked_alert(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text(
        'data_folder="data"\n[sinks.a]\ntype="jsonl"\npath="a.jsonl"\nwhen="False"\n'
        '[sinks.shift]\ntype="notify"\nurls=["json://127.0.0.1:9/?cto=1&rto=1"]'
    )
    done = run("--config", config, "sinks", "test", "a")
    assert (done.returncode, done.stderr) == (0, "")
    (record,) = read_lines(tmp_path / "a.jsonl")
    assert done.stdout == "sink a has taken a test alert\n"
    assert not record.alert.is_real
    assert record.id.startswith("test:")
    assert not (tmp_path / "data").exists()  # it is no alert: it is not in the journal
    done = run("--config", config, "sinks", "test", "shift")
    assert (done.returncode, done.stdout) == (1, "")
    assert "sink shift: urls[0] (json) did not take the message" in done.stderr
    assert run("--config", config, "sinks", "test", "b").returncode == 2


def test_check_looks_and_changes_nothing(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    sinks = {
        "archive": "", "html": "", "json": "", "jsonl": "", "parquet": "", "sqlite": "",
        "table": "", "notify": 'urls=["json://127.0.0.1:9"]',
        "voevent": 'ivorn="ivo://example.org/neutrinos"',
    }  # fmt: skip
    config.write_text("\n".join(f'[sinks.{s}]\ntype="{s}"\n{more}' for s, more in sinks.items()))
    done = run("--config", config, "check", "--offline")
    assert (done.returncode, list(tmp_path.iterdir())) == (0, [config])


@pytest.mark.full
def test_check_names_servers_that_do_not_answer(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text(
        '[sinks.a]\ntype="kafka"\nbootstrap_servers="127.0.0.1:9"\n'
        '[sinks.b]\ntype="database"\nurl="postgresql://127.0.0.1:9/alerts"\n'
        '[sinks.c]\ntype="skyportal"\nurl="http://127.0.0.1:9"\ntoken="x"\nallow_private=true\n'
    )
    config.chmod(0o600)
    done = run("--config", config, "check", "--offline")
    assert done.returncode == 2
    assert "FAIL sink: a: no answer from 127.0.0.1:9: " in done.stdout
    assert "FAIL sink: b: cannot use alerts at 127.0.0.1:9: " in done.stdout
    assert "FAIL sink: c: " in done.stdout


@pytest.mark.parametrize(
    "options", ['type="sqlite"\npath="/proc/x/y"', 'type="json"\nfolder="/proc/x"']
)
def test_a_place_that_cannot_be_written_is_waited_for(
    run: Run, tmp_path: Path, fixtures: Path, options: str
) -> None:
    """It may be a disk that is not there yet; the alerts are in the journal."""
    config = tmp_path / "c.toml"
    config.write_text(f"[sinks.a]\npatience_s=0.1\n{options}")
    done = run("--config", config, "replay", fixtures / "gcn.classic.text.ICECUBE_CASCADE")
    assert done.returncode == 1
    assert "cannot write /proc/x" in done.stderr
    assert "sink a: 0 written, 4 wait in the journal" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["listen"], 2, "no credentials for gcn.nasa.gov (set GCN_CLIENT_ID and"),
        pytest.param(
            *(["listen", "--bootstrap-servers", "127.0.0.1:1"], 3, "cannot reach 127.0.0.1:1"),
            marks=pytest.mark.full,  # ten seconds of patience
        ),
        (["backfill", "--since", "yesterday"], 2, "'yesterday' is not a time"),
        (
            ["backfill", "--since", "1d", "--until", "2d", "--bootstrap-servers", "x:1"],
            2,
            "--until is before --since",
        ),
        (["replay", "nothing"], 1, "nothing: no such file or folder"),
        (["parse", "nothing"], 1, "nothing: no such file or folder"),
        (["significance", "1.7"], 2, "expected a p-value in [0, 1], got 1.7"),
        (["--config", "nothing.toml", "plugins"], 2, "cannot read nothing.toml"),
        (["plugins", "--config", "nothing.toml"], 2, "cannot read nothing.toml"),
        (["status"], 1, "(icecube-alerts listen starts one; --config names"),
        (["init"], 2, "nobody is there to answer: --help lists the options"),
        (["fluence", "x", "--dec", "5", "--energies", "1", "2"], 2, "cannot read x: No such file"),
    ],
)
def test_trouble_is_one_line(run: Run, words: list[str], code: int, message: str) -> None:
    done = run(*words)
    assert (done.returncode, message in one_line(done)) == (code, True), done.stderr


@pytest.mark.parametrize(
    ("command", "missing"), [("show", "EVENT"), ("region", "EVENT"), ("report", "-o/--output")]
)
def test_only_what_is_missing_is_called_required(run: Run, command: str, missing: str) -> None:
    said = run(command).stderr.splitlines()[-1]
    assert said.partition("the following arguments are required: ")[2].split(", ")[0] == missing
    assert "SOURCE" not in said


def test_trouble_with_a_file_is_told_without_its_number(run: Run, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    done = run("tail", "--lines", "folder")
    assert (done.returncode, one_line(done)) == (
        1,
        "icecube-alerts: cannot use folder: Is a directory",
    )


def test_an_id_without_its_secret_is_named(run: Run) -> None:
    said = one_line(run("listen", GCN_CLIENT_ID="x"))
    assert "there is a client_id, but no client_secret (set GCN_CLIENT_SECRET, or " in said


def test_sources_may_stand_behind_options(run: Run, tmp_path: Path, fixtures: Path) -> None:
    folder = fixtures / "gcn.notices.icecube.gold_bronze_track_alerts"
    done = run("region", "IC220306A", "-o", "a.reg", folder)
    assert (done.returncode, (tmp_path / "a.reg").exists()) == (0, True), done.stderr
    assert "unrecognized arguments: --what" in run("region", "x", "-o", "a.reg", "--what").stderr


def test_debug_shows_the_traceback(run: Run) -> None:
    assert "Traceback" in run("--debug", "parse", "nothing").stderr


def test_what_a_library_does_is_no_news_of_ours() -> None:
    code = """
import logging
from icecube_plugin.cli.log_format import set_up
set_up(logging.INFO, "text")
logging.getLogger("alembic.runtime.migration").info("a step")
logging.getLogger("icecube_plugin").info("ours")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [line.split()[2] for line in done.stderr.splitlines()] == ["ours"]


def test_plugins_lists_every_part(run: Run) -> None:
    done = run("plugins")
    assert done.returncode == 0
    for name in (
        "icecube-plugin:voevent",
        "parser lvk-json",
        "sink sqlite",
        "significance icecube",
    ):
        assert name in done.stdout
    entries = json.loads(run("plugins", "--json").stdout)
    assert {entry["state"] for entry in entries} == {"loaded"}


def test_a_blocked_plugin_is_not_imported(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "icecube-alerts.toml"  # found without --config
    config.write_text('[plugins]\nblock = ["sink-terminal", "voevent"]\n')
    states = {e["name"]: e["state"] for e in json.loads(run("plugins", "--json").stdout)}
    assert states["icecube-plugin:voevent"] == states["icecube-plugin:sink-terminal"] == "blocked"
    assert states["icecube-plugin:lvk-json"] == "loaded"


def test_topics_and_their_parsers(run: Run) -> None:
    entries = json.loads(run("topics", "--json").stdout)
    assert "gcn.classic.text.ICECUBE_*" in [entry["topic"] for entry in entries]
    assert all(len(entry["parsers"]) == 1 for entry in entries)
    assert "not asked" in run("topics").stdout


def test_check(run: Run, tmp_path: Path) -> None:
    done = run("check", "--offline")
    assert done.returncode == 0
    assert done.stdout.count("ok ") == 3
    done = run("check", GCN_CLIENT_SECRET="hush")  # noqa: S106  # no real one
    assert done.returncode == 3
    assert "FAIL broker: no credentials" in done.stdout
    assert "hush" not in done.stdout + done.stderr
    (tmp_path / "icecube-alerts.toml").write_text('[sinks.a]\ntype = "sqlit"\n')
    entries = json.loads(run("check", "--offline", "--json").stdout)
    assert [entry["ok"] for entry in entries] == [True, True, False]


def test_check_counts_what_passes_each_filter(run: Run, tmp_path: Path, fixtures: Path) -> None:
    plugins = load_plugins(allow=["icecube-plugin"])
    kinds = []
    for file in fixtures.glob("*.*/*"):
        with contextlib.suppress(NotOurs):
            message = Message(value=file.read_bytes(), topic=file.parent.name)
            kinds.append(plugins.parse(message).kind)
    gold, read = kinds.count(AlertKind.GOLD), len(kinds)
    assert 0 < gold < read
    (tmp_path / "icecube-alerts.toml").write_text(
        '[sinks.all]\ntype="terminal"\n'
        '[sinks.people]\ntype="terminal"\n[sinks.people.filter]\nkinds=["gold"]\n'
        '[sinks.none]\ntype="terminal"\n[sinks.none.filter]\ntopics=["no.such"]\n'
        '[sinks.wrong]\ntype="terminal"\nwhen="kind == \'golden\'"\n'
    )
    says = {e["what"]: e["says"] for e in json.loads(run("check", "--offline", "--json").stdout)}
    assert {what: text for what, text in says.items() if what.startswith("filter")} == {
        "filter of sink people": f"{gold} of {read} alerts of the demonstration pass",
        "filter of sink none": f"0 of {read} alerts of the demonstration pass",
    }


def test_plugins_trace(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "broken.py").write_text("import no_such_package_anywhere\n")
    (tmp_path / "icecube-alerts.toml").write_text('plugins_folder = "own"\n')
    done = run("plugins", "--trace")
    assert done.returncode == 1
    assert re.search(
        r"icecube-plugin:voevent +icecube_plugin\.notices\.\w+ +\d+\.\d ms", done.stdout
    )
    assert "\nplugins_folder:broken:\nTraceback (most recent call last):\n" in done.stdout
    assert "ModuleNotFoundError: No module named 'no_such_package_anywhere'" in done.stdout
    entries = {e["name"]: e for e in json.loads(run("plugins", "--trace", "--json").stdout)}
    assert entries["icecube-plugin:voevent"]["seconds"] > 0


def test_a_reader_of_the_output_may_go_away(fixtures: Path) -> None:
    words = f"{sys.executable} -m icecube_plugin.cli parse {fixtures}/gcn.* --json | head -c 10"
    done = subprocess.run(words, shell=True, capture_output=True, timeout=300)  # noqa: S602
    assert done.stdout == b"[\n  {\n    "
    assert b"Traceback" not in done.stderr


def test_main_returns_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["topics", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) > 5


NOW = datetime(2026, 5, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30d", NOW - timedelta(days=30)),
        ("90m", NOW - timedelta(minutes=90)),
        ("2026-05-01", NOW - timedelta(hours=36)),
        ("2026-05-02T14:00:00+02:00", NOW),
        ("2026-05-02T12:00:00Z", NOW),
    ],
)
def test_moment(text: str, expected: datetime) -> None:
    assert moment(text, NOW) == expected


@pytest.mark.parametrize("text", ["", "30", "d", "999999w", "2026-13-01", "now"])
def test_no_moment(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a time"):
        moment(text, NOW)


def test_table() -> None:
    assert table([["a", "1"], ["long", "22"]], ["NAME", "N"]) == "NAME  N\na     1\nlong  22"


@pytest.mark.parametrize("after_s", [0.0, 0.5, 2.0])
def test_ctrl_c_ends_the_demonstration(tmp_path: Path, after_s: float) -> None:
    command = [sys.executable, "-m", "icecube_plugin.cli", "demo"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as demo:
        assert demo.stderr is not None
        assert "publishing" in demo.stderr.readline()
        time.sleep(after_s)
        began = time.monotonic()
        demo.send_signal(signal.SIGINT)
        demo.stderr.read()
        assert demo.wait(300) in (0, 130, -2)  # it may have been done; -2 is 130 to a shell
        assert time.monotonic() - began < 100.0


def test_main_gives_the_handlers_of_signals_back(
    tmp_path: Path, fixtures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    main(["replay", str(fixtures / "gcn.classic.text.ICECUBE_CASCADE"), "--json"])
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_sinks_are_moved_and_forgotten(run: Run, tmp_path: Path, fixtures: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text('[sinks.lines]\ntype = "jsonl"\npath = "alerts.jsonl"\n')
    folder = fixtures / "gcn.classic.text.ICECUBE_CASCADE"
    count = len(list(folder.iterdir()))
    assert run("--config", config, "replay", folder).returncode == 0

    def waiting(*words: str) -> int:
        assert run("--config", config, "sinks", *words).returncode == 0
        return int(json.loads(run("--config", config, "sinks", "--json").stdout)[0]["waiting"])

    assert waiting() == 0
    assert waiting("rewind", "lines", "--all") == count
    assert waiting("rewind", "lines", "--to", str(count)) == 1
    assert waiting("rewind", "lines", "--since", "1h") == count
    assert waiting("rewind", "lines", "--since", "2030-01-01") == 0
    wrong = run("--config", config, "sinks", "rewind", "line", "--all")
    assert (wrong.returncode, one_line(wrong)) == (
        2, "icecube-alerts: no sink 'line' is configured (did you mean 'lines'?)"
    )  # fmt: skip
    assert run("--config", config, "sinks", "forget", "lines").returncode == 0
    assert run("--config", config, "sinks", "forget", "lines").returncode == 2
