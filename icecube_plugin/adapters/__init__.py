"""Inside the brokers that people already run: one module for each of them.

Nothing here is imported by the rest of the package, and each module imports its broker only where
it needs it. What they share: `icecube_hooks.messages.message_from` turns what a broker hands over
into a `Message`, and `icecube_plugin.host.Host.handle` reads, assesses and delivers it, with the
same configuration file as ``icecube-alerts``.
"""
