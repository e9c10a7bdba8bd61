"""Visibility, ladder and cumulative numbers, against formulas of their own."""

from __future__ import annotations

import socket
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from scipy.stats import poisson

from icecube_hooks import YEAR_S, AlertKind, GWReference, PValue, Record, Status, Tense
from icecube_hooks.testing import make_record
from icecube_plugin import __version__
from icecube_plugin.significance import p_from_sigma
from icecube_plugin.views.plots import (
    PlotError,
    cumulative,
    p_ladder,
    to_svg,
    visibility,
)
from icecube_plugin.views.plots._cumulative import counts, poisson_band
from icecube_plugin.views.plots._ladder import rungs
from tests.plot.places import circle, of

T0 = datetime(2023, 4, 16, 7, 42, 31, tzinfo=UTC)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("a plot used the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


# --- visibility ---------------------------------------------------------------------------------


def test_visibility_says_where_and_when() -> None:
    figure = visibility(of(circle(210, -30, 1), trigger_time=T0), "paranal")
    axes: Any = figure.axes[0]
    assert said(figure) == (
        "GOLD track IceCube-230416A, revision 0, 2023-04-16 07:42:31 UTC\n"
        "from Paranal, night of 2023-04-15"
    )
    altitude = axes.lines[2].get_ydata()
    assert np.nanmax(altitude) == pytest.approx(84.6, abs=0.3)
    assert figure.texts[-1].get_text().startswith("RA 210.000, Dec -30.000 deg (ICRS)")
    other = visibility(of(circle(210, -30, 1)), "0,0", night_of=date(2026, 5, 2))
    assert said(other).endswith("from 0,0, night of 2026-05-02")
    hidden = visibility(of(circle(0, 89, 1)), "paranal")
    assert "never above the horizon" in [text.get_text() for text in hidden.axes[0].texts]
    to_svg(visibility(of(circle(0, 89, 1)), "-90,0,2835", night_of=date(2026, 6, 21)))


def said(figure: Any) -> str:
    text: str = figure.get_suptitle()
    return text


def ticks(figure: Any) -> list[str]:
    figure.canvas.draw()
    return [text.get_text() for text in figure.axes[0].get_xticklabels()]


@pytest.mark.parametrize(
    ("site", "first", "midnight"),
    [("paranal", "22:00\n2026-05-02", "00:00\n2026-05-03"), ("maunakea", "06:00\n2026-05-03", None),
     ("la-palma", "20:00\n2026-05-02", "00:00\n2026-05-03"),
     ("siding-spring", "08:00\n2026-05-02", None)],
)  # fmt: skip
def test_dates_stand_at_the_ticks_that_they_are_of(
    site: str, first: str, midnight: str | None
) -> None:
    figure = visibility(of(circle(210, -30, 1)), site, night_of=date(2026, 5, 2))
    shown = ticks(figure)
    assert shown[0] == first
    assert [text for text in shown[1:] if "\n" in text] == [midnight] * (midnight is not None)


def test_now_is_marked() -> None:
    now = datetime(2026, 5, 3, 1, tzinfo=UTC)
    record = of(circle(210, -30, 1), trigger_time=None)
    figure = visibility(record, "paranal", night_of=date(2026, 5, 2), now=now)
    assert "now" in [text.get_text() for text in figure.axes[0].texts]
    later = visibility(record, "paranal", night_of=date(2026, 5, 2), now=now + timedelta(days=1))
    assert "now" not in [text.get_text() for text in later.axes[0].texts]


@pytest.mark.parametrize(
    ("site", "dec", "remarks"),
    [
        ("69.65,18.96", 40, ["the Sun does not set"]),
        ("-90,0,2835", 40, ["never above the horizon", "the Sun does not rise"]),
        ("paranal", -30, []),
    ],
)
def test_polar_day_and_night_are_said(site: str, dec: float, remarks: list[str]) -> None:
    record = of(circle(300, dec, 1), trigger_time=None)
    axes: Any = visibility(record, site, night_of=date(2026, 6, 21)).axes[0]
    assert [text.get_text() for text in axes.texts] == remarks
    hours = 24 * (axes.get_xlim()[1] - axes.get_xlim()[0])
    assert hours == pytest.approx(24 if remarks else 14.4, abs=0.1)


def test_size_and_provenance() -> None:
    record = of(circle(210, -30, 1), trigger_time=T0)
    figures = (
        visibility(record, "paranal", size_in=(5, 4)),
        p_ladder(SEASON, size_in=(5, 4)),
        cumulative(TRACKS, size_in=(5, 4)),
    )
    for figure in figures:
        assert figure.get_size_inches().tolist() == [5, 4]
        last = " ".join(figure.texts[-1].get_text().split())
        assert f"icecube-plugin {__version__}." in last
        assert " notice" in last


def test_visibility_needs_place_and_time() -> None:
    with pytest.raises(PlotError, match=r"states no position$"):
        visibility(of(None), "paranal")
    with pytest.raises(PlotError, match=r"states no time, and no night is given$"):
        visibility(of(circle(1, 2, 3), trigger_time=None), "paranal")


# --- ladder -------------------------------------------------------------------------------------


def search(name: str, generic: float | None, bayesian: float | None, **more: Any) -> Record:
    ps = PValue(search="generic", value=generic), PValue(search="bayesian", value=bayesian)
    return make_record(
        kind=AlertKind.LVK_SEARCH,
        revision=None,  # a search has none: LVK's number orders its notices
        gw=GWReference(superevent_id=name, notice_number=more.pop("number", 1)),
        p_values=ps,
        event_names=(),
        **more,
    )


SEASON = [
    search("S230101a", None, 0.3),
    search("S230102b", 0.2, 0.9, number=1),
    search("S230102b", 0.01, 0.04, number=2),
    search("S230103c", None, 1.0),
    search("S230104d", None, 0.0),
    search("MS230105e", 1e-6, 1e-6),
    search("S230106f", 1e-6, 1e-6, tense=Tense.TEST),
    search("S230107g", 1e-6, 1e-6),
    search("S230107g", None, None, number=2, status=Status.RETRACTION),
]


def test_rungs_have_the_penalty_for_two_searches() -> None:
    """Three events count: of each the newest, no test, no mock event, nothing retracted, no 0."""
    ladder = rungs(record.alert for record in SEASON)
    assert [rung.event_key for rung in ladder] == ["S230103c", "S230101a", "S230102b"]
    best = ladder[-1]
    assert best.searches == (("generic", 0.01), ("bayesian", 0.04))
    assert best.p == pytest.approx(1 - (1 - 0.01) ** 2)
    assert ladder[1].p == 0.3


def test_ladder_is_drawn_at_its_sigmas() -> None:
    figure = p_ladder(SEASON, highlight="S230102b")
    axes: Any = figure.axes[0]
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert labels == ["S230103c", "S230101a", "S230102b"]
    by_marker: dict[Any, list[float]] = {}
    for line in axes.lines:
        if line.get_ydata()[0] == 2 and len(line.get_xdata()) == 1:
            by_marker.setdefault(line.get_marker(), []).append(
                p_from_sigma(float(line.get_xdata()[0]))
            )
    best = 1 - 0.99**2
    expected = {"D": [best], "o": [0.01], "s": [0.04]}
    assert by_marker == {marker: pytest.approx(ps) for marker, ps in expected.items()}
    assert figure.texts[-1].get_text().startswith("One-sided: p = 1 - Phi(sigma).")
    text = figure.texts[-1].get_text().replace("\n", " ")
    assert "Not corrected for trials: of 3 events one is best" in text


def test_long_ladder_keeps_what_is_pointed_at() -> None:
    season = [search(f"S23{k:04d}a", None, (k + 0.5) / 60) for k in range(60)]
    figure = p_ladder(season, highlight="S230059a")
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert len(labels) == 31
    assert (labels[0], labels[-1]) == ("S230059a", "S230000a")
    assert "29 less surprising ones are not shown." in figure.texts[-1].get_text().replace(
        "\n", " "
    )


def test_no_ladder() -> None:
    with pytest.raises(PlotError, match=r"^no real search with a p-value to draw$"):
        p_ladder([make_record(), SEASON[5]])


# --- cumulative ---------------------------------------------------------------------------------


def track(number: int, day: float, far: float | None, **more: Any) -> Record:
    return make_record(
        **{
            "run_id": number,
            "event_names": (),
            "trigger_time": T0 + timedelta(days=day),
            "far_hz": None if far is None else far / YEAR_S,
            "raw": repr((number, day, far, more)).encode(),
            "kind": AlertKind.GOLD,
            **more,
        }
    )


TRACKS = [
    track(1, 0.0, 1.0),
    track(1, 0.0, 0.5, revision=1, status=Status.UPDATE),
    track(2, 73.0, 2.0),
    track(3, 100.0, None),
    track(4, 365.0, 3.0, kind=AlertKind.BRONZE),
    track(5, 200.0, 1.0, tense=Tense.TEST),
    track(6, 200.0, 1.0),
    track(6, 200.0, None, revision=1, status=Status.RETRACTION),
    track(7, 200.0, 1.0, kind=AlertKind.HESE),
]


def test_events_are_counted_once() -> None:
    gold, bronze = counts(TRACKS)
    assert (gold.kind, bronze.kind) == (AlertKind.GOLD, AlertKind.BRONZE)
    assert [(time - T0).days for time in gold.times] == [0, 73, 100]
    assert gold.far_per_year == pytest.approx((0.5, 2.0))
    assert bronze.far_per_year == pytest.approx((3.0,))


def test_expectation_is_rate_times_time() -> None:
    by_time: Any
    by_time, _ = cumulative(TRACKS).axes
    expected = next(line for line in by_time.lines if len(line.get_xdata()) == 101)
    assert expected.get_ydata()[[0, 50, 100]] == pytest.approx([0.0, 5.0, 10.0])  # gold, 365 days


def test_no_expectation_beside_false_alarm_rates() -> None:
    """Alerts with a rate come several times as often as it says: a line of it shows an excess."""
    figure: Any = cumulative(TRACKS)
    _, by_far = figure.axes
    assert {tuple(line.get_ydata()) for line in by_far.lines} == {(1, 2), (1,)}
    assert not by_far.collections
    assert "background alone" not in figure.texts[-1].get_text()


def test_band_is_scipys() -> None:
    expected = np.concatenate((np.geomspace(1e-6, 1e4, 300), np.arange(0.5, 30)))
    for share in (0.6827, 0.95):
        assert np.array_equal(poisson_band(expected, share), poisson.interval(share, expected))
    assert [float(side[0]) for side in poisson_band(np.zeros(1))] == [0.0, 0.0]


def test_too_few_to_count() -> None:
    with pytest.raises(PlotError, match=r"^fewer than two real gold, bronze or cascade events$"):
        cumulative(TRACKS[:2])
