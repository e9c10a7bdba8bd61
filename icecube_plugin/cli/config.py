"""``icecube-alerts config``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from icecube_plugin.alerts.words import clean

from ._common import add_json, configuration, installed, print_json, table

if TYPE_CHECKING:
    from icecube_plugin.host.provenance import Setting

__all__ = ["add_arguments"]

EXAMPLES: Final = """\
examples:
  icecube-alerts config show
  icecube-alerts config show kafka sinks.people
  icecube-alerts --config alerts.toml config show --given

Every value, and where it came from: the default, the file, the environment, your credentials.
Secrets are hidden, also in URLs. A relative path belongs to the folder of the configuration.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    show = actions.add_parser("show", help="every value, and where it came from")
    show.add_argument(
        "keys", nargs="*", default=[], metavar="KEY", help="only these, or what is below them"
    )
    show.add_argument("--given", action="store_true", help="without the defaults")
    add_json(show, "the values")
    show.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from icecube_plugin.host.provenance import DEFAULT, settings

    config = configuration(arguments)
    found = [
        one
        for one in settings(config, installed(config))
        if _is_asked(one, arguments.keys) and not (arguments.given and one.origin == DEFAULT)
    ]
    if arguments.json:
        print_json([one._asdict() for one in found])
    elif found:
        rows = [[one.key, clean(_text(one.value), 80), clean(one.origin, 80)] for one in found]
        print(table(rows, ["KEY", "VALUE", "FROM"]))
    else:
        print("nothing is configured" if arguments.given else "no such key: see docs/reference.md")
    return 0


def _is_asked(setting: Setting, keys: Sequence[str]) -> bool:
    return not keys or any(f"{setting.key}.".startswith(f"{key}.") for key in keys)


def _text(value: Any) -> str:
    return "-" if value is None else json.dumps(value, ensure_ascii=False)
