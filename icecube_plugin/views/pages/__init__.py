"""Static pages: one per event, and an index of all.

A site is a folder that any web server or a file opens: HTML with its style inside, no network, no
script but the filter and sort of the index, which is as readable without it::

    from icecube_plugin.views.pages import build

    for path, content in build(records).items():
        ...

Conventions
-----------
- Whatever a message says is escaped, cleaned of control characters, and cannot run: a strict
  content security policy stands in each page. Addresses of messages are links only if they are
  http or https. File names are made of ``A-Za-z0-9._+-``.
- ``index.html``; ``events/KEY.html``; ``data/`` with each record (JSON), VOEvents as they came, and
  regions for DS9, calendars of when configured sites can observe.
- Deterministic: no clock but in the index that the sink writes. What is not stated is a dash.

Needs the extra ``report``. The sink ``html`` and ``icecube-alerts report`` write such a folder.
"""

from icecube_plugin.alerts.file_names import page_path
from icecube_plugin.alerts.links import Link, web_address

from ._asked import Asked
from ._ds9 import ds9
from ._folder import Site
from ._looks import Look, looks_from
from ._parts import Fact, Section, Table
from ._site import TITLE, build
from ._stories import Related, Story, tell
from ._view import Glance, Page, glance, page

__all__ = [
    "TITLE",
    "Asked",
    "Fact",
    "Glance",
    "Link",
    "Look",
    "Page",
    "Related",
    "Section",
    "Site",
    "Story",
    "Table",
    "build",
    "ds9",
    "glance",
    "looks_from",
    "page",
    "page_path",
    "tell",
    "web_address",
]
