"""Positions, times and energies of single alerts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from icecube_hooks import Alert, CoincidentEvent, Direction, IceCubePluginError, Localization

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from astropy.time import Time
    from astropy.units import Quantity

Placed = Alert | CoincidentEvent | Localization | Direction
"""What has a position."""


class NotStatedError(IceCubePluginError, ValueError):
    """An alert does not state what was asked for.

    Parameters
    ----------
    field : str
        What is missing: ``position``, ``error``, ``trigger time``, ``energy``.
    of : str
        The alert's `notice_id`, or what else was asked.
    """

    def __init__(self, field: str, of: str) -> None:
        super().__init__(field, of)
        self.field = field
        self.of = of

    def __str__(self) -> str:
        return f"{self.of} states no {self.field}"


def sky_coord(of: Placed) -> SkyCoord:
    """Return the position [ICRS].

    Raises
    ------
    NotStatedError
        If there is none.

    Examples
    --------
    >>> from icecube_hooks import Direction
    >>> sky_coord(Direction(ra_deg=77.43, dec_deg=5.72)).to_string("hmsdms")
    '05h09m43.2s +05d43m12s'
    """
    place = place_of(of)
    return coordinates(place.ra_deg, place.dec_deg)


def sky_coords(of: Iterable[Placed]) -> SkyCoord:
    """Return the positions of many as one array [ICRS]; NaN where none is stated.

    Examples
    --------
    >>> from icecube_hooks.testing import make_alert
    >>> sky_coords([make_alert(), make_alert(localization=None)]).ra.deg.tolist()
    [345.82, nan]
    """
    places = [place_or_none(one) for one in of]
    ra = [math.nan if place is None else place.ra_deg for place in places]
    dec = [math.nan if place is None else place.dec_deg for place in places]
    return coordinates(ra, dec)


def time(alert: Alert) -> Time:
    """Return the trigger time [UTC].

    Raises
    ------
    NotStatedError
        If there is none.
    """
    if alert.trigger_time is None:
        raise NotStatedError("trigger time", name_of(alert))
    found: Time = times_of([alert.trigger_time])[0]
    return found


def energy(alert: Alert) -> Quantity:
    """Return the most probable neutrino energy [TeV].

    Raises
    ------
    NotStatedError
        If there is none.
    """
    from astropy import units as u

    if alert.energy_tev is None:
        raise NotStatedError("energy", name_of(alert))
    return alert.energy_tev * u.TeV


def coordinates(ra_deg: Any, dec_deg: Any) -> Any:
    """Return a `SkyCoord`, which has too many dynamic attributes for a type checker."""
    from astropy import units as u
    from astropy.coordinates import SkyCoord

    return SkyCoord(ra_deg * u.deg, dec_deg * u.deg, frame="icrs")


def place_or_none(of: Placed) -> Localization | None:
    """Return the position of `of`, or ``None`` where none is stated."""
    if isinstance(of, Localization):
        return of
    if isinstance(of, Direction):
        return Localization(ra_deg=of.ra_deg, dec_deg=of.dec_deg)
    return of.localization


def place_of(of: Placed) -> Localization:
    """Return the position of `of`; `NotStatedError` where none is stated."""
    place = place_or_none(of)
    if place is None:
        raise NotStatedError("position", name_of(of))
    return place


def name_of(of: Placed) -> str:
    """Return what messages call `of`."""
    return of.notice_id if isinstance(of, Alert) else type(of).__name__


def scalar(value: Any) -> Any:
    """Return a Python float or bool for what is no array."""
    return value.item() if getattr(value, "ndim", 0) == 0 and hasattr(value, "item") else value


def times_of(values: Sequence[datetime]) -> Any:
    """Return an astropy ``Time`` of several moments [UTC]."""
    import numpy as np
    from astropy.time import Time

    texts = [f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}" for value in values]
    return Time(np.array(texts, dtype="U26"), format="isot", scale="utc", precision=6)
