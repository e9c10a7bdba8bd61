"""``icecube-alerts plugins``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ._common import add_json, configuration, installed, print_json, table

if TYPE_CHECKING:
    from icecube_hooks.host import PluginInfo, PluginSet

__all__ = ["add_arguments"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = (
        "Switch plugins off with `block` or on with `allow` in the table [plugins] of the\n"
        "configuration. Exit code 1 if one failed."
    )
    parser.add_argument(
        "--trace", action="store_true", help="what importing each took, and where one failed"
    )
    add_json(parser, "the list")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    loaded = installed(configuration(arguments))
    if arguments.json:
        print_json([_entry(info, arguments.trace) for info in loaded.plugins])
    else:
        _print(loaded)
        if arguments.trace:
            _print_trace(loaded)
    return 1 if any(info.state == "failed" for info in loaded.plugins) else 0


def _entry(info: PluginInfo, trace: bool) -> dict[str, Any]:
    names: tuple[str, ...] = ("name", "distribution", "version", "module", "state", "error")
    names += ("seconds", "traceback") if trace else ()
    lists = ("hooks", "provides", "problems")
    entry = {name: getattr(info, name) for name in names}
    return entry | {name: list(getattr(info, name)) for name in lists}


def _print_trace(loaded: PluginSet) -> None:
    print()
    slowest_first = sorted(loaded.plugins, key=lambda info: -info.seconds)
    rows = [[info.name, info.module, f"{1000 * info.seconds:.1f} ms"] for info in slowest_first]
    print(table(rows, ["PLUGIN", "MODULE", "IMPORTED IN"]))
    for info in loaded.plugins:
        if info.traceback:
            print(f"\n{info.name}:\n{info.traceback}")


def _print(loaded: PluginSet) -> None:
    rows = [
        [info.name, info.version, info.state, ", ".join(info.provides) or "-"]
        for info in loaded.plugins
    ]
    print(table(rows, ["PLUGIN", "VERSION", "STATE", "PROVIDES"]))
    for info in loaded.plugins:
        for problem in [info.error, *info.problems]:
            if problem:
                print(f"  ! {info.name}: {problem}")
    for problem in loaded.problems:
        print(f"  ! {problem}")
    print()
    things = [
        [kind, thing.name, thing.summary]
        for kind, group in (
            ("parser", loaded.parsers),
            ("significance", loaded.significances),
            ("annotator", loaded.annotators),
            ("observer", loaded.observers),
            ("sink", loaded.sinks),
        )
        for thing in group.values()
    ]
    print(table(things, ["KIND", "NAME", "WHAT IT DOES"]))
