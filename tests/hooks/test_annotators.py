"""Annotators: made with options when first needed, checked, and never in anybody's way."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from icecube_hooks import Annotation, AnnotatorType, ConfigError, Record, hookimpl
from icecube_hooks.host import PluginSet, load_plugins
from icecube_hooks.testing import make_message, make_record
from icecube_plugin.notices import track
from icecube_plugin.views.summary import summary

FIXTURES = Path(__file__).parents[2] / "fixtures"
NOTICE = make_message(value=b"", topic="gcn.notices.icecube.gold_bronze_track_alerts")


class Crossmatch:
    """Says what lies within some degrees."""

    def __init__(self, *, radius_deg: float = 1.0) -> None:
        self.radius_deg = radius_deg

    def annotate(self, record: Record) -> Iterable[Annotation]:
        place = record.alert.localization
        if place is not None:
            yield Annotation(
                label="blazar",
                text=f"TXS 0506+056 within {self.radius_deg:g} deg",
                link="https://example.org/txs",
                data={"separation_deg": 0.1},
            )


def plugins_with(make: Any, **options: Any) -> PluginSet:
    class Plugin:
        @hookimpl
        def register_annotators(self) -> list[AnnotatorType]:
            return [
                AnnotatorType(name="match", make=make),
                AnnotatorType(name="sure", make=lambda: lambda _: [_sure()]),
            ]

    given = {"match": options} if options else None
    extra = {"p": Plugin(), "track": track}
    return load_plugins(extra=extra, entry_points=(), annotators=given)


def _sure() -> Annotation:
    return Annotation(label="sure", text="it is")


def read(plugins: PluginSet) -> Record:
    notice = min((FIXTURES / str(NOTICE.topic)).glob("*.json")).read_bytes()
    return plugins.record(NOTICE.replace(value=notice))


def test_what_it_says_is_in_the_record_under_its_name() -> None:
    record = read(plugins_with(Crossmatch, radius_deg=2))
    first, second = record.annotations
    assert (first.provider, first.text) == ("match", "TXS 0506+056 within 2 deg")
    assert second == Annotation(provider="sure", label="sure", text="it is")
    assert record.significances == ()
    assert Record.from_json(record.to_json()) == record
    assert "added        blazar: TXS 0506+056 within 2 deg (by match)" in summary(record)
    assert record.alert.concerns == read(plugins_with(lambda: lambda _: None)).alert.concerns


def test_records_written_before_have_none() -> None:
    data = make_record().to_dict()
    del data["annotations"]
    assert Record.from_dict(data).annotations == ()


def raising(record: Record) -> list[Annotation]:
    raise ZeroDivisionError("no catalogue")


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda: raising, "ZeroDivisionError: no catalogue"),
        (lambda: lambda _: ["text"], "answered str, not Annotation"),
        (lambda: lambda _: 5, "TypeError: 'int' object is not iterable"),
        (
            lambda: lambda _: [_sure().replace(link="javascript:alert(1)")],
            "link: Expected `str` matching regex",
        ),
        (lambda: lambda _: [_sure().replace(text=3)], "text: Expected `str`, got `int`, got 3"),
        (lambda: lambda _: [_sure().replace(data={"a": object()})], "data: Encoding objects of "),
        (lambda: None, "cannot be made: make returned NoneType, which has no method annotate"),
        (lambda *, catalogue: None, "cannot be made: annotators.match.catalogue: is required"),
    ],
)
def test_one_that_fails_costs_only_its_own(make: Any, found: str) -> None:
    plugins = plugins_with(make)
    plugins.configure()
    record = read(plugins)
    assert [one.provider for one in record.annotations] == ["sure"]
    concern = record.alert.concerns[-1]
    assert concern.field == "annotator match"
    assert concern.found.startswith(found)
    assert concern.why == "annotator match failed: what it would say is missing"
    assert plugins.failures == {"annotator match": 1}
    assert "annotator match failed" in summary(record)


def test_it_is_made_once_when_first_needed(caplog: pytest.LogCaptureFixture) -> None:
    made: list[int] = []

    def make() -> Any:
        made.append(1)
        raise RuntimeError("no licence")

    plugins = plugins_with(make)
    assert made == []
    assert {read(plugins).id for _ in range(2)} == {read(plugins).id}
    assert made == [1]
    assert plugins.plugins[0].problems == [
        "annotator 'match' cannot be made: RuntimeError: no licence"
    ]
    assert "plugin p: annotator 'match' cannot be made: RuntimeError: no licence" in caplog.text


def test_wrong_options_are_said_before_anything_is_made() -> None:
    with pytest.raises(ConfigError) as caught:
        plugins_with(Crossmatch, radius=1)
    assert str(caught.value) == (
        "annotators.match.radius: unknown option (did you mean 'radius_deg'?)"
    )
    with pytest.raises(ConfigError, match=r"annotators\.match\.radius_deg: expected `float`"):
        plugins_with(Crossmatch, radius_deg="wide")
    with pytest.raises(ConfigError, match=r"annotators\.mach: no such annotator .*'match'"):
        plugins_with(Crossmatch).configure(annotators={"mach": {}})


def test_a_host_that_starts_says_what_a_constructor_refuses() -> None:
    def make(*, radius_deg: float) -> Any:
        raise ConfigError("must be above 0", key="radius_deg")

    plugins = plugins_with(make, radius_deg=-1)
    with pytest.raises(ConfigError, match=r"annotators\.match\.radius_deg: must be above 0"):
        plugins.prepare()
