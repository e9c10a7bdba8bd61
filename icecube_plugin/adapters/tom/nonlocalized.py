"""NonLocalizedEvents and their candidates, in a TOM with ``tom_nonlocalizedevents`` (PostgreSQL).

Conventions
-----------
- A search around a gravitational wave: the superevent's NonLocalizedEvent is made if it is not
  there, and never changed: state, sequences and sky maps are those of LVK's alerts.
- The neutrinos of its newest notice are EventCandidates, with a Target each, named by run and event
  (``IceCube 140332_10000001``) or by the time from the superevent. Which notice, when, and with
  which p-values is the candidate's ``viability_reason``. A neutrino that the newest notice does not
  name, or takes back, is not viable any more. Where somebody has written another reason, the
  candidate is theirs and stays as it is.
- A cascade, whose error region has many square degrees, is a NonLocalizedEvent of type ``NU``: an
  EventSequence and an EventLocalization for each revision. The localization has the URL of the sky
  map and the area of a circular region, as stated; the map itself is not fetched.
- What this app and the TOM's users call an event may differ: one that bears any of its names is it.

Trap of tom_nonlocalizedevents 1.0
----------------------------------
It looks up credible regions of a new candidate on another connection, where our transaction is not
to be seen yet. They are looked up again after it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any, Final

from django.db import transaction
from tom_nonlocalizedevents.models import (
    EventCandidate,
    EventLocalization,
    EventSequence,
    NonLocalizedEvent,
)
from tom_targets.models import Target

from icecube_hooks import Alert, CoincidentEvent, Localization, Status
from icecube_plugin.alerts import Event
from icecube_plugin.alerts.words import NOT_STATED, error_text
from icecube_plugin.sky import region_or_none

__all__ = ["MARK", "update_cascade", "update_search"]

MARK: Final = "IceCube search"
"""How the reasons of our candidates start."""

LONGEST_ID: Final = 64
LONGEST_URL: Final = 200


def update_search(event: Event, permissions: str | None) -> None:
    """Bring a superevent's candidates up to date with the newest notice.

    Parameters
    ----------
    event : Event
        The notices of one search.
    permissions : str, optional
        Of new Targets.
    """
    newest = event.newest
    if newest.gw is None or newest.gw.superevent_id is None:
        return
    name = newest.gw.superevent_id[:LONGEST_ID]
    superevent, _ = NonLocalizedEvent.objects.get_or_create(
        event_id=name, defaults={"event_type": "GW"}
    )
    neutrinos = () if newest.status is Status.RETRACTION else newest.coincident_events
    kept = [
        _candidate(superevent, newest, found, found.localization, permissions)
        for found in neutrinos
        if found.localization is not None
    ]
    gone = superevent.candidates.filter(viable=True, viability_reason__startswith=MARK)
    reason = f"{MARK} {newest.revision_label}: no longer named"
    gone.exclude(pk__in=kept).update(viable=False, viability_reason=reason)


def _candidate(
    superevent: Any,
    alert: Alert,
    neutrino: CoincidentEvent,
    place: Localization,
    permissions: str | None,
) -> int:
    """Return the key of a neutrino's candidate, made or brought up to date."""
    target = _target(superevent.event_id, neutrino, place, permissions)
    reason = _reason(alert, neutrino)
    found, is_new = EventCandidate.objects.get_or_create(
        nonlocalizedevent=superevent, target=target, defaults={"viability_reason": reason}
    )
    if is_new:
        transaction.on_commit(partial(_look_up_regions, found), robust=True)
    elif found.viability_reason.startswith(MARK):
        found.viable, found.viability_reason = True, reason
        found.save()
    return int(found.pk)


def _target(
    superevent: str, neutrino: CoincidentEvent, place: Localization, permissions: str | None
) -> Any:
    """Return the neutrino's Target, which its own alert may have made already."""
    from .targets import PREFIX, TAG, bearer, declared

    name = f"IceCube {neutrino.event_key or _offset(superevent, neutrino, place)}"
    target = bearer([name])
    if target is None:
        target = Target(name=name, type=Target.SIDEREAL, epoch=2000.0)
        target.ra, target.dec = place.ra_deg, place.dec_deg
        if permissions is not None:
            target.permissions = permissions
        stated = {"error_radius_deg": place.error_radius_deg, "containment": place.containment}
        numbers = {PREFIX + k: repr(v) for k, v in stated.items() if v is not None}
        target.save(extras={f"{TAG} error": error_text(place) or NOT_STATED} | declared(numbers))
    return target


def _offset(superevent: str, neutrino: CoincidentEvent, place: Localization) -> str:
    if neutrino.delta_t_s is None:
        return f"{superevent} {place.ra_deg:.2f} {place.dec_deg:+.2f}"
    return f"{superevent} {neutrino.delta_t_s:+.2f} s"


def _reason(alert: Alert, neutrino: CoincidentEvent) -> str:
    when = "" if neutrino.delta_t_s is None else f" {neutrino.delta_t_s:+.2f} s,"
    stated = [f"p {p.value:.4g} ({p.search})" for p in neutrino.p_values if p.value is not None]
    return f"{MARK} {alert.revision_label}:{when} {', '.join(stated) or 'no p-value'}"


def _look_up_regions(candidate: Any) -> None:
    from tom_nonlocalizedevents.healpix_utils import (
        update_all_credible_region_percents_for_candidates as look_up,
    )

    for localization in candidate.nonlocalizedevent.localizations.all():
        look_up(localization, [candidate.pk])


def update_cascade(event: Event, names: Iterable[str]) -> None:
    """Bring the NonLocalizedEvent of a cascade up to date with all its notices.

    Parameters
    ----------
    event : Event
    names : iterable of str
        Those of its Target, the best one first.
    """
    ids = [name[:LONGEST_ID] for name in names]
    found = NonLocalizedEvent.objects.filter(event_id__in=ids).first()
    if found is None:
        if event.is_retracted:
            return
        found = NonLocalizedEvent.objects.create(event_id=ids[0], event_type="NU")
    if event.is_retracted != (found.state == "RETRACTED"):  # INACTIVE is a person's word
        found.state = "RETRACTED" if event.is_retracted else "ACTIVE"
        found.save()
    for alert in event.notices:
        if alert.revision is not None:
            _sequence(found, alert)


def _sequence(found: Any, alert: Alert) -> None:
    """Keep a revision, as its formats together state it."""
    place = alert.localization
    localization = None if place is None else _localization(found, alert, place)
    details = {
        "notice_id": alert.notice_id,
        "ra_deg": None if place is None else place.ra_deg,
        "dec_deg": None if place is None else place.dec_deg,
        "error_radius_deg": None if place is None else place.error_radius_deg,
        "containment": None if place is None else place.containment,
        "energy_tev": alert.energy_tev,
        "signalness": alert.signalness,
        "far_per_year": alert.far_per_year,
    }
    EventSequence.objects.update_or_create(
        nonlocalizedevent=found,
        sequence_id=alert.revision,
        defaults={
            "localization": localization,
            "details": {name: value for name, value in details.items() if value is not None},
            "event_subtype": (alert.status or Status.INITIAL).value.upper(),
            "ingestor_source": "icecube",
        },
    )


def _localization(found: Any, alert: Alert, place: Localization) -> Any:
    url = place.skymap_fits_url or ""
    values: dict[str, Any] = {
        "date": alert.notice_time,
        "skymap_url": url if len(url) <= LONGEST_URL else "",
    }
    region = region_or_none(place)
    if region is not None and place.containment in (0.5, 0.9):
        values[f"area_{place.containment * 100:.0f}"] = region.area_deg2
    localization, _ = EventLocalization.objects.update_or_create(
        nonlocalizedevent=found, skymap_version=alert.revision, defaults=values
    )
    return localization
