"""The command, through its parser."""

from __future__ import annotations

import argparse
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from icecube_hooks import Alert, Message, Record
from icecube_plugin.cli.significance import EXAMPLES, add_arguments
from tests.significance.alerts import lvk, track

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Run:
    parser = argparse.ArgumentParser(prog="icecube-alerts")
    parser.set_defaults(config=None)
    add_arguments(parser.add_subparsers().add_parser("significance"))

    def call(*words: object) -> tuple[int, str, str]:
        args = parser.parse_args(["significance", *map(str, words)])
        status = args.run(args)
        out, err = capsys.readouterr()
        return status, out, err

    return call


def records(*alerts: Alert) -> list[str]:
    return [
        json.dumps(Record.of(Message(value=alert.notice_id.encode()), alert).to_dict())
        for alert in alerts
    ]


SEASON = (
    lvk(0.0191, 0.0549, superevent="S230914ak"),
    lvk(None, 0.0056, superevent="S230908b"),
    track(far_per_year=0.2894),
)


def test_one_p_value(command: Run) -> None:
    assert command("0.0191", "--trials", 100) == (
        0,
        (
            "what     p-value  sigma  trials  p post  sigma post  FAR/yr  verdict\n"
            "p-value  0.0191   2.07   100     0.8546  p > 0.5     2.502   none\n"
            "\n"
            "one-sided\n"
            "trials given: 100 independent looks\n"
            "FAR p x 131 per year (significant GW alerts; that of O4b; none published for O4c)\n"
        ),
        "",
    )


def test_two_sided_and_rate(command: Run) -> None:
    _, out, _ = command("0.0027", "--sided", "two", "--rate", 12.5)
    assert "p-value  0.0027   3.00   -       -       -           0.03375  -" in out
    assert "\nnot corrected for trials\n" in out
    assert "two-sided\n" in out
    assert "FAR p x 12.5 per year (looks; --rate)" in out


def test_0_is_a_limit(command: Run) -> None:
    _, out, _ = command("0")
    assert "p-value  0 (limit)  -      -       -       -           -       -\n" in out


def test_the_inverse(command: Run) -> None:
    _, out, _ = command("3", "--sigma", "--trials", 100)
    numbers = ["3", "0.0013499", "100", "0.126355", "1.14379", "1.3508e-05", "4.19726"]
    assert out.splitlines()[1].split() == numbers
    _, out, _ = command("3", "5", "--sigma", "--json", "--sided", "two")
    found = json.loads(out)
    assert found["sided"] == "two-sided"
    assert found["results"][0]["p_value"] == pytest.approx(0.0026998, rel=1e-4)
    assert found["results"][1]["sigma_needed"] == pytest.approx(5)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["1.5"], "expected a p-value in [0, 1], got 1.5"),
        (["nan"], "expected a p-value in [0, 1], got nan"),
        (["-0.1"], "expected a p-value in [0, 1], got -0.1"),
        (["null"], "expected a p-value in [0, 1] or a file, got 'null'"),
        (["0.1", "2"], "expected a p-value in [0, 1], got 2.0"),
        (["0.1", "--trials", "0"], "expected a number of trials, finite and >= 1, got 0.0"),
        (["0.1", "--rate", "-3"], "expected a rate or duration, finite and >= 0, got -3.0"),
        (
            ["-1", "--sigma", "--sided", "two"],
            "expected a two-sided number of sigma, >= 0, got -1.0",
        ),
        (["x", "--sigma"], "expected a p-value in [0, 1] or a file, got 'x'"),
        ([__file__, "--sigma"], f"expected a number of sigma, got {__file__!r}"),
    ],
)
def test_what_is_wrong_is_one_line_and_status_2(
    command: Run, words: list[str], message: str
) -> None:
    status, out, err = command(*words)
    assert (status, out) == (2, "")
    assert err.startswith(f"icecube-alerts significance: {message[:50]}")
    assert err.count("\n") == 1


def test_json_lines_of_records_as_a_season(command: Run, tmp_path: Path) -> None:
    path = tmp_path / "season.jsonl"
    path.write_text("\n\n".join(records(*SEASON)) + "\n")
    status, out, _ = command(path)
    assert status == 0
    lines = out.splitlines()
    assert lines[1].startswith("lvk-search:S230914ak:2-? generic ")
    assert lines[5].startswith("gold:138590_1:? far ")
    assert lines[-5:] == [
        "season of low-significance GW events: 1 heard, of how many searched events is not stated",
        "event     p       q",
        "S230908b  0.0056  -",
        "p: the better search with the penalty for 2, before the trials of the season",
        "not all searches are known to be heard: not corrected for trials, no excess is stated",
    ]
    whole = command(path, "--searched", 1, 1)[1].splitlines()
    assert whole[-7:] == [
        "season of low-significance GW events: 1 of 1 searched events heard",
        "event     p       q",
        "S230908b  0.0056  0.0056",
        "p: the better search with the penalty for 2, before the trials of the season",
        "best of 1: p = 0.0056, moderate",
        "below p = 0.01: 1 seen, 0.01 expected",
        "chance of as many or more: 0.01",
    ]


def test_superseded_notices_are_marked_and_not_judged(command: Run, tmp_path: Path) -> None:
    path = tmp_path / "revisions.jsonl"
    notices = [lvk(None, p, number=k) for k, p in ((1, 1e-9), (2, 0.4))]
    path.write_text("\n".join(records(*notices)))
    lines = command(path, "--trials", 2)[1].splitlines()
    assert lines[1].startswith("lvk-search:S230914ak:1-? (superseded) bayesian ")
    assert lines[1].endswith(" -")
    assert lines[2].startswith("lvk-search:S230914ak:2-? bayesian ")
    assert lines[2].endswith(" none")


def test_json_of_a_season(command: Run, tmp_path: Path) -> None:
    path = tmp_path / "season.jsonl"
    path.write_text("\n".join(records(*SEASON)))
    _, out, _ = command(path, "--json", "--rate", 50)
    found = json.loads(out)
    assert [r["quantity"] for r in found["results"]] == [
        "generic",
        "bayesian",
        "best of 2 searches",
        "bayesian",
        "far",
    ]
    assert found["results"][3]["far_per_year"] == pytest.approx(0.28)
    assert list(found["seasons"]) == ["significant", "low-significance"]
    assert found["seasons"]["low-significance"]["n_events"] == 1
    assert found["seasons"]["low-significance"]["p_excess"] is None
    assert found["seasons"]["low-significance"]["best"]["quantity"] == "best of 1 event heard"
    assert json.loads(command("0.1", "--json")[1])["seasons"] == {}


def test_a_stored_season(command: Run, tmp_path: Path) -> None:
    path = tmp_path / "a b#c.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("CREATE TABLE records (number INTEGER PRIMARY KEY, record_json TEXT)")
        rows = [(text,) for text in records(*SEASON)]
        db.executemany("INSERT INTO records (record_json) VALUES (?)", rows)
    _, out, _ = command(path)
    assert "season of significant GW events: 1 heard" in out


def test_files_that_cannot_be_read(command: Run, tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(other)) as db:
        db.execute("CREATE TABLE something (x)")
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"alert": {}, "message": {}}')
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    text = tmp_path / "letter.txt"
    text.write_text("Dear sirs")
    for path, reason in (
        (other, "no such table: records"),
        (broken, "not a record: "),
        (empty, "the message is empty"),
        (text, "no parser recognises this message"),
        (tmp_path, "is a folder: name its files"),
    ):
        status, out, err = command(path)
        assert (status, out) == (2, "")
        assert reason in err
        assert path.name in err
        assert err.count("\n") == 1


def test_an_alert_without_numbers(command: Run, tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    path.write_text(records(track())[0])
    assert command(path) == (0, "no p-value and no false-alarm rate is stated\n", "")


def test_the_examples_are_valid(command: Run, tmp_path: Path) -> None:
    for line in EXAMPLES.splitlines():
        if line.startswith("  icecube-alerts significance "):
            words = line.split()[2:]
            if not any("." in w and w[0].isalpha() for w in words):
                assert command(*words)[0] == 0
