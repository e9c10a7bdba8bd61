from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from icecube_hooks import ConfigError
from icecube_plugin.host import Config, load_config
from icecube_plugin.host.config import DEFAULT_TOPICS, Secret, config_from


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "empty.toml"
    file.touch()
    assert load_config(file, {}) == load_config(None, {}) == Config()


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
        ({"kafka": {"topics": "a"}}, "kafka.topics: expected a list of texts, not str"),
        ({"kafka": {"topics": [1]}}, "kafka.topics[0]: expected text, not int"),
        ({"kafka": {"domain": ""}}, "kafka.domain: is empty"),
        (
            {"kafka": {"start": "now"}},
            "kafka.start: expected 'earliest' or 'latest', not 'now'",
        ),
        (
            {"batch_size": True},
            "batch_size: expected a whole number from 1 to 100000000, not True",
        ),
        ({"batch_size": 0}, "batch_size: expected a whole number from 1 to 100000000, not 0"),
        (
            {"remember_notices": -1},
            "remember_notices: expected a whole number from 0 to 100000000, not -1",
        ),
        ({"journal_days": 0}, "journal_days: expected more than 0, at most 100000, not 0"),
        (
            {"sinks": {"a": {"type": "x", "start": "latest"}}},
            "sinks.a.start: expected 'now' or 'earliest', not 'latest'",
        ),
        (
            {"sinks": {"a": {"type": "x", "skip_older_than": "3 days"}}},
            "sinks.a.skip_older_than: expected a span such as '36h' or '3d', not '3 days'",
        ),
        ({"sinks": {"a": {}}}, "sinks.a.type: is required"),
        ({"sinks": {"a": 3}}, "sinks.a: expected a table, not int"),
        ({"sinks": []}, "sinks: expected a table, not list"),
        (
            {"sinks": {"a": {"type": "x", "required": 1}}},
            "sinks.a.required: expected true or false, not int",
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


def test_default_topics_are_those_of_the_readers() -> None:
    from fnmatch import fnmatchcase

    from icecube_hooks.host import load_plugins

    parsers = load_plugins(allow=["icecube-plugin"]).parsers.values()
    for topic in DEFAULT_TOPICS:
        claims = [p.name for p in parsers if any(fnmatchcase(topic, t) for t in p.topics)]
        assert len(claims) == 1, topic


def test_keys_of_older_versions_are_told_and_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    assert config_from({"spool_limit": 5, "parse_limit_s": 20.0}, {}) == Config()
    assert [record.getMessage() for record in caplog.records] == [
        "spool_limit is no longer used: remove it",
        "parse_limit_s is no longer used: remove it",
    ]


def test_a_sink_says_where_it_begins_and_what_is_too_old() -> None:
    table = {"type": "x", "start": "earliest", "skip_older_than": "36h", "colour": "red"}
    (sink,) = config_from({"sinks": {"a": table}}, {}).sinks or ()
    assert (sink.start, sink.skip_older_than_s) == ("earliest", 129_600.0)
    assert sink.options == {"colour": "red"}
