"""Records for the commands that show: from notices, from what our sinks wrote."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from icecube_hooks import Alert, ConfigError, NoticeError, Record
from icecube_plugin.host.paths import beside
from icecube_plugin.sinks.database import numbered_records
from icecube_plugin.sinks.json_lines import read_lines
from icecube_plugin.sky.skymaps import GW_FOLDER, Maps

from ._common import configuration

if TYPE_CHECKING:
    from icecube_plugin.host import Config, SinkConfig

__all__ = [
    "Kept",
    "add_event",
    "add_kept",
    "add_maps",
    "error_cell",
    "kept_at",
    "maps_of",
    "number_cell",
    "records_at",
    "records_in",
    "records_of",
]

SQLITE: Final = b"SQLite format 3\0"
"""The first bytes of every SQLite database."""

LINE: Final = b'{"id":'
"""The first bytes of every file of the jsonl sink."""


DEFAULT_PATHS: Final = {
    "sqlite": "icecube-alerts-data/alerts.sqlite",
    "jsonl": "icecube-alerts-data/alerts.jsonl",
}
"""Where the sinks write if nothing else is configured."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Where our sinks keep records: a database, by URL or as an SQLite file, or JSON lines.

    Attributes
    ----------
    place : str
        URL or path.
    password_env : str, optional
        Name of an environment variable with the password.
    """

    place: str
    password_env: str | None = None

    @property
    def path(self) -> Path | None:
        """The file; ``None`` for a URL."""
        return None if "://" in self.place else Path(self.place).expanduser()

    @property
    def is_database(self) -> bool:
        """Whether it is a database; else it is a file of JSON lines."""
        return self.path is None or _start(self.path, len(SQLITE)) == SQLITE

    def numbered(self, after: int = 0) -> Iterator[tuple[int, Record]]:
        """Yield records with their numbers: of a database those after a number, of lines all."""
        if self.is_database:
            place = self.path or self.place
            return numbered_records(place, after=after, password_env=self.password_env)
        return enumerate(read_lines(self.path or self.place), start=1)


def records_in(sources: Sequence[str], arguments: argparse.Namespace) -> tuple[list[Record], int]:
    """Return the records of sources, and how many notices could not be read.

    Parameters
    ----------
    sources : sequence of str
        Files or folders of notices or of our records (JSON, JSON lines), or databases of ours, by
        URL or as an SQLite file. What cannot be read is said on stderr.
    arguments : argparse.Namespace
        For the configuration.

    Raises
    ------
    FileError
        If a source is not there.
    ConfigError
        If a database is none of ours.
    """
    from icecube_plugin.host import messages_from
    from icecube_plugin.host.plugins import configured_plugins

    plugins = configured_plugins(configuration(arguments), block=("sink-*",))
    found: list[Record] = []
    refused = 0
    for source in sources:
        if (kept := _kept(source)) is not None:
            found += records_at(kept)
            continue
        for message in messages_from([source]):
            try:
                found.append(_written(message.value) or plugins.record(message))
            except NoticeError as error:
                refused += 1
                print(f"icecube-alerts: {error}", file=sys.stderr)
    return found, refused


def records_at(kept: Kept) -> Iterator[Record]:
    """Yield the records that our sinks keep there, in the order in which they came."""
    return (record for _, record in kept.numbered())


def records_of(arguments: argparse.Namespace) -> tuple[list[Record], int]:
    """Return the records of ``arguments.sources``, of ``--database`` or ``--lines``, or else kept.

    As `add_kept` declares them; and how many notices could not be read.
    """
    kept = bool(arguments.database or arguments.lines) or not arguments.sources
    found = list(records_at(kept_at(arguments))) if kept else []
    read, refused = records_in(arguments.sources, arguments) if arguments.sources else ([], 0)
    return found + read, refused


def kept_at(arguments: argparse.Namespace, *, in_database: bool = False) -> Kept:
    """Return what ``--database`` or ``--lines`` names, or what the host's sinks write.

    Parameters
    ----------
    arguments : argparse.Namespace
    in_database : bool
        Whether a file of JSON lines does not do.

    Raises
    ------
    ConfigError
        If there is none, or a URL has a password in it.
    """
    named = arguments.database or getattr(arguments, "lines", None)
    if named is not None:
        return _there(named)
    config = configuration(arguments)
    sinks = config.sinks_or_defaults()
    kinds = ("sqlite", "database") if in_database else ("sqlite", "database", "jsonl")
    configured = [
        Kept(
            str(sink.options.get("url") or _path_of(sink, config)),
            sink.options.get("password_env"),
        )
        for kind in kinds
        for sink in sinks
        if sink.type == kind
    ]
    for kept in configured:
        if kept.path is None or kept.path.exists():
            return kept
    hint = "name one with --database" if in_database else "name one with --database or --lines"
    known = ", ".join(kept.place for kept in configured)
    known = known or f"no sink of type {' or '.join(kinds)} is configured"
    raise ConfigError(f"no alerts kept so far: {known}", hint=hint)


def _path_of(sink: SinkConfig, config: Config) -> Path:
    """Return where a sink of the type sqlite or jsonl writes."""
    path = sink.options.get("path", DEFAULT_PATHS.get(sink.type, ""))
    return beside(path, config.folder)


def add_event(parser: argparse.ArgumentParser) -> None:
    """Add an event, and where to look for it: sources, ``--database``, ``--lines``, ``--maps``."""
    parser.add_argument("event", metavar="EVENT", help="name of the event")
    parser.add_argument("sources", nargs="*", default=[], metavar="SOURCE", help="where to look")
    add_kept(parser)
    add_maps(parser)


def add_kept(parser: argparse.ArgumentParser) -> None:
    """Add the options ``--database`` and ``--lines``."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--database", metavar="URL", help="URL, or path of an SQLite file")
    where.add_argument("--lines", metavar="FILE", help="file of the jsonl sink")


def add_maps(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--maps``."""
    parser.add_argument(
        "--maps",
        metavar="FOLDER",
        help="sky maps, used in place of stated regions (default: those that plot --fetch fetched)",
    )


def add_systematic(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--systematic-deg``."""
    parser.add_argument(
        "--systematic-deg",
        type=_systematic,
        default=0.0,
        metavar="DEG",
        help="added in quadrature to stated regions that do not cover systematic effects",
    )


def _systematic(text: str) -> float:
    found = float(text)
    if not 0 <= found <= 90:
        raise argparse.ArgumentTypeError("expected a number from 0 to 90 [deg]")
    return found


def maps_of(arguments: argparse.Namespace) -> Maps:
    """Return the sky maps of ``--maps``, those beside what is read, or those of the host."""
    named = getattr(arguments, "maps", None)
    if named is not None and not Path(named).expanduser().is_dir():
        raise ConfigError(f"{named}: no such folder", key="--maps")
    folder = _data_folder_read(arguments) or Path(configuration(arguments).data_folder)
    return Maps(named or folder / "skymaps")


def _data_folder_read(arguments: argparse.Namespace) -> Path | None:
    """Return the data folder of the host of which something is read, such as the demonstration."""
    names = ("database", "lines")
    read = (*getattr(arguments, "sources", ()), *(getattr(arguments, n, None) for n in names))
    folders = (Path(one).expanduser().parent for one in read if one and "://" not in one)
    return next((folder for folder in folders if (folder / GW_FOLDER).is_dir()), None)


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


def _there(place: str) -> Kept:
    kept = Kept(place)
    if kept.path is not None and not kept.path.exists():
        raise ConfigError(f"{place}: no such file")
    _no_password(place)
    return kept


def _kept(source: str) -> Kept | None:
    """Return a source that our sinks made; ``None`` for notices, and JSON lines of others."""
    kept = Kept(source)
    if kept.path is None:
        return _there(source)
    is_lines = kept.path.suffix == ".jsonl" and _start(kept.path, len(LINE)) == LINE
    return kept if is_lines or kept.is_database else None


def _no_password(place: str) -> None:
    if "://" in place and urlsplit(place).password is not None:
        reason = "everybody on this machine can read a password on the command line"
        raise ConfigError(reason, key="--database", hint="~/.pgpass, or password_env of the sink")


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
