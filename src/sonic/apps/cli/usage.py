"""How the command line is understood, and what it says when it is not: one line, with what was probably meant."""

import argparse
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from difflib import get_close_matches
from typing import Any, NoReturn

from sonic.apps.cli.show import Reporter
from sonic.errors import SettingError

_REQUIRED = "the following arguments are required: "
"""How argparse begins the message about what is missing."""


class Parser(argparse.ArgumentParser):
    """argparse's, but mistakes raise SettingError, and unknown words are answered with the nearest known one.

    A command that only groups others shows what there is. The parsed arguments have ``parser``: that of the innermost
    command that was named.
    """

    overview = ""
    """Shown for the bare command; empty: its --help."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.set_defaults(parser=self, run=self._show_overview, json=False)
        self._given: Sequence[str] = ()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's; keeps what was given, for messages."""
        self._given = [str(word) for word in args or ()]
        return super().parse_known_args(args, namespace)

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse's. Raises SettingError for what is missing, unknown or too much."""
        known, rest = self.parse_known_args(args, namespace)
        if rest:
            known.parser.error(f"unexpected {rest[0]!r}")
        return known

    def error(self, message: str) -> NoReturn:
        """Raise SettingError with the remedy that fits."""
        if hint := self._misspelt() or self._dashed():
            raise SettingError(hint)
        if message.startswith(_REQUIRED):
            needed = _listed(message.removeprefix(_REQUIRED).split(", "))
            raise SettingError(f"`{self.prog}` needs {needed}; {self._example()}all options: {self.prog} --help")
        raise SettingError(f"{message}; see: {self.prog} --help")

    def _show_overview(self, arguments: argparse.Namespace, reporter: Reporter) -> None:
        reporter.result((self.overview or self.format_help()).rstrip())

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        names = [str(choice) for choice in action.choices]
        name = action.option_strings[-1] if action.option_strings else str(action.metavar or action.dest)
        is_command = isinstance(action, argparse._SubParsersAction)
        what = f"there is no {name.lower()} {value!r}" if is_command else f"{name} is {value!r}"
        near = _nearest(str(value), names)
        remedy = f"did you mean {near}? All: {self.prog} --help" if near else f"choose one of {', '.join(names)}"
        raise SettingError(f"{what}; {remedy}")

    def _misspelt(self) -> str:
        """What to say of the first option that is none; empty if there is no such."""
        known = self._option_string_actions
        for word in _options(self._given):
            name = word.partition("=")[0]
            if word.startswith("--") and not any(option.startswith(name) for option in known):
                near = _nearest(name, known)
                return f"{name} is not an option of `{self.prog}`" + (
                    f"; did you mean {near}?" if near else f"; see: {self.prog} --help"
                )
        return ""

    def _dashed(self) -> str:
        """What to say of a file whose name looks like an option; empty if there is none."""
        for word in _options(self._given):
            with suppress(OSError, ValueError):
                if word not in self._option_string_actions and os.path.lexists(word):
                    return f"{word!r} looks like an option; for the file of that name write .{os.sep}{word}"
        return ""

    def _example(self) -> str:
        for line in (self.epilog or "").splitlines():
            if line.startswith(f"  {self.prog} "):
                return f"for example: {line.strip().removesuffix(chr(92)).strip()}; "
        return ""


def _options(words: Iterable[str]) -> Iterable[str]:
    """The words that begin like options, up to ``--``."""
    for word in words:
        if word == "--":
            return
        if word.startswith("-") and len(word) > 1:
            yield word


def _nearest(word: str, known: Iterable[str]) -> str:
    by_letters = {name.lstrip("-"): name for name in known}
    return by_letters.get(next(iter(get_close_matches(word.lstrip("-"), by_letters, 1)), ""), "")


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
