"""Alerts as coordinates, times and quantities of astropy; tables."""

from __future__ import annotations

import pickle
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.table import QTable
from astropy.time import Time

from icecube_hooks import (
    Alert,
    AlertKind,
    AsymmetricError,
    CoincidentEvent,
    Direction,
    Ellipse,
    GWReference,
    IceCubePluginError,
    Localization,
    PValue,
    Tense,
)
from icecube_hooks.testing import make_alert
from icecube_plugin import sky
from icecube_plugin.alerts import tables


def at(ra: float, dec: float, **error: Any) -> Localization:
    return Localization(ra_deg=ra, dec_deg=dec, containment=0.9, **error)


ELLIPSE = at(
    45.0,
    30.0,
    ellipse=Ellipse(semi_major_deg=5.0, semi_minor_deg=2.0, position_angle_deg=35.0),
)
TURNED = at(
    10.0,
    60.0,
    asymmetric=AsymmetricError(
        ra_minus_deg=4.0,
        ra_plus_deg=2.0,
        dec_minus_deg=1.0,
        dec_plus_deg=3.0,
        position_angle_deg=30.0,
    ),
)


def test_single_values() -> None:
    alert = make_alert(trigger_time=datetime(2023, 4, 16, 5, 22, 26, 150_574, UTC))
    assert sky.time(alert).isot == "2023-04-16T05:22:26.150574"
    assert sky.time(alert).scale == "utc"
    assert sky.energy(alert) == 127.29 * u.TeV
    coord = sky.sky_coord(alert)
    assert (coord.ra.deg, coord.dec.deg, coord.frame.name) == (345.82, 9.14, "icrs")
    event = CoincidentEvent(localization=alert.localization)
    assert sky.sky_coord(event).separation(coord).deg == 0
    assert alert.localization is not None
    there = Direction(ra_deg=345.82, dec_deg=10.14)
    assert sky.separation_deg(there, alert.localization) == pytest.approx(1)


BARE = make_alert(localization=None, energy_tev=None, trigger_time=None)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: sky.sky_coord(BARE), "gold:137840_57034692:0 states no position"),
        (lambda: sky.region(BARE), "gold:137840_57034692:0 states no position"),
        (lambda: sky.time(BARE), "gold:137840_57034692:0 states no trigger time"),
        (lambda: sky.energy(BARE), "gold:137840_57034692:0 states no energy"),
        (lambda: sky.region(at(1, 2)), "Localization states no error"),
        (lambda: sky.region(Direction(ra_deg=1, dec_deg=2)), "Direction states no error"),
    ],
)
def test_what_is_not_stated(ask: Any, message: str) -> None:
    with pytest.raises(sky.NotStatedError) as caught:
        ask()
    assert str(caught.value) == message
    assert isinstance(caught.value, IceCubePluginError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == message  # noqa: S301  # made here


ALERTS = (
    make_alert(),
    make_alert(
        kind=AlertKind.LVK_SEARCH,
        event_names=(),
        run_id=None,
        event_id=None,
        revision=None,
        status=None,
        tense=Tense.TEST,
        trigger_time=None,
        localization=None,
        energy_tev=None,
        signalness=None,
        far_hz=None,
        gw=GWReference(superevent_id="MS230427r"),
        p_values=(PValue(search="generic", value=1e-12), PValue(search="bayesian", value=None)),
        n_coincident=0,
    ),
    make_alert(
        event_names=("IceCube-230416A", "IC230416A"),
        run_id=2**40,
        notice_time=datetime(1999, 12, 31, 23, 59, 59, 999_999, UTC),
        localization=TURNED,
    ),
    make_alert(localization=ELLIPSE),
)


def same_table(one: QTable, other: QTable) -> None:
    assert one.colnames == other.colnames
    assert one.meta == other.meta
    for name in one.colnames:
        left, right = one[name], other[name]
        assert type(left) is type(right), name
        assert getattr(left, "unit", None) == getattr(right, "unit", None), name
        assert left.info.description == right.info.description
        if isinstance(left, Time):
            left, right = left.isot, right.isot
        left, right = (
            np.ma.MaskedArray(getattr(left, "value", left)),
            np.ma.MaskedArray(getattr(right, "value", right)),
        )
        assert left.tolist() == right.tolist(), name


@pytest.mark.parametrize("ending", ["ecsv", "fits", "vot", "xml"])
@pytest.mark.parametrize("alerts", [ALERTS, ALERTS[:1], ALERTS[1:2], ()], ids=len)
def test_tables_read_back_equal(alerts: tuple[Alert, ...], ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"alerts.{ending}"
    table = tables.table(alerts)
    tables.write_table(table, path)
    same_table(tables.read_table(path), table)


def test_table() -> None:
    table = tables.table(ALERTS)
    assert table["ra"].unit == u.deg
    assert table["energy"].unit == u.TeV
    assert table["far"].unit == u.Hz
    assert table["energy"].mask.tolist() == [False, True, False, False]
    assert table["trigger_time"].mask.tolist() == [False, True, False, False]
    assert table["run_id"].tolist() == [137840, None, 2**40, 137840]
    assert table["event_names"].tolist()[1:3] == [None, "IceCube-230416A, IC230416A"]
    assert table["ra_minus"].unmasked.value[2] == 4.0
    assert table["position_angle"].unmasked.value[2:].tolist() == [30.0, 35.0]
    assert table["semi_major"].mask.tolist() == [True, True, True, False]
    assert table["p_generic"].unmasked.value[1] == 1e-12
    assert table["p_bayesian"].mask.all()
    assert table["n_coincident"].tolist()[1] == 0
    assert table["superevent_id"].tolist()[1] == "MS230427r"
    assert table["systematic_included"].tolist()[:2] == [False, None]
    assert table["notice_time"][2].isot == "1999-12-31T23:59:59.999999"
    assert all(table[name].info.description for name in table.colnames)


def test_other_programs_read_the_files(tmp_path: Path) -> None:
    for ending, form in (("ecsv", "ascii.ecsv"), ("fits", "fits"), ("vot", "votable")):
        path = tmp_path / f"alerts.{ending}"
        tables.write_table(tables.table(ALERTS), path)
        found = QTable.read(path, format=form)
        assert found["ra"].unit == u.deg
        assert found["energy"].mask.tolist() == [False, True, False, False]
        assert np.asarray(found["trigger_time"]).astype(str)[0].startswith("2023-04-16T07:42:31.42")


def test_fits_escapes_what_it_cannot_hold(tmp_path: Path) -> None:
    table = tables.table([make_alert(event_names=("é",), run_id=None)])
    tables.write_table(table, tmp_path / "alerts.fits")
    assert tables.read_table(tmp_path / "alerts.fits")["event_names"].tolist() == ["\\xe9"]
    tables.write_table(table, tmp_path / "alerts.vot")
    assert tables.read_table(tmp_path / "alerts.vot")["event_names"].tolist() == ["é"]


def test_part_of_a_table(tmp_path: Path) -> None:
    part = tables.table(ALERTS)["event_key", "ra"]
    tables.write_table(part, tmp_path / "part", form="ascii.ecsv")
    assert tables.read_table(tmp_path / "part", form="ascii.ecsv").colnames == ["event_key", "ra"]


def test_unknown_ending() -> None:
    with pytest.raises(ValueError, match=r"^expected a file name that ends in") as caught:
        tables.write_table(tables.table(ALERTS), "alerts.csv")
    assert str(caught.value).endswith(".ecsv, .fits, .fit, .vot, .votable, .xml, got '.csv'")


def test_import_is_cheap() -> None:
    code = "import sys, icecube_plugin.sky; sys.exit(bool({'numpy', 'astropy'} & {*sys.modules}))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
