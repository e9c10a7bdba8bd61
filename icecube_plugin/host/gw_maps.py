"""What LVK's alerts say, for those who tell of a search: files in the data folder.

One of them has some 800 kB, and lines, rows and messages that held it would be of no use to people.
``gw-maps/S241125n-73f4cb620387be47.fits`` bears the superevent and the first 16 digits of the
file's SHA-256, which is in the record (`icecube_hooks.SkyMapFile`). Those of mock events, one an
hour, are in ``gw-maps/mock`` and are removed after some days. Real ones never are.

``gw-maps/S241125n.jsonl`` has the alerts of the superevent, one a line, for sinks such as
``notify`` that get the search and not LVK's own alerts (`icecube_plugin.sinks.heard`). No map is
decoded here, on the road of the alert: `icecube_plugin.sky.skymaps.Maps` does, once, where one is
asked for.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from icecube_hooks import AlertKind, Concern, Message, Record
from icecube_plugin.alerts.file_names import event_file_stem
from icecube_plugin.disk import replace_file, sync_folder
from icecube_plugin.notices.inside import taken_out
from icecube_plugin.sinks.heard import note
from icecube_plugin.sky.skymaps import GW_FOLDER, GW_MOCK

__all__ = ["GWMaps"]

log = logging.getLogger(__name__)

DAY_S: Final = 86_400.0


class GWMaps:
    """The folder of maps of a host.

    Parameters
    ----------
    data_folder : Path
    mock_days : float
        How long those of mock events are kept [d].
    """

    def __init__(self, data_folder: Path, mock_days: float) -> None:
        self._folder, self._mock_days = data_folder / GW_FOLDER, mock_days

    def keep(self, message: Message, record: Record) -> Record:
        """Keep the maps of a message as it came.

        Returns
        -------
        Record
            The same; with a concern if the disk does not take them. The alert does not wait for it.
        """
        alert = record.alert
        if alert.kind is not AlertKind.LVK_GW:
            return record
        _, maps = taken_out(message.value)
        folder = self._folder if alert.is_real else self._folder / GW_MOCK
        name = event_file_stem((alert.gw and alert.gw.superevent_id) or "")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._keep_maps(folder, name, maps)
            note(folder, alert)
        except OSError as error:
            log.error("the sky map of %s cannot be kept: %s", alert.notice_id, error)
            why = f"not kept, the disk does not take it: {error.strerror or error}"
            lost = Concern(field="skymap", found=", ".join(maps), taken=None, why=why)
            return record.replace(alert=alert.replace(concerns=(*alert.concerns, lost)))
        return record

    def _keep_maps(self, folder: Path, name: str, maps: Mapping[str, bytes]) -> None:
        for digest, content in maps.items():
            file = folder / f"{name}-{digest[:16]}.fits"
            if not file.exists():
                replace_file(file, content, sync=True)
        if maps:
            sync_folder(folder)

    def prune(self, now_s: float | None = None) -> None:
        """Remove the maps of mock events that are too old; `now_s` in Unix time, for tests."""
        before = (time.time() if now_s is None else now_s) - self._mock_days * DAY_S
        try:
            for file in (self._folder / GW_MOCK).glob("*.*"):
                if file.stat().st_mtime < before:
                    file.unlink(missing_ok=True)
        except OSError as error:
            log.warning("old sky maps of mock events cannot be removed: %s", error)
