"""The loops of docs/brokers.md and its pages, word for word, on a real Kafka broker.

Each is ended by a power cut and goes on. When it has committed all, the same must have come out as
of ``icecube-alerts replay``, and nothing twice.
"""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

from icecube_plugin.host.config import config_from
from tests.adapters import conftest
from tests.adapters.conftest import (
    DOCUMENT,
    ROOT,
    Outcome,
    PeerError,
    Peers,
    Program,
    Stream,
    outcome,
    run_into_power_cut,
    run_shown,
    shown,
)

GENERIC = ("aiokafka>=0.12", "faststream[confluent]>=0.6", "quixstreams>=3.20")
LOOPS = ("confluent_loop.py", "asyncio_loop.py", "faststream_app.py", "quix_app.py")
ALONE = ("confluent_aio.py",)
"""What needs no more than this package; Quix Streams wants confluent-kafka before 2.13."""


@pytest.mark.parametrize("name", [*LOOPS, *ALONE])
def test_loops(
    name: str, peers: Peers, stream: Stream, expected: Outcome, program: Program, tmp_path: Path
) -> None:
    """The power fails amid the notices; the next start goes on from what was committed.

    Then all messages come again, from their places, to another group.
    """
    python = peers("", *(() if name in ALONE else GENERIC))
    run_into_power_cut(name, python, stream, tmp_path, program, f"{name}-1")
    stream.hand_on(f"{name}-1", f"{name}-2")
    left = run_shown(name, python, stream, tmp_path, program, f"{name}-2")
    assert outcome(tmp_path) == expected
    # One notice came twice: a sighting and a letter of the broken sink more, but no record.
    n = len(expected.records)
    assert left == (n + 1, len(expected.refused) + n + 1)
    assert run_shown(name, python, stream, tmp_path, program, f"{name}-3") == left
    assert outcome(tmp_path) == expected


# --- environments -------------------------------------------------------------------------------


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, peers: Peers) -> None:
    monkeypatch.delenv("ICECUBE_REQUIRE_PEERS", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"pyproject\.toml has no extra 'x'"):
        peers("x")
    monkeypatch.setenv("ICECUBE_REQUIRE_PEERS", "1")
    with pytest.raises(pytest.fail.Exception, match=r"PEERS=1, but pyproject\.toml"):
        peers("x")


def test_what_cannot_be_installed_is_not_kept(
    monkeypatch: pytest.MonkeyPatch, peers: Peers, tmp_path: Path
) -> None:
    monkeypatch.setenv("ICECUBE_PEER_CACHE", str(tmp_path))
    monkeypatch.setenv("ICECUBE_REQUIRE_PEERS", "1")
    monkeypatch.setattr(conftest, "_install", _failing)
    with pytest.raises(pytest.fail.Exception, match="no network"):
        peers("", "some-package")
    assert not list(tmp_path.rglob("complete"))


def _failing(*_: object) -> None:
    raise PeerError("no network")


# --- the document -------------------------------------------------------------------------------


def test_the_configuration_is_valid() -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)
    config = config_from(tomllib.loads(text), {})
    assert [sink.name for sink in config.sinks_or_defaults()] == ["archive", "lines"]


def test_every_block_is_run() -> None:
    blocks = re.findall(r"```python\n# (\S+)\n", DOCUMENT)
    assert sorted(blocks) == sorted(
        [*LOOPS, *ALONE, "hop_loop.py", "hop_table.py", "pygcn_loop.py"]
    )
    assert len(blocks) == DOCUMENT.count("```python")
    for name in blocks:
        ast.parse(shown(name))


def test_links_lead_somewhere() -> None:
    headings = {
        line.lstrip("#").strip().lower().replace(" ", "-")
        for line in DOCUMENT.splitlines()
        if line.startswith("#")
    }
    for target in re.findall(r"\]\(#([^)]+)\)", DOCUMENT):
        assert target in headings
    for target in re.findall(r"\]\((?!http|#)([^)#]+)\)", DOCUMENT):
        assert (ROOT / "docs" / target).exists(), target
