"""``python -m sonic``: the command line, where the console script is not on the path."""

import sys

from sonic.apps.cli import script

sys.exit(script())
