"""What the commands share: configuration, progress, tables, and running a host to its end."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import gc
import json
import os
import shutil
import signal
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, cast

from icecube_plugin.alerts.words import plural

if TYPE_CHECKING:
    from icecube_hooks.host import PluginSet
    from icecube_plugin.host import Config, Host, Source, Summary

    from ._progress import RunProgress

__all__ = [
    "add_json",
    "add_sites",
    "configuration",
    "folded",
    "installed",
    "print_json",
    "prints_aside",
    "run_host",
    "screen_columns",
    "table",
]

FOUND: Final = "icecube-alerts.toml"
"""The configuration that is used where none is named."""
FEWEST_COLUMNS: Final = 24
"""A narrower last column of a table cannot be read."""


def configuration(arguments: argparse.Namespace) -> Config:
    """Load the file that ``--config``, the environment or the working folder names: once."""
    from icecube_plugin.host import load_config

    if "configuration" in arguments:
        return cast("Config", arguments.configuration)
    named = arguments.config or os.environ.get("ICECUBE_ALERTS_CONFIG")
    is_found = named is None and Path(FOUND).exists()
    config = load_config(FOUND if is_found else named, is_found=is_found)
    if arguments.config is None and config.origin is not None:
        how = "found in this folder" if is_found else "named by ICECUBE_ALERTS_CONFIG"
        print(f"icecube-alerts: configuration {config.origin}, {how}", file=sys.stderr)
    config = config.replace(sinks=config.sinks_or_defaults())  # one of the default ones prints
    arguments.configuration = config
    return config


def installed(config: Config) -> PluginSet:
    """Load the plugins that a configuration allows."""
    from icecube_plugin.host.plugins import configured_plugins

    return configured_plugins(config)


def add_json(parser: argparse._ActionsContainer, what: str) -> None:
    """Add the option ``--json``."""
    parser.add_argument("--json", action="store_true", help=f"print {what} as JSON")


def add_sites(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--site``, which may come several times."""
    parser.add_argument(
        "--site",
        action="append",
        default=[],
        dest="sites",
        metavar="SITE",
        help="name of an observatory, or LAT,LON,HEIGHT [deg, deg, m]: when it can observe "
        "(several: once each)",
    )


def print_json(data: object) -> None:
    """Print JSON on stdout."""
    print(json.dumps(data, indent=2))


def prints_aside(arguments: argparse.Namespace) -> contextlib.AbstractContextManager[object]:
    """With ``--json``, send what plugins print to stderr: it must not stand between the JSON."""
    aside = contextlib.redirect_stdout(sys.stderr)
    return aside if arguments.json else contextlib.nullcontext()


def table(
    rows: Iterable[Sequence[str]],
    header: Sequence[str],
    width: int | None = None,
    drop: Sequence[str] = (),
) -> str:
    """Lay out rows in aligned columns under a header.

    What is wider than the screen (or `width`) loses columns, if `drop` names some: the empty ones,
    then those, one after the other. Else its last column is folded; if there is no room for that,
    each row becomes a block of lines with the names of the columns, without empty ones.

    Examples
    --------
    >>> print(table([["a", "1"], ["long", "22"]], ["NAME", "N"]))
    NAME  N
    a     1
    long  22
    >>> print(table([["a", "some words", "1"]], ["NAME", "WHAT IT IS", "N"], width=18))
    a
      WHAT IT IS  some
                  words
      N           1
    >>> print(table([["a", "some words", "1"]], ["NAME", "WHAT IT IS", "N"], 18, ["WHAT IT IS"]))
    NAME  N
    a     1
    (no room for WHAT IT IS)
    """
    lines = [list(header), *([str(cell) for cell in row] for row in rows)]
    limit = screen_columns() if width is None else width
    if limit is not None and drop and (kept := _that_fit(lines, limit, drop)) is not None:
        gone = [
            name
            for name, *cells in zip(*lines, strict=True)
            if name not in kept[0] and {*cells} - {"", "-"}
        ]
        more = [folded(f"(no room for {', '.join(gone)})")] if gone else []
        return "\n".join([table(kept[1:], kept[0], limit), *more])
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    before = sum(widths[:-1]) + 2 * len(widths[:-1])
    if limit is None or before + widths[-1] <= limit:
        return "\n".join(_row(line, widths) for line in lines)
    if limit - before >= FEWEST_COLUMNS:
        last = (_folded(line[-1], limit - before) for line in lines)
        return "\n".join(
            _row([*(line[:-1] if first else [""] * (len(line) - 1)), part], widths)
            for line, parts in zip(lines, last, strict=True)
            for first, part in zip([True, *[False] * len(parts)], parts, strict=False)
        )
    return "\n".join(_block(line, header, limit) for line in lines[1:])


def _that_fit(
    lines: Sequence[Sequence[str]], limit: int, drop: Sequence[str]
) -> list[list[str]] | None:
    """Return the columns that stay so that all fit; ``None`` if too many would have to go.

    First all those without any value leave.
    """
    columns = list(zip(*lines, strict=True))
    for leaves in (None, "", *drop):
        columns = [
            (name, *cells)
            for name, *cells in columns
            if name != leaves and not (leaves == "" and set(cells) <= {"", "-"})
        ]
        if sum(max(map(len, column)) + 2 for column in columns) - 2 <= limit:
            return [list(line) for line in zip(*columns, strict=True)]
    return None


def _row(line: Sequence[str], widths: Sequence[int]) -> str:
    cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
    return "  ".join(cells).rstrip()


def _block(line: Sequence[str], header: Sequence[str], limit: int) -> str:
    start = max(map(len, header[1:])) + 4
    lines = [
        f"{'' if number else f'  {name}'.ljust(start)}".ljust(start) + part
        for name, cell in zip(header[1:], line[1:], strict=True)
        if cell not in ("", "-")
        for number, part in enumerate(_folded(cell, max(limit - start, 8)))
    ]
    return "\n".join([line[0], *lines])


def _folded(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


def screen_columns() -> int | None:
    """Return how wide the screen is; ``None`` where nobody watches: lines stay whole in a pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def folded(text: str) -> str:
    """Return a line as lines that fit the screen, what follows indented; links stay whole."""
    width, start = screen_columns(), len(text) - len(text.lstrip())
    if width is None or len(text) <= width:
        return text
    return textwrap.fill(
        text,
        width,
        subsequent_indent=" " * (start + 2),
        break_long_words=False,
        break_on_hyphens=False,
    )


def run_host(
    config: Config,
    source: Callable[[], Source],
    arguments: argparse.Namespace,
    progress: RunProgress | None = None,
    plugins: PluginSet | None = None,
) -> int:
    """Run a host on a source until it ends or a signal comes; print what it did.

    Returns
    -------
    int
        1 if a message was refused, a sink failed, or records still wait for one; else 0.
    """
    from icecube_plugin.host import Host

    gc.freeze()  # what exists now need not be looked at again: a tenth of the time of a back-fill
    config = _without_terminal(config) if arguments.json else config
    host = Host(config, plugins=plugins, source=source, on_batch=progress)
    before = _stop_on_signals(host)
    try:
        with prints_aside(arguments):
            summary = host.run()
    finally:
        for number, handler in before.items():  # they are the caller's, who may go on
            signal.signal(number, handler)
        if progress is not None:
            progress.end()
    print_json(dataclasses.asdict(summary)) if arguments.json else _print_summary(host, summary)
    return 1 if summary.refused or summary.failed or summary.waiting else 0


def _without_terminal(config: Config) -> Config:
    """Leave the default terminal sink out: its text would stand between the JSON."""
    sinks = tuple(sink for sink in config.sinks_or_defaults() if sink.type != "terminal")
    return config.replace(sinks=sinks)


def _stop_on_signals(host: Host) -> dict[int, Any]:
    """Let SIGTERM and SIGINT finish the batch in hand; a second one ends the process at once.

    Returns
    -------
    dict
        The handlers that were there, by signal.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        print("icecube-alerts: stopping after the batch in hand", file=sys.stderr)
        host.stop(0.0)

    return {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}


def _print_summary(host: Host, summary: Summary) -> None:
    passed = f", {summary.passed} of others passed over" if summary.passed else ""
    passed += f", {summary.repeats} known" if summary.repeats else ""
    passed += f", {summary.again} of them not for the first time" if summary.again else ""
    read = f"{summary.records} read, {summary.refused} refused{passed}"
    lines = [f"{summary.messages} message{plural(summary.messages)}: {read}"]
    if summary.kinds:
        lines.append("  " + _counts(summary.kinds))
    for name, count in summary.written.items():
        failed, waiting = summary.failed.get(name, 0), summary.waiting.get(name, 0)
        lines.append(
            f"  sink {name}: {count} written"
            + (f", {failed} FAILED" if failed else "")
            + (f", {waiting} wait in the journal" if waiting else "")
        )
    for name, number in summary.plugins_failed.items():
        lines.append(f"  {name} FAILED for {number} of them")
    if summary.refused or summary.failed:
        lines.append(f"  kept in {host.journal.path}; see icecube-alerts dead-letters")
    print("\n".join(lines), file=sys.stderr)


def _counts(counts: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {counts[name]}" for name in sorted(counts))
