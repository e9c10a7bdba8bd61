"""``python -m tests.fuzz [TARGET...] --runs 1000000``: fuzz targets, one after the other.

With atheris (``pip install 'icecube-plugin[fuzz]'``) inputs are led by coverage; without it, or
with ``--plain``, seeds are changed at random. An input that does what it should not is written to
``tests/fuzz/found/TARGET/``, where the tests run it from then on.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import importlib.util
import io
import os
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
INSTRUMENTED: Final = ["icecube_plugin.notices", "icecube_plugin.host.config", "icecube_hooks"]


def main() -> int:
    """Run what the command line asks for."""
    arguments = _arguments()
    if arguments.child:
        return _led_by_coverage(arguments.targets[0], arguments)
    is_led = importlib.util.find_spec("atheris") is not None and not arguments.plain
    codes = [
        _in_child(name, arguments) if is_led else _plain(name, arguments)
        for name in arguments.targets or _names()
    ]
    return max(codes)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--runs", type=int, default=100_000, help="inputs per target")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plain", action="store_true", help="without atheris")
    parser.add_argument("--corpus", type=Path, help="folder to keep what leads to new code")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _names() -> list[str]:
    from tests.fuzz.targets import TARGETS

    return list(TARGETS)


def _keep(name: str, data: bytes) -> Path:
    from tests.fuzz.targets import FOUND

    path = FOUND / name / hashlib.sha256(data).hexdigest()[:16]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def _plain(name: str, arguments: argparse.Namespace) -> int:
    from tests.fuzz.engine import Tally, mutants
    from tests.fuzz.targets import TARGETS

    tally = Tally(TARGETS[name])
    seeds = tally.target.seeds()
    stream = mutants(seeds, tally.target.words, arguments.seed)
    finds: set[str] = set()
    while tally.inputs < arguments.runs:
        data = seeds[tally.inputs] if tally.inputs < len(seeds) else next(stream)
        try:
            tally.feed(data)
        except Exception as error:  # noqa: BLE001  # a find: kept once of a kind; the run goes on
            kind = f"{type(error).__name__} {traceback.extract_tb(error.__traceback__)[-1][:2]}"
            if kind not in finds:
                print(f"{name}: {error!r}\n  {_keep(name, data)}", file=sys.stderr)
            finds.add(kind)
    print(f"{tally}; {len(finds)} finds", flush=True)
    return 1 if finds else 0


def _in_child(name: str, arguments: argparse.Namespace) -> int:
    """Start a process: libFuzzer ends the one that it runs in."""
    options = [f"--runs={arguments.runs}", f"--seed={arguments.seed}"]
    if arguments.corpus is not None:
        options.append(f"--corpus={arguments.corpus}")
    command = [sys.executable, "-m", "tests.fuzz", "--child", name, *options]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def _led_by_coverage(name: str, arguments: argparse.Namespace) -> int:
    import atheris

    quiet = contextlib.redirect_stderr(io.StringIO())
    with quiet, atheris.instrument_imports(include=INSTRUMENTED):
        from tests.fuzz.engine import Tally, longest_of
        from tests.fuzz.targets import TARGETS

    tally = Tally(TARGETS[name])

    def one(data: bytes) -> None:
        try:
            tally.feed(data)
        except Exception:
            print(f"{tally}\n{name}: {_keep(name, data)}", file=sys.stderr)
            raise
        if tally.inputs == arguments.runs:
            print(tally, flush=True)
            scratch.cleanup()
            os._exit(0)  # libFuzzer never returns

    scratch = tempfile.TemporaryDirectory(prefix="icecube-fuzz-")
    with scratch as folder:
        kept = (arguments.corpus or Path(folder)) / name
        seeds = TARGETS[name].seeds()
        options = _prepare(Path(folder), kept, seeds, TARGETS[name].words)
        longest = f"-max_len={longest_of(seeds)}"
        limits = ["-runs=-1", f"-seed={arguments.seed + 1}", longest]
        atheris.Setup([name, *options, *limits, "-print_final_stats=0", "-verbosity=0"], one)
        atheris.Fuzz()
    return 0


def _prepare(scratch: Path, kept: Path, seeds: list[bytes], words: tuple[bytes, ...]) -> list[str]:
    """Write what libFuzzer begins with; return the options that name it."""
    kept.mkdir(parents=True, exist_ok=True)
    folder = scratch / "seeds"
    folder.mkdir()
    for number, seed in enumerate(seeds):
        (folder / str(number)).write_bytes(seed)
    lines = ["".join(f"\\x{byte:02x}" for byte in word) for word in words]
    (scratch / "words").write_text("".join(f'"{line}"\n' for line in lines))
    options = [str(kept), str(folder), f"-artifact_prefix={scratch}{os.sep}"]
    return [*options, f"-dict={scratch / 'words'}"] if words else options


if __name__ == "__main__":
    sys.exit(main())
