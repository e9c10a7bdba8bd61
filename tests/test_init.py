"""init, auth, config show, completion: from nothing to a host that runs."""

from __future__ import annotations

import io
import json
import os
import re
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from icecube_hooks import ConfigError
from icecube_plugin.cli.command import COMMANDS, main
from icecube_plugin.host import load_config
from icecube_plugin.host.credentials import read_auth
from icecube_plugin.host.provenance import in_public

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

FIXTURES = Path(__file__).parent.parent / "fixtures"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in, with a file of credentials of its own."""
    for name in ("GCN_CLIENT_ID", "GCN_CLIENT_SECRET", "ICECUBE_ALERTS_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ICECUBE_ALERTS_AUTH", str(tmp_path / "own" / "auth.toml"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def answer(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_init_asks_and_what_it_makes_works(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(monkeypatch, "y", "me", "hush", "sqlite, notify", "jsons://localhost:1/slack/hush")
    assert main(["init", "--offline"]) == 0
    told = capsys.readouterr().out
    assert "hush" not in told
    assert "ok   sinks: sqlite, notify" in told
    file = here / "icecube-alerts.toml"
    assert "hush" not in file.read_text()
    assert [mode(here / name) for name in ("own/auth.toml", "notify.urls")] == [0o600, 0o600]
    config = load_config(file)
    assert (config.kafka.client_id, config.kafka.domain) == ("me", "gcn.nasa.gov")
    assert config.kafka.client_secret is not None
    assert config.kafka.client_secret.reveal() == "hush"
    assert [sink.type for sink in config.sinks_or_defaults()] == ["sqlite", "notify"]


def test_init_takes_options_and_asks_nothing(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--no-input", "--offline", "--group", "ours", "--sink", "json=out", "--sink", "sqlite"]
    assert main(["--config", "a/alerts.toml", "init", *words]) == 0
    data = tomllib.loads((here / "a" / "alerts.toml").read_text())
    assert data["sinks"]["json"] == {"type": "json", "folder": "out"}
    assert data["kafka"] == {"domain": "gcn.nasa.gov", "group_id": "ours"}
    assert main(["--config", "a/alerts.toml", "init", *words]) == 2
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("sink", "says"),
    [
        ("sqlit", "no sink 'sqlit' is offered here (did you mean 'sqlite'?)"),
        ("database=postgresql://me:hush@host/alerts", "everybody on this machine can read"),
    ],
)
@pytest.mark.usefixtures("here")
def test_init_refuses(sink: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--no-input", "--sink", sink]) == 2
    told = capsys.readouterr().err
    assert says in told
    assert "hush" not in told


def test_every_sink_that_is_offered_has_that_option(here: Path) -> None:
    from icecube_hooks._options import check_options
    from icecube_hooks.host import load_plugins
    from icecube_plugin.cli.init import OFFERS

    plugins = load_plugins()
    for name, offer in OFFERS.items():
        check_options(plugins.sinks[name].make, {offer.option: offer.value}, name)
    assert main(["init", "--no-input", "--offline"]) == 0
    assert (here / "icecube-alerts.toml").exists()


def test_paths_belong_to_the_folder_of_the_configuration(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "a").mkdir()
    (here / "a" / "alerts.toml").write_text(
        'plugins_folder = "mine"\n[sinks.lines]\ntype = "jsonl"\n[sinks.db]\ntype = "sqlite"\n'
        'path = "x.sqlite"\n[sinks.people]\ntype = "notify"\nurls_file = "urls"\nrequired = false\n'
        '[annotators.counterparts]\ncatalogues = {ours = "ours.csv"}\n'
    )
    (here / "a" / "mine").mkdir()
    (here / "a" / "urls").write_text("jsons://localhost:1/")
    (here / "a" / "ours.csv").write_text("ra,dec,name\n10,10,one\n")
    (here / "b").mkdir()
    monkeypatch.chdir(here / "b")
    notice = next(FIXTURES.glob("gcn.notices.icecube.lvk_nu_track_search/*"))
    assert main(["--config", "../a/alerts.toml", "check", "--offline"]) == 0, capsys.readouterr()
    assert main(["--config", "../a/alerts.toml", "replay", str(notice)]) in (0, 1)
    assert not list((here / "b").iterdir())
    there = {str(file.relative_to(here / "a")) for file in (here / "a").rglob("*")}
    assert {
        "x.sqlite",
        "icecube-alerts-data/alerts.jsonl",
        "icecube-alerts-data/journal.sqlite",
    } <= there
    capsys.readouterr()
    assert main(["--config", "../a/alerts.toml", "tail"]) == 0
    assert "GW SEARCH" in capsys.readouterr().out


def test_the_default_sinks_belong_there_too(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A relative name of the file, and no sink in it: each path has its place once."""
    (here / "conf").mkdir()
    (here / "conf" / "alerts.toml").write_text('data_folder = "data"\n')
    notice = next(FIXTURES.glob("gcn.notices.icecube.lvk_nu_track_search/*"))
    assert main(["--config", "conf/alerts.toml", "replay", str(notice)]) in (0, 1)
    assert main(["--config", "conf/alerts.toml", "tail"]) == 0
    capsys.readouterr()
    assert main(["--config", "conf/alerts.toml", "config", "show", "--json", "sinks"]) == 0
    assert {one["origin"] for one in json.loads(capsys.readouterr().out)} == {"default"}
    assert {file.name for file in (here / "conf").iterdir()} == {"alerts.toml", "data"}
    assert {"alerts.jsonl", "alerts.sqlite", "journal.sqlite", "json"} <= {
        file.name for file in (here / "conf" / "data").iterdir()
    }


def test_auth(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(monkeypatch, "me", 'hu"sh')
    assert main(["auth", "add"]) == 0
    answer(monkeypatch, "hush2")
    assert main(["auth", "add", "--for", "kafka.example.org:9093", "--client-id", "you"]) == 0
    main(["auth", "list"])
    main(["auth", "locate"])
    told = capsys.readouterr().out
    assert "hu" not in told.replace("\n", " ").split("FOR")[1]
    file = here / "own" / "auth.toml"
    assert str(file) in told
    assert read_auth(file)["gcn.nasa.gov"] == {"client_id": "me", "client_secret": 'hu"sh'}
    assert main(["auth", "remove", "gcn.nasa.gov"]) == 0
    assert set(read_auth(file)) == {"kafka.example.org:9093"}
    assert mode(file) == 0o600
    assert mode(file.parent) == 0o700
    assert main(["auth", "remove", "gcn.nasa.gov"]) == 2
    answer(monkeypatch, "me", "")
    assert main(["auth", "add"]) == 2
    assert "the client secret is empty" in capsys.readouterr().err


def test_kept_credentials_go_only_where_they_belong(tmp_path: Path) -> None:
    auth = tmp_path / "auth.toml"
    auth.write_text('["gcn.nasa.gov"]\nclient_id = "me"\nclient_secret = "hush"\n')
    auth.chmod(0o600)
    env = {"ICECUBE_ALERTS_AUTH": str(auth)}
    file = tmp_path / "icecube-alerts.toml"
    for text, has in (
        ("", True),
        ('domain = "gcn.nasa.gov"', True),
        ('domain = "test.gcn.nasa.gov"', False),
        ('bootstrap_servers = "kafka.example.org:9092"', False),
    ):
        file.write_text(f"[kafka]\n{text}\n")
        kafka = load_config(file, env, is_found=True).kafka
        assert (kafka.client_secret is not None) == has, text
    file.write_text('[kafka.options]\n"sasl.oauthbearer.token.endpoint.url" = "https://x.org/"\n')
    with pytest.raises(ConfigError, match="says where credentials go that are not its own"):
        load_config(file, env, is_found=True)
    assert load_config(None, env | {"GCN_CLIENT_ID": "env"}).kafka.client_id == "env"


def test_a_file_of_credentials_that_others_can_read_is_refused(tmp_path: Path) -> None:
    auth = tmp_path / "auth.toml"
    auth.write_text("")
    auth.chmod(0o640)
    with pytest.raises(ConfigError, match=r"others can read .*\(chmod 600"):
        read_auth(auth)
    auth.chmod(0o600)
    assert read_auth(auth) == {}
    auth.write_text('["gcn.nasa.gov"]\nclient_id = "me"\n')
    with pytest.raises(ConfigError, match="expected client_id and client_secret, nothing else"):
        read_auth(auth)
    if os.geteuid() == 0:
        os.chown(auth, 12345, -1)
        with pytest.raises(ConfigError, match="belongs to somebody else"):
            read_auth(auth)


def test_config_show_says_where_each_value_came_from(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = here / "alerts.toml"
    file.write_text(
        'batch_size = 7\n[kafka]\ngroup_id = "ours"\n[kafka.options]\n"sasl.password" = "hush"\n'
        '[sinks.hook]\ntype = "webhook"\nurl = "https://hooks.example.org/T/hush"\n'
        '[sinks.people]\ntype = "notify"\nurls = ["slack://hush/hush"]\nwhen = "real"\n'
        '[sinks.db]\ntype = "database"\nurl = "postgresql://me:hush@host/alerts"\n'
    )
    file.chmod(0o600)
    monkeypatch.setenv("GCN_CLIENT_ID", "me")
    monkeypatch.setenv("GCN_CLIENT_SECRET", "hush")
    assert main(["--config", str(file), "config", "show", "--json"]) == 0
    told = capsys.readouterr().out
    assert "hush" not in told
    found = {one["key"]: (one["value"], one["origin"]) for one in json.loads(told)}
    assert found["batch_size"] == (7, str(file))
    assert found["journal_days"] == (90.0, "default")
    assert found["kafka.group_id"] == ("ours", str(file))
    assert found["kafka.client_secret"] == ("***", "environment: GCN_CLIENT_SECRET")
    assert found["sinks.hook.url"] == ("https://hooks.example.org/***", str(file))
    assert found["sinks.people.urls"] == (["slack://***"], str(file))
    assert found["sinks.people.when"] == ("real", str(file))
    assert found["sinks.people.tests"] == (False, "default")
    assert found["sinks.db.url"] == ("postgresql://me:***@host/alerts", str(file))
    assert main(["--config", str(file), "config", "show", "kafka.domain"]) == 0
    assert capsys.readouterr().out.split() == [
        "KEY", "VALUE", "FROM", "kafka.domain", '"gcn.nasa.gov"', "default",
    ]  # fmt: skip


@pytest.mark.parametrize("key", ["a.token", "a.sasl.password", "a.api_key", "a.client_secret"])
def test_what_is_called_a_secret_is_hidden(key: str) -> None:
    assert in_public(key, "hush") == "***"


def test_completion_knows_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("shtab")
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out
    (listed,) = re.findall(r"_icecube_alerts_subparsers=\((.*)\)", script)[-1:]
    assert set(listed.split()) == set(COMMANDS)
    assert "--max-p-post" in script
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0
