"""The sink ``archive``: notices as they came, byte by byte, by date and topic.

::

    archive/2023/04/16/gcn.notices.icecube.gold_bronze_track_alerts/
        0-000000000012+gold+137840_57034692+0+6f1c38e2a4d07b95.json
        .about/0-000000000012+gold+137840_57034692+0+6f1c38e2a4d07b95.json

Conventions
-----------
- The day [UTC] is that of the message in Kafka, else of the notice, else of the event; without any
  of them the folder is ``undated``. Without a topic it is ``no-topic``.
- A name begins with partition and offset, where they are known, so that names are in the order of
  Kafka, and ends as `icecube_plugin.alerts.file_names`.
- The file in ``.about``, which ``icecube-alerts replay`` passes over, has all of the message but
  its value: topic, partition, offset, time, key, headers, origin, and the id of the record.
- ``icecube-alerts replay archive/`` yields the same records: the name of the folder is the topic.
  `read_archive` gives the messages with their coordinates, too.
- A file is complete or absent, and is not written again: the first one stays. The same notice from
  another topic or offset is another file.

Nothing is ever deleted.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any, Final

from icecube_hooks import Message, Record, SinkType, WireFormat, hookimpl
from icecube_plugin.alerts.file_names import record_file_name
from icecube_plugin.disk import absolute, replace_file, sync_folder, usable_folder, wrong

__all__ = ["Archive", "read_archive"]

_ABOUT: Final = ".about"
_FOREIGN: Final = re.compile(r"[^A-Za-z0-9._-]+")
_ENDINGS: Final = {
    WireFormat.JSON: "json",
    WireFormat.VOEVENT: "xml",
    WireFormat.TEXT: "txt",
    WireFormat.BINARY: "bin",
}


class Archive:
    """Keep the bytes of each message in a file of its own.

    Parameters
    ----------
    folder : str or path
        Where the archive is; made if it is not there.

    Raises
    ------
    ConfigError
        If the folder cannot be made or written into.
    """

    def __init__(self, *, folder: str | os.PathLike[str] = "icecube-alerts-data/archive") -> None:
        self.folder = usable_folder(absolute(folder, "folder"), "folder")

    def write(self, records: Sequence[Record], /) -> None:
        """Write the messages of a batch.

        Raises
        ------
        RetryLater
            If the system refuses: full disk, missing rights. Files of the batch that were written
            before that stay.
        """
        try:
            for folder in sorted({self._write_one(record) for record in records}):
                self._sync(folder)
        except OSError as error:
            raise wrong(error, self.folder) from error

    def path(self, record: Record) -> Path:
        """Return the path of the file of `record`."""
        return self.folder / _day(record) / _topic(record.message) / _name(record)

    def _write_one(self, record: Record) -> Path:
        """Write a message unless it is there, and return its folder.

        The file itself comes last: it says that the other one is there.
        """
        path = self.path(record)
        if not path.exists():
            about = path.parent / _ABOUT
            about.mkdir(parents=True, exist_ok=True)
            replace_file(_about(path), _said(record), sync=True)
            replace_file(path, record.message.value, sync=True)
        return path.parent

    def _sync(self, folder: Path) -> None:
        """Make names durable, from the file up to the archive."""
        sync_folder(folder / _ABOUT)
        while folder != self.folder:
            sync_folder(folder)
            folder = folder.parent
        sync_folder(folder)


def read_archive(folder: str | os.PathLike[str]) -> Iterator[Message]:
    """Yield the messages of an archive as they came, with topic, offset, time, key and headers.

    They are sorted by day, topic, partition and offset.

    Parameters
    ----------
    folder : str or path
        The archive, or a part of it.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        If a file of ``.about`` is damaged.
    """
    for path in sorted(Path(folder).rglob("*")):
        if path.is_file() and path.parent.name != _ABOUT and not path.name.startswith("."):
            data: dict[str, Any] = json.loads(_about(path).read_text("ascii"))["message"]
            yield Message.from_dict(data).replace(value=path.read_bytes())


def _about(path: Path) -> Path:
    return path.parent / _ABOUT / f"{path.stem}.json"


def _said(record: Record) -> bytes:
    message = record.message.replace(value=b"").to_dict()
    del message["value"]
    return json.dumps({"id": record.id, "message": message}, indent=2).encode() + b"\n"


def _day(record: Record) -> Path:
    alert = record.alert
    time = record.message.timestamp or alert.notice_time or alert.trigger_time
    if time is None:
        return Path("undated")
    day = time.astimezone(UTC)
    return Path(f"{day.year:04d}", f"{day.month:02d}", f"{day.day:02d}")


def _topic(message: Message) -> str:
    return _FOREIGN.sub("_", message.topic or "").lstrip(".-")[:200] or "no-topic"


def _name(record: Record) -> str:
    message = record.message
    name = record_file_name(record, _ending(record))
    if message.partition is None or message.offset is None:
        return name
    return f"{message.partition}-{message.offset:012d}+{name}"


def _ending(record: Record) -> str:
    """Return the ending; circulars are JSON on Kafka and text in archives."""
    is_json = record.message.value.lstrip()[:1] == b"{"
    return _ENDINGS.get(record.alert.format, "json" if is_json else "txt")


@hookimpl
def register_sinks() -> list[SinkType]:
    """Register the sink ``archive``."""
    summary = "notices as they came, by date and topic"
    return [SinkType(name="archive", make=Archive, summary=summary)]
