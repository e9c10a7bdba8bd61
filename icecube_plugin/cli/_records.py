"""Records for the commands that show: from notices, from what our sinks wrote."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from icecube_hooks import Alert, ConfigError, NoticeError, Record

from ._common import configuration

__all__ = ["add_kept", "error_cell", "kept_at", "number_cell", "records_at", "records_in"]

SQLITE: Final = b"SQLite format 3\0"
"""The first bytes of every SQLite database."""

LINE: Final = b'{"id":'
"""The first bytes of every file of the jsonl sink."""


def records_in(sources: Sequence[str], arguments: argparse.Namespace) -> tuple[list[Record], int]:
    """Return the records of sources, and how many notices could not be read.

    Parameters
    ----------
    sources : sequence of str
        Files or folders of notices or of our records (JSON, JSON lines), or SQLite databases of
        ours. What cannot be read is said on stderr.
    arguments : argparse.Namespace
        For the configuration.

    Raises
    ------
    FileError
        If a source is not there.
    ConfigError
        If a database is none of ours.
    """
    from icecube_hooks.host import load_plugins
    from icecube_plugin.host import messages_from

    config = configuration(arguments)
    plugins = load_plugins(
        allow=config.plugins.allow,
        block=("sink-*", *config.plugins.block),
        significance=config.significance,
    )
    found: list[Record] = []
    refused = 0
    for source in sources:
        if _is_database(Path(source)) or _is_lines(Path(source)):
            found += records_at(Path(source))
            continue
        for message in messages_from([source]):
            try:
                found.append(_written(message.value) or plugins.record(message))
            except NoticeError as error:
                refused += 1
                print(f"icecube-alerts: {error}", file=sys.stderr)
    return found, refused


def records_at(path: Path) -> Iterator[Record]:
    """Yield the records of a database, or of a file of JSON lines, that our sinks wrote."""
    from icecube_plugin.sinks.database import read_records
    from icecube_plugin.sinks.json_lines import read_lines

    return read_records(path) if _is_database(path) else read_lines(path)


def kept_at(arguments: argparse.Namespace) -> Path:
    """Return the file that ``--database`` or ``--lines`` names, or that the host's sinks write.

    Raises
    ------
    ConfigError
        If there is none.
    """
    named = arguments.database or arguments.lines
    if named is not None:
        return _there(Path(named).expanduser())
    options = [
        sink.options.get("path")
        for kind in ("sqlite", "jsonl")
        for sink in configuration(arguments).sinks_or_defaults()
        if sink.type == kind
    ]
    paths = [Path(str(path)).expanduser() for path in options if path is not None]
    for path in paths:
        if path.exists():
            return path
    hint = "name one with --database or --lines"
    known = ", ".join(map(str, paths)) or "no sqlite or jsonl sink is configured"
    raise ConfigError(f"no alerts kept so far: {known}", hint=hint)


def add_kept(parser: argparse.ArgumentParser) -> None:
    """Add the options ``--database`` and ``--lines``."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--database", metavar="PATH", help="database of the sqlite sink")
    where.add_argument("--lines", metavar="FILE", help="file of the jsonl sink")


def error_cell(alert: Alert) -> str:
    """Describe the error region in a few characters."""
    place = alert.localization
    if place is None:
        return "-"
    at = "" if place.containment is None else f" ({place.containment:.0%})"
    if place.error_radius_deg is not None:
        return f"{place.error_radius_deg:.2f}{at}"
    if place.ellipse is not None:
        return f"{place.ellipse.semi_major_deg:.2f}x{place.ellipse.semi_minor_deg:.2f}{at}"
    if place.asymmetric is not None:
        box = place.asymmetric
        ra = f"+{box.ra_plus_deg:.2f}-{box.ra_minus_deg:.2f}"
        return f"{ra},+{box.dec_plus_deg:.2f}-{box.dec_minus_deg:.2f}{at}"
    return "-"


def number_cell(value: float | None, unit: str = "") -> str:
    """Describe a number, or that it is not stated."""
    return "-" if value is None else f"{value:.4g}{unit}"


def _there(path: Path) -> Path:
    if not path.exists():
        raise ConfigError(f"{path}: no such file")
    return path


def _is_database(path: Path) -> bool:
    return _start(path, len(SQLITE)) == SQLITE


def _is_lines(path: Path) -> bool:
    """Whether a file holds JSON lines of ours; those of anybody else are notices."""
    return path.suffix == ".jsonl" and _start(path, len(LINE)) == LINE


def _start(path: Path, size: int) -> bytes:
    """Return the first bytes of a file; none if it cannot be read, which others say better."""
    try:
        with path.expanduser().open("rb") as file:
            return file.read(size)
    except OSError:
        return b""


def _written(value: bytes) -> Record | None:
    """Return the record if a file is one that the json sink wrote."""
    if b'"significances"' not in value:
        return None
    try:
        return Record.from_json(value)
    except (ValueError, KeyError, TypeError):
        return None
