"""The summary of a record that a person on shift reads.

Conventions
-----------
- Those of `icecube_plugin.alerts.words`; what is not stated is left out, or a dash in a table.
- Rates per year of 365 days.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Final, NamedTuple

from icecube_hooks import (
    Alert,
    Annotation,
    CoincidentEvent,
    Concern,
    Direction,
    GWCandidate,
    Localization,
    Record,
    Significance,
    Status,
)
from icecube_plugin.alerts.headline import RATE, headline, place_text
from icecube_plugin.alerts.waves import OF_WAVES, external_text, gw_text, shares_text
from icecube_plugin.alerts.words import (
    FALSE_ALARMS,
    NOT_STATED,
    RETRACTED,
    SIGNALNESS,
    clean,
    containment_text,
    error_text,
    heading,
    limited,
    notice_label,
    number_text,
    plural,
    said_by,
    sexagesimal,
    sigma_text,
    tense_word,
    time_text,
    verdict_text,
)

__all__ = ["Facts", "Line", "Paint", "Tone", "facts", "plain", "summary"]

LABEL_WIDTH: Final = 12


class Tone(StrEnum):
    """What a piece of the summary is, for whoever colours it."""

    TITLE = "title"
    ALARM = "alarm"
    FACT = "fact"
    DOUBT = "doubt"
    ASIDE = "aside"


class Line(NamedTuple):
    """One line: what it is about, and what there is to say; an alarm has no label."""

    label: str
    text: str
    tone: Tone = Tone.FACT


class Facts(NamedTuple):
    """All lines of a record, in the order of what decides.

    Attributes
    ----------
    alarms : list of Line
        That it is no real event, or withdrawn.
    deciding : list of Line
        Where, how sure, what, when.
    rest : list of Line
        Whatever else is known.
    """

    alarms: list[Line]
    deciding: list[Line]
    rest: list[Line]


Paint = Callable[[str, Tone], str]


def plain(text: str, tone: Tone) -> str:
    """Paint nothing."""
    del tone
    return text


def summary(record: Record, paint: Paint = plain, width: int | None = None) -> str:
    """Return the lines that describe `record`, ending with a newline; the headline is the first.

    Parameters
    ----------
    record : Record
    paint : callable
        ``paint(text, tone) -> text`` may add colour.
    width : int, optional
        Characters of the screen; longer lines go on below their beginning.
    """
    alarms, deciding, rest = facts(record)
    lines = (Line("", headline(record), Tone.TITLE), *alarms, *deciding, *rest)
    laid = ((text, line.tone) for line in lines for text in _laid_out(line, width))
    return "".join(f"{paint(text, tone) if tone != Tone.FACT else text}\n" for text, tone in laid)


def _laid_out(line: Line, width: int | None) -> list[str]:
    label = f"  {line.label.ljust(LABEL_WIDTH)} " if line.tone in _LABELLED else ""
    whole = f"{label}{line.text}".rstrip()
    if width is None or len(whole) <= width:
        return [whole]
    return textwrap.wrap(
        line.text,
        max(width, 40),
        initial_indent=label,
        subsequent_indent=" " * len(label),
        break_long_words=False,
        break_on_hyphens=False,
    )


_LABELLED: Final = (Tone.FACT, Tone.DOUBT, Tone.ASIDE)


def facts(record: Record) -> Facts:
    """Return what there is to say of a record."""
    alert = record.alert
    return Facts(
        alarms=[Line("", f"*** {text} ***", Tone.ALARM) for text in _alarms(alert)],
        deciding=[
            *_where(alert),
            *_what(alert),
            *_coincident(alert.coincident_events),
            *_when(alert),
        ],
        rest=[
            *_gravitational_wave(alert),
            *_assessed(record.significances),
            *(Line("added", _added(one)) for one in record.annotations),
            *_which(alert),
            *_sky_maps(alert),
            *(Line("comment", clean(comment)) for comment in alert.comments),
            *(Line("concern", _doubt(doubt), Tone.DOUBT) for doubt in alert.concerns),
            Line("record", clean(record.id), Tone.ASIDE),
        ],
    )


def _alarms(alert: Alert) -> Iterator[str]:
    if not alert.is_real:
        yield f"{tense_word(alert).upper()}: NOT A REAL EVENT"
    if alert.status is Status.RETRACTION:
        yield RETRACTED


def _when(alert: Alert) -> Iterator[Line]:
    notice = "" if alert.notice_time is None else f"notice {time_text(alert.notice_time)}"
    if alert.trigger_time is not None:
        trigger = f"{time_text(alert.trigger_time)} UTC"
        yield Line("time", f"{trigger} ({notice})" if notice else trigger)
    elif notice:
        yield Line("time", f"{notice} UTC")


def _which(alert: Alert) -> Iterator[Line]:
    names = ", ".join(clean(name, 80) for name in alert.event_names)
    kind = heading(alert.kind)
    yield Line("event", f"{kind} {names}" if names else kind)
    if alert.run_id is not None and alert.event_id is not None:
        yield Line("run, event", f"{alert.run_id}, {alert.event_id}")
    status = "" if alert.status is None else f", {alert.status}"
    yield Line("notice", f"{notice_label(alert)}{status} ({alert.format})")


def _where(alert: Alert) -> Iterator[Line]:
    if alert.localization is not None:
        yield Line("position", _position(alert.localization))
        yield from _error(alert.localization)
    elif alert.kind not in OF_WAVES:
        yield Line("position", NOT_STATED)
    if alert.most_probable_direction is not None:
        yield Line("most likely", _position(alert.most_probable_direction))


def _position(place: Direction | Localization) -> str:
    degrees = f"RA {place.ra_deg:.4f} deg, Dec {place.dec_deg:+.4f} deg"
    return f"{degrees} = {sexagesimal(place.ra_deg, place.dec_deg)} J2000"


def _error(place: Localization) -> Iterator[Line]:
    if error := error_text(place):
        yield Line("error", error)
    if place.error_radius_50_deg is not None:
        radius = f"radius {place.error_radius_50_deg:.4g} deg"
        yield Line("error", f"{radius}, {containment_text(0.5)}")


def _sky_maps(alert: Alert) -> Iterator[Line]:
    place = alert.localization
    for url in () if place is None else (place.skymap_fits_url, place.skymap_png_url):
        if url is not None:
            yield Line("sky map", clean(url))


def _what(alert: Alert) -> Iterator[Line]:
    if alert.signalness is not None:
        yield Line("signalness", f"{alert.signalness:.3g} ({said_by(SIGNALNESS, alert)})")
    if alert.energy_tev is not None:
        yield Line("energy", f"{alert.energy_tev:.4g} TeV")
    if alert.far_per_year is not None and alert.gw_candidate is None:
        yield Line("false alarms", f"{alert.far_per_year:.4g} {said_by(FALSE_ALARMS, alert)}")
    if alert.charge_pe is not None:
        yield Line("charge", f"{alert.charge_pe:.6g} photo-electrons")
    if alert.signal_trackness is not None:
        yield Line("trackness", f"{alert.signal_trackness:.3g}")
    if alert.p_values:
        searches = (f"{clean(p.search)} {number_text(p.value)}" for p in alert.p_values)
        yield Line("p-values", ", ".join(searches))
    if alert.n_coincident is not None:
        yield Line("coincident", f"{alert.n_coincident} neutrino{plural(alert.n_coincident)}")


def _gravitational_wave(alert: Alert) -> Iterator[Line]:
    if alert.gw is not None:
        number = None if alert.gw.notice_number is None else f"notice {alert.gw.notice_number}"
        parts = (alert.gw.superevent_id, number, alert.gw.notice_type)
        yield Line("GW event", " ".join(clean(part) for part in parts if part))
    if alert.gw_candidate is not None:
        yield from _candidate(alert, alert.gw_candidate)
    if alert.observation_start is not None and alert.observation_stop is not None:
        start, stop = time_text(alert.observation_start), time_text(alert.observation_stop)
        yield Line("searched", f"{start} to {stop} UTC")
    if alert.flux_sensitivity is not None:
        flux = alert.flux_sensitivity
        span = f"{flux.low_gev_cm2:.3g} to {flux.high_gev_cm2:.3g} GeV cm^-2 (E^2 dN/dE)"
        yield Line("sensitivity", span)


def _candidate(alert: Alert, candidate: GWCandidate) -> Iterator[Line]:
    yield Line("GW", gw_text(alert))
    by = (*candidate.instruments, candidate.group, candidate.pipeline, candidate.search)
    yield Line("found by", " ".join(clean(part, 40) for part in by if part) or NOT_STATED)
    for label, shares in (("class", candidate.classification), ("if real", candidate.properties)):
        if shares:
            yield Line(label, shares_text(shares))
    other = candidate.external
    if other is not None:
        yield Line("coincident", external_text(other))
    for one in (candidate, other):
        if one is not None and one.skymap is not None:
            kept = one.skymap
            yield Line("sky map", f"{kept.n_bytes} bytes, sha256 {clean(kept.sha256[:16])}")
        elif one is not None and one.skymap_url is not None:
            yield Line("sky map", clean(one.skymap_url))


def _coincident(neutrinos: Iterable[CoincidentEvent]) -> Iterator[Line]:
    for number, one in enumerate(neutrinos, start=1):
        yield Line(f"neutrino {number}", ", ".join(_neutrino(one)) or NOT_STATED)


def _neutrino(one: CoincidentEvent) -> Iterator[str]:
    place = one.localization
    if one.delta_t_s is not None:
        yield f"{one.delta_t_s:+.2f} s from the gravitational wave"
    if place is not None:
        yield place_text(place)
    for search in ("generic", "bayesian"):
        if one.p_value(search) is not None:
            yield f"p {search} {number_text(one.p_value(search))}"


def _added(one: Annotation) -> str:
    link = "" if one.link is None else f"  {clean(one.link)}"
    return f"{clean(one.label, 80)}: {clean(one.text)} (by {clean(one.provider, 80)}){link}"


def _assessed(significances: Iterable[Significance]) -> Iterator[Line]:
    """Say what providers found, and at the end their notes, each once."""
    notes: dict[str, None] = {}
    for one in significances:
        notes |= dict.fromkeys(one.notes)
        if one.quantity == RATE:  # which the alert's own lines quote; older records judge it
            continue
        before = _p(one, one.p_value, one.sigma)
        verdict = verdict_text(one) if one.verdict is None else f"verdict: {verdict_text(one)}"
        yield Line("significance", f"{clean(one.quantity)}, {one.sided}: {before}, {verdict}")
        for text in _after_trials(one):
            yield Line("", text)
    for note in notes:
        yield Line("note", clean(note))


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
