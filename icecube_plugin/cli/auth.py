"""``icecube-alerts auth``."""

from __future__ import annotations

import argparse
import getpass
import os
import re
import sys
from pathlib import Path
from typing import Final

from icecube_hooks import ConfigError
from icecube_hooks.host import nearest
from icecube_plugin.alerts.words import clean
from icecube_plugin.host.credentials import auth_file, read_auth, write_auth

from ._common import table

__all__ = ["add_arguments", "ask_credentials", "keep", "own_file"]

EXAMPLES: Final = """\
examples:
  icecube-alerts auth add                              asks; the secret is not shown
  icecube-alerts auth add --client-id ID < secret.txt
  icecube-alerts auth add --for test.gcn.nasa.gov
  icecube-alerts auth list
  icecube-alerts auth remove gcn.nasa.gov

Credentials are made at https://gcn.nasa.gov/quickstart. They are kept in a file that only you can
read (`auth locate`), and go to the domain or broker that they are for, and nowhere else. Those of
the environment, of the configuration and of the keyring come before them.
"""

GCN: Final = "gcn.nasa.gov"
_AUDIENCE: Final = re.compile(r"[\w.-]+(?::\d+)?(?:,[\w.-]+(?::\d+)?)*", re.ASCII)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    add = actions.add_parser("add", help="keep credentials, in place of older ones")
    add.add_argument(
        "--for", dest="audience", default=GCN, metavar="WHERE", help=f"domain or broker ({GCN})"
    )
    add.add_argument("--client-id", metavar="ID", help="then only the secret is asked, or read")
    add.set_defaults(run=_add)
    actions.add_parser("list", help="for what there are some").set_defaults(run=_list)
    remove = actions.add_parser("remove", help="forget some")
    remove.add_argument("audience", metavar="WHERE", help="domain or broker")
    remove.set_defaults(run=_remove)
    actions.add_parser("locate", help="print the name of the file").set_defaults(run=_locate)


def own_file() -> Path:
    """Return the user's file of credentials.

    Raises
    ------
    ConfigError
        If the user has no home.
    """
    file = auth_file(os.environ)
    if file is None:
        hint = "set ICECUBE_ALERTS_AUTH to the name of a file"
        raise ConfigError("there is no home folder to keep credentials in", hint=hint)
    return file


def ask_credentials(client_id: str | None = None) -> dict[str, str]:
    """Ask a person for credentials, or read them from a pipe: a line each, the secret last.

    Raises
    ------
    ConfigError
        If one is empty.
    """
    is_person = sys.stdin.isatty()
    named = client_id or ""
    if client_id is None:
        named = input("client id: ") if is_person else sys.stdin.readline()
    secret = getpass.getpass("client secret: ") if is_person else sys.stdin.readline()
    given = {"client_id": named.strip(), "client_secret": secret.strip()}
    for name, text in given.items():
        if not text:
            hint = "both are shown once, when they are made at https://gcn.nasa.gov/quickstart"
            raise ConfigError(f"the {name.replace('_', ' ')} is empty", hint=hint)
    return given


def keep(audience: str, pair: dict[str, str]) -> None:
    """Keep credentials for a domain or broker, and say where."""
    if _AUDIENCE.fullmatch(audience) is None:
        hint = "such as gcn.nasa.gov or kafka.example.org:9093"
        raise ConfigError(f"{audience!r:.60} is not a domain or broker", key="--for", hint=hint)
    file = own_file()
    write_auth(file, read_auth(file) | {audience: pair})
    print(f"credentials for {audience} are in {file}, for your eyes only")


def _add(arguments: argparse.Namespace) -> int:
    keep(arguments.audience, ask_credentials(arguments.client_id))
    return 0


def _list(_: argparse.Namespace) -> int:
    rows = [[clean(where, 60), clean(pair["client_id"], 60)] for where, pair in _kept().items()]
    print(table(rows, ["FOR", "CLIENT ID"]) if rows else "no credentials: icecube-alerts auth add")
    return 0


def _remove(arguments: argparse.Namespace) -> int:
    kept = _kept()
    if arguments.audience not in kept:
        text = f"no credentials for {arguments.audience!r:.60}"
        raise ConfigError(text, hint=nearest(arguments.audience, kept))
    write_auth(own_file(), {w: pair for w, pair in kept.items() if w != arguments.audience})
    print(f"credentials for {arguments.audience} are forgotten")
    return 0


def _locate(_: argparse.Namespace) -> int:
    print(own_file())
    return 0


def _kept() -> dict[str, dict[str, str]]:
    return read_auth(own_file())
