"""The table of coincident events in circulars on searches around a gravitational-wave event.

It follows a line of headings, and a row may be broken by mail software::

    dt(s)   RA(deg)  Dec(deg)  Angular uncertainty(deg)  p-value(generic)  p-value(Bayesian)
    ---------------------------------------------------------------------------------------
    -12.50   103.50   +5.25           0.69                    0.012               N/A

The columns are those that the headings name. N/A is a search that was not run.
"""

from __future__ import annotations

import re
from typing import Final

from icecube_hooks import CoincidentEvent, Localization, NoticeError, PValue
from icecube_plugin.notices._draft import Draft
from icecube_plugin.notices._values import decimal, within

from ._envelope import Circular
from ._searches import implied_in, named_in

__all__ = ["read_table"]

_COLUMNS: Final = re.compile(
    r"(?P<dt>\bdt\b|\btime offset)|(?P<ra>\bRA\b|\bR\.A\.)|(?P<dec>\bdec\b)"
    r"|(?P<radius>angular[ -]*uncertainty|ang\.? ?unc\w*)|(?P<p>p-?[ -]?values?)"
    r"|(?P<generic>generic)|(?P<bayesian>bayesian|binary merger)",
    re.IGNORECASE,
)
_TABLE_LIMIT: Final = 200
"""Largest number of coincident events that is read."""
_RULE = re.compile(r"[-=_+| ]{5,400}")
_CELL = re.compile(r"[-+]?(?:\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})(?:[eE][-+]?\d{1,3})?")
_NOT_RUN: Final = frozenset({"n/a", "na", "none", "null", "nan", "-", "--", "---"})
_NOT_APPLICABLE = re.compile(
    r"(?:null ?)?\(?\bnot (?:applicable|available|run)\b\)?", re.IGNORECASE
)
_CELL_UNIT = re.compile(r"(?<=\d)s\b| deg\b| s(?:ec)?\b")
_BY_AREA = re.compile(
    r"circle representing (\d{2}) ?%|(\d{2}) ?% (?:C\.?L\.?,? )?(?:angular uncert|containment by)",
    re.IGNORECASE,
)


def read_table(circular: Circular, draft: Draft) -> tuple[int, int] | None:
    """Read the coincident events; return the lines in which the table stands."""
    lines = [_NOT_APPLICABLE.sub("N/A", line) for line in circular.lines]
    start = next((i for i in range(len(lines)) if _is_heading(lines[i])), None)
    if start is None:
        return None
    first = next((i for i in range(start + 1, len(lines)) if _is_row(lines[i])), len(lines))
    stop = first
    while stop < len(lines) and (not lines[stop] or _is_row(lines[stop]) or _is_rule(lines[stop])):
        stop += 1
    columns = _columns(" ".join(lines[start:first]), circular.flat, draft)
    rows = _rows([_cells(line) for line in lines[first:stop] if _is_row(line)], len(columns))
    if not rows:
        found = " ".join(lines[first:stop])[:200]
        draft.doubt("table", found, None, f"the values do not fill {len(columns)} columns")
        return start, stop
    containment = _row_containment(circular.flat)
    events = [
        draft.attempt(_event, dict(zip(columns, row, strict=True)), containment) for row in rows
    ]
    draft.put("coincident_events", tuple(event for event in events if event is not None))
    return start, stop


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
    named = {match.lastgroup for match in _COLUMNS.finditer(line)}
    return {"dt", "ra", "dec"} <= named and len(_CELL.findall(line)) < 3 and "=" not in line


def _is_rule(line: str) -> bool:
    return _RULE.fullmatch(line) is not None


def _cells(line: str) -> list[str]:
    return _CELL_UNIT.sub("", line.replace("|", " ").replace(",", " ").replace("...", "")).split()


def _is_row(line: str) -> bool:
    cells = _cells(line)
    return bool(cells) and not _is_rule(line) and all(
        _CELL.fullmatch(cell) or cell.lower() in _NOT_RUN for cell in cells
    )  # fmt: skip


def _columns(headings: str, flat: str, draft: Draft) -> list[str]:
    """Return the columns in the order of the headings; a p-value takes the name of its search."""
    names: list[str] = []
    for match in _COLUMNS.finditer(headings):
        name = str(match.lastgroup)
        if name in {"generic", "bayesian"} and names and names[-1] == "p":
            names[-1] = name
        elif name not in {"generic", "bayesian"}:
            names.append(name)
    if names.count("p") == 1:
        named = named_in(flat) or [search for search in [implied_in(flat, draft)] if search]
        if len(named) == 1:
            names[names.index("p")] = named[0]
        else:
            draft.doubt("table", "p-value", None, "the heading does not say of which search")
    return names if len(set(names)) == len(names) else []


def _event(row: dict[str, str], containment: float | None) -> CoincidentEvent:
    numbers = {
        name: None if cell.lower() in _NOT_RUN else decimal(cell, name)
        for name, cell in row.items()
    }
    p_values = tuple(
        PValue(search=name, value=None if value is None else within(value, 0.0, 1.0, name))
        for name, value in numbers.items()
        if name in {"generic", "bayesian"}
    )
    return CoincidentEvent(
        delta_t_s=numbers["dt"], localization=_place(numbers, containment), p_values=p_values
    )


def _place(numbers: dict[str, float | None], containment: float | None) -> Localization | None:
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
