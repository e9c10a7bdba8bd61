"""Expressions that choose records: ``kind == 'gold' and signalness > 0.5``.

They compare and calculate with the names of `NAMES`, no more. What could only go wrong later is an
error when the expression is read: an assignment, a text compared with a number, a kind that is
nearly one that there is, a result that is neither true nor false.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from icecube_hooks import (
    AlertKind,
    ConfigError,
    Localization,
    Record,
    Status,
    Tense,
    WireFormat,
)
from icecube_hooks.host import nearest
from icecube_plugin.alerts.columns import FAR_PER_YEAR, RECORD, Column, Kind, by_name
from icecube_plugin.sky.directions import galactic_deg, separation_deg
from icecube_plugin.sky.observing import sun_and_moon
from icecube_plugin.sky.regions import region_or_none, widened

__all__ = ["COLUMNS", "NAMES", "NUMBERS", "Test", "check_name", "columns_with", "expression"]

Test = Callable[[Record], bool | None]
"""Whether a record passes; ``None`` where the notice does not state what is asked for."""

_ALIASES: Final = {
    "event": "event_key",
    "p_post": "headline_p_post",
    "real": "is_real",
    "sigma_post": "headline_sigma_post",
}


def _of_place(get: Callable[[Localization], float | None]) -> Callable[[Record], float | None]:
    """Return what asks the position of a record; ``None`` where it states none."""

    def of(record: Record) -> float | None:
        place = record.alert.localization
        return None if place is None else get(place)

    return of


def _galactic(place: Localization) -> tuple[float, float]:
    return galactic_deg(place.ra_deg, place.dec_deg)


def _region_deg2(systematic_deg: float = 0.0) -> Column:
    """Return the column of the region's area, with a systematic error added in quadrature."""

    def area(place: Localization) -> float | None:
        found = region_or_none(widened(place, systematic_deg))
        return None if found is None else found.area_deg2

    return _number("region_deg2", "area of the stated region", "deg2", _of_place(area))


def _away_from(name: str) -> Callable[[Record], float | None]:
    """Return what gives the distance [deg] from Sun or Moon at the time of the event."""

    def of(record: Record) -> float | None:
        place, moment = record.alert.localization, record.alert.trigger_time
        if place is None or moment is None or (there := sun_and_moon(moment).get(name)) is None:
            return None
        return separation_deg(place, there)

    return of


def _number(name: str, text: str, unit: str, field: Callable[[Record], float | None]) -> Column:
    return Column(name=name, kind=Kind.REAL, text=text, unit=unit, field=field)


_MORE: Final = (
    _number(
        "far_per_year",
        "rate of background alerts at least this signal-like",
        "yr-1",
        lambda record: FAR_PER_YEAR.get(record.alert),
    ),
    _number("l_deg", "Galactic longitude", "deg", _of_place(lambda place: _galactic(place)[0])),
    _number("b_deg", "Galactic latitude", "deg", _of_place(lambda place: _galactic(place)[1])),
    _number(
        "abs_b_deg",
        "distance from the Galactic plane",
        "deg",
        _of_place(lambda place: abs(_galactic(place)[1])),
    ),
    _region_deg2(),
    _number("sun_deg", "from the Sun, at the time of the event", "deg", _away_from("Sun")),
    _number("moon_deg", "from the Moon, at the time of the event", "deg", _away_from("Moon")),
    Column(
        name="repeat",
        kind=Kind.FLAG,
        text="this host had the notice before",
        field=lambda record: record.is_repeat,
    ),
    Column(
        name="topic",
        kind=Kind.TEXT,
        text="Kafka topic that it came from",
        field=lambda record: record.message.topic,
    ),
)


def _named() -> Iterator[Column]:
    known = by_name(RECORD)
    yield from RECORD
    yield from (replace(known[name], name=alias) for alias, name in _ALIASES.items())
    yield from _MORE


COLUMNS: Final[Mapping[str, Column]] = by_name(_named())
"""The columns of a record, and what else an expression may use, by name."""


def columns_with(systematic_deg: float) -> Mapping[str, Column]:
    """Return `COLUMNS`, where ``region_deg2`` has a systematic error [deg] in quadrature.

    No other column changes: what a notice states stays as it is
    (`icecube_plugin.sky.regions.widened`).
    """
    return {**COLUMNS, "region_deg2": _region_deg2(systematic_deg)} if systematic_deg else COLUMNS


NAMES: Final[Mapping[str, Callable[[Record], Any]]] = {
    name: column.get for name, column in COLUMNS.items()
}
"""What an expression may use; ``None``: not stated."""

NUMBERS: Final = frozenset(
    name for name, column in COLUMNS.items() if column.kind in (Kind.REAL, Kind.WHOLE)
)
"""Those of them that are numbers."""

_CHOICES: Final = {"kind": AlertKind, "format": WireFormat, "status": Status, "tense": Tense}
_OPEN: Final = ("kind", "format")
"""Third parties may have others of these: only what is nearly a known one is refused."""

_NUMBER, _TEXT, _FLAG, _TIME, _ANY = "a number", "a text", "true or false", "a time", "nothing"
_TYPES: Final = {
    Kind.TEXT: _TEXT,
    Kind.WHOLE: _NUMBER,
    Kind.REAL: _NUMBER,
    Kind.FLAG: _FLAG,
    Kind.TIME: _TIME,
}


def expression(text: str, key: str, columns: Mapping[str, Column] = COLUMNS) -> Test:
    """Return the test that an expression is.

    ``None`` is its answer where the record does not state what it asks for.

    Parameters
    ----------
    text : str
    key : str
        Where it stands, for errors.
    columns : mapping
        `COLUMNS`, or those of `columns_with`.

    Raises
    ------
    ConfigError
        Under `key`, if it cannot be read, has an unknown name, or compares what cannot be equal.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        hint = "one = sets a value: compare with ==" if _is_assignment(text) else None
        reason = getattr(error, "msg", None) or str(error)
        raise ConfigError(f"cannot read {text!r:.80}: {reason}", key=key, hint=hint) from error
    try:
        found = _type_of(tree.body, key)
    except RecursionError as error:
        raise ConfigError(f"cannot read {text!r:.80}: too deep", key=key) from error
    if found != _FLAG:
        raise ConfigError(f"{text!r:.80} is {found}, not true or false", key=key)
    return _evaluated(text, tree.body, key, columns)


def check_name(field: str, value: str, key: str) -> None:
    """Refuse a kind, format, status or tense that there is not.

    Raises
    ------
    ConfigError
    """
    known = [one.value for one in _CHOICES[field]]
    is_near = bool(difflib.get_close_matches(value, known, n=1, cutoff=0.7))
    if value not in known and (is_near or field not in _OPEN):
        raise ConfigError(f"{value!r:.40} is not known", key=key, hint=nearest(value, known))


def _is_assignment(text: str) -> bool:
    try:
        return isinstance(ast.parse(text.strip()).body[0], ast.Assign)
    except (SyntaxError, ValueError, RecursionError, MemoryError, IndexError):
        return False


def _evaluated(text: str, tree: ast.expr, key: str, columns: Mapping[str, Column]) -> Test:
    try:
        from simpleeval import EvalWithCompoundTypes, InvalidExpression
    except ImportError as error:
        hint = "pip install simpleeval"
        raise ConfigError("needs the package simpleeval", key=key, hint=hint) from error

    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    evaluator = EvalWithCompoundTypes(functions={})

    def test(record: Record) -> bool | None:
        evaluator.names = {name: columns[name].get(record) for name in names}
        try:
            return bool(evaluator.eval(text, previously_parsed=tree))
        except (InvalidExpression, ArithmeticError, TypeError, ValueError):
            return None  # it needs a value that is not stated

    return test


def _type_of(node: ast.expr, key: str) -> str:
    """Return what an expression gives; refuse what makes no sense.

    Raises
    ------
    ConfigError
    """
    match node:
        case ast.Constant(value=value):
            return _type_of_constant(value, key)
        case ast.Name(id=name):
            if name not in NAMES:
                hint = nearest(name, NAMES)
                raise ConfigError(f"unknown name {name!r:.40}", key=key, hint=hint)
            return _TYPES[COLUMNS[name].kind]
        case ast.BoolOp(values=values):
            return _all(values, _FLAG, key)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return _all([operand], _FLAG, key)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            return _all([operand], _NUMBER, key)
        case ast.BinOp(op=ast.BitAnd() | ast.BitOr()):
            raise ConfigError("'&' and '|' are not for this: write 'and', 'or'", key=key)
        case ast.BinOp(left=left, right=right):
            return _all([left, right], _NUMBER, key)
        case ast.Compare(left=left, comparators=rest):
            for one, operator, other in zip([left, *rest], node.ops, rest, strict=False):
                _check_pair(one, operator, other, key)
            return _FLAG
    raise ConfigError("expected comparisons and arithmetic only", key=key)


def _type_of_constant(value: object, key: str) -> str:
    if value is None:
        return _ANY
    if isinstance(value, bool):
        return _FLAG
    if isinstance(value, int | float):
        return _NUMBER
    if isinstance(value, str):
        return _TEXT
    raise ConfigError(f"{value!r:.40} is not a number or text", key=key)


def _all(nodes: list[ast.expr], wanted: str, key: str) -> str:
    for node in nodes:
        if (found := _type_of(node, key)) != wanted:
            raise ConfigError(f"{ast.unparse(node)!r:.60} is {found}, not {wanted}", key=key)
    return wanted


def _check_pair(one: ast.expr, operator: ast.cmpop, other: ast.expr, key: str) -> None:
    """Refuse a comparison that is the same for every record."""
    if isinstance(operator, ast.In | ast.NotIn) and isinstance(other, ast.Tuple | ast.List):
        for item in other.elts:
            _check_pair(one, ast.Eq(), item, key)
        return
    types = _type_of(one, key), _type_of(other, key)
    if types[0] != types[1] and _ANY not in types:
        left, right = (ast.unparse(node) for node in (one, other))
        text = f"{left!r:.40} is {types[0]}, {right!r:.40} is {types[1]}: they cannot be compared"
        raise ConfigError(text, key=key)
    for name, value in ((one, other), (other, one)):
        if not (isinstance(name, ast.Name) and isinstance(value, ast.Constant)):
            continue
        is_one = isinstance(value.value, str) and not isinstance(operator, ast.In | ast.NotIn)
        if is_one and name.id in _CHOICES:
            check_name(name.id, str(value.value), key)
