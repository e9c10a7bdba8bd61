"""The packages that ``icecube-alerts new-plugin`` makes: their own tests are green, they build."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest

from icecube_hooks import HOOKSPEC_VERSION
from icecube_plugin import __version__
from icecube_plugin.cli.new_plugin import TABLES, package_files
from icecube_plugin.host.config import config_from

ROOT = Path(__file__).parent.parent
PATHS = os.pathsep.join([str(ROOT / "hooks"), str(ROOT)])


def run(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), PATHS])},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(params=list(TABLES))
def package(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    run(tmp_path, "-m", "icecube_plugin.cli", "new-plugin", "my-own", "--kind", request.param)
    return tmp_path / f"icecube-{request.param}-my-own"


def test_its_tests_are_green(package: Path) -> None:
    command = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "tests")
    assert " passed" in run(package, *command)


def test_it_builds_and_leaks_nothing(package: Path) -> None:
    (package / "records.txt").write_text("private")
    (package / ".venv").mkdir()
    (package / ".venv" / "secret").write_text("private")
    run(package, "-m", "build", "--no-isolation", "--sdist", "--wheel")
    (sdist,) = (package / "dist").glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    module = next(package.glob("icecube_*.py")).name
    tests = f"tests/test_{module}"
    # .gitignore is hatchling's own choice: it says what the build left out.
    own = {module, tests, "README.md", "LICENSE", "pyproject.toml", "PKG-INFO"}
    assert names - {".gitignore"} == own


CHECKERS = {
    "mypy": ("--strict", "--cache-dir", "cache", "."),
    "pyright": ("--pythonpath", sys.executable, "."),
}


@pytest.mark.full
@pytest.mark.parametrize("checker", CHECKERS)
def test_the_packages_and_the_example_are_typed(tmp_path: Path, checker: str) -> None:
    pytest.importorskip(checker, reason=f"{checker} is not installed: pip install -e '.[lint]'")
    shutil.copytree(ROOT / "docs" / "examples" / "km3net", tmp_path / "km3net")
    for kind in TABLES:
        for name, text in package_files("my-own", kind).items():
            (tmp_path / kind / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / kind / name).write_text(text)
    files = sorted(map(str, tmp_path.rglob("*.py")))
    assert len(files) == 2 * (len(TABLES) + 1)
    folders = [*{str(Path(file).parent) for file in files}, str(ROOT / "hooks"), str(ROOT)]
    strict = {"typeCheckingMode": "strict", "extraPaths": folders}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(strict))
    done = subprocess.run(
        [sys.executable, "-m", checker, *CHECKERS[checker]],
        cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "MYPYPATH": os.pathsep.join(folders)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("kind", TABLES)
def test_the_table_of_its_readme_is_a_configuration(kind: str) -> None:
    made = package_files("my-own", kind)
    table = made["README.md"].partition("```toml\n")[2].partition("```")[0]
    config_from(tomllib.loads(table), {})


def test_it_pins_the_contract_that_this_is() -> None:
    major = int(HOOKSPEC_VERSION.partition(".")[0])
    (pinned,) = tomllib.loads(package_files("a")["pyproject.toml"])["project"]["dependencies"]
    assert pinned == f"icecube-plugin>={major},<{major + 1}"
    assert __version__.startswith(f"{major}.")
