"""IceCube neutrino alerts: read, assessed, delivered.

`icecube_hooks` is the contract; this package holds the plugins that come with it (readers,
significance, sinks), the host that runs them, and the command ``icecube-alerts``.
"""

from __future__ import annotations

__version__ = "0.1.0"

__all__ = ["__version__"]
