"""``icecube-alerts fluence``: expected neutrinos, and which fluence one or none allows."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any, Final

from icecube_hooks import ConfigError
from icecube_plugin.significance import PowerLaw, PValueError, read_effective_area

from ._common import add_json, print_json

__all__ = ["add_arguments", "run"]

EXAMPLES: Final = """\
examples:
  icecube-alerts fluence IC86_II_effectiveArea.csv --dec 5.7 --energies 1 10000 --index 2.1
        the fluence at which one neutrino is expected, and the upper limit if none was seen
  icecube-alerts fluence area.ecsv --dec 5.7 --energies 200 10000 --seen 1 --days 182.6
        the same as a flux, and the upper limit if one was seen
  icecube-alerts fluence area.ecsv --dec 5.7 --energies 200 10000 --e2 1e-3
        how many neutrinos are expected from E^2 F = 1e-3 erg/cm2 at --pivot

One alert does not measure a flux: of many faint sources one is seen, with one neutrino. The limits
are without background. Nothing is shipped: the area is that of your file, see docs/significance.md.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    add = parser.add_argument
    add("area", metavar="FILE", help="effective area: of an IceCube release, or a table with units")
    add("--dec", type=float, required=True, metavar="DEG", help="declination of the source")
    add("--energies", type=float, nargs=2, required=True, metavar=("LOW", "HIGH"), help="[TeV]")
    add("--index", type=float, default=2.0, help="of the spectrum E^-index (default 2)")
    add("--pivot", type=float, default=100.0, metavar="TEV", help="where E^2 F is given [TeV]")
    add("--seen", type=int, default=0, metavar="N", help="neutrinos that were seen (default 0)")
    add("--confidence", type=float, default=0.9, metavar="C", help="of the limit (default 0.9)")
    add("--e2", type=float, metavar="ERG_CM2", help="instead: E^2 F at --pivot [erg/cm2]")
    add("--days", type=float, metavar="DAYS", help="give fluxes, over so many days, too")
    add_json(parser, "the numbers")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    try:
        found = _found(arguments)
    except PValueError as error:
        raise ConfigError(str(error)) from error
    if arguments.json:
        print_json(found)
    else:
        print("\n".join(_lines(found, arguments)))
    return 0


def _found(arguments: argparse.Namespace) -> dict[str, Any]:
    low, high = arguments.energies
    spectrum = PowerLaw(
        index=arguments.index, low_tev=low, high_tev=high, pivot_tev=arguments.pivot
    )
    area = read_effective_area(arguments.area, arguments.dec)
    limit = area.upper_limit(spectrum, n_seen=arguments.seen, confidence=arguments.confidence)
    one = area.fluence(spectrum)
    if arguments.e2 is not None:
        return {"n_expected": arguments.e2 / spectrum.e2_erg(one)}
    return {
        "n_seen": arguments.seen,
        "confidence": arguments.confidence,
        **_fluence("one", spectrum, one, arguments.days),
        **_fluence("limit", spectrum, limit, arguments.days),
    }


def _fluence(
    name: str, spectrum: PowerLaw, fluence: float, days: float | None
) -> dict[str, float | None]:
    e2, energy = spectrum.e2_erg(fluence), spectrum.energy_erg(fluence)
    seconds = None if not days else days * 86_400
    return {
        f"{name}_e2_erg_cm2": e2,
        f"{name}_energy_erg_cm2": energy,
        f"{name}_e2_erg_cm2_s": None if seconds is None else e2 / seconds,
        f"{name}_energy_erg_cm2_s": None if seconds is None else energy / seconds,
    }


def _lines(found: dict[str, Any], arguments: argparse.Namespace) -> Iterator[str]:
    low, high = arguments.energies
    yield f"E^-{arguments.index:g} from {low:g} to {high:g} TeV, declination {arguments.dec:+g} deg"
    if "n_expected" in found:
        yield f"expected: {found['n_expected']:.3g} neutrinos"
        return
    seen = f"{arguments.seen} seen, {arguments.confidence:.0%}"
    for name, what in (("one", "one neutrino expected at"), ("limit", f"upper limit ({seen}):")):
        e2, energy = found[f"{name}_e2_erg_cm2"], found[f"{name}_energy_erg_cm2"]
        at = f"at {arguments.pivot:g} TeV"
        yield f"{what} E^2 F = {e2:.3g} erg/cm2 {at}, in all {energy:.3g} erg/cm2"
        if found[f"{name}_e2_erg_cm2_s"] is not None:
            flux, whole = found[f"{name}_e2_erg_cm2_s"], found[f"{name}_energy_erg_cm2_s"]
            yield f"  over {arguments.days:g} d: {flux:.3g} erg/cm2/s, in all {whole:.3g} erg/cm2/s"
    yield "one alert does not measure a flux: of many faint sources one is seen with one neutrino"
