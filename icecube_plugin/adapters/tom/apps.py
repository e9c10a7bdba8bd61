"""The Django app, and what ``manage.py check`` says of its settings."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.core import checks

from icecube_hooks import ConfigError

__all__ = ["IceCubeAlertsConfig", "check_settings"]


class IceCubeAlertsConfig(AppConfig):  # type: ignore[misc,unused-ignore]  # Django has no types
    """``icecube_plugin.adapters.tom`` in ``INSTALLED_APPS``."""

    name = "icecube_plugin.adapters.tom"
    label = "icecube_alerts"
    verbose_name = "IceCube alerts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let ``manage.py check`` look at our settings."""
        checks.register(check_settings)

    def target_detail_tabs(self) -> list[dict[str, str]]:
        """Return the tab on the page of a Target."""
        made_by = "icecube_plugin.adapters.tom.pages.tab"
        return [{"partial": "icecube_alerts/tab.html", "context": made_by, "label": "IceCube"}]

    def nav_items(self) -> list[dict[str, str]]:
        """Return the entry of the navigation that leads to the list."""
        return [{"partial": "icecube_alerts/nav.html", "position": "left"}]

    def include_url_paths(self) -> list[Any]:
        """Return where the list is."""
        from django.urls import include, path  # when Django asks for it: it is heavy

        where = f"{self.name}.urls"
        return [path("icecube/", include(where, namespace=self.label))]


def check_settings(app_configs: object = None, **kwargs: Any) -> list[Any]:
    """Return what is wrong with ``ICECUBE_ALERTS`` and the file that it names.

    A warning, for an error would stop ``migrate`` and ``runserver``: the TOM works without us.
    """
    from icecube_plugin.host.plugins import check_sinks

    from .handlers import SETTING, make_host

    try:
        host = make_host()
        problems = check_sinks(host.config, host.plugins)
    except ConfigError as error:
        problems = [str(error)]
    return [checks.Warning(f"{SETTING}: {text}", id="icecube_alerts.W001") for text in problems]
