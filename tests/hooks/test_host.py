"""Loading: one broken plugin is reported, and the others go on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import metadata
from typing import Any

import pytest

from icecube_hooks import (
    Alert,
    Concern,
    ConfigError,
    Message,
    NoticeError,
    ParserType,
    Significance,
    SignificanceType,
    SinkType,
    hookimpl,
)
from icecube_hooks.host import PluginInfo, build, load_plugins, make_sink, nearest
from icecube_hooks.testing import RecordingSink, make_alert, make_message, make_significance

from .plugins import entry_point, module


class Sinks:
    """A plugin that registers sinks of the given names."""

    def __init__(self, *names: str) -> None:
        self.names = names

    @hookimpl
    def register_sinks(self) -> list[SinkType]:
        return [SinkType(name=name, make=RecordingSink) for name in self.names]


def parser(name: str, parse: Callable[[Message], Any], *topics: str) -> object:
    """A plugin with one parser."""

    class Plugin:
        @hookimpl
        def register_parsers(self) -> list[ParserType]:
            return [ParserType(name=name, topics=topics, parse=parse)]

    return Plugin()


def failure(plugin: object) -> str | None:
    """Load `plugin` beside a good one, and return its error."""
    plugins = load_plugins(extra={"bad": plugin, "good": Sinks("a")}, entry_points=())
    bad, good = plugins.plugins
    assert good.state == "loaded"
    assert list(plugins.sinks) == ["a"]
    assert bad.state == ("failed" if bad.error else "loaded")
    return bad.error


@pytest.mark.parametrize("error", [ImportError("no"), ZeroDivisionError("no"), SystemExit(3)])
def test_failure_of_an_import_stays_with_its_plugin(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    class Broken:
        def __getattr__(self, name: str) -> object:
            raise error

    monkeypatch.setitem(sys.modules, "broken_plugin", Broken())
    module(monkeypatch, "good_plugin", register_sinks=Sinks("a").register_sinks)
    points = [
        entry_point("broken_plugin:x", name="bad", distribution="b"),
        entry_point("good_plugin", name="good", distribution="c"),
        entry_point("no_such_module_anywhere", name="gone", distribution="a"),
    ]
    plugins = load_plugins(entry_points=points)
    assert [(p.name, p.version, p.state) for p in plugins.plugins] == [
        ("a:gone", "1.0", "failed"),
        ("b:bad", "1.0", "failed"),
        ("c:good", "1.0", "loaded"),
    ]
    assert plugins.plugins[0].error == (
        "ModuleNotFoundError: No module named 'no_such_module_anywhere'"
    )
    assert plugins.plugins[1].error == f"{type(error).__name__}: {error}"
    assert f"plugin b:bad 1.0 failed: {type(error).__name__}: {error}" in caplog.text


def test_interrupt_is_not_swallowed() -> None:
    class Interrupted:
        @hookimpl
        def register_sinks(self) -> list[SinkType]:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_plugins(extra={"i": Interrupted()}, entry_points=())


@pytest.mark.parametrize(
    ("allow", "block", "loaded"),
    [
        ((), (), {"d:one", "d:two", "e:one"}),
        (("one",), (), {"d:one", "e:one"}),
        (("d",), (), {"d:one", "d:two"}),
        (("d:o*",), (), {"d:one"}),
        ((), ("two",), {"d:one", "e:one"}),
        ((), ("*",), set()),
        (("d",), ("d:two",), {"d:one"}),
        (("none",), (), set()),
    ],
)
def test_lists_are_applied_before_import(
    monkeypatch: pytest.MonkeyPatch,
    allow: tuple[str, ...],
    block: tuple[str, ...],
    loaded: set[str],
) -> None:
    names = {"m1": ("one", "d"), "m2": ("two", "d"), "m3": ("one", "e")}
    imported: set[str] = set()
    points = []
    for name, (point, distribution) in names.items():
        module(monkeypatch, name)
        points.append(entry_point(name, name=point, distribution=distribution))

    def noted(name: str) -> object:
        imported.add(name)
        return sys.modules[name]

    monkeypatch.setattr("importlib.metadata.import_module", noted)
    plugins = load_plugins(allow=allow, block=block, entry_points=points)
    assert {p.name for p in plugins.plugins if p.state == "loaded"} == loaded
    assert {p.name for p in plugins.plugins if p.state == "blocked"} == {
        f"{distribution}:{point}" for point, distribution in names.values()
    } - loaded
    assert {":".join(reversed(names[name])) for name in imported} == loaded


def test_misspelt_hook_is_an_error() -> None:
    class Misspelt:
        @hookimpl
        def register_sink(self) -> list[SinkType]:
            return []

    assert "unknown hook 'register_sink'" in str(failure(Misspelt()))


def test_unknown_argument_is_an_error() -> None:
    class Plugin:
        @hookimpl
        def on_record(self, recrod: object) -> None: ...

    assert "recrod" in str(failure(Plugin()))


def test_default_on_a_parameter_is_an_error() -> None:
    class Plugin:
        @hookimpl
        def on_start(self, host: str = "x") -> None: ...

    expected = "PluginError: on_start: parameter 'host' must not have a default"
    assert failure(Plugin()) == expected


def test_async_hook_is_an_error() -> None:
    class Plugin:
        @hookimpl
        async def on_stop(self) -> None: ...

    assert failure(Plugin()) == "PluginError: on_stop is async: nobody would await it"


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ([RecordingSink], "PluginError: register_sinks returned type, not SinkType"),
        (None, None),
        (5, "PluginError: register_sinks returned int, not a list of SinkType"),
        (
            SinkType(name="a", make=RecordingSink),
            "PluginError: register_sinks returned SinkType, not a list of SinkType",
        ),
        ([], None),
    ],
)
def test_answer_of_another_type(answer: Any, error: str | None) -> None:
    class Plugin:
        @hookimpl
        def register_sinks(self) -> Any:
            return answer

    assert failure(Plugin()) == error


def test_failure_in_a_registering_hook_registers_nothing() -> None:
    class Plugin(Sinks):
        @hookimpl
        def register_parsers(self) -> list[ParserType]:
            raise ZeroDivisionError("no")

    assert failure(Plugin("b")) == "ZeroDivisionError: no"


def test_name_that_is_taken_names_both_parties(caplog: pytest.LogCaptureFixture) -> None:
    extra = {"first": Sinks("a", "b"), "second": Sinks("a", "c")}
    plugins = load_plugins(extra=extra, entry_points=())
    problem = "sink 'a' is already provided by first; this one is not used"
    assert plugins.plugins[1].problems == [problem]
    assert f"plugin second: {problem}" in caplog.text
    assert [p.provides for p in plugins.plugins] == [("sink a", "sink b"), ("sink c",)]
    assert {name: plugins.owner(sink).name for name, sink in plugins.sinks.items()} == {
        "a": "first",
        "b": "first",
        "c": "second",
    }


def test_same_entry_point_name_in_two_distributions(monkeypatch: pytest.MonkeyPatch) -> None:
    points: list[metadata.EntryPoint] = []
    for distribution in ("b", "a", "icecube-plugin"):
        name = f"plugin_of_{len(points)}"
        module(monkeypatch, name, register_sinks=Sinks(f"sink-{distribution}").register_sinks)
        points.append(entry_point(name, name="same", distribution=distribution))
    plugins = load_plugins(entry_points=points)
    assert [p.name for p in plugins.plugins] == ["icecube-plugin:same", "a:same", "b:same"]
    assert list(plugins.sinks) == ["sink-icecube-plugin", "sink-a", "sink-b"]


def test_inventory_of_an_installed_environment() -> None:
    plugins = load_plugins()
    ours = {p.name: p for p in plugins.plugins if p.distribution == "icecube-plugin"}
    terminal = ours["icecube-plugin:sink-terminal"]
    assert terminal == PluginInfo(
        name="icecube-plugin:sink-terminal",
        distribution="icecube-plugin",
        version=terminal.version,
        module="icecube_plugin.sinks.terminal",
        hooks=("register_sinks",),
        provides=("sink terminal",),
        manager=terminal.manager,
    )
    assert {"json", "jsonl", "sqlite", "terminal"} <= set(plugins.sinks)


def mine(message: Message) -> Alert:
    return make_alert(comments=(str(message.topic),))


def test_parsers_that_claim_the_topic_come_first() -> None:
    def refuse(message: Message) -> Alert:
        raise NoticeError("is odd", field=f"{message.topic}")

    extra = {"a": parser("all", refuse, "other.*"), "b": parser("mine", mine, "my.*")}
    plugins = load_plugins(extra=extra, entry_points=())
    assert plugins.parse(make_message(topic="my.topic")).concerns == ()
    with pytest.raises(NoticeError, match=r"other.x\[0\]@12: other.x: is odd"):
        plugins.parse(make_message(topic="other.x"))


def test_notice_on_a_topic_that_does_not_carry_it() -> None:
    plugins = load_plugins(extra={"a": parser("mine", mine, "my.*")}, entry_points=())
    why = "the notice is of a kind that this topic does not carry; read by its content"
    concern = Concern(field="topic", found="other", taken="mine", why=why)
    assert plugins.parse(make_message(topic="other")).concerns == (concern,)
    assert plugins.parse(make_message(topic=None)).concerns == ()


def test_many_topics_do_not_fill_the_memory() -> None:
    plugins = load_plugins(extra={"a": parser("mine", mine, "my.*")}, entry_points=())
    for number in range(3000):
        plugins.parse(make_message(topic=f"my.{number}"))
    assert len(plugins._by_topic) <= 1001


@pytest.mark.parametrize(
    ("parse", "reason"),
    [
        (lambda _: 1 / 0, "parser p failed: ZeroDivisionError: division by zero"),
        (lambda _: "alert", "parser p answered str, not Alert"),
        (lambda _: None, "no parser recognises this message, got b'x'"),
    ],
)
def test_parser_that_does_wrong(parse: Callable[[Message], Any], reason: str) -> None:
    plugins = load_plugins(extra={"a": parser("p", parse, "t")}, entry_points=())
    with pytest.raises(NoticeError) as caught:
        plugins.parse(make_message(topic="t", value=b"x"))
    assert str(caught.value) == f"t[0]@12: {reason}"


def test_empty_message() -> None:
    with pytest.raises(NoticeError, match=r"t\[0\]@12: the message is empty$"):
        load_plugins(entry_points=()).record(make_message(topic="t", value=b""))


def failing(alert: Alert) -> list[Significance]:
    raise ZeroDivisionError(alert.kind)


def test_provider_that_fails_costs_only_its_own(caplog: pytest.LogCaptureFixture) -> None:
    class Plugin:
        @hookimpl
        def register_significance(self) -> list[SignificanceType]:
            return [
                SignificanceType(name="bad", make=lambda: failing),
                SignificanceType(name="good", make=lambda: lambda _: [make_significance()]),
            ]

    plugins = load_plugins(extra={"a": Plugin()}, entry_points=())
    assert plugins.assess(make_alert()) == (make_significance(),)
    assert "provider bad failed on gold:137840_57034692:0" in caplog.text
    assert plugins.failures == {"provider bad": 1}
    with pytest.raises(ConfigError) as caught:
        plugins.configure({"goood": {}})
    assert str(caught.value) == "significance.goood: no such provider (did you mean 'good'?)"


def test_unknown_sink_type() -> None:
    plugins = load_plugins(extra={"a": Sinks("sqlite")}, entry_points=())
    with pytest.raises(ConfigError) as caught:
        make_sink(plugins, "archive", "sqllite", {})
    assert str(caught.value) == (
        "sinks.archive.type: no sink type 'sqllite' (did you mean 'sqlite'?)"
    )


class Sized:
    """A sink whose constructor another class inherits."""

    def __init__(self, *, size: int = 1) -> None:
        self.size = size


class Inherits(Sized):
    """It says nothing of its options itself."""


def test_options_of_an_inherited_constructor_are_checked() -> None:
    assert build(Inherits, {"size": 3}, "sinks.a").size == 3
    with pytest.raises(ConfigError, match=r"sinks\.a\.size: expected `int`, got `str`"):
        build(Inherits, {"size": "3"}, "sinks.a")


def made(*, path: str, size: int = 1) -> tuple[str, int]:
    """A factory with a required option, that refuses some values."""
    if size == 0:
        raise ConfigError("must not be 0", key="size")
    if size < 0:
        raise ValueError("must be positive")
    return path, size


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"path": "x", "siez": 1}, "sinks.a.siez: unknown option (did you mean 'size'?)"),
        ({"path": "x", "zzz": 1}, "sinks.a.zzz: unknown option (known: path, size)"),
        ({"size": 1}, "sinks.a.path: is required"),
        ({"path": "x", "size": 0}, "sinks.a.size: must not be 0"),
        ({"path": "x", "size": -1}, "sinks.a: must be positive"),
        ({"path": "x", "size": "1"}, "sinks.a.size: expected `int`, got `str`"),
    ],
)
def test_options_that_are_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(made, options, "sinks.a")
    assert str(caught.value).startswith(text)


def test_options_that_are_taken() -> None:
    assert build(made, {"path": "x"}, "sinks.a") == ("x", 1)
    assert build(lambda **options: options, {"any": 1}, "sinks.a") == {"any": 1}


@pytest.mark.parametrize(
    ("name", "known", "text"),
    [
        ("sqlit", ["sqlite", "json"], "did you mean 'sqlite'?"),
        ("zzz", ["sqlite", "json"], "known: json, sqlite"),
        ("zzz", [], "known: none"),
    ],
)
def test_nearest(name: str, known: list[str], text: str) -> None:
    assert nearest(name, known) == text


def test_a_class_is_no_plugin() -> None:
    assert failure(Sinks) == "PluginError: Sinks is a class: name a module, or an instance"


class Asynchronous:
    async def write(self, records: object) -> None: ...


class WithoutWrite: ...


class OtherArguments:
    def write(self) -> None: ...


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (Asynchronous, "write is async: nobody would await it"),
        (WithoutWrite, "WithoutWrite has no method write(records)"),
        (OtherArguments, "write cannot be called as write(records)"),
        (lambda: None, "make returned None, not a sink"),
    ],
)
def test_what_is_no_sink_is_refused_when_it_is_made(make: Any, text: str) -> None:
    class Plugin:
        @hookimpl
        def register_sinks(self) -> list[SinkType]:
            return [SinkType(name="a", make=make)]

    plugins = load_plugins(extra={"theirs": Plugin()}, entry_points=())
    with pytest.raises(ConfigError) as caught:
        make_sink(plugins, "x", "a", {})
    assert str(caught.value).startswith(f"sinks.x.type: sink type 'a' of theirs: {text}")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"signalness": 17}, "signalness: parser p gave an alert that cannot be: Expected `float`"),
        ({"localization": (1, 2)}, "localization: parser p gave an alert that cannot be"),
        ({"unread": {"x": object()}}, "unread: parser p gave an alert that cannot be"),
    ],
)
def test_ill_typed_alerts_are_refused_by_name(changes: dict[str, Any], text: str) -> None:
    plugins = load_plugins(
        extra={"a": parser("p", lambda _: make_alert(**changes), "t")}, entry_points=()
    )
    with pytest.raises(NoticeError) as caught:
        plugins.record(make_message(topic="t"))
    assert str(caught.value).startswith(f"t[0]@12: {text}")


def test_who_wants_to_be_asked_first_or_last() -> None:
    class First(Sinks):
        @hookimpl(tryfirst=True)
        def register_sinks(self) -> list[SinkType]:
            return super().register_sinks()

    class Last(Sinks):
        @hookimpl(trylast=True)
        def register_sinks(self) -> list[SinkType]:
            return super().register_sinks()

    extra = {"a": Last("last"), "b": Sinks("middle"), "c": First("first")}
    assert list(load_plugins(extra=extra, entry_points=()).sinks) == ["first", "middle", "last"]
