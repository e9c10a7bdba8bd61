"""Names of files, made of what messages say."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from icecube_hooks import Record, WireFormat
from icecube_plugin.sinks.json_files import file_name

__all__ = ["page_name", "record_path", "region_path", "voevent_path"]

STEM_CHARACTERS: Final = 120

_FOREIGN: Final = re.compile(r"[^A-Za-z0-9._-]+")


def page_name(key: str) -> str:
    """Return the name, without suffix, of the page of an event: ``A-Za-z0-9._+-`` only.

    Two keys have the same name only if they are equal: where a key holds anything that cannot
    stand in a name, a digest of all of it follows.

    Examples
    --------
    >>> page_name("137840_57034692"), page_name("test:137840_57034692")
    ('137840_57034692', 'test+137840_57034692')
    >>> page_name("../../etc/passwd")
    '_.._etc_passwd+3754d6cb3a38e118'
    """
    stem = "+".join(_FOREIGN.sub("_", part) for part in key.split(":")).lstrip(".-")
    stem = stem[:STEM_CHARACTERS]
    if stem and stem.replace("+", ":") == key:
        return stem
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{stem or 'event'}+{digest}"


def record_path(record: Record) -> str:
    """Return the path of a record's JSON in the site."""
    return f"data/{file_name(record)}"


def voevent_path(record: Record) -> str | None:
    """Return the path of the VOEvent as it came; ``None`` if the notice was none.

    It ends in ``.txt``: a browser that opens it as XML would run scripts that stand in it.
    """
    if record.alert.format is not WireFormat.VOEVENT:
        return None
    return f"data/{file_name(record, 'xml.txt')}"


def region_path(key: str) -> str:
    """Return the path of an event's DS9 region."""
    return f"data/{page_name(key)}.reg"
