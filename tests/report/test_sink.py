"""The sink `html`: a folder that is always up to date, and survives everything."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from lxml import html

from icecube_hooks import ConfigError, Record, RetryLater, Sink, WireFormat
from icecube_hooks.host import build as build_sink
from icecube_hooks.testing import SinkConformance, make_record
from icecube_plugin.sinks.html import Html
from icecube_plugin.views.pages import build
from tests.report.hostile import all_hostile


class TestConformance(SinkConformance):
    factory = Html
    bad_options = (
        {"folder": 5},
        {"folder": ""},
        {"folder": "/dev/null/x"},
        {"title": ""},
        {"sites": ["nowhere"]},
    )
    keeps_order = False

    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path) -> None:
        self.path = tmp_path / "Ärger und Ruhe" / "out"

    def make_sink(self) -> Html:
        return Html(folder=self.path)

    def written_ids(self, sink: Sink) -> Sequence[str]:
        """Return the ids of the records that the pages offer."""
        del sink
        pages = [html.parse(path).getroot() for path in (self.path / "events").glob("*.html")]
        names = {self.path / "events" / name for page in pages for name in received(page)}
        return [Record.from_dict(json_of(path)).id for path in names]

    @contextlib.contextmanager
    def trouble(self, sink: Sink) -> Iterator[None]:
        """A file stands where the sink's folder was, and later the folder is back."""
        del sink
        aside = self.path.parent.with_name("aside")
        self.path.parent.mkdir(exist_ok=True)
        self.path.parent.rename(aside)
        self.path.parent.touch()
        yield
        self.path.parent.unlink()
        shutil.move(aside, self.path.parent)


def received(page: html.HtmlElement) -> list[str]:
    names: list[str] = page.xpath("//section[@id='received']//a/@href")
    return names


def json_of(path: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads(path.read_text())
    return found


def times(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("events/*.html")}


def circular(**changes: object) -> Record:
    return make_record(format=WireFormat.CIRCULAR, circular_number=33633, revision=None, **changes)


def test_what_it_writes_is_what_build_makes(tmp_path: Path, records: list[Record]) -> None:
    sink = Html(folder=tmp_path, sync=False)
    some = records[::3]
    sink.write(some[:40])
    sink.write(some[40:])
    expected = build(some)
    found = {
        str(path.relative_to(tmp_path)): path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }
    assert found.keys() >= expected.keys()
    kept = rb'Written <time>[^<]*</time> UTC. | data-refresh="60"'
    found["index.html"] = re.sub(kept, b"", found["index.html"])
    assert {name: found[name] for name in expected} == expected
    assert {n for n in found.keys() - expected.keys() if b"now known by" not in found[n]} == set()


def test_only_the_events_of_a_batch_are_written_again(tmp_path: Path) -> None:
    sink = Html(folder=tmp_path)
    sink.write([make_record(event_id=number) for number in range(3)])
    before = times(tmp_path)
    sink.write([make_record(event_id=1, revision=1)])
    changed = {name for name, time in times(tmp_path).items() if time != before[name]}
    assert changed == {"137840_1.html"}


def test_a_restart_writes_nothing_that_is_there(tmp_path: Path) -> None:
    batch = [make_record(event_id=number) for number in range(3)]
    Html(folder=tmp_path).write(batch)
    before = times(tmp_path)
    Html(folder=tmp_path).write(batch)
    assert times(tmp_path) == before


def test_a_torn_state_is_no_trouble(tmp_path: Path) -> None:
    Html(folder=tmp_path).write([make_record(event_id=1)])
    (tmp_path / ".pages.json").write_text("{")
    Html(folder=tmp_path).write([make_record(event_id=2)])
    assert times(tmp_path).keys() == {"137840_1.html", "137840_2.html"}


def test_two_processes_may_share_a_folder(tmp_path: Path) -> None:
    one, other = Html(folder=tmp_path), Html(folder=tmp_path)
    one.write([make_record(event_id=1)])
    other.write([make_record(event_id=2)])
    one.write([make_record(event_id=3)])
    index = (tmp_path / "index.html").read_text()
    assert all(f"137840_{number}.html" in index for number in (1, 2, 3))


def test_a_page_that_moves_says_where_to(tmp_path: Path) -> None:
    """First only a circular that gives a name, later the notice with its number."""
    sink = Html(folder=tmp_path)
    sink.write([circular(run_id=None, event_id=None)])
    old = tmp_path / "events" / "IceCube-230416A.html"
    assert old.exists()
    sink.write([make_record()])
    assert 'href="137840_57034692.html"' in old.read_text()
    index = (tmp_path / "index.html").read_text()
    assert "IceCube-230416A.html" not in index


def test_what_is_deleted_comes_back_and_what_is_broken_is_passed_over(tmp_path: Path) -> None:
    Html(folder=tmp_path).write([make_record(event_id=1)])
    Html(folder=tmp_path).write([make_record(event_id=3)])
    (tmp_path / "events" / "137840_1.html").unlink()
    (tmp_path / "events" / "137840_3.html").write_bytes(b"")  # what a loss of power may leave
    (tmp_path / "data" / "other.json").write_text("[]")
    Html(folder=tmp_path).write([make_record(event_id=2)])
    assert times(tmp_path).keys() == {f"137840_{number}.html" for number in (1, 2, 3)}
    assert (tmp_path / "events" / "137840_3.html").stat().st_size > 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small disk")
def test_a_full_disk_is_retry_later_and_leaves_whole_files(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", disk], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("cannot mount a small disk")
    try:
        sink = Html(folder=disk / "site")
        sink.write([make_record(event_id=1)])
        index = (disk / "site" / "index.html").read_bytes()
        with pytest.raises(RetryLater, match="No space left"):
            sink.write([make_record(event_id=number) for number in range(2, 40)])
        assert (disk / "site" / "index.html").read_bytes() == index
        assert not list(disk.rglob("*.tmp"))
        subprocess.run(["mount", "-o", "remount,size=20m", disk], check=True)
        sink.write([make_record(event_id=number) for number in range(2, 40)])
        assert len(times(disk / "site")) == 39
    finally:
        subprocess.run(["umount", disk], check=True)


def test_hostile_text_stays_in_the_folder(tmp_path: Path) -> None:
    Html(folder=tmp_path / "site").write(all_hostile())
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_without_jinja2_it_names_the_extra(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['jinja2'] = None\n"
        "from icecube_plugin.sinks.html import Html\n"
        f"Html(folder={str(tmp_path)!r})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "'jinja2>=3.1'" in done.stderr


def test_pages_are_made_anew_for_another_site(tmp_path: Path) -> None:
    page = tmp_path / "events" / "137840_57034692.html"
    Html(folder=tmp_path).write([make_record()])
    assert "Observable" not in page.read_text()
    Html(folder=tmp_path, sites=["paranal", "-30.24,-70.74,2722"]).write([make_record()])
    assert "Paranal" in page.read_text()
    assert "-30.24,-70.74,2722" in page.read_text()


def test_title_is_shown_and_checked(tmp_path: Path) -> None:
    sink = Html(folder=tmp_path, title="Run <O4>")
    sink.write([make_record()])
    assert "<h1>Run &lt;O4&gt;</h1>" in (tmp_path / "index.html").read_text()
    with pytest.raises(ConfigError, match=r"sinks\.page\.title: expected `str`, got `int`"):
        build_sink(Html, {"folder": str(tmp_path), "title": 5}, "sinks.page")
