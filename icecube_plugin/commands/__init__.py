"""One module per command of ``icecube-alerts``: ``add_arguments(parser)`` and a run function."""
