"""What circulars state: the cases that were once wrong, all published ones, and every unit.

The inputs in the folder ``circulars`` are in our own words, in layouts that were really sent. The
published circulars are read from the corpus where it is at hand; their values are not in here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from icecube_hooks import YEAR_S, Alert, AlertKind, Message, Status
from icecube_plugin.notices import circular

FOLDER = Path(__file__).parent / "circulars"
HEADER = """TITLE:   GCN CIRCULAR
NUMBER:  99999
SUBJECT: {subject}
DATE:    23/04/16 08:09:10 GMT
FROM:    {sender}

The IceCube Collaboration (http://icecube.wisc.edu/) reports:

"""
NAMED = "IceCube-230416A - IceCube observation of a high-energy neutrino candidate event"
SEARCH = "LIGO/Virgo/KAGRA S230416ab: 1 counterpart neutrino candidate from IceCube"
SENDER = "A. Fixture at IceCube <fixture@example.org>"


def read(content: bytes) -> Alert | None:
    return circular.parse(Message(value=content, topic="gcn.circulars"))


def about(body: str, subject: str = NAMED, sender: str = SENDER) -> Alert:
    """Read a circular with this text."""
    alert = read((HEADER.format(subject=subject, sender=sender) + body + "\n").encode())
    assert alert is not None
    return alert


def whys(alert: Alert, field: str) -> list[str]:
    return [concern.why for concern in alert.concerns if concern.field == field]


def ours(name: str) -> Alert:
    alert = read((FOLDER / name).read_bytes())
    assert alert is not None
    return alert


class TestTruth:
    """Each fault that real circulars showed, with the right value."""

    def test_p_values_in_per_cent(self) -> None:
        alert = ours("lvk_circular_percent.json")
        assert (alert.p_value("generic"), alert.p_value("bayesian")) == (0.15, 0.003)
        (event,) = alert.coincident_events
        assert (event.p_value("generic"), event.p_value("bayesian")) == (0.18, 0.0029)
        assert whys(alert, "p-value") == []

    def test_a_digit_as_number_of_events_and_an_escaped_percent(self) -> None:
        alert = ours("lvk_circular_digit_count_escaped_percent.json")
        assert alert.n_coincident == 2
        places = [event.localization for event in alert.coincident_events]
        assert [place and place.containment for place in places] == [0.9, 0.9]

    def test_no_error_in_right_ascension_near_the_pole(self) -> None:
        place = ours("track_circular_near_pole.json").localization
        assert place is not None
        assert (place.ra_deg, place.dec_deg, place.containment) == (31.2, 86.1, 0.9)
        assert place.asymmetric is not None
        assert (place.asymmetric.dec_minus_deg, place.asymmetric.dec_plus_deg) == (1.9, 2.1)
        assert (place.asymmetric.ra_minus_deg, place.asymmetric.ra_plus_deg) == (180.0, 180.0)
        alert = ours("track_circular_near_pole.json")
        assert whys(alert, "RA") == ["no error so near the pole: any RA"]

    def test_a_name_with_an_underscore(self) -> None:
        alert = ours("track_circular_underscore_name.json")
        assert alert.event_names == ("IceCube-260709B",)

    def test_a_link_in_the_first_sentence(self) -> None:
        alert = ours("track_circular_markdown_link.json")
        assert (alert.kind, alert.event_names) == (AlertKind.GOLD, ("IceCube-260710A",))
        place = alert.localization
        assert place is not None
        assert (place.ra_deg, place.dec_deg, place.containment) == (250.3, 33.4, 0.9)

    def test_a_retraction_by_name_only(self) -> None:
        alert = ours("by_name_3_retraction.json")
        assert alert.status is Status.RETRACTION
        assert (alert.event_names, alert.run_id) == (("IceCube-260711A",), None)
        assert whys(alert, "sender") == [
            "the text says that the collaboration retracts, the sender does not"
        ]

    def test_they_are_the_field_cases(self, corpus: Path) -> None:
        lines = (corpus.parent / "field" / "TRUTH.tsv").read_text().splitlines()[1:]
        files = {name for line in lines for name in line.split("\t")[0].split("+")}
        circulars = {
            name for name in files if "circular" in name or name.endswith("retraction.json")
        }
        assert {path.name for path in FOLDER.iterdir()} <= circulars


@pytest.mark.parametrize(
    "name",
    [
        *("IceCube_260709B", "IceCube 260709B", "IceCube.260709B", "ICECUBE-260709b"),
        *("IC260709B", "IceCube - 260709B", "IceCube Alert 260709B", "IceCube_ 260709B"),
    ],
)
def test_names_as_gcn_takes_them(name: str) -> None:
    alert = about("It was seen.", f"{name} - IceCube observation of a neutrino candidate")
    assert alert.event_names == ("IceCube-260709B",)


@pytest.mark.parametrize(
    "name", ["IceCube-26070\uff19B", "Ice\u0421ube-260709B", "IceCube-260709\u0412"]
)
def test_letters_and_digits_that_only_look_the_same(name: str) -> None:
    """A fullwidth 9, a Cyrillic Es and a Cyrillic Ve make no name of IceCube's."""
    alert = about("It was seen.", f"{name} - 142000_1234567: IceCube observation of a neutrino")
    assert alert.event_names == ()


@pytest.mark.parametrize(
    "name", ["IceCube_Cascade_221223A", "IceCube-Cascade 221223a", "IceCubeCascade.221223A"]
)
def test_names_of_cascades(name: str) -> None:
    alert = about("It was seen.", f"{name}: IceCube observation of a cascade")
    assert alert.event_names == ("IceCubeCascade-221223a",)
    assert alert.kind is AlertKind.CASCADE


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ("NuEm-220728A: Search for more neutrinos with IceCube", "NuEm-220728A"),
        ("Upper limits on neutrinos from ANTARES 200108A with IceCube", "ANTARES 200108A"),
        ("IceCube follow-up of NuEm_220728a", "NuEm-220728A"),
    ],
)
def test_a_search_around_an_event_of_amon(subject: str, name: str) -> None:
    alert = about("RA: 10.5\nDec: 5.5\nA p-value of 0.3 was found.", subject)
    assert (alert.kind, alert.event_names) == (AlertKind.NU_EM, (name,))
    assert (alert.localization, alert.p_values) == (None, ())
    assert "subject" in {concern.field for concern in alert.concerns}


def test_a_search_around_a_coincidence_without_a_name() -> None:
    alert = about("It was done.", "Fermi-LAT ANTARES coincidence: IceCube neutrino search")
    assert (alert.kind, alert.event_names) == (AlertKind.NU_EM, ())
    body = "It was done around ANTARES 200127A. The result is consistent with background."
    alert = about(body, "Fermi-LAT ANTARES coincidence: IceCube neutrino search")
    assert alert.event_names == ("ANTARES 200127A",)
    assert whys(alert, "status") == []


def test_somebody_elses_words_on_a_coincidence_of_amon() -> None:
    head = HEADER.format(subject="Fermi-LAT ANTARES coincidence: no detection", sender="X at HAWC")
    body = "The AMON stream detected a coincidence.\n\nWe report on HAWC's data.\n"
    assert read((head.split("The IceCube")[0] + body).encode()) is None


class TestTopics:
    @pytest.mark.parametrize("topic", ["gcn.circulars", "gcn.circulars.neutrino"])
    def test_the_topics_of_event_types(self, topic: str) -> None:
        from icecube_hooks import NotOurs
        from icecube_hooks.host import load_plugins

        plugins = load_plugins(allow=["icecube-plugin"])
        mine = (FOLDER / "track_circular_markdown_link.json").read_bytes()
        assert plugins.parse(Message(value=mine, topic=topic)).concerns == ()
        others = mine.replace(b"[IceCube Collaboration]", b"[HAWC Collaboration]")
        with pytest.raises(NotOurs):
            plugins.parse(Message(value=others, topic=topic))


class TestMarkdown:
    BOX = "(+0.90, -0.80 deg 90% PSF containment)"

    @pytest.mark.parametrize(
        "table",
        [
            (
                "| Date | Time | RA | Dec |\n|---|:-:|---|---|\n"
                "| 2023-04-16 | 05:22:26 UT | 250.30 {box} | +33.40 {box} |"
            ),
            (
                "|  | Value |\n|--|--|\n| Date | 2023-04-16 |\n| Time | 05:22:26 UT |\n"
                "| **RA** | 250.30 {box} |\n| **Dec** | +33.40 {box} |"
            ),
            (
                "Quantity | Value\n--- | ---\nDate | 2023-04-16\nTime | 05:22:26 UT\n"
                "R.A. | 250.30 {box}\nDecl. | +33.40 {box}"
            ),
        ],
    )
    def test_tables(self, table: str) -> None:
        alert = about(f"The direction:\n\n{table.format(box=self.BOX)}\n\nWe thank you.")
        assert alert.trigger_time == datetime(2023, 4, 16, 5, 22, 26, tzinfo=UTC)
        place = alert.localization
        assert place is not None
        assert (place.ra_deg, place.dec_deg, place.containment) == (250.3, 33.4, 0.9)
        assert place.asymmetric is not None
        assert (place.asymmetric.ra_plus_deg, place.asymmetric.dec_minus_deg) == (0.9, 0.8)

    def test_a_table_of_a_position_without_an_error(self) -> None:
        place = about("| RA (deg) | Dec (deg) |\n|---|---|\n| 1.5 | -2.5 |\n").localization
        assert place is not None
        assert (place.ra_deg, place.dec_deg, place.asymmetric) == (1.5, -2.5, None)

    def test_a_table_of_coincident_events(self) -> None:
        body = (
            "| dt(s) | RA(deg) | Dec(deg) | Angular uncertainty(deg) | p-value(generic) |\n"
            "|---|---|---|---|---|\n| -12.5 | 103.5 | +5.25 | 0.69 | 1.2 % |\n"
        )
        (event,) = about(body, SEARCH).coincident_events
        assert (event.delta_t_s, event.p_value("generic")) == (-12.5, 0.012)


class TestOf2017:
    """Circulars on events named G and six digits: numbered rows, energies, no p-values."""

    HEADINGS = "#   dt[s]  RA[deg]  Dec[deg]  E[TeV]  Sigma[deg]\n" + "-" * 45
    NEAR_IN_TIME = f"We compared 2 temporally-coincident neutrinos with the map:\n\n{HEADINGS}"
    ROWS = "1.  -66.5   91.4    69.0    0.37    3.1\n2.  300.1   12.2   -7.5   1.20   0.4\n"
    SUBJECT = "LIGO/Virgo G230416: IceCube neutrino observations"

    def test_none_found(self) -> None:
        alert = about(
            f"{self.NEAR_IN_TIME}\n{self.ROWS}\n\nThe analysis found NO COINCIDENT ONLINE "
            "TRACK-LIKE NEUTRINO CANDIDATES detected by IceCube. NO COINCIDENT HESE OR SUPERNOVA "
            "SIGNATURES were identified.",
            self.SUBJECT,
        )
        assert (alert.n_coincident, alert.coincident_events) == (0, ())
        assert whys(alert, "table") == [
            "a table of events that are near in time, whether or not in the sky map"
        ]

    def test_one_found(self) -> None:
        alert = about(
            "The analysis FOUND A COINCIDENT ONLINE TRACK-LIKE NEUTRINO CANDIDATE. Its "
            f"coordinates are below:\n\n{self.HEADINGS}\n1.  -66.00  91.5  69.1  0.37  3.1\n\n"
            f"{self.NEAR_IN_TIME}\n{self.ROWS}\n(dt--time; RA/Dec--sky location; E--energy)\n\n"
            "NO COINCIDENT HESE OR SUPERNOVA SIGNATURES were identified.",
            self.SUBJECT,
        )
        assert alert.n_coincident == 1
        (event,) = alert.coincident_events
        place = event.localization
        assert place is not None
        assert (event.delta_t_s, place.ra_deg, place.dec_deg) == (-66.0, 91.5, 69.1)
        assert (place.error_radius_deg, place.containment) == (3.1, None)


class TestProseAndTable:
    TABLE = (
        "dt(s) RA(deg) Dec(deg) Angular Uncertainty(deg) p-value(generic) p-value(Bayesian)\n-----"
    )

    @pytest.mark.parametrize(
        ("prose", "taken"),
        [
            ("0.4 % for the Bayesian search", 0.004),
            ("0.4 for the Bayesian search", None),
            ("0.0037 for the Bayesian search", 0.0037),
            ("3.7 per mille for the Bayesian search", 0.0037),
            (r"$3.7\times10^{-3}$ for the Bayesian search", 0.0037),
            ("3.7 x 10**-3 for the Bayesian search", 0.0037),
            ("3.7e-05 for the Bayesian search", None),
        ],
    )
    def test_are_compared(self, prose: str, taken: float | None) -> None:
        body = f"An overall p-value of 12 % from the generic search and {prose}.\n\n{self.TABLE}\n"
        alert = about(f"{body}1.5 30.0 -4.5 1.2 0.11 0.0037\n", SEARCH)
        assert (alert.p_value("generic"), alert.p_value("bayesian")) == (0.12, taken)
        assert bool(whys(alert, "p-value")) is (taken is None)
        assert alert.coincident_events[0].p_value("bayesian") == 0.0037

    @pytest.mark.parametrize(
        ("headings", "row", "expected"),
        [
            ("Angular uncertainty(arcmin) p-value(generic)", "30 0.5", (0.5, 0.5)),
            ("Angular uncertainty(deg) p-value(generic)", "1.2 12%", (1.2, 0.12)),
            ("Angular uncertainty(deg) p-value(generic)", "30 arcmin 0.5", (0.5, 0.5)),
            ("Angular uncertainty(rad) p-value(generic)", "0.01 .5", (0.5729577951308232, 0.5)),
            ("Angular uncertainty(floops) p-value(generic)", "0.01 0.5", None),
            ("Angular uncertainty p-value(generic)", "0.01 0.5", None),
        ],
    )
    def test_units_of_columns_and_cells(
        self, headings: str, row: str, expected: tuple[float, float] | None
    ) -> None:
        alert = about(f"dt(s) RA(deg) Dec(deg) {headings}\n-----\n1.5 30.0 -4.5 {row}\n", SEARCH)
        found = [
            (event.localization and event.localization.error_radius_deg, event.p_value("generic"))
            for event in alert.coincident_events
        ]
        assert found == ([] if expected is None else [expected])
        assert bool(whys(alert, "radius")) is (expected is None)

    @pytest.mark.parametrize("cell", ["1e400", "-1e400", "1e307days"])
    def test_a_number_beyond_all_numbers(self, cell: str) -> None:
        headings = "dt(s) RA(deg) Dec(deg) Angular uncertainty(deg) p-value(generic)"
        alert = about(f"{headings}\n-----\n{cell} 30.0 -4.5 1.2 0.5\n", SEARCH)
        assert alert.coincident_events == ()
        assert whys(alert, "dt") == ["the number or its unit is not known"]

    HEADINGS = "dt(s) RA(deg) Dec(deg) Angular uncertainty(deg) p-value(generic)\n"

    @pytest.mark.parametrize(
        ("rows", "expected"),
        [
            ("1 30 -4.5 1.2 0.5\n2 31 -4.5 1.2 0.5\n", [1.0, 2.0]),
            ("1 30 -4.5 1.2 0.5\n-----\n2 31 -4.5 1.2 0.5\n-----\n", [1.0, 2.0]),
            ("-----\n1 30 -4.5 1.2 0.5\n\n2 31 -4.5 1.2 0.5\nWhere:\n3 31 -4 1 0.5", [1.0, 2.0]),
            ("\n\n\n\n1 30 -4.5 1.2 0.5\n", [1.0]),
            ("\n\n\n\n\n1 30 -4.5 1.2 0.5\n", []),
        ],
    )
    def test_where_rows_begin_and_end(self, rows: str, expected: list[float]) -> None:
        alert = about(f"{self.HEADINGS}{rows}", SEARCH)
        assert [event.delta_t_s for event in alert.coincident_events] == expected

    @pytest.mark.parametrize(("radius", "is_read"), [("180", True), ("180.1", False), ("0", False)])
    def test_radii_at_the_edge(self, radius: str, is_read: bool) -> None:
        alert = about(f"{self.HEADINGS}-----\n1 30 -4.5 {radius} 0.5\n", SEARCH)
        assert len(alert.coincident_events) == is_read
        assert bool(whys(alert, "radius")) is not is_read

    def test_a_p_value_after_trials_is_another_quantity(self) -> None:
        alert = about("The generic search has a post-trial p-value of 0.2.", SEARCH)
        assert alert.p_values == ()
        assert whys(alert, "p-value") == ["corrected for trials: another quantity"]


class TestVersions:
    def test_a_corrected_version_is_an_update(self) -> None:
        data = json.loads((FOLDER / "track_circular_underscore_name.json").read_bytes())
        edited = {"version": 3, "editedOn": data["createdOn"] + 1000, "editedBy": "An Editor"}
        first, third = read(json.dumps(data).encode()), read(json.dumps(data | edited).encode())
        assert first is not None
        assert third is not None
        assert third.circular_number == first.circular_number
        assert (first.status, third.status) == (None, Status.UPDATE)
        assert third.comments == (*first.comments, "version 3 of this circular")
        assert first.notice_time is not None
        assert third.notice_time is not None
        assert (third.notice_time - first.notice_time).total_seconds() == 1.0
        assert third.unread["editedBy"] == "An Editor"


class TestRetractions:
    @pytest.mark.parametrize(
        ("subject", "body"),
        [
            ("IceCube-230416A: Event likely due to background", "It was a muon bundle."),
            ("IceCube-230416A retraction", "It was nothing."),
            ("Retraction of IceCube-230416A", "It was nothing."),
            (NAMED, "IceCube-230416A was found to likely not be of astrophysical origin."),
            (NAMED, "We now believe IceCube-230416A to likely be due to a muon bundle."),
            (NAMED, "The alert IceCube-230416A should be disregarded."),
            (NAMED, "Therefore we retract IceCube_230416A."),
            (f"{NAMED} 137840_57034692", "The alert 57034692_137840 has been retracted."),
        ],
    )
    def test_the_event_is_named_where_it_is_taken_back(self, subject: str, body: str) -> None:
        alert = about(body, subject)
        assert alert.status is Status.RETRACTION
        assert alert.event_names == ("IceCube-230416A",)

    @pytest.mark.parametrize(
        ("subject", "body"),
        [
            (NAMED, "Note that IceCube-230415A has been retracted."),
            (NAMED, "Note that 137000_1234567 has been retracted."),
            (NAMED, "Yesterday's alert has been retracted."),
            (NAMED, "IceCube-230415A was close. This event has been retracted."),
            (NAMED, "IceCube-230416A is near IceCube-230415A, which has been retracted."),
            (NAMED, "NuEm-230415A should be disregarded."),
            ("IceCube-230416A and the retraction of IceCube-230415A", "It stands."),
            (NAMED, "The alert should be disregarded."),
        ],
    )
    def test_another_event_or_none_is_named(self, subject: str, body: str) -> None:
        alert = about(body, subject)
        assert alert.status is None
        assert alert.event_names == ("IceCube-230416A",)
        assert alert.run_id is None
        assert whys(alert, "status")

    @pytest.mark.parametrize(
        ("subject", "body"),
        [
            ("IceCube-230416A: not retracted", "It stands."),
            ("IceCube-230416A is unlikely background", "It stands."),
            ("IceCube-230416A: no retraction of the event", "It stands."),
            ("Retraction of GCN Circular 34170 (IceCube-230416A)", "Its position was wrong."),
            (NAMED, "Please disregard the previous circular on IceCube-230416A."),
            (NAMED, "The values of GCN 1 for IceCube-230416A should be corrected."),
        ],
    )
    def test_nothing_is_taken_back(self, subject: str, body: str) -> None:
        assert about(body, subject).status is None

    def test_a_retraction_that_is_none_is_said(self) -> None:
        alert = about("It stands.", "IceCube-230416A: not retracted")
        assert whys(alert, "status") == ["speaks of a retraction, and does not retract the event"]

    def test_somebody_else_retracts(self) -> None:
        content = HEADER.format(subject="IceCube-230416A retraction", sender="X at Y <x@y.org>")
        body = "It was nothing. Contact: roc@icecube.wisc.edu\n"
        alert = read((content.split("The IceCube")[0] + body).encode())
        assert alert is not None
        assert alert.status is None
        assert whys(alert, "status") == ["a retraction, but nothing says that IceCube sent it"]
        others = content.replace("The IceCube Collaboration", "The HAWC Collaboration")
        assert read((others + body).encode()) is None

    def test_a_sender_who_does_not_name_icecube(self) -> None:
        alert = about("It was nothing.", "IceCube-230416A retraction", sender="X at Y <x@y.org>")
        assert alert.status is Status.RETRACTION
        assert whys(alert, "sender")

    def test_a_search_around_an_event_that_another_was_retracted_before(self) -> None:
        body = "IceCube-230101A has been retracted since."
        alert = about(body, "IceCube-230416A: search for more neutrinos")
        assert (alert.status, alert.event_names) == (None, ("IceCube-230416A",))


class TestOnce:
    """What only the published circulars would have shown to be broken."""

    def test_a_second_window_that_is_not_centred(self) -> None:
        body = (
            "in a range centered on the event time (2023-06-19 19:16:46 UTC to 2023-06-19 "
            "19:33:26 UTC), and (2023-06-19 17:01:06 UTC to 2023-07-03 19:25:06 UTC)"
        )
        alert = about(body, SEARCH)
        assert alert.trigger_time == datetime(2023, 6, 19, 19, 25, 6, tzinfo=UTC)

    def test_words_far_before_a_window_do_not_centre_it(self) -> None:
        body = f"We centered on the map. {'x' * 90} (2023-06-19 19:16:46 to 2023-06-19 19:33:26)"
        assert about(body, SEARCH).trigger_time is None

    @pytest.mark.parametrize("words", [f"It is centered on the wave. {'x' * 45}", "Centered on it"])
    def test_words_a_line_before_a_window_centre_it(self, words: str) -> None:
        alert = about(f"{words} (2023-06-19 19:16:46 to 2023-06-19 19:33:26)", SEARCH)
        assert alert.trigger_time == datetime(2023, 6, 19, 19, 25, 6, tzinfo=UTC)

    def test_a_window_behind_one_that_is_centred(self) -> None:
        body = (
            "It was at 19:25:06 UTC; centered on it (2023-06-19 19:16:46 to 2023-06-19 "
            "19:33:26 UTC), and (2023-06-19 17:01:06 to 2023-07-03 19:25:06 UTC)"
        )
        alert = about(body, SEARCH)
        assert alert.trigger_time == datetime(2023, 6, 19, 19, 25, 6, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("ra", "dec"),
        [
            ("02:60:00", "-18:04:12"),
            ("02:59:60", "-18:04:12"),
            ("02:53:55", "-18:60:12"),
            ("02:53:55", "-18:04:60.0"),
        ],
    )
    def test_sixty_is_no_minute_and_no_second(self, ra: str, dec: str) -> None:
        assert about(f"RA: {ra}\nDec: {dec}\n").localization is None
        assert about("RA: 02:59:59.9\nDec: -18:59:59.9\n").localization is not None

    @pytest.mark.parametrize("percent", ["0%", "101 %", "150%"])
    def test_no_such_containment(self, percent: str) -> None:
        box = f"(+1.0, -1.0 deg {percent})"
        place = about(f"RA: 10.5 {box}\nDec: 5.5 {box}\n").localization
        assert place is not None
        assert place.asymmetric is not None
        assert place.containment is None
        for line in (f"Error radius: 0.5 deg ({percent})", f"r_90: 0.5 deg ({percent})"):
            place = about(f"RA: 10.5\nDec: 5.5\n{line}\n").localization
            assert place is not None
            assert place.error_radius_deg == 0.5
            assert place.containment in (None, 0.9 if line.startswith("r_90") else None)

    @pytest.mark.parametrize("percent", [50, 68.3, 90])
    def test_any_containment_of_a_box(self, percent: float) -> None:
        box = f"(+1.0, -1.0 deg {percent}% PSF containment)"
        place = about(f"RA: 10.5 {box}\nDec: 5.5 {box}\n").localization
        assert place is not None
        assert place.containment == pytest.approx(percent / 100)

    def test_a_hundred_per_cent(self) -> None:
        box = "(+1.0, -1.0 deg 100 per cent)"
        place = about(f"RA: 10.5 {box}\nDec: 5.5 {box}\n").localization
        assert place is not None
        assert place.containment == 1.0


P_VALUES = (
    (
        "an overall p-value of 12 % from the generic transient search and 0.4 % for the Bayesian",
        {"generic": 0.12, "bayesian": 0.004},
    ),
    (
        "The p-value for the generic search is 0.02 and for the Bayesian search 0.4.",
        {"generic": 0.02},
    ),
    ("The p-value of the generic search was found to be 0.02.", {"generic": 0.02}),
    ("generic search: p=0.012", {"generic": 0.012}),
    ("p-values of 12 % and 0.4 % for the generic and the Bayesian search, respectively", None),
    ("a p-value < 0.01 in the generic search", None),
    ("a p-value between 0.1 and 0.2 from the generic search", None),
    ("a p-value of 0.1-0.2 from the generic search", None),
    ("a p-value of 1 in 250 from the generic search", None),
    ("a p-value of 0,4 % from the generic search", None),
    ("a p-value of 3.2 x 10-3 from the generic search", None),
)


@pytest.mark.parametrize(("text", "expected"), P_VALUES)
def test_p_values_in_sentences(text: str, expected: dict[str, float] | None) -> None:
    alert = about(text, SEARCH)
    assert {p.search: p.value for p in alert.p_values} == (expected or {})
    assert bool(whys(alert, "p-value")) is (expected is None)


FRACTIONS = {
    "%": 1e-2,
    " %": 1e-2,
    " percent": 1e-2,
    " per cent": 1e-2,
    " per mille": 1e-3,
    "": 1.0,
}
NUMBERS = {
    "0.4": 0.4,
    "4e-2": 0.04,
    "4 x 10^-2": 0.04,
    r"$4\times10^{-2}$": 0.04,
    "4 x 10**-2": 0.04,
}
NONSENSE = (" floops", " sigma", " deg", " TeV", " per year", "x", " m^2", " Hz")


class TestUnits:
    """Every form in the prose of a circular: right, or not stated with a concern."""

    @pytest.mark.parametrize("unit", FRACTIONS)
    @pytest.mark.parametrize("number", NUMBERS)
    def test_fractions(self, number: str, unit: str) -> None:
        value = pytest.approx(NUMBERS[number] * FRACTIONS[unit], rel=1e-12)
        assert about(f"It has a signalness of {number}{unit}.").signalness == value
        alert = about(f"A p-value of {number}{unit} from the generic search.", SEARCH)
        assert alert.p_value("generic") == value
        alert = about(f"p-value: {number}{unit} (1 sigma) for the Bayesian search.", SEARCH)
        assert alert.p_value("bayesian") == value

    @pytest.mark.parametrize("unit", NONSENSE)
    def test_what_is_no_fraction(self, unit: str) -> None:
        alert = about(f"It has a signalness of 0.4{unit}.")
        assert alert.signalness is None
        assert whys(alert, "signalness")
        alert = about(f"A p-value of 0.4{unit} from the generic search.", SEARCH)
        assert alert.p_values == ()
        assert whys(alert, "p-value")

    @pytest.mark.parametrize(
        ("unit", "tev"), [("TeV", 1.0), ("PeV", 1e3), ("GeV", 1e-3), ("EeV", 1e6), ("tev", 1.0)]
    )
    def test_energies(self, unit: str, tev: float) -> None:
        for text in (f"4 {unit}", f"4{unit}", f"4.0 {unit}.", f"4e0 {unit} (90%)"):
            assert about(f"It has an energy of {text}").energy_tev == pytest.approx(4 * tev)

    @pytest.mark.parametrize("unit", [" floops", "", " %", " deg", " TeV cm^-2", " GeV/c", " Hz"])
    def test_what_is_no_energy(self, unit: str) -> None:
        alert = about(f"It has an energy of 400{unit}.")
        assert alert.energy_tev is None
        assert whys(alert, "energy")

    @pytest.mark.parametrize(
        ("unit", "per_year"),
        [
            *((" per year", 1.0), (" yr^-1", 1.0), ("/yr", 1.0), (" events per year", 1.0)),
            *((" per month", 12.0), (" events/month", 12.0), (" per day", 365.0), (" a year", 1.0)),
            *((" mHz", 31_536.0), (" per decade", 0.1), (" per 4 years", 0.25), (" s^-1", YEAR_S)),
        ],
    )
    def test_rates(self, unit: str, per_year: float) -> None:
        value = pytest.approx(1.5 * per_year, rel=1e-12)
        for text in (
            "a false alarm rate of 1.5{}",
            "FAR: 1.5{}",
            "The FAR (of it) is 1.5{}, we say",
        ):
            assert about(text.format(unit)).far_per_year == value

    @pytest.mark.parametrize(
        "unit", ["", " floops", " TeV", " %", " per fortnight", " per year per sr", " yr"]
    )
    def test_what_is_no_rate(self, unit: str) -> None:
        for text in ("a false alarm rate of 1.5{}", "FAR: 1.5{}"):
            alert = about(text.format(unit))
            assert alert.far_hz is None
            assert whys(alert, "FAR")

    @pytest.mark.parametrize(
        ("unit", "deg"),
        [
            *(("deg", 1.0), ("degrees", 1.0), ("arcmin", 1 / 60), ("arcminutes", 1 / 60)),
            *(
                ("arcsec", 1 / 3600),
                ("rad", 57.29577951308232),
                ("'", 1 / 60),
                ("mrad", 0.05729578),
            ),
        ],
    )
    def test_angles(self, unit: str, deg: float) -> None:
        place = about(f"RA: 10.5\nDec: 5.5\nError radius: 1.5 {unit} (90%)\n").localization
        assert place is not None
        assert place.error_radius_deg == pytest.approx(1.5 * deg, rel=1e-6)
        if unit != "'":
            box = f"(+1.5, -0.5 {unit}, 90%)"
            place = about(f"RA: 10.5 {box}\nDec: 5.5 {box}\n").localization
            assert place is not None
            assert place.asymmetric is not None
            assert place.asymmetric.ra_plus_deg == pytest.approx(1.5 * deg, rel=1e-6)
            assert place.asymmetric.dec_minus_deg == pytest.approx(0.5 * deg, rel=1e-6)

    @pytest.mark.parametrize("unit", ["floops", "TeV", "sr", "deg^2", "%"])
    def test_what_is_no_angle(self, unit: str) -> None:
        alert = about(f"RA: 10.5\nDec: 5.5\nError radius: 1.5 {unit} (90%)\n")
        assert alert.localization is not None
        assert alert.localization.error_radius_deg is None
        assert whys(alert, "error radius")

    @pytest.mark.parametrize("unit", ["floops", "TeV"])
    def test_an_error_in_no_angle(self, unit: str) -> None:
        box = f"(+1.5, -0.5 {unit}, 90%)"
        alert = about(f"RA: 10.5 {box}\nDec: 5.5 {box}\n")
        assert alert.localization is not None
        assert alert.localization.asymmetric is None
        assert whys(alert, "RA") == ["the unit of the error is not known"]

    @pytest.mark.parametrize(
        ("ra", "expected"), [("1.5 rad", 85.943669), ("90 arcmin", 1.5), ("10.5 floops", None)]
    )
    def test_a_coordinate_in_another_unit(self, ra: str, expected: float | None) -> None:
        place = about(f"RA: {ra} (J2000)\nDec: 5.5 deg (J2000)\n").localization
        assert (place and place.ra_deg) == (expected and pytest.approx(expected, rel=1e-6))


BOX = "(+0.9, -0.8 deg 90%)"


@pytest.mark.parametrize(
    ("clock", "second"),
    [
        *(("00:00:00", 0), ("23:59:59.5", 86_399.5), ("23:00:00", 82_800), ("05:59:59", 21_599)),
        *(("23:59:60", 86_400), ("22:59:60", None), ("24:00:00", None), ("05:60:00", None)),
    ],
)
def test_times_of_day(clock: str, second: float | None) -> None:
    alert = about(f"Date: 2023-04-15\nTime: {clock} UT\n", "IceCube-230415A - IceCube observation")
    start = datetime(2023, 4, 15, tzinfo=UTC)
    found = None if alert.trigger_time is None else (alert.trigger_time - start).total_seconds()
    assert found == second


class TestPositions:
    def test_of_two_positions_in_sentences_the_refined_one(self) -> None:
        alert = about(
            "Its initial position was RA, Dec: 10.5, 5.5 deg. Its refined position is RA, Dec: "
            "20.5, 6.5 deg."
        )
        place = alert.localization
        assert place is not None
        assert (place.ra_deg, place.dec_deg) == (20.5, 6.5)
        assert whys(alert, "position") == ["the circular states more than one position"]

    @pytest.mark.parametrize(
        ("errors", "expected"),
        [
            ("(+0.9/-0.8 degs at 90% containment)", (0.9, 0.8)),
            ("[+0.9, -0.8] 90%", (0.9, 0.8)),
            ("deg (+0.9,-0.8; 90% PSF containment)", (0.9, 0.8)),
            ("(+0.9, -0.8) deg (90 percent CL)", (0.9, 0.8)),
            ("(+54, -48 arcmin; 90\\% CL)", (0.9, 0.8)),
            ("(+0.9 deg, -48 arcmin, 90%)", (0.9, 0.8)),
            ("$^{+0.9}_{-0.8}$ deg (90%)", (0.9, 0.8)),
            ("$_{-0.8}^{+0.9}$ deg (90%)", (0.9, 0.8)),
            ("$\\pm 0.9^{\\circ}$ (90%)", (0.9, 0.9)),
        ],
    )
    def test_errors_in_other_forms(self, errors: str, expected: tuple[float, float]) -> None:
        place = about(f"RA: 250.3 {errors}\nDec: -33.4 {errors}\n").localization
        assert place is not None
        assert place.asymmetric is not None
        assert (place.asymmetric.ra_plus_deg, place.asymmetric.dec_minus_deg) == expected
        assert (place.dec_deg, place.containment) == (-33.4, 0.9)

    @pytest.mark.parametrize("ra", ["250,30", "16.69 h", "16.69 hours", "1.5 floops", "2.50.3"])
    def test_a_right_ascension_that_cannot_be_read_for_sure(self, ra: str) -> None:
        alert = about(f"RA: {ra} {BOX}\nDec: -33.4 {BOX}\n")
        assert alert.localization is None
        assert whys(alert, "position")

    def test_an_unknown_unit_before_a_known_one(self) -> None:
        box = "(+0.9, -0.8 floops; 0.2 deg away, 90%)"
        alert = about(f"RA: 250.3 {box}\nDec: -33.4 {box}\n")
        assert alert.localization is not None
        assert alert.localization.asymmetric is None

    @pytest.mark.parametrize(
        ("numbers", "expected"),
        [
            ("294.8820, 71.9530 deg", (294.882, 71.953)),
            ("294, 71", (294.0, 71.0)),
            ("294,88, 71,95", None),
        ],
    )
    def test_a_pair_in_a_sentence(self, numbers: str, expected: tuple[float, float] | None) -> None:
        place = about(f"Its best-fit position is RA, Dec: {numbers}").localization
        assert (None if place is None else (place.ra_deg, place.dec_deg)) == expected


Published = dict[str, tuple[str, Alert | None]]


@pytest.fixture(scope="module")
def published(corpus: Path) -> Published:
    """Every published circular: its text and what is read of it."""
    found: Published = {}
    for folder in ("circulars", "circulars_2017", "circulars_json"):
        for path in sorted((corpus / folder).iterdir()):
            value = path.read_bytes()
            is_json = value.lstrip().startswith(b"{")
            text = json.loads(value)["body"] if is_json else value.decode("utf-8", "replace")
            found[path.stem] = text, read(value)
    return found


RETRACTED = {
    "retraction_22669": "130949_71165249",
    "retraction_23398": "IceCube-181031A",
    "retraction_24674": "132628_41485283",
    "retraction_26874": "IceCube-200120A",
    "retraction_28163": "134327_10548129",
    "retraction_28892": "134701_49508272",
    "retraction_29688": "135113_19489408",
    "retraction_32449": "136918_45252263",
    "retraction_34528": "IceCube-230823A",
    "circulars_34528_v-": "IceCube-230823A",
    "retraction_37794": "139977_2910365",
}


class TestPublished:
    def test_retractions_retract_their_event_and_nothing_else_does(
        self, published: Published
    ) -> None:
        found = {
            name: (*alert.event_names, alert.event_key or "")[0]
            for name, (_, alert) in published.items()
            if alert is not None and alert.status is Status.RETRACTION
        }
        for name, event in sorted(found.items()):
            print(f"{name:22} retracts {event}")
        print(f"{len(published) - len(found)} other circulars retract nothing")
        assert found == RETRACTED

    def test_searches_of_2017(self, published: Published) -> None:
        """They give their window relative to an event whose time they do not state."""
        found = {name: alert for name, (_, alert) in published.items() if name.startswith("lvk_g_")}
        for name, alert in found.items():
            assert alert is not None
            assert alert.gw is not None
            is_found = "FOUND" in published[name][0].split("FROM:")[0]
            assert (alert.n_coincident, len(alert.coincident_events)) == (is_found, is_found), name
            assert alert.trigger_time is None
            assert whys(alert, "table")
            assert whys(alert, "time window") or alert.status is Status.UPDATE
        assert len(found) >= 6

    def test_every_number_stands_in_the_text(self, published: Published) -> None:
        """Whatever is read must be in the circular, digit by digit, with its own unit."""
        compared = 0
        for name, (text, alert) in published.items():
            if alert is None:
                continue
            written = set(re.findall(r"\d+(?:\.\d+)?", text))
            numbers = {float(number) for number in written}
            for field, value, scales in stated(alert):
                compared += 1
                scaled = [abs(value) * scale for scale in scales]
                assert any(
                    abs(one - number) <= 1e-6 * max(1.0, number)
                    for one in scaled
                    for number in numbers
                ), (name, field, value)
            print(f"{name:24} {alert.kind:10} {alert.event_key or '-':18} {summary(alert)}")
        print(f"{compared} values of {len(published)} circulars stand in their text")
        assert compared > 500


def stated(alert: Alert) -> Iterator[tuple[str, float, tuple[float, ...]]]:
    """Return each number that is read, with the scales in which circulars write it."""
    sexagesimal = any(name.startswith("ANTARES") for name in alert.event_names)
    place = alert.localization
    if place is not None and not sexagesimal:
        yield "ra", place.ra_deg, (1.0,)
        yield "dec", place.dec_deg, (1.0,)
    for field, radius in (
        ("radius", None if place is None else place.error_radius_deg),
        ("radius 50", None if place is None else place.error_radius_50_deg),
    ):
        if radius is not None:
            yield field, radius, (1.0, 60.0)
    if place is not None and place.asymmetric is not None:
        box = place.asymmetric
        for side in (box.ra_minus_deg, box.ra_plus_deg, box.dec_minus_deg, box.dec_plus_deg):
            yield "box", side, (1.0, 60.0)
    if alert.far_per_year is not None:
        yield "FAR", alert.far_per_year, (1.0,)
    for p_value in alert.p_values:
        if p_value.value is not None:
            yield "p-value", p_value.value, (1.0, 100.0)
    for event in alert.coincident_events:
        yield "dt", event.delta_t_s or 0.0, (1.0,)
    for field, number, scale in (
        ("signalness", alert.signalness, 100.0),
        ("energy", alert.energy_tev, 0.001),
    ):
        if number is not None:
            yield field, number, (1.0, scale)


def summary(alert: Alert) -> str:
    place = alert.localization
    parts = [
        "-" if place is None else f"{place.ra_deg:.2f} {place.dec_deg:+.2f}",
        "" if alert.far_per_year is None else f"{alert.far_per_year:.4g}/yr",
        " ".join(f"{p.search}={p.value}" for p in alert.p_values),
        "; ".join(concern.field for concern in alert.concerns),
    ]
    return " | ".join(part for part in parts if part)
