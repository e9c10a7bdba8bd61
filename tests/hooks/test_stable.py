"""What third parties build on: the public names, their arguments and fields, as in `stable.txt`.

An addition is a new line there; a line that changes or goes is a break, and needs another major
number.
"""

from __future__ import annotations

import enum
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

FILE = Path(__file__).with_name("stable.txt")
MODULES = ("icecube_hooks", "icecube_hooks.host", "icecube_hooks.messages", "icecube_hooks.testing")


def described(name: str, thing: Any) -> Iterator[str]:
    """Yield a line for a name, and for each of its parts."""
    if isinstance(thing, type) and issubclass(thing, msgspec.Struct):
        required = len(thing.__struct_fields__) - len(thing.__struct_defaults__)
        for number, field in enumerate(thing.__struct_fields__):
            yield f"{name}.{field}{'' if number < required else ' = ...'}"
    elif isinstance(thing, type) and issubclass(thing, enum.Enum):
        yield from (f"{name}.{member.name} = {member.value}" for member in thing)
    elif inspect.isfunction(thing):
        yield f"{name}{_arguments(thing)}"
    else:
        yield name
    if isinstance(thing, type):
        for own, part in sorted(vars(thing).items()):
            if own.startswith(("_", "test_")):
                continue
            if inspect.isfunction(part):
                yield f"{name}.{own}{_arguments(part)}"
            elif isinstance(part, property | classmethod):
                yield f"{name}.{own}"


def _arguments(function: Any) -> str:
    shown = [
        f"{'*' if p.kind is p.KEYWORD_ONLY else ''}{p.name}{'' if p.default is p.empty else '=...'}"
        for p in inspect.signature(function).parameters.values()
    ]
    return f"({', '.join(shown)})"


def today() -> list[str]:
    lines: dict[str, None] = {}
    for module_name in MODULES:
        module = importlib.import_module(module_name)
        for name in module.__all__:
            lines |= dict.fromkeys(described(f"{module_name}.{name}", getattr(module, name)))
    hookspecs = importlib.import_module("icecube_hooks.hookspecs")
    for name, thing in vars(hookspecs).items():
        if hasattr(thing, "icecube_hooks_spec"):
            lines |= dict.fromkeys(described(f"hook {name}", thing))
    return list(lines)


def test_what_is_promised_is_there() -> None:
    promised = FILE.read_text().splitlines()
    assert len(promised) > 200
    assert [line for line in promised if line not in set(today())] == []


def test_what_is_there_is_promised() -> None:
    promised = set(FILE.read_text().splitlines())
    assert [line for line in today() if line not in promised] == []
