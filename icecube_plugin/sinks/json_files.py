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

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from icecube_hooks import Record, SinkType, hookimpl
from icecube_plugin.disk import (
    absolute,
    indented_json,
    made_folder,
    replace_file,
    sync_folder,
    wrong,
)

__all__ = ["JsonFiles", "file_name"]

STEM_CHARACTERS: Final = 150
"""Longest part of a name that comes from the notice; file systems take 255 bytes in all."""

_FOREIGN: Final = re.compile(r"[^A-Za-z0-9._-]+")
_DIGEST: Final = re.compile(r"[0-9a-f]{16}")


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
        self.folder = made_folder(absolute(folder, "folder"), "folder")
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
        return self.folder / file_name(record)

    def _write_one(self, record: Record) -> None:
        path = self.path(record)
        if not path.exists():
            replace_file(path, indented_json(record).encode() + b"\n", sync=self.sync)


def file_name(record: Record, ending: str = "json") -> str:
    """Return the name of the file of `record`: at most 180 characters of ``A-Za-z0-9._+-``.

    Two records have the same name only if they have the same id. Where the id holds anything that
    cannot stand in a name, a digest of all of it takes the place of its own.

    Examples
    --------
    >>> from icecube_hooks.testing import make_record
    >>> file_name(make_record(id="gold:137840_57034692:0:0123456789abcdef"))
    'gold+137840_57034692+0+0123456789abcdef.json'
    >>> file_name(make_record(id="gold:../../etc/passwd:0:0123456789abcdef"))
    'gold+.._.._etc_passwd+0+456762c8121489ae.json'
    """
    *parts, digest = record.id.split(":")
    stem = "+".join(_FOREIGN.sub("_", part) for part in parts).lstrip(".-")[:STEM_CHARACTERS]
    if stem != "+".join(parts) or not stem or not _DIGEST.fullmatch(digest):
        whole = record.id.encode("utf-8", "surrogatepass")
        digest = hashlib.sha256(whole).hexdigest()[:16]
    return f"{stem or 'record'}+{digest}.{ending}"


@hookimpl
def register_sinks() -> list[SinkType]:
    """Register the sink ``json``."""
    return [SinkType(name="json", make=JsonFiles, summary="one JSON file per notice revision")]
