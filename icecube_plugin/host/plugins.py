"""The plugins that a configuration allows, with their options."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from icecube_hooks.host import PluginSet, load_plugins

from .config import Config

__all__ = ["configured_plugins"]

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
        For options of something that is not there, or that it does not take.
    """
    plugins = load_plugins(
        allow=config.plugins.allow,
        block=(*config.plugins.block, *block),
        extra=extra,
        significance=config.significance,
        annotators=config.annotators,
        parsers=config.parsers,
        observers=config.observers,
    )
    for problem in plugins.problems:
        log.warning("%s", problem)
    return plugins
