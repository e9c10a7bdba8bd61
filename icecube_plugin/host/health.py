"""Whether a live host is well: one function says so, and everything else asks it.

::

    [health]
    every_s = 5.0                  # how often data_folder/status.json is written
    connection_limit_s = 15.0      # without a connection to the broker for longer: not well
    heartbeat_limit_s = 60.0       # gcn.heartbeat silent for longer: not well
    stall_limit_s = 120.0          # messages wait, or the host does nothing, for longer: not well
    listen = "127.0.0.1:9464"      # /healthz and /metrics (extra `metrics`); default: none

`problems` is behind ``icecube-alerts status`` and its exit code, ``/healthz``, the metric
``icecube_alerts_problem``, the log, and systemd's watchdog. Each is a kind, the same for ever, and
a line for people:

================== =============================================================================
never-connected    there has been no connection to the broker since the start
not-connected      there was one
refused            the broker, or the server that checks credentials, refuses us
topic-missing      a topic that the configuration names is not there
topic-denied       the credentials do not allow to read a topic
messages-lost      the broker removed messages before they were read (told for an hour)
no-commits         messages wait, and none is done with
no-heartbeat       GCN's heartbeat does not come
host-stands        the host does nothing
journal-stands     our own disk takes nothing
sink-stands        a required sink takes nothing, and records wait for it
================== =============================================================================

A source, or the host, may add its own: an object with ``problems(limits)``.

Under systemd with ``Type=notify`` the host says when it is ready and, with ``WatchdogSec``, that it
moves; systemd restarts it when it does not. Without a connection it is not restarted: that would
mend nothing.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from icecube_plugin import __version__
from icecube_plugin.disk import replace_file

from .config import HealthConfig, group_of

if TYPE_CHECKING:
    from .runner import Host
    from .summary import Source
    from .worker import SinkState

__all__ = [
    "HealthReporter",
    "Problem",
    "problems",
    "read_status",
    "runs",
    "sink_problems",
    "status",
    "status_path",
    "troubles",
]

log = logging.getLogger(__name__)

STATUS_VERSION: Final = 2
MISSED: Final = 4
"""A host that has not written for so many of its intervals is not running."""


class Problem(NamedTuple):
    """Why alerts do not flow, or may have been lost."""

    kind: str
    text: str


def problems(host: Host, source: Source | None) -> list[Problem]:
    """Return why a host is not well."""
    limits = host.config.health
    found: list[Problem] = []
    still_s = time.monotonic() - host.moved_at
    if still_s > limits.stall_limit_s:
        found.append(Problem("host-stands", f"the host has not moved for {still_s:.0f} s"))
    for part in (source, host):
        own = getattr(part, "problems", None)
        found += own(limits) if own is not None else ()
    return found


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


def runs(now: Mapping[str, Any], at: datetime) -> bool:
    """Whether the host that wrote this status runs at a time."""
    age_s = (at - datetime.fromisoformat(now["at"])).total_seconds()
    return now["state"] == "running" and age_s < MISSED * float(now["every_s"])


def troubles(folder: Path, at: datetime) -> list[str]:
    """Return why no alerts flow into a data folder: there is no host, or it is not well."""
    now = read_status(folder)
    if now is None:
        return ["no host that listens has written so far"]
    if not runs(now, at):
        return ["the host that listens does not run"]
    return list(now["problems"].values())


def status(host: Host, source: Source | None) -> dict[str, Any]:
    """Return how a host is, ready for JSON; times are UTC, spans seconds."""
    return {
        "version": STATUS_VERSION,
        "program": f"icecube-alerts {__version__}",
        "pid": os.getpid(),
        "group": group_of(host.config),
        "at": datetime.now(UTC).isoformat(),
        "problems": {kind: "; ".join(t) for kind, t in _by_kind(problems(host, source)).items()},
        "still_s": round(time.monotonic() - host.moved_at, 3),
        "every_s": host.config.health.every_s,
        **dataclasses.asdict(host.summary),
        "sinks": [_ready(dataclasses.asdict(state)) for state in host.sinks],
        "lag": {f"{topic}[{part}]": lag for (topic, part), lag in _told(source, "lag").items()},
        "lost": {f"{topic}[{part}]": n for (topic, part), n in _told(source, "lost").items()},
        "missing": list(getattr(source, "missing", ())),
        "last_seen": {topic: at.isoformat() for topic, at in _told(source, "last_seen").items()},
        "kafka_errors": dict(_told(source, "errors")),
        "heartbeat_age_s": _heartbeat_age_s(source),
    }


class HealthReporter:
    """Looks at a host while it runs, writes its status, and tells; a context manager.

    Parameters
    ----------
    host : Host
    source : Source
        May tell `problems`, `lag`, `lost`, `missing`, `last_seen`, `errors`, `heartbeat_age_s`.
    """

    def __init__(self, host: Host, source: Source) -> None:
        self.host = host
        self.source = source
        self.config: HealthConfig = host.config.health
        self._closed = threading.Event()
        self._told: dict[str, list[str]] = {}
        self._thread = threading.Thread(target=self._work, name="icecube-health", daemon=True)

    def __enter__(self) -> Self:
        self._write("running")
        self._thread.start()
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
        self._write("stopped" if error is None else f"ended: {error}")

    def look(self) -> None:
        """Look once: warn of what is new, tell the service manager, and write the status."""
        found = _by_kind(problems(self.host, self.source))
        for kind, texts in found.items():
            if len(texts) > len(self._told.get(kind, ())):  # another sink, another topic
                log.warning("not well: %s", "; ".join(texts))
        for kind, texts in self._told.items():
            if kind not in found:
                log.warning("over: %s", "; ".join(texts))
        self._told = found
        if "host-stands" not in found:
            _notify_systemd("WATCHDOG=1")
        self._write("running")

    def _work(self) -> None:
        while not self._closed.wait(self.config.every_s):
            self.look()

    def _write(self, state: str) -> None:
        path = status_path(self.host.config.data_folder)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            text = json.dumps({"state": state, **status(self.host, self.source)})
            replace_file(path, text.encode(), sync=False)
        except OSError as error:  # a full disk: the status is the least of it
            log.debug("cannot write %s: %s", path, error)


def _by_kind(found: Iterable[Problem]) -> dict[str, list[str]]:
    texts: dict[str, list[str]] = {}
    for problem in found:
        texts.setdefault(problem.kind, []).append(problem.text)
    return texts


def _ready(state: dict[str, Any]) -> dict[str, Any]:
    """Return the state of a sink, ready for JSON."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in state.items()
    }


def _told(source: Source | None, name: str) -> dict[Any, Any]:
    """Return what a source tells, if it does: an attribute or the answer of a method."""
    found = getattr(source, name, {})
    told: Any = found() if callable(found) else found
    return dict(told)


def _heartbeat_age_s(source: Source | None) -> float | None:
    age = getattr(source, "heartbeat_age_s", None)
    return None if age is None else age()


def sink_problems(states: Sequence[SinkState], limits: HealthConfig) -> Iterator[Problem]:
    """Yield which required sinks take nothing while records wait for them."""
    now = datetime.now(UTC)
    for state in states:
        busy_s = 0.0 if state.busy_since is None else (now - state.busy_since).total_seconds()
        if state.required and state.waiting and (state.in_trouble or busy_s > limits.stall_limit_s):
            why = state.last_error or f"it has been writing for {busy_s:.0f} s"
            text = f"sink {state.name} takes nothing, {state.waiting} wait for it: {why}"
            yield Problem("sink-stands", text)


def _notify_systemd(state: str) -> None:
    """Tell systemd, if it started us (sd_notify(3))."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        try:
            notify.connect("\0" + address[1:] if address.startswith("@") else address)
            notify.send(state.encode())
        except OSError as error:
            log.debug("cannot notify systemd: %s", error)
