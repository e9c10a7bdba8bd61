"""Every command and snippet of ``docs/from-the-tutorial.md`` is run and its output compared.

A section of the page is one test, in a folder of its own with ``fixtures`` in it. In a section

- ``toml`` blocks are written to the file that their first line names,
- ``python`` blocks share one namespace; the ``text`` block after one is what it prints,
- ``console`` blocks are run in a shell, with ``icecube-alerts`` on the path; a line ``^C`` is an
  interrupt, sent once the program has written what stands before it.

``...`` stands for any text. The broker that the configuration does not name is put into it.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import confluent_kafka
import pytest

from tests.kafka_broker.broker import KafkaBroker

ROOT: Final = Path(__file__).parent.parent
PAGE: Final = ROOT / "docs" / "from-the-tutorial.md"
TOPIC: Final = "gcn.notices.icecube.lvk_nu_track_search"
TIMEOUT_S: Final = 60.0

LOOKED_AT_S: Final = 3.0
"""How long a program runs on before it is interrupted [s]: what waits on the broker arrives."""

_SECTION = re.compile(r"^## (?P<title>.+)\n(?P<body>(?:(?!^## ).*\n?)*)", re.MULTILINE)
_BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """A fenced block of the page."""

    language: str
    text: str
    line: int


def blocks_of(page: str) -> dict[str, list[Block]]:
    """Return the blocks of each section."""
    return {
        section["title"]: [
            Block(
                language=block["language"],
                text=block["text"],
                line=page.count("\n", 0, section.start("body") + block.start("text")) + 1,
            )
            for block in _BLOCK.finditer(section["body"])
        ]
        for section in _SECTION.finditer(page)
    }


SECTIONS: Final = blocks_of(PAGE.read_text("utf-8"))


# --- a folder, a shell and a broker -------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the notices and the command, and nothing else of this machine."""
    folder, programs = tmp_path / "work", tmp_path / "bin"
    folder.mkdir()
    programs.mkdir()
    (folder / "fixtures").symlink_to(ROOT / "fixtures")
    command = programs / "icecube-alerts"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m icecube_plugin.cli "$@"\n')
    command.chmod(0o755)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")  # stdout and stderr in the order of a terminal
    for name in ("GCN_CLIENT_ID", "GCN_CLIENT_SECRET", "ICECUBE_ALERTS_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    return folder


@contextlib.contextmanager
def mock_cluster() -> Iterator[str]:
    """librdkafka's broker inside this process; its address."""
    options: dict[str, Any] = {"test.mock.num.brokers": 1, "log_level": 0}
    producer = confluent_kafka.Producer(options)
    brokers = producer.list_topics(timeout=10.0).brokers.values()
    yield ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
    del producer


def publish(servers: str) -> None:
    """Send the five notices of 2024, each an hour after its event."""
    options: dict[str, Any] = {"bootstrap.servers": servers, "log_level": 0}
    producer = confluent_kafka.Producer(options)
    for path in sorted((ROOT / "fixtures" / TOPIC).glob("S24*.json")):
        sequence = int(path.stem.split("-")[1])
        day = datetime.strptime(path.stem[1:7], "%y%m%d").replace(tzinfo=UTC)
        stamp = int((day + timedelta(hours=sequence)).timestamp() * 1000)
        producer.produce(TOPIC, path.read_bytes(), partition=0, timestamp=stamp)
    assert producer.flush(30.0) == 0


# --- running blocks -----------------------------------------------------------------------------


def run_section(blocks: list[Block], folder: Path, servers: str | None) -> None:
    """Run the blocks of a section in order."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for block, following in zip(blocks, [*blocks[1:], None], strict=True):
        if block.language == "toml":
            write_configuration(block, folder, servers)
        elif block.language == "python":
            shown = following.text if following and following.language == "text" else ""
            compare(shown, printed_by(block, namespace), f"{PAGE.name}:{block.line}")
        elif block.language == "console":
            for command, shown in commands_of(block):
                compare(shown, said_by(command, shown, folder), f"{PAGE.name}: {command}")


def write_configuration(block: Block, folder: Path, servers: str | None) -> None:
    """Write the file that the page shows, with a broker in place of GCN's."""
    name = block.text.splitlines()[0].removeprefix("# ")
    broker = "" if servers is None else f'bootstrap_servers = "{servers}"\n'
    (folder / name).write_text(block.text.replace("[kafka]\n", f"[kafka]\n{broker}"))


def printed_by(block: Block, namespace: dict[str, Any]) -> str:
    """Run Python code and return what it prints; tracebacks have the page's line numbers."""
    code = compile("\n" * (block.line - 1) + block.text, str(PAGE), "exec")
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(code, namespace)  # noqa: S102  # the page's own code is what is tested
    return printed.getvalue()


def commands_of(block: Block) -> Iterator[tuple[str, str]]:
    """Yield each command of a console block with what is shown below it."""
    assert block.text.startswith("$ "), f"{PAGE.name}:{block.line}: no command"
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown


def read_log(log: Path) -> str:
    """Return what was said, without the line by which every command names its configuration."""
    named = "icecube-alerts: configuration icecube-alerts.toml, found in this folder\n"
    return log.read_text("utf-8").removeprefix(named)


def said_by(command: str, shown: str, folder: Path) -> str:
    """Run a command and return its stdout and stderr, as a terminal shows them."""
    before, interrupted, _ = shown.partition("^C\n")
    log = folder.parent / "said"
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["/bin/sh", "-c", command], cwd=folder, stdout=out, stderr=out, start_new_session=True
        )
    try:
        if interrupted:
            wait_for(before, log, process)
            time.sleep(LOOKED_AT_S)
            os.killpg(process.pid, signal.SIGINT)
        process.wait(TIMEOUT_S)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    said = read_log(log)
    if interrupted:
        lines = said.splitlines(keepends=True)
        lines.insert(before.count("\n"), interrupted)
        said = "".join(lines)
    return said


def wait_for(shown: str, log: Path, process: subprocess.Popen[bytes]) -> None:
    """Wait until a program has written all that is shown."""
    until = time.monotonic() + TIMEOUT_S
    while not matches(shown, read_log(log)):
        assert process.poll() is None, f"ended early:\n{log.read_text('utf-8')}"
        assert time.monotonic() < until, f"did not write {shown!r}:\n{log.read_text('utf-8')}"
        time.sleep(0.05)


def matches(shown: str, said: str) -> bool:
    """Whether this is the output, with ``...`` for any text."""
    return doctest.OutputChecker().check_output(shown, said, doctest.ELLIPSIS)


def compare(shown: str, said: str, where: str) -> None:
    """Compare what the page shows with what came out."""
    if not matches(shown, said):
        text = f"{where}\n--- the page shows\n{shown}--- what came out\n{said}"
        pytest.fail(text, pytrace=False)


# --- the tests ----------------------------------------------------------------------------------


@pytest.fixture
def servers(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """The address of the broker that the section of the test needs, with notices on it."""
    number = request.node.callspec.params["title"].partition(".")[0]
    if number == "5":  # the mock cluster cannot look up times
        broker: KafkaBroker = request.getfixturevalue("private_kafka")
        broker.create_topic(TOPIC)
        publish(broker.bootstrap_servers)
        yield broker.bootstrap_servers
    elif number in ("1", "8"):
        with mock_cluster() as address:
            publish(address)
            yield address
    else:
        yield None


@pytest.mark.parametrize("title", SECTIONS)
def test_section(title: str, place: Path, servers: str | None) -> None:
    if not title.startswith("1."):  # from the first section on the file is there
        for block in SECTIONS["1. Credentials"]:
            if block.language == "toml":
                write_configuration(block, place, servers)
    run_section(SECTIONS[title], place, servers)


def test_sections_are_the_steps_of_the_notebook() -> None:
    assert [title.partition(".")[0] for title in SECTIONS] == [str(n) for n in range(1, 9)]
    assert all(SECTIONS.values())


def test_every_block_is_run() -> None:
    page = PAGE.read_text("utf-8")
    found = sum(len(blocks) for blocks in SECTIONS.values())
    assert page.count("\n```") == 2 * found
    languages = {block.language for blocks in SECTIONS.values() for block in blocks}
    assert languages <= {"console", "python", "text", "toml"}
