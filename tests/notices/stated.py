"""What an alert states."""

from __future__ import annotations

from icecube_hooks import Alert


def stated_fields(alert: Alert) -> set[str]:
    """Return the fields that differ from those of an alert of which nothing is stated."""
    bare = Alert(kind=alert.kind, format=alert.format)
    names = Alert.__struct_fields__
    changed = (name for name in names if getattr(alert, name) != getattr(bare, name))
    return {"kind", "format", *changed}
