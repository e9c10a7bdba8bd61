"""``icecube-alerts near``: alerts near a transient, or before an alert, how often by chance."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from typing import Any, Final

from icecube_hooks import Alert, AlertKind, ConfigError, Direction, Significance
from icecube_plugin.alerts import group
from icecube_plugin.alerts.lookup import find
from icecube_plugin.alerts.words import clean, sigma_text, verdict_text
from icecube_plugin.host.times import moment
from icecube_plugin.significance import (
    ALERT_RATES,
    Coincidence,
    Multiplet,
    PValueError,
    coincidence,
    earlier_alert,
    multiplet,
)
from icecube_plugin.sky import separation_deg

from ._common import add_json, print_json, table
from ._records import add_kept, add_maps, maps_of, records_of

__all__ = ["add_arguments", "run"]

EXAMPLES: Final = """\
examples:
  icecube-alerts near --position 77.36 5.69 --time 2017-09-22T20:54Z --before 5 --after 5
        alerts near a transient, and how often one comes as near by chance
  icecube-alerts near --event IC230914A --before 365 --trials 30
        earlier alerts whose regions overlap that of an alert, and how often so many do

Position, time, window and kinds must have been chosen before looking at the alerts; --transients
says how many were tried. All alerts of the window must be among those that are kept.
"""

DAY_S: Final = 86_400.0
KINDS: Final = tuple(kind.value for kind in ALERT_RATES)
MOST: Final = 20
"""So many alerts are listed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    parser.add_argument(
        "sources", nargs="*", default=[], metavar="SOURCE", help="where the alerts are"
    )
    add = parser.add_argument
    add("--position", nargs=2, type=float, metavar=("RA", "DEC"), help="of a transient [deg, ICRS]")
    add("--time", metavar="TIME", help="of the transient: ISO, or 3d for so long ago")
    add("--event", metavar="EVENT", help="instead: an alert, for the earlier ones near it")
    add("--before", type=float, required=True, metavar="DAYS", help="how long before")
    add("--after", type=float, default=0.0, metavar="DAYS", help="how long after (default 0)")
    add("--kind", nargs="+", choices=KINDS, metavar="KIND", help=f"of {', '.join(KINDS)}")
    add("--min-signalness", type=float, default=0.0, metavar="S", help="only such alerts")
    add("--transients", type=float, metavar="N", help="transients that were tried, all of them")
    add("--trials", type=float, metavar="N", help="with --event: alerts that were looked at so")
    add_kept(parser)
    add_maps(parser)
    add_json(parser, "the numbers")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    is_event = arguments.event is not None
    if is_event == (arguments.position is not None and arguments.time is not None):
        raise ConfigError("expected either --event, or --position and --time")
    alerts = [record.alert for record in records_of(arguments)[0]]
    try:
        found = (_before if is_event else _around)(arguments, alerts)
    except PValueError as error:
        raise ConfigError(str(error)) from error
    print_json(found.data()) if arguments.json else print("\n".join(found.lines()))
    return 0


class _Around:
    """Alerts around a transient."""

    def __init__(self, found: Iterable[Coincidence]) -> None:
        self.found = list(found)

    def lines(self) -> Iterator[str]:
        if not self.found:
            yield "no alert in the window"
            return
        rows = [
            (
                _name(one.alert),
                one.alert.kind.value,
                f"{one.delta_t_s / DAY_S:+.3g}",
                f"{one.separation_deg:.2f}",
                {True: "yes", False: "no", None: "-"}[one.is_contained],
                f"{one.n_expected:.3g}",
            )
            for one in self.found[:MOST]
        ]
        header = ("ALERT", "KIND", "DAYS", "DEG AWAY", "INSIDE", "EXPECTED BY CHANCE")
        yield table(rows, header)
        if len(self.found) > MOST:
            yield f"and {len(self.found) - MOST} more, farther away"
        yield ""
        yield from _judged(self.found[0].significance, f"one as near as {rows[0][0]}")

    def data(self) -> list[dict[str, Any]]:
        return [_data(one) for one in self.found]


class _Before:
    """Alerts before another one: those that overlap it, and the nearest."""

    def __init__(self, alert: Alert, overlapping: Multiplet, nearest: Coincidence | None) -> None:
        self.alert, self.overlapping, self.nearest = alert, overlapping, nearest

    def lines(self) -> Iterator[str]:
        alerts, place = self.overlapping.alerts, self.alert.localization
        rows = [
            (_name(one), one.kind.value, f"{separation_deg(one.localization, place):.2f}")
            for one in alerts[:MOST]
            if one.localization is not None and place is not None
        ]
        yield table(rows, ("OVERLAPS", "KIND", "DEG AWAY")) if rows else "no earlier one overlaps"
        yield ""
        yield f"expected to overlap by chance: {self.overlapping.n_expected:.3g}"
        if self.overlapping.significance is not None:
            found = self.overlapping.significance
            yield from _judged(found, found.quantity)
        if self.nearest is not None:
            apart = f"{self.nearest.separation_deg:.2f} deg away"
            yield f"the nearest earlier one is {_name(self.nearest.alert)}, {apart}"
            yield from _judged(self.nearest.significance, "one as near")

    def data(self) -> dict[str, Any]:
        result = self.overlapping.significance
        return {
            "event": self.alert.event_key,
            "overlapping": [one.event_key for one in self.overlapping.alerts],
            "n_expected": self.overlapping.n_expected,
            "significance": None if result is None else result.to_dict(),
            "nearest": None if self.nearest is None else _data(self.nearest),
        }


def _around(arguments: argparse.Namespace, alerts: list[Alert]) -> _Around:
    ra_deg, dec_deg = arguments.position
    found = coincidence(
        Direction(ra_deg=ra_deg, dec_deg=dec_deg),
        moment(arguments.time),
        alerts,
        before_s=arguments.before * DAY_S,
        after_s=arguments.after * DAY_S,
        kinds=map(AlertKind, arguments.kind or KINDS),
        min_signalness=arguments.min_signalness,
        transients=arguments.transients,
        areas=maps_of(arguments).area,
        provider="command",
    )
    return _Around(found)


def _before(arguments: argparse.Namespace, alerts: list[Alert]) -> _Before:
    event = find(group(alerts), arguments.event)
    if event is None:
        raise ConfigError(f"no event {clean(arguments.event)!r}", key="--event")
    shared: dict[str, Any] = {
        "window_s": arguments.before * DAY_S,
        "areas": maps_of(arguments).area,
        "trials": arguments.trials,
        "provider": "command",
    }
    if arguments.kind:
        shared["kinds"] = [AlertKind(kind) for kind in arguments.kind]
    overlapping = multiplet(event.known, alerts, **shared)
    if overlapping is None:
        raise ConfigError(f"{clean(arguments.event)!r} states no position or time", key="--event")
    return _Before(event.known, overlapping, earlier_alert(event.known, alerts, **shared))


def _judged(found: Significance, what: str) -> Iterator[str]:
    """Yield the chance, after the trials that are stated, and what goes with it."""
    is_after = found.p_value_post is not None
    p, sigma = (found.p_value_post, found.sigma_post) if is_after else (found.p_value, found.sigma)
    after = f" ({found.trials_source})" if is_after else ""
    yield f"chance of {what}{after}: {p:.3g} ({sigma_text(sigma)}, {found.sided})"
    yield verdict_text(found) if found.verdict is None else f"verdict: {verdict_text(found)}"
    yield from found.notes


def _name(alert: Alert) -> str:
    return clean(next(iter(alert.event_names), None) or str(alert.event_key), 60)


def _data(one: Coincidence) -> dict[str, Any]:
    return {
        "event": one.alert.event_key,
        "kind": one.alert.kind.value,
        "delta_t_s": one.delta_t_s,
        "separation_deg": one.separation_deg,
        "is_contained": one.is_contained,
        "n_expected": one.n_expected,
        "significance": one.significance.to_dict(),
    }
