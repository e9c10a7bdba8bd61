"""Reader of records that another host has published: JSON as in ``record.schema.json``.

Such a message, as the sinks ``kafka`` and ``hopskotch`` send it::

    {"id": "gold:137840_57034692:0:9f86d081884c7d65",
     "message": {"topic": "gcn.notices.icecube.gold_bronze_track_alerts", ...},
     "alert": {"kind": "gold", "format": "json", "run_id": 137840, ..., "raw_base64": "eyJ..."},
     "significances": [...]}

Conventions
-----------
- The alert comes out as it went in, with the bytes of the notice that it was read from, so that
  the record has the same id as in the host that sent it.
- Significances are not taken over: the receiving host's own providers assess the alert.
- Types and ranges are checked, for anybody may write such JSON. Whether `alert` says what the
  notice in it says is not: listen to a topic that only you can write to.
- The topic's name tells: one that holds ``icecube-records`` is expected to carry records. On any
  other they are read by their content, with a concern that says so.
"""

from __future__ import annotations

import dataclasses
import sys
import types
import typing
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final

from icecube_hooks import Alert, Message, NoticeError, ParserType, hookimpl

from ._json_fields import decode
from ._values import iso_time, json_number, within

__all__ = ["TOPICS", "parse", "register_parsers"]

TOPICS: Final = ("*icecube-records*",)

_MARKS: Final = (b'"raw_base64"',)
_KEYS: Final = frozenset({"id", "message", "alert", "significances"})
_JSON: Final[Mapping[type, tuple[type | tuple[type, ...], str]]] = {
    int: (int, "a whole number"),
    float: ((int, float), "a number"),
    bool: (bool, "true or false"),
    tuple: (list, "a list"),
    Mapping: (dict, "an object"),
}
"""What a type is in JSON; a dataclass is an object, and any other type is text."""
_LIMITS: Final = {int: (-1e18, 1e18), float: (-sys.float_info.max, sys.float_info.max)}
_RANGES: Final = {
    "ra_deg": (0.0, 360.0),
    "dec_deg": (-90.0, 90.0),
    "containment": (0.0, 1.0),
    "signalness": (0.0, 1.0),
    "value": (0.0, 1.0),  # of a p-value
}


@hookimpl
def register_parsers() -> list[ParserType]:
    """Register the parser ``record-json``."""
    summary = "records that another host has published as JSON"
    return [ParserType(name="record-json", topics=TOPICS, parse=parse, summary=summary)]


def parse(message: Message) -> Alert | None:
    """Take the alert out of a record.

    Returns
    -------
    Alert or None
        ``None`` if the content is no record.

    Raises
    ------
    NoticeError
        If it is one, and broken.
    """
    fields = decode(message, _MARKS)
    if fields is None or not fields.data.keys() >= _KEYS:
        return None
    data = fields.data["alert"]
    _check(data, Alert, "alert")
    try:
        return Alert.from_dict(data)
    except (ValueError, TypeError) as error:  # the latter: what has to be there is not
        reason = f"not an alert ({type(error).__name__}: {error})"
        raise NoticeError(reason, field="alert") from error


def _check(value: Any, hint: Any, field: str) -> None:
    """Refuse decoded JSON that is not of the annotated type, or cannot be."""
    if isinstance(hint, types.UnionType):  # of one type and None
        if value is None:
            return
        hint = typing.get_args(hint)[0]
    kind: Any = typing.get_origin(hint) or hint
    plain = _JSON[Mapping] if dataclasses.is_dataclass(kind) else _JSON.get(kind, (str, "text"))
    _check_type(value, *plain, field)
    if kind is tuple:
        for number, item in enumerate(value):
            _check(item, typing.get_args(hint)[0], f"{field}[{number}]")
    elif dataclasses.is_dataclass(kind):
        for name, inner in _hints(hint).items():
            if name in value:
                _check(value[name], inner, f"{field}.{name}")
    elif kind in (int, float):
        limits = _RANGES.get(field.rpartition(".")[2], _LIMITS[kind])
        within(json_number(value, field), *limits, field)
    elif kind is datetime and not (iso_time(value, field) and value.endswith("Z")):
        raise NoticeError("expected a time in UTC, with Z", field=field, value=value)


def _check_type(value: object, expected: type | tuple[type, ...], words: str, field: str) -> None:
    if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
        raise NoticeError(f"expected {words}", field=field, value=value)


@cache
def _hints(cls: Any) -> dict[str, Any]:
    """Return the types of a dataclass's fields, by their keys in JSON."""
    hints = typing.get_type_hints(cls)
    return {f"{name}_base64" if hint is bytes else name: hint for name, hint in hints.items()}
