"""IceCube neutrino alerts: read, assessed, delivered.

`icecube_hooks` is the contract; this package holds the plugins that come with it (readers,
significance, sinks), the host that runs them (`icecube_plugin.host`), and the command
``icecube-alerts``. In a notebook::

    import icecube_plugin

    record = icecube_plugin.read("notice.xml")
    print(record.alert.event_key, record.alert.localization, record.significances)

Alerts and records show themselves there; ``%load_ext icecube_plugin`` shows lists of them, too.

Beside them: `icecube_plugin.significance`, `icecube_plugin.alerts`, `icecube_plugin.sky`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from icecube_hooks import Record
    from icecube_hooks.host import PluginSet

__version__ = "2.0.0"

__all__ = ["__version__", "html_of", "load_ipython_extension", "read", "readers"]


def html_of(thing: object) -> str | None:
    """Return what a notebook shows of a record or an alert; ``None`` for anything else."""
    from icecube_plugin.views.notebook import html_of as shown

    return shown(thing)


def load_ipython_extension(shell: Any) -> None:
    """Let a notebook show lists of records and alerts: ``%load_ext icecube_plugin``."""
    from icecube_plugin.views.notebook import load_ipython_extension as load

    load(shell)


def read(notice: bytes | str | Path, *, topic: str | None = None) -> Record:
    """Read and assess one notice with all installed plugins.

    Parameters
    ----------
    notice : bytes, str or Path
        The notice itself as bytes, or the name of a file that holds it.
    topic : str, optional
        Kafka topic that it came from.

    Returns
    -------
    Record
        The alert and its significances.

    Raises
    ------
    NoticeError
        If it is broken, or of none of the kinds that the installed parsers know.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> notice = (
    ...     b'{"ref_ID": "S260502ab", "pval_generic": 0.02, '
    ...     b'"trigger_time": "2026-05-02T04:00:00Z"}'
    ... )
    >>> record = read(notice)
    >>> record.alert.event_key, round(record.significances[0].sigma, 2)
    ('S260502ab', 2.05)
    """
    from icecube_hooks import Message

    if isinstance(notice, bytes):
        return readers().record(Message(value=notice, topic=topic))
    path = Path(notice).expanduser()
    return readers().record(Message(value=path.read_bytes(), topic=topic, origin=str(path)))


@cache
def readers() -> PluginSet:
    """Return the installed readers and significance providers; they are loaded once."""
    from icecube_hooks.host import load_plugins

    return load_plugins(block=("sink-*",))
