"""The sink ``command``: a program for each record, which gets it as JSON on its standard input.

::

    [sinks.scheduler]
    type = "command"
    command = ["/usr/local/bin/rank-and-schedule", "--telescope", "south"]
    timeout_s = 60.0

The program's answer is its exit code::

    0            it has the record
    75           not now (``EX_TEMPFAIL`` of ``sysexits.h``): it gets the record again, later
    another      it will not have it: the record is a dead letter, with the last line of its stderr

One that does not end in time, or is killed, gets the record again. What it prints on its standard
output is not looked at.

Conventions
-----------
- No shell: the words are the program and its arguments as they are, and nothing of a notice is
  among them.
- At least once: after a crash a record may come again. The program drops such a repetition by
  ``id`` in the JSON. What this process has delivered, among the last ten thousand, does not come
  again.
- The program sees ``PATH``, ``HOME``, ``LANG``, ``TZ`` and ``TMPDIR`` of the host's environment,
  and what `environment` names besides: credentials of the host are not for it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

from msgspec import Meta

from icecube_hooks import ConfigError, Record, RefusedForGood, RetryLater, SinkType, hookimpl
from icecube_plugin.alerts.words import clean

from ._options import Seconds, Text
from .delivered import Delivered

__all__ = ["Command"]

NOT_NOW: Final = 75
PASSED_ON: Final = ("PATH", "HOME", "LANG", "TZ", "TMPDIR")
DAY_S: Final = 86_400.0


class Command:
    """Run a program for each record.

    Parameters
    ----------
    command : list of str
        The program, with its path or from ``PATH``, and its arguments.
    timeout_s : float
        How long it may take for a record [s].
    environment : list of str
        Names of variables that it gets besides.

    Raises
    ------
    ConfigError
        If there is no such program.
    """

    def __init__(
        self,
        *,
        command: Annotated[list[Text], Meta(min_length=1)],
        timeout_s: Seconds = 60.0,
        environment: Sequence[Text] = (),
    ) -> None:
        self._command = [_program(command[0]), *command[1:]]
        self._timeout_s = timeout_s
        names = (*PASSED_ON, *environment)
        self._environment = {name: os.environ[name] for name in names if name in os.environ}
        self._delivered = Delivered()

    def probe(self) -> str:
        """See whether the program is there.

        Raises
        ------
        RetryLater
        """
        try:
            return f"{_program(self._command[0])} is there"
        except ConfigError as error:
            raise RetryLater(error.reason) from error

    def write(self, records: Sequence[Record], /) -> None:
        """Run the program for each record that it has not had.

        Raises
        ------
        RetryLater
            If it cannot be run, does not end in time, is killed, or says so.
        RefusedForGood
            If it fails.
        """
        for record in self._delivered.new(records):
            self._run(record)
            self._delivered.add(record)

    def _run(self, record: Record) -> None:
        name = Path(self._command[0]).name
        try:
            program = subprocess.Popen(  # noqa: S603  # the operator's own words, no shell
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=self._environment,
                start_new_session=True,  # so that what it has started ends with it
            )
        except OSError as error:
            raise RetryLater(f"cannot run {name}: {error.strerror}") from error
        with program:
            try:
                _, said = program.communicate(record.to_json().encode(), self._timeout_s)
            except subprocess.TimeoutExpired:
                raise RetryLater(f"{name} took longer than {self._timeout_s:g} s") from None
            finally:
                _end(program)
        if program.returncode != 0:
            raise _error(name, program.returncode, said)


def _program(name: str) -> str:
    found = shutil.which(Path(name).expanduser())
    if found is None:
        reason = f"there is no program {name!r} that can be run"
        raise ConfigError(reason, key="command") from FileNotFoundError(name)
    return str(Path(found).absolute())


def _end(program: subprocess.Popen[bytes]) -> None:
    """Kill a program that still runs, with all that it has started."""
    if program.poll() is None:
        os.killpg(program.pid, signal.SIGKILL)


def _error(name: str, code: int, said: bytes) -> RetryLater | RefusedForGood:
    lines = said[-10_000:].decode(errors="replace").strip().splitlines()
    reason = f"{name} ended with {_in_words(code)}" + (
        f": {clean(lines[-1])[:300]}" if lines else ""
    )
    return RetryLater(reason) if code == NOT_NOW or code < 0 else RefusedForGood(reason)


def _in_words(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {-code}"


@hookimpl
def register_sinks() -> list[SinkType]:
    """Register the sink ``command``."""
    return [
        SinkType(
            name="command",
            make=Command,
            summary="a program for each record, which reads it as JSON",
            after_journal=True,
            skip_older_than_s=DAY_S,
        )
    ]
