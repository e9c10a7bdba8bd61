"""Single values: what is taken, and what is refused with which words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from icecube_hooks import NoticeError
from icecube_plugin.notices._values import (
    EARLIEST,
    LATEST,
    decimal,
    integer,
    iso_time,
    json_number,
    plausible,
    tjd_time,
    within,
)


def refusal(function: Callable[..., object], *arguments: object) -> str:
    """Return the whole message with which `function` refuses."""
    with pytest.raises(NoticeError) as info:
        function(*arguments)
    return str(info.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0.0),
        ("+5.8716", 5.8716),
        ("-0.5", -0.5),
        ("1.2126e+02", 121.26),
        (".5", 0.5),
        ("5.", 5.0),
        ("1E-300", 1e-300),
    ],
)
def test_decimal(text: str, value: float) -> None:
    assert decimal(text, "x") == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1 ",
        "1_000",
        "nan",
        "inf",
        "-Infinity",
        "1e",
        "1.2.3",
        "0x10",
        "--1",
        "1,5",
        "\uff11",
        "9" * 20 + "x",
        "1e1000",
        "1\n",
        "1\x00",
        ".",
    ],
)
def test_decimal_refuses(text: str) -> None:
    assert refusal(decimal, text, "FAR") == f"FAR: expected a number, got {text!a}"


def test_decimal_has_a_largest() -> None:
    assert refusal(decimal, "1e400", "FAR") == "FAR: expected a finite number, got '1e400'"


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0), ("-7", -7), ("+7", 7), ("035405932", 35405932)]
)
def test_integer(text: str, value: int) -> None:
    assert integer(text, "x") == value


@pytest.mark.parametrize("text", ["", "1.0", "1e3", "1_0", " 1", "0x1", "\u0661", "9" * 19, "one"])
def test_integer_refuses(text: str) -> None:
    assert refusal(integer, text, "Rev") == f"Rev: expected an integer, got {text!a}"


@pytest.mark.parametrize(("value", "number"), [(1, 1.0), (0.5, 0.5), (-3, -3.0), (10**300, 1e300)])
def test_json_number(value: object, number: float) -> None:
    found = json_number(value, "x")
    assert (found, type(found)) == (number, float)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (True, "x: expected a number, got True"),
        (False, "x: expected a number, got False"),
        ("12", "x: expected a number, got '12'"),
        (None, "x: expected a number, got None"),
        ([1.0], "x: expected a number, got [1.0]"),
        (float("nan"), "x: expected a finite number, got nan"),
        (float("inf"), "x: expected a finite number, got inf"),
        (10**400, "x: the number is too large"),
    ],
)
def test_json_number_refuses(value: object, words: str) -> None:
    assert refusal(json_number, value, "x") == words


def test_within_includes_its_ends() -> None:
    assert [within(value, -90.0, 90.0, "dec") for value in (-90.0, 0.0, 90.0)] == [-90.0, 0.0, 90.0]


@pytest.mark.parametrize("value", [-90.0001, 90.0001, float("nan"), float("inf")])
def test_within_refuses(value: float) -> None:
    words = f"dec: expected a number from -90 to 90, got {value}"
    assert refusal(within, value, -90.0, 90.0, "dec") == words


@pytest.mark.parametrize(
    ("text", "microsecond"),
    [
        ("2023-04-16T05:22:26", 0),
        ("2023-04-16T05:22:26Z", 0),
        ("2023-04-16T05:22:26.5Z", 500_000),
        ("2023-04-16T05:22:26.150574Z", 150_574),
        ("2023-04-16T05:22:26.150574999", 150_574),
        ("2023-04-16T07:22:26.25+02:00", 250_000),
        ("2023-04-15T23:52:26.25-0530", 250_000),
        ("  2023-04-16T05:22:26Z\n", 0),
    ],
)
def test_iso_time_is_utc(text: str, microsecond: int) -> None:
    time = iso_time(text, "t")
    assert time == datetime(2023, 4, 16, 5, 22, 26, microsecond, tzinfo=UTC)
    assert time.tzinfo is UTC


@pytest.mark.parametrize(
    "text", ["2016-12-31T23:59:60Z", "2016-12-31T23:59:60", "2017-01-01T01:59:60.000+02:00"]
)
def test_iso_time_of_a_leap_second_is_the_next_second(text: str) -> None:
    assert iso_time(text, "t") == datetime(2017, 1, 1, tzinfo=UTC)


def test_iso_time_keeps_the_fraction_of_a_leap_second() -> None:
    assert iso_time("2016-12-31T23:59:60.75Z", "t") == datetime(2017, 1, 1, 0, 0, 0, 750_000, UTC)


@pytest.mark.parametrize("text", ["2016-12-31T23:58:60Z", "2016-12-31T12:59:60Z"])
def test_iso_time_refuses_a_leap_second_at_another_time(text: str) -> None:
    words = f"t: no such time (a leap second is 23:59:60 UTC), got '{text}'"
    assert refusal(iso_time, text, "t") == words


@pytest.mark.parametrize(
    "value",
    [
        "",
        "2023-04-16",
        "05:22:26",
        "2023-04-16 05:22:26",
        "20230416T052226Z",
        "2023-W15-7T05:22:26",
        1681622546,
        None,
        True,
        "2023-04-16T05:22:26.Z",
        "\u0662023-04-16T05:22:26Z",
        "now",
    ],
)
def test_iso_time_refuses_other_forms(value: object) -> None:
    words = f"t: expected a time such as 2023-04-16T05:22:26Z, got {value!a}"
    assert refusal(iso_time, value, "t") == words


@pytest.mark.parametrize(
    "text",
    [
        "2023-02-30T00:00:00Z",
        "2023-13-01T00:00:00Z",
        "2023-01-01T25:00:00Z",
        "2023-01-01T00:61:00Z",
        "0000-01-01T00:00:00Z",
        "2023-01-01T00:00:00+25:00",
    ],
)
def test_iso_time_refuses_times_that_there_are_not(text: str) -> None:
    words = refusal(iso_time, text, "t")
    assert words.startswith("t: no such time (")
    assert words.endswith(f"), got {text!r}")


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00"])
def test_iso_time_outside_of_the_calendar_in_utc(text: str) -> None:
    assert refusal(iso_time, text, "t") == (
        f"t: no such time (date value out of range), got {text!r}"
    )


@pytest.mark.parametrize(
    "text", ["1998-12-31T23:59:59Z", "2100-01-01T00:00:00Z", "0001-01-01T00:00:00Z"]
)
def test_iso_time_refuses_other_ages(text: str) -> None:
    assert refusal(iso_time, text, "t") == (
        f"t: expected a time between 1999 and 2100, got {text!r}"
    )


def test_plausible_includes_the_first_moment() -> None:
    assert plausible(EARLIEST, "t", None) == EARLIEST
    assert refusal(plausible, LATEST, "t", "x") == (
        "t: expected a time between 1999 and 2100, got 'x'"
    )


@pytest.mark.parametrize(
    ("tjd", "microseconds", "time"),
    [
        (20412, 20_026_890_000, datetime(2024, 4, 12, 5, 33, 46, 890_000, tzinfo=UTC)),
        (17505, 21_152_000_000, datetime(2016, 4, 27, 5, 52, 32, tzinfo=UTC)),
        (20448, 24_607_881_103, datetime(2024, 5, 18, 6, 50, 7, 881_103, tzinfo=UTC)),
        (11544, 0, datetime(2000, 1, 1, tzinfo=UTC)),
    ],
)
def test_tjd_time(tjd: int, microseconds: int, time: datetime) -> None:
    assert tjd_time(tjd, microseconds, "TJD") == time


@pytest.mark.parametrize(
    ("tjd", "microseconds", "words"),
    [
        (20412, -1, "TJD: expected seconds of a day, got -1e-06"),
        (20412, 86_401_000_000, "TJD: expected seconds of a day, got 86401.0"),
        (-1, 0, "TJD: expected a truncated Julian date, got -1"),
        (99_999, 0, "TJD: expected a truncated Julian date, got 99999"),
        (0, 0, "TJD: expected a time between 1999 and 2100, got 0"),
        (90_000, 0, "TJD: expected a time between 1999 and 2100, got 90000"),
    ],
)
def test_tjd_time_refuses(tjd: int, microseconds: int, words: str) -> None:
    assert refusal(tjd_time, tjd, microseconds, "TJD") == words
