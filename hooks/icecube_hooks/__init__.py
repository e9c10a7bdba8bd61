"""The contract between hosts of IceCube alerts and their plugins.

Needs msgspec and pluggy. A complete plugin is a module
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

from . import hookspecs
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
from ._types import (
    HOOKSPEC_VERSION,
    YEAR_S,
    Alert,
    AlertKind,
    Annotation,
    AsymmetricError,
    CoincidentEvent,
    Concern,
    Direction,
    Ellipse,
    ExternalCoincidence,
    FluxSensitivity,
    GWCandidate,
    GWReference,
    Localization,
    Message,
    PValue,
    Record,
    Sided,
    Sighting,
    Significance,
    SkyMapFile,
    Status,
    Tense,
    Verdict,
    WireFormat,
    record_schema,
)
from .hookspecs import (
    ENTRY_POINT_GROUP,
    PROJECT_NAME,
    AnnotatorType,
    ObserverType,
    ParserType,
    SignificanceType,
    Sink,
    SinkType,
    hookimpl,
    hookspec,
)

__all__ = [
    "ENTRY_POINT_GROUP",
    "HOOKSPEC_VERSION",
    "PROJECT_NAME",
    "YEAR_S",
    "Alert",
    "AlertKind",
    "Annotation",
    "AnnotatorType",
    "AsymmetricError",
    "CoincidentEvent",
    "Concern",
    "ConfigError",
    "Direction",
    "Ellipse",
    "ExternalCoincidence",
    "FluxSensitivity",
    "GWCandidate",
    "GWReference",
    "IceCubePluginError",
    "Localization",
    "Message",
    "NotOurs",
    "NoticeError",
    "ObserverType",
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
    "SkyMapFile",
    "Status",
    "Tense",
    "Verdict",
    "WireFormat",
    "hookimpl",
    "hookspec",
    "hookspecs",
    "record_schema",
]
