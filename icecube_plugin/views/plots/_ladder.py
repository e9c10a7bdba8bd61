"""The p-values of a season's searches on a scale of sigma."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from icecube_hooks import Alert, AlertKind, Record
from icecube_plugin.alerts.words import UNCORRECTED
from icecube_plugin.significance import (
    event_p,
    newest,
    p_from_sigma,
    sigma_from_p,
)

from ._events import PlotError, provenance, shown
from ._figure import FAINT, INK, Axes, Size, caption, entry, legend, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Rung", "p_ladder", "rungs"]

LOWEST_SIGMA: Final = 0.0
ROWS: Final = 30
"""So many searches have a row of their own; the others are counted."""

SEARCHES: Final = {"generic": ("o", "#0072B2"), "bayesian": ("s", "#D55E00")}
BEST: Final = ("D", INK)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rung:
    """One event on the ladder; all p-values one-sided.

    Attributes
    ----------
    event_key : str
    searches : tuple of (str, float)
        Each search with its p-value, before any trial.
    p : float
        The better one, with the penalty for as many searches as ran.
    """

    event_key: str
    searches: tuple[tuple[str, float], ...]
    p: float


def rungs(alerts: Iterable[Alert]) -> list[Rung]:
    """Return the searches of a season, the least surprising first.

    Only real, not retracted ones; of each event the newest notice.
    """
    found = [
        (alert, event_p(alert)) for alert in newest(alerts) if alert.kind is AlertKind.LVK_SEARCH
    ]
    stated = [(alert, p) for alert, p in found if p]
    ladder = [
        Rung(
            event_key=str(alert.event_key),
            searches=tuple((one.search, one.value) for one in alert.p_values if one.value),
            p=p,
        )
        for alert, p in stated
    ]
    return sorted(ladder, key=lambda rung: -rung.p)


def p_ladder(
    records: Iterable[Record], *, highlight: str | None = None, size_in: Size | None = None
) -> Figure:
    """Draw the p-values of the searches around gravitational waves, before trials.

    Parameters
    ----------
    records : iterable of Record
        A season. Tests and retracted events are left out; of each event the newest notice counts.
    highlight : str, optional
        The `event_key` to point out.
    size_in : (float, float), optional
        Width and height [inches]; by default as many rows need.

    Returns
    -------
    matplotlib.figure.Figure
        One row per event: its searches, and the better one with the penalty for the number of
        searches. One-sided sigma. Nothing is said of the season, of which records are rarely all.

    Raises
    ------
    PlotError
        If no search states a p-value above 0.
    ConfigError
        If matplotlib is not installed.
    """
    records = list(records)
    ladder = rungs(record.alert for record in records)
    if not ladder:
        raise PlotError("no real search with a p-value to draw")
    rows = _rows(ladder, highlight)
    figure = new_figure(size_in or (8.0, 2.3 + 0.24 * max(len(rows), 4)))
    bottom, top = 1.25 / figure.get_figheight(), 0.75 / figure.get_figheight()
    axes = figure.add_axes((0.16, bottom, 0.81, 1 - bottom - top))
    for y, rung in enumerate(rows):
        _draw_row(axes, y, rung, is_chosen=rung.event_key == highlight)
    _set_up(axes, rows, highlight)
    figure.suptitle(
        f"{len(ladder)} searches for neutrinos around gravitational waves",
        fontsize=10, color=INK, y=1 - 0.1 / figure.get_figheight(), va="top",
    )  # fmt: skip
    caption(figure, (*_caption(ladder, rows), provenance(records)))
    return figure


def _rows(ladder: Sequence[Rung], highlight: str | None) -> list[Rung]:
    """Return the best ones, and the one to point out."""
    best = ladder[-ROWS:]
    return [rung for rung in ladder[:-ROWS] if rung.event_key == highlight] + list(best)


def sigma(p: float) -> float:
    """Return one-sided sigma, not below the left edge of the plot."""
    return max(sigma_from_p(p), LOWEST_SIGMA)


def _draw_row(axes: Axes, y: int, rung: Rung, *, is_chosen: bool) -> None:
    if is_chosen:
        axes.axhspan(y - 0.5, y + 0.5, color="#F0E442", alpha=0.35, lw=0)
    axes.plot(
        [sigma(rung.p)], [y], marker=BEST[0], color=BEST[1], ms=5, ls="none", zorder=3, label="best"
    )
    for name, p in rung.searches:
        marker, colour = SEARCHES.get(name, ("^", FAINT))
        axes.plot(
            [sigma(p)], [y], marker=marker, color=colour, mfc="none", ms=7, ls="none", zorder=4
        )


def _set_up(axes: Axes, rows: Sequence[Rung], highlight: str | None) -> None:
    best = max(sigma(p) for rung in rows for _, p in (*rung.searches, ("", rung.p)))
    axes.set(xlim=(LOWEST_SIGMA - 0.15, max(best + 0.4, 3.4)), ylim=(-0.7, len(rows) - 0.3))
    axes.set_yticks(range(len(rows)), labels=[shown(rung.event_key) for rung in rows])
    for label, rung in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_parse_math(False)
        label.set_fontweight("bold" if rung.event_key == highlight else "normal")
    axes.tick_params(labelsize=7.5)
    axes.grid(axis="x", color="#dddddd", lw=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel("significance [sigma, one-sided]", fontsize=8.5)
    first, last = math.ceil(LOWEST_SIGMA), math.floor(axes.get_xlim()[1])
    ticks = list(range(first, last + 1))
    axes.set_xticks(ticks)
    other: Any = axes.secondary_xaxis("top")
    other.set_ticks(ticks, labels=[f"{p_from_sigma(float(n)):.2g}" for n in ticks])
    other.tick_params(labelsize=7.5)
    other.set_xlabel("p-value", fontsize=8.5)
    legend(axes, _entries(rows), loc="lower right")


def _entries(rows: Sequence[Rung]) -> Iterator[Any]:
    used = {name for rung in rows for name, _ in rung.searches}
    for name, (marker, colour) in SEARCHES.items():
        if name in used:
            yield entry(f"{name} search, before trials", marker, color=colour)
    label = "better one, after as many searches"
    yield entry(label, BEST[0], markerfacecolor=INK, markersize=5)


def _caption(ladder: Sequence[Rung], rows: Sequence[Rung]) -> Iterator[str]:
    best = ladder[-1]
    yield "One-sided: p = 1 - Phi(sigma). Markers at the left edge: p of 0.5 or more."
    yield f"Best: {shown(best.event_key)}, p = {best.p:.2g} with the penalty for its searches."
    yield f"{UNCORRECTED.capitalize()}: of {len(ladder)} events one is best, and who keeps only"
    yield "what circulars report has small p-values by selection."
    if len(rows) < len(ladder):
        yield f"{len(ladder) - len(rows)} less surprising ones are not shown."
