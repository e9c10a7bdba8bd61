"""A folder with a site, kept up to date."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from icecube_hooks import Record
from icecube_plugin.alerts.file_names import event_file_stem
from icecube_plugin.disk import locked_folder, replace_file, sync_folder
from icecube_plugin.sky.site import Site as Observatory
from icecube_plugin.sky.skymaps import Maps

from ._paths import record_path
from ._site import TITLE, event_files, index, record_files
from ._stories import Story, tell
from ._templates import environment, maker, render

__all__ = ["Site"]

log = logging.getLogger(__name__)

STATE: Final = ".pages.json"
"""What the pages in the folder were made of, by their names: a digest, and the first record."""

FOLDERS: Final = ("data", "events")


class Site:
    """A folder with a site, to which records are added.

    The folder ``data`` holds a JSON file per record. All pages are made of these, so that nothing
    else has to survive a restart, and several processes may share the folder. Only pages whose
    event has changed are written again; nothing is deleted.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    title : str
        Of the index.
    maps : Maps, optional
        Sky maps that are at hand. A page is written anew when the map of its event has come.
    sync : bool
        Whether the records are on the disk, not only in the system's memory, when `add` returns.
        Pages that a loss of power leaves empty are written again.
    sites : sequence of icecube_plugin.sky.site.Site
        Whose times to observe stand in the pages.

    Raises
    ------
    ConfigError
        If jinja2 is not installed.
    """

    def __init__(
        self,
        folder: Path,
        *,
        title: str = TITLE,
        maps: Maps | None = None,
        sites: Sequence[Observatory] = (),
        sync: bool = True,
    ) -> None:
        environment()
        self.folder = folder
        self.title = title
        self.maps = maps
        self.sync = sync
        self.sites = tuple(sites)
        self._known: dict[str, Record | None] = {}

    def add(self, records: Iterable[Record]) -> int:
        """Add records, each id once, and return how many pages of events were written.

        Raises
        ------
        OSError
            If the system refuses: full disk, missing rights. The same call again goes on.
        RetryLater
            If another process is in the folder for too long.
        """
        with locked_folder(self.folder):
            for folder in FOLDERS:
                (self.folder / folder).mkdir(exist_ok=True)
            there = self._names("data")
            for record in records:
                if record_path(record).removeprefix("data/") not in there:
                    self._write(record_files(record), sync=self.sync)
            if self.sync:
                sync_folder(self.folder / "data")
            return self._write_pages(tell(self._records(), self.maps))

    def _write_pages(self, stories: Sequence[Story]) -> int:
        """Write the pages that are not there or not up to date, and the index."""
        old, there = self._state(), self._names("events")
        new = {event_file_stem(story.key): _made_of(story, self.sites) for story in stories}
        stale = {name for name in new if old.get(name) != new[name] or f"{name}.html" not in there}
        for story in stories:
            if event_file_stem(story.key) in stale:
                self._write(event_files(story, self.sites))
        self._write(dict(_moved(old, stories)))
        self._write({"index.html": index(stories, self.title, written=datetime.now(UTC))})
        self._write({STATE: json.dumps(new).encode()})
        return len(stale)

    def _records(self) -> list[Record]:
        """Return the records of the folder; only files not seen before are read."""
        there = {name for name in self._names("data") if name.endswith(".json")}
        for name in there - self._known.keys():
            self._known[name] = _loaded(self.folder / "data" / name)
        for name in self._known.keys() - there:
            del self._known[name]
        return [record for _, record in sorted(self._known.items()) if record is not None]

    def _names(self, folder: str) -> set[str]:
        """Return the names of the files in a folder; hidden and empty ones are unfinished."""
        with os.scandir(self.folder / folder) as files:
            return {f.name for f in files if not f.name.startswith(".") and f.stat().st_size}

    def _state(self) -> dict[str, list[str]]:
        try:
            state: dict[str, list[str]] = json.loads((self.folder / STATE).read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        return state

    def _write(self, files: Mapping[str, bytes], *, sync: bool = False) -> None:
        for path, data in files.items():
            replace_file(self.folder / path, data, sync=sync)


def _made_of(story: Story, sites: Sequence[Observatory]) -> list[str]:
    """Return a digest of what a page depends on, and the path of the event's first record."""
    others = (other.key for other in story.related)
    own = (record.id for record in story.records)
    parts = "\n".join((maker(), *map(repr, sites), *others, *own, *_map_of(story)))
    digest = hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return [digest, record_path(story.records[0])]


def _map_of(story: Story) -> Iterator[str]:
    """Yield the file of the sky map of an event, and when it was written."""
    place = story.event.latest("localization")
    file = None if place is None or story.maps is None else story.maps.file(place)
    if file is not None:
        yield f"{file.name} {file.stat().st_mtime_ns}"


def _moved(
    old: Mapping[str, Sequence[str]], stories: Sequence[Story]
) -> Iterator[tuple[str, bytes]]:
    """Yield pages in place of those whose event is now known by another key."""
    gone = old.keys() - {event_file_stem(story.key) for story in stories}
    homes = {record_path(record): story for story in stories for record in story.records}
    for name in gone:
        home = homes.get(old[name][-1])
        if home is not None:
            href = f"{event_file_stem(home.key)}.html"
            yield f"events/{name}.html", render("moved.html", title=home.event.title, href=href)


def _loaded(path: Path) -> Record | None:
    """Return the record in a file; ``None``, said in the log, if it holds none."""
    try:
        return Record.from_json(path.read_bytes())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("%s: not a record: %s: %s", path, type(error).__name__, error)
        return None
