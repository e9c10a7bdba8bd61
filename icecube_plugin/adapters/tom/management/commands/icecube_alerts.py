"""``manage.py icecube_alerts``: the host with the TOM's settings, Targets included.

::

    manage.py icecube_alerts replay notices/         read files, as icecube-alerts replay
    manage.py icecube_alerts listen                  our own consumer in place of readstreams
    manage.py icecube_alerts dead-letters            what could not be read or delivered
    manage.py icecube_alerts dead-letters --retry    try it again
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from icecube_hooks import IceCubePluginError
from icecube_plugin.adapters.tom.handlers import make_host

if TYPE_CHECKING:
    from icecube_plugin.host import Host

__all__ = ["Command"]


class Command(BaseCommand):  # type: ignore[misc,unused-ignore]  # Django has no types
    """The command."""

    help = "Read IceCube's notices into Targets and the configured sinks."

    def add_arguments(self, parser: Any) -> None:
        """Declare the options."""
        commands = parser.add_subparsers(dest="command", required=True)
        replay = commands.add_parser("replay", help="read files and folders")
        replay.add_argument("paths", nargs="+", metavar="PATH")
        replay.add_argument("--topic", help="topic that the notices came from")
        commands.add_parser("listen", help="consume from Kafka until interrupted")
        letters = commands.add_parser("dead-letters", help="what could not be read or delivered")
        letters.add_argument("--retry", action="store_true", help="try all of them again")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command."""
        try:
            host = make_host()
            if options["command"] == "dead-letters":
                self._letters(host, retry=options["retry"])
            else:
                self._run(host, options)
        except IceCubePluginError as error:
            raise CommandError(str(error)) from error

    def _run(self, host: Host, options: dict[str, Any]) -> None:
        from icecube_plugin.host import FileSource

        if options["command"] == "replay":
            summary = host.run(lambda: FileSource(options["paths"], topic=options["topic"]))
        else:
            summary = host.run()
        counts = f"{summary.messages} messages, {summary.records} read, {summary.refused} refused"
        waiting = [f", {number} wait for {name}" for name, number in summary.waiting.items()]
        self.stdout.write(counts + "".join(waiting))

    def _letters(self, host: Host, *, retry: bool) -> None:
        try:
            for letter in host.journal.letters():
                problem = host.retry(letter) if retry else letter.reason
                self.stdout.write(f"{letter.number}: {problem or 'delivered'}")
        finally:
            host.close()
