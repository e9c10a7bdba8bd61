"""What changed from one notice of an event to the next."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from icecube_hooks import (
    Alert,
    AlertKind,
    GWCandidate,
    Localization,
    Status,
    WireFormat,
)
from icecube_plugin.sky import circularised_radius_deg, separation_deg

from .columns import ALERT, FAR_PER_YEAR
from .waves import class_text, external_text, flag_text


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What differs between two alerts of one event.

    Attributes
    ----------
    field : str
        ``position``, ``error``, or the name of a field of `Alert`.
    old, new : object
        Both values; `old` is ``None`` where the older alert does not state it.
    text : str
        For people: ``moved by 0.42 deg``.
    """

    field: str
    old: object
    new: object
    text: str


@dataclass(frozen=True, slots=True)
class _Precision:
    """Differences up to these come from writing numbers down, and are no change."""

    position_deg: float
    radius_deg: float
    relative: float
    decimals: float


_NOTICE: Final = _Precision(position_deg=2e-4, radius_deg=0.0051, relative=1e-3, decimals=1e-4)
"""Notices: 4 decimals of a degree, 2 for the radius of a cascade in text, 4 for rates and
probabilities, else 4 digits; the binary packet's 0.02 %."""
_CIRCULAR: Final = _Precision(position_deg=0.01, radius_deg=0.01, relative=0.02, decimals=0.006)
"""Circulars: 2 decimals, or 2 digits."""


def is_circular(alert: Alert) -> bool:
    """Whether the notice is a circular, which people write."""
    return alert.format is WireFormat.CIRCULAR


def changes(old: Alert, new: Alert) -> tuple[Change, ...]:
    """Say what changed from one alert of an event to a newer one.

    What the newer one does not state has not changed. Differences that rounding explains are none.

    Examples
    --------
    >>> from icecube_hooks.testing import make_alert
    >>> old = make_alert(energy_tev=127.3)
    >>> [change.text for change in changes(old, old.replace(energy_tev=131.0))]
    ['energy from 127.3 to 131 TeV']
    """
    coarse = is_circular(old) or is_circular(new)
    precision = _CIRCULAR if coarse else _NOTICE
    return (
        *_words(old, new),
        *_wave_changes(old.gw_candidate, new.gw_candidate),
        *_place_changes(old.localization, new.localization, precision),
        *_number_changes(old, new, precision),
    )


def _words(old: Alert, new: Alert) -> Iterator[Change]:
    if new.status is Status.RETRACTION and old.status is not Status.RETRACTION:
        yield Change(field="status", old=old.status, new=new.status, text="retracted")
    elif new.status is not None and old.status is Status.RETRACTION is not new.status:
        yield Change(field="status", old=old.status, new=new.status, text="no longer retracted")
    elif new.status is not None and new.status is not old.status:
        text = f"status from {old.status or 'not stated'} to {new.status}"
        yield Change(field="status", old=old.status, new=new.status, text=text)
    if new.kind is not old.kind and new.kind is not AlertKind.TRACK:
        text = f"kind from {old.kind} to {new.kind}"
        yield Change(field="kind", old=old.kind, new=new.kind, text=text)


def _wave_changes(old: GWCandidate | None, new: GWCandidate | None) -> Iterator[Change]:
    if old is None or new is None:
        return
    stated = (
        ("class", class_text),
        ("significance", flag_text),
        ("coincidence", lambda one: one.external and external_text(one.external)),
    )
    for field, text_of in stated:
        before, after = text_of(old), text_of(new)
        if after and before != after:
            text = f"{field} from {before} to {after}" if before else f"{field} stated: {after}"
            yield Change(field=field, old=before, new=after, text=text)
    for map_of in (attrgetter("skymap"), attrgetter("skymap_url")):  # of two forms one has each
        before, after = map_of(old), map_of(new)
        if before and after and before != after:
            yield Change(field="sky map", old=before, new=after, text="another sky map")


def _place_changes(
    old: Localization | None, new: Localization | None, precision: _Precision
) -> Iterator[Change]:
    if new is None:
        return
    if old is None:
        text = f"position stated: RA {new.ra_deg:g}, Dec {new.dec_deg:g} deg"
        yield Change(field="position", old=None, new=(new.ra_deg, new.dec_deg), text=text)
    else:
        before, after = (old.ra_deg, old.dec_deg), (new.ra_deg, new.dec_deg)
        moved = separation_deg(old, new)
        if moved > precision.position_deg:
            text = f"moved by {moved:.3g} deg"
            yield Change(field="position", old=before, new=after, text=text)
    yield from _error_changes(old, new, precision)


def _error_changes(
    old: Localization | None, new: Localization, precision: _Precision
) -> Iterator[Change]:
    after = circularised_radius_deg(new)
    before = None if old is None else circularised_radius_deg(old)
    if after is None or old is None:
        return
    if before is None:
        text = f"error stated: {_error_text(new, after)}"
    elif abs(after - before) > precision.radius_deg:
        comparable = old.containment == new.containment
        verb = ("grew" if after > before else "shrank") if comparable else "changed"
        text = f"error {verb} from {_error_text(old, before)} to {_error_text(new, after)}"
    else:
        return
    yield Change(field="error", old=before, new=after, text=text)


def _error_text(place: Localization, radius_deg: float) -> str:
    shape = "" if place.error_radius_deg is not None else ", circularised"
    containment = "" if place.containment is None else f" ({place.containment:.3g} containment)"
    return f"{radius_deg:.3g} deg{shape}{containment}"


_NUMBERS: Final = tuple(column for column in (*ALERT, FAR_PER_YEAR) if column.label)


def _number_changes(old: Alert, new: Alert, precision: _Precision) -> Iterator[Change]:
    for column in _NUMBERS:
        before, after = column.get(old), column.get(new)
        decimals = precision.decimals if column.has_decimals else 0.0
        if _differ(before, after, precision.relative, decimals):
            yield _number_change(column.name, column.label, column.unit, before, after)
    searches = {p.search: p.value for p in old.p_values}
    for p in new.p_values:
        before = searches.get(p.search)
        if p.value is not None and _differ(before, p.value, precision.relative, 0.0):
            label = f"p-value ({p.search})"
            yield _number_change(f"p_value {p.search}", label, "", before, p.value)


def _differ(old: float | None, new: float | None, relative: float, absolute: float) -> bool:
    if new is None or old is None:
        return new is not None
    return not math.isclose(old, new, rel_tol=relative, abs_tol=absolute)


def _number_change(name: str, label: str, unit: str, old: float | None, new: float) -> Change:
    change = f"stated: {new:.4g}" if old is None else f"from {old:.4g} to {new:.4g}"
    return Change(field=name, old=old, new=new, text=f"{label} {change} {unit}".rstrip())
