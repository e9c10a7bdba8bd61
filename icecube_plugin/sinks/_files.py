"""What the sinks that write files share: paths, errors and JSON.

JSON is ASCII, so that control, bidirectional and line-separating characters stand in it as
escapes and a line is a line for every reader. It is strict: the numbers NaN and infinity, which
JSON does not have, become the strings that Python's ``float`` reads back.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any, Final

from icecube_hooks import ConfigError, Record, RetryLater

__all__ = [
    "absolute",
    "indented_json",
    "made_folder",
    "sync_data",
    "sync_folder",
    "write_all",
    "wrong",
]

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


def made_folder(folder: Path, key: str) -> Path:
    """Make `folder` with its parents, unless it is there, and return it.

    Raises
    ------
    ConfigError
        Under `key`, if it cannot be made or written into.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot create {folder}: {error.strerror}", key=key) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"cannot write into {folder}: Permission denied", key=key)
    return folder


def wrong(error: OSError, path: Path) -> RetryLater:
    """Return the error that tells a host what happened to `path`, and that it may pass."""
    return RetryLater(f"cannot write {path}: {error.strerror or error}")


def write_all(file: int, data: bytes) -> None:
    """Write `data` to the descriptor `file`, in one call unless the system splits it."""
    written = os.write(file, data)
    while written < len(data):
        written += os.write(file, data[written:])


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def indented_json(record: Record) -> str:
    """Return ``record.to_json()`` over many lines, without a newline at the end."""
    data = record.to_dict()
    try:
        return json.dumps(data, indent=2, allow_nan=False)
    except ValueError:  # NaN or infinity, which Python's JSON reader lets into `Alert.unread`
        return json.dumps(_finite(data), indent=2, allow_nan=False)


def _finite(value: Any) -> Any:
    """Return `value` with ``"nan"``, ``"inf"`` and ``"-inf"`` in place of such numbers."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list) else value
