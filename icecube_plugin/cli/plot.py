"""``icecube-alerts plot``."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from icecube_hooks import AlertKind, ConfigError, Record

from ._common import configuration
from ._records import add_kept, maps_of, records_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from icecube_plugin.alerts import Event
    from icecube_plugin.sky.skymaps import Pixels, SkyMap

__all__ = ["add_arguments"]

EXAMPLES: Final = """\
examples:
  icecube-alerts plot notices/ -o season.png
  icecube-alerts plot alerts.sqlite --what finder --event IC220221A -o finder.svg
  icecube-alerts plot notice.xml --what visibility --site paranal
  icecube-alerts plot notice.xml --what visibility --site 28.76,-17.88,2350 --night 2026-05-02
  icecube-alerts plot alerts.sqlite --what ladder --event S231025a
  icecube-alerts plot alerts.sqlite --what sorted --searched 125 2480
  icecube-alerts plot cascade.xml --what finder --skymap cascade.fits.gz

A source is a file or folder of notices or of records that the json sink wrote, a .jsonl file, or a
database of ours (SQLite file, or URL). Nothing is fetched, except with --fetch the sky map that the
notice names, over https; it stays in the data folder, and later finders show it again.
"""

WHATS: Final = ("map", "finder", "visibility", "ladder", "sorted", "cumulative")
WITH_SKYMAP: Final = ("map", "finder")
FORMS: Final = ("png", "svg", "pdf")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    parser.add_argument("sources", nargs="*", default=[], metavar="SOURCE", help="what to draw")
    add_kept(parser)
    parser.add_argument("--what", choices=WHATS, default="map", help="default: map")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help=".png, .svg or .pdf; default: icecube-WHAT.png"
    )
    parser.add_argument(
        "--event", metavar="NAME", help="only this event, or in a ladder point at it"
    )
    parser.add_argument(
        "--site", metavar="SITE", help="name of an observatory, or LAT,LON,HEIGHT [deg, deg, m]"
    )
    parser.add_argument(
        "--night",
        type=_date,
        metavar="DATE",
        help="local date of the evening; default: the event's",
    )
    parser.add_argument(
        "--searched",
        nargs=2,
        type=int,
        metavar=("N", "N_LOW"),
        help="for sorted: how many significant and low-significance GW events were searched",
    )
    parser.add_argument("--skymap", metavar="FILE", help="HEALPix FITS file, for its contours")
    parser.add_argument("--fetch", action="store_true", help="fetch the notice's sky map (https)")
    parser.add_argument("--tests", action="store_true", help="draw tests and mock events too")
    parser.add_argument(
        "--size", type=_size, metavar="WIDTHxHEIGHT", help="of the picture [inches], as 9x5.7"
    )
    parser.add_argument(
        "--dpi", type=float, default=120.0, metavar="N", help="pixels per inch of a .png (120)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    file = Path(arguments.output or f"icecube-{arguments.what}.png").expanduser()
    _check(arguments, file)
    records, refused = records_of(arguments)
    figure = _figure(arguments, records)
    file.write_bytes(_content(figure, file.suffix[1:].lower(), arguments.dpi))
    print(file)
    return 1 if refused else 0


def _size(text: str) -> tuple[float, float]:
    width, height = map(float, text.split("x"))
    if not (1 <= width <= 100 and 1 <= height <= 100):
        raise ValueError(text)
    return width, height


def _date(text: str) -> date:
    return date.fromisoformat(text)


def _check(arguments: argparse.Namespace, file: Path) -> None:
    """Refuse what does not fit together before anything is read."""
    if file.suffix[1:].lower() not in FORMS:
        raise ConfigError(f"expected a file that ends in .png, .svg or .pdf, got {file.name!r}")
    if arguments.what == "visibility" and arguments.site is None:
        from icecube_plugin.sky.site import SITES

        raise ConfigError("--what visibility needs --site", hint=f"one of {', '.join(SITES)}")
    if arguments.searched and arguments.what != "sorted":
        raise ConfigError("--searched is for --what sorted")
    if (arguments.skymap or arguments.fetch) and arguments.what not in WITH_SKYMAP:
        raise ConfigError(f"--skymap and --fetch are for {' and '.join(WITH_SKYMAP)}")


def _figure(arguments: argparse.Namespace, records: Sequence[Record]) -> Figure:
    from icecube_plugin.significance import STREAMS
    from icecube_plugin.views import plots as plot
    from icecube_plugin.views.waves import at_peak

    what = arguments.what
    size: dict[str, Any] = {} if arguments.size is None else {"size_in": arguments.size}
    if what == "cumulative":
        return plot.cumulative(records, **size)
    if what == "sorted":
        counts: Sequence[int] = arguments.searched or ()
        searched = {str(stream): n for stream, n in zip(STREAMS, counts, strict=False)}
        return plot.sorted_p(records, n_searched=searched, **size)
    if what == "ladder":
        chosen = None if arguments.event is None else _event(records, arguments).newest.event_key
        return plot.p_ladder(records, highlight=chosen, **size)
    if what == "map" and arguments.event is None:
        skymap = _skymap(arguments, records)
        return plot.sky_map(records, tests=arguments.tests, skymap=skymap, **size)
    event = _event(records, arguments)
    story = _of_event(records, event)
    wave = _wave_map(arguments, event, records) if what in WITH_SKYMAP else None
    if wave is not None and event.kind is AlertKind.LVK_GW:
        story = [at_peak(story[-1].replace(alert=event.known), wave)]
        records = story
    if what == "map":
        skymap = _skymap(arguments, story) or wave
        return plot.sky_map(story, tests=True, skymap=skymap, **size)
    record = next((one for one in reversed(story) if _place(one) is not None), story[-1])
    if what == "visibility":
        others = [one for one in story if one is not record]
        when = {"night_of": arguments.night, "now": datetime.now(UTC)}
        return plot.visibility(record, arguments.site, others=others, **when, **size)
    skymap = _skymap(arguments, [record]) or wave
    others = [
        one for one in records if one is not record and (arguments.tests or one.alert.is_real)
    ]
    return plot.finder(record, others=others, skymap=skymap, **size)


def _event(records: Sequence[Record], arguments: argparse.Namespace) -> Event:
    """Return the event that is asked for, or the only one."""
    from icecube_plugin.alerts import find, group

    events = group(record.alert for record in records)
    if arguments.event is not None:
        event = find(events, arguments.event)
        if event is None:
            raise ConfigError(f"no event {arguments.event!r:.60} in the sources", key="event")
        return event
    if len(events) != 1:
        names = ", ".join(event.key for event in events[:5])
        hint = f"name one with --event: {names}, ..." if events else None
        raise ConfigError(f"expected one event, found {len(events)}", key="event", hint=hint)
    return events[0]


def _of_event(records: Iterable[Record], event: Event) -> list[Record]:
    """Return the records of an event, oldest first."""
    by_alert = {id(record.alert): record for record in records}
    return [by_alert[id(alert)] for alert in event.alerts]


def _place(record: Record) -> Any:
    return record.alert.localization or record.alert.most_probable_direction


def _skymap(arguments: argparse.Namespace, records: Sequence[Record]) -> Pixels | None:
    """Read or fetch the map, if one is asked for, and print its areas."""
    from icecube_plugin.sky.skymaps import Maps, fetch_skymap, read_skymap

    folder = Path(configuration(arguments).data_folder) / "skymaps"
    if arguments.skymap is not None:
        skymap = read_skymap(Path(arguments.skymap).expanduser())
    elif arguments.fetch:
        skymap = read_skymap(fetch_skymap(_url(records), folder))
    elif len(records) == 1 and (place := records[0].alert.localization) is not None:
        found = Maps(folder).of(place)  # it has been fetched before
        if found is None:
            return None
        skymap = found
    else:
        return None
    ra, dec = skymap.most_probable_deg()
    areas = ", ".join(f"{level:.0%} in {skymap.area_deg2(level):.4g} deg2" for level in (0.5, 0.9))
    print(f"sky map: {areas}; best at RA {ra:.3f}, Dec {dec:+.3f} deg")
    return skymap


def _wave_map(
    arguments: argparse.Namespace, event: Event, records: Iterable[Record]
) -> SkyMap | None:
    """Return the map of a gravitational wave, of a search or LVK's own, where the host has it."""
    from icecube_plugin.views.pages import tell
    from icecube_plugin.views.waves import map_of

    wave = next((one.wave for one in tell(records) if one.key == event.key), None)
    return None if wave is None else map_of(wave, maps_of(arguments))


def _url(records: Sequence[Record]) -> str:
    """Return the address of the newest sky map that the notices name."""
    places = (record.alert.localization for record in reversed(records))
    urls = (place.skymap_fits_url for place in places if place is not None)
    url = next((url for url in urls if url is not None), None)
    if url is None:
        raise ConfigError("no notice names a sky map to fetch", key="fetch")
    return url


def _content(figure: Figure, form: str, dpi: float) -> bytes:
    from icecube_plugin.views.plots import to_pdf, to_png, to_svg

    if form == "svg":
        return to_svg(figure).encode()
    return to_png(figure, dpi) if form == "png" else to_pdf(figure)
