"""From the bytes of real notices to an `Alert`, beside what people use today.

Read are the notices of a folder, by default that of the corpus beside the checkout. A way takes
part with the notices that it reads and of which it finds the values that we find; the time of ours
beside it is over the same notices. The ways take turns; times are CPU times of this thread.

Ours does more than each of them: it holds a notice's repeated statements together, finds
placeholders, keys stated twice and fields that nobody reads, and checks types, units and ranges.

Run it from the root of a checkout, with ``pip install -e '.[benchmark]'``::

    python -m tests.benchmarks.formats [--corpus FOLDER]
"""

# The peers are written as their users write, who check nothing and ignore types.
# mypy: ignore-errors
from __future__ import annotations

import argparse
import contextlib
import email.parser
import json
import math
import platform
import statistics
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import gcn.handlers
import hop.models
import lxml.etree
import msgspec
import orjson
import pydantic
import voeventparse

from icecube_hooks import Alert, Message, NoticeError
from icecube_plugin.notices import lvk, text, track, voevent

CORPUS: Final = Path(__file__).parents[3] / "shared" / "corpus"
ASTRO: Final = "WhereWhen/ObsDataLocation/ObservationLocation/AstroCoords"

Values = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """One way to read a format.

    Attributes
    ----------
    name : str
    read : callable
        What is timed.
    values : callable
        Takes what `read` gives to the values that are compared; not timed.
    """

    name: str
    read: Callable[[bytes], Any]
    values: Callable[[Any], Values]


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """A format, its notices in the folder, our way and those of others.

    Attributes
    ----------
    name : str
    files : tuple of str
        Patterns.
    goal_us : float
        What our way should take.
    ours : Way
    others : tuple of Way
    """

    name: str
    files: tuple[str, ...]
    goal_us: float
    ours: Way
    others: tuple[Way, ...]


def our_way(parse: Callable[[Message], Alert | None], values: Callable[[Alert], Values]) -> Way:
    return Way(name="ours", values=values, read=lambda value: parse(Message(value=value)))


def utc(text_: str) -> datetime:
    moment = datetime.fromisoformat(text_)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


# --- JSON ---------------------------------------------------------------------------------------


def of_track(alert: Alert) -> Values:
    place = alert.localization
    return {
        "ra": place.ra_deg,
        "dec": place.dec_deg,
        "energy": alert.energy_tev,
        "far": alert.far_hz,
        "time": alert.trigger_time,
    }


def of_track_data(data: Values) -> Values:
    return {
        "ra": data["ra"],
        "dec": data["dec"],
        "energy": data["nu_energy"],
        "far": data["far"],
        "time": utc(data["trigger_time"]),
    }


def of_search(alert: Alert) -> Values:
    return {
        "event": alert.gw.superevent_id,
        "p": (alert.p_value("generic"), alert.p_value("bayesian")),
        "time": alert.trigger_time,
        "dt": [event.delta_t_s for event in alert.coincident_events],
    }


def of_search_data(data: Values) -> Values:
    return {
        "event": data["ref_ID"],
        "p": (data["pval_generic"], data["pval_bayesian"]),
        "time": utc(data["trigger_time"]),
        "dt": [event["event_dt"] for event in data.get("coincident_events", ())],
    }


class TrackModel(pydantic.BaseModel):
    """What all versions have in common, and the newer fields."""

    event_name: list[str] | None = None
    id: list[str]
    alert_datetime: datetime
    alert_type: str
    alert_tense: str | None = None
    pipeline: str | None = None
    record_number: int | None = None
    ra: float = pydantic.Field(ge=0, le=360)
    dec: float = pydantic.Field(ge=-90, le=90)
    ra_dec_error: float | list[float] | None = None
    containment_probability: float
    systematic_included: bool
    healpix_url: str | None = None
    trigger_time: str
    nu_energy: float = pydantic.Field(gt=0)
    p_astro: float | None = None
    signalness: float | None = None
    far: float = pydantic.Field(gt=0)


class EventModel(pydantic.BaseModel):
    """A coincident event, its position beside it or in an object."""

    event_dt: float
    localization: dict[str, Any] | None = None
    ra: float | None = None
    dec: float | None = None
    id: list[str] | None = None
    event_pval_generic: float | None = None
    event_pval_bayesian: float | None = None


class SearchModel(pydantic.BaseModel):
    """A search around a gravitational wave."""

    reference: dict[str, str | int]
    ref_ID: str  # noqa: N815  # as the notice spells it
    alert_datetime: datetime | None = None
    trigger_time: str
    pval_generic: float | None
    pval_bayesian: float | None
    n_events_coincident: int
    coincident_events: list[EventModel] = []
    most_probable_direction: dict[str, float] | None = None


def json_ways(model: Any, of_data: Callable[[Values], Values]) -> tuple[Way, ...]:
    def of_model(found: Any) -> Values:
        return of_data(found.model_dump())

    return (
        Way(name="msgspec (untyped)", read=msgspec.json.decode, values=of_data),
        Way(name="orjson (untyped)", read=orjson.loads, values=of_data),
        Way(name="json.loads (untyped)", read=json.loads, values=of_data),
        Way(name="pydantic", read=model.model_validate_json, values=of_model),
        Way(name="json.loads, then pydantic", values=of_model,
            read=lambda value: model.model_validate(json.loads(value))),
        Way(name="hop-client JSONBlob (untyped)", values=lambda blob: of_data(blob.content),
            read=hop.models.JSONBlob.deserialize),
    )  # fmt: skip


# --- VOEvent ------------------------------------------------------------------------------------


def of_place(alert: Alert) -> Values:
    place = alert.localization
    return {"ra": place.ra_deg, "dec": place.dec_deg, "time": alert.trigger_time}


def voevent_parse(value: bytes) -> Values:
    """Read with voevent-parse's convenience functions."""
    event = voeventparse.loads(value, check_version=False)
    position = voeventparse.get_event_position(event)
    voeventparse.get_toplevel_params(event)
    voeventparse.get_grouped_params(event)
    moment = voeventparse.get_event_time_as_utc(event)
    return {"ra": position.ra, "dec": position.dec, "time": moment.replace(tzinfo=UTC)}


def pygcn_way(value: bytes) -> Values:
    """Read as a handler of pygcn does, that is given the root element."""
    root = lxml.etree.fromstring(value)
    gcn.handlers.get_notice_type(root)
    params = {p.attrib["name"]: p.attrib["value"] for p in root.findall("./What/Param")}
    return params and of_root(root)


def et_params(value: bytes) -> Values:
    """Read with ElementTree and a dictionary of the parameters."""
    root = ET.fromstring(value)  # noqa: S314  # a peer
    params = {p.get("name"): p.get("value") for p in root.iterfind("What/Param")}
    return params and of_root(root)


def of_root(root: Any) -> Values:
    return {
        "ra": float(root.find(f"./{ASTRO}/Position2D/Value2/C1").text),
        "dec": float(root.find(f"./{ASTRO}/Position2D/Value2/C2").text),
        "time": utc(root.find(f"./{ASTRO}/Time/TimeInstant/ISOTime").text),
    }


def of_hop_voevent(event: hop.models.VOEvent) -> Values:
    astro = event.WhereWhen["ObsDataLocation"]["ObservationLocation"]["AstroCoords"]
    value = astro["Position2D"]["Value2"]
    moment = utc(astro["Time"]["TimeInstant"]["ISOTime"])
    return {"ra": float(value["C1"]), "dec": float(value["C2"]), "time": moment}


XML_WAYS: Final = (
    Way(name="lxml.etree.fromstring alone", read=lxml.etree.fromstring, values=of_root),
    Way(name="pygcn's root and its README (4 fields)", read=pygcn_way, values=dict),
    Way(name="ElementTree (4 fields)", read=et_params, values=dict),
    Way(name="voevent-parse and its getters", read=voevent_parse, values=dict),
    Way(
        name="hop-client VOEvent (untyped)",
        read=hop.models.VOEvent.deserialize,
        values=of_hop_voevent,
    ),
)


# --- text ---------------------------------------------------------------------------------------


def partition_loop(value: bytes) -> Values:
    """Split the lines, and convert what is compared."""
    fields: Values = {}
    for line in value.decode(errors="replace").splitlines():
        key, colon, rest = line.partition(":")
        if colon and key not in fields:
            fields[key] = rest.strip()
    return of_text_fields(fields)


def of_text_fields(fields: Values) -> Values:
    found = {key.lower(): str(value) for key, value in fields.items()}
    written = found["discovery_date"].split()[4].replace("/", "-")
    clock = found["discovery_time"].partition("{")[2].partition("}")[0]
    return {
        "ra": float(found["src_ra"].partition("d")[0]),
        "dec": float(found["src_dec"].partition("d")[0]),
        "time": datetime.fromisoformat(f"20{written}T{clock}+00:00"),
    }


TEXT_WAYS: Final = (
    Way(name="partition loop (4 fields)", read=partition_loop, values=dict),
    Way(
        name="hop-client GCNTextNotice (untyped)",
        read=hop.models.GCNTextNotice.deserialize,
        values=lambda found: of_text_fields(found.fields),
    ),
    Way(
        name="email.parser (untyped)",
        read=lambda value: dict(email.parser.BytesParser().parsebytes(value)),
        values=of_text_fields,
    ),
)

FORMATS: Final = (
    Format(
        name="JSON, a search",
        files=("raw/LVK*.json", "json/*lvk*.json"),
        goal_us=25.0,
        ours=our_way(lvk.parse, of_search),
        others=json_ways(SearchModel, of_search_data),
    ),
    Format(
        name="JSON, a neutrino",
        files=("raw/GBJSON*.json", "json/*gold*.json", "json/nuztf*.json"),
        goal_us=15.0,
        ours=our_way(track.parse, of_track),
        others=json_ways(TrackModel, of_track_data),
    ),
    Format(
        name="text",
        files=("raw/*_0.txt", "text/*.txt"),
        goal_us=60.0,
        ours=our_way(text.parse, of_place),
        others=TEXT_WAYS,
    ),
    Format(
        name="VOEvent",
        files=("raw/*.xml", "voevent/*.xml"),
        goal_us=125.0,
        ours=our_way(voevent.parse, of_place),
        others=XML_WAYS,
    ),
)


# --- measuring ----------------------------------------------------------------------------------


def notices(corpus: Path, patterns: Sequence[str], way: Way) -> list[bytes]:
    """Return the notices of a folder that our way reads to a position or p-values."""
    found = []
    for path in sorted({path for pattern in patterns for path in corpus.glob(pattern)}):
        with contextlib.suppress(NoticeError, AttributeError):  # refused, or without a position
            way.values(way.read(path.read_bytes()))
            found.append(path.read_bytes())
    return found


def agrees(way: Way, mine: Way, value: bytes) -> bool:
    """Whether a way reads a notice, and finds the values that we find."""
    try:
        with contextlib.redirect_stdout(sys.stderr):  # peers print
            found = way.values(way.read(value))
    except Exception:  # noqa: BLE001  # what peers raise is their own matter
        return False
    expected = mine.values(mine.read(value))
    return all(same(found[name], one) for name, one in expected.items())


def same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-12)
    return bool(one == other)


def microseconds(ways: Sequence[Way], value: bytes, rounds: int, number: int) -> list[float]:
    """Return the least CPU time of each way [us], the ways in turns."""
    least = [math.inf] * len(ways)
    for _ in range(rounds):
        for place, way in enumerate(ways):
            read = way.read
            began = time.thread_time_ns()
            for _ in range(number):
                read(value)
            least[place] = min(least[place], (time.thread_time_ns() - began) / number / 1e3)
    return least


def report(what: Format, values: Sequence[bytes], rounds: int, number: int) -> bool:
    """Print the rows of a format; return whether ours takes no more than it should."""
    taken: dict[str, list[tuple[float, float]]] = {way.name: [] for way in what.others}
    mine = []
    for value in values:
        ways = [way for way in what.others if agrees(way, what.ours, value)]
        first, *rest = microseconds([what.ours, *ways], value, rounds, number)
        mine.append(first)
        for way, us in zip(ways, rest, strict=True):
            taken[way.name].append((us, first))
    median = statistics.median(mine)
    size = statistics.median(map(len, values))
    print(f"{what.name:17} ours {'':34} {len(mine):3} of {len(values):<3} {median:7.1f}")
    for name, pairs in taken.items():
        if pairs:
            us, own = (statistics.median(column) for column in zip(*pairs, strict=True))
            count = f"{len(pairs):3} of {len(values):<3}"
            print(f"{'':17} {name:39} {count} {us:7.1f} {own:7.1f} {us / own:7.2f}")
    met = median <= what.goal_us
    words = "met" if met else "missed"
    print(f"{'':17} {size:.0f} bytes; goal {what.goal_us:g} us: {words}\n")
    return met


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 1 if a goal is missed, 2 if there are no notices."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.formats")
    parser.add_argument("--corpus", type=Path, default=CORPUS, metavar="FOLDER")
    parser.add_argument("--rounds", type=int, default=15, metavar="N")
    parser.add_argument("--number", type=int, default=30, metavar="N", help="readings in a round")
    arguments = parser.parse_args(argv)
    print(f"CPU microseconds per notice, medians over notices of the least of {arguments.rounds}")
    print(f"rounds, Python {platform.python_version()}; values of all sides compared\n")
    head = ("notices", "us", "ours", "ratio")
    print(f"{'':57} {head[0]:>10} {head[1]:>7} {head[2]:>7} {head[3]:>7}")
    met = []
    for what in FORMATS:
        values = notices(arguments.corpus, what.files, what.ours)
        if not values:
            print(f"no notices in {arguments.corpus}", file=sys.stderr)
            return 2
        met.append(report(what, values, arguments.rounds, arguments.number))
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
