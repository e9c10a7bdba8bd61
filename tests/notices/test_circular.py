"""Circulars: our own ones value by value, the published ones against the published tables."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icecube_hooks import (
    YEAR_S,
    Alert,
    AlertKind,
    AsymmetricError,
    Direction,
    FluxSensitivity,
    GWReference,
    Message,
    NoticeError,
    PValue,
    Status,
    Tense,
    WireFormat,
)
from icecube_plugin.notices import circular

FOLDER = Path(__file__).parent.parent.parent / "fixtures" / "gcn.circulars"
OURS = {path.name: path.read_bytes() for path in sorted(FOLDER.iterdir())}
TEXTS = [name for name in OURS if name.endswith(".txt")]
ALL = pytest.mark.parametrize("name", OURS)

HEADER = """TITLE:   GCN CIRCULAR
NUMBER:  99999
SUBJECT: {subject}
DATE:    23/04/16 08:09:10 GMT
FROM:    A. Fixture at IceCube <fixture@example.org>

The IceCube Collaboration (http://icecube.wisc.edu/) reports:

"""
NAMED = "IceCube-230416A - IceCube observation of a high-energy neutrino candidate event"


def read(content: bytes | str) -> Alert | None:
    value = content.encode() if isinstance(content, str) else content
    return circular.parse(Message(value=value, topic="gcn.circulars"))


def ours(name: str) -> Alert:
    alert = read(OURS[name])
    assert alert is not None
    return alert


def about(body: str, subject: str = NAMED) -> Alert:
    """Read a circular with this text."""
    alert = read(HEADER.format(subject=subject) + body + "\n")
    assert alert is not None
    return alert


def concerns(alert: Alert) -> dict[str, str]:
    return {concern.field: concern.why for concern in alert.concerns}


def sides(alert: Alert) -> tuple[float, ...] | None:
    """RA minus, RA plus, Dec minus, Dec plus."""
    place = alert.localization
    if place is None or place.asymmetric is None:
        return None
    box = place.asymmetric
    return box.ra_minus_deg, box.ra_plus_deg, box.dec_minus_deg, box.dec_plus_deg


def test_registers_one_parser() -> None:
    (parser,) = circular.register_parsers()
    assert (parser.name, parser.topics, parser.parse) == (
        "circulars",
        ("gcn.circulars", "gcn.circulars.*"),
        circular.parse,
    )


class TestOurs:
    def test_track(self) -> None:
        alert = ours("track_33633.txt")
        assert alert.kind is AlertKind.BRONZE
        assert alert.format is WireFormat.CIRCULAR
        assert alert.event_names == ("IceCube-230416A",)
        assert alert.event_key == "137840_57034692"
        assert alert.circular_number == 33633
        assert alert.status is Status.UPDATE
        assert alert.tense is Tense.OBSERVATION
        assert alert.trigger_time == datetime(2023, 4, 16, 5, 22, 26, 150_000, UTC)
        assert alert.notice_time == datetime(2023, 4, 16, 8, 9, 10, tzinfo=UTC)
        assert alert.far_per_year == pytest.approx(2.53)
        assert alert.concerns == ()
        place = alert.localization
        assert place is not None
        assert (place.ra_deg, place.dec_deg, place.containment) == (345.85, 9.14, 0.9)
        assert place.error_radius_deg is None
        assert place.asymmetric == AsymmetricError(
            ra_minus_deg=0.63, ra_plus_deg=0.41, dec_minus_deg=0.76, dec_plus_deg=0.81
        )

    def test_track_as_json_with_typographic_signs(self) -> None:
        alert = ours("track_31618.json")
        assert alert.kind is AlertKind.GOLD
        assert alert.circular_number == 31618
        assert alert.notice_time == datetime(2022, 2, 21, 2, 21, 1, tzinfo=UTC)
        assert alert.far_hz == pytest.approx(0.36 / YEAR_S)
        assert sides(alert) == (3.96, 4.0, 2.26, 4.31)
        assert alert.unread == {"submitter": "A. Fixture at IceCube <fixture@example.org>"}

    def test_cascade(self) -> None:
        alert = ours("cascade_made_up.json")
        assert alert.kind is AlertKind.CASCADE
        assert alert.event_names == ("IceCubeCascade-231027a",)
        assert (alert.signalness, alert.energy_tev) == (0.88, 112.9)
        place = alert.localization
        assert place is not None
        assert (place.error_radius_deg, place.error_radius_50_deg) == (7.5, 3.9)
        assert (place.containment, place.systematic_included) == (0.9, True)
        assert place.skymap_fits_url == "https://example.org/cascade.fits.gz"
        assert place.skymap_png_url == "https://example.org/cascade.png"

    def test_retraction(self) -> None:
        alert = ours("retraction_28163.json")
        assert alert.status is Status.RETRACTION
        assert alert.event_key == "134327_10548129"
        assert alert.localization is None
        assert alert.trigger_time is None
        assert alert.concerns == ()

    def test_correction(self) -> None:
        alert = ours("correction_34798.txt")
        assert alert.status is Status.UPDATE
        assert alert.event_names == ("IceCube-231004A",)
        assert alert.localization is not None
        assert alert.localization.dec_deg == 25.04
        assert alert.concerns == ()

    def test_position_in_prose(self) -> None:
        alert = ours("prose_19363.txt")
        assert alert.kind is AlertKind.HESE
        assert alert.event_key == "127853_67093193"
        assert alert.trigger_time == datetime(2016, 4, 27, 5, 52, 32, tzinfo=UTC)
        place = alert.localization
        assert place is not None
        assert (place.ra_deg, place.dec_deg, place.error_radius_deg) == (240.57, 9.34, 0.6)
        assert (place.containment, place.systematic_included) == (0.9, True)
        assert concerns(alert) == {"FAR": "no false-alarm rate could be read"}

    def test_coincidence(self) -> None:
        alert = ours("nuem_32428.txt")
        assert alert.kind is AlertKind.NU_EM
        assert alert.event_names == ("NuEm-220728A",)
        assert alert.trigger_time is None
        assert alert.observation_start == datetime(2022, 7, 28, 14, 16, 45, tzinfo=UTC)
        assert alert.observation_stop == datetime(2022, 7, 28, 20, 25, 53, tzinfo=UTC)
        assert alert.far_per_year == pytest.approx(1.14)
        place = alert.localization
        assert place is not None
        assert (place.ra_deg, place.dec_deg) == (108.88, 40.92)
        assert (place.error_radius_deg, place.containment) == (0.49, 0.9)
        assert (place.error_radius_50_deg, place.systematic_included) == (0.27, False)

    def test_search_with_a_table(self) -> None:
        alert = ours("lvk_38679.json")
        assert alert.kind is AlertKind.LVK_SEARCH
        assert alert.gw == GWReference(
            superevent_id="S241225c",
            notice_number=3,
            notice_type="Initial",
            reference="S241225c-3-Initial",
        )
        assert alert.trigger_time == datetime(2024, 12, 25, 4, 25, 53, 245_000, UTC)
        assert (alert.p_value("generic"), alert.p_value("bayesian")) == (0.0038, 0.029)
        assert alert.n_coincident == 2
        assert alert.most_probable_direction == Direction(ra_deg=235.49, dec_deg=-42.81)
        first, second = alert.coincident_events
        assert (first.delta_t_s, first.p_value("bayesian")) == (-238.24, 0.0672)
        assert second.p_values == (
            PValue(search="generic", value=None),
            PValue(search="bayesian", value=0.0575),
        )
        assert second.localization is not None
        assert (second.localization.ra_deg, second.localization.dec_deg) == (87.36, -1.75)
        assert (second.localization.error_radius_deg, second.localization.containment) == (
            2.45,
            0.9,
        )
        assert alert.concerns == ()

    def test_search_without_events(self) -> None:
        alert = ours("lvk_33814.txt")
        assert alert.n_coincident == 0
        assert (alert.p_values, alert.coincident_events) == ((), ())
        assert alert.flux_sensitivity == FluxSensitivity(low_gev_cm2=0.028, high_gev_cm2=1.133)
        assert alert.observation_start == datetime(2023, 5, 18, 12, 50, 48, tzinfo=UTC)
        assert alert.concerns == ()

    def test_circular_by_others(self) -> None:
        assert read(OURS["other_made_up.json"]) is None

    @ALL
    def test_is_recognised_without_a_topic(self, name: str) -> None:
        assert circular.parse(Message(value=OURS[name])) == read(OURS[name])

    @ALL
    def test_survives_the_way_through_json(self, name: str) -> None:
        alert = read(OURS[name])
        assert alert is None or Alert.from_dict(json.loads(json.dumps(alert.to_dict()))) == alert


@pytest.mark.parametrize(
    ("ra", "dec", "expected"),
    [
        (
            "144.58 [-1.45,+1.55] (deg  90% PSF containment) J2000",
            "-2.13 [-1.2,+0.9] (deg 90% PSF containment) J2000",
            (1.45, 1.55, 1.2, 0.9),
        ),
        (
            "337.68deg (+0.23deg -0.34deg 90% PSF containment)",
            "-20.70deg (+0.30deg -0.48deg 90% PSF containment)",
            (0.34, 0.23, 0.48, 0.3),
        ),
        (
            "343.26 (+ 4.08 - 2.63 deg 90% PSF containment)",
            "10.73 (+ 1.51 - 2.61 deg 90% PSF containment)",
            (2.63, 4.08, 2.61, 1.51),
        ),
        (
            "116.24 (+0.71-1.24 deg 90% PSF containment)",
            "29.14 (+0.90-0.78 deg 90% PSF containment)",
            (1.24, 0.71, 0.78, 0.9),
        ),
        (
            "350.5 degrees +/- 30 arcmin (90%)",
            "34.7 degrees +/- 30 arcmin (90%)",
            (0.5, 0.5, 0.5, 0.5),
        ),
        (
            "77.4 deg (+30/-60 arcmin, 90%)",
            "5.7 deg (+6/-12 arcmin, 90%)",
            (1.0, 0.5, 0.2, 0.1),
        ),
        (
            "87.93 (+3.44/- 2.83 (+1.88/-1.64) deg  90% (50%) PSF containment)",
            "8.23 (+2.09/-1.84 (+1.25/-1.19) deg 90% (50%) PSF containment)",
            (2.83, 3.44, 1.84, 2.09),
        ),
        (
            "350.54 +/- 0.67 deg  (90% PSF containment)",
            "+34.71 +/- 0.67 deg (90% PSF containment)",
            (0.67, 0.67, 0.67, 0.67),
        ),
        (
            "350.54 \u00b1 0.67\u00b0 (90%)",
            "\u221234.71 \u00b1 0.67\u00b0 (90%)",
            (0.67, 0.67, 0.67, 0.67),
        ),
        (
            "305.15 deg (<+/- 0.5  ra uncertainty> deg  90% PSF)",
            "-26.61 deg (<+/- 0.5 dec uncertainty> deg 90% PSF)",
            (0.5, 0.5, 0.5, 0.5),
        ),
        (
            "77.43 deg (-0.80 deg/+1.30 deg 90% PSF containment)",
            "5.72 deg (-0.40 deg/+0.70 deg 90% PSF containment)",
            (0.8, 1.3, 0.4, 0.7),
        ),
        ("77.43 (+30.0/-60.0 arcmin, 90%)", "5.72 (+6.0/-12.0 arcmin, 90%)", (1.0, 0.5, 0.2, 0.1)),
        (
            "104.75d {+06h 59m 00s} (+0.5, -0.6 deg 90%)",
            "+7.5d {+07d 30' 00\"} (+0.7, -0.8 deg 90%)",
            (0.6, 0.5, 0.8, 0.7),
        ),
    ],
)
def test_styles_of_errors(ra: str, dec: str, expected: tuple[float, ...]) -> None:
    alert = about(f"Direction:\n\nRA: {ra}\nDec: {dec}\n")
    assert sides(alert) == expected
    assert alert.localization is not None
    assert alert.localization.containment == 0.9


@pytest.mark.parametrize(
    ("line", "radius", "half", "containment", "systematic"),
    [
        ("Error radius: 73.79 arcmin (90% containment)", 73.79 / 60, None, 0.9, None),
        ("Error radius: 0.51 deg (90%, statistical error only)", 0.51, None, 0.9, False),
        ("r_90:  0.832 deg (90%-containment)", 0.832, None, 0.9, None),
        ("Angular uncertainty = 30 arcmin (50%)", 0.5, 0.5, 0.5, None),
        ("Its 90% PSF uncertainty of 8.9 deg is large.", 8.9, None, 0.9, None),
    ],
)
def test_styles_of_radii(
    line: str, radius: float, half: float | None, containment: float, systematic: bool | None
) -> None:
    place = about(f"RA: 10.5 (J2000)\nDec: -1.5 (J2000)\n{line}\n").localization
    assert place is not None
    assert place.error_radius_deg == pytest.approx(radius)
    assert (place.error_radius_50_deg, place.containment) == (half, containment)
    assert place.systematic_included is systematic


@pytest.mark.parametrize(
    ("ra", "dec", "expected"),
    [
        ("02:53:55.6 (J2000)", "-18:04:12 (J2000)", (43.481666667, -18.07)),
        ("02h53m55.6s", "-18d04m12s", (43.481666667, -18.07)),
        ("+47.20", "-0.5", (47.2, -0.5)),
    ],
)
def test_styles_of_coordinates(ra: str, dec: str, expected: tuple[float, float]) -> None:
    place = about(f"R.A.: {ra}\nDec.: {dec}\n").localization
    assert place is not None
    assert (place.ra_deg, place.dec_deg) == expected


@pytest.mark.parametrize(
    "day",
    [
        *("2023-04-16", "23/04/16", "2023/04/16", "16 April 2023", "16 Apr, 2023"),
        *("April 16, 2023", "2023 April 16", "16/04/2023", "04/16/2023", "23/04/16 (yy/mm/dd)"),
    ],
)
def test_styles_of_dates(day: str) -> None:
    alert = about(f"Date: {day}\nTime: 05:22:26.15 UT\n")
    assert alert.trigger_time == datetime(2023, 4, 16, 5, 22, 26, 150_000, UTC)


@pytest.mark.parametrize(
    ("sentence", "per_year"),
    [
        ("This has an estimated false alarm rate of 0.98 events per year.", 0.98),
        ("a false alarm rate of  1.93events per year due to atmospheric backgrounds", 1.93),
        ("we identified a low false alarm-rate (2.39 per year) coincidence", 2.39),
        ("FAR:   2.387 yr-1", 2.387),
        ("The false alarm rate of such coincidences is 1 per 0.5 years.", 2.0),
        ("The false alarm rate (FAR) of this coincidence is 1.39.", None),
        ("The false alarm rate is less than 1.3 per year.", None),
        ("A false alarm rate of 1.3 per year, or a false alarm rate of 2 per year.", None),
    ],
)
def test_styles_of_rates(sentence: str, per_year: float | None) -> None:
    alert = about(sentence)
    assert alert.far_per_year == (None if per_year is None else pytest.approx(per_year))
    assert ("FAR" in concerns(alert)) is (per_year is None)


@pytest.mark.parametrize(
    ("sentence", "signalness", "energy"),
    [
        ("this event had a signalness of just 20%", 0.2, None),
        ("Initial signal probability: 59.5%\nInitial neutrino energy: 215.9 TeV", 0.595, 215.9),
        ("an estimated neutrino energy of ~750 TeV and a signalness of >90%", None, 750.0),
        ("with an energy of 1.2 PeV", None, 1200.0),
        ("the average astrophysical neutrino purity for Gold alerts is 50%", None, None),
        ("its deposited energy of 300 TeV, and a muon energy of 90 TeV", None, None),
        ("the signalness is 20%, and later: a signalness of 30%", None, None),
    ],
)
def test_signalness_and_energy(
    sentence: str, signalness: float | None, energy: float | None
) -> None:
    alert = about(sentence)
    assert (alert.signalness, alert.energy_tev) == (signalness, energy)


class TestDistrust:
    def test_a_circular_that_says_nothing_says_what_it_lacks(self) -> None:
        alert = about("We saw something.", subject="IceCube retraction of nothing")
        assert concerns(alert) == {
            "event": "the circular names no event, and no run and event number"
        }
        assert concerns(about("We saw something.")) == {
            "time": "no date and time of the event could be read",
            "position": "no right ascension and declination could be read",
            "FAR": "no false-alarm rate could be read",
        }

    def test_a_source_in_a_sentence_is_not_the_event(self) -> None:
        alert = about("The nearest source is at\nRA: 120.2 deg,\nDec: 7.5 deg (1.2 deg away).\n")
        assert alert.localization is None

    def test_two_positions(self) -> None:
        block = "RA: {} (+1.0, -1.0 deg 90%)\nDec: 5.0 (+1.0, -1.0 deg 90%)\n\n"
        alert = about("One:\n\n" + block.format(10) + "Two:\n\n" + block.format(20))
        assert alert.localization is None
        assert "position" in concerns(alert)
        alert = about("First:\n\n" + block.format(10) + "Now corrected:\n\n" + block.format(20))
        assert alert.localization is not None
        assert alert.localization.ra_deg == 20.0

    @pytest.mark.parametrize(
        "ra", ["400.0 (+1, -1 deg 90%)", "-5.0 (+1, -1 deg 90%)", "\ufffd10.0 (+1, -1 deg 90%)"]
    )
    def test_no_such_right_ascension(self, ra: str) -> None:
        alert = about(f"RA: {ra}\nDec: 5.0 (+1, -1 deg 90%)\n")
        assert alert.localization is None
        assert "position" in concerns(alert)

    @pytest.mark.parametrize("errors", ["(+1.0, +2.0 deg 90%)", "(+1.0 deg 90%)", "(+0, -1 90%)"])
    def test_errors_that_are_none(self, errors: str) -> None:
        alert = about(f"RA: 10.0 {errors}\nDec: 5.0 (+1.0, -1.0 deg 90%)\n")
        assert alert.localization is not None
        assert alert.localization.asymmetric is None
        assert concerns(alert)["RA"] == "expected one error up and one down"

    def test_the_day_in_the_name_outweighs_a_typed_one(self) -> None:
        alert = about("Date: 2023-05-16\nTime: 05:22:26 UT\n")
        assert alert.trigger_time == datetime(2023, 4, 16, 5, 22, 26, tzinfo=UTC)
        assert concerns(alert)["Date"] == "the day is not the one in the name of the event"

    def test_a_day_that_no_name_confirms(self) -> None:
        body = "Date: {}\nTime: 05:22:26 UT\nSee notices_amon_g_b/137840_57034692.amon\n"
        subject = "IceCube neutrino candidate 137840_57034692"
        alert = about(body.format("2023-04-16"), subject)
        assert alert.trigger_time == datetime(2023, 4, 16, 5, 22, 26, tzinfo=UTC)
        alert = about(body.format("2023-05-16"), subject)
        assert alert.trigger_time is None
        assert concerns(alert)["time"] == "later than the circular itself"

    def test_a_contradiction_about_the_day_that_stays_open(self) -> None:
        circular = HEADER.format(subject=NAMED) + "Date: 2023-05-16\nTime: 05:22:26 UT\n"
        alert = read(circular.replace("DATE: ", "DATUM: "))
        assert alert is not None
        assert alert.trigger_time is None

    def test_prose_and_block_give_another_time(self) -> None:
        prose = "On 2023-04-16 at 05:22:46 UT IceCube detected an event.\n\n"
        alert = about(prose + "Date: 2023-04-16\nTime: 05:22:26 UT\n")
        assert alert.trigger_time == datetime(2023, 4, 16, 5, 22, 26, tzinfo=UTC)
        assert concerns(alert)["text"] == "disagrees with the time that is taken"

    @pytest.mark.parametrize("clock", ["25:22:26", "05:62:26", "05:22:61"])
    def test_no_such_time(self, clock: str) -> None:
        assert about(f"Date: 2023-04-16\nTime: {clock} UT\n").trigger_time is None

    def test_a_labelled_rate_outweighs_another(self) -> None:
        alert = about("FAR: 1.5 per year\n\nThe false alarm rate of it is 3.1 per year.")
        assert alert.far_per_year == pytest.approx(1.5)
        assert concerns(alert)["FAR"] == "the circular states more than one rate"

    def test_several_events_in_the_subject(self) -> None:
        alert = about("Two events.", subject="IceCube-230416A and IceCube-230416B")
        assert alert.event_names == ("IceCube-230416A",)
        assert concerns(alert)["event name"] == "several events are named"

    def test_several_run_and_event_numbers(self) -> None:
        alert = about("Run: 137840, Event: 57034692, and not 137841_57034692.")
        assert (alert.run_id, alert.event_id) == (None, None)
        assert concerns(alert)["event"] == "several run and event numbers are named"

    def test_a_number_at_the_very_end_may_be_cut(self) -> None:
        whole = HEADER.format(subject=NAMED) + "RA: 10.5 (+1, -1 deg 90%)\nDec: 5.25"
        alert = read(whole)
        assert alert is not None
        assert alert.localization is None

    def test_an_error_of_one_coordinate(self) -> None:
        alert = about("RA: 10.5 (+1, -1 deg 90%)\nDec: 5.25\n")
        assert sides(alert) is None
        assert concerns(alert)["error"] == "no error of the position could be read"

    def test_errors_of_different_containment(self) -> None:
        alert = about("RA: 10.5 (+1, -1 deg 90%)\nDec: 5.25 (+1, -1 deg 68%)\n")
        assert alert.localization is not None
        assert alert.localization.containment is None
        assert concerns(alert)["containment"] == "no one containment is stated for the error"

    def test_a_radius_without_a_unit(self) -> None:
        alert = about("RA: 10.5\nDec: 5.25\nError radius: 0.5 (90%)\n")
        assert concerns(alert)["error radius"] == "stated without a unit of angle"

    def test_another_radius(self) -> None:
        alert = about("RA: 1.5\nDec: 5.2\nError: 0.5 deg (90%)\nError: 0.7 deg (90%)\n")
        assert alert.localization is not None
        assert alert.localization.error_radius_deg == 0.5
        assert concerns(alert)["error radius"] == "another radius is stated too"

    def test_a_search_around_an_event_does_not_describe_it(self) -> None:
        alert = about("RA: 1.5\nDec: 5.2\n", "Search for more neutrinos from IceCube-230416A")
        assert alert.event_names == ("IceCube-230416A",)
        assert alert.localization is None
        assert list(concerns(alert)) == ["subject"]

    def test_a_coincidence_without_name_and_with_a_transit_that_is_none(self) -> None:
        content = OURS["nuem_32428.txt"].decode().replace("NuEm-220728A", "")
        alert = read(content.replace("28/07/2022 20:25:53", "28/07/2022 10:25:53"))
        assert alert is not None
        assert alert.observation_start is None
        assert concerns(alert) == {
            "transit interval": "expected two times, in order",
            "event": "the circular names no event, and no AMON number",
        }

    def test_the_name_of_another_event_in_the_text(self) -> None:
        body = "Date: 2023-04-16\nTime: 05:22:26 UT\nIt is near IceCube-220627A.\n"
        alert = about(body, subject="Neutrino candidate 137840_57034692 of IceCube")
        assert alert.event_names == ()
        assert alert.event_key == "137840_57034692"

    def test_when_an_alert_was_issued_is_not_the_time_of_the_event(self) -> None:
        alert = about("On 2023-04-16 at 05:22:58 UT IceCube issued an alert.")
        assert alert.trigger_time is None
        assert "time" in concerns(alert)

    def test_background_in_passing_is_no_retraction(self) -> None:
        alert = about("It shows signs of being consistent with a rare muon background event.")
        assert alert.status is None
        assert concerns(alert)["status"] == "speaks of background, and retracts nothing"

    @pytest.mark.parametrize(
        ("words", "kind"),
        [
            ("selected by the ICECUBE_Astrotrack_Gold alert stream", AlertKind.GOLD),
            (
                "selected by the ICECUBE_Astrotrack_BRONZE alert stream. Gold alerts are rarer",
                AlertKind.BRONZE,
            ),
            ("identified by the Extremely High Energy (EHE) track event selection", AlertKind.EHE),
            ("identified by the High Energy Starting Event (HESE) selection", AlertKind.HESE),
            ("not identified as either Gold or Bronze", AlertKind.TRACK),
        ],
    )
    def test_kinds(self, words: str, kind: AlertKind) -> None:
        assert about(f"A track-like event, {words}.").kind is kind

    @pytest.mark.parametrize(
        ("address", "key"),
        [
            ("notices_amon_g_b/132707_54984442.amon", "132707_54984442"),
            ("notices_amon/34507973_131475.amon", "131475_34507973"),
            ("notices_amon/766165_132518.amon", "132518_766165"),
            ("notices_amon/141234_132518.amon", "132518_141234"),
        ],
    )
    def test_run_and_event(self, address: str, key: str) -> None:
        assert about(f"See https://gcn.gsfc.nasa.gov/{address}").event_key == key


class TestSearches:
    SUBJECT = "LIGO/Virgo/KAGRA S230416ab: 1 counterpart neutrino candidate from IceCube"
    BOTH = (
        "a p-value of 0.003 (2.7 sigma) from the generic transient search\n"
        "and a p-value of 0.017 for the Bayesian search"
    )
    HEADINGS = "dt ra(deg) dec(deg) Angular Uncertainty(deg) p-value(generic transient)"

    def test_a_row_and_headings_broken_by_mail(self) -> None:
        table = (
            f"{self.HEADINGS[:-10]}\n{self.HEADINGS[-10:]} p-value(binary merger)\n-----\n"
            " -43s 323.19 4.53 4.07\n   0.219 0.0059\n"
        )
        (event,) = about(table, self.SUBJECT).coincident_events
        assert event.delta_t_s == -43.0
        assert (event.p_value("generic"), event.p_value("bayesian")) == (0.219, 0.0059)

    @pytest.mark.parametrize("cell", ["N/A", "null (not applicable)", "not applicable"])
    def test_a_search_that_was_not_run(self, cell: str) -> None:
        table = f"{self.HEADINGS} p-value(Bayesian)\n-----\n1.5 30.0 -4.5 1.2 {cell} 0.0059\n...\n"
        (event,) = about(table, self.SUBJECT).coincident_events
        assert event.p_values == (
            PValue(search="generic", value=None),
            PValue(search="bayesian", value=0.0059),
        )

    @pytest.mark.parametrize("row", ["1.5 30.0 -4.5 1.2", "1.5 30.0 -4.5 1.2 0.1 0.2", ""])
    def test_a_table_that_does_not_come_out_even(self, row: str) -> None:
        alert = about(f"{self.HEADINGS}\n-----\n{row}\n", self.SUBJECT)
        assert alert.coincident_events == ()
        assert concerns(alert)["table"] == "the values do not fill 5 columns"

    def test_a_row_that_is_impossible(self) -> None:
        rows = "1.5 30.0 -4.5 1.2 0.01\n2.5 30.0 -94.5 1.2 0.01\n"
        alert = about(f"{self.HEADINGS}\n-----\n{rows}", self.SUBJECT)
        assert [event.delta_t_s for event in alert.coincident_events] == [1.5]
        assert concerns(alert)["dec"] == "expected a number from -90 to 90"

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (BOTH, {"generic": 0.003, "bayesian": 0.017}),
            (
                "p-values: a p-value of 0.003 for the generic search and 0.017 for the Bayesian",
                {"generic": 0.003, "bayesian": 0.017},
            ),
            (
                "A Bayesian search was run. This represents an overall p-value of 3e-3.",
                {"bayesian": 0.003},
            ),
            (
                "a p-value of 0.094 with respect to the background only hypothesis",
                {"generic": 0.094},
            ),
            ("A Bayesian search and a generic one were run. The p-value is 0.5.", {}),
            ("we report a p-value of 0.73", {}),
            ("a generic search with a p-value of 1.7", {}),
        ],
    )
    def test_p_values(self, words: str, expected: dict[str, float]) -> None:
        alert = about(words, self.SUBJECT)
        assert {p.search: p.value for p in alert.p_values} == expected

    def test_a_search_elsewhere_is_not_one_in_the_map(self) -> None:
        body = "Events arriving from the position of ASKAP J0055: a generic p-value of 1.0."
        alert = about(body, self.SUBJECT)
        assert alert.p_values == ()
        assert "search" in concerns(alert)

    def test_two_weeks(self) -> None:
        body = (
            "a time range of -0.1 day, +14 days from the alert event time "
            "(2023-05-18 10:35:08 UTC to 2023-06-01 12:59:08 UTC)"
        )
        alert = about(body, self.SUBJECT)
        assert alert.trigger_time == datetime(2023, 5, 18, 12, 59, 8, tzinfo=UTC)

    def test_two_searches_with_a_window_each(self) -> None:
        body = (
            "in a time range of -0.1 day, +14 days (2023-06-19 17:01:06.4 UTC to "
            "2023-07-03 19:25:06.4 UTC), and one of 1000 seconds centered on the alert event "
            "time (2023-06-19 19:16:46 UTC to 2023-06-19 19:33:26 UTC)"
        )
        alert = about(body, self.SUBJECT)
        assert alert.observation_stop == datetime(2023, 7, 3, 19, 25, 6, 400_000, UTC)
        assert alert.trigger_time == datetime(2023, 6, 19, 19, 25, 6, tzinfo=UTC)
        assert concerns(alert)["time window"] == "another window was searched too"

    def test_a_window_that_ends_before_it_begins(self) -> None:
        alert = about("(2023-05-18 10:35:08 UTC to 2023-05-17 12:59:08 UTC)", self.SUBJECT)
        assert alert.observation_start is None
        assert [c.why for c in alert.concerns if c.field == "time window"] == [
            "ends before it begins",
            "no searched time window could be read",
        ]

    def test_two_superevents(self) -> None:
        alert = about("A search.", "LIGO/Virgo S230416ab and S230416ac: IceCube searches")
        assert alert.gw is None
        assert concerns(alert)["superevent"] == "expected one gravitational-wave event"

    def test_two_notices_of_the_superevent(self) -> None:
        alert = about("The maps of the 1-Preliminary and the 2-Initial notice.", self.SUBJECT)
        assert alert.gw == GWReference(superevent_id="S230416ab")
        assert concerns(alert)["notice"] == "several notices of the event are named"

    def test_two_numbers_of_events(self) -> None:
        alert = about(
            "One track-like event is found. Two neutrino candidates were found.", self.SUBJECT
        )
        assert alert.n_coincident is None
        assert concerns(alert)["number of events"] == "several numbers are stated"

    def test_a_number_of_events_that_is_not_the_length_of_the_table(self) -> None:
        body = f"Two track-like events are found.\n\n{self.HEADINGS}\n-----\n1 30 -4 1.2 0.1\n"
        alert = about(body, self.SUBJECT)
        assert alert.n_coincident == 2
        assert concerns(alert)["number of events"] == "the table lists 1"

    def test_another_p_value_of_the_same_search(self) -> None:
        body = "A generic p-value of 0.1 was found. A generic p-value of 0.2 was found."
        alert = about(body, self.SUBJECT)
        assert alert.p_value("generic") == 0.1
        assert concerns(alert)["p-value"] == "another generic p-value is stated too"

    def test_headings_that_do_not_name_the_search(self) -> None:
        alert = about(f"{self.HEADINGS[:-19]}\n-----\n1 30 -4 1.2 0.1\n", self.SUBJECT)
        (event,) = alert.coincident_events
        assert event.p_values == ()
        assert concerns(alert)["table"] == "the heading does not say of which search"

    def test_a_retracted_search(self) -> None:
        assert about("It was wrong.", f"{self.SUBJECT}: retraction").status is Status.RETRACTION

    def test_a_mock_event_is_a_test(self) -> None:
        assert about("A search.", "LIGO/Virgo MS230416ab: IceCube search").tense is Tense.TEST


class TestWhose:
    BODY = "On 2023-04-16 at 05:22:26 UT IceCube detected a track-like event."

    @pytest.mark.parametrize(
        "opening",
        [
            "The IceCube Collaboration (http://icecube.wisc.edu/) reports:",
            "he IceCube Collaboration reports:",
            "**The IceCube Collaboration (http://a.b <http://a.b>) reports:**",
            "A. Fixture (A University) reports on behalf of the IceCube\nCollaboration (http://a.b).",
        ],
    )
    def test_icecubes(self, opening: str) -> None:
        assert read(self.circular(opening)) is not None

    @pytest.mark.parametrize(
        "opening",
        [
            "A. Fixture reports on behalf of the Swift-IceCube collaboration:",
            "A. Fixture, B. Fixture (An Institute) on behalf of the Fermi-LAT collaboration:",
            "The HAWC Collaboration (https://a.b) reports:",
            "The IceCube Collaboration reported an event (GCN 1). We report on observations of it.",
            "The IceCube Collaboration (GCN 1) reports the detection of a neutrino. We looked.",
            "A robotic telescope was pointed to the region of IceCube-230416A.",
        ],
    )
    def test_others(self, opening: str) -> None:
        assert read(self.circular(opening)) is None

    def test_icecube_on_something_else(self) -> None:
        content = HEADER.format(subject="GRB 230416A: Upper limits") + "No events were found.\n"
        assert read(content) is None

    def circular(self, opening: str) -> str:
        head = HEADER.split("The IceCube")[0].format(subject=NAMED).replace("IceCube <", "DESY <")
        return f"{head}{opening}\n\n{self.BODY}\n"


class TestEnvelope:
    def test_json(self) -> None:
        data: dict[str, Any] = json.loads(OURS["track_31618.json"])
        for created in (1645410061000, 1645410061000.0, "1645410061000", "2022-02-21T02:21:01Z"):
            alert = read(json.dumps({**data, "createdOn": created}))
            assert alert is not None
            assert alert.notice_time == datetime(2022, 2, 21, 2, 21, 1, tzinfo=UTC)

    def test_the_time_of_an_edit_counts(self) -> None:
        data = json.loads(OURS["track_31618.json"]) | {"editedOn": 1645410062000, "version": 2}
        alert = read(json.dumps(data))
        assert alert is not None
        assert alert.notice_time == datetime(2022, 2, 21, 2, 21, 2, tzinfo=UTC)
        assert alert.comments[1:] == ("version 2 of this circular",)

    @pytest.mark.parametrize(("name", "value"), [("circularId", "x"), ("createdOn", "yesterday")])
    def test_what_cannot_be_read_is_a_concern(self, name: str, value: str) -> None:
        alert = read(json.dumps(json.loads(OURS["track_31618.json"]) | {name: value}))
        assert alert is not None
        assert [concern.field for concern in alert.concerns] == [name]

    def test_a_key_that_is_stated_twice(self) -> None:
        alert = read(OURS["track_31618.json"].replace(b"{", b'{"circularId": 1,', 1))
        assert alert is not None
        assert concerns(alert) == {"circularId": "the JSON states this key twice"}

    def test_broken_json(self) -> None:
        with pytest.raises(NoticeError, match=r"^not valid JSON \("):
            read(OURS["track_31618.json"][:-20])

    def test_too_long(self) -> None:
        with pytest.raises(NoticeError, match=r"^body: the circular has more than 100000 char"):
            about("x" * 100_001)

    @pytest.mark.parametrize(
        "content",
        ["", "x", "{}", "[1]", '{"subject": 1, "body": 2}', "<xml/>", "TITLE: GCN/AMON NOTICE\n"],
    )
    def test_no_circular(self, content: str) -> None:
        assert read(content) is None

    def test_search_time_grows_with_length_only(self) -> None:
        for unit in ("\ufffd", "-", "RA: 1 ", "p-value of 0.1 and ", "On 1 January 2020 at "):
            alert = about(unit * (90_000 // len(unit)), TestSearches.SUBJECT)
            assert alert.p_values == ()


KEPT = ("run_id", "event_id", "far_hz", "signalness", "energy_tev", "n_coincident", "p_values")


def values(alert: Alert | None) -> Iterator[tuple[str, object]]:
    """Return what a damaged circular must not state otherwise."""
    if alert is None:
        return
    yield from ((name, getattr(alert, name)) for name in KEPT)
    yield "event_names", alert.event_names
    if alert.gw is not None:
        yield "superevent", alert.gw.superevent_id
        yield "reference", alert.gw.reference
    if alert.localization is not None:
        yield "position", (alert.localization.ra_deg, alert.localization.dec_deg)
        yield "box", alert.localization.asymmetric
    for event in alert.coincident_events:
        yield f"row {event.delta_t_s}", event.p_values


def attempt(content: bytes) -> Alert | None:
    try:
        return read(content)
    except NoticeError:
        return None


def check_no_new_value(name: str, content: bytes) -> None:
    whole = dict(values(read(OURS[name])))
    for field, value in values(attempt(content)):
        assert value in (None, (), whole.get(field)), field


class TestDamage:
    @ALL
    @settings(max_examples=60, deadline=None)
    @given(data=st.data())
    def test_a_prefix_states_nothing_new(self, name: str, data: st.DataObject) -> None:
        end = data.draw(st.integers(0, len(OURS[name])))
        check_no_new_value(name, OURS[name][:end])

    @pytest.mark.parametrize("name", TEXTS)
    def test_a_dropped_or_repeated_line_states_nothing_new(self, name: str) -> None:
        lines = OURS[name].splitlines(keepends=True)
        for i in range(len(lines)):
            check_no_new_value(name, b"".join(lines[:i] + lines[i + 1 :]))
            check_no_new_value(name, b"".join(lines[: i + 1] + lines[i:]))

    @ALL
    @settings(max_examples=100, deadline=None)
    @given(data=st.data())
    def test_a_flipped_byte_gives_an_alert_or_an_error(
        self, name: str, data: st.DataObject
    ) -> None:
        content = bytearray(OURS[name])
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        alert = attempt(bytes(content))
        assert alert is None or alert.format is WireFormat.CIRCULAR

    @settings(max_examples=100, deadline=None)
    @given(body=st.text(st.sampled_from("RADec: 0123456789.+-/%()degpvalueS\n "), max_size=300))
    def test_any_prose_gives_an_alert(self, body: str) -> None:
        for subject in (NAMED, TestSearches.SUBJECT):
            assert about(body, subject).circular_number == 99999


Published = dict[str, tuple[bytes, Alert | None]]


@pytest.fixture(scope="module")
def published(corpus: Path) -> Published:
    files = sorted((corpus / "circulars").iterdir())
    return {path.stem: (path.read_bytes(), read(path.read_bytes())) for path in files}


def table(corpus: Path, name: str) -> list[dict[str, str]]:
    with (corpus / "facts" / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def newest(corpus: Path) -> dict[str, dict[str, str]]:
    """Return the newest row of each event."""
    rows = sorted(table(corpus, "gold_bronze_summary.tsv"), key=lambda row: int(row["Rev"]))
    return {row["RunNum_EventNum"]: row for row in rows}


class TestPublished:
    def test_every_one_is_read_or_is_not_ours(self, published: Published) -> None:
        for name, (_, alert) in published.items():
            if alert is None:
                print(f"{name:18} not ours")
            else:
                fields = ", ".join(concern.field for concern in alert.concerns)
                print(f"{name:18} {alert.kind:10} {alert.event_key or '-':22} {fields}")
        assert len(published) > 100
        assert {name for name, (_, alert) in published.items() if alert is None} == {
            name
            for name, (content, _) in published.items()
            if re.search(rb"behalf\s+of the Fermi-LAT|^The HAWC Coll", content, re.MULTILINE)
        }
        assert all(
            alert.circular_number == int(name.rsplit("_", 1)[1])
            for name, (_, alert) in published.items()
            if alert is not None
        )

    def test_kinds(self, published: Published) -> None:
        for name, (_, alert) in published.items():
            if alert is not None:
                expected = {
                    "lvk": alert.kind is AlertKind.LVK_SEARCH,
                    "nuem": alert.kind is AlertKind.NU_EM,
                    "retraction": alert.status is Status.RETRACTION,
                    "obs": alert.status is not Status.RETRACTION,
                }
                assert expected[name.split("_")[0]], name

    def test_tracks_state_what_they_should(self, published: Published) -> None:
        stated: Counter[str] = Counter()
        for content, alert in tracks(published):
            place = alert.localization
            stated["all"] += 1
            stated["position"] += place is not None
            stated["error"] += place is not None and place.containment is not None
            stated["id"] += alert.event_key is not None
            stated["time"] += alert.trigger_time is not None
            stated["with rate"] += b"alarm rate of" in b" ".join(content.split())
            stated["FAR"] += alert.far_hz is not None
        print(dict(stated))
        assert all(stated[name] >= 0.95 * stated["all"] for name in ("position", "error", "id"))
        assert stated["FAR"] == stated["with rate"] > 0

    def test_positions_and_rates_agree_with_the_table(
        self, published: Published, corpus: Path
    ) -> None:
        rows = newest(corpus)
        compared = 0
        for _, alert in tracks(published):
            row = rows.get(alert.event_key or "")
            # Where the table has no revision, the circular is newer than the table.
            if row is None or row["Rev"] == "0" or alert.localization is None:
                continue
            compared += 1
            assert alert.localization.ra_deg == pytest.approx(float(row["RA [deg]"]), abs=0.02)
            assert alert.localization.dec_deg == pytest.approx(float(row["Dec [deg]"]), abs=0.02)
            assert alert.far_per_year == pytest.approx(float(row["FAR [#/yr]"]), rel=0.05)
        assert compared > 10

    def test_plausible(self, published: Published) -> None:
        for name, (_, alert) in published.items():
            if alert is None:
                continue
            assert alert.far_per_year is None or 0.01 < alert.far_per_year < 10, name
            assert alert.signalness is None or 0.1 < alert.signalness < 1, name
            assert alert.energy_tev is None or 50 < alert.energy_tev < 10_000, name
            assert max(sides(alert) or (0.0,)) < 20, name

    def test_tables_of_searches_agree(self, published: Published, corpus: Path) -> None:
        for row in table(corpus, "lvk_circular_events.tsv"):
            _, alert = published[f"lvk_nu_{row['number']}"]
            assert alert is not None
            assert alert.gw is not None
            assert alert.gw.superevent_id == row["superevent"]
            (event,) = (e for e in alert.coincident_events if e.delta_t_s == float(row["dt_s"]))
            place = event.localization
            assert place is not None
            assert (place.ra_deg, place.dec_deg) == (float(row["ra"]), float(row["dec"]))
            assert place.error_radius_deg == float(row["ang_unc_deg"])
            for search in ("generic", "bayesian"):
                if row[f"p_{search}"]:
                    expected = None if row[f"p_{search}"] == "N/A" else float(row[f"p_{search}"])
                    assert event.p_value(search) == expected

    def test_searches_are_complete(self, published: Published) -> None:
        """Searches of 2019 and later; those of 2017 state no time, see `test_circular_values`."""
        counted: Counter[str] = Counter()
        for name, (content, alert) in published.items():
            if not name.startswith("lvk_nu_") or alert is None:
                continue
            assert alert.gw is not None, name
            assert alert.trigger_time is not None or b"Correction" in content, name
            assert ("table" in concerns(alert)) is False, name
            counted["searches"] += 1
            counted["with a table"] += bool(alert.coincident_events)
            counted["with p-values"] += bool(alert.p_values)
        print(dict(counted))
        assert counted["searches"] >= 56
        assert counted["with a table"] >= 15
        assert counted["with p-values"] >= 15


def tracks(published: Published) -> Iterator[tuple[bytes, Alert]]:
    """Return the circulars that describe a track: no searches around one, no retractions."""
    for name, (content, alert) in published.items():
        if name.startswith("obs") and alert is not None and "subject" not in concerns(alert):
            yield content, alert
