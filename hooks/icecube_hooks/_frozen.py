"""`dataclass` and `field` for the types of the contract: soon imported, quickly filled.

A class made here is what ``@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)`` makes,
and type checkers see that one. Two things differ inside:

- Importing generates no code. The first object of a class makes its ``__init__``; the first use of
  its fields, equality, hash, text or signature makes a dataclass of the standard library with the
  same fields, and borrows them there.
- ``__init__`` fills the object while it belongs to a class of the same slots that is not frozen:
  an assignment there takes a tenth of ``object.__setattr__``. Nobody else has the object yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, Final, TypeVar

__all__ = ["dataclass", "field", "maker"]

T = TypeVar("T")

_BORROWED: Final = (
    *("__delattr__", "__eq__", "__getstate__", "__hash__", "__repr__", "__setattr__"),
    "__setstate__",
)
_set: Final = object.__setattr__


class _Options(dict[str, Any]):
    """The arguments of a `field`."""


def field(**options: Any) -> Any:
    """Do what `dataclasses.field` does."""
    return _Options(options)


def dataclass(*, frozen: bool, kw_only: bool, slots: bool) -> Callable[[type], type]:
    """Do what `dataclasses.dataclass` does with these options, which must all be true."""
    if not (frozen and kw_only and slots):
        raise TypeError("the types of the contract are frozen, keyword-only, and have slots")
    return _made


def _made(cls: Any) -> Any:
    """Return the class with slots; a class cannot gain them later."""
    names = tuple(cls.__annotations__)
    body = {name: value for name, value in cls.__dict__.items() if name not in _OF_NO_SLOTS}
    defaults = {name: body.pop(name) for name in names if name in body}
    made: Any = type(cls)(cls.__name__, cls.__bases__, body | {"__slots__": names})
    setattr(made, "__match_args__", ())  # noqa: B010  # mypy takes it for a dataclass of its own
    made._defaults = defaults
    made.__dataclass_fields__ = _OnDemand(lambda owner: _model(made).__dataclass_fields__)
    made.__dataclass_params__ = _OnDemand(lambda owner: _model(made).__dataclass_params__)
    made.__signature__ = _OnDemand(lambda owner: _signature(made, owner))
    made.__init__ = _first_init(made)
    for name in _BORROWED:
        setattr(made, name, _borrowing(made, name))
    return made


_OF_NO_SLOTS: Final = ("__dict__", "__weakref__")


class _OnDemand:
    """An attribute of a class that is worked out when somebody asks for it."""

    def __init__(self, make: Callable[[type], Any]) -> None:
        self.make = make

    def __get__(self, instance: object, owner: type) -> Any:
        return self.make(owner)


def _borrowing(cls: Any, name: str) -> Callable[..., Any]:
    """Return a method that puts that of the standard library in its own place."""

    def method(self: Any, *arguments: Any) -> Any:
        found = getattr(_model(cls), name)
        setattr(cls, name, found)
        return found(self, *arguments)

    return method


@cache
def _model(cls: Any) -> Any:
    """Return the standard library's dataclass with the fields of `cls`."""
    import dataclasses

    body: dict[str, Any] = {
        name: dataclasses.field(**value) if type(value) is _Options else value
        for name, value in cls._defaults.items()
    }
    body |= {name: cls.__dict__[name] for name in ("__annotations__", "__module__", "__doc__")}
    plain = type(cls.__name__, (), body)
    return dataclasses.dataclass(frozen=True, kw_only=True, slots=True)(plain)


def _signature(cls: type, owner: type) -> Any:
    import inspect

    if owner is not cls:  # a class derived from ours: its own __init__ tells
        raise AttributeError("__signature__")
    return inspect.signature(_model(cls))


def _first_init(cls: Any) -> Callable[..., None]:
    def first(self: Any, **values: Any) -> None:
        if cls.__init__ is first:
            cls.__init__ = _new_init(cls)
        cls.__init__(self, **values)

    return first


def _new_init(cls: Any) -> Callable[..., None]:
    """Write the ``__init__`` of `cls`."""
    # A class that somebody derives from ours has other slots, and so no such twin.
    return _written(cls, "__init__", "self, *, ", (
        " if self.__class__ is _cls:",
        "  _set(self, '__class__', _twin)",
        *(f"  self.{name} = {name}" for name in cls.__slots__),
        "  self.__class__ = _cls",
        " else:",
        *(f"  _set(self, {name!r}, {name})" for name in cls.__slots__),
    ))  # fmt: skip


def maker(cls: type[T], *given: str) -> Callable[..., T]:
    """Return what makes an object as ``cls(...)`` does, in half the time: for our own readers.

    Its parameters are not keyword-only, because Python fills in the defaults of those slowly. With
    the names of fields, it takes these and no others, and by position in half that time again.
    """
    return _written(cls, "make", "", (
        " self = _new(_twin)",
        *(f" self.{name} = {name}" for name in _slots(cls)),
        " self.__class__ = _cls",
        " return self",
    ), given)  # fmt: skip


def _slots(cls: Any) -> tuple[str, ...]:
    names: tuple[str, ...] = cls.__slots__
    return names


def _written(
    cls: Any, name: str, first: str, lines: Iterable[str], given: Sequence[str] = ()
) -> Callable[..., Any]:
    """Return a function of the fields of `cls`, made from its text as `dataclasses` does."""
    twin = type(f"_Open{cls.__name__}", cls.__bases__, {"__slots__": cls.__slots__})
    names: dict[str, Any] = {"_cls": cls, "_twin": twin, "_set": _set, "_new": object.__new__}
    parameters = [_parameter(cls, field, names) for field in cls.__slots__]
    fields = ", ".join(sorted(parameters, key=lambda text: "=" in text))  # those without first
    made_anew = [
        f" if {field} is _default_{field}: {field} = _new_{field}()"
        for field in cls.__slots__
        if f"_new_{field}" in names
    ]
    if given:
        fields = ", ".join(given)
        made_anew = [
            f" {field} = _new_{field}()"
            if f"_new_{field}" in names
            else f" {field} = _default_{field}"
            for field in cls.__slots__
            if field not in given
        ]
    head = f"def {name}({first}{fields}):"
    exec("\n".join((head, *made_anew, *lines)), names)  # noqa: S102  # of our own names
    made: Any = names[name]
    made.__qualname__ = f"{cls.__qualname__}.{name}"
    return made  # type: ignore[no-any-return]


def _parameter(cls: Any, name: str, names: dict[str, Any]) -> str:
    """Return the parameter of one field; put its default into `names`."""
    if name not in cls._defaults:
        return name
    default = cls._defaults[name]
    if type(default) is _Options and "default_factory" in default:
        names[f"_new_{name}"] = default["default_factory"]
        default = object()
    elif type(default) is _Options:
        if "default" not in default:
            return name
        default = default["default"]
    names[f"_default_{name}"] = default
    return f"{name}=_default_{name}"
