"""Watching a live host: a status file, warnings, health and metrics over HTTP, a service manager.

::

    [watch]
    every_s = 5.0                  # how often data_folder/status.json is written
    heartbeat_limit_s = 120.0      # warn when gcn.heartbeat is silent for longer
    stall_limit_s = 120.0          # not healthy when the host has not moved for longer
    listen = "127.0.0.1:9464"      # /healthz and /metrics (extra `metrics`); default: none

``/healthz`` answers 200, or 503 with a line for each reason: the host does not move, or heartbeats
do not come. A sink that is down does not make the host unhealthy: its records wait on disk.

Under systemd with ``Type=notify`` the host says when it is ready and, with ``WatchdogSec``, that it
moves; systemd restarts it when it does not.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from icecube_hooks import ConfigError
from icecube_plugin import __version__
from icecube_plugin.disk import replace_file

from .config import WatchConfig

if TYPE_CHECKING:
    from http.server import ThreadingHTTPServer

    from .runner import Host
    from .summary import Source

__all__ = ["Watch", "problems", "read_status", "status", "status_path"]

log = logging.getLogger(__name__)

STATUS_VERSION: Final = 1


def status_path(folder: Path) -> Path:
    """Return the file in which a live host writes how it is."""
    return folder / "status.json"


def read_status(folder: Path) -> dict[str, Any] | None:
    """Return what a live host wrote last; ``None`` if there is nothing."""
    try:
        found = json.loads(status_path(folder).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("version") == STATUS_VERSION else None


def status(host: Host, source: Source | None) -> dict[str, Any]:
    """Return how a host is, ready for JSON; times are UTC, spans seconds."""
    summary = dataclasses.asdict(host.summary)
    return {
        "version": STATUS_VERSION,
        "program": f"icecube-alerts {__version__}",
        "pid": os.getpid(),
        "group": host.config.kafka.group_id,
        "at": datetime.now(UTC).isoformat(),
        "still_s": round(time.monotonic() - host.moved_at, 3),
        "every_s": host.config.watch.every_s,
        **summary,
        "sinks": [
            {
                name: value.isoformat() if isinstance(value, datetime) else value
                for name, value in dataclasses.asdict(state).items()
            }
            for state in host.sinks
        ],
        "lag": {f"{topic}[{part}]": lag for (topic, part), lag in _of(source, "lag").items()},
        "last_seen": {topic: at.isoformat() for topic, at in _of(source, "last_seen").items()},
        "kafka_errors": dict(_of(source, "errors")),
        "heartbeat_age_s": _heartbeat_age_s(source),
    }


def problems(host: Host, source: Source | None) -> list[str]:
    """Return why a host is not healthy, a line for each reason."""
    config = host.config.watch
    found = []
    still_s, age_s = time.monotonic() - host.moved_at, _heartbeat_age_s(source)
    if still_s > config.stall_limit_s:
        found.append(f"the host has not moved for {still_s:.0f} s")
    if age_s is not None and age_s > config.heartbeat_limit_s:
        found.append(f"no heartbeat from GCN for {age_s:.0f} s")
    return found


class Watch:
    """Watches a host while it runs; a context manager.

    Parameters
    ----------
    host : Host
    source : Source
        May tell `lag`, `last_seen`, `errors` and `heartbeat_age_s`.

    Raises
    ------
    ConfigError
        If the address cannot be listened on, or ``prometheus-client`` is missing.
    """

    def __init__(self, host: Host, source: Source) -> None:
        self.host = host
        self.source = source
        self.config: WatchConfig = host.config.watch
        self._closed = threading.Event()
        self._told: list[str] = []
        self._server = self._listening() if self.config.listen is not None else None
        self._thread = threading.Thread(target=self._work, name="icecube-watch", daemon=True)

    @property
    def port(self) -> int | None:
        """The port of ``/healthz`` and ``/metrics``."""
        return None if self._server is None else int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        if self._server is not None:
            threading.Thread(target=self._server.serve_forever, daemon=True).start()
        _notify_systemd("READY=1")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _notify_systemd("STOPPING=1")
        self._closed.set()
        self._thread.join()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def look(self) -> None:
        """Look once: write the status, warn of what is new, and tell the service manager."""
        found = problems(self.host, self.source)
        kinds = [line.partition(" for ")[0] for line in found]
        for kind, line in zip(kinds, found, strict=True):
            if kind not in self._told:
                log.warning("%s", line)
        for kind in self._told:
            if kind not in kinds:
                log.warning("over: %s", kind)
        self._told = kinds
        if not any(kind.startswith("the host") for kind in kinds):
            _notify_systemd("WATCHDOG=1")
        self._write()

    def _work(self) -> None:
        while not self._closed.wait(self.config.every_s):
            self.look()
        self._write()

    def _write(self) -> None:
        path = status_path(self.host.config.data_folder)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps(status(self.host, self.source))
            replace_file(path, text.encode(), sync=False)
        except OSError as error:  # a full disk: the status is the least of it
            log.debug("cannot write %s: %s", path, error)

    def _listening(self) -> ThreadingHTTPServer:
        from http.server import ThreadingHTTPServer

        name, _, port = (self.config.listen or "").rpartition(":")
        try:
            return ThreadingHTTPServer((name, int(port)), _handler(self.host, self.source))
        except (OSError, ValueError, OverflowError) as error:
            raise ConfigError(f"cannot listen: {error}", key="watch.listen") from error


def _handler(host: Host, source: Source) -> Any:
    """Return the class that answers ``/healthz`` and ``/metrics``."""
    from http.server import BaseHTTPRequestHandler

    metrics = _metrics(host, source)

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            if self.path == "/healthz":
                found = problems(host, source)
                self._answer(503 if found else 200, "\n".join(found or ["ok"]) + "\n")
            elif self.path == "/metrics":
                self._answer(200, metrics())
            else:
                self._answer(404, "there are /healthz and /metrics\n")

        def _answer(self, code: int, text: str) -> None:
            body = text.encode()
            self.send_response(code)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its base's name
            log.debug("%s asked: %s", self.client_address[0], format % args)

    return Handler


def _metrics(host: Host, source: Source) -> Any:
    """Return the function that prints the metrics of this host, as Prometheus reads them."""
    try:
        from prometheus_client import CollectorRegistry, generate_latest
    except ImportError as error:
        hint = "pip install 'icecube-plugin[metrics]'"
        raise ConfigError("needs prometheus-client", key="watch.listen", hint=hint) from error

    class Collector:
        def collect(self) -> Iterable[Any]:
            return _families(status(host, source))

    registry = CollectorRegistry()
    registry.register(Collector())
    return lambda: generate_latest(registry).decode()


def _families(now: dict[str, Any]) -> Iterable[Any]:
    """Yield Prometheus' metric families of a status."""
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    def family(make: Any, name: str, text: str, labels: dict[str, Any], label: str = "") -> Any:
        made = make(f"icecube_alerts_{name}", text, labels=[label] if label else [])
        for key, value in labels.items():
            made.add_metric([key] if label else [], value)
        return made

    for name, text in (
        ("messages", "Messages taken from the source"),
        ("records", "Messages read"),
        ("refused", "Messages that could not be read: dead letters"),
        ("passed", "Messages of others, on a shared topic"),
    ):
        yield family(CounterMetricFamily, name, text, {"": now[name]})
    counted = CounterMetricFamily
    yield family(counted, "alerts", "Records by kind of alert", now["kinds"], "kind")
    yield family(counted, "stage_seconds", "Time spent by stage", now["seconds"], "stage")
    yield family(counted, "kafka_errors", "Kafka's error events", now["kafka_errors"], "error")
    sinks = {sink["name"]: sink for sink in now["sinks"]}
    for name in ("written", "refused", "dropped"):
        values = {key: sink[name] for key, sink in sinks.items()}
        yield family(counted, f"sink_{name}", f"Records {name}, by sink", values, "sink")
    gauge = GaugeMetricFamily
    waiting = {key: sink["waiting"] for key, sink in sinks.items()}
    yield family(gauge, "sink_waiting", "Records that wait on disk", waiting, "sink")
    trouble = {key: int(sink["in_trouble"]) for key, sink in sinks.items()}
    yield family(gauge, "sink_in_trouble", "Whether the sink cannot write", trouble, "sink")
    yield family(gauge, "lag", "Messages not committed yet", now["lag"], "partition")
    seen = {key: datetime.fromisoformat(at).timestamp() for key, at in now["last_seen"].items()}
    yield family(gauge, "last_seen_seconds", "Unix time of the last message", seen, "topic")
    yield family(gauge, "still_seconds", "Time since the host moved", {"": now["still_s"]})
    if now["heartbeat_age_s"] is not None:
        age = {"": now["heartbeat_age_s"]}
        yield family(gauge, "heartbeat_age_seconds", "Time since GCN's last heartbeat", age)


def _of(source: Source | None, name: str) -> dict[Any, Any]:
    """Return what a source tells, if it does: an attribute or the answer of a method."""
    found = getattr(source, name, {})
    told: Any = found() if callable(found) else found
    return dict(told)


def _heartbeat_age_s(source: Source | None) -> float | None:
    age = getattr(source, "heartbeat_age_s", None)
    return None if age is None else age()


def _notify_systemd(state: str) -> None:
    """Tell systemd, if it started us (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        try:
            notify.connect("\0" + address[1:] if address.startswith("@") else address)
            notify.send(state.encode())
        except OSError as error:
            log.debug("cannot notify systemd: %s", error)
