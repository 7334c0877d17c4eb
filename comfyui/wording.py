"""What the library says in the words of nodes: inputs instead of options, Sonic Consent instead of commands."""

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from . import chinese

R = TypeVar("R")
Prompt = Mapping[str, Mapping[str, Any]]
CONSENT_REMEDY = "in Sonic Consent choose a basis, name the person and switch confirmed on"
SAVED_REMEDY = "name the file of such a consent in saved of Sonic Consent"
LOADERS = {"LoadImage": ("photo", "image"), "LoadAudio": ("recording", "audio")}
"""Nodes that read the user's files -> (what the library calls such a file, the widget with its name)."""


def _faces(match: re.Match[str]) -> str:
    count = int(match[1])
    number = {2: "Two", 3: "Three", 4: "Four"}.get(count, str(count))
    return f"{number} faces found: set face to {'1 or 2' if count == 2 else f'1 to {count}'}, left to right"


def _short(match: re.Match[str]) -> str:
    return f"the audio is {'too short' if int(match[1]) else 'empty'} ({match[1]} ms; minimum {match[2]} ms)"


_RULES: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"photo has (\d+) faces; choose one with --face 1\.\.\d+, counted from the left", _faces),
    (r"recording '[^']*' holds (\d+) ms of sound; at least (\d+) ms are needed, record it again", _short),
    (r"(the consent of .+) is for the photo with SHA-256 .*sonic consent new",
     rf"\1 is for another photo; use that photo, or {CONSENT_REMEDY}"),
    (r"choose that face with --face, or obtain consent for this one: sonic consent new PHOTO --face N",
     f"set face to that one, or {CONSENT_REMEDY}"),
    (r"make one that does: sonic consent new PHOTO --face N", CONSENT_REMEDY),
    (r"(the consent of .+) \([0-9a-f]{8,}\)", r"\1"),
    (r"(?<= by another key), [0-9a-f]{64}|(?<=Z) by the key [0-9a-f]{8,}", ""),
    (r"that is final, ask for a new one", f"that is final; with a new permission, {CONSENT_REMEDY}"),
    (r" as `sonic consent new` writes it", ", as consent files do"),
    (r" \(--(?:evidence-file|expires)\)", ""),
    (r"make one that fits: sonic consent new", SAVED_REMEDY),
    (r"(?:make it anew(?: here)?|ask for a new one|(?:obtain|make) one(?: for this one)?|for this one|"
     r"make a signed one|make one)(?: with)?: sonic consent new(?: PHOTO)?", CONSENT_REMEDY),
    (r"`?sonic consent new(?: PHOTO)?`?", "Sonic Consent"),
    (r"see them all with: sonic consent list", "clear saved of Sonic Consent, or name a consent file there"),
    (r"name the person in the photo: --subject \"[^\"]*\"", "name the person in the photo: subject of Sonic Consent"),
    (r"where it is kept, --evidence (\S+)", r"say where it is kept, such as \1, in evidence of Sonic Consent"),
    (r"give a sonic\.Consent", "connect Sonic Consent"),
    (r"weights of engine svd are missing: (.*); looked in (.*); `sonic weights fetch` gets them, .*",
     r"missing svd weights: \1; looked in \2; run `sonic weights fetch`, or set weights_folder to where you have them"),
    (r"--engine (\w+)", r"engine \1"),
    (r"give another name, or replace it with --overwrite \(in Python: overwrite=True\)",
     "choose another filename_prefix"),
    (r"(?<!install )--([a-z][a-z-]*[a-z])", lambda match: match[1].replace("-", "_")),
)  # fmt: skip
"""What the library says -> what a person at a node understands; the first fitting rules first."""


def in_words_of_nodes(message: str, names: Mapping[str, str] | None = None) -> str:
    """A message of the library as a node says it; ``names`` are those of the files behind "photo" and "recording"."""
    for pattern, replacement in _RULES:
        message = re.sub(pattern, replacement, message)
    for what, nobody in (("photo", "the image"), ("recording", "the audio")):
        known = (names or {}).get(what)
        shown = f"{what} {known!r}" if known else nobody
        message = re.sub(rf"{what} '[^']*'", lambda _, shown=shown: shown, message)
    return _sentence(message)


def _sentence(message: str) -> str:
    """With a capital, unless it begins with the name of an input."""
    from sonic.settings import settings_table

    word = re.match(r"[a-z]+(?=[ :,])", message)
    return message if word is None or word[0] in settings_table() else message[0].upper() + message[1:]


def file_names(prompt: Prompt | None, node_id: str | None) -> dict[str, str]:
    """The user's files behind a node, as Load Image and Load Audio name them, where there is exactly one of a kind.

    Nodes get pixels and samples; those are files of another name when the library reads them.
    """
    found: dict[str, set[str]] = {}
    waiting, seen = [str(node_id)], set[str]()
    while waiting:
        key = waiting.pop()
        node = (prompt or {}).get(key)
        if node is None or key in seen:
            continue
        seen.add(key)
        what, widget = LOADERS.get(node.get("class_type", ""), ("", ""))
        if isinstance(name := node["inputs"].get(widget), str):
            found.setdefault(what, set()).add(re.sub(r" \[(input|output|temp)\]$", "", name))
        waiting += [str(value[0]) for value in node["inputs"].values() if isinstance(value, list) and value]
    return {what: names.pop() for what, names in found.items() if len(names) == 1}


def names_of(node: Any) -> dict[str, str]:
    """As ``file_names``, of the node that runs."""
    hidden = getattr(node, "hidden", None)
    return file_names(getattr(hidden, "prompt", None), getattr(hidden, "unique_id", None))


def spoken(execute: Callable[..., R]) -> Callable[..., R]:
    """``execute`` of a node, with the library's errors in the words of nodes, in the language of the canvas."""

    @functools.wraps(execute)
    def call(cls: Any, *args: Any, **inputs: Any) -> R:
        from sonic.errors import SonicError

        try:
            return execute(cls, *args, **inputs)
        except SonicError as error:
            message = in_words_of_nodes(str(error), names_of(cls))
            raise type(error)(chinese.translated(message) if chinese.chosen() else message) from error

    return call
