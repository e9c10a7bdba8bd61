"""One table of everything that is known to be right, row for row, and nothing in it is wrong.

The rows: the field cases (``TRUTH.tsv``: what our readers once got wrong, with the right value),
the published tables of events, and IceCat-1, against whatever was sent of these events: notices
and circulars. ``pytest -s`` prints it.
"""

from __future__ import annotations

import csv
import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from icecube_hooks import Alert, Message, NotOurs
from icecube_hooks.host import PluginSet, load_plugins
from icecube_plugin.cli.query import Question, ask
from icecube_plugin.sinks.database import Database
from icecube_plugin.sky.skymaps import read_skymap
from tests.notices.test_corpus import FIXTURES, NOTICES, OURS

TESTS: Final = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Row:
    """A value that is known, and what was read; numbers agree within `tolerance`."""

    source: str
    what: str
    field: str
    right: Any
    found: Any
    tolerance: float = 0.0

    @property
    def is_right(self) -> bool:
        if isinstance(self.right, float) and isinstance(self.found, float | int):
            return math.isclose(
                self.found, self.right, rel_tol=self.tolerance, abs_tol=self.tolerance
            )
        if isinstance(self.right, datetime) and isinstance(self.found, datetime):
            return abs(self.found - self.right) <= timedelta(seconds=self.tolerance)
        return bool(self.found == self.right)

    def __str__(self) -> str:
        mark = "right" if self.is_right else "WRONG"
        return f"{mark} {self.source:12} {self.what:46.46} {self.field:22.22} {self.found!s:.60}"


@pytest.fixture(scope="module")
def plugins() -> PluginSet:
    return load_plugins(allow=["icecube-plugin"])


# ------------------------------------------------------------------------------ the field cases

RIGHT: Final[dict[tuple[str, str], Any]] = {
    ("nuem_voevent_rev0.xml", "event numbers / key"): (0, 200001, "0_200001"),
    ("nuem_voevent_rev0.xml", "event_names"): ("NuEm-260314A",),
    ("nuem_voevent_rev0.xml", "localization.error_radius_deg @ containment"): (0.6, 0.9),
    ("nuem_voevent_rev0.xml", "localization.error_radius_50_deg"): 0.3,
    ("nuem_voevent_rev1.xml", "event_key"): "0_200001",
    ("nuem_voevent_retraction.xml", "status"): "retraction",
    ("ehe_voevent.xml", "signalness"): 0.41,
    ("ehe_voevent.xml", "sigma_t_s"): (None, True),
    ("lvk_circular_percent.json", "p_values"): {"generic": 0.15, "bayesian": 0.003},
    ("lvk_circular_digit_count_escaped_percent.json", "n_coincident"): 2,
    (
        "lvk_circular_digit_count_escaped_percent.json",
        "coincident_events[*].localization.containment",
    ): [0.9, 0.9],
    ("track_circular_near_pole.json", "localization ra, dec"): (31.2, 86.1, 2.1, 1.9, 0.9),
    ("track_circular_underscore_name.json", "event_names"): ("IceCube-260709B",),
    ("track_circular_markdown_link.json", "recognised"): (
        *("gold", "IceCube-260710A", 250.3, 33.4),
    ),
    ("track_retraction_without_pipeline.json", "status"): ("retraction", "142401_2223334"),
    ("track_retraction_without_time.json", "status"): ("retraction", "142401_2223334"),
    (
        "by_name_1_notice.json+by_name_2_circular.json+by_name_3_retraction.json",
        "SQL events / icecube-alerts query",
    ): [("142401_2223334", True, (81.9, -3.05))],
    ("skymap_uniq_inf_pixel.fits", "read_skymap"): True,
}
"""What ``TRUTH.tsv`` says in words, by file and field."""

PROCEDURES: Final = {
    'kafka.options "ssl.ca.location"': "test_a_file_of_certificates_that_is_not_there",
    "token endpoint with a certificate": "test_a_certificate_that_is_not_trusted",
    "topic gcn.circulars.neutrino": "test_the_topics_of_event_types",
    "default topics, gold_bronze topic created": "test_a_topic_that_comes_is_read_within",
    "committed offset 20": "test_what_was_removed_while_the_host_was_down_is_told",
}
"""Its procedures need servers: the tests that go through them."""


def read_field(plugins: PluginSet, path: Path, field: str) -> Any:
    """Return what is asked of a file, in the form of `RIGHT`."""
    if path.suffix == ".fits":
        found = read_skymap(path)
        return 0 < found.area_deg2(0.5) < found.area_deg2(0.9)
    alert = plugins.parse(Message(value=path.read_bytes()))
    place = alert.localization
    match field:
        case "event numbers / key":
            return alert.run_id, alert.event_id, alert.event_key
        case "localization.error_radius_deg @ containment":
            return place and (place.error_radius_deg, place.containment)
        case "localization.error_radius_50_deg":
            return place and place.error_radius_50_deg
        case "sigma_t_s":
            return alert.sigma_t_s, any(c.field == "sigmaT" for c in alert.concerns)
        case "p_values":
            return {one.search: one.value for one in alert.p_values}
        case "coincident_events[*].localization.containment":
            places = [event.localization for event in alert.coincident_events]
            return [one and one.containment for one in places]
        case "localization ra, dec":
            assert place is not None
            box = place.asymmetric
            assert box is not None
            sides = box.dec_plus_deg, box.dec_minus_deg
            return place.ra_deg, place.dec_deg, *sides, place.containment
        case "recognised":
            assert place is not None
            return str(alert.kind), alert.event_names[0], place.ra_deg, place.dec_deg
        case "status" if path.name.startswith("track_"):
            return str(alert.status), alert.event_key
    return getattr(alert, field)


def in_sql(plugins: PluginSet, paths: list[Path], tmp_path: Path) -> Any:
    url = f"sqlite:///{tmp_path}/a.sqlite"
    with closing(Database(url=url)) as sink:
        for path in paths:
            sink.write([plugins.record(Message(value=path.read_bytes()))])
    found = [
        (one.event_key, one.retracted, one.record.alert.localization)
        for one in ask(url, Question())
    ]
    return [(key, is_retracted, at and (at.ra_deg, at.dec_deg)) for key, is_retracted, at in found]


def field_rows(field: Path, plugins: PluginSet, tmp_path: Path) -> Iterator[Row]:
    for line in (field / "TRUTH.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        name, what, asked, *_ = line.split("\t")
        if name == "(procedure)":
            test = next(test for words, test in PROCEDURES.items() if what.startswith(words))
            yield Row("TRUTH.tsv", what, "held by", True, is_tested(test))
            continue
        paths = [field / one for one in name.split("+")]
        right = RIGHT[name, asked]
        found = (
            in_sql(plugins, paths, tmp_path)
            if len(paths) > 1
            else read_field(plugins, paths[0], asked)
        )
        yield Row("TRUTH.tsv", name, asked, right, found)


def is_tested(name: str) -> bool:
    return any(f"def {name}" in path.read_text("utf-8") for path in TESTS.rglob("test_*.py"))


# -------------------------------------------------------------------------- the published tables


def sent(corpus: Path, plugins: PluginSet) -> Iterator[tuple[str, Alert]]:
    """Yield every notice and circular of IceCube's: of the corpus, and ours of these tables."""
    circulars = (
        (corpus, str(path.relative_to(corpus)))
        for folder in ("circulars", "circulars_2017", "circulars_json")
        for path in sorted((corpus / folder).iterdir())
    )
    notices = ((corpus, name) for name in NOTICES if "handedited" not in name)
    for folder, name in (*notices, *((FIXTURES, name) for name in OURS), *circulars):
        try:
            topic = "gcn.circulars" if name.startswith("circulars") else None
            yield name, plugins.parse(Message(value=(folder / name).read_bytes(), topic=topic))
        except NotOurs:
            assert folder is corpus


def rows(corpus: Path, name: str) -> list[dict[str, str]]:
    with (corpus / "facts" / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t" if name.endswith(".tsv") else ","))


def utc(day: str, clock: str) -> datetime:
    return datetime.fromisoformat(f"20{day.replace('/', '-')}T{clock}").replace(tzinfo=UTC)


def is_circular(alert: Alert) -> bool:
    return alert.circular_number is not None


Sent = list[tuple[str, Alert]]

OF_ANOTHER_DAY: Final = {
    "gcnstore_gold_rec1.json": "an example of GCN's with the numbers of IC230416A",
    "nuztf_kafka_alert_time_without_Z.json": "a test of nuztf's, likewise",
    "ICECUBE_BRONZE_Event2020-01-01T110006.07_25_133572_082361476_1.xml": "states 1 January",
    "obs_35983.txt": "the catalogue has the time of the circular",
}
"""Where the catalogue and what was sent differ, and why."""
OF_ANOTHER_LETTER: Final = {
    "obs_31839.txt": "calls the second event of its day by the name of the first",
    "obs_35984.txt": "the catalogue calls both events of that day A",
}
"""Circulars whose name has another letter than the catalogue's."""


def track_rows(table: list[dict[str, str]], alerts: Sent) -> Iterator[Row]:
    by_revision = {(one["RunNum_EventNum"], one["Rev"]): one for one in table}
    for name, alert in alerts:
        row = by_revision.get((str(alert.event_key), str(alert.revision or 0)))
        place = alert.localization
        if row is None or is_circular(alert) or place is None:
            continue
        values: list[tuple[str, Any, Any, float]] = [
            ("kind", row["NoticeType"].lower(), str(alert.kind), 0.0),
            ("time", utc(row["Date"], row["Time UT"]), alert.trigger_time, 0.02),
            ("RA", float(row["RA [deg]"]), place.ra_deg, 4e-4),
            ("Dec", float(row["Dec [deg]"]), place.dec_deg, 4e-4),
            ("energy", float(row["Energy"]), alert.energy_tev, 4e-4),
            ("signalness", float(row["Signalness"]), alert.signalness, 4e-4),
            ("FAR", float(row["FAR [#/yr]"]), alert.far_per_year, 4e-4),
        ]
        if place.error_radius_deg is not None:
            values.append(
                ("radius 90 %", float(row["Error90 [arcmin]"]), 60 * place.error_radius_deg, 5e-4)
            )
        if place.error_radius_50_deg is not None:
            values.append(
                (
                    "radius 50 %",
                    float(row["Error50 [arcmin]"]),
                    60 * place.error_radius_50_deg,
                    5e-4,
                )
            )
        for field, right, found, tolerance in values:
            what = f"{row['RunNum_EventNum']}:{row['Rev']} {name.split('/')[-1]}"
            yield Row("gold_bronze", what, field, right, found, tolerance)


def old_rows(kind: str, table: list[dict[str, str]], alerts: Sent) -> Iterator[Row]:
    """Yield the rows of HESE or EHE: of an event the revision with the position that was sent."""
    published = defaultdict(list)
    for row in table:
        published[row["EventNum_RunNum"]].append(row)
    for name, alert in alerts:
        place, revisions = alert.localization, published[f"{alert.event_id}_{alert.run_id}"]
        if alert.kind != kind or not revisions or place is None or is_circular(alert):
            continue
        ra = place.ra_deg
        row = min(revisions, key=lambda one: abs(float(one["RA"]) - ra))
        assert place.error_radius_deg is not None
        values: list[tuple[str, Any, Any, float]] = [
            ("time", utc(row["Date"], row["Time UT"][:8]), alert.trigger_time, 1.0),
            ("RA", float(row["RA"]), place.ra_deg, 5e-4),
            ("Dec", float(row["Dec"]), place.dec_deg, 5e-4),
            ("radius", float(row["Error"]), 60 * place.error_radius_deg, 5e-4),
            ("containment", 0.5 if kind == "ehe" else 0.9, place.containment, 0.0),
        ]
        if kind == "ehe":
            values.append(("signalness", float(row["Signalness"]), alert.signalness, 1e-4))
        else:
            values.append(("charge", float(row["Charge"]), alert.charge_pe, 0.0))
            values.append(
                (
                    "no energy, FAR, p",
                    (None, None, ()),
                    (alert.energy_tev, alert.far_hz, alert.p_values),
                    0,
                )
            )
        for field, right, found, tolerance in values:
            yield Row(kind, f"{row['EventNum_RunNum']} {name}", field, right, found, tolerance)


def search_rows(table: list[dict[str, str]], alerts: Sent) -> Iterator[Row]:
    """Yield the events of the circulars, which are those of the newest notices."""
    searches = sorted(
        (one for _, one in alerts if one.gw is not None and not is_circular(one)),
        key=lambda one: (one.gw and one.gw.notice_number) or 0,
    )
    newest = {one.gw.superevent_id: one.revision_label for one in searches if one.gw is not None}
    for row in table:
        for name, alert in alerts:
            if alert.gw is None or alert.gw.superevent_id != row["superevent"]:
                continue
            if is_circular(alert) and alert.circular_number != int(row["number"]):
                continue
            if not is_circular(alert) and alert.revision_label != newest[row["superevent"]]:
                continue
            found = [e for e in alert.coincident_events if e.delta_t_s == float(row["dt_s"])]
            place = found[0].localization if len(found) == 1 else None
            values: list[tuple[str, Any, Any]] = [
                ("dt", 1, len(found)),
                ("RA", float(row["ra"]), place and place.ra_deg),
                ("Dec", float(row["dec"]), place and place.dec_deg),
                ("radius", float(row["ang_unc_deg"]), place and place.error_radius_deg),
            ]
            for search in ("generic", "bayesian"):
                if (text := row[f"p_{search}"]) and found:
                    right = None if text == "N/A" else float(text)
                    values.append((f"p {search}", right, found[0].p_value(search)))
            for field, right, value in values:
                what = f"{row['superevent']} {name.split('/')[-1]}"
                yield Row("lvk_circular", what, field, right, value)


def icecat_rows(table: list[dict[str, str]], alerts: Sent) -> Iterator[Row]:
    """Yield names and times; positions and energies are reconstructed again in the catalogue."""
    by_number = {f"{one['RUNID']}_{one['EVENTID']}": one for one in table}
    for name, alert in alerts:
        row = by_number.get(str(alert.event_key))
        if row is None or alert.trigger_time is None or Path(name).name in OF_ANOTHER_DAY:
            continue
        start = datetime.fromisoformat(row["START"]).replace(tzinfo=UTC)
        what = f"{row['NAME']} {name.split('/')[-1]}"
        yield Row("icecat1", what, "time", start, alert.trigger_time, 1.0)
        right = row["NAME"].replace("IC", "IceCube-", 1)
        letters = -1 if Path(name).name in OF_ANOTHER_LETTER else None
        for title in alert.event_names:
            yield Row("icecat1", what, "name", right[:letters], title[:letters])


def test_everything_that_is_known(corpus: Path, plugins: PluginSet, tmp_path: Path) -> None:
    field = corpus.parent / "field"
    alerts = list(sent(corpus, plugins))
    tables = {path.name: rows(corpus, path.name) for path in (corpus / "facts").iterdir()}
    known = [
        *field_rows(field, plugins, tmp_path),
        *track_rows(tables.pop("gold_bronze_summary.tsv"), alerts),
        *old_rows("hese", tables.pop("hese_summary.tsv"), alerts),
        *old_rows("ehe", tables.pop("ehe_summary.tsv"), alerts),
        *search_rows(tables.pop("lvk_circular_events.tsv"), alerts),
        *icecat_rows(tables.pop("icecat1.csv"), alerts),
    ]
    print(*known, sep="\n")
    counts = Counter(row.source for row in known)
    print(f"{len(known)} values, of {len(alerts)} notices and circulars: {dict(counts)}")
    assert [str(row) for row in known if not row.is_right] == []
    assert tables == {}, "a table of facts/ that nothing here goes through"
