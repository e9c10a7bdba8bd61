"""``python -m icecube_plugin.cli``: the same as ``icecube-alerts``."""

import sys

from .command import main

sys.exit(main())
