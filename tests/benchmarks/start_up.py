"""How long a command takes to start, and what it imports.

Each program runs as a process of its own, in turns, after one run that warms the file cache. A
budget is for the median, on a machine with two cores. Exit code 1 if a median is more than twice
its budget, or if a command imports what it does not need.

Run it from the root of a checkout::

    python -m tests.benchmarks.start_up

`imported` and `HEAVY` are what ``tests/test_start_up.py`` uses, too.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
NOTICE: Final = (
    ROOT / "fixtures" / "gcn.notices.icecube.lvk_nu_track_search" / "S200213t-3-Initial.json"
)

HEAVY: Final = frozenset({"astropy", "confluent_kafka", "matplotlib", "scipy.stats"})
"""What costs 50 ms to 700 ms to import, and only some commands need."""

RUN: Final = "import sys; from icecube_plugin.cli import main; sys.exit(main(sys.argv[1:]))"


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    """Something to start.

    Attributes
    ----------
    name : str
        For the table.
    code : str
        Python code.
    arguments : tuple of str
        What ``sys.argv`` holds.
    budget_s : float or None
        Largest median [s].
    is_beyond_python : bool
        Whether the budget is for what comes on top of starting Python.
    unwanted : frozenset of str
        Modules that it must not import.
    """

    name: str
    code: str
    arguments: tuple[str, ...] = ()
    budget_s: float | None = None
    is_beyond_python: bool = False
    unwanted: frozenset[str] = frozenset()

    @property
    def command(self) -> list[str]:
        """What is run."""
        return [sys.executable, "-c", self.code, *self.arguments]


BARE: Final = Program(name="python -c pass", code="pass")

PROGRAMS: Final = (
    BARE,
    Program(
        name="import icecube_hooks",
        code="import icecube_hooks",
        budget_s=0.06,
        is_beyond_python=True,
        unwanted=HEAVY | {"icecube_plugin", "lxml", "numpy", "scipy"},
    ),
    Program(
        name="from icecube_hooks import hookimpl",
        code="from icecube_hooks import hookimpl",
        unwanted=HEAVY | {"icecube_plugin", "lxml", "numpy", "scipy"},
    ),
    Program(
        name="icecube-alerts --help",
        code=RUN,
        arguments=("--help",),
        budget_s=0.15,
        unwanted=HEAVY | {"lxml", "msgspec", "numpy"},
    ),
    Program(
        name="icecube-alerts significance 0.0191 --trials 100",
        code=RUN,
        arguments=("significance", "0.0191", "--trials", "100"),
        budget_s=0.35,
        unwanted=HEAVY | {"lxml"},
    ),
    Program(
        name="icecube-alerts replay NOTICE",
        code=RUN,
        arguments=("replay", str(NOTICE)),
        budget_s=0.6,
        unwanted=HEAVY | {"lxml"},
    ),
)


def imported(
    code: str, arguments: Sequence[str] = (), *, folder: Path, env: Mapping[str, str] = os.environ
) -> set[str]:
    """Return the modules that a program imports, as ``python -X importtime`` lists them.

    Raises
    ------
    RuntimeError
        If the program fails, with the end of what it says.
    """
    command = [sys.executable, "-X", "importtime", "-c", code, *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=folder, env=dict(env)
    )
    lines = done.stderr.splitlines()
    times = [line for line in lines if line.startswith("import time:")]
    if done.returncode:
        said = "\n".join(line for line in lines if not line.startswith("import time:"))
        raise RuntimeError(f"{' '.join(command)} exited with {done.returncode}\n{said[-2000:]}")
    return {line.rpartition("|")[2].strip() for line in times[1:]}


def within(modules: set[str], names: frozenset[str]) -> list[str]:
    """Return those of `names` that are in `modules`, or have a submodule there."""
    return sorted(
        name
        for name in names
        if any(module == name or module.startswith(f"{name}.") for module in modules)
    )


def seconds(program: Program, folder: Path) -> float:
    """Return how long one run takes.

    Raises
    ------
    subprocess.CalledProcessError
        If it fails.
    """
    began = time.perf_counter()
    subprocess.run(program.command, capture_output=True, check=True, cwd=folder)
    return time.perf_counter() - began


def processor_seconds(program: Program, folder: Path) -> float:
    """Return the processor's time of one run, which a loaded machine changes little."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds(program, folder)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 1 if a budget is missed by a factor of two."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.start_up", description="Wall time of starting."
    )
    parser.add_argument("--runs", type=int, default=15, metavar="N", help="of each program")
    arguments = parser.parse_args(argv)
    print(f"{arguments.runs} warm runs of each, in turns, {os.cpu_count()} cores", end="")
    print(f", Python {platform.python_version()}\n")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broken = [program for program in PROGRAMS if not _works(program, folder)]
        working = [program for program in PROGRAMS if program not in broken]
        taken: dict[str, list[float]] = {program.name: [] for program in working}
        for _ in range(arguments.runs):
            for program in working:
                taken[program.name].append(seconds(program, folder))
        late = _report(working, taken)
        heavy = [_unwanted(program, folder) for program in working]
    return 1 if broken or late or any(heavy) else 0


def _works(program: Program, folder: Path) -> bool:
    try:
        seconds(program, folder)
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        print(f"FAILS  {program.name}: {last}")
        return False
    return True


def _report(programs: Sequence[Program], taken: Mapping[str, Sequence[float]]) -> list[str]:
    """Print the table; return the names of those that take more than twice their budget."""
    width = max(len(program.name) for program in programs)
    python = statistics.median(taken[BARE.name])
    print(f"{'seconds':<{width}}  median  beyond Python  smallest to largest  budget")
    late = []
    for program in programs:
        times = taken[program.name]
        median = statistics.median(times)
        verdict = ""
        if program.budget_s is not None:
            counted = median - python if program.is_beyond_python else median
            kept = "kept" if counted <= program.budget_s else "missed"
            verdict = f"{program.budget_s:6.2f} {kept}"
            late += [program.name] if counted > 2 * program.budget_s else []
        print(
            f"{program.name:<{width}}  {median:6.3f}  {median - python:13.3f}  "
            f"{min(times):8.3f} to {max(times):<7.3f}  {verdict}".rstrip()
        )
    print()
    return late


def _unwanted(program: Program, folder: Path) -> list[str]:
    """Print and return what a program should not have imported."""
    if not program.unwanted:
        return []
    found = within(imported(program.code, program.arguments, folder=folder), program.unwanted)
    names = ", ".join(found or sorted(program.unwanted))
    print(f"{'IMPORTS' if found else 'does not import'} {names}: {program.name}")
    return found


if __name__ == "__main__":
    sys.exit(main())
