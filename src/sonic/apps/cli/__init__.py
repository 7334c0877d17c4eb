"""The command ``sonic``."""

from sonic.apps.cli.main import main

__all__ = ["main"]
