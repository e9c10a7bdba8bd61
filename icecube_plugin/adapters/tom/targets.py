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
- People read what is known among the Target's tags: ``IceCube``, ``IceCube error``, in the words of
  our other messages. Numbers are extra fields that start with ``icecube_``, for those names only
  that the TOM declares in ``EXTRA_FIELDS``: what is declared can be filtered by, and is no tag.
  What no notice states any more is deleted.
- A retraction is ``icecube_retracted``, and said. An event whose retraction comes first gets no
  Target.
- Where a notice shows that two of our Targets are of one event, the later one is merged into the
  first (TOM Toolkit's own `target_merge`: observations and data go along). Where it shows that a
  notice is of another event, both are brought up to date.
- Who has a Target gets what follows of its event, whatever kinds are wanted.

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
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.db.models import Q
from tom_targets.merge import target_merge
from tom_targets.models import Target, TargetExtra, TargetName

from icecube_hooks import Alert, AlertKind, Record, Significance
from icecube_plugin.alerts import Event, group
from icecube_plugin.alerts.headline import RATE
from icecube_plugin.alerts.identity import aliases, claim
from icecube_plugin.alerts.index import known_of, neighbours
from icecube_plugin.alerts.words import RETRACTED, heading, notice_label
from icecube_plugin.views.summary import facts

from .models import Alias, Notice

__all__ = ["PREFIX", "TAG", "Wanted", "bearer", "declared", "extras", "update", "words"]

PREFIX: Final = "icecube_"
TAG: Final = "IceCube"
"""How the tags start that people read."""

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
    names = sorted({_text(name) for name in aliases(record.alert, claim(record.alert))})
    Alias.objects.bulk_create(Alias(notice=notice, alias=name) for name in names)
    for event, rows in _touched(notice, record):
        is_told = any(row.target_id is not None for row, _ in rows)
        is_new = any(row.pk == notice.pk for row, _ in rows)
        if is_told or (is_new and wanted.target):
            _update_target(event, rows, wanted.permissions)
        if is_new and wanted.nonlocalized and apps.is_installed(NONLOCALIZED):
            _update_nonlocalized(event, wanted.permissions)


def _columns(record: Record) -> dict[str, Any]:
    alert = record.alert
    return {
        "notice_id": _text(alert.notice_id),
        "event_key": None if alert.event_key is None else _text(alert.event_key),
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


def _touched(notice: Any, record: Record) -> list[tuple[Event, list[Row]]]:
    """Return the event of a new notice, and those that a notice has left because of it.

    Each with its rows in the order of `Event.alerts`; a row that has left has no Target any more.
    """
    rows: dict[int, Row] = {notice.pk: (notice, record)}

    def find(names: list[str], known: Collection[int], room: int) -> dict[int, Alert]:
        there = Notice.objects.filter(aliases__alias__in=list(map(_text, names)))
        newest = there.exclude(pk__in=list(known)).distinct().order_by("-pk")[:room]
        fresh = {row.pk: (row, row.record()) for row in newest}
        rows.update(fresh)
        return {key: found.alert for key, (_, found) in fresh.items()}

    known = neighbours(known_of({notice.pk: record.alert}), find)
    by_alert = {id(rows[key][1].alert): rows[key] for key in sorted(known)}
    parts = [
        (event, [by_alert[id(alert)] for alert in event.alerts])
        for event in group(row[1].alert for row in by_alert.values())
    ]
    owners = {row.target_id: event.key for event, own in parts for row, _ in own if row.made_target}
    touched = {event.key for event, own in parts if any(row.pk == notice.pk for row, _ in own)}
    for event, own in parts:
        for row, _ in own:
            owner = owners.get(row.target_id, event.key)
            if owner != event.key:
                touched |= {owner, event.key}
                row.target = None
                row.save(update_fields=["target"])
    return [(event, own) for event, own in parts if event.key in touched]


def _update_target(event: Event, rows: Sequence[Row], permissions: str | None) -> None:
    target, is_ours = _known_target(event, rows)
    if target is None:
        if event.is_retracted or event.latest("localization") is None:
            return
        target, is_ours = Target(name=_free_name(event), type=Target.SIDEREAL), True
        if permissions is not None:
            target.permissions = permissions
        rows[-1][0].made_target = True
        rows[-1][0].save(update_fields=["made_target"])
    if is_ours:
        _place(target, event)
    records = [record for _, record in rows]
    known = words(event, records) | declared(extras(event, records))
    target.save(extras=known)
    ours = Q(key__startswith=PREFIX) | Q(key=TAG) | Q(key__startswith=f"{TAG} ")
    TargetExtra.objects.filter(ours, target_id=target.pk).exclude(key__in=known).delete()
    if is_ours:
        _add_names(target, event)
    Notice.objects.filter(pk__in=[row.pk for row, _ in rows]).update(target=target.pk)


def _known_target(event: Event, rows: Sequence[Row]) -> tuple[Any, bool]:
    """Return the event's Target, or one that bears its name, and whether it is our own."""
    keys = {row.target_id for row, _ in rows} - {None}
    target, *others = Target.objects.filter(pk__in=keys).order_by("pk") or [None]
    if target is None:
        named = (bearer([name]) for name in _target_names(event))
        free = (one for one in named if one is not None and not _is_ours(one))
        return next(free, None), False
    for other in others:
        if _is_ours(other):
            target_merge(target, other)
    return target, _is_ours(target)


def _is_ours(target: Any) -> bool:
    return bool(Notice.objects.filter(target=target.pk, made_target=True).exists())


def _free_name(event: Event) -> str:
    """Return the best name that no Target bears: two events of a day have had one name."""
    names = _target_names(event)
    return next((name for name in names if bearer([name]) is None), names[-1])


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


def words(event: Event, records: Sequence[Record]) -> dict[str, Any]:
    """Return what people read of an event among the tags of its Target.

    Parameters
    ----------
    event : Event
    records : sequence of Record
        In the order of `Event.alerts`.
    """
    assessed = next((r.significances for r in reversed(records) if r.significances), ())
    said = facts(records[-1].replace(alert=event.known, significances=assessed))
    state = RETRACTED if event.is_retracted else _plain(event.known.status)
    about = (heading(event.kind), notice_label(event.newest), state)
    found = {TAG: ", ".join(filter(None, about))}
    for line in (*said.deciding, *(one for one in said.rest if one.label == "significance")):
        if line.label != "position":  # which the Target has
            key = f"{TAG} {line.label}"
            found[key] = f"{found[key]}; {line.text}" if key in found else line.text
    return {key: _text(value) for key, value in found.items()}


def declared(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of some extra fields that the TOM declares."""
    names = {field["name"] for field in settings.EXTRA_FIELDS}
    return {name: value for name, value in fields.items() if name in names}


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
        if significance.quantity != RATE:  # a rate is no test: no p-value follows from it
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
    if isinstance(value, float):
        return f"{value:.8g}"  # people read it, too
    return value.isoformat() if hasattr(value, "isoformat") else repr(value)


def _update_nonlocalized(event: Event, permissions: str | None) -> None:
    from . import nonlocalized  # its models are there only where that app is

    if event.kind is AlertKind.LVK_SEARCH:
        nonlocalized.update_search(event, permissions)
    elif any(alert.kind is AlertKind.CASCADE for alert in event.alerts):
        nonlocalized.update_cascade(event, _target_names(event))
