"""Which versions made the records: a line for each change, in ``versions.jsonl``.

A record says when and from where it came; the last line before that says what read, assessed and
delivered it.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from icecube_plugin.disk import make_private

__all__ = ["note_versions"]

log = logging.getLogger(__name__)


def note_versions(path: Path, versions: Mapping[str, str]) -> None:
    """Add the versions of the plugins' distributions, unless they are those of the last line.

    What cannot be written is only logged: no alert waits for it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if _last(path) == dict(versions):
            return
        line = {"since": datetime.now(UTC).isoformat(), "versions": dict(versions)}
        make_private(path)
        with path.open("a") as file:
            file.write(f"{json.dumps(line)}\n")
    except OSError as error:
        log.warning("cannot note the versions of plugins in %s: %s", path, error)


def _last(path: Path) -> object:
    """Return the versions of the last line; ``None`` if there is none, or it is damaged."""
    with contextlib.suppress(FileNotFoundError, ValueError, LookupError, TypeError):
        return json.loads(path.read_text().splitlines()[-1])["versions"]
    return None
