"""Plugins made on the spot, as a host would find them installed."""

from __future__ import annotations

import sys
import types
from importlib import metadata
from typing import Any

import pytest

from icecube_hooks import ENTRY_POINT_GROUP


class Distribution(metadata.Distribution):
    """An installed distribution of which there is only a name and a version."""

    def __init__(self, name: str, version: str = "1.0") -> None:
        self._metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"

    def read_text(self, filename: str) -> str | None:
        """Return the metadata, as of the file METADATA."""
        return self._metadata if filename == "METADATA" else None

    def locate_file(self, path: Any) -> Any:
        """Locate nothing: there are no files."""
        raise FileNotFoundError(path)


def entry_point(module: str, *, name: str = "", distribution: str = "d") -> metadata.EntryPoint:
    """Return the entry point of `module`, as read from an installed distribution."""
    point = metadata.EntryPoint(name or module, module, ENTRY_POINT_GROUP)
    vars(point)["dist"] = Distribution(distribution)
    return point


def module(monkeypatch: pytest.MonkeyPatch, name: str, **content: object) -> types.ModuleType:
    """Make a module that can be imported during one test."""
    made = types.ModuleType(name)
    vars(made).update(content)
    monkeypatch.setitem(sys.modules, name, made)
    return made
