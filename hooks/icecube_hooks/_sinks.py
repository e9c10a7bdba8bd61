"""Whether what a plugin made is a sink: a host calls it long after that."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Final, cast

from ._errors import ConfigError
from .hookspecs import Sink

__all__ = ["check_sink"]

_METHODS: Final = {"write": ("records",), "flush": (), "close": (), "probe": ()}


def check_sink(made: Any, key: str, what: str) -> Sink:
    """Return what was made as a sink.

    Parameters
    ----------
    made : object
    key, what : str
        The option to blame, and whose type of sink it is.

    Raises
    ------
    ConfigError
        Says which method is missing, asynchronous, or takes other arguments.
    """
    if made is None:
        raise ConfigError(f"{what}: make returned None, not a sink", key=key)
    if not callable(getattr(made, "write", None)):
        raise ConfigError(f"{what}: {type(made).__name__} has no method write(records)", key=key)
    for name, arguments in _METHODS.items():
        method = getattr(made, name, None)
        if method is not None and (problem := _problem(method, name, arguments)):
            raise ConfigError(f"{what}: {problem}", key=key)
    return cast("Sink", made)


def _problem(method: Any, name: str, arguments: tuple[str, ...]) -> str | None:
    shown = f"{name}({', '.join(arguments)})"
    if not callable(method):
        return f"{name} is {type(method).__name__}, not a method {shown}"
    if inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method):
        return f"{name} is async: nobody would await it; use asyncio.run inside of a plain {shown}"
    return None if _takes(method, arguments) else f"{name} cannot be called as {shown}"


def _takes(method: Callable[..., Any], arguments: tuple[str, ...]) -> bool:
    try:
        inspect.signature(method).bind(*arguments)
    except TypeError:
        return False
    except ValueError:  # a built-in has no signature
        return True
    return True
