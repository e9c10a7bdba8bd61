"""Where the list is: ``/icecube/``."""

from __future__ import annotations

from django.urls import path

from .pages import events

__all__ = ["app_name", "urlpatterns"]

app_name = "icecube_alerts"
urlpatterns = [path("", events, name="events")]
