"""Figures without pyplot, their captions and legends, and how they become SVG or PNG."""

from __future__ import annotations

import io
import re
import textwrap
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from icecube_hooks import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.figure import Figure

    from icecube_plugin.sky.projections import Floats

Axes = Any
"""`matplotlib.axes.Axes`, whose annotations are narrower than what it takes: times, styles."""

CAPTION_SIZE: Final = 7.0
CAPTION_CHARACTERS_PER_INCH: Final = 18.5
INK: Final = "#222222"
FAINT: Final = "#999999"
NAMES_UP_TO: Final = 12
"""How many events a picture names."""
_LEVELS: Final = (0.5, 0.9)

_RC: Final[Any] = {"svg.fonttype": "none", "svg.hashsalt": "icecube-plugin", "path.simplify": False}
_SVG: Final = "{http://www.w3.org/2000/svg}"
_REFERENCE: Final = re.compile(r"url\(#([^)]+)\)")


def new_figure(width_in: float, height_in: float) -> Figure:
    """Return an empty figure of no window and no global state.

    Raises
    ------
    ConfigError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError(
            "plots need matplotlib", hint="pip install 'icecube-plugin[plot]'"
        ) from error
    return Figure(figsize=(width_in, height_in))


def write(axes: Axes, x: float, y: float, text: str, **style: Any) -> Any:
    """Write text that may come from a message: a dollar sign starts no formula."""
    return axes.text(x, y, text, **({"fontsize": 8, "color": INK, "parse_math": False} | style))


def title(axes: Axes, text: str) -> None:
    """Write the title."""
    axes.set_title(text, fontsize=10, color=INK, parse_math=False)


def caption(figure: Figure, sentences: Iterable[str]) -> None:
    """Write the conventions below everything."""
    width = int(figure.get_figwidth() * CAPTION_CHARACTERS_PER_INCH)
    text = textwrap.fill(" ".join(sentences), width)
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


def contours(axes: Axes, x: Floats, y: Floats, level: Floats) -> None:
    """Draw the contours of a sky map's credible level at points of the figure."""
    styles = {"linewidths": 1.2, "linestyles": [":", "-"], "colors": [INK], "zorder": 4}
    axes.contour(x, y, level, levels=list(_LEVELS), **styles)


def contour_entries() -> list[Any]:
    """Return the legend of a sky map's contours."""
    return [
        entry(f"sky map, {level:.0%}".replace("%", " %"), linestyle=style, lw=1.2)
        for level, style in zip(_LEVELS, (":", "-"), strict=True)
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
