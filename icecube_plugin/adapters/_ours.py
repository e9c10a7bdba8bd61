"""Which messages of a stream of everybody's VOEvents are for our host."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from icecube_hooks import Message, ParserType
    from icecube_plugin.host import Host

__all__ = ["is_ours"]


def is_ours(host: Host, message: Message) -> bool:
    """Tell whether a parser of `host` claims a message that has no topic.

    A VOEvent stream carries events of everybody, and the parsers say ``None`` to those of others.
    One that raises claims it: the host then keeps it as a dead letter, with the reason. Parsers
    that read on request only are asked where ``topics_extra`` of ``[kafka]`` names what they read.
    """
    asked = host.config.kafka.topics_extra
    return any(
        _knows(parser, message)
        for parser in host.plugins.parsers.values()
        if not parser.on_request or _is_named(parser, asked)
    )


def _is_named(parser: ParserType, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(topic, pattern) for topic in parser.topics for pattern in patterns)


def _knows(parser: ParserType, message: Message) -> bool:
    try:
        return parser.parse(message) is not None
    except Exception:  # noqa: BLE001  # the host reports it under the parser's name
        return True
