"""The sink ``voevent``: a VOEvent 2.0 packet per record, in files and, if asked for, to a broker.

The parts of a packet::

    <voe:VOEvent ivorn="ivo://example.org/neutrinos#gold+142000_1234567+1+6f1c..."
                 role="observation" version="2.0" ...>
      <Who> <AuthorIVORN/> <Date/> (when this packet was made) </Who>
      <What> <Param name="event_key"/> ... <Group name="alert"/> ... </What>
      <WhereWhen> (UTC, ICRS; circle of Error2Radius, NaN where there is none) </WhereWhen>
      <How/> <Why> <Inference probability="(signalness)"/> </Why>
      <Citations> <EventIVORN cite="supersedes">ivo://example.org/...</EventIVORN> </Citations>
    </voe:VOEvent>

Conventions
-----------
- The packet is yours, not IceCube's: its identifier is under your own authority. It has none of
  the parameters by which readers know GCN's packets (``Packet_Type``), so that no reader, ours
  included, takes it for one.
- The identifier is made of the record's id: another revision or format is another packet, the same
  record is the same packet. The first one stays.
- Role: ``test`` for whatever is not real (tests, injections, simulations, mock events),
  ``prediction`` for what is planned, else ``observation``.
- Position and circle are those of the notice; the containment of the circle is the parameter
  ``containment``. The schema demands a radius with a position: ``NaN`` says that none is stated, or
  that the region is no circle; then it is in the group ``localization``.
- Citations are to packets of the same event (`icecube_plugin.alerts`), by whatever name or number,
  that this folder holds: an older revision or LVK notice
  is superseded; a retraction retracts all; the same revision in another format, and what has no
  revision (circulars), is followed up; a newer one is not cited. The original notice, where it was
  a VOEvent, is followed up. Tests and real events never cite each other.
- A value that is not stated has no parameter. Text is cleaned of control characters.

Sending is the VOEvent Transport Protocol 2.0 (length and packet, answered by ``ack`` or ``nak``;
https://www.ivoa.net/documents/Notes/VOEventTransport/): plain TCP, no encryption, no password. A
``nak`` for a packet that the broker knows counts as delivered: the answer to an earlier attempt was
lost. Files in ``.sent`` say what is delivered.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from icecube_hooks import (
    Alert,
    ConfigError,
    Record,
    RefusedForGood,
    RetryLater,
    SinkType,
    Status,
    hookimpl,
)
from icecube_plugin.alerts import Event
from icecube_plugin.alerts.file_names import record_file_name
from icecube_plugin.alerts.words import clean
from icecube_plugin.disk import (
    absolute,
    locked_folder,
    replace_file,
    sync_folder,
    usable_folder,
    wrong,
)

from ._packet import Citation, one_line, order_of, packet
from .memory import Memory, opened

if TYPE_CHECKING:
    from socket import socket

    from lxml.etree import _Element as Element

__all__ = ["Citation", "VOEvents", "packet", "send"]

ANSWER_WAIT_S: Final = 20.0
"""How long to wait for a broker: Comet gives up after as long."""

ANSWER_BYTES: Final = 100_000

EVENTS: Final = ".events.sqlite"
"""In the folder: the last notices of each event, to know which packets are of the same one."""

# IVOA Identifiers 2.0, sections 2.3.1 and 2.3.3.
_STREAM: Final = r"ivo://[A-Za-z0-9][A-Za-z0-9._~*'()-]{2,}(/(?!\.{1,2}(/|$))[A-Za-z0-9._~*'()-]+)+"


class _Written(NamedTuple):
    """What of a packet in the folder matters to later ones of its event."""

    ivorn: str
    event: tuple[str, bool] | None
    order: int | None
    is_retraction: bool


class VOEvents:
    """Write a VOEvent packet for each record.

    Parameters
    ----------
    ivorn : str
        Your authority and stream, ``ivo://example.org/neutrinos``: identifiers begin with it.
    folder : str or path
        Where the packets go; made if it is not there.
    send_to : str, optional
        ``host:port`` of a broker to which each packet is sent.

    Raises
    ------
    ConfigError
        If the folder cannot be made or written into, or an option has a wrong value.
    """

    def __init__(
        self,
        *,
        ivorn: str,
        folder: str | os.PathLike[str] = "icecube-alerts-data/voevent",
        send_to: str | None = None,
    ) -> None:
        if not isinstance(ivorn, str) or not re.fullmatch(_STREAM, ivorn):
            hint = "ivo://example.org/neutrinos: an authority of three characters or more, a stream"
            raise ConfigError(f"expected an identifier, got {ivorn!r}", key="ivorn", hint=hint)
        self.ivorn = ivorn
        self.address = None if send_to is None else _address(send_to)
        self.folder = usable_folder(absolute(folder, "folder"), "folder")
        self._written: dict[str, _Written | None] = {}

    def write(self, records: Sequence[Record], /) -> None:
        """Write the packets of a batch, and send those that are not sent.

        Raises
        ------
        RetryLater
            If the system refuses (full disk, missing rights), another process is at work for too
            long, or the broker does not answer.
        RefusedForGood
            If the broker refuses a packet.
        """
        if not records:
            return
        try:
            with locked_folder(self.folder), opened(self.folder / EVENTS) as memory:
                self._look()
                for record in records:
                    self._write_one(record, memory)
                memory.forget()
                sync_folder(self.folder)
            for record in records if self.address is not None else ():
                self._send_one(record)
        except OSError as error:
            raise wrong(error, self.folder) from error

    def path(self, record: Record) -> Path:
        """Return the path of the packet of `record`."""
        return self.folder / record_file_name(record, "xml")

    def _look(self) -> None:
        """Note the packets that are there."""
        names = {name for name in os.listdir(self.folder) if _is_packet(name)}  # noqa: PTH208  # names
        self._written = {
            name: self._written[name] if name in self._written else _noted(self.folder / name)
            for name in sorted(names)
        }

    def _write_one(self, record: Record, memory: Memory) -> None:
        path = self.path(record)
        if path.name in self._written:
            return
        event, _ = memory.event(record.alert)
        memory.keep(record.alert)
        ivorn = f"{self.ivorn}#{path.stem}"
        written = [one for one in self._written.values() if one is not None]
        data = packet(record, ivorn, _citations(record.alert, event, written), datetime.now(UTC))
        replace_file(path, data, sync=True)
        alert, is_retraction = record.alert, record.alert.status is Status.RETRACTION
        self._written[path.name] = _Written(ivorn, _event(alert), order_of(alert), is_retraction)

    def _send_one(self, record: Record) -> None:
        path = self.path(record)
        sent = self.folder / ".sent" / path.name
        if self.address is not None and not sent.exists():
            send(path.read_bytes(), *self.address)
            sent.parent.mkdir(exist_ok=True)
            replace_file(sent, b"", sync=True)
            sync_folder(sent.parent)


def send(data: bytes, host: str, port: int) -> None:
    """Send a packet to a broker by the VOEvent Transport Protocol.

    Raises
    ------
    RetryLater
        If there is no connection, or no answer that the protocol knows.
    RefusedForGood
        If the broker refuses the packet, and not because it has it.
    """
    from socket import create_connection

    place = f"{host}:{port}"
    try:
        with create_connection((host, port), ANSWER_WAIT_S) as connection:
            connection.sendall(len(data).to_bytes(4, "big") + data)
            answer = _received(connection, int.from_bytes(_received(connection, 4), "big"))
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise RetryLater(f"cannot send to {place}: {reason}") from error
    role, text = _answered(answer, place)
    if role == "ack" or (role == "nak" and "previously seen" in text.lower()):
        return
    if role == "nak":
        raise RefusedForGood(f"{place} refused the packet: {clean(text)}")
    raise RetryLater(f"{place} did not answer by ack or nak")


def _received(connection: socket, length: int) -> bytes:
    if length > ANSWER_BYTES:
        raise EOFError(f"the answer is longer than {ANSWER_BYTES} bytes")
    data = b""
    while len(data) < length:
        more = connection.recv(length - len(data))
        if not more:
            raise EOFError("the broker closed the connection unanswered")
        data += more
    return data


def _answered(answer: bytes, place: str) -> tuple[str | None, str]:
    """Return the role of a transport message, and its text."""
    root = _parsed(answer)
    if root is None:
        raise RetryLater(f"{place} did not answer in XML")
    return root.get("role"), (root.findtext("Meta/Result") or "").strip()


def _address(text: object) -> tuple[str, int]:
    host, _, port = text.rpartition(":") if isinstance(text, str) else ("", "", "")
    if not host or not re.fullmatch(r"\d{1,5}", port, re.ASCII) or not 0 < int(port) < 65536:
        raise ConfigError(f"expected 'host:port', got {text!r}", key="send_to")
    return host.strip("[]"), int(port)


# --- what is cited ------------------------------------------------------------------------------


def _is_packet(name: str) -> bool:
    return name.endswith(".xml") and not name.startswith(".")


def _noted(path: Path) -> _Written | None:
    """Return what matters of a packet; ``None`` if the file is none of ours."""
    root = _parsed(path.read_bytes())
    if root is None:
        return None
    params = {p.get("name"): p.get("value", "") for p in root.iterfind("What/Param")}
    if "record_id" not in params or "is_real" not in params:
        return None
    event = params.get("event_key")
    order = params.get("order")
    return _Written(
        root.get("ivorn", ""),
        None if event is None else (event, params["is_real"] == "true"),
        None if order is None else int(order),
        params.get("status") == Status.RETRACTION,
    )


def _event(alert: Alert) -> tuple[str, bool] | None:
    return None if alert.event_key is None else (one_line(alert.event_key), alert.is_real)


def _citations(alert: Alert, event: Event, written: Sequence[_Written]) -> list[Citation]:
    """Return how an alert cites the packets of its event, by whatever name or number."""
    names, order = {_event(one) for one in event.alerts} - {None}, order_of(alert)
    cited = ((one, _how(alert.status, order, one)) for one in written if one.event in names)
    return [Citation(one.ivorn, how) for one, how in cited if how is not None]


def _how(status: Status | None, order: int | None, earlier: _Written) -> str | None:
    """Return how a notice cites another one of its event that was written before."""
    if status is Status.RETRACTION and not earlier.is_retraction:
        return "retraction"
    if order is None or earlier.order is None or order == earlier.order:
        return "followup"
    return "supersedes" if earlier.order < order else None


def _parsed(data: bytes) -> Element | None:
    """Parse XML that may be hostile; ``None`` if it is none."""
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        return None


@hookimpl
def register_sinks() -> list[SinkType]:
    """Register the sink ``voevent``."""
    summary = "VOEvent 2.0 packets: files, and to a broker"
    return [SinkType(name="voevent", make=VOEvents, summary=summary, after_journal=True)]
