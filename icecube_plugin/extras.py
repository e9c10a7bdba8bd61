"""What an extra needs: a line for messages that works from a checkout, a wheel and a release."""

from __future__ import annotations

from importlib import metadata
from typing import Final

__all__ = ["pip_line"]

OURS: Final = "icecube-plugin"


def pip_line(extra: str) -> str:
    """Return the command that installs the packages of an extra of ours.

    It names these and not the extra: pip looks for ``icecube-plugin[...]`` on an index only,
    whatever our own copy was installed from.

    Examples
    --------
    >>> pip_line("parquet")
    "pip install 'pyarrow>=15'"
    """
    return " ".join(["pip install", *(f"'{package}'" for package in _packages(extra))])


def _packages(extra: str) -> list[str]:
    """Return the requirements of an extra, and of those of ours that it includes."""
    found: list[str] = []
    for text in metadata.requires(OURS) or ():
        name, _, marker = text.partition(";")
        if marker.replace('"', "'").strip().endswith(f"extra == '{extra}'"):
            is_ours = name.startswith(f"{OURS}[")
            found += _packages(name.strip()[len(OURS) + 1 : -1]) if is_ours else [name.strip()]
    return found
