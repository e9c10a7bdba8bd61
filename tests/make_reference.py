"""Writes ``docs/reference.md`` from the code: ``python -m tests.make_reference``.

What it needs a text for and finds none is an error, so nothing new stays without one.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import itertools
import re
import tempfile
import textwrap
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

from icecube_hooks import ENTRY_POINT_GROUP
from icecube_hooks.host import PluginSet, load_plugins
from icecube_plugin.alerts.columns import RECORD, Column, by_name
from icecube_plugin.cli.command import COMMANDS, EXIT_CODES, whole_parser
from icecube_plugin.host import Config, Host, config, filters, health
from icecube_plugin.host.health import status
from icecube_plugin.host.health_server import families

PAGE: Final = Path(__file__).parents[1] / "docs" / "reference.md"

OURS: Final = "icecube-plugin"

HEAD: Final = """\
# Reference

Made from the code by `python -m tests.make_reference`, and held to it by a test. What all this is
for is in the [guide](guide.md). The contract for plugins is in
[hooks/README.md](../hooks/README.md).
"""

ENVIRONMENT: Final = {
    "GCN_CLIENT_ID, GCN_CLIENT_SECRET": "credentials; they come before all others",
    "GCN_CLIENT_ID_FILE, GCN_CLIENT_SECRET_FILE": "names of files that hold them",
    "ICECUBE_ALERTS_CONFIG": "the configuration, where `--config` names none",
    "ICECUBE_ALERTS_AUTH": "your credentials, in place of `~/.config/icecube-alerts/auth.toml`",
    "ICECUBE_ALERTS_LOG": "`text` or `json`: form of the log on stderr",
    "NO_COLOR": "no colours on the terminal",
}

MORE_NAMES: Final = {
    "abs_b_deg": "Galactic latitude, without its sign [deg]",
    "b_deg": "Galactic latitude [deg]",
    "event": "the same as event_key",
    "far_per_year": "false alarms per year that the notice states [1 / yr]",
    "l_deg": "Galactic longitude [deg]",
    "moon_deg": "distance from the Moon at the time of the event [deg]",
    "p_post": "the same as headline_p_post",
    "real": "the same as is_real",
    "region_deg2": "area of the stated region [deg2]",
    "repeat": "whether the same notice came before, in any format",
    "sigma_post": "the same as headline_sigma_post",
    "sun_deg": "distance from the Sun at the time of the event [deg]",
    "topic": "Kafka topic that it came from",
}

MODULES: Final = (
    "icecube_plugin",
    "icecube_plugin.host",
    "icecube_plugin.alerts",
    "icecube_plugin.alerts.tables",
    "icecube_plugin.sky",
    "icecube_plugin.sky.skymaps",
    "icecube_plugin.sky.catalogues",
    "icecube_plugin.sky.observing",
    "icecube_plugin.significance",
    "icecube_plugin.views.plots",
    "icecube_plugin.sinks.database",
    "icecube_plugin.sinks.json_lines",
    "icecube_plugin.adapters.hop",
    "icecube_plugin.adapters.pygcn",
)


class Unwritten(Exception):
    """Something has no text."""


MISSING: Final[list[str]] = []


def _check_installation() -> None:
    """Refuse an editable install that is older than a plugin: the page would lose it."""
    project = tomllib.loads(PAGE.parents[1].joinpath("pyproject.toml").read_text())["project"]
    known = {one.name for one in entry_points(group=ENTRY_POINT_GROUP)}
    if missing := project["entry-points"][ENTRY_POINT_GROUP].keys() - known:
        raise SystemExit(f"not installed: {', '.join(missing)}; run: pip install -e . --no-deps")


def reference() -> str:
    """Return the page."""
    _check_installation()
    plugins = load_plugins(allow=[OURS])
    parts = (
        HEAD,
        *_commands(),
        _section("Exit codes", _table(("code", "what it means"), EXIT_CODES.items())),
        _section("Environment", _table(("variable", "what it is"), _code(ENVIRONMENT.items()))),
        *_configuration(),
        *_filters(),
        *_options(plugins),
        *_metrics(),
        *_problems(),
        *_api(),
    )
    page = "\n".join(part.rstrip() + "\n" for part in parts)
    if MISSING:
        raise Unwritten(", ".join(MISSING))
    return page


def _section(title: str, *parts: str, level: int = 2) -> str:
    return "\n\n".join((f"{'#' * level} {title}", *(part.strip() for part in parts if part)))


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def _code(rows: Iterable[Sequence[object]]) -> Iterator[Sequence[object]]:
    for first, *others in rows:
        yield (", ".join(f"`{name}`" for name in str(first).split(", ")), *others)


def _told(what: str, text: str | None) -> str:
    if not text:
        MISSING.append(what)
    return text or ""


# Commands


def _commands() -> Iterator[str]:
    parser = whole_parser()
    general = next(g for g in parser._action_groups if g.title == "general options")
    yield _section(
        "Commands",
        "`icecube-alerts COMMAND --help` has examples. Before or behind each command:",
        _arguments(general._group_actions, "general options"),
    )
    for name, command in _subparsers(parser).items():
        yield from _command(name, command, COMMANDS[name])


def _command(name: str, parser: argparse.ArgumentParser, text: str) -> Iterator[str]:
    groups = [g for g in parser._action_groups if g.title != "general options"]
    actions = [action for group in groups for action in group._group_actions]
    yield _section(f"`{name}`", f"{text[0].upper()}{text[1:]}.", _arguments(actions, name), level=3)
    helps = {
        choice.dest: choice.help
        for action in actions
        if isinstance(action, argparse._SubParsersAction)
        for choice in action._choices_actions
    }
    for inner, command in _subparsers(parser).items():
        yield from _command(f"{name} {inner}", command, _told(f"{name} {inner}", helps[inner]))


def _subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    return dict(found[0].choices) if found else {}


def _arguments(actions: Iterable[argparse.Action], where: str) -> str:
    rows = [
        (_spelling(action), _told(f"{where}: {_spelling(action)}", _help_of(action)))
        for action in actions
        if not isinstance(action, argparse._HelpAction | argparse._SubParsersAction)
    ]
    return _table(("option", "what it does"), rows) if rows else ""


def _spelling(action: argparse.Action) -> str:
    names = ", ".join(f"`{name}`" for name in action.option_strings)
    if action.nargs == 0:
        return names
    shown = action.metavar or (
        "{" + ",".join(map(str, action.choices)) + "}" if action.choices else action.dest.upper()
    )
    value = " ".join(shown) if isinstance(shown, tuple) else str(shown)
    value += "..." if action.nargs in ("*", "+") else ""
    return f"{names} `{value}`".strip()


def _help_of(action: argparse.Action) -> str | None:
    return None if action.help is None else action.help.replace("%%", "%")


# Configuration


def _configuration() -> Iterator[str]:
    texts = _texts_of(config.__doc__) | _texts_of(health.__doc__)
    yield _section(
        "Configuration",
        "One TOML file. Relative paths belong to its folder. `icecube-alerts config show` prints "
        "what counts.",
    )
    yield _section(
        "Top level", _keys(config.Config, "", texts, leave=("kafka", "plugins", "health")), level=3
    )
    for name, kind in (
        ("kafka", config.KafkaConfig),
        ("plugins", config.PluginsConfig),
        ("health", config.HealthConfig),
    ):
        yield _section(f"`[{name}]`", _keys(kind, f"{name}.", texts), level=3)
    yield _section(
        "`[sinks.NAME]`",
        "Without any: terminal, SQLite, JSON files and JSON lines in `data_folder`.",
        _keys(config.SinkConfig, "sinks.", texts, leave=("name", "options")),
        level=3,
    )


NOT_THERE: Final = ("origin", "sinks", "significance", "annotators", "parsers", "observers")


def _keys(
    kind: type[config.Section], path: str, texts: dict[str, str], leave: Sequence[str] = ()
) -> str:
    defaults = kind(name="", type="") if kind is config.SinkConfig else kind()
    names = [n for n in kind.__struct_fields__ if n not in (*leave, *NOT_THERE)]
    rows = [
        (f"`{key}`", _default(getattr(defaults, name)), _told(path + key, texts.get(path + key)))
        for name, key in zip(names, map(_key, names), strict=True)
    ]
    return _table(("key", "default", "what it is"), rows)


def _key(name: str) -> str:
    return "skip_older_than" if name == "skip_older_than_s" else name


def _default(value: object) -> str:
    if value is None or value == "":
        return "none"
    if value == () or value == {}:
        return "empty"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text}`" if not isinstance(value, str | Path) else f'`"{text}"`'


_TABLE: Final = re.compile(r"^ +\[([\w.]+)\](?: +# (.*))?$", re.MULTILINE)
_LINE: Final = re.compile(r"^ +([\w.\"]+) = (?:.*?)  +# (.*)$")


def _texts_of(docstring: str | None) -> dict[str, str]:
    """Return what the comments of the example in a docstring say, by key."""
    found: dict[str, str] = {}
    path = ""
    for line in (docstring or "").splitlines():
        if (table := _TABLE.match(line)) is not None:
            name = table[1]
            path = "sinks." if name.startswith("sinks.") and "filter" not in name else f"{name}."
            found[name] = table[2] or ""
        elif (key := _LINE.match(line)) is not None:
            found[path + key[1]] = key[2]
    return found


def _filters() -> Iterator[str]:
    texts = {key.rpartition(".")[2]: text for key, text in _texts_of(filters.__doc__).items()}
    sides = [n for n in filters.FILTERS if n.startswith(("min_", "max_"))]
    plain = [n for n in filters.FILTERS if n not in sides]
    told = [*plain, *(name for name in sides if name in texts)]
    yield _section(
        "Filters",
        "In `[sinks.NAME.filter]`; all must hold. What a notice does not state passes no limit.",
        _table(("key", "what passes"), _code((n, _told(n, texts.get(n))) for n in told)),
        "`min_` and `max_` are there for each number of a record: "
        + ", ".join(f"`{name[4:]}`" for name in sides if name.startswith("min_"))
        + ".",
    )
    columns = by_name(RECORD)
    rows = (
        (name, _of_column(columns[name]) if name in columns else _told(name, MORE_NAMES.get(name)))
        for name in sorted(filters.NAMES)
    )
    yield _section(
        "Names",
        'In `when = "..."` of a sink, `query --when`, `query --columns`, and as columns of tables.',
        _table(("name", "what it is"), _code(rows)),
        level=3,
    )


def _of_column(column: Column) -> str:
    return f"{column.text} [{column.unit}]" if column.unit else column.text


# Options of plugins


def _options(plugins: PluginSet) -> Iterator[str]:
    yield _section(
        "Sinks",
        "`type` of a table `[sinks.NAME]`, and its own options. What is written where is in "
        "[files](files.md), [databases](database.md), [streams](streams.md) and "
        "[notifications](notifications.md).",
    )
    for name, sink in sorted(plugins.sinks.items()):
        skip = sink.skip_older_than_s
        notes = ["After the journal."] if sink.after_journal else []
        notes += [] if skip is None else [f"Nothing older than {skip / 86400:g} d, by default."]
        yield _section(
            f"`{name}`", " ".join([_sentence(sink.summary), *notes]), _of(sink.make), level=3
        )
    yield _section("Providers and annotators", "Tables `[significance.NAME]`, `[annotators.NAME]`.")
    groups: dict[str, Mapping[str, Any]] = {
        "significance": plugins.significances,
        "annotators": plugins.annotators,
        "parsers": plugins.parsers,
        "observers": plugins.observers,
    }
    for section, group in groups.items():
        for name, thing in sorted(group.items()):
            if thing.make is not None:
                title = f"`[{section}.{name}]`"
                yield _section(title, _sentence(thing.summary), _of(thing.make), level=3)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:].rstrip('.')}." if text else ""


def _of(make: Callable[..., Any]) -> str:
    """Return the table of the options of what is made."""
    texts = parameters_of(inspect.getdoc(make) or "")
    rows = [
        (f"`{name}`", _needed(one.default), _told(f"{make.__qualname__}.{name}", texts.get(name)))
        for name, one in inspect.signature(make).parameters.items()
    ]
    return _table(("option", "default", "what it is"), rows) if rows else ""


def _needed(default: object) -> str:
    return "required" if default is inspect.Parameter.empty else _default(default)


def parameters_of(docstring: str) -> dict[str, str]:
    """Return the texts of the parameters in a numpydoc docstring."""
    match = re.search(r"Parameters\n-+\n(.*?)(?:\n\n\w+\n-+\n|\Z)", docstring, re.DOTALL)
    found: dict[str, str] = {}
    for entry in re.split(r"\n(?=\S)", match[1] if match else ""):
        head, _, text = entry.partition("\n")
        for name in head.partition(" : ")[0].split(", "):
            found[name] = " ".join(textwrap.dedent(text).split()).replace("``", "`")
    return found


# Health


def _metrics() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        host = Host(Config(data_folder=Path(folder), sinks=()))
        now = status(host, None) | {"heartbeat_age_s": 0.0}
        host.close()
    rows = [
        (
            f"`{family.name}{'_total' if family.type == 'counter' else ''}`",
            family.type,
            ", ".join(f"`{label}`" for label in family._labelnames) or "-",
            _told(family.name, family.documentation),
        )
        for family in families(now)
    ]
    header = ("metric", "type", "label", "what it is")
    yield _section("Metrics", "On `/metrics`, with `[health] listen`.", _table(header, rows))


def _problems() -> Iterator[str]:
    (block,) = re.findall(r"=+ =+\n(.*?)\n=+ =+", health.__doc__ or "", re.DOTALL)
    rows = (re.split(r"  +", line, maxsplit=1) for line in block.splitlines())
    yield _section(
        "Problems",
        "Why a host is not well, in `status` and metrics.",
        _table(("kind", "what it is"), _code(rows)),
    )


# Python


def _api() -> Iterator[str]:
    yield _section("Python", "Public names. `help(NAME)` has units, ranges and errors.")
    for name in MODULES:
        module = importlib.import_module(name)
        rows = [
            (f"`{public}{_signature(getattr(module, public))}`", _first_line(module, public))
            for public in _public(module)
            if not public.startswith("__")
        ]
        yield _section(
            f"`{name}`", _first_line(module, ""), _table(("name", "what it is"), rows), level=3
        )
        if name == "icecube_plugin.host":
            yield _section("`Host`", _members(Host), level=4)


def _public(module: Any) -> list[str]:
    """Return the public names: ``__all__``, or what is defined there without an underscore."""
    own = (
        n
        for n, thing in vars(module).items()
        if getattr(thing, "__module__", "") == module.__name__
    )
    return list(getattr(module, "__all__", None) or (n for n in own if not n.startswith("_")))


def _members(kind: type) -> str:
    rows = [
        (f"`{name}{_signature(thing)}`", _summary(inspect.getdoc(thing)))
        for name, thing in vars(kind).items()
        if not name.startswith("_") and (inspect.isroutine(thing) or isinstance(thing, property))
    ]
    return _table(("method", "what it does"), rows)


def _signature(thing: object) -> str:
    if isinstance(thing, classmethod | staticmethod):
        thing = thing.__func__
    if not inspect.isroutine(thing):
        return ""
    names = [n for n in inspect.signature(thing).parameters if n not in ("self", "cls")]
    return f"({', '.join(names)})"


def _first_line(module: Any, name: str) -> str:
    """Return the first line of a docstring, also of the string behind a constant."""
    if not name:
        return _told(module.__name__, _summary(module.__doc__))
    thing = getattr(module, name)
    if inspect.isroutine(thing) or inspect.isclass(thing):
        return _told(f"{module.__name__}.{name}", _summary(inspect.getdoc(thing)))
    return _told(f"{module.__name__}.{name}", _summary(_behind(module, name)))


def _behind(module: Any, name: str) -> str:
    """Return the string behind a constant, in the file of the package that defines it."""
    folder = Path(module.__file__).parent
    for file in (Path(module.__file__), *sorted(folder.glob("*.py"))):
        body = ast.parse(file.read_text("utf-8")).body
        for statement, after in itertools.pairwise(body):
            named = getattr(statement, "target", None) or (getattr(statement, "targets", [None])[0])
            text = after.value if isinstance(after, ast.Expr) else None
            if getattr(named, "id", "") == name and isinstance(text, ast.Constant):
                return str(text.value)
    return ""


def _summary(text: str | None) -> str:
    return " ".join((text or "").strip().split("\n\n")[0].split()).replace("``", "`")


if __name__ == "__main__":
    PAGE.write_text(reference(), "utf-8")
