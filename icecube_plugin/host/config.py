"""Configuration: one TOML file, the environment for secrets, and a default for every option.

::

    data_folder = "icecube-alerts-data"    # the journal, and the default sinks' files
    batch_size = 500                       # at most so many messages are handled together
    journal_days = 90.0                    # what came is kept so long, to be delivered again
    journal_limit_gb = 4.0                 # beyond this the oldest of the journal is removed
    dead_letters_limit = 100000            # beyond these the oldest are dropped, with a word
    remember_notices = 100000              # so many, to tell what came before; 0: none
    plugins_folder = "plugins"             # every .py in it is a plugin; default: none
    mock_maps_days = 7.0                   # sky maps of LVK's mock events are kept so long
    message_limit_mb = 16.0                # a larger message is a dead letter, its first 64 kB kept

    [kafka]
    domain = "gcn.nasa.gov"                # whose broker; or test.gcn.nasa.gov, dev.gcn.nasa.gov
    group_id = "my-group"                  # default: with the client id, or an own id
    topics = ["gcn.notices.icecube.*"]     # what is read; default: all that parsers claim
    topics_extra = ["my.*"]                # read besides those; "*" stands for any characters
    bootstrap_servers = "localhost:9092"   # another broker; default: GCN's for the domain
    start = "earliest"                     # where a group begins that is new; or "latest"
    instance_id = "host-1"                 # one for each host: killed, it gets its partitions back
    wait = true                            # for a broker or topics that are not there yet
    heartbeat = true                       # watch gcn.heartbeat; default: on GCN's own brokers
    client_id = "..."                      # credentials: better elsewhere, see there
    client_secret = "..."                  # credentials, too
    keyring = "icecube-alerts"             # service of the system's keyring that has both
    [kafka.options]                        # handed to librdkafka as they are
    "session.timeout.ms" = 30000

    [plugins]
    allow = ["icecube-plugin", "my-*"]     # only these: entry points, distributions, wildcards
    block = ["sink-terminal"]              # not these: they are not even imported
    options = {}                           # handed to observers at the start

    [health]                               # status file, health, metrics: see `host.health`
    listen = "127.0.0.1:9464"

    [significance.icecube]                 # options of the provider of that name
    gw_rate_high_per_year = 100.0

    [annotators.crossmatch]                # likewise; and [parsers.NAME], [observers.NAME]
    radius_deg = 1.0

    [sinks.archive]                        # any name; without any, the defaults are used
    type = "sqlite"                        # `icecube-alerts sinks --types` lists them
    path = "alerts.sqlite"                 # all other keys are options of the sink
    required = true                        # false: nobody waits for it, refusals are only counted
    patience_s = 5.0                       # so long others wait for it; then it is behind
    start = "now"                          # "earliest": a new sink gets what the journal has
    skip_older_than = "3d"                 # what comes later than this is not for it; notify: 1d
    when = "signalness > 0.5"              # which records it gets: see `host.filters`
    filter = {kinds = ["gold"]}            # which records it gets, too; mostly a table of its own

A relative path belongs to the folder of the file, see `icecube_plugin.host.paths`.

Credentials
-----------
Where they may stand is in `icecube_plugin.host.credentials`; the environment wins.

They go to a token server over https only (http: on this machine only). A file that was *found* in
the working folder, and not named by a person, may not say where credentials go that are not its
own, and has to belong to the user, or to root.

An unknown key is an error that names the nearest known one.
"""

from __future__ import annotations

import logging
import math
import os
import re
import tomllib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    Self,
    TypeVar,
    get_args,
    get_type_hints,
)

import msgspec
from msgspec import Meta

from icecube_hooks import ConfigError
from icecube_hooks.host import nearest

from .credentials import Secret, check_owner, find_credential
from .paths import beside
from .times import span_s

__all__ = [
    "Config",
    "HealthConfig",
    "KafkaConfig",
    "PluginsConfig",
    "SinkConfig",
    "audience",
    "config_from",
    "default_sinks",
    "group_of",
    "kafka_with_group",
    "known_group",
    "load_config",
    "quiet_sinks",
]

log = logging.getLogger(__name__)

_RETIRED: Final = ("spool_limit", "parse_limit_s")
"""Keys of older versions, which must not keep a host from starting after an update."""
_RENAMED: Final = {"watch": "it is called [health] now"}

_SECRET_NAME: Final = re.compile(r"(?:password|secret|token|passphrase|apikey|api_key)$")
_SECRET_URL: Final = re.compile(r"://[^/@\s]*:[^/@\s]+@")

Text = Annotated[str, Meta(min_length=1)]
Count = Annotated[int, Meta(ge=1, le=100_000_000)]
CountOrNone = Annotated[int, Meta(ge=0, le=100_000_000)]
Amount = Annotated[float, Meta(gt=0, le=100_000)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]
Megabytes = Annotated[float, Meta(gt=0, le=1024)]


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """A table of the file, with a default for each key that may be left out."""

    def replace(self, **changes: Any) -> Self:
        """Return a copy with other values."""
        return msgspec.structs.replace(self, **changes)


class KafkaConfig(Section, frozen=True, kw_only=True):
    """Where notices come from, see the module."""

    domain: Text = "gcn.nasa.gov"
    client_id: Text | None = None
    client_secret: Secret | None = None
    keyring: Text | None = None
    group_id: Text | None = None
    topics: tuple[Text, ...] | None = None
    topics_extra: tuple[Text, ...] = ()
    bootstrap_servers: Text | None = None
    start: Literal["earliest", "latest"] = "earliest"
    instance_id: Text | None = None
    wait: bool = False
    heartbeat: bool | None = None
    options: dict[str, Any] = {}

    def __repr__(self) -> str:  # options may hold a password
        return f"KafkaConfig(domain={self.domain!r}, bootstrap_servers={self.bootstrap_servers!r})"


class PluginsConfig(Section, frozen=True, kw_only=True):
    """Which plugins are used, see `icecube_hooks.host.load_plugins`."""

    allow: tuple[Text, ...] = ()
    block: tuple[Text, ...] = ()
    options: dict[str, Any] = {}


class SinkConfig(Section, frozen=True, kw_only=True):
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
        It does not get records that are older when they come to it [s], infinity: gets all;
        ``None``: as its type says
        (`icecube_hooks.SinkType`), a day for those that speak to people.
    filter : mapping
    when : str, optional
        Which records it gets, see `icecube_plugin.host.filters`.
    options : mapping
        Options of the sink itself; may hold secrets, so not shown.
    """

    name: str
    type: Text
    required: bool = True
    patience_s: Seconds = 5.0
    start: Literal["now", "earliest"] = "now"
    skip_older_than_s: float | None = None
    filter: dict[str, Any] = {}
    when: Text | None = None
    options: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"SinkConfig(name={self.name!r}, type={self.type!r})"


class HealthConfig(Section, frozen=True, kw_only=True):
    """How a live host is watched, see `icecube_plugin.host.health`."""

    every_s: Seconds = 5.0
    connection_limit_s: Seconds = 15.0
    heartbeat_limit_s: Seconds = 60.0
    stall_limit_s: Seconds = 120.0
    listen: Text | None = None


class Config(Section, frozen=True, kw_only=True):
    """The whole configuration. ``Config()`` is a complete one.

    Attributes
    ----------
    origin : str, optional
        The file that it was read from.
    """

    data_folder: Path = Path("icecube-alerts-data")
    batch_size: Count = 500
    journal_days: Amount = 90.0
    journal_limit_gb: Amount = 4.0
    dead_letters_limit: Count = 100_000
    remember_notices: CountOrNone = 100_000
    mock_maps_days: Amount = 7.0
    message_limit_mb: Megabytes = 16.0
    plugins_folder: Path | None = None
    kafka: KafkaConfig = KafkaConfig()
    plugins: PluginsConfig = PluginsConfig()
    health: HealthConfig = HealthConfig()
    significance: dict[str, dict[str, Any]] = {}
    annotators: dict[str, dict[str, Any]] = {}
    parsers: dict[str, dict[str, Any]] = {}
    observers: dict[str, dict[str, Any]] = {}
    sinks: tuple[SinkConfig, ...] | None = None
    origin: str | None = None

    @property
    def folder(self) -> Path | None:
        """The folder of the file, to which relative paths belong; ``None`` without a file.

        The working folder or an absolute path: what has its place there keeps it.
        """
        if self.origin is None:
            return None
        folder = Path(self.origin).parent
        return folder if folder == Path() else folder.absolute()

    def sinks_or_defaults(self) -> tuple[SinkConfig, ...]:
        """Return the configured sinks, or the default ones if the file names none."""
        return default_sinks(self.data_folder) if self.sinks is None else self.sinks


def quiet_sinks(config: Config) -> tuple[SinkConfig, ...]:
    """Return the configured sinks, or the default ones that print nothing."""
    chosen = config.sinks_or_defaults()
    return tuple(s for s in chosen if config.sinks is not None or s.type != "terminal")


def default_sinks(folder: Path) -> tuple[SinkConfig, ...]:
    """Return the sinks of a host that nobody configured: terminal, SQLite and JSON files."""
    return (
        SinkConfig(name="terminal", type="terminal", required=False),
        SinkConfig(name="database", type="sqlite", options={"path": f"{folder}/alerts.sqlite"}),
        SinkConfig(name="files", type="json", options={"folder": f"{folder}/json"}),
        SinkConfig(name="lines", type="jsonl", options={"path": f"{folder}/alerts.jsonl"}),
    )


def kafka_with_group(config: Config) -> KafkaConfig:
    """Return where notices come from, with the consumer group, see `group_of`."""
    return config.kafka.replace(group_id=group_of(config))


def group_of(config: Config) -> str:
    """Return the consumer group: no other host has it, unless somebody wants that.

    The default holds the client id or, without one, an id that this host keeps in its data folder.
    """
    group = known_group(config)
    if group is None:
        folder = config.data_folder
        folder.mkdir(parents=True, exist_ok=True)
        _id_file(folder).write_text(uuid.uuid4().hex[:12], "ascii")
        group = known_group(config)
    return group or ""


def known_group(config: Config) -> str | None:
    """Return the consumer group, or ``None`` if this host has not got an id yet."""
    if config.kafka.group_id is not None:
        return config.kafka.group_id
    if config.kafka.client_id is not None:
        return f"icecube-alerts-{config.kafka.client_id}"
    file = _id_file(config.data_folder)
    return f"icecube-alerts-{file.read_text('ascii').strip()}" if file.exists() else None


def _id_file(folder: Path) -> Path:
    return folder / "host-id"


def load_config(
    path: str | Path | None = None,
    env: Mapping[str, str] = os.environ,
    *,
    is_found: bool = False,
) -> Config:
    """Read a configuration file, and secrets from the environment.

    Parameters
    ----------
    path : str or Path, optional
        Default: no file, all defaults.
    env : mapping, optional
        Instead of the process's environment.
    is_found : bool
        Whether the file was found in the working folder, and not named by a person.

    Raises
    ------
    ConfigError
        With the key, if something is unknown or wrong, or the file is not to be trusted.
    """
    if path is None:
        return config_from({}, env)
    file = Path(path).expanduser()
    if is_found:
        check_owner(file)
    data = _read(file)
    config = _beside_file(config_from(data, env), file)
    if is_found:
        _check_found(file, config.kafka, data.get("kafka", {}))
    _warn_of_readers(file, data)
    return config


def _beside_file(config: Config, file: Path) -> Config:
    """Return the configuration as that of a file, to whose folder its paths belong."""
    config, plugins = config.replace(origin=str(file)), config.plugins_folder
    return config.replace(
        data_folder=beside(config.data_folder, config.folder),
        plugins_folder=None if plugins is None else beside(plugins, config.folder),
    )


def config_from(data: Mapping[str, Any], env: Mapping[str, str]) -> Config:
    """Make a configuration from decoded TOML, see `load_config`."""
    for name in _RETIRED:
        if name in data:
            log.warning("%s is no longer used: remove it", name)
    given = {name: value for name, value in data.items() if name not in _RETIRED}
    sinks = given.pop("sinks", None)
    for name, kind in _SECTIONS.items():
        if name in given:
            given[name] = _section(given[name], kind, name)
    config = _section(given, Config, "")
    kafka = config.kafka.replace(
        client_id=_credential("client_id", config.kafka, env),
        client_secret=_secret(config.kafka, env),
    )
    return config.replace(kafka=kafka, sinks=None if sinks is None else _sinks(sinks))


_SECTIONS: Final[dict[str, type[Section]]] = {
    "kafka": KafkaConfig,
    "plugins": PluginsConfig,
    "health": HealthConfig,
}
_NOT_IN_THE_FILE: Final = ("sinks", "origin")

S = TypeVar("S", bound=Section)


def _section(data: Any, kind: type[S], path: str) -> S:
    """Convert a table; an unknown key is an error, with the nearest known."""
    _check_table(data, path)
    known = [name for name in kind.__struct_encode_fields__ if name not in _NOT_IN_THE_FILE]
    for name in data:
        if name not in known:
            more = ("sinks",) if kind is Config else ()  # which is read apart
            hint = _RENAMED.get(name) or nearest(name, (*known, *more))
            raise ConfigError("unknown key", key=_join(path, name or '""'), hint=hint)
    if kind is Config:
        return _made_of_sections(data, kind)
    section: S = _converted(data, kind, path)
    return section


def _made_of_sections(data: Mapping[str, Any], kind: type[S]) -> S:
    """Convert a table whose sections are converted already."""
    sections = {name: value for name, value in data.items() if isinstance(value, Section)}
    rest = {name: value for name, value in data.items() if name not in sections}
    made: S = _converted(rest, kind, "")
    return made.replace(**sections)


def _check_table(data: Any, path: str) -> None:
    if not isinstance(data, Mapping):
        raise ConfigError(f"expected a table, not {_kind_of(data)}", key=path)


def _sinks(data: Any) -> tuple[SinkConfig, ...]:
    _check_table(data, "sinks")
    return tuple(_sink(name, table) for name, table in data.items())


def _sink(name: str, data: Any) -> SinkConfig:
    """Convert the table of a sink, whose other keys are options of the sink itself."""
    _check_table(data, f"sinks.{name}")
    own = set(SinkConfig.__struct_encode_fields__) - {"name", "options", "skip_older_than_s"}
    path = f"sinks.{name}"
    if "type" not in data:
        raise ConfigError("is required", key=f"{path}.type")
    given = {key: value for key, value in data.items() if key in own}
    options = {key: value for key, value in data.items() if key not in own}
    if (span := options.pop("skip_older_than", None)) is not None:
        given["skip_older_than_s"] = _age_s(span, f"{path}.skip_older_than")
    sink: SinkConfig = _converted({**given, "name": name, "options": options}, SinkConfig, path)
    return sink


def _age_s(value: Any, key: str) -> float:
    """Return a span of seconds, or of a text such as ``36h``, ``3d`` or ``never``, in seconds."""
    if value == "never":
        return math.inf
    age_s = span_s(value) if isinstance(value, str) else value
    if isinstance(age_s, int | float) and not isinstance(age_s, bool) and 0 < age_s < 1e12:
        return float(age_s)
    raise ConfigError(
        f"expected a span such as '36h' or '3d', or 'never', not {value!r:.40}", key=key
    )


def _converted(value: Any, kind: Any, path: str) -> Any:
    """Convert a value as msgspec does; what is wrong is said with the key, in plain words."""
    try:
        return msgspec.convert(value, kind, dec_hook=_of_text)
    except msgspec.ValidationError as error:
        text, _, where = str(error).partition(" - at `")
        inner = _named(value, where.rstrip("`").removeprefix("$").removeprefix("."))
        choices = get_args(get_type_hints(kind).get(inner)) if "enum value" in text else ()
        says = _in_plain_words(text, choices)
        raise ConfigError(says, key=_join(path, inner)) from error


def _named(value: Any, where: str) -> str:
    """Return a path with the key of the table in a table that is none: msgspec says ``[...]``."""
    head, dots, tail = where.partition("[...]")
    for name in filter(None, head.split(".")) if dots else ():
        value = value[name]
    wrong = (key for key, item in value.items() if not isinstance(item, Mapping)) if dots else ()
    return f"{head}.{next(iter(wrong), '...')}{tail}" if dots else where


_PLAIN: Final = {
    "str": "text",
    "array": "a list",
    "object": "a table",
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "null": "nothing",
}
_COMPARED: Final = {"<=": "at most", ">=": "at least", ">": "more than", "<": "less than"}


def _in_plain_words(text: str, choices: Sequence[str] = ()) -> str:
    """Return what msgspec says is wrong, without Python's names.

    Examples
    --------
    >>> _in_plain_words("Expected `int` >= 1")
    'expected a whole number, at least 1'
    >>> _in_plain_words("Expected `array | null`, got `str`")
    'expected a list, not text'
    """
    if text == "Expected `str` of length >= 1":
        return "is empty"
    if choices:
        found = text.removeprefix("Invalid enum value ")
        return f"expected {' or '.join(map(repr, choices))}, not {found}"
    match = re.fullmatch(r"Expected `([^`]*)`(?: (<=|>=|>|<) (\S+))?(?:, got `(.*)`)?", text)
    if match is None:
        return text[0].lower() + text[1:]
    expected, compared, bound, found = match.groups()
    kinds = [_PLAIN.get(kind, kind) for kind in expected.split(" | ") if kind != "null"]
    limit = f", {_COMPARED[compared]} {float(bound):.12g}" if compared else ""
    got = f", not {_PLAIN.get(found, found)}" if found else ""
    return f"expected {' or '.join(dict.fromkeys(kinds))}{limit}{got}"


def _kind_of(value: object) -> str:
    kinds = {list: "a list", str: "text", bool: "true or false", int: "a whole number"}
    return kinds.get(type(value), "a number")


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path and key else path or key


def _of_text(kind: type, value: Any) -> Any:
    """Make what msgspec does not know of what a file can hold."""
    if kind is Path and isinstance(value, str) and value:
        return Path(value).expanduser()
    if kind is Secret and isinstance(value, str) and value:
        return Secret(value)
    raise ValueError(f"expected text, not {_kind_of(value)}" if value else "is empty")


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


_SAYS_WHERE: Final = re.compile(r"bootstrap|security|sasl|ssl|https|oauth|metadata\.broker")


def _check_found(path: Path, kafka: KafkaConfig, given: Mapping[str, Any]) -> None:
    """Refuse to send credentials to where a file says that nobody named.

    Raises
    ------
    ConfigError
    """
    own = "client_id" in given and "client_secret" in given
    if kafka.client_secret is None or own:
        return
    options = (f"options.{name}" for name in kafka.options if _SAYS_WHERE.search(name))
    says = [name for name in ("bootstrap_servers", "domain") if name in given]
    is_gcn = kafka.domain == "gcn.nasa.gov" or kafka.domain.endswith(".gcn.nasa.gov")
    for name in (*says, *options):
        if name != "domain" or not is_gcn:
            hint = f"if you trust it, name it: --config {path}"
            text = f"{path}, which was found here, says where credentials go that are not its own"
            raise ConfigError(text, key=f"kafka.{name}", hint=hint)


def _credential(name: str, section: KafkaConfig, env: Mapping[str, str]) -> str | None:
    stated = getattr(section, name)
    text = stated.reveal() if isinstance(stated, Secret) else stated
    found = find_credential(name, text, section.keyring, audience(section), env)
    return None if found is None else found.text


def _secret(section: KafkaConfig, env: Mapping[str, str]) -> Secret | None:
    text = _credential("client_secret", section, env)
    return None if text is None else Secret(text)


def audience(section: KafkaConfig) -> str:
    """Return who gets the credentials, as `icecube-alerts auth` names it: domain or broker."""
    return section.bootstrap_servers or section.domain
