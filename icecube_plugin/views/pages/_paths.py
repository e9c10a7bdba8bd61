"""Where the files of a site are."""

from __future__ import annotations

from icecube_hooks import Record, WireFormat
from icecube_plugin.alerts.file_names import event_file_stem, record_file_name

__all__ = ["calendar_path", "record_path", "region_path", "voevent_path"]


def record_path(record: Record) -> str:
    """Return the path of a record's JSON in the site."""
    return f"data/{record_file_name(record)}"


def voevent_path(record: Record) -> str | None:
    """Return the path of the VOEvent as it came; ``None`` if the notice was none.

    It ends in ``.txt``: a browser that opens it as XML would run scripts that stand in it.
    """
    if record.alert.format is not WireFormat.VOEVENT:
        return None
    return f"data/{record_file_name(record, 'xml.txt')}"


def region_path(key: str) -> str:
    """Return the path of an event's DS9 region."""
    return f"data/{event_file_stem(key)}.reg"


def calendar_path(key: str) -> str:
    """Return the path of the times in which an event can be observed."""
    return f"data/{event_file_stem(key)}.ics"
