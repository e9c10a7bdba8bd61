"""Notices from files, folders, archives and standard input.

A file is one notice. A ``.jsonl`` file is one notice a line; where a line is a record that the
``jsonl`` sink wrote, its notice is taken out of it. A ``.gz`` file is what it holds, and ``.tar``,
``.tar.gz``, ``.tgz`` and ``.zip`` are the files in them, read without unpacking to disk and within
the limits of `_archives`. The topic is the name of the folder, if that is the name of a GCN topic,
unless one is given. What the ``archive`` sink wrote beside a file (topic, offset, time, key,
headers) becomes part of its message again.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from icecube_hooks import IceCubePluginError, Message, Record

from ._archives import DAMAGE, LIMITS, Content, TooLarge, contents

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
            yield Message(value=_all_of(stdin or sys.stdin.buffer), topic=topic, origin="stdin")
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
        """Yield lists of at most `batch_size` messages, or of fewer large ones.

        An error comes after the messages that could be read.
        """
        batch: list[Message] = []
        size = 0
        try:
            for message in messages_from(self.paths, topic=self.topic):
                batch.append(message)
                size += len(message.value)
                if len(batch) == self.batch_size or size >= LIMITS.member:
                    yield batch
                    batch, size = [], 0
        except FileError:
            if batch:
                yield batch
            raise
        if batch:
            yield batch

    def idle(self) -> None:
        """Do nothing: files wait."""

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
    origin = str(file)
    try:
        for content in contents(file):
            is_member = content.name.name != file.name
            origin = f"{file}!{content.name}" if is_member else str(file)
            if not is_member and (message := _archived(file, content, topic)) is not None:
                yield message
                continue
            folders = (content.name.parent.name, file.absolute().parent.name)
            from_folder = (_printable(folder) for folder in folders if folder.startswith("gcn."))
            yield from _notices(content, topic or next(from_folder, None), _printable(origin))
    except FileError:
        raise
    except TooLarge as error:
        raise FileError(f"{_printable(origin)}: {error}") from error
    except OSError as error:
        raise FileError(f"{_printable(origin)}: {error.strerror or error}") from error
    except DAMAGE as error:
        raise FileError(f"{_printable(origin)}: cannot be unpacked: {error}") from error


def _archived(file: Path, content: Content, topic: str | None) -> Message | None:
    """Return the message of a file of the archive sink, or None if the file is none."""
    about = file.parent / ".about" / f"{file.stem}.json"
    if not about.is_file():
        return None
    try:
        said = Message.from_dict(json.loads(about.read_bytes())["message"])
    except (ValueError, KeyError, TypeError) as error:
        raise FileError(f"{about}: is damaged: {error}") from error
    return said.replace(value=content.read(), topic=topic or said.topic)


def _notices(content: Content, topic: str | None, origin: str) -> Iterator[Message]:
    if content.name.suffix != ".jsonl":
        yield Message(value=content.read(), topic=topic, origin=origin)
        return
    for number, line in enumerate(content.lines(), 1):
        if line.strip():
            yield _message_of_line(line.strip(), topic, f"{origin}:{number}")


def _printable(name: str) -> str:
    """Replace what is no UTF-8, nor printed: names come from archives of others."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _all_of(stdin: BinaryIO) -> bytes:
    try:
        return Content(PurePosixPath(STDIN), stdin, LIMITS.member).read()
    except TooLarge as error:
        raise FileError(f"standard input: {error}") from error


def _message_of_line(line: bytes, topic: str | None, origin: str) -> Message:
    """Return the notice on a line, or the message inside a record of ours."""
    if b'"significances"' in line:
        try:
            return Record.from_json(line).message
        except (ValueError, KeyError, TypeError):
            pass  # not a record after all: the line itself is shown to the parsers
    return Message(value=line, topic=topic, origin=origin)
