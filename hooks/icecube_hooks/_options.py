"""Options of plugins: keyword arguments of a function, checked from its annotations."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from datetime import date, time
from pathlib import Path
from types import UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

import msgspec
import msgspec.inspect

from ._errors import ConfigError, missing_package

__all__ = ["build", "check_options", "nearest"]

_PLAIN: Final = (str, int, float, bool, list, tuple, dict, type(None), date, time)
"""What a value in a configuration can be; TOML has dates and times."""


def build(make: Callable[..., Any], options: Mapping[str, Any], key: str) -> Any:
    """Call ``make(**options)`` after a check of the options against its signature.

    An option whose parameter is annotated is converted to that type, as `msgspec.convert` does: a
    list becomes a tuple, text a `Path`, a `datetime` or an enumeration, a whole number a float.
    What does not fit is an error. Annotations that msgspec does not know are left to `make`.

    Raises
    ------
    ConfigError
        Names `key` and the option; for an unknown one also the nearest known.
    """
    given = check_options(make, options, key)
    try:
        return make(**given)
    except ConfigError as error:
        error.key = f"{key}.{error.key}" if error.key else key
        raise
    except ModuleNotFoundError as error:
        name = missing_package(error)
        raise ConfigError(f"needs {name}", key=key, hint=f"pip install {name}") from error
    except (TypeError, ValueError, OverflowError, SystemExit) as error:
        raise ConfigError(str(error), key=key) from error


def check_options(
    make: Callable[..., Any], options: Mapping[str, Any], key: str, *, needed: bool = True
) -> dict[str, Any]:
    """Return the options as `make` would get them, without calling it.

    Parameters
    ----------
    needed : bool
        Whether an option that has no default must be there.

    Raises
    ------
    ConfigError
        As `build`.
    """
    try:
        parameters = inspect.signature(make).parameters.values()
    except (TypeError, ValueError) as error:  # some built-in types have none
        raise ConfigError(f"{make!r} has no signature to check options against", key=key) from error
    known = [p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)]
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
    for name in options:
        if name not in known and not takes_any:
            raise ConfigError("unknown option", key=f"{key}.{name}", hint=nearest(name, known))
    for p in parameters if needed else ():
        if p.name in known and p.default is p.empty and p.name not in options:
            raise ConfigError("is required", key=f"{key}.{p.name}")
    return {name: _converted(make, name, value, key) for name, value in options.items()}


def _converted(make: Callable[..., Any], name: str, value: Any, key: str) -> Any:
    """Return an option as its parameter is annotated."""
    hint = _known_part(_annotations(make).get(name, Any))
    if not isinstance(value, _PLAIN):  # an object from Python, not from a configuration
        return value
    try:
        return msgspec.convert(value, hint, dec_hook=_of_text)
    except (TypeError, ValueError) as error:
        if not isinstance(error, msgspec.ValidationError):  # a type that msgspec does not know
            return value
        reason, _, path = str(error).partition(" - at `$")
        text = f"{reason[0].lower()}{reason[1:]}"
        raise ConfigError(text, key=f"{key}.{name}{path[:-1]}") from error


def _known_part(hint: Any) -> Any:
    """Return of a type what a configuration can hold: of ``TextIO | Literal["-"]`` the latter."""
    parts = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    known = tuple(part for part in parts if part is Path or not _is_foreign(part))
    if str in known:  # of ``str | Path`` either does
        known = tuple(part for part in known if part is not Path)
    return Union[known] if known else Any  # noqa: UP007  # made at run time


def _is_foreign(part: Any) -> bool:
    return isinstance(msgspec.inspect.type_info(part), msgspec.inspect.CustomType)


def _annotations(make: Callable[..., Any]) -> dict[str, Any]:
    """Return the types of the parameters; of none, where a name in them cannot be found."""
    of: Any = getattr(make, "__init__") if isinstance(make, type) else make  # noqa: B009  # inherited or not
    try:
        return get_type_hints(of, include_extras=True)
    except (NameError, TypeError, AttributeError):  # a name that only type checkers import
        return {}


def _of_text(kind: type, value: Any) -> Any:
    """Make what msgspec does not know of what a configuration can hold."""
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise ValueError(f"expected a path, not {type(value).__name__}")


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which of `known` comes nearest to `name`, or list them."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(names) or 'none'}"
