"""The words that a consent or a policy may hold: one-line texts, dates, language tags, purposes, hashes."""

import re
from collections.abc import Iterable
from datetime import date

from sonic.errors import ConsentError

MAX_TEXT = 500
"""Longest text of a record, in characters."""
MAX_CODE = 8 * 1024
"""Longest key, signature or fingerprint, in characters."""
MAX_PURPOSE = 60
MAX_WORDS = 50
"""Most languages or purposes of one list."""
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def one_line(name: str, text: object) -> str:
    """``text`` without surrounding space; raises ConsentError if it is not one printable line of reasonable length."""
    if not isinstance(text, str):
        raise ConsentError(f"{name} is {_shown(text)}; it must be a text")
    text = text.strip()
    if len(text) > MAX_TEXT or not text.isprintable():
        raise ConsentError(f"{name} must be one line of printable text, at most {MAX_TEXT} characters")
    return text


def day(name: str, text: object) -> date:
    """A date written as 2026-05-31. Raises ConsentError."""
    try:
        if not isinstance(text, str):
            raise ValueError
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConsentError(f"{name} is {_shown(text)}; it must be a date such as 2026-05-31") from error


def sha256(name: str, text: object) -> str:
    """A SHA-256 in hexadecimal. Raises ConsentError."""
    if not isinstance(text, str) or not _SHA256.fullmatch(text):
        raise ConsentError(f"{name} is {_shown(text)}; it must be 64 hexadecimal digits, or null")
    return text


def box(name: str, sides: object) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) as shares of a picture, about 0 to 1. Raises ConsentError."""
    fits = isinstance(sides, list | tuple) and len(sides) == 4 and all(type(side) in (int, float) for side in sides)
    if fits and isinstance(sides, list | tuple):
        left, top, right, bottom = map(float, sides)
        if -1 < left < right < 2 and -1 < top < bottom < 2:
            return left, top, right, bottom
    raise ConsentError(f"{name} is {_shown(sides)}; it must be left, top, right, bottom as shares of the photo")


def code(name: str, text: object) -> str:
    """A text that machines made, of reasonable length. Raises ConsentError."""
    if not isinstance(text, str) or len(text) > MAX_CODE or not text.isascii():
        raise ConsentError(f"{name} must be ASCII text of at most {MAX_CODE} characters; it was changed")
    return text


def file_name(name: str, text: object) -> str:
    """The name of a file, without folders on any platform. Raises ConsentError."""
    text = one_line(name, text)
    if not text or text in (".", "..") or set(text) & set("/\\:"):
        raise ConsentError(f"{name} is {_shown(text)}; it must be a file name without folders")
    return text


def languages(name: str, tags: object) -> tuple[str, ...]:
    """A list of BCP 47 language tags, not empty. Raises ConsentError."""
    return tuple(language(name, tag) for tag in _words(name, tags))


def language(name: str, tag: object) -> str:
    """One well-formed language tag such as en, pt-BR or zh-Hans, as it was written. Raises ConsentError."""
    if not isinstance(tag, str) or len(tag) > MAX_PURPOSE or not _LANGUAGE.fullmatch(tag):
        raise ConsentError(f"{name} has {_shown(tag)}; a language is a BCP 47 tag such as en, pt-BR or zh-Hans")
    return tag


def purposes(name: str, words: object) -> tuple[str, ...]:
    """A list of free words, not empty. Raises ConsentError."""
    return tuple(purpose(name, word) for word in _words(name, words))


def purpose(name: str, word: object) -> str:
    """One purpose such as education, without surrounding space. Raises ConsentError."""
    word = one_line(name, word)
    if not word or len(word) > MAX_PURPOSE:
        raise ConsentError(f"{name} has {_shown(word)}; a purpose is 1 to {MAX_PURPOSE} characters, such as education")
    return word


def covers_language(allowed: Iterable[str], tag: str) -> bool:
    """Whether ``tag`` is one of these or a kind of one: en covers en-GB, en-GB does not cover en (RFC 4647, 3.3.1)."""
    given = tag.casefold()
    return any(given == one.casefold() or given.startswith(f"{one.casefold()}-") for one in allowed)


def covers_purpose(allowed: Iterable[str], word: str) -> bool:
    """Whether ``word`` is one of these, whatever the case of its letters."""
    return word.strip().casefold() in {one.casefold() for one in allowed}


def _words(name: str, words: object) -> list[object]:
    if not isinstance(words, list | tuple) or not 1 <= len(words) <= MAX_WORDS:
        raise ConsentError(f"{name} is {_shown(words)}; it must be a list of 1 to {MAX_WORDS} words, or null for any")
    return list(words)


def _shown(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= MAX_PURPOSE else f"{text[:MAX_PURPOSE]}..."
