"""The summary of a record that a person on shift reads.

Conventions
-----------
- Those of `icecube_plugin.alerts.words`; what is not stated is left out, or a dash in a table.
- Rates per year of 365 days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Final

from icecube_hooks import (
    Alert,
    AlertKind,
    CoincidentEvent,
    Concern,
    Direction,
    Localization,
    Record,
    Significance,
    Status,
)
from icecube_plugin.alerts.headline import RATE
from icecube_plugin.alerts.words import (
    FALSE_ALARMS,
    NOT_STATED,
    RETRACTED,
    SIGNALNESS,
    clean,
    containment_text,
    heading,
    limited,
    number_text,
    region_text,
    sexagesimal,
    sigma_text,
    systematics_text,
    tense_word,
    time_text,
    verdict_text,
)
from icecube_plugin.sky import circularised_radius_deg

__all__ = ["LABEL_WIDTH", "Paint", "Tone", "plain", "row", "summary"]

LABEL_WIDTH: Final = 12


class Tone(StrEnum):
    """What a piece of the summary is, for whoever colours it."""

    TITLE = "title"
    ALARM = "alarm"
    DOUBT = "doubt"
    ASIDE = "aside"


Paint = Callable[[str, Tone], str]


def plain(text: str, tone: Tone) -> str:
    """Paint nothing."""
    del tone
    return text


def summary(record: Record, paint: Paint = plain) -> str:
    """Return the lines that describe `record`, ending with a newline.

    Parameters
    ----------
    record : Record
    paint : callable
        ``paint(text, tone) -> text`` may add colour.
    """
    return "".join(f"{line.rstrip()}\n" for line in _lines(record, paint))


def _lines(record: Record, paint: Paint) -> Iterator[str]:
    alert = record.alert
    yield paint(_title(alert), Tone.TITLE)
    if not alert.is_real:
        yield paint(f"*** {tense_word(alert).upper()}: NOT A REAL EVENT ***", Tone.ALARM)
    if alert.status is Status.RETRACTION:
        yield paint(f"*** {RETRACTED} ***", Tone.ALARM)
    yield from _when(alert)
    yield from _gravitational_wave(alert)
    yield from _where(alert)
    yield from _what(alert)
    yield from _coincident(alert.coincident_events)
    yield from _assessed(record.significances)
    for comment in alert.comments:
        yield row("comment", clean(comment))
    for doubt in alert.concerns:
        yield paint(row("concern", _doubt(doubt)), Tone.DOUBT)
    yield paint(row("record", clean(record.id)), Tone.ASIDE)


def _title(alert: Alert) -> str:
    names = " ".join(clean(name, 80) for name in alert.event_names)
    superevent = alert.gw.superevent_id if alert.gw is not None else None
    name = names or clean(superevent or alert.event_key or "without a name")
    revision = "" if alert.revision is None else f"revision {alert.revision}"
    parts = (heading(alert.kind), name, revision, alert.status or "", f"({alert.format})")
    return "  ".join(part for part in parts if part)


def _when(alert: Alert) -> Iterator[str]:
    notice = "" if alert.notice_time is None else f"notice {time_text(alert.notice_time)}"
    if alert.trigger_time is not None:
        trigger = f"{time_text(alert.trigger_time)} UTC"
        yield row("time", f"{trigger}  ({notice})" if notice else trigger)
    elif notice:
        yield row("time", f"{notice} UTC")
    if alert.run_id is not None and alert.event_id is not None:
        yield row("run, event", f"{alert.run_id}, {alert.event_id}")


def _where(alert: Alert) -> Iterator[str]:
    if alert.localization is not None:
        yield row("position", _position(alert.localization))
        yield from _error(alert.localization)
    elif alert.kind is not AlertKind.LVK_SEARCH:
        yield row("position", NOT_STATED)
    if alert.most_probable_direction is not None:
        yield row("most likely", _position(alert.most_probable_direction))


def _position(place: Direction | Localization) -> str:
    degrees = f"RA {place.ra_deg:.4f} deg  Dec {place.dec_deg:+.4f} deg"
    return f"{degrees}  =  {sexagesimal(place.ra_deg, place.dec_deg)}  J2000"


def _error(place: Localization) -> Iterator[str]:
    region = region_text(place)
    if region:
        about = (region, containment_text(place.containment), systematics_text(place))
        yield row("error", ", ".join(part for part in about if part))
    if place.error_radius_50_deg is not None:
        radius = f"radius {place.error_radius_50_deg:.4g} deg"
        yield row("error", f"{radius}, {containment_text(0.5)}")
    for url in (place.skymap_fits_url, place.skymap_png_url):
        if url is not None:
            yield row("sky map", clean(url))


def _what(alert: Alert) -> Iterator[str]:
    if alert.energy_tev is not None:
        yield row("energy", f"{alert.energy_tev:.4g} TeV")
    if alert.charge_pe is not None:
        yield row("charge", f"{alert.charge_pe:.6g} photo-electrons")
    if alert.signal_trackness is not None:
        yield row("trackness", f"{alert.signal_trackness:.3g}")
    if alert.signalness is not None:
        yield row("signalness", f"{alert.signalness:.3g} ({SIGNALNESS})")
    if alert.far_per_year is not None:
        yield row("false alarms", f"{alert.far_per_year:.4g} {FALSE_ALARMS}")
    if alert.p_values:
        searches = (f"{clean(p.search)} {number_text(p.value)}" for p in alert.p_values)
        yield row("p-values", "   ".join(searches))


def _gravitational_wave(alert: Alert) -> Iterator[str]:
    if alert.gw is not None:
        number = None if alert.gw.notice_number is None else f"notice {alert.gw.notice_number}"
        parts = (alert.gw.superevent_id, number, alert.gw.notice_type)
        yield row("GW event", "  ".join(clean(part) for part in parts if part))
    if alert.observation_start is not None and alert.observation_stop is not None:
        start, stop = time_text(alert.observation_start), time_text(alert.observation_stop)
        yield row("searched", f"{start} to {stop} UTC")
    if alert.flux_sensitivity is not None:
        flux = alert.flux_sensitivity
        span = f"{flux.low_gev_cm2:.3g} to {flux.high_gev_cm2:.3g} GeV cm^-2 (E^2 dN/dE)"
        yield row("sensitivity", span)
    if alert.n_coincident is not None:
        yield row("coincident", f"{alert.n_coincident} neutrino(s)")


def _coincident(neutrinos: Iterable[CoincidentEvent]) -> Iterator[str]:
    head = ("#", "dt [s]", "RA [deg]", "Dec [deg]", "error", "p generic", "p bayesian")
    rows = [_coincident_cells(number, one) for number, one in enumerate(neutrinos, start=1)]
    for row in (head, *rows) if rows else ():
        cells = zip(row, (3, 9, 9, 9, 16, 10, 10), strict=True)
        yield "  " + " ".join(cell.rjust(width) for cell, width in cells)


def _coincident_cells(number: int, neutrino: CoincidentEvent) -> tuple[str, ...]:
    place = neutrino.localization
    error = "-"
    radius_deg = None if place is None else circularised_radius_deg(place)
    if place is not None and radius_deg is not None:
        part = "" if place.containment is None else f" ({100 * place.containment:.4g} %)"
        error = f"{radius_deg:.3g} deg{part}"
    return (
        str(number),
        "-" if neutrino.delta_t_s is None else f"{neutrino.delta_t_s:+.2f}",
        "-" if place is None else f"{place.ra_deg:.4f}",
        "-" if place is None else f"{place.dec_deg:+.4f}",
        error,
        number_text(neutrino.p_value("generic")),
        number_text(neutrino.p_value("bayesian")),
    )


def _assessed(significances: Iterable[Significance]) -> Iterator[str]:
    """Say what providers found, and at the end their notes, each once."""
    notes: dict[str, None] = {}
    for one in significances:
        notes |= dict.fromkeys(one.notes)
        if one.quantity == RATE:  # which the alert's own lines quote; older records judge it
            continue
        before = _p(one, one.p_value, one.sigma)
        verdict = verdict_text(one) if one.verdict is None else f"verdict: {verdict_text(one)}"
        yield row("significance", f"{clean(one.quantity)}, {one.sided}: {before}, {verdict}")
        for text in _after_trials(one):
            yield row("", text)
    for note in notes:
        yield row("note", clean(note))


def _after_trials(one: Significance) -> Iterator[str]:
    if one.p_value_post is not None and one.n_trials != 1:
        trials = "trials" if one.n_trials is None else f"{one.n_trials:.6g} trials"
        value = _p(one, one.p_value_post, one.sigma_post)
        yield f"after {trials}{_source(one.trials_source)}: {value}"
    if one.far_per_year is not None:
        yield f"{limited(one, one.far_per_year)} per year by chance{_source(one.far_source)}"


def _source(words: str | None) -> str:
    return "" if words is None else f" ({clean(words)})"


def _doubt(doubt: Concern) -> str:
    taken = "left unstated" if doubt.taken is None else f"taken as {clean(doubt.taken, 80)}"
    return f"{clean(doubt.field, 80)} '{clean(doubt.found, 80)}' {taken}: {clean(doubt.why)}"


def _p(one: Significance, value: float | None, sigma: float | None) -> str:
    return f"p {limited(one, value)}" + ("" if sigma is None else f" ({sigma_text(sigma)})")


def row(label: str, text: str) -> str:
    """Return a line with its label."""
    return f"  {label.ljust(LABEL_WIDTH)} {text}"
