from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from icecube_hooks import ConfigError
from icecube_hooks.host import load_plugins
from icecube_plugin.host import Config, load_config
from icecube_plugin.host.config import (
    KafkaConfig,
    config_from,
    group_of,
    known_group,
)
from icecube_plugin.host.credentials import Secret, check_where_credentials_go
from icecube_plugin.host.kafka import wanted_topics


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "empty.toml"
    file.touch()
    read = load_config(file, {})
    assert read.data_folder == tmp_path / "icecube-alerts-data"
    plain = read.replace(origin=None, data_folder=Config().data_folder)
    assert plain == load_config(None, {}) == Config()


def test_a_full_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "full.toml"
    file.write_text(
        """
        data_folder = "/var/lib/alerts"
        batch_size = 50
        [kafka]
        domain = "test.gcn.nasa.gov"
        group_id = "shift"
        topics = ["a", "b"]
        start = "latest"
        [kafka.options]
        "session.timeout.ms" = 9000
        [plugins]
        block = ["sink-terminal"]
        [plugins.options]
        color = "red"
        [significance.icecube]
        trials = 10
        [sinks.archive]
        type = "sqlite"
        required = false
        patience_s = 2
        when = "real"
        filter = {kinds = ["gold"]}
        path = "x.sqlite"
        """
    )
    config = load_config(file, {})
    assert config.data_folder == Path("/var/lib/alerts")
    assert config.batch_size == 50
    assert (config.kafka.domain, config.kafka.group_id) == ("test.gcn.nasa.gov", "shift")
    assert (config.kafka.topics, config.kafka.start) == (("a", "b"), "latest")
    assert config.kafka.options == {"session.timeout.ms": 9000}
    assert config.plugins.block == ("sink-terminal",)
    assert config.plugins.options == {"color": "red"}
    assert config.significance == {"icecube": {"trials": 10}}
    (sink,) = config.sinks_or_defaults()
    assert (sink.name, sink.type, sink.required, sink.patience_s) == ("archive", "sqlite", False, 2)
    assert (sink.when, sink.filter) == ("real", {"kinds": ["gold"]})
    assert sink.options == {"path": "x.sqlite"}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"kafca": {}}, "kafca: unknown key (did you mean 'kafka'?)"),
        ({"kafka": {"tpics": []}}, "kafka.tpics: unknown key (did you mean 'topics'?)"),
        ({"kafka": {"topics": "a"}}, "kafka.topics: expected a list, not text"),
        ({"kafka": {"topics": [1]}}, "kafka.topics[0]: expected text, not a whole number"),
        ({"kafka": {"domain": ""}}, "kafka.domain: is empty"),
        (
            {"kafka": {"start": "now"}},
            "kafka.start: expected 'earliest' or 'latest', not 'now'",
        ),
        (
            {"batch_size": True},
            "batch_size: expected a whole number, not true or false",
        ),
        ({"batch_size": 0}, "batch_size: expected a whole number, at least 1"),
        (
            {"remember_notices": -1},
            "remember_notices: expected a whole number, at least 0",
        ),
        ({"journal_days": 0}, "journal_days: expected a number, more than 0"),
        (
            {"sinks": {"a": {"type": "x", "start": "latest"}}},
            "sinks.a.start: expected 'now' or 'earliest', not 'latest'",
        ),
        (
            {"sinks": {"a": {"type": "x", "skip_older_than": "3 d"}}},
            "sinks.a.skip_older_than: expected a span such as '36h' or '3d', or 'never', not '3 d'",
        ),
        ({"sinks": {"a": {}}}, "sinks.a.type: is required"),
        ({"sinks": {"a": 3}}, "sinks.a: expected a table, not a whole number"),
        ({"sinks": []}, "sinks: expected a table, not a list"),
        (
            {"sinks": {"a": {"type": "x", "required": 1}}},
            "sinks.a.required: expected true or false, not a whole number",
        ),
        ({"plugins": {"alow": []}}, "plugins.alow: unknown key (did you mean 'allow'?)"),
    ],
)
def test_what_is_wrong_is_named(data: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config_from(data, {})
    assert str(caught.value) == message


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_bytes(b"\xff\xfe[")
    with pytest.raises(ConfigError, match=r"bad\.toml is not valid TOML"):
        load_config(file, {})
    with pytest.raises(ConfigError, match=r"cannot read .*: No such file"):
        load_config(tmp_path / "none.toml", {})


def test_the_environment_wins_over_the_file() -> None:
    data = {"kafka": {"client_id": "file", "client_secret": "file"}}
    env = {"GCN_CLIENT_ID": "env", "GCN_CLIENT_SECRET": "env"}
    kafka = config_from(data, env).kafka
    assert (kafka.client_id, kafka.client_secret) == ("env", Secret("env"))
    assert config_from(data, {}).kafka.client_secret == Secret("file")


def test_credentials_may_stand_in_files(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hush\n")
    env = {"GCN_CLIENT_ID": "me", "GCN_CLIENT_SECRET_FILE": str(tmp_path / "secret")}
    kafka = config_from({}, env).kafka
    assert (kafka.client_id, kafka.client_secret) == ("me", Secret("hush"))
    with pytest.raises(ConfigError, match=r"GCN_CLIENT_ID_FILE: cannot read .*none: No such file"):
        config_from({}, {"GCN_CLIENT_ID_FILE": str(tmp_path / "none")})


def test_credentials_may_stand_in_the_keyring(tmp_path: Path) -> None:
    keyring = pytest.importorskip("keyring")
    files = pytest.importorskip("keyrings.alt.file")
    before = keyring.get_keyring()
    store = files.PlaintextKeyring()
    store.file_path = str(tmp_path / "keyring")
    keyring.set_keyring(store)
    try:
        keyring.set_password("alerts", "client_secret", "hush")
        kafka = config_from({"kafka": {"keyring": "alerts", "client_id": "me"}}, {}).kafka
        assert (kafka.client_id, kafka.client_secret) == ("me", Secret("hush"))
        kafka = config_from({"kafka": {"keyring": "alerts"}}, {"GCN_CLIENT_SECRET": "env"}).kafka
        assert (kafka.client_id, kafka.client_secret) == (None, Secret("env"))
    finally:
        keyring.set_keyring(before)


def test_secrets_do_not_print() -> None:
    env = {"GCN_CLIENT_ID": "me", "GCN_CLIENT_SECRET": "hush"}
    sinks = {"a": {"type": "x", "token": "hush"}}
    config = config_from({"kafka": {"options": {"sasl.password": "hush"}}, "sinks": sinks}, env)
    assert "hush" not in repr(config)
    assert "hush" not in str(config.kafka.client_secret)
    assert config.kafka.client_secret is not None
    assert config.kafka.client_secret.reveal() == "hush"


def test_a_section_that_has_another_name_now() -> None:
    with pytest.raises(ConfigError, match=r"^watch: unknown key \(it is called \[health\] now\)"):
        config_from({"watch": {}}, {})


ENV = {"GCN_CLIENT_ID": "me", "GCN_CLIENT_SECRET": "hush"}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('bootstrap_servers = "kafka.example.org:9092"', "bootstrap_servers"),
        ('domain = "example.org"', "domain"),
        ('domain = "evil-gcn.nasa.gov"', "domain"),
        (
            'options = {"sasl.oauthbearer.token.endpoint.url" = "http://127.0.0.1/"}',
            "options.sasl.oauthbearer.token.endpoint.url",
        ),
        ('options = {"ssl.ca.location" = "x"}', "options.ssl.ca.location"),
        ('options = {"security.protocol" = "plaintext"}', "options.security.protocol"),
    ],
)
def test_a_file_that_was_found_does_not_get_the_credentials(
    tmp_path: Path, text: str, key: str
) -> None:
    file = tmp_path / "icecube-alerts.toml"
    file.write_text(f"[kafka]\n{text}\n")
    with pytest.raises(ConfigError, match=rf"^kafka\.{key}: .*, which was found here, says where"):
        load_config(file, ENV, is_found=True)
    load_config(file, {}, is_found=True)  # there are none to be sent
    load_config(file, ENV)  # a person named it
    file.write_text(f'[kafka]\nclient_id = "i"\nclient_secret = "s"\n{text}\n')
    file.chmod(0o600)
    load_config(file, {}, is_found=True)  # they are its own


def test_a_file_that_was_found_may_name_another_domain_of_gcn(tmp_path: Path) -> None:
    file = tmp_path / "icecube-alerts.toml"
    file.write_text('[kafka]\ndomain = "test.gcn.nasa.gov"\n')
    assert load_config(file, ENV, is_found=True).origin == str(file)


def test_a_file_of_somebody_else_is_not_used(tmp_path: Path) -> None:
    file = tmp_path / "icecube-alerts.toml"
    file.touch()
    file.chmod(0o666)
    with pytest.raises(ConfigError, match="belongs to somebody else, or all can write to it"):
        load_config(file, {}, is_found=True)
    file.chmod(0o644)
    load_config(file, {}, is_found=True)
    if os.geteuid() == 0:
        os.chown(file, 12345, -1)
        with pytest.raises(ConfigError, match=rf"--config {file}"):
            load_config(file, {}, is_found=True)


@pytest.mark.parametrize("url", ["http://auth.example.org/token", "ftp://localhost.evil/", "x"])
def test_credentials_go_over_https_only(url: str) -> None:
    with pytest.raises(ConfigError, match=r"kafka\.x: credentials go over https only"):
        check_where_credentials_go(url, "kafka.x")
    check_where_credentials_go("https://auth.example.org/token", "")
    check_where_credentials_go("http://127.0.0.1:80/token", "")


def test_two_hosts_have_groups_of_their_own(tmp_path: Path) -> None:
    one, two = (Config(data_folder=tmp_path / name) for name in ("one", "two"))
    assert known_group(one) is None
    assert group_of(one) == group_of(one) == known_group(one) != group_of(two)
    mine = one.replace(kafka=KafkaConfig(client_id="me"))
    assert group_of(mine) == "icecube-alerts-me"
    assert group_of(mine.replace(kafka=KafkaConfig(group_id="g", client_id="me"))) == "g"


def test_topics_are_those_that_parsers_claim() -> None:
    plugins = load_plugins(allow=["icecube-plugin"])
    claimed = plugins.topics()
    assert "gcn.notices.icecube.lvk_nu_track_search" in claimed
    assert "gcn.classic.text.ICECUBE_*" in claimed
    assert not any(topic.startswith("*") for topic in claimed)  # or it would read what it writes
    kafka = KafkaConfig(topics_extra=("mine", "gcn.circulars"))
    assert wanted_topics(kafka, (), claimed) == ((*claimed, "mine"), False)
    assert wanted_topics(kafka, ["one"], claimed) == (("one",), True)
    named = kafka.replace(topics=("a", "gcn.heartbeat"))
    assert wanted_topics(named, (), claimed) == (("a", "mine", "gcn.circulars"), True)


def test_a_sink_that_wants_all_however_old() -> None:
    read = config_from({"sinks": {"a": {"type": "x", "skip_older_than": "never"}}}, {})
    assert read.sinks is not None
    assert read.sinks[0].skip_older_than_s == float("inf")
