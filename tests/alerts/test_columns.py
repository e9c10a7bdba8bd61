"""What an alert's columns are: each field has one, and each user of them knows every one."""

from __future__ import annotations

from typing import get_type_hints

import pytest
from hypothesis import given

from icecube_hooks import (
    Alert,
    AsymmetricError,
    CoincidentEvent,
    Ellipse,
    FluxSensitivity,
    GWReference,
    Localization,
    Record,
    Significance,
)
from icecube_hooks.testing import example_records, make_record
from icecube_plugin.alerts.columns import (
    ALERT,
    NEUTRINO,
    RECORD,
    RECORD_JSON,
    SIGHTING,
    SIGNIFICANCE,
    Column,
    by_name,
    taker,
)
from icecube_plugin.host.filters import NAMES
from icecube_plugin.sinks import parquet
from icecube_plugin.sinks.database_tables import TABLES, metadata
from tests.hooks.strategies import instances

WITHOUT: dict[type, set[str]] = {
    Alert: {
        "coincident_events",  # rows of a table of their own
        "comments",
        "concerns",
        "gw_candidate",  # LVK's own alerts are few
        "p_values",  # a column for each of the two searches
        "raw",
        "unread",
        # what the columns of a part are made of
        *("localization", "gw", "most_probable_direction", "flux_sensitivity"),
    },
    Localization: {"ellipse", "asymmetric"},
    CoincidentEvent: {"localization", "p_values"},
    Significance: {"notes"},
}
"""Fields that have no column, on purpose: `RECORD_JSON` has them."""


@pytest.mark.parametrize(
    ("kind", "part", "columns"),
    [
        (Alert, (), ALERT),
        (Localization, ("localization",), ALERT),
        (Ellipse, ("localization", "ellipse"), ALERT),
        (AsymmetricError, ("localization", "asymmetric"), ALERT),
        (GWReference, ("gw",), ALERT),
        (FluxSensitivity, ("flux_sensitivity",), ALERT),
        (CoincidentEvent, (), NEUTRINO),
        (Significance, (), SIGNIFICANCE),
    ],
)
def test_each_field_has_a_column(
    kind: type, part: tuple[str, ...], columns: tuple[Column, ...]
) -> None:
    has = {column.field for column in columns if column.part == part}
    has |= {column.name for column in columns if not isinstance(column.field, str)}
    angle = {"position_angle_deg"} if part[1:] else set()  # one for ellipse and box
    assert set(get_type_hints(kind)) - WITHOUT.get(kind, set()) - angle <= has


@pytest.mark.parametrize("columns", [RECORD, SIGHTING, SIGNIFICANCE, NEUTRINO])
def test_names_are_unique_and_said_to_people(columns: tuple[Column, ...]) -> None:
    assert len(by_name(columns)) == len({column.short for column in columns}) == len(columns)
    assert all(column.text and column.ucd for column in columns)


def test_joined_tables_share_positions_and_numbers_only() -> None:
    assert by_name(RECORD).keys().isdisjoint(by_name(SIGNIFICANCE))
    assert by_name(RECORD).keys() & by_name(NEUTRINO).keys() == {
        *("ra_deg", "dec_deg", "error_radius_deg", "containment", "event_key", "run_id"),
        *("event_id", "p_generic", "p_bayesian"),
    }


@given(instances(Record))
def test_all_at_once_is_each_by_itself(record: Record) -> None:
    assert repr(taker(RECORD)(record)) == repr([column.get(record) for column in RECORD])


def test_required_values_are_there() -> None:
    for record in (*example_records(), make_record()):
        assert all(column.get(record) is not None for column in RECORD if column.is_required)


def test_every_user_knows_every_column() -> None:
    """A field of `Alert`, a reader and a column: three places, and it is everywhere."""
    names = list(by_name(RECORD))
    assert TABLES["records"] == parquet.COLUMNS == (*RECORD, RECORD_JSON)
    assert metadata().tables["records"].columns.keys() == [
        *("record_number", *names, "record_json"),
    ]
    assert NAMES.keys() >= set(names)
