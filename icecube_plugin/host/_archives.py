"""What files hold: one content, or the members of a tar, gzip or zip archive.

Archives may come from anywhere, so what they expand to is bounded, nothing is written to disk, and
the names in them are text. An archive inside an archive is not opened.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final

__all__ = ["DAMAGE", "Content", "Limits", "TooLarge", "contents"]

MIB: Final = 2**20

DAMAGE: Final = (
    EOFError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    NotImplementedError,  # a zip's way to compress that Python does not know
    RuntimeError,  # a zip with a password
    ValueError,  # a name that is not in the encoding that the zip says
    IndexError,  # an empty name in a zip
)
"""What reading a broken archive raises, besides `OSError`."""


class TooLarge(ValueError):
    """A file, or what it expands to, is larger than the limits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How much is read.

    Attributes
    ----------
    member : int
        The largest content [bytes].
    total : int
        What an archive may expand to [bytes].
    ratio : int
        The same by its size on disk, once it has expanded to as much as a `member` may be.
    """

    member: int = 64 * MIB
    total: int = 4096 * MIB
    ratio: int = 200


@dataclass(frozen=True, slots=True)
class Content:
    """One content: its path, or its name in the archive, and its bytes to read."""

    name: PurePosixPath
    file: IO[bytes]
    limit: int

    def read(self) -> bytes:
        """Return all of it.

        Raises
        ------
        TooLarge
        """
        return self._checked(self.file.read(self.limit + 1))

    def lines(self) -> Iterator[bytes]:
        """Yield its lines.

        Raises
        ------
        TooLarge
        """
        while line := self.file.readline(self.limit + 1):
            yield self._checked(line)

    def _checked(self, data: bytes) -> bytes:
        if len(data) > self.limit:
            raise TooLarge(f"larger than {self.limit / MIB:g} MiB")
        return data


LIMITS: Final = Limits()


def contents(path: Path, limits: Limits = LIMITS) -> Iterator[Content]:
    """Yield what a file holds; each has to be read before the next is asked for.

    Raises
    ------
    TooLarge, OSError
        And what `DAMAGE` lists, while it is read.
    """
    name = path.name.lower()
    size = path.stat().st_size
    bound = _Bound(min(limits.total, max(limits.member, limits.ratio * size)), limits.member)
    if name.endswith((".tar.gz", ".tgz")):
        with gzip.open(path) as unpacked:
            yield from _tar(unpacked, bound, limits)
    elif name.endswith(".tar"):
        with path.open("rb") as file:
            yield from _tar(file, bound, limits)
    elif name.endswith(".zip"):
        yield from _zip(path, bound, limits)
    elif name.endswith(".gz"):
        with gzip.open(path) as unpacked:
            reader = io.BufferedReader(_Bounded(unpacked, bound, by_member=False))
            yield Content(PurePosixPath(path.stem), reader, limits.member)
    else:
        with path.open("rb") as file:
            yield Content(PurePosixPath(path.name), file, limits.member)


class _Bound:
    """How much may still be read: of all, and until the next member begins."""

    def __init__(self, total: int, member: int) -> None:
        self.total = total
        self.member = member
        self.left = total
        self.next_member()

    def next_member(self) -> None:
        """Begin a member; its head, and the filling around it, come on top."""
        self.member_left = self.member + MIB

    def take(self, count: int, *, by_member: bool) -> None:
        """Note that `count` more bytes came out."""
        self.left -= count
        self.member_left -= count
        if self.left < 0:
            raise TooLarge(f"expands to more than {self.total / MIB:g} MiB, its limit")
        if by_member and self.member_left < 0:
            raise TooLarge(f"a member is larger than {self.member / MIB:g} MiB")


class _Bounded(io.RawIOBase):
    """A stream that counts what is read from it."""

    def __init__(self, inner: IO[bytes] | gzip.GzipFile, bound: _Bound, *, by_member: bool) -> None:
        self._inner = inner
        self._bound = bound
        self._by_member = by_member

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # any buffer will do
        data = self._inner.read(len(buffer))
        self._bound.take(len(data), by_member=self._by_member)
        buffer[: len(data)] = data
        return len(data)


def _tar(file: IO[bytes] | gzip.GzipFile, bound: _Bound, limits: Limits) -> Iterator[Content]:
    stream = _Bounded(file, bound, by_member=True)
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        while (member := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined]  # else it keeps all that ever were
            name = _name(member.name)
            if member.isreg() and name is not None:
                found = archive.extractfile(member)
                assert found is not None  # noqa: S101  # a regular file
                yield Content(name, found, limits.member)
            bound.next_member()


def _zip(path: Path, bound: _Bound, limits: Limits) -> Iterator[Content]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = _name(member.filename)
            if member.is_dir() or name is None:
                continue
            bound.next_member()
            with closing(archive.open(member)) as found:
                reader = io.BufferedReader(_Bounded(found, bound, by_member=True))
                yield Content(name, reader, limits.member)


def _name(text: str) -> PurePosixPath | None:
    """Return a member's name, or None if it is hidden, as a desktop's extra files are."""
    name = PurePosixPath(text)
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in name.parts)
    return None if hidden else name
