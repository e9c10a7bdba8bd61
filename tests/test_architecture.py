"""The map in docs/architecture.md is of this country."""

from __future__ import annotations

import re
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from icecube_hooks import Message
from icecube_plugin.host import Config, Host, SinkConfig

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
ROAD = re.findall(r"^\| \d+ \| `(.+?)` \| `(?:\w+\.)?(\w+)` \|", PAGE, re.MULTILINE)
NOTICE = "fixtures/gcn.notices.icecube.gold_bronze_track_alerts/136662_35405932_0.json"


def test_the_road_is_short() -> None:
    assert len(ROAD) < 12


def test_an_alert_takes_the_road(tmp_path: Path) -> None:
    """In the order of the page, from the host on: the source is not Kafka here."""
    entered: list[tuple[str, str]] = []

    def note(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(str(ROOT)):
            file = Path(frame.f_code.co_filename).relative_to(ROOT).as_posix()
            entered.append((file, frame.f_code.co_name))

    sink = SinkConfig(name="files", type="json", options={"folder": str(tmp_path / "json")})
    host = Host(Config(data_folder=tmp_path, sinks=(sink,)))
    message = Message(value=(ROOT / NOTICE).read_bytes(), topic=NOTICE.split("/")[1])
    threading.setprofile(note)
    sys.setprofile(note)
    try:
        host.handle([message])
        host.close()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    missing = [step for step in ROAD[1:] if step not in entered]
    assert missing == []
    worker = ROAD.index(("icecube_plugin/host/worker.py", "_deliver_next"))
    places = [entered.index(step) for step in ROAD[1:worker]]  # a worker looks before it is woken
    assert places == sorted(places)


def test_what_the_page_names_is_there() -> None:
    named = re.findall(
        r"`((?:icecube_plugin|hooks|tests|host|alerts|sinks|notices|significance)/[\w./]*)", PAGE
    )
    places = (ROOT, ROOT / "icecube_plugin")
    assert [name for name in named if not any((place / name).exists() for place in places)] == []
    rooms = {p.name for p in (ROOT / "icecube_plugin").iterdir() if (p / "__init__.py").exists()}
    told = set(re.findall(r"^\| `icecube_plugin/(\w+)/` \|", PAGE, re.MULTILINE))
    assert rooms - told == set()
