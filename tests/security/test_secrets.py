"""Secrets: not on the command line, not in logs and errors, and in files that are private."""

from __future__ import annotations

import logging
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest

from icecube_hooks import ConfigError, Message, RefusedForGood, RetryLater
from icecube_hooks.host import load_plugins, make_sink
from icecube_hooks.testing import make_record
from icecube_plugin.cli.log_format import JsonFormatter, TextFormatter
from icecube_plugin.host import Config, Host, SinkConfig, load_config
from icecube_plugin.host.config import config_from

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

SECRET = "hunter2-Geheim"  # noqa: S105  # of nobody


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "icecube_plugin.cli", *words],
        cwd=folder, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [
        ("listen", "--client-secret", SECRET),
        ("listen", f"--client-secret={SECRET}"),
        ("listen", "--password", SECRET, "--json"),
        ("query", "--database", f"postgresql://reader:{SECRET}@db.example.org/alerts"),
    ],
)
def test_secrets_on_the_command_line_are_refused(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = run(tmp_path, *words)
    assert done.returncode == 2
    assert SECRET not in done.stdout + done.stderr


HOLDS_SECRET = (
    f'[kafka]\nclient_id = "a"\nclient_secret = "{SECRET}"\n',
    f'[kafka.options]\n"sasl.password" = "{SECRET}"\n',
    f'[sinks.a]\ntype = "notify"\nurls = ["mailto://me:{SECRET}@example.org"]\n',
    f'[sinks.a]\ntype = "skyportal"\ntoken = "{SECRET}"\n',
)


@pytest.mark.parametrize("text", HOLDS_SECRET)
def test_a_file_with_secrets_that_everybody_can_read_is_told(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "alerts.toml"
    file.write_text(text)
    file.chmod(0o644)
    load_config(file, {})
    (record,) = caplog.records
    assert "can be read by everybody" in record.getMessage()
    assert SECRET not in caplog.text
    caplog.clear()
    file.chmod(0o600)
    load_config(file, {})
    file.write_text('[kafka]\ndomain = "gcn.nasa.gov"\n')
    file.chmod(0o644)
    load_config(file, {})
    assert caplog.records == []


@pytest.mark.parametrize("text", HOLDS_SECRET)
def test_a_configuration_does_not_print_its_secrets(tmp_path: Path, text: str) -> None:
    file = tmp_path / "alerts.toml"
    file.write_text(text)
    file.chmod(0o600)
    assert SECRET not in repr(load_config(file, {}))
    done = run(tmp_path, "--config", str(file), "--debug", "check", "--offline")
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("kafka", {"topic": "t", "bootstrap_servers": "h:1", "options": {"no.such": SECRET}}),
        ("kafka", {"topic": "t", "bootstrap_servers": "h:1", "options": {"acks": SECRET}}),
        ("database", {"url": f"postgresql://u:{SECRET}@h:port/x"}),
        ("database", {"url": f"nosuch://u:{SECRET}@h/x"}),
        ("notify", {"urls": [f"nosuch://u:{SECRET}@h/x"]}),
        ("notify", {"urls": [f"mailto://u:{SECRET}"]}),
        ("webhook", {"url": f"https://u:{SECRET}@127.0.0.1/x"}),
        ("webhook", {"url": f"ftp://u:{SECRET}@h/x"}),
        ("skyportal", {"url": "https://h.example.org", "token": SECRET, "group_ids": "x"}),
        ("hermes", {"topic": "a", "submitter": "b", "token": SECRET, "url": "http://h.invalid"}),
    ],
)
def test_no_secret_in_what_libraries_say(
    kind: str,
    options: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A sink that cannot be made, or cannot write, says why without it."""
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.DEBUG)
    plugins = load_plugins(allow=["icecube-plugin"])
    with pytest.raises((ConfigError, RefusedForGood, RetryLater)) as caught:
        make_sink(plugins, "a", kind, options).write([make_record()])
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    "options",
    [
        {"no.such.option": SECRET},
        {"security.protocol": SECRET},
        {"sasl.oauthbearer.method": SECRET},
    ],
)
def test_no_secret_in_what_librdkafka_says(
    options: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    data = {
        "data_folder": str(tmp_path),
        "kafka": {"bootstrap_servers": "127.0.0.1:1", "options": options},
    }
    with pytest.raises(ConfigError) as caught:
        Host(config_from(data, {})).run()
    assert SECRET not in "".join(traceback.format_exception(caught.value)) + caplog.text


def test_a_traceback_in_the_log_is_indented_and_cleaned() -> None:
    try:
        raise ValueError("x\n12:00:00 ERROR forged \x1b[2J")
    except ValueError:
        record = logging.LogRecord("a", 40, "", 0, "failed", (), sys.exc_info())
    first, *rest = TextFormatter().format(record).splitlines()
    assert first.endswith(" ERROR failed")
    assert rest
    assert all(line.startswith("  ") and line.isprintable() for line in rest)
    assert JsonFormatter().format(record).isprintable()


def test_the_files_of_a_host_are_private(tmp_path: Path) -> None:
    sink = SinkConfig(name="a", type="jsonl", options={"path": str(tmp_path / "a.jsonl")})
    config = Config(data_folder=tmp_path / "data", sinks=(sink,))
    host = Host(config, plugins=load_plugins(allow=["icecube-plugin"]))
    host.handle([Message(value=b"broken")])
    host.close()
    files = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert {"journal.sqlite", "cursors.sqlite", "versions.jsonl", "in-hand"} <= {
        path.name for path in files
    }
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)
