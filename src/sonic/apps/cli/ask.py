"""Questions to the person at the terminal, for what must not be assumed; never prompts without a terminal."""

import argparse
import os
import sys
from datetime import date

from sonic.apps.cli.show import is_terminal, put
from sonic.errors import ConsentError, SonicError

YES = "yes"


def can_ask(arguments: argparse.Namespace) -> bool:
    """Whether somebody can answer: standard input is a terminal, and no program reads our output."""
    return not arguments.json and is_terminal(sys.stdin)


def ask(question: str) -> str:
    """What was typed, without surrounding space; asks again after an empty line. Raises ConsentError at the end."""
    while line := _answer(question):
        if line.strip():
            return line.strip()
    raise ConsentError("the answer is missing; nothing was done")


def agreed(question: str) -> bool:
    """Whether the answer is y or yes; anything else, and no answer at all, is a no."""
    return _answer(f"{question} [y/N]").strip().casefold() in ("y", YES)


def confirm(arguments: argparse.Namespace, statement: str) -> None:
    """Have ``statement`` confirmed with the word yes, or by --confirmed. Raises ConsentError if it is not."""
    if arguments.confirmed:
        return
    if not can_ask(arguments):
        raise ConsentError(f"somebody has to confirm: {statement} Run it in a terminal, or add --confirmed")
    question = statement
    while (answer := ask(f"{question}\nIs that so? [yes/no]").casefold()) not in ("y", YES):
        if answer in ("n", "no"):
            raise ConsentError("not confirmed; nothing was done")
        question = f"{answer!r} is neither {YES} nor no."


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
    """Whether a file that is not ours may be replaced: by --overwrite, or because somebody at the terminal says so."""
    if arguments.overwrite or not foreign:
        return bool(arguments.overwrite)
    return can_ask(arguments) and agreed(f"{str(path)!r} exists and is not an earlier output. Replace it?")


def add_confirmed(command: "argparse.ArgumentParser | argparse._ArgumentGroup") -> None:
    """The option for work without a terminal."""
    command.add_argument(
        "--confirmed", action="store_true", help="what the terminal would ask to confirm is true: for batch work"
    )
