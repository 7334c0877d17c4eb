"""What commands share: how one is added, how much it tells, and what of existing files it replaces."""

import argparse
from typing import Any


def add_command(
    parent: Any, name: str, help_: str, run: Any, epilog: str = "", *, when_stopped: str = "nothing was written"
) -> argparse.ArgumentParser:
    """A command, or an action of one, with the options of ``add_reporting``.

    ``run(arguments, reporter)`` does it; ``when_stopped`` is what a person who stops it is told.
    """
    command = _parser(parent, name, help_, epilog)
    add_reporting(command)
    command.set_defaults(run=run, when_stopped=when_stopped)
    return command


def add_group(parent: Any, name: str, help_: str, epilog: str, *, of: str = "ACTION") -> Any:
    """A command that only groups others; returns their parent."""
    return _parser(parent, name, help_, epilog).add_subparsers(title=f"{of.lower()}s", metavar=of)


def _parser(parent: Any, name: str, help_: str, epilog: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = parent.add_parser(
        name, help=help_, description=help_, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    return command


def add_reporting(command: argparse.ArgumentParser) -> None:
    """How much a command tells: --json, -q, -v."""
    command.add_argument("--json", action="store_true", help="print JSON lines for machines instead of text")
    command.add_argument("-q", "--quiet", action="store_true", help="no progress, only notices and errors")
    command.add_argument("-v", "--verbose", action="store_true", help="also tell what happens inside, for bug reports")


def add_overwrite(command: argparse.ArgumentParser) -> None:
    """What becomes of an output that exists already; without an option, Sonic's own earlier output is replaced."""
    group = command.add_mutually_exclusive_group()
    group.add_argument(
        "-y", "--overwrite", action="store_true", help="replace the output even if it is a file that Sonic did not make"
    )
    group.add_argument(
        "-n",
        "--no-clobber",
        action="store_true",
        help="keep what exists under the output's name, and make nothing",
    )
