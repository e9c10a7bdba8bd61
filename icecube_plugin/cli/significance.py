"""``icecube-alerts significance``: what a p-value, a notice or a stored season means.

Numbers are p-values (with ``--sigma`` numbers of sigma). Files are single notices in any format
that an installed parser reads, JSON lines of records or notices, or the SQLite file of a sink,
known by its first bytes. Exit status 2 means that a value or a file is wrong; the one line on
stderr says which.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from icecube_hooks import (
    Alert,
    IceCubePluginError,
    Message,
    NoticeError,
    Record,
    Sided,
    Significance,
)
from icecube_plugin.alerts.words import UNCORRECTED, sigma_text
from icecube_plugin.significance import (
    GW_RATE_HIGH,
    STREAMS,
    Heard,
    PValueError,
    Rate,
    Season,
    SeasonEvent,
    assess_p,
    gw_run_of,
    p_from_sigma,
    post_trial_p,
    pre_trial_p,
    season,
    sigma_from_p,
    superseded,
)

if TYPE_CHECKING:
    from icecube_hooks.host import PluginSet
from ._common import configuration, folded, table

__all__ = ["add_arguments", "run"]

Row = tuple[str | None, Significance]
Plugins = Callable[[], "PluginSet"]

EXAMPLES: Final = """\
examples:
  icecube-alerts significance 0.0191
        one p-value: sigma, false-alarm rate
  icecube-alerts significance 0.0191 0.0549 --trials 100
        the same after 100 independent looks
  icecube-alerts significance 3 --sigma --trials 100
        the p-value of 3 sigma, and the one that a single look needs for it
  icecube-alerts significance notice.json
        what a notice says, by all its searches
  icecube-alerts significance archive.sqlite --json
        a stored season: every event, the two streams of GW events apart
"""
HEADER: Final = (
    "what", "p-value", "sigma", "trials", "p post", "sigma post", "FAR/yr", "verdict",
)  # fmt: skip
INVERSE_HEADER: Final = (
    "sigma", "p-value", "trials", "p post", "sigma post", "p needed", "sigma needed",
)  # fmt: skip
SEASON_HEADER: Final = ("event", "p", "q", "")
LONGEST_LIST: Final = 30
SQLITE_MAGIC: Final = b"SQLite format 3\0"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    parser.add_argument("p", nargs="+", metavar="P", help="p-values, or files")
    parser.add_argument(
        "--trials",
        type=float,
        metavar="N",
        help="independent looks, fixed beforehand; without, nothing is corrected and judged",
    )
    parser.add_argument(
        "--sided", choices=("one", "two"), default="one", help="convention of sigma (default one)"
    )
    parser.add_argument(
        "--rate",
        type=float,
        metavar="PER_YEAR",
        help="rate of looks per year of 365 days, for the false-alarm rate (default: "
        f"{GW_RATE_HIGH.per_year:g}, or for a notice that of its kind)",
    )
    parser.add_argument(
        "--searched",
        nargs=2,
        type=int,
        metavar=("N", "N_LOW"),
        help="how many significant and low-significance GW events were searched in the season",
    )
    parser.add_argument("--sigma", action="store_true", help="P are sigmas: give their p-values")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the answer; return 0, or 2 if a value or a file is wrong."""
    try:
        text = _inverse(args) if args.sigma else _forward(args)
    except IceCubePluginError as error:
        print(f"icecube-alerts significance: {error}", file=sys.stderr)
        return 2
    print(text)
    return 0


def _forward(args: argparse.Namespace) -> str:
    """Assess p-values and files."""
    sided = Sided(f"{args.sided}-sided")
    rows: list[Row] = []
    alerts: list[Alert] = []
    plugins = cache(lambda: _plugins(args))  # for files only
    for item in args.p:
        p = _number(item)
        if p is None:
            alerts += _read(Path(item), plugins)
        else:
            rows.append((None, _of_number(p, args, sided)))
    rows += _of_alerts(alerts, args, sided, plugins) if alerts else ()
    heard = {
        stream: season(alerts, stream=stream, n_searched=n, sided=sided)
        for stream, n in zip(STREAMS, args.searched or (None, None), strict=True)
    }
    n_events = sum(len(one.events) for one in heard.values())
    seasons = {stream: one for stream, one in heard.items() if one.events and n_events > 1}
    if args.json:
        return _json(rows, seasons)
    parts = [_table(rows)] if rows else ["no p-value and no false-alarm rate is stated"]
    lines = (_season_lines(stream, one) for stream, one in seasons.items())
    return "\n".join([*parts, *itertools.chain.from_iterable(lines)])


def _inverse(args: argparse.Namespace) -> str:
    """Answer which p-value a number of sigma is, and which one is needed before trials."""
    sided = Sided(f"{args.sided}-sided")
    answers = []
    for item in args.p:
        sigma = _number(item)
        if sigma is None:
            raise PValueError("expected a number of sigma", item)
        p = p_from_sigma(sigma, sided)
        n = 1.0 if args.trials is None else args.trials
        post, needed = post_trial_p(p, n), pre_trial_p(p, n)
        in_sigma = sigma_from_p(post, sided), sigma_from_p(needed, sided)
        answers.append((sigma, p, n, post, in_sigma[0], needed, in_sigma[1]))
    if args.json:
        names = [name.replace("-", "_").replace(" ", "_") for name in INVERSE_HEADER]
        found = [dict(zip(names, answer, strict=True)) for answer in answers]
        return json.dumps({"sided": sided.value, "results": found}, indent=2)
    one_look = args.trials in (None, 1)
    width = 2 if one_look else len(INVERSE_HEADER)  # one look: nothing to add
    cells = [tuple(f"{number:.6g}" for number in answer[:width]) for answer in answers]
    lines = [table(cells, INVERSE_HEADER[:width]), "", sided.value]
    if not one_look:
        lines += [
            "post: what is left after the trials",
            "needed: by a single look, to be worth sigma after the trials",
        ]
    return "\n".join(lines)


def _number(text: str) -> float | None:
    """Return `text` as a number; ``None`` if it names a file.

    Raises
    ------
    PValueError
        If it is neither.
    """
    try:
        return float(text)
    except ValueError:
        if Path(text).exists():
            return None
        raise PValueError("expected a p-value in [0, 1] or a file", text) from None


def _of_number(p: float, args: argparse.Namespace, sided: Sided) -> Significance:
    rate = GW_RATE_HIGH
    if args.rate is not None:
        rate = Rate(per_year=args.rate, what="looks", source="--rate")
    return assess_p(p, trials=args.trials, rate=rate, sided=sided, provider="command")


def _of_alerts(
    alerts: Sequence[Alert], args: argparse.Namespace, sided: Sided, get: Plugins
) -> Iterator[Row]:
    """Assess notices newly, as the configured providers do, with the options of this call."""
    from icecube_plugin.significance.provider import PROVIDER

    config = configuration(args)
    given: dict[str, Any] = {**config.significance.get(PROVIDER, {}), "sided": sided.value}
    if args.trials is not None:
        given |= {"trials": args.trials, "observed": None}
    if args.rate is not None:
        given |= dict.fromkeys(("gw_rate_high_per_year", "gw_rate_low_per_year"), args.rate)
    plugins = get()
    if PROVIDER in plugins.significances:
        plugins.configure({**config.significance, PROVIDER: given})
    old = superseded(alerts)
    for alert in alerts:
        mark = " (superseded)" if alert.notice_id in old else ""
        for found in plugins.assess(alert):
            yield f"{alert.notice_id}{mark}", found.replace(verdict=None) if mark else found


def _read(path: Path, plugins: Plugins) -> Iterator[Alert]:
    """Yield the alerts of a file."""
    if path.is_dir():
        raise _unreadable("is a folder: name its files, or a database or lines of ours", path)
    try:
        with path.open("rb") as file:
            is_sqlite = file.read(len(SQLITE_MAGIC)) == SQLITE_MAGIC
        yield from (
            _from_sqlite(path) if is_sqlite else _from_bytes(path, path.read_bytes(), plugins)
        )
    except (OSError, sqlite3.Error) as error:
        raise _unreadable(getattr(error, "strerror", None) or str(error), path) from error


def _from_sqlite(path: Path) -> Iterator[Alert]:
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as db:
        for (text,) in db.execute("SELECT record_json FROM records ORDER BY rowid"):
            yield _record(json.loads(text), path).alert


def _from_bytes(path: Path, data: bytes, plugins: Plugins) -> Iterator[Alert]:
    """Read one notice, or one record or notice per line."""
    lines = [line for line in data.splitlines() if line.strip()]
    objects = [_json_object(line) for line in lines]
    if not lines or None in objects:
        yield _parse(data, path, plugins)
        return
    for line, found in zip(lines, objects, strict=True):
        is_record = found is not None and {"alert", "message"} <= found.keys()
        yield _record(found, path).alert if is_record else _parse(line, path, plugins)


def _json_object(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _record(data: Any, path: Path) -> Record:
    try:
        return Record.from_dict(data)
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(f"not a record: {type(error).__name__}: {error}", path) from error


def _parse(data: bytes, path: Path, plugins: Plugins) -> Alert:
    return plugins().parse(Message(value=data, origin=str(path)))


def _plugins(args: argparse.Namespace) -> PluginSet:
    from icecube_plugin.host.plugins import configured_plugins

    return configured_plugins(configuration(args), block=("sink-*",))


def _unreadable(reason: str, path: Path) -> NoticeError:
    return NoticeError(reason).at(Message(value=b"", origin=str(path)))


def _json(rows: Iterable[Row], seasons: Mapping[str, Season]) -> str:
    results = [{"event": event, **significance.to_dict()} for event, significance in rows]
    summaries = {stream: _season_json(one) for stream, one in seasons.items()}
    return json.dumps({"results": results, "seasons": summaries}, indent=2)


def _season_json(total: Season) -> dict[str, Any]:
    events = [asdict(one) for one in total.events]
    best = None if total.best is None else total.best.to_dict()
    counted = ("n_events", "n_without", "n_searched", "n_superevents", "n_searches")
    names = (*counted, "coverage", "is_whole", "best_event")
    counts = ("threshold", "n_observed", "n_expected", "p_excess")
    values = {name: getattr(total, name) for name in (*names, *counts)}
    return {"events": events, "best": best, "heard": _heard_json(total.heard), **values}


def _heard_json(heard: Heard | None) -> dict[str, Any] | None:
    if heard is None:
        return None
    days = {name: getattr(heard, name) for name in ("n_events", "n_days", "n_days_with")}
    ends = {"start": heard.start.isoformat(), "stop": heard.stop.isoformat()}
    return {**ends, **days, "per_year": heard.per_year}


def _table(rows: Sequence[Row]) -> str:
    """Return the aligned table, and below it what applies to all its rows."""
    cells: list[tuple[str, ...]] = []
    for event, result in rows:
        what = result.quantity if event is None else f"{event} {result.quantity}"
        cells.append((what, *_cells(result)))
    results = [result for _, result in rows]
    is_long = len({event for event, _ in rows}) > 3  # what compares one alert would fill pages
    footnotes = [
        *_distinct(results, lambda r: (r.sided.value,)),
        *_distinct(results, lambda r: tuple(_trials(r))),
        *_distinct(results, lambda r: (f"FAR {r.far_source}",) if r.far_source else ()),
        *_distinct(results, lambda r: r.notes[: 1 if is_long and r.p_value is None else None]),
    ]
    return "\n".join([table(cells, HEADER), "", *map(folded, footnotes)])


def _cells(result: Significance) -> tuple[str, ...]:
    p = _shown(result.p_value, ".4g")
    return (
        f"{p} (limit)" if result.is_limit else p,
        _sigma(result.sigma),
        _shown(result.n_trials, ".6g"),
        _shown(result.p_value_post, ".4g"),
        _sigma(result.sigma_post),
        _shown(result.far_per_year, ".4g"),
        "-" if result.verdict is None else result.verdict.value,
    )


def _trials(result: Significance) -> Iterator[str]:
    source = result.trials_source
    if source is not None:
        yield source if source == UNCORRECTED else f"trials {source}"


def _sigma(sigma: float | None) -> str:
    return sigma_text(sigma).removesuffix(" sigma")


def _shown(number: float | None, form: str) -> str:
    return "-" if number is None else format(number, form)


def _distinct(
    results: Iterable[Significance], lines_of: Callable[[Significance], tuple[str, ...]]
) -> list[str]:
    """Return each line that any result has, once, in order."""
    return list(dict.fromkeys(line for result in results for line in lines_of(result)))


def _season_lines(stream: str, total: Season) -> Iterator[str]:
    """Yield the running list of a stream, and what may be said of all together."""
    yield f"\nseason of {stream} GW events: {total.coverage}"
    cells = [
        (one.event_key, f"{one.p_value:.4g}", _shown(one.q_value, ".3g"), _mark(one))
        for one in total.events[:LONGEST_LIST]
    ]
    if total.heard is not None:
        yield folded(_rate(stream, total, total.heard))
    yield table(cells, SEASON_HEADER)
    if len(total.events) > LONGEST_LIST:
        yield f"and {len(total.events) - LONGEST_LIST} more, less surprising"
    yield "p: the better search with the penalty for 2, before the trials of the season"
    best = total.best
    if not total.is_whole or best is None:
        yield f"not all searches are known to be heard: {UNCORRECTED}, no excess is stated"
        return
    yield f"best of {total.n_events}: p = {_shown(best.p_value_post, '.4g')}, {best.verdict}"
    yield f"below p = {total.threshold:g}: {total.n_observed} seen, {total.n_expected:.3g} expected"
    yield f"chance of as many or more: {_shown(total.p_excess, '.3g')}"


def _rate(stream: str, total: Season, heard: Heard) -> str:
    """Return the rate that was heard, beside that of the observing run."""
    run = gw_run_of(heard.stop)
    known = run.high if stream == STREAMS[0] else run.low
    bound = "" if total.is_whole else ", or more: what was not heard is missing"
    return f"{heard}{bound}; published: {known.per_year:g} ({known.source})"


def _mark(one: SeasonEvent) -> str:
    return "by circular only, not counted" if one.is_circular_only else ""
