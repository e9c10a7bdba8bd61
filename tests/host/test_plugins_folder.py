"""Plugins of one file, in a folder that the configuration names."""

from __future__ import annotations

from pathlib import Path

import pytest

from icecube_hooks import ConfigError
from icecube_plugin.host import Config
from icecube_plugin.host.plugins import configured_plugins

SHOUT = """
from icecube_hooks import SinkType, hookimpl

class Shout:
    def write(self, records): ...

@hookimpl
def register_sinks():
    return [SinkType(name="shout", make=Shout)]
"""


def config(folder: Path, **plugins: tuple[str, ...]) -> Config:
    made = Config(plugins_folder=folder)
    return made.replace(plugins=made.plugins.replace(**plugins))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "plugins"
    made.mkdir()
    (made / "shout.py").write_text(SHOUT)
    (made / "broken.py").write_text("import no_such_package_anywhere\n")
    (made / "_helper.py").write_text("raise ZeroDivisionError\n")
    return made


def test_each_file_is_a_plugin_and_a_broken_one_is_alone(folder: Path) -> None:
    plugins = configured_plugins(config(folder))
    own = {info.name: info for info in plugins.plugins if info.distribution == "plugins_folder"}
    assert sorted(own) == ["plugins_folder:broken", "plugins_folder:shout"]
    assert own["plugins_folder:shout"].provides == ("sink shout",)
    assert own["plugins_folder:broken"].error == (
        "ModuleNotFoundError: No module named 'no_such_package_anywhere'"
        " (pip install no-such-package-anywhere)"
    )
    assert "no_such_package_anywhere" in own["plugins_folder:broken"].traceback
    assert "jsonl" in plugins.sinks


def test_lists_hold_for_them(folder: Path) -> None:
    plugins = configured_plugins(config(folder, block=("plugins_folder",)))
    assert "shout" not in plugins.sinks
    assert "no plugin" not in str(plugins.problems)


def test_misspelt_patterns_are_said(folder: Path) -> None:
    plugins = configured_plugins(config(folder, block=("shuot",)))
    assert plugins.problems == ["plugins.block: 'shuot' matches no plugin (did you mean 'shout'?)"]


def test_what_others_can_write_is_refused(folder: Path) -> None:
    (folder / "shout.py").chmod(0o666)
    plugins = configured_plugins(config(folder))
    assert "shout" not in plugins.sinks
    folder.chmod(0o777)
    with pytest.raises(ConfigError, match="all can write"):
        configured_plugins(config(folder))
    with pytest.raises(ConfigError, match=r"plugins_folder: .*no such folder"):
        configured_plugins(config(folder / "none"))
