"""Names of files, made of what messages say: ``A-Za-z0-9._+-`` only, each for one thing.

Two records, or events, have the same name only if they have the same id, or key: where that holds
anything that cannot stand in a name, a digest of all of it is part of the name.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from icecube_hooks import Record

__all__ = ["event_file_stem", "record_file_name"]

RECORD_CHARACTERS: Final = 150
"""Longest part of a name that comes from a notice; file systems take 255 bytes in all."""
EVENT_CHARACTERS: Final = 120

_FOREIGN: Final = re.compile(r"[^A-Za-z0-9._-]+")
_DIGEST: Final = re.compile(r"[0-9a-f]{16}")


def record_file_name(record: Record, ending: str = "json") -> str:
    """Return the name of the file of `record`: at most 180 characters.

    Examples
    --------
    >>> from icecube_hooks.testing import make_record
    >>> record_file_name(make_record(id="gold:137840_57034692:0:0123456789abcdef"))
    'gold+137840_57034692+0+0123456789abcdef.json'
    >>> record_file_name(make_record(id="gold:../../etc/passwd:0:0123456789abcdef"))
    'gold+.._.._etc_passwd+0+456762c8121489ae.json'
    """
    *parts, digest = record.id.split(":")
    stem = _stem(parts, RECORD_CHARACTERS)
    if stem != "+".join(parts) or not stem or not _DIGEST.fullmatch(digest):
        digest = _digest(record.id)
    return f"{stem or 'record'}+{digest}.{ending}"


def event_file_stem(key: str) -> str:
    """Return the name, without suffix, of the files of the event with a key.

    Examples
    --------
    >>> event_file_stem("137840_57034692"), event_file_stem("test:137840_57034692")
    ('137840_57034692', 'test+137840_57034692')
    >>> event_file_stem("../../etc/passwd")
    '_.._etc_passwd+3754d6cb3a38e118'
    """
    stem = _stem(key.split(":"), EVENT_CHARACTERS)
    if stem and stem.replace("+", ":") == key:
        return stem
    return f"{stem or 'event'}+{_digest(key)}"


def _stem(parts: list[str], characters: int) -> str:
    return "+".join(_FOREIGN.sub("_", part) for part in parts).lstrip(".-")[:characters]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def page_path(key: str) -> str:
    """Return the path of the page of an event in a site (`icecube_plugin.views.pages`)."""
    return f"events/{event_file_stem(key)}.html"
