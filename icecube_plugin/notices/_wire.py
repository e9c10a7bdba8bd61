"""JSON notices, decoded into a `Wire`: a struct with every field of every version of the schema.

A notice whose fields are all known and of their types is decoded in one pass. Any other (a number
in quotes, a field that is new, a key stated twice, ``1e400``) is decoded into a dictionary first
and taken over field by field: what identifies or locates the event has to be of its type, what
does not is left unstated with a concern, and what no field takes is kept as unread. What is made
of the struct does not depend on the way.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import cache, lru_cache, partial
from typing import Annotated, Any, ClassVar, Final, Protocol, TypeVar, get_args, get_type_hints

from msgspec import UNSET, Meta, MsgspecError, Struct, UnsetType, structs
from msgspec.json import Decoder, Encoder

from icecube_hooks import AsymmetricError, Ellipse, Message, NoticeError, PValue, Status

from ._draft import TENSES, Draft, check_size
from ._values import iso_time, json_number, within

__all__ = [
    "DEPTH_LIMIT",
    "JSON_LIMIT",
    "Flag",
    "NamedNumbers",
    "Number",
    "Numbers",
    "PNumber",
    "Region",
    "Text",
    "Texts",
    "Time",
    "Whole",
    "Wire",
    "decode",
    "is_about_icecube",
    "one_or_more",
    "p_values",
    "read_region",
    "read_status",
    "read_wire",
]

JSON_LIMIT: Final = 16 << 20
"""Largest JSON notice that is read [bytes]: one may carry a sky map in base64."""
DEPTH_LIMIT: Final = 64
"""Deepest nesting that is read; real notices have 4 levels."""
WHOLE_LIMIT: Final = 10**18
"""Bound of whole numbers: ids and counters of real notices have up to 8 digits."""

Number = float | None
Whole = Annotated[int, Meta(gt=-WHOLE_LIMIT, lt=WHOLE_LIMIT)] | None
Text = str | None
Time = Annotated[str, Meta(title="ISO 8601")] | None
Texts = tuple[str, ...] | str | None
Numbers = tuple[float, ...] | float | None
Flag = bool | None
NamedNumbers = dict[str, float] | None
PNumber = float | UnsetType | None
"""A p-value: null is a search that was not run, an absent key (``UNSET``) says nothing."""

_encode: Final = Encoder().encode

W = TypeVar("W", bound="Wire")
T = TypeVar("T")


class Wire(Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True, gc=False):
    """One JSON object of a notice. The names in `VITAL` identify or locate: they must be right."""

    VITAL: ClassVar[frozenset[str]] = frozenset()

    def get(self, name: str, default: Any, /) -> Any:
        """Return a field by its name, as the dictionary of the object would."""
        return getattr(self, "schema" if name == "$schema" else name, default)


class Region(Wire):
    """A position and its error region, in the spellings of all versions, see `read_region`."""

    VITAL: ClassVar = frozenset({"ra", "dec"})

    ra: Number = None
    dec: Number = None
    ra_dec_error: Numbers = None
    ra_uncertainty: Numbers = None
    ra_axis: Numbers = None
    semi_major: Numbers = None
    dec_uncertainty: Numbers = None
    dec_axis: Numbers = None
    uncertainty_shape: Text = None
    position_angle: Number = None
    containment_probability: Number = None
    systematic_included: Flag = None
    healpix_url: str | UnsetType | None = UNSET  # null in the first notice of an event


class Get(Protocol):
    """What a struct and a dictionary have in common."""

    def get(self, name: str, default: Any, /) -> Any:
        """Return the field of this name."""


def is_about_icecube(fields: Get, on_own_topic: bool) -> bool:
    """Whether a notice says that it is IceCube's, or is on a topic that only IceCube writes to."""
    mission = fields.get("mission", None)
    if isinstance(mission, str):
        return mission.casefold() == "icecube"
    return on_own_topic or "/icecube/" in str(fields.get("$schema", ""))


@lru_cache(64)
def _claims(topics: tuple[str, ...], topic: str | None) -> bool:
    return topic is not None and any(fnmatchcase(topic, pattern) for pattern in topics)


def read_wire(
    message: Message,
    decoder: Decoder[W],
    topics: tuple[str, ...],
    marks: tuple[bytes, ...],
    is_ours: Callable[[Get, bool], bool],
    draft: Draft,
) -> W | None:
    """Decode a notice; doubts go to `draft`.

    Parameters
    ----------
    message : Message
    decoder : msgspec.json.Decoder
        Of the struct that the notice is decoded into.
    topics : tuple of str
        Own topics.
    marks : tuple of bytes
        On another topic the content is not ours if it holds none of these.
    is_ours : callable
        Tells from the fields, and whether the topic is an own one, if the notice is ours; before
        that nothing can be called broken.
    draft : Draft

    Returns
    -------
    Wire or None
        ``None`` if the content is no JSON object, or not ours.

    Raises
    ------
    NoticeError
        If it is ours, and broken.
    """
    on_own_topic = _claims(topics, message.topic)
    if not _may_be(message, () if on_own_topic else marks):
        return None
    wire = _in_one_pass(message.value, decoder)
    if wire is not None:
        return wire if is_ours(wire, on_own_topic) else None
    data, repeated = _decoded(message.value)
    if not is_ours(data, on_own_topic):
        return None
    draft.doubt_repeated(repeated)
    return _taken_over(decoder.type, data, "", draft)


def _may_be(message: Message, marks: tuple[bytes, ...]) -> bool:
    """Whether the content looks like a JSON object, and holds one of the marks if there are any."""
    value = message.value
    if value[:1] != b"{" and value.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"{":
        return False
    check_size(message, JSON_LIMIT)
    for mark in marks:
        if mark in value:
            return True
    return not marks


def _in_one_pass(value: bytes, decoder: Decoder[W]) -> W | None:
    """Decode what is as the struct says, and states no key twice.

    JSON's decoders take the last of two equal keys in silence. But then the notice has more colons
    than what was decoded has when it is encoded again, unless an escape hides one.
    """
    try:
        wire = decoder.decode(value)
        plain = b"\\" not in value and _encode(wire).count(b":") == value.count(b":")
    except (MsgspecError, ValueError, RecursionError):  # ValueError: not UTF-8
        return None
    return wire if plain else None


def decode(message: Message, marks: tuple[bytes, ...]) -> tuple[dict[str, Any], list[str]] | None:
    """Decode a JSON object of no set form.

    Returns
    -------
    tuple or None
        The object, and the keys that are stated twice in it or in one inside it; ``None`` if it is
        no JSON object, or holds none of the marks.

    Raises
    ------
    NoticeError
        If it looks like ours, and is no valid JSON.
    """
    return _decoded(message.value) if _may_be(message, marks) else None


def _decoded(value: bytes) -> tuple[dict[str, Any], list[str]]:
    repeated: list[str] = []

    def pairs_to_dict(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        data = dict(pairs)
        if len(data) != len(pairs):
            counts = Counter(name for name, _ in pairs)
            repeated.extend(sorted(name for name, count in counts.items() if count > 1))
        return data

    try:
        data = json.loads(
            value.decode("utf-8-sig"),
            parse_constant=_no_constant,
            parse_float=_float,
            object_pairs_hook=pairs_to_dict,
        )
        if b"\\u" in value:  # half a surrogate pair is no text, and no sink could write it
            json.dumps(data, ensure_ascii=False).encode()
    except RecursionError:
        raise NoticeError("the JSON is nested too deeply") from None
    except ValueError as error:  # includes UnicodeDecodeError and integers of 4,300 digits
        raise NoticeError(f"not valid JSON ({error})") from error
    if value.count(b"[") + value.count(b"{") > DEPTH_LIMIT:
        _check_depth(data)
    return data, repeated


def _no_constant(name: str) -> float:
    raise NoticeError(f"{name} is not JSON")


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


Reader = Callable[[Any, str, Draft], Any]
"""Takes a decoded value, its path and the draft; returns what the field of a struct holds."""


def _taken_over(shape: type[W], data: dict[str, Any], path: str, draft: Draft) -> W:
    """Make a struct of a dictionary, field by field."""
    left = dict(data)
    values = {}
    for name, key, read in _fields(shape):
        value = left.pop(key, UNSET)
        if value is UNSET or (value is None and read is not _p_number):
            continue
        at = path + key
        vital = name in shape.VITAL
        values[name] = read(value, at, draft) if vital else draft.attempt(read, value, at, draft)
    draft.unread |= {path + key: value for key, value in left.items()}
    return shape(**values)


@cache
def _fields(shape: type[Wire]) -> tuple[tuple[str, str, Reader], ...]:
    """Return name, key in JSON and reader of every field."""
    hints = get_type_hints(shape, include_extras=True)
    return tuple(
        (field.name, field.encode_name, _reader(hints[field.name]))
        for field in structs.fields(shape)
    )


def _reader(hint: Any) -> Reader:
    if hint in _READERS:
        return _READERS[hint]
    inner = get_args(hint)[0]  # of a union with None
    if isinstance(inner, type) and issubclass(inner, Wire):
        return partial(_object, inner)
    return partial(_objects, get_args(inner)[0])


def _number(value: Any, path: str, draft: Draft) -> float:
    return json_number(value, path)


def _whole(value: Any, path: str, draft: Draft) -> int:
    number = json_number(value, path)
    if number.is_integer() and abs(number) < WHOLE_LIMIT:
        return int(number)
    raise NoticeError("expected a whole number", field=path, value=number)


def _text(value: Any, path: str, draft: Draft) -> str:
    if isinstance(value, str):
        return value
    raise NoticeError("expected text", field=path, value=value)


def _time(value: Any, path: str, draft: Draft) -> str:
    iso_time(value, path)
    return str(value)


def _texts(value: Any, path: str, draft: Draft) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    if all(isinstance(item, str) for item in items):
        return tuple(items)
    raise NoticeError("expected text or a list of it", field=path, value=value)


def _numbers(value: Any, path: str, draft: Draft) -> tuple[float, ...]:
    items = value if isinstance(value, list) else [value]
    return tuple(json_number(item, path) for item in items)


def _named_numbers(value: Any, path: str, draft: Draft) -> dict[str, float]:
    if not isinstance(value, dict):
        raise NoticeError("expected an object of numbers", field=path, value=value)
    found = {n: draft.attempt(json_number, v, f"{path}.{n}") for n, v in value.items()}
    return {name: number for name, number in found.items() if number is not None}


def _flag(value: Any, path: str, draft: Draft) -> bool:
    if isinstance(value, bool):
        return value
    raise NoticeError("expected true or false", field=path, value=value)


def _p_number(value: Any, path: str, draft: Draft) -> float | None:
    if value == "null":  # as older producers wrote it
        draft.doubt(path, "'null'", None, "text in place of null")
        return None
    return None if value is None else json_number(value, path)


def _anything(value: Any, path: str, draft: Draft) -> Any:
    return value


def _object(shape: type[W], value: Any, path: str, draft: Draft) -> W:
    if isinstance(value, dict):
        return _taken_over(shape, value, f"{path}.", draft)
    raise NoticeError("expected an object", field=path, value=value)


def _objects(shape: type[W], value: Any, path: str, draft: Draft) -> tuple[W, ...]:
    if not isinstance(value, list):
        raise NoticeError("expected a list", field=path, value=value)
    return tuple(_object(shape, item, f"{path}[{n}]", draft) for n, item in enumerate(value))


_READERS: Final[dict[Any, Reader]] = {
    Number: _number,
    Whole: _whole,
    Text: _text,
    Time: _time,
    str | UnsetType | None: _text,
    Texts: _texts,
    Numbers: _numbers,
    Flag: _flag,
    NamedNumbers: _named_numbers,
    PNumber: _p_number,
    Any: _anything,
}


def one_or_more(value: tuple[T, ...] | T | None) -> tuple[T, ...]:
    """Return what a list states; a single value counts as a list of one."""
    if isinstance(value, tuple):
        return value
    return () if value is None else (value,)


def p_values(path: str, generic: PNumber, bayesian: PNumber) -> tuple[PValue, ...]:
    """Return the p-values that are stated; one of ``None`` for a search that was not run."""
    found = []
    for search, value in (("generic", generic), ("bayesian", bayesian)):
        if value is not UNSET:
            if value is not None and not 0.0 <= value <= 1.0:
                within(value, 0.0, 1.0, path + search)
            found.append(PValue(search=search, value=value))
    return tuple(found)


_STATUS: Final = {status.value: status for status in Status}


def read_status(alert_type: Text, alert_tense: Text, draft: Draft) -> None:
    """Put into the draft what the notice says that it is; empty texts say nothing."""
    draft.status = _STATUS.get(alert_type or "")
    if alert_type and draft.status is None:
        draft.doubt("alert_type", alert_type, None, "no type that the GCN schema knows")
    if draft.status is Status.INITIAL and draft.revision:
        why = f"but this is revision {draft.revision}"
        draft.doubt("alert_type", alert_type, alert_type, why)
    draft.tense = TENSES.get(alert_tense or "")
    if alert_tense and draft.tense is None:
        draft.doubt("alert_tense", alert_tense, None, "no tense that the GCN schema knows")


SCHEMA_CONTAINMENT: Final = 0.9
"""What GCN's schema says that an error region contains if the notice does not say."""


def read_region(region: Region, draft: Draft) -> None:
    """Put position and error region into the draft, whichever version they are of.

    ``ra_dec_error`` is a radius or [major, minor, position angle] (v4 and later);
    ``ra_uncertainty`` and ``dec_uncertainty`` are lists of one (circle) or two (sides of a
    rectangle) numbers (v1 to v3).
    """
    draft.ra_deg, draft.dec_deg = region.ra, region.dec
    if (region.ra is None) != (region.dec is None):
        missing = "ra" if region.ra is None else "dec"
        raise NoticeError("half of the position is missing", field=draft.path + missing)
    radius = region.ra_dec_error
    if isinstance(radius, float):
        draft.error_radius_deg = radius
    else:
        draft.attempt(_read_error, region, draft)
    draft.containment = _containment(region.containment_probability, draft)
    draft.systematic_included = region.systematic_included
    if region.healpix_url:
        draft.skymap_fits_url = draft.url(region.healpix_url, f"{draft.path}healpix_url")


def _containment(stated: float | None, draft: Draft) -> float | None:
    path = f"{draft.path}containment_probability"
    if stated is not None:
        if 1e-6 <= stated <= 1.0:
            return stated
        return draft.attempt(within, stated, 1e-6, 1.0, path)
    is_misstated = any(concern.field == path for concern in draft.concerns)
    if is_misstated or not draft.has_region():
        return None
    draft.doubt(path, "not stated", SCHEMA_CONTAINMENT, "the default of GCN's schema")
    return SCHEMA_CONTAINMENT


def _read_error(region: Region, draft: Draft) -> None:
    """Read the error region where it is not just a radius."""
    axes = one_or_more(region.ra_dec_error)
    ra = one_or_more(_first(region.ra_uncertainty, region.ra_axis, region.semi_major))
    dec = one_or_more(_first(region.dec_uncertainty, region.dec_axis))
    shape = region.uncertainty_shape or None
    if len(axes) == 1:
        draft.error_radius_deg = axes[0]
    elif len(axes) in (2, 3):
        draft.ellipse = _ellipse(axes, draft)
    elif len(ra) == 1 and not dec and shape in (None, "circle"):
        draft.error_radius_deg = ra[0]
    elif len(ra) == len(dec) == 2:
        draft.asymmetric = _box(ra, dec, region.position_angle, draft)
    elif axes or ra or dec:
        found = {"ra_dec_error": axes, "ra": ra, "dec": dec, "shape": shape}
        raise NoticeError("no known error region", field=f"{draft.path}ra_dec_error", value=found)


def _first(*values: Numbers) -> Numbers:
    return next((value for value in values if value is not None), None)


def _ellipse(axes: tuple[float, ...], draft: Draft) -> Ellipse:
    if min(axes[:2]) <= 0.0 or max(axes[:2]) > 180.0:
        path = f"{draft.path}ra_dec_error"
        raise NoticeError("expected semi-axes above 0 and up to 180 deg", field=path, value=axes)
    return Ellipse(
        semi_major_deg=max(axes[:2]),
        semi_minor_deg=min(axes[:2]),
        position_angle_deg=axes[2] if len(axes) == 3 else None,
    )


def _box(
    ra: tuple[float, ...], dec: tuple[float, ...], angle: float | None, draft: Draft
) -> AsymmetricError:
    if not all(-180.0 <= low <= 0.0 <= high <= 180.0 for low, high in (ra, dec)):
        path = f"{draft.path}ra_uncertainty"
        raise NoticeError("expected a side below and one above", field=path, value=(ra, dec))
    return AsymmetricError(
        ra_minus_deg=-ra[0],
        ra_plus_deg=ra[1],
        dec_minus_deg=-dec[0],
        dec_plus_deg=dec[1],
        position_angle_deg=angle,
    )
