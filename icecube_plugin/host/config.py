"""Configuration: one TOML file, the environment for secrets, and a default for every option.

::

    data_folder = "icecube-alerts-data"    # the journal, and the default sinks' files
    journal_days = 90.0                    # what came is kept so long, to be delivered again
    journal_limit_gb = 4.0                 # and the oldest is removed beyond this
    dead_letters_limit = 100000            # the oldest are dropped, with a word
    remember_notices = 100000              # to tell what came before; 0: none
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
    required = true                        # false: nobody waits for it, refusals are only counted
    patience_s = 5.0                       # so long others wait for it; then it is behind
    start = "now"                          # "earliest": a new sink gets what the journal has
    skip_older_than = "3d"                 # what comes later than this is not for it
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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from icecube_hooks import ConfigError

from ._values import (
    Table,
    amount,
    any_value,
    count,
    count_or_none,
    flag,
    megabytes,
    seconds,
    span,
    table,
    tables,
    text,
    texts,
)

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

_RETIRED: Final = ("spool_limit", "parse_limit_s")
"""Keys of older versions, which must not keep a host from starting after an update."""

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
        Whether others wait for it, and records that it refuses become dead letters; else they are
        only counted.
    patience_s : float
        How long others wait for it with a batch [s]; then it is behind.
    start : str
        Where a sink that is new begins: ``now``, or with the ``earliest`` entry of the journal.
    skip_older_than_s : float, optional
        It does not get records that are older when they come to it [s].
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
    start: str = "now"
    skip_older_than_s: float | None = None
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
    journal_days: float = 90.0
    journal_limit_gb: float = 4.0
    dead_letters_limit: int = 100_000
    remember_notices: int = 100_000
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
    top = Table(data, "")
    given = top.given(
        data_folder=_folder,
        batch_size=count,
        journal_days=amount,
        journal_limit_gb=amount,
        dead_letters_limit=count,
        remember_notices=count_or_none,
        message_limit_mb=megabytes,
        significance=tables,
    )
    config = Config(
        **given,
        kafka=_kafka(Table(top.get("kafka", table, {}), "kafka"), env),
        plugins=_plugins(Table(top.get("plugins", table, {}), "plugins")),
        watch=_watch(Table(top.get("watch", table, {}), "watch")),
        sinks=_sinks(top.get("sinks", tables)),
    )
    for name in _RETIRED:
        if top.get(name, any_value) is not None:
            log.warning("%s is no longer used: remove it", name)
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


def _kafka(section: Table, env: Mapping[str, str]) -> KafkaConfig:
    keyring = section.get("keyring", text)
    secret = _credential("client_secret", section, env, keyring)
    given = section.given(
        domain=text,
        group_id=text,
        topics=texts,
        bootstrap_servers=text,
        start=_start,
        instance_id=text,
        wait=flag,
        heartbeat=flag,
        options=table,
    )
    config = KafkaConfig(
        **given,
        client_id=_credential("client_id", section, env, keyring),
        client_secret=None if secret is None else Secret(secret),
    )
    section.known += ["client_id", "client_secret"]  # known even where the environment has them
    section.done()
    return config


def _credential(
    name: str, section: Table, env: Mapping[str, str], service: str | None
) -> str | None:
    """Return a credential: of the environment, else of the file, else of the keyring."""
    found = _from_env(f"GCN_{name.upper()}", env) or section.get(name, text)
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


def _plugins(section: Table) -> PluginsConfig:
    config = PluginsConfig(**section.given(allow=texts, block=texts, options=table))
    section.done()
    return config


def _watch(section: Table) -> WatchConfig:
    given = section.given(
        every_s=seconds, heartbeat_limit_s=seconds, stall_limit_s=seconds, listen=text
    )
    section.done()
    return WatchConfig(**given)


def _sinks(found: Mapping[str, Mapping[str, Any]] | None) -> tuple[SinkConfig, ...] | None:
    return None if found is None else tuple(_sink(name, data) for name, data in found.items())


def _sink(name: str, data: Mapping[str, Any]) -> SinkConfig:
    section = Table(data, f"sinks.{name}")
    given = section.given(
        type=text,
        required=flag,
        patience_s=seconds,
        start=_begin,
        skip_older_than=span,
        filter=table,
        when=text,
    )
    if "type" not in given:
        raise ConfigError("is required", key=f"sinks.{name}.type")
    options = {key: value for key, value in data.items() if key not in given}
    skip_s = given.pop("skip_older_than", None)
    return SinkConfig(name=name, options=options, skip_older_than_s=skip_s, **given)


def _start(value: Any, key: str) -> str:
    if value in ("earliest", "latest"):
        return str(value)
    raise ConfigError(f"expected 'earliest' or 'latest', not {value!r:.40}", key=key)


def _begin(value: Any, key: str) -> str:
    if value in ("now", "earliest"):
        return str(value)
    raise ConfigError(f"expected 'now' or 'earliest', not {value!r:.40}", key=key)


def _folder(value: Any, key: str) -> Path:
    return Path(text(value, key)).expanduser()
