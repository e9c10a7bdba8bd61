"""pygcn: one line, and IceCube's VOEvents go to our sinks.

::

    import gcn
    from icecube_plugin.adapters.pygcn import handler

    gcn.listen(handler=handler("icecube-alerts.toml"))

Conventions
-----------
- pygcn receives the VOEvents of all missions. What no parser knows is passed over; what is
  IceCube's and broken is kept as a dead letter.
- A message's `origin` names the packet: ``pygcn ivo://nasa.gsfc.gcn/...``.
- Nothing is raised: pygcn would swallow it. What fails is logged, as an error.

Traps of pygcn 1.1
------------------
- The VOEvent Transport Protocol has no memory: pygcn acknowledges a notice before it calls the
  handler, and what is sent while it is not connected is lost. Kafka keeps notices for days.
- XML that is not well-formed never arrives here: pygcn logs it and connects again.
- The handler is called inside a bare ``except``: Ctrl-C during one is swallowed, too.
- pygcn parses with lxml's defaults, which resolve entities; the payload is parsed again here, by
  a parser that does not.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from icecube_hooks import Message
from icecube_plugin.alerts.words import clean

from ._ours import is_ours

if TYPE_CHECKING:
    from pathlib import Path

    from icecube_plugin.host import Host

__all__ = ["handler"]

log = logging.getLogger(__name__)

ORIGIN = "pygcn"


def handler(config: str | Path | Host) -> Callable[[bytes, object], None]:
    """Make the function that ``gcn.listen`` calls with every VOEvent.

    Parameters
    ----------
    config : str, Path or Host
        A configuration file as for ``icecube-alerts``, or a host made of one.

    Returns
    -------
    callable
        ``handle(payload, root)``. It never raises.

    Raises
    ------
    ConfigError
        If the configuration is wrong or a sink cannot be made: now, not at the first notice.
    """
    from icecube_plugin.host import Host, StoreError

    host = config if isinstance(config, Host) else Host.from_file(config)
    try:
        host.open()
    except StoreError as error:  # the disk may have room again when the first notice comes
        log.error("%s", error)

    def handle(payload: bytes, root: Any = None) -> None:
        message = Message(
            value=payload, origin=" ".join([ORIGIN, clean(_ivorn(root), 200)]).strip()
        )
        try:
            if "icecube" in _ivorn(root).lower() or is_ours(host, message):
                host.handle([message])
        except Exception:  # isolation: pygcn would swallow it
            log.exception("a VOEvent is lost: %s", _ivorn(root))

    return handle


def _ivorn(root: Any) -> str:
    return str(root.get("ivorn", "")) if hasattr(root, "get") else ""
