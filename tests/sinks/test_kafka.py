"""The Kafka sink on a real broker: one that asks for a login on one of its two ports."""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import confluent_kafka
import pytest

from icecube_hooks import (
    ConfigError,
    Record,
    RefusedForGood,
    RetryLater,
    Sink,
    Status,
    record_schema,
)
from icecube_hooks.host import build, load_plugins
from icecube_hooks.messages import message_from
from icecube_hooks.testing import (
    SinkConformance,
    example_records,
    make_alert,
    make_message,
    make_record,
)
from icecube_plugin.cli.command import main
from icecube_plugin.host import Host
from icecube_plugin.notices.normalised import parse
from icecube_plugin.sinks.json_lines import read_lines
from icecube_plugin.sinks.kafka import SCHEMA_ID, Kafka, Reports, key_of
from tests.kafka_broker.broker import KafkaBroker, free_ports
from tests.kafka_broker.fixture import require_kafka
from tests.sinks.kafka_reader import content, headers, once, read

ROOT = Path(__file__).parents[2]
PASSWORD = "hunter2-Geheim"  # noqa: S105  # of a broker that lives for seconds
# Anonymous people on the plain port may do all; `reader` may log in, and write nothing.
SETTINGS = """
listeners=PLAINTEXT://127.0.0.1:{{port}},CONTROLLER://127.0.0.1:{{controller_port}},\
SASL_PLAINTEXT://127.0.0.1:{port}
advertised.listeners=PLAINTEXT://127.0.0.1:{{port}},CONTROLLER://127.0.0.1:{{controller_port}},\
SASL_PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,\
SASL_PLAINTEXT:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_plaintext.plain.sasl.jaas.config=\
org.apache.kafka.common.security.plain.PlainLoginModule required \
user_writer="{password}" user_reader="{password}";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:writer
"""


class Place(KafkaBroker):
    """A broker with a port for people with a name."""

    def __init__(self) -> None:
        (port,) = free_ports(1)
        super().__init__(settings=SETTINGS.format(port=port, password=PASSWORD))
        self.login: dict[str, Any] = {"bootstrap_servers": f"127.0.0.1:{port}", "options": PLAIN}


PLAIN = {"security.protocol": "sasl_plaintext", "sasl.mechanism": "PLAIN"}


@pytest.fixture(scope="module")
def broker() -> Iterator[Place]:
    """One for this module, to stop and restart."""
    require_kafka()
    with Place() as broker:
        yield broker


@pytest.fixture
def topic(broker: Place) -> str:
    name = f"icecube-records.{uuid4().hex}"
    broker.create_topic(name, partitions=3)
    return name


class TestConformance(SinkConformance):
    factory = Kafka
    bad_options = (
        {},
        {"bootstrap_servers": 5},
        {"bootstrap_servers": ""},
        {"bootstrap_servers": "x", "topic": "gcn.notices.icecube.mine"},
        {"bootstrap_servers": "x", "topic": "a b"},
        {"bootstrap_servers": "x", "topic": ".."},
        {"bootstrap_servers": "x", "timeout_s": 0},
        {"bootstrap_servers": "x", "timeout_s": True},
        {"bootstrap_servers": "x", "options": "acks=all"},
        {"bootstrap_servers": "x", "options": {"no.such.option": 1}},
        {"bootstrap_servers": "x", "options": {"acks": "0"}},
        {"bootstrap_servers": "x", "options": {"enable.idempotence": False}},
    )

    @pytest.fixture(autouse=True)
    def place(self, broker: Place) -> None:
        self.broker = broker
        self.topic = f"icecube-records.{uuid4().hex}"
        broker.create_topic(self.topic)

    def make_sink(self) -> Kafka:
        servers = self.broker.bootstrap_servers
        return Kafka(bootstrap_servers=servers, topic=self.topic, timeout_s=120.0)

    def written_ids(self, sink: Sink) -> Sequence[str]:
        del sink
        return list(once(read(self.broker, self.topic)))

    @contextlib.contextmanager
    def trouble(self, sink: Sink) -> Iterator[None]:
        assert isinstance(sink, Kafka)
        patience_s, sink.timeout_s = sink.timeout_s, 0.5  # nothing is there to be waited for
        self.broker.stop()
        yield
        self.broker.restart()
        sink.timeout_s = patience_s


# --- what a reader finds ------------------------------------------------------------------------


def test_a_message(broker: Place, topic: str) -> None:
    record = make_record(significances=())
    _write(broker, topic, [record])
    (message,) = read(broker, topic)
    assert message.key() == b"137840_57034692"
    assert headers(message) == {
        "record-id": record.id.encode(),
        "notice-id": b"gold:137840_57034692:0",
        "schema": SCHEMA_ID.encode(),
        "content-type": b"application/json",
        "original-topic": b"gcn.notices.icecube.gold_bronze_track_alerts",
    }
    assert record_schema()["$id"] == SCHEMA_ID
    assert content(message) == record
    assert parse(message_from(message)) == record


def test_all_that_there_is_arrives_valid(broker: Place, topic: str) -> None:
    from jsonschema import Draft202012Validator  # takes seconds

    validator = Draft202012Validator(record_schema())
    _write(broker, topic, example_records())
    messages = read(broker, topic)
    for message in messages:
        validator.validate(json.loads(message.value() or b""))
    assert once(messages) == {record.id: record for record in example_records()}


def test_another_host_reads_it(broker: Place, topic: str) -> None:
    """The alert, the id and, from its own providers, the significance."""
    plugins = load_plugins(allow=["icecube-plugin"], block=["sink-*"])
    record = make_record().replace(significances=plugins.assess(make_alert()))
    _write(broker, topic, [record])
    (message,) = read(broker, topic)
    again = plugins.record(message_from(message))
    place = message_from(message)
    assert again == record.replace(message=place.replace(value=record.message.value))


def test_a_record_without_an_event_has_its_id_as_key() -> None:
    record = make_record(run_id=None, event_names=())
    assert key_of(record) == record.id.encode()
    assert key_of(make_record(run_id=None, event_names=("\udcff",))) == b"\\udcff"


def test_the_document(broker: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What docs/streams.md shows: one host publishes, another one and a plain consumer read."""
    document = (ROOT / "docs" / "streams.md").read_text("utf-8")
    blocks = dict(re.findall(r"```(?:toml|python)\n# (\S+)\n(.*?)```", document, re.DOTALL))
    broker.create_topic("icecube-records", partitions=2)
    for name, block in blocks.items():
        (tmp_path / name).write_text(block.replace("localhost:9092", broker.bootstrap_servers))
    monkeypatch.chdir(tmp_path)
    notices = str(ROOT / "fixtures" / "gcn.notices.icecube.lvk_nu_track_search")
    assert main(["--config", "kafka.toml", "replay", notices]) == 0
    assert main(["--config", "reader.toml", "backfill", "--since", "1h"]) == 0
    found = {record.id: record.alert for record in read_lines("alerts.jsonl")}
    assert found == {record.id: record.alert for record in Host().records(notices)}
    assert f"`{SCHEMA_ID}`" in document

    command = [sys.executable, "read_stream.py"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        printed = [line.split()[0] for line in itertools.islice(reader.stdout, len(found))]
        reader.kill()
    assert sorted(printed) == sorted(found)


# --- order and failures -------------------------------------------------------------------------


def story(events: int, revisions: int, first: int = 0) -> list[Record]:
    """Return revisions of several events, one event after the other's."""
    return [
        make_record(event_id=event, revision=revision, status=Status.UPDATE)
        for revision in range(first, first + revisions)
        for event in range(events)
    ]


def assert_in_order(messages: Sequence[confluent_kafka.Message], records: list[Record]) -> None:
    """Each record is there, an event is in one partition, and its revisions ascend."""
    found = once(messages)
    assert set(found) == {record.id for record in records}
    for event in {record.alert.event_key for record in records}:
        assert event is not None
        places = {m.partition() for m in messages if m.key() == event.encode()}
        assert len(places) == 1
        revisions = [r.alert.revision for r in found.values() if r.alert.event_key == event]
        assert revisions == sorted(revisions, key=lambda revision: revision or 0)


def test_revisions_of_an_event_stay_in_order(broker: Place, topic: str) -> None:
    records = story(events=20, revisions=20)
    _write(broker, topic, records)
    messages = read(broker, topic)
    assert len(messages) == 400
    assert len({message.partition() for message in messages}) == 3
    assert_in_order(messages, records)


def test_through_the_death_of_the_broker(broker: Place, topic: str) -> None:
    """One sink waits; one gives up, and is given the batch again."""
    impatient = f"{topic}.impatient"
    broker.create_topic(impatient, partitions=3)
    over = threading.Event()
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(_deliver, broker, topic, 40.0, over)
        trying = pool.submit(_deliver, broker, impatient, 1.0, over)
        try:
            while len(read(broker, topic)) < 300:
                pass
            broker.kill()
            broker.restart()  # takes some seconds
        finally:
            over.set()
    (records, failures), (others, reasons) = waiting.result(), trying.result()
    assert failures == []
    assert reasons != []
    messages = read(broker, topic)
    assert_in_order(messages, records)
    assert len(messages) == len(records)  # the producer is idempotent
    assert_in_order(read(broker, impatient), others)


def _deliver(
    broker: Place, topic: str, timeout_s: float, over: threading.Event
) -> tuple[list[Record], list[str]]:
    """Write one batch after the other, as a host does; return all of it, and what was raised."""
    sink = Kafka(
        bootstrap_servers=broker.bootstrap_servers,
        topic=topic,
        timeout_s=timeout_s,
        options={"batch.num.messages": 5},  # so that some of a batch is there and some is not
    )
    records: list[Record] = []
    failures: list[str] = []
    with contextlib.closing(sink):
        while not over.is_set():
            batch = story(events=50, revisions=4, first=len(records) // 50)
            while not _is_written(sink, batch, failures):
                assert len(failures) < 60
            records += batch
    return records, failures


def _is_written(sink: Kafka, batch: list[Record], failures: list[str]) -> bool:
    try:
        _write_to(sink, batch)
    except RetryLater as error:
        failures.append(str(error))
        return False
    return True


def test_a_full_queue_is_waited_for(broker: Place, topic: str) -> None:
    _write(broker, topic, story(10, 10), options={"queue.buffering.max.messages": 3})
    assert len(read(broker, topic)) == 100


def test_a_queue_that_stays_full_is_tried_again_later() -> None:
    options = {"queue.buffering.max.messages": 3}
    sink = Kafka(bootstrap_servers="127.0.0.1:9", timeout_s=0.3, options=options)
    with contextlib.closing(sink), pytest.raises(RetryLater, match=r"^3 record\(s\) not acknow"):
        sink.write(story(10, 1))


@pytest.mark.parametrize("limit", [900_000, 3_000_000])
def test_a_record_that_is_too_large_is_named(broker: Place, topic: str, limit: int) -> None:
    """By the client or, where that takes more, by the broker; the others arrive."""
    large = make_record(raw=b"x" * 1_200_000)
    records = [make_record(event_id=1), large, make_record(event_id=2)]
    settings: dict[str, Any] = {"bootstrap_servers": broker.bootstrap_servers, "topic": topic}
    with contextlib.closing(Kafka(**settings, options={"message.max.bytes": limit})) as sink:
        with pytest.raises(RefusedForGood, match=r"did not take gold:.*too large"):
            _write_to(sink, records)
        with pytest.raises(RefusedForGood) as caught:
            _write_to(sink, [large])
        assert large.id in str(caught.value)
        _write_to(sink, [records[0]])
        _write_to(sink, [records[2]])
    assert set(once(read(broker, topic))) == {records[0].id, records[2].id}


def test_a_topic_that_is_not_there(broker: Place) -> None:
    with pytest.raises(RetryLater, match=r"Unknown topic.*\(create the topic"):
        _write(
            broker,
            "no-such-topic",
            [make_record()],
            options={"topic.metadata.propagation.max.ms": 300},
        )


def test_a_record_does_not_go_back_to_where_it_came_from(broker: Place, topic: str) -> None:
    record = make_record(message=make_message(topic=topic))
    with pytest.raises(RefusedForGood, match=f"came from {topic}: a host must not write where"):
        _write(broker, topic, [record])
    assert read(broker, topic) == []


def _write(broker: KafkaBroker, topic: str, records: Sequence[Record], **options: Any) -> None:
    sink = Kafka(bootstrap_servers=broker.bootstrap_servers, topic=topic, **options)
    with contextlib.closing(sink):
        _write_to(sink, records)


def _write_to(sink: Kafka, records: Sequence[Record]) -> None:
    sink.write(records)
    sink.flush()


# --- logins -------------------------------------------------------------------------------------


def test_login(broker: Place, topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_PASSWORD", PASSWORD)
    login = broker.login | {"username": "writer", "password_env": "STREAM_PASSWORD"}
    with contextlib.closing(Kafka(topic=topic, **login)) as sink:
        _write_to(sink, example_records())
    assert len(read(broker, topic)) == len(example_records())


def test_a_wrong_password_is_not_shown(
    broker: Place, topic: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = "not-the-Passwort"  # noqa: S105  # and wrong
    started = time.monotonic()
    login = broker.login | {"username": "writer", "password": secret, "timeout_s": 600.0}
    with (
        contextlib.closing(Kafka(topic=topic, **login)) as sink,
        pytest.raises(RetryLater, match="uthentication failed") as caught,
    ):
        _write_to(sink, [make_record()])
    assert time.monotonic() - started < 300.0  # it is told at once, not when the time is up
    shown = [str(caught.value), repr(sink), caplog.text, *capfd.readouterr()]
    assert secret not in " ".join(shown)


def test_an_account_that_may_not_write(broker: Place, topic: str) -> None:
    account = broker.login | {"username": "reader", "password": PASSWORD}
    with (
        contextlib.closing(Kafka(topic=topic, **account)) as sink,
        pytest.raises(RefusedForGood, match=r"did not take gold:.*: Topic authorization failed$"),
    ):
        _write_to(sink, [make_record()])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"password": "p"}, "password: is of no use without username"),
        ({"password_env": "P"}, "password_env: is of no use without username"),
        ({"username": "u"}, "password_env: give password or password_env with username"),
        ({"username": "u", "password": 5}, "s.password: expected `str | null`, got `int`"),
        ({"username": "", "password": "p"}, "s.username: expected `str` matching regex '\\\\S'"),
        (
            {"username": "u", "password": "p", "password_env": "P"},
            "password_env: give password or password_env with username",
        ),
        (
            {"username": "u", "password_env": "ICECUBE_NONE"},
            "password_env: the environment variable ICECUBE_NONE is not set",
        ),
        (
            {"options": {"bootstrap.servers": "b"}},
            "options.bootstrap.servers: cannot be set (it is the option bootstrap_servers)",
        ),
    ],
)
def test_login_options_are_checked(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(Kafka, {"bootstrap_servers": "x", **options}, "s")
    assert words in str(caught.value)


def test_what_failed_and_may_pass_wins_over_what_may_not() -> None:
    reports = Reports("here")
    error = confluent_kafka.KafkaError
    reports.delivered("a", error(error.MSG_SIZE_TOO_LARGE), None)
    reports.delivered("b", error(error.REQUEST_TIMED_OUT), None)
    reports.delivered("c", None, None)
    with pytest.raises(RetryLater, match=r"^here did not take b, nor 1 other\(s\): Broker: Req"):
        reports.check(0)
