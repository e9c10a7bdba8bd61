"""``python -m tests.security.program FOLDER SERVER``: a whole host, on all attacks, in a process.

Every sink that writes files, a database, pages or to the screen is configured. The message of
attack A has the topic A. What is left is judged by the tests.
"""

from __future__ import annotations

import contextlib
import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from icecube_hooks import Message, NoticeError
from icecube_hooks.host import load_plugins
from icecube_plugin.cli.log_format import set_up
from icecube_plugin.host import Config, Host, SinkConfig

from .attacks import ATTACKS

SINKS: dict[str, tuple[str, dict[str, Any]]] = {
    "screen": ("terminal", {}),
    "sqlite": ("sqlite", {"path": "alerts.sqlite"}),
    "database": ("database", {"url": "sqlite:///{}/database.sqlite"}),
    "files": ("json", {"folder": "json", "sync": False}),
    "lines": ("jsonl", {"path": "alerts.jsonl"}),
    "pages": ("html", {"folder": "html", "sync": False}),
    "ecsv": ("table", {"path": "alerts.ecsv", "rows": "all"}),
    "fits": ("table", {"path": "alerts.fits", "rows": "all"}),
    "votable": ("table", {"path": "alerts.vot", "rows": "all"}),
    "parquet": ("parquet", {"folder": "parquet"}),
    "voevents": ("voevent", {"folder": "voevent", "ivorn": "ivo://example.org/neutrinos"}),
    "archive": ("archive", {"folder": "archive"}),
}


def sinks(folder: Path) -> Iterator[SinkConfig]:
    for name, (kind, options) in SINKS.items():
        paths = {
            key: str(folder / str(value)) if key in ("path", "folder") else value
            for key, value in options.items()
        }
        if "url" in paths:
            paths["url"] = str(paths["url"]).format(folder)
        yield SinkConfig(name=name, type=kind, options=paths, patience_s=600.0)


def main(folder: Path, server: str) -> None:
    set_up(20, "text")
    config = Config(data_folder=folder / "host", sinks=tuple(sinks(folder)))
    slowest: dict[str, float] = {}
    plugins = load_plugins(allow=["icecube-plugin"])
    host = Host(config, plugins=plugins).open()
    batch: list[Message] = []
    for name, attack in ATTACKS.items():
        values = attack.make(folder, server)
        messages = [
            Message(value=value, topic=name, partition=0, offset=number)
            for number, value in enumerate(values)
        ]
        began = time.process_time()
        for message in messages:
            read(host, message)
        slowest[name] = (time.process_time() - began) / len(messages)
        batch += messages
        if len(batch) > 40:  # some are large, and tables are written anew for each batch
            host.handle(batch)
            batch = []
    host.handle(batch)
    host.close()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    (folder / "cost.json").write_text(json.dumps({"seconds": slowest, "peak_mb": peak_mb}))


def read(host: Host, message: Message) -> None:
    """Read a message as the host does, to know what that takes."""
    with contextlib.suppress(NoticeError):
        host.plugins.record(message)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
