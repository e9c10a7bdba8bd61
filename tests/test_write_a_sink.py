"""The page "Write a sink", and the package that ``icecube-alerts new-plugin`` makes."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import types
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from icecube_hooks import ConfigError, RetryLater
from icecube_hooks.host import PluginSet, load_plugins, make_sink
from icecube_hooks.testing import example_records
from icecube_plugin.cli.new_plugin import package_files

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "write-a-sink.md").read_text("utf-8")
BLOCKS = dict(re.findall(r"```python\n# (\w+)\.py\n(.*?)```", PAGE, re.DOTALL))
RECORDS = list(example_records())


def plugins(name: str) -> PluginSet:
    module = types.ModuleType(name)
    exec(compile(BLOCKS[name], f"{name}.py", "exec"), module.__dict__)  # noqa: S102  # our page
    return load_plugins(allow=["no one else"], extra={name: module})


def test_there_are_blocks() -> None:
    assert sorted(BLOCKS) == ["bell", "board", "shout", "wire"]
    assert PAGE.count("```python") == len(BLOCKS)


def test_ten_lines(capsys: pytest.CaptureFixture[str]) -> None:
    make_sink(plugins("shout"), "s", "shout", {"mark": "?"}).write(RECORDS[:1])
    assert capsys.readouterr().out == f"{RECORDS[0].alert.event_key} ?\n"
    assert len(BLOCKS["shout"].split("\n\n\n")[1].splitlines()) <= 10
    with pytest.raises(ConfigError, match=r"sinks\.s\.mrk: .*did you mean 'mark'"):
        make_sink(plugins("shout"), "s", "shout", {"mrk": "?"})


def test_batches(tmp_path: Path) -> None:
    import sqlite3

    path = str(tmp_path / "board.sqlite")
    sink: Any = make_sink(plugins("board"), "s", "board", {"path": path})
    sink.write(RECORDS)
    sink.write(RECORDS)
    sink.close()
    with sqlite3.connect(path) as database:
        ids = [row[0] for row in database.execute("SELECT id FROM board")]
    database.close()
    assert sorted(ids) == sorted({record.id for record in RECORDS})


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # a page is no place for every `finally`
def test_async() -> None:
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def serve() -> None:
            connection, _ = server.accept()
            with connection, connection.makefile("rb") as lines:
                received.extend(lines)

        thread = threading.Thread(target=serve)
        thread.start()
        sink = make_sink(plugins("wire"), "s", "wire", {"port": port})
        sink.write(RECORDS)
        thread.join()
    assert len(received) == len(RECORDS)
    with pytest.raises(RetryLater, match=f"127.0.0.1:{port}"):
        sink.write(RECORDS)


def test_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BELL_TOKEN", raising=False)
    with pytest.raises(ConfigError, match=r"sinks\.s\.token_env: set BELL_TOKEN"):
        make_sink(plugins("bell"), "s", "bell", {})
    monkeypatch.setenv("BELL_TOKEN", "hush")
    assert "hush" not in repr(make_sink(plugins("bell"), "s", "bell", {}))


@pytest.mark.parametrize("name", ["Door", "a b", "../x", "", "x" * 41, "1st", "none", "a--b"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="name"):
        package_files(name)


def test_the_package_works_from_the_first_minute(tmp_path: Path) -> None:
    """Generated, built, installed by pip, discovered, and its tests are green."""
    run(tmp_path, "-m", "icecube_plugin.cli", "new-plugin", "door-bell")
    folder = tmp_path / "icecube-sink-door-bell"
    again = run(tmp_path, "-m", "icecube_plugin.cli", "new-plugin", "door-bell", code=2)
    assert "is there already" in again
    quiet = ("--quiet", "--disable-pip-version-check", "--root-user-action=ignore")
    site = tmp_path / "site"
    options = ("--no-deps", "--target", str(site))
    run(tmp_path, "-m", "pip", "install", *quiet, *options, str(folder))
    env = {"PYTHONPATH": os.pathsep.join([str(site), str(ROOT / "hooks"), str(ROOT)])}
    listed = run(tmp_path, "-m", "icecube_plugin.cli", "sinks", "--types", env=env)
    assert "door-bell  a line per record in a text file" in listed
    tests = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")
    assert re.search(r"\b15 passed", run(folder, *tests, env=env))
    assert "\n15 passed\n" in PAGE
    config = '[sinks.mine]\ntype = "door-bell"\npath = "records.txt"\n'
    (tmp_path / "c.toml").write_text(config)
    notices = str(ROOT / "fixtures" / "gcn.classic.text.ICECUBE_CASCADE")
    run(tmp_path, "-m", "icecube_plugin.cli", "--config", "c.toml", "replay", notices, env=env)
    lines = (tmp_path / "records.txt").read_text().splitlines()
    assert [line.split("\t")[2] for line in lines] == ["cascade"] * len(lines) != []


def run(
    folder: Path, *words: str, code: int = 0, env: Mapping[str, str] = MappingProxyType({})
) -> str:
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, **env},
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr
