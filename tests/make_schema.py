"""The JSON schema of a record, made from the types of the contract.

``python -m tests.make_schema`` writes it anew to ``hooks/icecube_hooks/record.schema.json``, after
a change of the types; a test compares the two. What a field means, and its unit, comes out of the
docstrings.

Every key is required, for every key is written (null is "not stated"); the one exception is in
`_OPTIONAL`. Further keys are allowed: a newer version of the contract may add some.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import types
import typing
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from icecube_hooks import HOOKSPEC_VERSION, Record
from icecube_hooks._json import _key

FILE: Final = Path(__file__).parents[1] / "hooks" / "icecube_hooks" / "record.schema.json"

_TIME: Final = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z$"
_SIMPLE: Final[dict[Any, dict[str, Any]]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"anyOf": [{"type": "number"}, {"enum": ["inf", "-inf", "nan"]}]},
    bytes: {"type": "string", "contentEncoding": "base64"},
    datetime: {"type": "string", "format": "date-time", "pattern": _TIME},
}
_OPTIONAL: Final = {"value_base64": "Left out where it equals `alert.raw_base64`."}


def record_schema() -> dict[str, Any]:
    """Return the schema of `Record.to_dict`, draft 2020-12."""
    definitions = {cls.__name__: _definition(cls) for cls in sorted(_reached(Record), key=_name)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:icecube-plugin:record:{HOOKSPEC_VERSION}",
        "title": "IceCube alert, normalised",
        "x-hookspec-version": HOOKSPEC_VERSION,
        "$ref": "#/$defs/Record",
        "$defs": definitions,
    }


def text() -> str:
    """Return the content of the file."""
    return f"{json.dumps(record_schema(), indent=2, ensure_ascii=False)}\n"


def _name(cls: type) -> str:
    return cls.__name__


def _reached(cls: type) -> set[type]:
    """Return `cls` and all dataclasses and enumerations that its fields lead to."""
    found = {cls}
    if dataclasses.is_dataclass(cls):
        for hint in typing.get_type_hints(cls).values():
            found |= {one for part in _parts(hint) for one in _reached(part)}
    return found


def _parts(hint: Any) -> Iterator[type]:
    if dataclasses.is_dataclass(hint) or (isinstance(hint, type) and issubclass(hint, StrEnum)):
        yield typing.cast("type", hint)
    for inner in typing.get_args(hint):
        yield from _parts(inner)


def _definition(cls: Any) -> dict[str, Any]:
    description = _prose(re.split(r"\n(?:Attributes\n---|\.\. )", inspect.getdoc(cls) or "")[0])
    if issubclass(cls, StrEnum):
        return {"description": description, "enum": [one.value for one in cls]}
    hints = typing.get_type_hints(cls)
    told = _told(cls)
    properties = {}
    for field in dataclasses.fields(cls):
        key = _key(field.name, hints[field.name])
        words = " ".join(filter(None, (told.get(field.name), _OPTIONAL.get(key))))
        properties[key] = _schema(hints[field.name]) | ({"description": words} if words else {})
    required = [key for key in properties if key not in _OPTIONAL]
    return {
        "description": description,
        "type": "object",
        "properties": properties,
        "required": required,
    }


def _schema(hint: Any) -> dict[str, Any]:
    if hint in _SIMPLE:
        return dict(_SIMPLE[hint])
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        (inner,) = (arg for arg in typing.get_args(hint) if arg is not types.NoneType)
        return _or_null(_schema(inner))
    if typing.get_origin(hint) is tuple:
        return _array(typing.get_args(hint))
    if typing.get_origin(hint) is Mapping:
        return {"type": "object"}
    return {"$ref": f"#/$defs/{hint.__name__}"}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    if "type" in schema:
        return schema | {"type": [schema["type"], "null"]}
    return {"anyOf": [*schema.get("anyOf", [schema]), {"type": "null"}]}


def _array(args: tuple[Any, ...]) -> dict[str, Any]:
    if args[-1] is Ellipsis:
        return {"type": "array", "items": _schema(args[0])}
    items = [_schema(arg) for arg in args]
    return {"type": "array", "prefixItems": items, "items": False, "minItems": len(items)}


def _told(cls: type) -> dict[str, str]:
    """Return what the docstring says of each attribute, without its type."""
    section = (inspect.getdoc(cls) or "").partition("\nAttributes\n----------\n")[2]
    told: dict[str, str] = {}
    for names, words in re.findall(r"^(\w[\w, ]*) : .*\n((?: +.*\n?)*)", section, re.MULTILINE):
        told |= dict.fromkeys((name.strip() for name in names.split(",")), _prose(words))
    return told


def _prose(words: str) -> str:
    return " ".join(words.replace("``None``", "null").replace("``", "`").split())


if __name__ == "__main__":
    FILE.write_text(text())
