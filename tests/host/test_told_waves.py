"""People who were told of a search hear of it when LVK says another thing of its wave.

The whole road: messages of Kafka, host, filter, the sink ``notify``, and the service that it posts
to, which is a server here.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from icecube_hooks import Message
from icecube_hooks.host import load_plugins
from icecube_plugin.host import Config, Host
from icecube_plugin.host.config import SinkConfig
from tests import make_fixtures
from tests.make_fixtures import LVK_JSON, WAVE_JSON, WAVE_NAME, WAVE_VOEVENT, wave_voevent
from tests.sinks.http_server import Answer, HttpServer, http_server

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

ROOT = Path(__file__).parents[2]
FIXTURES, PAGE = ROOT / "fixtures", ROOT / "docs" / "notifications.md"
SEARCH = Message(
    value=(FIXTURES / LVK_JSON / f"{WAVE_NAME}-3-Initial.json").read_bytes(), topic=LVK_JSON
)
BBH, TERRESTRIAL = {"BBH": 0.995, "Terrestrial": 0.005}, {"BBH": 0.2, "Terrestrial": 0.8}
ELSEWHERE = (230.0, -22.0)
"""The other side of the sky: the neutrino is outside of a map around it."""


def notice(alert_type: str, minutes: int, **event: Any) -> dict[str, Any]:
    found = make_fixtures.wave_notice()
    found |= {"alert_type": alert_type, "time_created": f"2026-05-02T05:{minutes:02}:00Z"}
    found["event"] = None if alert_type == "RETRACTION" else found["event"] | event
    return found


def wave(alert_type: str = "INITIAL", minutes: int = 0, **event: Any) -> Message:
    value = json.dumps(notice(alert_type, minutes, **event)).encode()
    return Message(value=value, topic=WAVE_JSON)


@pytest.fixture(scope="module")
def moved() -> str:
    """A map around another place, in base64."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(make_fixtures, "WAVE_CENTRE", ELSEWHERE)
        return base64.b64encode(make_fixtures.wave_map()).decode()


class Told(NamedTuple):
    """A message that people got."""

    title: str
    lines: dict[str, str]


class People:
    """A host with the sink ``notify``, and those who are told by it."""

    def __init__(self, folder: Path, server: HttpServer, **wanted: Any) -> None:
        self._server = server
        options = {
            "urls": [f"json://{server.host}/"],
            "state": str(folder / "notify.sqlite"),
            "maps": str(folder / "skymaps"),
        }
        sink = SinkConfig(
            name="shift", type="notify", options=options, skip_older_than_s=1e10, patience_s=30.0,
            **wanted,
        )  # fmt: skip
        self.config = Config(data_folder=folder, sinks=(sink,))

    def hear(self, *messages: Message) -> list[Told]:
        """Let a host that starts anew hear messages; return what people were told by then."""
        running = Host(self.config)
        for message in messages:
            running.handle([message])
        running.close()
        return self.told

    @property
    def told(self) -> list[Told]:
        bodies = [json.loads(request.body) for request in self._server.requests]
        pairs = ([line.split(": ", 1) for line in b["message"].splitlines()] for b in bodies)
        lines = (dict(pair for pair in found if len(pair) == 2) for found in pairs)
        return [Told(b["title"], found) for b, found in zip(bodies, lines, strict=True)]


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with http_server() as found:
        yield found


@pytest.fixture
def people(tmp_path: Path, server: HttpServer) -> People:
    return People(tmp_path, server)


def test_a_retraction_of_the_wave_is_told(people: People) -> None:
    first, second = people.hear(wave(), SEARCH, wave("RETRACTION", 30))
    assert first.title.startswith(f"GW SEARCH {WAVE_NAME}")
    assert first.lines["GW"].startswith("BBH 99.5 %, FAR 1 per 690 yr, 90 % area 948 deg2")
    assert first.lines["GW"].endswith("neutrino 1 inside the 67 % region")
    assert second.title.startswith(f"RETRACTED: GW {WAVE_NAME}")
    assert second.lines["changed"] == "candidate retracted, was standing"
    assert second.lines["GW"] == "RETRACTED by LVK, was BBH 99.5 %, FAR 1 per 690 yr"
    assert second.lines["search"] == (
        f"GW SEARCH {WAVE_NAME} notice 3-Initial: 1 neutrino,"
        " generic p 0.003, bayesian p 0.0174 before trials"
    )
    shown = re.findall(r"^```text\n(RETRACTED.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    lines = (f"{name}: {second.lines[name]}\n" for name in ("changed", "search", "GW"))
    assert shown == [f"{second.title}\n\n{''.join(lines)}"]


def test_in_the_other_order_the_first_message_says_so(people: People) -> None:
    (only,) = people.hear(wave(), wave("RETRACTION", 30), SEARCH)
    assert only.title.startswith(f"GW RETRACTED: GW SEARCH {WAVE_NAME}")
    assert only.lines["GW"] == "RETRACTED by LVK, was BBH 99.5 %, FAR 1 per 690 yr"


def test_another_class_is_told(people: People) -> None:
    update = wave("UPDATE", 30, classification=TERRESTRIAL, significant=False, far=2e-6)
    _, second = people.hear(wave(), SEARCH, update)
    assert second.lines["changed"] == "class Terrestrial, was BBH; significance low, was high"
    assert second.lines["GW"].startswith("Terrestrial 80 %, FAR 63 per yr, low significance, 90 %")


def test_a_map_without_the_neutrino_is_told(people: People, moved: str) -> None:
    _, second = people.hear(wave(), SEARCH, wave("UPDATE", 30, skymap=moved))
    expected = "neutrino 1 outside the 90 % region, was inside the 90 % region"
    assert second.lines["changed"] == expected
    assert second.lines["GW"].endswith("neutrino 1 outside the 90 % region")


def test_the_first_word_of_lvk_after_the_search_is_told(people: People) -> None:
    first, second = people.hear(SEARCH, wave())
    assert "GW" not in first.lines
    assert second.title.startswith(f"GW {WAVE_NAME}")
    assert "neutrino 1 inside the 67 % region" in second.lines["GW"]


def test_nothing_that_decides_is_no_message(people: People) -> None:
    same = wave("UPDATE", 30, far=5e-11, classification={"BBH": 0.97, "Terrestrial": 0.03})
    assert len(people.hear(wave(), SEARCH, same)) == 1


def test_nobody_hears_of_a_wave_without_a_search(people: People) -> None:
    assert people.hear(wave(), wave("RETRACTION", 30)) == []


def test_who_did_not_get_the_search_hears_nothing(tmp_path: Path, server: HttpServer) -> None:
    people = People(tmp_path, server, filter={"kinds": ["gold"]})
    assert people.hear(wave(), SEARCH, wave("RETRACTION", 30)) == []


@pytest.mark.parametrize(
    "wanted", [{"filter": {"kinds": ["lvk-search"]}}, {"when": "p_post < 0.01"}]
)
def test_who_asks_for_searches_need_not_ask_for_waves(
    tmp_path: Path, server: HttpServer, wanted: dict[str, Any]
) -> None:
    people = People(tmp_path, server, **wanted)
    assert len(people.hear(wave(), SEARCH, wave("RETRACTION", 30))) == 2


def test_who_wants_no_retractions_gets_none(tmp_path: Path, server: HttpServer) -> None:
    people = People(tmp_path, server, filter={"retractions": False})
    assert len(people.hear(wave(), SEARCH, wave("RETRACTION", 30))) == 1


def test_who_asks_for_waves_gets_all(tmp_path: Path, server: HttpServer) -> None:
    people = People(tmp_path, server, filter={"kinds": ["lvk-search", "lvk-gw"]})
    same = wave("UPDATE", 30, far=5e-11)
    told = people.hear(wave(), SEARCH, same)
    assert len(told) == 3
    assert "search" not in told[0].lines
    assert told[2].lines["changed"].startswith("since ")


def test_once_whatever_the_format_and_however_often_the_host_starts(people: People) -> None:
    gone = notice("RETRACTION", 30)
    again = Message(value=wave_voevent(gone, 5), topic=WAVE_VOEVENT)
    assert len(people.hear(wave(), SEARCH)) == 1
    assert len(people.hear(wave("RETRACTION", 30))) == 2
    assert len(people.hear(again, wave("RETRACTION", 30), wave())) == 2


def test_there_and_back_are_two_messages(people: People) -> None:
    messages = [wave(), SEARCH, wave("UPDATE", 10, classification=TERRESTRIAL)]
    told = people.hear(*messages, wave("UPDATE", 20, classification=BBH))
    assert [one.lines.get("changed") for one in told] == [
        None,
        "class Terrestrial, was BBH",
        "class BBH, was Terrestrial",
    ]


def failing(n: int) -> Callable[[Any], Answer]:
    """Answer with errors so often, then well."""
    left = iter([Answer(500)] * n)
    return lambda _request: next(left, Answer())


def test_what_the_service_did_not_take_is_told_again(people: People, server: HttpServer) -> None:
    people.hear(wave(), SEARCH)
    server.answer = failing(2)
    told = people.hear(wave("RETRACTION", 30))
    assert [one.title.partition(":")[0] for one in told[1:]] == ["RETRACTED"] * 3


def test_without_the_reader_all_is_as_before(people: People) -> None:
    running = Host(people.config, plugins=load_plugins(block=("lvk-gw",)))
    messages: Sequence[Message] = (wave(), SEARCH, wave("RETRACTION", 30))
    for message in messages:
        running.handle([message])
    running.close()
    (only,) = people.told
    assert "GW" not in only.lines
