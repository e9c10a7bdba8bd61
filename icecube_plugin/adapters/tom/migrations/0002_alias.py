"""Keep the aliases of each notice, of those that are there, too, in place of its names."""

from __future__ import annotations

from typing import Any, ClassVar

import django.db.models.deletion
from django.db import migrations, models

from icecube_hooks import NoticeError, Record
from icecube_plugin.alerts.identity import aliases, claim


def fill(apps: Any, schema_editor: Any) -> None:
    """Find the aliases of the notices that are there."""
    del schema_editor
    notice, alias = (apps.get_model("icecube_alerts", name) for name in ("Notice", "Alias"))
    for row in notice.objects.iterator():
        try:
            alert = Record.from_json(row.record_json).alert
        except NoticeError:  # of another version: it is of no event any more
            continue
        names = {
            name.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")[:500]
            for name in aliases(alert, claim(alert))
        }
        alias.objects.bulk_create(alias(notice=row, alias=name) for name in sorted(names))


class Migration(migrations.Migration):  # type: ignore[misc,unused-ignore]  # Django has no types
    """One more table, which refers to ours."""

    dependencies: ClassVar[Any] = [("icecube_alerts", "0001_initial")]

    operations: ClassVar[Any] = [
        migrations.CreateModel(
            name="Alias",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("alias", models.CharField(db_index=True, max_length=500)),
                (
                    "notice",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="aliases",
                        to="icecube_alerts.notice",
                    ),
                ),
            ],
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.RemoveField(model_name="notice", name="names"),
    ]
