"""Feeds a target, and holds every answer against the limits on time and memory.

Time is CPU time of the thread; an input that takes too long is tried twice more, and the fastest
counts. Memory is the peak of the whole process above what it had before the first input, older
peaks forgotten (on Linux): while that stays below the limit, no input can have taken more.
"""

from __future__ import annotations

import contextlib
import gc
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .targets import Target, Wrong

__all__ = ["MEMORY_MB", "SLOWEST_S", "Tally", "fuzz", "longest_of", "mutants"]

SLOWEST_S: Final = 0.05
MEMORY_MB: Final = 50.0
LONGEST: Final = 16_384
"""Longest input [bytes], or twice the longest seed; larger ones are for the table of attacks."""


def forget_peak() -> None:
    """Let the peak begin again at what this process has now, where the system can (Linux)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_mb() -> float:
    """Return the most memory that this process has had [MB]."""
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


@dataclass(slots=True)
class Tally:
    """What became of the inputs of one target."""

    target: Target
    inputs: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0
    slowest: bytes = b""
    before_mb: float = 0.0

    def feed(self, data: bytes) -> None:
        """Run the target once.

        Raises
        ------
        Exception
            Whatever it raises, or `Wrong` for too much time or memory.
        """
        if not self.inputs:
            self.target.run(data)  # imports what is imported late
            forget_peak()
            self.before_mb = peak_mb()
        self.inputs += 1
        began = time.thread_time()
        answer = self.target.run(data)
        spent = time.thread_time() - began
        if spent > SLOWEST_S:
            spent = min(spent, *(self._again(data) for _ in range(2)))
        if spent > self.slowest_s:
            self.slowest_s, self.slowest = spent, data
        self.answers[answer] += 1
        if self.memory_mb > MEMORY_MB:
            raise Wrong(f"took {self.memory_mb:.0f} MB")
        if spent > SLOWEST_S:
            raise Wrong(f"took {1e3 * spent:.0f} ms")

    def _again(self, data: bytes) -> float:
        gc.collect()
        began = time.thread_time()
        self.target.run(data)
        return time.thread_time() - began

    @property
    def memory_mb(self) -> float:
        """Peak of memory above what there was before the first input [MB]."""
        return peak_mb() - self.before_mb

    def __str__(self) -> str:
        answers = ", ".join(f"{count} {name}" for name, count in sorted(self.answers.items()))
        slowest = f"slowest {1e3 * self.slowest_s:.1f} ms ({len(self.slowest)} bytes)"
        memory = f"memory +{self.memory_mb:.0f} MB"
        return f"{self.target.name}: {self.inputs} inputs: {answers}; {slowest}; {memory}"


def longest_of(seeds: Sequence[bytes]) -> int:
    """Return how long inputs may become [bytes]."""
    return max(LONGEST, 2 * max(map(len, seeds)))


def mutants(seeds: Sequence[bytes], words: Sequence[bytes], seed: int) -> Iterator[bytes]:
    """Yield changed seeds, for ever: the same for the same `seed`."""
    chance = random.Random(seed)  # noqa: S311  # to repeat a run
    longest = longest_of(seeds)
    while True:
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.choice((1, 1, 2, 3, 8))):
            _change(data, seeds, words, chance)
        yield bytes(data[:longest])


def _change(
    data: bytearray, seeds: Sequence[bytes], words: Sequence[bytes], chance: random.Random
) -> None:
    """Change a place: a bit, a byte, a cut, a repetition, a word, a piece of another seed."""
    place = chance.randrange(len(data) + 1)
    end = min(len(data), place + chance.choice((1, 1, 2, 4, 16, 64)))
    way = chance.randrange(6)
    if way == 0 and place < len(data):
        data[place] ^= 1 << chance.randrange(8)
    elif way == 1:
        data[place:end] = chance.randbytes(end - place)
    elif way == 2:
        del data[place:end]
    elif way == 3:
        data[place:place] = data[place:end] * chance.choice((1, 2, 30))
    elif way == 4 and words:
        data[place : chance.choice((place, end))] = chance.choice(words)
    else:
        other = chance.choice(seeds)
        start = chance.randrange(len(other) + 1)
        data[place:end] = other[start : start + chance.choice((4, 30, 200))]


def fuzz(target: Target, *, runs: int, seconds: float = float("inf"), seed: int = 0) -> Tally:
    """Feed seeds and mutants until one limit is reached; the first find is raised."""
    tally = Tally(target)
    seeds = target.seeds()
    until = time.monotonic() + seconds
    for data in seeds:
        tally.feed(data)
    for data in mutants(seeds, target.words, seed):
        if tally.inputs >= runs or time.monotonic() >= until:
            return tally
        try:
            tally.feed(data)
        except Exception as error:
            error.add_note(f"{target.name}: {data!r}")
            raise
    return tally
