"""What the types of the contract are made of: checked numbers, open names, JSON in and out."""

from __future__ import annotations

import json
import re
import sys
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Self, TypeVar

import msgspec
from msgspec import Meta

from ._errors import NoticeError

__all__ = [
    "Contract",
    "Declination",
    "Finite",
    "Moment",
    "NotNegative",
    "OpenName",
    "Probability",
    "RightAscension",
    "WebAddress",
    "checked",
    "translated",
]

_OPEN_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,39}", re.ASCII)


class OpenName(StrEnum):
    """Names of which a newer version or a third party may send others.

    A name that is not listed becomes a member of its own, equal to its text, so that it never
    breaks an older reader; it is not in the list that iteration gives.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, str) or not _OPEN_NAME.fullmatch(value):
            return None
        member = str.__new__(cls, value)
        member._name_ = value.upper().replace("-", "_")
        member._value_ = value
        return member


# JSON has no infinities and no NaN: bounds that only these break.
_LARGEST: Final = sys.float_info.max
Finite = Annotated[float, Meta(ge=-_LARGEST, le=_LARGEST)]
NotNegative = Annotated[float, Meta(ge=0.0, le=_LARGEST)]
Probability = Annotated[float, Meta(ge=0.0, le=1.0)]
RightAscension = Annotated[float, Meta(ge=0.0, le=360.0)]
Declination = Annotated[float, Meta(ge=-90.0, le=90.0)]
Moment = Annotated[datetime, Meta(tz=True)]
WebAddress = Annotated[str, Meta(pattern=r"^https?://[!-~]+(?![\s\S])", max_length=2000)]
"""``$`` would let a line break pass."""


class Contract(msgspec.Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """Base of the types: changed copies, and JSON without loss.

    In JSON times are ISO 8601 with ``Z``, enums their value, tuples lists. ``None`` is written
    out: "not stated" is part of what an alert says.
    """

    def replace(self, **changes: Any) -> Self:
        """Return a copy with other values in some fields; they are not checked."""
        return msgspec.structs.replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Return what `to_json` says as a dictionary, which `from_dict` turns back."""
        found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self._form()))
        return found

    def to_json(self) -> str:
        """Return `to_dict` as strict ASCII JSON, on one line.

        Raises
        ------
        ValueError
            For text that has no UTF-8 (a lone surrogate).
        """
        text = msgspec.json.encode(self._form()).decode()
        # Escaped, so that no line ends early and no terminal acts on what a message says.
        return text if text.isascii() else json.dumps(json.loads(text), separators=(",", ":"))

    @classmethod
    def from_dict(cls, data: Any) -> Self:
        """Make the object from what `to_dict` gave; unknown keys are left alone.

        Raises
        ------
        NoticeError
            If `data` is not of that form; ``field`` says where.
        """
        return cls._read(msgspec.convert, data)

    @classmethod
    def from_json(cls, text: bytes | str) -> Self:
        """Make the object from what `to_json` gave, as `from_dict` does."""
        try:
            return cls._read(msgspec.json.decode, text)
        except NoticeError:
            mended = _without_surrogates(text)
            if mended is None:
                raise
            return cls._read(msgspec.json.decode, mended)

    def _repr_html_(self) -> str | None:
        """Return what a notebook shows, if the package is there that knows how."""
        package = sys.modules.get("icecube_plugin")  # not imported: the contract stands alone
        found: str | None = None if package is None else package.html_of(self)
        return found

    def _form(self) -> Any:
        """Return what is written: for most types the object itself."""
        return self

    @classmethod
    def _read(cls, read: Any, data: Any) -> Self:
        return translated(read, data, cls)  # type: ignore[no-any-return]


def _without_surrogates(text: bytes | str) -> bytes | None:
    """Return JSON with ``?`` for each half of a character, which version 1 wrote as it was.

    ``None`` if there is none.
    """
    found = text if isinstance(text, str) else text.decode("utf-8", "replace")
    if "\\ud" not in found.lower():
        return None
    try:
        return json.dumps(json.loads(found), ensure_ascii=False).encode("utf-8", "replace")
    except (ValueError, RecursionError):
        return None


def translated(read: Any, data: Any, kind: Any) -> Any:
    """Call one of msgspec's readers, and turn its error into ours."""
    try:
        return read(data, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        reason, _, path = str(error).partition(" - at `")
        raise NoticeError(reason, field=path.rstrip("`").removeprefix("$.") or None) from error


T = TypeVar("T", bound=Contract)


def checked(value: T) -> T:
    """Return what a plugin gave with values that fit their annotations, as decoded JSON would.

    Raises
    ------
    NoticeError
        Names the field and what is wrong with it.
    """
    plain = _builtins(value)
    try:
        return type(value).from_dict(plain)
    except NoticeError as error:
        found = _at(plain, error.field or "")
        raise NoticeError(error.reason, field=error.field, value=found) from error


_STEP: Final = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


def _at(data: Any, path: str) -> Any:
    """Return what stands at a path of msgspec: ``coincident_events[1].localization``."""
    for index, name in _STEP.findall(path):
        try:
            data = data[int(index)] if index else data[name]
        except (LookupError, TypeError):
            break
    return data


def _builtins(value: Contract) -> Any:
    try:
        return msgspec.to_builtins(value)
    except (TypeError, ValueError) as error:  # an object that JSON has no form for
        raise NoticeError(str(error), field=_odd_field(value)) from error


def _odd_field(value: Contract) -> str | None:
    """Return the field that JSON has no form for."""
    for name in value.__struct_fields__:
        try:
            msgspec.to_builtins(getattr(value, name))
        except (TypeError, ValueError):
            return name
    return None
