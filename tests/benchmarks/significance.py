"""What an assessment costs, beside the tutorial's way.

Run as ``python tests/benchmarks/significance.py``. Prints medians of interleaved rounds in
microseconds (milliseconds where it says so), and exits with 1 if a promise is broken: 20 us for
a scalar assessment, 0.5 s for a million p-values.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import stats

from icecube_hooks import YEAR_S, Alert, AlertKind, GWReference, PValue, WireFormat
from icecube_plugin.significance import (
    GW_RATE_HIGH,
    assess_p,
    p_from_sigma,
    post_trial_p,
    post_trial_sigma,
    sigma_from_log_p,
    sigma_from_p,
)
from icecube_plugin.significance.provider import make_assess

ROUNDS = 9
PS = np.random.default_rng(1).random(1_000_000)
SEARCH = Alert(
    kind=AlertKind.LVK_SEARCH,
    format=WireFormat.JSON,
    gw=GWReference(superevent_id="S230914ak"),
    p_values=(PValue(search="generic", value=0.0191), PValue(search="bayesian", value=0.0549)),
)
TRACK = Alert(kind=AlertKind.GOLD, format=WireFormat.JSON, far_hz=0.2894 / YEAR_S)


def tutorial_way(p: float, n: float) -> tuple[Any, float]:
    return stats.norm.isf(p), 1 - (1 - p) ** n


def both_ways(p: Any) -> Any:
    return sigma_from_p(post_trial_p(p, 100))


def cases() -> dict[str, tuple[Callable[[], Any], int]]:
    assess, counted = make_assess(trials=100), make_assess(trials="observed", observed=":memory:")
    return {
        "tutorial: norm.isf and 1-(1-p)**n": (lambda: tutorial_way(0.0191, 100), 200),
        "sigma_from_p": (lambda: sigma_from_p(0.0191), 5000),
        "p_from_sigma": (lambda: p_from_sigma(2.07), 5000),
        "post_trial_p": (lambda: post_trial_p(0.0191, 100), 5000),
        "post_trial_sigma": (lambda: post_trial_sigma(0.0191, 100), 5000),
        "sigma_from_log_p, -1000": (lambda: sigma_from_log_p(-1000.0), 2000),
        "assess_p (scalar assessment)": (
            lambda: assess_p(0.0191, trials=100, rate=GW_RATE_HIGH),
            2000,
        ),
        "provider, LVK notice (3 results)": (lambda: assess(SEARCH), 1000),
        "provider, track notice": (lambda: assess(TRACK), 2000),
        "provider, LVK notice, observed": (lambda: counted(SEARCH), 500),
        "1e6 p-values: sigma [ms]": (lambda: sigma_from_p(PS), 1),
        "1e6 p-values: post-trial and sigma [ms]": (lambda: both_ways(PS), 1),
        "1e6 p-values: post_trial_sigma [ms]": (lambda: post_trial_sigma(PS, 100), 1),
        "1e6 p-values: tutorial [ms]": (lambda: stats.norm.isf(1 - (1 - PS) ** 100), 1),
    }


def measure() -> dict[str, float]:
    """Return the median seconds of each case, the rounds of all cases interleaved."""
    found: dict[str, list[float]] = {}
    todo = cases()
    for _ in range(ROUNDS):
        for name, (call, number) in todo.items():
            start = time.perf_counter()
            for _ in range(number):
                call()
            found.setdefault(name, []).append((time.perf_counter() - start) / number)
    return {name: statistics.median(times) for name, times in found.items()}


def import_ms(module: str) -> float:
    """Return the median milliseconds of a fresh interpreter that imports `module`."""
    command = [sys.executable, "-c", f"import {module}"]
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        subprocess.run(command, check=True)
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times)


def main() -> int:
    medians = measure()
    for name, seconds in medians.items():
        print(f"{name:42}{seconds * (1e3 if '[ms]' in name else 1e6):10.2f}")
    for module in ("sys", "icecube_plugin.significance.provider", "scipy.special", "scipy.stats"):
        label = f"import {module} [ms]"
        print(f"{label:42}{import_ms(module):10.0f}")
    scalar = medians["assess_p (scalar assessment)"] < 20e-6
    array = medians["1e6 p-values: post-trial and sigma [ms]"] < 0.5
    print(f"promises kept: scalar {scalar}, array {array}")
    return 0 if scalar and array else 1


if __name__ == "__main__":
    sys.exit(main())
