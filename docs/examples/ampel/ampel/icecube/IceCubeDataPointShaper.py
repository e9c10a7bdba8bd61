"""From an alert's datapoint to a document of AMPEL's."""

from collections.abc import Iterable
from typing import Any

from ampel.abstract.AbsT0Unit import AbsT0Unit
from ampel.content.DataPoint import DataPoint
from ampel.types import StockId


class IceCubeDataPointShaper(AbsT0Unit):
    """A redelivered notice has the number that it had, so AMPEL keeps it once."""

    def process(
        self, arg: Iterable[dict[str, Any]], stock: StockId | None = None
    ) -> list[DataPoint]:
        """Shape the datapoints of one alert."""
        return [_shaped(found, stock) for found in arg]


def _shaped(found: dict[str, Any], stock: StockId | None) -> DataPoint:
    body = {name: value for name, value in found.items() if name != "id"}
    tags = ["ICECUBE", found["kind"].upper()]
    return {"id": found["id"], "stock": stock, "tag": tags, "body": body}  # type: ignore[typeddict-item]
