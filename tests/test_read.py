from __future__ import annotations

from pathlib import Path

import pytest

import icecube_plugin
from icecube_hooks import NoticeError


def test_a_file_and_its_bytes_are_the_same_alert(fixtures: Path) -> None:
    file = min((fixtures / "gcn.classic.voevent.ICECUBE_CASCADE").iterdir())
    record = icecube_plugin.read(file)
    assert record == icecube_plugin.read(str(file))
    assert record.alert == icecube_plugin.read(file.read_bytes()).alert
    assert record.alert.kind == "cascade"
    assert [s.quantity for s in record.significances] == ["far"]


def test_the_topic_is_taken(fixtures: Path) -> None:
    file = min((fixtures / "gcn.classic.text.ICECUBE_CASCADE").iterdir())
    alert = icecube_plugin.read(file, topic="gcn.classic.voevent.ICECUBE_CASCADE").alert
    assert "topic" in {concern.field for concern in alert.concerns}


def test_what_is_broken_or_missing_is_said(fixtures: Path, tmp_path: Path) -> None:
    with pytest.raises(NoticeError, match=r"ra_9999\.json: ra: expected"):
        icecube_plugin.read(fixtures / "broken" / "ra_9999.json")
    with pytest.raises(FileNotFoundError):
        icecube_plugin.read(tmp_path / "none")
