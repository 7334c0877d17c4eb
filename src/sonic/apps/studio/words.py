"""The language of an answer: sentences of the library in it, everything else as it is."""

from collections.abc import Mapping
from typing import Any

from sonic import demo
from sonic.language import in_language
from sonic.provenance.consent.terms import NOBODY
from sonic.settings.words import LANGUAGES

SENTENCES = frozenset(("message", "notices", "headline", "found", "proves", "conflicts", "claims"))
"""Names under which answers hold sentences of the library."""
_OURS = {"subject": (NOBODY, demo.SUBJECT), "evidence": (demo.EVIDENCE,)}
"""Names under which users' own words stand, unless they are these."""


def language_of(headers: Mapping[str, str], query: Mapping[str, str]) -> str:
    """What ``?language=`` asks for, which pages need whose requests bear no headers, else Accept-Language, else en."""
    asked = [query.get("language", ""), *headers.get("accept-language", "").split(",")]
    tags = (one.partition(";")[0].strip().lower().partition("-")[0] for one in asked)
    return next((tag for tag in tags if tag in LANGUAGES), "en")


def spoken(values: Any, language: str) -> Any:
    """These JSON values, their sentences in the language."""
    if language == "en":
        return values
    if isinstance(values, dict):
        return {
            name: (_said if name in SENTENCES or value in _OURS.get(name, ()) else spoken)(value, language)
            for name, value in values.items()
        }
    return [spoken(value, language) for value in values] if isinstance(values, list) else values


def _said(value: Any, language: str) -> Any:
    if isinstance(value, str):
        return in_language(value, language)
    return [_said(each, language) for each in value] if isinstance(value, list | tuple) else spoken(value, language)
