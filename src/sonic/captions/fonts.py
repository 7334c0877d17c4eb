"""Fonts for captions: the user's, else Sonic's, else one of this machine; shaped by Raqm, which Pillow brings.

Sonic's are subsets of Noto Sans, made by recipes/fonts: one for Latin, Greek, Cyrillic, Arabic, Devanagari and Thai,
and one each for simplified and traditional Chinese, Japanese and Korean, in the shapes that are read there.
"""

import itertools
import os
import sys
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path

from PIL import ImageFont, features

from sonic.captions.script import is_rtl
from sonic.errors import InstallError, SettingError
from sonic.files import open_regular

_PREFERRED = ("notosans", "noto sans", "sourcehan", "dejavusans")
_BOLD = ("bold", "semibold", "medium")
_SLANTED = ("italic", "oblique", "serif", "mono", "condensed", "black", "thin", "light")
_LETTERS = 4000
"""Of a text, as many as are looked up in a font."""
MAX_FONT_BYTES = 256 * 1024 * 1024
"""Of a font file; collections with all of Chinese, Japanese and Korean have some 120 MB."""
_OWN = tuple(f"sonic-captions-{name}" for name in ("west.ttf", "sc.otf", "tc.otf", "ja.otf", "ko.otf"))
_IN_NO_FONT = "\U0010fffe"
_JOINERS = "\u200c\u200d"
_COMPLEX = ((0x0590, 0x109F), (0x1780, 0x17FF), (0xFB1D, 0xFDFF), (0xFE70, 0xFEFF))
"""Scripts whose letters join, change places or run from right to left."""


def font_for(text: str, wanted: str | None) -> str:
    """The path of a font with all the letters of ``text``.

    Raises SettingError for a font that cannot be used, InstallError where no font has the letters.
    """
    letters = frozenset(c for c in text[: _LETTERS * 10] if c.isprintable() and not c.isspace())
    if any(low <= ord(c) <= high for c in letters for low, high in _COMPLEX) and not features.check("raqm"):
        raise InstallError("this text needs Raqm, which Pillow's wheels bring; pip install --force-reinstall pillow")
    if wanted is not None:
        return _checked(wanted, letters)
    lacking = letters
    for path in itertools.chain(_own(), _installed()):
        if not (missing := _missing(path, letters)):
            return path
        lacking = min(lacking, missing, key=len)
    shown = "".join(sorted(lacking)[:5])
    raise InstallError(
        f"no font here has {shown}; install one, such as Noto Sans of this script, or give a file: --caption-font"
    )


@cache
def opened(path: str, size_px: int) -> ImageFont.FreeTypeFont:
    """The font at this size, shaped by Raqm where that is there."""
    engine = ImageFont.Layout.RAQM if features.check("raqm") else ImageFont.Layout.BASIC
    return ImageFont.truetype(path, size_px, layout_engine=engine)


def direction(text: str) -> str | None:
    """For Pillow: which way a line runs; None where Raqm is not there to ask."""
    if not features.check("raqm"):
        return None
    return "rtl" if is_rtl(text) else "ltr"


def _checked(path: str, letters: frozenset[str]) -> str:
    try:
        open_regular(path, MAX_FONT_BYTES).close()  # FreeType would wait for a pipe
        ImageFont.truetype(path, 12)
        missing = _missing(path, letters)
    except (OSError, ValueError) as error:
        raise SettingError(f"caption font {path!r} cannot be used ({error}); give a TTF or OTF file") from error
    if missing:
        shown = "".join(sorted(missing)[:5])
        raise SettingError(f"caption font {path!r} lacks {shown}; give one that has the letters of the captions")
    return path


def _own() -> Iterator[str]:
    """Sonic's own fonts."""
    for name in _OWN:
        yield str(resources.files("sonic").joinpath("assets", "fonts", name))


def _installed() -> Iterator[str]:
    """Those of the system, which are looked for only when they are needed."""
    yield from _found()


@cache
def _found() -> tuple[str, ...]:
    """Fonts of the system, those first that captions are usually set in."""
    found = {
        str(path)
        for folder in _folders()
        for path in folder.rglob("*")
        if path.suffix.lower() in (".ttf", ".otf", ".ttc")
    }
    return tuple(sorted(found, key=_rank))


def _folders() -> tuple[Path, ...]:
    """Where systems keep fonts."""
    home = Path(os.path.expanduser("~"))
    windows = Path(os.environ.get("WINDIR", "C:/Windows")) / "Fonts"
    local = Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local")) / "Microsoft" / "Windows" / "Fonts"
    folders = {
        "win32": (windows, local),
        "darwin": (Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library" / "Fonts"),
    }
    unix = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), home / ".local" / "share" / "fonts")
    return folders.get(sys.platform, unix)


def _rank(path: str) -> tuple[int, int, int, str]:
    name = os.path.basename(path).lower().replace("-", "").replace("_", "")
    preferred = next((k for k, part in enumerate(_PREFERRED) if part in name), len(_PREFERRED))
    bold = next((k for k, part in enumerate(_BOLD) if part in name), len(_BOLD))
    return any(part in name for part in _SLANTED), preferred, bold, path


def _missing(path: str, letters: frozenset[str]) -> frozenset[str]:
    """The letters that the font draws as it draws what no font has."""
    try:
        font = _sample(path)
        nothing = _drawn(font, _IN_NO_FONT)
        return frozenset(c for c in letters if c not in _JOINERS and _drawn(font, c) == nothing)
    except (OSError, ValueError):
        return letters


@cache
def _sample(path: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, 24, layout_engine=ImageFont.Layout.BASIC)


def _drawn(font: ImageFont.FreeTypeFont, letter: str) -> tuple[tuple[int, int], bytes]:
    mask = font.getmask(letter)
    return mask.size, bytes(mask)
