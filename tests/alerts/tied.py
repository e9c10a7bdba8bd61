"""An event whose number and name only a third notice ties together."""

from __future__ import annotations

from icecube_hooks import AlertKind, Record, Status, WireFormat
from icecube_hooks.testing import make_record

__all__ = ["tied"]


def tied() -> tuple[Record, Record, Record]:
    """Return an alert by its number, a retraction by name, and the circular that has both."""
    by_number = make_record(event_names=())
    retraction = make_record(
        format=WireFormat.CIRCULAR, kind=AlertKind.TRACK, circular_number=35002,
        run_id=None, event_id=None, revision=None, status=Status.RETRACTION,
        trigger_time=None, localization=None,
        event_names=("IceCube-230416B",),
    )  # fmt: skip
    tie = make_record(
        format=WireFormat.CIRCULAR, circular_number=35001, revision=None,
        event_names=("IceCube_230416B",),
    )  # fmt: skip
    return by_number, retraction, tie
