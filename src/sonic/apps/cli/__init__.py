"""The command ``sonic``."""

from sonic.apps.cli.main import main, script

__all__ = ["main", "script"]
