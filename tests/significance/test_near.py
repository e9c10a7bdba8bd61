"""``icecube-alerts near``: what the functions say, of the alerts that are kept."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from icecube_hooks import Alert, AlertKind, Direction, Localization, Message, Record
from icecube_plugin.cli.command import main
from icecube_plugin.significance import coincidence, earlier_alert, multiplet
from icecube_plugin.sky.skymaps import Maps
from tests.significance.alerts import T0, track
from tests.sky.test_skymaps import uniq_file

DAY_S = 86_400.0
Run = Callable[..., str]


def alert(number: int, ra: float, days: float, **more: Any) -> Alert:
    place = Localization(
        ra_deg=ra,
        dec_deg=5.0,
        error_radius_deg=1.0,
        containment=0.9,
        skymap_fits_url="https://a/run.fits.gz" if number == 3 else None,
    )
    time = T0 + timedelta(days=days)
    name = f"IceCube-{time:%y%m%d}A"
    return track(place=place, time=time, event_id=number, event_names=(name,), **more)


ALERTS = [
    alert(1, 77.0, 1.0),
    alert(2, 80.0, 3.0, kind=AlertKind.BRONZE),
    alert(3, 150.0, -2.0),
    alert(4, 77.5, 9.0),
]


@pytest.fixture
def near(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    lines = tmp_path / "alerts.jsonl"
    records = (Record.of(Message(value=b"%d" % n), one) for n, one in enumerate(ALERTS))
    lines.write_text("".join(f"{record.to_json()}\n" for record in records))

    def call(*words: object, code: int = 0) -> str:
        assert main(["near", *map(str, words), "--lines", str(lines)]) == code
        out, err = capsys.readouterr()
        return out if code == 0 else err

    return call


AROUND = ("--position", 77.4, 5.0, "--time", T0.isoformat(), "--before", 5, "--after", 5)


def test_around_a_transient(near: Run) -> None:
    here = Direction(ra_deg=77.4, dec_deg=5.0)
    found = coincidence(here, T0, ALERTS, before_s=5 * DAY_S, after_s=5 * DAY_S)
    data = json.loads(near(*AROUND, "--json"))
    assert [one["event"] for one in data] == [one.alert.event_key for one in found]
    assert [one["significance"]["p_value"] for one in data] == [
        one.significance.p_value for one in found
    ]
    text = near(*AROUND)
    assert "IceCube-230915A  gold    +1    0.40      yes" in text
    p = found[0].significance.p_value_post
    assert "chance of one as near as IceCube-230915A (3 kinds of alert; else not corr" in text
    assert f"for trials): {p:.3g} (" in text
    assert "verdict" not in text
    assert "verdict: strong" in near(*AROUND, "--kind", "gold", "--transients", 1)
    assert "230915A" not in near(*AROUND, "--kind", "bronze")
    assert near(*AROUND, "--min-signalness", 0.5) == "no alert in the window\n"


def test_before_an_alert(near: Run) -> None:
    new = ALERTS[3]
    found = multiplet(new, ALERTS, window_s=20 * DAY_S, trials=30)
    nearest = earlier_alert(new, ALERTS, window_s=20 * DAY_S, trials=30)
    assert found is not None
    assert found.significance is not None
    assert nearest is not None
    words = ("--event", "IC230923A", "--before", 20, "--trials", 30)
    data = json.loads(near(*words, "--json"))
    assert (data["event"], data["overlapping"]) == (new.event_key, ["138590_1"])
    assert data["n_expected"] == found.n_expected
    assert data["significance"]["p_value_post"] == found.significance.p_value_post
    assert data["nearest"]["significance"]["p_value"] == nearest.significance.p_value
    text = near(*words)
    assert "IceCube-230915A  gold  0.50" in text
    assert "chance of 1 earlier alert or more that overlap (given: 30 independent looks): " in text
    assert "the nearest earlier one is IceCube-230915A, 0.50 deg away" in text
    assert "no earlier one overlaps" in near("--event", "IC230923A", "--before", 2)
    assert "not corrected for trials" in near("--event", "IC230923A", "--before", 20)


def test_a_sky_map_takes_the_place_of_the_circle(near: Run, tmp_path: Path) -> None:
    (tmp_path / "run.fits.gz").write_bytes(gzip.compress(uniq_file()))
    asked = ("--position", 150.0, 5.0, "--time", T0.isoformat(), "--before", 5, "--json")
    circle, by_map = (json.loads(near(*asked, *more)) for more in ((), ("--maps", tmp_path)))
    assert circle[0]["n_expected"] < by_map[0]["n_expected"]
    place = ALERTS[2].localization
    assert place is not None
    area = Maps(tmp_path).area(place)
    assert area is not None
    assert by_map[0]["is_contained"] is bool(area.contains(150.0, 5.0))


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("--before", 1), "expected either --event, or --position and --time"),
        (("--before", 1, "--event", "IC999999A"), "no event 'IC999999A'"),
        (("--before", -1, "--event", "IC230923A"), "expected a rate or duration"),
        (("--before", 1, "--event", "IC230923A", "--kind", "cascade"), "with known sizes"),
        (("--before", 1, "--position", 1, 2, "--time", "soon"), "'soon' is not a time"),
    ],
)
def test_what_is_wrong_is_said(near: Run, words: tuple[object, ...], error: str) -> None:
    assert error in near(*words, code=2)
