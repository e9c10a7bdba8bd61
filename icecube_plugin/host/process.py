"""Settings of a process that does nothing but run a host.

They are for the whole process, so a library must not touch them: only who starts it may, as the
commands do. Together they save a seventh of the CPU time of a back-fill.
"""

from __future__ import annotations

import contextlib
import gc
from typing import Final

__all__ = ["own_process"]

_MALLOC: Final = {
    "M_ARENA_MAX": (-8, 1),
    "M_TRIM_THRESHOLD": (-1, 1 << 26),
    "M_MMAP_THRESHOLD": (-3, 1 << 25),
}
"""Number and value of each option of glibc's ``mallopt``, see its manual page."""


def own_process() -> None:
    """Suit this process to a host: many short-lived objects, and threads that hand them on.

    What exists now is no longer looked at by the garbage collector, which also runs less often: a
    batch is 50,000 objects, all free of cycles. And all threads share one pool of memory (glibc
    only), which keeps up to 64 MB that are free: neither a sink's thread nor the next batch has to
    ask the system for what another has freed.
    """
    import ctypes

    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    with contextlib.suppress(AttributeError, OSError):  # no glibc
        set_option = ctypes.CDLL(None).mallopt
        for number, value in _MALLOC.values():
            set_option(number, value)
