"""Configuration: one TOML file, the environment for secrets, and a default for every option.

::

    data_folder = "icecube-alerts-data"    # dead letters, spools, and the default sinks' files
    spool_limit = 1000000                  # records that may wait for one sink; then the host waits
    dead_letters_limit = 100000            # the oldest are dropped, with a word
    remember_notices = 100000              # to tell what came before; 0: none
    parse_limit_s = 20.0                   # a notice that takes longer to read is a dead letter
    message_limit_mb = 16.0                # a larger message is one too, with its first 64 kB

    [kafka]
    domain = "gcn.nasa.gov"                # or test.gcn.nasa.gov, dev.gcn.nasa.gov
    group_id = "icecube-alerts"
    topics = ["gcn.notices.icecube.lvk_nu_track_search"]    # default: all of IceCube's
    bootstrap_servers = "localhost:9092"   # default: GCN's for the domain
    start = "earliest"                     # or "latest": where a group without offsets begins
    instance_id = "host-1"                 # one for each host: killed, it gets its partitions back
    wait = true                            # for a broker or topics that are not there at the start
    heartbeat = true                       # watch gcn.heartbeat; default: on GCN's own brokers
    [kafka.options]                        # handed to librdkafka as they are
    "session.timeout.ms" = 30000

    [plugins]
    block = ["sink-terminal"]              # and allow = [...]; see icecube_hooks.host

    [watch]                                # status file, health, metrics: see `host.watch`
    listen = "127.0.0.1:9464"

    [significance.icecube]                 # options of the provider of that name
    gw_rate_high_per_year = 100.0

    [sinks.archive]                        # any name; without any, the defaults are used
    type = "sqlite"
    path = "alerts.sqlite"                 # all other keys are options of the sink
    required = true                        # false: what it cannot take is only counted
    patience_s = 5.0                       # after that its records wait on disk, not the host
    when = "signalness > 0.5"              # and [sinks.archive.filter]: see `host.filters`

The environment holds ``GCN_CLIENT_ID`` and ``GCN_CLIENT_SECRET``, or the names of files that do in
``GCN_CLIENT_ID_FILE`` and ``GCN_CLIENT_SECRET_FILE``. They may stand in ``[kafka]`` as
``client_id`` and ``client_secret``, or, with ``keyring = "icecube-alerts"``, in the system's
keyring under that service and these two names (extra ``keyring``). The environment wins. An unknown
key is an error that names the nearest known one.
"""

from __future__ import annotations

import logging
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from icecube_hooks import ConfigError
from icecube_hooks.host import nearest

__all__ = [
    "DEFAULT_TOPICS",
    "Config",
    "KafkaConfig",
    "PluginsConfig",
    "Secret",
    "SinkConfig",
    "WatchConfig",
    "default_sinks",
    "load_config",
]

log = logging.getLogger(__name__)

_SECRET_NAME: Final = re.compile(r"(?:password|secret|token|passphrase|apikey|api_key)$")
_SECRET_URL: Final = re.compile(r"://[^/@\s]*:[^/@\s]+@")

_CLASSIC: Final = (
    "ICECUBE_ASTROTRACK_GOLD",
    "ICECUBE_ASTROTRACK_BRONZE",
    "ICECUBE_CASCADE",
    "AMON_NU_EM_COINC",
    "AMON_ICECUBE_COINC",
    "AMON_ICECUBE_HESE",
    "AMON_ICECUBE_EHE",
)

DEFAULT_TOPICS: Final = (
    "gcn.notices.icecube.lvk_nu_track_search",
    "gcn.notices.icecube.gold_bronze_track_alerts",
    "gcn.notices.icecube.test.gold_bronze_track_alerts",
    *(f"gcn.classic.{form}.{kind}" for kind in _CLASSIC for form in ("text", "voevent", "binary")),
    "gcn.circulars",
)
"""Topics of GCN on which IceCube's notices and circulars arrive."""


class Secret:
    """A text that does not print. `reveal` returns it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text, for the one place that needs it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret('***')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


@dataclass(frozen=True, kw_only=True, slots=True)
class KafkaConfig:
    """Where notices come from, see the module."""

    domain: str = "gcn.nasa.gov"
    client_id: str | None = None
    client_secret: Secret | None = None
    group_id: str = "icecube-alerts"
    topics: tuple[str, ...] = DEFAULT_TOPICS
    bootstrap_servers: str | None = None
    start: str = "earliest"
    instance_id: str | None = None
    wait: bool = False
    heartbeat: bool | None = None
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class PluginsConfig:
    """Which plugins are used, see `icecube_hooks.host.load_plugins`."""

    allow: tuple[str, ...] = ()
    block: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class SinkConfig:
    """One configured sink.

    Attributes
    ----------
    name, type : str
    required : bool
        Whether records that it cannot take wait on disk, and become dead letters if it refuses
        them; else they are only counted.
    patience_s : float
        How long the host waits for it with a batch [s].
    filter : mapping
    when : str, optional
        Which records it gets, see `icecube_plugin.host.filters`.
    options : mapping
        Options of the sink itself; may hold secrets, so not shown.
    """

    name: str
    type: str
    required: bool = True
    patience_s: float = 5.0
    filter: Mapping[str, Any] = field(default_factory=dict)
    when: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchConfig:
    """How a live host is watched, see `icecube_plugin.host.watch`."""

    every_s: float = 5.0
    heartbeat_limit_s: float = 120.0
    stall_limit_s: float = 120.0
    listen: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """The whole configuration. ``Config()`` is a complete one."""

    data_folder: Path = Path("icecube-alerts-data")
    batch_size: int = 500
    spool_limit: int = 1_000_000
    dead_letters_limit: int = 100_000
    remember_notices: int = 100_000
    parse_limit_s: float = 20.0
    message_limit_mb: float = 16.0
    kafka: KafkaConfig = field(default_factory=KafkaConfig)
    plugins: PluginsConfig = field(default_factory=PluginsConfig)
    watch: WatchConfig = field(default_factory=WatchConfig)
    significance: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    sinks: tuple[SinkConfig, ...] | None = None

    def sinks_or_defaults(self) -> tuple[SinkConfig, ...]:
        """Return the configured sinks, or the default ones if the file names none."""
        return default_sinks(self.data_folder) if self.sinks is None else self.sinks


def default_sinks(folder: Path) -> tuple[SinkConfig, ...]:
    """Return the sinks of a host that nobody configured: terminal, SQLite and JSON files."""
    return (
        SinkConfig(name="terminal", type="terminal", required=False),
        SinkConfig(name="database", type="sqlite", options={"path": f"{folder}/alerts.sqlite"}),
        SinkConfig(name="files", type="json", options={"folder": f"{folder}/json"}),
        SinkConfig(name="lines", type="jsonl", options={"path": f"{folder}/alerts.jsonl"}),
    )


def load_config(path: str | Path | None = None, env: Mapping[str, str] = os.environ) -> Config:
    """Read a configuration file, and secrets from the environment.

    Parameters
    ----------
    path : str or Path, optional
        Default: no file, all defaults.
    env : mapping, optional
        Instead of the process's environment.

    Raises
    ------
    ConfigError
        With the key, if something is unknown or wrong.
    """
    if path is None:
        return config_from({}, env)
    file = Path(path).expanduser()
    data = _read(file)
    config = config_from(data, env)
    _warn_of_readers(file, data)
    return config


def config_from(data: Mapping[str, Any], env: Mapping[str, str]) -> Config:
    """Make a configuration from decoded TOML, see `load_config`."""
    top = _Table(data, "")
    config = Config(
        data_folder=Path(top.get("data_folder", _text, "icecube-alerts-data")).expanduser(),
        batch_size=top.get("batch_size", _count, 500),
        spool_limit=top.get("spool_limit", _count, 1_000_000),
        dead_letters_limit=top.get("dead_letters_limit", _count, 100_000),
        remember_notices=top.get("remember_notices", _count_or_none, 100_000),
        parse_limit_s=top.get("parse_limit_s", _seconds, 20.0),
        message_limit_mb=top.get("message_limit_mb", _megabytes, 16.0),
        kafka=_kafka(_Table(top.get("kafka", _table, {}), "kafka"), env),
        plugins=_plugins(_Table(top.get("plugins", _table, {}), "plugins")),
        watch=_watch(_Table(top.get("watch", _table, {}), "watch")),
        significance=top.get("significance", _tables, {}),
        sinks=_sinks(top.get("sinks", _tables, None)),
    )
    top.done()
    return config


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from error


def _warn_of_readers(path: Path, data: Mapping[str, Any]) -> None:
    """Say so if others on this machine can read a file with secrets."""
    key = next(_secret_keys(data, ""), None)
    if key is not None and path.stat().st_mode & 0o004:
        log.warning("%s can be read by everybody, and holds %s: chmod 600 it", path, key)


def _secret_keys(data: Any, path: str) -> Iterator[str]:
    """Yield the paths of what looks like a secret: by name, or a password in a URL."""
    items = data.items() if isinstance(data, dict) else enumerate(data)
    for name, value in items:
        key = f"{path}.{name}" if path else str(name)
        if isinstance(value, dict | list):
            yield from _secret_keys(value, key)
        elif isinstance(value, str) and (_SECRET_NAME.search(key) or _SECRET_URL.search(value)):
            yield key


class _Table:
    """A table of the file; `done` refuses what nobody asked for."""

    def __init__(self, data: Mapping[str, Any], path: str) -> None:
        self.data = data
        self.path = path
        self.known: list[str] = []

    def get(self, name: str, check: Callable[[Any, str], Any], default: Any) -> Any:
        """Return a checked value, or `default` if the file does not have it."""
        self.known.append(name)
        return check(self.data[name], self.key(name)) if name in self.data else default

    def key(self, name: str) -> str:
        """Return the path of a key."""
        return f"{self.path}.{name}" if self.path else name or '""'

    def done(self) -> None:
        """Raise for the first unknown key."""
        for name in self.data:
            if name not in self.known:
                hint = nearest(name, self.known)
                raise ConfigError("unknown key", key=self.key(name), hint=hint)


def _kafka(table: _Table, env: Mapping[str, str]) -> KafkaConfig:
    keyring = table.get("keyring", _text, None)
    secret = _credential("client_secret", table, env, keyring)
    config = KafkaConfig(
        domain=table.get("domain", _text, "gcn.nasa.gov"),
        client_id=_credential("client_id", table, env, keyring),
        client_secret=None if secret is None else Secret(secret),
        group_id=table.get("group_id", _text, "icecube-alerts"),
        topics=table.get("topics", _texts, DEFAULT_TOPICS),
        bootstrap_servers=table.get("bootstrap_servers", _text, None),
        start=table.get("start", _start, "earliest"),
        instance_id=table.get("instance_id", _text, None),
        wait=table.get("wait", _flag, False),
        heartbeat=table.get("heartbeat", _flag, None),
        options=table.get("options", _table, {}),
    )
    table.known += ["client_id", "client_secret"]  # known even where the environment has them
    table.done()
    return config


def _credential(
    name: str, table: _Table, env: Mapping[str, str], service: str | None
) -> str | None:
    """Return a credential: of the environment, else of the file, else of the keyring."""
    found = _from_env(f"GCN_{name.upper()}", env) or table.get(name, _text, None)
    if found is not None or service is None:
        return found
    try:
        import keyring
        import keyring.errors
    except ImportError as error:
        hint = "pip install 'icecube-plugin[keyring]'"
        raise ConfigError("needs the package keyring", key="kafka.keyring", hint=hint) from error
    try:
        return keyring.get_password(service, name)
    except keyring.errors.KeyringError as error:
        raise ConfigError(f"cannot be read: {error}", key="kafka.keyring") from error


def _from_env(name: str, env: Mapping[str, str]) -> str | None:
    """Return what the environment holds under a name, or a file that it names."""
    file = env.get(f"{name}_FILE")
    if env.get(name) or not file:
        return env.get(name)
    try:
        return Path(file).read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise ConfigError(f"cannot read {file}: {reason}", key=f"{name}_FILE") from error


def _plugins(table: _Table) -> PluginsConfig:
    config = PluginsConfig(
        allow=table.get("allow", _texts, ()),
        block=table.get("block", _texts, ()),
        options=table.get("options", _table, {}),
    )
    table.done()
    return config


def _watch(table: _Table) -> WatchConfig:
    config = WatchConfig(
        every_s=table.get("every_s", _seconds, 5.0),
        heartbeat_limit_s=table.get("heartbeat_limit_s", _seconds, 120.0),
        stall_limit_s=table.get("stall_limit_s", _seconds, 120.0),
        listen=table.get("listen", _text, None),
    )
    table.done()
    return config


def _sinks(tables: Mapping[str, Mapping[str, Any]] | None) -> tuple[SinkConfig, ...] | None:
    if tables is None:
        return None
    return tuple(_sink(name, table) for name, table in tables.items())


def _sink(name: str, data: Mapping[str, Any]) -> SinkConfig:
    table = _Table(data, f"sinks.{name}")
    kind = table.get("type", _text, None)
    if kind is None:
        raise ConfigError("is required", key=f"sinks.{name}.type")
    known = {
        "required": table.get("required", _flag, True),
        "patience_s": table.get("patience_s", _seconds, 5.0),
        "filter": table.get("filter", _table, {}),
        "when": table.get("when", _text, None),
    }
    options = {key: value for key, value in data.items() if key not in table.known}
    return SinkConfig(name=name, type=kind, options=options, **known)


def _wrong(key: str, expected: str, value: object) -> ConfigError:
    return ConfigError(f"expected {expected}, not {type(value).__name__}", key=key)


def _text(value: Any, key: str) -> str:
    if isinstance(value, str) and value:
        return value
    raise _wrong(key, "text", value) if value != "" else ConfigError("is empty", key=key)


def _texts(value: Any, key: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise _wrong(key, "a list of texts", value)
    return tuple(_text(item, f"{key}[{number}]") for number, item in enumerate(value))


def _flag(value: Any, key: str) -> bool:
    if isinstance(value, bool):
        return value
    raise _wrong(key, "true or false", value)


def _count(value: Any, key: str) -> int:
    return _whole(value, key, 1)


def _count_or_none(value: Any, key: str) -> int:
    return _whole(value, key, 0)


def _whole(value: Any, key: str, low: int) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and low <= value <= 100_000_000:
        return value
    reason = f"expected a whole number from {low} to 100000000, not {value!r:.40}"
    raise ConfigError(reason, key=key)


def _seconds(value: Any, key: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 86_400:
        return float(value)
    raise ConfigError(f"expected seconds, more than 0, at most 86400, not {value!r:.40}", key=key)


def _megabytes(value: Any, key: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1024:
        return float(value)
    raise ConfigError(f"expected MB, more than 0, at most 1024, not {value!r:.40}", key=key)


def _table(value: Any, key: str) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    raise _wrong(key, "a table", value)


def _tables(value: Any, key: str) -> Mapping[str, Mapping[str, Any]]:
    return {name: _table(item, f"{key}.{name}") for name, item in _table(value, key).items()}


def _start(value: Any, key: str) -> str:
    if value in ("earliest", "latest"):
        return str(value)
    raise ConfigError(f"expected 'earliest' or 'latest', not {value!r:.40}", key=key)
