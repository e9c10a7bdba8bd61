"""docs/service.md, followed word for word as far as a machine without systemd and Docker can.

Paths, user, broker, database and the address of Slack are others here; what needs the right to make
users (``useradd``, ``createuser``) is left out. What `systemctl start` does, this test does by what
the unit says.
"""

from __future__ import annotations

import getpass
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # it has no types
from confluent_kafka import Producer

from tests.kafka_broker.fixture import require_kafka
from tests.kafka_broker.oidc import CLIENT_ID, CLIENT_SECRET, OidcKafka
from tests.patience import wait_for
from tests.postgres.fixture import Postgres
from tests.sinks.http_server import HttpServer, http_server

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "service.md").read_text()
RUNNING = ROOT / "docs" / "running"
UNIT = (RUNNING / "icecube-alerts.service").read_text()
TOPIC = "gcn.notices.icecube.gold_bronze_track_alerts"
NOTICE = ROOT / "fixtures" / TOPIC / "133091_81419_0.json"
SECRETS = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}

BY_ADMINISTRATORS = ("useradd", "runuser -u postgres -- create", "systemctl")


def lines(title: str) -> list[str]:
    """Return the lines of a section that a person types."""
    (section,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    blocks = re.findall(r"```console\n(.*?)```", section, re.DOTALL)
    return re.findall(r"^# (.*)$", "".join(blocks), re.MULTILINE)


class Machine:
    """A folder in the place of the machine's root."""

    def __init__(self, root: Path, postgres: Postgres, database: str) -> None:
        self.root = root
        self.programs = postgres.programs
        self.socket, self.database = postgres.folder, database
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("GCN_", "ICECUBE_"))}
        self.before: list[str] = []

    def here(self, text: str) -> str:
        """Return a text of the page, or of the unit, with this machine's places."""
        pairs = {
            "/path/to/icecube-plugin": str(ROOT),
            "runuser -u postgres -- pg_dump": f"{self.programs}/pg_dump -U tester -h {self.socket}",
            "alerts.dump alerts": f"alerts.dump {self.database}",
            "runuser -u icecube -- ": "",
            "-o icecube": f"-o {getpass.getuser()}",
            "tar -C /": f"tar -C {self.root}",
        }
        for theirs, ours in pairs.items():
            text = text.replace(theirs, ours)
        places = r"/(?=(etc/icecube-alerts|etc/systemd|var/lib/|opt/icecube-alerts|root/))"
        return re.sub(rf"(?<![\w.]){places}", f"{self.root}/", text)

    def types(self, line: str, given: str = "") -> str:
        """Run a line as a shell would, after those that stay in force."""
        script = "\n".join(["set -euo pipefail", *self.before, self.here(line)])
        done = subprocess.run(
            ["bash", "-c", script], input=given, capture_output=True, text=True, env=self.env
        )
        assert done.returncode == 0, (line, done.stdout, done.stderr)
        if line.startswith(("cd ", "export ")):
            self.before.append(self.here(line))
        return done.stdout

    def follow(self, title: str) -> str:
        """Type the lines of a section; return what they print."""
        mine = [line for line in lines(title) if not line.startswith(BY_ADMINISTRATORS)]
        return "".join(map(self.types, mine))

    @contextmanager
    def service(self) -> Iterator[subprocess.Popen[str]]:
        """Start what the unit starts, as it says; stop it as it says."""
        credentials = self.root / "credentials"
        credentials.mkdir(exist_ok=True)
        for name, path in re.findall(r"^LoadCredential=(\w+):(\S+)$", UNIT, re.MULTILINE):
            shutil.copy(self.here(path), credentials / name)
        given = " ".join(re.findall(r"^Environment=(.*)$", UNIT, re.MULTILINE))
        told = dict(pair.split("=") for pair in given.replace("%d", str(credentials)).split())
        (command,) = re.findall(r"^ExecStart=(.*)$", UNIT, re.MULTILINE)
        (folder,) = re.findall(r"^WorkingDirectory=(.*)$", UNIT, re.MULTILINE)
        with (self.root / "log").open("a") as log, subprocess.Popen(
            self.here(command).split(), cwd=self.here(folder), env=self.env | told, stderr=log,
            text=True,
        ) as host:  # fmt: skip
            try:
                yield host
                host.send_signal(signal.SIGTERM)
                assert host.wait(300) == 0
            finally:
                host.kill()


@pytest.fixture
def oidc(tmp_path: Path) -> Iterator[OidcKafka]:
    require_kafka()
    (tmp_path / "broker").mkdir()
    with OidcKafka.running(tmp_path / "broker") as running:
        running.broker.create_topic(TOPIC)
        yield running


@pytest.fixture
def slack() -> Iterator[HttpServer]:
    with http_server() as server:
        yield server


def configuration(machine: Machine, oidc: OidcKafka) -> str:
    """Return that of the page, at this machine's broker and database."""
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    broker = (
        f'bootstrap_servers = "{oidc.bootstrap_servers}"\n[kafka.options]\n'
        f'"sasl.oauthbearer.token.endpoint.url" = "{oidc.endpoint.url}"\n'
        '"security.protocol" = "sasl_plaintext"\n'
    )
    text = text.replace("\n[health]", f"{broker}\n[health]").replace(":9464", ":0")
    url = f"postgresql://tester@/{machine.database}?host={machine.socket}"
    return machine.here(re.sub(r'"postgresql://.*"', f'"{url}"', text))


def test_the_page(tmp_path: Path, oidc: OidcKafka, postgres: Postgres, slack: HttpServer) -> None:
    database = re.search(r"/(alerts_\d+)\?", postgres.new_database())
    assert database is not None
    root = tmp_path / "machine"
    for folder in ("etc/systemd/system", "var/lib/postgresql", "opt", "root"):
        (root / folder).mkdir(parents=True)
    machine = Machine(root, postgres, database[1])
    began = time.monotonic()
    machine.follow("1. User, program, folders")
    given = iter([*SECRETS.values(), f"json://{slack.host}/services/T000/B000/XXXX"])
    for line in lines("2. Secrets"):
        machine.types(line, given=next(given) + "\n")
    etc = root / "etc" / "icecube-alerts"
    assert {file.name: file.stat().st_mode & 0o777 for file in etc.iterdir()} == dict.fromkeys(
        (*SECRETS, "slack.urls"), 0o400
    )
    (etc / "icecube-alerts.toml").write_text(configuration(machine, oidc))
    told = machine.follow("5. Try it")
    assert "FAIL" not in told
    assert f"connected to {oidc.bootstrap_servers}" in told
    assert "sink slack has taken a test alert" in told
    assert CLIENT_SECRET not in told
    assert [request.path for request in slack.requests] == ["/services/T000/B000/XXXX"]
    machine.follow("6. Service")
    with machine.service():
        producer = Producer({"bootstrap.servers": oidc.broker.bootstrap_servers})
        producer.produce(TOPIC, NOTICE.read_bytes())
        assert producer.flush(30) == 0
        wait_for(lambda: len(slack.requests) == 2)
        print(f"from nothing to a message in Slack: {time.monotonic() - began:.0f} s")
        wait_for(lambda: bool(postgres.ask("SELECT 1 FROM records", machine.database)))
        told = machine.follow("7. Look")
    assert b"133091_81419" in slack.requests[1].body
    assert "133091_81419" in told
    told = machine.follow("8. Backup, upgrade")
    assert "FAIL" not in told
    assert (root / "var/lib/postgresql/alerts.dump").read_bytes().startswith(b"PGDMP")
    kept = subprocess.check_output(["tar", "-tf", root / "root/icecube-alerts.tar.gz"], text=True)
    assert {"etc/icecube-alerts/client_id", "var/lib/icecube-alerts/journal.sqlite"} <= set(
        kept.split()
    )
    with machine.service() as host:  # goes on, with nothing told twice
        wait_for(lambda: (root / "log").read_text().count(f"reading {TOPIC}[0]") == 2)
        assert host.poll() is None
    assert len(slack.requests) == 2


def test_a_wrong_configuration_is_not_started_again(tmp_path: Path) -> None:
    (code,) = re.findall(r"^RestartPreventExitStatus=(\d+)$", UNIT, re.MULTILINE)
    file = tmp_path / "wrong.toml"
    file.write_text("data_foldr = 'x'\n")
    command = [sys.executable, "-m", "icecube_plugin.cli", "--config", str(file), "listen"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, "did you mean 'data_folder'?" in done.stderr) == (int(code), True)


def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    """But for the program, which is not there."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    unit = tmp_path / "icecube-alerts.service"
    unit.write_text(re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", UNIT, flags=re.MULTILINE))
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_hadolint_accepts_the_dockerfile() -> None:
    beside = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    if (hadolint := shutil.which("hadolint", path=beside)) is None:
        pytest.skip("no hadolint here: the extra lint has it")
    done = subprocess.run([hadolint, RUNNING / "Dockerfile"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_compose_file_names_what_is_there() -> None:
    compose = yaml.safe_load((RUNNING / "compose.yaml").read_text())
    services = compose["services"]
    build = services["alerts"]["build"]
    assert (RUNNING / build["context"] / build["dockerfile"]).exists()
    for service in services.values():
        assert set(service.get("secrets", ())) <= set(compose["secrets"])
        named = [volume.split(":")[0] for volume in service["volumes"]]
        assert all(v in compose["volumes"] or (RUNNING / v).exists() for v in named)
        assert set(service.get("depends_on", ())) <= set(services)
    made = {line.split()[-1] for line in lines("In containers instead") if "/dev/stdin" in line}
    files = {Path(secret["file"]).name for secret in compose["secrets"].values()}
    assert made == files | {services["alerts"]["env_file"]}


def test_secrets_of_containers_stay_out_of_images_and_commits() -> None:
    """And the user that reads them is that of the image."""
    ignored = (ROOT / ".dockerignore").read_text() + (ROOT / ".gitignore").read_text()
    for name in ("client_id", "client_secret", "database_password", "*.env"):
        assert ignored.count(f"docs/running/{name}\n") == 2
    dockerfile = (RUNNING / "Dockerfile").read_text()
    (user,) = re.findall(r"^USER (\d+)$", dockerfile, re.MULTILINE)
    assert f"--uid {user} " in dockerfile
    assert f"install -o {user} -m 0400 /dev/stdin client_secret" in PAGE
