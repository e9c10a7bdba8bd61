"""NonLocalizedEvents of a TOM: the real tom_nonlocalizedevents, which needs PostgreSQL."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
from typing import Any, Final

import pytest

from tests.postgres.fixture import Postgres

from .conftest import Peers
from .test_tom import FIXTURES, TOM, write_project

SETTINGS: Final = """
DATABASES = {"default": {
    "ENGINE": "django.db.backends.postgresql", "NAME": os.environ["DATABASE"],
    "USER": "tester", "PASSWORD": "", "HOST": os.environ["SOCKET"], "PORT": "",
}}
INSTALLED_APPS += ["django.contrib.postgres", "tom_nonlocalizedevents"]
HERMES_API_URL = "http://localhost"
"""

# Runs inside the TOM, once; what it prints is looked at by the tests below.
STORY: Final = """
import itertools, json, math, os, sys
sys.path.insert(0, "")
os.environ["DJANGO_SETTINGS_MODULE"] = "mytom.settings"
import django; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from tom_nonlocalizedevents import models
from tom_targets.models import Target
from icecube_hooks import Record, Status
from icecube_plugin import read
from icecube_plugin.adapters.tom import sink
from icecube_plugin.adapters.tom.models import Notice

FIXTURES = sys.argv[1]
SEARCH = "gcn.notices.icecube.lvk_nu_track_search/S241225c-"
found = {}


def record(name):
    return read(f"{FIXTURES}/{name}", topic=name.split("/")[0])


def changed(old, **changes):
    message = old.message.replace(value=old.message.value + b" " * (1 + len(changes)))
    return Record.of(message, old.alert.replace(**changes), old.significances)


def fresh(**options):
    Notice.objects.all().delete()
    Target.objects.all().delete()
    models.NonLocalizedEvent.objects.all().delete()
    return sink.TomTargets(**options)


def state():
    return [
        {
            "id": event.event_id, "type": event.event_type, "state": event.state,
            "candidates": [
                {"name": c.target.name, "ra": c.target.ra, "dec": c.target.dec,
                 **{e.key: e.value for e in c.target.targetextra_set.all()},
                 "viable": c.viable, "reason": c.viability_reason,
                 "regions": sorted(r.smallest_percent for r in c.credibleregions.all())}
                for c in event.candidates.order_by("target__name")
            ],
            "sequences": [
                {"number": s.sequence_id, "subtype": s.event_subtype, "details": s.details,
                 "url": s.localization and s.localization.skymap_url,
                 "area_90": s.localization and s.localization.area_90}
                for s in event.sequences.all()
            ],
        }
        for event in models.NonLocalizedEvent.objects.order_by("event_id")
    ]


STORY_OF_SEARCH = [record(f"{SEARCH}{n}.json") for n in
                   ("1-Preliminary", "2-Preliminary", "3-Initial")]
found["orders"] = []
for order in itertools.permutations(STORY_OF_SEARCH):
    s = fresh()
    for one in order:
        s.write([one])
    found["orders"].append(state())
ALL = models.EventCandidate.objects.order_by("pk").values_list("pk", "modified")
before = list(ALL)
s.write(STORY_OF_SEARCH)
found["redelivered"] = [state(), list(ALL.all()) == before]
newest = STORY_OF_SEARCH[-1]
reference = newest.alert.gw.replace(notice_number=4, notice_type="Update",
                    reference="S241225c-4-Update")
fewer = changed(newest, gw=reference, coincident_events=newest.alert.coincident_events[:1])
s.write([fewer])
found["fewer"] = state()
reference = reference.replace(notice_number=5, reference="S241225c-5-Update")
s.write([changed(newest, gw=reference)])
found["again"] = state()
human = models.EventCandidate.objects.order_by("target__name").first()
human.viable, human.viability_reason = False, "a known blazar"
human.save()
reference = reference.replace(notice_number=6, reference="S241225c-6-Update")
s.write([changed(newest, gw=reference, status=Status.RETRACTION)])
found["retracted search"] = state()

s = fresh()
event = models.NonLocalizedEvent.objects.create(event_id="S241225c", state="RETRACTED")
place = models.EventLocalization.objects.create(nonlocalizedevent=event)
size = 4 ** 29
for i in range(12):
    density = (0.9 if i < 8 else 0.1 / 4 * 8) / 8 / (math.pi / 3)
    models.SkymapTile.objects.create(
        localization=place, tile=(i * size, (i + 1) * size), probdensity=density)
s.write(STORY_OF_SEARCH)
found["lvk's"] = state()

CASCADE = [record(n) for n in (
    "gcn.classic.text.ICECUBE_CASCADE/139414_34468187_0.txt",
    "gcn.classic.voevent.ICECUBE_CASCADE/139414_34468187_0.xml",
)]
CASCADE.append(changed(CASCADE[0], revision=1, status=Status.UPDATE))
CASCADE.append(changed(CASCADE[0], revision=2, status=Status.RETRACTION, localization=None))
found["cascades"] = []
for order in itertools.permutations(CASCADE[:3]):
    s = fresh()
    for one in order:
        s.write([one])
    found["cascades"].append(state())
s.write(CASCADE[3:])
found["retracted"] = state()
s = fresh(nonlocalized=False)
s.write(CASCADE + STORY_OF_SEARCH)
found["off"] = state()
s = fresh()
s.write([record("gcn.notices.icecube.lvk_nu_track_search/MS260101a-1-Preliminary.json")])
found["mock"] = state()
s = fresh(tests=True)
s.write([record("gcn.notices.icecube.lvk_nu_track_search/MS260101a-1-Preliminary.json")])
found["mock wanted"] = state()
print("found " + json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(
    peers: Peers, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("nonlocalized")
    write_project(folder, SETTINGS)
    (folder / "icecube-alerts.toml").touch()
    url = postgres.new_database()
    name = re.findall(r"/(\w+)\?", url)[0]
    env = os.environ | {"DATABASE": name, "SOCKET": str(postgres.folder)}
    done = subprocess.run(
        [peers("tom", *TOM, "tom-nonlocalizedevents==1.0.0"), "-c", STORY, str(FIXTURES)],
        cwd=folder, capture_output=True, text=True, timeout=900,
        env=env | {"SA_DB_CONNECTION_URL": _by_psycopg2(url)},
    )  # fmt: skip
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("found ")] or [""]
    assert line, done.stdout + done.stderr
    result: dict[str, Any] = json.loads(line.removeprefix("found "))
    return result


def _by_psycopg2(url: str) -> str:
    """Name the driver that tom_nonlocalizedevents installs; SQLAlchemy 2.1 takes another one."""
    return url.replace("postgresql:", "postgresql+psycopg2:")


def test_neutrinos_are_candidates(found: dict[str, Any]) -> None:
    (event,) = found["orders"][0]
    assert (event["id"], event["type"], event["state"]) == ("S241225c", "GW", "ACTIVE")
    assert event["sequences"] == []  # those are LVK's
    first, second = event["candidates"]
    assert first["name"] == "IceCube 140332_10000001"
    assert (first["ra"], first["dec"]) == (235.45, -42.76)
    assert (first["icecube_error_radius_deg"], first["icecube_containment"]) == ("0.43", "0.9")
    assert first["IceCube error"] == "radius 0.43 deg, 90 % containment, statistical only"
    reason = "IceCube search 3-Initial: -238.24 s, p 0.0038 (generic), p 0.0672 (bayesian)"
    assert (first["viable"], first["reason"]) == (True, reason)
    assert second["reason"] == "IceCube search 3-Initial: -24.51 s, p 0.0575 (bayesian)"


def test_candidates_do_not_depend_on_the_order(found: dict[str, Any]) -> None:
    assert len(found["orders"]) == 6
    assert all(order == found["orders"][0] for order in found["orders"])


def test_a_redelivery_changes_nothing(found: dict[str, Any]) -> None:
    assert found["redelivered"] == [found["orders"][-1], True]


def test_a_neutrino_that_is_named_no_more_is_not_viable(found: dict[str, Any]) -> None:
    (event,) = found["fewer"]
    assert [candidate["viable"] for candidate in event["candidates"]] == [True, False]
    assert event["candidates"][1]["reason"] == "IceCube search 4-Update: no longer named"
    (event,) = found["again"]
    assert [candidate["viable"] for candidate in event["candidates"]] == [True, True]


def test_what_a_person_has_said_stays(found: dict[str, Any]) -> None:
    (event,) = found["retracted search"]
    first, second = event["candidates"]
    assert (first["viable"], first["reason"]) == (False, "a known blazar")
    assert (second["viable"], second["reason"]) == (
        False,
        "IceCube search 6-Update: no longer named",
    )


def test_a_superevent_that_is_there_is_not_changed(found: dict[str, Any]) -> None:
    """And its sky map says in which credible region the candidates are."""
    (event,) = found["lvk's"]
    assert (event["state"], event["sequences"]) == ("RETRACTED", [])
    assert len(event["candidates"]) == 2
    assert any(candidate["regions"] for candidate in event["candidates"])


def test_a_cascade_is_an_event(found: dict[str, Any]) -> None:
    (event,) = found["cascades"][0]
    assert (event["id"], event["type"]) == ("IceCubeCascade-240518a", "NU")
    assert event["state"] == "ACTIVE"
    first, second = event["sequences"]
    assert (first["number"], second["number"]) == (0, 1)
    assert (first["subtype"], second["subtype"]) == ("INITIAL", "UPDATE")
    assert first["url"].endswith(".fits")
    assert first["details"]["notice_id"] == "cascade:139414_34468187:0"
    radius = math.radians(first["details"]["error_radius_deg"])
    circle = 2 * math.pi * (1 - math.cos(radius)) * (180 / math.pi) ** 2
    assert first["area_90"] == pytest.approx(circle, rel=1e-9)
    assert circle > 100.0


def test_a_cascade_does_not_depend_on_the_order(found: dict[str, Any]) -> None:
    assert len(found["cascades"]) == 6
    assert all(other == found["cascades"][0] for other in found["cascades"])


def test_a_retraction_is_a_state(found: dict[str, Any]) -> None:
    (event,) = found["retracted"]
    assert event["state"] == "RETRACTED"
    assert [s["subtype"] for s in event["sequences"]][-1] == "RETRACTION"


def test_no_more_than_is_wanted(found: dict[str, Any]) -> None:
    assert found["off"] == []
    assert found["mock"] == []
    assert [event["id"] for event in found["mock wanted"]] == ["MS260101a"]
