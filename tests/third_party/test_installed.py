"""Sinks of third parties, installed from wheels: found, kept apart, and served."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from icecube_hooks.testing import example_records

LOAD = """
import json
from icecube_hooks.host import load_plugins
plugins = load_plugins(block={block!r})
names = ("name", "distribution", "version", "module", "state", "error", "provides", "problems")
inventory = [
    {{name: getattr(plugin, name) for name in names}}
    for plugin in plugins.plugins if plugin.distribution != "icecube-plugin"
]
owners = {{name: plugins.owner(sink).name for name, sink in plugins.sinks.items()}}
print(json.dumps([inventory, owners]))
"""

DELIVER = """
import json, sys
from icecube_hooks.host import load_plugins, make_sink
from icecube_hooks.testing import example_records
plugins = load_plugins()
place = sys.argv[1]
sinks = {
    "hotline": make_sink(plugins, "hotline", "down", {}),
    "hallway": make_sink(plugins, "hallway", "phone", {"path": place + "/hallway"}),
    "database": make_sink(plugins, "database", "sqlite", {"path": place + "/database"}),
}
errors = {}
for record in example_records():
    for name, sink in sinks.items():
        try:
            sink.write([record])
        except Exception as error:
            errors[name] = repr(error)
sinks["database"].close()
print(json.dumps(errors))
"""


def run(environment: dict[str, str], program: str, *arguments: object) -> Any:
    command = [sys.executable, "-W", "error", "-c", program, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_inventory(installed: dict[str, str]) -> None:
    inventory, owners = run(installed, LOAD.format(block=()))
    assert inventory == [
        {
            "name": "broken-sink:broken",
            "distribution": "broken-sink",
            "version": "3.0",
            "module": "broken_sink",
            "state": "failed",
            "error": "ImportError: needs a modem",
            "provides": [],
            "problems": [],
        },
        {
            "name": "down-sink:down",
            "distribution": "down-sink",
            "version": "2.0",
            "module": "down_sink",
            "state": "loaded",
            "error": None,
            "provides": ["sink down"],
            "problems": [],
        },
        {
            "name": "phone-sink:phone",
            "distribution": "phone-sink",
            "version": "1.2",
            "module": "phone_sink",
            "state": "loaded",
            "error": None,
            "provides": ["sink phone"],
            "problems": [],
        },
        {
            "name": "second-phone:phone",
            "distribution": "second-phone",
            "version": "0.1",
            "module": "second_phone",
            "state": "loaded",
            "error": None,
            "provides": [],
            "problems": [
                "sink 'phone' is already provided by phone-sink:phone; this one is not used"
            ],
        },
    ]
    assert owners["phone"] == "phone-sink:phone"
    assert owners["sqlite"] == "icecube-plugin:sink-sqlite"


def test_blocked_distributions_are_not_imported(installed: dict[str, str]) -> None:
    inventory, owners = run(installed, LOAD.format(block=("phone-sink", "broken*")))
    assert {plugin["name"]: plugin["state"] for plugin in inventory} == {
        "broken-sink:broken": "blocked",
        "down-sink:down": "loaded",
        "second-phone:phone": "loaded",
        "phone-sink:phone": "blocked",
    }
    assert owners["phone"] == "second-phone:phone"


def test_records_arrive_beside_a_sink_that_fails(installed: dict[str, str], tmp_path: Path) -> None:
    errors = run(installed, DELIVER, tmp_path)
    assert errors == {"hotline": "ZeroDivisionError('the exchange is down')"}
    expected = [record.id for record in example_records()]
    assert (tmp_path / "hallway").read_text().splitlines() == expected


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ("{}", "sinks.hallway.path: is required"),
        ("{'pahth': 1}", "sinks.hallway.pahth: unknown option (did you mean 'path'?)"),
    ],
)
def test_options_are_checked_by_the_signature(
    installed: dict[str, str], options: str, text: str
) -> None:
    program = f"""
import json
from icecube_hooks import ConfigError
from icecube_hooks.host import load_plugins, make_sink
try:
    make_sink(load_plugins(), "hallway", "phone", {options})
except ConfigError as error:
    print(json.dumps(str(error)))
"""
    assert run(installed, program) == text
