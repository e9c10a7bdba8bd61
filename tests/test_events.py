"""Alerts are joined, ordered and compared as the module says; published events among them."""

from __future__ import annotations

import itertools
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icecube_hooks import (
    Alert,
    AlertKind,
    AsymmetricError,
    CoincidentEvent,
    Ellipse,
    GWReference,
    Localization,
    Message,
    NoticeError,
    PValue,
    Status,
    Tense,
    WireFormat,
)
from icecube_hooks.testing import make_alert, make_significance
from icecube_plugin.alerts import (
    TIME_TOLERANCE_S,
    changes,
    find,
    group,
    normal_name,
    run_event,
    same_event,
    shared_neutrinos,
)
from icecube_plugin.alerts.headline import decisive, p_post, sigma_post
from icecube_plugin.notices import binary, lvk, text, track, voevent
from icecube_plugin.sky import separation_deg

NOON = datetime(2023, 4, 16, 12, tzinfo=UTC)
NUMBERS = re.compile(r"1\d{5}_\d{5,9}")


def minutes(count: float) -> datetime:
    return NOON + timedelta(minutes=count)


def notice(**changed: Any) -> Alert:
    """Return a classic notice: numbers, but no name."""
    return make_alert(**({"event_names": (), "format": WireFormat.TEXT} | changed))


def circular(number: int = 33633, **changed: Any) -> Alert:
    """Return a circular that has a name and no numbers."""
    values = {
        "kind": AlertKind.TRACK,
        "format": WireFormat.CIRCULAR,
        "circular_number": number,
        "run_id": None,
        "event_id": None,
        "revision": None,
        "status": None,
        "tense": None,
        "notice_time": minutes(number % 1000),
    }
    return make_alert(**(values | changed))


def search(superevent: str = "S230914ak", number: int | None = 1, **changed: Any) -> Alert:
    values = {
        "kind": AlertKind.LVK_SEARCH,
        "event_names": (),
        "run_id": None,
        "event_id": None,
        "revision": None,
        "status": None,
        "localization": None,
        "energy_tev": None,
        "signalness": None,
        "far_hz": None,
        "gw": GWReference(superevent_id=superevent, notice_number=number),
    }
    return make_alert(**(values | changed))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("IceCube-230416A", "IceCube-230416A"),
        ("IC230416A", "IceCube-230416A"),
        ("IceCube 230416A", "IceCube-230416A"),
        ("ICECUBE-160427A", "IceCube-160427A"),
        (" IC-230416a ", "IceCube-230416A"),
        ("IceCube-161210", "IceCube-161210"),
        ("IceCubeCascade-220801a", "IceCubeCascade-220801a"),
        ("ICECUBE CASCADE-220801A", "IceCubeCascade-220801a"),
        ("137840_57034692", "137840_57034692"),
        ("137840_57034692_2", "137840_57034692"),
        ("135113_19489408.amon", "135113_19489408"),
        ("71165249_130949", "130949_71165249"),
        ("766165_132518", "132518_766165"),
        ("133091_81419", "133091_81419"),
        ("127853_131000", "127853_131000"),
        ("NuEm-200202A", "NuEm-200202A"),
        ("S230914ak", "S230914ak"),
        ("S230914ak-2-Preliminary", "S230914ak"),
        ("MS230427R", "MS230427r"),
        ("GW170817", "GW170817"),
    ],
)
def test_names(text: str, name: str) -> None:
    assert normal_name(text) == name
    assert normal_name(name) == name


@pytest.mark.parametrize(
    "text", ["", "IceCube", "IceCube-23041", "IceCube-2304161A", "GRB 230416A", "1_2", "S23091"]
)
def test_what_is_no_name(text: str) -> None:
    assert normal_name(text) is None


@given(st.text(max_size=40))
def test_any_text_has_a_stable_name(text: str) -> None:
    name = normal_name(text)
    assert name is None or normal_name(name) == name


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        pytest.param(make_alert(format=WireFormat.BINARY, event_names=()), True, id="format"),
        pytest.param(make_alert(revision=3), True, id="revision"),
        pytest.param(make_alert(kind=AlertKind.BRONZE), True, id="kind"),
        pytest.param(make_alert(run_id=57034692, event_id=137840), True, id="event first"),
        pytest.param(make_alert(event_id=1), False, id="same name, other numbers"),
        pytest.param(make_alert(tense=Tense.TEST), False, id="test"),
        pytest.param(circular(event_names=("IC230416A",), trigger_time=None), True, id="name"),
        pytest.param(circular(event_names=("IceCube-230416B",)), False, id="other name"),
        pytest.param(circular(event_names=("137840_57034692",)), True, id="numbers as name"),
        pytest.param(circular(event_names=()), True, id="time without a name"),
        pytest.param(search(), False, id="search"),
    ],
)
def test_same_event(other: Alert, expected: bool) -> None:
    assert same_event(make_alert(), other) is expected
    assert same_event(other, make_alert()) is expected
    assert len(group([make_alert(), other])) == (1 if expected else 2)


BY_TIME = [
    pytest.param({}, True, id="same time"),
    pytest.param({"seconds": TIME_TOLERANCE_S}, True, id="at the tolerance"),
    pytest.param({"seconds": -TIME_TOLERANCE_S - 0.001}, False, id="beyond it"),
    pytest.param({"names": ("IceCube-230417A",)}, False, id="name of another day"),
    pytest.param({"names": ("IceCube-230416",)}, True, id="name without a letter"),
    pytest.param({"kind": AlertKind.CASCADE}, False, id="other kind"),
    pytest.param({"tense": Tense.INJECTION}, False, id="injection"),
]


@pytest.mark.parametrize(("case", "expected"), BY_TIME)
def test_a_name_and_a_time_join_numbers(case: dict[str, Any], expected: bool) -> None:
    first = notice()
    assert first.trigger_time is not None
    other = circular(
        event_names=case.get("names", ("IceCube-230416A",)),
        trigger_time=first.trigger_time + timedelta(seconds=case.get("seconds", 0.0)),
        kind=case.get("kind", AlertKind.TRACK),
        tense=case.get("tense"),
    )
    assert same_event(first, other) is expected
    assert same_event(other, first) is expected
    assert len(group([first, other])) == (1 if expected else 2)


def test_a_time_does_not_join_an_event_of_another_name() -> None:
    other = circular(event_names=("IceCube-230416B",))
    assert [len(event.alerts) for event in group([notice(), make_alert(), other])] == [2, 1]


def test_a_name_without_its_letter() -> None:
    """Circulars of 2016 have such names; where the date joins it to an event, that is said."""
    short = circular(event_names=("IceCube-230416",))
    assert same_event(make_alert(), short)
    assert same_event(short, make_alert())
    assert len(group([make_alert(), short])) == 1
    (event,) = group([make_alert(), short.replace(trigger_time=None)])
    assert [doubt.why for doubt in event.concerns] == [
        "no notice ties it to 137840_57034692: taken for it by day and position"
    ]


def test_the_start_of_the_observation_is_a_time_too() -> None:
    """Circulars on HAWC coincidences give the transit, whose start is the notice's trigger."""
    start = datetime(2020, 2, 2, 7, 58, 52, tzinfo=UTC)
    told = circular(
        event_names=("NuEm-200202A",),
        kind=AlertKind.NU_EM,
        trigger_time=None,
        observation_start=start,
    )
    nu_em = notice(kind=AlertKind.NU_EM, run_id=8, event_id=123456, trigger_time=start)
    assert same_event(nu_em, told)
    assert len(group([told, nu_em])) == 1


def test_numbers_of_other_detectors_are_not_turned() -> None:
    """Sub-threshold HAWC coincidences have run numbers of their own, small ones."""
    nu_em = notice(kind=AlertKind.NU_EM, run_id=8, event_id=123456)
    assert group([nu_em])[0].key == nu_em.event_key == "8_123456"
    assert not same_event(nu_em, nu_em.replace(run_id=123456, event_id=8))


def test_one_name_for_two_events() -> None:
    """Circulars 31833 and 31839 call both events of 2022-04-05 IceCube-220405A."""
    name = ("IceCube-220405A",)
    early = datetime(2022, 4, 5, 4, 57, 26, tzinfo=UTC)
    late = datetime(2022, 4, 5, 22, 20, 3, tzinfo=UTC)
    alerts = [
        notice(run_id=136504, event_id=1833389, trigger_time=early),
        notice(run_id=136506, event_id=15341152, trigger_time=late),
        circular(31833, run_id=136504, event_id=1833389, event_names=name, trigger_time=early),
        circular(31839, run_id=136506, event_id=15341152, event_names=name, trigger_time=late),
        circular(31840, event_names=name, trigger_time=late),
    ]
    events = group(alerts)
    assert [event.key for event in events] == ["136504_1833389", "136506_15341152"]
    assert [len(event.circulars) for event in events] == [1, 2]
    assert find(events, "IC220405A") is events[0]


def test_numbers_and_names_join_across_formats() -> None:
    alerts = [
        circular(1, event_names=("IC230416A",), trigger_time=None),
        notice(revision=1),
        circular(2, run_id=137840, event_id=57034692),
        make_alert(revision=0),
        notice(format=WireFormat.BINARY, notice_time=None),
        make_alert(run_id=137841, event_names=("IceCube-230416B",)),
    ]
    events = group(alerts)
    assert [(event.key, len(event.alerts)) for event in events] == [
        ("137840_57034692", 5),
        ("137841_57034692", 1),
    ]
    assert events[0].names == ("137840_57034692", "IceCube-230416A")
    for name in ("IceCube-230416A", "ic230416a", "137840_57034692_1", "57034692_137840"):
        assert find(events, name) is events[0]
    assert find(events, "IceCube-230416C") is None


def test_coincidences_have_numbers_of_their_own() -> None:
    nu_em = notice(kind=AlertKind.NU_EM, run_id=None, event_id=None, amon_id="1441204786")
    coinc = nu_em.replace(kind=AlertKind.COINC)
    xml = nu_em.replace(format=WireFormat.VOEVENT)
    told = circular(
        event_names=("NuEm-230416A",), kind=AlertKind.NU_EM, trigger_time=nu_em.trigger_time
    )
    events = group([nu_em, coinc, xml, told])
    assert [(event.key, len(event.alerts)) for event in events] == [
        ("nu-em:1441204786", 3),
        ("coinc:1441204786", 1),
    ]


def test_an_alert_without_any_identity_is_an_event() -> None:
    bare = notice(run_id=None, event_id=None)
    packet = bare.replace(ivorn="ivo://Amon/a#1")
    again = packet.replace(ivorn="ivo://amon/A#1")
    events = group([bare, bare, packet, again])
    assert [len(event.alerts) for event in events] == [1, 1, 2]
    assert events[0].key == bare.notice_id
    assert events[2].key == "ivo://amon/a#1"


def test_tests_stay_among_themselves() -> None:
    alerts = [
        make_alert(),
        make_alert(tense=Tense.TEST),
        make_alert(tense=Tense.TEST, revision=1),
        make_alert(tense=Tense.INJECTION),
        search("MS230914ak", tense=Tense.TEST),
        search("MS230914ak", tense=None),
        circular(event_names=("IC230416A",)),
    ]
    events = group(alerts)
    assert [(event.key, len(event.alerts)) for event in events] == [
        ("137840_57034692", 2),
        ("test:137840_57034692", 2),
        ("injection:137840_57034692", 1),
        ("test:MS230914ak", 2),
    ]
    assert find(events, "137840_57034692") is events[0]
    assert find(events[::-1], "137840_57034692") is events[0]
    assert find(events, "test:137840_57034692") is events[1]


def test_order_by_revision_not_by_arrival() -> None:
    """The binary packet has no time of its own; its revision tells its place."""
    first, second = notice(notice_time=minutes(1)), notice(revision=1, notice_time=minutes(60))
    packet = notice(revision=1, format=WireFormat.BINARY, notice_time=None)
    late_copy = notice(format=WireFormat.VOEVENT, notice_time=minutes(43_200))
    told = circular(event_names=("IC230416A",), notice_time=minutes(30))
    (event,) = group([packet, second, late_copy, told, first])
    assert event.alerts == (first, late_copy, told, second, packet)
    assert event.newest == second
    assert event.notices[1:] == (told, second)
    assert (event.notices[0].format, event.notices[0].notice_time) == ("voevent", minutes(1))
    assert event.circulars == (told,)


def test_circulars_after_all_notices_and_among_each_other() -> None:
    first, second = notice(notice_time=minutes(1)), notice(revision=1, notice_time=minutes(5))
    early = circular(10, event_names=("IC230416A",), notice_time=minutes(9))
    late = circular(11, event_names=("IC230416A",), notice_time=minutes(9))
    undated = circular(9, event_names=("IC230416A",), notice_time=None)
    (event,) = group([undated, late, early, second, first])
    assert event.alerts == (first, second, early, late, undated)


def test_searches_go_by_the_sequence_of_the_gravitational_wave() -> None:
    second = search(number=2, notice_time=minutes(1))
    first = search(number=1, notice_time=minutes(2))
    unnumbered = search(number=None, notice_time=minutes(3))
    (event,) = group([unnumbered, second, first])
    assert event.key == "S230914ak"
    assert event.alerts == (first, second, unnumbered)


@pytest.mark.parametrize(
    ("alerts", "expected"),
    [
        pytest.param([notice()], False, id="no"),
        pytest.param([notice(), notice(revision=1, status=Status.RETRACTION)], True, id="notice"),
        pytest.param([notice(status=Status.RETRACTION), notice(revision=1)], False, id="undone"),
        pytest.param(
            [notice(status=Status.RETRACTION, revision=1), notice(revision=1)],
            True,
            id="text copy of it has no flag",
        ),
        pytest.param(
            [
                notice(),
                circular(event_names=("IC230416A",), status=Status.RETRACTION),
                notice(revision=1, notice_time=minutes(10_000)),
            ],
            True,
            id="circular stands",
        ),
        pytest.param([circular(status=Status.RETRACTION)], True, id="of an unknown event"),
    ],
)
def test_retraction(alerts: list[Alert], expected: bool) -> None:
    (event,) = group(alerts)
    assert event.is_retracted is expected


def test_latest_stated_value() -> None:
    taken_back = circular(
        event_names=("IC230416A",),
        status=Status.RETRACTION,
        localization=None,
        energy_tev=None,
        far_hz=None,
    )
    (event,) = group([notice(energy_tev=5.0), notice(revision=1, energy_tev=7.0), taken_back])
    assert event.newest is taken_back
    assert event.latest("energy_tev") == 7.0
    assert event.latest("status") is Status.RETRACTION
    assert event.latest("charge_pe") is None
    assert event.latest("p_values") is None


def test_shared_neutrinos() -> None:
    coincidence = CoincidentEvent(run_id=137840, event_id=57034692, delta_t_s=12.9)
    better = coincidence.replace(delta_t_s=12.91)
    other = CoincidentEvent(run_id=137840, event_id=1)
    events = group(
        [
            search(number=1, coincident_events=(coincidence, other, CoincidentEvent())),
            search(number=2, coincident_events=(better,)),
            search("MS230914ak", tense=Tense.TEST, coincident_events=(coincidence,)),
            make_alert(),
        ]
    )
    (link,) = shared_neutrinos(events)
    assert (link.search.key, link.track.key) == ("S230914ak", "137840_57034692")
    assert link.coincidence is better


def texts(old: Alert, new: Alert) -> list[str]:
    return [change.text for change in changes(old, new)]


def test_published_revision() -> None:
    """Revisions 0 and 1 of 136662_35405932, from the public table."""
    old = notice(localization=place(48.8497, -3.5219, 30.80 / 60))
    new = notice(localization=place(47.2, -3.2799, 126.0 / 60), status=Status.UPDATE)
    assert texts(old, new) == [
        "status from initial to update",
        "moved by 1.66 deg",
        "error grew from 0.513 deg (0.9 containment) to 2.1 deg (0.9 containment)",
    ]


def place(ra_deg: float, dec_deg: float, radius: float | None, **more: Any) -> Localization:
    values = {"error_radius_deg": radius, "containment": 0.9} | more
    return Localization(ra_deg=ra_deg, dec_deg=dec_deg, **values)


BOX = AsymmetricError(ra_minus_deg=0.63, ra_plus_deg=0.41, dec_minus_deg=0.76, dec_plus_deg=0.81)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"energy_tev": 10.0}, {"energy_tev": 12.0}, ["energy from 10 to 12 TeV"]),
        ({"energy_tev": 10.0}, {"energy_tev": 10.005}, []),
        ({"energy_tev": None}, {"energy_tev": 12.0}, ["energy stated: 12 TeV"]),
        ({"energy_tev": 10.0}, {"energy_tev": None}, []),
        ({"signalness": 0.3}, {"signalness": 0.5}, ["signalness from 0.3 to 0.5"]),
        (
            {"far_hz": 1 / (365 * 86400)},
            {"far_hz": 2 / (365 * 86400)},
            ["false-alarm rate from 1 to 2 per year"],
        ),
        ({"kind": AlertKind.GOLD}, {"kind": AlertKind.BRONZE}, ["kind from gold to bronze"]),
        ({"kind": AlertKind.GOLD}, {"kind": AlertKind.TRACK}, []),
        ({"status": Status.INITIAL}, {"status": Status.RETRACTION}, ["retracted"]),
        ({"status": Status.RETRACTION}, {"status": Status.UPDATE}, ["no longer retracted"]),
        ({"status": Status.RETRACTION}, {"status": Status.RETRACTION}, []),
        ({"status": None}, {"status": Status.UPDATE}, ["status from not stated to update"]),
        (
            {"localization": None},
            {"localization": place(10, 20, 1.0)},
            ["position stated: RA 10, Dec 20 deg"],
        ),
        ({"localization": place(10, 20, 1.0)}, {"localization": None}, []),
        ({"localization": place(10, 20, 1.0)}, {"localization": place(10.0001, 20, 1.0002)}, []),
        ({"localization": place(10, 20, 1.0)}, {"localization": place(10, 20, None)}, []),
        (
            {"localization": place(10, 20, None, containment=None)},
            {"localization": place(10, 20, 1.0)},
            ["error stated: 1 deg (0.9 containment)"],
        ),
        (
            {"localization": place(10, 20, 2.0)},
            {"localization": place(10, 20, 1.0)},
            ["error shrank from 2 deg (0.9 containment) to 1 deg (0.9 containment)"],
        ),
        (
            {"localization": place(10, 20, 1.0)},
            {"localization": place(10, 20, 0.5, containment=0.5)},
            ["error changed from 1 deg (0.9 containment) to 0.5 deg (0.5 containment)"],
        ),
        (
            {"localization": place(0, 0, 0.5)},
            {"localization": place(0, 0, None, asymmetric=BOX)},
            [
                (
                    "error grew from 0.5 deg (0.9 containment) to "
                    "0.639 deg, circularised (0.9 containment)"
                )
            ],
        ),
        (
            {
                "localization": place(
                    0, 0, None, ellipse=Ellipse(semi_major_deg=4, semi_minor_deg=1)
                )
            },
            {"localization": place(0, 0, 1.0, containment=None)},
            ["error changed from 2 deg, circularised (0.9 containment) to 1 deg"],
        ),
        (
            {"p_values": (PValue(search="generic", value=None),), "n_coincident": 1},
            {"p_values": (PValue(search="generic", value=0.02),), "n_coincident": 2},
            ["number of coincident events from 1 to 2", "p-value (generic) stated: 0.02"],
        ),
    ],
)
def test_changes(old: dict[str, Any], new: dict[str, Any], expected: list[str]) -> None:
    assert texts(make_alert(**old), make_alert(**new)) == expected


def test_change_has_both_values() -> None:
    (change,) = changes(make_alert(energy_tev=10.0), make_alert(energy_tev=12.0))
    assert (change.field, change.old, change.new) == ("energy_tev", 10.0, 12.0)


def test_a_circular_rounds() -> None:
    """Circulars give 2 decimals: 2.53 a year is the 2.5320 of the notice."""
    old = notice(far_hz=2.5320 / (365 * 86400), localization=place(345.8549, 9.1401, 0.61))
    new = circular(far_hz=2.53 / (365 * 86400), localization=place(345.85, 9.14, 0.61))
    assert texts(old, new) == []
    assert texts(old, new.replace(format=WireFormat.TEXT)) == [
        "moved by 0.00484 deg",
    ]


@st.composite
def stories(draw: st.DrawFn) -> list[Alert]:
    """Draw notices of a few events, with and without names, numbers and times."""
    alerts: list[Alert] = []
    for _ in range(draw(st.integers(1, 9))):
        which = draw(st.integers(0, 2))
        is_circular = draw(st.booleans())
        has_number = draw(st.booleans()) or not is_circular
        time = NOON + timedelta(seconds=draw(st.sampled_from((0, 1, 3600)))) * (which + 1)
        alerts.append(
            make_alert(
                format=WireFormat.CIRCULAR if is_circular else WireFormat.TEXT,
                run_id=137840 if has_number else None,
                event_id=which if has_number else None,
                event_names=draw(st.sampled_from([(), ("IC230416A",), ("IC230416B",)])),
                revision=None if is_circular else draw(st.integers(0, 2)),
                trigger_time=draw(st.sampled_from([None, time])),
                notice_time=draw(st.sampled_from([None, time])),
                tense=draw(st.sampled_from([Tense.OBSERVATION, Tense.TEST])),
                comments=(str(len(alerts)),),
            )
        )
    return alerts


@given(stories(), st.randoms(use_true_random=False))
def test_groups_do_not_depend_on_the_order(alerts: list[Alert], random: Any) -> None:
    shuffled = list(alerts)
    random.shuffle(shuffled)
    assert partition(alerts) == partition(shuffled)


def partition(alerts: list[Alert]) -> set[frozenset[str]]:
    return {frozenset(map(repr, event.alerts)) for event in group(alerts)}


@given(stories())
def test_groups_hold_every_alert_once(alerts: list[Alert]) -> None:
    events = group(alerts)
    assert sorted(repr(a) for event in events for a in event.alerts) == sorted(map(repr, alerts))
    assert len({event.key for event in events}) == len(events)


@given(stories())
def test_groups_mix_neither_numbers_nor_tenses(alerts: list[Alert]) -> None:
    for event in group(alerts):
        assert len({alert.is_real for alert in event.alerts}) == 1
        numbers = {alert.event_id for alert in event.alerts if alert.event_id is not None}
        assert len(numbers) <= 1


@given(stories())
def test_revisions_are_in_order(alerts: list[Alert]) -> None:
    for event in group(alerts):
        revisions = [alert.revision for alert in event.alerts if alert.revision is not None]
        assert revisions == sorted(revisions)


def test_real_notices(corpus: Path) -> None:
    """Every real notice lands in the event whose numbers its file name has."""
    found = {
        path: alert
        for path in sorted((corpus / "raw").rglob("*.*"))
        if (alert := read(path)) is not None
    }
    assert len(found) > 55
    events = {event.key: event for event in group(found.values())}
    for path, alert in found.items():
        if alert.is_real and (numbers := NUMBERS.search(path.name)):
            assert alert in events[numbers[0]].alerts, path.name
    revised = events["134191_17593623"].notices
    assert [alert.revision for alert in revised] == [0, 1]
    assert separation_deg(where(revised[0]), where(revised[1])) > 0.01
    assert any(change.text.startswith("moved by") for change in changes(*revised))


def where(alert: Alert) -> Localization:
    assert alert.localization is not None
    return alert.localization


def read(path: Path) -> Alert | None:
    message = Message(value=path.read_bytes())
    for parse in (lvk.parse, track.parse, text.parse, voevent.parse, binary.parse):
        try:
            alert = parse(message)
        except NoticeError:
            return None
        if alert is not None:
            return alert
    return None


def test_the_event_comes_second_where_only_that_can_be_a_run() -> None:
    assert run_event(67093193, 127853) == run_event(127853, 67093193) == "127853_67093193"


def test_one_rule_for_the_significance_that_counts() -> None:
    """S200213t: GCN 27043 gives 0.003 for the generic search; with both looks it is 0.00599."""
    generic = make_significance(quantity="generic", p_value_post=0.003)
    both = make_significance(quantity="best of 2 searches", p_value_post=0.00599)
    rate = make_significance(quantity="far", p_value_post=0.0001)
    assert decisive([generic, both, rate]) is both
    assert decisive([rate, generic]) is generic
    assert decisive([rate]) is None
    assert p_post([generic, both]) == 0.00599
    assert sigma_post([both]) == both.sigma_post
    assert p_post([]) is None is sigma_post([])


ATTACKS = [
    pytest.param({"revision": 999_999}, "no event has more than 99", id="revision"),
    pytest.param(
        {"revision": 1, "notice_time": datetime(2098, 1, 1, tzinfo=UTC)},
        "it is in the future",
        id="from 2098",
    ),
    pytest.param(
        {"revision": 1, "trigger_time": datetime(2024, 1, 1, tzinfo=UTC)},
        "the other notices of the event say 2023-04-16",
        id="trigger of another day",
    ),
]


@pytest.mark.parametrize(("forged", "why"), ATTACKS)
def test_what_cannot_be_is_said_and_never_the_newest(forged: dict[str, Any], why: str) -> None:
    told = [notice(), notice(format=WireFormat.VOEVENT)]
    attack = notice(**forged, status=Status.RETRACTION, localization=place(1.0, 2.0, 3.0))
    for order in ([*told, attack], [attack, *told]):
        (event,) = group(order)
        assert not event.is_retracted
        assert position(event.known) == position(told[0])
        assert event.newest.revision == 0
        (concern,) = event.concerns
        assert concern.why.endswith(why)
        assert [n.state for n in event.history] == ["doubted", "current"]


def test_letters_of_another_alphabet_are_no_name() -> None:
    attack = notice(event_id=7, event_names=("I\u0441eCube-230416A",))
    real, forged = group([make_alert(), attack])
    assert (real.names, forged.names) == (
        ("137840_57034692", "IceCube-230416A"),
        ("137840_7",),
    )
    (concern,) = forged.concerns
    assert "it looks like IceCube-230416A" in concern.why


def test_a_text_is_no_name() -> None:
    """A megabyte of digits is looked at once, by its length."""
    (event,) = group([notice(event_id=7, event_names=("230416 " * 150_000, "IceCube-230416A"))])
    assert event.names == ("137840_7", "IceCube-230416A")
    (concern,) = event.concerns
    assert concern.why == "too long for a name"
    assert len(str(concern.found)) < 300


def test_the_name_of_another_event() -> None:
    """Of another day it is not believed; of the same day both say so, and a time decides."""
    real = make_alert()
    (other,) = group([notice(event_id=7, event_names=("IceCube-200101A",))])
    assert other.names == ("137840_7",)
    assert "the name of another day" in other.concerns[0].why
    same_day = notice(event_id=7, event_names=("IC230416A",), trigger_time=minutes(0))
    untimed = circular(status=Status.RETRACTION, trigger_time=None, localization=None)
    events = group([real, same_day, untimed])
    assert [event.is_retracted for event in events] == [False, False, True]
    for event in events[:2]:
        assert "a name of 137840_57034692 and 137840_7" in event.concerns[0].why
    assert "2 events bear the name" in events[2].concerns[0].why
    timed = untimed.replace(trigger_time=real.trigger_time)
    assert [e.is_retracted for e in group([real, same_day, timed])] == [True, False]


def test_another_number_in_the_names() -> None:
    (event,) = group([make_alert(event_names=("137840_7",))])
    assert event.names == ("137840_57034692",)
    assert event.concerns[0].why == "another number than that of the notice"


def test_a_derived_name_is_a_guess_until_a_second_event_is_known() -> None:
    taken_back = circular(status=Status.RETRACTION, trigger_time=None, localization=None)
    first = notice()
    (event,) = group([first, taken_back])
    assert event.is_retracted
    assert event.concerns[0].why.endswith("taken for it by its day")
    second = notice(event_id=7, trigger_time=minutes(0))
    assert [e.is_retracted for e in group([first, taken_back, second])] == [False, True, False]


def test_look_up_by_anything_that_people_type() -> None:
    named = make_alert(amon_id="4711", ivorn="ivo://nasa.gsfc.gcn/AMON#Gold_137840_57034692-1")
    early = notice(event_id=7, trigger_time=datetime(2017, 9, 22, 20, 54, tzinfo=UTC))
    told = circular(event_names=("IC230416A",))
    events = group([early, named, told])
    for typed in (
        *("IceCube_230416A", "icecube.230416a", "IceCube 230416A", "137840_57034692", "4711"),
        *("33633", "GCN 33633", "GCN Circular 33633", "latest"),
        "ivo://nasa.gsfc.gcn/AMON#Gold_137840_57034692-0",
    ):
        found = find(events, typed)
        assert found is not None, typed
        assert found.key == "137840_57034692", typed
    guessed = find(events, "IC170922A")
    assert guessed is not None
    assert guessed.key == "137840_7"
    assert find(events, "IceCube-170923A") is None
    twins = [*events, *group([notice(event_id=8, trigger_time=minutes(0))])]
    assert find(twins, "IC230416B") is not None


def test_a_correction_says_what_it_corrected() -> None:
    first = notice(localization=place(162.0, 27.0, 1.0), notice_time=minutes(0))
    second = notice(localization=place(200.0, -10.0, 1.0), notice_time=minutes(5))
    copy = notice(format=WireFormat.BINARY, notice_time=None, localization=place(162.0, 27.0, 1.0))
    for order in itertools.permutations([first, second, copy]):
        (event,) = group(order)
        assert [n.state for n in event.history] == ["corrected", "current"]
        assert event.history[0].by is event.newest
        assert position(event.known) == (200.0, -10.0)


def test_formats_of_one_notice_are_merged() -> None:
    """A stated 50 % radius is kept, whichever format states it."""
    json_form = make_alert(localization=place(10.0, 20.0, 1.0))
    text_form = notice(localization=place(10.0001, 20.0, 1.01, error_radius_50_deg=0.4))
    (event,) = group([text_form, json_form])
    assert event.known.localization == place(10.0, 20.0, 1.0, error_radius_50_deg=0.4)
    assert event.known.format is WireFormat.JSON


def position(alert: Alert) -> tuple[float, float]:
    assert alert.localization is not None
    return alert.localization.ra_deg, alert.localization.dec_deg
