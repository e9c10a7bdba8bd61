"""The table of coincident events in circulars on searches around a gravitational-wave event.

It follows a line of headings, and a row may be broken by mail software::

    dt(s)   RA(deg)  Dec(deg)  Angular uncertainty(deg)  p-value(generic)  p-value(Bayesian)
    ---------------------------------------------------------------------------------------
    -12.50   103.50   +5.25           0.69                    0.012               N/A

The columns are those that the headings name, in the units that they or the cells state; without
any, dt is in s and RA and Dec are in deg. N/A is a search that was not run. In 2017 the rows were
numbered, and most tables listed what was near in time only: those events are not coincident.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from icecube_hooks import CoincidentEvent, Localization, NoticeError, PValue
from icecube_plugin.notices._draft import Draft
from icecube_plugin.notices._values import within
from icecube_plugin.notices.units import ANGLE, FRACTION, TIME, factor_of, quantity

from ._envelope import Circular
from ._searches import implied_in, named_in

__all__ = ["read_tables"]

_COLUMNS: Final = re.compile(
    r"(?P<dt>\bdt\b|\btime offset)|(?P<ra>\bRA\b|\bR\.A\.)|(?P<dec>\bdec\b)"
    r"|(?P<radius>angular[ -]*uncertainty|ang\.? ?unc\w*|\bsigma\b)|(?P<p>p-?[ -]?values?)"
    r"|(?P<generic>generic)|(?P<bayesian>bayesian|binary merger)|(?P<index>^#)"
    r"|(?P<energy>\bE\b)",
    re.IGNORECASE,
)
_KINDS: Final = {"dt": TIME, "ra": ANGLE, "dec": ANGLE, "radius": ANGLE} | dict.fromkeys(
    ("generic", "bayesian", "p"), FRACTION
)
_USUAL_UNIT: Final = {"dt": "s", "ra": "deg", "dec": "deg"}
_TABLE_LIMIT: Final = 200
"""Largest number of coincident events that is read."""
_RULE = re.compile(r"[-=_+|: ]{5,400}")
_CELL = re.compile(r"[-+]?(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})(?:[eE][-+]?\d{1,3})?[a-zA-Z%]{0,7}")
_NOT_RUN: Final = frozenset({"n/a", "na", "none", "null", "nan", "-", "--", "---"})
_NOT_APPLICABLE = re.compile(
    r"(?:null ?)?\(?\bnot (?:applicable|available|run)\b\)?", re.IGNORECASE
)
_APART = re.compile(r"(?<=\d) (?=(?:deg|arcmin|arcsec|rad|sec|s|ms|%)(?: |$))")
_BRACKET = re.compile(r" ?[\[(]([^\[\]()]{1,30})[\])]")
_BY_AREA = re.compile(
    r"circle representing (\d{2}) ?(?:%|per ?cent)|(\d{2}) ?(?:%|per ?cent) "
    r"(?:C\.?L\.?,? )?(?:angular uncert|containment by)",
    re.IGNORECASE,
)
_IN_TIME_ONLY = re.compile(r"temporally[- ]coincident (?:neutrinos|events)", re.IGNORECASE)


def read_tables(circular: Circular, draft: Draft) -> list[str]:
    """Read the coincident events; return the lines of the prose without the tables."""
    prose: list[str] = []
    lines = [_NOT_APPLICABLE.sub("N/A", line) for line in circular.lines]
    at = 0
    for start, first, stop in _tables(lines):
        before = " ".join(lines[at:start])[-600:]
        if _IN_TIME_ONLY.search(before):
            why = "a table of events that are near in time, whether or not in the sky map"
            draft.doubt("table", lines[start], None, why)
        elif "coincident_events" in draft.values:
            draft.doubt("table", lines[start], None, "a second table of events")
        else:
            _read_table(lines, (start, first, stop), circular.flat, draft)
        prose += [*circular.lines[at:start], ""]
        at = stop
    return prose + circular.lines[at:]


def _tables(lines: list[str]) -> Iterator[tuple[int, int, int]]:
    """Return where the headings of each table begin, its rows begin, and it ends."""
    start = 0
    while start < len(lines):
        first = _first_row(lines, start) if _is_heading(lines[start]) else None
        if first is None:
            start += 1
            continue
        stop = first
        while stop < len(lines) and not _ends_table(lines[stop]):
            stop += 1
        yield start, first, stop
        start = stop


def _first_row(lines: list[str], start: int) -> int | None:
    """Return where the rows begin: soon after the headings, or after their rule if none do."""
    near = range(start + 1, min(start + 6, len(lines)))
    rows = (i for i in near if _is_row(lines[i]))
    return next(rows, next((i + 1 for i in near if _is_rule(lines[i])), None))


def _ends_table(line: str) -> bool:
    return bool(line) and not _is_row(line) and not _is_rule(line)


def _read_table(lines: list[str], lines_of: tuple[int, int, int], flat: str, draft: Draft) -> None:
    start, first, stop = lines_of
    columns = _columns(" ".join(lines[start:first]), flat, draft)
    rows = _rows([_cells(line) for line in lines[first:stop] if _is_row(line)], len(columns))
    if not rows:
        found = " ".join(lines[first:stop])[:200]
        draft.doubt("table", found, None, f"the values do not fill {len(columns)} columns")
        return
    containment = _row_containment(flat)
    events = [draft.attempt(_event, columns, row, containment) for row in rows]
    draft.put("coincident_events", tuple(event for event in events if event is not None))


def _rows(lines: list[list[str]], size: int) -> list[list[str]]:
    """Return the rows of a table, each of `size` cells; none if they do not come out even.

    Lines of different lengths are rows that were broken.
    """
    cells = [cell for line in lines for cell in line]
    even = {len(line) for line in lines}
    if not size or len(cells) % size or (len(even) == 1 and even != {size}):
        return []
    return [cells[i : i + size] for i in range(0, min(len(cells), size * _TABLE_LIMIT), size)]


def _row_containment(flat: str) -> float | None:
    area = _BY_AREA.search(flat)
    return None if area is None else float(area[1] or area[2]) / 100


def _is_heading(line: str) -> bool:
    """Whether a line begins the headings, which may run on over the next."""
    named = {match.lastgroup for match in _COLUMNS.finditer(line[:400])}
    return {"dt", "ra", "dec"} <= named and len(_CELL.findall(line[:400])) < 3 and "=" not in line


def _is_rule(line: str) -> bool:
    return _RULE.fullmatch(line) is not None


def _cells(line: str) -> list[str]:
    bare = line.replace("|", " ").replace(",", " ").replace("...", "")
    return _APART.sub("", " ".join(bare.split())).split()


def _is_row(line: str) -> bool:
    cells = _cells(line)
    return bool(cells) and not _is_rule(line) and all(
        _CELL.fullmatch(cell) or cell.lower() in _NOT_RUN for cell in cells
    )  # fmt: skip


def _columns(headings: str, flat: str, draft: Draft) -> dict[str, str]:
    """Return the columns in the order of the headings, each with its unit.

    A p-value takes the name of its search.
    """
    columns: dict[str, str] = {}
    for match in _COLUMNS.finditer(headings):
        name = str(match.lastgroup)
        if name in {"generic", "bayesian"}:
            if "p" in columns and name not in columns:
                columns[name] = columns.pop("p")
            continue
        if name in columns:
            return {}
        columns[name] = _unit_of(name, headings, match.end())
    if "p" in columns:
        named = named_in(flat) or [search for search in [implied_in(flat, draft)] if search]
        if len(named) == 1:
            columns = {named[0] if name == "p" else name: unit for name, unit in columns.items()}
        else:
            draft.doubt("table", "p-value", None, "the heading does not say of which search")
    return columns


def _unit_of(name: str, headings: str, end: int) -> str:
    """Return the unit behind a heading; behind a p-value stands mostly its search."""
    bracket = _BRACKET.match(headings, end)
    if bracket is None:
        return _USUAL_UNIT.get(name, "")
    is_search = name == "p" and factor_of(bracket[1], FRACTION) is None
    return "" if is_search else bracket[1]


def _value(cell: str, name: str, unit: str) -> float | None:
    """Return the value of a cell in the unit that it or else its heading states."""
    if name not in _KINDS or cell.lower() in _NOT_RUN:
        return None
    found = quantity(cell)
    if found is not None and not found.unit:
        found = quantity(f"{cell} {unit}")
    value = None if found is None else found.value(_KINDS[name])
    if value is None:
        raise NoticeError("the number or its unit is not known", field=name, value=f"{cell} {unit}")
    return value


def _event(columns: dict[str, str], row: list[str], containment: float | None) -> CoincidentEvent:
    numbers = {
        name: _value(cell, name, unit)
        for (name, unit), cell in zip(columns.items(), row, strict=True)
    }
    p_values = tuple(
        PValue(search=name, value=None if value is None else within(value, 0.0, 1.0, name))
        for name, value in numbers.items()
        if name in {"generic", "bayesian"}
    )
    return CoincidentEvent(
        delta_t_s=numbers["dt"], localization=_localization(numbers, containment), p_values=p_values
    )


def _localization(
    numbers: dict[str, float | None], containment: float | None
) -> Localization | None:
    ra, dec, radius = numbers["ra"], numbers["dec"], numbers.get("radius")
    if ra is None or dec is None:
        return None
    if radius is not None and not 0.0 < radius <= 180.0:
        raise NoticeError("expected a radius", field="radius", value=radius)
    return Localization(
        ra_deg=within(ra, 0.0, 360.0, "ra") % 360.0,
        dec_deg=within(dec, -90.0, 90.0, "dec"),
        error_radius_deg=radius,
        containment=None if radius is None else containment,
    )
