"""Plugins that observe a host, each in a thread of its own: a slow one holds nothing up.

What a host tells stands in a queue for each. One that does not keep up misses what is more than
`MOST_WAITING`, which is said.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from typing import Any, Final

from icecube_hooks.host import Listener, PluginSet

__all__ = ["Observers"]

log = logging.getLogger(__name__)

MOST_WAITING: Final = 10_000
CLOSE_S: Final = 5.0
"""So long the end of a host waits for those who observe it."""

_HOOKS: Final = ("on_start", "on_record", "on_refused", "on_stop")


class Observers:
    """All that observe a host.

    Parameters
    ----------
    plugins : PluginSet
    """

    def __init__(self, plugins: PluginSet) -> None:
        self._all = [_Observer(listener) for listener in plugins.listeners(*_HOOKS)]

    def tell(self, hook: str, **arguments: Any) -> None:
        """Tell everybody, without waiting."""
        for one in self._all:
            one.tell(hook, arguments)

    def close(self) -> None:
        """Wait until everybody has heard everything, but no longer than `CLOSE_S`."""
        until = time.monotonic() + CLOSE_S
        for one in self._all:
            one.close(until)


class _Observer:
    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._waiting: queue.Queue[tuple[str, dict[str, Any]] | None]
        self._waiting = queue.Queue(MOST_WAITING)
        self._missed = 0
        self._thread = threading.Thread(
            target=self._work, name=f"icecube-observer-{listener.name}", daemon=True
        )
        self._thread.start()

    def tell(self, hook: str, arguments: dict[str, Any]) -> None:
        if hook not in self._listener.hooks:
            return
        try:
            self._waiting.put_nowait((hook, arguments))
        except queue.Full:
            self._missed += 1
            if self._missed == 1:
                log.error("plugin %s does not keep up: it misses records", self._listener.name)

    def close(self, until: float) -> None:
        try:
            self._waiting.put(None, timeout=max(until - time.monotonic(), 0.01))
        except queue.Full:
            log.error("plugin %s hangs; it is left as it is", self._listener.name)
            return
        self._thread.join(max(until - time.monotonic(), 0.01))
        if self._thread.is_alive():
            left = self._waiting.qsize()
            log.error("plugin %s is not done; %d calls are lost", self._listener.name, left)
        if self._missed:
            log.error("plugin %s has missed %d calls", self._listener.name, self._missed)

    def _work(self) -> None:
        while (told := self._waiting.get()) is not None:
            hook, arguments = told
            self._listener.tell(hook, **arguments)
