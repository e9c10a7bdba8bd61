"""States in which alerts do not flow, on a real broker: each is said everywhere, within 30 s."""

from __future__ import annotations

import http.server
import json
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it exports what it lists
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from icecube_hooks import ConfigError
from icecube_plugin.cli.command import main
from icecube_plugin.host import Config, Host
from icecube_plugin.host.config import HealthConfig, KafkaConfig
from icecube_plugin.host.credentials import Secret
from icecube_plugin.host.health import read_status
from icecube_plugin.host.kafka import KafkaFailure, LiveSource, client_options, connect
from tests.host.test_health import get
from tests.kafka_broker.broker import KafkaBroker, free_ports
from tests.kafka_broker.fixture import require_kafka
from tests.kafka_broker.oidc import CLIENT_ID, CLIENT_SECRET, OidcKafka
from tests.kafka_broker.proxy import Proxy
from tests.patience import wait_for

from .common import command, kafka_config, notice, publish, running

SOON_S = 150.0  # 10 to 30 on a quiet machine


@pytest.fixture(scope="module")
def proxy() -> Iterator[tuple[Proxy, KafkaBroker]]:
    require_kafka()
    with Proxy() as proxy, KafkaBroker(settings=proxy.settings) as broker:
        broker.create_topic("gcn.heartbeat")
        yield proxy, broker


@pytest.fixture(scope="module")
def oidc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcKafka]:
    require_kafka()
    with OidcKafka.running(tmp_path_factory.mktemp("oidc")) as running:
        yield running


@contextmanager
def watched(folder: Path, kafka: KafkaConfig) -> Iterator[tuple[Host, int]]:
    """Run a host that writes into a folder; give it, and the port of its health."""
    (port,) = free_ports(1)
    health = HealthConfig(every_s=1.0, listen=f"127.0.0.1:{port}")
    config = Config(data_folder=folder, kafka=kafka, sinks=(), health=health)
    (folder / "c.toml").write_text(f'data_folder = "{folder}"\n')
    with Host(config) as host:
        wait_for(lambda: read_status(folder) is not None)
        yield host, port


def is_said(
    kind: str, text: str, folder: Path, port: int, capsys: pytest.CaptureFixture[str]
) -> bool:
    """Ask everything that can be asked how the host is."""
    code, why = get(port, "/healthz")
    if code == 200 or text not in why:
        return False
    if f'icecube_alerts_problem{{kind="{kind}"}} 1.0' not in get(port, "/metrics")[1]:
        return False
    exit_code = main(["--config", str(folder / "c.toml"), "status"])
    return exit_code == 1 and text in capsys.readouterr().out


def is_well(folder: Path, port: int, capsys: pytest.CaptureFixture[str]) -> bool:
    exit_code = main(["--config", str(folder / "c.toml"), "status"])
    capsys.readouterr()
    return exit_code == 0 and get(port, "/healthz") == (200, "ok\n")


@pytest.mark.parametrize("trouble", ["cut", "freeze"])
def test_a_host_that_is_cut_off_does_not_say_that_it_is_well(
    proxy: tuple[Proxy, KafkaBroker],
    trouble: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    line, broker = proxy
    topic = f"cut.off.{trouble}"
    broker.create_topic(topic)
    kafka = kafka_config(line, topic, heartbeat=True)
    with watched(tmp_path, kafka) as (host, port):
        wait_for(lambda: is_well(tmp_path, port, capsys))
        source: Any = host._source
        wait_for(lambda: source.lag() != {})  # connected, as the client's statistics say
        getattr(line, trouble)()
        began, age_s = time.monotonic(), source.heartbeat_age_s()
        said = f"not connected to {line.bootstrap_servers} for "
        try:
            wait_for(lambda: is_said("not-connected", said, tmp_path, port, capsys), SOON_S)
            waited_s = time.monotonic() - began
            assert source.heartbeat_age_s() >= age_s + waited_s - 1.0  # silence goes on counting
        finally:
            line.mend()
        wait_for(lambda: is_well(tmp_path, port, capsys))


def test_a_host_that_never_was_connected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = "127.0.0.1:9"
    kafka = KafkaConfig(bootstrap_servers=where, group_id="g", topics=("a",), wait=True)
    with watched(tmp_path, kafka) as (_, port):
        said = f"never connected to {where} for "
        wait_for(lambda: is_said("never-connected", said, tmp_path, port, capsys), SOON_S)
        assert "cannot reach" in get(port, "/healthz")[1]


def account(oidc: OidcKafka, secret: str = CLIENT_SECRET, **changes: Any) -> KafkaConfig:
    usual = KafkaConfig(
        bootstrap_servers=oidc.bootstrap_servers,
        client_id=CLIENT_ID,
        client_secret=Secret(secret),
        options={
            "sasl.oauthbearer.token.endpoint.url": oidc.endpoint.url,
            "security.protocol": "sasl_plaintext",
        },
    )
    return usual.replace(**changes)


def test_a_host_that_is_refused(
    oidc: OidcKafka,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    kafka = account(oidc, "wrong", group_id="g", topics=("a",), wait=True)
    with watched(tmp_path, kafka) as (_, port):
        said = f"{oidc.bootstrap_servers} refuses us for "
        wait_for(lambda: is_said("refused", said, tmp_path, port, capsys), SOON_S)
    assert "the credentials were refused: check GCN_CLIENT_ID and GCN_CLIENT_SECRET" in caplog.text
    assert "wrong" not in caplog.text


@contextmanager
def denied(oidc: OidcKafka, topics: Sequence[str]) -> Iterator[Callable[[], None]]:
    """Let nobody but another user read topics, though all see them; give what ends that."""
    admin = AdminClient({"bootstrap.servers": oidc.broker.bootstrap_servers})

    def rule(cls: Any, topic: str, user: str, operation: AclOperation) -> Any:
        kind, pattern = ResourceType.TOPIC, ResourcePatternType.LITERAL
        return cls(kind, topic, pattern, user, "*", operation, AclPermissionType.ALLOW)

    rules = [
        rule(AclBinding, topic, user, operation)
        for topic in topics
        for user, operation in (
            ("User:another", AclOperation.READ),
            (f"User:{CLIENT_ID}", AclOperation.DESCRIBE),
        )
    ]
    for answer in admin.create_acls(rules).values():
        answer.result(timeout=120)

    def allow() -> None:
        more = [rule(AclBinding, t, f"User:{CLIENT_ID}", AclOperation.READ) for t in topics]
        for answer in admin.create_acls(more).values():
            answer.result(timeout=120)

    yield allow
    anything: Any = (None, None, AclOperation.ANY, AclPermissionType.ANY)
    for topic in topics:
        kind, pattern = ResourceType.TOPIC, ResourcePatternType.LITERAL
        every = AclBindingFilter(kind, topic, pattern, *anything)
        for answer in admin.delete_acls([every]).values():
            answer.result(timeout=120)


def configuration(folder: Path, kafka: KafkaConfig, more: str = "") -> list[str]:
    """Write what a host like this has in its file; return the words that name it."""
    lines = [f'data_folder = "{folder}/data"', "sinks = {}", "[kafka]"]
    lines += [
        f"{name} = {json.dumps(value)}"
        for name, value in (
            ("bootstrap_servers", kafka.bootstrap_servers),
            ("topics", list(kafka.topics or ())),
            ("client_id", kafka.client_id),
            ("client_secret", kafka.client_secret and kafka.client_secret.reveal()),
        )
        if value is not None
    ]
    lines += [more, "[kafka.options]"]
    lines += [f"{json.dumps(name)} = {json.dumps(value)}" for name, value in kafka.options.items()]
    (folder / "c.toml").write_text("\n".join(lines))
    (folder / "c.toml").chmod(0o600)
    return ["--config", str(folder / "c.toml")]


def test_check_tries_to_read_each_topic(
    oidc: OidcKafka, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = tuple(f"check.{n}" for n in range(4))
    for name in names:
        oidc.broker.create_topic(name)
    words = configuration(tmp_path, account(oidc, topics=names))
    with denied(oidc, names[2:]):
        assert main([*words, "check"]) == 3
        shown = capsys.readouterr().out
        assert f"ok   configuration: {tmp_path / 'c.toml'}" in shown
        assert "FAIL topics: 2 of 4 can be read; " in shown
        for name in names[2:]:
            assert f"the credentials do not allow to read topic '{name}'" in shown
    assert main([*words, "check"]) == 0
    assert "ok   topics: 4 of 4 can be read" in capsys.readouterr().out
    assert not (tmp_path / "data").exists()  # it changes nothing


def test_a_topic_that_may_not_be_read(
    oidc: OidcKafka, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where READ is taken away from a host that runs, too; when it is given, it reads on."""
    names = ("live.denied", "live.open")
    for name in names:
        oidc.broker.create_topic(name)
    with watched(tmp_path, account(oidc, group_id="denied", topics=names, wait=True)) as (_, port):
        wait_for(lambda: is_well(tmp_path, port, capsys))
        with denied(oidc, names[:1]) as allow:
            said = f"the credentials do not allow to read topic '{names[0]}'"
            wait_for(lambda: is_said("topic-denied", said, tmp_path, port, capsys), SOON_S)
            allow()
            wait_for(lambda: is_well(tmp_path, port, capsys), SOON_S)


def test_check_names_who_else_is_in_the_group(
    kafka: KafkaBroker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from confluent_kafka import Consumer

    kafka.create_topic("crowded")
    config = KafkaConfig(bootstrap_servers=kafka.bootstrap_servers, topics=("crowded",))
    words = configuration(tmp_path, config, 'group_id = "crowd"')
    assert main([*words, "check"]) == 0
    assert "ok   group: crowd; nobody else is in it" in capsys.readouterr().out
    options = {"group.id": "crowd", "client.id": "stranger"}
    other = Consumer({"bootstrap.servers": kafka.bootstrap_servers, **options})
    other.subscribe(["crowded"])

    def is_named() -> bool:
        other.poll(0.1)
        main([*words, "check"])
        return "crowd is shared with stranger (127.0.0.1)" in capsys.readouterr().out

    wait_for(is_named)
    other.close()


def test_a_certificate_that_is_not_trusted_is_not_taken_for_a_refusal(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
    make += ["-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(make, check=True, capture_output=True)
    asked: list[str] = []

    class Tokens(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)

    with http.server.HTTPServer(("127.0.0.1", 0), Tokens) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        options = {
            "sasl.oauthbearer.token.endpoint.url": f"https://localhost:{server.server_port}/",
            "security.protocol": "sasl_plaintext",
        }
        config = KafkaConfig(
            bootstrap_servers=kafka.bootstrap_servers,
            client_id="me",
            client_secret=Secret("hush"),
            options=options,
        )
        with pytest.raises(KafkaFailure, match=r"^the certificate of .* is not trusted: the cred"):
            connect(config, group_id="x")
        server.shutdown()
    assert asked == []


@pytest.mark.parametrize("name", ["ssl.ca.location", "https.ca.location", "ssl.key.location"])
def test_a_file_of_certificates_that_is_not_there(name: str, tmp_path: Path) -> None:
    """librdkafka would abort the process."""
    path = str(tmp_path / "none.pem")
    config = KafkaConfig(bootstrap_servers="127.0.0.1:9", options={name: path})
    expected = f"kafka.options.{name}: cannot read {path}: No such file or directory"
    with pytest.raises(ConfigError) as caught:
        client_options(config)
    assert str(caught.value) == expected
    client_options(config.replace(options={name: str(tmp_path)}))


def test_listen_says_what_it_reads_and_status_that_it_has_stopped(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    topic = "listened"
    kafka.create_topic(topic)
    publish(kafka, topic, [notice(1)])
    listen = command(kafka, tmp_path, topic, "listen")
    with running(listen) as host:
        wait_for(lambda: (read_status(tmp_path) or {}).get("messages") == 1)
        host.terminate()
        _, told = host.communicate(timeout=300)
    reads = f"Z INFO reading 1 topic of {kafka.bootstrap_servers} as group {topic}"
    assert reads in told
    assert f"reading {topic}[0], from the oldest message" in told
    shown = subprocess.run(
        command(kafka, tmp_path, topic, "status"), capture_output=True, text=True
    )
    assert (shown.returncode, shown.stdout.split(":")[0]) == (1, "stopped")
    with running(listen) as host:
        wait_for(lambda: (read_status(tmp_path) or {}).get("state") == "running")
        wait_for(lambda: not (read_status(tmp_path) or {}).get("problems", True))
        host.terminate()
        _, told = host.communicate(timeout=300)
    assert f"reading {topic}[0], from where the group stopped" in told


def test_messages_that_are_not_done_with(kafka: KafkaBroker) -> None:
    """They are taken and never committed, as by a host whose journal takes nothing."""
    topic = "not.done.with"
    kafka.create_topic(topic)
    publish(kafka, topic, [notice(1)])
    source = LiveSource(kafka_config(kafka, topic))
    batches = source.batches()
    limits = HealthConfig(stall_limit_s=1.0)

    def kinds() -> list[str]:
        next(batches)
        return [kind for kind, _ in source.problems(limits)]

    wait_for(lambda: kinds() == ["no-commits"])

    def is_well_again() -> bool:
        source.commit()
        return kinds() == []

    wait_for(is_well_again)
    source.close()
