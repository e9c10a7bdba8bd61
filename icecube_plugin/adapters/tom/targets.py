"""From the notices of one event to its Target.

Conventions
-----------
- Which notices are of one event, and which is the newest, `icecube_plugin.alerts` says. A Target
  has the newest value that is stated: a retraction says nothing of the energy.
- Its name is the event's public name, or ``IceCube 136392_25495567`` (run and event) where no
  notice has one; names that become known later are aliases. One that is not real starts with its
  tense.
- A Target that bears one of these names already is taken: it gets the extra fields, and keeps the
  name and position that somebody gave it.
- Extra fields start with ``icecube_``. Those that no notice states any more are deleted.
- A retraction is ``icecube_retracted``; nothing is deleted. An event whose retraction comes first
  gets no Target.

Traps of TOM Toolkit 3.1
------------------------
- An extra field that is saved as ``None`` holds the text "None".
- The truth value of an extra field is that of Python: the text "False" is true. Booleans are
  given as such here.
- "136392_25495567" is a number for Python, so run and event are two fields. What dateutil takes
  for a time without a zone, such as the label of a circular, gives a warning, so it is no field.
- ``full_clean`` compares a name with those of all Targets, one by one. Names are looked up exactly
  here, but for their case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.apps import apps
from django.db.models import Q
from tom_targets.models import Target, TargetExtra, TargetName

from icecube_hooks import Alert, AlertKind, Record, Significance
from icecube_plugin.alerts import Event, group, normal_name

from .models import Notice

__all__ = ["PREFIX", "Wanted", "bearer", "extras", "update"]

PREFIX: Final = "icecube_"

SAME_EVENT: Final = timedelta(days=1)
"""How far apart in time notices are looked at together; `events` then decides."""

NONLOCALIZED: Final = "tom_nonlocalizedevents"

LONGEST_NAME: Final = 100

PUBLIC: Final = ("IceCube", "NuEm")
"""How the public names of events start, in their one spelling."""

Row = tuple[Any, Record]


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What a notice may make: a Target, NonLocalizedEvents, with which permissions."""

    target: bool = True
    nonlocalized: bool = True
    permissions: str | None = None


def update(record: Record, wanted: Wanted) -> None:
    """Keep a notice, and bring its event's Target up to date; nothing if it is there already.

    Parameters
    ----------
    record : Record
    wanted : Wanted
    """
    notice, is_new = Notice.objects.get_or_create(record_id=record.id, defaults=_columns(record))
    if not is_new:
        return
    event, rows = _event(notice, record)
    if wanted.target:
        _update_target(event, rows, notice, wanted.permissions)
    if wanted.nonlocalized and apps.is_installed(NONLOCALIZED):
        _update_nonlocalized(event, wanted.permissions)


def _columns(record: Record) -> dict[str, Any]:
    alert = record.alert
    return {
        "notice_id": _text(alert.notice_id),
        "event_key": None if alert.event_key is None else _text(alert.event_key),
        "names": _text("".join(f"|{name}" for name in _names(alert)) + "|"),
        "kind": alert.kind.value,
        "status": None if alert.status is None else alert.status.value,
        "revision": _text(alert.revision_label)[:100],
        "is_real": alert.is_real,
        "trigger_time": alert.trigger_time,
        "record_json": record.to_json(),
    }


def _text(text: str) -> str:
    """Return text that every database takes; a NUL, PostgreSQL does not."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")[:500]


def _names(alert: Alert) -> list[str]:
    return [name for name in map(normal_name, alert.event_names) if name is not None]


def _event(notice: Any, record: Record) -> tuple[Event, list[Row]]:
    """Return the event of a notice, and its rows in the order of `Event.alerts`."""
    near = _near(record.alert).exclude(pk=notice.pk)
    rows: list[Row] = [(notice, record), *((other, other.record()) for other in near)]
    by_alert = {id(row[1].alert): row for row in rows}
    for event in group(row[1].alert for row in rows):
        if any(alert is record.alert for alert in event.alerts):
            return event, [by_alert[id(alert)] for alert in event.alerts]
    raise AssertionError("every alert is in one event")


def _near(alert: Alert) -> Any:
    """Return the notices that may be of the same event."""
    query = Q(event_key=alert.event_key) if alert.event_key else Q(pk__in=[])
    for name in _names(alert):
        query |= Q(names__contains=f"|{name}|")
    if alert.trigger_time is not None:
        start, stop = alert.trigger_time - SAME_EVENT, alert.trigger_time + SAME_EVENT
        query |= Q(trigger_time__range=(start, stop))
    return Notice.objects.filter(query, is_real=alert.is_real)


def _update_target(event: Event, rows: Sequence[Row], notice: Any, permissions: str | None) -> None:
    target, is_ours = _known_target(event, rows)
    if target is None:
        if event.is_retracted or event.latest("localization") is None:
            return
        target, is_ours = Target(name=_target_names(event)[0], type=Target.SIDEREAL), True
        if permissions is not None:
            target.permissions = permissions
        notice.made_target = True
    if is_ours:
        _place(target, event)
    known = extras(event, [record for _, record in rows])
    target.save(extras=known)
    TargetExtra.objects.filter(target_id=target.pk, key__startswith=PREFIX).exclude(
        key__in=known
    ).delete()
    if is_ours:
        _add_names(target, event)
    notice.target_id = target.pk
    notice.save(update_fields=["target", "made_target"])
    others = [row.pk for row, _ in rows if row.target_id is None]
    Notice.objects.filter(pk__in=others).update(target=target.pk)


def _known_target(event: Event, rows: Sequence[Row]) -> tuple[Any, bool]:
    """Return the event's Target, or one that bears its name, and whether it is our own."""
    keys = sorted(row.target_id for row, _ in rows if row.target_id is not None)
    target = Target.objects.filter(pk__in=keys[:1]).first()
    if target is not None:
        return target, Notice.objects.filter(target=target.pk, made_target=True).exists()
    return bearer(_target_names(event)), False


def bearer(names: Iterable[str]) -> Any:
    """Return the Target that has one of `names` as name or alias."""
    for name in names:
        alias = TargetName.objects.filter(name__iexact=name).values("target")
        found = Target.objects.filter(Q(name__iexact=name) | Q(pk__in=alias)).first()
        if found is not None:
            return found
    return None


def _target_names(event: Event) -> list[str]:
    """Return the event's names for a Target, the best one first."""
    tense, colon, _ = event.key.partition(":")
    is_real = not colon or event.newest.is_real
    prefix = "" if is_real else f"{tense} "
    stated = [name for name in event.names if name.startswith(PUBLIC)]
    whose = event.newest.observatory
    numbers = [f"{whose} {name}" for name in event.names if not name.startswith(PUBLIC)]
    names = [*stated, *numbers] or [f"{whose} {event.key}"]
    return [_text(prefix + name)[:LONGEST_NAME] for name in names]


def _place(target: Any, event: Event) -> None:
    position = event.latest("localization")
    if position is not None:
        target.ra, target.dec, target.epoch = position.ra_deg, position.dec_deg, 2000.0


def _add_names(target: Any, event: Event) -> None:
    """Add the names by which the event has become known, if nobody else bears them."""
    for name in _target_names(event):
        if bearer([name]) is None:
            TargetName.objects.create(target_id=target.pk, name=name)


def extras(event: Event, records: Sequence[Record]) -> dict[str, Any]:
    """Return the extra fields of an event's Target, without what is not stated.

    Parameters
    ----------
    event : Event
    records : sequence of Record
        In the order of `Event.alerts`.
    """
    position = event.latest("localization")
    found = {
        "kind": event.kind.value,
        "revision": event.latest("revision"),
        "status": _plain(event.known.status),
        "retracted": event.is_retracted,
        "notices": len(event.notices),
        "notice_id": _text(event.newest.notice_id),
        "run": event.latest("run_id"),
        "event": event.latest("event_id"),
        "trigger_time": event.latest("trigger_time"),
        "notice_time": event.latest("notice_time"),
        "energy_tev": event.latest("energy_tev"),
        "signalness": event.latest("signalness"),
        "far_per_year": event.latest("far_per_year"),
        "error_radius_deg": getattr(position, "error_radius_deg", None),
        "containment": getattr(position, "containment", None),
        "skymap_url": getattr(position, "skymap_fits_url", None),
        "tense": None if event.newest.is_real else _plain(event.newest.tense),
    }
    for significance in next((r.significances for r in reversed(records) if r.significances), ()):
        found |= _of_significance(significance)
    return {PREFIX + key: _stored(value) for key, value in found.items() if value is not None}


def _of_significance(significance: Significance) -> dict[str, Any]:
    name = re.sub(r"\W+", "_", significance.quantity)
    return {
        f"{name}_p_value": significance.p_value,
        f"{name}_sigma": significance.sigma,
        f"{name}_p_value_post": significance.p_value_post,
        f"{name}_sigma_post": significance.sigma_post,
        f"{name}_sided": significance.sided.value,
        f"{name}_verdict": _plain(significance.verdict),
    }


def _plain(value: Any) -> Any:
    return None if value is None else value.value


def _stored(value: Any) -> Any:
    """Return a value as TOM Toolkit's extra fields take it: a number or time as text."""
    if isinstance(value, bool | str):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else repr(value)


def _update_nonlocalized(event: Event, permissions: str | None) -> None:
    from . import nonlocalized  # its models are there only where that app is

    if event.kind is AlertKind.LVK_SEARCH:
        nonlocalized.update_search(event, permissions)
    elif any(alert.kind is AlertKind.CASCADE for alert in event.alerts):
        nonlocalized.update_cascade(event, _target_names(event))
