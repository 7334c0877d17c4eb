"""Errors of the library in the words of nodes: inputs instead of options, Sonic Consent instead of commands."""

import functools
import re
from collections.abc import Callable
from typing import Any, TypeVar

R = TypeVar("R")
CONSENT_REMEDY = "in Sonic Consent choose a basis, name the person and switch confirmed on"


def _faces(match: re.Match[str]) -> str:
    count = int(match[1])
    choice = "1 or 2" if count == 2 else f"1 to {count}"
    return f"{count} faces found: set face to {choice}, left to right"


_RULES: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"photo has (\d+) faces; choose one with --face 1\.\.\d+, counted from the left", _faces),
    (r"recording '[^']*' holds (\d+) ms of sound; at least (\d+) ms are needed, record it again",
     r"the audio is too short (\1 ms; minimum \2 ms)"),
    (r"(?:make it anew(?: here)?|ask for a new one|(?:obtain|make) one(?: for this one)?|for this one|"
     r"make a signed one|make one with): sonic consent new(?: PHOTO)?(?: --[\w-]+)?", CONSENT_REMEDY),
    (r"`?sonic consent new(?: PHOTO)?`?(?: --[\w-]+)?", "Sonic Consent"),
    (r"see them all with: sonic consent list", "clear its input saved, or choose a file"),
    (r"give a sonic\.Consent", "connect Sonic Consent"),
    (r"photo '[^']*'", "the image"),
    (r"recording '[^']*'", "the audio"),
    (r"--engine (\w+)", r"engine \1"),
    (r"with --force \(in Python: overwrite=True\)", "by another filename_prefix"),
    (r"--([a-z][a-z-]*[a-z])", lambda match: match[1].replace("-", "_")),
)  # fmt: skip
"""What the library says -> what a person at a node understands; the first fitting rules first."""


def in_words_of_nodes(message: str) -> str:
    """A message of the library as a node says it."""
    for pattern, replacement in _RULES:
        message = re.sub(pattern, replacement, message)
    return message


def spoken(execute: Callable[..., R]) -> Callable[..., R]:
    """``execute`` of a node, with the library's errors in the words of nodes."""

    @functools.wraps(execute)
    def call(*args: Any, **inputs: Any) -> R:
        from sonic.errors import SonicError

        try:
            return execute(*args, **inputs)
        except SonicError as error:
            raise type(error)(in_words_of_nodes(str(error))) from error

    return call
