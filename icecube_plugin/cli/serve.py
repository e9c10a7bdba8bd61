"""``icecube-alerts serve``: the pages of a site, live, on this machine only.

The sinks of a host that listens keep the records, and the host writes how it is
(`icecube_plugin.host.health`). This looks at both, twice a second, and tells each page that is
open by server-sent events. The address is 127.0.0.1, and requests under another name are refused,
so that no page of somebody else's can read it.
"""

from __future__ import annotations

import argparse
import json
import logging
import mimetypes
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from icecube_hooks import ConfigError, Record
from icecube_plugin.alerts.file_names import page_path
from icecube_plugin.host.health import troubles
from icecube_plugin.sky.site import Site, site_of
from icecube_plugin.sky.skymaps import Maps

from ._common import add_sites, configuration
from ._records import Kept, add_kept, kept_at
from .tail import New

if TYPE_CHECKING:
    from icecube_plugin.host import Config
    from icecube_plugin.views.pages import Asked

__all__ = ["Live", "add_arguments", "configured", "server"]

log = logging.getLogger(__name__)

EXAMPLES: Final = """\
examples:
  icecube-alerts serve
  icecube-alerts serve --port 8080 --title "Shift, 3 am" --site paranal

Beside `icecube-alerts listen` with the same configuration: the newest alert with its age, all
pages, new events without a reload, and in red that the host has no connection, or does not run.
Without --site, the sites that the configured sinks name.
For this machine only; a tunnel (ssh -L) brings it to another. Until Ctrl-C.
"""

LOOK_S: Final = 0.5
SPEAK_S: Final = 2.0
"""How often a page hears how the host is, even if nothing has changed."""
MOST_STREAMS: Final = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    add_kept(parser)
    parser.add_argument("--port", type=int, default=8765, help="of 127.0.0.1 (8765); 0: any")
    parser.add_argument("--title", default="IceCube neutrino alerts", help="title of the index")
    add_sites(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    config = configuration(arguments)
    sites = [site_of(said) for said in arguments.sites or configured(config)]
    live = Live(kept_at(arguments), config.data_folder, arguments.title, sites)
    made = server(live, arguments.port)
    print(f"http://127.0.0.1:{made.server_port}/", flush=True)
    live.start()
    with made:
        made.serve_forever(LOOK_S)
    return 0


def configured(config: Config) -> Iterator[Any]:
    """Yield the sites that the configured sinks are told of, each once."""
    said: list[Any] = []
    for sink in config.sinks or ():
        for one in (*sink.options.get("sites", ()), sink.options.get("site")):
            if one is not None and one not in said:
                said.append(one)
    yield from said


class Live:
    """What there is to show: the site of all records so far, and how the host is.

    Parameters
    ----------
    kept : Kept
        Where the records are.
    folder : Path
        Data folder of the host.
    title : str
        Of the index.
    sites : sequence of Site
        Whose times to observe stand in the pages.
    """

    def __init__(self, kept: Kept, folder: Path, title: str, sites: Sequence[Site] = ()) -> None:
        self.folder = folder
        self.title = title
        self.sites = sites
        self.changed = threading.Condition()
        self.version = 0
        self.maps = Maps(folder / "skymaps")
        self._records: list[Record] = []
        self.site = self._asked(0)
        self.problems: list[str] = []
        self._new = New(kept)
        self._unread: str | None = None

    def start(self) -> None:
        """Follow the records, and look at them and the host, until the process ends."""
        for work in (self._follow, self._look_on):
            threading.Thread(target=work, name="icecube-serve", daemon=True).start()

    def take(self) -> None:
        """Take what is there now."""
        self._records += self._new.records()
        self.look()

    def look(self) -> None:
        """Look once: make the site anew if records came, and tell who waits of what changed."""
        count = len(self._records)
        site = self._asked(count) if count != self.version else self.site
        unread = [] if self._unread is None else [self._unread]
        problems = [*unread, *troubles(self.folder, datetime.now(UTC))]
        if (count, problems) != (self.version, self.problems):
            with self.changed:
                self.site, self.version, self.problems = site, count, problems
                self.changed.notify_all()

    def _asked(self, count: int) -> Asked:
        from icecube_plugin.views.pages import Asked

        return Asked(self._records[:count], self.title, self.maps, self.sites)

    def state(self) -> dict[str, Any]:
        """Return what a page is told."""
        newest = self.site.newest
        return {
            "version": self.version,
            "problems": self.problems,
            "newest": None if newest is None else _told(newest),
        }

    def states(self) -> Iterator[dict[str, Any]]:
        """Yield the state now, when it changes, and every `SPEAK_S`."""
        while True:
            yield self.state()
            with self.changed:
                self.changed.wait(SPEAK_S)

    def _follow(self) -> None:
        while True:
            try:
                for record in self._new.follow():
                    self._records.append(record)
                    self._unread = None
            except Exception as error:  # the edge: said on every page, and tried again
                log.exception("cannot read the records")
                self._unread = f"the records cannot be read: {type(error).__name__}"
                time.sleep(SPEAK_S)

    def _look_on(self) -> None:
        while True:
            try:
                self.look()
            except Exception:  # the next look may do better; pages keep what they have
                log.exception("cannot make the pages")
            time.sleep(LOOK_S)


def _told(story: Any) -> dict[str, Any]:
    time = story.event.latest("trigger_time") or story.event.latest("notice_time")
    return {
        "headline": story.headline(is_aged=False),
        "href": page_path(story.key),
        "time": None if time is None else time.isoformat(),
    }


def server(live: Live, port: int) -> ThreadingHTTPServer:
    """Return a server of the pages, which listens already; `serve_forever` answers.

    Raises
    ------
    ConfigError
        If the port cannot be listened on.
    """
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), _handler(live))
    except (OSError, OverflowError) as error:
        raise ConfigError(f"cannot listen: {error}", key="--port") from error


def _handler(live: Live) -> type[BaseHTTPRequestHandler]:
    """Return the class that answers."""
    streams = threading.Semaphore(MOST_STREAMS)

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path).lstrip("/") or "index.html"
            name = self.headers.get("Host", "").partition(":")[0]
            if name not in ("127.0.0.1", "localhost"):
                self.send_error(HTTPStatus.MISDIRECTED_REQUEST, "only as 127.0.0.1 or localhost")
            elif path == "live":
                self._stream()
            elif (data := live.site.get(path)) is None:
                self.send_error(HTTPStatus.NOT_FOUND)
            else:
                self._head(_media_type(path), len(data))
                self.wfile.write(data)

        def _head(self, media_type: str, size: int | None = None) -> None:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", media_type)
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            if size is not None:
                self.send_header("Content-Length", str(size))
            self.end_headers()

        def _stream(self) -> None:
            if not streams.acquire(blocking=False):
                self.send_error(HTTPStatus.SERVICE_UNAVAILABLE, "too many pages are open")
                return
            try:
                self._head("text/event-stream")
                for state in live.states():
                    self.wfile.write(f"data: {json.dumps(state)}\n\n".encode())
            except OSError:  # the page has been closed
                self.close_connection = True
            finally:
                streams.release()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its base's name
            log.debug("%s asked: %s", self.client_address[0], format % args)

    return Handler


def _media_type(path: str) -> str:
    found = mimetypes.guess_type(path)[0]
    known = found if found in ("text/html", "application/json") else "text/plain"
    return f"{known}; charset=utf-8"
