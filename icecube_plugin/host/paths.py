"""Paths in a configuration: a relative one belongs to the folder of its file.

So a host finds its journal and its sinks' files from whatever folder it is started in. Which
options of a plugin are paths, their annotations say: `pathlib.Path`, or ``str | os.PathLike[str]``.
URLs are no paths; ``sqlite:///x`` stays as it is.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

__all__ = ["beside", "located"]


def beside(path: str | os.PathLike[str], folder: Path | None) -> Path:
    """Return a path, of a configuration in `folder`; ``None`` where no file was read.

    Examples
    --------
    >>> beside("alerts.sqlite", Path("/etc/alerts")).as_posix()
    '/etc/alerts/alerts.sqlite'
    >>> beside("/data/alerts.sqlite", Path("/etc/alerts")).as_posix()
    '/data/alerts.sqlite'
    """
    expanded = Path(path).expanduser()
    return expanded if folder is None else folder / expanded


def located(
    make: Callable[..., Any] | None, options: Mapping[str, Any], folder: Path | None
) -> dict[str, Any]:
    """Return options of a plugin with its paths in their places, defaults included.

    What is not annotated as a path, or is wrong, stays for the plugin to judge; so does all of what
    is not there (``make`` is ``None``).
    """
    if folder is None or make is None:
        return dict(options)
    placed = dict(options)
    for name, hint in _hints(make).items():
        if _is_path(hint):
            value = options.get(name, _default(make, name))
            if isinstance(value, str | os.PathLike) and str(value).strip():
                placed[name] = _placed(value, folder)
        elif name in options and isinstance(options[name], Mapping) and _is_mapping_of_paths(hint):
            placed[name] = {
                key: _placed(value, folder) if isinstance(value, str) and value.strip() else value
                for key, value in options[name].items()
            }
    return placed


def _placed(value: str | os.PathLike[str], folder: Path) -> str:
    try:
        return str(beside(value, folder))
    except RuntimeError:  # a home that is not there: the plugin says so better
        return str(value)


def _hints(make: Callable[..., Any]) -> dict[str, Any]:
    of: Any = getattr(make, "__init__") if isinstance(make, type) else make  # noqa: B009
    try:
        return get_type_hints(of)
    except (NameError, TypeError, AttributeError):  # a name that only type checkers import
        return {}


def _default(make: Callable[..., Any], name: str) -> Any:
    parameter = inspect.signature(make).parameters.get(name)
    return None if parameter is None else parameter.default


def _is_path(hint: Any) -> bool:
    """Whether a type, or a part of a union, is a path."""
    parts = (hint, *get_args(hint)) if get_origin(hint) is not os.PathLike else (hint,)
    return any(part is Path or get_origin(part) is os.PathLike for part in parts)


def _is_mapping_of_paths(hint: Any) -> bool:
    parts = get_args(hint) if get_origin(hint) is not Mapping else (hint,)
    mappings = [part for part in parts if get_origin(part) is Mapping]
    return any(_is_path(get_args(mapping)[1]) for mapping in mappings)
