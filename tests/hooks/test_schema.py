"""The published schema of a record: the same as the types, and as what is written."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from icecube_hooks import (
    HOOKSPEC_VERSION,
    Concern,
    Ellipse,
    FluxSensitivity,
    NoticeError,
    Record,
    record_schema,
)
from icecube_hooks.host import PluginSet, load_plugins
from icecube_hooks.testing import (
    example_records,
    make_localization,
    make_record,
    make_significance,
)
from icecube_plugin.cli.command import main
from icecube_plugin.host import messages_from

from .strategies import instances


@pytest.fixture(scope="module")
def readers() -> PluginSet:
    return load_plugins(allow=["icecube-plugin"], block=["sink-*"])


@cache
def validator() -> Any:
    """Return jsonschema's own; its import takes seconds, so it is not at the top."""
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(record_schema())
    return Draft202012Validator(record_schema())


def problems(data: object) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in validator().iter_errors(data)]


def test_it_is_a_schema_and_says_which() -> None:
    assert validator().schema["$id"] == f"urn:icecube-plugin:record:{HOOKSPEC_VERSION}"


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(record_schema()))


def test_fields_have_their_unit_and_meaning() -> None:
    alert = record_schema()["$defs"]["Alert"]["description"]
    assert "Most probable neutrino energy [TeV, > 0]." in alert


@pytest.mark.parametrize("record", example_records(), ids=lambda record: record.id[:60])
def test_examples_are_valid(record: Record) -> None:
    assert problems(json.loads(record.to_json())) == []


@given(instances(Record))
@settings(max_examples=50)
def test_any_record_is_valid(record: Record) -> None:
    assert problems(record.to_dict()) == []
    assert problems(json.loads(record.to_json())) == []


def test_our_notices_are_valid(fixtures: Path, readers: PluginSet) -> None:
    records = [json.loads(record.to_json()) for record in _records(fixtures, readers)]
    assert len(records) > 200
    assert [problem for record in records for problem in problems(record)] == []


def test_real_notices_are_valid(corpus: Path, readers: PluginSet) -> None:
    records = [json.loads(record.to_json()) for record in _records(corpus, readers)]
    assert len(records) > 100
    assert [problem for record in records for problem in problems(record)] == []


def _records(folder: Path, readers: PluginSet) -> Iterator[Record]:
    for message in messages_from([str(folder)]):
        try:
            yield readers.record(message)
        except NoticeError:
            continue


def _places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every key, but for those of `Alert.unread`."""
    if isinstance(data, list):
        data = dict(enumerate(data))
    for key, value in data.items() if isinstance(data, dict) else ():
        if isinstance(key, str):
            yield (*path, key)
        if key != "unread":
            yield from _places(value, (*path, key))


def _holder(data: Any, path: tuple[Any, ...]) -> Any:
    for key in path[:-1]:
        data = data[key]
    return data


SEARCH = next(record.alert for record in example_records() if record.alert.coincident_events)
FULL = make_record(
    alert=SEARCH,
    significances=(make_significance(),),
    localization=make_localization(ellipse=Ellipse(semi_major_deg=1.0, semi_minor_deg=0.5)),
    flux_sensitivity=FluxSensitivity(low_gev_cm2=0.03, high_gev_cm2=0.8),
    concerns=(Concern(field="ra", found="400", taken=None, why="no right ascension"),),
)
FULL_DATA = json.loads(FULL.to_json())
PLACES = list(_places(FULL_DATA))


def test_there_is_much_to_change() -> None:
    assert len(PLACES) > 100
    assert problems(FULL_DATA) == []


@pytest.mark.parametrize("path", PLACES, ids=lambda path: ".".join(map(str, path)))
def test_changed_records_are_not_valid(path: tuple[Any, ...]) -> None:
    """With a value of a type that no field has."""
    wrong = copy.deepcopy(FULL_DATA)
    _holder(wrong, path)[path[-1]] = [[{}]]
    assert problems(wrong)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("run_id", "138400"),
        ("revision", 0.5),
        ("revision", True),
        ("energy_tev", "172"),
        ("energy_tev", True),
        ("trigger_time", 5),
        ("event_names", "IceCube-230416A"),
    ],
)
def test_wrong_values_are_not_valid(name: str, value: object) -> None:
    changed = copy.deepcopy(FULL_DATA)
    changed["alert"][name] = value
    assert [problem.partition(":")[0] for problem in problems(changed)] == [f"$.alert.{name}"]
