"""The host's side of the contract: find plugins, keep them apart, use them.

Ten lines embed all installed plugins into any consumer::

    from icecube_hooks import Message, NoticeError
    from icecube_hooks.host import load_plugins

    plugins = load_plugins()
    for kafka_message in consumer:
        message = Message(value=kafka_message.value(), topic=kafka_message.topic())
        try:
            record = plugins.record(message)
        except NoticeError as error:
            print("not read:", error)
        else:
            sink.write([record])

What it guarantees
------------------
- A plugin that fails to import, to register or in a hook call is reported, with its distribution,
  version and error, and the others go on.
- Allow and block lists are applied before anything is imported.
- A misspelt hook is an error of that plugin, not silence.
- Of two plugins that register the same name, the first keeps it; the second name is reported with
  both parties. Plugins are ordered: given objects, distribution ``icecube-plugin``, then the rest
  by distribution and entry point.
- Of several parsers for a topic, the first that does not answer ``None`` wins, in the same order.
  Parsers that claim the topic are asked first, then all others, by content; a notice found on a
  topic that its parser does not claim carries a `Concern`.
"""

from __future__ import annotations

import contextlib
import difflib
import inspect
import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from fnmatch import fnmatchcase
from importlib import metadata
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
import msgspec.inspect
import pluggy

from . import hookspecs
from ._base import checked
from ._errors import ConfigError, NoticeError, NotOurs, PluginError
from ._types import Alert, Concern, Message, Record, Significance
from .hookspecs import (
    ENTRY_POINT_GROUP,
    PROJECT_NAME,
    ParserType,
    SignificanceType,
    Sink,
    SinkType,
)

__all__ = ["Assess", "PluginInfo", "PluginSet", "build", "load_plugins", "make_sink", "nearest"]

log = logging.getLogger(__name__)

OURS = "icecube-plugin"
"""The distribution that the contract comes with."""

_PLAIN = (str, int, float, bool, list, tuple, dict, type(None), date, time)
"""What a value in a configuration can be; TOML has dates and times."""

Assess = Callable[[Alert], Iterable[Significance]]
Thing = ParserType | SignificanceType | SinkType

_REGISTRATIONS: dict[str, type[Thing]] = {
    "register_parsers": ParserType,
    "register_significance": SignificanceType,
    "register_sinks": SinkType,
}


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


@dataclass(slots=True)
class PluginSet:
    """The plugins that a host uses.

    Attributes
    ----------
    plugins : list of PluginInfo
        The inventory: every entry point found, in order, loaded or not.
    parsers, significances, sinks : dict
        What they registered, by name.
    assessors : dict
        The assess functions in use, by provider; `configure` makes them.
    """

    plugins: list[PluginInfo] = field(default_factory=list)
    parsers: dict[str, ParserType] = field(default_factory=dict)
    significances: dict[str, SignificanceType] = field(default_factory=dict)
    sinks: dict[str, SinkType] = field(default_factory=dict)
    assessors: dict[str, Assess] = field(default_factory=dict)
    _owners: dict[tuple[type, str], PluginInfo] = field(default_factory=dict)
    _by_topic: dict[str | None, tuple[tuple[ParserType, ...], int]] = field(default_factory=dict)

    def configure(self, options: Mapping[str, Mapping[str, Any]] | None = None) -> PluginSet:
        """Make the significance providers with their options, by provider name.

        Raises
        ------
        ConfigError
            For a provider that is not there or an option that it does not take.
        """
        options = options or {}
        for name in options.keys() - self.significances.keys():
            hint = nearest(name, self.significances)
            raise ConfigError("no such provider", key=f"significance.{name}", hint=hint)
        for name, provider in self.significances.items():
            given = options.get(name, {})
            self.assessors[name] = build(provider.make, given, f"significance.{name}")
        return self

    def parse(self, message: Message) -> Alert:
        """Read a message with the first parser that knows it.

        Raises
        ------
        NoticeError
            With the message's place, if it is broken or nobody knows it: a `NotOurs` where a
            parser shares the topic with others.
        """
        return self._read(message)[1]

    def assess(self, alert: Alert) -> tuple[Significance, ...]:
        """Collect what every provider says; one that fails is logged and left out."""
        results: list[Significance] = []
        for name, assess in self.assessors.items():
            try:
                found = assess(alert)
                is_ours = self._is_ours(SignificanceType, name)
                results += found if is_ours else [checked(one) for one in found]
            except (Exception, SystemExit):  # isolation: its failure must not cost the alert
                log.exception("significance provider %s failed on %s", name, alert.notice_id)
        return tuple(results)

    def record(self, message: Message) -> Record:
        """Parse and assess a message.

        Raises
        ------
        NoticeError
            As `parse`.
        """
        notice, alert = self._read(message)
        record = Record.of(notice, alert, self.assess(alert))
        try:
            record.to_json()  # what has no JSON is refused here, and not in the middle of a sink
        except (TypeError, ValueError) as error:
            raise NoticeError(f"has no form in JSON ({error})").at(message) from error
        return record

    def notify(self, hook: str, **arguments: Any) -> None:
        """Call an observing hook of every plugin; one that raises is logged."""
        for plugin in self.plugins:
            if plugin.manager is None or hook not in plugin.hooks:
                continue
            try:
                getattr(plugin.manager.hook, hook)(**arguments)
            except (Exception, SystemExit):  # isolation: observers must not disturb the stream
                log.exception("plugin %s failed in %s", plugin.name, hook)

    def owner(self, thing: Thing) -> PluginInfo:
        """Return the plugin that registered `thing`."""
        return self._owners[type(thing), thing.name]

    def _is_ours(self, kind: type, name: str) -> bool:
        """Whether a thing comes with the contract: its answers are checked by tests, not each time.

        The check costs as much as the reading itself.
        """
        owner = self._owners.get((kind, name))
        return owner is not None and owner.distribution == OURS

    def _parsers_for(self, topic: str | None) -> tuple[tuple[ParserType, ...], int]:
        """Return all parsers, those that claim `topic` first, and how many claim it."""
        if topic not in self._by_topic:
            claims = [p for p in self.parsers.values() if topic is not None and _claims(p, topic)]
            others = [p for p in self.parsers.values() if p not in claims]
            if len(self._by_topic) > 1000:  # topics come from messages: keep the table bounded
                self._by_topic.clear()
            self._by_topic[topic] = (*claims, *others), len(claims)
        return self._by_topic[topic]

    def _read(self, message: Message) -> tuple[Message, Alert]:
        """Return the alert of a message, and the message with the notice's own bytes."""
        parsers, claimed = self._parsers_for(message.topic)
        for number, parser in enumerate(parsers):
            answer = self._ask(parser, message)
            if answer is None:
                continue
            if isinstance(answer, Record):  # another host's: its notice, with our coordinates
                notice, alert = message.replace(value=answer.message.value), answer.alert
            else:
                notice, alert = message, answer
            wrong = message.topic is not None and number >= claimed
            return notice, _with_concern(alert, message, parser) if wrong else alert
        kind = NotOurs if any(parser.shared for parser in parsers[:claimed]) else NoticeError
        reason = "no parser recognises this message" if message.value else "the message is empty"
        raise kind(reason, value=message.value).at(message)

    def _ask(self, parser: ParserType, message: Message) -> Alert | Record | None:
        try:
            answer: object = parser.parse(message)
        except NoticeError as error:
            raise error.at(message) from error.__cause__
        except (Exception, SystemExit) as error:  # isolation: its bug is a refusal
            log.exception("parser %s failed", parser.name)
            reason = f"parser {parser.name} failed: {type(error).__name__}: {error!s:.500}"
            raise NoticeError(reason).at(message) from error
        if answer is None:
            return None
        if isinstance(answer, Alert | Record) and self._is_ours(ParserType, parser.name):
            return answer
        try:
            if isinstance(answer, Record):
                return answer.replace(alert=checked(answer.alert))
            if isinstance(answer, Alert):
                return checked(answer)
        except NoticeError as error:
            reason = f"parser {parser.name} gave an alert that cannot be: {error.reason}"
            raise NoticeError(reason, field=error.field).at(message) from error
        reason = f"parser {parser.name} answered {type(answer).__name__}, not Alert"
        raise NoticeError(reason).at(message)


def load_plugins(
    *,
    allow: Sequence[str] = (),
    block: Sequence[str] = (),
    extra: Mapping[str, object] | None = None,
    entry_points: Iterable[metadata.EntryPoint] | None = None,
    significance: Mapping[str, Mapping[str, Any]] | None = None,
) -> PluginSet:
    """Find, import and register plugins, one by one.

    Parameters
    ----------
    allow : sequence of str
        If not empty, only entry points that match one of these are imported. Shell wildcards;
        each is compared with the entry point's name, its distribution, and
        ``distribution:entry-point``.
    block : sequence of str
        Entry points that match one of these are not imported.
    extra : mapping of str to object, optional
        Plugins that the host hands over itself, by name. They come first.
    entry_points : iterable, optional
        Instead of those installed, for tests.
    significance : mapping, optional
        Options of the significance providers, see `PluginSet.configure`.

    Returns
    -------
    PluginSet

    Raises
    ------
    ConfigError
        From `PluginSet.configure`. Plugins that fail do not raise: see `PluginInfo.error`.
    """
    plugins = PluginSet()
    for name, module in (extra or {}).items():
        _load(plugins, PluginInfo(name=name), _returning(module))
    found = metadata.entry_points(group=ENTRY_POINT_GROUP) if entry_points is None else entry_points
    for info, point in _ordered(found):
        if _is_allowed(info, point.name, allow, block):
            _load(plugins, info, point.load)
        else:
            info.state = "blocked"
            plugins.plugins.append(info)
    return plugins.configure(significance)


def make_sink(plugins: PluginSet, name: str, kind: str, options: Mapping[str, Any]) -> Sink:
    """Make the configured sink `name` of type `kind`.

    Raises
    ------
    ConfigError
        If there is no such type, or an option is unknown, missing or refused.
    """
    if kind not in plugins.sinks:
        hint = nearest(kind, plugins.sinks)
        raise ConfigError(f"no sink type {kind!r}", key=f"sinks.{name}.type", hint=hint)
    sink: Sink = build(plugins.sinks[kind].make, options, f"sinks.{name}")
    return sink


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
    try:
        parameters = inspect.signature(make).parameters.values()
    except (TypeError, ValueError) as error:  # some built-in types have none
        raise ConfigError(f"{make!r} has no signature to check options against", key=key) from error
    known = [p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = {p.name for p in parameters if p.name in known and p.default is p.empty}
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
    for name in options:
        if name not in known and not takes_any:
            raise ConfigError("unknown option", key=f"{key}.{name}", hint=nearest(name, known))
    for name in needed - options.keys():
        raise ConfigError("is required", key=f"{key}.{name}")
    given = {name: _converted(make, name, value, key) for name, value in options.items()}
    try:
        return make(**given)
    except ConfigError as error:
        error.key = f"{key}.{error.key}" if error.key else key
        raise
    except (TypeError, ValueError, OverflowError, SystemExit) as error:
        raise ConfigError(str(error), key=key) from error


def _converted(make: Callable[..., Any], name: str, value: Any, key: str) -> Any:
    """Return an option as its parameter is annotated."""
    hint = _known_part(_annotations(make).get(name, Any))
    if not isinstance(value, _PLAIN):  # an object from Python, not from a configuration
        return value
    try:
        return msgspec.convert(value, hint, dec_hook=_of_text)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at `$")
        text = f"{reason[0].lower()}{reason[1:]}"
        raise ConfigError(text, key=f"{key}.{name}{path[:-1]}") from error


def _known_part(hint: Any) -> Any:
    """Return of a type what a configuration can hold: of ``TextIO | Literal["-"]`` the latter."""
    parts = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    known = tuple(part for part in parts if part is Path or not _is_foreign(part))
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
    raise NotImplementedError


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which of `known` comes nearest to `name`, or list them."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(names) or 'none'}"


def _returning(value: object) -> Callable[[], object]:
    return lambda: value


def _ordered(
    found: Iterable[metadata.EntryPoint],
) -> Iterator[tuple[PluginInfo, metadata.EntryPoint]]:
    """Yield entry points with their inventory entry, in the order that the module promises."""
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
    return iter(sorted(pairs, key=lambda pair: _rank(*pair)))


def _name_and_version(distribution: metadata.Distribution | None) -> tuple[str, str]:
    return ("", "") if distribution is None else (distribution.name, distribution.version)


def _rank(info: PluginInfo, point: metadata.EntryPoint) -> tuple[bool, str, str]:
    return info.distribution != OURS, info.distribution, point.name


def _is_allowed(
    info: PluginInfo, entry_point: str, allow: Sequence[str], block: Sequence[str]
) -> bool:
    names = (entry_point, info.distribution, info.name)

    def matches(patterns: Sequence[str]) -> bool:
        return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)

    return (not allow or matches(allow)) and not matches(block)


def _load(plugins: PluginSet, info: PluginInfo, load: Callable[[], object]) -> None:
    """Import and register one plugin; what goes wrong ends up in `info`."""
    plugins.plugins.append(info)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # our output may be JSON
            module = load()
            info.manager = _manager(module, info)
            things = _registered(info)
    except (Exception, SystemExit) as error:  # isolation: reported, and the others go on
        info.state = "failed"
        info.error = f"{type(error).__name__}: {error}"
        info.manager = None
        log.warning("plugin %s %s failed: %s", info.name, info.version, info.error)
        log.debug("traceback of %s", info.name, exc_info=error)
        return
    for thing in things:
        _add(plugins, info, thing)


def _manager(module: object, info: PluginInfo) -> pluggy.PluginManager:
    """Register `module` with a manager of its own and check its hooks."""
    manager = pluggy.PluginManager(PROJECT_NAME)
    manager.add_hookspecs(hookspecs)
    manager.register(module, info.name)
    manager.check_pending()
    callers = manager.get_hookcallers(module) or []
    info.hooks = tuple(sorted(caller.name for caller in callers))
    for caller in callers:
        for implementation in caller.get_hookimpls():
            _check_function(implementation.function, caller.name)
    return manager


def _check_function(function: Callable[..., Any], hook: str) -> None:
    if inspect.iscoroutinefunction(function):
        raise PluginError(f"{hook} is async: nobody would await it")
    for parameter in inspect.signature(function).parameters.values():
        if parameter.default is not parameter.empty:
            raise PluginError(f"{hook}: parameter {parameter.name!r} must not have a default")


def _registered(info: PluginInfo) -> list[Thing]:
    """Call the registering hooks of one plugin and check what they return."""
    things: list[Thing] = []
    for hook, kind in _REGISTRATIONS.items():
        if hook not in info.hooks or info.manager is None:
            continue
        for answer in getattr(info.manager.hook, hook)():
            for thing in answer:
                if not isinstance(thing, kind):
                    raise PluginError(
                        f"{hook} returned {type(thing).__name__}, not {kind.__name__}"
                    )
                things.append(thing)
    return things


def _add(plugins: PluginSet, info: PluginInfo, thing: Thing) -> None:
    """Put one registered thing into the set, unless its name is taken."""
    label = type(thing).__name__.removesuffix("Type").lower()
    key = (type(thing), thing.name)
    if key in plugins._owners:
        first = plugins._owners[key].name
        problem = f"{label} {thing.name!r} is already provided by {first}; this one is not used"
        info.problems.append(problem)
        log.warning("plugin %s: %s", info.name, problem)
        return
    plugins._owners[key] = info
    info.provides += (f"{label} {thing.name}",)
    if isinstance(thing, ParserType):
        plugins.parsers[thing.name] = thing
    elif isinstance(thing, SignificanceType):
        plugins.significances[thing.name] = thing
    else:
        plugins.sinks[thing.name] = thing


def _claims(parser: ParserType, topic: str) -> bool:
    return any(fnmatchcase(topic, pattern) for pattern in parser.topics)


def _with_concern(alert: Alert, message: Message, parser: ParserType) -> Alert:
    concern = Concern(
        field="topic",
        found=str(message.topic),
        taken=parser.name,
        why="the notice is of a kind that this topic does not carry; read by its content",
    )
    return alert.replace(concerns=(*alert.concerns, concern))
