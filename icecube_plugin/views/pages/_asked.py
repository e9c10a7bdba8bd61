"""The files of a site, each made when somebody asks for it: for a server of live pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import partial

from icecube_hooks import Record
from icecube_plugin.alerts.file_names import page_path
from icecube_plugin.sky.site import Site
from icecube_plugin.sky.skymaps import Maps

from ._paths import calendar_path, record_path, region_path, voevent_path
from ._site import TITLE, event_files, index, record_files
from ._stories import Story, tell

__all__ = ["Asked"]


class Asked:
    """A site of records, made as far as it is asked for.

    Parameters
    ----------
    records : iterable of Record
        In the order in which they came.
    title : str
        Of the index.
    maps : Maps, optional
        Sky maps that are at hand.
    sites : sequence of Site
        Whose times to observe, from when a page is asked for on, stand in it.

    Attributes
    ----------
    newest : Story or None
        The event of the real record that came last.

    Raises
    ------
    ConfigError
        If jinja2 is not installed.
    """

    def __init__(
        self,
        records: Iterable[Record],
        title: str = TITLE,
        maps: Maps | None = None,
        sites: Sequence[Site] = (),
    ) -> None:
        came = list(records)
        stories = tell(came, maps)
        of_event = {path: story for story in stories for path in _paths_of(story)}
        of_record = {path: record for record in came for path in _paths_of_record(record)}
        self._made: dict[str, Callable[[], dict[str, bytes]]] = {
            "index.html": lambda: {"index.html": index(stories, title, is_live=True)},
            **{path: partial(_event_now, story, sites) for path, story in of_event.items()},
            **{path: partial(record_files, record) for path, record in of_record.items()},
        }
        last = next((record for record in reversed(came) if record.alert.is_real), None)
        self.newest = next(
            (s for s in stories if last is not None and any(r.id == last.id for r in s.records)),
            None,
        )

    def get(self, path: str) -> bytes | None:
        """Return a file of the site; ``None`` if there is none of this path."""
        make = self._made.get(path)
        return None if make is None else make().get(path)


def _event_now(story: Story, sites: Sequence[Site]) -> dict[str, bytes]:
    return event_files(story, sites, datetime.now(UTC))


def _paths_of(story: Story) -> tuple[str, ...]:
    return page_path(story.key), region_path(story.key), calendar_path(story.key)


def _paths_of_record(record: Record) -> list[str]:
    return [path for path in (record_path(record), voevent_path(record)) if path is not None]
