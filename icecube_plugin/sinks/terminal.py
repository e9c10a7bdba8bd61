"""The sink ``terminal``: a summary of each record that a person on shift reads.

Colour only on a terminal, and not if ``NO_COLOR`` is set or ``TERM`` is ``dumb``; text from
messages cannot act on the terminal (see `icecube_plugin.views.summary`). A record that is delivered
again is shown once, as long as it is among the last ten thousand.

When nobody reads the output any more (``icecube-alerts listen | head``), the sink refuses for
good: waiting would not bring the reader back.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from typing import Final, Literal, TextIO

from icecube_hooks import Record, RefusedForGood, RetryLater, SinkType, hookimpl
from icecube_plugin.views.summary import Paint, Tone, plain, summary

from .delivered import Delivered

__all__ = ["Terminal"]

_CODES: Final = {Tone.TITLE: "1", Tone.ALARM: "1;31", Tone.DOUBT: "35", Tone.ASIDE: "2"}


class Terminal:
    """Print a summary of each record.

    Parameters
    ----------
    stream : text stream or {"stdout", "stderr"}, optional
        Where to; ``None`` is standard output, whatever that is when a record comes.
    color : {"auto", "always", "never"}
        Whether to colour.

    Raises
    ------
    ConfigError
        For any other value.
    """

    def __init__(
        self,
        *,
        stream: TextIO | Literal["stdout", "stderr"] | None = None,
        color: Literal["auto", "always", "never"] = "auto",
    ) -> None:
        self.color = color
        self._stream = stream
        self._shown = Delivered()

    def write(self, records: Sequence[Record], /) -> None:
        """Print a batch.

        Raises
        ------
        RefusedForGood
            If nobody reads the output any more.
        RetryLater
            If writing fails in another way (output is a file on a full disk).
        """
        stream = self._target()
        paint = self._paint(stream)
        for record in self._shown.new(records):
            _print(summary(record, paint, _width(stream)), stream)
            self._shown.add(record)

    def _target(self) -> TextIO:
        if isinstance(self._stream, str):
            return sys.stdout if self._stream == "stdout" else sys.stderr
        return sys.stdout if self._stream is None else self._stream

    def _paint(self, stream: TextIO) -> Paint:
        if self.color == "auto":
            wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
            return _coloured if wanted and not stream.closed and stream.isatty() else plain
        return _coloured if self.color == "always" else plain


def _width(stream: TextIO) -> int | None:
    """Return how wide the screen is; ``None`` where it is none."""
    return shutil.get_terminal_size().columns if not stream.closed and stream.isatty() else None


def _coloured(text: str, tone: Tone) -> str:
    return f"\x1b[{_CODES[tone]}m{text}\x1b[0m"


def _print(text: str, stream: TextIO) -> None:
    """Write `text` and an empty line, and say what went wrong in the contract's terms."""
    try:
        stream.write(_encodable(f"{text}\n", stream))
        stream.flush()
    except (BrokenPipeError, ValueError) as error:  # ValueError: the stream is closed
        raise RefusedForGood(f"nobody reads the output any more: {error}") from error
    except OSError as error:
        raise RetryLater(f"cannot print: {error.strerror or error}") from error


def _encodable(text: str, stream: TextIO) -> str:
    """Return `text` with escapes for what the stream's encoding cannot say."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


@hookimpl
def register_sinks() -> list[SinkType]:
    """Register the sink ``terminal``."""
    return [SinkType(name="terminal", make=Terminal, summary="readable summary on the screen")]
