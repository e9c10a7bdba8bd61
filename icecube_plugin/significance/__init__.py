"""What a p-value or a false-alarm rate means: sigma, trials, rates, verdicts.

Conventions
-----------
- One-sided unless told otherwise, p = 1 - Phi(sigma), as IceCube's circulars quote it; the result
  says which. A post-trial verdict is one of p and does not depend on it.
- ``None`` is "not stated" and stays ``None``. A p-value of 0 is a limit: the formula gives
  ``inf``, a report (`assess_p`) no sigma and no verdict. 1 is allowed: ``-inf`` one-sided, 0
  two-sided; a report gives no one-sided sigma. NaN, anything outside [0, 1], truth values and
  text are a `PValueError`, which is both a ``ValueError`` and an ``IceCubePluginError``.
- A scalar gives a ``float``, an array a ``float64`` array.
- Nothing cancels: relative errors are below 1e-12 (in fact a few 1e-16) for p from 1e-300 to 1
  and for 1 to 1e9 looks. The double p is taken as exact; where sigma is near 0 a rounded *input*
  of course moves it by more than that.
- Rates are per year of 365 days, positions ICRS degrees, times aware datetimes.

Importing this needs the standard library; numpy and scipy.special are imported with the first
array, scipy.stats and astropy never.

Not done: p-values from data (that is the experiment's), anything that needs the sky map rather
than the stated region, corrections for a known correlation between searches.
"""

from __future__ import annotations

from ._assessment import (
    BANDS,
    BEST_OF_TWO,
    assess_far,
    assess_p,
    best_event,
    best_of_searches,
    event_p,
    verdict_of,
)
from ._chance import Chance, chance_of_sources, counted_chance, poisson_chance
from ._coincidence import (
    Coincidence,
    Multiplet,
    coincidence,
    earlier_alert,
    expected_alerts,
    multiplet,
)
from ._combination import DEPENDENT_NOTE, Combined, fisher, stouffer
from ._conversion import log_p_from_sigma, p_from_sigma, sigma_from_log_p, sigma_from_p
from ._fluence import EffectiveArea, PowerLaw, poisson_limit, read_effective_area
from ._icecat1 import (
    Density,
    alert_density,
    alert_radii,
    alert_share,
    alerts_per_year,
    circle_density,
)
from ._observed import ObservedEvents, spent_trials
from ._rates import (
    ALERT_RATES,
    GW_RATE_HIGH,
    GW_RATE_LOW,
    GW_RUNS,
    STREAMS,
    GWRun,
    Rate,
    chance_of_at_least_one,
    expected_count,
    false_alarm_rate,
    gw_rate_of,
    gw_run_of,
    gw_stream_of,
)
from ._season import CIRCULAR_THRESHOLD, Heard, Season, SeasonEvent, newest, season, superseded
from ._trials import (
    Trials,
    bonferroni_p,
    post_trial_log_p,
    post_trial_p,
    post_trial_sigma,
    pre_trial_p,
)
from ._values import PValueError
from ._waves import joint_far_hz

__all__ = [
    "ALERT_RATES",
    "BANDS",
    "BEST_OF_TWO",
    "CIRCULAR_THRESHOLD",
    "DEPENDENT_NOTE",
    "GW_RATE_HIGH",
    "GW_RATE_LOW",
    "GW_RUNS",
    "STREAMS",
    "Chance",
    "Coincidence",
    "Combined",
    "Density",
    "EffectiveArea",
    "GWRun",
    "Heard",
    "Multiplet",
    "ObservedEvents",
    "PValueError",
    "PowerLaw",
    "Rate",
    "Season",
    "SeasonEvent",
    "Trials",
    "alert_density",
    "alert_radii",
    "alert_share",
    "alerts_per_year",
    "assess_far",
    "assess_p",
    "best_event",
    "best_of_searches",
    "bonferroni_p",
    "chance_of_at_least_one",
    "chance_of_sources",
    "circle_density",
    "coincidence",
    "counted_chance",
    "earlier_alert",
    "event_p",
    "expected_alerts",
    "expected_count",
    "false_alarm_rate",
    "fisher",
    "gw_rate_of",
    "gw_run_of",
    "gw_stream_of",
    "joint_far_hz",
    "log_p_from_sigma",
    "multiplet",
    "newest",
    "p_from_sigma",
    "poisson_chance",
    "poisson_limit",
    "post_trial_log_p",
    "post_trial_p",
    "post_trial_sigma",
    "pre_trial_p",
    "read_effective_area",
    "season",
    "sigma_from_log_p",
    "sigma_from_p",
    "spent_trials",
    "stouffer",
    "superseded",
    "verdict_of",
]
