"""Decoded JSON with typed getters that say where they are and remember what was read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from icecube_hooks import Message, NoticeError

from ._draft import check_size
from ._values import iso_time, json_number

__all__ = ["JSON_LIMIT", "Fields", "decode"]

JSON_LIMIT: Final = 16 << 20
"""Largest JSON notice that is read [bytes]: one may carry a sky map in base64."""
DEPTH_LIMIT: Final = 64
"""Deepest nesting that is read; real notices have 4 levels."""
WHOLE_LIMIT: Final = 10**18
"""Bound of whole numbers: ids and counters of real notices have up to 8 digits."""


def decode(message: Message, marks: tuple[bytes, ...]) -> Fields | None:
    """Decode a JSON object.

    Parameters
    ----------
    message : Message
    marks : tuple of bytes
        The content is not ours if it holds none of these.

    Returns
    -------
    Fields or None
        ``None`` if the content is no JSON object, or not ours.

    Raises
    ------
    NoticeError
        If it looks like ours, and is no valid JSON.
    """
    if message.value.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"{":
        return None
    if not any(mark in message.value for mark in marks):
        return None
    check_size(message, JSON_LIMIT)
    repeated: list[str] = []
    try:
        data = _decoded(message.value.decode("utf-8-sig"), repeated)
        if b"\\u" in message.value:  # half a surrogate pair is no text, and no sink could write it
            json.dumps(data, ensure_ascii=False).encode()
    except RecursionError:
        raise NoticeError("the JSON is nested too deeply") from None
    except ValueError as error:  # includes UnicodeDecodeError and integers of 4,300 digits
        raise NoticeError(f"not valid JSON ({error})") from error
    if message.value.count(b"[") + message.value.count(b"{") > DEPTH_LIMIT:
        _check_depth(data)
    return Fields(data, repeated=tuple(repeated))


def _no_constant(name: str) -> float:
    raise NoticeError(f"{name} is no JSON")


def _float(text: str) -> float | str:
    """Return a number; the text of one that is too large to be any stays text."""
    value = float(text)
    return value if value - value == 0.0 else text


def _check_depth(data: Any) -> None:
    """Refuse what is nested so deeply that writing it would fail."""
    level = [data]
    for _ in range(DEPTH_LIMIT):
        inner = (item.values() if isinstance(item, dict) else item for item in level)
        level = [item for items in inner for item in items if isinstance(item, dict | list)]
        if not level:
            return
    raise NoticeError("the JSON is nested too deeply")


def _decoded(text: str, repeated: list[str]) -> Any:
    """Decode JSON, and add the keys that an object states twice to `repeated`."""
    try:
        return _DECODER.decode(text)
    except _RepeatedKeyError:

        def remember(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            counts = Counter(name for name, _ in pairs)
            repeated.extend(sorted(name for name, count in counts.items() if count > 1))
            return dict(pairs)

        return json.loads(
            text, parse_constant=_no_constant, parse_float=_float, object_pairs_hook=remember
        )


class _RepeatedKeyError(Exception):
    """A JSON object states a key twice."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) != len(pairs):
        raise _RepeatedKeyError
    return data


_DECODER: Final = json.JSONDecoder(
    parse_constant=_no_constant, parse_float=_float, object_pairs_hook=_object
)
"""Made once: making one takes as long as decoding half a notice."""


class Fields:
    """One JSON object of a notice.

    Parameters
    ----------
    data : dict
        As decoded.
    path : str
        Where it stands in the notice, for messages.
    repeated : tuple of str
        Keys that the JSON states twice.
    """

    __slots__ = ("data", "left", "path", "repeated")

    def __init__(
        self, data: dict[str, Any], path: str = "", repeated: tuple[str, ...] = ()
    ) -> None:
        self.data = data
        self.path = path
        self.left = data.copy()
        self.repeated = repeated

    def take(self, name: str, *others: str) -> Any:
        """Return the first of these fields that is stated; null is not."""
        found = self.left.pop(name, None)
        for other in others:
            value = self.left.pop(other, None)
            if found is None:
                found = value
        return found

    def at(self, name: str) -> str:
        """Return the path of a field."""
        return f"{self.path}.{name}" if self.path else name

    def number(self, *names: str) -> float | None:
        """Return a number."""
        value = self.take(*names)
        if value is None or value.__class__ is float:  # which `decode` leaves only if finite
            number: float | None = value
            return number
        return json_number(value, self.at(names[0]))

    def integer(self, *names: str) -> int | None:
        """Return a whole number."""
        value = self.number(*names)
        if value is None:
            return None
        if value.is_integer() and abs(value) < WHOLE_LIMIT:
            return int(value)
        raise NoticeError("expected a whole number", field=self.at(names[0]), value=value)

    def text(self, *names: str) -> str | None:
        """Return a piece of text that is not empty."""
        value = self.take(*names)
        if value is None or isinstance(value, str):
            return value or None
        raise NoticeError("expected text", field=self.at(names[0]), value=value)

    def texts(self, *names: str) -> tuple[str, ...]:
        """Return a list of texts; a single text counts as one."""
        value = self.take(*names)
        if value is None:
            return ()
        items = value if isinstance(value, list) else [value]
        if all(isinstance(item, str) for item in items):
            return tuple(items)
        raise NoticeError("expected text or a list of it", field=self.at(names[0]), value=value)

    def numbers(self, *names: str) -> tuple[float, ...]:
        """Return a list of numbers; a single number counts as one."""
        value = self.take(*names)
        if value is None:
            return ()
        items = value if isinstance(value, list) else [value]
        path = self.at(names[0])
        return tuple([json_number(item, path) for item in items])

    def boolean(self, name: str) -> bool | None:
        """Return true or false."""
        value = self.take(name)
        if value is None or isinstance(value, bool):
            return value
        raise NoticeError("expected true or false", field=self.at(name), value=value)

    def time(self, *names: str) -> datetime | None:
        """Return a time [UTC]."""
        value = self.take(*names)
        return None if value is None else iso_time(value, self.at(names[0]))

    def object(self, name: str) -> Fields | None:
        """Return an object inside this one."""
        value = self.take(name)
        if value is None:
            return None
        if isinstance(value, dict):
            return Fields(value, self.at(name))
        raise NoticeError("expected an object", field=self.at(name), value=value)

    def objects(self, name: str) -> Iterator[Fields]:
        """Yield the objects of a list inside this one."""
        value = self.take(name)
        if value is None:
            return
        if not isinstance(value, list):
            raise NoticeError("expected a list", field=self.at(name), value=value)
        for number, item in enumerate(value):
            path = f"{self.at(name)}[{number}]"
            if not isinstance(item, dict):
                raise NoticeError("expected an object", field=path, value=item)
            yield Fields(item, path)

    def unread(self) -> dict[str, Any]:
        """Return the fields that nobody asked for, by path."""
        return {self.at(name): value for name, value in self.left.items()}
