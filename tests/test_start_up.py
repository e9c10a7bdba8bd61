"""What a command imports before it does its work, and a generous limit on its time.

Start-up is imports. Modules are counted rather than milliseconds, for a loaded machine tells lies
about the latter; ``tests/benchmarks/start_up.py`` measures them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.start_up import (
    BARE,
    HEAVY,
    PROGRAMS,
    RUN,
    Program,
    imported,
    processor_seconds,
    within,
)

JSON_TOPIC = "gcn.notices.icecube.lvk_nu_track_search"
TEXT_TOPIC = "gcn.classic.text.ICECUBE_ASTROTRACK_GOLD"
XML_TOPIC = "gcn.classic.voevent.ICECUBE_ASTROTRACK_GOLD"

STARTED = [program for program in PROGRAMS if program is not BARE]


def first_of(folder: Path) -> str:
    return str(min(folder.iterdir()))


@pytest.mark.parametrize("program", STARTED, ids=lambda program: program.name)
def test_imports_nothing_that_it_does_not_need(program: Program, tmp_path: Path) -> None:
    modules = imported(program.code, program.arguments, folder=tmp_path)
    assert within(modules, program.unwanted) == []


@pytest.mark.parametrize("topic", [JSON_TOPIC, TEXT_TOPIC])
def test_parse_needs_no_xml_parser(topic: str, fixtures: Path, tmp_path: Path) -> None:
    modules = imported(RUN, ("parse", first_of(fixtures / topic)), folder=tmp_path)
    assert within(modules, HEAVY | {"lxml", "numpy"}) == []


def test_parse_of_a_voevent_needs_lxml_only(fixtures: Path, tmp_path: Path) -> None:
    modules = imported(RUN, ("parse", first_of(fixtures / XML_TOPIC)), folder=tmp_path)
    assert within(modules, HEAVY | {"lxml", "numpy"}) == ["lxml"]


def test_the_check_sees_what_is_imported(tmp_path: Path) -> None:
    modules = imported("import lxml.etree", folder=tmp_path)
    assert within(modules, HEAVY | {"lxml", "xml.sax"}) == ["lxml"]


def test_the_check_says_why_a_program_failed(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"exited with 2\nno-such-file"):
        imported("import sys; print('no-such-file', file=sys.stderr); sys.exit(2)", folder=tmp_path)


@pytest.mark.parametrize("program", STARTED, ids=lambda program: program.name)
def test_starts_soon(program: Program, tmp_path: Path) -> None:
    """Ten times what is wanted: this finds a mistake, not a slow machine."""
    limit_s = 10 * (program.budget_s or 0.5)
    assert min(processor_seconds(program, tmp_path) for _ in range(3)) < limit_s
