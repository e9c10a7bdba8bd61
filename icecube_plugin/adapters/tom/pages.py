"""What the TOM's users see: a tab on the page of a Target, and the list of IceCube's Targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from tom_targets.models import Target
from tom_targets.permissions import targets_for_user

from icecube_hooks import IceCubePluginError
from icecube_plugin.views.pages import Page, Story, page, tell

from .models import Notice

__all__ = ["Row", "events", "tab"]

SHOWN: Final = 100
"""Rows of the list."""


class Row(NamedTuple):
    """A Target in the list, with what is known of its event."""

    target: Any
    page: Page


def tab(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the template of the tab shows of a Target; nothing of one that is not ours."""
    story = _story(context.get("object") or context.get("target"))
    if story is None:
        return {"icecube": None, "icecube_map": ""}
    return {"icecube": page(story), "icecube_map": _map(story)}


def events(request: HttpRequest) -> HttpResponse:
    """Show the newest Targets that this user may see."""
    seen = targets_for_user(request.user, Target.objects.all(), "view_target")
    rows = list(islice(_rows({target.pk: target for target in seen}), SHOWN))
    return render(request, "icecube_alerts/events.html", {"rows": rows, "shown": SHOWN})


def _rows(targets: Mapping[int, Any]) -> Iterator[Row]:
    """Yield the Targets that have notices, the newest notice first."""
    told = Notice.objects.filter(target__in=targets).order_by("-pk")
    for key in dict.fromkeys(told.values_list("target_id", flat=True).iterator()):
        story = _story(targets[key])
        if story is not None:
            yield Row(targets[key], page(story))


def _story(target: Any) -> Story | None:
    """Return the event that a Target is of; the newest, if somebody has merged two."""
    records = []
    for notice in Notice.objects.filter(target_id=getattr(target, "pk", None)):
        try:
            records.append(notice.record())
        except IceCubePluginError:  # of another version: the page must come all the same
            continue
    return next(iter(tell(records)), None)


def _map(story: Story) -> str:
    """Return the finder chart; nothing for an event without a position."""
    from icecube_plugin.views.plots import PlotError, svg_finder

    before = [record for record in story.records if record is not story.placed]
    try:
        return svg_finder(story.placed, others=before)
    except PlotError:
        return ""
