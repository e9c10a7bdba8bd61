"""The errors of the contract.

::

    IceCubePluginError
    ├── NoticeError(ValueError)      a message is ours, and broken
    │   └── NotOurs                  a message on a shared topic that no parser knows
    ├── ConfigError(ValueError)      an option is unknown or has a wrong value
    ├── PluginError(RuntimeError)    a plugin failed: import, registration, call
    └── SinkError(RuntimeError)      a sink could not write
        ├── RetryLater               the trouble may pass: try the same batch again
        └── RefusedForGood           it will never work: keep the records aside

Each carries its facts as attributes, pickles, and prints them in one line.
"""

from __future__ import annotations

from typing import Any, Final

__all__ = [
    "ConfigError",
    "IceCubePluginError",
    "NotOurs",
    "NoticeError",
    "PluginError",
    "RefusedForGood",
    "RetryLater",
    "SinkError",
]

SHOWN_CHARACTERS: Final = 80
PLACE_CHARACTERS: Final = 200


class _Unset:
    """A value that was not given: ``None`` is a value that a notice can hold."""

    def __repr__(self) -> str:
        return "<not given>"

    def __reduce__(self) -> str:
        return "UNSET"


UNSET: Final = _Unset()


def shown(value: object) -> str:
    """Return `value` as one short, printable piece of text (control characters escaped)."""
    text = ascii(value[: 2 * SHOWN_CHARACTERS] if isinstance(value, str | bytes) else value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 3]}..."


def one_line(text: str) -> str:
    """Return `text` printable: reasons quote other software, which quotes messages."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c.isspace() else ascii(c)[1:-1] for c in text)


def missing_package(error: ModuleNotFoundError) -> str:
    """Return the package that somebody has not installed."""
    return (error.name or "a package").partition(".")[0].replace("_", "-")


def in_words(error: BaseException) -> str:
    """Say any error in one line, with the line that installs what is missing."""
    if isinstance(error, IceCubePluginError):
        return str(error)
    hint = ""
    if isinstance(error, ModuleNotFoundError):
        hint = f" (pip install {missing_package(error)})"
    return one_line(f"{type(error).__name__}: {error}{hint}")


class IceCubePluginError(Exception):
    """Base of all errors that the contract defines."""


class NoticeError(IceCubePluginError, ValueError):
    """A message was recognised, and cannot be read.

    Parameters
    ----------
    reason : str
        What is wrong, without the place: ``expected a number``.
    field : str, optional
        Path of the field: ``coincident_events[1].localization.ra``.
    value : object, optional
        The offending value as found.

    Attributes
    ----------
    topic, partition, offset, origin
        Where the message came from; a host fills them in with `at`.

    Examples
    --------
    >>> print(NoticeError("expected a number", field="ra", value="12x"))
    ra: expected a number, got '12x'
    """

    def __init__(self, reason: str, *, field: str | None = None, value: object = UNSET) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field
        self.value = value
        self.topic: str | None = None
        self.partition: int | None = None
        self.offset: int | None = None
        self.origin: str | None = None

    def at(self, message: Any) -> NoticeError:
        """Note the place of `message` (a `Message`) and return the same error."""
        self.topic = message.topic
        self.partition = message.partition
        self.offset = message.offset
        self.origin = message.origin
        return self

    def within(self, prefix: str) -> NoticeError:
        """Put `prefix` in front of the field path and return the same error."""
        joint = "" if self.field is None or self.field.startswith("[") else "."
        self.field = prefix + joint + (self.field or "")
        return self

    @property
    def place(self) -> str:
        """Where the message came from: ``topic[partition]@offset``, or a file name."""
        if self.topic is None or self.offset is None:
            return self.origin or self.topic or ""
        return f"{self.topic}[{self.partition}]@{self.offset}"

    def __str__(self) -> str:
        got = "" if self.value is UNSET else f", got {shown(self.value)}"
        place = ascii(self.place)[1:-1]
        if len(place) > PLACE_CHARACTERS:  # of a path the end says most
            place = f"...{place[3 - PLACE_CHARACTERS :]}"
        parts = (place, self.field, self.reason + got)
        return one_line(": ".join(part for part in parts if part))


class NotOurs(NoticeError):
    """A message that no parser knows, on a topic where others publish too: nothing is wrong."""


class ConfigError(IceCubePluginError, ValueError):
    """An option is unknown, missing, or has a wrong value.

    Parameters
    ----------
    reason : str
        What is wrong.
    key : str, optional
        The option with its path: ``sinks.archive.path``.
    hint : str, optional
        What to do about it.
    """

    def __init__(self, reason: str, *, key: str | None = None, hint: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.key = key
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.key}: {self.reason}" if self.key else self.reason
        return one_line(f"{text} ({self.hint})" if self.hint else text)


class PluginError(IceCubePluginError, RuntimeError):
    """A plugin could not be imported or registered, or a call of it failed.

    Parameters
    ----------
    reason : str
        What happened.
    plugin : str, optional
        The plugin's name in the inventory: ``distribution:entry-point``.
    """

    def __init__(self, reason: str, *, plugin: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.plugin = plugin

    def __str__(self) -> str:
        return one_line(f"{self.plugin}: {self.reason}" if self.plugin else self.reason)


class SinkError(IceCubePluginError, RuntimeError):
    """A sink could not write. Raise one of the two kinds below.

    Parameters
    ----------
    reason : str
        What happened, and what to do about it.
    sink : str, optional
        Name of the sink; the host fills it in.
    """

    def __init__(self, reason: str, *, sink: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sink = sink

    def __str__(self) -> str:
        return one_line(f"sink {self.sink}: {self.reason}" if self.sink else self.reason)


class RetryLater(SinkError):
    """The trouble may pass (network, lock, full disk): the host tries the batch again."""


class RefusedForGood(SinkError):
    """Trying again will not help: the host puts the records aside and goes on."""
