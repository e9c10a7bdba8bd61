"""What a host has heard from LVK of a superevent: a file of lines for each, beside its sky maps.

A sink that gets searches, and not LVK's own alerts, tells of the wave by it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path

from icecube_hooks import Alert
from icecube_plugin.alerts import Event, group
from icecube_plugin.alerts.file_names import event_file_stem

__all__ = ["heard_wave", "note"]

log = logging.getLogger(__name__)


def note(folder: Path, alert: Alert) -> None:
    """Add an alert of LVK's to those of its superevent, once.

    Not synced: what is lost when the power fails is a line in a message; the journal has it.

    Raises
    ------
    OSError
        If the disk does not take it.
    """
    line = alert.replace(unread={}).to_json() + "\n"
    with _file(folder, (alert.gw and alert.gw.superevent_id) or "").open("a+") as lines:
        lines.seek(0)
        if line not in lines:
            lines.write(line)


def heard_wave(superevent: str, folders: Iterable[Path]) -> Event | None:
    """Return what a host has heard from LVK of a superevent, as it keeps it in one of `folders`.

    ``None`` if it has heard nothing, or the file cannot be read, of which the log tells.
    """
    files = (_file(folder, superevent) for folder in folders)
    file = next((file for file in files if file.is_file()), None)
    alerts = [] if file is None else list(_alerts(file))
    return next(iter(group(alerts)), None)


def _alerts(file: Path) -> Iterator[Alert]:
    """Yield the alerts of a file; a line that a kill has cut off is none."""
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        log.warning("what LVK said is not used, %s: %s", file, error)
        return
    for line in lines:
        try:
            yield Alert.from_json(line)
        except (ValueError, KeyError, TypeError) as error:
            log.warning("a line of %s is left out: %s", file, type(error).__name__)


def _file(folder: Path, superevent: str) -> Path:
    return folder / f"{event_file_stem(superevent)}.jsonl"
