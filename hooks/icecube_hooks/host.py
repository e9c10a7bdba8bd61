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
- Significance providers, annotators, and parsers and observers with options are made when they are
  first needed. One that cannot be made, or fails, costs only what it would say: the alert has a
  `Concern` that names it, `PluginSet.failures` counts it.
- What a plugin answers is checked with the types' own rules.
- Of two plugins that register the same name, the first keeps it; the second name is reported with
  both parties. Plugins are ordered: given objects, distribution ``icecube-plugin``, then the rest
  by distribution and entry point. Within that order, what is registered with ``tryfirst`` is asked
  first, with ``trylast`` last.
- Of several parsers for a topic, the first that does not answer ``None`` wins, in the same order.
  Parsers that claim the topic are asked first, then all others, by content; a notice found on a
  topic that its parser does not claim carries a `Concern`.
"""

from __future__ import annotations

import inspect
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from importlib import metadata
from typing import Any, Final, NamedTuple, TypeVar

import pluggy

from ._base import Contract, checked
from ._errors import ConfigError, NoticeError, NotOurs, PluginError, in_words
from ._loading import (
    HOOKS,
    KINDS,
    OBSERVING,
    OURS,
    PluginInfo,
    Registered,
    Thing,
    load,
    manager_of,
    matches,
    ordered,
)
from ._options import build, check_options, nearest
from ._sinks import check_sink
from ._types import Alert, Annotation, Concern, Message, Record, Significance
from .hookspecs import (
    ENTRY_POINT_GROUP,
    AnnotatorType,
    ObserverType,
    ParserType,
    SignificanceType,
    Sink,
    SinkType,
)

__all__ = [
    "Assess",
    "Listener",
    "PluginInfo",
    "PluginSet",
    "build",
    "in_words",
    "load_plugins",
    "make_sink",
    "nearest",
]

log = logging.getLogger(__name__)

Assess = Callable[[Alert], Iterable[Significance]]
Tables = Mapping[str, Mapping[str, Any]]
"""Options of things of one kind, by the name of the thing."""

A = TypeVar("A", bound=Contract)

_MOST_TOPICS: Final = 1000
"""So many topics are remembered: they come from messages."""


class Listener(NamedTuple):
    """One plugin that is told what a host does.

    Attributes
    ----------
    name : str
    hooks : frozenset of str
        The observing hooks that it has.
    tell : callable
        ``tell(hook, **arguments)`` calls one of them; what it raises is logged.
    """

    name: str
    hooks: frozenset[str]
    tell: Callable[..., None]


@dataclass(slots=True)
class PluginSet:
    """The plugins that a host uses.

    Attributes
    ----------
    plugins : list of PluginInfo
        The inventory: every entry point found, in order, loaded or not.
    parsers, significances, annotators, observers, sinks : dict
        What they registered, by name.
    failures : Counter
        How often a significance provider or an annotator has failed on a record, by its kind and
        name: ``provider chance``.
    problems : list of str
        What in the allow and block lists matches no plugin.
    """

    plugins: list[PluginInfo] = field(default_factory=list)
    parsers: dict[str, ParserType] = field(default_factory=dict)
    significances: dict[str, SignificanceType] = field(default_factory=dict)
    annotators: dict[str, AnnotatorType] = field(default_factory=dict)
    observers: dict[str, ObserverType] = field(default_factory=dict)
    sinks: dict[str, SinkType] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    _options: dict[str, Tables] = field(default_factory=dict)
    _made: dict[tuple[type, str], Any] = field(default_factory=dict)
    _unmade: dict[tuple[type, str], str] = field(default_factory=dict)
    _owners: dict[tuple[type, str], PluginInfo] = field(default_factory=dict)
    _ranks: dict[tuple[type[Thing], str], int] = field(default_factory=dict)
    _by_topic: dict[str | None, tuple[tuple[ParserType, ...], int]] = field(default_factory=dict)

    def configure(
        self,
        significance: Tables | None = None,
        *,
        annotators: Tables | None = None,
        parsers: Tables | None = None,
        observers: Tables | None = None,
    ) -> PluginSet:
        """Take the options of what is registered, by its name; nothing is made yet.

        Raises
        ------
        ConfigError
            For a name that is not there, or an option that it does not take.
        """
        given = {
            "significance": significance or {},
            "annotators": annotators or {},
            "parsers": parsers or {},
            "observers": observers or {},
        }
        for kind in KINDS.values():
            for name, options in given.get(kind.section, {}).items():
                self._check(kind.type, name, options)
        self._options = given
        self._made.clear()
        self._unmade.clear()
        return self

    def prepare(self) -> PluginSet:
        """Make what has options of its own now, so that a wrong one is an error at the start.

        Raises
        ------
        ConfigError
        """
        for kind in KINDS.values():
            for name in self._options.get(kind.section, {}):
                thing = self._group(kind.type)[name]
                if (kind.type, name) not in self._made:
                    self._made[kind.type, name] = self._make(thing)
        return self

    def make_all(self) -> None:
        """Make everything but sinks now; what cannot be made is in `PluginInfo.problems`."""
        for group in (self.parsers, self.significances, self.annotators, self.observers):
            for thing in group.values():
                if thing.make is not None:
                    self._function(thing)

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
        """Collect what every provider says; one that fails is logged, counted and left out."""
        return tuple(self._collected(self.significances, alert, Significance, []))

    def annotate(self, record: Record) -> tuple[Annotation, ...]:
        """Collect what every annotator adds; one that fails is logged, counted and left out."""
        return tuple(self._collected(self.annotators, record, Annotation, []))

    def record(self, message: Message) -> Record:
        """Parse, assess and annotate a message.

        Raises
        ------
        NoticeError
            As `parse`.
        """
        notice, alert = self._read(message)
        doubts: list[Concern] = []
        said = tuple(self._collected(self.significances, alert, Significance, doubts))
        record = Record.of(notice, alert, said)
        if self.annotators:
            added = tuple(self._collected(self.annotators, record, Annotation, doubts))
            record = record.replace(annotations=added)
        if doubts:
            record = record.replace(alert=alert.replace(concerns=(*alert.concerns, *doubts)))
        try:
            record.to_json()  # what has no JSON is refused here, and not in the middle of a sink
        except (TypeError, ValueError) as error:
            raise NoticeError(f"has no form in JSON ({error})").at(message) from error
        return record

    def notify(self, hook: str, **arguments: Any) -> None:
        """Call an observing hook of every plugin; one that raises is logged."""
        for listener in self.listeners(hook):
            listener.tell(hook, **arguments)

    def listeners(self, *hooks: str) -> list[Listener]:
        """Return who has one of these hooks, in the order in which they are told.

        An observer with options is made now. Where that fails it is none.
        """
        found = [_listener(p.name, p.manager) for p in self.plugins if p.manager is not None]
        for name, observer in self.observers.items():
            manager = self._function(observer)
            if manager is not None:
                rank, listener = _listener(f"observer {name}", manager)
                found.append((rank or self._ranks.get((ObserverType, name), 0), listener))
        wanted = (pair for pair in found if pair[1].hooks.intersection(hooks))
        return [listener for _, listener in sorted(wanted, key=lambda pair: pair[0])]

    def topics(self) -> tuple[str, ...]:
        """Return the names and patterns of the topics that the parsers claim: what to read.

        Not those that begin with ``*``: they say what a parser can read wherever it comes from,
        such as the records that this very host may publish. Nor those read on request only.
        """
        parsers = (parser for parser in self.parsers.values() if not parser.on_request)
        claims = (topic for parser in parsers for topic in parser.topics)
        return tuple(dict.fromkeys(topic for topic in claims if not topic.startswith("*")))

    def owner(self, thing: Thing) -> PluginInfo:
        """Return the plugin that registered `thing`."""
        return self._owners[type(thing), thing.name]

    def _group(self, kind: type[Thing]) -> dict[str, Any]:
        groups: dict[type[Thing], dict[str, Any]] = {
            ParserType: self.parsers,
            SignificanceType: self.significances,
            AnnotatorType: self.annotators,
            ObserverType: self.observers,
            SinkType: self.sinks,
        }
        return groups[kind]

    def _check(self, kind: type[Thing], name: str, options: Mapping[str, Any]) -> None:
        """Refuse options for what is not there, and those that it does not take."""
        _, _, label, section, _ = KINDS[kind]
        key, group = f"{section}.{name}", self._group(kind)
        if name not in group:
            word = _WORDS.get(label, label)
            raise ConfigError(f"no such {word}", key=key, hint=self._why_missing(name, group))
        if group[name].make is None:
            raise ConfigError(f"the {label} {name} has no options", key=key)
        check_options(group[name].make, options, key)

    def _why_missing(self, name: str, group: Mapping[str, Thing]) -> str:
        """Say what was meant, and which plugins are not there that may have it."""
        absent = [f"{info.name} ({info.state})" for info in self.plugins if info.manager is None]
        text = nearest(name, group)
        foreign = [one for one in absent if not one.startswith(f"{OURS}:")]
        return f"{text}; not loaded: {', '.join(foreign)}" if foreign else text

    def _function(self, thing: Thing) -> Any:
        """Return what `make` gives, made when first needed; ``None`` where that has failed."""
        key = type(thing), thing.name
        if key not in self._made and key not in self._unmade:
            try:
                self._made[key] = self._make(thing)
            except (Exception, SystemExit) as error:  # isolation: a plugin's own trouble
                self._unmade[key] = f"cannot be made: {in_words(error)}"
                self._note(thing, self._unmade[key])
                log.debug("traceback of %s", thing.name, exc_info=error)
        return self._made.get(key)

    def _make(self, thing: Thing) -> Any:
        kind = KINDS[type(thing)]
        if thing.make is None:
            raise PluginError(f"the {kind.label} has no options")
        options = self._options.get(kind.section, {}).get(thing.name, {})
        made = build(thing.make, options, f"{kind.section}.{thing.name}")
        if not kind.method:
            return _observing(made, thing.name)
        function = made if callable(made) else getattr(made, kind.method, None)
        if not callable(function):
            text = f"make returned {type(made).__name__}, which has no method {kind.method}"
            raise PluginError(text)
        if inspect.iscoroutinefunction(function):
            raise PluginError(f"{kind.method} is async: nobody would await it")
        return function

    def _note(self, thing: Thing, text: str) -> None:
        """Keep and log what is wrong with a thing, once."""
        owner = self._owners.get((type(thing), thing.name)) or PluginInfo(name="the host's own")
        problem = f"{KINDS[type(thing)].label} {thing.name!r} {text}"
        if problem not in owner.problems:
            owner.problems.append(problem)
            log.error("plugin %s: %s", owner.name, problem)

    def _collected(
        self,
        group: Mapping[str, Thing],
        about: Alert | Record,
        kind: type[A],
        doubts: list[Concern],
    ) -> Iterator[A]:
        """Yield what all of a group say; who fails is a doubt."""
        for thing in group.values():
            try:
                yield from self._said(thing, about, kind)
            except (Exception, SystemExit) as error:  # noqa: BLE001  # isolation: must not cost the alert
                doubts.append(self._failed(thing, about, error))

    def _said(self, thing: Thing, about: Alert | Record, kind: type[A]) -> list[A]:
        """Return what one says, checked."""
        function = self._function(thing)
        if function is None:
            raise PluginError(self._unmade[type(thing), thing.name])
        answer = function(about)
        found = [] if answer is None else list(answer)
        for one in found:
            if not isinstance(one, kind):
                raise PluginError(f"answered {type(one).__name__}, not {kind.__name__}")
        if self._is_ours(type(thing), thing.name):
            return found
        given = {"provider": thing.name} if kind is Annotation else {}
        return [checked(one.replace(**given)) for one in found]

    def _failed(self, thing: Thing, about: Alert | Record, error: BaseException) -> Concern:
        """Log and count a failure, and return what the record says of it."""
        label = KINDS[type(thing)].label
        name = f"{_WORDS.get(label, label)} {thing.name}"
        alert = about.alert if isinstance(about, Record) else about
        self.failures[name] += 1
        if (type(thing), thing.name) not in self._unmade:  # that was said, once
            log.error("%s failed on %s: %s", name, alert.notice_id, in_words(error))
        log.debug("traceback of %s", name, exc_info=error)
        why = f"{name} failed: what it would say is missing"
        return Concern(field=name, found=in_words(error)[:500], taken=None, why=why)

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
            if len(self._by_topic) > _MOST_TOPICS:
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
        raise self._unknown(message, parsers[:claimed])

    def _unknown(self, message: Message, claiming: Sequence[ParserType]) -> NoticeError:
        """Return why nobody has read a message."""
        broken = [p.name for p in claiming if (ParserType, p.name) in self._unmade]
        if broken:  # it may be its, so it is kept
            reason = f"parser {broken[0]} cannot be made, and no other recognises this message"
            return NoticeError(reason, value=message.value).at(message)
        kind = NotOurs if any(parser.shared for parser in claiming) else NoticeError
        if not message.value:
            return kind("the message is empty").at(message)
        return kind("no parser recognises this message", value=message.value).at(message)

    def _ask(self, parser: ParserType, message: Message) -> Alert | Record | None:
        parse = parser.parse if parser.make is None else self._function(parser)
        if parse is None:
            return None
        try:
            answer: object = parse(message)
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
            raise NoticeError(reason, field=error.field, value=error.value).at(message) from error
        reason = f"parser {parser.name} answered {type(answer).__name__}, not Alert"
        raise NoticeError(reason).at(message)


class _Unmarked(pluggy.PluginManager):
    """Takes methods that are named like hooks for them: an observer's need no mark."""

    def parse_hookimpl_opts(self, plugin: Any, name: str) -> Any:
        marked = super().parse_hookimpl_opts(plugin, name)
        return marked or ({} if name in HOOKS and callable(getattr(plugin, name)) else None)


def _observing(made: Any, name: str) -> pluggy.PluginManager:
    """Return the manager of an observer, if it observes anything."""
    manager = manager_of(made, name, _Unmarked)
    methods = [m for m in dir(made) if m.startswith("on_") and m not in HOOKS]
    if methods:
        raise PluginError(f"no observing hook {methods[0]!r} ({nearest(methods[0], OBSERVING)})")
    if not manager.get_hookcallers(made):
        raise PluginError(f"has no method that is named like one of {', '.join(OBSERVING)}")
    return manager


_WORDS: Final = {"significance": "provider"}
"""What people call a kind, where that is not its label."""


def load_plugins(
    *,
    allow: Sequence[str] = (),
    block: Sequence[str] = (),
    extra: Mapping[str, object] | None = None,
    entry_points: Iterable[metadata.EntryPoint] | None = None,
    significance: Tables | None = None,
    annotators: Tables | None = None,
    parsers: Tables | None = None,
    observers: Tables | None = None,
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
    significance, annotators, parsers, observers : mapping, optional
        Options of what is registered, by its name, see `PluginSet.configure`.

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
        _add_plugin(plugins, PluginInfo(name=name), _returning(module))
    found = metadata.entry_points(group=ENTRY_POINT_GROUP) if entry_points is None else entry_points
    points = list(ordered(found))
    plugins.problems += _unmatched([info for info, _ in points], allow, block)
    for info, point in points:
        is_allowed = not allow or any(matches(info, pattern) for pattern in allow)
        if is_allowed and not any(matches(info, pattern) for pattern in block):
            _add_plugin(plugins, info, point.load)
        else:
            info.state = "blocked"
            plugins.plugins.append(info)
    for (kind, name), _ in sorted(plugins._ranks.items(), key=lambda item: item[1]):
        group = plugins._group(kind)
        group[name] = group.pop(name)
    return plugins.configure(
        significance, annotators=annotators, parsers=parsers, observers=observers
    )


def make_sink(plugins: PluginSet, name: str, kind: str, options: Mapping[str, Any]) -> Sink:
    """Make the configured sink `name` of type `kind`.

    Raises
    ------
    ConfigError
        If there is no such type, an option is unknown, missing or refused, or what is made is no
        sink.
    """
    key = f"sinks.{name}"
    if kind not in plugins.sinks:
        hint = plugins._why_missing(kind, plugins.sinks)
        raise ConfigError(f"no sink type {kind!r}", key=f"{key}.type", hint=hint)
    made = build(plugins.sinks[kind].make, options, key)
    owner = plugins._owners.get((SinkType, kind))
    whose = "" if owner is None else f" of {owner.name}"
    return check_sink(made, f"{key}.type", f"sink type {kind!r}{whose}")


def _returning(value: object) -> Callable[[], object]:
    return lambda: value


def _unmatched(
    known: Sequence[PluginInfo], allow: Sequence[str], block: Sequence[str]
) -> Iterator[str]:
    """Say which patterns match nothing: a misspelt one must not pass in silence."""
    names = {part for info in known for part in (info.distribution, info.name.rpartition(":")[2])}
    for where, patterns in (("allow", allow), ("block", block)):
        for pattern in patterns:
            if not any(matches(info, pattern) for info in known):
                problem = f"plugins.{where}: {pattern!r} matches no plugin"
                yield f"{problem} ({nearest(pattern, names)})"


def _add_plugin(plugins: PluginSet, info: PluginInfo, get: Callable[[], object]) -> None:
    plugins.plugins.append(info)
    for registered in load(info, get):
        _add(plugins, info, registered)


def _add(plugins: PluginSet, info: PluginInfo, registered: Registered) -> None:
    """Put one registered thing into the set, unless its name is taken."""
    thing, rank = registered
    key, label = (type(thing), thing.name), KINDS[type(thing)].label
    if key in plugins._owners:
        first = plugins._owners[key].name
        problem = f"{label} {thing.name!r} is already provided by {first}; this one is not used"
        info.problems.append(problem)
        log.warning("plugin %s: %s", info.name, problem)
        return
    plugins._owners[key], plugins._ranks[key] = info, rank
    info.provides += (f"{label} {thing.name}",)
    plugins._group(type(thing))[thing.name] = thing


def _listener(name: str, manager: pluggy.PluginManager) -> tuple[int, Listener]:
    """Return a plugin as one that is told things, and its rank."""
    (plugin,) = manager.get_plugins()
    callers = manager.get_hookcallers(plugin) or []
    rank = sum(i.trylast - i.tryfirst for c in callers for i in c.get_hookimpls())
    hooks = frozenset(caller.name for caller in callers)

    def tell(hook: str, **arguments: Any) -> None:
        if hook not in hooks:
            return
        try:
            getattr(manager.hook, hook)(**arguments)
        except (Exception, SystemExit):  # isolation: observers must not disturb the stream
            log.exception("plugin %s failed in %s", name, hook)

    return rank, Listener(name, hooks, tell)


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
