"""The sink ``moc``: the 50 and 90 % region of each record as coverage maps.

Conventions
-----------
- A file each, ``NAME.50.fits`` and ``NAME.90.fits``, with the name that the sink ``json`` gives
  the record, so that no revision or format overwrites another. What they hold: see
  `icecube_plugin.sky.mocs`.
- A record without a position, or whose region cannot be said at that level, has no file: a notice
  that states no containment has no 90 % region. A search has the union of its neutrinos' regions.
- A file is complete or absent. One that is there is not written again.

Needs the extra ``moc``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from icecube_hooks import ConfigError, Localization, Record, SinkType, hookimpl
from icecube_plugin.alerts.file_names import record_file_name
from icecube_plugin.disk import absolute, replace_file, sync_folder, usable_folder, wrong
from icecube_plugin.extras import pip_line
from icecube_plugin.sky.mocs import LEVELS, moc_area, moc_bytes
from icecube_plugin.sky.regions import widened
from icecube_plugin.sky.skymaps import DEFAULT_FOLDER, Maps

__all__ = ["Moc"]


class Moc:
    """Write the regions of each record as MOC files.

    Parameters
    ----------
    folder : str or path
        Where the files go; made if it is not there.
    maps : str or path
        Folder of sky maps, by default where ``plot --fetch`` puts them: of those that are there the
        regions are taken.
    systematic_deg : float
        Added in quadrature to a stated region that does not cover systematic effects [deg]; a sky
        map is taken as it is.
    sync : bool
        Whether a batch is on the disk, not only in the system's memory, when `write` returns.

    Raises
    ------
    ConfigError
        If the folder cannot be made or written into, or mocpy is not installed.
    """

    def __init__(
        self,
        *,
        folder: str | os.PathLike[str] = "icecube-alerts-data/moc",
        maps: str | os.PathLike[str] = DEFAULT_FOLDER,
        systematic_deg: Annotated[float, Meta(ge=0.0, le=90.0)] = 0.0,
        sync: bool = True,
    ) -> None:
        if find_spec("mocpy") is None:
            raise ConfigError("needs mocpy", key="type", hint=pip_line("moc"))
        self.folder = usable_folder(absolute(folder, "folder"), "folder")
        self.systematic_deg = systematic_deg
        self.sync = sync
        self._maps = Maps(maps)

    def write(self, records: Sequence[Record], /) -> None:
        """Write a batch.

        Raises
        ------
        RetryLater
            If the system refuses: full disk, missing rights.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for record in records:
                self._write_one(record)
            if records and self.sync:
                sync_folder(self.folder)
        except OSError as error:
            raise wrong(error, self.folder) from error

    def path(self, record: Record, containment: float) -> Path:
        """Return the path of the file of `record` for a containment."""
        return self.folder / record_file_name(record, f"{100 * containment:.0f}.fits")

    def _write_one(self, record: Record) -> None:
        places = [widened(place, self.systematic_deg) for place in _places(record)]
        for level in LEVELS:
            path = self.path(record, level)
            if path.exists():
                continue
            areas = [area for one in places if (area := moc_area(one, level, self._maps))]
            if areas:
                replace_file(path, moc_bytes(areas), sync=self.sync)


def _places(record: Record) -> Iterator[Localization]:
    """Yield where a record's own position is, or those of the neutrinos of a search."""
    if record.alert.localization is not None:
        yield record.alert.localization
        return
    for neutrino in record.alert.coincident_events:
        if neutrino.localization is not None:
            yield neutrino.localization


@hookimpl
def register_sinks() -> list[SinkType]:
    """Register the sink ``moc``."""
    return [SinkType(name="moc", make=Moc, summary="50 and 90 % regions as coverage maps (MOC)")]
