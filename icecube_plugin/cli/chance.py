"""``icecube-alerts chance``: a source lies in the region of an alert, how often by chance."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from icecube_hooks import ConfigError, Localization
from icecube_plugin.alerts import group
from icecube_plugin.alerts.lookup import matches
from icecube_plugin.alerts.words import clean, sigma_text, verdict_text
from icecube_plugin.significance import Chance, PValueError, chance_of_sources
from icecube_plugin.sky import Area
from icecube_plugin.sky.catalogues import Around, Source, read_catalogue
from icecube_plugin.sky.skymaps import MapRegion, read_skymap

from ._common import add_json, print_json, table
from ._records import add_kept, add_maps, maps_of, records_of

__all__ = ["add_arguments", "run"]

EXAMPLES: Final = """\
examples:
  icecube-alerts chance --event IC191001A --class TDE --density 6e-4/deg2 --time-overlap 0.33
        how many tidal disruptions lie in the region of one alert
  icecube-alerts chance --area 154.33 --class "bright flare" --density 1.7e-4 --found 2
        the same for areas added up elsewhere
  icecube-alerts chance --event IC230416A notices/ --catalogue 4fgl.fits
        which sources of a catalogue lie inside, how far, and how many would by chance
  icecube-alerts chance --map skymap.fits --containment 0.9 --catalogue 4fgl.fits

Name every alert that was followed up, not only the one with a source. The class of source must have
been chosen before looking; --trials says how many classes were tried.
"""

MOST_SOURCES: Final = 40
"""So many sources of a catalogue are listed."""


@dataclass(frozen=True, slots=True)
class Searched:
    """A region that was searched: its name, its area [deg^2], and itself if it is known."""

    name: str
    area_deg2: float
    area: Area | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "sources", nargs="*", default=[], metavar="SOURCE", help="where the alerts are"
    )
    add = parser.add_argument
    add("--event", action="append", default=[], metavar="EVENT", help="an alert that was followed")
    add("--area", action="append", default=[], type=float, metavar="DEG2", help="an area searched")
    add("--map", action="append", default=[], metavar="FILE", help="a sky map that was searched")
    add("--containment", type=float, default=0.9, help="which part of the maps (default 0.9)")
    add("--class", dest="kind", default="source", metavar="WORDS", help="the class of source")
    add("--density", type=_density, metavar="PER_DEG2", help="sources of the class a square degree")
    add("--catalogue", metavar="FILE", help="instead: FITS, VOTable, ECSV or CSV")
    add(
        "--catalogue-area",
        type=float,
        metavar="DEG2",
        help="sky that it covers evenly (default: its density around each region counts)",
    )
    add_maps(parser)
    add("--time-overlap", type=float, default=1.0, metavar="SHARE", help="share active at a time")
    add("--found", type=int, metavar="K", help="how many were found (default 1, or as counted)")
    add("--trials", type=float, metavar="N", help="classes of source that were tried")
    add_kept(parser)
    add_json(parser, "the numbers")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    searched = [*_areas(arguments), *_events(arguments), *_maps(arguments)]
    if not searched:
        raise ConfigError("no region", hint="name one with --event, --map or --area")
    if (arguments.density is None) == (arguments.catalogue is None):
        raise ConfigError("expected either --density or --catalogue")
    inside: list[tuple[Searched, Source]] = []
    density, found = arguments.density, arguments.found
    around: list[Around] = []
    if arguments.catalogue is not None:
        catalogue = read_catalogue(arguments.catalogue, area_deg2=arguments.catalogue_area)
        places = [(one, one.area) for one in searched if one.area is not None]
        inside = [(one, source) for one, area in places for source in catalogue.inside(area)]
        around = [catalogue.around(area) for _, area in places]
        expected = math.fsum(catalogue.expected(area) for _, area in places)
        density = expected / math.fsum(one.area_deg2 for one in searched)
        # Regions may overlap; their areas add up all the same, which is conservative.
        n_inside = len({(source.name, source.ra_deg, source.dec_deg) for _, source in inside})
        found = n_inside if found is None else found
    try:
        chance = chance_of_sources(
            [one.area_deg2 for one in searched],
            around or density,
            time_overlap=arguments.time_overlap,
            n_found=max(1 if found is None else found, 1),
            what=arguments.kind,
            trials=arguments.trials,
            provider="command",
        )
    except PValueError as error:
        raise ConfigError(str(error)) from error
    if arguments.json:
        print_json(_data(chance, density, inside, searched, is_any=found != 0))
        return 0
    print("\n".join(_lines(chance, density, inside, searched, is_any=found != 0)))
    return 0


def _density(text: str) -> float:
    return float(text.removesuffix("/deg2"))


def _areas(arguments: argparse.Namespace) -> Iterator[Searched]:
    if arguments.area and arguments.catalogue:
        raise ConfigError("an area says not which sources are inside", hint="use --event or --map")
    for area in arguments.area:
        yield Searched(f"area of {area:g} deg2", area)


def _events(arguments: argparse.Namespace) -> Iterator[Searched]:
    if not arguments.event:
        return
    events = group(record.alert for record in records_of(arguments)[0])
    areas = maps_of(arguments).area
    for name in arguments.event:
        found_events = matches(events, name)
        place: Localization | None = (
            found_events[0].latest("localization") if found_events else None
        )
        found = None if place is None else areas(place)
        if found is None:
            raise ConfigError(f"no event {clean(name)!r} with a position and its error")
        of_map = ", sky map" if isinstance(found, MapRegion) else ""
        yield Searched(f"{name}{of_map}", found.area_deg2, found)


def _maps(arguments: argparse.Namespace) -> Iterator[Searched]:
    for path in arguments.map:
        found = read_skymap(path).area(arguments.containment)
        yield Searched(path, found.area_deg2, found)


def _lines(
    chance: Chance,
    density: float,
    inside: Sequence[tuple[Searched, Source]],
    searched: Sequence[Searched],
    *,
    is_any: bool,
) -> Iterator[str]:
    rows = [(clean(one.name, 60), f"{one.area_deg2:.4g}") for one in searched]
    yield table([*rows, ("together", f"{chance.area_deg2:.4g}")], ("REGION", "DEG2"))
    yield ""
    if inside:
        sources = [
            (clean(source.name, 60), f"{source.separation_deg:.2f}", clean(one.name, 60))
            for one, source in inside[:MOST_SOURCES]
        ]
        yield table(sources, ("SOURCE", "DEG AWAY", "REGION"))
        if len(inside) > MOST_SOURCES:
            yield f"and {len(inside) - MOST_SOURCES} more"
        yield ""
    yield f"expected by chance: {chance.n_expected:.3g} ({density:.3g} per deg2)"
    if not is_any:
        yield "none of the catalogue is inside"
        return
    result = chance.significance
    p = result.p_value if result.p_value_post is None else result.p_value_post
    sigma = result.sigma if result.p_value_post is None else result.sigma_post
    yield f"chance of {result.quantity}: {p:.3g} ({sigma_text(sigma)}, {result.sided})"
    yield verdict_text(result) + (f"; {result.trials_source}" if result.verdict else "")
    yield from result.notes


def _data(
    chance: Chance,
    density: float,
    inside: Sequence[tuple[Searched, Source]],
    searched: Sequence[Searched],
    *,
    is_any: bool,
) -> dict[str, Any]:
    return {
        "regions": [{"name": one.name, "area_deg2": one.area_deg2} for one in searched],
        "area_deg2": chance.area_deg2,
        "density_deg2": density,
        "n_expected": chance.n_expected,
        "n_found": chance.n_found if is_any else 0,
        "significance": chance.significance.to_dict() if is_any else None,
        "inside": [_inside(one, source) for one, source in inside],
    }


def _inside(place: Searched, source: Source) -> dict[str, Any]:
    found = asdict(source)
    return {"source": found.pop("name"), "of": place.name, **found}
