"""What the project is made of: ``python .ci/supply_chain.py lock|lowest|sbom|audit``.

``lock``
    Write ``requirements-dev.lock``: every development dependency, pinned, with its hashes. Install
    with ``pip install --require-hashes -r requirements-dev.lock``.
``lowest [PYTHON]``
    Run the core tests with the oldest version of every dependency that `pyproject.toml` allows.
``sbom FILE``
    Write a CycloneDX bill of materials of what a plain installation of the wheel has.
``audit``
    Ask the package index for known vulnerabilities of what is locked.

Needs the extra ``audit``.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
LOCK: Final = ROOT / "requirements-dev.lock"

# uv refuses the source archive of voevent-parse for the colons in its file names; pip does not.
WITHOUT: Final = "voevent-parse ; python_version < '0'\n"
VOEVENT_PARSE: Final = "voevent-parse==1.0.3 ; python_version < '3.12' \\\n    --hash=sha256:{}\n"
VOEVENT_PARSE_SHA256: Final = "9c4f3479d6890ed9e6123aefa8e2f5dfacf711eec161bdcb3b90da70b519ba86"

SLOW_OR_FOREIGN: Final = (
    "adapters", "benchmarks", "faults", "fuzz", "host/kafka", "host/test_kafka.py", "kafka_broker",
    "plot", "postgres", "report", "security", "significance/test_monte_carlo.py", "supply_chain",
    "third_party",
)  # fmt: skip
"""Tests that other environments run: they do not depend on the oldest versions."""


def run(*command: object, cwd: Path = ROOT) -> None:
    """Run a program; end ours if it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, check=False)  # noqa: S603  # our own words
    if done.returncode:
        sys.exit(done.returncode)


def compile_to(out: Path, *options: str) -> None:
    """Resolve the dependencies into `out`, without voevent-parse."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as without:
        without.write(WITHOUT)
        without.flush()
        uv = (sys.executable, "-m", "uv", "pip", "compile", "-q", "--no-header", "--no-annotate")
        run(*uv, "--override", without.name, *options, "pyproject.toml", "-o", out)


def lock() -> None:
    """Write the lock file."""
    extras = [word for extra in ("lint", "audit", "docs") for word in ("--extra", extra)]
    compile_to(LOCK, "--universal", "--python-version", "3.11", "--generate-hashes", *extras)
    head = "# Written by `python .ci/supply_chain.py lock`. Do not edit.\n"
    LOCK.write_text(head + LOCK.read_text() + VOEVENT_PARSE.format(VOEVENT_PARSE_SHA256))


def lowest(python: str = "3.11") -> None:
    """Run the core tests with the oldest versions."""
    with tempfile.TemporaryDirectory(prefix="icecube-lowest-") as scratch:
        listed, env = Path(scratch) / "lowest.txt", Path(scratch) / "env"
        compile_to(
            listed, "--python-version", python, "--resolution", "lowest-direct", "--extra", "test"
        )
        uv = (sys.executable, "-m", "uv")
        run(*uv, "venv", "-q", "--seed", "-p", python, env)
        inside = env / "bin" / "python"
        run(*uv, "pip", "install", "-q", "--python", inside, "-r", listed)
        run(*uv, "pip", "install", "-q", "--python", inside, "--no-deps", "-e", ROOT)
        ignored = [f"--ignore=tests/{name}" for name in SLOW_OR_FOREIGN]
        run(inside, "-m", "pytest", "-q", "-p", "no:cacheprovider", *ignored)


def sbom(out: str) -> None:
    """Write the bill of materials of a plain installation."""
    with tempfile.TemporaryDirectory(prefix="icecube-sbom-") as scratch:
        env = Path(scratch) / "env"
        run(sys.executable, "-m", "venv", env)
        run(env / "bin" / "pip", "install", "-q", ROOT)
        cyclonedx = (sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible")
        run(*cyclonedx, "--pyproject", ROOT / "pyproject.toml", "-o", out, env / "bin" / "python")


def audit() -> None:
    """Ask for vulnerabilities."""
    run(sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip", "-r", LOCK)


COMMANDS: Final[dict[str, Callable[..., None]]] = {
    "lock": lock,
    "lowest": lowest,
    "sbom": sbom,
    "audit": audit,
}

if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    COMMANDS[sys.argv[1]](*sys.argv[2:])
