"""``icecube-alerts new-sink``."""

from __future__ import annotations

import argparse
import keyword
import re
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Final

from icecube_hooks import ConfigError

__all__ = ["add_arguments", "package_files"]

EXAMPLES: Final = """\
examples:
  icecube-alerts new-sink doorbell                 a folder icecube-sink-doorbell
  icecube-alerts new-sink doorbell --folder ~/src/doorbell

The package works as it is: install it, run its tests, then put your own target in place of the file
that it writes.
"""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", re.ASCII)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    parser.add_argument("name", help="type of the sink: lower case, digits, hyphens")
    parser.add_argument("--folder", type=Path, help="default: icecube-sink-NAME, here")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    made = package_files(arguments.name)
    folder: Path = arguments.folder or Path(f"icecube-sink-{arguments.name}")
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"{folder} is there already", key="--folder")
    for name, text in made.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    print(f"{folder}/: {', '.join(made)}")
    print(f"next: cd {folder} && pip install -e '.[test]' && pytest && icecube-alerts plugins")
    return 0


def package_files(name: str) -> dict[str, str]:
    """Return the files of a complete sink package, by path.

    Parameters
    ----------
    name : str
        Type of the sink.

    Raises
    ------
    ConfigError
        If it is no name for one.
    """
    if _NAME.fullmatch(name) is None or len(name) > 40:
        hint = "lower case letters, digits and hyphens, such as door-bell"
        raise ConfigError(f"{name!r:.60} is no name for a sink", key="name", hint=hint)
    module = f"icecube_sink_{name.replace('-', '_')}"
    words = {
        "name": name,
        "distribution": f"icecube-sink-{name}",
        "module": module,
        "class_name": "".join(word.capitalize() for word in name.split("-")),
    }
    if keyword.iskeyword(words["class_name"]):  # none, true, false
        raise ConfigError(f"{name!r} is a word of Python", key="name")
    return {
        "pyproject.toml": _filled("pyproject.toml", words),
        "README.md": _filled("README.md", words),
        f"{module}.py": _filled("module.py", words),
        f"tests/test_{module}.py": _filled("test_module.py", words),
    }


def _filled(name: str, words: dict[str, str]) -> str:
    text = files("icecube_plugin").joinpath("template", f"{name}.in").read_text("utf-8")
    return Template(text).substitute(words)
