"""Sentences that this product never says, on any surface; why is in docs/significance.md."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from icecube_hooks import AlertKind, Record
from icecube_hooks.host import load_plugins
from icecube_plugin.cli.command import main
from icecube_plugin.host import messages_from
from icecube_plugin.views.message import compose
from icecube_plugin.views.pages import glance, page, tell
from icecube_plugin.views.summary import summary

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 1, 1, tzinfo=UTC)

NEVER = {
    "a negative sigma": r"-\d+(\.\d+)? ?sigma|sigma -\d|\(-\d\.\d+\)",
    "a sigma or a verdict of a rate": r"(far|false.alarm rate)[^.;\n]{0,40}\bsigma\b(?! and)",
    "a rate as a test": r"\bfar, (one|two)-sided|chance of at least one background",
    "a rate as a waiting time": r"one in [\d.e+]+ years|\bin [\d.e+]+ years by chance",
    "signalness as this alert's": r"probability of (being )?(astro|background)|1 - signalness",
    "one sigma as evidence": r"\bweak\b",
    "one trial as a correction": r"after 1 (trial|look)|given: 1 independent look",
    "rate x time as background": r"background alone",
    "an excess of a season": r"\d expected by chance|chance of as many or more|best of the season",
}
VERDICTS = (
    r"\b(moderate|strong) evidence|verdict: (moderate|strong|discovery)|Verdict', text='(mod|st)"
)


def records(**options: Any) -> list[Record]:
    catalogues = {"4FGL": str(ROOT / "tests" / "sky" / "sources_4fgl.csv")}
    plugins = load_plugins(
        significance={"icecube": options}, annotators={"counterparts": {"catalogues": catalogues}}
    )
    folders = [path for path in (ROOT / "fixtures").iterdir() if path.name.startswith("gcn.")]
    found = []
    for message in messages_from([str(folder) for folder in sorted(folders)]):
        try:
            found.append(plugins.record(message))
        except ValueError:  # another observatory's circular
            continue
    return found


def figures(kept: list[Record]) -> Iterator[tuple[str, str]]:
    pytest.importorskip("matplotlib")
    from matplotlib.text import Text

    from icecube_plugin.views.plots import cumulative, p_ladder, sorted_p

    for draw in (p_ladder, sorted_p, cumulative):
        figure: Any = draw(kept)
        texts: list[Any] = figure.findobj(Text)
        yield f"plot {draw.__name__}", " ".join(one.get_text() for one in texts).replace("\n", " ")


def surfaces(kept: list[Record]) -> Iterator[tuple[str, str]]:
    for record in kept:
        yield f"summary {record.id}", summary(record)
        message = compose(record, now=NOW)
        yield f"message {record.id}", f"{message.title}\n{message.text()}"
        yield f"tail {record.id}", glance(record).headline
    for story in tell(kept):
        yield f"page, show {story.event.key}", repr(page(story))
    yield from figures(kept)


@pytest.fixture(scope="module")
def plain() -> Mapping[str, str]:
    return dict(surfaces(records()))


@pytest.fixture(scope="module")
def corrected() -> Mapping[str, str]:
    return dict(surfaces(records(trials=100)))


def hits(said: Mapping[str, str], pattern: str) -> list[str]:
    found = ((where, re.search(pattern, text)) for where, text in said.items())
    return [f"{where}: {hit[0]}" for where, hit in found if hit]


@pytest.mark.parametrize("what", NEVER)
def test_never_said(plain: Mapping[str, str], corrected: Mapping[str, str], what: str) -> None:
    assert len(plain) > 500
    assert hits(plain, NEVER[what]) == []
    assert hits(corrected, NEVER[what]) == []


def test_no_verdict_without_trials(plain: Mapping[str, str], corrected: Mapping[str, str]) -> None:
    assert hits(plain, VERDICTS) == []
    assert hits(plain, "not corrected for trials")
    assert hits(corrected, "verdict: none")


def test_what_is_said_of_a_track_instead() -> None:
    kept = records()
    gold = next(one for one in kept if one.alert.kind is AlertKind.GOLD and one.alert.far_hz)
    text = summary(gold)
    assert "events per year due to atmospheric backgrounds, IceCube's estimate" in text
    assert "a year in IceCat-1, by false-alarm rate" in text
    assert "significance" not in text


def test_never_said_by_the_demo_and_the_command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The demo's output is that of the guide, which a test of its own holds."""
    demo = (
        (ROOT / "docs" / "guide.md")
        .read_text(encoding="utf-8")
        .partition("<!-- demo output -->")[2]
    )
    lines = tmp_path / "records.jsonl"
    text = "\n".join(record.to_json() for record in records())
    lines.write_text(text, encoding="utf-8")
    assert main(["significance", str(lines)]) == 0
    said = {"demo": demo.partition("```\n\n")[0], "significance": capsys.readouterr().out}
    for what, pattern in NEVER.items():
        assert hits(said, pattern) == [], what
    assert "(superseded)" in said["demo"]
    assert "(superseded)" in said["significance"]
    assert not re.search(r"\b(moderate|strong|discovery)\b", said["demo"] + said["significance"])
