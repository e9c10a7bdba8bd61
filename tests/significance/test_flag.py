"""Streams by LVK's own flag, the rate that was heard, and how much of it was searched."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from icecube_hooks import (
    Alert,
    AlertKind,
    ConfigError,
    GWCandidate,
    GWReference,
    Status,
    WireFormat,
)
from icecube_plugin.significance import STREAMS, ObservedEvents, gw_stream_of, season
from icecube_plugin.significance.provider import make_assess
from tests.significance.alerts import T0, lvk

HIGH, LOW = STREAMS


def wave(name: str, *, significant: bool | None = True, day: float = 0.0, **more: Any) -> Alert:
    candidate = GWCandidate(significant=significant, classification={"BBH": 1.0})
    return Alert(
        **{
            "kind": AlertKind.LVK_GW,
            "format": WireFormat.JSON,
            "observatory": "LIGO/Virgo/KAGRA",
            "gw": GWReference(superevent_id=name),
            "gw_candidate": candidate,
            "far_hz": 1e-9,
            "trigger_time": T0 + timedelta(days=day),
            "notice_time": T0 + timedelta(days=day, minutes=5),
            **more,
        }
    )


def retraction(name: str) -> Alert:
    late = T0 + timedelta(days=300)
    gone: dict[str, Any] = {"gw_candidate": None, "far_hz": None, "trigger_time": None}
    return wave(name, status=Status.RETRACTION, notice_time=late, **gone)


def test_the_flag_and_not_a_guess() -> None:
    search = lvk(None, 0.2, superevent="S230914ak")
    assert gw_stream_of(search) == LOW
    assert season([search], stream=HIGH).n_heard == 0
    both = [search, wave("S230914ak")]
    assert season(both, stream=HIGH).n_heard == 1
    assert season(both, stream=LOW).n_heard == 0
    assert gw_stream_of(wave("S230914ak", significant=False)) == LOW
    assert gw_stream_of(wave("S230914ak", significant=None)) is None
    in_o3 = wave("S200213t", significant=None, trigger_time=None)
    assert gw_stream_of(in_o3) == HIGH


def test_the_newest_flag_counts() -> None:
    name = "S230914ak"
    later = wave(name, significant=False, notice_time=T0 + timedelta(hours=9))
    alerts = [lvk(0.2, 0.2, superevent=name), later, wave(name)]
    assert [season(alerts, stream=one).n_superevents for one in STREAMS] == [0, 1]


def test_coverage_is_said_and_all_heard_is_whole() -> None:
    waves = [wave(f"S23091{k}a", day=10.0 * k) for k in range(5)]
    searches = [lvk(0.1 * (k + 1), 0.5, superevent=f"S23091{k}a") for k in range(4)]
    total = season([*waves, *searches], stream=HIGH)
    assert total.coverage == "heard 5 superevents, 4 searches"
    assert (total.n_searched, total.is_whole, total.p_excess) == (5, False, None)
    assert total.events[0].q_value == pytest.approx(0.8)  # 5 tests, of 4 of which p is known
    assert total.heard is not None
    assert total.heard.per_year == pytest.approx(36.5)
    last = lvk(0.9, 0.9, superevent="S230914a")
    whole = season([*waves, *searches, last], stream=HIGH)
    assert whole.is_whole
    assert whole.best is not None
    assert whole.best.p_value_post == pytest.approx(1 - (1 - 0.19) ** 5)
    other = lvk(0.9, 0.9, superevent="S230801x")  # LVK's alert of it was not heard
    part = season([*waves, *searches, last, other], stream=HIGH)
    assert part.coverage == "heard 5 superevents, 5 searches, and 1 of others"
    assert (part.n_searched, part.is_whole) == (None, False)


def test_a_retracted_superevent_is_no_look() -> None:
    alerts = [wave("S1a"), lvk(0.1, 0.1, superevent="S1a"), retraction("S1a")]
    total = season(alerts, stream=HIGH)
    assert (total.n_heard, total.n_superevents) == (0, 0)
    mock = [wave("MS230914a"), lvk(0.1, 0.1, superevent="S2b")]
    assert season(mock, stream=HIGH).n_superevents == 0


def test_a_host_numbers_by_the_flag_and_says_the_rate(tmp_path: Path) -> None:
    path = tmp_path / "seen.sqlite"
    assess = make_assess(gw_rates="heard", observed=path)
    search = lvk(None, 0.01, superevent="S230914ak")
    (before,) = assess(search)
    assert before.far_per_year == pytest.approx(24.8)  # as guessed, and published
    for k in range(10):
        assert assess(wave(f"S2309{k}a", day=10.0 * k)) == ()
    assess(wave("S230914ak", day=90.0))
    assess(wave("S230914zz", significant=False))
    assess(retraction("S23090a"))
    (found,) = assess(search)
    n, days = 10, 80.0  # the first was retracted: from day 10 to day 90
    assert found.far_per_year == pytest.approx(0.01 * (n - 1) / days * 365)
    assert found.far_source is not None
    assert "heard 10 superevents from 2023-09-24 to 2023-12-13, 1 searches" in found.far_source
    with ObservedEvents(path) as events:
        assert events.stream(search) == HIGH
        assert events.rate(LOW) is None


def test_options_that_do_not_fit() -> None:
    with pytest.raises(ConfigError, match="expected 'published' or 'heard'"):
        make_assess(gw_rates="x")
    with pytest.raises(ConfigError, match="is required with gw_rates = 'heard'"):
        make_assess(gw_rates="heard")
