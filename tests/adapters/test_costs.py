"""What our presence costs a host: CPU time at its import, and what is imported for nothing.

Comet's and hop-client's own tests are beside theirs.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .conftest import Peers
from .test_tom import TOM, write_project

LIMIT_MS = 200.0  # the contract alone may take 60 on a quiet machine
HEAVY = {"numpy", "astropy", "scipy", "lxml", "sqlite3", "confluent_kafka", "sqlalchemy"}
TIMED = """
import sys, time
{before}
before = set(sys.modules)
begin = time.process_time()
{ours}
print(1000 * (time.process_time() - begin))
print(*(set(sys.modules) - before))
"""
DJANGO = """
sys.path.insert(0, "")
import os; os.environ["DJANGO_SETTINGS_MODULE"] = "mytom.settings"
import django; django.setup()
"""


def run(python: str, code: str, folder: Path) -> list[str]:
    """Run a program, and return the lines of what it prints."""
    done = subprocess.run([python, "-c", code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("extra", "before", "ours"),
    [
        ("hop", "import pluggy, requests", "import icecube_plugin.adapters.hop"),
        ("pygcn", "import gcn, importlib.metadata", "import icecube_plugin.adapters.pygcn"),
        ("", "import confluent_kafka, importlib.metadata", "import icecube_hooks.messages"),
    ],
)
def test_import(extra: str, before: str, ours: str, peers: Peers, tmp_path: Path) -> None:
    """The least of three, for the machine may be busy; the adapter itself loads nothing heavy."""
    code = TIMED.format(before=before, ours=ours)
    runs = [run(peers(extra), code, tmp_path) for _ in range(3)]
    assert min(float(time) for time, _ in runs) < LIMIT_MS
    new = {name.partition(".")[0] for name in runs[0][1].split()}
    assert "icecube_hooks" in new
    assert not new & HEAVY


@pytest.mark.parametrize(("extra", "host"), [("pygcn", "gcn"), ("", "confluent_kafka, gcn_kafka")])
def test_nothing_of_ours_is_imported_unasked(
    extra: str, host: str, peers: Peers, tmp_path: Path
) -> None:
    assert (
        "icecube" not in run(peers(extra), f"import sys, {host}; print(*sys.modules)", tmp_path)[0]
    )


@pytest.mark.parametrize("with_ours", [True, False])
def test_tom(with_ours: bool, peers: Peers, tmp_path: Path) -> None:
    """Until the first message comes there is no host; without the app, no more than a hop model."""
    apps = 'INSTALLED_APPS += ["tom_alertstreams"]\n'
    ours = 'INSTALLED_APPS += ["icecube_plugin.adapters.tom"]\n'
    write_project(tmp_path, settings=apps + ours * with_ours)
    python = peers("tom", *TOM)
    (line,) = run(python, f"import sys\n{DJANGO}\nprint(*sys.modules)", tmp_path)
    loaded = {name for name in line.split() if name.startswith("icecube_plugin.")}
    assert ("icecube_plugin.adapters.tom.models" in loaded) is with_ours
    assert loaded <= {
        "icecube_plugin.adapters", "icecube_plugin.adapters.hop", "icecube_plugin.adapters.tom",
        "icecube_plugin.adapters.tom.apps", "icecube_plugin.adapters.tom.models",
    }  # fmt: skip
    if with_ours:
        ready = TIMED.format(before=DJANGO_BARE, ours=OURS)
        assert min(float(run(python, ready, tmp_path)[0]) for _ in range(3)) < LIMIT_MS


DJANGO_BARE = """
import importlib.metadata, json
from django.apps import AppConfig
from django.core import checks
"""
OURS = "import icecube_plugin.adapters.tom.apps, icecube_hooks"


def test_plugins_that_are_switched_off_are_not_imported(peers: Peers, tmp_path: Path) -> None:
    (tmp_path / "icecube-alerts.toml").write_text('[plugins]\nblock = ["*"]\n')
    code = """
import sys
from icecube_plugin.host import Host
host = Host.from_file("icecube-alerts.toml")
from importlib.metadata import entry_points
ours = [found.module for found in entry_points(group="icecube_hooks")]
print(len(ours), sorted(set(ours) & set(sys.modules)), len(host.plugins.sinks))
"""
    number, *rest = run(peers(""), code, tmp_path)[0].split()
    assert int(number) > 10
    assert rest == ["[]", "0"]
