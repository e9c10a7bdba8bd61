"""The sink ``notify``: a message to people, by every service that Apprise knows.

A service is a URL: ``mailto://user:password@host``, ``slack://...``, ``matrixs://...``, see
https://github.com/caronc/apprise/wiki. The headline is the title; the message says what changed
since the last notice of the event, where, how sure, and whether a site can see it
(`icecube_plugin.views.message`): as HTML to services that show it (mail), else as text.

Conventions
-----------
- Nothing that is older than a day, unless ``skip_older_than`` of the sink says otherwise: the first
  start does not tell of all that the broker still has.
- A retraction is Apprise's type ``failure``, gold, HESE and EHE tracks are ``warning``, and the
  rest is ``info``.
- Quiet for tests, injections and mock events, unless ``tests = true``.
- Quiet for what was told before: a notice that comes again, or in another format (the same
  `Alert.notice_id`). A revision, a retraction and a circular are news, and so is a correction: the
  same notice or circular with a position, error, time, status, rate, energy, signalness or p-value
  that differs by more than rounding (`icecube_plugin.alerts.changes`).
- What changed is said against all that was known of the event before.
- The state, one SQLite file, holds which URL was told of which notice, and the last notices of each
  event. A URL that fails is tried again alone. Between sending and noting it down a kill leads to
  a second message: at least once. The file is bounded, and readable by its owner only.
- Of a search the line ``GW`` says what LVK says of the wave, where the host hears that (`heard`):
  class, rate, area, and in which region of the map each neutrino is, or that it was retracted.
- Of a wave around which a search was told there is a message of its own, of LVK's own alert, where
  what decides has changed: it was retracted, its class or flag, on which side of the border of the
  region a neutrino is. The host gives such an alert without being asked (`SinkType.tells_people`).
- One URL that fails does not keep the others from being told; it gets the rest of the batch, in
  order, when the host tries again.
- Apprise does not tell why a message was not taken. What it and urllib3 log may hold the URL with
  its token: while this sink sends, their records are dropped, and only a status number is kept.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from msgspec import Meta

from icecube_hooks import (
    Alert,
    AlertKind,
    ConfigError,
    Record,
    RetryLater,
    SinkType,
    hookimpl,
)
from icecube_plugin.alerts import Event
from icecube_plugin.alerts.file_names import page_path
from icecube_plugin.alerts.links import web_address
from icecube_plugin.alerts.waves import OF_WAVES
from icecube_plugin.alerts.words import clean
from icecube_plugin.disk import absolute, usable_file
from icecube_plugin.extras import pip_line
from icecube_plugin.sky.skymaps import DEFAULT_FOLDER, Maps

from ._options import environment, file_text, text_option
from .heard import heard_wave
from .memory import Memory, around, notice_of, opened

if TYPE_CHECKING:
    from icecube_plugin.sky.skymaps import SkyMap
    from icecube_plugin.views.message import Announcement
    from icecube_plugin.views.waves import WaveOfSearch

__all__ = ["Notify"]

log = logging.getLogger(__name__)

FEWEST_CHARACTERS: Final = 100
DAY_S: Final = 86_400.0

_HEADED: Final = ("matrix", "matrixs")
"""Apprise writes a literal ``#`` before their titles: the headline is the first line instead."""

_TALKATIVE: Final = ("apprise", "urllib3.connectionpool", "urllib3.util.retry")


class Notify:
    """Send a message for each notice to each URL.

    Parameters
    ----------
    urls : list of str
        Apprise URLs.
    urls_env, urls_file : str, optional
        Environment variable, or file, with more of them, separated by white space or lines. In the
        file, lines that start with ``#`` are comments.
    state : str or path
        File that remembers what was sent.
    site : table, optional
        ``name``, ``lat_deg``, ``lon_deg`` (north and east positive), ``height_m``: from where
        altitude and airmass are told.
    tests : bool
        Whether notices that are not real are told, too.
    limit_chars : int, optional
        Longest text, at least 100; a service's own limit holds anyway.
    page_url : str, optional
        Where the folder of the sink ``html`` is on the web: the page of the event is linked.
    picture : bool
        Whether a finder chart is attached, where the service takes files (extra ``plot``); of a
        search with the regions of the gravitational wave, where the host has its map.
    maps : str or path
        Folder of sky maps; in ``gw-maps`` beside it the host keeps what LVK says.

    Raises
    ------
    ConfigError
        With the option, if one is wrong, no URL is given, or Apprise is not installed.
    """

    def __init__(
        self,
        *,
        urls: Sequence[str] = (),
        urls_env: str | None = None,
        urls_file: str | os.PathLike[str] | None = None,
        state: str | os.PathLike[str] = "icecube-alerts-data/notify.sqlite",
        site: str | Mapping[str, Any] | None = None,
        tests: bool = False,
        limit_chars: Annotated[int, Meta(ge=FEWEST_CHARACTERS)] | None = None,
        page_url: str | None = None,
        picture: bool = False,
        maps: str | os.PathLike[str] = DEFAULT_FOLDER,
    ) -> None:
        from icecube_plugin.sky.site import site_of

        self.tests = tests
        self.limit_chars = limit_chars
        self.page_url = _page_url(page_url)
        self.picture = picture
        self.maps = Maps(maps)
        if picture and find_spec("matplotlib") is None:
            hint = pip_line("plot")
            raise ConfigError("needs matplotlib", key="picture", hint=hint)
        self.site = None if site is None else site_of(site)
        self._targets = _targets(_all_urls(urls, urls_env, urls_file))
        self.state = usable_file(absolute(state, "state"), "state")

    def write(self, records: Sequence[Record], /) -> None:
        """Tell of a batch, in order.

        Raises
        ------
        RetryLater
            If a URL did not take a message, or the state cannot be written.
        """
        wanted = [record for record in records if self.tests or record.alert.is_real]
        if not wanted:
            return
        failures: dict[str, str] = {}
        try:
            with opened(self.state) as state:
                for record in wanted:
                    self._tell(record, state, failures)
                state.forget()
        except OSError as error:
            raise RetryLater(f"cannot write {self.state}: {error}") from error
        if failures:
            raise RetryLater("; ".join(failures.values()))

    def _tell(self, record: Record, state: Memory, failures: dict[str, str]) -> None:
        """Tell each URL that was not told; `failures` holds those that are left alone."""
        event, _ = state.event(record.alert)
        state.keep(record.alert)
        notice = notice_of(record, event)
        message: Announcement | None = None
        for target in self._targets:
            if target.digest in failures or state.was_told(target.digest, notice):
                continue
            message = message or self._message(record, event, state)
            with self._attached(record, event) as files:
                trouble = target.send(message, self.limit_chars, files)
            if trouble is None:
                state.told(target.digest, notice)
            else:
                failures[target.digest] = f"{target.label} did not take the message{trouble}"

    def _message(self, record: Record, event: Event, state: Memory) -> Announcement:
        from icecube_plugin.views.message import compose

        before, after = around(record.alert, event)
        search = state.search(record.alert) if record.alert.kind is AlertKind.LVK_GW else None
        key = event.key if search is None else search.key
        return compose(
            record,
            now=datetime.now(UTC),
            site=self.site,
            earlier=before,
            later=after,
            doubts=event.concerns,
            page=None if self.page_url is None else self.page_url + page_path(key),
            wave=self._wave(record.alert, search),
        )

    def _wave(self, alert: Alert, search: Event | None) -> WaveOfSearch | None:
        """Put together what LVK says of the wave of a search, for a message about either."""
        from icecube_plugin.views.waves import WaveOfSearch

        known = search.known if search is not None else alert
        wave = self._heard(known) if known.kind is AlertKind.LVK_SEARCH else None
        return None if wave is None else WaveOfSearch(known, wave, self.maps)

    @contextlib.contextmanager
    def _attached(self, record: Record, event: Event) -> Iterator[list[str]]:
        """Draw what is attached, for as long as it is sent; nothing where there is no position."""
        if not self.picture:
            yield []
            return
        with tempfile.TemporaryDirectory(prefix="icecube-alerts-") as folder:
            path = Path(folder) / "finder.png"
            known = record.replace(alert=event.known)
            yield [str(path)] if _is_drawn(known, path, self._map(event)) else []

    def _map(self, event: Event) -> SkyMap | None:
        """Return the map of the gravitational wave of a search, where the host has kept it."""
        from icecube_plugin.views.waves import map_of

        wave = self._heard(event.known) if event.kind in OF_WAVES else None
        return None if wave is None else map_of(wave, self.maps)

    def _heard(self, alert: Alert) -> Event | None:
        """Return what the host has heard from LVK of the superevent of an alert."""
        name = alert.gw and alert.gw.superevent_id
        return heard_wave(name, self.maps.gw_folders) if name else None


def _is_drawn(record: Record, path: Path, skymap: SkyMap | None) -> bool:
    """Draw a finder chart, and return whether there is one; a message goes out without it, too."""
    from icecube_plugin.views.plots import PlotError, finder
    from icecube_plugin.views.waves import at_peak

    if skymap is not None and record.alert.kind is AlertKind.LVK_GW:
        record = at_peak(record, skymap)
    try:
        finder(record, skymap=skymap).savefig(path, dpi=100)
    except PlotError:  # no position
        return False
    except Exception:
        log.exception("the finder chart of %s has failed; the message goes without", record.id)
        return False
    return True


def _page_url(text: str | None) -> str | None:
    address = None if text is None else web_address(text)
    if text is not None and address is None:
        raise ConfigError("is not an address of http or https", key="page_url")
    return None if address is None else f"{address.removesuffix('index.html').rstrip('/')}/"


class _Target:
    """One URL. It is known by its place in the configuration and, in the state, by a digest."""

    def __init__(self, label: str, digest: str, service: Any, *, is_headed: bool = False) -> None:
        self.label = label
        self.is_headed = is_headed
        self.digest = digest
        self.service = service

    def send(
        self, message: Announcement, limit_chars: int | None, files: Sequence[str] = ()
    ) -> str | None:
        """Send; return ``None``, or what is known of the trouble."""
        import apprise

        one = apprise.Apprise(asset=self.service.asset)
        one.add(self.service)
        attached = list(files) if getattr(self.service, "attachment_support", False) else []
        with _quiet() as statuses:
            try:
                is_sent = one.notify(
                    **self._fitting(message, limit_chars),
                    notify_type=message.severity,
                    attach=attached or None,
                )
            except Exception as error:  # noqa: BLE001  # a plugin of Apprise; its text may hold the URL
                return f": {type(error).__name__}"
        return None if is_sent else "".join(f" (status {status})" for status in statuses[-1:])

    def _fitting(self, message: Announcement, limit_chars: int | None) -> dict[str, Any]:
        """Return title and text as long, and in the format, that the service takes."""
        limit = min([n for n in (limit_chars, self.service.body_maxlen) if n], default=None)
        titled = self.service.title_maxlen <= 0 or self.is_headed
        title = "" if titled else message.short_title(self.service.title_maxlen)
        is_html = self._format() == "html"
        body = (message.html if is_html else message.text)(limit, titled=titled)
        return {"title": title, "body": body, "body_format": "html" if is_html else "text"}

    def _format(self) -> str:
        """Return the format that the service prefers, or its URL says; in Matrix HTML."""
        resolve = getattr(self.service, "resolve_format", None)
        wanted = "html" if self.is_headed else None
        found = self.service.notify_format if resolve is None else resolve(wanted)
        return str(getattr(found, "value", found))


def _targets(urls: Iterable[tuple[str, str]]) -> list[_Target]:
    from hashlib import sha256

    try:
        import apprise
    except ImportError as error:
        hint = pip_line("notify")
        raise ConfigError(f"needs Apprise: {error}", hint=hint) from error

    # One after the other, so that what is logged while one sends is about it.
    asset = apprise.AppriseAsset(app_id="icecube-alerts", async_mode=False)
    found: dict[str, _Target] = {}
    for key, url in urls:
        with _quiet():
            service = apprise.Apprise.instantiate(url, asset=asset)
        if service is None:
            raise ConfigError("is not a URL that Apprise knows", key=key)
        if service.overflow_mode == apprise.OverflowMode.UPSTREAM:  # a refusal, at most services
            service.overflow_mode = apprise.OverflowMode.SPLIT
        digest = sha256(url.encode()).hexdigest()[:32]
        scheme = url.partition("://")[0]
        label = f"{key} ({clean(scheme, 20)})"
        found.setdefault(
            digest, _Target(label, digest, service, is_headed=scheme.lower() in _HEADED)
        )
    if not found:
        raise ConfigError("no URL is given", key="urls", hint="or urls_env, or urls_file")
    return list(found.values())


def _all_urls(urls: object, env: object, file: object) -> Iterator[tuple[str, str]]:
    """Yield each URL with the option that it is from."""
    if not isinstance(urls, list | tuple):
        raise ConfigError("expected a list of URLs", key="urls")
    for number, url in enumerate(urls):
        yield f"urls[{number}]", text_option(url, f"urls[{number}]")
    if env is not None:
        for number, url in enumerate(environment(env, "urls_env").split()):
            yield f"urls_env[{number}]", url
    if file is not None:
        for number, line in enumerate(file_text(file, "urls_file").splitlines(), start=1):
            if line.strip() and not line.lstrip().startswith("#"):
                yield f"urls_file line {number}", line.strip()


class _Drop(logging.Filter):
    """Drop all records; keep the status numbers in them."""

    def __init__(self) -> None:
        super().__init__()
        self.statuses: list[str] = []

    def filter(self, record: logging.LogRecord) -> bool:
        """Drop a record."""
        self.statuses += re.findall(r"\berror=(\d{3})\b", record.getMessage())
        return False


@contextlib.contextmanager
def _quiet() -> Iterator[list[str]]:
    """Drop what may hold a URL from the log; yield the status numbers that were in it."""
    drop = _Drop()
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    for logger in loggers:
        logger.addFilter(drop)
    try:
        yield drop.statuses
    finally:
        for logger in loggers:
            logger.removeFilter(drop)


@hookimpl
def register_sinks() -> list[SinkType]:
    """Register the sink ``notify``."""
    summary = "messages to people: mail, Slack, Matrix and a hundred more (Apprise)"
    return [
        SinkType(
            name="notify",
            make=Notify,
            summary=summary,
            after_journal=True,
            skip_older_than_s=DAY_S,
            tells_people=True,
        )
    ]
