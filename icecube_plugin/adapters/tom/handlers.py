"""Handlers for tom-alertstreams, by their dotted path: ``icecube_plugin.adapters.tom.handlers``.

One function serves GCN's streams, which hand over a Kafka message, and Hopskotch's, which hand
over a decoded one with its metadata. Later versions of tom-alertstreams pass more by keyword.

Settings
--------
``ICECUBE_ALERTS`` in the TOM's ``settings.py``:

``CONFIG``
    A configuration file as for ``icecube-alerts``: its sinks, significance and plugins are used.
    If it names no sinks, there is only the one for Targets. Relative paths, in it and its own,
    start at the folder in which ``manage.py`` runs.
``TARGETS``
    Options of the sink for Targets, see `sink.TomTargets`, or ``None``: no Targets.

Conventions
-----------
- Nothing is raised: an exception ends the stream's thread, and nobody sees it. What cannot be
  read or delivered is in the dead letters; ``manage.py icecube_alerts dead-letters`` shows them.
- The host is made at the first message, not when ``settings.py`` is read.

Not done: ``readstreams`` commits offsets every 5 s, whether a message has been handled or not. If
the process dies in between, those are lost. ``manage.py icecube_alerts listen`` is our own
consumer with the same settings, which commits after delivery.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from icecube_hooks import ConfigError, Message, NoticeError

if TYPE_CHECKING:
    from icecube_plugin.host import Config, Host

__all__ = ["handle", "make_host", "shared_host"]

log = logging.getLogger(__name__)

SETTING: Final = "ICECUBE_ALERTS"
KNOWN: Final = ("CONFIG", "TARGETS")

_LOCK = threading.Lock()
_HOSTS: list[Host] = []


def handle(alert: Any, metadata: Any = None, **kwargs: Any) -> None:
    """Read, assess and deliver what a stream has received; raise nothing.

    Parameters
    ----------
    alert : object
        A message of confluent-kafka (GCN), or a model of hop-client (Hopskotch).
    metadata : object, optional
        hop-client's ``Metadata``.
    **kwargs
        What later versions may add; ``topic`` is used if neither of the others has it.
    """
    try:
        _deliver(_message(alert, metadata, kwargs.get("topic")))
    except NoticeError as error:
        log.error("not a message: %s", error)  # Kafka's report of its own trouble
    except Exception:  # the boundary: an exception would end the stream
        log.exception("a message is lost: %.200r", alert)


def _message(alert: Any, metadata: Any, topic: Any) -> Message:
    from icecube_hooks.messages import message_from
    from icecube_plugin.adapters.hop import message_of as message_from_hop

    message = message_from(alert) if metadata is None else message_from_hop(alert, metadata)
    return message.replace(topic=str(topic)) if topic and message.topic is None else message


def _deliver(message: Message) -> None:
    """Deliver a message; keep it if the host as a whole has trouble."""
    from icecube_plugin.host import StoreError

    host = shared_host()
    try:
        host.handle([message])
    except StoreError:
        raise
    except Exception as error:  # the boundary: whatever it is, the message comes first
        log.exception("a message is kept as a dead letter: %s", message)
        host.refuse(message, error)


def shared_host() -> Host:
    """Return the host of this process, which all streams share.

    Raises
    ------
    ConfigError
        If the settings are wrong.
    """
    with _LOCK:
        if not _HOSTS:
            _HOSTS.append(make_host())
        return _HOSTS[0]


def make_host() -> Host:
    """Make a host by the TOM's settings.

    Raises
    ------
    ConfigError
        If they, or the file that they name, are wrong.
    """
    from icecube_plugin.host import Host, load_config
    from icecube_plugin.host.plugins import configured_plugins

    from . import sink

    found = _settings()
    config = _with_targets(load_config(found.get("CONFIG")), found.get("TARGETS", {}))
    return Host(config, plugins=configured_plugins(config, extra={"tom": sink}))


def _settings() -> Mapping[str, Any]:
    from django.conf import settings

    from icecube_hooks.host import nearest

    found = getattr(settings, SETTING, {})
    if not isinstance(found, Mapping):
        raise ConfigError("expected a dictionary")
    for name in found:
        if name not in KNOWN:
            raise ConfigError("unknown key", key=str(name), hint=nearest(str(name), KNOWN))
    return found


def _with_targets(config: Config, options: Mapping[str, Any] | None) -> Config:
    """Add the sink for Targets, unless the file has it or the TOM wants none."""
    from icecube_plugin.host import SinkConfig

    from .sink import TYPE

    sinks = config.sinks or ()
    if options is None or any(sink.type == TYPE for sink in sinks):
        return config.replace(sinks=sinks)
    targets = SinkConfig(name="targets", type=TYPE, options=dict(options))
    return config.replace(sinks=(*sinks, targets))
