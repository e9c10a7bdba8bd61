"""Annotator ``counterparts``: which sources of the user's catalogues lie in the region of an alert.

In the configuration::

    [annotators.counterparts]
    catalogues = {4FGL-DR4 = "gll_psc_v35.fit", mine = "~/blazars.ecsv"}
    columns = {mine = {ra = "alpha", dec = "delta", name = "label"}}
    maps = "icecube-alerts-data/skymaps"

Conventions
-----------
- For each catalogue one annotation: the sources inside of the 50 and the 90 % region (or what is
  stated), how far they are from the best position, how many are expected by chance, the nearest.
- The region is that of the sky map where `maps` has it, else as stated: circle, box, ellipse.
- An annotation is no significance, and the number expected by chance no test: the catalogue was not
  chosen for this alert. ``icecube-alerts chance`` adds up all alerts that were followed.
- The regions of single neutrinos in a gravitational-wave search are not looked at.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from icecube_hooks import Annotation, ConfigError, Localization, Record, hookimpl
from icecube_hooks.hookspecs import AnnotatorType
from icecube_plugin.alerts.words import clean
from icecube_plugin.sky import Area, CircleRegion, region_or_none
from icecube_plugin.sky.catalogues import Catalogue, Source, read_catalogue
from icecube_plugin.sky.skymaps import DEFAULT_FOLDER, MapRegion, Maps

__all__ = ["make_annotate", "register_annotators"]

NAME: Final = "counterparts"
LEVELS: Final = (0.5, 0.9)
NAMED: Final = 3
"""So many sources are named in the sentence."""


def make_annotate(
    *,
    catalogues: Mapping[str, Path] | None = None,
    columns: Mapping[str, Mapping[str, str]] | None = None,
    areas_deg2: Mapping[str, float] | None = None,
    maps: str | os.PathLike[str] | None = DEFAULT_FOLDER,
    most: int = 20,
) -> Callable[[Record], Iterator[Annotation]]:
    """Load the catalogues, and return what annotates records.

    Parameters
    ----------
    catalogues : mapping of str to str, optional
        Path by name: FITS, VOTable, ECSV or CSV. None by default: then nothing is annotated.
    columns : mapping, optional
        Of a catalogue the columns ``ra``, ``dec`` and ``name`` where they are not the usual ones.
    areas_deg2 : mapping, optional
        Of a catalogue the sky that it covers evenly [deg^2]; else the density around a region
        tells how many are expected.
    maps : str, optional
        Folder of sky maps; by default where ``plot --fetch`` puts them.
    most : int
        So many sources are listed, the nearest ones.

    Raises
    ------
    ConfigError
        If a catalogue cannot be read, or an option names one that is not given.
    """
    given, more = catalogues or {}, (columns or {}, areas_deg2 or {})
    for name in {*more[0], *more[1]} - given.keys():
        raise ConfigError(f"no catalogue {name!r}", key=f"annotators.{NAME}")
    read = {
        name: read_catalogue(path, columns=more[0].get(name), area_deg2=more[1].get(name))
        for name, path in given.items()
    }
    folder = None if maps is None else Maps(maps)

    def annotate(record: Record) -> Iterator[Annotation]:
        place = record.alert.localization
        if place is None or not read:
            return
        areas = _areas(place, folder)
        for name, catalogue in read.items():
            if areas:
                yield _annotation(name, catalogue, areas, most)

    return annotate


@hookimpl
def register_annotators() -> Sequence[AnnotatorType]:
    """Register the annotator."""
    summary = "sources of your catalogues inside the region of an alert"
    return [AnnotatorType(name=NAME, make=make_annotate, summary=summary)]


def _areas(place: Localization, maps: Maps | None) -> Sequence[Area]:
    """Return the regions of an alert, the inner one first."""
    found = None if maps is None else maps.usable(place)
    if found is not None:
        return [MapRegion(found, level, place.ra_deg, place.dec_deg) for level in LEVELS]
    stated = region_or_none(place)
    if stated is None:
        return []
    inner = place.error_radius_50_deg
    if inner is None or place.containment == LEVELS[0]:
        return [stated]
    at = {"ra_deg": place.ra_deg, "dec_deg": place.dec_deg}
    return [CircleRegion(radius_deg=inner, containment=LEVELS[0], **at), stated]


def _annotation(name: str, catalogue: Catalogue, areas: Sequence[Area], most: int) -> Annotation:
    inside = [catalogue.inside(area) for area in areas]
    regions = [
        {
            "containment": area.containment,
            "area_deg2": area.area_deg2,
            "n_inside": len(found),
            "n_expected": catalogue.expected(area),
            "is_map": isinstance(area, MapRegion),
        }
        for area, found in zip(areas, inside, strict=True)
    ]
    best = areas[-1]
    nearest = catalogue.nearest(best.ra_deg, best.dec_deg)
    outermost = {source.name: source for found in reversed(inside) for source in found}
    listed = sorted(outermost.values(), key=lambda one: one.separation_deg)[:most]
    return Annotation(
        provider=NAME,
        label=f"counterparts in {clean(name, 60)}",
        text=_sentence(name, regions, inside[-1], nearest),
        data={
            "catalogue": name,
            "regions": regions,
            "sources": [asdict(source) for source in listed],
            "nearest": None if nearest is None else asdict(nearest),
        },
    )


def _sentence(
    name: str,
    regions: Sequence[Mapping[str, Any]],
    inside: Sequence[Source],
    nearest: Source | None,
) -> str:
    counts = ", ".join(_count(region) for region in regions)
    if inside:
        named = ", ".join(_named(source) for source in inside[:NAMED])
        more = f" and {len(inside) - NAMED} more" if len(inside) > NAMED else ""
        return f"{clean(name, 60)}: {counts}: {named}{more}."
    beyond = "" if nearest is None else f"; nearest {_named(nearest)}"
    return f"{clean(name, 60)}: {counts}{beyond}."


def _count(region: Mapping[str, Any]) -> str:
    level = region["containment"]
    of = "the stated region" if level is None else f"the {level:.0%} region"
    of += " of the sky map" if region["is_map"] else ""
    n = region["n_inside"] or "none"
    area, expected = region["area_deg2"], region["n_expected"]
    return f"{n} in {of} ({area:.3g} deg2, {expected:.2g} by chance)"


def _named(source: Source) -> str:
    return f"{clean(source.name, 60)} ({source.separation_deg:.2f} deg away)"
