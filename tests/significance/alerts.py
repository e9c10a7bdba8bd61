"""Alerts as the readers make them, with what a test says about them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from icecube_hooks import (
    YEAR_S,
    Alert,
    AlertKind,
    CoincidentEvent,
    GWReference,
    Localization,
    PValue,
    WireFormat,
)

T0 = datetime(2023, 9, 14, 11, 14, 1, tzinfo=UTC)


def searches(generic: float | None, bayesian: float | None) -> tuple[PValue, ...]:
    return (PValue(search="generic", value=generic), PValue(search="bayesian", value=bayesian))


def lvk(
    generic: float | None = None,
    bayesian: float | None = None,
    *,
    superevent: str = "S230914ak",
    number: int | None = 2,
    events: tuple[CoincidentEvent, ...] = (),
    **more: Any,
) -> Alert:
    return Alert(
        kind=AlertKind.LVK_SEARCH,
        format=WireFormat.JSON,
        p_values=searches(generic, bayesian),
        gw=GWReference(superevent_id=superevent, notice_number=number),
        coincident_events=events,
        trigger_time=T0,
        **more,
    )


def track(
    ra: float = 0.0,
    dec: float = 0.0,
    *,
    far_per_year: float | None = None,
    kind: AlertKind = AlertKind.GOLD,
    time: datetime = T0,
    event_id: int = 1,
    place: Localization | None = None,
    **more: Any,
) -> Alert:
    return Alert(
        kind=kind,
        format=WireFormat.JSON,
        run_id=138590,
        event_id=event_id,
        far_hz=None if far_per_year is None else far_per_year / YEAR_S,
        trigger_time=time,
        localization=place or Localization(ra_deg=ra, dec_deg=dec),
        **more,
    )
