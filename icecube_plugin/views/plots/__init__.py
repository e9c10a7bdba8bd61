"""Plots of alerts: all-sky map, finder, visibility, p-value ladder, cumulative numbers.

::

    from icecube_plugin import plot, read

    figure = plot.sky_map([read("notice.xml")])
    figure.savefig("map.png")

Conventions
-----------
- Each function returns a `matplotlib.figure.Figure` made without pyplot: nothing global, no
  window. `to_svg` makes it a text that stands in a web page, `to_png` bytes.
- ICRS, degrees, UTC; right ascension grows to the left. The caption of each figure says the rest.
- Colours are told apart by colour-blind people, and each kind of alert has a marker of its own.
- Retracted alerts are crossed out. Tests are left out of seasons unless asked for.
- No network: Sun and Moon are astropy's built-in ones.
- `light_svg` and `light_finder` draw the same maps as small SVG, in milliseconds, without
  matplotlib.

Importing this is cheap; matplotlib (extra ``plot``) is imported by the function that draws.
"""

from ._cumulative import cumulative
from ._finder import finder
from ._ladder import p_ladder
from ._light import light_finder, light_svg
from ._maps import sky_map
from ._paper import to_pdf, to_png, to_svg
from ._scene import PlotError
from ._visibility import SITES, Site, site_of, visibility

__all__ = [
    "SITES",
    "PlotError",
    "Site",
    "cumulative",
    "finder",
    "light_finder",
    "light_svg",
    "p_ladder",
    "site_of",
    "sky_map",
    "to_pdf",
    "to_png",
    "to_svg",
    "visibility",
]
