"""What authors of plugins do wrong, as ``icecube-alerts check`` and a run say it.

Each row is a plugin of one file with one mistake. What is said names the plugin and the hook,
method or option, and what to do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import pytest

from icecube_plugin.cli import main

NOTICE: Final = (
    Path(__file__).parents[2] / "fixtures" / "gcn.notices.icecube.gold_bronze_track_alerts"
)
HEAD: Final = "from icecube_hooks import *\nfrom icecube_hooks import hookimpl\n"
BELL: Final = """
class Bell:
    def __init__(self, *, path: str = "x"):
        self.path = path
    def write(self, records):
        pass
"""


def registers(hook: str, kind: str, more: str) -> str:
    return f"@hookimpl\ndef {hook}():\n    return [{kind}(name='mine', {more})]\n"


SINK: Final = BELL + registers("register_sinks", "SinkType", "make=Bell")
PARSER: Final = registers("register_parsers", "ParserType", "topics=('mine',), parse=parse")
PROVIDER: Final = registers("register_significance", "SignificanceType", "make=make")
ANNOTATOR: Final = registers("register_annotators", "AnnotatorType", "make=make")
OBSERVER: Final = registers("register_observers", "ObserverType", "make=make")


class Mistake(NamedTuple):
    """A plugin, what the configuration says of it, and what is said."""

    text: str
    said: str
    table: str = ""


USED: Final = '[sinks.bell]\ntype = "mine"\n'
MISTAKES: Final = {
    "a package that is not there": Mistake(
        "import nothing_there\n" + SINK,
        "ModuleNotFoundError: No module named 'nothing_there' (pip install nothing-there)",
    ),
    "syntax": Mistake("def x(:\n", "SyntaxError: invalid syntax (mine.py, line 3)"),
    "no mark": Mistake(
        SINK.replace("@hookimpl\n", ""),
        "PluginError: register_sinks is not marked: put @icecube_hooks.hookimpl above it",
    ),
    "another project's mark": Mistake(
        "import pluggy\nhookimpl = pluggy.HookimplMarker('tox')\n" + SINK,
        "register_sinks is marked for tox: put @icecube_hooks.hookimpl above it",
    ),
    "a misspelt hook": Mistake(
        SINK.replace("def register_sinks", "def register_sink"),
        "unknown hook 'register_sink' (did you mean 'register_sinks'?)",
    ),
    "no hook at all": Mistake(
        "x = 1\n", "it has no function named like a hook, and provides nothing"
    ),
    "an argument that a hook has not": Mistake(
        "@hookimpl\ndef on_record(record, alert):\n    pass\n",
        "on_record has no argument 'alert' (known: record)",
    ),
    "a default": Mistake(
        "@hookimpl\ndef on_record(record=None):\n    pass\n",
        "on_record: parameter 'record' must not have a default",
    ),
    "an async hook": Mistake(
        "@hookimpl\nasync def on_record(record):\n    pass\n",
        "on_record is async: nobody would await it",
    ),
    "no list": Mistake(
        SINK.replace("[SinkType", "(SinkType").replace(")]", "))"),
        "register_sinks returned SinkType, not a list of SinkType",
    ),
    "no return": Mistake(
        "@hookimpl\ndef register_sinks():\n    pass\n",
        "mine: register_sinks returned None, not a list of SinkType",
    ),
    "the class in place of its type": Mistake(
        BELL + "@hookimpl\ndef register_sinks():\n    return [Bell]\n",
        "register_sinks returned type, not SinkType",
    ),
    "a name with blanks": Mistake(
        SINK.replace("'mine'", "'the bell'"),
        "sink 'the bell': the name may have letters, digits, '-', '_' and '.'",
    ),
    "a name that is taken": Mistake(
        SINK.replace("'mine'", "'jsonl'"),
        "sink 'jsonl' is already provided by icecube-plugin:sink-jsonl; this one is not used",
    ),
    "another contract": Mistake(
        "CONTRACT = '1.4'\n" + SINK, "was written for contract 1.4, this is 2.0: update the plugin"
    ),
    "no version": Mistake(
        "CONTRACT = 'two'\n" + SINK, "CONTRACT is 'two', not a version: write '2.0'"
    ),
    "a sink without write": Mistake(
        SINK.replace("def write", "def wrote"), "Bell has no method write(records)", USED
    ),
    "an async write": Mistake(
        SINK.replace("def write", "async def write"), "write is async: nobody would await it", USED
    ),
    "other arguments": Mistake(
        SINK.replace("self, records", "self"), "write cannot be called as write(records)", USED
    ),
    "make gives nothing": Mistake(
        SINK.replace("make=Bell", "make=lambda: None"), "make returned None, not a sink", USED
    ),
    "no such option": Mistake(
        SINK, "sinks.bell.pth: unknown option (did you mean 'path'?)", USED + 'pth = "y"\n'
    ),
    "an option of another type": Mistake(
        SINK, "sinks.bell.path: expected `str`, got `int`", USED + "path = 5\n"
    ),
    "an option that is missing": Mistake(
        SINK.replace(' = "x"', ""), "sinks.bell.path: is required", USED
    ),
    "a constructor that fails": Mistake(
        SINK.replace("self.path = path", "{}['modem']"), "bell: KeyError: 'modem'", USED
    ),
    "no such type": Mistake(
        SINK,
        "sinks.bell.type: no sink type 'mne' (did you mean 'mine'?)",
        USED.replace("mine", "mne"),
    ),
    "topics as text": Mistake(
        "parse = print\n" + PARSER.replace("('mine',)", "'gcn.x'"),
        "topics is a text, not a tuple of texts: write topics=('gcn.x',)",
    ),
    "a provider that cannot be made": Mistake(
        "def make():\n    raise ValueError('no table')\n" + PROVIDER,
        "significance 'mine' cannot be made: significance.mine: no table",
    ),
    "a provider whose option is missing": Mistake(
        "def make(*, table: str):\n    return print\n" + PROVIDER,
        "significance 'mine' cannot be made: significance.mine.table: is required",
    ),
    "an annotator that is none": Mistake(
        "class make:\n    pass\n" + ANNOTATOR,
        "annotator 'mine' cannot be made: make returned make, which has no method annotate",
    ),
    "an observer of nothing": Mistake(
        "class make:\n    pass\n" + OBSERVER,
        "has no method that is named like one of on_start, on_record, on_refused, on_stop",
    ),
    "an observer of a misspelt hook": Mistake(
        "class make:\n    def on_recrd(self, record):\n        pass\n" + OBSERVER,
        "no observing hook 'on_recrd' (did you mean 'on_record'?)",
    ),
}
"""Said by ``check``, whose exit code is 2."""

GIVES: Final = "def parse(message):\n    return Alert(kind='k', format=WireFormat.JSON, {})\n"
AT_WORK: Final = {
    "a write that fails": Mistake(
        SINK.replace("pass", "1 / 0"),
        "sink bell: ZeroDivisionError: division by zero (mine.py:8)",
        USED,
    ),
    "a write that exits": Mistake(
        SINK.replace("pass", "raise SystemExit(3)"), "sink bell: SystemExit: 3 (mine.py:8)", USED
    ),
    "an alert that cannot be": Mistake(
        GIVES.format("signalness=17") + PARSER,
        "signalness: parser mine gave an alert that cannot be",
    ),
    "a time without zone": Mistake(
        "import datetime\n"
        + GIVES.format("trigger_time=datetime.datetime(2020, 1, 1)")
        + PARSER,
        "trigger_time: parser mine gave an alert that cannot be",
    ),
    "a parser that fails": Mistake(
        "def parse(message):\n    return message.value['x']\n" + PARSER,
        "parser mine failed: TypeError: byte indices must be integers or slices, not str",
    ),
    "a parser that gives a dict": Mistake(
        "def parse(message):\n    return {}\n" + PARSER, "parser mine answered dict, not Alert"
    ),
}  # fmt: skip
"""Said when a message comes."""


def place(folder: Path, mistake: Mistake) -> str:
    (folder / "plugins").mkdir()
    (folder / "plugins" / "mine.py").write_text(HEAD + mistake.text)
    file = folder / "alerts.toml"
    data = f'data_folder = "{folder}/data"\nplugins_folder = "{folder}/plugins"\n'
    file.write_text(data + mistake.table)
    return str(file)


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES.keys())
def test_what_check_says(
    tmp_path: Path, mistake: Mistake, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["check", "--offline", "--config", place(tmp_path, mistake)])
    said = [line for line in capsys.readouterr().out.splitlines() if mistake.said in line]
    assert code == 2
    assert len(said) == 1
    assert said[0].startswith("FAIL ")
    assert "mine" in said[0] or "sinks.bell" in said[0] or "sink: bell" in said[0]


@pytest.mark.parametrize("mistake", AT_WORK.values(), ids=AT_WORK.keys())
def test_what_a_run_says(
    tmp_path: Path,
    mistake: Mistake,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    notice = min(NOTICE.glob("*.json"))
    configured = place(tmp_path, mistake)
    assert main(["replay", "--topic", "mine", "--config", configured, str(notice)]) == 1
    assert mistake.said in caplog.text + "".join(capfd.readouterr())
