"""Significance as a T2 unit."""

import json
from typing import Any

from ampel.abstract.AbsPointT2Unit import AbsPointT2Unit
from ampel.content.DataPoint import DataPoint
from ampel.types import UBson

from icecube_hooks import Record
from icecube_hooks.host import load_plugins


class T2IceCubeSignificance(AbsPointT2Unit):
    """Assesses a notice again, with options of this unit, by all installed providers.

    Parameters
    ----------
    significance : dict
        Options by provider, as ``[significance]`` of the configuration file.
    """

    significance: dict[str, Any] = {}  # noqa: RUF012  # pydantic copies it

    def post_init(self) -> None:
        """Load the plugins; AMPEL calls this once."""
        self._plugins = load_plugins(significance=self.significance)

    def process(self, datapoint: DataPoint) -> UBson:
        """Return p-values, sigma, trials and rates."""
        record = Record.from_dict(json.loads(datapoint["body"]["record"]))
        found = self._plugins.assess(record.alert)
        return {"significances": [one.to_dict() for one in found]}
