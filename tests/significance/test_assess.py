"""The provider, as a host uses it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from icecube_hooks import (
    YEAR_S,
    Alert,
    AlertKind,
    CoincidentEvent,
    ConfigError,
    Message,
    PValue,
    Record,
    Sided,
    Significance,
    SignificanceType,
    Status,
    Tense,
    Verdict,
    WireFormat,
    hookimpl,
)
from icecube_hooks.host import load_plugins
from icecube_plugin.significance import (
    PValueError,
    Rate,
    Trials,
    assess_far,
    assess_p,
    best_event,
    best_of_searches,
    event_p,
    gw_rate_of,
    post_trial_p,
    verdict_of,
)
from icecube_plugin.significance import provider as plugin
from icecube_plugin.significance.provider import make_assess
from tests.significance.alerts import lvk, searches, track


def test_the_official_example() -> None:
    generic, bayesian, best = make_assess()(lvk(0.0191, 0.0549))
    assert (generic.quantity, round(generic.sigma or 0, 2)) == ("generic", 2.07)
    assert (bayesian.quantity, round(bayesian.sigma or 0, 2)) == ("bayesian", 1.60)
    assert (generic.verdict, generic.n_trials, generic.p_value_post) == (None, None, None)
    assert generic.far_per_year == pytest.approx(0.0191 * 125)
    assert generic.far_source == (
        "p x 125 per year (significant GW alerts; O4a: 81 in 237 d, GraceDB)"
    )
    assert generic.trials_source == "not corrected for trials"
    assert best == Significance(
        provider="icecube",
        quantity="best of 2 searches",
        sided=Sided.ONE,
        p_value=0.0191,
        sigma=generic.sigma,
        n_trials=2.0,
        trials_source="2 searches of one event; else not corrected for trials",
        p_value_post=post_trial_p(0.0191, 2),
        sigma_post=best.sigma_post,
        far_per_year=0.0191 * 250,
        far_source="p x 250 per year (2 searches of significant GW alerts; "
        "O4a: 81 in 237 d, GraceDB)",
        notes=(
            "the better one is generic",
            (
                "both searches use the same neutrinos: the penalty for 2 looks is exact if they "
                "are independent and conservative if positively correlated"
            ),
        ),
    )
    assert round(best.sigma_post or 0, 2) == 1.78


def test_a_low_significance_gw_alert_has_the_bayesian_search_only() -> None:
    (only,) = make_assess()(lvk(None, 0.0056))  # S230908b, GCN Circular 34646
    assert only.quantity == "bayesian"
    assert only.far_per_year == pytest.approx(0.0056 * 2480)
    assert "low-significance GW alerts" in (only.far_source or "")
    assert "1,610 in 237 d" in (only.far_source or "")


def test_a_search_without_p_values_gives_nothing() -> None:
    assert make_assess()(lvk(None, None)) == ()
    assert gw_rate_of(lvk(None, None)) is None


def test_two_sided_says_so_and_keeps_the_verdict() -> None:
    one, two = (make_assess(sided=sided, trials=1)(lvk(None, 0.0027))[0] for sided in Sided)
    assert two.sided is Sided.TWO
    assert round(two.sigma or 0, 2) == 3.0
    assert round(one.sigma or 0, 2) == 2.78
    assert one.verdict is two.verdict is Verdict.MODERATE


def test_trials_by_number_count_twice_for_the_better_search() -> None:
    generic, _, best = make_assess(trials=100)(lvk(0.001, 0.5))
    assert (generic.n_trials, best.n_trials) == (100.0, 200.0)
    assert generic.p_value_post == pytest.approx(0.0952, abs=1e-4)
    assert best.p_value_post == pytest.approx(1 - 0.999**200)


def test_trials_by_rate() -> None:
    assess = make_assess(trials="rate", window_s=YEAR_S / 2)
    generic, _, _ = assess(lvk(0.001, 0.5))
    assert generic.n_trials == 62.5
    assert generic.trials_source == (
        "expected: 125 significant GW alerts per year x 182.5 d live time"
    )
    assert generic.p_value_post == pytest.approx(-math.expm1(-0.0625))
    (low,) = assess(lvk(None, 0.001))
    assert low.n_trials == 1240.0


def test_configured_rates_are_named_so() -> None:
    assess = make_assess(gw_rate_high_per_year=80, gw_rate_low_per_year=500)
    assert assess(lvk(0.01, 0.02))[0].far_source == (
        "p x 80 per year (significant GW alerts; configured)"
    )
    assert assess(lvk(None, 0.02))[0].far_per_year == pytest.approx(10.0)


def test_observed_trials_survive_a_restart(tmp_path: Path) -> None:
    path = str(tmp_path / "observed.sqlite")
    first = make_assess(trials="observed", observed=path)
    for name in ("S230914ak", "S230914ak", "S230904n", "MS230914a"):
        first(lvk(0.5, 0.5, superevent=name))
    first(lvk(None, 0.5, superevent="S230908b"))
    again = make_assess(trials="observed", observed=path)
    generic, bayesian, best = again(lvk(0.01, 0.02, superevent="S231029y"))
    assert generic.n_trials == bayesian.n_trials == 250.0  # third of the first 125
    assert generic.trials_source == (
        "spent: significant GW alerts, event 3 of this host, paid as one of 250 trials, for 125 "
        "expected a season and those beyond"
    )
    assert best.n_trials == 500.0
    assert again(lvk(superevent="S230904n", status=Status.RETRACTION)) == ()
    later = make_assess(trials="observed", observed=path, gw_rate_high_per_year=2)
    assert [later(lvk(0.01, 0.02, superevent=f"S{n}"))[0].n_trials for n in range(4)] == [
        *(16.0, 16.0, 16.0, 64.0)  # numbers 4 to 7: 2, then 4, then 8
    ]


def test_a_mock_event_is_not_counted(tmp_path: Path) -> None:
    assess = make_assess(trials="observed", observed=str(tmp_path / "o.sqlite"))
    result = assess(lvk(0.01, None, superevent="MS230914a"))[0]
    assert result.n_trials is None
    assert result.notes[-1] == "a test or mock event: not of the sky"


def test_a_false_alarm_rate_is_quoted_and_not_judged() -> None:
    (far,) = make_assess(trials=100)(track(far_per_year=0.2894, signalness=0.42))
    assert far == Significance(
        provider="icecube",
        quantity="far",
        sided=Sided.ONE,
        far_per_year=far.far_per_year,
        far_source="IceCube's estimate, due to atmospheric backgrounds",
        notes=(
            "a rate, not a test of this alert: no sigma and no verdict follow from it",
            "like this or better: 2.9 a year in IceCat-1, by false-alarm rate",
            "like this or better: 14 a year in IceCat-1, by signalness",
        ),
    )
    assert far.far_per_year == pytest.approx(0.2894)
    assert make_assess()(track()) == ()
    assert assess_far(track()) is None
    (cascade,) = make_assess()(track(far_per_year=0.2894, kind=AlertKind.CASCADE))
    assert len(cascade.notes) == 1  # IceCat-1 has tracks only


def test_trials_of_gw_searches_do_not_touch_other_alerts() -> None:
    alert = track(far_per_year=1.0, p_values=(PValue(search="hese", value=0.01),))
    hese, far = make_assess(trials=1000)(alert)
    assert hese.n_trials is far.n_trials is None
    assert hese.trials_source == "not corrected for trials"
    assert hese.far_per_year is None


def test_a_placeholder_of_0_is_no_discovery() -> None:
    hese = Alert(
        kind=AlertKind.HESE,
        format=WireFormat.VOEVENT,
        p_values=(PValue(search="hese", value=0.0),),
    )
    (result,) = make_assess()(hese)
    assert result == Significance(
        provider="icecube",
        quantity="hese",
        sided=Sided.ONE,
        p_value=0.0,
        is_limit=True,
        trials_source="not corrected for trials",
        notes=(
            (
                "stated as 0: a placeholder, or fewer background trials than needed to resolve it; "
                "an upper limit, no sigma"
            ),
        ),
    )
    for result in make_assess()(lvk(0.0, 0.3)):
        if result.p_value == 0:
            assert result.is_limit
            rest = (result.sigma, result.sigma_post, result.verdict, result.far_per_year)
            assert all(value is None for value in rest)
    assert verdict_of(0.0) is None
    assert verdict_of(None) is None


def test_p_of_1_has_no_one_sided_sigma() -> None:
    result = assess_p(1.0, trials=5)
    assert result.sigma is result.sigma_post is None
    assert result.notes == ("p = 1 has no finite one-sided sigma",)
    assert (result.p_value_post, result.verdict) == (1.0, Verdict.NONE)
    assert assess_p(1.0, sided="two-sided").sigma == 0.0


def test_an_int_p_and_a_note() -> None:
    assert assess_p(1, notes=("mine",)).notes[0] == "mine"
    assert assess_p(None) is None


def test_a_retraction_has_no_significance() -> None:
    assert make_assess()(lvk(0.001, 0.001, status=Status.RETRACTION)) == ()
    assert make_assess()(track(far_per_year=1.0, status=Status.RETRACTION)) == ()


def test_a_test_notice_is_marked() -> None:
    for result in make_assess()(lvk(0.01, 0.02, tense=Tense.TEST)):
        assert result.notes[-1] == "a test or mock event: not of the sky"


def test_the_better_search_needs_two() -> None:
    assert best_of_searches(lvk(0.1, None)) is None
    best = best_of_searches(lvk(0.2, 0.1), rate=None)
    assert best is not None
    assert best.notes[0] == "the better one is bayesian"
    assert best.far_per_year is None


def test_one_p_for_an_event() -> None:
    assert event_p(lvk(0.02, 0.01)) == post_trial_p(0.01, 2)
    assert event_p(lvk(None, 0.01)) == 0.01
    assert event_p(lvk(None, None)) is None
    assert event_p(lvk(0.0, 0.01)) is None


def test_several_coincident_events() -> None:
    events = (
        CoincidentEvent(p_values=searches(0.0191, None)),
        CoincidentEvent(p_values=searches(0.0928, 0.0656)),
    )
    alert = lvk(0.0191, 0.0549, events=events)
    generic, bayesian = (best_event(alert, search) for search in ("generic", "bayesian"))
    assert generic is not None
    assert bayesian is not None
    assert (generic.n_trials, bayesian.n_trials) == (2.0, 1.0)
    assert generic.p_value_post == post_trial_p(0.0191, 2)
    assert generic.trials_source == "given: 2 coincident events of this notice"
    assert best_event(lvk(0.5, 0.5), "generic") is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sided": "both"}, "sided: expected 'one-sided' or 'two-sided', got 'both'"),
        ({"sided": 1}, "sided: expected 'one-sided' or 'two-sided', got 1"),
        ({"trials": 0}, "trials: expected a number >= 1, got 0"),
        ({"trials": True}, "trials: expected a number >= 1, 'rate' or 'observed', got True"),
        ({"trials": "all"}, "trials: expected a number >= 1, 'rate' or 'observed', got 'all'"),
        ({"trials": math.nan}, "trials: expected a number >= 1, 'rate' or 'observed', got nan"),
        (
            {"gw_rate_high_per_year": "100"},
            "gw_rate_high_per_year: expected a number > 0, got '100'",
        ),
        ({"gw_rate_low_per_year": -1}, "gw_rate_low_per_year: expected a number > 0, got -1"),
        ({"window_s": 0}, "window_s: expected a number > 0, got 0"),
        ({"window_s": math.inf}, "window_s: expected a number > 0, got inf"),
        ({"trials": "observed"}, "observed: is required with trials = 'observed'"),
        (
            {"observed": "x.sqlite"},
            "observed: is of use only with trials = 'observed' or gw_rates = 'heard'",
        ),
        (
            {"trials": "observed", "observed": 3},
            "observed: expected the name of a file, got 3",
        ),
        (
            {"trials": "observed", "observed": "/nowhere/at/all"},
            "observed: /nowhere/at/all: unable to open database file",
        ),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make_assess(**options)
    assert str(caught.value) == message
    assert caught.value.key == message.split(":")[0]


def test_a_file_that_is_something_else(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to be looked at as one" * 20)
    with pytest.raises(ConfigError, match="file is not a database"):
        make_assess(trials="observed", observed=str(path))


def test_rates_and_trials_are_checked() -> None:
    with pytest.raises(PValueError, match="expected a number of trials"):
        Trials(n=0.5, source="half a look")
    assert Trials(n=0.5, source="expected", is_expected=True).post_p(0.1) == 0.1
    with pytest.raises(PValueError, match="expected a rate or duration"):
        Rate(per_year=math.nan, what="x", source="y")
    with pytest.raises(PValueError):
        Trials.from_rate(-1, 1)
    with pytest.raises(PValueError):
        assess_p(0.1, trials="5")  # type: ignore[call-overload]  # wrong on purpose


class Second:
    """A third party's provider beside ours."""

    @staticmethod
    @hookimpl
    def register_significance() -> list[SignificanceType]:
        def make(*, scale: float = 1.0) -> Any:
            def assess(alert: Alert) -> list[Significance]:
                p = alert.p_value("bayesian")
                return [
                    Significance(
                        provider="second",
                        quantity="mine",
                        sided=Sided.ONE,
                        p_value=(p or 0) * scale,
                    )
                ]

            return assess

        return [SignificanceType(name="second", make=make)]


def test_providers_stay_apart_and_configuration_reaches_them() -> None:
    options: dict[str, dict[str, Any]] = {"icecube": {"trials": 10}, "second": {"scale": 0.5}}
    plugins = load_plugins(
        extra={"ours": plugin, "theirs": Second()}, entry_points=[], significance=options
    )
    assert list(plugins.significances) == ["icecube", "second"]
    record = Record.of(Message(value=b""), lvk(0.1, 0.2), plugins.assess(lvk(0.1, 0.2)))
    assert [s.provider for s in record.significances] == ["icecube"] * 3 + ["second"]
    assert record.significances[0].n_trials == 10.0
    assert record.significances[-1].p_value == 0.1
    assert Record.from_dict(record.to_dict()) == record
    alone = load_plugins(extra={"theirs": Second()}, entry_points=[])
    assert [s.provider for s in alone.assess(lvk(0.1, 0.2))] == ["second"]


def test_a_misspelt_option_is_refused_by_the_host() -> None:
    with pytest.raises(ConfigError) as caught:
        load_plugins(
            extra={"ours": plugin}, entry_points=[], significance={"icecube": {"trial": 1}}
        )
    assert (
        str(caught.value) == "significance.icecube.trial: unknown option (did you mean 'trials'?)"
    )
