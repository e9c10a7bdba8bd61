"""The errors: one line each, with their facts, through pickle."""

from __future__ import annotations

import inspect
import pickle

import pytest

import icecube_hooks
from icecube_hooks import (
    ConfigError,
    IceCubePluginError,
    NoticeError,
    NotOurs,
    PluginError,
    RefusedForGood,
    RetryLater,
    SinkError,
)
from icecube_hooks.testing import make_message


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (NoticeError("is empty"), "is empty"),
        (
            NoticeError("expected a number", field="ra", value="12x"),
            "ra: expected a number, got '12x'",
        ),
        (NoticeError("is not a time", value=None), "is not a time, got None"),
        (NoticeError("is long", value="x" * 500), "is long, got '" + "x" * 76 + "..."),
        (NoticeError("is odd", value="\x1b\u202eé"), r"is odd, got '\x1b\u202e\xe9'"),
        (
            NoticeError("is odd", field="ra").within("localization").within("events[1]"),
            "events[1].localization.ra: is odd",
        ),
        (NoticeError("is odd", field="[1]").within("events"), "events[1]: is odd"),
        (NoticeError("is odd").within("events"), "events: is odd"),
        (NoticeError("is odd").at(make_message(topic="t")), "t[0]@12: is odd"),
        (NoticeError("is odd").at(make_message(topic=None, origin="a\x1b")), r"a\x1b: is odd"),
        (NoticeError("is odd").at(make_message(offset=None, origin=None, topic="t")), "t: is odd"),
        (ConfigError("is unknown"), "is unknown"),
        (ConfigError("is unknown", key="a.b", hint="known: c"), "a.b: is unknown (known: c)"),
        (PluginError("failed"), "failed"),
        (PluginError("failed", plugin="d:p"), "d:p: failed"),
        (RetryLater("is down"), "is down"),
        (RefusedForGood("is gone", sink="archive"), "sink archive: is gone"),
    ],
)
def test_text(error: IceCubePluginError, text: str) -> None:
    assert str(error) == text
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own
    assert type(copy) is type(error)
    assert str(copy) == text
    assert vars(copy) == vars(error)


def test_tree_is_the_one_that_is_drawn() -> None:
    bases = {
        NoticeError: (IceCubePluginError, ValueError),
        NotOurs: (NoticeError,),
        ConfigError: (IceCubePluginError, ValueError),
        PluginError: (IceCubePluginError, RuntimeError),
        SinkError: (IceCubePluginError, RuntimeError),
        RetryLater: (SinkError,),
        RefusedForGood: (SinkError,),
    }
    assert {cls: cls.__bases__ for cls in bases} == bases
    public = [getattr(icecube_hooks, name) for name in icecube_hooks.__all__]
    errors = {e for e in public if inspect.isclass(e) and issubclass(e, Exception)}
    assert errors == {*bases, IceCubePluginError}


def test_same_error_is_returned() -> None:
    error = NoticeError("is odd", field="ra")
    assert error.within("a") is error
    assert error.at(make_message()) is error
    assert (error.topic, error.partition, error.offset) == (make_message().topic, 0, 12)


def test_value_that_was_not_given_is_told_from_none() -> None:
    assert repr(NoticeError("is odd").value) == "<not given>"
    assert NoticeError("is odd", value=None).value is None
