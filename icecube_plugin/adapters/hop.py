"""hop-client (SCiMMA's Hopskotch): a message model, and a function for its loops.

hop-client finds this module by itself, through the entry-point group ``hop_plugin``. It adds the
format ``icecube-alert``, a `Record` as JSON, to what ``hop publish`` and a stream can write and
read::

    hop publish -f ICECUBE-ALERT kafka://kafka.scimma.org/my.topic notice.xml

What GCN itself sends carries no format header, and hop-client hands it over as a ``JSONBlob`` or a
``Blob``. `handler` takes all of these::

    from hop.io import StartPosition, Stream
    from icecube_plugin.adapters.hop import handler

    deliver = handler("icecube-alerts.toml")
    with Stream(start_at=StartPosition.EARLIEST).open(url, "r", group_id="my-group") as stream:
        for message, metadata in stream.read_raw(metadata=True, autocommit=False):
            deliver(message, metadata)
            stream.mark_done(metadata, asynchronous=False)

Conventions
-----------
- The bytes that are read are those of the Kafka message, where hop-client still has them
  (``metadata``): a record then has the same id as in every other host.
- Of an ``icecube-alert`` the notice inside is read and assessed again, with our own options. The
  record as its sender made it is `IceCubeAlert.record`.

Traps of hop-client 0.13
------------------------
- ``read`` ends with an exception at a message that does not decode as its format header says, and
  finds it again after every restart. ``read_raw`` does not decode, so it goes on; `handler` keeps
  what is broken.
- ``autocommit`` is on by default and marks a message as done before the loop has it.
- While ``hop.io`` is imported it imports this module. Importing hop here would close the circle,
  and hop-client would drop our model and those of all plugins after us; an exception in
  `get_models` would make ``import hop`` itself fail. So hop is imported only in `get_models`,
  when its models are there, and any failure is logged.
- A name that hop-client has already is its own.
- Messages that are marked as tests never come, unless ``ignoretest=False``.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, Self

import pluggy

from icecube_hooks import Message, NoticeError, Record

if TYPE_CHECKING:
    from pathlib import Path

    from icecube_hooks.host import PluginSet
    from icecube_plugin.host import Host

__all__ = ["FORMAT", "Deliver", "IceCubeAlert", "from_hop", "get_models", "handler"]

log = logging.getLogger(__name__)

FORMAT: Final = "icecube-alert"
"""The Kafka header ``_format`` of a `Record` as JSON."""


@dataclass
class IceCubeAlert:
    """A record on its way through Hopskotch.

    hop-client's ``MessageModel`` in all that it does; `get_models` registers it as one.

    Parameters
    ----------
    raw : bytes
        JSON of a `Record`, as sent. It is decoded by `record`, not here: an exception inside
        hop-client would end the reader's stream.

    Examples
    --------
    >>> from icecube_hooks.testing import make_record
    >>> alert = IceCubeAlert.of(make_record())
    >>> IceCubeAlert.deserialize(bytes(alert)).record == make_record()
    True
    """

    raw: bytes

    format_name: ClassVar = FORMAT

    @classmethod
    def of(cls, record: Record) -> Self:
        """Make the message of a record."""
        return cls(raw=record.to_json().encode())

    @property
    def record(self) -> Record:
        """The record as it was sent, with its sender's significances.

        Raises
        ------
        NoticeError
            If this is none.
        """
        return Record.from_json(self.raw)

    def __bytes__(self) -> bytes:
        return self.raw

    def __str__(self) -> str:
        return self.raw.decode("utf-8", "replace")

    def serialize(self) -> dict[str, Any]:
        """Return format and content, as hop-client's producer wants them."""
        return {"format": FORMAT, "content": self.raw}

    @classmethod
    def deserialize(cls, data: bytes) -> Self:
        """Take what came from Kafka."""
        return cls(raw=data)

    @classmethod
    def load(cls, input_: Any) -> Self:
        """Make the message of a notice in any format, or of a record as JSON.

        Parameters
        ----------
        input_ : bytes, str or file

        Raises
        ------
        NoticeError
            If it is neither.
        """
        content = input_.read() if hasattr(input_, "read") else input_
        return cls._of_notice(Message(value=_bytes(content)))

    @classmethod
    def load_file(cls, filename: str | Path) -> Self:
        """Make the message of a file, see `load`; its folder may be named by a topic.

        Raises
        ------
        NoticeError, FileError
        """
        from icecube_plugin.host import messages_from

        return cls._of_notice(next(messages_from([str(filename)]), Message(value=b"")))

    @classmethod
    def _of_notice(cls, message: Message) -> Self:
        return cls.of(_readers().record(_unwrapped(message)))


@pluggy.HookimplMarker("hop")  # hop.plugins.register is this; importing that would close a circle
def get_models() -> dict[str, type[IceCubeAlert]]:
    """Register our message model with hop-client; an empty dictionary if that fails."""
    try:
        import_module("hop.models").MessageModel.register(IceCubeAlert)
    except Exception:  # isolation: `import hop` itself would fail
        log.exception("hop-client has no format %s", FORMAT)
        return {}
    return {FORMAT: IceCubeAlert}


def from_hop(message: object, metadata: object = None) -> Record:
    """Read and assess what a hop-client loop hands over.

    Parameters
    ----------
    message : object
        Whatever ``read`` or ``read_raw`` gives: a ``JSONBlob``, ``Blob``, ``GCNTextNotice``,
        ``VOEvent``, `IceCubeAlert`, or bytes.
    metadata : hop.io.Metadata, optional
        Has the topic, which says more about some notices than they do themselves.

    Raises
    ------
    NoticeError
        If it is broken, or no notice that the installed parsers know.

    Examples
    --------
    >>> from_hop(b'{"ref_ID": "S260502ab", "pval_generic": 0.02,'
    ...          b' "trigger_time": "2026-05-02T04:00:00Z"}').alert.notice_id
    'lvk-search:S260502ab:?'
    """
    return _readers().record(message_of(message, metadata))


class Deliver(Protocol):
    """What `handler` makes."""

    def __call__(self, message: object, metadata: object = None) -> Record | None:
        """Deliver what a hop-client loop hands over, see `handler`."""
        ...


def handler(config: str | Path | Host) -> Deliver:
    """Make the function that delivers to the sinks of a configuration file.

    Parameters
    ----------
    config : str, Path or Host
        A configuration file as for ``icecube-alerts``, or a host made of one.

    Returns
    -------
    Deliver
        ``deliver(message, metadata=None)``, with arguments as `from_hop`. When it returns, the
        message is in every required sink or kept as a dead letter: mark it as done then. It
        returns the record, or ``None`` for what could not be read. It raises only a
        ``StoreError``: the message is safe nowhere, and must not be marked as done.

    Raises
    ------
    ConfigError
        If the configuration is wrong or a sink cannot be made.
    """
    host = _host(config)

    def deliver(message: object, metadata: object = None) -> Record | None:
        records = host.handle([message_of(message, metadata)])
        return records[0] if records else None

    return deliver


def _host(config: str | Path | Host) -> Host:
    from icecube_plugin.host import Host

    host = config if isinstance(config, Host) else Host.from_file(config)
    return host.open()


def message_of(obj: object, metadata: object) -> Message:
    """Turn what hop-client hands over into the message that a parser reads."""
    from icecube_hooks.messages import HandoverError, message_from

    if isinstance(obj, IceCubeAlert):
        obj = obj.raw
    raw = _raw(obj, metadata)
    try:
        message = message_from(obj if raw is None else raw, metadata=metadata)
    except (HandoverError, NoticeError):  # a JSONBlob of a list, say: to be kept, not to raise
        value = _bytes(getattr(obj, "content", obj))
        message = message_from(b"", metadata=metadata).replace(value=value)
    return _unwrapped(message)


def _raw(obj: Any, metadata: object) -> bytes | None:
    """Return the bytes of which hop-client made a ``JSONBlob``, if they hold just its content."""
    kafka = getattr(metadata, "_raw", None)
    if kafka is None or not hasattr(obj, "content"):
        return None
    try:
        value: bytes = kafka.value()
        return value if json.loads(value) == obj.content else None
    except (ValueError, TypeError, RecursionError):
        return None


def _unwrapped(message: Message) -> Message:
    """Return the notice inside of a record, or the message itself if it is none."""
    if b'"significances"' not in message.value:
        return message
    try:
        inner = IceCubeAlert(message.value).record.message
    except NoticeError:
        return message
    place = f"{message.topic}[{message.partition}]@{message.offset}"
    return inner if message.topic is None else inner.replace(origin=place)


def _bytes(content: object) -> bytes:
    if content is None:  # a message of Kafka's without a value
        return b""
    if isinstance(content, bytes | bytearray | memoryview):
        return bytes(content)
    text = content if isinstance(content, str) else repr(content)
    return text.encode("utf-8", "surrogatepass")


def _readers() -> PluginSet:
    """Return the installed parsers and significance providers, loaded once."""
    from icecube_plugin import readers

    return readers()
