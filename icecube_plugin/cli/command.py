"""The command ``icecube-alerts``.

Each command is a module of `icecube_plugin.cli`, imported only when it is the one that runs.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import re
import sys
from collections.abc import Sequence
from typing import Final

__all__ = ["main", "whole_parser"]

COMMANDS: Final = {
    "init": "write a configuration, keep credentials, choose sinks, and check it all",
    "demo": "show the main job on published alerts: no account, no server, no network",
    "listen": "receive alerts live from GCN, or any Kafka broker, into the sinks",
    "backfill": "read a range of past time from Kafka into the sinks, then stop",
    "replay": "read files or folders into the sinks",
    "parse": "show what notices say, without any sink",
    "tail": "show the last alerts that were kept, and new ones as they come",
    "show": "show one event: its history, changes, significance and coincident events",
    "report": "make a page per event and an index, to look at or to publish",
    "serve": "show the pages live, on this machine: for a control-room screen",
    "region": "write the region of an event: coverage map (MOC), DS9, CASA",
    "plot": "draw a sky map, finder, visibility, p-values or cumulative numbers",
    "significance": "p-value, sigma, trials, false-alarm rate and verdict",
    "chance": "a source inside the region of an alert: how often by chance",
    "near": "an alert near a transient, or near an earlier alert: how often by chance",
    "fluence": "expected neutrinos and limits of a fluence, with your effective area",
    "schema": "print the JSON schema of the records that sinks write",
    "query": "search the database: by kind, time, position, significance",
    "new-plugin": "make a package with a plugin of your own, tests included",
    "new-sink": "the older name of new-plugin, for sinks",
    "plugins": "list the plugins: version, state, what they provide",
    "topics": "list the Kafka topics and the parser of each",
    "config": "show every value of the configuration, and where it came from",
    "auth": "keep credentials for GCN or another broker",
    "check": "check configuration, plugins, sinks, credentials and connection",
    "status": "show how the running host is: messages, lag, sinks, heartbeat",
    "sinks": "list the sinks: what waits for each, last success, last error",
    "dead-letters": "list, show or try again what could not be read or delivered",
    "completion": "print what completes these commands in bash, zsh or tcsh",
}

EXIT_CODES: Final = {
    0: "all went well",
    1: "something was refused or failed, or the host is not well",
    2: "wrong usage or configuration",
    3: "no connection, or not allowed",
    130: "interrupted by Ctrl-C",
}

EXAMPLES: Final = """\
examples:
  icecube-alerts demo
  icecube-alerts parse notice.xml --json
  icecube-alerts significance 0.0191 --trials 100
  icecube-alerts init
  icecube-alerts listen
  icecube-alerts --config alerts.toml backfill --since 30d

`icecube-alerts COMMAND --help` shows more. Without --config, ICECUBE_ALERTS_CONFIG or
./icecube-alerts.toml is read, if there is one.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    argv = _with_negatives(sys.argv[1:] if argv is None else argv)
    parser = _parser(argv)
    arguments, unknown = parser.parse_known_args(argv)
    if hasattr(arguments, "sources") and not any(word.startswith("-") for word in unknown):
        # argparse ends a list at the first option: `region EVENT -o FILE SOURCE`.
        arguments.sources, unknown = [*arguments.sources, *unknown], []
    if unknown:
        parser.error(f"unrecognized arguments: {_without_values(unknown)}")
    _set_up_logging(arguments)
    try:
        code: int = arguments.run(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except EOFError:
        text = "nobody is there to answer: --help lists the options that say the same"
        print(f"icecube-alerts: {text}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader of our output has gone; Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except Exception as error:  # the edge of the program: one line for people
        if arguments.debug:
            raise
        return _report(error)
    return code


_NEGATIVE: Final = re.compile(r"-\.?\d")


def _with_negatives(words: Sequence[str]) -> list[str]:
    """Join a value such as ``-24.6,-70.4,2635`` with its option, for argparse takes it for one.

    A plain negative number it does know, and an option may take several of these.
    """
    joined: list[str] = []
    for word in words:
        is_value = _NEGATIVE.match(word) and joined and joined[-1].startswith("--")
        if is_value and not _is_number(word) and "=" not in joined[-1]:
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _is_number(word: str) -> bool:
    return re.fullmatch(r"-\d+|-\d*\.\d+", word) is not None


def _without_values(words: Sequence[str]) -> str:
    """Return unknown arguments without what follows an option: that may be a secret."""
    shown = (
        word.partition("=")[0]
        for before, word in zip(["", *words], words, strict=False)
        if word.startswith("-") or not before.startswith("-")
    )
    return " ".join(shown)


def whole_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands, for what has to know them all."""
    return _parser((), every=True)


def _parser(argv: Sequence[str], *, every: bool = False) -> argparse.ArgumentParser:
    from icecube_plugin import __version__

    parser = argparse.ArgumentParser(
        prog="icecube-alerts",
        description="IceCube neutrino alerts: parsed, assessed and delivered by plugins.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"icecube-alerts {__version__}")
    parser.set_defaults(
        config=None, verbose=False, debug=False, log=os.environ.get("ICECUBE_ALERTS_LOG", "text")
    )
    _add_general(parser)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    chosen = next((word for word in argv if word in COMMANDS), None)
    for name, text in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=text,
            description=text[0].upper() + text[1:] + ".",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if every or name == chosen:
            module = importlib.import_module(f"icecube_plugin.cli.{name.replace('-', '_')}")
            module.add_arguments(command)
            _add_general(command)
    return parser


def _add_general(parser: argparse.ArgumentParser) -> None:
    """Add the options that stand before a command or behind it; `_parser` has their defaults."""
    group = parser.add_argument_group("general options", argument_default=argparse.SUPPRESS)
    group.add_argument("--config", metavar="FILE", help="TOML configuration")
    group.add_argument("-v", "--verbose", action="store_true", help="say more on stderr")
    group.add_argument("--debug", action="store_true", help="say everything; show tracebacks")
    group.add_argument("--log", choices=("text", "json"), help="form of the log on stderr")


def _set_up_logging(arguments: argparse.Namespace) -> None:
    from .log_format import set_up

    level = logging.INFO if arguments.verbose else logging.WARNING
    set_up(logging.DEBUG if arguments.debug else level, arguments.log)


def _report(error: Exception) -> int:
    """Print one line that says what went wrong, and return the exit code for it."""
    from icecube_hooks import ConfigError, IceCubePluginError
    from icecube_hooks.host import in_words

    known = isinstance(error, IceCubePluginError | ModuleNotFoundError)
    text = in_words(error) if known else repr(error)
    if isinstance(error, OSError) and not known:
        known = error.filename is not None
        text = f"cannot use {error.filename}: {error.strerror}" if known else str(error)
    hint = "" if known else " (--debug shows where)"
    print(f"icecube-alerts: {text}{hint}", file=sys.stderr)
    if isinstance(error, ConfigError):
        return 2
    return 3 if isinstance(error, ConnectionError) else 1
