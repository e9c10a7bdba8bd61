"""Options that sinks for services share: texts, secrets and seconds."""

from __future__ import annotations

import os

from icecube_hooks import ConfigError
from icecube_plugin.disk import absolute

__all__ = ["environment", "file_text", "positive_s", "secret_text", "text_option"]


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


def environment(name: object, key: str) -> str:
    """Return what an environment variable holds, see `secret_text`."""
    variable = text_option(name, key)
    found = os.environ.get(variable, "").strip()
    if not found:
        raise ConfigError(f"the environment variable {variable} is not set", key=key)
    return found


def file_text(path: object, key: str) -> str:
    """Return what a file holds, see `secret_text`."""
    file = absolute(text_option(path, key), key)
    try:
        text = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not UTF-8"
        raise ConfigError(f"cannot read {file}: {reason}", key=key) from None
    if not text:
        raise ConfigError(f"{file} is empty", key=key)
    return text


def positive_s(value: object, key: str) -> float:
    """Return a time [s, 0.1 to 600].

    Raises
    ------
    ConfigError
        Under `key`.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0.1 <= float(value) <= 600:  # type: ignore[arg-type]  # a number
        raise ConfigError(f"expected 0.1 to 600 seconds, got {value!r:.40}", key=key)
    return float(value)  # type: ignore[arg-type]  # likewise
