"""How many alerts came, against how many were to be expected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from icecube_hooks import YEAR_S, Alert, AlertKind, Record
from icecube_plugin.alerts import group
from icecube_plugin.alerts.words import short_name
from icecube_plugin.significance import ALERT_RATES

from ._events import PlotError, provenance, style_of
from ._figure import Axes, Size, caption, dates, entry, legend, new_figure, write_heading

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from icecube_plugin.sky.projections import Floats

__all__ = ["Counts", "counts", "cumulative", "poisson_band"]

ONE_SIGMA: Final = 0.6827


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """The alerts of one kind that have a published rate.

    Attributes
    ----------
    kind : AlertKind
    times : tuple of datetime
        Of the events, sorted [UTC].
    far_per_year : tuple of float
        Of those that state one, sorted.
    """

    kind: AlertKind
    times: tuple[datetime, ...]
    far_per_year: tuple[float, ...]


def counts(records: Iterable[Record]) -> list[Counts]:
    """Count events, not notices; tests, retracted ones and those without a time are left out."""
    events = [
        one
        for one in group(record.alert for record in records)
        if one.newest.is_real and not one.is_retracted and one.latest("trigger_time")
    ]
    found = []
    for kind in ALERT_RATES:
        mine = [one for one in events if _kind(one.alerts) is kind]
        fars = (one.latest("far_hz") for one in mine)
        found.append(
            Counts(
                kind=kind,
                times=tuple(sorted(one.latest("trigger_time") for one in mine)),
                far_per_year=tuple(sorted(far * YEAR_S for far in fars if far)),
            )
        )
    return [one for one in found if one.times]


def _kind(alerts: Sequence[Alert]) -> AlertKind:
    """Return the newest kind that has a rate: a circular may say no more than track."""
    known = (alert.kind for alert in reversed(alerts) if alert.kind in ALERT_RATES)
    return next(known, alerts[-1].kind)


def poisson_band(expected: Floats, share: float = ONE_SIGMA) -> tuple[Floats, Floats]:
    """Return the central interval of counts around expected numbers."""
    tail = (1.0 - share) / 2
    return _quantile(tail, expected), _quantile(1.0 - tail, expected)


def _quantile(q: float, expected: Floats) -> Floats:
    """Return the smallest count whose cumulative chance is at least q.

    As `scipy.stats.poisson.ppf`, whose import takes a second.
    """
    import numpy as np
    from scipy.special import pdtr, pdtrik

    mean = np.maximum(expected, 1e-9)
    count = np.ceil(np.nan_to_num(pdtrik(q, mean)))
    below = np.maximum(count - 1, 0)
    found: Floats = np.where(pdtr(below, mean) >= q, below, count)
    return found


def cumulative(records: Iterable[Record], *, size_in: Size = (9.0, 4.9)) -> Figure:
    """Draw how the alerts of a season add up, against the published rates, and their FARs.

    Parameters
    ----------
    records : iterable of Record
        All notices of a season, see `counts` for what is left out.
    size_in : (float, float)
        Width and height [inches].

    Returns
    -------
    matplotlib.figure.Figure
        Left: events against time, with the published rate of the kind and its 68 % Poisson band.
        Right: events with at most a stated false-alarm rate. No expectation stands beside them:
        alerts with a rate come several times as often as that rate says (IceCat-1).

    Raises
    ------
    PlotError
        If there are fewer than two events of the kinds with a published rate.
    ConfigError
        If matplotlib is not installed.
    """
    records = list(records)
    found = counts(records)
    times = sorted(time for one in found for time in one.times)
    if len(times) < 2 or times[0] == times[-1]:
        raise PlotError("fewer than two real gold, bronze or cascade events")
    figure = new_figure(size_in)
    _against_time(figure.add_axes((0.07, 0.24, 0.42, 0.66)), found, times[0], times[-1])
    _against_far(figure.add_axes((0.56, 0.24, 0.42, 0.66)), found)
    span = f"{len(times)} events, {times[0]:%Y-%m-%d} to {times[-1]:%Y-%m-%d}"
    write_heading(figure, span)
    caption(figure, (*_caption(found), provenance(records)))
    return figure


def _against_time(axes: Axes, found: Sequence[Counts], start: datetime, stop: datetime) -> None:
    import numpy as np

    moments = [start + (stop - start) * step / 100 for step in range(101)]
    years = np.linspace(0.0, (stop - start).total_seconds() / YEAR_S, 101)
    for one, line in zip(found, ("-", "--", ":"), strict=False):
        style, rate = style_of(one.kind), ALERT_RATES[one.kind].per_year
        low, high = poisson_band(rate * years)
        axes.fill_between(moments, low, high, color=style.colour, alpha=0.18, lw=0)
        axes.plot(moments, rate * years, color=style.colour, lw=0.9, ls=line)
        steps = np.arange(1, len(one.times) + 1)
        axes.step([start, *one.times, stop], [0, *steps, steps[-1]], where="post",
                  color=style.colour, lw=1.4)  # fmt: skip
        axes.plot(one.times, steps, style.marker, color=style.colour, mfc="none", ms=4)
    axes.set(xlim=(start, stop), ylim=(0, None))
    axes.set_ylabel("events so far", fontsize=8.5)
    axes.set_xlabel("time [UTC]", fontsize=8.5)
    locator = dates().AutoDateLocator(maxticks=7)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates().ConciseDateFormatter(locator))
    axes.tick_params(labelsize=7.5)
    handles = [
        entry(f"{short_name(one.kind)}: {len(one.times)}", style_of(one.kind).marker, linestyle="-",
              color=style_of(one.kind).colour)
        for one in found
    ]  # fmt: skip
    legend(axes, handles, loc="upper left")


def _against_far(axes: Axes, found: Sequence[Counts]) -> None:
    import numpy as np

    for one in found:
        style = style_of(one.kind)
        steps = np.arange(1, len(one.far_per_year) + 1)
        axes.step(one.far_per_year, steps, where="post", color=style.colour, lw=1.0)
        axes.plot(one.far_per_year, steps, style.marker, color=style.colour, mfc="none", ms=4)
    axes.set(xscale="log", yscale="log", ylim=(0.7, None))
    axes.set_xlabel("false-alarm rate as stated [1/yr of 365 d]", fontsize=8.5)
    axes.set_ylabel("events with at most that rate", fontsize=8.5)
    axes.tick_params(labelsize=7.5)


def _caption(found: Sequence[Counts]) -> Iterator[str]:
    rates = ", ".join(f"{one.kind} {ALERT_RATES[one.kind].per_year:g}" for one in found)
    yield f"Left: published rates per year of 365 d ({rates}; {ALERT_RATES[found[0].kind].source}),"
    yield "signal and background, with central 68 % Poisson bands, over the span of the events."
    yield "The comparison holds if the records have every alert in it."
    yield "Right: rates as stated; they are no expectation of how many events come."
    yield "Retracted events and tests are left out."
