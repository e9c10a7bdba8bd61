"""Log lines: one line a record whatever a message says, as text or as JSON."""

from __future__ import annotations

import json
import logging
import sys
import time
from datetime import UTC, datetime
from typing import Any

from icecube_plugin.alerts.words import clean

__all__ = ["JsonFormatter", "TextFormatter", "set_up"]


class TextFormatter(logging.Formatter):
    """Date and time (UTC), level and text; control characters stand as escapes.

    So nobody can forge a line.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
        self.converter = time.gmtime  # the time of the notices, and of every other machine

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # its base's name
        """Format the line."""
        return clean(super().formatMessage(record), 4000)

    def formatException(self, ei: Any) -> str:  # noqa: N802  # its base's name
        """Format a traceback: indented, for an error's text may look like a line of the log."""
        lines = super().formatException(ei).splitlines()
        return "\n".join(f"  {clean(line, 4000)}" for line in lines)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: ``time`` (UTC), ``level``, ``logger``, ``text``, ``traceback``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "text": record.getMessage(),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def set_up(level: int, form: str) -> None:
    """Send logs of `level` and above to stderr, as ``text`` or ``json``."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=level, handlers=[handler])
    if level > logging.DEBUG:  # each step of a database's change is a line of it
        logging.getLogger("alembic").setLevel(logging.WARNING)
