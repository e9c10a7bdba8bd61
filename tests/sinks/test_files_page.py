"""docs/files.md says what works: its configuration, filled with notices, and its Python."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from icecube_plugin.cli.command import main

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "files.md").read_text("utf-8")
TOPICS = ("gcn.notices.icecube.gold_bronze_track_alerts", "gcn.classic.voevent.ICECUBE_CASCADE")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reason = "the page shows pandas and pyarrow"
    pytest.importorskip("pyarrow", reason=reason)
    pytest.importorskip("pandas", reason=reason)
    monkeypatch.chdir(tmp_path)
    Path("icecube-alerts.toml").write_text("\n".join(blocks("toml")))
    assert main(["replay", *(str(ROOT / "fixtures" / topic) for topic in TOPICS)]) == 0
    capsys.readouterr()
    said = []
    for block in blocks("python"):
        exec(compile(block, "docs/files.md", "exec"), {})  # noqa: S102  # our own page
        said.append(capsys.readouterr().out)
    lines, columns, events, schema, catalogue, archive = said
    assert len(lines.splitlines()) == len(archive.splitlines()) > 20
    assert "136392_25495567" in columns
    assert "141344_29341777" in events
    assert "energy_tev TeV most probable neutrino energy\n" in schema
    assert "141344_29341777" in catalogue
    assert len(list(Path("voevent").glob("*.xml"))) == len(lines.splitlines())
