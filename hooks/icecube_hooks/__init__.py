"""The contract between hosts of IceCube alerts and their plugins.

Needs the standard library and pluggy, and imports in milliseconds. A complete plugin is a module
and an entry point. The module, here ``my_sink.py``::

    from icecube_hooks import SinkType, hookimpl


    class Shout:
        "Print the name of every event."

        def __init__(self, *, mark="!"):
            self.mark = mark

        def write(self, records):
            for record in records:
                print(record.alert.event_key, self.mark)


    @hookimpl
    def register_sinks():
        return [SinkType(name="shout", make=Shout)]

and the entry point, in its ``pyproject.toml``::

    [project.entry-points.icecube_hooks]
    shout = "my_sink"

After ``pip install`` the sink is in ``icecube-alerts plugins``, and a configuration uses it::

    [sinks.hallway]
    type = "shout"
    mark = "!!!"

Hosts start at `icecube_hooks.host`, tests of sinks at `icecube_hooks.testing`.
"""

from typing import TYPE_CHECKING, Any

from . import _specs
from ._errors import (
    ConfigError,
    IceCubePluginError,
    NoticeError,
    NotOurs,
    PluginError,
    RefusedForGood,
    RetryLater,
    SinkError,
)
from ._specs import (
    ENTRY_POINT_GROUP,
    HOOKSPEC_VERSION,
    PROJECT_NAME,
    ParserType,
    SignificanceType,
    Sink,
    SinkType,
)
from ._types import (
    YEAR_S,
    Alert,
    AlertKind,
    AsymmetricError,
    CoincidentEvent,
    Concern,
    Direction,
    Ellipse,
    FluxSensitivity,
    GWReference,
    Localization,
    Message,
    PValue,
    Record,
    Sided,
    Sighting,
    Significance,
    Status,
    Tense,
    Verdict,
    WireFormat,
)

if TYPE_CHECKING:
    from ._specs import hookimpl, hookspec

__all__ = [
    "ENTRY_POINT_GROUP",
    "HOOKSPEC_VERSION",
    "PROJECT_NAME",
    "YEAR_S",
    "Alert",
    "AlertKind",
    "AsymmetricError",
    "CoincidentEvent",
    "Concern",
    "ConfigError",
    "Direction",
    "Ellipse",
    "FluxSensitivity",
    "GWReference",
    "IceCubePluginError",
    "Localization",
    "Message",
    "NotOurs",
    "NoticeError",
    "PValue",
    "ParserType",
    "PluginError",
    "Record",
    "RefusedForGood",
    "RetryLater",
    "Sided",
    "Sighting",
    "Significance",
    "SignificanceType",
    "Sink",
    "SinkError",
    "SinkType",
    "Status",
    "Tense",
    "Verdict",
    "WireFormat",
    "hookimpl",
    "hookspec",
]


def __getattr__(name: str) -> Any:
    """Give the markers, which import pluggy, to who asks for them."""
    if name in ("hookimpl", "hookspec"):
        return getattr(_specs, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
