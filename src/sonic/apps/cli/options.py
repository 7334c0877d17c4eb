"""Options that commands share: how much is told, and what of existing files is replaced."""

import argparse


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
