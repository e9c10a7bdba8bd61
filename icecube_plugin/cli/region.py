"""``icecube-alerts region``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from icecube_hooks import ConfigError, Localization
from icecube_plugin.alerts.links import places_of
from icecube_plugin.alerts.lookup import matches
from icecube_plugin.alerts.words import clean
from icecube_plugin.disk import replace_file
from icecube_plugin.extras import pip_line
from icecube_plugin.sky.mocs import moc_area, moc_bytes
from icecube_plugin.sky.regions import widened

from ._records import add_event, add_systematic, maps_of, records_of

if TYPE_CHECKING:
    from icecube_plugin.views.pages import Story

__all__ = ["add_arguments"]

EXAMPLES: Final = """\
examples:
  icecube-alerts region IC220424A notices/ -o IC220424A.fits
  icecube-alerts region IC220424A notices/ -o half.fits --containment 0.5
  icecube-alerts region IC220424A notices/ -o IC220424A.reg
  icecube-alerts region IC220424A notices/ -o IC220424A.crtf

FILE ends in .fits for a coverage map (MOC, needs the extra `moc`), .reg for DS9, .crtf for CASA
(needs the package regions, extra `moc`). A coverage map holds 90 % unless --containment says
otherwise: of the sky map where it is at hand (--maps), else as stated or scaled as a Gaussian.
.reg and .crtf have what the newest notice states. --systematic-deg is for stated regions; a sky
map is taken as it is. EVENT as for `show`.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    add_event(parser)
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="what to write")
    parser.add_argument(
        "--containment", type=_share, default=0.9, metavar="SHARE", help="of a coverage map (0.9)"
    )
    add_systematic(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from icecube_plugin.views.pages import tell

    stories = {id(story.event): story for story in tell(records_of(arguments)[0])}
    events = matches((story.event for story in stories.values()), arguments.event)
    if not events:
        print(f"icecube-alerts: no event {clean(arguments.event)!r}", file=sys.stderr)
        return 1
    story, path = stories[id(events[0])], Path(arguments.output)
    made = _made(story, path.suffix, arguments)
    if made is None:
        print(f"icecube-alerts: {story.event.title} has no such region", file=sys.stderr)
        return 1
    replace_file(path, made, sync=False)
    print(f"{story.event.title}: {path}")
    return 0


def _made(story: Story, ending: str, arguments: argparse.Namespace) -> bytes | None:
    if ending == ".fits":
        return _moc(story, arguments)
    if ending not in (".reg", ".crtf"):
        raise ConfigError(
            f"{ending!r:.20} is not a form of file that is known",
            key="--output",
            hint=".fits, .reg or .crtf",
        )
    from icecube_plugin.views.pages import ds9

    found = ds9(story, arguments.systematic_deg)
    return found if found is None or ending == ".reg" else _crtf(found)


def _moc(story: Story, arguments: argparse.Namespace) -> bytes | None:
    containment, maps = arguments.containment, maps_of(arguments)
    stated = (one for _, one in places_of(story.placed.alert) if isinstance(one, Localization))
    places = (widened(one, arguments.systematic_deg) for one in stated)
    found = (moc_area(place, containment, maps) for place in places)
    areas = [area for area in found if area is not None]
    return moc_bytes(areas) if areas else None


def _crtf(ds9_text: bytes) -> bytes:
    """Return regions in CASA's form."""
    try:
        from regions import PointSkyRegion, Regions
    except ImportError as error:
        hint = pip_line("moc")
        raise ConfigError("needs the package regions", key="--output", hint=hint) from error
    found = Regions.parse(ds9_text.decode("ascii"), format="ds9")
    areas = [one for one in found if not isinstance(one, PointSkyRegion)]  # CASA has no such form
    text: str = Regions(areas).serialize(format="crtf", coordsys="icrs")
    return text.encode()


def _share(text: str) -> float:
    share = float(text)
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError("expected a number between 0 and 1")
    return share
