"""Inside a TOM: a Django project on SQLite, with TOM Toolkit 3.1 and tom-alertstreams 1.3.

``manage.py readstreams`` consumes from a real Kafka broker. `GCNClassicAlertStream` is the real
one, with the document's settings; the broker's address is added. `HopskotchAlertStream` cannot be
told to do without login: two of its methods are replaced (the list of public topics, and the
stream, by one with ``auth=False``), and its loop is the real one.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pytest

from icecube_hooks import AlertKind, ConfigError
from icecube_hooks.testing import make_record
from icecube_plugin.adapters.tom import handlers
from icecube_plugin.adapters.tom.sink import TomTargets, register_sinks
from icecube_plugin.alerts import group
from icecube_plugin.alerts.words import FALSE_ALARMS, SIGNALNESS
from tests.patience import PATIENCE_S
from tests.test_one_answer import corpus_records

from .conftest import (
    NOTICES,
    ROOT,
    Outcome,
    Peers,
    Program,
    Stream,
    configure,
    outcome,
    rows,
)
from .test_readme import NOTICE, snippet

TOM: Final = ("tomtoolkit==3.1.0", "tom-alertstreams[gcn,hopskotch]==1.3.0", "six")
DOCUMENT: Final = (ROOT / "docs" / "tom.md").read_text()
FIXTURES: Final = ROOT / "fixtures"

MANAGE = """
import os, sys
from django.core.management import execute_from_command_line

os.environ["DJANGO_SETTINGS_MODULE"] = "mytom.settings"
execute_from_command_line(sys.argv)
"""

# What `tom_setup` writes, as far as it is needed here.
SETTINGS = """
import json
import os
from tom_common.default_settings import *

SECRET_KEY = "for tests only, and long enough for Django to be content with it"
INSTALLED_APPS = TOMTOOLKIT_INSTALLED_APPS
MIDDLEWARE = TOMTOOLKIT_MIDDLEWARE
ROOT_URLCONF = "mytom.urls"
SITE_ID = 1
TOM_NAME = "mytom"
TEMPLATES = [{
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "APP_DIRS": True,
    "OPTIONS": {"context_processors": [
        "django.template.context_processors.request",
        "django.contrib.auth.context_processors.auth",
        "django.contrib.messages.context_processors.messages",
    ]},
}]
DATABASES = {"default": {
    "ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3", "OPTIONS": {"timeout": 30},
}}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = True
STATIC_URL = "/static/"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
TASKS = {"default": {"BACKEND": "django_tasks.backends.immediate.ImmediateBackend"}}
TARGET_TYPE = "SIDEREAL"
MATCH_MANAGERS = {}
FACILITIES = {}
TOM_FACILITY_CLASSES = []
DATA_PRODUCT_TYPES = {"photometry": ("photometry", "Photometry")}
DATA_PROCESSORS = {}
HOOKS = {"target_post_save": "tom_common.hooks.target_post_save"}
AUTH_STRATEGY = "READ_ONLY"
OPEN_URLS = []
"""

DECLARED: Final = (
    *("kind", "revision", "status", "retracted", "notices", "notice_id", "run", "event", "tense"),
    *("trigger_time", "notice_time", "energy_tev", "signalness", "far_per_year"),
    *("error_radius_deg", "containment", "skymap_url"),
)
FIELDS: Final = [{"name": f"icecube_{name}", "type": "string"} for name in DECLARED]

# After the document's block: the address of our broker, more topics, and two streams more.
LOCAL = """
_LOCAL = {"bootstrap.servers": os.environ["BROKER"], "security.protocol": "PLAINTEXT"}
_TOPICS = os.environ["TOPICS"].split(",")
ALERT_STREAMS[0]["OPTIONS"]["CONFIG"] |= _LOCAL
ALERT_STREAMS[0]["OPTIONS"]["TOPIC_HANDLERS"] |= {topic: HANDLER for topic in _TOPICS}
ALERT_STREAMS += [
    {
        "NAME": "tom_alertstreams.alertstreams.gcn.GCNClassicAlertStream",
        "OPTIONS": ALERT_STREAMS[0]["OPTIONS"] | {
            "CONFIG": _LOCAL | {"group.id": "raising", "auto.offset.reset": "earliest"},
            "TOPIC_HANDLERS": {_TOPICS[0]: "mytom.third_party.handle"},
        },
    },
    {
        "NAME": "mytom.third_party.Hopskotch",
        "OPTIONS": {
            "URL": "kafka://" + os.environ["BROKER"], "GROUP_ID": "hop", "USERNAME": "a",
            "PASSWORD": "b", "TOPIC_HANDLERS": {topic: HANDLER for topic in _TOPICS},
        },
    },
]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {"": {"handlers": ["console"], "level": "INFO"}},
}
"""
THIRD_PARTY = """
from hop import Stream
from hop.io import StartPosition
from tom_alertstreams.alertstreams.hopskotch import HopskotchAlertStream


def handle(alert):
    raise ZeroDivisionError("not ours")


class Hopskotch(HopskotchAlertStream):
    def get_all_public_topics(self):
        return []

    def get_stream(self, start_position=None):
        return Stream(auth=False, start_at=StartPosition.EARLIEST)
"""


def block(language: str) -> list[str]:
    """Return the document's blocks."""
    return re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)


# --- the project --------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def python(peers: Peers) -> str:
    return peers("tom", *TOM)


def write_project(folder: Path, after: str = "", settings: str | None = None) -> None:
    """Write a project, with the document's settings unless there are others."""
    if settings is None:
        settings = "\n".join(block("python"))
    package = folder / "mytom"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "third_party.py").write_text(THIRD_PARTY)
    (package / "settings.py").write_text(f"{SETTINGS}EXTRA_FIELDS = {FIELDS}\n{settings}{after}")
    (package / "urls.py").write_text(
        "from django.urls import include, path\n"
        "urlpatterns = [path('', include('tom_common.urls'))]\n"
    )
    (folder / "manage.py").write_text(MANAGE)


def manage(python: str, folder: Path, command: str, **env: str) -> str:
    """Run one of the document's commands, and return what it says."""
    words = command.removeprefix("$ ").removeprefix("python ").split()
    done = subprocess.run(
        [python, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | env,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="session")
def database(python: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a database after ``migrate``, to be copied."""
    folder = tmp_path_factory.mktemp("tom")
    write_project(folder)
    (folder / "icecube-alerts.toml").touch()
    (migrate,) = [line for line in block("console")[1].splitlines() if "migrate" in line]
    manage(python, folder, migrate)
    return folder / "db.sqlite3"


@pytest.fixture
def project(database: Path, tmp_path: Path) -> Path:
    """Return the folder of a TOM without Targets; its configuration has no sinks."""
    write_project(tmp_path)
    shutil.copy(database, tmp_path)
    (tmp_path / "icecube-alerts.toml").write_text('data_folder = "icecube"\n')
    return tmp_path


def ask(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{folder}/db.sqlite3?mode=ro", uri=True)) as database:
        return database.execute(query).fetchall()


def targets(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the extra fields of each Target."""
    names = dict(ask(folder, "SELECT id, name FROM tom_targets_basetarget"))
    found: dict[str, dict[str, Any]] = {name: {} for name in names.values()}
    for pk, key, value in ask(folder, "SELECT target_id, key, value FROM tom_targets_targetextra"):
        found[names[pk]][key.removeprefix("icecube_")] = value
    return found


# --- streams ------------------------------------------------------------------------------------


def test_the_same_comes_out_as_from_our_own_host(
    python: str,
    program: Program,
    stream: Stream,
    expected: Outcome,
    database: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_project(tmp_path, LOCAL)
    shutil.copy(database, tmp_path)
    configure(tmp_path)
    monkeypatch.setenv("BROKER", stream.servers)
    monkeypatch.setenv("TOPICS", ",".join(stream.topics))
    (line,) = [line for line in block("console")[1].splitlines() if "readstreams" in line]
    argv = line.removeprefix("$ python ").split()
    code = f"import sys; sys.path.insert(0, ''); sys.argv = {argv}\n{MANAGE}"
    process = program(python, code, tmp_path)

    def log() -> str:
        return (tmp_path / "log.txt").read_text()

    def is_complete() -> bool:
        done = rows(tmp_path, "SELECT count(*) FROM sightings")
        return done == [(len(NOTICES) + 1,)] and outcome(tmp_path) == expected

    deadline = time.monotonic() + PATIENCE_S
    while not is_complete():
        assert process.poll() is None, log()
        assert time.monotonic() < deadline, log()
        time.sleep(0.2)
    while stream.committed("hop") < len(stream.messages):  # the other way to the same records
        assert time.monotonic() < deadline, log()
        time.sleep(0.2)
    time.sleep(0.5)
    process.terminate()
    process.wait(300)

    assert outcome(tmp_path) == expected
    assert "ZeroDivisionError: not ours" in log()  # which has ended the third party's stream
    assert "is lost" not in log()
    notices = ask(tmp_path, "SELECT record_id, notice_id FROM icecube_alerts_notice")
    assert {row[0] for row in notices} == {row[0] for row in expected.records}
    assert {row[1] for row in notices} == expected.notice_ids
    found = {(t["run"], t["event"]): t for t in targets(tmp_path).values()}
    assert found.keys() == EVENTS  # their names are those of the notice that came first
    gold = found["136392", "25495567"]
    assert (gold["revision"], gold["kind"], gold["retracted"]) == ("1", "gold", "False")


EVENTS: Final = {
    ("136392", "25495567"),
    ("136615", "14688828"),
    ("136662", "35405932"),
    ("137840", "57034692"),
    ("139414", "34468187"),
    ("0", "900004"),
}
"""The events of `NOTICES` that have a position."""


# --- Targets ------------------------------------------------------------------------------------

# Runs inside the TOM, once; what it prints is looked at by the tests below.
STORY = """
import json, itertools, sys
sys.path.insert(0, "")
import os; os.environ["DJANGO_SETTINGS_MODULE"] = "mytom.settings"
import django; django.setup()
from dataclasses import replace
from django.core.checks import run_checks
from django.db import OperationalError
from django.test import override_settings
from tom_targets.models import Target
from icecube_hooks import RefusedForGood, RetryLater, SinkError
from icecube_plugin import read
from icecube_plugin.adapters.tom import handlers, sink, targets
from icecube_plugin.adapters.tom.models import Notice

FIXTURES = sys.argv[1]
found = {}


def record(name):
    return read(f"{FIXTURES}/{name}", topic=name.split("/")[0])


def fresh(**options):
    Notice.objects.all().delete()
    Target.objects.all().delete()
    return sink.TomTargets(**options)


def state():
    return [
        {"name": t.name, "ra": t.ra, "dec": t.dec, "aliases": sorted(n for n in t.names[1:]),
         "permissions": t.permissions, "tags": t.tags,
         **{one.key: one.value for one in t.targetextra_set.all()}}
        for t in Target.objects.order_by("pk")
    ]


TRACKS = "gcn.notices.icecube.gold_bronze_track_alerts"
EVENT = [record(name) for name in (
    "gcn.classic.voevent.ICECUBE_ASTROTRACK_GOLD/136392_25495567_0.xml",
    "gcn.classic.binary.ICECUBE_ASTROTRACK_GOLD/136392_25495567_1.bin",
    "gcn.classic.text.ICECUBE_ASTROTRACK_GOLD/136392_25495567_1.txt",
    TRACKS + "/136392_25495567_1.json",
)]
RETRACTED = [record(name) for name in (
    "gcn.classic.voevent.ICECUBE_ASTROTRACK_GOLD/134327_10548129_0.xml",
    TRACKS + "/134327_10548129_1.json",
    "gcn.circulars/retraction_28163.json",
)]

found["orders"] = []
for order in [*itertools.permutations(EVENT)][::5]:  # each comes first and last
    s = fresh()
    for one in order:
        s.write([one])
    found["orders"].append([{k: v for k, v in t.items() if k not in ("name", "aliases")}
                            | {"names": sorted([t["name"], *t["aliases"]])} for t in state()])
s = fresh()
s.write(EVENT)
found["event"] = state()
modified = Target.objects.get().modified
s.write(EVENT)
found["redelivered"] = [state(), Notice.objects.count(), Target.objects.get().modified == modified]
Target.objects.get().delete()
s.write(EVENT)
found["deleted"] = [state(), Notice.objects.count()]

found["retracted"] = []
for order in itertools.permutations(RETRACTED):
    s = fresh()
    for one in order:
        s.write([one])
    found["retracted"].append(state())
s = fresh()
s.write(RETRACTED[1:])
found["unknown retracted"] = [state(), Notice.objects.count()]

TEST = record("gcn.classic.voevent.ICECUBE_ASTROTRACK_GOLD/136616_10000002_0_test.xml")
SEARCH = record("gcn.notices.icecube.lvk_nu_track_search/S200213t-3-Initial.json")
s = fresh()
s.write([TEST, SEARCH])
found["none"] = [state(), Notice.objects.count()]
s = fresh(tests=True, permissions="OPEN")
s.write([TEST])
found["test"] = state()
s = fresh(kinds=["bronze"])
s.write(EVENT)
found["kinds"] = [state(), Notice.objects.count()]

s = fresh()
Target.objects.create(name="icecube-220306a", type="SIDEREAL", ra=1.0, dec=2.0)
s.write(EVENT[::-1])
found["taken"] = state()

found["errors"] = []
for error in (OperationalError("database is locked"), django.db.DataError("too long")):
    def fail(*arguments):
        raise error
    kept, targets.update = targets.update, fail
    try:
        s.write(EVENT)
    except SinkError as raised:
        found["errors"].append([type(raised).__name__, str(raised)])
    targets.update = kept

found["checks"] = []
for setting in (
    {}, {"CONFIG": "icecube-alerts.toml"}, {"CONFIG": "no.toml"}, {"CONFG": "a"}, 12,
    {"TARGETS": {"permissions": "ALL"}}, {"TARGETS": None},
):
    with override_settings(ICECUBE_ALERTS=setting):
        problems = [str(p.msg) for p in run_checks() if p.id == "icecube_alerts.W001"]
        sinks = [] if problems else [s.name for s in handlers.make_host().config.sinks]
        found["checks"].append([problems, sinks])
print("found " + json.dumps(found))
"""


@pytest.fixture(scope="session")
def found(python: str, database: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("story")
    write_project(folder)
    shutil.copy(database, folder)
    (folder / "icecube-alerts.toml").write_text('[sinks.a]\ntype = "jsonl"\npath = "a.jsonl"\n')
    done = subprocess.run(
        [python, "-W", "error::RuntimeWarning", "-c", STORY, str(FIXTURES)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("found ")] or [""]
    assert line, done.stdout + done.stderr
    result: dict[str, Any] = json.loads(line.removeprefix("found "))
    return result


def test_a_target_does_not_depend_on_the_order(found: dict[str, Any]) -> None:
    first, *others = found["orders"]
    assert len(others) == 4
    assert [order for order in others if order != first] == []


def test_a_target_is_what_is_known(found: dict[str, Any]) -> None:
    (target,) = found["event"]
    assert target["name"] == "IceCube 136392_25495567"  # a VOEvent came first
    assert target["aliases"] == ["IceCube-220306A"]
    assert (target["ra"], target["dec"]) == (314.8199, 8.6099)  # as the JSON has it
    assert target["permissions"] == "PRIVATE"
    extras = {key: value for key, value in target.items() if key.startswith("icecube_")}
    assert {
        "icecube_kind": "gold",
        "icecube_run": "136392",
        "icecube_event": "25495567",
        "icecube_revision": "1",
        "icecube_retracted": "False",
        "icecube_notices": "2",
        "icecube_trigger_time": "2022-03-06T03:46:37.060000+00:00",
    }.items() <= extras.items()
    assert "None" not in extras.values()
    assert "icecube_tense" not in extras
    assert set(extras) < {f"icecube_{name}" for name in DECLARED}


def test_tags_are_words(found: dict[str, Any]) -> None:
    (target,) = found["event"]
    assert target["tags"] == {
        "IceCube": "GOLD track, revision 1, update",
        "IceCube error": "radius 0.52 deg, 90 % containment, statistical only; "
        "radius 0.3098 deg, 50 % containment",
        "IceCube signalness": f"0.774 ({SIGNALNESS})",
        "IceCube energy": "413.1 TeV",
        "IceCube false alarms": f"0.4539 {FALSE_ALARMS}",
        "IceCube time": "2022-03-06 03:46:37.06 UTC (notice 2022-03-06 06:47:24.00)",
    }
    (target,) = found["retracted"][0]
    assert target["tags"]["IceCube"].endswith("RETRACTED: this event is withdrawn")


def test_a_redelivery_changes_nothing(found: dict[str, Any]) -> None:
    assert found["redelivered"] == [found["event"], 4, True]


def test_a_deleted_target_does_not_come_back_by_a_redelivery(found: dict[str, Any]) -> None:
    assert found["deleted"] == [[], 4]


def test_a_retraction_is_a_field(found: dict[str, Any]) -> None:
    first, second, *_ = found["retracted"]
    assert first == second
    (target,) = first
    assert target["icecube_retracted"] == "True"
    assert target["icecube_kind"] == "gold"
    assert float(target["icecube_energy_tev"]) > 0  # of which the retraction says nothing


def test_a_retraction_of_an_unknown_event_makes_no_target(found: dict[str, Any]) -> None:
    assert found["unknown retracted"] == [[], 2]
    assert found["retracted"][2:] == [[]] * 4  # the notice that it takes back comes later


def test_tests_and_searches_make_no_target(found: dict[str, Any]) -> None:
    assert found["none"] == [[], 2]
    assert found["kinds"] == [[], 4]


def test_a_test_can_make_one(found: dict[str, Any]) -> None:
    (target,) = found["test"]
    assert target["name"] == "test IceCube 136616_10000002"
    assert target["icecube_tense"] == "test"
    assert target["permissions"] == "OPEN"


def test_a_target_of_that_name_keeps_its_position(found: dict[str, Any]) -> None:
    (target,) = found["taken"]
    assert target["name"] == "icecube-220306a"
    assert (target["ra"], target["dec"]) == (1.0, 2.0)
    assert target["icecube_run"] == "136392"
    assert target["aliases"] == []


def test_trouble_of_the_database(found: dict[str, Any]) -> None:
    assert found["errors"] == [
        ["RetryLater", "OperationalError: database is locked"],
        ["RefusedForGood", "DataError: too long"],
    ]


def test_check_says_what_is_wrong(found: dict[str, Any]) -> None:
    assert found["checks"] == [
        [[], ["targets"]],
        [[], ["a", "targets"]],
        [["ICECUBE_ALERTS: cannot read no.toml: No such file or directory"], []],
        [["ICECUBE_ALERTS: CONFG: unknown key (did you mean 'CONFIG'?)"], []],
        [["ICECUBE_ALERTS: expected a dictionary"], []],
        [[found["checks"][5][0][0]], []],
        [[], []],
    ]
    assert "permissions: expected one of OPEN, PUBLIC, PRIVATE" in found["checks"][5][0][0]


# --- commands and migrations --------------------------------------------------------------------


# All records of the corpus in a shuffled order, in batches; what the Targets then say of events.
REPLAY: Final = """
import json, os, random, sys
sys.path.insert(0, "")
os.environ["DJANGO_SETTINGS_MODULE"] = "mytom.settings"
import django; django.setup()
from tom_targets.models import Target
from icecube_hooks import Record
from icecube_plugin.adapters.tom import sink
from icecube_plugin.adapters.tom.models import Notice

records = [Record.from_json(line) for line in open("records.jsonl")]
random.Random(int(sys.argv[1])).shuffle(records)
made = sink.TomTargets()
for start in range(0, len(records), 7):
    made.write(records[start : start + 7])
print("found " + json.dumps([
    {
        "records": sorted(Notice.objects.filter(target=t.pk).values_list("record_id", flat=True)),
        "retracted": str(t.extra_fields.get("icecube_retracted")) == "True", "place": [t.ra, t.dec],
    }
    for t in Target.objects.all()
]))
"""


@pytest.mark.nightly
def test_targets_are_the_events_of_the_corpus(python: str, project: Path, corpus: Path) -> None:
    """The same events, states and newest positions as `icecube_plugin.alerts.group` finds."""
    records = corpus_records(corpus)
    (project / "records.jsonl").write_text("".join(f"{r.to_json()}\n" for r in records))
    words = [python, "-c", REPLAY, "7"]
    done = subprocess.run(words, cwd=project, capture_output=True, text=True, timeout=580)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("found ")] or [""]
    assert line, done.stdout + done.stderr
    targets = {tuple(t["records"]): t for t in json.loads(line.removeprefix("found "))}
    ids = {id(record.alert): record.id for record in records}
    wanted = [e for e in group(r.alert for r in records) if e.known.is_real]
    wanted = [e for e in wanted if e.kind is not AlertKind.LVK_SEARCH]
    for event in wanted:
        target = targets.pop(tuple(sorted(ids[id(alert)] for alert in event.alerts)), None)
        place = event.known.localization
        if target is None:  # without a position there is none, nor of what begins with its end
            assert place is None or event.is_retracted, event.key
        else:
            assert target["retracted"] is event.is_retracted, event.key
            assert place is not None
            assert target["place"] == pytest.approx([place.ra_deg, place.dec_deg], abs=0.02)
    assert targets == {}


def test_files_and_dead_letters(python: str, project: Path) -> None:
    replay, retry = block("console")[2].splitlines()
    (project / "notices").mkdir()
    for name in ("ra_9999.json", "truncated.json"):
        shutil.copy(FIXTURES / "broken" / name, project / "notices")
    shutil.copy(FIXTURES / NOTICES[4], project / "notices")
    assert "3 messages, 1 read, 2 refused" in manage(python, project, replay)
    assert list(targets(project)) == ["IceCube-220306A"]
    said = manage(python, project, retry).splitlines()
    assert [line[0] for line in said[-2:]] == ["1", "2"]
    assert "ra: expected a number from 0 to 360, got 9999.0" in said[-2]


@pytest.mark.nightly
def test_what_the_targets_could_not_take_is_delivered_later(python: str, project: Path) -> None:
    """Without our table nothing can be written; after ``migrate`` it can."""
    (project / "notices").mkdir()
    shutil.copy(FIXTURES / NOTICES[4], project / "notices")
    (project / "icecube-alerts.toml").write_text(
        'data_folder = "icecube"\n[sinks.targets]\ntype = "tom-target"\npatience_s = 0.1\n'
    )
    replay, retry = block("console")[2].splitlines()
    manage(python, project, "manage.py migrate icecube_alerts zero")
    said = manage(python, project, replay)
    assert "no such table" in said
    assert "1 messages, 1 read, 0 refused, 1 wait for targets" in said
    manage(python, project, "manage.py migrate icecube_alerts")
    assert targets(project) == {}
    (project / "notices" / NOTICES[4].rpartition("/")[2]).unlink()
    assert "0 messages, 0 read, 0 refused" in manage(python, project, replay)
    assert list(targets(project)) == ["IceCube-220306A"]
    assert "1: " not in manage(python, project, retry)  # it is no dead letter


def test_the_models_are_migrated(python: str, project: Path) -> None:
    assert "No changes detected" in manage(
        python, project, "manage.py makemigrations --check --dry-run icecube_alerts"
    )


@pytest.mark.nightly
def test_the_migration_makes_our_table_only(python: str, project: Path) -> None:
    def tables() -> dict[str, str]:
        return dict(ask(project, "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))

    def ours(names: dict[str, str]) -> set[str]:
        return {name for name in names if name.startswith("icecube_alerts_")}

    before = tables()
    assert "icecube_alerts_notice" in ours(before)
    manage(python, project, "manage.py migrate icecube_alerts zero")
    after = tables()
    assert ours(after) == set()
    assert after == {name: sql for name, sql in before.items() if name not in ours(before)}


def test_the_guide(python: str, database: Path, tmp_path: Path) -> None:
    """Its settings, and a notice that a broker of one's own hands over."""
    write_project(tmp_path, settings=snippet("settings.py"))
    shutil.copy(database, tmp_path)
    (tmp_path / "icecube-alerts.toml").touch()
    shutil.copy(NOTICE / "136392_25495567_1.json", tmp_path)
    (tmp_path / "deliver.py").write_text(
        "from django.conf import settings\n"
        "from django.utils.module_loading import import_string\n"
        "import_string(settings.HANDLER)(open('136392_25495567_1.json', 'rb').read())\n"
    )
    manage(python, tmp_path, "manage.py shell -c exec(open('deliver.py').read())")
    assert list(targets(tmp_path)) == ["IceCube-220306A"]


# --- without Django -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"tests": 1}, "tests: expected true or false, not int"),
        ({"nonlocalized": "no"}, "nonlocalized: expected true or false, not str"),
        ({"kinds": "gold"}, "kinds: expected a list of gold, bronze"),
        ({"kinds": ["golden"]}, "kinds: expected a list of gold, bronze"),
        ({"kinds": 1}, "kinds: expected a list of gold, bronze"),
        ({"permissions": "all"}, "permissions: expected one of OPEN, PUBLIC, PRIVATE"),
    ],
)
def test_a_wrong_option_is_an_error(options: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=f"^{reason}"):
        TomTargets(**options)


def test_the_sink_is_registered_by_the_app_alone() -> None:
    assert [kind.make for kind in register_sinks()] == [TomTargets]


@pytest.fixture
def delivered(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Stand in for the host, which needs Django's settings."""
    messages: list[Any] = []
    monkeypatch.setattr(handlers, "_deliver", messages.append)
    return messages


@pytest.mark.parametrize(
    "call",
    [
        handlers.handle,
        lambda value: handlers.handle(alert=value, metadata=None, stream="new", topic="a.b"),
        lambda value: handlers.handle(value, {"topic": "a.b"}, unknown=1),
    ],
)
def test_conventions_of_calling(call: Callable[[bytes], None], delivered: list[Any]) -> None:
    call(b"{}")
    assert [(message.value, message.topic) for message in delivered] in (
        [(b"{}", None)],
        [(b"{}", "a.b")],
    )


@pytest.mark.parametrize("alert", [None, 12, object()])
def test_nothing_is_raised_by_what_is_no_message(
    alert: object, delivered: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    handlers.handle(alert)
    assert delivered == []
    assert "a message is lost" in caplog.text


def test_nothing_is_raised_without_settings(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise ConfigError("unknown key", key="CONFG")

    monkeypatch.setattr(handlers, "shared_host", fail)
    handlers.handle(make_record().message.value)
    assert "CONFG: unknown key" in caplog.text
