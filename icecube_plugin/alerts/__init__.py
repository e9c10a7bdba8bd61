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
- `icecube_plugin.alerts.identity` says which alerts belong together, `icecube_plugin.alerts.order`
  which notice is the newest and whether the event stands, `icecube_plugin.alerts.merge` which is
  believed for which field. Each rule stands there, and nowhere else.
- An LVK search and the neutrinos in it are different events; `shared_neutrinos` says which belong
  together.
- `None` is "not stated", here too: a newer alert that lacks a value does not unsay it.

No file, no network. The clock is read only to tell a notice from the future (``now`` of `group`).
"""

from .changes import Change, changes
from .coincidences import SharedNeutrino, shared_neutrinos
from .events import Event, Notice, State
from .identity import TIME_TOLERANCE_S, group, same_event
from .lookup import find
from .names import normal_name, run_event

__all__ = [
    "TIME_TOLERANCE_S",
    "Change",
    "Event",
    "Notice",
    "SharedNeutrino",
    "State",
    "changes",
    "find",
    "group",
    "normal_name",
    "run_event",
    "same_event",
    "shared_neutrinos",
]
