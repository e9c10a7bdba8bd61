"""Mappings and lists that cannot be changed: all sinks of a host share one record."""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["FrozenDict", "FrozenList", "frozen"]


def _refuse(self: object, *arguments: object, **named: object) -> NoReturn:
    del arguments, named
    what = "dict" if isinstance(self, dict) else "list"
    raise TypeError(f"it is shared by everybody who has the record: change a copy, {what}(...)")


class FrozenDict(dict[str, Any]):
    """A dictionary that refuses to be changed."""

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> Any:
        return FrozenDict, (dict(self),)


class FrozenList(list[Any]):
    """A list that refuses to be changed."""

    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse
    append = clear = extend = insert = pop = remove = reverse = sort = _refuse

    def __reduce__(self) -> Any:
        return FrozenList, (list(self),)


def frozen(value: Any) -> Any:
    """Return a value of JSON that cannot be changed, nor anything in it."""
    if isinstance(value, FrozenDict | FrozenList):
        return value
    if isinstance(value, dict):
        return FrozenDict({name: frozen(one) for name, one in value.items()})
    if isinstance(value, list):
        return FrozenList([frozen(one) for one in value])
    return value
