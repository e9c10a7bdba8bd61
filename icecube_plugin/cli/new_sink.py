"""``icecube-alerts new-sink``: the older name of ``new-plugin``."""

from __future__ import annotations

from .new_plugin import add_arguments

__all__ = ["add_arguments"]
