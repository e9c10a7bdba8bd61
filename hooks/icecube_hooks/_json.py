"""Lossless JSON for the contract's dataclasses.

Bytes become base64 (field name with ``_base64`` added), times ISO 8601 with ``Z``, enums their
value, tuples lists. ``None`` is written out: "not stated" is part of what an alert says.
"""

from __future__ import annotations

import base64
import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import Any, Self, TypeVar

T = TypeVar("T")
Encoder = Callable[[Any], Any]
Decoder = Callable[[Any], Any]

__all__ = ["Jsonable"]

_PLANS: dict[type, tuple[tuple[str, str, Decoder], ...]] = {}


class Jsonable:
    """Adds ``to_dict`` and ``from_dict`` to a dataclass."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Return a dictionary that `json.dumps` takes and `from_dict` turns back."""
        return {key: _encode(getattr(self, name)) for name, key, _ in _plan(type(self))}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Make the object from what `to_dict` gave; unknown keys are left alone.

        Raises
        ------
        KeyError, TypeError, ValueError
            If `data` is not of that form.
        """
        return cls(**{name: decode(data[key]) for name, key, decode in _plan(cls) if key in data})


def _encode(value: Any) -> Any:
    """Turn one value of the contract into JSON's terms."""
    if value is None or value.__class__ in (str, float, int, bool):
        return value
    if isinstance(value, tuple | list):
        return [_encode(item) for item in value]
    if isinstance(value, Jsonable):
        return value.to_dict()
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, Mapping):
        return {str(key): _encode(item) for key, item in value.items()}
    raise TypeError(f"{type(value).__name__} does not belong into an alert")


def _plan(cls: type) -> tuple[tuple[str, str, Decoder], ...]:
    """Return name, JSON key and decoder of each field of `cls`."""
    if cls not in _PLANS:
        _PLANS[cls] = _new_plan(cls)
    return _PLANS[cls]


def _new_plan(cls: type) -> tuple[tuple[str, str, Decoder], ...]:
    hints = typing.get_type_hints(cls)
    fields = dataclasses.fields(cls)
    return tuple((f.name, _key(f.name, hints[f.name]), _decoder(hints[f.name])) for f in fields)


def _key(name: str, hint: Any) -> str:
    is_bytes = hint is bytes or bytes in typing.get_args(hint)
    return f"{name}_base64" if is_bytes else name


def _decoder(hint: Any) -> Decoder:
    """Return the function that undoes `_encode` for a value of type `hint`."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        inner = next(arg for arg in typing.get_args(hint) if arg is not type(None))
        return partial(_optional, _decoder(inner))
    if typing.get_origin(hint) is tuple:
        return _tuple_decoder(typing.get_args(hint))
    if hint in _SIMPLE:
        return _SIMPLE[hint]
    if isinstance(hint, type) and issubclass(hint, Jsonable):
        return hint.from_dict
    return hint if isinstance(hint, type) and issubclass(hint, StrEnum) else _same


def _tuple_decoder(args: tuple[Any, ...]) -> Decoder:
    if args[-1] is Ellipsis:
        return partial(_many, _decoder(args[0]))
    return partial(_each, tuple(_decoder(arg) for arg in args))


def _optional(decode: Decoder, value: Any) -> Any:
    return None if value is None else decode(value)


def _many(decode: Decoder, values: Any) -> tuple[Any, ...]:
    return tuple(decode(value) for value in values)


def _each(decoders: tuple[Decoder, ...], values: Any) -> tuple[Any, ...]:
    return tuple(decode(value) for decode, value in zip(decoders, values, strict=True))


def _same(value: T) -> T:
    return value


_SIMPLE: dict[Any, Decoder] = {
    bytes: base64.b64decode,
    datetime: datetime.fromisoformat,
    float: float,
}
