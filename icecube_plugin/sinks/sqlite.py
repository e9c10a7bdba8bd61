"""The sink ``sqlite``: the tables of ``database`` in one file, named by its path."""

from __future__ import annotations

import os
from pathlib import Path

from icecube_hooks import SinkType, hookimpl
from icecube_plugin.disk import absolute, usable_file

from ._options import Wait
from .database import Database
from .database_engines import address_of

__all__ = ["Sqlite", "beside"]


class Sqlite(Database):
    """Write records into an SQLite database.

    Parameters
    ----------
    path : str or path
        The database file; it and its folder are made if they are not there.
    wait_s : float
        How long to wait for another process that writes [s, >= 0].

    Raises
    ------
    ConfigError
        If the file cannot be made.
    """

    def __init__(
        self,
        *,
        path: str | os.PathLike[str] = "icecube-alerts-data/alerts.sqlite",
        wait_s: Wait = 10.0,
    ) -> None:
        self.path = usable_file(absolute(path, "path"), "path")
        self._open(address_of(self.path), wait_s)


def beside(path: Path) -> Sqlite:
    """Return the database in which a sink of files keeps what it needs to know of events.

    It stands beside the file or folder, with its name and ``.sqlite``: which records are of one
    event, a file of columns does not tell (`icecube_plugin.sinks.database_events`).

    Raises
    ------
    ConfigError
        As `Sqlite`.
    """
    return Sqlite(path=path.with_name(f"{path.name}.sqlite"))


@hookimpl
def register_sinks() -> list[SinkType]:
    """Register the sink ``sqlite``."""
    return [SinkType(name="sqlite", make=Sqlite, summary="SQLite database, each record once")]
