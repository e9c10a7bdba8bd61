"""The command ``icecube-alerts``: one module a subcommand.

Each has ``add_arguments(parser)``, which also names the function that runs.
"""

from .command import main

__all__ = ["main"]
