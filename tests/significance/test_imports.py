"""What is imported when, and that every example in documentation and docstrings runs."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import icecube_plugin.significance as package

DOCUMENT = Path(__file__).parents[2] / "docs" / "significance.md"
MODULES = [f"{package.__name__}.{m.name}" for m in pkgutil.iter_modules(package.__path__)]


def loaded_after(code: str) -> set[str]:
    script = f"{code}\nimport sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


SCALARS = """
from icecube_plugin.significance import *
from icecube_plugin.significance.provider import make_assess
make_assess(); sigma_from_p(1e-7); post_trial_sigma(1e-3, 100); p_from_sigma(5.0); fisher
"""
ARRAYS = """
import numpy as np
from icecube_plugin.significance import *
p = np.array([1e-300, 0.1]); log_p = np.log(p)
for sided in ("one-sided", "two-sided"):
    sigma_from_p(p, sided); p_from_sigma(sigma_from_p(p), sided); sigma_from_log_p(log_p, sided)
    post_trial_sigma(p, 5, sided); log_p_from_sigma(np.array([1.0]), sided)
post_trial_log_p(log_p, 5); fisher([0.1, 0.2]); stouffer([0.1, 0.2]); season([])
"""


def test_scalars_need_the_standard_library_only() -> None:
    assert not {"numpy", "scipy", "astropy", "lxml"} & loaded_after(SCALARS)


def test_arrays_need_no_scipy_stats() -> None:
    modules = loaded_after(ARRAYS)
    assert "scipy.special" in modules
    assert not {"scipy.stats", "astropy"} & modules


@pytest.mark.parametrize(
    "name", [*MODULES, "icecube_plugin.significance.provider", "icecube_plugin.cli.significance"]
)
def test_docstrings_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_the_document_runs() -> None:
    result = doctest.testfile(str(DOCUMENT), module_relative=False)
    assert result.failed == 0
    assert result.attempted > 30


def test_every_public_name_is_there_sorted_and_documented() -> None:
    names = package.__all__
    assert sorted(names, key=lambda n: (not n.isupper(), n.islower(), n)) == names
    text = DOCUMENT.read_text(encoding="utf-8")
    for name in names:
        assert getattr(package, name) is not None
        assert re.search(rf"\b{name}\b", text), f"{name} is not in docs/significance.md"
