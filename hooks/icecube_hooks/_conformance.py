"""The rules for parsers, significance providers and annotators, as tests."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from ._base import checked
from ._errors import ConfigError, NoticeError
from ._loading import KINDS, Thing
from ._types import Alert, Annotation, Message, Record, Sided, Significance
from .hookspecs import AnnotatorType, ParserType, SignificanceType, hookimpl
from .host import PluginSet, build, load_plugins

__all__ = ["AnnotatorConformance", "ParserConformance", "SignificanceConformance", "check"]

_FOREIGN = (
    b"",
    b"\x00\xff\xfe",
    b"{}",
    b"[1, 2]",
    b"null",
    b'{"mission": "nobody", "ra": 1.0}',
    b"TITLE:  GCN/SOMEBODY NOTICE\n",
    b"<?xml version='1.0'?><other/>",
    b"{" * 10_000,
    "Sch\u00f6ne Gr\u00fc\u00dfe".encode("latin-1"),
)
"""Messages that belong to nobody."""

_ODD_VALUES: tuple[Any, ...] = (None, "", "x", -1, 1e300, math.nan, True, [], {}, [None])


class _Conformance:
    """What all kinds have in common: options."""

    options: ClassVar[Mapping[str, Any]] = {}
    bad_options: ClassVar[Sequence[Mapping[str, Any]]] = ()

    def _thing(self) -> Any:
        raise NotImplementedError

    def _plugins(self) -> PluginSet:
        thing = self._thing()
        section = KINDS[type(thing)].section
        tables: dict[str, Any] = {section: {thing.name: self.options}} if self.options else {}
        plugins = load_plugins(extra={"tested": _plugin_with(thing)}, entry_points=(), **tables)
        (info,) = plugins.plugins
        check(info.error is None and not info.problems, f"{info.error} {info.problems}")
        return plugins

    def _check_pure(self, given: Sequence[Alert | Record], kind: type[Any]) -> None:
        plugins = self._plugins()
        for one in given:
            before = copy.deepcopy(one)
            said = [plugins._said(self._thing(), one, kind) for _ in range(2)]
            name = one.id if isinstance(one, Record) else one.notice_id
            check(said[0] == said[1], f"of {name} it said two things")
            check(one == before, "it changed what it was given")

    def test_it_is_registered(self) -> None:
        """The type is complete, and has a line for listings."""
        self._plugins()
        check(bool(self._thing().summary), "summary is empty: say in a line what it does")

    def test_options_are_checked(self) -> None:
        """Unknown and bad options are a `ConfigError`, `TypeError` or `ValueError`."""
        make = self._thing().make
        if make is None:
            return
        for options in ({"no_such_option": 1}, *self.bad_options):
            try:
                build(make, {**self.options, **options}, "test")
            except ConfigError:
                continue
            raise AssertionError(f"the options {options!r} were not refused")


class ParserConformance(_Conformance):
    """The rules for a parser. Inherit, name the class ``Test...``, and run pytest.

    Attributes
    ----------
    parser : ParserType
    options : mapping
        With which it is made, if it has a `make`.
    bad_options : sequence of mapping
        Options that it must refuse.


    .. versionadded:: 2.0
    """

    parser: ClassVar[ParserType]

    def notices(self) -> Sequence[Message]:
        """Return messages that it reads: real ones, or of the published layout."""
        raise NotImplementedError(f"{type(self).__name__} must define notices()")

    def _thing(self) -> ParserType:
        return type(self).parser

    def test_notices_are_read(self) -> None:
        """Each notice is an alert, also without a topic; what it says fits the types."""
        plugins = self._plugins()
        for message in self.notices():
            for one in (message, message.replace(topic=None)):
                record = plugins.record(one)
                check(Record.from_json(record.to_json()) == record, "JSON changes the record")
                check(bool(record.alert.observatory), "observatory is empty")
                check(record.alert.event_key is not None, "no number or name of an event is read")

    def test_topics_are_those_of_the_notices(self) -> None:
        """The topics that the parser claims carry its notices."""
        for message in self.notices():
            claimed = [fnmatchcase(message.topic or "", t) for t in self._thing().topics]
            check(message.topic is None or any(claimed), f"{message.topic} is not claimed")

    def test_reading_is_pure(self) -> None:
        """The same message again is the same alert, and the message is left alone."""
        for message in self.notices():
            before = copy.deepcopy(message)
            alerts = [self._plugins().parse(message) for _ in range(2)]
            check(alerts[0] == alerts[1], "the same message was read differently")
            check(message == before, "the parser changed the message")

    def test_foreign_messages_are_left_to_others(self) -> None:
        """What is not its own is answered by ``None``; on its own topics it may be refused."""
        for value in _FOREIGN:
            answer = self._ask(Message(value=value))
            check(answer is None, f"{value[:40]!r} was taken for a notice of its own")
            for topic in {message.topic for message in self.notices()}:
                try:
                    answer = self._ask(Message(value=value, topic=topic))
                except NoticeError:
                    answer = None
                check(answer is None, f"{value[:40]!r} was read on {topic}")

    def test_damaged_notices_are_refused_or_read(self) -> None:
        """A damaged notice is ``None``, a `NoticeError`, or an alert that fits the types."""
        for message in self.notices():
            for value in _damaged(message.value):
                try:
                    answer = self._ask(message.replace(value=value))
                except NoticeError:
                    continue
                if answer is not None:
                    checked(answer.alert if isinstance(answer, Record) else answer)

    def _ask(self, message: Message) -> Alert | Record | None:
        parser = self._thing()
        parse = parser.parse if parser.make is None else self._plugins()._function(parser)
        answer: Alert | Record | None = parse(message)
        return answer


class SignificanceConformance(_Conformance):
    """The rules for a significance provider. Inherit, name the class ``Test...``, and run pytest.

    Attributes
    ----------
    provider : SignificanceType
    options : mapping
        With which it is made.
    bad_options : sequence of mapping
        Options that it must refuse.


    .. versionadded:: 2.0
    """

    provider: ClassVar[SignificanceType]

    def alerts(self) -> Sequence[Alert]:
        """Return what is assessed, beside that of `example_records`: what it is made for."""
        return ()

    def _thing(self) -> SignificanceType:
        return type(self).provider

    def _said(self) -> Iterator[tuple[Alert, list[Significance]]]:
        plugins = self._plugins()
        for alert in (*self.alerts(), *_example_alerts()):
            yield alert, plugins._said(self._thing(), alert, Significance)

    def test_values_fit_the_types(self) -> None:
        """Every answer is `Significance` values under the provider's own name."""
        n_said = 0
        for alert, said in self._said():
            n_said += len(said)
            for one in said:
                check(one.provider == self._thing().name, f"provider is {one.provider!r}")
                check(bool(one.quantity), f"of {alert.notice_id}: quantity is empty")
        check(n_said > 0, "it said nothing of any alert: define alerts()")

    def test_assessing_is_pure(self) -> None:
        """The same alert again is assessed the same way, and is left alone."""
        self._check_pure((*self.alerts(), *_example_alerts()), Significance)

    def test_p_and_sigma_agree(self) -> None:
        """Sigma is that of the p-value, by the convention that `sided` states."""
        for alert, said in self._said():
            for one in said:
                for p, sigma in ((one.p_value, one.sigma), (one.p_value_post, one.sigma_post)):
                    if p is None or sigma is None:
                        continue
                    tail = math.erfc(sigma / math.sqrt(2.0))
                    expected = tail / 2 if one.sided is Sided.ONE else tail
                    is_same = math.isclose(p, expected, rel_tol=0.02, abs_tol=1e-300)
                    check(is_same, f"{alert.notice_id}: {sigma} sigma is p = {expected}, not {p}")

    def test_trials_are_stated(self) -> None:
        """No correction without its number and source, no verdict without it, no p below it."""
        for alert, said in self._said():
            for one in said:
                name = f"{alert.notice_id} {one.quantity}"
                if one.p_value_post is not None:
                    check(bool(one.n_trials and one.trials_source), f"{name}: trials of what?")
                if one.verdict is not None:
                    check(one.p_value_post is not None, f"{name}: a verdict without trials")
                if None not in (one.p_value, one.p_value_post) and (one.n_trials or 0) >= 1:
                    less = (one.p_value_post or 0.0) < (one.p_value or 0.0) * (1 - 1e-9)
                    check(not less, f"{name}: less probable after trials than before")
                if one.far_per_year is not None:
                    check(bool(one.far_source), f"{name}: a rate without its source")


class AnnotatorConformance(_Conformance):
    """The rules for an annotator. Inherit, name the class ``Test...``, and run pytest.

    Attributes
    ----------
    annotator : AnnotatorType
    options : mapping
        With which it is made.
    bad_options : sequence of mapping
        Options that it must refuse.


    .. versionadded:: 2.0
    """

    annotator: ClassVar[AnnotatorType]

    def records(self) -> Sequence[Record]:
        """Return what is annotated, beside `example_records`: what it is made for."""
        return ()

    def _thing(self) -> AnnotatorType:
        return type(self).annotator

    def _said(self) -> Iterator[tuple[Record, list[Annotation]]]:
        plugins = self._plugins()
        for record in (*self.records(), *_examples()):
            yield record, plugins._said(self._thing(), record, Annotation)

    def test_annotations_are_for_people(self) -> None:
        """Every answer is `Annotation` values with a heading and a sentence of one line each."""
        n_said = 0
        for _, said in self._said():
            n_said += len(said)
            for one in said:
                for text in (one.label, one.text):
                    check(bool(text) and text.isprintable(), f"{text!r} is not a line of text")
        check(n_said > 0, "it said nothing of any record: define records()")

    def test_annotating_is_pure(self) -> None:
        """The same record again is annotated the same way, and is left alone."""
        self._check_pure((*self.records(), *_examples()), Annotation)


def _plugin_with(thing: Thing) -> object:
    """Return a plugin that registers one thing."""
    kind = KINDS[type(thing)]
    return type("Tested", (), {kind.hook: hookimpl(lambda self: [thing])})()


def _examples() -> Sequence[Record]:
    from .testing import example_records

    return example_records()


def _example_alerts() -> Sequence[Alert]:
    return tuple(record.alert for record in _examples())


def _damaged(value: bytes) -> Iterator[bytes]:
    """Yield a notice cut off, with other bytes in it, and, of JSON, with odd values."""
    for part in range(1, 8):
        yield value[: len(value) * part // 8]
    middle = len(value) // 2
    yield value[:middle] + b"\x00\xff" + value[middle:]
    try:
        data = json.loads(value)
    except ValueError:
        return
    for name in data if isinstance(data, dict) else ():
        yield json.dumps({key: one for key, one in data.items() if key != name}).encode()
        for odd in _ODD_VALUES:
            yield json.dumps(data | {name: odd}).encode()


def check(condition: bool, text: str) -> None:
    """Fail with a text unless something is so."""
    if not condition:
        raise AssertionError(text)
