"""A real Apache Kafka broker for tests: one process, KRaft mode, on localhost.

Its jars come from Maven Central through ``mvn`` (see ``pom.xml``) and stay in a cache outside the
checkout. `KafkaBroker` formats a storage folder, starts a combined broker and controller with
``java`` on free ports, and waits until an admin client can list topics::

    with KafkaBroker() as kafka:
        kafka.create_topic("gcn.heartbeat")
        Consumer({"bootstrap.servers": kafka.bootstrap_servers, ...})

Topics are never made by accident (``auto.create.topics.enable=false``), as at GCN. Plaintext only,
unless `settings` say otherwise. `stop` is a clean shutdown, `kill` is SIGKILL, and after either
`restart` brings the same data back on the same port. `KafkaCluster` is three of them.

Environment
-----------
ICECUBE_KAFKA_CACHE
    Folder that holds the fetched jars, instead of ``~/.cache/icecube-plugin-tests``.
ICECUBE_REQUIRE_KAFKA
    ``1`` makes the fixtures of ``fixture.py`` fail where they would skip.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
import random
import re
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Self

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic  # where it is defined: `admin` does not re-export it

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

__all__ = [
    "KafkaBroker",
    "KafkaBrokerError",
    "KafkaCluster",
    "fetch_jars",
    "free_ports",
    "jar_folder",
    "missing",
]

POM = Path(__file__).with_name("pom.xml")
OLDEST_JAVA = 17
FETCH_TIMEOUT_S = 300.0
START_TIMEOUT_S = 300.0  # two seconds, or minutes on a busy machine
STOP_TIMEOUT_S = 60.0
ADMIN_TIMEOUT_S = 60.0

# Below Linux's ephemeral ports (32768 and up): while the broker is down, a client that keeps
# reconnecting to an ephemeral port can be given that very port as its own end and so take it.
# A hundred for each process: between the look for a free port and its use another would take it.
PORTS = range(20000, 30000)
PORTS_OF_A_PROCESS = 100

JAVA_OPTIONS = (
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",  # a test broker lives for seconds: start quickly, optimise little
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dlog4j2.statusLoggerLevel=OFF",
)

SERVER_PROPERTIES = """\
process.roles=broker,controller
node.id={node}
controller.quorum.bootstrap.servers=127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
log.dirs={data}
auto.create.topics.enable=false
delete.topic.enable=true
num.partitions=1
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.retention.ms=-1
"""

FURTHER_BROKER = """\
process.roles=broker
listeners=PLAINTEXT://127.0.0.1:{port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
"""

IN_A_CLUSTER = """\
offsets.topic.replication.factor=3
"""


class KafkaBrokerError(RuntimeError):
    """The jars could not be fetched, or the broker did not do what it was asked."""


# --- what the machine has -----------------------------------------------------------------------


def java_version(banner: str) -> int | None:
    """Return the feature release that ``java -version`` prints.

    Parameters
    ----------
    banner
        Its output.

    Returns
    -------
    int or None
        ``None`` if there is no version in it.

    Examples
    --------
    >>> java_version('openjdk version "17.0.15" 2025-04-15')
    17
    >>> java_version('java version "1.8.0_392"')
    8
    """
    found = re.search(r'version "(?:1\.)?(\d+)', banner)
    return int(found[1]) if found else None


def missing(env: Mapping[str, str] = os.environ) -> str | None:
    """Say why no broker can run here.

    Parameters
    ----------
    env
        The environment: ``PATH`` and `ICECUBE_KAFKA_CACHE` are read.

    Returns
    -------
    str or None
        The reason, or ``None`` if nothing is missing. The network is not tried: `fetch_jars` does.
    """
    java = shutil.which("java", path=env.get("PATH"))
    if java is None:
        return "no java on the PATH"
    banner = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = java_version(banner)
    if version is None or version < OLDEST_JAVA:
        return f"java is {version or 'of an unknown version'}, Kafka needs {OLDEST_JAVA} or later"
    if not jar_folder(env).is_dir() and shutil.which("mvn", path=env.get("PATH")) is None:
        return "no mvn on the PATH to fetch Kafka with"
    return None


# --- the jars -----------------------------------------------------------------------------------


def jar_folder(env: Mapping[str, str] = os.environ) -> Path:
    """Return the cache folder of the jars that the present ``pom.xml`` asks for.

    Parameters
    ----------
    env
        The environment, for `ICECUBE_KAFKA_CACHE`.
    """
    cache = env.get("ICECUBE_KAFKA_CACHE")
    root = Path(cache) if cache else Path.home() / ".cache" / "icecube-plugin-tests"
    return root / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:16]}"


def fetch_jars(env: Mapping[str, str] = os.environ) -> Path:
    """Return the folder with the jars, filling it through ``mvn`` if it is not there yet.

    The folder appears complete or not at all, so that parallel test runs can share it.

    Raises
    ------
    KafkaBrokerError
        If ``mvn`` fails or takes too long; nothing is left behind.
    """
    folder = jar_folder(env)
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fetching-") as scratch:
        jars = Path(scratch) / "jars"
        _copy_dependencies(jars)
        try:
            jars.rename(folder)
        except OSError:
            if not folder.is_dir():  # otherwise another run was first, with the same jars
                raise
    return folder


def prepared_classes(env: Mapping[str, str] = os.environ) -> Path:
    """Return an archive of the classes that a broker loads, made now if it is not there yet.

    With it a broker starts in half the time, and takes half the processor. It is of this Java and
    these jars; where it cannot be made there is none, and Java goes on without.
    """
    jars = fetch_jars(env)
    java = shutil.which("java", path=env.get("PATH")) or ""
    digest = hashlib.sha256(str(Path(java).resolve()).encode()).hexdigest()[:16]
    archive = jars.with_name(f"{jars.name}-{digest}.jsa")
    with archive.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not archive.exists():
            _prepare_classes(archive, env)
    return archive


def _prepare_classes(archive: Path, env: Mapping[str, str]) -> None:
    """Let a broker note what it loads when it ends; the file appears whole, or empty."""
    new = archive.with_suffix(".new")
    with KafkaBroker(env, java_options=[f"-XX:ArchiveClassesAtExit={new}"]) as broker:
        broker.create_topic("any")
        broker.serve_groups()
        broker.stop()
    if not new.exists():
        new.touch()
    new.rename(archive)


def _copy_dependencies(destination: Path) -> None:
    command = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies"]
    command += ["-DincludeScope=runtime", f"-DoutputDirectory={destination}"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=FETCH_TIMEOUT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise KafkaBrokerError(f"could not fetch Kafka's jars: {error}") from error
    if done.returncode or not any(destination.glob("kafka_*.jar")):
        raise KafkaBrokerError(
            f"could not fetch Kafka's jars: mvn exited with {done.returncode}\n"
            + _tail(done.stdout + done.stderr)
        )


# --- the broker ---------------------------------------------------------------------------------


class KafkaBroker:
    """One Kafka broker on localhost, with its data in a temporary folder.

    A context manager: entering fetches the jars if needed, formats and starts; leaving stops the
    process and deletes the data.

    Parameters
    ----------
    env
        The environment, for `ICECUBE_KAFKA_CACHE`.
    settings
        Lines of ``server.properties`` that override the usual ones; ``{port}`` and
        ``{controller_port}`` stand for the broker's own.
    java_options
        Further options of the Java machine.
    controller
        Another broker, which has to run: this one joins its cluster.
    """

    def __init__(
        self,
        env: Mapping[str, str] = os.environ,
        *,
        settings: str = "",
        java_options: Sequence[str] = (),
        controller: KafkaBroker | None = None,
    ) -> None:
        self._env = env
        self._settings = settings
        self._java_options = java_options
        self._controller = controller
        self._cluster_id: str = _cluster_id() if controller is None else controller._cluster_id
        self._port, self._controller_port = free_ports(2)
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="icecube-kafka-")
        try:
            self._format()
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def bootstrap_servers(self) -> str:
        """``host:port``, the same over every `restart`."""
        return f"127.0.0.1:{self._port}"

    @property
    def node(self) -> int:
        """Its number in the cluster."""
        return 1 if self._controller is None else self._port

    @property
    def is_running(self) -> bool:
        """Whether the process lives (not: whether it answers)."""
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """What the broker has printed so far, over all its restarts."""
        path = self._home / "broker.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def create_topic(
        self,
        name: str,
        partitions: int = 1,
        config: Mapping[str, str] | None = None,
        replicas: int = 1,
    ) -> None:
        """Create a topic and wait until the broker serves it.

        Parameters
        ----------
        name
            Its name.
        partitions
            How many partitions.
        config
            Topic settings such as ``{"retention.ms": "1000"}``.
        replicas
            On how many brokers.

        Raises
        ------
        KafkaBrokerError
            If the broker refuses (it exists already, the name is invalid) or does not answer.
        """
        topic = NewTopic(name, partitions, replicas, config=dict(config or {}))
        admin = self._admin()  # kept: an answer is lost when its client is collected
        answers = admin.create_topics([topic], operation_timeout=ADMIN_TIMEOUT_S)
        try:
            answers[name].result(timeout=ADMIN_TIMEOUT_S)
        except (KafkaException, TimeoutError) as error:
            raise KafkaBrokerError(f"could not create topic {name!r}: {error}") from error

    def topics(self) -> frozenset[str]:
        """Return the names of all topics, Kafka's own included."""
        return frozenset(self._admin().list_topics(timeout=ADMIN_TIMEOUT_S).topics)

    def stop(self) -> None:
        """Shut down cleanly (SIGTERM); kill only if that takes too long. Data stay."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process = None

    def kill(self) -> None:
        """SIGKILL, as a power cut would. Data stay."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._process = None

    def restart(self) -> None:
        """Start again on the same ports and data, after a clean stop if it still runs.

        Raises
        ------
        KafkaBrokerError
            If it does not come up; the message holds the end of its log.
        """
        self.stop()
        self._start()

    def close(self) -> None:
        """Stop at once and delete the data. A second call does nothing."""
        self.kill()  # nobody reads the data again, so no time is spent on a clean shutdown
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    @property
    def _home(self) -> Path:
        if self._folder is None:
            raise KafkaBrokerError("the broker is closed: use it inside its with block")
        return Path(self._folder.name)

    def _java(self, main: str, *arguments: str) -> list[str]:
        classpath = str(fetch_jars(self._env) / "*")
        options = self._java_options or self._prepared()
        return ["java", *JAVA_OPTIONS, *options, "-cp", classpath, main, *arguments]

    def _prepared(self) -> Sequence[str]:
        archive = prepared_classes(self._env)
        return [f"-XX:SharedArchiveFile={archive}", "-Xlog:cds=off"]

    def _format(self) -> None:
        properties = self._home / "server.properties"
        controller = self._controller or self
        text = SERVER_PROPERTIES + ("" if controller is self else FURTHER_BROKER) + self._settings
        properties.write_text(
            text.format(
                port=self._port,
                controller_port=controller._controller_port,
                data=self._home / "data",
                node=self.node,
            )
        )
        # One word: an identifier may begin with "-", and would look like an option of its own.
        identifier = f"--cluster-id={self._cluster_id}"
        kind = "--standalone" if controller is self else "--no-initial-controllers"
        arguments = ["format", kind, identifier, "-c", str(properties)]
        command = self._java("kafka.tools.StorageTool", *arguments)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise KafkaBrokerError("could not format storage\n" + _tail(done.stdout + done.stderr))

    def serve_groups(self) -> None:
        """Wait until consumer groups work: some clients die of a broker that is not so far."""
        options = {"bootstrap.servers": self.bootstrap_servers, "group.id": "the first"}
        consumer = Consumer(options)
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                consumer.committed([TopicPartition("any", 0)], timeout=5.0)
            except KafkaException:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
            else:
                break
        consumer.close()

    def _start(self) -> None:
        command = self._java("kafka.Kafka", str(self._home / "server.properties"))
        with (self._home / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=self._home, stdout=log, stderr=log)
        try:
            self._wait_until_ready()
        except KafkaBrokerError:
            self.kill()
            raise

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            if not self.is_running:
                raise KafkaBrokerError("the broker died while starting\n" + _tail(self.log))
            if time.monotonic() > deadline:
                raise KafkaBrokerError(
                    f"the broker did not answer within {START_TIMEOUT_S:g} s\n" + _tail(self.log)
                )
            time.sleep(0.05)

    def _answers(self) -> bool:
        # The port is tried first: an admin client retries a closed one with growing pauses.
        try:
            socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
            return bool(self._admin().list_topics(timeout=10).brokers)
        except (OSError, KafkaException):
            return False

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})


class KafkaCluster:
    """Three brokers; the first is the controller, any of the other two may be killed."""

    def __init__(self, env: Mapping[str, str] = os.environ) -> None:
        first = KafkaBroker(env, settings=IN_A_CLUSTER)
        others = [KafkaBroker(env, settings=IN_A_CLUSTER, controller=first) for _ in range(2)]
        self.brokers = [first, *others]

    def __enter__(self) -> Self:
        try:
            self.brokers[0].__enter__()
            with ThreadPoolExecutor() as pool:
                list(pool.map(KafkaBroker.__enter__, self.brokers[1:]))
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def bootstrap_servers(self) -> str:
        """The addresses of all three."""
        return ",".join(broker.bootstrap_servers for broker in self.brokers)

    def leader(self, topic: str) -> KafkaBroker:
        """Return the broker that leads the first partition of `topic`."""
        admin = self.brokers[0]._admin()
        leader = (
            admin.list_topics(topic, timeout=ADMIN_TIMEOUT_S).topics[topic].partitions[0].leader
        )
        return next(broker for broker in self.brokers if broker.node == leader)

    def close(self) -> None:
        """Stop all at once and delete their data."""
        for broker in reversed(self.brokers):
            broker.close()


def free_ports(count: int) -> Sequence[int]:
    """Return ports that nothing listens on now, and that were not given away a moment ago."""
    own = islice(_ports_of(os.getpid()), PORTS_OF_A_PROCESS)
    found = list(islice(filter(_is_free, own), count))
    if len(found) < count:
        raise KafkaBrokerError(f"no {count} free ports among those of this process")
    return found


@cache
def _ports_of(pid: int) -> Iterator[int]:
    """Return the ports of a process one after the other, and then again."""
    first = pid % (len(PORTS) // PORTS_OF_A_PROCESS) * PORTS_OF_A_PROCESS
    return cycle(random.sample(PORTS[first : first + PORTS_OF_A_PROCESS], PORTS_OF_A_PROCESS))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _cluster_id() -> str:
    """Return a random UUID in the form that Kafka wants."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def _tail(text: str, lines: int = 30) -> str:
    return "\n".join(text.splitlines()[-lines:])
