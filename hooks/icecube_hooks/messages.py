"""What other software hands over, turned into the `Message` that parsers read.

In a hop-client loop, in one of Comet's or pygcn's handlers, in a TOM's topic handler::

    from icecube_hooks.host import load_plugins
    from icecube_hooks.messages import message_from

    plugins = load_plugins()
    for notice, metadata in stream.read(metadata=True):
        alert = plugins.parse(message_from(notice, metadata=metadata))

Conventions
-----------
- Bytes are passed on untouched, wherever the object still has them. Only what has been decoded is
  written again: a dictionary or Python literal as JSON, an element or a decoded VOEvent as XML.
- Objects are known by what they have, not by their class: hop-client, confluent-kafka and lxml are
  not imported to look.
- Nothing is judged here: whether it is a notice, the parsers say.
- Kafka's error events are refused: their value is a text for people, not a payload.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from xml.etree import ElementTree as ET

from ._errors import IceCubePluginError, NoticeError
from ._types import Message, Record

__all__ = ["HandoverError", "message_from"]

LITERAL_LIMIT: Final = 1 << 16
"""Largest text that is taken for a dump [bytes]; a larger one is passed on as it is.

Real ones have under 20 kB. Python 3.11 takes a minute for an f-string of a megabyte, 0.3 s here.
"""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

# What VOEvent 2.0 has as attributes, of which decoded forms make items beside the elements.
_ATTRIBUTES: Final = frozenset(
    ("cite", "coord_system_id", "dataType", "expires", "id", "importance", "ivorn", "meaning",
     "mimetype", "name", "probability", "relation", "role", "type", "ucd", "unit", "uri", "utype",
     "value", "version")
)  # fmt: skip
_VOEVENT_PARTS: Final = ("Who", "What", "WhereWhen", "How", "Why", "Citations", "Description")
_NAMESPACE: Final = "http://www.ivoa.net/xml/VOEvent/v2.0"


class HandoverError(IceCubePluginError, TypeError):
    """An object of a kind that cannot be made into a message.

    Parameters
    ----------
    type_name : str
        Its class, with the module.
    reason : str
        Why not.
    """

    def __init__(self, type_name: str, reason: str) -> None:
        super().__init__(type_name, reason)
        self.type_name = type_name
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.type_name}: {self.reason}"


def message_from(obj: object, *, topic: str | None = None, metadata: object = None) -> Message:
    r"""Make a message of what other software hands over.

    Parameters
    ----------
    obj : object
        One of

        - bytes or text: a notice of any format, also the dump of one as a Python literal;
        - a dictionary: classic text with lower-case keys (hop-client, hermes), a decoded JSON
          notice, a decoded VOEvent (hop-client, xmltodict);
        - hop-client's ``GCNTextNotice``, ``VOEvent``, ``GCNCircular``, ``Blob``, ``JSONBlob``,
          ``AvroBlob``;
        - an lxml or standard-library element (Comet's ``event.element``, pygcn's ``root``), or an
          object with ``raw_bytes`` (a Comet event);
        - a confluent-kafka ``Message``, or another Kafka client's record;
        - a `Message`, or a `Record`.
    topic : str, optional
        Overrides what `obj` and `metadata` say.
    metadata : object, optional
        Has ``topic``, ``partition``, ``offset``, ``timestamp`` [ms since 1970], ``key``,
        ``headers`` as attributes, such as hop-client's ``Metadata``, as methods, or as items.

    Raises
    ------
    HandoverError
        For an object of another kind.
    NoticeError
        For an error event of Kafka.

    Examples
    --------
    >>> message_from({"notice_type": "ICECUBE Cascade", "run_num": "142000"}).value
    b'{"notice_type": "ICECUBE Cascade", "run_num": "142000"}'
    >>> message_from("{'pval_generic': None}", topic="a").value
    b'{"pval_generic": null}'
    >>> message_from(12)
    Traceback (most recent call last):
    ...
    icecube_hooks.messages.HandoverError: builtins.int: not a notice in any known form
    """
    if isinstance(obj, Message):
        message = obj
    elif isinstance(obj, Record):
        message = obj.message
    elif _is_kafka(obj):
        message = _kafka(obj)
    else:
        message = Message(value=_value(obj))
    if metadata is not None:
        message = message.replace(**_coordinates(metadata))
    return message if topic is None else message.replace(topic=topic)


def _is_kafka(obj: object) -> bool:
    return all(hasattr(obj, name) for name in ("value", "topic", "partition", "offset"))


def _kafka(obj: Any) -> Message:
    """Take over a message of confluent-kafka, or a record of another Kafka client."""
    place = _coordinates(obj)
    error = _get(obj, "error")
    if error is not None:
        reason = f"Kafka reports an error in place of a message: {error}"
        raise NoticeError(reason).at(Message(value=b"", **place))
    value = _get(obj, "value")
    return Message(value=b"" if value is None else _value(value), **place)


def _coordinates(source: object) -> dict[str, Any]:
    """Return topic, partition, offset, timestamp, key and headers, as far as they are there."""
    key = _get(source, "key")
    headers = _get(source, "headers")
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    found = {
        "topic": _get(source, "topic"),
        "partition": _get(source, "partition"),
        "offset": _get(source, "offset"),
        "timestamp": _timestamp(_get(source, "timestamp")),
        "key": key.encode() if isinstance(key, str) else key,
        "headers": tuple((name, _header(value)) for name, value in pairs),
    }
    return {name: value for name, value in found.items() if value not in (None, ())}


def _get(source: object, name: str) -> Any:
    value = source.get(name) if isinstance(source, Mapping) else getattr(source, name, None)
    return value() if callable(value) else value


def _header(value: object) -> bytes | None:
    return value if isinstance(value, bytes | None) else str(value).encode()


def _timestamp(value: object) -> datetime | None:
    """Read milliseconds since 1970, or confluent-kafka's pair of their kind and them."""
    if isinstance(value, tuple):
        kind, value = value
        value = value if kind else None  # 0: not available
    if isinstance(value, datetime) or value is None:
        return value
    usable = isinstance(value, int | float) and 0 <= value < 1e14
    return EPOCH + timedelta(milliseconds=value) if usable else None  # type: ignore[arg-type]


def _value(obj: object) -> bytes:
    """Return the bytes of a notice that is held by `obj`."""
    if isinstance(obj, bytes | bytearray | memoryview):
        return _from_literal(bytes(obj))
    if isinstance(obj, str):
        return _from_literal(obj.encode("utf-8", "surrogatepass"))
    if isinstance(obj, Mapping):
        return _from_mapping(obj)
    for known in (_raw, _element, _content):
        value = known(obj)
        if value is not None:
            return value
    raise HandoverError(_type_name(obj), "not a notice in any known form")


def _type_name(obj: object) -> str:
    return f"{type(obj).__module__}.{type(obj).__qualname__}"


def _from_literal(value: bytes) -> bytes:
    """Undo ``repr`` of a dictionary or of bytes; leave anything else as it is."""
    start = value.lstrip()[:2]
    if (start[:1] != b"{" and start not in (b"b'", b'b"')) or len(value) > LITERAL_LIMIT:
        return value
    try:
        found, is_json = json.loads(value), True
    except (ValueError, RecursionError):
        found, is_json = _literal(value), False
    if isinstance(found, bytes):
        return found
    if not isinstance(found, dict) or (is_json and _root(found) is None):
        return value
    try:
        return _from_mapping(found)
    except HandoverError:  # no notice: the bytes, as they are, are for the parsers to refuse
        return value


def _literal(value: bytes) -> object:
    try:
        return ast.literal_eval(value.decode().strip())
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _root(data: Mapping[Any, Any]) -> Mapping[Any, Any] | None:
    """Return what stands for the ``VOEvent`` element, if `data` is a decoded one."""
    inner = next((data[key] for key in data if str(key).endswith("VOEvent")), data)
    is_root = isinstance(inner, Mapping) and ("ivorn" in inner or "@ivorn" in inner)
    return inner if is_root else None


def _from_mapping(data: Mapping[Any, Any]) -> bytes:
    root = _root(data)
    if root is not None:
        return _voevent(root)
    try:
        return json.dumps(dict(data)).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise HandoverError(_type_name(data), f"cannot be written as JSON ({error})") from error


def _raw(obj: object) -> bytes | None:
    """Return the bytes that a text notice, a VOEvent or a Comet event has kept."""
    for name in ("raw", "raw_bytes", "_raw"):
        value = getattr(obj, name, None)
        if isinstance(value, bytes) and value:
            return value
    return None


def _element(obj: object) -> bytes | None:
    """Write an element of lxml or of the standard library as XML."""
    if not (isinstance(getattr(obj, "tag", None), str) and hasattr(obj, "iterfind")):
        return None
    if isinstance(obj, ET.Element):
        return _written(obj)
    from lxml import etree

    written: bytes = etree.tostring(obj, with_tail=False)  # type: ignore[call-overload]  # checked
    return written


def _content(obj: object) -> bytes | None:
    """Return what hop-client's models hold in decoded form."""
    if hasattr(obj, "ivorn") and hasattr(obj, "WhereWhen"):
        return _voevent(vars(obj))
    if isinstance(getattr(obj, "header", None), Mapping) and hasattr(obj, "body"):
        return str(obj).encode()
    content = getattr(obj, "content", None)
    is_notice = isinstance(content, bytes | str | Mapping)
    return _value(content) if is_notice else None


def _voevent(data: Mapping[str, Any]) -> bytes:
    """Write a decoded VOEvent as XML again."""
    root = ET.Element("voe:VOEvent", {"xmlns:voe": _NAMESPACE})
    try:
        for name in ("ivorn", "role", "version"):
            root.set(name, str(data.get(name, data.get(f"@{name}", ""))))
        for name in _VOEVENT_PARTS:
            _add(root, name, data.get(name))
        return _written(root)
    except (TypeError, ValueError, RecursionError) as error:
        raise HandoverError(_type_name(data), f"cannot be written as XML ({error})") from error


def _written(element: ET.Element) -> bytes:
    written: bytes = ET.tostring(element, encoding="utf-8")
    return written


def _add(parent: ET.Element, name: str, value: object) -> None:
    """Add the element or elements that a decoded item stands for."""
    if isinstance(value, list | tuple):
        for item in value:
            _add(parent, name, item)
    elif isinstance(value, Mapping):
        _fill(ET.SubElement(parent, name), value)
    elif value is not None:
        ET.SubElement(parent, name).text = str(value)


def _fill(element: ET.Element, data: Mapping[Any, Any]) -> None:
    for key, value in data.items():
        name = str(key).removeprefix("@")
        if name == "#text":
            element.text = str(value)
        elif name in _ATTRIBUTES and not isinstance(value, Mapping | list):
            element.set(name, "" if value is None else str(value))
        else:
            _add(element, name, value)
