"""Options that sinks share: types, which a host converts to and checks, and secrets.

A sink says what an option is by its annotation alone; `icecube_hooks.host.build` does the rest.
"""

from __future__ import annotations

import os
from typing import Annotated

from msgspec import Meta

from icecube_hooks import ConfigError
from icecube_plugin.disk import absolute

__all__ = [
    "Seconds",
    "Text",
    "Wait",
    "environment",
    "file_text",
    "secret_text",
    "text_option",
    "token_text",
]

Seconds = Annotated[float, Meta(gt=0.0, le=3600.0)]
"""A time to wait [s], up to an hour."""

Wait = Annotated[float, Meta(ge=0.0, le=3600.0)]
"""A time to wait [s], up to an hour, or not at all."""

Text = Annotated[str, Meta(pattern=r"\S")]
"""A text that is not blank."""


def text_option(value: object, key: str) -> str:
    """Return an option that is a text.

    Raises
    ------
    ConfigError
        Under `key`; the value, which may be a secret, is not shown.
    """
    if not isinstance(value, str):
        raise ConfigError(f"expected text, not {type(value).__name__}", key=key)
    if not value.strip():
        raise ConfigError("is empty", key=key)
    return value.strip()


def secret_text(value: object, env: object, file: object, key: str) -> str | None:
    """Return a secret from an option, the environment variable `env`, or the file `file`.

    ``None`` if none of the three is given. `key` is the option; the others are ``{key}_env`` and
    ``{key}_file``.

    Raises
    ------
    ConfigError
        If more than one is given, the variable is not set, or the file cannot be read.
    """
    if sum(one is not None for one in (value, env, file)) > 1:
        raise ConfigError(f"give one of {key}, {key}_env and {key}_file", key=key)
    if env is not None:
        return environment(env, f"{key}_env")
    if file is not None:
        return file_text(file, f"{key}_file")
    return None if value is None else text_option(value, key)


def token_text(value: object, env: object, file: object) -> str:
    """Return the token that a service is asked with, from one of `secret_text`'s places.

    Raises
    ------
    ConfigError
        If there is none, or it cannot stand in a header.
    """
    found = secret_text(value, env, file, "token")
    if found is None:
        raise ConfigError("is required", key="token", hint="or token_env, or token_file")
    if not found.isascii() or not found.isprintable():
        raise ConfigError("is not a token", key="token")
    return found


def environment(name: object, key: str) -> str:
    """Return what an environment variable holds, see `secret_text`."""
    variable = text_option(name, key)
    found = os.environ.get(variable, "").strip()
    if not found:
        raise ConfigError(f"the environment variable {variable} is not set", key=key)
    return found


def file_text(path: object, key: str) -> str:
    """Return what a file holds, see `secret_text`."""
    file = absolute(
        text_option(os.fspath(path) if isinstance(path, os.PathLike) else path, key), key
    )
    try:
        text = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not UTF-8"
        raise ConfigError(f"cannot read {file}: {reason}", key=key) from None
    if not text:
        raise ConfigError(f"{file} is empty", key=key)
    return text
