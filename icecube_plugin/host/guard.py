"""Limits on what reading one notice may do to the host.

`TimeLimit` ends Python code that runs too long. `InHand` remembers on disk which message is being
read, so that one that ends the whole process (killed for its memory, a crash in a C library, a loop
inside a regular expression that a service manager ends) is known at the next start, and put aside
after `MOST_CRASHES` of them.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from icecube_hooks import Message, NoticeError

__all__ = ["MOST_CRASHES", "InHand", "TimeLimit"]

T = TypeVar("T")

MOST_CRASHES: Final = 3
_LENGTH: Final = 512
_LOOKS: Final = 4


class _TooLong(BaseException):
    """Raised inside the code that is to end; no ``except Exception`` there can stop it."""


class TimeLimit:
    """Runs functions with a limit on their time.

    Parameters
    ----------
    seconds : float
        Ended between one and one and a quarter of it. Code in C, that Python cannot interrupt,
        goes on.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._began: float | None = None
        self._ident = 0
        self._fired = self._arrived = False
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def run(self, action: Callable[[Message], T], message: Message) -> T:
        """Return ``action(message)``.

        Raises
        ------
        NoticeError
            If it took too long.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="icecube-limit", daemon=True)
            self._thread.start()
        self._ident, self._began = threading.get_ident(), time.monotonic()
        try:
            try:
                return action(message)
            except _TooLong:
                self._arrived = True
                raise
            finally:
                self._end()
        except _TooLong:
            self._fired = self._arrived = False
            raise NoticeError(f"reading took longer than {self.seconds:g} s").at(message) from None

    def close(self) -> None:
        """End the thread that watches."""
        self._closed.set()
        self._thread = None
        self._closed = threading.Event()

    def _end(self) -> None:
        with self._lock:
            self._began = None
        while self._fired and not self._arrived:  # on its way: it must not come up later
            time.sleep(0)

    def _watch(self) -> None:
        closed = self._closed
        while not closed.wait(self.seconds / _LOOKS):
            with self._lock:
                began = self._began
                if began is None or time.monotonic() - began < self.seconds or self._fired:
                    continue
                self._fired = True
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(self._ident), ctypes.py_object(_TooLong)
                )


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
