"""The sink ``hopskotch``: each record to a topic of SCiMMA's Hopskotch, through hop-client.

::

    [sinks.hop]
    type = "hopskotch"
    url = "kafka://kafka.scimma.org/my-group.icecube-records"

A message is a record as JSON with hop-client's header ``_format: json``, so that ``hop subscribe``
and every other reader show it without a package of ours: for hop-client it is a ``JSONBlob``.
`icecube_plugin.adapters.hop.from_hop` reads it.

Conventions
-----------
- Key, further headers, order and redelivery are those of the sink ``kafka``.
- What is no real event (`Alert.is_real`) is marked as hop-client marks tests, so that readers get
  it only if they ask for tests.
- Credentials are those of hop-client's own file (``hop auth add``).
- A record that is too large for the topic is refused; it is not moved to another place.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from importlib import import_module
from typing import Any, Final
from urllib.parse import urlsplit

from icecube_hooks import ConfigError, Record, SinkError, SinkType, hookimpl
from icecube_plugin.extras import pip_line

from ._options import Seconds, Text
from .kafka import (
    Reports,
    checked_topic,
    headers_of,
    key_of,
    refuse_circle,
)

__all__ = ["Hopskotch"]

_STEP: Final = timedelta(seconds=0.2)


class Hopskotch:
    """Publish each record through hop-client.

    Parameters
    ----------
    url : str
        ``kafka://[USER@]HOST[:PORT]/TOPIC``, as for ``hop publish``. Not one of GCN's topics.
    no_auth : bool
        Whether to go without credentials, as to a broker of one's own.
    timeout_s : float
        How long to wait until the broker has acknowledged a batch [s].

    Raises
    ------
    ConfigError
        If hop-client is not installed, has no credentials for this host, or an option is wrong.
        The broker is not asked.
    """

    def __init__(self, *, url: Text, no_auth: bool = False, timeout_s: Seconds = 30.0) -> None:
        self.timeout_s = timeout_s
        self._where, self.topic = _address(url)
        self._url = url
        self._stream = _stream(no_auth)
        self._producer: Any = self._new_producer()

    def write(self, records: Sequence[Record], /) -> None:
        """Hand a batch to hop-client; `flush` says whether it has arrived.

        Raises
        ------
        RefusedForGood
            If a record came from the topic of this sink.
        RetryLater
            If the client refuses.
        """
        refuse_circle(records, self.topic)
        if self._producer is None:
            self._producer = self._new_producer()
        for record in records:
            self._write(record)

    def flush(self) -> None:
        """Wait until every record is acknowledged.

        Raises
        ------
        RetryLater
            If that takes longer than `timeout_s`, or failed in a way that may pass.
        RefusedForGood
            If the broker does not want a record: too large, not allowed.
        """
        if self._producer is None:
            return
        deadline = time.monotonic() + self.timeout_s
        while (left := self._producer.flush(_STEP)) and time.monotonic() < deadline:
            if self.reports.login_refused:
                break
        try:
            self.reports.check(left)
        except SinkError:
            self._producer = None
            raise

    def close(self) -> None:
        """Let go of the client. What `flush` has not confirmed may be lost."""
        self._producer = None

    def _new_producer(self) -> Any:
        self.reports = Reports(self._where)
        try:
            return self._stream.open(
                self._url,
                "w",
                # Longer than we wait: a message given up alone would be overtaken by the next one.
                produce_timeout=timedelta(seconds=2 * self.timeout_s),
                use_idempotence=True,
                automatic_offload=False,
                error_callback=self.reports.trouble,
            )
        except (RuntimeError, ValueError, KeyError, OSError) as error:
            raise ConfigError(f"hop-client: {error}", key="url") from error

    def _write(self, record: Record) -> None:
        import confluent_kafka

        try:
            self._producer.write(
                _Json(record),
                headers=headers_of(record),
                key=key_of(record),
                test=not record.alert.is_real,
                delivery_callback=partial(self.reports.delivered, record.id),
            )
        except confluent_kafka.KafkaException as error:
            self._producer = None
            raise self.reports.failed(record.id, error.args[0]) from error


@dataclass(frozen=True, slots=True)
class _Json:
    """What hop-client sends; its own ``JSONBlob`` would decode the text and encode it again."""

    record: Record

    def serialize(self) -> dict[str, Any]:
        """Return format and content, as hop-client's producer wants them."""
        return {"format": "json", "content": self.record.to_json().encode()}


def _address(url: str) -> tuple[str, str]:
    """Return host and topic of a URL."""
    try:
        parts = urlsplit(url)
    except ValueError as error:  # it may hold a password: not shown
        raise ConfigError("is not a URL", key="url") from error
    if parts.scheme != "kafka" or not parts.hostname or "," in parts.netloc:
        raise ConfigError("expected kafka://HOST/TOPIC", key="url")
    if parts.password is not None:
        raise ConfigError("holds a password, which hop-client ignores", key="url", hint=_AUTH_HINT)
    return parts.netloc.rpartition("@")[2], checked_topic(parts.path.lstrip("/"), "url")


_AUTH_HINT: Final = "credentials: hop auth add; a broker without any: no_auth = true"


def _stream(no_auth: bool) -> Any:
    """Return hop-client's stream, with the credentials of its file."""
    try:
        stream = import_module("hop.io").Stream(auth=not no_auth)
    except ImportError as error:
        hint = pip_line("hop")
        raise ConfigError(f"the sink hopskotch needs {error.name}", hint=hint) from error
    try:
        _ = stream.auth
    except (RuntimeError, KeyError, OSError) as error:
        raise ConfigError(f"hop-client: {error}", key="no_auth", hint=_AUTH_HINT) from error
    return stream


@hookimpl
def register_sinks() -> list[SinkType]:
    """Register the sink ``hopskotch``."""
    summary = "JSON to a topic of SCiMMA's Hopskotch, through hop-client"
    return [SinkType(name="hopskotch", make=Hopskotch, summary=summary, after_journal=True)]
