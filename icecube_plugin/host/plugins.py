"""The plugins that a configuration allows, with their options."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata, util
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Final

from icecube_hooks import ENTRY_POINT_GROUP, ConfigError
from icecube_hooks.host import PluginSet, in_words, load_plugins, make_sink

from .config import Config, SinkConfig
from .credentials import check_owner
from .filters import make_filter
from .paths import located

__all__ = ["check_sinks", "configured_plugins", "sink_options"]

FOLDER: Final = "plugins_folder"
"""Stands for the distribution of plugins of one file."""

_HINT: Final = "give it to the user of the host, and take the right to write from others"

log = logging.getLogger(__name__)


def configured_plugins(
    config: Config, *, block: Sequence[str] = (), extra: Mapping[str, object] | None = None
) -> PluginSet:
    """Load the plugins that a configuration allows, see `icecube_hooks.host.load_plugins`.

    Parameters
    ----------
    config : Config
    block : sequence of str
        What the caller does not need besides, such as ``sink-*``.
    extra : mapping, optional
        Plugins that the caller has itself.

    Raises
    ------
    ConfigError
        For options of something that is not there, or that it does not take; for a folder of
        plugins that is not there, or that others can write to.
    """
    files: list[Any] = list(_files(config.plugins_folder))
    plugins = load_plugins(
        entry_points=[*metadata.entry_points(group=ENTRY_POINT_GROUP), *files],
        allow=config.plugins.allow,
        block=(*config.plugins.block, *block),
        extra=extra,
    )
    plugins.configure(
        _beside(plugins.significances, config.significance, config),
        annotators=_beside(plugins.annotators, config.annotators, config),
        parsers=_beside(plugins.parsers, config.parsers, config),
        observers=_beside(plugins.observers, config.observers, config),
    )
    for problem in plugins.problems:
        log.warning("%s", problem)
    return plugins


def _beside(
    group: Mapping[str, Any], tables: Mapping[str, Mapping[str, Any]], config: Config
) -> dict[str, dict[str, Any]]:
    """Return tables of options with their paths in place; of what is not there, as they are."""
    return {
        name: located(getattr(group.get(name), "make", None), table, config.folder)
        for name, table in tables.items()
    }


def sink_options(config: Config, sink: SinkConfig, plugins: PluginSet) -> dict[str, Any]:
    """Return the options of a sink, with paths beside the configuration."""
    kind = plugins.sinks.get(sink.type)
    return located(None if kind is None else kind.make, sink.options, config.folder)


def check_sinks(config: Config, plugins: PluginSet) -> list[str]:
    """Make, probe and close every configured sink; return what is wrong, a line each."""
    found = (_problem_of(sink, config, plugins) for sink in config.sinks_or_defaults())
    return [problem for problem in found if problem is not None]


def _problem_of(sink: SinkConfig, config: Config, plugins: PluginSet) -> str | None:
    try:
        make_filter(sink)
        options = sink_options(config, sink, plugins)
        made = make_sink(plugins, sink.name, sink.type, options)
        try:
            getattr(made, "probe", lambda: None)()
        finally:
            getattr(made, "close", lambda: None)()
    except ConfigError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001  # isolation: of third parties, too
        return f"{sink.name}: {getattr(error, 'reason', None) or in_words(error)}"
    return None


class _File:
    """A plugin of one file, as an entry point."""

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self.value = str(path)
        self.dist = SimpleNamespace(name=FOLDER, version="")
        self._path = path

    def load(self) -> ModuleType:
        """Import the file."""
        check_owner(self._path, _HINT)
        spec = util.spec_from_file_location(f"icecube_plugins_folder.{self.name}", self._path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{self._path} is not a module")
        module = util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module


def _files(folder: Path | None) -> Iterator[_File]:
    if folder is None:
        return
    folder = folder.expanduser()
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder", key=FOLDER)
    check_owner(folder, _HINT)
    for path in sorted(folder.glob("*.py")):
        if not path.name.startswith("_"):
            yield _File(path)
