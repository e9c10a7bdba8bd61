"""docs/reference.md is what the code says, and says all of it."""

from __future__ import annotations

import re

import pytest

from icecube_hooks import ConfigError
from icecube_hooks.host import load_plugins, make_sink
from icecube_plugin.cli.command import COMMANDS
from icecube_plugin.host.config import SinkConfig, config_from
from icecube_plugin.host.filters import FILTERS, NAMES, make_filter
from tests.make_reference import PAGE, parameters_of, reference

TEXT = PAGE.read_text("utf-8")
SECTIONS = {
    title.strip("`"): text
    for title, text in re.findall(
        r"^#{2,4} (.*?)\n(.*?)(?=^#{2,4} |\Z)", TEXT, re.DOTALL | re.MULTILINE
    )
}


def rows(section: str) -> set[str]:
    return set(re.findall(r"^\| `([^`]+)`", SECTIONS[section], re.MULTILINE))


def test_it_is_up_to_date() -> None:
    assert reference() == TEXT, "run: python -m tests.make_reference"


def test_every_command_is_there() -> None:
    assert set(COMMANDS) <= set(SECTIONS)
    assert {"--csv", "--max-p-post"} <= {row.split()[0] for row in rows("query")}
    assert {"sinks rewind", "config show", "auth add"} <= set(SECTIONS)


def test_every_sink_is_there_with_every_option() -> None:
    """By what the loader takes: a name that is not on the page is refused."""
    plugins = load_plugins(allow=["icecube-plugin"])
    assert plugins.sinks
    for name in plugins.sinks:
        with pytest.raises(ConfigError) as caught:
            make_sink(plugins, "x", name, {"none of them": 1})
        known = set(re.findall(r"\w+", (caught.value.hint or "").removeprefix("known: ")))
        assert known <= rows(name), name


@pytest.mark.parametrize("table", ["", "kafka", "plugins", "health"])
def test_every_key_of_the_configuration_is_there(table: str) -> None:
    """By what a wrong one is told."""
    wrong = {"?": 1}
    with pytest.raises(ConfigError) as caught:
        config_from({table: wrong} if table else wrong, {})
    known = set(re.findall(r"\w+", (caught.value.hint or "").removeprefix("known: ")))
    apart = {"kafka", "plugins", "health", "sinks"}
    apart |= {"significance", "annotators", "parsers", "observers"}
    assert known - apart <= rows(f"[{table}]" if table else "Top level")
    assert len(known) > 2


def test_every_filter_and_name_is_there() -> None:
    text = SECTIONS["Filters"]
    told = rows("Filters") | set(re.findall(r"`(\w+)`", text))
    assert {name.removeprefix("min_").removeprefix("max_") for name in FILTERS} <= told
    assert set(NAMES) == rows("Names")
    for name in rows("Filters") - {"within", "dec_deg"}:
        with pytest.raises(ConfigError, match=r"expected|not"):
            make_filter(SinkConfig(name="x", type="x", filter={name: {"?": object()}}))


def test_a_parameter_without_a_text_would_be_seen() -> None:
    found = parameters_of(
        "One.\n\nParameters\n----------\na, b : int\n    Both.\nc\n\nRaises\n------\nd"
    )
    assert found == {"a": "Both.", "b": "Both.", "c": ""}
