"""IceCube's notices as AMPEL's alerts."""

import hashlib
from collections.abc import Iterator
from typing import Any

from ampel.alert.AmpelAlert import AmpelAlert
from ampel.alert.BaseAlertSupplier import BaseAlertSupplier

from icecube_hooks import Record
from icecube_plugin.host import Config, Host


class IceCubeAlertSupplier(BaseAlertSupplier):
    """Reads and assesses messages, delivers them to sinks, and supplies them to AMPEL.

    What cannot be read is a dead letter, and AMPEL does not see it.

    Parameters
    ----------
    loader : UnitModel
        ``IceCubeKafkaLoader`` or ``IceCubeFileLoader``.
    config : str, optional
        A configuration file as for ``icecube-alerts``. Default: no sinks, all other defaults.
    """

    config: str | None = None

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        host = Host(Config(sinks=())) if self.config is None else Host.from_file(self.config)
        self._host = host.open()

    def __next__(self) -> AmpelAlert:
        """Return the alert of the next message that can be read."""
        while True:
            records = self._host.handle([next(self.alert_loader)])  # type: ignore[list-item]
            if records:
                return alert_from(records[0])

    def acknowledge(self, alerts: Iterator[AmpelAlert]) -> None:
        """Let the loader commit."""
        self.alert_loader.acknowledge(alerts)  # type: ignore[arg-type]


def alert_from(record: Record) -> AmpelAlert:
    """Make an alert with one datapoint; the stock is the event, the datapoint the notice."""
    alert, message = record.alert, record.message
    tags = ["ICECUBE", alert.kind.value.upper(), "REAL" if alert.is_real else "NOT_REAL"]
    return AmpelAlert(
        id=number(record.id),
        stock=plain(alert.event_key or alert.notice_id),
        datapoints=[datapoint(record)],
        tag=tags,
        extra={"kafka": (message.topic, message.partition, message.offset)},
    )


def datapoint(record: Record) -> dict[str, Any]:
    """Return what filters look at, by name, and the whole record; not what is not stated."""
    alert = record.alert
    place = alert.localization
    found = {
        "id": number(record.id),
        "notice_id": alert.notice_id,
        "kind": alert.kind.value,
        "revision": alert.revision_label,
        "is_real": alert.is_real,
        "trigger_time": alert.trigger_time,
        "ra_deg": place and place.ra_deg,
        "dec_deg": place and place.dec_deg,
        "error_radius_deg": place and place.error_radius_deg,
        "energy_tev": alert.energy_tev,
        "signalness": alert.signalness,
        "far_per_year": alert.far_per_year,
        "record": record.to_json(),
    }
    return {name: plain(value) for name, value in found.items() if value is not None}


def number(text: str) -> int:
    """Return a number for an id: AMPEL wants one, and MongoDB has 63 bits for it."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1


def plain(value: Any) -> Any:
    """Return text that BSON takes; one that it does not would cost AMPEL the whole batch."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
