from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from icecube_hooks import (
    AlertKind,
    ConfigError,
    Message,
    Record,
    Sighting,
    Status,
    Tense,
    WireFormat,
)
from icecube_hooks.testing import (
    make_alert,
    make_localization,
    make_record,
    make_significance,
)
from icecube_plugin.host import SinkConfig
from icecube_plugin.host.filters import NAMES, make_filter
from tests.hooks.strategies import instances

GOLD = make_record()  # gold, real, revision 0, at RA 345.8 and Dec +9.1


def passes(record: Record, when: str | None = None, **wanted: Any) -> bool:
    return make_filter(SinkConfig(name="s", type="x", filter=wanted, when=when))(record)


def changed(**fields: Any) -> Record:
    return GOLD.replace(alert=GOLD.alert.replace(**fields))


UNSTATED = changed(signalness=None, far_hz=None, localization=None)
RETRACTED = UNSTATED.replace(alert=UNSTATED.alert.replace(status=Status.RETRACTION))
NOW = GOLD.alert.notice_time
assert NOW is not None
REPEAT = GOLD.replace(sightings=(Sighting(record_id="x", seen_at=NOW),))
TEST = changed(tense=Tense.TEST)
PLACE = GOLD.alert.localization
assert PLACE is not None
ASSESSED = GOLD.replace(
    significances=(
        make_significance(p_value_post=0.3, sigma_post=0.5),
        make_significance(p_value_post=0.01, sigma_post=2.33),
    ),
)


@pytest.mark.parametrize(
    ("record", "wanted", "expected"),
    [
        (GOLD, {}, True),
        (GOLD, {"kinds": ["gold", "bronze"]}, True),
        (GOLD, {"kinds": ["lvk-search"]}, False),
        (GOLD, {"formats": [GOLD.alert.format.value]}, True),
        (GOLD, {"formats": ["binary"]}, False),
        (GOLD, {"real": True}, True),
        (TEST, {"real": True}, False),
        (TEST, {"real": False}, True),
        (RETRACTED, {"retractions": False}, False),
        (RETRACTED, {"retractions": True}, True),
        (GOLD, {"repeats": False}, True),
        (REPEAT, {"repeats": False}, False),
        (REPEAT, {"repeats": True}, True),
        (changed(signalness=0.5), {"min_signalness": 0.5}, True),
        (changed(signalness=0.49), {"min_signalness": 0.5}, False),
        (changed(far_hz=1 / 31_536_000), {"max_far_per_year": 1.0}, True),
        (changed(far_hz=2 / 31_536_000), {"max_far_per_year": 1.0}, False),
        (changed(revision=1), {"min_revision": 1}, True),
        (changed(revision=0), {"min_revision": 1}, False),
        (GOLD, {"max_energy_tev": 100}, False),
        (GOLD, {"min_n_coincident": 1}, False),
        (UNSTATED, {"max_far_per_year": 1.0}, False),
        (UNSTATED, {"max_far_per_year": 1.0, "unstated": True}, True),
        (UNSTATED, {"dec_deg": [-90, 90]}, False),
        (RETRACTED, {"max_far_per_year": 1.0}, True),
        (RETRACTED, {"max_far_per_year": 1.0, "kinds": ["ehe"]}, False),
        (GOLD, {"dec_deg": [PLACE.dec_deg - 1, PLACE.dec_deg + 1]}, True),
        (GOLD, {"dec_deg": [-90, PLACE.dec_deg - 1]}, False),
        (GOLD, {"topics": ["gcn.*"]}, GOLD.message.topic is not None),
        (GOLD, {"topics": ["other"]}, False),
    ],
)
def test_what_passes(record: Record, wanted: dict[str, Any], expected: bool) -> None:
    assert passes(record, **wanted) is expected


@pytest.mark.parametrize(("ra_deg", "expected"), [(359.5, True), (1.0, True), (3.0, False)])
def test_circles_go_across_right_ascension_0(ra_deg: float, expected: bool) -> None:
    assert PLACE is not None
    record = changed(localization=PLACE.replace(ra_deg=ra_deg, dec_deg=0.0))
    circle = {"ra_deg": 0.0, "dec_deg": 0.0, "radius_deg": 1.5}
    assert passes(record, within=[circle]) is expected
    elsewhere = {"ra_deg": 180.0, "dec_deg": 0.0, "radius_deg": 1.5}
    assert passes(record, within=[elsewhere, circle]) is expected
    assert passes(record, within=[elsewhere]) is False


def test_the_best_significance_counts() -> None:
    assert passes(ASSESSED, max_p_post=0.05)
    assert not passes(ASSESSED, max_p_post=0.005)
    assert passes(ASSESSED, min_sigma_post=2.0)
    assert passes(ASSESSED, "p_post < 0.05 and sigma_post > 2")
    assert not passes(ASSESSED, "p_post < 0.001")


@pytest.mark.parametrize(
    ("when", "record", "expected"),
    [
        ("kind == 'gold' and real", GOLD, True),
        ("kind in ('gold', 'bronze')", GOLD, True),
        ("kind == 'bronze' or dec_deg > 90", GOLD, False),
        ("not repeat", GOLD, True),
        ("repeat", REPEAT, True),
        ("signalness > 0.5", UNSTATED, False),
        ("not signalness > 0.5", UNSTATED, False),
        ("signalness is None", UNSTATED, True),
        ("1 / n_coincident > 0", GOLD, False),
    ],
)
def test_expressions(when: str, record: Record, expected: bool) -> None:
    assert passes(record, when) is expected


@pytest.mark.parametrize(
    ("when", "wanted", "message"),
    [
        (None, {"kind": ["gold"]}, "sinks.s.filter.kind: unknown key (did you mean 'kinds'?)"),
        (None, {"kinds": ["golden"]}, "sinks.s.filter.kinds: 'golden' is not known (did"),
        (None, {"kinds": "gold"}, "sinks.s.filter.kinds: expected a list of texts, not 'gold'"),
        (None, {"min_kind": 1}, "sinks.s.filter.min_kind: unknown key"),
        (None, {"real": 1}, "sinks.s.filter.real: expected true or false, not 1"),
        (None, {"min_signalness": "x"}, "sinks.s.filter.min_signalness: expected a number"),
        (None, {"dec_deg": [0]}, "sinks.s.filter.dec_deg: expected [lowest, highest], not [0]"),
        (None, {"dec_deg": [0, 91]}, "sinks.s.filter.dec_deg: expected a number from -90 to 90"),
        (None, {"within": [{"ra_deg": 1}]}, "sinks.s.filter.within[0]: expected {ra_deg"),
        (
            "signalnes > 1",
            {},
            "sinks.s.when: unknown name 'signalnes' (did you mean",
        ),
        ("kind ==", {}, "sinks.s.when: cannot read 'kind =='"),
        ('kind = "gold"', {}, "sinks.s.when: cannot read 'kind = \"gold\"': invalid syntax"),
        ("kind == 'golden'", {}, "sinks.s.when: 'golden' is not known (did you mean 'gold'?)"),
        ("kind in ('gold', 'bronz')", {}, "sinks.s.when: 'bronz' is not known (did you mean"),
        ("status == 'new'", {}, "sinks.s.when: 'new' is not known (known: initial"),
        (
            "signalness > '0.5'",
            {},
            "sinks.s.when: 'signalness' is a number, \"'0.5'\" is a text: they cannot be compared",
        ),
        ("kind == 'gold' & real", {}, "sinks.s.when: '&' and '|' are not for this: write 'and'"),
        ("import os", {}, "sinks.s.when: cannot read 'import os': invalid syntax"),
        ("signalness", {}, "sinks.s.when: 'signalness' is a number, not true or false"),
        ("kind == 'gold' and 'bronze'", {}, "sinks.s.when: \"'bronze'\" is a text, not true or"),
        ("'gold'", {}, "sinks.s.when: \"'gold'\" is a text, not true or false"),
        ("real == 1", {}, "sinks.s.when: 'real' is true or false, '1' is a number"),
        ("open('/etc/passwd')", {}, "sinks.s.when: "),
        ("kind.upper()", {}, "sinks.s.when: expected comparisons and arithmetic only"),
        ("().__class__", {}, "sinks.s.when: expected comparisons and arithmetic only"),
    ],
)
def test_what_is_wrong_is_named(when: str | None, wanted: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        passes(GOLD, when, **wanted)
    assert str(caught.value).startswith(message)


@given(instances(Record))
def test_no_record_makes_a_filter_raise(record: Record) -> None:
    wanted = {"min_signalness": 0.5, "max_p_post": 0.1, "dec_deg": [0, 1], "real": True}
    circle = [{"ra_deg": 1, "dec_deg": 1, "radius_deg": 1}]
    stated = " and ".join(f"{name} is not None" for name in NAMES)
    assert isinstance(passes(record, stated, within=circle, **wanted), bool)
    assert isinstance(passes(record, "energy_tev ** 99999 > 1 or event > 'a'"), bool)


def test_kinds_of_third_parties_can_be_chosen() -> None:
    theirs = changed(kind=AlertKind("km3net-track"))
    assert passes(theirs, kinds=["km3net-track"])
    assert passes(theirs, "kind == 'km3net-track'")
    assert not passes(GOLD, "kind == 'km3net-track'")


def test_expressions_know_every_value() -> None:
    for name in NAMES:
        assert isinstance(passes(GOLD, f"{name} == {name}"), bool)
    assert passes(Record.of(Message(value=b""), make_alert()), "topic is None")


def test_an_event_is_followed_under_a_name_that_another_notice_ties_to_it(tmp_path: Path) -> None:
    """The sink got the number, and never the circular that gives number and name."""
    config = SinkConfig(name="s", type="x", filter={"kinds": ["gold"]})
    by_number = changed(event_names=())
    told: dict[str, Any] = {
        "format": WireFormat.CIRCULAR, "kind": AlertKind.TRACK, "revision": None,
    }  # fmt: skip
    tie = changed(**told, circular_number=35001, signalness=0.1)
    by_name = changed(
        **told, circular_number=35002, run_id=None, event_id=None, trigger_time=None,
        localization=None, status=Status.RETRACTION,
    )  # fmt: skip
    stranger = by_name.replace(alert=by_name.alert.replace(event_names=("IceCube-230417A",)))
    for others in ((), (tie,)):
        folder = tmp_path / str(len(others))
        folder.mkdir()
        for record in (by_number, *others):
            assert make_filter(config, folder)(record)
        accepts = make_filter(config, folder)
        assert accepts(by_name)
        assert not accepts(stranger)


def test_who_did_not_get_an_event_does_not_get_what_follows(tmp_path: Path) -> None:
    config = SinkConfig(name="s", type="x", when="signalness > 0.5")
    low = changed(signalness=0.2)
    assert not make_filter(config, tmp_path)(low)
    other = SinkConfig(name="t", type="x", when="signalness > 0.1")
    assert make_filter(other, tmp_path)(low)
    assert not make_filter(config, tmp_path)(changed(signalness=0.3, revision=1))
    assert make_filter(config, tmp_path)(changed(signalness=0.9, revision=2))
    assert make_filter(config, tmp_path)(changed(signalness=0.3, revision=3))


def test_names_of_the_sky_are_right() -> None:
    """Against astropy's frames, and a cap on the sphere."""
    from astropy import units as u
    from astropy.coordinates import SkyCoord, get_body, get_sun
    from astropy.time import Time

    alert = GOLD.alert
    place = alert.localization
    assert place is not None
    assert place.error_radius_deg is not None
    there, moment = SkyCoord(place.ra_deg, place.dec_deg, unit="deg"), Time(alert.trigger_time)

    def away(body: SkyCoord) -> float:
        return float(SkyCoord(body.ra, body.dec).separation(there).deg)

    moon, sun = away(get_body("moon", moment)), away(get_sun(moment))
    cap = 2 * math.pi * (1 - math.cos(math.radians(place.error_radius_deg)))
    assert NAMES["l_deg"](GOLD) == pytest.approx(there.galactic.l.deg, abs=1e-4)
    assert NAMES["b_deg"](GOLD) == pytest.approx(there.galactic.b.deg, abs=1e-4)
    assert NAMES["abs_b_deg"](GOLD) == pytest.approx(abs(there.galactic.b.deg), abs=1e-4)
    assert NAMES["region_deg2"](GOLD) == pytest.approx((cap * u.sr).to_value("deg2"), rel=1e-9)
    assert NAMES["sun_deg"](GOLD) == pytest.approx(sun, abs=0.01)
    assert NAMES["moon_deg"](GOLD) == pytest.approx(moon, abs=1.0)  # seen from elsewhere
    assert [NAMES[name](UNSTATED) for name in ("l_deg", "region_deg2", "sun_deg")] == [None] * 3


@pytest.mark.parametrize(
    ("limit", "included", "passes"),
    [(1.2, False, False), (1.3, False, True), (1.2, None, False), (1.2, True, True)],
)
def test_a_systematic_error_is_added_to_the_region(
    limit: float, included: bool | None, passes: bool
) -> None:
    """0.61 deg has 1.169 deg2; with 0.2 deg in quadrature it is 0.642 deg, 1.295 deg2."""
    place = make_localization(systematic_included=included)
    record = make_record(localization=place)
    wanted = {"max_region_deg2": limit, "systematic_deg": 0.2}
    assert make_filter(SinkConfig(name="a", type="json", filter=wanted))(record) is passes
    text = f"region_deg2 < {limit} and error_radius_deg == 0.61"
    config = SinkConfig(name="a", type="json", when=text, filter={"systematic_deg": 0.2})
    assert make_filter(config)(record) is passes
    assert make_filter(SinkConfig(name="a", type="json", when=text))(record)
    assert record.alert.localization == place


SITES = {"north": "60.0,0.0,0", "south": "-60.0,0.0,0"}


@pytest.mark.parametrize(
    ("dec_deg", "wanted", "expected"),
    [
        # Within a day, 1 deg from a pole, in one hemisphere only, and at the latitude's altitude.
        (89.0, {"site": SITES["north"]}, True),
        (89.0, {"site": SITES["south"]}, False),
        (-89.0, {"site": SITES["south"], "min_altitude_deg": 55.0}, True),
        (-89.0, {"site": SITES["south"], "min_altitude_deg": 65.0}, False),
        (-89.0, {"site": {"lat_deg": -60.0, "lon_deg": 0.0}}, True),
        # At the pole of the ecliptic the Moon is never nearer than 84 deg.
        (-66.56, {"site": SITES["south"], "min_moon_deg": 84.0}, True),
        (-66.56, {"site": SITES["south"], "min_moon_deg": 97.0}, False),
        (-89.0, {"site": SITES["south"], "max_sun_altitude_deg": -90.0}, False),
    ],
)
def test_what_a_site_can_observe(
    dec_deg: float, wanted: dict[str, Any], expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("icecube_plugin.host.filters.datetime", Equinox)
    place = make_localization(ra_deg=90.0, dec_deg=dec_deg)
    assert passes(changed(localization=place), observable=[wanted]) is expected
    assert passes(UNSTATED, observable=[wanted]) is False


def test_one_of_several_sites_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("icecube_plugin.host.filters.datetime", Equinox)
    record = changed(localization=make_localization(ra_deg=90.0, dec_deg=89.0))
    assert passes(record, observable=[{"site": SITES["south"]}, {"site": SITES["north"]}])


def test_how_soon_it_must_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """At noon it is hours till dusk."""
    monkeypatch.setattr("icecube_plugin.host.filters.datetime", Equinox)
    record = changed(localization=make_localization(ra_deg=90.0, dec_deg=89.0))
    site = SITES["north"]
    assert not passes(record, observable=[{"site": site, "within_h": 5.0}])
    assert passes(record, observable=[{"site": site, "within_h": 9.0}])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([], "expected a list of tables {site, min_altitude_deg, ...}"),
        ([{}], "Object missing required field `site`"),
        (
            [{"site": "Atlantis"}],
            "observable[0].site: unknown site 'Atlantis' (LAT,LON,HEIGHT or one",
        ),
        ([{"site": "Paranal", "min_alt": 3}], "Object contains unknown field `min_alt`"),
        ([{"site": "Paranal", "within_h": 48}], "Expected `float` <= 24.0"),
    ],
)
def test_sites_that_cannot_be(value: Any, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        passes(GOLD, observable=value)
    assert str(caught.value).startswith("sinks.s.filter.observable")
    assert text in str(caught.value)


class Equinox(datetime):
    """Noon at longitude 0, at an equinox."""

    @classmethod
    def now(cls, tz: Any = None) -> Equinox:
        return cls(2026, 3, 20, 12, tzinfo=tz)
