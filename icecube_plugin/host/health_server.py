"""``/healthz`` and ``/metrics`` of a live host over HTTP.

``/healthz`` answers 200, or 503 with a line for each of `health.problems`. ``/metrics`` is for
Prometheus; `docs/running.md` has alert rules.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from icecube_hooks import ConfigError
from icecube_plugin.extras import pip_line

from .health import problems, status

if TYPE_CHECKING:
    from .runner import Host
    from .summary import Source

__all__ = ["HealthServer"]

log = logging.getLogger(__name__)


class HealthServer:
    """Answers while a host runs; a context manager.

    Parameters
    ----------
    host : Host
    source : Source
    listen : str
        ``HOST:PORT``.

    Raises
    ------
    ConfigError
        If the address cannot be listened on, or ``prometheus-client`` is missing.
    """

    def __init__(self, host: Host, source: Source, listen: str) -> None:
        name, colon, port = listen.rpartition(":")
        if not colon or not name:  # a bare port would be open to everybody
            hint = "such as 127.0.0.1:9464; 0.0.0.0:9464 is open to all"
            raise ConfigError(f"{listen!r} is not HOST:PORT", key="health.listen", hint=hint)
        try:
            handler = _handler(host, source)
            self._server = ThreadingHTTPServer((name.strip("[]"), int(port)), handler)
        except (OSError, ValueError, OverflowError) as error:
            raise ConfigError(f"cannot listen: {error}", key="health.listen") from error

    @property
    def port(self) -> int:
        """The port on which it listens."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(host: Host, source: Source) -> type[BaseHTTPRequestHandler]:
    """Return the class that answers."""
    metrics = _metrics(host, source)

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            if self.path == "/healthz":
                found = [problem.text for problem in problems(host, source)]
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
        hint = pip_line("metrics")
        raise ConfigError("needs prometheus-client", key="health.listen", hint=hint) from error

    class Collector:
        def collect(self) -> Iterable[Any]:
            return families(status(host, source))

    registry = CollectorRegistry()
    registry.register(Collector())
    return lambda: generate_latest(registry).decode()


def families(now: dict[str, Any]) -> tuple[Any, ...]:
    """Return the metrics of a status, see `icecube_plugin.host.health.status`."""
    return (*_counters(now), *_gauges(now))


def _family(make: Any, name: str, text: str, values: dict[str, Any], label: str = "") -> Any:
    made = make(f"icecube_alerts_{name}", text, labels=[label] if label else [])
    for key, value in values.items():
        made.add_metric([key] if label else [], value)
    return made


def _counters(now: dict[str, Any]) -> Iterator[Any]:
    from prometheus_client.core import CounterMetricFamily as Counter

    for name, text in (
        ("messages", "Messages taken from the source"),
        ("records", "Messages read"),
        ("refused", "Messages that could not be read: dead letters"),
        ("passed", "Messages of others, on a shared topic"),
    ):
        yield _family(Counter, name, text, {"": now[name]})
    yield _family(Counter, "alerts", "Records by kind of alert", now["kinds"], "kind")
    yield _family(Counter, "stage_seconds", "Time spent by stage", now["seconds"], "stage")
    yield _family(Counter, "kafka_errors", "Kafka's error events", now["kafka_errors"], "error")
    text = "Messages that the broker removed before they were read"
    yield _family(Counter, "lost", text, now["lost"], "partition")
    for name in ("written", "refused", "dropped"):
        values = {sink["name"]: sink[name] for sink in now["sinks"]}
        yield _family(Counter, f"sink_{name}", f"Records {name}, by sink", values, "sink")


def _gauges(now: dict[str, Any]) -> Iterator[Any]:
    from prometheus_client.core import GaugeMetricFamily as Gauge

    found = dict.fromkeys(now["problems"], 1)
    yield _family(Gauge, "problem", "Why the host is not well, by kind", found, "kind")
    yield _family(Gauge, "well", "Whether nothing is wrong", {"": int(not found)})
    waiting = {sink["name"]: sink["waiting"] for sink in now["sinks"]}
    yield _family(Gauge, "sink_waiting", "Records that wait on disk", waiting, "sink")
    trouble = {sink["name"]: int(sink["in_trouble"]) for sink in now["sinks"]}
    yield _family(Gauge, "sink_in_trouble", "Whether the sink cannot write", trouble, "sink")
    yield _family(Gauge, "lag", "Messages not committed yet", now["lag"], "partition")
    absent = dict.fromkeys(now["missing"], 1)
    yield _family(Gauge, "topic_missing", "Wanted topics that are not there", absent, "topic")
    seen = {key: datetime.fromisoformat(at).timestamp() for key, at in now["last_seen"].items()}
    yield _family(Gauge, "last_seen_seconds", "Unix time of the last message", seen, "topic")
    yield _family(Gauge, "still_seconds", "Time since the host moved", {"": now["still_s"]})
    if now["heartbeat_age_s"] is not None:
        age = {"": now["heartbeat_age_s"]}
        yield _family(Gauge, "heartbeat_age_seconds", "Time since GCN's last heartbeat", age)
