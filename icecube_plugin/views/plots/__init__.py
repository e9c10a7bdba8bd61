"""Plots of alerts: all-sky map, finder, visibility, p-values, cumulative numbers.

::

    from icecube_plugin import read
    from icecube_plugin.views import plots

    figure = plots.sky_map([read("notice.xml")])
    figure.savefig("map.png")

Conventions
-----------
- Each function returns a `matplotlib.figure.Figure` made without pyplot: nothing global, no
  window. `to_svg` makes it a text that stands in a web page, `to_png` bytes.
- ICRS, degrees, UTC; right ascension grows to the left. The caption of each figure says the rest.
- Colours are told apart by colour-blind people, and each kind of alert has a marker of its own.
- Retracted alerts are crossed out. Tests are left out of seasons unless asked for.
- No network: Sun and Moon are computed (`icecube_plugin.sky.observing`).
- `svg_map` and `svg_finder` draw the same maps as small SVG, in milliseconds, without
  matplotlib.

Importing this is cheap; matplotlib (extra ``plot``) is imported by the function that draws.
"""

from ._cumulative import cumulative
from ._events import PlotError
from ._figure import to_pdf, to_png, to_svg
from ._finder import finder
from ._ladder import p_ladder
from ._maps import sky_map
from ._sorted import sorted_p
from ._svg import svg_finder, svg_map, svg_marker
from ._visibility import visibility

__all__ = [
    "PlotError",
    "cumulative",
    "finder",
    "p_ladder",
    "sky_map",
    "sorted_p",
    "svg_finder",
    "svg_map",
    "svg_marker",
    "to_pdf",
    "to_png",
    "to_svg",
    "visibility",
]
