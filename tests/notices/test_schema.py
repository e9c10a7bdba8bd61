"""The optional check against GCN's schema: what it says, of what, and when it cannot."""

from __future__ import annotations

import builtins
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from icecube_hooks import Alert, Concern, ConfigError, Message, WireFormat
from icecube_hooks.host import load_plugins
from icecube_hooks.testing import make_alert
from icecube_plugin.notices import lvk, track
from icecube_plugin.notices.schema import Checker

BASE = "https://example.org/schema/main/"

SINGLE = {
    "$id": f"{BASE}icecube/single_neutrino_alerts.schema.json",
    "type": "object",
    "allOf": [{"$ref": "../core/Place.schema.json"}],
    "properties": {
        "nu_energy": {"type": "number"},
        "pipeline": {"enum": ["Gold Track Alert", "Bronze Track Alert"]},
        "id": {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
    },
}
SEARCH = {
    "$id": f"{BASE}icecube/lvk_nu_track_search.schema.json",
    "type": "object",
    "properties": {
        "pval_generic": {"type": ["number", "null"]},
        "coincident_events": {"type": "array", "items": {"$ref": "#/$defs/event"}},
    },
    "$defs": {"event": {"allOf": [{"$ref": "../core/Place.schema.json"}]}},
}
PLACE = {
    "$id": f"{BASE}core/Place.schema.json",
    "properties": {
        "ra": {"type": "number", "maximum": 360},
        "healpix_url": {"type": "string"},
    },
}
SCHEMAS = {
    "icecube/single_neutrino_alerts.schema.json": SINGLE,
    "icecube/lvk_nu_track_search.schema.json": SEARCH,
    "core/Place.schema.json": PLACE,
}


def write(folder: Path, schemas: dict[str, Any]) -> Path:
    for name, schema in schemas.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(schema if isinstance(schema, str) else json.dumps(schema))
    return folder


@pytest.fixture
def checker(tmp_path: Path) -> Checker:
    return Checker.from_folder(write(tmp_path, SCHEMAS))


@pytest.mark.parametrize(
    ("notice", "problems"),
    [
        ({"nu_energy": 1.0, "pipeline": "Gold Track Alert", "id": ["1_2"], "ra": 3}, []),
        ({"nu_energy": "1.0"}, [("nu_energy", "1.0", "expected number")]),
        (
            {"nu_energy": 1.0, "healpix_url": None, "ra": 400},
            [
                ("healpix_url", "null", "expected string"),
                ("ra", "400", "breaks the rule maximum = 360"),
            ],
        ),
        (
            {"pipeline": "Silver"},
            [("pipeline", "Silver", "expected one of Gold Track Alert, Bronze Track Alert")],
        ),
        ({"nu_energy": 1, "id": 5}, [("id", "5", "expected string, or expected array")]),
        (
            {"nu_energy": 1, "id": ["1", 2]},
            [("id", '["1", 2]', "expected string")],
        ),
        ({"pval_generic": None, "coincident_events": [{"ra": 3}]}, []),
        (
            {"pval_generic": "null", "coincident_events": [{"ra": 3}, {"ra": "4"}]},
            [
                ("coincident_events[1].ra", "4", "expected number"),
                ("pval_generic", "null", "expected number or null"),
            ],
        ),
        (
            {"pval_bayesian": 0.1, "coincident_events": {"x": "y" * 200}},
            [("coincident_events", '{"x": "' + "y" * 70 + "...", "expected array")],
        ),
    ],
)
def test_problems(
    checker: Checker, notice: dict[str, Any], problems: list[tuple[str, ...]]
) -> None:
    expected = tuple(
        Concern(field=field, found=found, taken=found, why=f"schema: {why}")
        for field, found, why in problems
    )
    assert checker.problems(json.dumps(notice).encode()) == expected


@pytest.mark.parametrize(
    ("raw", "found", "why"),
    [
        (b"{", "b'{'", "not valid JSON (Expecting property name enclosed in double quotes"),
        (b'{"ra": NaN}', "b'{\"ra\": NaN}'", "not valid JSON (NaN is not JSON)"),
        (b"\xff", "b'\\xff'", "not valid JSON ('utf-8' codec can't decode byte 0xff"),
        (b"[" * 100_000, None, "nested too deeply"),
        (b"[1]", "[1]", "expected an object"),
        (b'{"a": 1}', '{"a": 1}', "the folder holds no schema for this kind of notice"),
    ],
)
def test_what_cannot_be_checked(checker: Checker, raw: bytes, found: str | None, why: str) -> None:
    (concern,) = checker.problems(raw)
    assert concern.field == "(notice)"
    assert concern.why.startswith(f"schema: {why}")
    assert found is None or concern.found == found


def test_an_alert_is_checked_by_its_kind(checker: Checker) -> None:
    """Whatever its ``$schema`` says, and whatever fields it has."""
    raw = json.dumps({"$schema": SEARCH["$id"], "pval_generic": "x", "nu_energy": "x"}).encode()
    assert [p.field for p in checker.problems(raw, make_alert())] == ["nu_energy"]
    (concern,) = checker.problems(b"", make_alert(format=WireFormat.TEXT))
    assert concern == Concern(
        field="format",
        found="text",
        taken="text",
        why="schema: only JSON and VOEvent have a schema",
    )


def test_older_names_of_the_files(tmp_path: Path) -> None:
    """Where there are several, the newest is used; without ``$id``, so is the file's place."""
    plain = {key: value for key, value in SINGLE.items() if key not in ("$id", "allOf")}
    write(tmp_path, {"icecube/GoldAndBronze.schema.json": plain})
    old = Checker.from_folder(tmp_path)
    assert len(old.problems(b'{"nu_energy": "x"}')) == 1
    assert old.problems(b'{"pval_generic": 1}')[0].why.endswith("for this kind of notice")
    write(tmp_path, {"icecube/gold_bronze_track_alerts.schema.json": {"required": ["a"]}})
    (concern,) = Checker.from_folder(tmp_path).problems(b'{"nu_energy": "x"}')
    assert concern.why == 'schema: breaks the rule required = ["a"]'


@pytest.mark.parametrize(
    ("schemas", "message"),
    [
        ({}, "{folder}: no schema of an IceCube notice below this folder"),
        (
            {"icecube/single_neutrino_alerts.schema.json": SINGLE},
            f"{PLACE['$id']}: a schema refers to this one, which is not in the folder",
        ),
        (
            SCHEMAS | {"core/Place.schema.json": "[]"},
            "{place}: is not a JSON schema",
        ),
        (
            SCHEMAS | {"core/Place.schema.json": "x"},
            "{place}: cannot be read (Expecting value: line 1 column 1 (char 0))",
        ),
        (
            SCHEMAS | {"core/Place.schema.json": PLACE | {"required": 5}},
            f"{PLACE['$id']}: is not a valid JSON schema (5 is not of type 'array')",
        ),
    ],
)
def test_bad_folders(tmp_path: Path, schemas: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Checker.from_folder(write(tmp_path, schemas))
    assert str(caught.value) == message.format(
        folder=tmp_path, place=tmp_path / "core" / "Place.schema.json"
    )


def test_schemas_that_refer_to_each_other(tmp_path: Path) -> None:
    loop = PLACE | {"$ref": SINGLE["$id"]}
    Checker.from_folder(write(tmp_path, SCHEMAS | {"core/Place.schema.json": loop}))


def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *arguments: Any, **more: Any) -> Any:
        if name == "jsonschema":
            raise ImportError(f"No module named {name!r}", name=name)
        return real(name, *arguments, **more)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ConfigError) as caught:
        Checker.from_folder(write(tmp_path, SCHEMAS))
    hint = "pip install 'jsonschema>=4.20' 'referencing>=0.30'"
    assert str(caught.value) == f"checking notices needs jsonschema ({hint})"


@pytest.fixture(scope="module")
def gcn() -> Checker:
    """Return a checker with GCN's own schemas, which are not part of the project."""
    folder = Path(__file__).parents[3] / "shared" / "gcn-schema"
    if not folder.is_dir():
        reason = f"no GCN schemas in {folder}"
        if os.environ.get("ICECUBE_REQUIRE_CORPUS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return Checker.from_folder(folder)


def test_real_notices(gcn: Checker, corpus: Path) -> None:
    """Every version of the published JSON fits the newest schema, with or without its alert."""
    paths = sorted((corpus / "raw").rglob("*.json"))
    assert len(paths) > 30
    for path in paths:
        message = Message(value=path.read_bytes())
        alert = lvk.parse(message) or track.parse(message)
        assert alert is not None
        assert gcn.problems(message.value, alert) == gcn.problems(message.value) == ()


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("nu_energy", "127", "expected number"),
        ("ra", "345.82", "expected number"),
        ("healpix_url", None, "expected string"),
        ("alert_type", "first", "expected one of initial, subsequent, update, retraction"),
        ("id", 137840, "expected string, or expected array"),
        ("ra_dec_error", "1", "expected number, or expected array"),
    ],
)
def test_the_real_schema_is_applied(
    gcn: Checker, fixtures: Path, field: str, value: object, why: str
) -> None:
    """Fields of the schema itself and of those that it refers to, two steps away."""
    path = next(fixtures.glob("gcn.notices.icecube.gold_bronze_track_alerts/*.json"))
    data = json.loads(path.read_bytes())
    before = {(p.field, p.why) for p in gcn.problems(json.dumps(data).encode())}
    after = {(p.field, p.why) for p in gcn.problems(json.dumps(data | {field: value}).encode())}
    assert after - before <= {(field, f"schema: {why}")}
    assert (field, f"schema: {why}") in after


def test_our_own_fixtures(gcn: Checker, fixtures: Path) -> None:
    """What we wrote breaks the schema where the real ones do, and nowhere else."""
    found = {
        (problem.field, problem.found)
        for path in fixtures.glob("gcn.notices.*/*.json")
        for problem in gcn.problems(path.read_bytes())
    }
    assert found <= {("healpix_url", "null"), ("alert_tense", "injections")}, found


def voevent(fixtures: Path, old: bytes = b"", new: bytes = b"") -> tuple[bytes, Alert]:
    file = min((fixtures / "gcn.classic.voevent.ICECUBE_CASCADE").iterdir())
    raw = file.read_bytes()
    assert old in raw
    alert = load_plugins(allow=["voevent"]).parse(Message(value=raw))
    return raw.replace(old, new, 1), alert


def test_a_voevent_is_checked_against_its_own_schema(checker: Checker, fixtures: Path) -> None:
    pytest.importorskip("voeventparse", reason="cannot be installed on Python 3.12 and newer")
    assert checker.problems(*voevent(fixtures)) == ()
    (concern,) = checker.problems(*voevent(fixtures, b'role="observation"', b'role="sim"'))
    assert "'sim' is not an element of the set" in concern.why
    (concern,) = checker.problems(*voevent(fixtures, b'version="2.0"', b'version="1.1"'))
    assert concern.why == "schema: ValueError: Unsupported VOEvent schema version:1.1"


def test_a_missing_voevent_parse_is_said(
    checker: Checker, fixtures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "voeventparse", None)
    (concern,) = checker.problems(*voevent(fixtures))
    assert concern.why == "schema: not checked: voevent-parse is not installed"
