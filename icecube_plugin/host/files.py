"""Notices from files, folders and standard input.

A file is one notice. A ``.jsonl`` file is one notice a line; where a line is a record that the
``jsonl`` sink wrote, its notice is taken out of it. The topic is the name of the folder, if that
is the name of a GCN topic, unless one is given.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from icecube_hooks import IceCubePluginError, Message, Record

__all__ = ["FileError", "FileSource", "messages_from"]

STDIN = "-"


class FileError(IceCubePluginError, OSError):
    """A file or folder cannot be read."""


def messages_from(
    paths: Iterable[str], *, topic: str | None = None, stdin: BinaryIO | None = None
) -> Iterator[Message]:
    """Yield the notices of files; of folders, those of all files in it, sorted by path.

    Parameters
    ----------
    paths : iterable of str
        ``-`` is standard input.
    topic : str, optional
        Kafka topic that the notices are said to come from.
    stdin : binary file, optional
        Instead of ``sys.stdin``, for tests.

    Raises
    ------
    FileError
        If a path is not there or cannot be read.
    """
    for path in paths:
        if path == STDIN:
            yield Message(value=(stdin or sys.stdin.buffer).read(), topic=topic, origin="stdin")
            continue
        for file in _files(Path(path).expanduser()):
            yield from _messages_of(file, topic)


class FileSource:
    """Files as a source of a `Host`.

    Parameters
    ----------
    paths : sequence of str
        See `messages_from`.
    topic : str, optional
    batch_size : int
    """

    def __init__(
        self, paths: Sequence[str], *, topic: str | None = None, batch_size: int = 500
    ) -> None:
        self.paths = paths
        self.topic = topic
        self.batch_size = batch_size

    def batches(self) -> Iterator[list[Message]]:
        """Yield lists of at most `batch_size` messages."""
        batch: list[Message] = []
        for message in messages_from(self.paths, topic=self.topic):
            batch.append(message)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch:
            yield batch

    def commit(self) -> None:
        """Do nothing: files stay where they are."""

    def close(self) -> None:
        """Do nothing: no file stays open."""


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file() and not any(part.startswith(".") for part in file.parts[-2:]):
                yield file
    elif path.exists():
        yield path
    else:
        raise FileError(f"{path}: no such file or folder")


def _messages_of(file: Path, topic: str | None) -> Iterator[Message]:
    folder = file.absolute().parent.name
    topic = topic or (folder if folder.startswith("gcn.") else None)
    try:
        if file.suffix != ".jsonl":
            yield Message(value=file.read_bytes(), topic=topic, origin=str(file))
            return
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _message_of_line(line.strip(), topic, f"{file}:{number}")
    except OSError as error:
        raise FileError(f"{file}: {error.strerror}") from error


def _message_of_line(line: bytes, topic: str | None, origin: str) -> Message:
    """Return the notice on a line, or the message inside a record of ours."""
    if b'"raw_base64"' in line:
        try:
            return Record.from_dict(json.loads(line)).message
        except (ValueError, KeyError, TypeError):
            pass  # not a record after all: the line itself is shown to the parsers
    return Message(value=line, topic=topic, origin=origin)
