"""The sink ``tom-target``: notices become rows of `models.Notice`, and Targets of their events.

It is there inside a TOM only: `handlers.make_host` registers it. A configuration file may name it,
to give it options; otherwise every host of this app has it as ``targets``::

    [sinks.targets]
    type = "tom-target"
    tests = true
    permissions = "PUBLIC"
    kinds = ["gold", "bronze"]
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from icecube_hooks import (
    AlertKind,
    ConfigError,
    Record,
    RefusedForGood,
    RetryLater,
    SinkType,
    hookimpl,
)
from icecube_plugin.alerts.waves import OF_WAVES

if TYPE_CHECKING:
    from .targets import Wanted

__all__ = ["TYPE", "TomTargets", "register_sinks"]

TYPE: Final = "tom-target"

PERMISSIONS: Final = ("OPEN", "PUBLIC", "PRIVATE")

log = logging.getLogger(__name__)


class TomTargets:
    """Creates and updates Targets.

    Parameters
    ----------
    kinds : list of str, optional
        Kinds of alert that get a Target; default: all that have a position, so no
        ``lvk-search``. The others are kept as notices.
    tests : bool, optional
        Whether tests, injections and simulations get one too. Its name says what it is.
    permissions : str, optional
        Of new Targets: ``OPEN``, ``PUBLIC`` or ``PRIVATE``; default: the TOM's own,
        ``TARGET_DEFAULT_PERMISSION``, which is ``PRIVATE`` where nobody has set it.
    nonlocalized : bool, optional
        Whether searches around gravitational waves and cascades make NonLocalizedEvents, where
        tom_nonlocalizedevents is installed, see `nonlocalized`.

    Raises
    ------
    ConfigError
        If an option has a wrong value.
    """

    def __init__(
        self,
        *,
        kinds: Sequence[str] | None = None,
        tests: bool = False,
        permissions: str | None = None,
        nonlocalized: bool = True,
    ) -> None:
        self.kinds = None if kinds is None else _kinds(kinds)
        self.tests = _flag(tests, "tests")
        self.nonlocalized = _flag(nonlocalized, "nonlocalized")
        if permissions is not None and permissions not in PERMISSIONS:
            raise ConfigError(f"expected one of {', '.join(PERMISSIONS)}", key="permissions")
        self.permissions = permissions

    def write(self, records: Sequence[Record]) -> None:
        """Write a batch in one transaction.

        Raises
        ------
        RetryLater
            If the database is locked or away.
        RefusedForGood
            If it refuses: a required field of the TOM's own Target model, say.
        """
        from django.db import (
            DatabaseError,
            IntegrityError,
            InterfaceError,
            OperationalError,
            close_old_connections,
            transaction,
        )

        from .targets import update

        def write_all() -> None:
            with transaction.atomic():
                for record in records:
                    update(record, self._wanted(record))

        close_old_connections()  # as Django does around a request; streams live for weeks
        try:
            try:
                write_all()
            except IntegrityError:  # another process was faster: now its rows are there
                write_all()
        except (OperationalError, InterfaceError) as error:
            raise RetryLater(f"{type(error).__name__}: {error}") from error
        except DatabaseError as error:
            raise RefusedForGood(f"{type(error).__name__}: {error}") from error
        finally:
            close_old_connections()

    def _wanted(self, record: Record) -> Wanted:
        from .targets import Wanted

        alert = record.alert
        wanted = (self.kinds is None or alert.kind in self.kinds) and (alert.is_real or self.tests)
        return Wanted(
            target=wanted and alert.kind not in OF_WAVES,
            nonlocalized=wanted and self.nonlocalized,
            permissions=self.permissions,
        )


@hookimpl
def register_sinks() -> list[SinkType]:
    """Register the sink."""
    summary = "Targets of a TOM, one for each event (TOM Toolkit)"
    return [SinkType(name=TYPE, make=TomTargets, summary=summary)]


def _kinds(kinds: object) -> frozenset[AlertKind]:
    known = {kind.value: kind for kind in AlertKind}
    if isinstance(kinds, list | tuple) and all(kind in known for kind in kinds):
        return frozenset(known[kind] for kind in kinds)
    raise ConfigError(f"expected a list of {', '.join(known)}", key="kinds")


def _flag(value: object, key: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"expected true or false, not {type(value).__name__}", key=key)
    return value
