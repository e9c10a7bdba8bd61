"""The judgements that all formats share."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from icecube_hooks import (
    YEAR_S,
    Alert,
    AlertKind,
    Concern,
    Ellipse,
    Message,
    NoticeError,
    PValue,
    Status,
    Tense,
    WireFormat,
)
from icecube_plugin.notices._draft import (
    PACKET_KINDS,
    Draft,
    check_size,
    kind_from_words,
    same,
    tense_from_words,
)

NOWHERE = "stands for a position that is not known"


def draft(**values: Any) -> Draft:
    return Draft(kind=AlertKind.GOLD, format=WireFormat.TEXT, **values)


def alert(on: str | None = None, /, **values: Any) -> Alert:
    return draft(**values).alert(Message(value=b"notice", topic=on))


def only_concern(found: Draft) -> tuple[str, str, str | None, str]:
    [concern] = found.concerns
    return concern.field, concern.found, concern.taken, concern.why


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("ICECUBE Astrotrack Gold ", AlertKind.GOLD),
        ("ICECUBE_ASTROTRACK_BRONZE", AlertKind.BRONZE),
        ("IceCube Bronze Neutrino Track Alert", AlertKind.BRONZE),
        ("Gold Track Alert", AlertKind.GOLD),
        ("ICECUBE Cascade", AlertKind.CASCADE),
        ("Injected ICECUBE Cascade", AlertKind.CASCADE),
        ("AMON ICECUBE HESE", AlertKind.HESE),
        ("AMON_ICECUBE_EHE", AlertKind.EHE),
        ("AMON ICECUBE COINC", AlertKind.COINC),
        ("AMON Neutrino-EM Coincidence", AlertKind.NU_EM),
        ("AMON_NU_EM_COINC", AlertKind.NU_EM),
        ("Fermi-LAT ANTARES coincidence", AlertKind.NU_EM),
        ("IceCube-HAWC coincidence", AlertKind.NU_EM),
        ("Fermi-GBM Flight Position", None),
        ("MARIGOLD", None),
        ("", None),
        ("x" * 200 + " GOLD", None),
    ],
)
def test_kind_from_words(words: str, kind: AlertKind | None) -> None:
    assert kind_from_words(words) is kind


@pytest.mark.parametrize(
    ("words", "tense"),
    [
        ("ICECUBE Astrotrack Gold ", Tense.OBSERVATION),
        ("Injected ICECUBE Cascade", Tense.INJECTION),
        ("ICECUBE Cascade injection", Tense.INJECTION),
        ("TEST ICECUBE Astrotrack Gold", Tense.TEST),
        ("ICECUBE_CASCADE_TEST", Tense.TEST),
        ("ICECUBE Contest Gold", Tense.OBSERVATION),
    ],
)
def test_tense_from_words(words: str, tense: Tense) -> None:
    assert tense_from_words(words) is tense


def test_packet_kinds_are_those_of_gcn() -> None:
    assert {number: str(kind) for number, kind in PACKET_KINDS.items()} == {
        157: "coinc",
        158: "hese",
        169: "ehe",
        172: "nu-em",
        173: "gold",
        174: "bronze",
        176: "cascade",
    }


def test_same_includes_the_tolerance() -> None:
    assert same(1.0, 1.5, 0.5)
    assert not same(1.0, 1.500001, 0.5)


def test_size_limit_is_inclusive() -> None:
    check_size(Message(value=b"12345"), 5)
    with pytest.raises(NoticeError) as info:
        check_size(Message(value=b"123456"), 5)
    assert str(info.value) == "the message has 6 bytes, more than 5"


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_unit_interval(value: float) -> None:
    found = draft()
    assert found.unit_interval(value, "signalness") == value
    assert found.concerns == []


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (-1.0, "-1 stands for a value that was not computed"),
        (-0.5, "expected a number from 0 to 1"),
        (1.0000001, "expected a number from 0 to 1"),
    ],
)
def test_unit_interval_leaves_unstated(value: float, why: str) -> None:
    found = draft()
    assert found.unit_interval(value, "signalness") is None
    assert only_concern(found) == ("signalness", str(value), None, why)


@pytest.mark.parametrize("value", [0.0, -3.0])
def test_positive_leaves_unstated(value: float) -> None:
    found = draft()
    assert found.positive(value, "energy") is None
    why = "only a value above 0 means something here"
    assert only_concern(found) == ("energy", str(value), None, why)
    assert found.positive(1e-30, "energy") == 1e-30


def test_number_that_is_none() -> None:
    found = draft()
    assert found.number("n/a", "FAR") is None
    assert only_concern(found) == ("FAR", "n/a", None, "expected a number")
    assert found.number("1.5", "FAR") == 1.5


def test_p_value_of_zero_is_a_placeholder() -> None:
    found = draft()
    assert found.p_value("amon", 0.0, "pvalue") is None
    why = "0 stands for a p-value that was not computed"
    assert only_concern(found) == ("pvalue", "0.0", None, why)
    assert found.p_value("amon", 0.25, "pvalue") == PValue(search="amon", value=0.25)


def test_p_value_that_is_none_is_refused() -> None:
    with pytest.raises(NoticeError) as info:
        draft().p_value("amon", 1.5, "pvalue")
    assert str(info.value) == "pvalue: expected a number from 0 to 1, got 1.5"


def test_charge_placeholder() -> None:
    found = draft()
    found.put_charge(1510.0, "charge")
    assert found.values == {}
    why = "1510 pe stands for a charge that was not filled in"
    assert only_concern(found) == ("charge", "1510.0", None, why)


@pytest.mark.parametrize(("value", "expected"), [(18883.62, {"charge_pe": 18883.62}), (None, {})])
def test_charge(value: float | None, expected: dict[str, float]) -> None:
    found = draft()
    found.put_charge(value, "charge")
    assert (found.values, found.concerns) == (expected, [])


def test_rate_per_year_is_of_365_days() -> None:
    found = draft()
    found.put_rate_per_year(2.532, "FAR")
    assert found.values["far_hz"] == 2.532 / (365 * 86400) == 2.532 / YEAR_S
    found.put_rate_per_year(0.0, "FAR")
    assert len(found.concerns) == 1


@pytest.mark.parametrize("url", ["https://roc.icecube.wisc.edu/x.fits", "http://a/b?c#d", None])
def test_url(url: str | None) -> None:
    found = draft()
    assert found.url(url, "healpix_url") == url
    assert found.concerns == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://a/b",
        "javascript:alert(1)",
        "https://a b",
        "https://a/\n",
        "https://",
        "https://a/" + "x" * 3000,
        "file:///etc/passwd",
        "https://b\u00fccher.example",
    ],
)
def test_url_of_another_kind(url: str) -> None:
    found = draft()
    assert found.url(url, "healpix_url") is None
    assert only_concern(found) == ("healpix_url", url, None, "expected an http or https address")


def test_compare_ids() -> None:
    found = draft(run_id=1, event_id=2, revision=0)
    found.compare_ids("ivorn", 1, 2, 0)
    found.compare_ids("ivorn", 1, 2, None)
    assert found.concerns == []
    found.compare_ids("ivorn", 10, 20, 3)
    assert found.concerns == [
        Concern(field="ivorn", found=a, taken=b, why=f"names another {c} than the notice itself")
        for a, b, c in (("10", "1", "run"), ("20", "2", "event"), ("3", "0", "revision"))
    ]


def test_compare_time() -> None:
    time = datetime(2026, 5, 2, 4, tzinfo=UTC)
    found = draft(values={"trigger_time": time})
    found.compare_time("TJD", time + timedelta(seconds=0.02), 0.02)
    assert found.concerns == []
    found.compare_time("TJD", time - timedelta(seconds=1), 0.02)
    assert only_concern(found) == (
        "TJD",
        "2026-05-02T03:59:59.000000Z",
        "2026-05-02T04:00:00.000000Z",
        "disagrees with the time that is taken",
    )


@pytest.mark.parametrize(
    ("status", "revision", "expected"),
    [
        (None, None, None),
        (None, 0, Status.INITIAL),
        (None, 1, Status.UPDATE),
        (None, 7, Status.UPDATE),
        (Status.RETRACTION, 1, Status.RETRACTION),
        (Status.INITIAL, 1, Status.INITIAL),
        (Status.SUBSEQUENT, None, Status.SUBSEQUENT),
    ],
)
def test_status(status: Status | None, revision: int | None, expected: Status | None) -> None:
    assert alert(status=status, revision=revision).status is expected


@pytest.mark.parametrize(
    ("topic", "tense", "expected"),
    [
        (None, None, None),
        ("gcn.notices.icecube.gold_bronze_track_alerts", None, None),
        ("gcn.notices.icecube.test.gold_bronze_track_alerts", None, Tense.TEST),
        ("gcn.notices.icecube.test.gold_bronze_track_alerts", Tense.OBSERVATION, Tense.TEST),
        ("gcn.notices.icecube.test.gold_bronze_track_alerts", Tense.INJECTION, Tense.INJECTION),
        ("gcn.notices.icecube.testing", Tense.OBSERVATION, Tense.OBSERVATION),
    ],
)
def test_tense_and_topic(topic: str | None, tense: Tense | None, expected: Tense | None) -> None:
    assert alert(topic, tense=tense).tense is expected


@pytest.mark.parametrize("name", ["run_id", "event_id", "revision"])
def test_negative_ids_are_refused(name: str) -> None:
    with pytest.raises(NoticeError) as info:
        alert(**dict.fromkeys([name], -1))
    assert str(info.value) == f"{name}: expected a number of 0 or more, got -1"
    assert getattr(alert(**dict.fromkeys([name], 0)), name) == 0


def test_nothing_is_invented() -> None:
    found = alert()
    assert found == Alert(kind=found.kind, format=found.format)


@pytest.mark.parametrize(("ra", "dec"), [(None, 1.0), (1.0, None), (None, None)])
def test_half_a_position_is_none(ra: float | None, dec: float | None) -> None:
    assert alert(ra_deg=ra, dec_deg=dec, error_radius_deg=1.0).localization is None


@pytest.mark.parametrize(
    ("ra", "dec", "words"),
    [
        (-0.1, 0.0, "ra: expected a number from 0 to 360, got -0.1"),
        (360.1, 0.0, "ra: expected a number from 0 to 360, got 360.1"),
        (0.0, 90.1, "dec: expected a number from -90 to 90, got 90.1"),
        (0.0, -90.1, "dec: expected a number from -90 to 90, got -90.1"),
    ],
)
def test_positions_off_the_sphere_are_refused(ra: float, dec: float, words: str) -> None:
    with pytest.raises(NoticeError) as info:
        alert(ra_deg=ra, dec_deg=dec, error_radius_deg=1.0)
    assert str(info.value) == words


def test_right_ascension_360_is_0() -> None:
    place = alert(ra_deg=360.0, dec_deg=-90.0).localization
    assert place is not None
    assert (place.ra_deg, place.dec_deg) == (0.0, -90.0)


@pytest.mark.parametrize("error", [None, 0.0])
@pytest.mark.parametrize("ra", [0.0, -1.0])
def test_placeholder_position(ra: float, error: float | None) -> None:
    found = alert(ra_deg=ra, dec_deg=0.0, error_radius_deg=error)
    assert found.localization is None
    assert [(c.field, c.taken, c.why) for c in found.concerns] == [("position", None, NOWHERE)]


def test_origin_with_an_error_is_a_position() -> None:
    ellipse = Ellipse(semi_major_deg=2.0, semi_minor_deg=1.0)
    for region in ({"error_radius_deg": 0.5}, {"ellipse": ellipse}):
        found = alert(ra_deg=0.0, dec_deg=0.0, containment=0.9, **region)
        assert found.localization is not None
        assert found.localization.containment == 0.9
        assert found.concerns == ()


@pytest.mark.parametrize("radius", [0.0, -0.5, 180.5, 1e300])
@pytest.mark.parametrize("name", ["error_radius_deg", "error_radius_50_deg"])
def test_radii_that_are_none(name: str, radius: float) -> None:
    found = alert(ra_deg=10.0, dec_deg=5.0, containment=0.9, **dict.fromkeys([name], radius))
    assert found.localization is not None
    assert getattr(found.localization, name) is None
    assert found.localization.containment is None, "there is no region that it could belong to"
    why = "only a radius above 0 and up to 180 deg is one"
    assert found.concerns == (Concern(field=name, found=str(radius), taken=None, why=why),)


@pytest.mark.parametrize(
    ("revision", "radius", "half", "doubted"),
    [
        (0, 30.80 / 60, 12.0 / 60, True),
        (0, 0.5133, 0.2, True),
        (0, 0.5134, 0.2, True),
        (1, 30.80 / 60, 12.0 / 60, False),
        (None, 30.80 / 60, 12.0 / 60, False),
        (0, 30.80 / 60, None, False),
        (0, 30.80 / 60, 12.5 / 60, False),
        (0, 31.0 / 60, 12.0 / 60, False),
    ],
)
def test_default_radius(
    revision: int | None, radius: float, half: float | None, doubted: bool
) -> None:
    found = alert(
        ra_deg=10.0,
        dec_deg=5.0,
        revision=revision,
        error_radius_deg=radius,
        error_radius_50_deg=half,
    )
    assert found.localization is not None
    assert found.localization.error_radius_deg == radius
    assert [c.why for c in found.concerns] == doubted * [
        "the default of the first notice (30.80 arcmin), not a measured error"
    ]
