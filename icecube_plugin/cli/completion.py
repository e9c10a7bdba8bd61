"""``icecube-alerts completion``."""

from __future__ import annotations

import argparse
from typing import Final

from icecube_hooks import ConfigError
from icecube_plugin.extras import pip_line

__all__ = ["add_arguments"]

EXAMPLES: Final = """\
examples:
  icecube-alerts completion bash > ~/.local/share/bash-completion/completions/icecube-alerts
  icecube-alerts completion zsh > ~/.zfunc/_icecube-alerts
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    parser.add_argument("shell", choices=("bash", "zsh", "tcsh"), help="for which shell")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from .command import whole_parser

    try:
        import shtab
    except ImportError as error:
        hint = pip_line("completion")
        raise ConfigError("completion needs the package shtab", hint=hint) from error
    print(shtab.complete(whole_parser(), arguments.shell))
    return 0
