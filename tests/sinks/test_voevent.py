"""The sink voevent: packets that others accept, and that nobody takes for IceCube's own."""

from __future__ import annotations

import contextlib
import errno
import math
import os
import re
import shutil
import socket
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from astropy.io.votable.ucd import parse_ucd
from astropy.units import Unit
from hypothesis import given, settings
from lxml import etree

from icecube_hooks import (
    AlertKind,
    ConfigError,
    Ellipse,
    GWReference,
    Message,
    Record,
    RefusedForGood,
    RetryLater,
    Sink,
    Status,
    Tense,
    WireFormat,
)
from icecube_hooks.testing import example_records, make_localization, make_record
from icecube_plugin import read
from icecube_plugin.notices import voevent as reader
from icecube_plugin.sinks import voevent
from icecube_plugin.sinks.voevent import Citation, VOEvents, packet, register_sinks
from tests.hooks.strategies import instances

from .disks import full_disk, kill_often
from .test_conformance import Placed

STREAM = "ivo://example.org/neutrinos"
FIXTURES = Path(__file__).parents[2] / "fixtures"
RECORDS = example_records()
NOTICES = sorted(path for path in FIXTURES.glob("gcn.*/*") if "made_up" not in path.name)


@pytest.fixture(scope="session")
def oracle() -> Any:
    """Return voevent-parse, which has the official schema."""
    reason = "voevent-parse, which cannot be installed on Python 3.12 and later, is not here"
    return pytest.importorskip("voeventparse", reason=reason)


def params(data: bytes | Path) -> dict[str, str]:
    """Return the parameters of a packet, those of groups as ``group.name``."""
    root = etree.fromstring(data if isinstance(data, bytes) else data.read_bytes())
    found = {p.get("name", ""): p.get("value", "") for p in root.iterfind("What/Param")}
    for group in root.iterfind("What/Group"):
        for p in group.iterfind("Param"):
            found[f"{group.get('name')}.{p.get('name')}"] = p.get("value", "")
    return found


def cited(path: Path) -> set[tuple[str, str]]:
    root = etree.fromstring(path.read_bytes())
    found = root.iterfind("Citations/EventIVORN")
    return {(str(one.get("cite")), str(one.text)) for one in found}


class TestVOEvents(Placed):
    bad_options = (
        {},
        *({"ivorn": bad} for bad in ("x", 5, "ivo://ab/x", "ivo://example.org", f"{STREAM}#a")),
        *({"ivorn": f"{STREAM}{bad}"} for bad in ("/", "//x", "/../x", " x", "/é")),
        *({"ivorn": STREAM, "send_to": bad} for bad in ("host", ":80", "host:0", "host:99999", 5)),
        {"ivorn": STREAM, "folder": 5},
        {"ivorn": STREAM, "folder": "/dev/null/x"},
    )
    factory = VOEvents
    keeps_order = False

    def make_sink(self) -> VOEvents:
        return VOEvents(ivorn=STREAM, folder=self.path)

    def written_ids(self, sink: Sink) -> Sequence[str]:
        del sink
        return [params(path)["record_id"] for path in self.path.glob("*.xml")]


def test_is_registered() -> None:
    assert [(sink.name, sink.make) for sink in register_sinks()] == [("voevent", VOEvents)]


@pytest.mark.parametrize("citation", [(), (Citation(f"{STREAM}#a+b", "supersedes"),)])
def test_valid_by_the_official_schema(oracle: Any, citation: tuple[Citation, ...]) -> None:
    for record in RECORDS:
        oracle.assert_valid_as_v2_0(oracle.loads(packet(record, f"{STREAM}#x", citation)))


@settings(max_examples=15)
@given(record=instances(Record))
def test_any_record_is_valid(oracle: Any, record: Record) -> None:
    oracle.assert_valid_as_v2_0(oracle.loads(packet(record, f"{STREAM}#x")))


def test_notices_are_valid_and_read_by_others(oracle: Any) -> None:
    """Position, radius and time, as voevent-parse finds them."""
    for path in NOTICES:
        record = read(path)
        found = oracle.loads(packet(record, f"{STREAM}#x"))
        oracle.assert_valid_as_v2_0(found)
        alert = record.alert
        if alert.trigger_time is not None:
            assert oracle.get_event_time_as_utc(found) == alert.trigger_time
        if alert.localization is not None:
            place = oracle.get_event_position(found)
            radius = alert.localization.error_radius_deg
            assert (place.ra, place.dec) == (alert.localization.ra_deg, alert.localization.dec_deg)
            assert place.err == radius or (radius is None and math.isnan(place.err))
            assert (place.units, place.system) == ("deg", "UTC-ICRS-TOPO")


def test_ucds_and_units_are_known_words() -> None:
    found: dict[str, str] = {}
    for record in (*RECORDS, *map(read, NOTICES)):
        for param in etree.fromstring(packet(record, f"{STREAM}#x")).iter("Param"):
            found[param.get("ucd", "")] = param.get("name", "")
            assert Unit(param.get("unit", ""), format="cds") is not None
            assert param.findtext("Description")
    for ucd, name in found.items():
        assert parse_ucd(ucd, check_controlled_vocabulary=True), name


def test_no_reader_takes_it_for_a_notice_of_icecube(oracle: Any) -> None:
    del oracle
    for record in (*RECORDS, *map(read, NOTICES)):
        data = packet(record, "ivo://icecube.amon.gcn/AMON#ICECUBE_GOLD_1_2_0")
        assert reader.parse(Message(value=data)) is None


def test_what_a_packet_says() -> None:
    record = make_record(localization=make_localization(ra_deg=1.5, dec_deg=-2.0))
    root = etree.fromstring(packet(record, f"{STREAM}#x", date=datetime(2026, 5, 2, tzinfo=UTC)))
    assert root.findtext("Who/AuthorIVORN") == STREAM
    assert root.findtext("Who/Date") == "2026-05-02T00:00:00"
    found = params(etree.tostring(root))
    assert found["localization.error_radius"] == "0.61"
    assert found["localization.containment"] == "0.9"
    assert found["alert.energy"] == repr(record.alert.energy_tev)
    inference = root.find("Why/Inference")
    assert inference is not None
    assert inference.get("probability") == repr(record.alert.signalness)


def test_a_search_states_each_p_value_and_neutrino() -> None:
    record = next(record for record in RECORDS if record.alert.coincident_events)
    found = params(packet(record, f"{STREAM}#x"))
    assert (found["alert.p_value_generic"], found["alert.p_value_bayesian"]) == ("0.0191", "0.0549")
    assert found["coincident_event_1.p_value_generic"] == "0.0191"
    assert "coincident_event_1.p_value_bayesian" not in found  # that search was not run
    assert found["coincident_event_1.delta_t"] == "-261.14"
    assert found["significance_1.sided"] == "one-sided"
    assert (found["significance_1.p_value"], found["significance_1.n_trials"]) == ("0.0191", "2.0")
    assert found["search.superevent_id"] == "S230914ak"
    assert b"Position2D" not in packet(record, f"{STREAM}#x")


def test_region_that_is_no_circle() -> None:
    ellipse = Ellipse(semi_major_deg=1.0, semi_minor_deg=0.5, position_angle_deg=30.0)
    place = make_localization(error_radius_deg=None, ellipse=ellipse)
    data = packet(make_record(localization=place), f"{STREAM}#x")
    assert b"<Error2Radius>NaN</Error2Radius>" in data
    found = params(data)
    assert found["localization.semi_major"] == "1.0"
    assert "localization.error_radius" not in found


@pytest.mark.parametrize(
    ("tense", "role"),
    [
        (None, "observation"),
        (Tense.OBSERVATION, "observation"),
        (Tense.ARCHIVAL, "observation"),
        (Tense.PLANNED, "prediction"),
        (Tense.COMMANDED, "prediction"),
        (Tense.INJECTION, "test"),
        (Tense.TEST, "test"),
        (Tense.SIMULATION, "test"),
    ],
)
def test_role(tense: Tense | None, role: str) -> None:
    root = etree.fromstring(packet(make_record(tense=tense), f"{STREAM}#x"))
    assert root.get("role") == role


def test_mock_event_has_the_role_of_a_test() -> None:
    record = make_record(kind=AlertKind.LVK_SEARCH, gw=GWReference(superevent_id="MS230914a"))
    assert etree.fromstring(packet(record, f"{STREAM}#x")).get("role") == "test"


# --- citations ----------------------------------------------------------------------------------


def story(folder: Path, *records: Record) -> list[set[tuple[str, int]]]:
    """Write records, each by a new sink, and return how each cites which of them."""
    paths = []
    for record in records:
        sink = VOEvents(ivorn=STREAM, folder=folder)
        sink.write([record])
        paths.append(sink.path(record))
    numbers = {f"{STREAM}#{path.stem}": number for number, path in enumerate(paths)}
    return [{(how, numbers[ivorn]) for how, ivorn in cited(path)} for path in paths]


def test_update_supersedes_and_retraction_retracts(tmp_path: Path) -> None:
    assert story(
        tmp_path,
        make_record(),
        make_record(event_id=5),
        make_record(revision=1, status=Status.UPDATE),
        make_record(revision=1, status=Status.UPDATE, format=WireFormat.TEXT),
        make_record(revision=2, status=Status.RETRACTION),
        make_record(revision=2, status=Status.RETRACTION, format=WireFormat.TEXT),
        make_record(revision=3, status=Status.UPDATE, tense=Tense.TEST),
    ) == [
        set(),
        set(),
        {("supersedes", 0)},
        {("supersedes", 0), ("followup", 2)},
        {("retraction", 0), ("retraction", 2), ("retraction", 3)},
        {("retraction", 0), ("retraction", 2), ("retraction", 3), ("followup", 4)},
        set(),
    ]


def test_older_revision_that_comes_late(tmp_path: Path) -> None:
    circular = make_record(revision=None, format=WireFormat.CIRCULAR)
    assert story(tmp_path, make_record(revision=1), make_record(), circular) == [
        set(),
        set(),
        {("followup", 0), ("followup", 1)},
    ]


def test_sequence_of_an_lvk_search(tmp_path: Path) -> None:
    gw = GWReference(superevent_id="S230914ak", notice_number=2, notice_type="Preliminary")
    first = make_record(kind=AlertKind.LVK_SEARCH, revision=None, gw=gw)
    second = make_record(kind=AlertKind.LVK_SEARCH, revision=None, gw=gw.replace(notice_number=10))
    assert story(tmp_path, first, second) == [set(), {("supersedes", 0)}]


def test_a_retraction_by_name_cites_the_packets_of_the_number(tmp_path: Path) -> None:
    """Circulars of today give no number, and notices of long ago no name."""
    told: dict[str, Any] = {
        "kind": AlertKind.TRACK, "format": WireFormat.CIRCULAR, "revision": None,
        "run_id": None, "event_id": None,
    }  # fmt: skip
    assert story(
        tmp_path,
        make_record(event_names=()),
        make_record(**told, raw=b"1", circular_number=35001),
        make_record(
            **told, raw=b"2", circular_number=35002, status=Status.RETRACTION, localization=None
        ),
    ) == [set(), {("followup", 0)}, {("retraction", 0), ("retraction", 1)}]


def test_only_what_is_in_the_folder_is_cited(tmp_path: Path) -> None:
    sink = VOEvents(ivorn=STREAM, folder=tmp_path)
    sink.write([make_record()])
    sink.path(make_record()).unlink()
    (tmp_path / "other.xml").write_text("<not/>")
    (tmp_path / "broken.xml").write_text("no")
    sink.write([make_record(revision=1)])
    assert cited(sink.path(make_record(revision=1))) == set()


def test_the_original_notice_is_followed_up(tmp_path: Path) -> None:
    original = FIXTURES / "gcn.classic.voevent.ICECUBE_CASCADE" / "139414_34468187_0.xml"
    record = read(original)
    sink = VOEvents(ivorn=STREAM, folder=tmp_path)
    sink.write([record])
    ivorn = etree.fromstring(original.read_bytes()).get("ivorn")
    assert cited(sink.path(record)) == {("followup", ivorn)}


@pytest.mark.parametrize("ivorn", ["http://x", "ivo://a b", "ivo://a\n", "", "AMON#1"])
def test_what_is_no_identifier_is_not_cited(ivorn: str) -> None:
    assert b"Citations" not in packet(make_record(ivorn=ivorn), f"{STREAM}#x")


# --- sending ------------------------------------------------------------------------------------


class Broker:
    """Answers each packet with the next of its answers."""

    def __init__(self, *answers: bytes | None) -> None:
        self.answers = list(answers)
        self.received: list[bytes] = []
        self.server = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self.run)
        self.place = f"127.0.0.1:{self.server.getsockname()[1]}"
        self.thread.start()

    def run(self) -> None:
        for answer in self.answers:
            connection, _ = self.server.accept()
            with connection:
                length = int.from_bytes(connection.recv(4, socket.MSG_WAITALL), "big")
                self.received.append(connection.recv(length, socket.MSG_WAITALL))
                if answer is not None:
                    connection.sendall(answer)

    def close(self) -> None:
        self.thread.join(10.0)
        self.server.close()


def transport(role: str, text: str = "") -> bytes:
    data = (
        f'<trn:Transport xmlns:trn="http://telescope-networks.org/schema/Transport/v1.1"'
        f' role="{role}" version="1.0"><Origin>ivo://a.b/c</Origin>'
        f"<Meta><Result>{text}</Result></Meta></trn:Transport>"
    ).encode()
    return len(data).to_bytes(4, "big") + data


@contextlib.contextmanager
def broker(*answers: bytes | None) -> Iterator[Broker]:
    found = Broker(*answers)
    try:
        yield found
    finally:
        found.close()


def test_each_packet_is_sent_once(tmp_path: Path) -> None:
    records = [make_record(), make_record(revision=1)]
    with broker(transport("ack"), transport("nak", "Event rejected: Previously seen")) as peer:
        for _ in range(2):
            sink = VOEvents(ivorn=STREAM, folder=tmp_path, send_to=peer.place)
            sink.write(records)
    assert peer.received == [sink.path(record).read_bytes() for record in records]


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        (None, RetryLater, "cannot send to PLACE: the broker closed the connection unanswered"),
        (transport("iamalive"), RetryLater, "PLACE did not answer by ack or nak"),
        (b"\0\0\0\2no", RetryLater, "PLACE did not answer in XML"),
        (b"HTTP/1.0", RetryLater, "cannot send to PLACE: the answer is longer than 100000 bytes"),
        (transport("nak", "no\x0a good"), RefusedForGood, "PLACE refused the packet: no good"),
    ],
)  # fmt: skip
def test_other_answers(
    tmp_path: Path, answer: bytes | None, kind: type[Exception], reason: str
) -> None:
    with broker(answer, transport("ack")) as peer:
        sink = VOEvents(ivorn=STREAM, folder=tmp_path, send_to=peer.place)
        with pytest.raises(kind) as caught:
            sink.write([make_record()])
        sink.write([make_record()])
    assert re.sub(r"  +", " ", str(caught.value)).replace(peer.place, "PLACE") == reason
    assert peer.received[0] == peer.received[1]  # a broker knows it again by its bytes


def test_broker_that_is_down(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"127.0.0.1:{server.getsockname()[1]}"
    sink = VOEvents(ivorn=STREAM, folder=tmp_path, send_to=place)
    with pytest.raises(RetryLater) as caught:
        sink.write([make_record()])
    assert str(caught.value) == f"cannot send to {place}: Connection refused"
    assert sink.path(make_record()).exists()


def test_broker_that_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voevent, "ANSWER_WAIT_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(RetryLater, match=f"cannot send to {place}: timed out"):
            VOEvents(ivorn=STREAM, folder=tmp_path, send_to=place).write([make_record()])


@pytest.mark.parametrize("ivorn", ["ivo://example.org", "example.org/x"])
def test_identifier_that_is_refused(tmp_path: Path, ivorn: str) -> None:
    with pytest.raises(ConfigError) as caught:
        VOEvents(ivorn=ivorn, folder=tmp_path)
    assert str(caught.value) == (
        f"ivorn: expected an identifier, got {ivorn!r} (ivo://example.org/neutrinos: an authority"
        " of three characters or more, a stream)"
    )


# --- trouble ------------------------------------------------------------------------------------


@pytest.mark.full
def test_full_disk(tmp_path: Path) -> None:
    start = datetime(2026, 5, 2, tzinfo=UTC)
    records = [
        make_record(revision=n, trigger_time=start + timedelta(hours=n), comments=("x" * 2000,))
        for n in range(20)
    ]
    options = {"ivorn": STREAM, "folder": "a"}
    with full_disk(tmp_path, "voevent:VOEvents", options, records, kilobytes=128) as child:
        folder = child.folder / "a"
        full = (os.strerror(errno.ENOSPC), "database or disk is full")  # whichever comes first
        assert child.reason in [f"cannot write {folder}: {reason}" for reason in full]
        found = [params(path)["revision"] for path in folder.glob("*.xml")]
        assert sorted(map(int, found)) == list(range(child.number))
        child.make_room()
        assert len(list(folder.glob("*.xml"))) == 20
        last = next(folder.glob("gold+*+19+*.xml"))
        assert len(cited(last)) == 19


@pytest.mark.full
def test_killed_at_any_moment(tmp_path: Path) -> None:
    options = {"ivorn": STREAM, "folder": str(tmp_path / "a")}
    for told in kill_often("voevent:VOEvents", options, times=6):
        assert set(told) <= {params(p)["record_id"] for p in (tmp_path / "a").glob("*.xml")}
        shutil.rmtree(tmp_path / "a")
