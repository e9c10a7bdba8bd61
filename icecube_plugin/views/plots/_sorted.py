"""The sorted p-values of a season, beside what chance gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from icecube_hooks import Record
from icecube_plugin.alerts.words import UNCORRECTED
from icecube_plugin.significance import STREAMS, Season, season

from ._events import PlotError, provenance, shown
from ._figure import (
    FAINT,
    Axes,
    Size,
    caption,
    entry,
    legend,
    new_figure,
    title,
    write_heading,
)
from ._labels import place_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from icecube_plugin.sky.projections import Floats

__all__ = ["null_band", "sorted_p"]

BANDS: Final = ((0.95, "#dbe7f0"), (0.68, "#b5cfe2"))
COLOUR: Final = "#0072B2"
NAMED: Final = 3


def null_band(n: int, share: float) -> tuple[Floats, Floats]:
    """Return between which values the k-th smallest of `n` even p-values lies, for each k.

    It is distributed as Beta(k, n + 1 - k). Each rank has its own band: that all of them are inside
    is less probable than `share`.
    """
    import numpy as np
    from scipy.special import betaincinv

    rank = np.arange(1, n + 1)
    low, high = (
        betaincinv(rank, n + 1 - rank, tail) for tail in ((1 - share) / 2, (1 + share) / 2)
    )
    return low, high


def sorted_p(
    records: Iterable[Record],
    *,
    n_searched: Mapping[str, int] | None = None,
    size_in: Size = (9.0, 4.9),
) -> Figure:
    """Draw the sorted p-values of the searches around gravitational waves, each stream for itself.

    Parameters
    ----------
    records : iterable of Record
        A season. Tests and retracted events are left out; of each event the newest notice counts.
    n_searched : mapping of str to int, optional
        How many events of a stream (`icecube_plugin.significance.STREAMS`) were searched. Those
        that were not heard count as p = 1. Where it is not stated there are no bands: what was
        heard may have been chosen by p.
    size_in : (float, float)
        Width and height [inches].

    Returns
    -------
    matplotlib.figure.Figure
        Of each event the better search with the penalty for two, over its rank, with the bands that
        each rank has if there is no neutrino of the sources in any. Events that are known by
        circular only are left out, as they were chosen by p.

    Raises
    ------
    PlotError
        If no search states a p-value above 0, but those known by circular only.
    ConfigError
        If matplotlib is not installed.
    """
    kept, searched = list(records), n_searched or {}
    alerts = [record.alert for record in kept]
    heard = {
        stream: season(alerts, stream=stream, n_searched=searched.get(stream)) for stream in STREAMS
    }
    drawn = {stream: one for stream, one in heard.items() if one.n_events}
    if not drawn:
        raise PlotError("no real search with a p-value to draw, of which a notice was heard")
    figure = new_figure(size_in)
    width = 0.88 / len(drawn)
    for number, (stream, one) in enumerate(drawn.items()):
        axes = figure.add_axes((0.09 + number * width, 0.27, width - 0.06, 0.58))
        _draw(axes, stream, one)
        if number == 0:  # the other panel has the same axis
            axes.set_ylabel("p-value, better search with the penalty for 2", fontsize=7.5)
    write_heading(figure, "Sorted p-values of the searches around gravitational waves")
    caption(figure, (*_caption(drawn), provenance(kept)))
    return figure


def _draw(axes: Axes, stream: str, one: Season) -> None:
    looks = [event for event in one.events if not event.is_circular_only]
    values = [event.p_value for event in looks]
    for k, event in enumerate(looks, start=1):
        axes.plot(k, event.p_value, "o", color=COLOUR, ms=4, zorder=3)
    least = min(values)
    if one.n_searched is not None:
        least = min(least, _draw_bands(axes, one.n_searched))
    n = one.n_searched or len(looks)
    axes.set(xscale="log", yscale="log", xlim=(0.8, max(1.4 * n, 3.0)), ylim=(1.3, least / 3))
    names = [shown(one.event_key) for one in looks[:NAMED]] + [""] * len(looks[NAMED:])
    place_names(axes, zip(names, range(1, len(looks) + 1), values, strict=True), 6.5)
    axes.set_xlabel("rank", fontsize=8.5)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.tick_params(labelsize=7.5)
    axes.tick_params(which="minor", labelbottom=False)
    title(axes, f"{stream}: {one.coverage}")
    axes.title.set_fontsize(7.5)


def _draw_bands(axes: Axes, n: int) -> float:
    """Draw what chance gives, and return the smallest p-value of the bands."""
    import numpy as np

    rank = np.arange(1, n + 1)
    for share, colour in BANDS:
        axes.fill_between(rank, *null_band(n, share), color=colour, lw=0)
    axes.plot(rank, rank / (n + 1), color=FAINT, lw=0.9)
    handles = [
        entry(f"{share * 100:.0f} % band", color=c, linestyle="-", lw=6) for share, c in BANDS
    ]
    legend(axes, handles, loc="upper right")
    return float(null_band(n, BANDS[0][0])[0][0])


def _caption(drawn: Mapping[str, Season]) -> Iterator[str]:
    stated = [one for one in drawn.values() if one.n_searched is not None]
    if stated:
        yield "Bands: where the p-value of each rank lies in 68 and 95 % of seasons in which no"
        yield "search has a neutrino of the source, each rank for itself."
    if any(one.n_heard < (one.n_searched or 0) for one in stated):
        yield "Events that were not heard count as p = 1."
    if len(stated) < len(drawn):
        yield f"No bands where it is not stated how many were searched: {UNCORRECTED}, as what was"
        yield "heard may have been chosen by p."
    hidden = sum(event.is_circular_only for one in drawn.values() for event in one.events)
    if hidden:
        yield f"{hidden} known by circular only are left out: they were chosen by p."
