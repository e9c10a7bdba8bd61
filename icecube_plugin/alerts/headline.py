"""The headline of a record, in one line, and the significance that counts in it: one rule each.

Every title, SMS, first line, list and page says the same `headline`: what, where, how well, how
sure, how old; facts in this order, and what does not fit is cut from the end.

The significance that counts
----------------------------
1. Values after trials (`Significance.p_value_post`) stand for an alert; where nobody said how many
   looks there were, the value before trials does.
2. A false-alarm rate (quantity ``far``) does not: a rate is no test of this alert. Records of older
   versions hold a chance made of it.
3. Where a provider has paid for all searches of the event (quantity ``best of ...``), that counts:
   two searches are two looks. Else the smallest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from icecube_hooks import Alert, Localization, Record, Significance, Status
from icecube_plugin.sky import circularised_radius_deg

from .waves import gw_text
from .words import (
    NOT_STATED_CONTAINMENT,
    UNCORRECTED,
    clean,
    notice_label,
    number_text,
    plural,
    short_name,
    span_text,
    tense_word,
)

__all__ = ["RATE", "decisive", "headline", "p_post", "place_text", "sigma_post", "sure_text"]

ALL_LOOKS: Final = "best of"
"""How the quantity starts that accounts for all searches."""

RATE: Final = "far"


def headline(
    record: Record,
    *,
    at: datetime | None = None,
    name: str = "",
    limit_chars: int | None = None,
    is_aged: bool = True,
) -> str:
    """Say in one line what a record tells.

    Parameters
    ----------
    record : Record
    at : datetime, optional
        When it is read [UTC]; else the time of the notice. The age of the event is that at it.
    name : str
        Of the event, where the notice states none.
    limit_chars : int, optional
        Facts that would make it longer are left out, the last first; the name never is.

    is_aged : bool
        Whether it says how old the event is; not where that is counted beside it.

    Examples
    --------
    >>> from icecube_hooks.testing import make_record
    >>> headline(make_record())
    'GOLD IC230416A r0: RA 345.82 Dec +9.14 +-0.61 deg (90 %), signalness 0.34, 127 TeV, T0+40 s'
    >>> headline(make_record(), limit_chars=60)
    'GOLD IC230416A r0: RA 345.82 Dec +9.14 +-0.61 deg (90 %)'
    """
    line = _subject(record.alert, name)
    separator = ": "
    for fact in (*_facts(record), *(_age(record.alert, at) if is_aged else ())):
        if limit_chars is not None and len(line + separator + fact) > limit_chars:
            break
        line, separator = line + separator + fact, ", "
    return line


def _subject(alert: Alert, name: str) -> str:
    marks = "" if alert.is_real else f"{tense_word(alert).upper()}, NOT REAL: "
    marks += "RETRACTED: " if alert.status is Status.RETRACTION else ""
    superevent = alert.gw.superevent_id if alert.gw is not None else None
    own = next(iter(alert.event_names), None) or name or superevent or alert.event_key
    short = clean(own or "without a name", 60).replace("IceCube-", "IC", 1)
    return f"{marks}{short_name(alert.kind).upper()} {short}{_which(alert)}"


def _which(alert: Alert) -> str:
    if alert.revision is not None and alert.circular_number is None and alert.gw is None:
        return f" r{alert.revision}"
    label = notice_label(alert)
    return "" if label in ("notice", "circular") else f" {label}"


def _facts(record: Record) -> Iterator[str]:
    alert = record.alert
    if alert.localization is not None:
        yield place_text(alert.localization)
    if alert.gw is not None and alert.n_coincident is not None:
        yield f"{alert.n_coincident} neutrino{plural(alert.n_coincident)}"
    sure = sure_text(alert, record.significances)
    if sure is not None:
        yield sure
    if alert.energy_tev is not None:
        energy = alert.energy_tev
        yield f"{energy:.0f} TeV" if energy >= 1000 else f"{energy:.3g} TeV"


def _age(alert: Alert, at: datetime | None) -> Iterator[str]:
    seen = at or alert.notice_time
    if seen is not None and alert.trigger_time is not None and seen >= alert.trigger_time:
        yield f"T0+{span_text((seen - alert.trigger_time).total_seconds())}"


def place_text(place: Localization) -> str:
    """Return a position with the radius of its error, that of a circle of the same area."""
    text = f"RA {place.ra_deg:.2f} Dec {place.dec_deg:+.2f}"
    radius_deg = circularised_radius_deg(place)
    if radius_deg is None:
        return f"{text} deg, error not stated"
    part = place.containment
    within = NOT_STATED_CONTAINMENT if part is None else f"{100 * part:.4g} %"
    return f"{text} +-{radius_deg:.3g} deg ({within})"


def sure_text(alert: Alert, significances: Iterable[Significance]) -> str | None:
    """Return what most says how sure an alert is; ``None`` if nothing does."""
    found = decisive(significances)
    if found is not None:
        limit = "<= " if found.is_limit else ""
        return f"p {limit}{number_text(_p(found))} {_trials(found)}"
    if alert.gw_candidate is not None:
        return gw_text(alert)
    if alert.signalness is not None:
        return f"signalness {alert.signalness:.2f}"
    return None if alert.far_per_year is None else f"FAR {alert.far_per_year:.3g} per year"


def _trials(one: Significance) -> str:
    """Say which trials are in a p-value; a penalty for two searches is not the season's."""
    if one.p_value_post is None:
        return "before trials"
    is_corrected = UNCORRECTED not in (one.trials_source or "")
    return "after trials" if is_corrected else f"of {one.n_trials:g} searches, before trials"


def decisive(significances: Iterable[Significance]) -> Significance | None:
    """Return the significance that stands for a record; ``None`` if none does.

    Examples
    --------
    >>> from icecube_hooks.testing import make_significance
    >>> one = make_significance(quantity="generic", p_value_post=0.003)
    >>> both = make_significance(quantity="best of 2 searches", p_value_post=0.00599)
    >>> decisive([one, both]).p_value_post
    0.00599
    """
    found = [s for s in significances if s.p_value is not None and s.quantity != RATE]
    looks = [s for s in found if s.quantity.startswith(ALL_LOOKS)]
    return min(looks or found, key=lambda s: _p(s) or 0.0, default=None)


def _p(one: Significance) -> float | None:
    return one.p_value if one.p_value_post is None else one.p_value_post


def p_post(significances: Iterable[Significance]) -> float | None:
    """Return the p-value of the `decisive` one, after those trials that are stated."""
    one = decisive(significances)
    return None if one is None else _p(one)


def sigma_post(significances: Iterable[Significance]) -> float | None:
    """Return the sigma of the `decisive` one, after those trials that are stated."""
    one = decisive(significances)
    if one is None:
        return None
    return one.sigma if one.p_value_post is None else one.sigma_post
