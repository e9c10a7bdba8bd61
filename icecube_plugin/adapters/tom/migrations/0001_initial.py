"""Make the table of notices; undone, the table is gone and Targets stay."""

from __future__ import annotations

from typing import Any, ClassVar

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):  # type: ignore[misc,unused-ignore]  # Django has no types
    """One new table, which refers to Targets."""

    initial = True

    # The oldest one that has BaseTarget, so that the TOM's own version does not matter.
    dependencies: ClassVar[Any] = [
        ("tom_targets", "0021_rename_target_basetarget_alter_basetarget_options"),
    ]

    operations: ClassVar[Any] = [
        migrations.CreateModel(
            name="Notice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("record_id", models.CharField(max_length=500, unique=True)),
                ("notice_id", models.CharField(max_length=500)),
                ("event_key", models.CharField(db_index=True, max_length=500, null=True)),
                ("names", models.TextField(default="")),
                ("kind", models.CharField(max_length=20)),
                ("status", models.CharField(max_length=20, null=True)),
                ("revision", models.CharField(max_length=100)),
                ("is_real", models.BooleanField()),
                ("trigger_time", models.DateTimeField(db_index=True, null=True)),
                ("received", models.DateTimeField(auto_now_add=True)),
                ("record_json", models.TextField()),
                ("made_target", models.BooleanField(default=False)),
                (
                    "target",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="tom_targets.basetarget",
                    ),
                ),
            ],
            options={"ordering": ["pk"]},
        ),
    ]
