"""What the library says, in the language of who reads it: its English sentences, known again by their templates.

The code says everything once, in English, where it happens. A catalogue (``assets/words/messages_zh.toml``) has for
each of these sentences its template in another language. A sentence is taken apart by the template that says most of
it, and its values are put into the other template: words of ours among them in that language, all else as it is. What
was joined of several is taken apart first. A sentence that the catalogue does not know stays English.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources

from sonic.settings.platforms import platform, platform_names
from sonic.settings.words import LANGUAGES, setting_words

LONGEST = 2000
"""Characters of what is looked at; our own sentences are shorter."""
_DEEPEST = 6
_MOST_PIECES = 16
_QUOTED = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")
_BORDER = re.compile(r"(?<=[\u4e00-\u9fff])(?=[A-Za-z0-9])|(?<=[A-Za-z0-9%°])(?=[\u4e00-\u9fff])")
_JOINED = ((re.compile(r"(?<=\.) "), " ", ""), (re.compile("; "), "; ", "；"), (re.compile(", "), ", ", "，"),
           (re.compile(" and "), " and ", "和"))  # fmt: skip
"""How sentences and words are joined, in English for looking up and in Chinese."""


@dataclass(frozen=True, slots=True)
class _Template:
    """A sentence with gaps."""

    parts: tuple[str, ...]
    """What is between the gaps; at least two."""
    longest: str
    """Of the parts: what a text must hold, asked first because it is asked of all templates."""
    other: str

    def values(self, text: str) -> list[str] | None:
        """What fills the gaps in this text, each as short as can be; a quoted text is never taken apart."""
        at, last, found = len(self.parts[0]), self.parts[-1], list[str]()
        if not (self.longest in text and text.startswith(self.parts[0]) and text.endswith(last)):
            return None
        for part in self.parts[1:-1]:
            quoted = _QUOTED.match(text, at)
            end = text.find(part, quoted.end() if quoted else at)
            if end < 0:
                return None
            found.append(text[at:end])
            at = end + len(part)
        end = len(text) - len(last)
        return [*found, text[at:end]] if end >= at else None


class _Value:
    """What fills a gap: ``{}`` puts it in the reader's language, ``{:=}`` as it is."""

    def __init__(self, own: str, told: str) -> None:
        self._own, self._told = own, told

    def __format__(self, spec: str) -> str:
        return self._own if spec == "=" else self._told


@lru_cache(4096)
def in_language(text: str, language: str) -> str:
    """A sentence of the library in this language; as it is where there are no words for it, or for English.

    Raises KeyError for a language that is not one of LANGUAGES.
    """
    if language not in LANGUAGES:
        raise KeyError(language)
    if language == "en" or len(text) > LONGEST:
        return text
    told = _told(text, language, 0)[0]
    return told if told == text else _spaced(told)


def _told(text: str, language: str, depth: int) -> tuple[str, bool]:
    """The text, and whether every piece of it is known."""
    if (whole := _whole(text.strip(), language, depth)) is not None:
        return whole, True
    if depth >= _DEEPEST or _QUOTED.fullmatch(text):
        return text, False
    told = [_in_brackets(text, language, depth), *(_in_pieces(text, language, depth, *how) for how in _JOINED)]
    known = [one for one in told if one is not None]
    if complete := next((one for one in known if one[1]), None):
        return complete
    if (whole := _whole(text.strip(), language, depth, joined=True)) is not None:
        return whole, True
    return known[0] if known else (text, False)


@lru_cache(4096)
def _whole(text: str, language: str, depth: int, *, joined: bool = False) -> str | None:
    """By one template; a gap that holds several sentences is the last choice: ``joined``."""
    exact, templates = _catalogue(language)
    if text in exact:
        return exact[text]
    for template in templates:
        values = template.values(text)
        if values is not None and (joined or not any(map(_is_joined, values))):
            return template.other.format(*(_Value(value, _told(value, language, depth + 1)[0]) for value in values))
    return None


def _is_joined(value: str) -> bool:
    return "; " in value and not _QUOTED.fullmatch(value)


def _spaced(text: str) -> str:
    """With the space between Chinese and other letters that readers expect, but not within what is quoted."""
    at, parts = 0, list[str]()
    for quoted in _QUOTED.finditer(text):
        parts += [_BORDER.sub(" ", text[at : quoted.start()]), quoted[0]]
        at = quoted.end()
    return "".join([*parts, _BORDER.sub(" ", text[at:])])


def _in_brackets(text: str, language: str, depth: int) -> tuple[str, bool] | None:
    """ "this (that)", of which either is known."""
    head, bracket, rest = text.rpartition(" (")
    if not bracket or not rest.endswith(")"):
        return None
    both = [_told(part, language, depth + 1) for part in (head, rest[:-1])]
    told = f"{both[0][0]}（{both[1][0]}）"
    return None if [both[0][0], both[1][0]] == [head, rest[:-1]] else (told, all(known for _, known in both))


def _in_pieces(
    text: str, language: str, depth: int, split: re.Pattern[str], joint: str, other: str
) -> tuple[str, bool] | None:
    """What was joined of sentences, some of which are known; sentences may hold the joint themselves."""
    pieces, told, at = split.split(text), list[tuple[str, bool]](), 0
    if not 1 < len(pieces) <= _MOST_PIECES:
        return None
    while at < len(pieces):
        for end in range(len(pieces), at + 1, -1):
            if end - at < len(pieces) and (run := _whole(joint.join(pieces[at:end]), language, depth + 1)) is not None:
                told.append((run, True))
                break
        else:
            end = at + 1
            told.append(_told(pieces[at], language, depth + 1))
        at = end
    if not any(known for _, known in told):
        return None
    return other.join(piece for piece, _ in told), all(known for _, known in told)


@cache
def _catalogue(language: str) -> tuple[dict[str, str], tuple[_Template, ...]]:
    """Sentences without gaps, and templates, those that say most first."""
    file = resources.files("sonic").joinpath("assets", "words", f"messages_{language}.toml")
    pairs = tomllib.loads(file.read_text("utf-8")) | _of_tables(language)
    gapped = [(tuple(english.split("{}")), other) for english, other in pairs.items() if "{}" in english]
    templates = [_Template(parts, max(parts, key=len), other) for parts, other in gapped]
    templates.sort(key=lambda one: -sum(map(len, one.parts)))
    return {english: other for english, other in pairs.items() if "{}" not in english}, tuple(templates)


def _of_tables(language: str) -> dict[str, str]:
    """What the tables of settings and platforms say in both languages already."""
    english, other = setting_words("en"), setting_words(language)
    pairs = {words.outside: other[name].outside for name, words in english.items() if words.outside}
    for name in platform_names():
        there = platform(name)
        declared = f"to declare on {there.title['en']}: {there.declare['en']} {there.declare['zh']}"
        pairs[declared] = f"在 {there.title[language]} 发布时要声明：{there.declare[language]}"
    return pairs
