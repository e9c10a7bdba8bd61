"""The message that is being read, noted on disk.

One that ends the whole process (killed for its memory, a crash in a C library, a loop that a
service manager ends) is known at the next start, and put aside after `MOST_CRASHES` of them.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

from icecube_hooks import Message, NoticeError

__all__ = ["MOST_CRASHES", "InHand"]

MOST_CRASHES: Final = 3
_LENGTH: Final = 512


class InHand:
    """The message that is being read, in a file that outlives the process.

    Parameters
    ----------
    path : Path
        Not synced to the disk: a crash of the machine is no fault of a message.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None
        self._place, self._crashes = "", 0

    def take(self, message: Message) -> None:
        """Note that a message is going to be read.

        Raises
        ------
        NoticeError
            If the process has ended too often while this one was being read.
        """
        place = ascii((message.topic, message.partition, message.offset, message.origin))[:400]
        if self._file is None:
            self._open()
        crashes = self._crashes if place == self._place else 0
        if crashes >= MOST_CRASHES:
            reason = f"the host has ended {crashes} times while reading this"
            raise NoticeError(reason).at(message)
        self._write(f"{crashes + 1} {place}")

    def clear(self) -> None:
        """Note that nothing is being read."""
        if self._file is not None:
            self._write("")

    def close(self) -> None:
        """Close the file."""
        self.clear()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _open(self) -> None:
        with contextlib.suppress(OSError):  # without the file only this protection is gone
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            text = os.read(self._file, _LENGTH).decode("ascii", "replace")
            crashes, _, self._place = text.strip().partition(" ")
            self._crashes = int(crashes) if crashes.isdecimal() else 0

    def _write(self, text: str) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.pwrite(self._file, text.encode()[:_LENGTH].ljust(_LENGTH), 0)
