"""What other software hands over is read as the bytes that it came from.

The stand-ins for hop-client's and Kafka clients' classes have their fields and methods; with
hop-client's own, see ``tests/adapters/test_hop.py``.
"""

from __future__ import annotations

import json
import pickle
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from lxml import etree

from icecube_hooks import Alert, IceCubePluginError, Message, NoticeError
from icecube_hooks.messages import LITERAL_LIMIT, HandoverError, message_from
from icecube_hooks.testing import make_record
from icecube_plugin.notices import lvk, text, track, voevent

TEXT = b"""\
TITLE:            GCN/AMON NOTICE
NOTICE_DATE:      Sat 02 May 26 04:05:06 UT
NOTICE_TYPE:      ICECUBE Astrotrack Gold
RUN_NUM:          142000
EVENT_NUM:        1234567
SRC_RA:           103.5000d {+06h 54m 00s} (J2000),
                  103.8300d {+06h 55m 19s} (current)
SRC_DEC:           -5.2500d {-05d 15' 00"} (J2000),
                   -5.2800d {-05d 16' 48"} (current)
SRC_ERROR:        41.20 [arcmin radius, stat-only, 90% containment]
DISCOVERY_DATE:   21162 TJD;   122 DOY;   26/05/02 (yy/mm/dd)
DISCOVERY_TIME:   14400 SOD {04:00:00.25} UT
REVISION:         0
ENERGY:           1.7120e+02 [TeV]
COMMENTS:         First line.
COMMENTS:         Second line.
"""

XML = b"""<?xml version='1.0' encoding='UTF-8'?>
<voe:VOEvent xmlns:voe="http://www.ivoa.net/xml/VOEvent/v2.0" version="2.0" role="test"
    ivorn="ivo://nasa.gsfc.gcn/AMON#ICECUBE_GOLD_Event2026-05-02T04:00:00.25_24_142000_001234567_0">
  <Who><AuthorIVORN>ivo://nasa.gsfc.tan/gcn</AuthorIVORN><Date>2026-05-02T04:05:06</Date></Who>
  <What>
    <Param name="Packet_Type" value="173" />
    <Param name="run_id" value="142000"><Description>Run &amp; so on</Description></Param>
    <Param name="event_id" value="1234567" />
    <Param name="Rev" value="0" />
    <Param name="src_error_90" value="0.6867" unit="deg">
      <Description>Angular error of the source, statistical only.</Description>
    </Param>
    <Group name="Trigger_ID"><Param name="Test" value="false" /></Group>
    <Group name="Misc_flags" />
  </What>
  <WhereWhen><ObsDataLocation><ObservationLocation>
    <AstroCoordSystem id="UTC-FK5-GEO" />
    <AstroCoords coord_system_id="UTC-FK5-GEO">
      <Time unit="s"><TimeInstant><ISOTime>2026-05-02T04:00:00.25</ISOTime></TimeInstant></Time>
      <Position2D unit="deg"><Name1>RA</Name1><Name2>Dec</Name2>
        <Value2><C1>103.5000</C1><C2>-5.2500</C2></Value2>
        <Error2Radius>0.6867</Error2Radius></Position2D>
    </AstroCoords>
  </ObservationLocation></ObsDataLocation></WhereWhen>
</voe:VOEvent>
"""

SEARCH: dict[str, Any] = {
    "type": "IceCube LVK Alert Nu Track Search",
    "ref_ID": "S260502ab",
    "trigger_time": "2026-05-02T04:00:00Z",
    "pval_generic": 0.012,
    "pval_bayesian": None,
    "n_events_coincident": 0,
}


@dataclass
class GCNTextNotice:
    raw: bytes
    fields: dict[str, str]


@dataclass
class VOEvent:
    """As hop-client decodes it: attributes, elements and ``#text`` are items alike."""

    ivorn: str
    role: str
    version: str
    Who: Any
    What: Any
    WhereWhen: Any
    How: Any = field(default_factory=dict)
    Why: Any = field(default_factory=dict)
    Citations: Any = field(default_factory=dict)
    Description: Any = None
    _raw: bytes = b""


@dataclass
class Blob:
    content: Any


@dataclass
class GCNCircular:
    header: dict[str, str]
    body: str

    def __str__(self) -> str:
        return "\n".join([*(f"{k.upper()}: {v}" for k, v in self.header.items()), "", self.body])


@dataclass
class Metadata:
    topic: str = "gcn.classic.text.ICECUBE_ASTROTRACK_GOLD"
    partition: int = 2
    offset: int = 7
    timestamp: int = 1_777_694_706_123
    key: str | bytes | None = None
    headers: list[tuple[str, bytes]] | None = None


class KafkaMessage:
    """As confluent-kafka has it: everything is a method."""

    def __init__(self, value: bytes | None, error: object = None) -> None:
        self._value, self._error = value, error

    def value(self) -> bytes | None:
        return self._value

    def error(self) -> object:
        return self._error

    def topic(self) -> str:
        return "gcn.notices.icecube.gold_bronze_track_alerts"

    def partition(self) -> int:
        return 1

    def offset(self) -> int:
        return 12

    def timestamp(self) -> tuple[int, int]:
        return (1, 1_777_694_706_123)

    def key(self) -> bytes:
        return b"key"

    def headers(self) -> list[tuple[str, bytes | None]]:
        return [("_format", b"json"), ("empty", None)]


def parsed(message: Message) -> Alert:
    """Read with the parser that knows it; the bytes themselves are not compared."""
    for parse in (lvk.parse, track.parse, text.parse, voevent.parse):
        alert = parse(message)
        if alert is not None:
            return alert
    raise AssertionError(message.value)


def hop_fields(value: bytes) -> dict[str, str]:
    """Split a text notice as hop-client does: lower-case keys, repeated ones joined by newline."""
    found: dict[str, str] = {}
    key = ""
    for line in value.decode().splitlines():
        match = re.match(r"([A-Z_0-9]+):(.*)", line)
        key = key if match is None else match[1].lower()
        words = (line if match is None else match[2]).strip()
        found[key] = f"{found[key]}\n{words}" if key in found else words
    return found


def decoded(element: Any) -> Any:
    """Decode XML as xmltodict does with no prefix for attributes."""
    found: dict[str, Any] = dict(element.attrib)
    for child in element:
        value = decoded(child)
        before = found.get(child.tag)
        if child.tag in found:
            found[child.tag] = [*(before if isinstance(before, list) else [before]), value]
        else:
            found[child.tag] = value
    words = (element.text or "").strip()
    return (found | {"#text": words} if words else found) if found else words or None


FIELDS = hop_fields(TEXT)
EVENT = decoded(etree.fromstring(XML))
MODEL = {key: value for key, value in EVENT.items() if key in VOEvent.__dataclass_fields__}


@pytest.mark.parametrize(
    ("obj", "value"),
    [
        pytest.param(obj, value, id=name)
        for name, obj, value in (
            ("bytes", TEXT, TEXT),
            ("str", TEXT.decode(), TEXT),
            ("bytearray", bytearray(TEXT), TEXT),
            ("memoryview", memoryview(TEXT), TEXT),
            ("GCNTextNotice", GCNTextNotice(TEXT, FIELDS), TEXT),
            ("VOEvent", VOEvent(**MODEL, _raw=XML), XML),
            ("Blob", Blob(TEXT), TEXT),
            ("record", make_record(message=Message(value=TEXT)), TEXT),
            ("message", Message(value=TEXT), TEXT),
            ("dump of bytes", repr(TEXT), TEXT),
            ("empty", b"", b""),
            ("no literal", b"{not python}", b"{not python}"),
            ("a set", b"{1, 2}", b"{1, 2}"),
            ("a set inside", b"{'a': {1}}", b"{'a': {1}}"),
            ("no key", b"{[]: 1}", b"{[]: 1}"),
            ("deep", b"{" * 5000, b"{" * 5000),
            ("not UTF-8", b"{\xff", b"{\xff"),
            ("JSON", b'{"a": 1,  "b": 2}', b'{"a": 1,  "b": 2}'),
            ("large", b"{'a':'" + b"x" * LITERAL_LIMIT, b"{'a':'" + b"x" * LITERAL_LIMIT),
            ("circular", GCNCircular({"title": "GCN CIRCULAR"}, "x"), b"TITLE: GCN CIRCULAR\n\nx"),
            ("surrogate", "\udcff", b"\xed\xb3\xbf"),
        )
    ],
)
def test_bytes_are_passed_on(obj: object, value: bytes) -> None:
    assert message_from(obj) == Message(value=value)


@pytest.mark.parametrize(
    ("obj", "value"),
    [
        pytest.param(FIELDS, TEXT, id="fields"),
        pytest.param(Blob(FIELDS), TEXT, id="JSONBlob of fields"),
        pytest.param(repr(FIELDS), TEXT, id="dump of fields"),
        pytest.param(SEARCH, None, id="decoded JSON"),
        pytest.param(Blob(SEARCH), None, id="JSONBlob"),
        pytest.param(repr(SEARCH).encode(), None, id="dump of decoded JSON"),
        pytest.param(etree.fromstring(XML), XML, id="lxml"),
        pytest.param(ET.XML(XML.decode().partition("?>")[2]), XML, id="ElementTree"),
        pytest.param(VOEvent(**MODEL), XML, id="VOEvent without its bytes"),
        pytest.param(MODEL, XML, id="VOEvent as dictionary"),
        pytest.param({"voe:VOEvent": EVENT}, XML, id="xmltodict"),
        pytest.param(repr(MODEL), XML, id="dump of a VOEvent"),
    ],
)
def test_what_was_decoded_is_read_alike(obj: object, value: bytes | None) -> None:
    original = Message(value=json.dumps(SEARCH).encode() if value is None else value)
    assert parsed(message_from(obj)) == parsed(original)


def test_json_of_a_voevent() -> None:
    """Old hop-client versions sent VOEvents as JSON."""
    assert parsed(message_from(json.dumps(MODEL))) == parsed(Message(value=XML))


def test_attributes_with_prefix() -> None:
    """xmltodict's own default is ``@`` before attributes."""
    data: dict[str, Any] = {
        "@ivorn": "ivo://a/b#c",
        "What": {"Param": {"@name": "x", "@value": None}},
    }
    root = etree.fromstring(message_from(data).value)
    param = root.find("What/Param")
    assert root.get("ivorn") == "ivo://a/b#c"
    assert param is not None
    assert (param.get("name"), param.get("value")) == ("x", "")


def test_element_inside_a_document() -> None:
    """What follows the element is not part of it."""
    root = etree.fromstring(b"<all>" + XML[XML.index(b"<voe") :] + b" and more</all>")
    assert message_from(root[0]).value.endswith(b"</voe:VOEvent>")


def test_comet_event() -> None:
    class Event:
        element = etree.fromstring(XML)
        raw_bytes = XML

    assert message_from(Event()).value == XML


WHEN = datetime(2026, 5, 2, 4, 5, 6, 123_000, UTC)


def test_kafka_message() -> None:
    assert message_from(KafkaMessage(TEXT)) == Message(
        value=TEXT,
        topic="gcn.notices.icecube.gold_bronze_track_alerts",
        partition=1,
        offset=12,
        timestamp=WHEN,
        key=b"key",
        headers=(("_format", b"json"), ("empty", None)),
    )
    assert message_from(KafkaMessage(None)).value == b""


def test_record_of_another_client() -> None:
    @dataclass
    class ConsumerRecord(Metadata):
        value: bytes = TEXT

    message = message_from(ConsumerRecord(key="k", headers=[("a", b"b")]))
    assert (message.value, message.offset, message.timestamp) == (TEXT, 7, WHEN)
    assert (message.key, message.headers) == (b"k", (("a", b"b"),))


def test_error_event() -> None:
    with pytest.raises(NoticeError) as caught:
        message_from(KafkaMessage(b"Subscribed topic not available", error="UNKNOWN_TOPIC"))
    assert str(caught.value) == (
        "gcn.notices.icecube.gold_bronze_track_alerts[1]@12: "
        "Kafka reports an error in place of a message: UNKNOWN_TOPIC"
    )


@pytest.mark.parametrize("metadata", [Metadata(), vars(Metadata())], ids=["object", "dictionary"])
def test_metadata(metadata: object) -> None:
    message = message_from(TEXT, metadata=metadata)
    assert (message.topic, message.partition, message.offset) == (Metadata.topic, 2, 7)
    assert (message.timestamp, message.key, message.headers) == (WHEN, None, ())
    assert message_from(TEXT, metadata=metadata, topic="other").topic == "other"


def test_metadata_adds_to_a_message() -> None:
    given = Message(value=TEXT, origin="file", key=b"k")
    message = message_from(given, metadata=Metadata(headers=[("a", "b")]))  # type: ignore[list-item]  # some give text
    assert (message.origin, message.key, message.offset) == ("file", b"k", 7)
    assert message.headers == (("a", b"b"),)


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ((0, 0), None),
        ((2, 1_777_694_706_123), WHEN),
        (-1, None),
        (1e300, None),
        ("x", None),
        (WHEN, WHEN),
    ],
)
def test_time_stamps(stamp: object, expected: datetime | None) -> None:
    assert message_from(TEXT, metadata={"timestamp": stamp}).timestamp == expected


NOT_JSON = "is not JSON serializable"
LOOP: dict[str, Any] = {"ivorn": "ivo://a"}
LOOP["What"] = LOOP


@pytest.mark.parametrize(
    ("obj", "error"),
    [
        (12, "builtins.int: not a notice in any known form"),
        (None, "builtins.NoneType: not a notice in any known form"),
        ([TEXT], "builtins.list: not a notice in any known form"),
        (Blob([1]), f"{__name__}.Blob: not a notice in any known form"),
        (etree.Comment("x"), "lxml.etree._Comment: not a notice in any known form"),
        (
            {"a": b"b"},
            f"builtins.dict: cannot be written as JSON (Object of type bytes {NOT_JSON})",
        ),
    ],
)
def test_refusals(obj: object, error: str) -> None:
    with pytest.raises(HandoverError) as caught:
        message_from(obj)
    assert str(caught.value) == error
    assert isinstance(caught.value, TypeError | IceCubePluginError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == error  # noqa: S301  # made here


def test_refuses_what_contains_itself() -> None:
    with pytest.raises(HandoverError, match=r"^builtins.dict: cannot be written as XML"):
        message_from(LOOP)
