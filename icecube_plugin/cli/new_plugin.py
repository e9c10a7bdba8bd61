"""``icecube-alerts new-plugin``."""

from __future__ import annotations

import argparse
import keyword
import re
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Final

from icecube_hooks import HOOKSPEC_VERSION, ConfigError

__all__ = ["add_arguments", "package_files"]

EXAMPLES: Final = """\
examples:
  icecube-alerts new-plugin doorbell                 a folder icecube-sink-doorbell
  icecube-alerts new-plugin crossmatch --kind annotator --folder ~/src/crossmatch

The package works as it is: install it, run its tests, then put your own in place of the example.
"""

TABLES: Final = {
    "sink": '[sinks.mine]\ntype = "$name"\npath = "records.txt"',
    "parser": "[kafka]\ntopics_extra = []    # what the parser claims is read without being named",
    "significance": "[significance.$name]\nlooks = 10.0",
    "annotator": "[annotators.$name]\nradius_deg = 2.0",
}
"""What is configured of each kind of plugin."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", re.ASCII)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    parser.add_argument("name", help="its name: lower case, digits, hyphens")
    parser.add_argument("--kind", choices=tuple(TABLES), default="sink", help="default: sink")
    parser.add_argument("--folder", type=Path, help="default: icecube-KIND-NAME, here")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    kind: str = arguments.kind
    made = package_files(arguments.name, kind)
    folder: Path = arguments.folder or Path(f"icecube-{kind}-{arguments.name}")
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"{folder} is there already", key="--folder")
    for name, text in made.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    print(f"{folder}/: {', '.join(made)}")
    print(f"next: cd {folder} && pip install -e '.[test]' && pytest && icecube-alerts plugins")
    return 0


def package_files(name: str, kind: str = "sink") -> dict[str, str]:
    """Return the files of a complete package with a plugin, by path.

    Parameters
    ----------
    name : str
        Of what it registers.
    kind : str
        ``sink``, ``parser``, ``significance`` or ``annotator``.

    Raises
    ------
    ConfigError
        If it is no name for one.
    """
    if _NAME.fullmatch(name) is None or len(name) > 40:
        hint = "lower case letters, digits and hyphens, such as door-bell"
        raise ConfigError(f"{name!r:.60} is not a name for a {kind}", key="name", hint=hint)
    module = f"icecube_{kind}_{name.replace('-', '_')}"
    words = {
        "name": name,
        "kind": kind,
        "distribution": f"icecube-{kind}-{name}",
        "module": module,
        "class_name": "".join(word.capitalize() for word in name.split("-")),
        "table": Template(TABLES[kind]).substitute(name=name),
        "if_any": "" if kind == "sink" else ", if it should differ from the default",
        "contract": HOOKSPEC_VERSION,
        "pin": _pin(),
        "year": str(datetime.now(UTC).year),
    }
    if keyword.iskeyword(words["class_name"]):  # none, true, false
        raise ConfigError(f"{name!r} is a word of Python", key="name")
    return {
        "pyproject.toml": _filled("pyproject.toml", words),
        "README.md": _filled("README.md", words),
        "LICENSE": _filled("LICENSE", words),
        ".gitignore": _filled("gitignore", words),
        ".github/workflows/tests.yml": _filled("tests.yml", words),
        f"{module}.py": _filled(f"{kind}.py", words),
        f"tests/test_{module}.py": _filled(f"test_{kind}.py", words),
    }


def _pin() -> str:
    """Return the versions that keep the contract: those of its major number."""
    major = int(HOOKSPEC_VERSION.partition(".")[0])
    return f">={major},<{major + 1}"


def _filled(name: str, words: dict[str, str]) -> str:
    text = files("icecube_plugin").joinpath("template", f"{name}.in").read_text("utf-8")
    return Template(text).substitute(words)
