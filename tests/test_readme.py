"""The README and the guide do what they say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from icecube_hooks.host import load_plugins, make_sink
from icecube_hooks.testing import example_records
from icecube_plugin.cli.command import COMMANDS, main
from icecube_plugin.host.config import config_from

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
GUIDE = (ROOT / "docs" / "guide.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def test_the_python_block_runs(tmp_path: Path) -> None:
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    done = subprocess.run(
        [sys.executable, "-c", blocks("python")[0]],
        cwd=tmp_path, capture_output=True, text=True, env=os.environ | {"GCN_CLIENT_ID": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "S200213t" in done.stdout
    assert "one-sided" in done.stdout


def test_the_sink_works(capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, object] = {}
    exec(blocks("python")[1], namespace)  # noqa: S102  # our own
    plugins = load_plugins(extra={"shout": _Module(namespace)}, entry_points=[])
    sink = make_sink(plugins, "hallway", "shout", {"mark": "!!!"})
    record = next(iter(example_records()))
    sink.write([record])
    assert capsys.readouterr().out == f"{record.alert.event_key} !!!\n"


class _Module:
    def __init__(self, namespace: dict[str, object]) -> None:
        self.__dict__.update(namespace)


def test_the_configuration_is_valid() -> None:
    config = config_from(tomllib.loads(blocks("toml")[0]), {})
    assert [sink.name for sink in config.sinks_or_defaults()] == ["archive", "files"]
    assert not config.sinks_or_defaults()[1].required
    load_plugins(significance=config.significance, block=config.plugins.block)


def test_the_significance_example_is_real(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = [b for b in blocks("console") if "significance" in b]
    command, _, output = block.partition("\n")
    assert main(command.split()[2:]) == 0
    assert capsys.readouterr().out == output


def check_demo(output: str) -> None:
    """Compare with what README and guide show; `tests.test_cli` has run it."""
    told, shown = (
        re.sub(r"in \d+\.\d s", "in T s", t).strip() for t in (output, blocks("text")[0])
    )
    assert told == shown
    (short,) = re.findall(r"```text\n\.\.\.\n(.*?)```", README, re.DOTALL)
    assert told.endswith(re.sub(r"in \d+\.\d s", "in T s", short).strip())


def test_every_command_is_listed() -> None:
    listed = set(re.findall(r"`([a-z-]+)[^`]*`", GUIDE.split("| command |")[1].split("\n\n")[0]))
    assert set(COMMANDS) <= listed


def test_links_lead_somewhere() -> None:
    for place, text in ((ROOT, README), (ROOT / "docs", GUIDE)):
        for target in re.findall(r"\]\((?!http)([^)#]+)", text):
            assert (place / target).exists(), target
    anchors = {
        title.lower().replace(" ", "-") for title in re.findall(r"^## (.*)$", GUIDE, re.MULTILINE)
    }
    assert set(re.findall(r"guide\.md#([^)]+)", README)) <= anchors


def test_every_sink_is_in_the_table() -> None:
    table = GUIDE.split("\n## Sinks\n")[1].split("\n## ")[0]
    first = re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE)
    told = {name for cell in first for name in re.findall(r"`([\w-]+)`", cell)}
    assert told == set(load_plugins(allow=["icecube-plugin"]).sinks)
