"""Options of librdkafka, checked before a client is made: some that are wrong end the process."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from icecube_hooks import ConfigError

if TYPE_CHECKING:
    import confluent_kafka

__all__ = ["check_files", "without_value"]

_NOT_FILES: Final = ("", "probe")  # librdkafka looks for the system's certificates by itself


def check_files(options: Mapping[str, Any], key: str) -> None:
    """Check that every file or folder that an option ``*.location`` names can be read.

    librdkafka aborts the whole process where its certificates are not there.

    Raises
    ------
    ConfigError
        Under `key` and the name of the option.
    """
    for name, path in options.items():
        if name.endswith(".location") and isinstance(path, str) and path not in _NOT_FILES:
            try:
                if not Path(path).is_dir():
                    Path(path).open("rb").close()
            except OSError as error:
                raise ConfigError(
                    f"cannot read {path}: {error.strerror}", key=f"{key}.{name}"
                ) from error


def without_value(error: confluent_kafka.KafkaException) -> str:
    """Return what librdkafka says of a wrong option, without its value: it may be a password."""
    text: str = error.args[0].str()
    return re.sub(r'Invalid value ".*" for', "Invalid value for", text, flags=re.DOTALL)
