"""Hypothesis strategies for every type of the contract, made from its annotations."""

from __future__ import annotations

import types
import typing
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import msgspec
from hypothesis import strategies as st

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TEXT = st.text(st.characters(codec="utf-8"), max_size=10)
UNREAD = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
TIMES = st.datetimes(datetime(1000, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # bounds of hypothesis have no zone

_SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(-(2**63), 2**63 - 1),
    float: FLOATS,
    bool: st.booleans(),
    bytes: st.binary(max_size=10),
    datetime: TIMES,
}


def instances(cls: type[msgspec.Struct]) -> st.SearchStrategy[Any]:
    """Any value of `cls` that its annotations allow, optional fields left out or not."""
    hints = typing.get_type_hints(cls, include_extras=True)
    return st.builds(cls, **{name: _values(hints[name]) for name in cls.__struct_fields__})


def _values(hint: Any) -> st.SearchStrategy[Any]:
    if hint in _SIMPLE:
        return _SIMPLE[hint]
    if typing.get_origin(hint) is Annotated:
        return _bounded(*typing.get_args(hint))
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return st.one_of(*(_values(arg) for arg in typing.get_args(hint)))
    if hint is types.NoneType:
        return st.none()
    if typing.get_origin(hint) is tuple:
        return _tuples(typing.get_args(hint))
    if issubclass(typing.get_origin(hint) or hint, typing.Mapping):
        inner = typing.get_args(hint)[1]
        return st.dictionaries(TEXT, UNREAD if inner is Any else _values(inner), max_size=3)
    if issubclass(hint, StrEnum):
        return st.sampled_from(list(hint))
    return instances(hint)


def _bounded(kind: Any, meta: msgspec.Meta) -> st.SearchStrategy[Any]:
    if meta.pattern is not None:
        return st.from_regex(meta.pattern)
    if kind is not float:
        return _values(kind)
    return st.floats(meta.ge, meta.le, allow_nan=False, allow_infinity=False)


def _tuples(args: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    if args[-1] is Ellipsis:
        return st.lists(_values(args[0]), max_size=2).map(tuple)
    return st.tuples(*(_values(arg) for arg in args))
