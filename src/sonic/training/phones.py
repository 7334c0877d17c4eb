"""Phones: the inventory, GRID's dictionary, IPA to ARPAbet, and what each phone asks of the mouth."""

import unicodedata
from collections.abc import Iterable

# fmt: off
PHONES = ("SIL", "AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW",
          "B", "CH", "D", "DH", "F", "G", "HH", "JH", "K", "L", "M", "N", "NG", "P", "R", "S", "SH", "T", "TH",
          "V", "W", "Y", "Z", "ZH")
"""Silence and the 39 phones of ARPAbet without stress."""
INDEX = {phone: i for i, phone in enumerate(PHONES)}
SILENCE = INDEX["SIL"]

BILABIALS = tuple(INDEX[p] for p in ("P", "B", "M"))
LIP_TEETH = tuple(INDEX[p] for p in ("F", "V"))
ROUND_VOWELS = tuple(INDEX[p] for p in ("UW", "UH", "OW", "OY", "W"))
"""u, o and w, of which lips make a small round."""
HUSHING = tuple(INDEX[p] for p in ("SH", "ZH", "CH", "JH"))
"""Lips come forward as a funnel."""
TIP_UP = tuple(INDEX[p] for p in ("T", "D", "N", "L"))
"""The tip of the tongue is behind the upper teeth ..."""
TIP_DOWN = tuple(INDEX[p] for p in ("TH", "DH"))
"""... and between the teeth."""

_WORDS = """
bin B IH N|lay L EY|place P L EY S|set S EH T|blue B L UW|green G R IY N|red R EH D|white W AY T|at AE T|by B AY
in IH N|with W IH DH|zero Z IH R OW|one W AH N|two T UW|three TH R IY|four F AO R|five F AY V|six S IH K S
seven S EH V AH N|eight EY T|nine N AY N|again AH G EH N|now N AW|please P L IY Z|soon S UW N|a EY|b B IY|c S IY
d D IY|e IY|f EH F|g JH IY|h EY CH|i AY|j JH EY|k K EY|l EH L|m EH M|n EH N|o OW|p P IY|q K Y UW|r AA R|s EH S|t T IY
u Y UW|v V IY|x EH K S|y W AY|z Z EH D
"""
GRID_DICTIONARY = {entry.split()[0]: tuple(entry.split()[1:])
                   for line in _WORDS.strip().splitlines() for entry in line.split("|")}
"""The 51 words of GRID's grammar, British English."""

IPA = {
    "p": "P", "b": "B", "t": "T", "d": "D", "ʈ": "T", "ɖ": "D", "c": "K", "ɟ": "G", "k": "K", "ɡ": "G", "g": "G",
    "q": "K", "m": "M", "n": "N", "ɲ": "N", "ɳ": "N", "ɴ": "N", "ŋ": "NG", "f": "F", "v": "V", "ʋ": "V", "ɸ": "F",
    "β": "V", "θ": "TH", "ð": "DH", "s": "S", "z": "Z",
    "ʃ": "SH", "ʒ": "ZH", "ɕ": "SH", "ʑ": "ZH", "ʂ": "SH", "ʐ": "ZH", "ç": "HH",
    "x": "HH",
    "χ": "HH", "h": "HH", "ħ": "HH", "ɦ": "HH", "ɣ": "G", "ʁ": "R", "r": "R", "ɹ": "R", "ɾ": "R", "ɻ": "R",
    "ɽ": "R",
    "l": "L", "ɫ": "L", "ʎ": "L", "ɭ": "L", "j": "Y", "w": "W", "ʍ": "W", "ɥ": "W",
    "i": "IY", "ɪ": "IH", "ᵻ": "IH", "e": "EY", "ɛ": "EH", "æ": "AE", "a": "AA", "ɐ": "AH", "ɑ": "AA", "ɒ": "AO",
    "ɔ": "AO", "o": "OW", "u": "UW", "ʊ": "UH", "ʌ": "AH", "ə": "AH", "ɚ": "ER", "ɝ": "ER", "ɜ": "ER", "y": "UW",
    "ʏ": "UW", "ø": "OW", "œ": "OW", "ɵ": "UH", "ɨ": "IH", "ɯ": "IH", "ɤ": "AH",
    "tʃ": "CH", "dʒ": "JH", "tɕ": "CH", "dʑ": "JH", "ʈʂ": "CH", "ɖʐ": "JH",
    "aɪ": "AY", "eɪ": "EY", "ɔɪ": "OY", "aʊ": "AW", "oʊ": "OW", "əʊ": "OW",
}
"""Nearest ARPAbet phone by what the lips and the jaw do; front rounded vowels go with back rounded ones."""
# fmt: on


def without_stress(phones: Iterable[str]) -> tuple[str, ...]:
    """ARPAbet symbols with the stress digits removed."""
    return tuple(p.rstrip("012") for p in phones)


def from_ipa(symbol: str) -> tuple[str, ...]:
    """ARPAbet phones for one IPA phone with any diacritics: longest match first, unknown signs dropped."""
    found = []
    while symbol:
        for size in (2, 1):
            if symbol[:size] in IPA:
                found.append(IPA[symbol[:size]])
                symbol = symbol[size:]
                break
        else:
            base = unicodedata.normalize("NFD", symbol[0])[0]  # Japanese a is written ä
            symbol = (base if base != symbol[0] and base in IPA else "") + symbol[1:]
    return tuple(found)


def sentence_phones(text: str) -> str:
    """Phones of a GRID sentence, words separated by ``|``; KeyError for a word outside its grammar."""
    return " | ".join(" ".join(GRID_DICTIONARY[word]) for word in text.lower().split())
