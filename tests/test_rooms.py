"""The rooms: no module of one room imports a private module of another, or a file by a string.

That arrows point one way, `lint-imports` holds; its layers are in ``pyproject.toml``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted((*(ROOT / "icecube_plugin").rglob("*.py"), *(ROOT / "hooks").rglob("*.py")))
BY_NAME = {
    "icecube_plugin/cli/command.py": "one command of twenty is imported",
    "icecube_plugin/adapters/hop.py": "hop.models is imported only when hop-client asks",
    "icecube_plugin/sinks/hopskotch.py": "hop.io must not be imported by a plugin module",
}
"""Files that import by a string, and why."""


def room(file: Path) -> str:
    parts = file.relative_to(ROOT).parts
    return "icecube_hooks" if parts[0] == "hooks" else ".".join(parts[:2]).removesuffix(".py")


def imports(file: Path) -> Iterator[tuple[str, str]]:
    """Yield module and name of every absolute import of ours."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and not node.level and node.module is not None:
            for name in node.names:
                if node.module.split(".")[0] in ("icecube_plugin", "icecube_hooks"):
                    yield node.module, name.name


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def test_there_are_files_to_look_at() -> None:
    assert len(FILES) > 100


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_private_modules_stay_in_their_room(file: Path) -> None:
    strangers = [
        f"{module}.{name}"
        for module, name in imports(file)
        if any(map(is_private, (*module.split("."), name))) and not module.startswith(room(file))
    ]
    assert strangers == []


def test_files_are_not_imported_by_a_string() -> None:
    found = {str(file.relative_to(ROOT)) for file in FILES if "import_module(" in file.read_text()}
    assert found == set(BY_NAME)
