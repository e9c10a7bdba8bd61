"""The layouts of our fixtures beside those of real notices: the same fields, the same units.

Values are ours, layouts are not: where a fixture has a field that no real notice of its kind has,
or lacks one, the reader is tested on something that nobody sends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

FIXTURES = Path(__file__).parents[2] / "fixtures"

Layout = frozenset[str]


def of_voevent(value: bytes) -> tuple[str, Layout]:
    """Return the packet type, and names and units of the parameters."""
    root = ET.fromstring(value)  # noqa: S314  # ours, or the corpus
    found = {
        f"{group.get('name', '') if group.tag == 'Group' else ''}/{param.get('name')} "
        f"[{(param.get('unit') or '').strip()}]"
        for what in root.findall("What")
        for group in (what, *what.findall("Group"))
        for param in group.findall("Param")
    }
    packet = root.find("What/Param[@name='Packet_Type']")
    return "" if packet is None else packet.get("value", ""), frozenset(found)


def of_text(value: bytes) -> tuple[str, Layout]:
    """Return the type of the notice, and names and units of its lines."""
    fields = re.findall(r"^([A-Z_0-9]+):(?:[^\[\n]*\[([\w^-]+))?", value.decode(), re.MULTILINE)
    title = re.search(r"^NOTICE_TYPE: *(.*?) *$", value.decode(), re.MULTILINE)
    return "" if title is None else title[1], frozenset(f"{n} [{u}]" for n, u in fields)


def of_json(value: bytes) -> tuple[str, Layout]:
    """Return the newest or an older version, and the paths of all keys."""
    data = json.loads(value)
    return "", frozenset(paths(data))


def paths(data: Any, path: str = "") -> Iterator[str]:
    if isinstance(data, list):
        for item in data:
            yield from paths(item, f"{path}[]")
    elif isinstance(data, dict):
        for key, value in data.items():
            inner = f"{path}.{key}" if path else key
            yield inner
            if not inner.startswith("reference."):
                yield from paths(value, inner)


def real(corpus: Path, read: Callable[[bytes], tuple[str, Layout]], *patterns: str) -> set[Any]:
    found = set()
    for pattern in patterns:
        for path in corpus.glob(pattern):
            if path.is_file() and "badversion" not in path.name:
                found.add(read(path.read_bytes()))
    return found


def ours(pattern: str) -> list[Path]:
    return sorted(FIXTURES.glob(pattern))


def closest(layout: Layout, among: list[Layout]) -> list[str]:
    """Say what differs from the layout that is nearest."""
    nearest = min(among, key=lambda other: len(other ^ layout))
    added = [f"+ {name}" for name in sorted(layout - nearest)]
    return added + [f"- {name}" for name in sorted(nearest - layout)]


NO_SAMPLE = "157"
"""The packet type of AMON's COINC: no real packet of it is at hand."""


@pytest.mark.parametrize(
    "path", ours("gcn.classic.voevent.[AI]*/*.xml"), ids=lambda path: path.stem
)
def test_voevent_has_the_parameters_of_a_real_one(path: Path, corpus: Path) -> None:
    layouts = real(corpus, of_voevent, "raw/*.xml", "voevent/*.xml")
    kind, layout = of_voevent(path.read_bytes())
    alike = [one for packet, one in layouts if packet == kind]
    assert bool(alike) is (kind != NO_SAMPLE)
    assert not alike or closest(layout, alike) == []


@pytest.mark.parametrize(
    "path",
    [*ours("gcn.classic.text.ICECUBE_*/*.txt")],
    ids=lambda path: f"{path.parent.name[17:]}-{path.stem}",
)
def test_text_has_the_lines_of_a_real_one(path: Path, corpus: Path) -> None:
    layouts = real(corpus, of_text, "raw/*_0.txt", "text/*.txt")
    kind, layout = of_text(path.read_bytes())
    if "Cascade" in kind:  # these have what tracks have, a name and two addresses
        layout -= {"EVENT_NAME []", "SKYMAP_FITS_URL []", "SKYMAP_PNG_URL []"}
    alike = [one for title, one in layouts if title.startswith("ICECUBE Astrotrack")]
    assert closest(without_units(layout), [without_units(one) for one in alike]) == []
    if "Cascade" not in kind:  # whose radii are in degrees
        assert closest(layout, alike) == []


def without_units(layout: Layout) -> Layout:
    return frozenset(name.partition(" ")[0] for name in layout)


LOWER_CASE = frozenset({"ref_id"})
"""As notices of 2023 had it; the examples that are at hand are later."""


@pytest.mark.parametrize("path", ours("gcn.notices.icecube.*/*.json"), ids=lambda path: path.stem)
def test_json_has_the_keys_of_real_ones(path: Path, corpus: Path) -> None:
    """Many keys may be left out: there is none that no real notice or example has."""
    layouts = real(corpus, of_json, "raw/**/*.json", "json/*.json")
    known = LOWER_CASE.union(*(layout for _, layout in layouts))
    _, layout = of_json(path.read_bytes())
    older = {f"{end}_uncertainty" for end in ("ra", "dec")} | {"uncertainty_shape"}
    assert {name for name in layout - known if name.rpartition(".")[2] not in older} == set()
