"""The bundled host: configuration, sources, journal, sinks."""

from .config import Config, KafkaConfig, PluginsConfig, SinkConfig, load_config
from .cursors import Cursor, Cursors
from .files import FileError, FileSource, messages_from
from .journal import DeadLetter, Journal
from .runner import Host
from .store import StoreError
from .summary import Source, Summary

__all__ = [
    "Config",
    "Cursor",
    "Cursors",
    "DeadLetter",
    "FileError",
    "FileSource",
    "Host",
    "Journal",
    "KafkaConfig",
    "PluginsConfig",
    "SinkConfig",
    "Source",
    "StoreError",
    "Summary",
    "load_config",
    "messages_from",
]
