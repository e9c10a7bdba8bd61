"""``icecube-alerts backfill``."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Final

from icecube_hooks import ConfigError
from icecube_plugin.host.times import moment

from ._common import add_json, configuration, installed, run_host
from ._progress import RunProgress
from .listen import add_broker_arguments, with_broker

if TYPE_CHECKING:
    from icecube_plugin.host import Config
    from icecube_plugin.host.kafka import BackfillSource, Run

__all__ = ["add_arguments"]

EXAMPLES: Final = """\
examples:
  icecube-alerts backfill --since 30d
  icecube-alerts backfill --since 2026-05-01 --until 2026-05-02T12:00:00Z
  icecube-alerts backfill --last 10 --topic gcn.notices.icecube.lvk_nu_track_search
  icecube-alerts backfill --offsets gcn.circulars:0:41000-41999
  icecube-alerts backfill --since 365d --resume year

Times are those of Kafka's message time stamps [UTC]. GCN keeps messages for a limited time; older
notices are in its archive, which `icecube-alerts replay` reads once you have the files. The group
of `listen` is not touched. With --resume the same command goes on where it was stopped or killed.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--since", metavar="TIME", help="ISO time, or 30d, 36h ...")
    what.add_argument("--last", metavar="N", type=_count, help="the newest N of each topic")
    what.add_argument(
        "--offsets",
        action="append",
        default=[],
        metavar="TOPIC:PARTITION:FIRST-LAST",
        help="these, both ends included; may be repeated",
    )
    parser.add_argument("--until", metavar="TIME", help="with --since; default: what is there now")
    parser.add_argument("--resume", metavar="NAME", help="keep how far it came under this name")
    add_broker_arguments(parser)
    add_json(parser, "the summary at the end")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    config = with_broker(configuration(arguments), arguments)
    since = None if arguments.since is None else moment(arguments.since)
    until = None if arguments.until is None else moment(arguments.until)
    if until is not None and (since is None or until < since):
        raise ConfigError("--until is before --since" if since else "--until goes with --since")
    if arguments.offsets and arguments.topic:
        raise ConfigError("--offsets names the topics: leave --topic out")
    named_run = _named_run(config, arguments)
    progress = RunProgress()
    plugins = installed(config)

    def source() -> BackfillSource:
        from icecube_plugin.host.kafka import BackfillSource, OffsetRange

        found = BackfillSource(
            config.kafka,
            since=since,
            until=until,
            last=arguments.last,
            offsets=[OffsetRange.parse(text) for text in arguments.offsets],
            topics=arguments.topic,
            claimed=plugins.topics(),
            batch_size=config.batch_size,
            run=named_run,
        )
        progress.watch(found)
        return found

    return run_host(config, source, arguments, progress, plugins)


def _named_run(config: Config, arguments: argparse.Namespace) -> Run | None:
    """Return the run of that name, which knows what it was asked for."""
    from icecube_plugin.host.kafka import Run

    name = arguments.resume
    if name is None:
        return None
    if re.fullmatch(r"\w[\w.-]{0,63}", name, re.ASCII) is None:
        raise ConfigError(f"--resume {name!r:.80} is not a name", hint="letters, digits, . _ -")
    given = {
        "since": arguments.since,
        "until": arguments.until,
        "last": arguments.last,
        "offsets": arguments.offsets,
        "topic": arguments.topic,
        "from": config.kafka.bootstrap_servers or config.kafka.domain,
    }
    request = ", ".join(f"{key} {_words(value)}" for key, value in given.items() if value)
    return Run(config.data_folder / "backfill" / f"{name}.json", request)


def _words(value: object) -> str:
    return " ".join(value) if isinstance(value, list) else str(value)


def _count(text: str) -> int:
    count = int(text)
    if not 1 <= count <= 1_000_000:
        raise argparse.ArgumentTypeError("expected a number from 1 to 1000000")
    return count
