"""Alerts, records, lists and figures in a notebook; the tutorial's notebook, executed."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import confluent_kafka
import pytest
from IPython.core.formatters import DisplayFormatter
from lxml import html

import icecube_plugin
from icecube_hooks import Localization, Record
from icecube_hooks.testing import example_records, make_alert, make_message, make_record
from icecube_plugin.alerts.columns import ALERT, RECORD
from icecube_plugin.alerts.headline import headline
from icecube_plugin.alerts.tables import table
from icecube_plugin.host import Config, FileSource, Host, KafkaConfig
from icecube_plugin.views import plots
from icecube_plugin.views.notebook import Records, html_of
from tests.kafka_broker.broker import KafkaBroker
from tests.report.hostile import all_hostile
from tests.test_tutorial import publish

ROOT = Path(__file__).parent.parent
NOTEBOOK = ROOT / "docs" / "notebooks" / "tutorial.ipynb"
TOPIC = "gcn.notices.icecube.lvk_nu_track_search"
PNG = b"\x89PNG\r\n\x1a\n"


def shown(thing: Any) -> Any:
    found = thing._repr_html_()
    assert found is not None
    return html.fromstring(found)


def text_of(page: Any) -> str:
    return " ".join(page.text_content().split())


def test_a_record_and_its_alert_show_headline_facts_and_map() -> None:
    record = make_record()
    for thing in (record, record.alert):
        page = shown(thing)
        assert headline(record) in text_of(page)
        assert "345.82" in text_of(page)
        assert len(page.findall(".//svg[@class='icecube-map']")) == 2
    assert record.id in text_of(shown(record))
    assert len(repr(record.alert)) > 500  # which is what stood there before


def test_other_parts_are_shown_as_before() -> None:
    assert Localization(ra_deg=1.0, dec_deg=2.0)._repr_html_() is None
    assert html_of([1, 2]) is None
    assert html_of([]) is None


def test_a_list_has_a_row_for_each_and_ends() -> None:
    records = [make_record(), make_record(run_id=1), make_record(localization=None)]
    page = shown(Records(records))
    rows = [[text_of(cell) for cell in row] for row in page.findall(".//tr")[1:]]
    assert rows == [["2023-04-16 07:42:31", headline(record)] for record in records]
    many = shown(Records([make_alert()] * 60))
    assert len(many.findall(".//tr")) == 51
    assert "and 10 more" in text_of(many)


def test_hostile_and_sparse_records_are_text() -> None:
    records = [*all_hostile(), *example_records()]
    for page in (*map(shown, records), shown(Records(records))):
        assert not page.xpath("//script | //img | //a | //@*[starts-with(name(), 'on')]")


def test_a_shell_shows_lists_of_records_and_other_lists_as_before() -> None:
    formatter: Any = DisplayFormatter()
    icecube_plugin.load_ipython_extension(SimpleNamespace(display_formatter=formatter))
    form = formatter.format
    data, _ = form([make_record()])
    assert "GOLD" in data["text/html"]
    assert "text/html" not in form([1, 2])[0]
    assert "text/html" in form(make_record())[0]


def test_figures_are_shown() -> None:
    formatter: Any = DisplayFormatter()
    data, _ = formatter.format(plots.finder(make_record()))
    assert data["image/png"].startswith(PNG)


def test_the_contract_alone_shows_plain_text() -> None:
    code = "from icecube_hooks.testing import make_alert; print(make_alert()._repr_html_())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "None\n"


def test_a_table_of_records_or_alerts() -> None:
    record = make_record()
    assert table([record]).colnames == [column.short for column in RECORD]
    assert table([record.alert]).colnames == [column.short for column in ALERT]
    assert table([record])["ra"].unit == table([record.alert])["ra"].unit


def test_a_host_of_its_own_prints_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A notebook is not filled with what the default sinks print."""
    folder = ROOT / "fixtures" / TOPIC
    host = Host(Config(data_folder=tmp_path))
    host.run(lambda: FileSource([str(folder)]))
    assert host.summary.written.keys() == {"database", "files", "lines"}
    assert min(host.summary.written.values()) > 10
    assert capfd.readouterr().out == ""


@contextmanager
def news(servers: str) -> Iterator[None]:
    """Publish a notice again and again, until somebody who listens from now on has heard it."""
    notice = (ROOT / "fixtures" / TOPIC / "S200213t-3-Initial.json").read_bytes()
    heard = threading.Event()
    producer = confluent_kafka.Producer({"bootstrap.servers": servers, "log_level": 0})

    def speak() -> None:
        while not heard.wait(0.5):
            producer.produce(TOPIC, notice, partition=0)
            producer.flush(30.0)

    thread = threading.Thread(target=speak)
    thread.start()
    try:
        yield
    finally:
        heard.set()
        thread.join()


@pytest.mark.full
def test_records_come_from_kafka_as_objects(tmp_path: Path, private_kafka: KafkaBroker) -> None:
    servers = private_kafka.bootstrap_servers
    private_kafka.create_topic(TOPIC)
    publish(servers)
    kafka = KafkaConfig(bootstrap_servers=servers, topics=(TOPIC,), group_id="mine")
    host = Host(Config(data_folder=tmp_path, kafka=kafka))
    past = list(host.iter_since("2024-11-01", datetime(2024, 12, 31, tzinfo=UTC)))
    assert [r.alert.event_key for r in past] == ["S241106ba", *["S241225c"] * 3]
    assert all(isinstance(record, Record) and record.significances for record in past)
    with news(servers):
        (live,) = itertools.islice(host.iter_live(), 1)
    assert live.alert.event_key == "S200213t"
    assert not (tmp_path / "alerts.sqlite").exists()


def read_notebook() -> Any:
    import nbformat  # it takes seconds

    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(notebook)
    return notebook


@pytest.mark.full
def test_the_tutorial_runs(
    tmp_path: Path, private_kafka: KafkaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nbclient import NotebookClient  # it takes seconds

    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "jupyter"))
    private_kafka.create_topic(TOPIC)
    publish(private_kafka.bootstrap_servers)
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    (tmp_path / "icecube-alerts.toml").write_text(
        f'[kafka]\nbootstrap_servers = "{private_kafka.bootstrap_servers}"\ntopics = ["{TOPIC}"]\n'
    )
    notebook = read_notebook()
    with news(private_kafka.bootstrap_servers):
        client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": tmp_path}})
        done = client.execute()
    outputs = {cell["id"]: cell["outputs"] for cell in done.cells if cell["cell_type"] == "code"}
    kinds = [set(one.get("data", {})) for cell in outputs.values() for one in cell]
    assert sum("image/png" in kind for kind in kinds) == 3
    htmls = [
        o["data"]["text/html"]
        for c in outputs.values()
        for o in c
        if "text/html" in o.get("data", {})
    ]
    assert "GW SEARCH S241225c" in htmls[0]
    assert "4 alerts" in htmls[1]
    assert "GW SEARCH S200213t" in htmls[-1]


def test_the_notebook_in_the_repository_has_no_outputs() -> None:
    """They would be of another version, and of somebody's alerts."""
    notebook = read_notebook()
    cells = [cell for cell in notebook.cells if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells)
    titles = [c["source"].splitlines()[0] for c in notebook.cells if c["source"].startswith("## ")]
    page = (ROOT / "docs" / "from-the-tutorial.md").read_text()
    steps = [line for line in page.splitlines() if line.startswith("## ")]
    assert [title.split(".")[0] for title in titles] == [step.split(".")[0] for step in steps]


def test_message_of_a_record_is_kept_out_of_the_page() -> None:
    secret = make_record(message=make_message(value=b"<b>all of it</b>"))
    assert "all of it" not in text_of(shown(secret))
