"""Questions to the person at the terminal, for what must not be assumed; never prompts without a terminal."""

import argparse
import os
import sys
from datetime import date

from sonic.apps.cli.show import is_terminal, put
from sonic.errors import ConsentError, SonicError

YES = "yes"
"""The one answer that confirms."""


def can_ask(arguments: argparse.Namespace) -> bool:
    """Whether somebody can answer: standard input is a terminal, and no program reads our output."""
    return not arguments.json and is_terminal(sys.stdin)


def ask(question: str) -> str:
    """The line that was typed, without surrounding space. Raises ConsentError if there is none any more."""
    line = _answer(question)
    if not line:
        raise ConsentError("the answer is missing; nothing was done")
    return line.strip()


def agreed(question: str) -> bool:
    """Whether the answer is y or yes; anything else, and no answer at all, is a no."""
    return _answer(f"{question} [y/N]").strip().casefold() in ("y", YES)


def confirm(arguments: argparse.Namespace, statement: str) -> None:
    """Have ``statement`` confirmed with the word yes, or by --confirmed. Raises ConsentError if it is not."""
    if arguments.confirmed:
        return
    if not can_ask(arguments):
        raise ConsentError(f"somebody has to confirm: {statement} Run it in a terminal, or add --confirmed")
    if ask(f"{statement}\nType {YES} to confirm:").casefold() != YES:
        raise ConsentError("not confirmed; nothing was done")


def day(text: str | None, option: str, *, error: type[SonicError] = ConsentError) -> date | None:
    """The date that an option holds. Raises ``error``."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as failure:
        raise error(f"{option} is {text!r}; write a date as YYYY-MM-DD") from failure


def _answer(question: str) -> str:
    put(sys.stderr, f"{question} ", end="")
    return sys.stdin.readline()


def may_replace(arguments: argparse.Namespace, path: "os.PathLike[str]", *, foreign: bool) -> bool:
    """Whether a file that is not ours may be replaced: by --force, or because somebody at the terminal says so."""
    if arguments.force or not foreign:
        return bool(arguments.force)
    return can_ask(arguments) and agreed(f"{str(path)!r} exists and is not an earlier output. Replace it?")


def add_force(command: argparse.ArgumentParser) -> None:
    """The option for replacing what Sonic did not make."""
    command.add_argument(
        "--force", action="store_true", help="replace the output even if it is a file that Sonic did not make"
    )


def add_confirmed(command: "argparse.ArgumentParser | argparse._ArgumentGroup") -> None:
    """The option for work without a terminal."""
    command.add_argument(
        "--confirmed", action="store_true", help="what the terminal would ask to confirm is true: for batch work"
    )
