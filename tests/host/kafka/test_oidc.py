"""The login of GCN's clients, at a real token endpoint and a real broker that takes its tokens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # it exports what it lists
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from icecube_plugin.host.config import KafkaConfig
from icecube_plugin.host.credentials import Secret
from icecube_plugin.host.kafka import KafkaFailure, LiveSource, connect
from tests.kafka_broker.fixture import require_kafka
from tests.kafka_broker.oidc import CLIENT_ID, CLIENT_SECRET, OidcKafka
from tests.patience import wait_for

from .common import publish


@pytest.fixture(scope="module")
def oidc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcKafka]:
    require_kafka()
    with OidcKafka.running(tmp_path_factory.mktemp("oidc")) as running:
        for topic in ("open", "others"):
            running.broker.create_topic(topic)
        allow_another(running, ResourceType.TOPIC, "others")
        allow_another(running, ResourceType.GROUP, "theirs")
        yield running


def allow_another(oidc: OidcKafka, kind: ResourceType, name: str) -> None:
    """Allow one user to read; so nobody else may."""
    admin = AdminClient({"bootstrap.servers": oidc.broker.bootstrap_servers})
    acl = AclBinding(
        kind,
        name,
        ResourcePatternType.LITERAL,
        "User:another",
        "*",
        AclOperation.ALL,
        AclPermissionType.ALLOW,
    )
    for answer in admin.create_acls([acl]).values():
        answer.result(timeout=120)


def config(oidc: OidcKafka, **changes: Any) -> KafkaConfig:
    """Return the configuration of a user of GCN, but for the addresses and TLS."""
    usual = KafkaConfig(
        bootstrap_servers=oidc.bootstrap_servers,
        client_id=CLIENT_ID,
        client_secret=Secret(CLIENT_SECRET),
        topics=("open",),
        group_id="mine",
        options=options(oidc.endpoint.url),
    )
    return usual.replace(**changes)


def options(url: str) -> dict[str, Any]:
    return {
        "sasl.oauthbearer.token.endpoint.url": url,
        "security.protocol": "sasl_plaintext",
    }


@pytest.fixture(autouse=True)
def healthy(oidc: OidcKafka) -> Iterator[None]:
    yield
    endpoint = oidc.endpoint
    endpoint.signing_key, endpoint.skew_s, endpoint.valid_s = endpoint.key, 0.0, 3600.0
    endpoint.status = 200


def test_login_and_refresh(oidc: OidcKafka) -> None:
    """Messages go on coming long after the first token has expired."""
    oidc.endpoint.valid_s = 4.0
    given = oidc.endpoint.given
    publish(oidc.broker, "open", [b"0"])
    source = LiveSource(config(oidc))
    all_batches = source.batches()
    batches = (batch for batch in all_batches if batch)
    assert [m.value for m in next(batches)] == [b"0"]
    source.commit()
    wait_for(lambda: not next(all_batches) and oidc.endpoint.given - given >= 2)
    publish(oidc.broker, "open", [b"1"])
    assert [m.value for m in next(batches)] == [b"1"]
    source.close()


REFUSED = "the credentials were refused: check GCN_CLIENT_ID and GCN_CLIENT_SECRET ("
UNREACHED = "cannot reach {where}, or the server that checks credentials: check the network ("


@pytest.mark.parametrize(
    ("changes", "endpoint", "says"),
    [
        pytest.param({"client_secret": Secret("wrong")}, {}, REFUSED, id="wrong secret"),
        pytest.param({"client_id": "nobody"}, {}, REFUSED, id="unknown client"),
        pytest.param({}, {"status": 403}, REFUSED, id="not allowed"),
        pytest.param(
            {},
            {"skew_s": -7200.0},
            "the credentials' token has expired already: check this machine's clock (",
            id="clock",
        ),
        pytest.param(
            {},
            {"signing_key": bytes(32)},
            "{where} does not take the credentials' token: check this machine's clock and the ",
            id="token not taken",
        ),
        pytest.param({"options": options("http://127.0.0.1:9/")}, {}, UNREACHED, id="no endpoint"),
        pytest.param({"options": options("https://x.invalid/")}, {}, UNREACHED, id="no such name"),
        pytest.param(
            {"topics": ("others",)},
            {},
            "the credentials do not allow to read topic 'others' (",
            id="topic",
        ),
    ],
)
def test_what_goes_wrong_is_one_clear_line(
    oidc: OidcKafka, changes: dict[str, Any], endpoint: dict[str, Any], says: str
) -> None:
    for name, value in endpoint.items():
        setattr(oidc.endpoint, name, value)
    with pytest.raises(KafkaFailure) as caught:
        LiveSource(config(oidc, **changes))
    text = str(caught.value)
    assert text.startswith(says.format(where=oidc.bootstrap_servers))
    assert "\n" not in text
    assert CLIENT_SECRET not in text
    assert "wrong" not in text


def test_a_group_of_others(oidc: OidcKafka) -> None:
    source = LiveSource(config(oidc, group_id="theirs"))
    with pytest.raises(KafkaFailure, match="do not allow this consumer group"):
        all(True for _ in source.batches())
    source.close()


def test_an_endpoint_in_trouble(oidc: OidcKafka) -> None:
    """A server error passes: it is not taken for refused credentials."""
    oidc.endpoint.status = 503
    with pytest.raises(KafkaFailure, match=r"^cannot reach 127\.0\.0\.1"):
        connect(config(oidc), group_id="x", timeout_s=1.0)
