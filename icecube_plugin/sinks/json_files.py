"""The sink ``json``: one indented JSON file per record.

Conventions
-----------
- A file holds ``Record.to_dict()``; ``Record.from_dict(json.load(file))`` is the record again.
- Its name is made of kind, event, revision and digest, ``gold+137840_57034692+0+6f1c...json``, so
  that neither another revision nor another format overwrites it, and the same record always has
  the same name. A record whose file is there is not written again: the first one stays.
- A file is complete or absent: it is written under a hidden name, synced, and then renamed. A
  process that is killed may leave such a hidden ``.tmp`` file behind; nothing removes it.

Nothing is ever deleted, and there are no subfolders.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from icecube_hooks import Record, SinkType, hookimpl
from icecube_plugin.alerts.file_names import record_file_name
from icecube_plugin.disk import (
    absolute,
    indented_json,
    replace_file,
    sync_folder,
    usable_folder,
    wrong,
)

__all__ = ["JsonFiles"]


class JsonFiles:
    """Write each record to a JSON file of its own.

    Parameters
    ----------
    folder : str or path
        Where the files go; made if it is not there.
    sync : bool
        Whether a batch is on the disk, not only in the system's memory, when `write` returns.

    Raises
    ------
    ConfigError
        If the folder cannot be made or written into.
    """

    def __init__(
        self, *, folder: str | os.PathLike[str] = "icecube-alerts-data/json", sync: bool = True
    ) -> None:
        self.folder = usable_folder(absolute(folder, "folder"), "folder")
        self.sync = sync

    def write(self, records: Sequence[Record], /) -> None:
        """Write a batch.

        Raises
        ------
        RetryLater
            If the system refuses: full disk, missing rights. Files of the batch that were written
            before that stay.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for record in records:
                self._write_one(record)
            if records and self.sync:
                sync_folder(self.folder)
        except OSError as error:
            raise wrong(error, self.folder) from error

    def path(self, record: Record) -> Path:
        """Return the path of the file of `record`."""
        return self.folder / record_file_name(record)

    def _write_one(self, record: Record) -> None:
        path = self.path(record)
        if not path.exists():
            replace_file(path, indented_json(record).encode() + b"\n", sync=self.sync)


@hookimpl
def register_sinks() -> list[SinkType]:
    """Register the sink ``json``."""
    return [SinkType(name="json", make=JsonFiles, summary="one JSON file per notice revision")]
