"""The sink ``html``: a page per event and an index, as files.

Conventions
-----------
- ``index.html``, ``events/``, and ``data/`` with a JSON file per record, of which all pages are
  made (see `icecube_plugin.views.pages`). A record whose file is there is not written again.
- A batch writes the pages of its events, and the index. A file is complete or absent.
- Records are kept in memory, too: some 10 kB each.
- Several processes may write into one folder.

Mock events of gravitational waves come every hour; ``filter`` or ``when`` of a host keeps them out.
Needs the extra ``report``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from icecube_hooks import Record, SinkType, hookimpl
from icecube_plugin.disk import absolute, usable_folder, wrong
from icecube_plugin.sky.skymaps import DEFAULT_FOLDER, Maps

from ._options import Text

__all__ = ["Html"]


class Html:
    """Write pages of events.

    Parameters
    ----------
    folder : str or path
        Where the site goes; made if it is not there.
    title : str
        Title of the index.
    maps : str or path
        Folder of sky maps, by default where ``plot --fetch`` puts them: of those that are there the
        pages show regions and areas.
    sites : list of str or table
        Observatories whose times to observe stand in the pages: see
        `icecube_plugin.sky.site.site_of`.
    sync : bool
        Whether the records are on the disk, not only in the system's memory, when `write`
        returns; the pages are made of them.

    Raises
    ------
    ConfigError
        If the folder cannot be made or written into, a site is unknown, or jinja2 is not
        installed.
    """

    def __init__(
        self,
        *,
        folder: str | os.PathLike[str] = "icecube-alerts-data/html",
        title: Text = "IceCube neutrino alerts",
        maps: str | os.PathLike[str] = DEFAULT_FOLDER,
        sites: Sequence[str | Mapping[str, Any]] = (),
        sync: bool = True,
    ) -> None:
        from icecube_plugin.sky.site import site_of
        from icecube_plugin.views.pages import Site  # takes longer than importing all sinks

        self.folder = usable_folder(absolute(folder, "folder"), "folder")
        places = [site_of(site) for site in sites]
        self._site = Site(self.folder, title=title, maps=Maps(maps), sites=places, sync=sync)

    def write(self, records: Sequence[Record], /) -> None:
        """Write a batch.

        Raises
        ------
        RetryLater
            If the system refuses: full disk, missing rights.
        """
        if not records:
            return
        try:
            self._site.add(records)
        except OSError as error:
            raise wrong(error, self.folder) from error


@hookimpl
def register_sinks() -> list[SinkType]:
    """Register the sink ``html``."""
    return [SinkType(name="html", make=Html, summary="a page per event and an index")]
