"""Lossless JSON for the contract's dataclasses.

Bytes become base64 (field name with ``_base64`` added), times ISO 8601 with ``Z``, enums their
value, tuples lists. ``None`` is written out: "not stated" is part of what an alert says.

There are two ways out, to a dictionary and straight to text. The text is what every sink of a host
writes for every record, and three times as fast as `json.dumps` of the dictionary. `_KINDS` lists
what may stand in an alert, with the function of each way.
"""

from __future__ import annotations

import math
import types
import typing
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from json.encoder import encode_basestring_ascii as _string_text
from operator import attrgetter, methodcaller
from typing import Any, Final, NamedTuple, Self, TypeVar

T = TypeVar("T")
Encoder = Callable[[Any], Any]
Decoder = Callable[[Any], Any]

__all__ = ["Jsonable", "object_text", "value_text"]

_PLAIN: Final = frozenset({type(None), str, float, int, bool})
"""Types that are JSON already. Exactly these: a subclass may print as something else."""


class Jsonable:
    """Adds ``to_dict``, ``to_json`` and ``from_dict`` to a dataclass."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Return a dictionary that `json.dumps` takes and `from_dict` turns back."""
        plan = _plan(type(self))
        # Three of four values are plain; the test here saves a call for each.
        return {
            key: value if value.__class__ in _PLAIN else _ENCODERS[value.__class__](value)
            for key, value in zip(plan.keys, plan.values(self), strict=True)
        }

    def to_json(self) -> str:
        """Return ``to_dict()`` as strict ASCII JSON, on one line.

        NaN and infinity, which JSON does not have, become the strings that Python's ``float``
        reads back.
        """
        return object_text(self)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with other values in some fields."""
        import dataclasses

        return dataclasses.replace(self, **changes)  # type: ignore[type-var]  # ours are dataclasses

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Make the object from what `to_dict` gave; unknown keys are left alone.

        Raises
        ------
        KeyError, TypeError, ValueError
            If `data` is not of that form.
        """
        decoders = _plan(cls).decoders
        return cls(**{name: decode(data[key]) for name, key, decode in decoders if key in data})


def object_text(value: Jsonable, without: str = "") -> str:
    """Return ``value.to_json()``, leaving out the field `without`."""
    return _plan(type(value), without).text(value)


def value_text(value: Any) -> str:
    """Return one value of the contract as JSON."""
    text: str = _TEXTERS[value.__class__](value)
    return text


class _Plan(NamedTuple):
    """How to turn one class into JSON and back, worked out once."""

    keys: tuple[str, ...]
    values: Callable[[Any], tuple[Any, ...]]
    text: Callable[[Any], str]
    decoders: tuple[tuple[str, str, Decoder], ...]


_PLANS: Final[dict[tuple[type, str], _Plan]] = {}


def _plan(cls: type[Jsonable], without: str = "") -> _Plan:
    plan = _PLANS.get((cls, without))
    if plan is None:
        plan = _PLANS[cls, without] = _new_plan(cls, without)
    return plan


def _new_plan(cls: Any, without: str) -> _Plan:
    hints = typing.get_type_hints(cls)
    names = [name for name in cls.__dataclass_fields__ if name != without]
    keys = tuple(_key(name, hints[name]) for name in names)
    decoders = [_decoder(hints[name]) for name in names]
    return _Plan(
        keys=keys,
        values=attrgetter(*names),  # gives a tuple: no class of the contract has one field only
        text=_new_text(names, keys, hints),
        decoders=tuple(zip(names, keys, decoders, strict=True)),
    )


def _new_text(names: Sequence[str], keys: Sequence[str], hints: Mapping[str, Any]) -> Any:
    """Write the function that makes the text of one class.

    Most values of an alert are not stated, and most others are of the type that is hinted at:
    these need no look into the table.
    """
    lines = [f" {name} = {_text_of(f'_self.{name}', hints[name])}" for name in names]
    items = ", ".join(f'"{key}": {{{name}}}' for name, key in zip(names, keys, strict=True))
    source = "\n".join(("def _text(_self):", *lines, f" return f'{{{{{items}}}}}'"))
    given: dict[str, Any] = {"_table": _TEXTERS, "_string": _string_text}
    exec(source, given)  # noqa: S102  # made of the names of our fields, as dataclasses does
    return given["_text"]


def _text_of(value: str, hint: Any) -> str:
    """Return the expression that makes the text of `value`."""
    kinds = (hint, typing.get_origin(hint), *typing.get_args(hint))
    usual = next((text for kind, text in _USUAL.items() if kind in kinds), "")
    return f"'null' if (_v := {value}) is None else {usual}_table[_v.__class__](_v)"


_USUAL: Final = {  # in this order: the hint of a tuple also names what is in it
    tuple: "'[]' if _v == () else ",
    str: "_string(_v) if _v.__class__ is str else ",
    float: "f'{_v!r}' if _v.__class__ is float and _v - _v == 0.0 else ",
    int: "f'{_v!r}' if _v.__class__ is int else ",
}


def _key(name: str, hint: Any) -> str:
    is_bytes = hint is bytes or bytes in typing.get_args(hint)
    return f"{name}_base64" if is_bytes else name


class _Table(dict[type, Callable[[Any], Any]]):
    """The functions of one way, by class; a new class is looked up in `_KINDS` once."""

    __slots__ = ("way",)

    def __init__(self, way: int) -> None:
        super().__init__()
        self.way = way

    def __missing__(self, cls: type) -> Callable[[Any], Any]:
        for kind, *ways in _KINDS:
            if cls is kind or (issubclass(cls, kind) and kind not in _PLAIN):
                self[cls] = _own_text(cls) if ways[self.way] is _to_json else ways[self.way]
                return self[cls]
        raise TypeError(f"{cls.__name__} does not belong into an alert")


def _own_text(cls: type[Jsonable]) -> Callable[[Any], str]:
    """Return the function that ``to_json`` of a class comes to."""
    return _plan(cls).text if cls.to_json is Jsonable.to_json else _to_json


_to_json: Final = methodcaller("to_json")
_ENCODERS: Final = _Table(0)
_TEXTERS: Final = _Table(1)


def _encoded(value: Any) -> Any:
    return _ENCODERS[value.__class__](value)


def _float_text(value: float) -> str:
    return repr(value) if math.isfinite(value) else f'"{value}"'


def _list(values: Iterable[Any]) -> list[Any]:
    return [_ENCODERS[value.__class__](value) for value in values]


def _list_text(values: Iterable[Any]) -> str:
    return f"[{', '.join([_TEXTERS[value.__class__](value) for value in values])}]"


def _dict(data: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(key): _encoded(item) for key, item in data.items()}


def _dict_text(data: Mapping[Any, Any]) -> str:
    items = [f"{_string_text(str(key))}: {value_text(item)}" for key, item in data.items()]
    return f"{{{', '.join(items)}}}"


def _time(time: datetime) -> str:
    utc = time if time.tzinfo is UTC else time.astimezone(UTC)
    return f"{utc.isoformat()[:-6]}Z"  # in place of +00:00


def _time_text(time: datetime) -> str:
    utc = time if time.tzinfo is UTC else time.astimezone(UTC)
    return f'"{utc.isoformat()[:-6]}Z"'


def _base64(value: bytes) -> str:
    return b2a_base64(value, newline=False).decode("ascii")


def _same(value: T) -> T:
    return value


_KINDS: Final[tuple[tuple[Any, Encoder, Callable[[Any], str]], ...]] = (
    (type(None), _same, lambda value: "null"),
    (str, _same, _string_text),
    (float, _same, _float_text),
    (bool, _same, lambda value: "true" if value else "false"),
    (int, _same, repr),
    (tuple, _list, _list_text),
    (list, _list, _list_text),
    (Jsonable, methodcaller("to_dict"), _to_json),
    (StrEnum, attrgetter("_value_"), _string_text),  # `_value_`: `value` without its descriptor
    (datetime, _time, _time_text),
    (bytes, _base64, lambda value: f'"{_base64(value)}"'),
    (Mapping, _dict, _dict_text),
)


def _decoder(hint: Any) -> Decoder:
    """Return the function that undoes `_encoded` for a value of type `hint`."""
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


_SIMPLE: dict[Any, Decoder] = {
    bytes: a2b_base64,
    datetime: datetime.fromisoformat,
    float: float,
}
