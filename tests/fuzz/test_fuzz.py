"""The short form of ``python -m tests.fuzz``, and every input that was a find once."""

from __future__ import annotations

import inspect
import mmap
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icecube_hooks import ConfigError, Sink
from icecube_hooks.host import load_plugins, make_sink
from icecube_plugin.cli.command import main
from icecube_plugin.host.config import config_from
from tests.fuzz.engine import Tally, fuzz, mutants, peak_mb
from tests.fuzz.targets import CONFIGURATION, FOUND, READERS, TARGETS, Target, Wrong

PLUGINS = load_plugins(allow=["icecube-plugin"])


@pytest.mark.parametrize("name", TARGETS)
def test_mutants(name: str) -> None:
    tally = fuzz(TARGETS[name], runs=1500, seconds=2.0)
    assert tally.inputs > len(TARGETS[name].seeds())


FINDS = [path for path in sorted(FOUND.glob("*/*")) if path.is_file()]


@pytest.mark.parametrize("path", FINDS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_was_found_once(path: Path) -> None:
    Tally(TARGETS[path.parent.name]).feed(path.read_bytes())


def test_every_reader_is_a_target() -> None:
    assert {target.name for target in READERS} == set(PLUGINS.parsers)


def test_the_engine_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    def fragile(data: bytes) -> str:
        if b"\xff" in data:
            raise ValueError("found")
        return "fine"

    with pytest.raises(ValueError, match="found") as caught:
        fuzz(Target("fragile", fragile, lambda: [b"seed"]), runs=10_000)
    assert "fragile: b'" in caught.value.__notes__[0]
    slow = Target("slow", lambda data: str(sum(range(20_000_000)))[:1], lambda: [b""])
    with pytest.raises(Wrong, match=r"took \d+ ms"):
        fuzz(slow, runs=1)

    def hold(data: bytes) -> str:
        more = int(2**20 * peak_mb()) + 10**8  # also where an older peak is not forgotten
        with mmap.mmap(-1, more if data else 4096) as memory:
            memory[:: mmap.PAGESIZE] = bytes(len(memory[:: mmap.PAGESIZE]))
        return "fine"

    monkeypatch.setattr("tests.fuzz.engine.SLOWEST_S", 10.0)
    large = Target("large", hold, lambda: [b"", b"a"])
    with pytest.raises(Wrong, match=r"took \d+ MB"):
        fuzz(large, runs=3)


def test_mutants_are_the_same_for_the_same_seed() -> None:
    first, second = (mutants([b"a seed", b"another"], [b"word"], 7) for _ in range(2))
    assert [next(first) for _ in range(100)] == [next(second) for _ in range(100)]


def test_by_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "binary-packet", "--plain", "--runs", "50"],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("binary-packet: 50 inputs: ")
    assert done.stdout.endswith("; 0 finds\n")


# -------------------------------------------------------------------------------- configuration

WRONG: tuple[Any, ...] = (
    True, 0, -1, 2**63, 10**400, 1.5, -0.0, float("nan"), float("inf"), "", " ", "x", "\0",
    "a" * 300, "../..", "://", "http://", "ivo://", "{", [], [""], [1], ["x"], [[]], {}, {"a": 1},
    {"": {}}, date(2026, 5, 2),
)  # fmt: skip


def places(data: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in data.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from places(value, (*path, key))


def refused(data: dict[str, Any]) -> ConfigError | None:
    """Return what the configuration says against it."""
    try:
        config_from(data, {})
    except ConfigError as error:
        return error
    return None


WHOLE = tomllib.loads(CONFIGURATION.decode())


def test_the_configuration_of_the_test_has_every_key() -> None:
    """So a key that is new is fuzzed, too."""
    from icecube_plugin.host import config

    for cls, table in (
        (config.Config, WHOLE),
        (config.KafkaConfig, WHOLE["kafka"]),
        (config.PluginsConfig, WHOLE["plugins"]),
        (config.HealthConfig, WHOLE["health"]),
    ):
        assert set(cls.__struct_encode_fields__) - {"origin"} == table.keys()
    config_from(WHOLE, {})


@pytest.mark.parametrize("path", list(places(WHOLE)), ids=".".join)
def test_wrong_types_are_named(path: tuple[str, ...]) -> None:
    """Any value at any key is read, or refused with the name of that key."""
    for value in WRONG:
        data = tomllib.loads(CONFIGURATION.decode())
        table = data
        for key in path[:-1]:
            table = table[key]
        table[path[-1]] = value
        error = refused(data)
        if error is not None:
            assert (error.key or "").startswith(".".join(path)) or path[0] == "sinks"
            assert str(error).isprintable()


def options(name: str) -> list[str]:
    return list(inspect.signature(PLUGINS.sinks[name].make).parameters)


def key_refused(name: str, given: dict[str, Any]) -> str | None:
    """Make a sink; return the key that is refused, ``None`` if all is well."""
    try:
        sink: Sink = make_sink(PLUGINS, "a", name, given)
    except ConfigError as error:
        return error.key or ""
    except Exception as error:
        error.add_note(f"{name}: {given!r:.200}")
        raise
    getattr(sink, "close", lambda: None)()
    return None


NEEDED: dict[str, dict[str, Any]] = {
    "command": {"command": ["true"]},
    "database": {"url": "sqlite:///a.sqlite"},
    "kafka": {"topic": "a", "bootstrap_servers": "127.0.0.1:1"},
    "hermes": {"topic": "a", "submitter": "a", "token": "a"},
    "hopskotch": {"topic": "a"},
    "notify": {"urls": ["json://127.0.0.1:1"]},
    "skyportal": {"url": "https://a.example.org", "token": "a"},
    "voevent": {"ivorn": "ivo://example.org/a"},
    "webhook": {"url": "https://a.example.org"},
}


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
@pytest.mark.parametrize("name", sorted(PLUGINS.sinks))
def test_wrong_options_of_sinks_are_named(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any value of any option makes a sink, or is refused with the name of that sink."""
    monkeypatch.chdir(tmp_path)
    for option in options(name):
        for value in WRONG:
            key = key_refused(name, NEEDED.get(name, {}) | {option: value})
            assert key is None or key.startswith("sinks.a"), (option, value)


@given(st.binary(max_size=200))
def test_a_file_of_random_bytes(data: bytes) -> None:
    assert TARGETS["config"].run(data) in ("no TOML", "refused", "read")


KEYS = st.sampled_from(sorted({key for path in places(WHOLE) for key in path})) | st.text(
    max_size=4
)
VALUES = st.recursive(
    st.sampled_from(WRONG) | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_random_toml(data: dict[str, Any]) -> None:
    error = refused(data)
    assert error is None or error.key


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xfe", b"\0", b"[", b"a" * 100_000, b"a = " + b"[" * 100_000, b"data_folder = 1",
        b'data_folder = "\\u0000"', b"[kafka]\ntopics = [[]]", b"[plugins]\nallow = [1]",
        b'[sinks.a]\ntype = "sqlite"\npath = 1',
        b'[sinks.a]\ntype = "jsonl"\nwhen = "__import__(0)"',
    ],
    ids=range(11),
)  # fmt: skip
def test_check_of_a_broken_file_says_so_in_a_line(
    data: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "broken.toml"
    file.write_bytes(data)
    assert main(["--config", str(file), "check", "--offline"]) == 2
    shown = capsys.readouterr()
    assert "Traceback" not in shown.out + shown.err
    assert len(shown.err.splitlines()) <= 1
