"""Which of LVK's own alerts a sink gets that writes to people, and does not ask for them.

Whoever was told that IceCube found a neutrino near a gravitational wave has to hear of it when LVK
takes the wave back, or says another thing of it: another class or flag, or a map in which the
neutrino is on the other side of the border (`icecube_plugin.views.waves.decisive_of_wave`). Of a
superevent around which the sink was given no search it gets nothing.

What LVK has said is in ``gw-maps`` (`icecube_plugin.sinks.heard`); the map is decoded in the thread
of the sink, once. What each sink was told stands in ``followed.sqlite``.
"""

from __future__ import annotations

import json

from icecube_hooks import Alert
from icecube_plugin.sinks.heard import heard_wave
from icecube_plugin.sinks.memory import Memory, key_of, plain
from icecube_plugin.sky.skymaps import Maps
from icecube_plugin.views.waves import decisive_of_wave

from .store import Store

__all__ = ["ToldWaves"]


class ToldWaves:
    """What a sink was told of gravitational waves.

    Parameters
    ----------
    store : Store
        Keeps it, in the host's data folder.
    sink : str
    """

    def __init__(self, store: Store, sink: str) -> None:
        self._maps = Maps(store.path.parent / "skymaps")
        self._store, self._sink = store, plain(sink)

    def note(self, search: Alert) -> None:
        """Note that the sink gets a search, with what LVK has said by now."""
        with self._store.transaction() as database:
            memory = Memory(database)
            memory.keep(search)
            memory.told(self._sink, key_of(search))
            self._say(memory, search)
            memory.forget()

    def is_news(self, alert: Alert) -> bool:
        """Return whether the sink gets an alert of LVK's; asked again it says the same."""
        with self._store.transaction() as database:
            memory, key = Memory(database), key_of(alert)
            if memory.was_told(self._sink, key):
                return True
            search = memory.search(alert)
            if search is None or not any(
                memory.was_told(self._sink, key_of(one)) for one in search.alerts
            ):
                return False
            is_news = self._say(memory, search.known)
            if is_news:
                memory.told(self._sink, key)
            return is_news

    def _say(self, memory: Memory, search: Alert) -> bool:
        """Note what is to be said now of the wave of a search, and return whether that is new."""
        name = (search.gw and search.gw.superevent_id) or ""
        wave = heard_wave(name, self._maps.gw_folders)
        text = json.dumps(decisive_of_wave(search, wave, self._maps))
        is_new = text != memory.said(self._sink, name)
        if is_new:
            memory.say(self._sink, name, text)
        return is_new
