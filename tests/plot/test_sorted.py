"""The sorted p-values: their bands against simulated seasons, and when there are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from icecube_hooks import Alert, AlertKind, GWReference, PValue, Record, WireFormat
from icecube_hooks.testing import make_record
from icecube_plugin.views.plots import PlotError, sorted_p
from icecube_plugin.views.plots._sorted import null_band


def search(number: int, p: float, form: WireFormat = WireFormat.JSON) -> Record:
    alert = Alert(
        kind=AlertKind.LVK_SEARCH,
        format=form,
        p_values=(PValue(search="generic", value=None), PValue(search="bayesian", value=p)),
        gw=GWReference(superevent_id=f"S2301{number:02}a", notice_number=1),
    )
    return make_record(alert=alert)


def texts(figure: Any) -> str:
    from matplotlib.text import Text

    return " ".join(text.get_text() for text in figure.findobj(Text)).replace("\n", " ")


def points(axes: Any) -> list[tuple[float, float]]:
    lines = [line for line in axes.get_lines() if line.get_marker() == "o"]
    return [(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in lines]


def test_the_band_holds_its_share_of_background_seasons() -> None:
    seasons = np.sort(np.random.default_rng(3).random((20_000, 30)), axis=1)
    for share in (0.68, 0.95):
        low, high = null_band(30, share)
        inside = ((low <= seasons) & (seasons <= high)).mean(axis=0)
        assert inside == pytest.approx(np.full(30, share), abs=4 * np.sqrt(0.25 / 20_000))
    beta = stats.beta(3, 28)
    assert null_band(30, 0.95)[0][2] == pytest.approx(beta.ppf(0.025))


def test_events_by_rank_and_the_band() -> None:
    p_values = [0.3, 0.02, 0.8, 0.005]
    records = [search(n, p) for n, p in enumerate(p_values, start=1)]
    figure = sorted_p(records, n_searched={"low-significance": 40})
    (axes,) = figure.axes
    assert points(axes) == [(1, 0.005), (2, 0.02), (3, 0.3), (4, 0.8)]
    assert len(axes.collections) == 2  # bands
    said = texts(figure)
    assert "low-significance: 4 of 40 searched events heard" in said
    assert "Events that were not heard count as p = 1." in said
    assert "S230104a" in said


def test_no_band_without_the_number_that_was_searched() -> None:
    """A list of what was heard may have been chosen by p: beside a band it would be an excess."""
    records = [search(1, 0.004), search(2, 0.009), search(3, 0.006, WireFormat.CIRCULAR)]
    figure = sorted_p(records)
    (axes,) = figure.axes
    assert points(axes) == [(1, 0.004), (2, 0.009)]
    assert len(axes.collections) == 0
    said = texts(figure)
    assert "2 heard, of how many searched events is not stated" in said
    assert "not corrected for trials" in said
    assert "1 known by circular only are left out" in said


def test_nothing_to_draw() -> None:
    with pytest.raises(PlotError, match="of which a notice was heard"):
        sorted_p([search(1, 0.004, WireFormat.CIRCULAR)])
