"""``icecube-alerts dead-letters``."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from typing import Any, Final

from icecube_plugin.alerts.words import clean
from icecube_plugin.host import DeadLetter, Host

from ._common import add_json, configuration, print_json, table

__all__ = ["add_arguments"]

EXAMPLES: Final = """\
examples:
  icecube-alerts dead-letters
  icecube-alerts dead-letters --show 3
  icecube-alerts dead-letters --retry        all of them, through today's plugins and sinks
  icecube-alerts dead-letters --retry 3 4
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--show", type=int, metavar="N", help="print one with its bytes")
    action.add_argument(
        "--retry", type=int, nargs="*", metavar="N", help="try these, or all, again"
    )
    add_json(parser, "the list")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    host = Host(configuration(arguments))
    if arguments.retry is not None:
        return _retry(host, arguments.retry)
    letters = list(host.journal.letters([] if arguments.show is None else [arguments.show]))
    if arguments.json:
        print_json([_entry(letter) for letter in letters])
    elif arguments.show is None:
        _print_list(letters)
    else:
        return _show(letters, arguments.show)
    return 0


def _entry(letter: DeadLetter) -> dict[str, Any]:
    entry = dataclasses.asdict(letter) | {"at": letter.at.isoformat()}
    return entry | {"message": letter.message.to_dict()}


def _place(letter: DeadLetter) -> str:
    message = letter.message
    if message.offset is None:
        return message.origin or message.topic or "-"
    return f"{message.topic}[{message.partition}]@{message.offset}"


def _print_list(letters: list[DeadLetter]) -> None:
    rows = [
        (
            str(letter.number),
            f"{letter.at:%Y-%m-%d %H:%M:%S}",
            letter.sink or "(reading)",
            clean(_place(letter)),
            clean(letter.reason, 100),
        )
        for letter in letters
    ]
    print(table(rows, ["N", "SINCE (UTC)", "SINK", "FROM", "WHY"]) if rows else "no dead letters")


def _show(letters: list[DeadLetter], number: int) -> int:
    if not letters:
        print(f"icecube-alerts: no dead letter {number}", file=sys.stderr)
        return 1
    letter = letters[0]
    print(f"{letter.number}: {letter.error}: {clean(letter.reason, 2000)}")
    print(f"from {clean(_place(letter))}, kept {letter.at:%Y-%m-%d %H:%M:%S} UTC")
    print("plugins " + ", ".join(f"{name} {v}" for name, v in letter.versions.items()))
    print(f"{len(letter.message.value)} bytes:")
    text = letter.message.value[:20_000].decode("utf-8", "backslashreplace")
    print("\n".join(clean(line, 2000) for line in text.splitlines()))
    return 0


def _retry(host: Host, numbers: list[int]) -> int:
    failed = 0
    try:
        for letter in list(host.journal.letters(numbers)):
            problem = host.retry(letter)
            failed += problem is not None
            print(
                f"{letter.number}: {'delivered' if problem is None else clean(problem)}",
                file=sys.stdout if problem is None else sys.stderr,
            )
    finally:
        host.close()
    return 1 if failed else 0
