"""``icecube-alerts show``."""

from __future__ import annotations

import argparse
import difflib
import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from icecube_plugin.alerts import changes
from icecube_plugin.alerts.lookup import is_guess, matches
from icecube_plugin.alerts.words import RETRACTED, clean, plural
from icecube_plugin.sky.site import Site, site_of

from ._common import add_json, add_sites, print_json
from ._records import add_event, maps_of, records_of
from ._screen import Screen, screen

if TYPE_CHECKING:
    from icecube_plugin.alerts import Event
    from icecube_plugin.views.pages import Section, Story

__all__ = ["add_arguments"]

EXAMPLES: Final = """\
examples:
  icecube-alerts show IC230416A
  icecube-alerts show 137840_57034692 --database alerts.sqlite
  icecube-alerts show S230914ak notices/ --json

EVENT is anything that people type: IceCube-230416A, IC230416A, run_event, S230914ak, AMON's number,
an ivorn, the number of a circular, "latest"; a name that no notice gives (IC170922A) if only one
event of its kind was on that day. Without SOURCE
(files or folders of notices, .jsonl, databases of ours), --database and --lines: what the
configured sinks keep. Exit code 1 if there is no such event.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    add_event(parser)
    add_sites(parser)
    add_json(parser, "the event, its notices and changes")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from icecube_plugin.views.pages import tell

    told = tell(records_of(arguments)[0], maps_of(arguments))
    stories = {id(story.event): story for story in told}
    events = matches((story.event for story in stories.values()), arguments.event)
    if not events:
        _say_unknown(arguments.event, stories.values())
        return 1
    story = stories[id(events[0])]
    if arguments.json:
        print_json(_data(story))
    else:
        sites = [site_of(site) for site in arguments.sites]
        _show(story, sites, screen(), list(_how_found(arguments.event, events)))
    return 0


def _how_found(text: str, events: Sequence[Event]) -> Iterator[str]:
    """Say what a person should know who asked for an event by `text`."""
    event, *others = events
    if is_guess(event, text):
        yield f"no notice names it {clean(text, 60)}: the only event of its kind on that day"
    if others:
        yield f"{clean(text, 60)} is also: {', '.join(clean(one.key, 60) for one in others)}"


def _say_unknown(name: str, stories: Iterable[Story]) -> None:
    known = {clean(name).casefold(): clean(name) for story in stories for name in story.event.names}
    near = difflib.get_close_matches(name.casefold(), known, n=3, cutoff=0.5)
    hint = f"; did you mean {', '.join(known[one] for one in near)}?" if near else ""
    among = f"{len(known)} name{plural(len(known))}" if known else "no alerts at all"
    text = f"icecube-alerts: no event {clean(name)!r} among {among}{hint}"
    print(text, file=sys.stderr)


def _show(story: Story, sites: Iterable[Site], shown: Screen, notes: Iterable[str]) -> None:
    from icecube_plugin.views.pages import looks_from, page

    told = page(story, looks_from(story, sites, datetime.now(UTC)))
    for note in notes:
        shown.line(note, "aside")
    shown.line(told.title, "title")
    if told.state != "real":
        shown.line(f"*** {told.state.upper()}: NOT A REAL EVENT ***", "alarm")
    if told.is_retracted:
        shown.line(f"*** {RETRACTED} ***", "alarm")
    shown.line(told.headline, str(story.event.kind))
    shown.line(told.lead)
    if told.news:
        shown.line(told.news)
    if told.names:
        shown.line(f"also {', '.join(told.names)}", "aside")
    for section in (*told.glance, *told.sections):
        if section.anchor != "downloads":
            _show_section(section, shown)


def _show_section(section: Section, shown: Screen) -> None:
    shown.line("")
    shown.line(section.title.upper(), "title")
    for fact in section.facts:
        shown.line(f"  {fact.label:<20} {fact.text}" + (f"  ({fact.note})" if fact.note else ""))
    if section.table is not None:
        shown.table(section.table.header, section.table.text)
    for link in (one for one in section.links if not one.download):
        note = f"  ({link.note})" if link.note else ""
        shown.line(
            f"  {link.text:<20} {link.href}{note}" if link.is_away else f"  {link.text}{note}"
        )
    for note in section.notes:
        shown.line(f"  {note}", "aside")


def _data(story: Story) -> dict[str, Any]:
    event = story.event
    steps = itertools.pairwise(event.notices)
    return {
        "key": event.key,
        "names": list(event.names),
        "state": story.state,
        "is_retracted": event.is_retracted,
        "concerns": [concern.to_dict() for concern in event.concerns],
        "notices": [alert.notice_id for alert in event.notices],
        "states": [notice.state.value for notice in event.history],
        "changes": [
            {"from": old.notice_id, "to": new.notice_id, "field": one.field, "text": one.text}
            for old, new in steps
            for one in changes(old, new)
        ],
        "related": [other.key for other in story.related],
        "records": [record.to_dict() for record in story.records],
    }
