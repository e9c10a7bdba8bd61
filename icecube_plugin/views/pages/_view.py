"""What a page says, as text: made once, shown by HTML and by the terminal.

Conventions
-----------
- What is not stated is left out, or is a dash in a table; it is never 0.
- Text of a message has passed through `clean`; it is not yet escaped for any language.
- Degrees ICRS (J2000), UTC, rates per year of 365 days.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Final

from icecube_hooks import (
    Alert,
    AlertKind,
    CoincidentEvent,
    Localization,
    Record,
    Significance,
    Status,
    Verdict,
)
from icecube_plugin.alerts import Notice, changes
from icecube_plugin.alerts.file_names import event_file_stem
from icecube_plugin.alerts.headline import RATE, decisive, headline
from icecube_plugin.alerts.links import Link, links_of, mission_link, skymap_links
from icecube_plugin.alerts.words import (
    FALSE_ALARMS,
    NOT_STATED,
    NOT_STATED_CONTAINMENT,
    SIGNALNESS,
    clean,
    containment_text,
    limited,
    long_name,
    notice_label,
    number_text,
    region_text,
    said_by,
    sexagesimal,
    sigma_text,
    systematics_text,
    time_text,
    verdict_text,
)
from icecube_plugin.sky import galactic_deg, separation_deg
from icecube_plugin.sky.observing import sun_and_moon
from icecube_plugin.views.waves import areas_text

from ._looks import LIMITS, Look, air_text, moon_text
from ._parts import Fact, Section, Table
from ._paths import calendar_path, record_path, region_path, voevent_path
from ._stories import Related, Story
from ._wave import wave_facts

__all__ = ["Glance", "Page", "glance", "headline_of", "page"]

COMMENT_CHARACTERS: Final = 2000


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """All that is shown of an event.

    Attributes
    ----------
    title, kind, headline, lead, news : str
        Name, kind in words, what is known in a line, one sentence, what changed since the first.
    names : tuple of str
        All other names.
    state : str
        See `Story.state`.
    is_retracted : bool
    glance : tuple of Section
        What one looks at first; the map stands beside it.
    sections : tuple of Section
    """

    title: str
    kind: str
    headline: str
    lead: str
    news: str
    names: tuple[str, ...]
    state: str
    is_retracted: bool
    glance: tuple[Section, ...]
    sections: tuple[Section, ...]


def page(story: Story, looks: Sequence[Look] = ()) -> Page:
    """Return what to say of an event, and when it can be observed."""
    title = story.event.title
    here = _observable(story, looks)
    glance = (_where(story), _how_sure(story), _wave(story), here, _when(story), _what(story))
    sections = (
        _significance(story),
        _added(story),
        _coincident(story),
        _history(story),
        _received(story),
        _doubts(story),
        _comments(story),
        Section(anchor="links", title="Elsewhere", links=_elsewhere(story)),
        _downloads(story),
    )
    return Page(
        title=title,
        kind=long_name(story.event.kind),
        headline=story.headline(),
        lead=_lead(story),
        news=_news(story),
        names=tuple(clean(name, 80) for name in story.event.names if clean(name, 120) != title),
        state=story.state,
        is_retracted=story.event.is_retracted,
        glance=tuple(section for section in glance if not section.is_empty),
        sections=tuple(section for section in sections if not section.is_empty),
    )


def _lead(story: Story) -> str:
    """Say in a sentence what is known now."""
    count = len(story.event.notices)
    notices = "one notice" if count == 1 else f"{count} notices"
    time = story.event.latest("trigger_time")
    when = "" if time is None else f" of {time.astimezone(UTC):%-d %B %Y}"
    state = "" if story.state == "real" else f" ({story.state}, not a real event)"
    newest = story.event.newest
    made = "" if newest.notice_time is None else f" of {time_text(newest.notice_time, 0)} UTC"
    last = f"{story.event.state.value}, the newest is {notice_label(newest)}{made}"
    return f"{long_name(story.event.kind)}{when}{state}: {notices}, {last}."


NOTHING: Final = "no value that is stated has changed"


def _news(story: Story) -> str:
    """Say what changed since the first notice; empty where there is one only."""
    believed = story.event.standing
    if len(believed) < 2:
        return ""
    found = "; ".join(change.text for change in changes(believed[0], story.event.known))
    return clean(f"Since {notice_label(believed[0])}: {found or NOTHING}.", 400)


# -- at a glance ---------------------------------------------------------------------------


def _where(story: Story) -> Section:
    alert = story.placed.alert
    place, time = alert.localization, alert.trigger_time
    facts = [] if place is None else list(_place_facts(place, time))
    facts += _map_facts(story)
    likely = alert.most_probable_direction
    if likely is not None:
        facts.append(
            Fact(label="Most probable direction", text=_degrees(likely.ra_deg, likely.dec_deg))
        )
    if story.event.kind is AlertKind.LVK_SEARCH:
        notes = () if facts else ("A search has no position: see its coincident events.",)
    elif story.event.kind is AlertKind.LVK_GW:
        notes = ("LVK states no position: its sky map tells.",)
    else:
        notes = () if facts else ("No position is stated.",)
    return Section(anchor="where", title="Where", facts=tuple(facts), notes=notes)


def _place_facts(place: Localization, time: datetime | None) -> Iterator[Fact]:
    l_deg, b_deg = galactic_deg(place.ra_deg, place.dec_deg)
    yield Fact(label="Position (J2000)", text=_degrees(place.ra_deg, place.dec_deg))
    yield Fact(label="Sexagesimal", text=sexagesimal(place.ra_deg, place.dec_deg))
    yield Fact(label="Galactic", text=f"l {l_deg:.3f}°, b {b_deg:+.3f}°")
    if time is not None:
        bodies = sun_and_moon(time).items()
        apart = ", ".join(f"{name} {separation_deg(place, at):.0f}°" for name, at in bodies)
        yield Fact(label="Away from", text=apart, note="at the time of the event")
    error = region_text(place, "°")
    if error:
        about = (containment_text(place.containment), systematics_text(place))
        note = ", ".join(filter(None, about))
        yield Fact(label="Error", text=error, note=note or NOT_STATED_CONTAINMENT)
    else:
        yield Fact(label="Error", text="not stated")
    if place.error_radius_50_deg is not None:
        text = f"radius {place.error_radius_50_deg:.4g}°"
        yield Fact(label="Inner error", text=text, note=containment_text(0.5))


def _map_facts(story: Story) -> Iterator[Fact]:
    """Say how large the regions of the sky map are, where it is at hand."""
    skymap = story.skymap
    if skymap is not None:
        yield Fact(label="Sky map", text=areas_text(skymap), note="in place of the stated error")


def _degrees(ra_deg: float, dec_deg: float) -> str:
    return f"RA {ra_deg:.4f}°, Dec {dec_deg:+.4f}°"


def _observable(story: Story, looks: Sequence[Look]) -> Section:
    """Return a row for each time in which a site can observe it, or why it cannot."""
    facts = tuple(
        Fact(label=f"{look.site.name}{look.which}", text=look.reason)
        if look.window is None
        else Fact(
            label=f"{look.site.name}{look.which}",
            text=_span(look.window.start, look.window.stop),
            note=f"best {air_text(look.window)}; {moon_text(look.window)}",
        )
        for look in looks
    )
    links: tuple[Link, ...] = ()
    if any(look.window is not None for look in looks):
        href = f"../{calendar_path(story.key)}"
        links = (Link(text="Calendar (iCal)", href=href, download=True),)
    notes = (f"In the 24 h from {time_text(looks[0].since, 0)} UTC: {LIMITS}.",) if looks else ()
    return Section(anchor="observable", title="Observable", facts=facts, links=links, notes=notes)


def _span(start: datetime, stop: datetime) -> str:
    """Return from when to when, to a minute; the date once if it is the same."""
    first, last = (time.astimezone(UTC) for time in (start, stop))
    end = f"{last:%H:%M}" if first.date() == last.date() else f"{last:%Y-%m-%d %H:%M}"
    return f"{first:%Y-%m-%d %H:%M} to {end} UTC"


def _when(story: Story) -> Section:
    event = story.event
    facts = []
    trigger, first = event.latest("trigger_time"), _first_notice(story)
    if trigger is not None:
        what = "Gravitational wave" if story.event.kind is AlertKind.LVK_SEARCH else "Event"
        mjd = (trigger - datetime(1858, 11, 17, tzinfo=UTC)).total_seconds() / 86_400
        facts.append(Fact(label=what, text=f"{time_text(trigger)} UTC", note=f"MJD {mjd:.6f}"))
    if first is not None:
        note = "" if trigger is None else _after((first - trigger).total_seconds())
        facts.append(Fact(label="First notice", text=f"{time_text(first, 0)} UTC", note=note))
    start, stop = event.latest("observation_start"), event.latest("observation_stop")
    if start is not None and stop is not None:
        facts.append(Fact(label="Searched", text=f"{time_text(start)} to {time_text(stop)} UTC"))
    for name, label in (("livetime_s", "Live time"), ("delta_t_s", "Time window")):
        seconds = event.latest(name)
        if seconds:
            facts.append(Fact(label=label, text=f"{seconds:.6g} s"))
    notes = () if facts else ("No time is stated.",)
    return Section(anchor="when", title="When", facts=tuple(facts), notes=notes)


def _first_notice(story: Story) -> datetime | None:
    times = [alert.notice_time for alert in story.event.alerts if alert.notice_time is not None]
    return min(times, default=None)


def _after(seconds: float) -> str:
    """Return how long after the event, in a unit that people read."""
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit} after the event"
    return f"{seconds:.3g} s after the event" if seconds >= 0 else ""


def _how_sure(story: Story) -> Section:
    event = story.event
    facts = []
    signalness, rate = event.latest("signalness"), event.latest("far_per_year")
    if signalness is not None:
        facts.append(
            Fact(
                label="Signalness",
                text=f"{signalness:.3g}",
                note=said_by(SIGNALNESS, story.event.newest),
            )
        )
    if rate is not None and event.kind is not AlertKind.LVK_GW:
        facts.append(
            Fact(
                label="False-alarm rate",
                text=f"{rate:.3g}",
                note=said_by(FALSE_ALARMS, story.event.newest),
            )
        )
    for p in event.latest("p_values") or ():
        text = "not run" if p.value is None else f"{p.value:.3g}"
        facts.append(Fact(label=f"p-value, {clean(p.search, 40)}", text=text, note="before trials"))
    facts += _best_facts(story)
    is_told = bool(facts) or event.kind is AlertKind.LVK_GW  # its own section tells
    notes = () if is_told else ("Neither signalness, rate nor p-value is stated.",)
    return Section(anchor="how-sure", title="How sure", facts=tuple(facts), notes=notes)


def _wave(story: Story) -> Section:
    facts = tuple(wave_facts(story))
    pages = ((story.wave, "LVK's own alerts"), (story.search, "IceCube's search"))
    links = tuple(
        Link(text=text, href=f"{event_file_stem(event.key)}.html")
        for event, text in pages
        if event is not None and event.key != story.key
    )
    return Section(anchor="wave", title="Gravitational wave", facts=facts, links=links)


def headline_of(story: Story) -> Significance | None:
    """Return the significance that counts for an event (`icecube_plugin.alerts.headline`)."""
    return None if story.assessed is None else decisive(story.assessed.significances)


def _best_facts(story: Story) -> Iterator[Fact]:
    one = headline_of(story)
    if one is not None:
        sigma = one.sigma if one.p_value_post is None else one.sigma_post
        trials = clean(one.trials_source or "trials not stated", 160)
        words = f"{sigma_text(sigma)}, {one.sided}, {trials}"
        note = words.removeprefix(f"{NOT_STATED}, ")
        yield Fact(label="Verdict", text=_verdict(one), note=note)


def _verdict(one: Significance) -> str:
    if one.verdict in (None, Verdict.DISCOVERY):
        return verdict_text(one)
    return f"{verdict_text(one)} evidence".replace("none", "no")


def _what(story: Story) -> Section:
    event = story.event
    facts = []
    for name, label, unit in (
        ("energy_tev", "Energy", "TeV"),
        ("charge_pe", "Charge", "photo-electrons"),
        ("signal_trackness", "Trackness", ""),
        ("n_coincident", "Coincident neutrinos", ""),
        ("amon_id", "AMON number", ""),
    ):
        value = event.latest(name)
        if value is not None:
            text = clean(value, 80) if isinstance(value, str) else f"{value:.6g}"
            facts.append(Fact(label=label, text=f"{text} {unit}".strip()))
    run, number = event.latest("run_id"), event.latest("event_id")
    if run is not None and number is not None:
        facts.insert(0, Fact(label="Run, event", text=f"{run}, {number}"))
    facts += _gw_facts(event.known)
    flux = event.latest("flux_sensitivity")
    if flux is not None:
        text = f"{flux.low_gev_cm2:.3g} to {flux.high_gev_cm2:.3g} GeV cm⁻²"
        facts.append(Fact(label="Sensitivity", text=text, note="E² dN/dE for an E⁻² spectrum"))
    return Section(anchor="what", title="What", facts=tuple(facts))


def _gw_facts(alert: Alert) -> Iterator[Fact]:
    if alert.gw is not None and alert.gw.superevent_id is not None:
        yield Fact(label="GW event", text=clean(alert.gw.superevent_id, 60))
        number, kind = alert.gw.notice_number, alert.gw.notice_type
        if number is not None or kind is not None:
            words = (None if number is None else str(number), kind)
            text = clean(" ".join(word for word in words if word), 60)
            is_search = alert.kind is AlertKind.LVK_SEARCH
            yield Fact(label="LVK notice searched" if is_search else "LVK notice", text=text)


# -- sections ------------------------------------------------------------------------------


def _significance(story: Story) -> Section:
    found = () if story.assessed is None else story.assessed.significances
    table = Table(
        caption="p-values and what they mean",
        header=(
            *("What", "p-value", "Sigma", "Trials", "p after trials", "Sigma after trials"),
            *("By chance per year", "Verdict", "Convention"),
        ),
        rows=tuple(_significance_row(one) for one in found if one.quantity != RATE),
    )
    sources = itertools.chain.from_iterable(_sources(one) for one in found)
    notes = tuple(dict.fromkeys(clean(text) for text in sources))
    return Section(
        anchor="significance",
        title="Significance",
        table=table if table.rows else None,
        notes=notes,
    )


def _significance_row(one: Significance) -> tuple[str, ...]:
    return (
        _quantity(one),
        limited(one, one.p_value, "≤ "),
        sigma_text(one.sigma).removesuffix(" sigma"),
        "not corrected" if one.n_trials is None else f"{one.n_trials:.6g}",
        limited(one, one.p_value_post, "≤ "),
        sigma_text(one.sigma_post).removesuffix(" sigma"),
        limited(one, one.far_per_year, "≤ "),
        NOT_STATED if one.verdict is None else verdict_text(one),
        f"{one.sided}",
    )


def _quantity(one: Significance) -> str:
    return "false-alarm rate" if one.quantity == RATE else clean(one.quantity, 80)


def _sources(one: Significance) -> Iterator[str]:
    quantity = _quantity(one)
    if one.trials_source is not None and one.quantity != RATE:
        yield f"Trials, {quantity}: {one.trials_source}."
    if one.far_source is not None:
        yield f"Rate, {quantity}: {one.far_source}."
    for note in one.notes:
        yield f"{quantity[:1].upper()}{quantity[1:]}: {note}."


def _added(story: Story) -> Section:
    """Return what annotators have added, with their names."""
    facts = (
        Fact(label=clean(one.label, 80), text=clean(one.text), note=f"by {clean(one.provider, 80)}")
        for one in story.annotations
    )
    links = (
        Link(text=clean(one.label, 80), href=one.link, note=f"by {clean(one.provider, 80)}")
        for one in story.annotations
        if one.link is not None
    )
    return Section(anchor="added", title="Added by plugins", facts=tuple(facts), links=tuple(links))


def _coincident(story: Story) -> Section:
    found = story.event.known.coincident_events
    table = Table(
        caption="Neutrinos found near the gravitational wave",
        header=(
            *("Number", "Time after GW [s]", "RA [°]", "Dec [°]", "Error", "Containment"),
            *("p generic", "p Bayesian", "Run_event"),
        ),
        rows=tuple(_neutrino_row(number, one) for number, one in enumerate(found, start=1)),
    )
    links = tuple(_related_link(story, other) for other in story.related)
    title = "Coincident events"
    return Section(anchor="coincident", title=title, table=table if found else None, links=links)


def _neutrino_row(number: int, one: CoincidentEvent) -> tuple[str, ...]:
    place = one.localization
    return (
        str(number),
        NOT_STATED if one.delta_t_s is None else f"{one.delta_t_s:+.2f}",
        NOT_STATED if place is None else f"{place.ra_deg:.4f}",
        NOT_STATED if place is None else f"{place.dec_deg:+.4f}",
        NOT_STATED if place is None else region_text(place, "°") or NOT_STATED,
        NOT_STATED if place is None or place.containment is None else _percent(place.containment),
        number_text(one.p_value("generic")),
        number_text(one.p_value("bayesian")),
        one.event_key or NOT_STATED,
    )


def _percent(containment: float) -> str:
    return f"{100 * containment:.4g} %"


def _related_link(story: Story, other: Related) -> Link:
    apart = other.neutrino.delta_t_s
    when = "" if apart is None else f", {apart:+.2f} s from the gravitational wave"
    what = "the neutrino is an alert of its own"
    if story.event.kind is not AlertKind.LVK_SEARCH:
        what = "this neutrino was found in a search"
    return Link(text=other.title, href=f"{event_file_stem(other.key)}.html", note=f"{what}{when}")


def _history(story: Story) -> Section:
    history = story.event.history
    said = ["first notice", *(_changed(a.alert, b.alert) for a, b in itertools.pairwise(history))]
    rows = tuple(
        (
            notice_label(notice.alert),
            NOT_STATED if notice.alert.status is None else notice.alert.status.value,
            time_text(notice.alert.notice_time, 0),
            text,
            ", ".join(dict.fromkeys(one.format.value for one in notice.sightings)),
            state_text(notice),
        )
        for notice, text in zip(history, said, strict=True)
    )
    header = ("Notice", "Status", "Made (UTC)", "What changed", "Formats", "State")
    table = Table(caption="Notices of this event, oldest first", header=header, rows=rows)
    return Section(anchor="history", title="History", table=table)


def state_text(notice: Notice) -> str:
    """Return the state of a notice, and what made it so."""
    by = notice.by
    if by is None or by is notice.alert:
        return notice.state.value
    label = notice_label(by)
    if label == notice_label(notice.alert):
        is_version = by.revision_label == notice.alert.revision_label
        label = "a newer version of it" if is_version else f"that of {time_text(by.notice_time, 0)}"
    return f"{notice.state.value} by {label}"


def _changed(old: Alert, new: Alert) -> str:
    return clean("; ".join(change.text for change in changes(old, new)) or NOTHING)


def _received(story: Story) -> Section:
    rows = tuple(
        (
            record.alert.format.value,
            notice_label(record.alert),
            time_text(record.message.timestamp, 0),
            _source(record),
            Link(text="JSON", href=f"../{record_path(record)}", download=True),
        )
        for record in story.records
    )
    header = ("Format", "Notice", "Received (UTC)", "From", "Record")
    return Section(
        anchor="received",
        title="Received",
        table=Table(caption="Every sighting of these notices", header=header, rows=rows),
    )


def _source(record: Record) -> str:
    """Say where it came from; of a file only the name, for the page may be public."""
    message = record.message
    if message.topic is not None and message.offset is not None:
        return clean(f"{message.topic} [{message.partition}] {message.offset}", 120)
    if message.origin is not None:
        return clean(PurePath(message.origin).name, 120)
    return NOT_STATED if message.topic is None else clean(message.topic, 120)


def _doubts(story: Story) -> Section:
    rows = dict.fromkeys(
        (
            clean(doubt.field, 80),
            clean(doubt.found, 120),
            "left unstated" if doubt.taken is None else clean(doubt.taken, 120),
            clean(doubt.why),
        )
        for doubt in (
            *story.event.concerns,
            *(concern for record in story.records for concern in record.alert.concerns),
        )
    )
    header = ("Field", "Found", "Taken", "Why")
    table = Table(caption="What in the notices is doubtful", header=header, rows=tuple(rows))
    return Section(anchor="concerns", title="Concerns", table=table if rows else None)


def _comments(story: Story) -> Section:
    texts = (clean(text, COMMENT_CHARACTERS) for a in story.event.alerts for text in a.comments)
    return Section(anchor="comments", title="Comments", notes=tuple(dict.fromkeys(texts)))


def _elsewhere(story: Story) -> tuple[Link, ...]:
    event = story.event
    return (*links_of(event, story.placed.alert), *skymap_links(event), *mission_link(event))


def _downloads(story: Story) -> Section:
    newest = story.records[-1]
    found = [Link(text="Newest record (JSON)", href=f"../{record_path(newest)}", download=True)]
    events = [path for path in map(voevent_path, reversed(story.records)) if path is not None]
    for path in events[:1]:
        name = path.removeprefix("data/").removesuffix(".txt")
        link = Link(text="Newest VOEvent, as it came", href=f"../{path}", download=name)
        found.append(link)
    alert = story.placed.alert
    if alert.localization or any(one.localization for one in alert.coincident_events):
        found.append(Link(text="Region (DS9)", href=f"../{region_path(story.key)}", download=True))
    return Section(anchor="downloads", title="Downloads", links=tuple(found))


@dataclass(frozen=True, slots=True)
class Glance:
    """A record in one line: when it was sent (to Kafka, or by its author), headline, and tone."""

    sent: str
    headline: str
    tone: str


def glance(record: Record) -> Glance:
    """Return a record in a line.

    The tone is ``alarm`` for a retraction, ``aside`` for what is not real, else the kind.
    """
    alert = record.alert
    sent = record.message.timestamp or alert.notice_time
    tone = "alarm" if alert.status is Status.RETRACTION else alert.kind.value
    return Glance(time_text(sent, 0), headline(record), tone if alert.is_real else "aside")
