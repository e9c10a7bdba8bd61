"""``icecube-alerts init``."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from icecube_hooks import ConfigError
from icecube_hooks.host import nearest
from icecube_plugin.disk import replace_file
from icecube_plugin.host.credentials import auth_file, read_auth

from . import auth, check
from ._common import FOUND

__all__ = ["add_arguments"]

EXAMPLES: Final = """\
examples:
  icecube-alerts init                                  asks
  icecube-alerts init --sink sqlite --sink json        asks nothing that is answered by options
  icecube-alerts init --no-input --sink database=postgresql://icecube@localhost/alerts
  icecube-alerts --config alerts/icecube-alerts.toml init --no-input --sink notify=slack.urls

Writes a commented configuration (icecube-alerts.toml here, or --config), keeps credentials in your
own file (as `auth add`), and runs `check`. A URL that has a secret in it goes into a file of its
own, which only you can read. Nothing that is there already is overwritten.
"""


class Offer(NamedTuple):
    """A sink that is offered: what for, which option its value is, and what that is by default."""

    what: str
    option: str
    value: str
    more: str = ""


OFFERS: Final = {
    "terminal": Offer("A readable summary on the screen", "color", "auto"),
    "sqlite": Offer("A database in one file", "path", "icecube-alerts-data/alerts.sqlite"),
    "json": Offer("A JSON file for each notice", "folder", "icecube-alerts-data/json"),
    "jsonl": Offer("One file, a line of JSON each", "path", "icecube-alerts-data/alerts.jsonl"),
    "database": Offer("PostgreSQL", "url", "postgresql://icecube@localhost/alerts"),
    "notify": Offer(
        "Slack, mail, Matrix, Telegram and others, by Apprise's URLs",
        "urls_file",
        "notify.urls",
        'when = "real"                          # no tests, injections or mock events\n',
    ),
    "webhook": Offer("A signed HTTP request to a service of yours", "url_file", "webhook.url"),
    "html": Offer("Pages for a browser", "folder", "icecube-alerts-data/html"),
}
USUAL: Final = ("terminal", "sqlite", "json")

HEAD: Final = """\
# Written by icecube-alerts init. All keys are in docs/reference.md; `icecube-alerts config show`
# prints what counts. Relative paths belong to the folder of this file.

data_folder = "icecube-alerts-data"      # the journal: on a local disk

[kafka]
domain = {domain}                  # or "test.gcn.nasa.gov"
{brokers}{group}
# topics = ["gcn.notices.icecube.*"]     # default: all that the installed parsers read
# start = "latest"                       # a new group begins now, not with the oldest message

# [health]
# listen = "127.0.0.1:9464"              # /healthz and /metrics
"""
SINK: Final = """
# {what}
[sinks.{name}]
type = "{name}"
{option} = {value}
{more}# when = "kind == 'gold'"                # which alerts it gets; default: all
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    add = parser.add_argument
    add("--domain", default=auth.GCN, help=f"default: {auth.GCN}")
    add("--bootstrap-servers", metavar="HOST:PORT", help="another Kafka broker")
    add("--group", metavar="ID", help="hosts with the same one share the work")
    add(
        "--sink",
        action="append",
        default=[],
        metavar="TYPE[=VALUE]",
        help=f"{', '.join(OFFERS)}; VALUE is its URL, path, folder, or file of URLs",
    )
    add("--client-id", metavar="ID", help="then only the secret is asked, or read")
    add("--no-input", action="store_true", help="ask nothing: defaults for what is not given")
    add("--offline", action="store_true", help="check without the broker")
    parser.set_defaults(run=run, json=False, topic=[])


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    file = Path(arguments.config or FOUND).expanduser()
    if file.exists():
        raise ConfigError(f"{file} is there already", hint="edit it, or name another by --config")
    asks = not arguments.no_input
    given = dict(_sink(text) for text in arguments.sink)
    audience = arguments.bootstrap_servers or arguments.domain
    if asks and not _has_credentials(audience) and _yes(f"keep credentials for {audience}?"):
        auth.keep(audience, auth.ask_credentials(arguments.client_id))
    sinks = given or (_asked_sinks() if asks else dict.fromkeys(USUAL))
    _write(file, _text(arguments, sinks), private=False)
    for name, value in sinks.items():
        if asks and OFFERS[name].option.endswith("_file"):
            _ask_urls(name, file.parent / (value or OFFERS[name].value))
    print("\ncheck:")
    arguments.config = str(file)
    return check.run(arguments)


def _sink(text: str) -> tuple[str, str | None]:
    name, _, value = text.partition("=")
    if name not in OFFERS:
        hint = nearest(name, OFFERS)
        raise ConfigError(f"no sink {name!r:.40} is offered here", key="--sink", hint=hint)
    if "@" in value and ":" in value.partition("://")[2].partition("@")[0]:
        reason = "everybody on this machine can read a password on the command line"
        raise ConfigError(reason, key="--sink", hint="~/.pgpass, or password_env of the sink")
    return name, value or None


def _asked_sinks() -> dict[str, str | None]:
    print("Where shall alerts go?")
    for name, offer in OFFERS.items():
        print(f"  {name:<10} {offer.what}")
    answer = input(f"names, with spaces [{' '.join(USUAL)}]: ").replace(",", " ").split()
    return dict(_sink(text) for text in answer or USUAL)


def _has_credentials(audience: str) -> bool:
    """Whether the environment or the user's own file has them already."""
    file = auth_file(os.environ)
    named = os.environ.get("GCN_CLIENT_ID") or os.environ.get("GCN_CLIENT_ID_FILE")
    return bool(named) or (file is not None and audience in read_auth(file))


def _yes(question: str) -> bool:
    return input(f"{question} [Y/n] ").strip().casefold() in ("", "y", "yes")


def _ask_urls(name: str, file: Path) -> None:
    """Ask for the URLs of a sink, which are secrets, and keep them in a file of their own."""
    if file.exists():
        return
    text = f"URL for {name} (not shown): "
    url = getpass.getpass(text) if sys.stdin.isatty() else sys.stdin.readline()
    if not url.strip():
        raise ConfigError(f"{file} has no URL", hint=f"write one into it, then chmod 600 {file}")
    _write(file, url.strip() + "\n", private=True)


def _write(file: Path, text: str, *, private: bool) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(file, text.encode(), sync=True, private=private)
    except OSError as error:
        raise ConfigError(f"cannot write {file}: {error.strerror}") from error
    print(f"{file} is written" + (", for your eyes only" if private else ""))


def _text(arguments: argparse.Namespace, sinks: dict[str, str | None]) -> str:
    """Return the configuration."""
    broker, group = arguments.bootstrap_servers, arguments.group
    head = HEAD.format(
        domain=json.dumps(arguments.domain),
        brokers="" if broker is None else f"bootstrap_servers = {json.dumps(broker)}\n",
        group='# group_id = "my-institute"              # hosts with the same one share the work'
        if group is None
        else f"group_id = {json.dumps(group)}",
    )
    return head + "".join(_tables(sinks))


def _tables(sinks: dict[str, str | None]) -> Iterator[str]:
    for name, value in sinks.items():
        offer = OFFERS[name]
        text = json.dumps(value or offer.value)
        yield SINK.format(
            name=name, what=offer.what, option=offer.option, value=text, more=offer.more
        )
