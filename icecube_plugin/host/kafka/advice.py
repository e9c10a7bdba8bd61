"""What an error of librdkafka (or of libcurl or OpenSSL in it) says, and what to tell a person."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from icecube_hooks import IceCubePluginError

if TYPE_CHECKING:
    import confluent_kafka

__all__ = ["KafkaFailure", "advice_for", "failure"]


class KafkaFailure(IceCubePluginError, ConnectionError):
    """The broker cannot be reached, or refuses us.

    Parameters
    ----------
    reason : str
        What happened and what to do about it.
    code : str
        librdkafka's name of the error.
    """

    def __init__(self, reason: str, code: str = "") -> None:
        super().__init__(reason)
        self.code = code


_NOT_TRUSTED: Final = (
    "the certificate of {where}, or of the server that checks credentials, is not trusted: the"
    " credentials were not sent; check ssl.ca.location and https.ca.location"
)
_REFUSED: Final = "the credentials were refused: check GCN_CLIENT_ID and GCN_CLIENT_SECRET"

_BY_TEXT: Final = (
    (r"(?i)certificate|trust anchors|SSL peer|self.signed|ssl handshake", _NOT_TRUSTED),
    (
        r"resolve host|connect to server|onnection timed out|Timeout was reached",
        "cannot reach {where}, or the server that checks credentials: check the network",
    ),
    (r"unexpired token", "the credentials' token has expired already: check this machine's clock"),
    (
        r"invalid_token",
        "{where} does not take the credentials' token: check this machine's clock and the domain",
    ),
    (r"group\.instance\.id", "another host of the group runs with the same kafka.instance_id"),
    (r"acquire SASL", _REFUSED),
)

_BY_CLASS: Final = {
    "_AUTHENTICATION": _REFUSED,
    "TOPIC_AUTHORIZATION_FAILED": "the credentials do not allow to read {where}",
    "GROUP_AUTHORIZATION_FAILED": "the credentials do not allow this consumer group",
    "CLUSTER_AUTHORIZATION_FAILED": "the credentials do not allow this",
    "UNKNOWN_TOPIC_OR_PART": "{where} is not there: check its name (icecube-alerts topics)",
}

_UNREACHABLE: Final = ("_TRANSPORT", "_RESOLVE", "_TIMED_OUT", "_ALL_BROKERS_DOWN", "_SSL")


def advice_for(error: confluent_kafka.KafkaError, where: str) -> str:
    """Return a line for a person: what happened, what to do, and the client's own words."""
    text, name = error.str(), error.name()
    by_text = (advice for pattern, advice in _BY_TEXT if re.search(pattern, text))
    unknown = "cannot reach {where}: check the address and the network"
    by_class = _BY_CLASS.get(name, unknown if name in _UNREACHABLE else "{where}")
    return f"{next(by_text, by_class).format(where=where)} ({text})"


def failure(error: confluent_kafka.KafkaError, where: str) -> KafkaFailure:
    """Return the exception for an error that no waiting mends."""
    return KafkaFailure(advice_for(error, where), error.name())
