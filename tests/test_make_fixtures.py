"""The fixtures are what their generator writes, and are what their formats ask for."""

from __future__ import annotations

import json
import math
import re
import struct
import warnings
from collections import defaultdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from .make_fixtures import (
    FOLDER,
    FOUR_FORMATS,
    LVK_JSON,
    SECONDS_PER_YEAR,
    TRACK_JSON,
    WAVE_JSON,
    cascades,
    event_binary,
    main,
    on_disk,
    tracks,
)

SHARED = Path(__file__).parents[2] / "shared"
PACKET = SHARED / "corpus" / "raw" / "CASCADE_139414_34468187_0.bin"
SCHEMAS = SHARED / "gcn-schema"
TOPICS = re.compile(
    r"gcn\.(notices\.icecube\.(lvk_nu_track_search|(test\.)?gold_bronze_track_alerts)"
    r"|classic\.(text|voevent|binary)\.(ICECUBE_ASTROTRACK_(GOLD|BRONZE)|ICECUBE_CASCADE"
    r"|AMON_(NU_EM_COINC|ICECUBE_(COINC|HESE|EHE))|LVC_INITIAL))"
)
FILES = {path: content for path, content in on_disk(FOLDER).items() if path != "README.md"}
NOTICES = {path: content for path, content in FILES.items() if not path.startswith("broken/")}
BROKEN = {path: content for path, content in FILES.items() if path.startswith("broken/")}


def with_ending(ending: str) -> list[str]:
    found = [path for path in NOTICES if path.endswith(ending)]
    assert found
    return found


def test_files_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert (main(["--check"]), capsys.readouterr().err) == (0, "")


@pytest.mark.full
def test_check_names_what_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--folder", str(tmp_path)]) == 0
    (tmp_path / "README.md").write_text("something else")
    (tmp_path / "broken" / "empty.txt").unlink()
    (tmp_path / "stray.txt").write_text("")
    assert main(["--check", "--folder", str(tmp_path)]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "README.md: differs",
        "broken/empty.txt: missing",
        "stray.txt: unknown",
    ]
    assert main(["--folder", str(tmp_path)]) == 0
    assert main(["--check", "--folder", str(tmp_path)]) == 0


def test_size() -> None:
    assert sum(map(len, on_disk(FOLDER).values())) < 400_000


@pytest.mark.parametrize("folder", sorted({path.split("/")[0] for path in NOTICES} - {WAVE_JSON}))
def test_folders_are_topics(folder: str) -> None:
    assert TOPICS.fullmatch(folder)


def formats_of_events() -> dict[str, set[str]]:
    """Return, for each ``run_event_revision``, the formats that it is there in."""
    found = defaultdict(set)
    for path in NOTICES:
        folder, file = path.split("/")
        stem = Path(file).stem
        if ("ASTROTRACK" in folder or folder == TRACK_JSON) and re.fullmatch(r"\d+_\d+_\d", stem):
            found[stem].add(Path(file).suffix)
    return found


def test_enough_events() -> None:
    found = formats_of_events()
    assert len({stem.rpartition("_")[0] for stem in found}) >= 40
    assert found.keys() >= {event.file for event in tracks()}


def test_ten_events_in_four_formats() -> None:
    everywhere = {".txt", ".xml", ".json", ".bin"}
    complete = {stem for stem, formats in formats_of_events().items() if formats == everywhere}
    assert len({stem.rpartition("_")[0] for stem in complete}) >= 10
    assert complete == {event.file for event in tracks() if event.id in FOUR_FORMATS}


def text_number(notice: str, key: str) -> float:
    found = re.search(rf"^{key}: +([-+\d.e]+)", notice, re.MULTILINE)
    assert found, key
    return float(found[1])


@pytest.mark.parametrize(
    "event", [e for e in tracks() if e.id in FOUR_FORMATS], ids=lambda e: e.file
)
def test_four_formats_agree(event: Any) -> None:
    folder = f"ICECUBE_ASTROTRACK_{event.kind}"
    written = NOTICES[f"gcn.classic.text.{folder}/{event.file}.txt"].decode()
    root = etree.fromstring(NOTICES[f"gcn.classic.voevent.{folder}/{event.file}.xml"])
    data = json.loads(NOTICES[f"{TRACK_JSON}/{event.file}.json"])
    words = struct.unpack(">40i", NOTICES[f"gcn.classic.binary.{folder}/{event.file}.bin"])
    params = {p.get("name", ""): p.get("value", "") for p in root.iter("Param")}

    assert {
        (int(text_number(written, "RUN_NUM")), int(text_number(written, "EVENT_NUM"))),
        (int(params["run_id"]), int(params["event_id"])),
        tuple(map(int, data["id"][0].split("_"))),
        (words[23], words[4]),
    } == {(event.run, event.number)}
    assert {
        int(text_number(written, "REVISION")),
        int(params["Rev"]),
        data["record_number"],
        words[17],
    } == {event.revision}

    position = pytest.approx((data["ra"], data["dec"]), abs=5e-5)
    assert (text_number(written, "SRC_RA"), text_number(written, "SRC_DEC")) == position
    assert (float(root.findtext(".//C1", "")), float(root.findtext(".//C2", ""))) == position
    assert (words[7] / 1e4, words[8] / 1e4) == position

    error = pytest.approx(data["ra_dec_error"], abs=1e-4)
    assert text_number(written, "SRC_ERROR") / 60 == error
    assert float(params["src_error_90"]) == error
    assert words[11] / 1e4 == error

    for key, param, value, word in (
        ("ENERGY", "energy", data["nu_energy"], words[9]),
        ("SIGNALNESS", "signalness", data["p_astro"], words[22]),
        ("FAR", "FAR", data["far"] * SECONDS_PER_YEAR, words[12]),
    ):
        expected = pytest.approx(value, rel=3e-4)
        assert text_number(written, key) == expected
        assert float(params[param]) == expected
        assert 10 ** (word / 1e4) == expected

    seconds = event.time.strftime("%H:%M:%S.%f")[:-4]
    assert f"{{{seconds}}}" in written
    assert root.findtext(".//ISOTime", "").endswith(seconds)
    assert f"{event.time:%Y-%m-%dT}{seconds}".rstrip("0") in data["trigger_time"]
    midnight = event.time.replace(hour=0, minute=0, second=0, microsecond=0)
    assert midnight + timedelta(seconds=words[6] / 100) == event.time
    assert words[25] == event.time.microsecond


@pytest.mark.parametrize("path", with_ending(".xml"))
def test_voevents_are_valid(path: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of its own imports
        reason = "voevent-parse, which cannot be installed on Python 3.12 and later, is not here"
        voeventparse = pytest.importorskip("voeventparse", reason=reason)
    assert voeventparse.valid_as_v2_0(voeventparse.loads(NOTICES[path]))


def schema_errors(topic: str, notice: Any) -> list[str]:
    """Return where a notice breaks its schema; skip if the schemas are not here."""
    if not SCHEMAS.is_dir():
        pytest.skip("GCN's schemas are not here")
    jsonschema = pytest.importorskip("jsonschema")
    referencing = pytest.importorskip("referencing")
    documents = [json.loads(file.read_text()) for file in SCHEMAS.rglob("*.schema.json")]
    registry = referencing.Registry().with_resources(
        (document["$id"], referencing.Resource.from_contents(document)) for document in documents
    )
    name = "lvk_nu_track_search" if topic == LVK_JSON else "single_neutrino_alerts"
    (schema,) = (d for d in documents if d["$id"].endswith(f"/icecube/{name}.schema.json"))
    validator = jsonschema.Draft202012Validator(schema, registry=registry)
    return [error.json_path for error in validator.iter_errors(notice)]


def test_lvk_alert_has_the_fields_of_a_real_one(corpus: Path) -> None:
    (ours,) = (json.loads(NOTICES[path]) for path in NOTICES if path.startswith(WAVE_JSON))
    real = json.loads((corpus / "gw" / "S241125n-INITIAL-RAVEN.json").read_bytes())
    assert ours.keys() == real.keys()
    assert ours["event"].keys() == real["event"].keys()


@pytest.mark.parametrize("path", [p for p in with_ending(".json") if not p.startswith(WAVE_JSON)])
def test_json_follows_the_schema(path: str) -> None:
    null_skymap = path.endswith("/135591_36044887_0.json")
    errors = schema_errors(path.split("/")[0], json.loads(NOTICES[path]))
    assert errors == (["$.healpix_url"] if null_skymap else [])


def test_the_schema_can_refuse() -> None:
    notice = json.loads(BROKEN["broken/pvalue_string_null.json"])
    assert schema_errors(LVK_JSON, notice) == ["$.pval_generic"]


def test_binary_packet_is_laid_out_as_a_real_one() -> None:
    if not PACKET.exists():
        pytest.skip("the real packet is not here")
    real = struct.unpack(">40i", PACKET.read_bytes())
    (cascade,) = (event for event, _ in cascades() if event.id == "139414_34468187")
    midnight = cascade.time.replace(hour=0, minute=0, second=0, microsecond=0)
    sent = midnight + timedelta(seconds=real[3] / 100)
    ours = struct.unpack(">40i", event_binary(cascade, serial=real[1], sent=sent))
    # The published energy, signalness and FAR are rounded: one step of their logarithm.
    assert [i for i in range(40) if abs(ours[i] - real[i]) > (i in {9, 12, 22})] == []


def test_no_notice_is_a_copy() -> None:
    if not (SHARED / "corpus").is_dir():
        pytest.skip("the real notices are not here")
    real = {path.read_bytes() for path in (SHARED / "corpus").rglob("*") if path.is_file()}
    assert real
    assert [path for path, content in NOTICES.items() if content in real] == []


def test_text_signs_agree_but_for_the_broken_one() -> None:
    def contradicts(content: bytes) -> bool:
        pairs = re.findall(r"^SRC_DEC: +([-+]?)[\d.]+d \{([-+])", content.decode(), re.MULTILINE)
        assert pairs
        return any((a or "+") != b for a, b in pairs)

    assert not any(contradicts(NOTICES[path]) for path in with_ending(".txt"))
    assert contradicts(BROKEN["broken/contradictory_signs.txt"])


def test_broken_files_are_broken() -> None:
    def file(name: str) -> bytes:
        return BROKEN[f"broken/{name}"]

    with pytest.raises(json.JSONDecodeError):
        json.loads(file("truncated.json"))
    assert json.loads(file("ra_9999.json"))["ra"] == 9999
    assert math.isnan(json.loads(file("nan.json"))["nu_energy"])
    assert json.loads(file("pvalue_string_null.json"))["pval_generic"] == "null"
    assert json.loads(file("pvalue_1.7.json"))["pval_generic"] == 1.7
    assert file("entities.xml").count(b"<!ENTITY") == 4
    assert b"RUN_NUM" not in file("no_run_number.txt")
    assert len(file("159_bytes.bin")) == 159
    assert file("empty.txt") == b""
    assert file("page.html").startswith(b"<!DOCTYPE html>")
    assert file("kafka_error.txt").startswith(b"Subscribed topic not available: ")


def test_lvk_searches_cover_the_cases() -> None:
    searches = [json.loads(NOTICES[path]) for path in NOTICES if path.startswith(LVK_JSON)]
    both = [s for s in searches if None not in (s["pval_generic"], s["pval_bayesian"])]
    assert any(
        len(s.get("coincident_events", [])) > 1 and "most_probable_direction" in s for s in both
    )
    assert any(s["pval_generic"] is None for s in searches)
    empty = [s for s in searches if s["n_events_coincident"] == 0]
    assert empty
    assert all("coincident_events" not in s for s in empty)
    assert sum(s.get("ref_ID") == "S241225c" for s in searches) == 3
    assert any(s.get("ref_ID", "").startswith("MS") for s in searches)
    assert all(len(s.get("coincident_events", [])) == s["n_events_coincident"] for s in searches)


def test_every_file_is_in_the_readme() -> None:
    readme = (FOLDER / "README.md").read_text()
    for path in BROKEN:
        assert f"`{path.removeprefix('broken/')}`" in readme
    for folder in {path.split("/")[0] for path in NOTICES}:
        assert f"| `{folder}` | " in readme


def test_the_readme_names_files_that_are_there() -> None:
    readme = (FOLDER / "README.md").read_text()
    named = [name for name in re.findall(r"`([\w.]+/[\w.*-]+)`", readme) if "make_" not in name]
    assert len(named) > 10
    assert [name for name in named if not list(FOLDER.glob(name))] == []
