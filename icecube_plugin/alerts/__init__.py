"""Notices of one physical event, found and put in order.

An event comes as several notices: revisions, each by several transports and formats, then
circulars that call it by a name. `group` brings them together::

    from icecube_plugin.alerts import changes, group

    for event in group(alerts):
        print(event.key, event.names, "retracted" if event.is_retracted else "")
        for older, newer in itertools.pairwise(event.notices):
            print(*(change.text for change in changes(older, newer)), sep=", ")

Conventions
-----------
- Numbers decide: run and event (in either order, see `run_event`), the superevent of an LVK
  search, AMON's number. Two alerts that both state one and differ are two events, even under
  one name: a circular of 2022 calls the second event of a day by the name of the first.
- What has no number joins by name; where several events bear that name, the one nearest in time.
- What has no number, and whose name nobody else bears, joins an event of the same kind whose
  trigger time is within `TIME_TOLERANCE_S` of its own, if the name holds that day's date and the
  event bears no other name (one without its letter is no other). Circulars round times, some to
  the second. Where there is no trigger time, the start of the observation stands for it.
- Alerts that are not real (tests, injections, mock events) only join those of their own tense.
- An LVK search and the neutrinos in it are different events; `shared_neutrinos` says which belong
  together.
- Order: by revision, or by the sequence number of the gravitational-wave notice. Circulars, and
  notices without a number, stand after the last notice that was made before them.
- `None` is "not stated", here too: a newer alert that lacks a value does not unsay it.

Pure: no clock, no file, no network.
"""

from .changes import Change, changes
from .coincidences import SharedNeutrino, shared_neutrinos
from .identity import TIME_TOLERANCE_S, Event, find, group, same_event
from .names import normal_name, run_event

__all__ = [
    "TIME_TOLERANCE_S",
    "Change",
    "Event",
    "SharedNeutrino",
    "changes",
    "find",
    "group",
    "normal_name",
    "run_event",
    "same_event",
    "shared_neutrinos",
]
