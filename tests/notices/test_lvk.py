"""Searches around gravitational waves, in the spellings of all schema versions."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from icecube_hooks import (
    Alert,
    AlertKind,
    CoincidentEvent,
    Direction,
    Ellipse,
    FluxSensitivity,
    GWReference,
    Localization,
    Message,
    NoticeError,
    PValue,
    Tense,
    WireFormat,
)
from icecube_plugin.notices.lvk import EVENT_LIMIT, TOPICS, parse, register_parsers

from .stated import stated_fields

ABSENT: Any = object()
PLACE = {"ra": 103.5, "dec": 5.25, "ra_dec_error": 0.69, "containment_probability": 0.9}
SCHEMAS = "https://gcn.nasa.gov/schema/v7.2.1/gcn/notices/icecube"
LATEST: dict[str, Any] = {
    "$schema": f"{SCHEMAS}/lvk_nu_track_search.schema.json",
    "type": "IceCube LVK Alert Nu Track Search",
    "reference": {"gcn.notices.LVK.alert": "S260502ab-2-Preliminary"},
    "ref_ID": "S260502ab",
    "alert_datetime": "2026-05-02T04:30:00.5Z",
    "trigger_time": "2026-05-02T04:00:00Z",
    "observation_start": "2026-05-02T03:51:40Z",
    "observation_stop": "2026-05-02T04:08:20Z",
    "observation_livetime": 998,
    "pval_generic": 0.012,
    "pval_bayesian": None,
    "n_events_coincident": 1,
    "coincident_events": [
        {
            "event_dt": -12.5,
            "id": ["142000_1234567"],
            "localization": {**PLACE, "systematic_included": False},
            "event_pval_generic": 0.0125,
            "event_pval_bayesian": None,
        }
    ],
    "most_probable_direction": {"ra": 103.75, "dec": 5.5},
    "neutrino_flux_sensitivity_range": {
        "flux_sensitivity": [0.0277, 0.647],
        "sensitive_energy_range": [542, 23000000],
    },
}


def notice(**changes: Any) -> bytes:
    """Return a notice with some fields changed, or left out (ABSENT)."""
    fields = {key: value for key, value in (LATEST | changes).items() if value is not ABSENT}
    return json.dumps(fields).encode()


def with_event(**changes: Any) -> bytes:
    """Return a notice whose coincident event is changed."""
    event = LATEST["coincident_events"][0] | changes
    kept = {key: value for key, value in event.items() if value is not ABSENT}
    return notice(coincident_events=[kept])


def read(value: bytes) -> Alert:
    alert = parse(Message(value=value))
    assert alert is not None
    return alert


def only_event(value: bytes) -> CoincidentEvent:
    [event] = read(value).coincident_events
    return event


def refusal(value: bytes) -> str:
    with pytest.raises(NoticeError) as info:
        parse(Message(value=value))
    return str(info.value)


def concerns(alert: Alert) -> list[tuple[str, str, str | None]]:
    return [(c.field, c.found, c.taken) for c in alert.concerns]


def test_registration() -> None:
    [parser] = register_parsers()
    assert (parser.name, parser.topics, parser.parse) == ("lvk-json", TOPICS, parse)


def test_every_field() -> None:
    alert = read(notice())
    assert alert == Alert(
        kind=AlertKind.LVK_SEARCH,
        format=WireFormat.JSON,
        tense=Tense.OBSERVATION,
        trigger_time=datetime(2026, 5, 2, 4, tzinfo=UTC),
        notice_time=datetime(2026, 5, 2, 4, 30, 0, 500_000, tzinfo=UTC),
        observation_start=datetime(2026, 5, 2, 3, 51, 40, tzinfo=UTC),
        observation_stop=datetime(2026, 5, 2, 4, 8, 20, tzinfo=UTC),
        livetime_s=998.0,
        p_values=(PValue(search="generic", value=0.012), PValue(search="bayesian", value=None)),
        gw=GWReference(
            superevent_id="S260502ab",
            notice_number=2,
            notice_type="Preliminary",
            reference="S260502ab-2-Preliminary",
        ),
        coincident_events=(
            CoincidentEvent(
                delta_t_s=-12.5,
                run_id=142000,
                event_id=1234567,
                p_values=(
                    PValue(search="generic", value=0.0125),
                    PValue(search="bayesian", value=None),
                ),
                localization=Localization(
                    ra_deg=103.5,
                    dec_deg=5.25,
                    error_radius_deg=0.69,
                    containment=0.9,
                    systematic_included=False,
                ),
            ),
        ),
        n_coincident=1,
        most_probable_direction=Direction(ra_deg=103.75, dec_deg=5.5),
        flux_sensitivity=FluxSensitivity(
            low_gev_cm2=0.0277,
            high_gev_cm2=0.647,
            energy_low_gev=542.0,
            energy_high_gev=23e6,
        ),
    )
    assert (alert.revision, alert.revision_label) == (None, "2-Preliminary")
    assert alert.notice_id == "lvk-search:S260502ab:2-Preliminary"


def test_only_what_identifies_is_needed() -> None:
    needed = {name: LATEST[name] for name in ("type", "ref_ID", "trigger_time")}
    alert = read(json.dumps(needed).encode())
    stated = stated_fields(alert)
    assert stated == {"kind", "format", "tense", "trigger_time", "gw", "concerns"}
    assert [c.why for c in alert.concerns] == ["a search without p-values"]
    assert alert.gw == GWReference(superevent_id="S260502ab")


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"[]",
        b'{"a": "pval_generic"}',
        b'{"type": "IceCube LVK Alert Nu Track Search in other words"}',
        b"pval_generic",
    ],
)
def test_not_ours(value: bytes) -> None:
    assert parse(Message(value=value)) is None


@pytest.mark.parametrize("name", ["pval_generic", "pval_bayesian"])
def test_p_value_alone_marks_a_search(name: str) -> None:
    other = {"pval_generic": "pval_bayesian", "pval_bayesian": "pval_generic"}[name]
    alert = read(notice(**{"type": ABSENT, other: ABSENT, name: 0.5}))
    assert alert.p_values == (PValue(search=name.removeprefix("pval_"), value=0.5),)


EVENTS = "coincident_events"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (notice(ref_ID=ABSENT), "ref_ID: the notice names no gravitational-wave event"),
        (notice(ref_ID=""), "ref_ID: the notice names no gravitational-wave event"),
        (notice(ref_ID=5), "ref_ID: expected text, got 5"),
        (notice(trigger_time=None), "trigger_time: the notice states no time of the event"),
        (notice(pval_generic=1.7), "pval_generic: expected a number from 0 to 1, got 1.7"),
        (notice(pval_generic=-0.1), "pval_generic: expected a number from 0 to 1, got -0.1"),
        (notice(pval_generic=True), "pval_generic: expected a number, got True"),
        (notice(pval_generic="0.5"), "pval_generic: expected a number, got '0.5'"),
        (notice(pval_bayesian=[0.5]), "pval_bayesian: expected a number, got [0.5]"),
        (notice(coincident_events={}), f"{EVENTS}: expected a list, got {{}}"),
        (notice(coincident_events=[1]), f"{EVENTS}[0]: expected an object, got 1"),
        (notice(n_events_coincident=1.5), "n_events_coincident: expected a whole number, got 1.5"),
        (with_event(event_dt="late"), f"{EVENTS}[0].event_dt: expected a number, got 'late'"),
        (with_event(localization=5), f"{EVENTS}[0].localization: expected an object, got 5"),
        (
            with_event(localization={**PLACE, "ra": "12"}),
            f"{EVENTS}[0].localization.ra: expected a number, got '12'",
        ),
        (
            with_event(localization={**PLACE, "dec": 95}),
            f"{EVENTS}[0].localization.dec: expected a number from -90 to 90, got 95.0",
        ),
        (
            with_event(localization={"ra": 5}),
            f"{EVENTS}[0].localization.dec: half of the position is missing",
        ),
        (
            with_event(event_pval_generic=2),
            f"{EVENTS}[0].event_pval_generic: expected a number from 0 to 1, got 2.0",
        ),
        (with_event(id=[5]), f"{EVENTS}[0].id: expected text or a list of it, got [5]"),
        (
            notice(most_probable_direction={"ra": 361, "dec": 0}),
            "most_probable_direction.ra: expected a number from 0 to 360, got 361.0",
        ),
        (
            notice(most_probable_direction=[1, 2]),
            "most_probable_direction: expected an object, got [1, 2]",
        ),
    ],
)
def test_refused(value: bytes, words: str) -> None:
    assert refusal(value) == words


# ------------------------------------------------------------------------- the superevent


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("S260502ab", 2, "Preliminary", "S260502ab-2-Preliminary")),
        (
            {"reference": {"gcn.notices.LVK.alert": "S260502ab-3-Initial"}},
            ("S260502ab", 3, "Initial", "S260502ab-3-Initial"),
        ),
        (
            {"ref_ID": ABSENT, "reference": ABSENT, "ref_id": "S260502ab-2-Preliminary"},
            ("S260502ab", 2, "Preliminary", "S260502ab-2-Preliminary"),
        ),
        (
            {"ref_ID": ABSENT, "ref_id": "S260502ab"},
            ("S260502ab", 2, "Preliminary", "S260502ab-2-Preliminary"),
        ),
        ({"reference": ABSENT}, ("S260502ab", None, None, None)),
        ({"reference": {}}, ("S260502ab", None, None, None)),
        ({"reference": {"gcn.notices.LVK.alert": None}}, ("S260502ab", None, None, None)),
        ({"reference": {"gcn.notices.LVK.alert": 4642}}, ("S260502ab", None, None, "4642")),
        (
            {"ref_ID": ABSENT, "reference": ABSENT, "event_name": ["S260502ab"]},
            ("S260502ab", None, None, None),
        ),
        ({"ref_ID": "GW170817", "reference": ABSENT}, ("GW170817", None, None, None)),
    ],
)
def test_reference(changes: dict[str, Any], expected: tuple[Any, ...]) -> None:
    alert = read(notice(**changes))
    gw = alert.gw
    assert gw is not None
    assert (gw.superevent_id, gw.notice_number, gw.notice_type, gw.reference) == expected
    assert (alert.tense, alert.concerns) == (Tense.OBSERVATION, ())


def test_mock_events_are_tests() -> None:
    reference = {"gcn.notices.LVK.alert": "MS260502ab-1-Preliminary"}
    alert = read(notice(ref_ID="MS260502ab", reference=reference))
    assert alert.gw is not None
    assert (alert.gw.is_mock, alert.tense, alert.is_real) == (True, Tense.TEST, False)


def test_topic_of_tests() -> None:
    alert = parse(Message(value=notice(), topic=TOPICS[1]))
    assert alert is not None
    assert alert.tense is Tense.TEST


def test_reference_to_another_event() -> None:
    alert = read(notice(reference={"gcn.notices.LVK.alert": "S260503cd-2-Preliminary"}))
    assert alert.gw is not None
    assert (alert.gw.superevent_id, alert.gw.notice_number) == ("S260502ab", None)
    assert concerns(alert) == [("reference", "S260503cd-2-Preliminary", "S260502ab")]


def test_name_of_another_kind() -> None:
    alert = read(notice(ref_ID="event one", reference=ABSENT))
    assert alert.gw is not None
    assert (alert.gw.superevent_id, alert.tense) == ("event one", None)
    assert concerns(alert) == [("ref_ID", "event one", "event one")]


def test_reference_that_is_none() -> None:
    alert = read(notice(reference="S260502ab-2-Preliminary"))
    assert alert.gw == GWReference(superevent_id="S260502ab")
    assert concerns(alert) == [("reference", "S260502ab-2-Preliminary", None)]


# -------------------------------------------------------------------------------- p-values


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"pval_generic": 0.5, "pval_bayesian": 0.25}, [("generic", 0.5), ("bayesian", 0.25)]),
        ({"pval_generic": None, "pval_bayesian": 0.25}, [("generic", None), ("bayesian", 0.25)]),
        ({"pval_generic": ABSENT, "pval_bayesian": 0.25}, [("bayesian", 0.25)]),
        ({"pval_generic": ABSENT, "pval_bayesian": ABSENT}, []),
        ({"pval_generic": 0, "pval_bayesian": 1}, [("generic", 0.0), ("bayesian", 1.0)]),
        ({"pval_generic": 1e-300}, [("generic", 1e-300), ("bayesian", None)]),
    ],
)
def test_p_values(changes: dict[str, Any], expected: list[tuple[str, float | None]]) -> None:
    assert [(p.search, p.value) for p in read(notice(**changes)).p_values] == expected


def test_null_as_text() -> None:
    alert = read(notice(pval_generic="null"))
    assert alert.p_values[0] == PValue(search="generic", value=None)
    assert concerns(alert) == [("pval_generic", "'null'", None)]
    event = read(with_event(event_pval_bayesian="null"))
    assert event.coincident_events[0].p_value("bayesian") is None
    assert concerns(event) == [("coincident_events[0].event_pval_bayesian", "'null'", None)]


# ------------------------------------------------------------------------------ coincidences


def test_flat_and_nested_are_the_same() -> None:
    flat = with_event(localization=ABSENT, **PLACE, systematic_included=False)
    assert only_event(flat) == only_event(notice())
    assert read(flat).unread == {}


@pytest.mark.parametrize(
    ("region", "radius", "ellipse"),
    [
        ({"ra_dec_error": 0.5}, 0.5, None),
        ({"ra_dec_error": [0.5]}, 0.5, None),
        ({"ra_uncertainty": [0.51], "uncertainty_shape": "circle"}, 0.51, None),
        ({"ra_dec_error": [0.5, 0.25]}, None, Ellipse(semi_major_deg=0.5, semi_minor_deg=0.25)),
        ({}, None, None),
    ],
)
@pytest.mark.parametrize("is_nested", [True, False])
def test_regions(
    region: dict[str, Any], radius: float | None, ellipse: Ellipse | None, is_nested: bool
) -> None:
    place = {"ra": 10.0, "dec": -5.0, "containment_probability": 0.9, **region}
    event = only_event(
        with_event(localization=place) if is_nested else with_event(localization=ABSENT, **place)
    )
    assert event.localization is not None
    assert (event.localization.error_radius_deg, event.localization.ellipse) == (radius, ellipse)
    assert event.localization.containment == (0.9 if region else None)


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("142000_1234567", (142000, 1234567)),
        (["142000_1234567"], (142000, 1234567)),
        (["142000", "1234567"], (142000, 1234567)),
        (["142000_1234567_0"], (142000, 1234567)),
        (ABSENT, (None, None)),
        (None, (None, None)),
    ],
)
def test_identifiers(identifier: Any, expected: tuple[int | None, int | None]) -> None:
    alert = read(with_event(id=identifier))
    event = alert.coincident_events[0]
    assert (event.run_id, event.event_id) == expected
    assert event.event_key == ("142000_1234567" if expected[0] else None)
    assert alert.concerns == ()


def test_identifier_of_another_form() -> None:
    alert = read(with_event(id=["IC260502"]))
    assert alert.coincident_events[0].event_key is None
    assert concerns(alert) == [("coincident_events[0].id", "('IC260502',)", None)]


def test_event_without_anything() -> None:
    assert read(notice(coincident_events=[{}])).coincident_events == (CoincidentEvent(),)


@pytest.mark.parametrize("events", [ABSENT, None, []])
@pytest.mark.parametrize("count", [ABSENT, 0])
def test_no_event(events: Any, count: Any) -> None:
    alert = read(notice(coincident_events=events, n_events_coincident=count))
    assert alert.coincident_events == ()
    assert alert.n_coincident == (None if count is ABSENT else 0)
    assert alert.concerns == ()


def test_number_of_events_is_compared() -> None:
    alert = read(notice(n_events_coincident=3))
    assert (alert.n_coincident, len(alert.coincident_events)) == (3, 1)
    assert concerns(alert) == [("n_events_coincident", "3", "3")]


def test_too_many_events() -> None:
    many: list[dict[str, Any]] = [{}] * (EVENT_LIMIT + 1)
    assert len(read(notice(coincident_events=many[1:])).coincident_events) == EVENT_LIMIT
    assert refusal(notice(coincident_events=many)) == "coincident_events: more than 10000 events"


# ------------------------------------------------------------------------------------- others


@pytest.mark.parametrize("direction", [ABSENT, None, {}, {"ra": 5.0}, {"ra": None, "dec": None}])
def test_no_most_probable_direction(direction: Any) -> None:
    assert read(notice(most_probable_direction=direction)).most_probable_direction is None


@pytest.mark.parametrize(
    ("flux", "energy", "expected"),
    [
        ([0.329, 0.044], [100, 200000], (0.044, 0.329, 100.0, 200000.0)),
        ([0.044, 0.329], [200000, 100], (0.044, 0.329, 100.0, 200000.0)),
        ([0.044, 0.329], ABSENT, (0.044, 0.329, None, None)),
    ],
)
def test_flux_sensitivity_in_any_order(flux: Any, energy: Any, expected: tuple[Any, ...]) -> None:
    item = {"flux_sensitivity": flux}
    if energy is not ABSENT:
        item["sensitive_energy_range"] = energy
    found = read(notice(neutrino_flux_sensitivity_range=item)).flux_sensitivity
    assert found is not None
    assert (
        found.low_gev_cm2, found.high_gev_cm2, found.energy_low_gev, found.energy_high_gev
    ) == expected  # fmt: skip


@pytest.mark.parametrize(
    "item", [{}, {"flux_sensitivity": [1]}, {"flux_sensitivity": [1, "x"]}, 5, []]
)
def test_flux_sensitivity_that_is_none(item: Any) -> None:
    alert = read(notice(neutrino_flux_sensitivity_range=item))
    assert alert.flux_sensitivity is None
    assert {c.taken for c in alert.concerns} == {None}


@pytest.mark.parametrize(
    ("name", "value", "attribute"),
    [
        ("alert_datetime", "soon", "notice_time"),
        ("observation_start", 5, "observation_start"),
        ("observation_stop", "2026-02-30T00:00:00Z", "observation_stop"),
        ("observation_livetime", -1, "livetime_s"),
        ("observation_livetime", "1000", "livetime_s"),
    ],
)
def test_values_that_are_none_are_left_unstated(name: str, value: Any, attribute: str) -> None:
    alert = read(notice(**{name: value}))
    assert getattr(alert, attribute) is None
    assert [(c.field, c.taken) for c in alert.concerns] == [(name, None)]


def test_unknown_fields_are_kept_with_their_path() -> None:
    event = LATEST["coincident_events"][0]
    inner = {**event, "new": 1, "localization": {**PLACE, "newer": [2]}}
    alert = read(
        notice(
            newest="3",
            coincident_events=[inner],
            reference={"gcn.notices.LVK.alert": "S260502ab-2-Preliminary", "other": 4},
            most_probable_direction={"ra": 1, "dec": 2, "err": 5},
        )
    )
    assert alert.unread == {
        "newest": "3",
        "reference.other": 4,
        "coincident_events[0].new": 1,
        "coincident_events[0].localization.newer": [2],
        "most_probable_direction.err": 5,
    }


@pytest.mark.parametrize("schema", [ABSENT, "https://gcn.nasa.gov/schema/main/404.json", 7])
def test_schema_is_not_trusted(schema: Any) -> None:
    assert read(notice(**{"$schema": schema})).concerns == ()


def test_key_stated_twice() -> None:
    alert = read(notice()[:-1] + b', "pval_generic": 0.25}')
    assert alert.p_value("generic") == 0.25
    assert concerns(alert) == [("pval_generic", "twice", "the last one")]


@pytest.mark.parametrize(
    ("name", "words"),
    [("pvalue_1.7.json", "pval_generic: expected a number from 0 to 1, got 1.7")],
)
def test_broken_fixtures(name: str, words: str, fixtures: Path) -> None:
    assert refusal((fixtures / "broken" / name).read_bytes()) == words


def test_fixture_with_null_as_text(fixtures: Path) -> None:
    alert = read((fixtures / "broken" / "pvalue_string_null.json").read_bytes())
    assert [(p.search, p.value) for p in alert.p_values] == [("generic", None), ("bayesian", 0.029)]
    assert concerns(alert) == [("pval_generic", "'null'", None)]
