"""Several alerts as one: which is believed for which field.

The rules
---------
- **Formats of one notice** (`merged`): JSON before VOEvent, text and the binary packet, which cut
  off digits in this order. What the believed one does not state, the next ones fill in. A flag that
  takes the event back counts in whatever format it stands, for others have no place for it. The
  notice was made when the first of its forms was: a VOEvent can be dated weeks later.
- **Of one format** the one made last is believed: the others it has corrected.
- **Notices of one event** (`known`): the newest is believed; ``None`` is "not stated", so a
  circular that takes an event back does not unsay its energy. A retraction does not move the event.
  A search that states its p-values states all of its neutrinos: none are taken from an older one.
- **Positions** are never mixed. Only where two agree (`SAME_PLACE_DEG`) does one gain what the
  other says of its error: 50 % radius, sky maps.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from functools import cache, reduce
from itertools import pairwise
from typing import Any, Final

from icecube_hooks import Alert, AlertKind, Localization, Status, WireFormat
from icecube_plugin.sky.directions import separation_deg

__all__ = ["SAME_PLACE_DEG", "content_digest", "is_at", "known", "merged", "trust"]

SAME_PLACE_DEG: Final = 0.02
"""Positions nearer than this are one: circulars round to 0.01 deg."""

_TRUST: Final[tuple[str, ...]] = (
    *(WireFormat.JSON, WireFormat.VOEVENT, WireFormat.TEXT, WireFormat.BINARY),
    WireFormat.CIRCULAR,
)

_OF_THE_NOTICE: Final = frozenset(
    ("kind", "format", "status", "notice_time", "comments", "concerns", "unread")
)
"""Fields that the rules above treat by themselves, or that belong to one form of the notice."""

_OF_ONE_NOTICE: Final = frozenset(("circular_number", "ivorn"))
_RESULTS: Final = frozenset(
    ("coincident_events", "n_coincident", "most_probable_direction", "flux_sensitivity")
)
_SHAPES: Final = ("error_radius_deg", "ellipse", "asymmetric")
_OF_A_SHAPE: Final = ("containment", "systematic_included")


def merged(sightings: Iterable[Alert]) -> Alert:
    """Return one notice, from the forms in which it came.

    Examples
    --------
    >>> from icecube_hooks.testing import make_alert
    >>> text = make_alert(format=WireFormat.TEXT, charge_pe=6000.0, energy_tev=120.0)
    >>> one = merged([text, make_alert(energy_tev=127.3)])
    >>> one.format.value, one.energy_tev, one.charge_pe
    ('json', 127.3, 6000.0)
    """
    ranked = _believed_first(sightings)
    if len(ranked) == 1:
        return ranked[0]
    one = _filled(ranked, frozenset())
    times = [alert.notice_time for alert in ranked if alert.notice_time is not None]
    return one.replace(
        status=_status(ranked),
        notice_time=min(times, default=None),
        comments=_once(alert.comments for alert in ranked),
        concerns=_once(alert.concerns for alert in ranked),
    )


def known(notices: Sequence[Alert], *, is_retracted: bool) -> Alert:
    """Return what is now known of an event, from its notices, oldest first."""
    newest = notices[-1]
    if len(notices) == 1:
        return newest
    ranked = list(reversed(notices))
    one = _filled(ranked, _OF_ONE_NOTICE)
    kinds = [alert.kind for alert in ranked if alert.kind is not AlertKind.TRACK]
    standing = [alert for alert in ranked if alert.status is not Status.RETRACTION]
    return one.replace(
        kind=next(iter(kinds), AlertKind.TRACK),
        status=Status.RETRACTION if is_retracted else newest.status,
        localization=_localization([*standing, *ranked]),
    )


def _believed_first(sightings: Iterable[Alert]) -> list[Alert]:
    ranked = sorted(sightings, key=_trust)
    if any(_trust(one) == _trust(other) for one, other in pairwise(ranked)):
        ranked.sort(key=lambda alert: (*_trust(alert), content_digest(alert)))  # any fixed order
    return ranked


def _trust(alert: Alert) -> tuple[int, float]:
    made = -math.inf if alert.notice_time is None else alert.notice_time.timestamp()
    return trust(alert.format), -made


def trust(form: str) -> int:
    """Return how much a format is believed, 0 the most; one of a third party the least."""
    return _TRUST.index(form) if form in _TRUST else len(_TRUST)


def is_at(alert: Alert, other: Alert) -> bool:
    """Whether two alerts state one position, or both none."""
    one, two = alert.localization, other.localization
    if one is None or two is None:
        return one is two
    return separation_deg(one, two) <= SAME_PLACE_DEG


def content_digest(alert: Alert) -> str:
    """Return what is equal for two sightings that say the same, whenever they were made."""
    values = [getattr(alert, name) for name in (*_names(), "kind", "format", "status", "comments")]
    text = repr(values).encode("utf-8", "backslashreplace")
    return hashlib.blake2b(text, digest_size=8).hexdigest()


@cache
def _names() -> tuple[str, ...]:
    return tuple(name for name in Alert.__struct_fields__ if name not in _OF_THE_NOTICE)


def _filled(ranked: Sequence[Alert], left_out: frozenset[str]) -> Alert:
    """Return the first, with what it does not state from those after it."""
    first = ranked[0]
    is_complete = first.kind is AlertKind.LVK_SEARCH and bool(first.p_values)
    changes: dict[str, Any] = {}
    for name in _names():
        if name in left_out or (is_complete and name in _RESULTS):
            continue
        if _is_unstated(getattr(first, name)):
            changes[name] = _first_stated(ranked[1:], name)
    stated = {name: value for name, value in changes.items() if value is not None}
    stated["localization"] = _localization(ranked)
    stated["event_names"] = _once(alert.event_names for alert in ranked)
    return first.replace(**stated)


def _is_unstated(value: Any) -> bool:
    return value is None or value == ()


def _first_stated(ranked: Iterable[Alert], name: str) -> Any:
    values = (getattr(alert, name) for alert in ranked)
    return next((value for value in values if not _is_unstated(value)), None)


def _status(ranked: Sequence[Alert]) -> Status | None:
    if any(alert.status is Status.RETRACTION for alert in ranked):
        return Status.RETRACTION
    status: Status | None = _first_stated(ranked, "status")
    return status


def _once(values: Iterable[Iterable[Any]]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(value for some in values for value in some))


def _localization(ranked: Iterable[Alert]) -> Localization | None:
    places = [alert.localization for alert in ranked if alert.localization is not None]
    return reduce(_with_error_of, places) if places else None


def _with_error_of(place: Localization, other: Localization) -> Localization:
    """Return the place, with what another one says of the same position and it does not."""
    if separation_deg(place, other) > SAME_PLACE_DEG:
        return place
    wanted = ("error_radius_50_deg", "skymap_fits_url", "skymap_png_url")
    changes = {name: getattr(other, name) for name in wanted if getattr(place, name) is None}
    if not _has_shape(place) and _has_shape(other):  # with its own containment, not with another
        changes |= {name: getattr(other, name) for name in (*_SHAPES, *_OF_A_SHAPE)}
    return place.replace(**changes) if changes else place


def _has_shape(place: Localization) -> bool:
    return any(getattr(place, name) is not None for name in _SHAPES)
