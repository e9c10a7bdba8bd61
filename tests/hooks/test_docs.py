"""The reference, hooks/README.md, says what the code does."""

from __future__ import annotations

import importlib
import inspect
import os
import re
import subprocess
import sys
import tomllib
from enum import StrEnum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

import icecube_hooks
from icecube_hooks import ENTRY_POINT_GROUP, hookspecs
from icecube_hooks.host import load_plugins
from icecube_hooks.testing import (
    AnnotatorConformance,
    ParserConformance,
    SignificanceConformance,
    make_alert,
)
from icecube_plugin.sinks.json_lines import read_lines

from . import test_hooks
from .plugins import module

ROOT = Path(__file__).parents[2]
README = (ROOT / "hooks" / "README.md").read_text("utf-8")
BLOCKS = dict(re.findall(r"```(?:python|toml)\n# (\S+)\n(.*?)```", README, re.DOTALL))
SECTIONS = dict(re.findall(r"^### `?(.*?)`?\n(.*?)(?=^#|\Z)", README, re.DOTALL | re.MULTILINE))

HOOKS = {
    name: function
    for name, function in vars(hookspecs).items()
    if hasattr(function, f"{icecube_hooks.PROJECT_NAME}_spec")
}
PUBLIC = {name: getattr(icecube_hooks, name) for name in icecube_hooks.__all__}
STRUCTS = {
    name: thing
    for name, thing in PUBLIC.items()
    if isinstance(thing, type) and issubclass(thing, msgspec.Struct)
}
ENUMS = {n: t for n, t in PUBLIC.items() if isinstance(t, type) and issubclass(t, StrEnum)}


def test_there_is_something_to_prove() -> None:
    assert len(HOOKS) == 9
    assert len(STRUCTS) == 23
    assert len(ENUMS) == 6
    assert len(re.findall(r"```(?:python|toml)", README)) == len(BLOCKS) == 12


@pytest.mark.parametrize("name", HOOKS)
def test_hook_is_documented_with_its_arguments(name: str) -> None:
    arguments = ", ".join(inspect.signature(HOOKS[name]).parameters)
    section = SECTIONS[f"{name}({arguments})"]
    assert all(f"`{argument}`" in section for argument in inspect.signature(HOOKS[name]).parameters)
    doc = inspect.getdoc(HOOKS[name]) or ""
    assert re.findall(r"Since (\d\.\d)\.", section) == re.findall(r"versionadded:: (.*)", doc) != []


def test_no_other_hook_is_documented() -> None:
    documented = {title.partition("(")[0] for title in SECTIONS if title.endswith(")")}
    assert documented == set(HOOKS)


@pytest.mark.parametrize("name", HOOKS)
def test_hook_has_a_test_of_its_name(name: str) -> None:
    assert callable(getattr(test_hooks, f"test_{name}"))


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_public_name_is_documented(name: str) -> None:
    assert re.search(rf"`@?{name}\b", README)


@pytest.mark.parametrize("name", ["host", "testing"])
def test_names_of_other_modules_are_documented(name: str) -> None:
    for public in importlib.import_module(f"icecube_hooks.{name}").__all__:
        assert re.search(rf"`{public}\b", README), public


@pytest.mark.parametrize("name", STRUCTS)
def test_fields_are_documented(name: str) -> None:
    fields = STRUCTS[name].__struct_fields__
    assert [field for field in fields if f"`{field}`" not in SECTIONS[name]] == []


@pytest.mark.parametrize("name", STRUCTS)
def test_tables_name_no_other_fields(name: str) -> None:
    cells = re.findall(r"^\| (`.*?) \|", SECTIONS[name], re.MULTILINE)
    documented = {field for cell in cells for field in re.findall(r"`(\w+)`", cell)}
    assert documented <= set(STRUCTS[name].__struct_fields__)


@pytest.mark.parametrize("name", STRUCTS)
def test_derived_names_are_documented(name: str) -> None:
    cls: Any = STRUCTS[name]
    own = {n for n, value in vars(cls).items() if isinstance(value, property)}
    assert [n for n in own if f"`{n}`" not in SECTIONS[name]] == []


@pytest.mark.parametrize("name", ENUMS)
def test_members_are_documented(name: str) -> None:
    (line,) = re.findall(rf"^- `{name}`: (.*)$", README, re.MULTILINE)
    members = [(member.name, member.value) for member in ENUMS[name]]
    assert re.findall(r"`(\w+)` = `(.*?)`", line) == members


@pytest.mark.parametrize("name", ["host", "testing"])
def test_documented_arguments_are_the_real_ones(name: str) -> None:
    source = importlib.import_module(f"icecube_hooks.{name}")
    for public in source.__all__:
        for arguments in re.findall(rf"`{public}\(([^()`]+)\)`", README):
            given = [part.strip("* ") for part in arguments.split(",") if part.strip("* ")]
            assert given == list(inspect.signature(getattr(source, public)).parameters)


def test_links_lead_somewhere() -> None:
    titles = re.findall(r"^## (.*)$", README, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}
    assert set(re.findall(r"\]\(#(.*?)\)", README)) <= anchors


def test_sink_keeps_the_rules(tmp_path: Path) -> None:
    """The sink of the first block passes the suite as the third block runs it."""
    for name in ("my_sink.py", "test_my_sink.py"):
        (tmp_path / name).write_text(BLOCKS[name])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert re.search(r"^\d\d passed, 2 skipped in", done.stdout, re.MULTILINE), done.stdout


def test_project_of_the_sink() -> None:
    project = tomllib.loads(BLOCKS["pyproject.toml"])
    assert project["project"]["entry-points"] == {ENTRY_POINT_GROUP: {"diary": "my_sink"}}
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["include"] == ["my_sink.py"]


def test_configuration_of_the_sink(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = module(monkeypatch, "my_sink")
    exec(BLOCKS["my_sink.py"], vars(made))  # noqa: S102  # our own documentation
    plugins = load_plugins(extra={"my-sink": made}, entry_points=())
    options = tomllib.loads(BLOCKS["icecube-alerts.toml"])["sinks"]["hallway"]
    monkeypatch.chdir(tmp_path)
    plugins.sinks[options.pop("type")].make(**options)
    assert (tmp_path / "hallway.txt").exists()


PLAIN = """
import sys
sys.modules["icecube_hooks.host"] = None  # nothing of ours but the contract
{block}
print(len(manager.list_name_plugin()), sorted(parser.name for parser in parsers))
"""


@pytest.mark.parametrize("name", ["plain_host.py", "bridge.py"])
def test_hosts_of_pluggy_alone(name: str) -> None:
    command = [sys.executable, "-W", "error", "-c", PLAIN.format(block=BLOCKS[name])]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) >= 23
    assert "'track-json'" in done.stdout
    assert "'voevent'" in done.stdout


def test_parser_of_the_guide(monkeypatch: pytest.MonkeyPatch) -> None:
    made = module(monkeypatch, "my_parser")
    exec(BLOCKS["my_parser.py"], vars(made))  # noqa: S102  # our own documentation
    message = icecube_hooks.Message(
        value=b'{"mission": "Baikal", "event_name": "GVD1"}', topic="gcn.notices.baikal.alert"
    )

    class Suite(ParserConformance):
        (parser,) = made.register_parsers()

        def notices(self) -> list[icecube_hooks.Message]:
            return [message]

    check_all(Suite)
    assert load_plugins(extra={"p": made}, entry_points=()).parse(message).event_key == "GVD1"


def test_provider_of_the_guide(monkeypatch: pytest.MonkeyPatch) -> None:
    made = module(monkeypatch, "my_provider")
    exec(BLOCKS["my_provider.py"], vars(made))  # noqa: S102  # our own documentation
    tables = tomllib.loads(BLOCKS["looks.toml"])["significance"]

    class Suite(SignificanceConformance):
        (provider,) = made.register_significance()
        options = tables["looks"]

    check_all(Suite)
    plugins = load_plugins(extra={"p": made}, entry_points=(), significance=tables)
    p_values = (icecube_hooks.PValue(search="generic", value=0.01),)
    (one,) = plugins.assess(make_alert(p_values=p_values))
    assert one.p_value_post == pytest.approx(1 - 0.99**10)


def test_annotator_of_the_guide(monkeypatch: pytest.MonkeyPatch) -> None:
    made = module(monkeypatch, "my_annotator")
    exec(BLOCKS["my_annotator.py"], vars(made))  # noqa: S102  # our own documentation

    class Suite(AnnotatorConformance):
        (annotator,) = made.register_annotators()
        options = {"names": {"2023": "O4a"}}  # noqa: RUF012  # declared in the suite
        bad_options = ({"names": {"2023": 4}},)

    check_all(Suite)


def check_all(suite: type) -> None:
    for name in dir(suite):
        if name.startswith("test_"):
            getattr(suite(), name)()


def test_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    topic = "gcn.notices.icecube.lvk_nu_track_search"
    notice = min((ROOT / "fixtures" / topic).glob("*.json")).read_bytes()
    values = (notice, b"what is this?")
    received = [SimpleNamespace(value=lambda v=v: v, topic=lambda: topic) for v in values]
    monkeypatch.chdir(tmp_path)
    exec(BLOCKS["host.py"], {"consumer": received})  # noqa: S102  # our own documentation
    (record,) = read_lines("alerts.jsonl")
    assert record.message.value == notice
    assert capsys.readouterr().out == (
        f"not read: {topic}: no parser recognises this message, got b'what is this?'\n"
    )


def test_observer(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from icecube_hooks.testing import make_message, make_record

    made = module(monkeypatch, "my_observer")
    exec(BLOCKS["my_observer.py"], vars(made))  # noqa: S102  # our own documentation
    plugins = load_plugins(extra={"my-observer": made}, entry_points=())
    plugins.notify("on_record", record=make_record())
    error = icecube_hooks.NoticeError("is odd")
    plugins.notify("on_refused", message=make_message(), error=error)
    assert capsys.readouterr().out == "gold:137840_57034692:0 0.336\nnot read: is odd\n"
