"""Comet's plugin ``icecube-alerts``: Twisted finds it by its place, ``comet/plugins/`` on the path.

There must be no ``__init__.py`` beside it, nor in the folder above: Comet has those, and Twisted
takes a second one for another package.
"""

from comet.icomet import IHandler, IHasOptions
from twisted.plugin import IPlugin
from zope.interface import implementer

from icecube_plugin.adapters.comet import CometHandler


@implementer(IPlugin, IHandler, IHasOptions)
class IceCubeAlerts(CometHandler):
    """The handler, declared."""


icecube_alerts = IceCubeAlerts()
