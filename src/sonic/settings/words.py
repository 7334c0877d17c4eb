"""What people read of settings in their language: label, help, what too much looks like, what unset means."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

from sonic.settings import Setting, settings_table

LANGUAGES = ("en", "zh")


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one setting."""

    label: str
    help: str
    outside: str = ""
    """What to expect outside the recommended range."""
    unset: str = ""
    """What no value means."""


@cache
def setting_words(language: str) -> MappingProxyType[str, Words]:
    """Name of each setting -> its words. Raises KeyError for a language that is not one of LANGUAGES."""
    if language not in LANGUAGES:
        raise KeyError(language)
    file = resources.files("sonic").joinpath("assets", "words", f"settings_{language}.toml")
    texts = tomllib.loads(file.read_text("utf-8"))
    if language == "en":
        return MappingProxyType(
            {n: _english(entry, *texts.get(n, [_label(n)])) for n, entry in settings_table().items()}
        )
    return MappingProxyType({name: Words(*texts[name]) for name in settings_table()})


def _english(entry: Setting, label: str) -> Words:
    return Words(label, entry.help, entry.outside, entry.unset)


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize()
