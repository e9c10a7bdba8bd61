"""What a notebook shows of alerts, records and lists of them: headline, facts, a small map.

Alerts and records show themselves. A list does as `Records`, or, if the notebook has
``%load_ext icecube_plugin``, any list of them::

    from icecube_plugin.views.notebook import Records

    Records(host.iter_since("30d"))

Conventions
-----------
- What a message says is escaped. Nothing runs, nothing is fetched.
- Colours are those of the notebook, so that dark ones work.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, Final

from icecube_hooks import Alert, Message, Record
from icecube_plugin.alerts.headline import headline
from icecube_plugin.alerts.words import plural, time_text
from icecube_plugin.views.plots import PlotError, svg_finder, svg_map

from .summary import Line, facts

__all__ = ["Records", "html_of", "load_ipython_extension"]

SHOWN: Final = 50
"""How many rows of a list are shown; a notebook keeps them all in its file."""


class Records(list[Any]):
    """A list of records or alerts that a notebook shows as a table with a map."""

    def _repr_html_(self) -> str:
        return _of_many(self)


def html_of(thing: object) -> str | None:
    """Return a record, an alert, or a list of these as HTML; ``None`` for anything else."""
    if isinstance(thing, Record | Alert):
        return _of_one(_record(thing))
    if isinstance(thing, list | tuple) and thing:
        are_ours = all(isinstance(one, Record | Alert) for one in thing)
        return _of_many(thing) if are_ours else None
    return None


def load_ipython_extension(shell: Any) -> None:
    """Let an IPython shell show any list or tuple of records or alerts (``%load_ext``)."""
    shown = shell.display_formatter.formatters["text/html"]
    for kind in (list, tuple):
        shown.for_type(kind, html_of)


def _record(thing: Record | Alert) -> Record:
    return thing if isinstance(thing, Record) else Record.of(Message(value=b""), thing)


def _of_one(record: Record) -> str:
    alarms, deciding, rest = facts(record)
    if not record.message.value:  # an alert by itself: the id would be of no bytes
        rest = [line for line in rest if line.label != "record"]
    warnings = "".join(f"<div><strong>{escape(line.text)}</strong></div>" for line in alarms)
    more = f"<details><summary>More</summary>{_table(rest)}</details>" if rest else ""
    told = f"<div>{_table(deciding)}{more}</div>"
    return (
        f"<div><div><strong>{escape(headline(record))}</strong></div>{warnings}"
        f'<div style="display: flex; flex-wrap: wrap; gap: 1em">{told}{_maps(record)}</div></div>'
    )


def _table(lines: Iterable[Line]) -> str:
    rows = "".join(
        f'<tr><th style="text-align: left">{escape(line.label)}</th>'
        f'<td style="text-align: left">{escape(line.text)}</td></tr>'
        for line in lines
    )
    return f"<table>{rows}</table>"


def _maps(record: Record) -> str:
    try:
        return _figure(svg_map(record), 360) + _figure(svg_finder(record), 220)
    except PlotError:  # no position, no map
        return ""


def _figure(svg: str, width_px: int) -> str:
    return f'<div style="width: {width_px}px; max-width: 100%">{svg}</div>'


def _of_many(things: Sequence[Record | Alert]) -> str:
    records = [_record(thing) for thing in things]
    rows = "".join(
        f'<tr><td style="white-space: nowrap">'
        f"{time_text(one.alert.trigger_time or one.alert.notice_time, 0)}</td>"
        f'<td style="text-align: left">{escape(headline(one))}</td></tr>'
        for one in records[:SHOWN]
    )
    left = len(records) - SHOWN
    more = f"<div>and {left} more</div>" if left > 0 else ""
    return (
        f"<div>{len(records)} alert{plural(len(records))}{_season(records)}"
        f"<table><tr><th>Time (UTC)</th><th>Alert</th></tr>{rows}</table>{more}</div>"
    )


def _season(records: Sequence[Record]) -> str:
    try:
        return _figure(svg_map([one for one in records if one.alert.is_real]), 480)
    except PlotError:  # nothing with a position
        return ""
