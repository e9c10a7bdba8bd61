"""Figures without pyplot, their captions and legends, and how they become SVG or PNG."""

from __future__ import annotations

import io
import re
import textwrap
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from icecube_hooks import ConfigError
from icecube_plugin.extras import pip_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.figure import Figure

    from icecube_plugin.sky.projections import Floats, Plane
    from icecube_plugin.sky.skymaps import Pixels

Axes = Any
"""`matplotlib.axes.Axes`, whose annotations are narrower than what it takes: times, styles."""

CAPTION_SIZE: Final = 7.0
CAPTION_CHARACTERS_PER_INCH: Final = 17.5
INK: Final = "#222222"
FAINT: Final = "#999999"
NAMES_UP_TO: Final = 12
"""How many events a picture names."""
_LEVELS: Final = (0.5, 0.9)
_WIDTHS: Final = (0.8, 1.6)

_RC: Final[Any] = {"svg.fonttype": "none", "svg.hashsalt": "icecube-plugin", "path.simplify": False}
_SVG: Final = "{http://www.w3.org/2000/svg}"
_REFERENCE: Final = re.compile(r"url\(#([^)]+)\)")


Size = tuple[float, float]
"""Width and height of a figure [inches]."""


def new_figure(size_in: Size) -> Figure:
    """Return an empty figure of no window and no global state, which a notebook shows.

    Raises
    ------
    ConfigError
        If matplotlib is not installed.
    """
    try:
        from ._shown import ShownFigure
    except ImportError as error:
        raise ConfigError("plots need matplotlib", hint=pip_line("plot")) from error
    return ShownFigure(figsize=size_in)


def write(axes: Axes, x: float, y: float, text: str, **style: Any) -> Any:
    """Write text that may come from a message: a dollar sign starts no formula."""
    return axes.text(x, y, text, **({"fontsize": 8, "color": INK, "parse_math": False} | style))


def title(axes: Axes, text: str) -> None:
    """Write the title."""
    axes.set_title(text, fontsize=10, color=INK, parse_math=False)


def write_heading(figure: Figure, text: str) -> None:
    """Write what the figure shows above everything."""
    figure.suptitle(text, y=0.985, va="top", fontsize=10, color=INK, parse_math=False)


def caption(figure: Figure, sentences: Iterable[str]) -> None:
    """Write the conventions below everything."""
    width = int(figure.get_figwidth() * CAPTION_CHARACTERS_PER_INCH)
    text = textwrap.fill(" ".join(sentences), width, break_on_hyphens=False)
    figure.text(
        0.02, 0.01, text, fontsize=CAPTION_SIZE, color="#444444", va="bottom", parse_math=False
    )


def legend(axes: Axes, handles: Iterable[Any], **place: Any) -> None:
    """Draw a legend; labels may come from messages."""
    found = list(handles)
    if found:
        box = axes.legend(handles=found, fontsize=7.5, frameon=False, **place)
        for text in box.get_texts():
            text.set_parse_math(False)


def entry(label: str, marker: str = "", **style: Any) -> Any:
    """Return a line that stands in a legend."""
    from matplotlib.lines import Line2D

    plain: dict[str, Any] = {
        "color": INK,
        "linestyle": "none",
        "markerfacecolor": "none",
        "markersize": 6,
    }
    return Line2D([], [], label=label, marker=marker, **(plain | style))


def draw_skymap(axes: Axes, plane: tuple[Floats, Floats], place: Plane, skymap: Pixels) -> None:
    """Draw a sky map: shades of its credible level, and the 50 and 90 % contours.

    Parameters
    ----------
    plane : (array, array)
        Coordinates of a grid in the figure, of even steps.
    place : (array, array)
        Its right ascension and declination [deg]; NaN off the sky.
    """
    import numpy as np

    level = np.asarray(skymap.credible_level(*place))
    shade = np.ma.masked_greater(level, 0.995)
    axes.pcolormesh(
        *plane, shade, cmap="Greys_r", vmin=-0.2, vmax=1.05, zorder=0.5, rasterized=True
    )
    style = {"linewidths": _WIDTHS, "colors": [INK], "zorder": 4}
    axes.contour(*plane, _smooth(level, place[1], skymap), levels=list(_LEVELS), **style)


def _smooth(level: Floats, dec_deg: Floats, skymap: Pixels) -> Floats:
    """Return the level with the steps between pixels taken away; what is off the sky stays 1."""
    import numpy as np
    from scipy.ndimage import gaussian_filter

    step_deg = float(np.nanmedian(np.abs(np.diff(dec_deg, axis=0))))
    found: Floats = gaussian_filter(level, min(0.5 * skymap.pixel_deg / step_deg, 10.0))
    return found


def _area(skymap: Pixels, level: float) -> str:
    """Return the area of a region to three digits, a large one as people write it."""
    deg2 = skymap.area_deg2(level)
    return f"{deg2:.3g}" if deg2 < 999.5 else f"{float(f'{deg2:.3g}'):,.0f}"


def skymap_entries(skymap: Pixels) -> list[Any]:
    """Return the legend of a sky map, with its areas."""
    return [
        entry(
            f"sky map {level * 100:.0f} %: {_area(skymap, level)} deg²",
            linestyle="-",
            lw=w,
        )
        for level, w in zip(_LEVELS, _WIDTHS, strict=True)
    ]


def rgb(colour: str) -> tuple[float, float, float]:
    """Return the red, green and blue of a colour [0, 1]."""
    from matplotlib.colors import to_rgb

    return to_rgb(colour)


def dates() -> Any:
    """Return `matplotlib.dates`, which has no annotations."""
    import matplotlib.dates as untyped

    return untyped


def to_png(figure: Figure, dpi: float = 120.0) -> bytes:
    """Return a figure as PNG.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    dpi : float
        Pixels per inch.
    """
    return _saved(figure, "png", dpi=dpi, metadata={"Software": None})


def to_pdf(figure: Figure) -> bytes:
    """Return a figure as PDF, without a date."""
    return _saved(figure, "pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})


def to_svg(figure: Figure) -> str:
    """Return a figure as one ``<svg>`` element to stand in an HTML page, or in a file.

    It has no date, no metadata, no reference to outside, and the same text each time. Only ids
    that are used are kept, with a prefix of their own, so that several fit into one page. Text
    stays text, in the reader's sans-serif font.
    """
    from lxml import etree

    data = _saved(figure, "svg", metadata={"Date": None, "Creator": None})
    prefix = f"m{sha256(data).hexdigest()[:8]}-"
    root = etree.fromstring(data, etree.XMLParser(no_network=True, resolve_entities=False))
    for metadata in root.findall(f"{_SVG}metadata"):
        root.remove(metadata)
    _rename(root, prefix)
    root.set("role", "img")
    for size in ("width", "height"):
        root.attrib.pop(size, "")
    return str(etree.tostring(root, encoding="unicode"))


def _saved(figure: Figure, form: str, **options: Any) -> bytes:
    import matplotlib as mpl

    file = io.BytesIO()
    with mpl.rc_context(_RC):
        figure.savefig(file, format=form, **options)
    return file.getvalue()


def _rename(root: Any, prefix: str) -> None:
    """Give the ids that are referred to a prefix, and drop the others."""
    from lxml import etree

    link = "{http://www.w3.org/1999/xlink}href"
    elements = [one for one in root.iter() if isinstance(one.tag, str)]
    used = set(_REFERENCE.findall(etree.tostring(root, encoding="unicode")))
    used.update(one.get(link)[1:] for one in elements if link in one.attrib)
    for one in elements:
        name = one.attrib.pop("id", "")
        if name in used:
            one.set("id", prefix + name)
        if link in one.attrib:
            one.set("href", f"#{prefix}{one.attrib.pop(link)[1:]}")
        for key, value in one.attrib.items():
            if "url(#" in value:
                one.set(key, _REFERENCE.sub(rf"url(#{prefix}\1)", value))
    etree.cleanup_namespaces(root)
