"""hop-client: the real package on a real Kafka broker, and our model by itself."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from icecube_hooks import Message, NoticeError, Record
from icecube_hooks.testing import make_record
from icecube_plugin import read
from icecube_plugin.adapters.hop import FORMAT, IceCubeAlert, from_hop, get_models, handler
from icecube_plugin.host import Config, Host, SinkConfig, StoreError
from tests.adapters.conftest import (
    NOTICES,
    ROOT,
    TOMBSTONE,
    Outcome,
    Peers,
    Program,
    Stream,
    configure,
    counts,
    interrupt,
    outcome,
    publish,
    run_into_power_cut,
    run_shown,
    shown,
    wait_for,
)
from tests.kafka_broker.broker import KafkaBroker

SEARCH = (ROOT / "fixtures" / NOTICES[0]).read_bytes()
OPEN = """
from hop.io import Deserializer, StartPosition, Stream
from icecube_plugin.adapters.hop import IceCubeAlert, handler
from icecube_plugin.host import Host

host = Host.from_file("icecube-alerts.toml")
kafka = host.config.kafka
url = f"kafka://{kafka.bootstrap_servers}/{','.join(kafka.topics)}"
stream = Stream(auth=False, start_at=StartPosition.EARLIEST, until_eos=True)
"""
READ = """
deliver = handler(host)
with stream.open(url, "r") as consumer:
    for message, metadata in consumer.read(metadata=True, autocommit=False):
        deliver(message, %s)
host.close()
"""


MODELS = """
import sys
from hop.models import GCNTextNotice, JSONBlob, VOEvent
from icecube_hooks import Message
from icecube_hooks.messages import message_from
from icecube_plugin import readers

text, xml = (open(name, "rb").read() for name in sys.argv[1:])
parse = readers().parse
reference = parse(Message(value=text))
notice = GCNTextNotice.deserialize(text)
assert parse(message_from(notice)) == reference
assert parse(message_from(JSONBlob(content=notice.fields))) == reference
event = VOEvent.load(xml)
assert message_from(event).value == xml
event._raw = b""
assert parse(message_from(event)) == parse(Message(value=xml))
"""


@pytest.fixture
def hop(peers: Peers) -> str:
    return peers("hop")


@pytest.fixture
def topics(stream: Stream) -> list[str]:
    """Without the message that has no value: it ends the loop of ``read``."""
    return [topic for topic in stream.topics if topic != TOMBSTONE]


@pytest.fixture
def expected_of_read(expected: Outcome) -> Outcome:
    return replace(expected, refused=expected.refused - {b""})


def run(python: str, code: str, folder: Path, program: Program) -> str:
    """Run a program to its end; return what it has printed."""
    process = program(python, code, folder)
    process.wait(300)
    log = (folder / "log.txt").read_text()
    assert process.returncode == 0, log
    return log


# --- with hop-client ----------------------------------------------------------------------------


def test_the_loop(
    hop: str, stream: Stream, expected: Outcome, program: Program, tmp_path: Path
) -> None:
    """Through a power cut, then from the beginning once more."""
    run_into_power_cut("hop_loop.py", hop, stream, tmp_path, program, "hop-1")
    stream.hand_on("hop-1", "hop-2")
    left = run_shown("hop_loop.py", hop, stream, tmp_path, program, "hop-2")
    assert outcome(tmp_path) == expected
    assert run_shown("hop_loop.py", hop, stream, tmp_path, program, "hop-3") == left
    assert outcome(tmp_path) == expected


def test_the_table(
    hop: str,
    stream: Stream,
    expected_of_read: Outcome,
    topics: list[str],
    program: Program,
    tmp_path: Path,
) -> None:
    configure(tmp_path, bootstrap_servers=stream.servers, topics=topics)
    lines = run(hop, shown("hop_table.py"), tmp_path, program).splitlines()
    refused = [line for line in lines if line.startswith("not read: ")]
    assert len(refused) == len(expected_of_read.refused) + 1  # and the one of others
    sigmas = {
        f"{row[1]} {[found['sigma'] for found in expected_of_read.lines[row[0]][1]]}"
        for row in expected_of_read.records
    }
    assert {line for line in lines if line not in refused} == sigmas


def test_what_its_models_hold_is_the_notice(hop: str) -> None:
    files = [NOTICES[5], NOTICES[7]]
    code = [hop, "-c", MODELS, *files]
    done = subprocess.run(code, cwd=ROOT / "fixtures", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("metadata", ["metadata", "None"])
def test_decoded_messages(
    metadata: str,
    hop: str,
    stream: Stream,
    expected_of_read: Outcome,
    topics: list[str],
    program: Program,
    tmp_path: Path,
) -> None:
    """With metadata records have the ids that they have elsewhere; without, the same notices."""
    configure(tmp_path, bootstrap_servers=stream.servers, topics=topics)
    run(hop, OPEN + READ % metadata, tmp_path, program)
    found = outcome(tmp_path)
    assert found.notice_ids == expected_of_read.notice_ids
    assert (found == expected_of_read) is (metadata == "metadata")
    assert len(found.refused) == len(expected_of_read.refused) + (metadata == "None")


def test_read_raw_goes_on_where_read_ends(
    hop: str, broker: KafkaBroker, program: Program, tmp_path: Path
) -> None:
    """The reason why the document shows ``read_raw``."""
    broker.create_topic("hop.header")
    broken = Message(value=b'{"half', topic="hop.header", headers=(("_format", b"json"),))
    whole = Message(value=SEARCH, topic="hop.header")
    publish(broker, [broken, Message(value=b"", topic="hop.header"), whole])
    settings: dict[str, Any] = {"bootstrap_servers": broker.bootstrap_servers}
    configure(tmp_path, **settings, topics=["hop.header"], group_id="hop.header")
    process = program(hop, OPEN + READ % "metadata", tmp_path)
    process.wait(300)
    assert process.returncode == 1
    assert "JSONDecodeError" in (tmp_path / "log.txt").read_text()
    assert counts(tmp_path) == (0, 0)
    process = program(hop, shown("hop_loop.py"), tmp_path)
    wait_for(lambda: counts(tmp_path) == (1, 3), process, tmp_path)
    interrupt(process)
    assert outcome(tmp_path).refused == {broken.value, b""}


def test_our_format(
    hop: str,
    broker: KafkaBroker,
    notices: Path,
    expected: Outcome,
    program: Program,
    tmp_path: Path,
) -> None:
    """Published by ``hop publish`` and from Python, with a broken one first; then read."""
    broker.create_topic("icecube.records")
    publish(broker, [_headed(b"[]"), _headed(b"{")])
    configure(tmp_path, bootstrap_servers=broker.bootstrap_servers, topics=["icecube.records"])
    files = [str(notices / name) for name in NOTICES]
    url = f"kafka://{broker.bootstrap_servers}/icecube.records"
    command = [hop, "-m", "hop", "publish", "--no-auth", "-f", FORMAT.upper(), url, *files[1:]]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    write = f"""
with stream.open(url, "w") as producer:
    producer.write(IceCubeAlert.load_file({files[0]!r}))
"""
    check = "assert type(message) is IceCubeAlert, message\n        deliver("
    code = OPEN + write + (READ % "metadata").replace("deliver(m", f"{check}m")
    assert run(hop, code, tmp_path, program).count("refused icecube.records") == 2
    found = outcome(tmp_path)
    assert (found.records, found.significances) == (expected.records, expected.significances)
    assert found.lines == expected.lines
    assert found.refused == {b"[]", b"{"}


def _headed(value: bytes) -> Message:
    header = ("_format", FORMAT.encode())
    return Message(value=value, topic="icecube.records", headers=(header,))


@pytest.mark.parametrize("first", ["hop", "icecube_plugin.adapters.hop", "hop.models", "hop.io"])
def test_the_format_is_there_whatever_is_imported_first(first: str, hop: str) -> None:
    code = f"""
import {first}
from hop.io import Deserializer
from hop.models import MessageModel, format_name
from icecube_plugin.adapters.hop import IceCubeAlert
assert Deserializer["ICECUBE-ALERT"].value is IceCubeAlert
assert issubclass(IceCubeAlert, MessageModel)
assert format_name(IceCubeAlert) == "icecube-alert"
"""
    done = subprocess.run([hop, "-W", "error::UserWarning", "-c", code], capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_what_we_cost(hop: str) -> None:
    """Our module takes less than ``import hop`` itself, and drags nothing heavy along."""
    code = """
import sys, time
import pluggy, requests  # hop-client has these already
begin = time.process_time()
import icecube_plugin.adapters.hop
ours = time.process_time()
import hop
print((ours - begin) / (time.process_time() - ours))
print(*sys.modules)
"""
    runs = [subprocess.check_output([hop, "-c", code], text=True).splitlines() for _ in range(3)]
    assert min(float(ratio) for ratio, _ in runs) < 1.0
    loaded = set(runs[0][1].split())
    assert "hop.io" in loaded
    assert not loaded & {"icecube_plugin.host", "numpy", "astropy", "scipy", "sqlite3", "lxml"}


# --- without ------------------------------------------------------------------------------------


def test_without_hop_nothing_is_raised(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "hop.models", None)
    assert get_models() == {}
    assert "hop-client has no format icecube-alert" in caplog.text


def test_models(monkeypatch: pytest.MonkeyPatch) -> None:
    registered: list[type] = []
    models = SimpleNamespace(MessageModel=SimpleNamespace(register=registered.append))
    monkeypatch.setitem(sys.modules, "hop", SimpleNamespace(models=models))
    monkeypatch.setitem(sys.modules, "hop.models", models)
    assert get_models() == {"icecube-alert": IceCubeAlert}
    assert registered == [IceCubeAlert]


def test_a_record_as_message() -> None:
    record = make_record()
    alert = IceCubeAlert.of(record)
    assert alert.record == record
    assert IceCubeAlert.deserialize(alert.serialize()["content"]) == alert
    assert alert.serialize()["format"] == alert.format_name == "icecube-alert"
    assert json.loads(str(alert))["id"] == record.id
    assert str(IceCubeAlert(b"\xff")) == "\ufffd"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"{", "Input data was truncated"),
        (b"\xff", "JSON is malformed: invalid character"),
        (b"[]", "Expected `object`, got `array`"),
        (b"{}", "Object missing required field `id`"),
        (b"[" * 100_000, "Expected `object`, got `array`"),
    ],
)
def test_no_record(raw: bytes, reason: str) -> None:
    with pytest.raises(NoticeError) as caught:
        _ = IceCubeAlert(raw).record
    assert caught.value.reason.startswith(reason)


@pytest.mark.parametrize("as_", [bytes, bytes.decode, io.BytesIO, bytearray])
def test_load(as_: Any) -> None:
    """A notice is read and assessed; so is the one inside a record."""
    record = IceCubeAlert.load(as_(SEARCH)).record
    assert record == read(SEARCH)
    assert IceCubeAlert.load(as_(record.to_json().encode())).record == record


def test_load_refuses(tmp_path: Path) -> None:
    with pytest.raises(NoticeError, match="no parser recognises this message"):
        IceCubeAlert.load(b"what")
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(NoticeError, match="the message is empty"):
        IceCubeAlert.load_file(tmp_path / "empty.jsonl")


def test_load_file_knows_the_topic() -> None:
    record = IceCubeAlert.load_file(ROOT / "fixtures" / NOTICES[0]).record
    assert record.message.topic == NOTICES[0].partition("/")[0]


METADATA = SimpleNamespace(topic="some.topic", partition=0, offset=7, _raw=None)


def blob(content: object) -> SimpleNamespace:
    return SimpleNamespace(content=content)


def with_raw(value: object) -> SimpleNamespace:
    return SimpleNamespace(**vars(METADATA) | {"_raw": SimpleNamespace(value=lambda: value)})


def test_from_hop_takes_the_bytes_of_kafka() -> None:
    content = json.loads(SEARCH)
    assert from_hop(blob(content), with_raw(SEARCH)).id == read(SEARCH).id
    assert from_hop(blob(content), METADATA).id != read(SEARCH).id


@pytest.mark.parametrize("value", [b"{", b"\xff", None, b"[1]", b'{"format": "json"}'])
def test_from_hop_leaves_bytes_that_hold_something_else(value: object) -> None:
    """Such as the envelope in which old versions of hop-client sent."""
    record = from_hop(blob(json.loads(SEARCH)), with_raw(value))
    assert record.alert.event_key == "S200213t"
    assert record.message.value != value


@pytest.mark.parametrize(
    "obj",
    [[1], blob([1]), blob(None), blob({"a": {1}}), b"{1: {2}}", None, 12, "\udcff", b"", object()],
)
def test_from_hop_refuses(obj: object) -> None:
    with pytest.raises(NoticeError) as caught:
        from_hop(obj, METADATA)
    assert (caught.value.topic, caught.value.offset) == ("some.topic", 7)


def test_what_hop_hands_over_where_it_cannot_fetch(tmp_path: Path) -> None:
    """``read`` without metadata gives this in place of a message that is kept elsewhere."""

    class ExternalMessage:
        error = topic = value = partition = offset = lambda self: "HTTP 404"

        def __repr__(self) -> str:
            return "not fetched"

    host = _host(tmp_path)
    assert handler(host)(ExternalMessage()) is None
    assert [letter.message.value for letter in host.journal.letters()] == [b"not fetched"]


def test_a_record_inside() -> None:
    """The notice in it is read again; people see by which way it came."""
    sent = make_record(message=Message(value=SEARCH, topic="t"))
    received = from_hop(IceCubeAlert.of(sent), METADATA)
    assert received.message == Message(value=SEARCH, topic="t", origin="some.topic[0]@7")
    assert received.alert.event_key == "S200213t"
    assert from_hop(IceCubeAlert.of(sent)).message == sent.message
    with pytest.raises(NoticeError):
        from_hop(b'{"raw_base64": 1}')


def test_handler_returns_the_record(tmp_path: Path) -> None:
    deliver = handler(_host(tmp_path))
    record = deliver(SEARCH, METADATA)
    assert isinstance(record, Record)
    assert record.alert.event_key == "S200213t"
    assert deliver(blob([1])) is None


def test_handler_raises_when_a_message_is_safe_nowhere(tmp_path: Path) -> None:
    """Or it would be marked as done."""
    (tmp_path / "data").touch()
    with pytest.raises(StoreError):
        handler(_host(tmp_path))(b"what", METADATA)


def _host(folder: Path) -> Host:
    sink = SinkConfig(name="lines", type="jsonl", options={"path": str(folder / "a.jsonl")})
    return Host(Config(data_folder=folder / "data", sinks=(sink,)))
