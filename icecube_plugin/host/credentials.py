"""Credentials of the broker: where they are kept, and where they may go.

Of these the first that is there counts:

1. ``GCN_CLIENT_ID`` and ``GCN_CLIENT_SECRET`` in the environment,
2. the files named by ``GCN_CLIENT_ID_FILE`` and ``GCN_CLIENT_SECRET_FILE``,
3. ``client_id`` and ``client_secret`` in ``[kafka]`` of the configuration,
4. the system's keyring, where ``[kafka]`` names one (``keyring = "icecube-alerts"``),
5. the user's own file, which ``icecube-alerts auth`` writes.

That file, ``$ICECUBE_ALERTS_AUTH`` or ``~/.config/icecube-alerts/auth.toml``, has a table for each
domain or broker, and credentials go to no other::

    ["gcn.nasa.gov"]
    client_id = "..."
    client_secret = "..."

It is readable by its owner alone, or refused.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from icecube_hooks import ConfigError
from icecube_plugin.disk import replace_file
from icecube_plugin.extras import pip_line

__all__ = [
    "Credential",
    "Secret",
    "auth_file",
    "check_owner",
    "check_where_credentials_go",
    "find_credential",
    "read_auth",
    "write_auth",
]

NAMES: Final = ("client_id", "client_secret")


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


class Credential(NamedTuple):
    """One of the two, and where it came from, for people."""

    text: str
    origin: str


def find_credential(
    name: str, stated: str | None, keyring: str | None, audience: str, env: Mapping[str, str]
) -> Credential | None:
    """Return ``client_id`` or ``client_secret``, from the first place that has it; see the module.

    Parameters
    ----------
    name : str
    stated : str, optional
        What the configuration says.
    keyring : str, optional
        Service in the system's keyring.
    audience : str
        The domain or broker that gets it.
    env : mapping

    Raises
    ------
    ConfigError
        If a place is named and cannot be read.
    """
    if (found := _from_env(f"GCN_{name.upper()}", env)) is not None:
        return found
    if stated is not None:
        return Credential(stated, "configuration")
    if keyring is not None and (text := _from_keyring(keyring, name)) is not None:
        return Credential(text, f"keyring {keyring}")
    file = auth_file(env)
    kept = {} if file is None else read_auth(file).get(audience, {})
    return Credential(kept[name], str(file)) if name in kept else None


def auth_file(env: Mapping[str, str]) -> Path | None:
    """Return where the user's own credentials are kept; ``None`` for a user without a home."""
    if named := env.get("ICECUBE_ALERTS_AUTH"):
        return Path(named).expanduser()
    if folder := env.get("XDG_CONFIG_HOME"):
        return Path(folder) / "icecube-alerts" / "auth.toml"
    home = env.get("HOME")
    return Path(home) / ".config" / "icecube-alerts" / "auth.toml" if home else None


def read_auth(file: Path) -> dict[str, dict[str, str]]:
    """Return the credentials by domain or broker; of a file that is not there, none.

    Raises
    ------
    ConfigError
        If the file belongs to somebody else, others may read it, or it is damaged.
    """
    try:
        text = file.read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise ConfigError(f"cannot read {file}: {reason}") from error
    check_owner(file, f"chmod 600 {file}, or remove it")
    if file.stat().st_mode & 0o077:
        raise ConfigError(f"others can read {file}, which has secrets", hint=f"chmod 600 {file}")
    try:
        kept = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file} is not valid TOML: {error}") from None
    return {where: _pair(table, f"{file}: {where}") for where, table in kept.items()}


def _pair(table: Any, where: str) -> dict[str, str]:
    values = dict(table) if isinstance(table, Mapping) else {}
    if set(values) != set(NAMES) or not all(isinstance(v, str) and v for v in values.values()):
        raise ConfigError(f"{where}: expected client_id and client_secret, nothing else")
    return values


def write_auth(file: Path, kept: Mapping[str, Mapping[str, str]]) -> None:
    """Keep credentials, for the owner's eyes; the file is whole or as it was.

    Raises
    ------
    ConfigError
        If it cannot be written.
    """
    text = "# Written by icecube-alerts auth.\n" + "".join(
        f"\n[{json.dumps(where)}]\n"
        + "".join(f"{name} = {json.dumps(pair[name])}\n" for name in NAMES)
        for where, pair in sorted(kept.items())
    )
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_file(file, text.encode(), sync=True, private=True)
    except OSError as error:
        raise ConfigError(f"cannot write {file}: {error.strerror}") from error


def _from_env(name: str, env: Mapping[str, str]) -> Credential | None:
    """Return what the environment holds under a name, or a file that it names."""
    if text := env.get(name):
        return Credential(text, f"environment: {name}")
    file = env.get(f"{name}_FILE")
    if not file:
        return None
    try:
        return Credential(Path(file).read_text("utf-8").strip(), f"{file}, named by {name}_FILE")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise ConfigError(f"cannot read {file}: {reason}", key=f"{name}_FILE") from error


def _from_keyring(service: str, name: str) -> str | None:
    try:
        import keyring
        import keyring.errors
    except ImportError as error:
        hint = pip_line("keyring")
        raise ConfigError("needs the package keyring", key="kafka.keyring", hint=hint) from error
    try:
        return keyring.get_password(service, name)
    except keyring.errors.KeyringError as error:
        raise ConfigError(f"cannot be read: {error}", key="kafka.keyring") from error


def check_owner(path: Path, hint: str | None = None) -> None:
    """Refuse a file that somebody else has laid into the working folder, or can write to.

    Raises
    ------
    ConfigError
    """
    try:
        status = path.stat()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    owners = (0, os.geteuid()) if hasattr(os, "geteuid") else (status.st_uid,)
    if status.st_uid not in owners or status.st_mode & 0o002:
        hint = hint or f"if you trust it, name it: --config {path}"
        raise ConfigError(f"{path} belongs to somebody else, or all can write to it", hint=hint)


def check_where_credentials_go(url: str, key: str) -> None:
    """Refuse a token server to which credentials would go in the clear.

    Raises
    ------
    ConfigError
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ConfigError("credentials go over https only", key=key)
