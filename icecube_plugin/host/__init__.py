"""The bundled host: configuration, sources, delivery, dead letters."""

from ._store import StoreError
from .config import Config, KafkaConfig, PluginsConfig, SinkConfig, load_config
from .dead_letters import DeadLetter, DeadLetters
from .files import FileError, FileSource, messages_from
from .runner import Host
from .summary import Source, Summary

__all__ = [
    "Config",
    "DeadLetter",
    "DeadLetters",
    "FileError",
    "FileSource",
    "Host",
    "KafkaConfig",
    "PluginsConfig",
    "SinkConfig",
    "Source",
    "StoreError",
    "Summary",
    "load_config",
    "messages_from",
]
