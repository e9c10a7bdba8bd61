"""The sky maps of LVK's alerts in a host, and that who has not asked for them gets none."""

from __future__ import annotations

import json
import subprocess
import sys
from binascii import a2b_base64
from pathlib import Path

import pytest

from icecube_hooks import AlertKind, Message
from icecube_hooks.host import load_plugins
from icecube_hooks.testing import make_record
from icecube_plugin.host import Config, Host
from icecube_plugin.host.config import SinkConfig
from icecube_plugin.host.filters import make_filter
from icecube_plugin.host.gw_maps import DAY_S
from tests.notices.test_gw import FITS, notice

LINES = "lines.jsonl"


def message(**changes: object) -> Message:
    return Message(value=json.dumps(notice(**changes)).encode(), topic="igwn.gwalert")


def host(folder: Path, *, block: tuple[str, ...] = ()) -> Host:
    sink = SinkConfig(name="lines", type="jsonl", options={"path": str(folder / LINES)})
    config = Config(data_folder=folder, sinks=(sink,))
    return Host(config, plugins=load_plugins(block=block))


def test_the_map_is_a_file_and_in_no_line(tmp_path: Path) -> None:
    running = host(tmp_path)
    (record,) = running.handle([message()])
    running.close()
    (file,) = (tmp_path / "gw-maps").glob("*.fits")
    assert file.read_bytes() == FITS
    assert record.alert.gw_candidate is not None
    assert record.alert.gw_candidate.skymap is not None
    assert file.name == f"S260502ab-{record.alert.gw_candidate.skymap.sha256[:16]}.fits"
    assert len((tmp_path / LINES).read_text()) < 5000
    in_base64 = notice()["event"]["skymap"].encode()
    for kept in tmp_path.rglob("*"):
        assert kept.is_dir() or in_base64 not in kept.read_bytes()


def test_maps_of_mock_events_go_after_some_days(tmp_path: Path) -> None:
    running = host(tmp_path)
    running.handle([message(), message(superevent_id="MS260502ab")])
    running.close()
    (mock,) = (tmp_path / "gw-maps" / "mock").glob("*.fits")
    maps, made = running._gw_maps, mock.stat().st_mtime
    maps.prune(made + 6.9 * DAY_S)
    assert mock.exists()
    maps.prune(made + 7.1 * DAY_S)
    assert [file.name[:9] for file in (tmp_path / "gw-maps").rglob("*.fits")] == ["S260502ab"]


def test_a_map_that_the_disk_does_not_take_costs_the_map_only(tmp_path: Path) -> None:
    (tmp_path / "gw-maps").write_text("no folder")
    running = host(tmp_path)
    (record,) = running.handle([message()])
    running.close()
    assert [c.field for c in record.alert.concerns] == ["skymap"]
    assert (tmp_path / LINES).exists()


def test_a_name_from_a_message_is_no_path(tmp_path: Path) -> None:
    running = host(tmp_path / "data")
    running.handle([message(superevent_id="../../S260502ab")])
    running.close()
    (file,) = tmp_path.rglob("*.fits")
    assert file.parent == tmp_path / "data" / "gw-maps"


def test_its_topic_is_read_on_request_only() -> None:
    plugins = load_plugins()
    assert "lvk-gw" in plugins.parsers
    assert "igwn.gwalert" not in plugins.topics()
    assert plugins.topics() == load_plugins(block=("lvk-gw",)).topics()


@pytest.mark.parametrize("kinds", [None, ["lvk-search"], ["lvk-search", "lvk-gw"]])
def test_who_speaks_to_others_gets_it_only_if_it_is_named(kinds: list[str] | None) -> None:
    sink = SinkConfig(name="s", type="x", filter={} if kinds is None else {"kinds": kinds})
    record = make_record(kind=AlertKind.LVK_GW)
    is_named = kinds is not None and "lvk-gw" in kinds
    assert make_filter(sink, tells_others=True)(record) is is_named
    assert make_filter(sink)(record) is (kinds is None or is_named)
    assert make_filter(sink, tells_others=True)(make_record(kind=AlertKind.LVK_SEARCH))


def test_a_blocked_plugin_is_not_imported() -> None:
    code = (
        "import sys, icecube_plugin.host as h; from icecube_hooks.host import load_plugins;"
        "load_plugins(block=('lvk-gw',)); sys.exit('icecube_plugin.notices.gw' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_the_plugin_all_is_as_before(tmp_path: Path) -> None:
    running = host(tmp_path, block=("lvk-gw",))
    assert running.handle([message()]) == []
    (letter,) = running.journal.letters()
    running.close()
    assert "no parser recognises this message" in letter.reason
    assert not (tmp_path / "gw-maps").exists()


def test_a_map_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []

    def counted(text: bytes, *, strict_mode: bool) -> bytes:
        decoded.append(len(text))
        return a2b_base64(text, strict_mode=strict_mode)

    monkeypatch.setattr("icecube_plugin.notices.inside.binascii.a2b_base64", counted)
    running = host(tmp_path)
    for time in ("2026-05-02T04:30:00Z", "2026-05-02T05:30:00Z"):
        running.handle([message(time_created=time)])
    running.close()
    assert len(decoded) == 2
