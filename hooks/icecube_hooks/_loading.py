"""One plugin: found, imported, its hooks and what it registers checked."""

from __future__ import annotations

import contextlib
import inspect
import logging
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from importlib import metadata
from typing import Any, Final, NamedTuple

import pluggy

from . import hookspecs
from ._errors import PluginError, missing_package
from ._options import nearest
from ._types import HOOKSPEC_VERSION
from .hookspecs import (
    PROJECT_NAME,
    AnnotatorType,
    ObserverType,
    ParserType,
    SignificanceType,
    SinkType,
    not_made,
)

__all__ = [
    "HOOKS",
    "KINDS",
    "OBSERVING",
    "OURS",
    "Kind",
    "PluginInfo",
    "Registered",
    "Thing",
    "load",
    "manager_of",
    "matches",
    "ordered",
]

log = logging.getLogger(__name__)

OURS: Final = "icecube-plugin"
"""The distribution that the contract comes with."""

Thing = ParserType | SignificanceType | AnnotatorType | ObserverType | SinkType


class Kind(NamedTuple):
    """What a registering hook gives.

    Attributes
    ----------
    hook : str
    type : type
    label : str
        In the inventory and in errors.
    section : str
        Table of the configuration that holds a table of options for each.
    method : str
        The method of what ``make`` returns; empty for observers, which have several.
    """

    hook: str
    type: type[Thing]
    label: str
    section: str
    method: str


KINDS: Final = {
    kind.type: kind
    for kind in (
        Kind("register_parsers", ParserType, "parser", "parsers", "parse"),
        Kind("register_significance", SignificanceType, "significance", "significance", "assess"),
        Kind("register_annotators", AnnotatorType, "annotator", "annotators", "annotate"),
        Kind("register_observers", ObserverType, "observer", "observers", ""),
        Kind("register_sinks", SinkType, "sink", "sinks", "write"),
    )
}

HOOKS: Final = tuple(
    name for name, thing in vars(hookspecs).items() if hasattr(thing, f"{PROJECT_NAME}_spec")
)
"""The names of all hooks."""

OBSERVING: Final = tuple(name for name in HOOKS if name.startswith("on_"))

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}", re.ASCII)
_VERSION: Final = re.compile(r"(\d+)(?:\.(\d+))?", re.ASCII)


@dataclass(slots=True)
class PluginInfo:
    """One plugin in the inventory.

    Attributes
    ----------
    name : str
        ``distribution:entry-point``, unique.
    distribution, version, module : str
        Where it comes from; empty for objects that a host hands over itself.
    state : str
        ``loaded``, ``blocked`` (by the lists) or ``failed``.
    error : str or None
        Why it failed.
    hooks : tuple of str
        Hooks that it implements.
    provides : tuple of str
        What it registered: ``sink sqlite``.
    problems : list of str
        What was refused of it, such as a name that another plugin has already.
    seconds : float
        What importing and registering it took [s].
    traceback : str
        Where it failed.
    """

    name: str
    distribution: str = ""
    version: str = ""
    module: str = ""
    state: str = "loaded"
    error: str | None = None
    hooks: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    problems: list[str] = field(default_factory=list)
    manager: pluggy.PluginManager | None = field(default=None, repr=False)
    seconds: float = field(default=0.0, repr=False, compare=False)
    traceback: str = field(default="", repr=False, compare=False)


class Registered(NamedTuple):
    """A thing, and its rank: -1 for `tryfirst`, 1 for `trylast`, else 0."""

    thing: Thing
    rank: int


def ordered(
    found: Iterable[metadata.EntryPoint],
) -> Iterator[tuple[PluginInfo, metadata.EntryPoint]]:
    """Yield entry points with their inventory entry: ours, then by distribution and name."""
    pairs = []
    known: dict[int, tuple[str, str]] = {}  # by distribution: each look parses all its metadata
    for point in found:
        if id(point.dist) not in known:
            known[id(point.dist)] = _name_and_version(point.dist)
        name, version = known[id(point.dist)]
        info = PluginInfo(
            name=f"{name}:{point.name}", distribution=name, version=version, module=point.value
        )
        pairs.append((info, point))
    return iter(sorted(pairs, key=lambda pair: _order(*pair)))


def _name_and_version(distribution: metadata.Distribution | None) -> tuple[str, str]:
    return ("", "") if distribution is None else (distribution.name, distribution.version)


def _order(info: PluginInfo, point: metadata.EntryPoint) -> tuple[bool, str, str]:
    return info.distribution != OURS, info.distribution, point.name


def matches(info: PluginInfo, pattern: str) -> bool:
    """Whether a pattern of the lists means a plugin."""
    names = (info.name.rpartition(":")[2], info.distribution, info.name)
    return any(fnmatchcase(name, pattern) for name in names)


def load(info: PluginInfo, get: Callable[[], object]) -> list[Registered]:
    """Import one plugin and return what it registers; what goes wrong ends up in `info`."""
    began = time.perf_counter()
    try:
        with contextlib.redirect_stdout(sys.stderr):  # our output may be JSON
            module = get()
            _check_version(module, info)
            info.manager = manager_of(module, info.name)
            info.hooks = _hooks(info.manager, module)
            info.problems += _unmarked(module, info.hooks)
            return _registered(info)
    except (Exception, SystemExit) as error:  # isolation: reported, and the others go on
        info.state = "failed"
        info.error = f"{type(error).__name__}: {error}"
        if isinstance(error, ModuleNotFoundError) and not _is_own(error, info):
            info.error += f" (pip install {missing_package(error)})"
        info.manager = None
        info.traceback = "".join(traceback.format_exception(error))
        log.warning("plugin %s failed: %s", f"{info.name} {info.version}".rstrip(), info.error)
        log.debug("traceback of %s", info.name, exc_info=error)
        return []
    finally:
        info.seconds = time.perf_counter() - began


def _is_own(error: ModuleNotFoundError, info: PluginInfo) -> bool:
    """Whether what is missing is the plugin's own module."""
    return bool(error.name) and f"{info.module}.".startswith(f"{error.name}.")


def _check_version(module: object, info: PluginInfo) -> None:
    """Refuse a plugin that states another major version of the contract."""
    stated: object = getattr(module, "CONTRACT", None)
    if stated is None:
        return
    match = _VERSION.fullmatch(stated) if isinstance(stated, str) else None
    if match is None:
        raise PluginError(f"CONTRACT is {stated!r}, not a version: write {HOOKSPEC_VERSION!r}")
    major, minor = (int(part or 0) for part in match.groups())
    ours = tuple(map(int, HOOKSPEC_VERSION.split(".")))
    text = f"was written for contract {stated}, this is {HOOKSPEC_VERSION}"
    if major != ours[0]:
        older = "the plugin" if major < ours[0] else OURS
        raise PluginError(f"{text}: update {older}")
    if minor > ours[1]:
        info.problems.append(f"{text}: update {OURS}")


def manager_of(
    module: object, name: str, kind: type[pluggy.PluginManager] = pluggy.PluginManager
) -> pluggy.PluginManager:
    """Register `module` with a manager of its own and check its hooks.

    Raises
    ------
    PluginError
    """
    if inspect.isclass(module):
        raise PluginError(f"{module.__name__} is a class: name a module, or an instance")
    manager = kind(PROJECT_NAME)
    manager.register(module, name)
    for caller in manager.get_hookcallers(module) or ():
        for implementation in caller.get_hookimpls():
            _check_hook(caller.name, implementation)
    manager.add_hookspecs(hookspecs)
    return manager


def _hooks(manager: pluggy.PluginManager, module: object) -> tuple[str, ...]:
    return tuple(sorted(caller.name for caller in manager.get_hookcallers(module) or ()))


def _check_hook(hook: str, implementation: pluggy.HookImpl) -> None:
    if hook not in HOOKS:
        raise PluginError(f"unknown hook {hook!r} ({nearest(hook, HOOKS)})")
    function = implementation.function
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise PluginError(f"{hook} is async: nobody would await it")
    if implementation.hookwrapper or implementation.wrapper:
        raise PluginError(f"{hook} is a wrapper: each plugin is called alone")
    known = tuple(inspect.signature(getattr(hookspecs, hook)).parameters)
    for name in implementation.argnames:
        if name not in known:
            raise PluginError(f"{hook} has no argument {name!r} ({nearest(name, known)})")
    for parameter in inspect.signature(function).parameters.values():
        if parameter.default is not parameter.empty:
            raise PluginError(f"{hook}: parameter {parameter.name!r} must not have a default")


def _unmarked(module: object, hooks: Sequence[str]) -> list[str]:
    """Say which functions are named like hooks, and are none.

    Raises
    ------
    PluginError
        If it has no hook besides.
    """
    problems = []
    for name in HOOKS:
        function = getattr(module, name, None)
        if name in hooks or not inspect.isroutine(function) or function is vars(hookspecs)[name]:
            continue
        others = [
            mark.removesuffix("_impl")
            for mark in getattr(function, "__dict__", {})
            if mark.endswith("_impl")
        ]
        lacks = f"is marked for {others[0]}" if others else "is not marked"
        problems.append(f"{name} {lacks}: put @icecube_hooks.hookimpl above it")
    if problems and not hooks:
        raise PluginError("; ".join(problems))
    return problems if hooks else ["it has no function named like a hook, and provides nothing"]


def _registered(info: PluginInfo) -> list[Registered]:
    """Call the registering hooks of one plugin and check what they return."""
    things: list[Registered] = []
    for kind in KINDS.values():
        if kind.hook not in info.hooks or info.manager is None:
            continue
        caller = getattr(info.manager.hook, kind.hook)
        (implementation,) = caller.get_hookimpls()
        rank = implementation.trylast - implementation.tryfirst
        answers = caller()
        if not answers:  # pluggy leaves it out
            info.problems.append(f"{kind.hook} returned None, not a list of {kind.type.__name__}")
        for answer in answers:
            things += [Registered(thing, rank) for thing in _things(answer, kind)]
    return things


def _things(answer: Any, kind: Kind) -> Iterator[Thing]:
    name = kind.type.__name__
    if isinstance(answer, str | kind.type) or not isinstance(answer, Iterable):
        raise PluginError(f"{kind.hook} returned {type(answer).__name__}, not a list of {name}")
    for thing in answer:
        if not isinstance(thing, kind.type):
            raise PluginError(f"{kind.hook} returned {type(thing).__name__}, not {name}")
        for problem in _problems(thing, kind):
            raise PluginError(f"{kind.hook}: {kind.label} {thing.name!r}: {problem}")
        yield thing


def _problems(thing: Any, kind: Kind) -> Iterator[str]:
    """Yield what is wrong with a thing; its type checks nothing."""
    if not isinstance(thing.name, str) or not _NAME.fullmatch(thing.name):
        yield "the name may have letters, digits, '-', '_' and '.'"
    if not isinstance(thing.summary, str):
        yield f"summary is {type(thing.summary).__name__}, not text"
    if isinstance(thing, ParserType):
        yield from _problems_of_parser(thing)
    elif not callable(thing.make):
        yield f"make is {type(thing.make).__name__}, and cannot be called"
    if inspect.iscoroutinefunction(thing.make):
        yield "make is async: nobody would await it"


def _problems_of_parser(parser: ParserType) -> Iterator[str]:
    topics: Any = parser.topics
    if isinstance(topics, str):
        yield f"topics is a text, not a tuple of texts: write topics=({topics!r},)"
    elif not isinstance(topics, tuple | list) or not all(isinstance(t, str) for t in topics):
        yield "topics is not a tuple of texts"
    if (parser.parse is not_made) == (parser.make is None):
        yield "give either parse or make"
    function: Any = parser.parse
    if not callable(function):
        yield f"{type(function).__name__} cannot be called"
    elif inspect.iscoroutinefunction(function):
        yield "it is async: nobody would await it"
