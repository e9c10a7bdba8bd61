"""What is configured, and where each value came from: the default, the file, the environment."""

from __future__ import annotations

import inspect
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from icecube_hooks.host import PluginSet

from .config import Config, SinkConfig, audience
from .credentials import find_credential
from .plugins import sink_options

__all__ = ["Setting", "in_public", "settings"]

DEFAULT: Final = "default"
HIDDEN: Final = "***"

_SECRET: Final = re.compile(r"(?:password|secret|token|passphrase|api_?key)$")
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://\S+")
_WITH_PUBLIC_PATH: Final = ("postgresql", "sqlite", "mysql", "kafka")


class Setting(NamedTuple):
    """A value of the configuration, fit to be shown, and where it came from."""

    key: str
    value: Any
    origin: str


def settings(
    config: Config, plugins: PluginSet, env: Mapping[str, str] = os.environ
) -> Iterator[Setting]:
    """Yield every value of a configuration; secrets are hidden."""
    data = _data_of(config)
    file = config.origin or DEFAULT
    for name, value in _fields(config):
        yield _setting(name, value, DEFAULT if name not in data else file)
    credentials = dict(_credentials(config, data.get("kafka", {}), file, env))
    for section in _SECTIONS:
        given = data.get(section, {})
        for name, value in _fields(getattr(config, section)):
            key = f"{section}.{name}"
            origin = credentials.get(key) or (file if name in given else DEFAULT)
            yield _setting(key, value, origin)
    for section in _OF_PLUGINS:
        for name, table in getattr(config, section).items():
            for key, value in table.items():
                yield _setting(f"{section}.{name}.{key}", value, file)
    for sink in config.sinks_or_defaults():
        origin = file if sink.name in data.get("sinks", {}) else DEFAULT
        yield from _of_sink(sink, config, plugins, origin)


_SECTIONS: Final = ("kafka", "plugins", "health")
_OF_PLUGINS: Final = ("significance", "annotators", "parsers", "observers")
_APART: Final = {"sinks", "origin", *_SECTIONS, *_OF_PLUGINS}


def _data_of(config: Config) -> dict[str, Any]:
    return {} if config.origin is None else tomllib.loads(Path(config.origin).read_text("utf-8"))


def _fields(section: Any) -> Iterator[tuple[str, Any]]:
    for name in section.__struct_fields__:
        if name not in _APART:
            yield name, getattr(section, name)


def _credentials(
    config: Config, given: Mapping[str, Any], file: str, env: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Yield of both credentials where they came from."""
    for name in ("client_id", "client_secret"):
        stated = given.get(name)
        kafka = config.kafka
        found = find_credential(name, stated, kafka.keyring, audience(kafka), env)
        if found is not None:
            yield f"kafka.{name}", file if found.origin == "configuration" else found.origin


def _of_sink(
    sink: SinkConfig, config: Config, plugins: PluginSet, origin: str
) -> Iterator[Setting]:
    """Yield what a sink has: what the host needs to know, then its own options."""
    key = f"sinks.{sink.name}"
    plain = SinkConfig(name="", type="x")
    for name, value in _fields(sink):
        if name not in ("name", "options"):
            is_given = name == "type" or value != getattr(plain, name)
            yield _setting(f"{key}.{name}", value, origin if is_given else DEFAULT)
    options = sink_options(config, sink, plugins)
    kind = plugins.sinks.get(sink.type)
    usual = {} if kind is None else inspect.signature(kind.make).parameters
    for name in dict.fromkeys((*usual, *options)):
        value = options.get(name, usual[name].default if name in usual else None)
        if value is not inspect.Parameter.empty:
            yield _setting(f"{key}.{name}", value, origin if name in sink.options else DEFAULT)


def _setting(key: str, value: Any, origin: str) -> Setting:
    return Setting(key, in_public(key, value), origin)


def in_public(key: str, value: Any) -> Any:
    """Return a value without what nobody else may know: secrets by name, and parts of URLs.

    Many services have the secret in the URL itself, wherever they like.

    Examples
    --------
    >>> in_public("sinks.a.token", "hush")
    '***'
    >>> in_public("sinks.a.url", "https://hooks.example.org/services/T0/B0/hush")
    'https://hooks.example.org/***'
    >>> in_public("sinks.a.urls", ["slack://hush/hush"])
    ['slack://***']
    >>> in_public("sinks.a.url", "postgresql://me:hush@host/alerts")
    'postgresql://me:***@host/alerts'
    """
    if isinstance(value, Mapping):
        return {name: in_public(f"{key}.{name}", one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [in_public(key, one) for one in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    text = str(value)
    if _SECRET.search(key):
        return HIDDEN
    return _URL.sub(lambda found: _public_url(found[0]), text)


def _public_url(text: str) -> str:
    scheme = text.partition("://")[0]
    try:
        parts = urlsplit(text)
        place = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return f"{scheme}://{HIDDEN}"
    if scheme.partition("+")[0] in _WITH_PUBLIC_PATH:
        user = f"{parts.username or ''}{':' + HIDDEN if parts.password else ''}"
        return f"{scheme}://{user}{'@' if user else ''}{place}{port}{parts.path}"
    if scheme in ("http", "https") and place:
        return f"{scheme}://{place}{port}{'' if parts.path in ('', '/') else '/' + HIDDEN}"
    return f"{scheme}://{HIDDEN}"
