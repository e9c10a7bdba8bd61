"""The hooks: which functions a plugin may define, with what arguments, and when they are called.

A plugin is a module (or object) with functions marked by `hookimpl`. Hooks of the first group
*register*: they are called once, when plugins are loaded, take nothing, do nothing but return
values, and may be defined by any number of plugins. What they return has one shape: a name, a
`make` that is called with the options of the configuration's table of that name, and a line for
listings. Hooks of the second group *observe*: they are called while a host runs, and what they
return is ignored.

A host that knows only pluggy uses them as they are::

    manager = pluggy.PluginManager("icecube_hooks")
    manager.add_hookspecs(icecube_hooks.hookspecs)
    manager.load_setuptools_entrypoints("icecube_hooks")
    parsers = [parser for answer in manager.hook.register_parsers() for parser in answer]

`icecube_hooks.host.load_plugins` gives each plugin a manager of its own, so that one that raises
disturbs no other. Two rules for plugins: parameters have no defaults (pluggy <= 1.6 would pass the
default, 1.7 the value), and an implementation is a plain function, not ``async def`` (nobody would
await it).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

import msgspec
import pluggy

from ._errors import NoticeError, PluginError
from ._types import Alert, Message, Record

__all__ = [
    "ENTRY_POINT_GROUP",
    "PROJECT_NAME",
    "AnnotatorType",
    "ObserverType",
    "ParserType",
    "SignificanceType",
    "Sink",
    "SinkType",
    "hookimpl",
    "hookspec",
]

PROJECT_NAME: Final = "icecube_hooks"
"""pluggy project name: the markers and the managers share it."""

ENTRY_POINT_GROUP: Final = "icecube_hooks"
"""Entry-point group in which distributions name their plugin modules."""

hookspec: Final = pluggy.HookspecMarker(PROJECT_NAME)
hookimpl: Final = pluggy.HookimplMarker(PROJECT_NAME)


def not_made(message: Message) -> Alert | Record | None:
    """Stand in for `parse` of a parser that a host makes with its options."""
    raise PluginError("this parser is made with options: a host's PluginSet does that")


class _Made(msgspec.Struct, frozen=True, kw_only=True):
    """What all kinds have: a name, what makes one with its options, and a line for listings."""

    name: str
    make: Callable[..., Any]
    summary: str = ""


class ParserType(msgspec.Struct, frozen=True, kw_only=True):
    """A parser, as a plugin registers it.

    Attributes
    ----------
    name : str
        Short and unique: ``classic-text``.
    topics : tuple of str
        Kafka topics that carry such notices, with shell wildcards:
        ``gcn.classic.text.ICECUBE_*``.
    parse : callable
        For a parser without options: ``parse(message) -> Alert | Record | None``. A record is the
        answer where the message holds one that another host has published, with the notice's own
        bytes. ``None`` means "not mine", decided from a look at the content, for it is also called
        for messages without a topic or on another topic. Raises `NoticeError` for "mine, and
        broken". No clock, no network, no environment.
    summary : str
        One line for listings.
    shared : bool
        Whether others publish on these topics too, as on ``gcn.circulars``. A message there that
        no parser knows is passed over; elsewhere it is refused, and kept as a dead letter.
    on_request : bool
        Whether its topics are read only where the configuration names them: for what other
        observatories publish, which nobody should get who has not asked for it.
    make : callable
        In place of `parse`: ``make(**options)`` returns such a function, or an object that has it
        as method ``parse``. The options are the table ``[parsers.NAME]`` of the configuration.


    .. versionadded:: 1.0
    .. versionchanged:: 2.0
       `make`, `on_request`.
    """

    name: str
    topics: tuple[str, ...]
    parse: Callable[[Message], Alert | Record | None] = not_made
    summary: str = ""
    shared: bool = False
    on_request: bool = False
    make: Callable[..., Any] | None = None


class SignificanceType(_Made, frozen=True, kw_only=True):
    """A significance provider, as a plugin registers it.

    Attributes
    ----------
    name : str
        Short and unique; ends up in `Significance.provider`.
    make : callable
        ``make(**options)``, called when first needed with the table ``[significance.NAME]`` of
        the configuration. It returns ``assess(alert) -> iterable of Significance``, which is pure,
        or an object that has it as method ``assess``.
    summary : str
        One line for listings.


    .. versionadded:: 1.0
    """


class AnnotatorType(_Made, frozen=True, kw_only=True):
    """An annotator, as a plugin registers it: it adds knowledge to records, never significance.

    Attributes
    ----------
    name : str
        Short and unique; the host writes it into `Annotation.provider`.
    make : callable
        ``make(**options)``, called when first needed with the table ``[annotators.NAME]`` of the
        configuration. It returns ``annotate(record) -> iterable of Annotation``, or an object that
        has it as method ``annotate``. The alert waits for it: it may look into a file, and should
        not wait for a network.
    summary : str
        One line for listings.


    .. versionadded:: 2.0
    """


class ObserverType(_Made, frozen=True, kw_only=True):
    """An observer with options, as a plugin registers it.

    Attributes
    ----------
    name : str
        Short and unique.
    make : callable
        ``make(**options)``, called when first needed with the table ``[observers.NAME]`` of the
        configuration. It returns an object whose methods are named like observing hooks.
    summary : str
        One line for listings.


    .. versionadded:: 2.0
    """


class Sink(Protocol):
    """Where records go.

    Besides `write`, a sink may have ``flush()`` (called after each `write`), ``close()`` (called
    once, at the end) and ``probe()``: it sees whether the place can be written, changes nothing,
    raises as `write` does, and may return a line for people, such as the version of a server.

    Delivery is at least once, so `write` must be idempotent by `Record.id`. When it returns, or
    when ``flush`` does where there is one, the records are durable. It raises `RetryLater` or
    `RefusedForGood`; any other exception counts as the latter. Calls come one at a time, not
    always from the thread that made the sink; ``close`` may be called twice. None of them is
    ``async def``: nobody would await it, and such a sink is refused.


    .. versionadded:: 1.0
    .. versionchanged:: 2.0
       ``probe``.
    """

    def write(self, records: Sequence[Record], /) -> None:
        """Write a batch, in order."""
        ...


class SinkType(_Made, frozen=True, kw_only=True):
    """A kind of sink, as a plugin registers it.

    Attributes
    ----------
    name : str
        Short and unique: what ``type`` is in a ``[sinks.NAME]`` table of the configuration.
    make : callable
        ``make(**options) -> Sink``, mostly the sink's class. The options are the other keys of
        that table, checked against the signature. `ConfigError` says that an option is wrong;
        raised ``from`` an ``OSError`` or `SinkError`, and as any other exception, that the sink
        cannot be made now: the host tries again.
    summary : str
        One line for listings.
    after_journal : bool
        Whether it gets a record only when the host has it on disk: for sinks where a record that
        comes twice hurts, such as messages to people. Others get it at the same time.
    skip_older_than_s : float, optional
        What is older [s] is not for it, unless the configuration says otherwise: for sinks that
        speak to people, whom the first start must not flood with the past. ``None``: no limit.
    tells_people : bool
        Whether it writes to people. Such a sink gets an alert of LVK's own, without a filter that
        names the kind, where it changes what is to be said of a search that the sink was given.

    .. versionadded:: 1.0
    .. versionchanged:: 2.0
       `after_journal`, `skip_older_than_s`, `tells_people`.
    """

    make: Callable[..., Sink]
    after_journal: bool = False
    skip_older_than_s: float | None = None
    tells_people: bool = False


@hookspec
def register_parsers() -> Sequence[ParserType]:  # type: ignore[empty-body]  # a specification
    """Return the parsers of this plugin.

    .. versionadded:: 1.0
    """


@hookspec
def register_significance() -> Sequence[SignificanceType]:  # type: ignore[empty-body]  # likewise
    """Return the significance providers of this plugin.

    .. versionadded:: 1.0
    """


@hookspec
def register_annotators() -> Sequence[AnnotatorType]:  # type: ignore[empty-body]  # likewise
    """Return the annotators of this plugin.

    .. versionadded:: 2.0
    """


@hookspec
def register_observers() -> Sequence[ObserverType]:  # type: ignore[empty-body]  # likewise
    """Return the observers of this plugin that have options.

    .. versionadded:: 2.0
    """


@hookspec
def register_sinks() -> Sequence[SinkType]:  # type: ignore[empty-body]  # likewise
    """Return the kinds of sink of this plugin.

    .. versionadded:: 1.0
    """


@hookspec
def on_start(host: str, options: dict[str, Any]) -> None:
    """Tell that a host begins to handle messages.

    Parameters
    ----------
    host : str
        Name and version of the host.
    options : dict
        The table ``[plugins.options]`` of the configuration: what plugins agree on with their
        users. No secrets of the host are in it.


    .. versionadded:: 1.0
    """


@hookspec
def on_record(record: Record) -> None:
    """Tell that a record is on disk, and on its way to all sinks.

    .. versionadded:: 1.0
    """


@hookspec
def on_refused(message: Message, error: NoticeError) -> None:
    """Tell that a message could not be read; it is kept as a dead letter.

    .. versionadded:: 1.0
    """


@hookspec
def on_stop() -> None:
    """Tell that the host has handled its last message and closed its sinks.

    .. versionadded:: 1.0
    """
