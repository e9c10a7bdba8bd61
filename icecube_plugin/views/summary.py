"""The summary of a record that a person on shift reads.

Conventions
-----------
- What is not stated is left out, or is ``-`` in a table; it is never 0.
- Text that comes from a message passes through `clean`, so that it cannot move the cursor, colour
  the screen, reverse the reading direction or start a new line.
- Positions in degrees and sexagesimal (h m s, deg ' "), J2000; times in UTC; rates per year of
  365 days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
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

__all__ = ["Paint", "Tone", "clean", "plain", "sexagesimal", "summary"]

CLEAN_CHARACTERS: Final = 300
"""Longest text from a message that is shown; a circular's comment can be pages."""

LABEL_WIDTH: Final = 12


class Tone(StrEnum):
    """What a piece of the summary is, for whoever colours it."""

    TITLE = "title"
    ALARM = "alarm"
    DOUBT = "doubt"
    ASIDE = "aside"


Paint = Callable[[str, Tone], str]

_TITLES: Final = {
    AlertKind.GOLD: "GOLD track",
    AlertKind.BRONZE: "BRONZE track",
    AlertKind.TRACK: "Track",
    AlertKind.CASCADE: "CASCADE",
    AlertKind.HESE: "HESE event",
    AlertKind.EHE: "EHE track",
    AlertKind.COINC: "AMON coincidence of IceCube events",
    AlertKind.NU_EM: "AMON neutrino-gamma coincidence",
    AlertKind.LVK_SEARCH: "Neutrinos around a gravitational wave",
    AlertKind.AMON: "AMON notice",
}


def clean(text: str, limit: int = CLEAN_CHARACTERS) -> str:
    r"""Return `text` as one line without characters that a terminal would act on.

    White space becomes a blank; control, format (bidirectional, zero-width), private and
    unassigned characters become their escape. What is then longer than `limit` characters is cut.

    Examples
    --------
    >>> print(clean("up\x1b[2J\u202egpj.exe\r\nand on"))
    up\x1b[2J\u202egpj.exe and on
    """
    shown = text[: 2 * limit + 2].replace("\r\n", "\n")  # no more than that can stay
    line = "".join(c if c.isprintable() else _visible(c) for c in shown)
    return line if len(line) <= limit else f"{line[: limit - 3]}..."


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


def sexagesimal(ra_deg: float, dec_deg: float) -> str:
    """Return a position as ``hh:mm:ss.s +dd:mm:ss`` (rounded, right ascension below 24 h).

    Examples
    --------
    >>> sexagesimal(345.8204, 9.1432)
    '23:03:16.9 +09:08:36'
    >>> sexagesimal(359.99999, -0.0001)
    '00:00:00.0 -00:00:00'
    """
    tenths = round(ra_deg / 15 * 36_000) % (24 * 36_000)
    minutes, tenths = divmod(tenths, 600)
    seconds = round(abs(dec_deg) * 3600)
    ra = f"{minutes // 60:02d}:{minutes % 60:02d}:{tenths / 10:04.1f}"
    sign = "-" if dec_deg < 0 else "+"
    return f"{ra} {sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def _visible(character: str) -> str:
    if character.isspace():
        return " "
    return character.encode("unicode_escape").decode("ascii")


def _lines(record: Record, paint: Paint) -> Iterator[str]:
    alert = record.alert
    yield paint(_title(alert), Tone.TITLE)
    if not alert.is_real:
        yield paint(f"*** {_unreal(alert)}: NOT A REAL EVENT ***", Tone.ALARM)
    if alert.status is Status.RETRACTION:
        yield paint("*** RETRACTED: this event is withdrawn ***", Tone.ALARM)
    yield from _when(alert)
    yield from _gravitational_wave(alert)
    yield from _where(alert)
    yield from _what(alert)
    yield from _coincident(alert.coincident_events)
    yield from _assessed(record.significances)
    for comment in alert.comments:
        yield _row("comment", clean(comment))
    for doubt in alert.concerns:
        yield paint(_row("concern", _doubt(doubt)), Tone.DOUBT)
    yield paint(_row("record", clean(record.id)), Tone.ASIDE)


def _title(alert: Alert) -> str:
    names = " ".join(clean(name, 80) for name in alert.event_names)
    superevent = alert.gw.superevent_id if alert.gw is not None else None
    name = names or clean(superevent or alert.event_key or "without a name")
    revision = "" if alert.revision is None else f"revision {alert.revision}"
    parts = (_TITLES[alert.kind], name, revision, alert.status or "", f"({alert.format})")
    return "  ".join(part for part in parts if part)


def _unreal(alert: Alert) -> str:
    is_mock = alert.gw is not None and alert.gw.is_mock
    return "MOCK" if is_mock or alert.tense is None else alert.tense.upper()


def _when(alert: Alert) -> Iterator[str]:
    notice = "" if alert.notice_time is None else f"notice {_time(alert.notice_time)}"
    if alert.trigger_time is not None:
        trigger = f"{_time(alert.trigger_time)} UTC"
        yield _row("time", f"{trigger}  ({notice})" if notice else trigger)
    elif notice:
        yield _row("time", f"{notice} UTC")
    if alert.run_id is not None and alert.event_id is not None:
        yield _row("run, event", f"{alert.run_id}, {alert.event_id}")


def _where(alert: Alert) -> Iterator[str]:
    if alert.localization is not None:
        yield _row("position", _position(alert.localization))
        yield from _error(alert.localization)
    elif alert.kind is not AlertKind.LVK_SEARCH:
        yield _row("position", "-")
    if alert.most_probable_direction is not None:
        yield _row("most likely", _position(alert.most_probable_direction))


def _position(place: Direction | Localization) -> str:
    degrees = f"RA {place.ra_deg:.4f} deg  Dec {place.dec_deg:+.4f} deg"
    return f"{degrees}  =  {sexagesimal(place.ra_deg, place.dec_deg)}  J2000"


def _error(place: Localization) -> Iterator[str]:
    included = {True: "with systematics", False: "statistical only", None: ""}
    suffix = [included[place.systematic_included]]
    if place.containment is not None:
        suffix.insert(0, f"{100 * place.containment:.4g} % containment")
    region = _region(place)
    if region:
        yield _row("error", ", ".join(part for part in (region, *suffix) if part))
    if place.error_radius_50_deg is not None:
        yield _row("error", f"radius {place.error_radius_50_deg:.4g} deg, 50 % containment")
    for url in (place.skymap_fits_url, place.skymap_png_url):
        if url is not None:
            yield _row("sky map", clean(url))


def _region(place: Localization) -> str:
    """Describe the shape of the error region in words; empty where none is stated."""
    parts = []
    if place.error_radius_deg is not None:
        parts.append(f"radius {place.error_radius_deg:.4g} deg")
    if place.ellipse is not None:
        axes = f"{place.ellipse.semi_major_deg:.4g} x {place.ellipse.semi_minor_deg:.4g} deg"
        parts.append(f"ellipse {axes}{_angle(place.ellipse.position_angle_deg)}")
    if place.asymmetric is not None:
        box = place.asymmetric
        ra = f"RA -{box.ra_minus_deg:.4g} +{box.ra_plus_deg:.4g} deg"
        dec = f"Dec -{box.dec_minus_deg:.4g} +{box.dec_plus_deg:.4g} deg"
        parts.append(f"{ra}, {dec}{_angle(box.position_angle_deg)}")
    return ", ".join(parts)


def _angle(position_angle_deg: float | None) -> str:
    return "" if position_angle_deg is None else f" at {position_angle_deg:.4g} deg N through E"


def _what(alert: Alert) -> Iterator[str]:
    if alert.energy_tev is not None:
        yield _row("energy", f"{alert.energy_tev:.4g} TeV")
    if alert.charge_pe is not None:
        yield _row("charge", f"{alert.charge_pe:.6g} photo-electrons")
    if alert.signal_trackness is not None:
        yield _row("trackness", f"{alert.signal_trackness:.3g}")
    if alert.signalness is not None:
        yield _row("signalness", f"{alert.signalness:.3g} (probability of astrophysical origin)")
    if alert.far_per_year is not None:
        yield _row("false alarms", f"{alert.far_per_year:.4g} per year")
    if alert.p_values:
        searches = (f"{clean(p.search)} {_number(p.value)}" for p in alert.p_values)
        yield _row("p-values", "   ".join(searches))


def _gravitational_wave(alert: Alert) -> Iterator[str]:
    if alert.gw is not None:
        number = None if alert.gw.notice_number is None else f"notice {alert.gw.notice_number}"
        parts = (alert.gw.superevent_id, number, alert.gw.notice_type)
        yield _row("GW event", "  ".join(clean(part) for part in parts if part))
    if alert.observation_start is not None and alert.observation_stop is not None:
        start, stop = _time(alert.observation_start), _time(alert.observation_stop)
        yield _row("searched", f"{start} to {stop} UTC")
    if alert.flux_sensitivity is not None:
        flux = alert.flux_sensitivity
        span = f"{flux.low_gev_cm2:.3g} to {flux.high_gev_cm2:.3g} GeV cm^-2 (E^2 dN/dE)"
        yield _row("sensitivity", span)
    if alert.n_coincident is not None:
        yield _row("coincident", f"{alert.n_coincident} neutrino(s)")


def _coincident(neutrinos: Iterable[CoincidentEvent]) -> Iterator[str]:
    head = ("#", "dt [s]", "RA [deg]", "Dec [deg]", "error", "p generic", "p bayesian")
    rows = [_coincident_cells(number, one) for number, one in enumerate(neutrinos, start=1)]
    for row in (head, *rows) if rows else ():
        cells = zip(row, (3, 9, 9, 9, 16, 10, 10), strict=True)
        yield "  " + " ".join(cell.rjust(width) for cell, width in cells)


def _coincident_cells(number: int, neutrino: CoincidentEvent) -> tuple[str, ...]:
    place = neutrino.localization
    error = "-"
    if place is not None and place.error_radius_deg is not None:
        part = "" if place.containment is None else f" ({100 * place.containment:.4g} %)"
        error = f"{place.error_radius_deg:.3g} deg{part}"
    return (
        str(number),
        "-" if neutrino.delta_t_s is None else f"{neutrino.delta_t_s:+.2f}",
        "-" if place is None else f"{place.ra_deg:.4f}",
        "-" if place is None else f"{place.dec_deg:+.4f}",
        error,
        _number(neutrino.p_value("generic")),
        _number(neutrino.p_value("bayesian")),
    )


def _assessed(significances: Iterable[Significance]) -> Iterator[str]:
    """Say what providers found, and at the end their notes, each once."""
    notes: dict[str, None] = {}
    for one in significances:
        before = f"p {_limit(one)}{_number(one.p_value)}{_sigma(one.sigma)}"
        verdict = "" if one.verdict is None else f", verdict: {one.verdict}"
        yield _row("significance", f"{clean(one.quantity)}, {one.sided}: {before}{verdict}")
        for text in _after_trials(one):
            yield _row("", text)
        notes |= dict.fromkeys(one.notes)
    for note in notes:
        yield _row("note", clean(note))


def _after_trials(one: Significance) -> Iterator[str]:
    if one.p_value_post is not None and one.n_trials != 1:
        trials = "trials" if one.n_trials is None else f"{one.n_trials:.6g} trials"
        value = f"p {_limit(one)}{_number(one.p_value_post)}{_sigma(one.sigma_post)}"
        yield f"after {trials}{_source(one.trials_source)}: {value}"
    if one.far_per_year is not None:
        yield f"{_limit(one)}{one.far_per_year:.3g} per year by chance{_source(one.far_source)}"


def _limit(one: Significance) -> str:
    return "<= " if one.is_limit else ""


def _source(words: str | None) -> str:
    return "" if words is None else f" ({clean(words)})"


def _doubt(doubt: Concern) -> str:
    taken = "left unstated" if doubt.taken is None else f"taken as {clean(doubt.taken, 80)}"
    return f"{clean(doubt.field, 80)} '{clean(doubt.found, 80)}' {taken}: {clean(doubt.why)}"


def _sigma(sigma: float | None) -> str:
    return "" if sigma is None else f" ({sigma:.2f} sigma)"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def _time(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-4]


def _row(label: str, text: str) -> str:
    return f"  {label.ljust(LABEL_WIDTH)} {text}"
