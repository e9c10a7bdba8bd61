"""`dataclass` and `field` for the classes of the contract: imported and filled in less time.

What they make is what ``@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)`` makes, and
type checkers see that one. Two things differ inside:

- Nothing is generated when a module is imported. The first object of a class gets it its
  ``__init__``; whoever asks for fields, equality, hash, text or signature gets those of a dataclass
  made by the standard library for that.
- ``__init__`` fills an object while it belongs to a class of the same slots that is not frozen,
  where an assignment takes a tenth of ``object.__setattr__``. Nobody else has the object yet.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, Final

__all__ = ["dataclass", "field"]

_OPTIONS: Final = {"frozen": True, "kw_only": True, "slots": True}
_LENT: Final = ("__repr__", "__eq__", "__hash__")
_ABOUT: Final = ("__dataclass_fields__", "__dataclass_params__", "__match_args__", "__signature__")
_set: Final = object.__setattr__


class _Options(dict[str, Any]):
    """The arguments of a `field`."""


def field(**options: Any) -> Any:
    """Do what `dataclasses.field` does."""
    return _Options(options)


def dataclass(**options: bool) -> Callable[[type], type]:
    """Do what `dataclasses.dataclass` does with the options of the contract's classes."""
    if options != _OPTIONS:
        raise TypeError(f"only {_OPTIONS}")
    return _frozen


def _frozen(cls: type) -> type:
    names = tuple(cls.__dict__.get("__annotations__", ()))
    body = {name: value for name, value in cls.__dict__.items() if name not in _NOT_COPIED}
    defaults = {name: body.pop(name) for name in names if name in body}
    about = dict.fromkeys(_ABOUT, _OnDemand())
    methods = {name: _lent(name) for name in _LENT} | _METHODS
    new = type(cls)(
        cls.__name__,
        cls.__bases__,
        about | methods | body | {"__slots__": names, "_defaults": defaults},
    )
    new.__init__ = _first_init(new)  # type: ignore[misc]  # that is the point
    return new


_NOT_COPIED: Final = ("__dict__", "__weakref__")


def _first_init(cls: Any) -> Callable[..., None]:
    def __init__(self: Any, **values: Any) -> None:
        if "_filled" not in cls.__dict__:
            cls._filled = cls.__init__ = _new_init(cls)
        cls._filled(self, **values)

    return __init__


def _new_init(cls: Any) -> Callable[..., None]:
    """Write the ``__init__`` of a class, as the standard library does."""
    names, defaults = cls.__slots__, dict(cls._defaults)
    given: dict[str, Any] = {"_cls": cls, "_open": _open_twin(cls), "_set": _set, "_unset": object()}
    parameters, lines = [], []
    for name in names:
        default, value = defaults.get(name, _REQUIRED), name
        if type(default) is _Options:
            if "default_factory" in default:
                given[f"_new_{name}"] = default["default_factory"]
                value = f"_new_{name}() if {name} is _unset else {name}"
                default = given["_unset"]
            else:
                default = default.get("default", _REQUIRED)
        parameters.append(name if default is _REQUIRED else f"{name}=_default_{name}")
        given[f"_default_{name}"] = default
        lines.append(f"  self.{name} = {value}")
    source = "\n".join((
        f"def __init__(self, *, {', '.join(parameters)}):",
        " if self.__class__ is _cls:",
        "  _set(self, '__class__', _open)",
        *lines,
        "  self.__class__ = _cls",
        " else:",  # somebody's class derived from ours: its slots may differ
        *(line.replace(f"self.{name} = ", f"_set(self, {name!r}, ") + ")"
          for name, line in zip(names, lines, strict=True)),
    ))  # fmt: skip
    exec(source, given)  # noqa: S102  # made of the names above, as dataclasses does
    made: Any = given["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    made.__module__ = cls.__module__
    return made  # type: ignore[no-any-return]


_REQUIRED: Final = object()


def _open_twin(cls: type) -> type:
    """Return a class of the same slots whose objects can be written."""
    return type(f"_Open{cls.__name__}", cls.__bases__, {"__slots__": cls.__slots__})  # type: ignore[attr-defined]


def _model(cls: Any) -> type:
    """Return the standard library's dataclass of the same fields."""
    import dataclasses

    body = {
        name: dataclasses.field(**value) if type(value) is _Options else value
        for name, value in cls._defaults.items()
    }
    body |= {"__annotations__": cls.__annotations__, "__module__": cls.__module__}
    made = type(cls.__name__, (), body | {"__qualname__": cls.__qualname__})
    return dataclasses.dataclass(frozen=True, kw_only=True, slots=True)(made)


def _complete(cls: Any) -> None:
    """Put in place what is needed rarely."""
    import inspect

    model = _model(cls)
    for name in (*_LENT, *_ABOUT[:3]):
        if isinstance(cls.__dict__[name], _OnDemand) or hasattr(cls.__dict__[name], "is_lent"):
            setattr(cls, name, getattr(model, name))
    cls.__signature__ = inspect.signature(model)


class _OnDemand:
    """A class attribute that is made when it is first asked for."""

    name: str

    def __set_name__(self, owner: type, name: str) -> None: ...


def _lent(name: str) -> Any: ...


_METHODS: dict[str, Any] = {}
