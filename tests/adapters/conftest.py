"""Other brokers' packages in environments of their own, notices for them, and what must come out.

A peer is a virtual environment with this checkout (editable) and the package of a broker. It is
made once, by uv, in a cache outside of the checkout; its name is a digest of the requirements,
theirs and ours, and of the Python version. Where only other metadata of ours has changed, such as
entry points, just this package is installed again::

    def test_something(peers, tmp_path):
        done = subprocess.run([peers("comet", "comet==3.1.0"), "-c", "import comet"])

Environment
-----------
ICECUBE_PEER_CACHE
    Folder of the environments, instead of ``~/.cache/icecube-plugin-tests/peers``.
ICECUBE_REQUIRE_PEERS
    ``1`` makes the tests fail that would skip because an environment cannot be made.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import tomllib
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from icecube_hooks import Message
from icecube_plugin.cli.command import main
from icecube_plugin.host import Journal, messages_from
from icecube_plugin.host.cursors import Cursors
from tests.kafka_broker.broker import KafkaBroker
from tests.kafka_broker.fixture import require_kafka
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]
PAGES = ("brokers", "hop", "pygcn", "consumers")
DOCUMENT = "".join((ROOT / "docs" / f"{name}.md").read_text() for name in PAGES)
UV: Final = (sys.executable, "-m", "uv", "--quiet")  # seconds where pip takes a minute

# Sinks of a third party, installed beside ours: one whose every write fails, and one that ends the
# process, as a power cut would, once the number of writes is done that stands in a file.
DOWN: Final = {
    "down_sink.py": """
import os
from pathlib import Path

from icecube_hooks import SinkType, hookimpl


class Down:
    def write(self, records):
        raise ZeroDivisionError("the exchange is down")


class Deadly:
    def __init__(self, *, path):
        self.path = Path(path)

    def write(self, records):
        if self.path.exists():
            left = int(self.path.read_text()) - 1
            self.path.write_text(str(left))
            if left < 0:
                self.path.unlink()
                os._exit(9)


@hookimpl
def register_sinks():
    return [SinkType(name="down", make=Down), SinkType(name="deadly", make=Deadly)]
""",
    "down_sink-2.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: down-sink\nVersion: 2.0\n",
    "down_sink-2.0.dist-info/entry_points.txt": "[icecube_hooks]\ndown = down_sink\n",
}

# Every kind and format, and what must not stop a stream.
NOTICES: Final = (
    "gcn.notices.icecube.lvk_nu_track_search/S200213t-3-Initial.json",
    "gcn.notices.icecube.lvk_nu_track_search/S241225c-1-Preliminary.json",
    "gcn.notices.icecube.lvk_nu_track_search/S241225c-3-Initial.json",
    "gcn.notices.icecube.gold_bronze_track_alerts/136662_35405932_0.json",
    "gcn.notices.icecube.gold_bronze_track_alerts/136392_25495567_1.json",
    "gcn.classic.text.ICECUBE_ASTROTRACK_GOLD/136615_14688828_1.txt",
    "gcn.classic.text.ICECUBE_CASCADE/139414_34468187_0.txt",
    "gcn.classic.voevent.ICECUBE_ASTROTRACK_BRONZE/136662_35405932_0.xml",
    "gcn.classic.voevent.AMON_NU_EM_COINC/NuEm-230414A.xml",
    "gcn.classic.binary.ICECUBE_ASTROTRACK_GOLD/136615_14688828_1.bin",
    "gcn.circulars/track_33633.txt",
)
POISON: Final = (
    ("gcn.notices.icecube.lvk_nu_track_search", "pvalue_1.7.json"),
    ("gcn.notices.icecube.lvk_nu_track_search", "truncated.json"),
    ("gcn.notices.icecube.lvk_nu_track_search", "nan.json"),
    ("gcn.notices.icecube.gold_bronze_track_alerts", "ra_9999.json"),
    ("gcn.classic.voevent.ICECUBE_ASTROTRACK_BRONZE", "entities.xml"),
    ("gcn.classic.text.ICECUBE_ASTROTRACK_GOLD", "page.html"),
    ("gcn.classic.binary.ICECUBE_ASTROTRACK_GOLD", "159_bytes.bin"),
)
TOMBSTONE: Final = "gcn.classic.text.AMON_NU_EM_COINC"
OTHERS: Final = {
    f"{TOMBSTONE}/empty.txt": b"",  # on Kafka: a message without a value
    "gcn.circulars/other_made_up.json": None,  # another observatory's: passed over
    "gcn.notices.icecube.gold_bronze_track_alerts/list.json": b"[1, 2]",
    "gcn.notices.icecube.gold_bronze_track_alerts/number.json": b"12",
    "gcn.notices.icecube.gold_bronze_track_alerts/set.json": b"{'a': {1}}",
}


# --- environments -------------------------------------------------------------------------------


class PeerError(RuntimeError):
    """An environment cannot be made."""


Peers = Callable[..., str]


@pytest.fixture(scope="session")
def peers() -> Peers:
    """Return a function that gives the Python of an environment.

    ``peers(extra, *requirements)``: with this package, one of its extras unless that is empty, and
    further packages. The calling test skips, or fails, if that cannot be installed.
    """
    known: dict[tuple[str, ...], str | PeerError] = {}

    def python(extra: str, *requirements: str) -> str:
        wanted = (extra, *requirements)
        if wanted not in known:
            known[wanted] = _made(extra, requirements)
        found = known[wanted]
        return found if isinstance(found, str) else _give_up(str(found))

    return python


def _made(extra: str, requirements: Sequence[str]) -> str | PeerError:
    try:
        return str(_environment(extra, requirements))
    except PeerError as error:
        return error


def _give_up(reason: str) -> NoReturn:
    if os.environ.get("ICECUBE_REQUIRE_PEERS") == "1":
        pytest.fail(f"ICECUBE_REQUIRE_PEERS=1, but {reason}", pytrace=False)
    pytest.skip(reason)


def _environment(extra: str, requirements: Sequence[str]) -> Path:
    """Return the Python of an environment, made now if it is not in the cache."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    if extra and extra not in project["optional-dependencies"]:
        raise PeerError(f"pyproject.toml has no extra {extra!r}")
    ours = f"{ROOT}[{extra}]" if extra else str(ROOT)
    needed = [project["dependencies"], project["optional-dependencies"].get(extra)]
    key = json.dumps([sys.version, ours, requirements, needed])
    folder = _cache() / hashlib.sha256(key.encode()).hexdigest()[:16]
    metadata = json.dumps(project, sort_keys=True)
    complete = folder / "complete"
    with _locked(folder.with_suffix(".lock")):
        if not complete.exists():
            _forget_old(folder.parent)
            base = getattr(sys, "_base_executable", sys.executable)
            _run(*UV, "venv", "--clear", "--python", base, str(folder))
            _install(folder, ["-e", ours, *requirements])
        elif complete.read_text() != metadata:  # our entry points, say
            _install(folder, ["--no-deps", "-e", str(ROOT)])
        complete.write_text(metadata)
    return folder / "bin" / "python"


def _forget_old(cache: Path) -> None:
    """Remove environments that nobody has used for two weeks: they have 1 GB each."""
    for complete in cache.glob("*/complete"):
        if time.time() - complete.stat().st_mtime > 14 * 86_400:
            shutil.rmtree(complete.parent, ignore_errors=True)


def _cache() -> Path:
    given = os.environ.get("ICECUBE_PEER_CACHE")
    folder = Path(given) if given else Path.home() / ".cache" / "icecube-plugin-tests" / "peers"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other test runs out, until the process ends at the latest."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _install(folder: Path, requirements: Sequence[str]) -> None:
    _run(*UV, "pip", "install", "--python", str(folder / "bin" / "python"), *requirements)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        lines = (done.stdout + done.stderr).strip().splitlines()
        raise PeerError(f"{' '.join(command[1:])} failed: {' / '.join(lines[-5:])}")


# --- what the document shows --------------------------------------------------------------------


def shown(name: str) -> str:
    """Return the block of the document that begins with ``# name``."""
    (block,) = re.findall(rf"```python\n(# {re.escape(name)}\n.*?)```", DOCUMENT, re.DOTALL)
    return str(block)


# --- notices ------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def notices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of notices, whole and broken, in folders named by their topics."""
    folder = tmp_path_factory.mktemp("notices")
    fixtures = ROOT / "fixtures"
    contents = {name: (fixtures / name).read_bytes() for name in NOTICES}
    contents |= {f"{topic}/{n}": (fixtures / "broken" / n).read_bytes() for topic, n in POISON}
    contents |= {
        name: (fixtures / name).read_bytes() if content is None else content
        for name, content in OTHERS.items()
    }
    for name, content in contents.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@dataclass(frozen=True)
class Stream:
    """Topics of a broker on which the notices are, one of them twice."""

    servers: str
    messages: tuple[Message, ...]

    @property
    def topics(self) -> list[str]:
        return sorted({str(message.topic) for message in self.messages})

    def committed(self, group: str) -> int:
        """Return the number of messages that a group has put behind it."""
        return sum(max(place.offset, 0) for place in self._offsets(group))

    def hand_on(self, group: str, to: str) -> None:
        """Let another group begin where one stopped: no wait until a dead member is given up."""
        done = [place for place in self._offsets(group) if place.offset >= 0]
        assert done
        with closing(Consumer({"bootstrap.servers": self.servers, "group.id": to})) as consumer:
            consumer.commit(offsets=done, asynchronous=False)

    def _offsets(self, group: str) -> list[TopicPartition]:
        places = [TopicPartition(topic, 0) for topic in self.topics]
        with closing(Consumer({"bootstrap.servers": self.servers, "group.id": group})) as consumer:
            try:
                return consumer.committed(places, timeout=120.0)
            except KafkaException:  # the broker is still making its topic of offsets
                return []


@pytest.fixture(scope="session")
def broker() -> Iterator[KafkaBroker]:
    """Return a broker with GCN's topic names, which other tests on the shared one use too."""
    require_kafka()
    with KafkaBroker() as broker:
        broker.serve_groups()
        yield broker


@pytest.fixture(scope="session")
def stream(broker: KafkaBroker, notices: Path) -> Stream:
    """Publish the notices, and the first one again."""
    messages = list(messages_from([str(notices)]))
    again = next(m for m in messages if str(m.origin).endswith(NOTICES[0]))
    found = Stream(broker.bootstrap_servers, (*messages, again))
    for topic in found.topics:
        broker.create_topic(topic)
    publish(broker, found.messages)
    return found


def publish(broker: KafkaBroker, messages: Sequence[Message]) -> None:
    """Send messages, with their headers, and wait until they are there."""
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
    for message in messages:
        value = message.value or None
        producer.produce(str(message.topic), value, headers=list(message.headers))
    assert producer.flush(120.0) == 0


# --- what comes out -----------------------------------------------------------------------------

_RECORDS: Final = (
    "SELECT record_id, notice_id, event_key, kind, format, revision, status, trigger_time, ra_deg,"
    " dec_deg, error_radius_deg, signalness, far_hz, p_generic, p_bayesian,"
    " json_extract(record_json, '$.message.value'),"
    " json_extract(record_json, '$.message.value_base64') FROM records"
)
_SIGNIFICANCES: Final = (
    "SELECT record_id, number, provider, quantity, sided, p_value, sigma, is_limit, n_trials,"
    " trials_source, p_value_post, sigma_post, far_per_year, far_source, verdict"
    " FROM significances JOIN records USING (record_number)"
)


@dataclass(frozen=True)
class Outcome:
    """What a host has left in its folder, apart from what depends on the way and the time.

    Attributes
    ----------
    records, significances : set of tuples
        Rows of the database.
    lines : mapping
        Alert and significances in the JSON lines, by record.
    refused : set of bytes
        Values of the messages that could not be read.
    down : set of bytes
        Values of those that the third party's sink did not take.
    """

    records: frozenset[tuple[Any, ...]]
    significances: frozenset[tuple[Any, ...]]
    lines: Mapping[str, Any]
    refused: frozenset[bytes]
    down: frozenset[bytes]

    @property
    def notice_ids(self) -> set[str]:
        return {row[1] for row in self.records}


def outcome(folder: Path) -> Outcome:
    """Collect what a host with the configuration of `configure` has left."""
    letters = list(Journal(folder / "icecube").letters())
    return Outcome(
        records=frozenset(rows(folder, _RECORDS)),
        significances=frozenset(rows(folder, _SIGNIFICANCES)),
        lines=_lines(folder / "alerts.jsonl"),
        refused=frozenset(letter.message.value for letter in letters if letter.sink is None),
        down=frozenset(letter.message.value for letter in letters if letter.sink == "broken"),
    )


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    """Ask the database, which may not be there yet."""
    try:
        with closing(sqlite3.connect(f"file:{folder}/alerts.sqlite?mode=ro", uri=True)) as database:
            return database.execute(query).fetchall()
    except sqlite3.OperationalError:
        return []


def _lines(path: Path) -> dict[str, Any]:
    """Read the JSON lines; by the contract of that sink a record may stand there twice."""
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return {record["id"]: [record["alert"], record["significances"]] for record in found}


def counts(folder: Path) -> tuple[int, int]:
    """Return the numbers of sightings and of dead letters; both grow only."""
    letters = Journal(folder / "icecube").letters()
    return len(rows(folder, "SELECT 1 FROM sightings")), len(list(letters))


def configure(folder: Path, **kafka: object) -> Path:
    """Write the document's configuration, for other topics, with a third party's sink beside."""
    (text,) = re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)
    head, _, rest = text.partition("[kafka]")
    sinks = rest[rest.index("[sinks.") :]
    settings = "".join(f"{name} = {json.dumps(value)}\n" for name, value in kafka.items())
    path = folder / "icecube-alerts.toml"
    path.write_text(f"{head}[kafka]\n{settings}\n{_THIRD_PARTY}\n{sinks}")
    return path


_THIRD_PARTY: Final = """
[sinks.power_cut]
type = "deadly"
path = "writes-before-the-end"

[sinks.broken]
type = "down"
"""


@pytest.fixture(scope="session")
def third_party(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the sink that raises into a folder for ``PYTHONPATH``."""
    folder = tmp_path_factory.mktemp("third_party")
    for name, text in DOWN.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


Replay = Callable[[Path, Path], Outcome]


@pytest.fixture(scope="session")
def replay(third_party: Path) -> Replay:
    """Return a function that gives what our own host makes of a folder of notices."""

    def run(folder: Path, into: Path) -> Outcome:
        configure(into)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(into)
            patch.syspath_prepend(third_party)
            main(["--config", "icecube-alerts.toml", "replay", str(folder)])
        return outcome(into)

    return run


@pytest.fixture(scope="session")
def expected(replay: Replay, notices: Path, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """What our own host makes of the notices."""
    found = replay(notices, tmp_path_factory.mktemp("replay"))
    assert len(found.records) == len(NOTICES)
    assert found.down == {_value(*row[-2:]) for row in found.records}
    assert len(found.refused) == len(POISON) + 4
    assert found.significances
    assert set(found.lines) == {row[0] for row in found.records}
    return found


def _value(text: str | None, base64: str | None) -> bytes:
    return b64decode(base64 or "") if text is None else text.encode()


# --- running a host -----------------------------------------------------------------------------


Program = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def program(third_party: Path) -> Iterator[Program]:
    """Return a function that starts a Python program in a folder; it is killed in the end."""
    started: list[subprocess.Popen[str]] = []

    def start(python: str, code: str, folder: Path) -> subprocess.Popen[str]:
        log = (folder / "log.txt").open("a")
        env = os.environ | {
            "PYTHONPATH": str(third_party),
            "XDG_CONFIG_HOME": str(folder),
            "PYTHONFAULTHANDLER": "1",
        }
        started.append(
            subprocess.Popen(
                [python, "-c", code], cwd=folder, env=env, stdout=log, stderr=log, text=True
            )
        )
        log.close()
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def wait_for(what: Callable[[], bool], process: subprocess.Popen[str], folder: Path) -> None:
    """Wait until something is so, while a program runs; in vain, show where it stands."""
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        log = folder / "log.txt"
        assert process.poll() is None, f"the program has ended\n{log.read_text()}"
        if time.monotonic() > deadline:
            process.send_signal(signal.SIGABRT)  # Python writes where each thread is
            process.wait()
            pytest.fail(f"nothing more comes: {counts(folder)}\n{log.read_text()}")
        time.sleep(0.1)


def run_shown(
    name: str, python: str, stream: Stream, folder: Path, program: Program, group: str
) -> tuple[int, int]:
    """Run a block of the document until all is handled and committed; return `counts`."""
    process = program(python, _prepared(name, stream, folder, group), folder)
    wait_for(lambda: stream.committed(group) == len(stream.messages), process, folder)
    wait_for(lambda: have_all(folder), process, folder)
    interrupt(process)
    return counts(folder)


def have_all(folder: Path) -> bool:
    """Whether each sink has all that came: one that was behind at the start is not waited for."""
    journal = Journal(folder / "icecube")
    with closing(journal), closing(Cursors(folder / "icecube", journal)) as cursors:
        return {cursor.seq for cursor in cursors.all()} == {journal.look()}


def run_into_power_cut(
    name: str, python: str, stream: Stream, folder: Path, program: Program, group: str
) -> None:
    """Run a block of the document to a sudden end amid the notices."""
    (folder / "writes-before-the-end").write_text("5")
    process = program(python, _prepared(name, stream, folder, group), folder)
    process.wait(PATIENCE_S)
    assert process.returncode == 9, (folder / "log.txt").read_text()
    assert counts(folder)[0] in (5, 6)  # the sinks write side by side


def _prepared(name: str, stream: Stream, folder: Path, group: str) -> str:
    configure(folder, bootstrap_servers=stream.servers, group_id=group, topics=stream.topics)
    return shown(name)


def interrupt(process: subprocess.Popen[str]) -> None:
    """Press Ctrl-C and wait for the end."""
    process.send_signal(signal.SIGINT)
    process.wait(PATIENCE_S)
