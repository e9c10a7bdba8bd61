"""Gravitational waves: which alerts are of one, and what LVK says of it, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from icecube_hooks import YEAR_S, Alert, AlertKind, ExternalCoincidence, GWCandidate

from .words import clean, number_text

if TYPE_CHECKING:
    from .events import Event

__all__ = [
    "OF_WAVES",
    "class_text",
    "external_text",
    "flag_text",
    "gw_text",
    "likeliest",
    "newest_candidate",
    "rate_text",
    "shares_text",
]

OF_WAVES: Final = (AlertKind.LVK_SEARCH, AlertKind.LVK_GW)
"""Kinds whose event is a gravitational wave: a superevent's name, no run, no position."""

ALMOST_1: Final = 0.999


def likeliest(candidate: GWCandidate) -> tuple[str, float] | None:
    """Return the class of the largest probability with it; ``None`` if none is stated."""
    stated = candidate.classification.items()
    return max(stated, key=lambda pair: pair[1], default=None)


def class_text(candidate: GWCandidate) -> str:
    """Return the likeliest class, or what was searched for.

    Examples
    --------
    >>> class_text(GWCandidate(classification={"BBH": 0.99998, "Terrestrial": 2e-5}))
    'BBH > 99.9 %'
    >>> class_text(GWCandidate(group="Burst"))
    'Burst'
    """
    found = likeliest(candidate)
    if found is None:
        return clean(candidate.group or "unclassified", 40)
    name, share = found
    number = f"> {100 * ALMOST_1:g}" if ALMOST_1 < share < 1 else f"{100 * share:.3g}"
    return f"{clean(name, 40)} {number} %"


def flag_text(candidate: GWCandidate) -> str | None:
    """Return which significance LVK's flag says; ``None`` if it is not stated."""
    flag = candidate.significant
    return None if flag is None else "high" if flag else "low"


def rate_text(rate_hz: float) -> str:
    """Return a false-alarm rate as LVK quotes it, of years of 365 days.

    Examples
    --------
    >>> rate_text(9.5e-10), rate_text(2.3e-5)
    ('1 per 33 yr', '730 per yr')
    """
    per_year = rate_hz * YEAR_S
    if per_year < 1:
        return f"1 per {float(f'{1 / per_year:.2g}'):g} yr"
    return f"{float(f'{per_year:.2g}'):g} per yr"


def gw_text(alert: Alert) -> str:
    """Return class, rate and flag of LVK's own alert; empty where it says nothing.

    Examples
    --------
    >>> from icecube_hooks import WireFormat
    >>> candidate = GWCandidate(significant=False, classification={"BNS": 0.4, "Terrestrial": 0.6})
    >>> kind, form = AlertKind.LVK_GW, WireFormat.JSON
    >>> gw_text(Alert(kind=kind, format=form, gw_candidate=candidate, far_hz=2.3e-5))
    'Terrestrial 60 %, FAR 730 per yr, low significance'
    """
    candidate = alert.gw_candidate
    if candidate is None:
        return ""
    words = [class_text(candidate)]
    if alert.far_hz:
        words.append(f"FAR {rate_text(alert.far_hz)}")
    if candidate.significant is False:
        words.append("low significance")
    return ", ".join(words)


def shares_text(shares: Mapping[str, float]) -> str:
    """Return probabilities by their names.

    Examples
    --------
    >>> shares_text({"BBH": 0.98, "Terrestrial": 0.02})
    'BBH 0.98, Terrestrial 0.02'
    """
    return ", ".join(f"{clean(name, 40)} {number_text(share)}" for name, share in shares.items())


def external_text(other: ExternalCoincidence) -> str:
    """Return what LVK (RAVEN) says of a coincidence with another observatory's event.

    Examples
    --------
    >>> other = ExternalCoincidence(observatory="Fermi", search="GRB", time_difference_s=2.02)
    >>> external_text(other)
    'Fermi GRB, +2.02 s'
    >>> external_text(other.replace(time_far_hz=2.1e-14, time_sky_far_hz=6.4e-16))
    'Fermi GRB, +2.02 s, joint FAR 1 per 1.5e+06 yr by time, 1 per 5e+07 yr by time and sky (LVK)'
    """
    name = " ".join(clean(part, 40) for part in (other.observatory, other.search) if part)
    parts = [name or "another observatory"]
    if other.time_difference_s is not None:
        parts.append(f"{other.time_difference_s:+.2f} s")
    rates = ((other.time_far_hz, "by time"), (other.time_sky_far_hz, "by time and sky"))
    stated = [f"{rate_text(rate)} {how}" for rate, how in rates if rate]
    parts += [f"joint FAR {', '.join(stated)} (LVK)"] if stated else []
    return ", ".join(parts)


def newest_candidate(wave: Event) -> Alert | None:
    """Return the newest notice of a superevent that says what it is; a retraction does not."""
    return next((a for a in reversed(wave.standing) if a.gw_candidate and a.far_hz), None)
