"""What stands around the code says the same as the code."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # it has no types

import icecube_plugin
from icecube_plugin.extras import pip_line

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == icecube_plugin.__version__
    assert citation["license"] == PROJECT["license"]


def test_pre_commit_has_the_linter_of_ci() -> None:
    (pinned,) = [word for word in PROJECT["optional-dependencies"]["lint"] if "ruff" in word]
    text = (ROOT / ".pre-commit-config.yaml").read_text()
    assert set(re.findall(r'"(ruff[^"]*)"', text)) == {pinned}


SCHEMAS = {
    ".github/workflows/*.yml": "github-workflows",
    ".github/ISSUE_TEMPLATE/[!c]*.yml": "github-issue-forms",
    ".github/ISSUE_TEMPLATE/config.yml": "github-issue-config",
    ".github/dependabot.yml": "dependabot",
    "CITATION.cff": "citation-file-format",
    "docs/running/compose.yaml": "compose-spec",
}


def test_files_of_others_formats_are_valid() -> None:
    check = pytest.importorskip("check_jsonschema", reason="the extra lint is not installed")
    from click.testing import CliRunner

    for files, schema in SCHEMAS.items():
        found = sorted(map(str, ROOT.glob(files)))
        assert found
        done = CliRunner().invoke(check.main, ["--builtin-schema", f"vendor.{schema}", *found])
        assert done.exit_code == 0, done.output


def test_commits_to_look_at_are_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    commits = re.findall(r"\| `([0-9a-f]{7})` \|", text)
    assert len(commits) == 5
    git = ("git", "-C", str(ROOT))
    shallow = subprocess.run([*git, "rev-parse", "--is-shallow-repository"], capture_output=True)
    if shallow.stdout.strip() != b"false":
        pytest.skip("not a whole repository")
    for commit in commits:
        done = subprocess.run([*git, "merge-base", "--is-ancestor", commit, "HEAD"])
        assert done.returncode == 0, commit


@pytest.mark.parametrize("file", sorted((ROOT / ".github").rglob("*.yml")), ids=lambda f: f.name)
def test_files_for_the_forge_call_what_is_there(file: Path) -> None:
    text = file.read_text()
    ci = (ROOT / ".ci" / "run").read_text()
    for part in re.findall(r"\.ci/run (\w+)", text):
        assert f"\n{part}) parts=" in ci, part
    for python in re.findall(r"\"(3\.\d+)\"", text):
        assert f"Programming Language :: Python :: {python}" in PROJECT["classifiers"]


def test_ci_has_the_parts_that_it_names() -> None:
    ci = (ROOT / ".ci" / "run").read_text()
    made = set(re.findall(r"^part_(\w+)\(\)", ci, re.MULTILINE))
    named = [set(re.split(r"[ |\"]+", w)) - {""} for w in re.findall(r"parts=\(([^)]*)\)", ci)]
    assert set().union(*named) == made
    done = subprocess.run([ROOT / ".ci" / "run", "nothing"], capture_output=True, text=True)
    assert (done.returncode, "usage" in done.stderr) == (2, True)


def test_every_page_is_in_the_site() -> None:
    text = (ROOT / "mkdocs.yml").read_text()
    named = set(re.findall(r": ([\w-]+\.md)$", text, re.MULTILINE))
    assert named == {page.name for page in (ROOT / "docs").glob("*.md")}


def test_the_site_is_built_and_a_link_to_nowhere_is_told(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="the extra docs is not installed")
    command = [sys.executable, "-W", "ignore", "-m", "mkdocs", "build", "--strict"]
    done = subprocess.run(
        [*command, "--site-dir", tmp_path], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "index.html").read_text()
    assert 'href="https://github.com/icecube-plugin/icecube-plugin/blob/main/README.md"' in page
    assert (tmp_path / "reference" / "index.html").exists()
    assert not re.findall(r'<(?:script|link)[^>]+(?:src|href)="https?://(?!github)', page)


def test_lines_that_install_work_before_and_after_a_release() -> None:
    """From a checkout or a wheel, everywhere; `tests/test_service.py` runs one, word for word."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    text = "".join(page.read_text() for page in pages if page.name != "release.md")
    assert not re.findall(r"pip install '?icecube-plugin.*", text)
    extras = set(re.findall(r"pip install '/path/to/icecube-plugin\[([\w,]+)\]'", text))
    asked = {name for names in extras for name in names.split(",")}
    assert {"hop", "comet", "tom", "pygcn", "notify"} <= asked
    assert asked <= set(PROJECT["optional-dependencies"])


@pytest.mark.parametrize("extra", sorted({"plot", "report", "hop", "notify", "database"}))
def test_the_line_for_what_is_missing_names_all_of_the_extra(extra: str) -> None:
    stated = PROJECT["optional-dependencies"][extra]
    packages = [one for one in stated if not one.startswith("icecube-plugin")]
    line = pip_line(extra)
    assert all(f"'{package}'" in line for package in packages)
    assert "icecube-plugin" not in line
