"""The app's tables: one row for each notice that has arrived, and its aliases.

It refers to the TOM's Target, and nothing refers to it. Where a Target is deleted, its notices
stay; the next revision of the event makes a new one.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models

from icecube_hooks import Record

__all__ = ["Alias", "Notice"]


class Notice(models.Model):  # type: ignore[misc,unused-ignore]  # Django has no types
    """A notice, with what it says and which Target it speaks of.

    Attributes
    ----------
    record_id, notice_id, event_key : str
        As `Record.id`, `Alert.notice_id`, `Alert.event_key`.
    record_json : str
        The whole record. Text, not JSON: PostgreSQL has no JSON with a NUL in it.
    target : Target or None
        ``None`` where the TOM wants none: a test, a search around a gravitational wave.
    made_target : bool
        Whether this notice made it; a Target that somebody else made keeps its position.
    """

    record_id = models.CharField(max_length=500, unique=True)
    notice_id = models.CharField(max_length=500)
    event_key = models.CharField(max_length=500, null=True, db_index=True)
    kind = models.CharField(max_length=20)
    status = models.CharField(max_length=20, null=True)
    revision = models.CharField(max_length=100)
    is_real = models.BooleanField()
    trigger_time = models.DateTimeField(null=True, db_index=True)
    received = models.DateTimeField(auto_now_add=True)
    record_json = models.TextField()
    target = models.ForeignKey(
        "tom_targets.BaseTarget", null=True, on_delete=models.SET_NULL, related_name="+"
    )
    made_target = models.BooleanField(default=False)

    class Meta:
        """Oldest first."""

        ordering: ClassVar[Any] = ["pk"]

    def __str__(self) -> str:
        return str(self.notice_id)

    def record(self) -> Record:
        """Return the record as it came."""
        return Record.from_json(self.record_json)


class Alias(models.Model):  # type: ignore[misc,unused-ignore]  # Django has no types
    """Under what the notices are found that can be of one event.

    Attributes
    ----------
    notice : Notice
    alias : str
        As `icecube_plugin.alerts.identity.aliases` has it.
    """

    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="aliases")
    alias = models.CharField(max_length=500, db_index=True)

    def __str__(self) -> str:
        return str(self.alias)
