"""``icecube-alerts status``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from icecube_plugin.alerts.words import clean, span_text

from ._common import add_json, configuration, print_json

__all__ = ["add_arguments"]

EXAMPLES: Final = """\
examples:
  icecube-alerts status
  icecube-alerts status --json

It reads what `icecube-alerts listen` with the same configuration writes into its data folder every
few seconds. Exit code 1 if no host is running, or if it is not well: then it says why.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    add_json(parser, "the status")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from icecube_plugin.host.health import read_status, runs

    folder = configuration(arguments).data_folder
    now = read_status(folder)
    if now is None:
        text = f"no host that listens has written into {folder}"
        hint = "icecube-alerts listen starts one; --config names the configuration of another"
        print(f"icecube-alerts: {text} ({hint})", file=sys.stderr)
        return 1
    at = datetime.now(UTC)
    age_s, is_running = (at - datetime.fromisoformat(now["at"])).total_seconds(), runs(now, at)
    if arguments.json:
        print_json(now | {"age_s": age_s, "runs": is_running})
    else:
        print("\n".join(_lines(now, age_s, is_running)))
    return 0 if is_running and not now["problems"] else 1


def _lines(now: Mapping[str, Any], age_s: float, is_running: bool) -> list[str]:
    ended = now["state"] if now["state"] != "running" else "NOT running: it does not write any more"
    state = "running" if is_running else clean(ended, 300)
    who = f"{now['program']}, process {now['pid']}, group {clean(now['group'])}"
    problems = [f"NOT WELL   {clean(text, 300)}" for text in now["problems"].values()]
    read = f"{now['records']} read, {now['refused']} refused, {now['passed']} of others"
    lines = [
        f"{state}: {who}, seen {span_text(age_s)} ago",
        *(problems if is_running else ()),
        f"messages   {now['messages']}: {read}",
    ]
    if now["kinds"]:
        lines.append("alerts     " + _counts(now["kinds"]))
    lines.append(f"waiting    {sum(now['lag'].values())} on Kafka, in {len(now['lag'])} partitions")
    if now["heartbeat_age_s"] is not None:
        lines.append(f"heartbeat  {span_text(now['heartbeat_age_s'])} ago")
    if now["lost"]:
        lines.append("LOST       " + _counts(now["lost"]))
    if now["missing"]:
        lines.append(f"no topic   {clean(', '.join(now['missing']), 300)}")
    if now["kafka_errors"]:
        lines.append("errors     " + _counts(now["kafka_errors"]))
    lines += [f"last on    {clean(topic)}: {at[:19]}" for topic, at in now["last_seen"].items()]
    lines += [f"sink       {_sink(sink)}" for sink in now["sinks"]]
    return lines


def _sink(sink: Mapping[str, Any]) -> str:
    parts = [f"{sink['name']}: {sink['written']} written"]
    parts += [f"{sink[key]} {key}" for key in ("refused", "dropped") if sink[key]]
    parts += [f"{sink['waiting']} wait"] if sink["waiting"] else []
    if sink["in_trouble"]:
        parts.append(f"IN TROUBLE: {clean(sink['last_error'] or '', 200)}")
    return ", ".join(parts)


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{clean(name)} {counts[name]}" for name in sorted(counts))
