"""The classes of the contract beside those that the standard library makes of the same text."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import subprocess
import sys
from typing import Any

import pytest

from icecube_hooks import Alert, AlertKind, Direction, PValue, WireFormat
from icecube_hooks._frozen import dataclass, field, maker


@dataclass(frozen=True, kw_only=True, slots=True)
class Ours:
    """Doc."""

    a: int
    b: str | None = None
    c: dict[str, int] = field(default_factory=dict, repr=False, hash=False)
    d: bytes = field(default=b"", repr=False)
    e: int = field(hash=False)

    @property
    def twice(self) -> int:
        return 2 * self.a


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Theirs:
    """Doc."""

    a: int
    b: str | None = None
    c: dict[str, int] = dataclasses.field(default_factory=dict, repr=False, hash=False)
    d: bytes = dataclasses.field(default=b"", repr=False)
    e: int = dataclasses.field(hash=False)


BOTH: Any = [Ours, Theirs]
GIVEN: Any = {"a": 1, "e": 2}


def test_text_hash_and_fields_are_those_of_the_standard_library() -> None:
    ours, theirs = (cls(**GIVEN, b="x") for cls in BOTH)
    assert repr(ours) == repr(theirs).replace("Theirs", "Ours")
    assert hash(ours) == hash(theirs)
    assert dataclasses.asdict(ours) == dataclasses.asdict(theirs)
    assert ours.__match_args__ == theirs.__match_args__
    assert repr(Ours.__dataclass_params__) == repr(Theirs.__dataclass_params__)  # type: ignore[attr-defined]
    for one, other in zip(*map(dataclasses.fields, BOTH), strict=True):
        assert (one.name, one.type, one.repr, one.hash) == (
            *(other.name, other.type, other.repr, other.hash),
        )
    assert str(inspect.signature(Ours)) == str(inspect.signature(Theirs))
    assert Ours.__doc__ == Theirs.__doc__


@pytest.mark.parametrize("cls", BOTH)
def test_objects_behave(cls: Any) -> None:
    one, other = cls(**GIVEN), cls(**GIVEN)
    assert one == other
    assert one != dataclasses.replace(one, a=5)
    assert one != 1
    assert one.c is not other.c
    assert (one.b, one.c, one.d) == (None, {}, b"")
    for again in (copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):  # noqa: S301  # our own
        assert again == one
        assert type(again) is cls
    for name in ("a", "d"):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(one, name, 3)
        with pytest.raises(dataclasses.FrozenInstanceError):
            delattr(one, name)
    assert not hasattr(one, "__dict__")


@pytest.mark.parametrize("make", [*BOTH, maker(Ours)])
@pytest.mark.parametrize("given", [{}, {"a": 1}, {**GIVEN, "f": 1}])
def test_wrong_arguments_are_refused(make: Any, given: dict[str, int]) -> None:
    with pytest.raises(TypeError):
        make(**given)


@pytest.mark.parametrize("cls", BOTH)
def test_fields_are_given_by_name(cls: Any) -> None:
    with pytest.raises(TypeError):
        cls(1, e=2)


def test_maker_makes_the_same() -> None:
    make: Any = maker(Ours)
    assert make(**GIVEN) == Ours(**GIVEN)
    assert type(make(**GIVEN)) is Ours
    assert make(**GIVEN).c is not make(**GIVEN).c
    assert make(**GIVEN).twice == 2
    by_position: Any = maker(Ours, *GIVEN)
    assert by_position(*GIVEN.values()) == Ours(**GIVEN)
    assert by_position(*GIVEN.values()).c is not by_position(*GIVEN.values()).c


def test_a_derived_class_may_have_a_dictionary() -> None:
    class Marked(Direction):
        """Somebody's own."""

        note: str

        def __init__(self, note: str, **fields: float) -> None:
            super().__init__(**fields)
            object.__setattr__(self, "note", note)

    marked = Marked("x", ra_deg=1.0, dec_deg=2.0)
    assert (marked.ra_deg, marked.note, type(marked)) == (1.0, "x", Marked)
    assert marked == Marked("y", ra_deg=1.0, dec_deg=2.0)
    assert list(inspect.signature(Marked).parameters) == ["note", "fields"]


def test_a_derived_dataclass_has_all_fields() -> None:
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Named(PValue):
        name: str = "n"

    named = Named(search="generic", value=0.5)
    assert (named.search, named.value, named.name) == ("generic", 0.5, "n")
    assert [field.name for field in dataclasses.fields(Named)] == ["search", "value", "name"]


def test_only_the_options_of_the_contract_are_taken() -> None:
    with pytest.raises(TypeError, match="frozen"):
        dataclass(frozen=True, kw_only=True, slots=False)


def test_importing_and_filling_needs_no_dataclasses() -> None:
    code = (
        "import sys, icecube_hooks as h; h.PValue(search='x', value=0.5);"
        " print([m for m in ('dataclasses', 'inspect', 'pluggy') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


def test_a_notice_id_that_was_asked_for_is_no_part_of_an_alert() -> None:
    one, other = (Alert(kind=AlertKind.GOLD, format=WireFormat.TEXT, revision=1) for _ in "ab")
    assert one.notice_id is one.notice_id
    assert one == other
    assert pickle.dumps(one) == pickle.dumps(other)
    assert dataclasses.replace(one, revision=2).notice_id.endswith(":2")
