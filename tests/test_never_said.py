"""Sentences that this product never says, on any surface; why is in docs/significance.md."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import closing, redirect_stdout
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from lxml import html

from icecube_hooks import YEAR_S, AlertKind, Direction, Record
from icecube_hooks.host import load_plugins
from icecube_plugin.alerts.file_names import page_path
from icecube_plugin.cli._records import Kept
from icecube_plugin.cli.command import main
from icecube_plugin.cli.serve import Live
from icecube_plugin.host import messages_from
from icecube_plugin.significance import coincidence, multiplet
from icecube_plugin.sinks.database import Database
from icecube_plugin.views.message import compose
from icecube_plugin.views.pages import glance, page, tell
from icecube_plugin.views.summary import summary

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 1, 1, tzinfo=UTC)

NEVER = {
    # 1. A rate is a rate, and a sigma is a surprise.
    "a negative sigma": r"-\d+(\.\d+)? ?sigma|sigma -\d|\(-\d\.\d+\)",
    "a sigma or a verdict of a rate": r"(far|false.alarm rate)[^.;\n]{0,40}\bsigma\b(?! and)",
    "a rate as a test": r"\bfar, (one|two)-sided|chance of at least one background",
    # 2. What IceCube's rate is.
    "a rate as a waiting time": r"\b(one|once) in [\d.]|\bin [\d.e+]+ years by chance",
    "rate x time as background": r"background (alone|expected)|expected (from )?background",
    # 3. What signalness is.
    "signalness as this alert's": r"(probability|chance) (of|that)[^.;\n]{0,20} (astro|background)"
    r"|1 - signalness|\d ?% (astrophysical|background|real)\b",
    # 4. Seasons of which not all was heard.
    "an excess of a season": r"\d expected by chance|chance of as many or more|best of the season",
    # 5. Verdicts without trials.
    "one sigma as evidence": r"\bweak\b",
    "one trial as a correction": r"after 1 (trial|look)|given: 1 independent look",
    # 6. Rates of gravitational waves.
    "a threshold as a rate": r"\b730(\.0)? (a|per) year",
    # 7. Where alerts come from.
    "tracks from everywhere": r"(gold|bronze)[^;\n]*(isotropic|equally dense)",
    # 9. Contours.
    "wider tails than a Gaussian": r"wider in the tails|contours? (is|are) wider",
    # 10. What a running correction is worth.
    "trials so far": r"(trials|looks) so far",
    # 11. What has been replaced.
    "a verdict of what was replaced": r"superseded\)[^\n]*\b(moderate|strong|discovery)\b",
}
"""Of each point of what was once wrong; the eighth, an ellipse's formula, is no sentence."""
VERDICTS = (
    r"\b(moderate|strong) evidence|verdict: (moderate|strong|discovery)|Verdict', text='(mod|st)"
    r"|<Verdict\.[MSD]"
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


def texts(figure: Any) -> str:
    from matplotlib.text import Text

    return " ".join(one.get_text() for one in figure.findobj(Text)).replace("\n", " ")


def figures(kept: list[Record]) -> Iterator[tuple[str, str]]:
    """Yield what stands in plots, their captions too: of a season, and of an event of each kind."""
    pytest.importorskip("matplotlib")
    from icecube_plugin.views import plots

    for draw in (plots.p_ladder, plots.sorted_p, plots.cumulative, plots.sky_map):
        yield f"plot {draw.__name__}", texts(draw(kept))
    yield "plot svg_map", plots.svg_map(kept)
    placed = {one.alert.kind: one for one in kept if one.alert.localization is not None}
    for kind, one in placed.items():
        yield f"plot finder {kind}", texts(plots.finder(one))
        yield f"plot svg_finder {kind}", plots.svg_finder(one)
        yield f"plot visibility {kind}", texts(plots.visibility(one, "paranal"))


def commands(kept: list[Record], folder: Path) -> Iterator[tuple[str, str]]:
    """Yield what the commands print of records that a host has kept."""
    lines, url = folder / "alerts.jsonl", f"sqlite:///{folder}/alerts.sqlite"
    lines.write_text("".join(f"{record.to_json()}\n" for record in kept), encoding="utf-8")
    with closing(Database(url=url)) as sink:
        sink.write(kept)
    of_kinds = {story.event.kind: story.key for story in tell(kept)}
    at = ("--lines", str(lines))
    asked = [
        ("significance", str(lines)),
        ("tail", *at, "-n", "1000"),
        ("query", "--database", url, "--with-tests", "--all-revisions"),
        ("near", "--position", "345.8", "9.1", "--time", "2023-04-16", "--before", "100", *at),
        ("near", "--event", "IC230416A", "--before", "900", *at),
        ("chance", "--area", "154.33", "--density", "4.286e-4", "--found", "2"),
        *(("show", key, *at) for key in of_kinds.values()),
    ]
    for command in asked:
        out = StringIO()
        with redirect_stdout(out):
            assert main(list(command)) == 0, command
        yield f"command {command[0]} {command[1]}", out.getvalue()


def served(kept: list[Record], folder: Path) -> Iterator[tuple[str, str]]:
    """Yield what `serve` shows, and what it tells the pages that are open."""
    live = Live(Kept(str(folder / "alerts.jsonl")), folder, "Shift")
    live.take()
    yield "serve state", repr(live.state())
    for story in tell(kept):
        found = live.site.get(page_path(story.key))
        assert found is not None
        yield f"serve {story.key}", words(found)
    yield "serve index", words(live.site.get("index.html") or b"")


def words(page: bytes) -> str:
    root: Any = html.fromstring(page)
    return str(root.text_content())


def surfaces(kept: list[Record], folder: Path) -> Iterator[tuple[str, str]]:
    for record in kept:
        yield f"summary {record.id}", summary(record)
        message = compose(record, now=NOW)
        yield f"message {record.id}", f"{message.title}\n{message.text()}"
        yield f"tail {record.id}", glance(record).headline
    for story in tell(kept):
        yield f"page, show {story.event.key}", repr(page(story))
    yield from figures(kept)
    yield from commands(kept, folder)
    yield from served(kept, folder)
    yield from coincidences(kept)


def coincidences(kept: list[Record]) -> Iterator[tuple[str, str]]:
    """Yield what is said of alerts near a transient, and of those before them."""
    alerts = [record.alert for record in kept]
    for kind in (AlertKind.GOLD, AlertKind.BRONZE):
        alert = next(one for one in alerts if one.kind is kind and one.is_real)
        place, time = alert.localization, alert.trigger_time
        assert place is not None
        assert time is not None
        at = Direction(ra_deg=place.ra_deg, dec_deg=place.dec_deg)
        found = coincidence(at, time, alerts, before_s=1e6, after_s=1e6, kinds=[kind])
        before = multiplet(alert, alerts, window_s=4 * YEAR_S)
        yield f"coincidence {kind}", f"{kind}: {[one.significance for one in found]} {before}"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    return dict(surfaces(records(), tmp_path_factory.mktemp("plain")))


@pytest.fixture(scope="module")
def corrected(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    return dict(surfaces(records(trials=100), tmp_path_factory.mktemp("corrected")))


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
    assert hits(plain, r"\bp [\d.e-]+ after trials") == []
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
