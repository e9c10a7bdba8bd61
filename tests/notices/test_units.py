"""Every unit in every form, against factors written down here a second time."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icecube_plugin.notices import units
from icecube_plugin.notices.units import (
    ANGLE,
    ENERGY,
    FRACTION,
    RATE,
    SOLID_ANGLE,
    TIME,
    factor_of,
    plain,
    quantity,
    quantity_behind,
)

DAY = 86400.0
YEAR = 365 * DAY
KNOWN: dict[str, dict[str, float]] = {
    FRACTION: {
        **dict.fromkeys(("%", "percent", "Percent", "per cent", "per-cent", "pct"), 1e-2),
        **dict.fromkeys(("per mille", "permille", "per mil", "\u2030"), 1e-3),
        **dict.fromkeys(("ppm", "parts per million"), 1e-6),
    },
    ANGLE: {
        **dict.fromkeys(("deg", "degs", "degree", "degrees", "Degrees", "DEG", "\u00b0"), 1.0),
        **dict.fromkeys(("arcmin", "arcmins", "arcminutes", "arc minutes", "arc-min", "'"), 1 / 60),
        **dict.fromkeys(("arcsec", "arcseconds", "arc second", '"'), 1 / 3600),
        **dict.fromkeys(("rad", "radian", "radians"), 180 / math.pi),
        "mrad": 0.18 / math.pi,
        "mas": 1 / 3_600_000,
    },
    SOLID_ANGLE: {
        **dict.fromkeys(("sr", "steradian"), 1.0),
        **dict.fromkeys(
            ("deg^2", "sq deg", "sq. deg", "square degrees", "deg2"), (math.pi / 180) ** 2
        ),
    },
    ENERGY: {
        **dict.fromkeys(("TeV", "tev", "TEV"), 1.0),
        "PeV": 1e3,
        "EeV": 1e6,
        "GeV": 1e-3,
        "MeV": 1e-6,
        "keV": 1e-9,
        "eV": 1e-12,
        "erg": 1 / 1.602176634,
    },
    TIME: {
        **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
        **dict.fromkeys(("min", "minute", "minutes"), 60.0),
        **dict.fromkeys(("h", "hr", "hours"), 3600.0),
        **dict.fromkeys(("d", "day", "days"), DAY),
        "week": 7 * DAY,
        "months": YEAR / 12,
        "decade": 10 * YEAR,
        **dict.fromkeys(("yr", "yrs", "year", "years"), YEAR),
        "ms": 1e-3,
        "us": 1e-6,
        "ns": 1e-9,
    },
    RATE: {
        "Hz": 1.0,
        "hz": 1.0,
        "mHz": 1e-3,
        "MHz": 1e6,
        "kHz": 1e3,
        "uHz": 1e-6,
        "nHz": 1e-9,
        **dict.fromkeys(("per second", "/s", "s^-1", "s-1", "s**-1", "1/s", "s^{-1}"), 1.0),
        **dict.fromkeys(("per day", "events per day", "/day", "day^-1", "a day"), 1 / DAY),
        **dict.fromkeys(("per month", "alerts per month", "month^-1", "/ month"), 12 / YEAR),
        **dict.fromkeys(
            ("per year", "yr^-1", "yr-1", "/yr", "events/yr", "a year", "each year", "yr^(-1)"),
            1 / YEAR,
        ),
        "background events per year": 1 / YEAR,
        "per 10 years": 1 / (10 * YEAR),
        "every 0.5 years": 2 / YEAR,
        "per decade": 0.1 / YEAR,
        "per hour": 1 / 3600,
    },
}
ALL = [(unit, kind, factor) for kind, table in KNOWN.items() for unit, factor in table.items()]
NONSENSE = (
    *("floops", "sigma", "sigmas", "m", "km", "pe", "tbd", "mag", "Jy", "x", "degC", "deg/yr"),
    *("TeV cm^-2", "GeV/c", "GeV cm-2", "s^-1 sr^-1", "s-1.sr-1", "deg^3", "per fortnight", "hz/s"),
    *("per", "%%", "arcmi", "TeVs2", "yr", "Ms", "x 10-5", "per year per sr", "\ufffd"),
)
CLOSED = ("from the generic search", ".", ", and", "(90%)", ") and", "\n", "", " of all", "; then")


@pytest.mark.parametrize(("unit", "kind", "factor"), ALL)
def test_every_unit_as_an_attribute(unit: str, kind: str, factor: float) -> None:
    for form in (unit, f" {unit} ", f"[{unit}]", f"({unit})"):
        assert factor_of(form, kind) == pytest.approx(factor, rel=1e-12, abs=0), form
    for other in KNOWN:
        assert other == kind or factor_of(unit, other) is None


@pytest.mark.parametrize(("unit", "kind", "factor"), ALL)
def test_every_unit_behind_a_number(unit: str, kind: str, factor: float) -> None:
    blanks = (" ",) if unit in {"a day", "a year", "1/s"} else (" ", "", "  ")
    for number, value in (("0.4", 0.4), ("12", 12.0), ("5.05e-05", 5.05e-5), (".5", 0.5)):
        for blank in blanks:
            for after in ("", ".", ", and", " from the search", " (90 %)", ") or", "; it"):
                found = quantity(f"{number}{blank}{unit}{after}")
                assert found is not None
                assert found.value(kind) == pytest.approx(value * factor, rel=1e-12, abs=0), found
                assert all(found.value(other) is None for other in KNOWN if other != kind), found


@pytest.mark.parametrize("unit", NONSENSE)
def test_no_such_unit(unit: str) -> None:
    for kind in KNOWN.keys() - ({TIME} if unit == "yr" else set()):
        assert factor_of(unit, kind) is None
        found = quantity(f"0.4 {unit}")
        assert found is not None
        assert found.value(kind) is None, found
        assert found.why_not(kind)


@pytest.mark.parametrize("after", CLOSED)
def test_a_number_without_a_unit_is_a_fraction_only(after: str) -> None:
    found = quantity(f"0.4 {after}")
    assert found is not None
    assert (found.value(FRACTION), found.unit) == (0.4, "")
    assert found.why_not(ENERGY) == "stated without a unit of energy"
    assert all(found.value(kind) is None for kind in KNOWN if kind != FRACTION)


@pytest.mark.parametrize(
    "unit", ["", " ", "dn", "nounits", "[]", "unitless", "1", "Dimensionless", "(dn)"]
)
def test_an_attribute_without_a_unit(unit: str) -> None:
    assert factor_of(unit, FRACTION) == 1.0
    assert all(factor_of(unit, kind) is None for kind in KNOWN if kind != FRACTION)


@pytest.mark.parametrize(
    "text",
    [
        *("<3 %", "> 0.5", "less than 0.1", "at most 5 percent", "up to 0.2", ">= 0.1"),
        *("0.1-0.2", "0.1 - 0.2 %", "10 to 20 %", "10% to 20%", "0.1 to 0.2 from", "10%-20%"),
        *("between 0.1 and 0.2", "from 1 to 2 %", "no more than 1 %", "\u2264 0.1"),
    ],
)
def test_ranges_and_bounds_are_no_values(text: str) -> None:
    found = quantity(text)
    assert found is not None
    assert found.value(FRACTION) is None
    assert found.why_not(FRACTION) == "a limit, not a value"


@pytest.mark.parametrize("text", ["1,5 %", "0,4", "1,200 TeV", "12:30", "1.2.3", "1234567890"])
def test_a_number_that_cannot_be_read_for_sure(text: str) -> None:
    found = quantity(text)
    assert found is not None
    assert all(found.value(kind) is None for kind in KNOWN)
    assert found.why_not(FRACTION) == "not a number that can be read for sure"


@pytest.mark.parametrize("text", ["x", "", "\ufffd1", " 1", "nan", "-"])
def test_no_number(text: str) -> None:
    assert quantity(text) is None


@pytest.mark.parametrize("text", ["1 in 250", "1/250", "1 of 250", "1 out of 250", "12 hundredths"])
def test_shares_in_other_words(text: str) -> None:
    found = quantity(text)
    assert found is not None
    assert found.value(FRACTION) is None


@pytest.mark.parametrize(
    ("text", "value", "bound"),
    [
        (" of this event is 20%", 0.2, ""),
        (" (1) is just 0.4", 0.4, ""),
        (" [12] of about 3 per mille.", 0.003, ""),
        (" is less than the usual 0.4", None, "less than"),
        (" is between 0.1 and 0.2 for", None, "between"),
        (": -0.4", -0.4, ""),
        (" of 1,5 %", None, ""),
    ],
)
def test_the_first_number_behind_a_label(text: str, value: float | None, bound: str) -> None:
    found = quantity_behind(f"signalness{text}", 10)
    assert found is not None
    assert (found.value(FRACTION), found.bound) == (value, bound)


@pytest.mark.parametrize("text", [" was. 0.4", "", f" {'x' * 61} 0.4", " of \ufffd0.4", " of it"])
def test_no_number_behind_a_label(text: str) -> None:
    assert quantity_behind(f"signalness{text}", 10) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("~3 %", 0.03),
        ("about 0.2 and", 0.2),
        ("just 20%", 0.2),
        ("0.4 +/- 0.1 %", 0.004),
        ("-0.4 %", -0.004),
        ("= 7 %", 0.07),
        ("0.003 (2.7 sigma) from", 0.003),
        ("5.05e-05 from", 5.05e-5),
        ("0.57%", 0.0057),
    ],
)
def test_words_before_and_behind(text: str, value: float) -> None:
    found = quantity(text)
    assert found is not None
    assert found.value(FRACTION) == value
    assert found.about is text.startswith(("~", "about"))


@pytest.mark.parametrize("text", ["0.5 (0.1) x 1e-5", "0.4 in", "0.5 (0.1) %"])
def test_a_bracket_that_belongs_to_the_number(text: str) -> None:
    found = quantity(text)
    assert found is not None
    assert found.value(FRACTION) in ((0.4,) if text == "0.4 in" else (None,))


POWERS = (
    *("{m} x 10^-5", "{m}x10^-5", "{m} x 10**-5", "{m} * 10^-5", "{m}*10**-5", "{m} X 10^(-5)"),
    *("{m} x 10^{{-5}}", "{m} \u00d7 10^-5", "{m}\u00d710\u207b\u2075", "{m} \u00b7 10^-5"),
    *(r"${m}\times10^{{-5}}$", r"${m} \times 10^{{-5}}$", r"\({m}\times 10^{{-5}}\)"),
    *(r"{m} \cdot 10^{{-5}}", "{m}e-05", "{m}E-5", "{m} x 10^\u22125"),
)


@pytest.mark.parametrize("form", POWERS)
@pytest.mark.parametrize(("unit", "kind", "factor"), [ALL[0], ALL[-1], ("TeV", ENERGY, 1.0)])
def test_every_form_of_a_power_of_ten(form: str, unit: str, kind: str, factor: float) -> None:
    text = plain(form.format(m="5.05")).strip("\\()")
    found = quantity(f"{text} {unit}")
    assert found is not None
    assert found.value(kind) == pytest.approx(5.05e-5 * factor, rel=1e-12, abs=0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10^-5", "1e-5"),
        ("E^-2 and yr^-1, 110^3, 10 ^ x", "E^-2 and yr^-1, 110^3, 10 ^ x"),
        (r"90\% CL, $\pm 0.5^{\circ}$", "90% CL,  +/-  0.5 deg "),
        (r"$3\,\mathrm{TeV}$, $\sim 3$, $\leq 3$, $\geq 3$", "3 TeV, ~ 3, < 3, > 3"),
        ("0.5 +/- 0.1 x 10^-3", "0.5 +/- 0.1 x 1e-3"),
        ("10\u207b\u00b3", "1e-3"),
        ("5 x 10^-3.5", "5 x 10^-3.5"),
    ],
)
def test_plain(text: str, expected: str) -> None:
    assert plain(text) == expected


@given(st.text(st.sampled_from("0123456789.-+/%()x^*e \\${}degTVHzyrpsa'\"[]~<"), max_size=60))
def test_any_text_gives_a_number_or_none(text: str) -> None:
    found = quantity(plain(text))
    for kind in KNOWN:
        value = None if found is None else found.value(kind)
        assert value is None or math.isfinite(value)
        behind = quantity_behind(plain(text), 0)
        value = None if behind is None else behind.value(kind)
        assert value is None or math.isfinite(value)
        factor = factor_of(text, kind)
        assert factor is None or 0 <= factor < math.inf


def test_time_grows_with_length_only() -> None:
    pieces = (
        "1",
        "10^",
        "x10",
        "\\mathrm{",
        "^{",
        " per",
        "per cent",
        "1.2 x 10",
        "+/- ",
        "1e1",
        "(",
    )
    for piece in pieces:
        long = piece * (40_000 // len(piece))
        began = time.thread_time()
        quantity(plain(long))
        quantity("0.4 " + long)
        quantity_behind("signalness " + long, 10)
        factor_of(long, ANGLE)
        assert time.thread_time() - began < 0.5, piece


def test_every_kind_is_public() -> None:
    assert {FRACTION, ANGLE, SOLID_ANGLE, ENERGY, TIME, RATE} == set(KNOWN)
    assert set(units.__all__) <= set(vars(units))
