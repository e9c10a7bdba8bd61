"""The kits for parsers, providers and annotators: ours pass, who breaks a rule does not."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from icecube_hooks import (
    Alert,
    AlertKind,
    Annotation,
    AnnotatorType,
    Message,
    ParserType,
    Sided,
    SignificanceType,
    Verdict,
    WireFormat,
)
from icecube_hooks.testing import (
    AnnotatorConformance,
    ParserConformance,
    SignificanceConformance,
    make_significance,
)
from icecube_plugin.notices.lvk import register_parsers as lvk_parsers
from icecube_plugin.notices.track import register_parsers as track_parsers
from icecube_plugin.significance.provider import register_significance

FIXTURES = Path(__file__).parents[2] / "fixtures"


def notices(topic: str) -> Sequence[Message]:
    files = sorted((FIXTURES / topic).glob("*.json"))[:3]
    return [Message(value=file.read_bytes(), topic=topic) for file in files]


class TestOurTracks(ParserConformance):
    (parser,) = track_parsers()

    def notices(self) -> Sequence[Message]:
        return notices("gcn.notices.icecube.gold_bronze_track_alerts")


class TestOurSearches(ParserConformance):
    (parser,) = lvk_parsers()

    def notices(self) -> Sequence[Message]:
        return notices("gcn.notices.icecube.lvk_nu_track_search")


class TestOurSignificance(SignificanceConformance):
    (provider,) = register_significance()
    options = {"trials": 10.0}  # noqa: RUF012  # declared in the suite
    bad_options = ({"trials": 0.5}, {"sided": "left"})


class TestAnAnnotator(AnnotatorConformance):
    annotator = AnnotatorType(
        name="says",
        make=lambda: lambda record: [Annotation(label="kind", text=record.alert.kind)],
        summary="says what it is",
    )


def broken(suite: type, **changes: Any) -> set[str]:
    """Return which rules a plugin breaks."""
    made = type("Broken", (suite,), changes)()
    found = set()
    for name in dir(made):
        if name.startswith("test_"):
            try:
                getattr(made, name)()
            except Exception:  # noqa: BLE001  # whatever a rule raises
                found.add(name)
    return found


def parse(message: Message) -> Alert | None:
    if not message.value.startswith(b'{"mine"'):
        return None
    return Alert(kind=AlertKind("x"), format=WireFormat.JSON, event_names=("X-1",))


COUNT = itertools.count()
READS: dict[str, tuple[Callable[[Message], Any], set[str]]] = {
    "good": (parse, set()),
    "takes all": (
        lambda message: parse(Message(value=b'{"mine"')),
        {"test_foreign_messages_are_left_to_others"},
    ),
    "no name": (lambda m: parse(m) and parse(m).replace(event_names=()), {"test_notices_are_read"}),  # type: ignore[union-attr]  # checked before
    "not pure": (
        lambda m: parse(m) and parse(m).replace(comments=(str(next(COUNT)),)),  # type: ignore[union-attr]  # likewise
        {"test_reading_is_pure"},
    ),
    "raises": (
        lambda m: json.loads(m.value) and parse(m),
        {"test_foreign_messages_are_left_to_others", "test_damaged_notices_are_refused_or_read"},
    ),
    "impossible": (
        lambda m: parse(m) and parse(m).replace(signalness=17.0),  # type: ignore[union-attr]  # likewise
        {"test_notices_are_read", "test_damaged_notices_are_refused_or_read"},
    ),
}


@pytest.mark.parametrize("name", READS)
def test_parsers_that_break_a_rule(name: str) -> None:
    function, expected = READS[name]
    parser = ParserType(name="x", topics=("x.*",), parse=function, summary="x")
    own = [Message(value=b'{"mine": 1}', topic="x.y")]
    found = broken(ParserConformance, parser=parser, notices=lambda self: own)
    assert expected <= found
    assert bool(found) is bool(expected)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"provider": "icecube"}, "test_values_fit_the_types"),
        ({"sigma": 5.0}, "test_p_and_sigma_agree"),
        ({"sided": Sided.TWO}, "test_p_and_sigma_agree"),
        ({"n_trials": None}, "test_trials_are_stated"),
        ({"p_value_post": None, "sigma_post": None, "verdict": Verdict.STRONG}, "test_trials_are"),
        ({"far_source": None}, "test_trials_are_stated"),
        ({"p_value": 1.5}, "test_values_fit_the_types"),
    ],
)
def test_providers_that_break_a_rule(changes: dict[str, Any], rule: str) -> None:
    one = make_significance(**{"provider": "mine"} | changes)
    provider = SignificanceType(name="mine", make=lambda: lambda _: [one], summary="x")
    found = broken(SignificanceConformance, provider=provider)
    assert [name for name in found if name.startswith(rule)]


@pytest.mark.parametrize(
    ("annotate", "rule"),
    [
        (lambda _: [Annotation(label="a\nb", text="x")], "test_annotations_are_for_people"),
        (lambda _: [Annotation(label="a", text="")], "test_annotations_are_for_people"),
        (lambda _: [], "test_annotations_are_for_people"),
        (lambda _: [Annotation(label="a", text=str(next(COUNT)))], "test_annotating_is_pure"),
        (lambda record: [record.alert.localization.ra_deg], "test_annotating_is_pure"),
    ],
)
def test_annotators_that_break_a_rule(annotate: Any, rule: str) -> None:
    annotator = AnnotatorType(name="mine", make=lambda: annotate, summary="x")
    assert rule in broken(AnnotatorConformance, annotator=annotator)
