"""The Hopskotch sink with the real hop-client on a real Kafka broker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from icecube_hooks import ConfigError, Record
from icecube_hooks.testing import SinkConformance
from icecube_plugin import read
from icecube_plugin.sinks.hopskotch import Hopskotch
from icecube_plugin.sinks.kafka import SCHEMA_ID
from tests.adapters.conftest import NOTICES, ROOT, Peers
from tests.kafka_broker.broker import KafkaBroker

LOCAL = "kafka://127.0.0.1:9/icecube-records"
NOT_REAL = "gcn.notices.icecube.test.gold_bronze_track_alerts"

READ = """
import json
from hop.io import StartPosition, Stream
from icecube_plugin.adapters.hop import from_hop

stream = Stream(auth=False, start_at=StartPosition.EARLIEST, until_eos=True)
with stream.open({url!r}, "r", ignoretest={ignoretest}) as consumer:
    for message, metadata in consumer.read(metadata=True):
        headers = [(name, value.decode("utf-8", "replace")) for name, value in metadata.headers]
        record = from_hop(message, metadata)
        seen = [type(message).__name__, metadata.key.decode(), dict(headers), record.to_dict()]
        print(json.dumps(seen))
"""


@pytest.fixture
def hop(peers: Peers) -> str:
    return peers("hop")


def run(*command: str, folder: Path) -> str:
    """Run a program without anybody's credentials; return what it has printed."""
    env = os.environ | {"XDG_CONFIG_HOME": str(folder)}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.usefixtures("broker")  # says whether one can run at all
def test_conformance(hop: str, tmp_path: Path) -> None:
    code = f"import sys; sys.path[:0] = [{str(ROOT)!r}]; import tests.adapters.hopskotch_suite as s"
    passed = run(hop, "-c", f"{code}; s.main()", folder=tmp_path).split()
    rules = {name for name in vars(SinkConformance) if name.startswith("test_")}
    rules -= {"test_probe_changes_nothing"}  # it has none
    assert passed == sorted([*rules, "test_a_record_that_is_too_large_is_refused"])


def test_from_our_host_to_their_reader(hop: str, broker: KafkaBroker, tmp_path: Path) -> None:
    """Seen by ``hop subscribe``, and read back as what our own host makes of the notices."""
    broker.create_topic("my-group.icecube-records")
    url = f"kafka://{broker.bootstrap_servers}/my-group.icecube-records"
    config = tmp_path / "icecube-alerts.toml"
    config.write_text(f'[sinks.hop]\ntype = "hopskotch"\nurl = "{url}"\nno_auth = true\n')
    test = next((ROOT / "fixtures" / NOT_REAL).iterdir())
    files = [*(ROOT / "fixtures" / name for name in NOTICES), test]
    ours = [read(file) for file in files]
    command = ("-m", "icecube_plugin.cli", "--config", str(config), "replay")
    run(hop, *command, *map(str, files), folder=tmp_path)

    printed = run(
        *(hop, "-m", "hop", "subscribe", "--no-auth", "-s", "EARLIEST", "-e", url), folder=tmp_path
    ).splitlines()
    shown = [Record.from_dict(json.loads(line)) for line in printed]
    assert [record.id for record in shown] == [record.id for record in ours if _is_real(record)]

    code = READ.format(url=url, ignoretest=False)
    found = [json.loads(line) for line in run(hop, "-c", code, folder=tmp_path).splitlines()]
    assert {kind for kind, *_ in found} == {"JSONBlob"}
    assert [key for _, key, *_ in found] == [record.alert.event_key for record in ours]
    for (_, _, headers, data), record in zip(found, ours, strict=True):
        assert headers["record-id"] == record.id
        assert (headers["schema"], headers["_format"]) == (SCHEMA_ID, "json")
        assert ("_test" in headers) is not record.alert.is_real
        again = Record.from_dict(data)
        assert (again.id, again.alert, again.significances) == (
            *(record.id, record.alert, record.significances),
        )


def _is_real(record: Record) -> bool:
    return record.alert.is_real


def test_without_hop_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hop", None)
    with pytest.raises(ConfigError) as caught:
        Hopskotch(url=LOCAL, no_auth=True)
    words = "the sink hopskotch needs hop.io (pip install 'hop-client>=0.13' 'six>=1.16')"
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("kafka://u:geheim@example.org/t", "url: holds a password, which hop-client ignores"),
        ("https://u:geheim@example.org/t", "url: expected kafka://HOST/TOPIC"),
        ("kafka://[geheim/t", "url: is not a URL"),
        ("kafka://example.org/gcn.t", "url: the topics gcn.* are GCN's: choose a name of your own"),
    ],
)
def test_a_password_in_a_url_is_refused_and_not_shown(url: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Hopskotch(url=url)
    assert str(caught.value).startswith(words)
    assert "geheim" not in repr(caught.value)
