"""Write `icecube_plugin/significance/_icecat1_data.py`: what IceCat-1 says, in a few numbers.

Run as ``python tests/make_icecat1.py CATALOGUE.csv``, with the catalogue as IceCube published it
(IceCat-1, Abbasi et al., ApJS 269 (2023) 25, doi:10.7910/DVN/SCRUCD). Counts and a smooth density
are written, no row of the catalogue.

The density over s = sin(declination) is a sum of normal curves, one an alert, of width
0.03 (200 / n)^(1/5), mirrored at the poles, and one alert more that is spread over the whole sky:
nowhere is it 0. The width is less than the step at the horizon, across which the density of bronze
alerts grows tenfold.
"""

from __future__ import annotations

import csv
import itertools
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

TARGET = Path(__file__).parent.parent / "icecube_plugin/significance/_icecat1_data.py"
FARS = (0.1, 0.13, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0)
SIGNALNESSES = (0.0, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
THRESHOLDS = {"gold": (0.0, 0.3, 0.5), "bronze": (0.0, 0.3)}
KNOTS = 41
SIZES = 20
HEAD = '''"""IceCat-1 in a few numbers, made by ``tests/make_icecat1.py``; see there.

The track alerts of IceCat-1 (Abbasi et al., ApJS 269 (2023) 25, doi:10.7910/DVN/SCRUCD, with its
later releases): what the present selection of gold and bronze gives since {first:%Y-%m-%d}, until
{last:%Y-%m-%d}.
"""

from __future__ import annotations

from typing import Final

YEARS: Final = {years}
"""Of 365 days, from the first alert to the last."""

KINDS: Final = ("gold", "bronze")
'''


class Entry(NamedTuple):
    """One alert."""

    time: datetime
    kind: str
    far_per_year: float
    signalness: float
    sin_dec: float
    radius_deg: float


def read(path: Path) -> list[Entry]:
    """Return the alerts of the catalogue, by time."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["NAME"] not in ("", "NAME")]
    entries = [
        Entry(
            time=datetime.fromisoformat(row["START"][:19]),
            kind="gold" if "gold" in row["I3TYPE"] else "bronze",
            far_per_year=float(row["FAR"]),
            signalness=float(row["SIGNAL"]),
            sin_dec=math.sin(math.radians(float(row["DEC"]))),
            radius_deg=radius_deg(row),
        )
        for row in rows
    ]
    return sorted(entries)


def radius_deg(row: Mapping[str, str]) -> float:
    """Return the radius of the circle with the area of the box that a row states [deg]."""
    dec, low, high = (float(row[name]) for name in ("DEC", "DEC_ERR_MINUS", "DEC_ERR_PLUS"))
    south, north = (math.sin(math.radians(x)) for x in (max(dec - low, -90), min(dec + high, 90)))
    width = math.radians(float(row["RA_ERR_MINUS"]) + float(row["RA_ERR_PLUS"]))
    return math.degrees(2 * math.asin(math.sqrt(width * (north - south) / (4 * math.pi))))


def radii(values: Iterable[float]) -> list[float]:
    """Return the root mean square of each of `SIZES` equal parts, by size."""
    ranked = sorted(values)
    edges = [round(n * len(ranked) / SIZES) for n in range(SIZES + 1)]
    parts = [ranked[a:b] for a, b in itertools.pairwise(edges)]
    return [math.sqrt(math.fsum(r * r for r in part) / len(part)) for part in parts]


def counts(
    entries: Sequence[Entry], limits: Iterable[float], column: str
) -> list[tuple[float, ...]]:
    """Return (limit, gold, bronze): alerts with at most that FAR, or at least that signalness."""
    sign = 1 if column == "far_per_year" else -1
    return [
        (
            limit,
            *(
                sum(e.kind == kind and sign * getattr(e, column) <= sign * limit for e in entries)
                for kind in ("gold", "bronze")
            ),
        )
        for limit in limits
    ]


def density(sines: Sequence[float]) -> list[float]:
    """Return the density at equal steps of sin(declination), 1 on average."""
    n = len(sines)
    width = 0.03 * (200 / n) ** 0.2
    mirrored = [m for s in sines for m in (s, 2 - s, -2 - s)]
    found = []
    for knot in range(KNOTS):
        at = -1 + 2 * knot / (KNOTS - 1)
        curve = math.fsum(math.exp(-0.5 * ((at - s) / width) ** 2) for s in mirrored)
        found.append(2 * curve / (width * math.sqrt(2 * math.pi)) + 1)
    whole = (math.fsum(found) - (found[0] + found[-1]) / 2) / (KNOTS - 1)
    return [value / whole for value in found]


def share_of_sky(radius_deg: float) -> float:
    """Return which share of the sky a circle is."""
    return math.sin(math.radians(radius_deg) / 2) ** 2


def share_in_circle(sines: Sequence[float], dec_deg: float, radius_deg: float) -> float:
    """Return which share of alerts a circle would hold, whatever its right ascension."""
    total = 0.0
    for s in sines:
        apart = math.radians(dec_deg) - math.asin(s)
        across = math.cos(math.radians(dec_deg)) * math.sqrt(1 - s * s)
        room = (share_of_sky(radius_deg) - math.sin(apart / 2) ** 2) / across
        total += 2 * math.asin(math.sqrt(min(max(room, 0.0), 1.0))) / math.pi
    return total / len(sines)


def text(entries: Sequence[Entry]) -> str:
    """Return the module."""
    first, last = entries[0].time, entries[-1].time
    years = round((last - first).total_seconds() / (365 * 86_400), 2)
    parts = [HEAD.format(first=first, last=last, years=years)]
    for name, what, limits in (
        ("far_per_year", "at most that false-alarm rate [1/yr]", FARS),
        ("signalness", "at least that signalness", SIGNALNESSES),
    ):
        rows = "".join(f"    {row},\n" for row in counts(entries, limits, name))
        title = f"{name.upper()}: Final = (\n{rows})\n"
        parts.append(f'{title}"""Limit, and how many gold and bronze alerts have {what}."""\n')
    parts.append("DENSITY: Final = {\n")
    for kind, thresholds in THRESHOLDS.items():
        for least in thresholds:
            mine = [e.sin_dec for e in entries if e.kind == kind and e.signalness >= least]
            numbers = [f"{value:.3f}" for value in density(mine)]
            lines = [" ".join(numbers[i : i + 12]) for i in range(0, KNOTS, 12)]
            body = "".join(f"        {line + ' '!r}\n" for line in lines)
            parts.append(f"    # {len(mine)} alerts\n    ({kind!r}, {least}): (\n{body}    ),\n")
    parts.append(
        '}\n"""By kind and least signalness: density relative to isotropy at equal steps of\n'
        'sin(declination) from -1 to 1; straight between them."""\n'
    )
    whole = "\n".join(parts[:-1]).replace("{\n\n", "{\n").replace("),\n\n", "),\n") + parts[-1]
    return (whole + sizes(entries)).replace("'", '"')


def sizes(entries: Sequence[Entry]) -> str:
    """Return the part of the module about the sizes of regions."""
    rows = []
    for kind in THRESHOLDS:
        numbers = [f"{r:.2f}" for r in radii(e.radius_deg for e in entries if e.kind == kind)]
        halves = numbers[: SIZES // 2], numbers[SIZES // 2 :]
        body = "".join(f"        {' '.join(half) + ' '!r}\n" for half in halves)
        rows.append(f"    {kind!r}: (\n{body}    ),\n")
    title = f"RADII_DEG: Final = {{\n{''.join(rows)}}}\n"
    return (
        f'\n{title}"""By kind: sizes of 90 % regions, each of as many alerts, rising [deg]: root\n'
        'mean squares of the radii of circles with the area of the stated box."""\n'
    )


if __name__ == "__main__":
    TARGET.write_text(text(read(Path(sys.argv[1]))), encoding="utf-8")
