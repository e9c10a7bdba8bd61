r"""Inside Comet, the VOEvent broker: the handler that ``twistd comet --icecube-alerts`` enables.

::

    twistd -n comet --local-ivo ivo://org.example/comet --remote voevent.example.org \
        --icecube-alerts --icecube-alerts-config icecube.toml

What Comet finds is ``comet/plugins/icecube_alerts.py``, which our wheel puts beside Comet's own
plugins. It has no more in it than the declaration; this module has the work.

Conventions
-----------
- Events of others on the same stream are passed over. What is IceCube's, by its identifier or
  because a parser claims it, goes through `icecube_plugin.host.Host.handle`: to the sinks of the
  configuration file, or, if it cannot be read or delivered, to the dead letters.
- A configuration that is wrong ends ``twistd`` at its start, with the reason. After that nothing
  is raised: Comet is told that an event is done, whatever happened to it.
- Sinks write in a thread of our own, one event after another, in order. The reactor's thread pool
  stays free: Comet looks up there whether it has seen an event before it acknowledges one.
- Relative paths in the file start at the folder in which ``twistd`` runs, see its ``--rundir``.

Not done: Comet acknowledges an event before handlers see it, and never accepts it again. What is
in memory when the process is killed is lost. Comet's own ``--save-event`` keeps every event, and
``icecube-alerts replay`` of that folder fills the gaps: sinks drop what they have.

Nothing heavy is imported before the handler is enabled.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from icecube_hooks import Message
    from icecube_plugin.host import Host

__all__ = ["NAME", "CometHandler"]

NAME: Final = "icecube-alerts"
"""What enables the handler on the command line, and what its options start with."""

LOGGERS: Final = ("icecube_plugin", "icecube_hooks")

log = logging.getLogger(__name__)


class CometHandler:
    """Comet's ``IHandler`` and ``IHasOptions``, but for the declaration that it is that.

    Attributes
    ----------
    name : str
        See `NAME`.
    host : Host or None
        ``None`` until Comet has set the options: a handler that is not enabled does nothing.
    """

    name = NAME

    def __init__(self) -> None:
        self.host: Host | None = None
        self._run: Callable[..., Any] = _at_once

    def get_options(self) -> Sequence[tuple[str, str | None, str]]:
        """Return name, default and description of each option, as Comet asks for them."""
        return [("config", None, "Configuration file (TOML); default: all defaults.")]

    def set_option(self, name: str, value: str | None) -> None:
        """Take the option ``config``; Comet calls this only if the handler is enabled.

        Raises
        ------
        twisted.python.usage.UsageError
            If the configuration is wrong: ``twistd`` prints the reason and ends.
        """
        if name == "config":
            self.host = _checked_host(value)
            _when_running(self._start)

    def __call__(self, event: Any) -> Any:
        """Handle an event; return a Deferred that fires with ``None`` when it is done."""
        done = self._run(self.handle, event)
        done.addErrback(_report)  # `handle` raises nothing; the thread pool might
        return done

    def handle(self, event: Any) -> None:
        """Deliver an event, or keep it as a dead letter; raise nothing.

        Parameters
        ----------
        event : comet.utility.xml.xml_document
            Has ``raw_bytes`` and ``element``.
        """
        try:
            self._deliver(event)
        except Exception:  # the boundary: Comet must hear nothing of our troubles
            log.exception("an event is lost: %s", _ivorn(event))

    def _deliver(self, event: Any) -> None:
        from icecube_hooks.messages import message_from

        from ._ours import is_ours

        if self.host is None:
            return
        message = message_from(event)
        ivorn = _ivorn(event)
        if "icecube" in ivorn.lower() or is_ours(self.host, message):
            _hand_over(self.host, message.replace(origin=ivorn or None))

    def _start(self) -> None:
        """Begin the thread, and make the sinks in it; the reactor is running."""
        from twisted.internet import reactor
        from twisted.internet.threads import deferToThreadPool
        from twisted.python.threadpool import ThreadPool

        _pass_on_logs()
        pool = ThreadPool(minthreads=1, maxthreads=1, name=NAME)
        pool.start()
        untyped: Any = reactor  # the module stands in for an object that is chosen at run time
        untyped.addSystemEventTrigger("during", "shutdown", self._stop, pool)
        self._run = lambda function, *args: deferToThreadPool(reactor, pool, function, *args)
        if self.host is not None:
            self._run(self.host.open).addErrback(_report)

    def _stop(self, pool: Any) -> None:
        """Finish what has been acknowledged. Nothing waits any more for a sink that is down."""
        if self.host is not None:
            self.host.stop()
        pool.stop()
        if self.host is not None:
            self.host.close()


def _hand_over(host: Host, message: Message) -> None:
    """Deliver a message; keep it if the host as a whole has trouble, such as a sink's folder gone.

    Raises
    ------
    StoreError
        If it cannot be kept either.
    """
    from icecube_plugin.host import StoreError

    try:
        host.handle([message])
    except StoreError:
        raise
    except Exception as error:  # the boundary: whatever it is, the message comes first
        log.exception("an event is kept as a dead letter: %s", message.origin)
        host.refuse(message, error)


def _ivorn(event: Any) -> str:
    element = getattr(event, "element", None)
    return "" if element is None else str(element.get("ivorn", ""))


def _checked_host(path: str | None) -> Host:
    """Return the host of a configuration file, all of whose sinks can be made."""
    from icecube_hooks import ConfigError
    from icecube_plugin.host import Host, load_config
    from icecube_plugin.host.plugins import check_sinks

    try:
        host = Host(load_config(path))
    except ConfigError as error:
        raise _usage_error(str(error)) from error
    problems = check_sinks(host.config, host.plugins)
    if problems:
        raise _usage_error("; ".join(problems))
    return host


def _usage_error(reason: str) -> Exception:
    """Make the error with which Twisted ends ``twistd`` before it starts."""
    from twisted.python.usage import UsageError

    error: Exception = UsageError(f"--{NAME}-config: {reason}")
    return error


def _at_once(function: Callable[..., Any], *arguments: Any) -> Any:
    """Stand in for the thread before the reactor runs."""
    from twisted.internet.defer import maybeDeferred

    return maybeDeferred(function, *arguments)


def _when_running(function: Callable[[], None]) -> None:
    """Call `function` once the reactor runs: threads do not live through twistd's fork."""
    from twisted.internet import reactor

    untyped: Any = reactor
    untyped.callWhenRunning(function)


def _report(failure: Any) -> None:
    """Log what a Deferred failed with, and let it succeed."""
    log.error("%s", failure.getErrorMessage())
    log.debug("%s", failure.getTraceback())


class _ToComet(logging.Handler):
    """Passes log records on to Comet's log; it drops those below Comet's ``--verbose``."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        import comet.log as comet_log

        if record.levelno >= logging.WARNING:
            write = comet_log.warn
        else:
            write = comet_log.info if record.levelno >= logging.INFO else comet_log.debug
        try:
            write(self.format(record), system=NAME)
        except Exception:  # noqa: BLE001  # as in every handler: logging reports it
            self.handleError(record)


def _pass_on_logs() -> None:
    """Let Comet's log have ours: Twisted does not listen to `logging`."""
    for name in LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(handler, _ToComet) for handler in logger.handlers):
            logger.addHandler(_ToComet())
            logger.setLevel(logging.INFO)
            logger.propagate = False
