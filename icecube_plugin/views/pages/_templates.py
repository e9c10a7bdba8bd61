"""HTML from the templates beside this, and the policy that stands in each page."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from icecube_hooks import ConfigError
from icecube_plugin import __version__
from icecube_plugin.extras import pip_line

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["environment", "maker", "markup", "policy", "render", "source"]

FOLDER: Final = Path(__file__).parent / "templates"


def render(template: str, **values: Any) -> bytes:
    """Return a page; all values are escaped but those from `markup`."""
    shared = {"policy": policy(), "css": markup(source("style.css")), "version": __version__}
    return environment().get_template(template).render(shared | values).encode()


@cache
def environment() -> Environment:
    """Return what renders templates.

    Raises
    ------
    ConfigError
        If jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        hint = pip_line("report")
        raise ConfigError("jinja2 is not installed", hint=hint) from error
    return Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def source(name: str) -> str:
    """Return the text of a template, the style or the script."""
    return (FOLDER / name).read_text("utf-8")


@cache
def maker() -> str:
    """Return what tells pages of this version from those of another."""
    names = sorted(path.name for path in FOLDER.iterdir() if path.is_file())
    return f"{__version__} {_digest(''.join(map(source, names)))}"


def markup(text: str) -> Any:
    """Mark our own style, script or drawing as HTML; never a message's text."""
    from markupsafe import Markup

    return Markup(text)  # noqa: S704  # see above


@cache
def policy(script: str = "", *, is_live: bool = False) -> str:
    """Return the policy of a page: our style and `script`, nothing else, and no network.

    A live page may ask its own server.
    """
    scripts = f"'{_digest(script)}'" if script else "'none'"
    connect = "connect-src 'self'; " if is_live else ""
    return (
        f"default-src 'none'; {connect}"
        f" style-src '{_digest(source('style.css'))}'; script-src {scripts}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
