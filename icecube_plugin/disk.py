"""What the sinks that write files share: paths, errors and JSON.

JSON is ASCII, so that control, bidirectional and line-separating characters stand in it as
escapes and a line is a line for every reader. It is strict: the numbers NaN and infinity, which
JSON does not have, become the strings that Python's ``float`` reads back.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from icecube_hooks import ConfigError, Record, RetryLater

__all__ = [
    "absolute",
    "file_id",
    "hidden",
    "identity",
    "indented_json",
    "is_at",
    "lock",
    "locked_folder",
    "make_private",
    "probe_file",
    "replace_file",
    "replacing",
    "sync_data",
    "sync_folder",
    "usable_file",
    "usable_folder",
    "write_all",
    "wrong",
]

LOCK_WAIT_S: Final = 10.0
"""How long to wait for another process; a batch takes milliseconds."""

sync_data: Final = getattr(os, "fdatasync", os.fsync)
"""Make a file's content durable; macOS has no ``fdatasync``."""


def absolute(path: str | os.PathLike[str], key: str) -> Path:
    """Return `path` absolute and with ``~`` expanded.

    Raises
    ------
    ConfigError
        Under `key`, if it is no path, is empty, or names a home that is not there.
    """
    text: object = path if isinstance(path, str) else getattr(path, "__fspath__", lambda: path)()
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise ConfigError(f"expected a path, got {text!r}", key=key)
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:
        raise ConfigError(f"cannot expand {text!r}: {error}", key=key) from error


def usable_folder(folder: Path, key: str) -> Path:
    """Return `folder`, if it can be written into, or made; it is not made.

    Raises
    ------
    ConfigError
        Under `key`, if not; from an `OSError`, for it may be a disk that is not there yet.
    """
    there = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
    if not there.is_dir():
        raise ConfigError(f"{there} is not a folder", key=key) from NotADirectoryError(there)
    if not os.access(there, os.W_OK | os.X_OK):
        what = f"cannot write into {there}: Permission denied"
        raise ConfigError(what, key=key) from PermissionError(there)
    return folder


def usable_file(path: Path, key: str) -> Path:
    """Return `path`, if a file is or can be there that we may write; it is not made.

    Raises
    ------
    ConfigError
        Under `key`, if not; from an `OSError`, for what stands in its place may go away.
    """
    usable_folder(path.parent, key)
    try:
        is_folder = path.is_dir()
    except OSError as error:  # its name is too long, say
        raise ConfigError(f"cannot use {path}: {error.strerror}", key=key) from error
    if is_folder:
        raise ConfigError(f"{path} is a folder", key=key) from IsADirectoryError(path)
    if path.exists() and not os.access(path, os.W_OK):
        what = f"cannot write {path}: Permission denied"
        raise ConfigError(what, key=key) from PermissionError(path)
    return path


def probe_file(path: Path) -> None:
    """See whether a file can be written or made, and make none.

    Raises
    ------
    RetryLater
    """
    try:
        usable_file(path, "path")
    except ConfigError as error:
        raise RetryLater(error.reason) from error


def wrong(error: OSError, path: Path) -> RetryLater:
    """Return the error that tells a host what happened to `path`, and that it may pass."""
    return RetryLater(f"cannot write {path}: {error.strerror or error}")


def write_all(file: int, data: bytes) -> None:
    """Write `data` to the descriptor `file`, in one call unless the system splits it."""
    written = os.write(file, data)
    while written < len(data):
        written += os.write(file, data[written:])


_making = threading.Lock()
os.register_at_fork(
    before=_making.acquire, after_in_parent=_making.release, after_in_child=_making.release
)


def make_private(path: Path) -> None:
    """Make an empty file for its owner's eyes only, if there is none.

    One that is there is not opened, nor one that another thread makes: closing it again would end
    all locks that this process has on it. SQLite's would be gone without its knowing, and the next
    process that closes the database would take the log away in which this one goes on to write.
    """
    with _making, contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def hidden(path: Path) -> Path:
    """Return a name beside `path` that no reader looks at, another one each time."""
    return path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")


@contextlib.contextmanager
def replacing(path: Path, *, sync: bool) -> Iterator[Path]:
    """Give the name of a file to write, which becomes `path` at the end: all of it or nothing.

    The name in the folder is durable only after `sync_folder`.
    """
    new = hidden(path)
    try:
        yield new
        if sync:
            _sync_file(new)
        new.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            new.unlink()
        raise


def replace_file(path: Path, data: bytes, *, sync: bool, private: bool = False) -> None:
    """Make `data` the content of `path`: the old file or the new one is there, never a part.

    A private one is for its owner's eyes only, from its first byte on.
    """
    with replacing(path, sync=sync) as new:
        file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o666)
        try:
            write_all(file, data)
        finally:
            os.close(file)


def _sync_file(path: Path) -> None:
    file = os.open(path, os.O_RDWR)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def identity(path: Path) -> tuple[int, int, int] | None:
    """Return what tells a file and its content from any other of its name, if there is one."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns


def file_id(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from any other of its name; ``None`` if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def is_at(file: int, path: Path) -> bool:
    """Say whether an open file is the one that `path` names: it may have been moved away."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def lock(file: int, path: Path) -> None:
    """Lock an open file against other processes that do the same; closing it lets go.

    Raises
    ------
    RetryLater
        If one of them has it for too long.
    """
    until = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise RetryLater(f"{path} is locked by another process") from None
            time.sleep(0.002)
        else:
            return


@contextlib.contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Keep other processes out of `folder`, which is made if it is not there.

    Raises
    ------
    RetryLater
        If one of them is in it for too long.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = os.open(folder, os.O_RDONLY)
    try:
        lock(file, folder)
        yield
    finally:
        os.close(file)


def indented_json(record: Record) -> str:
    """Return ``record.to_json()`` over many lines, without a newline at the end."""
    return msgspec.json.format(record.to_json(), indent=2)
