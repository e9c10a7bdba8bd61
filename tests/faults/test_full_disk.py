"""The disk of the host is full for a while."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from icecube_plugin.host import Config, Host, SinkConfig
from icecube_plugin.sinks.database import read_records
from tests.host.kafka.common import kafka_config, notice, publish, rows
from tests.kafka_broker.broker import KafkaBroker
from tests.patience import wait_for


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 32 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=32m", "icecube-tests", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"a small file system needs root: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_costs_time_and_nothing_else(
    kafka: KafkaBroker, small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kafka.create_topic("full")
    publish(kafka, "full", [notice(0)])
    config = Config(
        data_folder=small_disk,
        kafka=kafka_config(kafka, "full"),
        sinks=(
            SinkConfig(
                name="db", type="sqlite", patience_s=0.5,
                options={"path": str(small_disk / "a.sqlite")},
            ),
        ),
    )  # fmt: skip
    with Host(config) as host:
        wait_for(lambda: host.summary.written == {"db": 1})
        ballast = small_disk / "ballast"
        with ballast.open("wb") as file:
            while chunk := os.statvfs(small_disk).f_bavail * 4096:
                file.write(bytes(min(chunk, 65536)))
                file.flush()
        poison = b'{"pval_generic": broken'
        # More than goes into what the journal's log has already.
        publish(kafka, "full", [*(notice(n) for n in range(1, 1000)), poison])
        wait_for(lambda: "waiting until that works" in caplog.text)
        assert host.is_alive
        ballast.unlink()
        wait_for(lambda: rows(small_disk) == 1000)
        wait_for(lambda: "going on" in caplog.text)
    assert len(list(read_records(small_disk / "a.sqlite"))) == 1000
    assert [letter.message.value for letter in host.journal.letters()] == [poison]
