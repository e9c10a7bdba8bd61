"""How far a run over the past has come: done, total, rate, time left."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from icecube_plugin.host import Summary

__all__ = ["Counted", "RunProgress", "progress_line"]

EVERY_S: Final = 10.0
"""How often a line is written where nobody is watching: into a log."""


class Counted(Protocol):
    """A source that knows how much it has to read."""

    @property
    def total(self) -> int:
        """All that is asked for."""
        ...

    @property
    def done(self) -> int:
        """What has been read of it."""
        ...


class RunProgress:
    """A line on stderr: renewed in place for a person, one every ten seconds in a log.

    Attributes
    ----------
    source : Counted, optional
        What knows the total; without it only the number and rate of messages are told.
    messages : int
        How many have been read.
    """

    def __init__(self) -> None:
        self.shown = sys.stderr.isatty()
        self.source: Counted | None = None
        self.messages = 0
        self._began_s = self._told_s = time.monotonic()
        self._began_at = 0
        self._width = 0

    def watch(self, source: Counted) -> None:
        """Take the source, which may have been begun by an earlier run."""
        self.source = source
        self._began_at = source.done

    def __call__(self, summary: Summary) -> None:
        """Show the state after a batch."""
        self.messages = summary.messages
        now = time.monotonic()
        if not self.shown and now - self._told_s < EVERY_S:
            return
        self._told_s = now
        done, total = summary.messages, None
        if self.source is not None:
            done, total = self.source.done, self.source.total
        text = progress_line(done, total, done - self._began_at, now - self._began_s)
        if summary.refused:
            text += f", {summary.refused} refused"
        self._width = max(self._width, len(text))
        line = f"\r{text.ljust(self._width)}" if self.shown else f"{text}\n"
        print(line, end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leave the line."""
        if self.shown:
            print(file=sys.stderr)


def progress_line(done: int, total: int | None, here: int, seconds: float) -> str:
    """Return the words for a state.

    Parameters
    ----------
    done, total : int
        Of all, also by earlier runs.
    here : int
        Done by this run.
    seconds : float
        In this time [s].

    Examples
    --------
    >>> progress_line(600, 1000, 200, 4.0)
    '600 of 1000 messages (60 %), 50/s, 0:08 left'
    >>> progress_line(7, None, 7, 2.0)
    '7 messages, 4/s'
    """
    rate = here / seconds if seconds > 0 else 0.0
    if total is None:
        return f"{done} messages, {rate:.0f}/s"
    percent = 100 * done // total if total else 100
    text = f"{done} of {total} messages ({percent} %), {rate:.0f}/s"
    return f"{text}, {_clock((total - done) / rate)} left" if rate > 0 and done < total else text


def _clock(seconds: float) -> str:
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"
