"""Names and numbers of events, in one spelling."""

from __future__ import annotations

import re
from typing import Final

RUNS: Final = range(100_000, 200_000)
"""Run numbers of the complete detector; run 118,000 was in 2011, a year has some 1,500."""

PAIR = re.compile(r"(\d{5,9})_(\d{1,9})(?:_\d{1,3})?(?:\.amon)?", re.ASCII)
_TRACK = re.compile(r"(?:ICECUBE|IC)[-_. ]*(\d{6}[A-Z]?)", re.ASCII)
_CASCADE = re.compile(r"(?:ICECUBE|IC)[-_. ]*CASC(?:ADE)?[-_. ]*(\d{6}[A-Z])", re.ASCII)
_NU_EM = re.compile(r"NUEM[-_. ]*(\d{6}[A-Z])", re.ASCII)
SUPEREVENT = re.compile(r"(MS|TS|S|GW)(\d{6}[A-Z]{0,4})(?:-\d{1,4}(?:-[A-Z]{1,30})?)?", re.ASCII)


def run_event(first: int, second: int) -> str:
    """Return ``run_event`` of a pair that older sources write with the event first.

    The number that can be a run (`RUNS`) is the run; where both can, the first.

    Examples
    --------
    >>> run_event(71165249, 130949)
    '130949_71165249'
    >>> run_event(137840, 57034692)
    '137840_57034692'
    """
    if second in RUNS and first not in RUNS:
        first, second = second, first
    return f"{first}_{second}"


def normal_name(text: str) -> str | None:
    """Return the one spelling of an event's name or number, or ``None`` for anything else.

    Examples
    --------
    >>> normal_name("IC230416A"), normal_name("ICECUBE 230416a")
    ('IceCube-230416A', 'IceCube-230416A')
    >>> normal_name("IceCube-Cascade 220801A"), normal_name("137840_57034692_1")
    ('IceCubeCascade-220801a', '137840_57034692')
    >>> normal_name("IceCube-161210"), normal_name("ICECUBE-160427A")
    ('IceCube-161210', 'IceCube-160427A')
    >>> normal_name("s230914AK"), normal_name("S230914ak-2-Preliminary")
    ('S230914ak', 'S230914ak')
    >>> normal_name("IceCube")
    """
    pair = PAIR.fullmatch(text.strip())
    if pair is not None:
        return run_event(int(pair[1]), int(pair[2]))
    upper = text.strip().upper()
    for pattern, prefix, case in (
        (_CASCADE, "IceCubeCascade-", str.lower),
        (_TRACK, "IceCube-", str.upper),
        (_NU_EM, "NuEm-", str.upper),
    ):
        match = pattern.fullmatch(upper)
        if match is not None:
            return prefix + case(match[1])
    match = SUPEREVENT.fullmatch(upper)
    return None if match is None else match[1] + _suffix(match[1], match[2])


def _suffix(prefix: str, rest: str) -> str:
    """Spell what follows the prefix: ``S230914ak``, but ``GW170817A``."""
    return rest if prefix == "GW" else rest.lower()
