"""Tests wait for states, and for as long as a busy machine needs: only what never comes fails."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 300.0
"""So long a state, or the end of a program, is waited for: seconds on a quiet machine."""


def wait_for(condition: Callable[[], object], seconds: float = PATIENCE_S) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
