"""Messages from files, folders named by topics, and archives."""

from typing import Any

from ampel.abstract.AbsAlertLoader import AbsAlertLoader

from icecube_hooks import Message
from icecube_plugin.host import messages_from


class IceCubeFileLoader(AbsAlertLoader[Message]):
    """Reads what ``icecube-alerts replay`` reads.

    Parameters
    ----------
    paths : list of str
    """

    paths: list[str]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._messages = messages_from(self.paths)

    def __next__(self) -> Message:
        """Return the next message."""
        return next(self._messages)
