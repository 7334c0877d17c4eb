"""Fonts for captions: the user's, or one of this machine that has the letters; shaped by Raqm, which Pillow brings.

DejaVu Sans, which comes with matplotlib, has Latin, Greek, Cyrillic, Arabic, Hebrew, Armenian and Georgian; for other
scripts a font of the system is looked for. Sonic brings none of its own: one for all scripts weighs more than Sonic.
"""

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from PIL import ImageFont, features

from sonic.captions.script import is_rtl
from sonic.errors import InstallError, SettingError

_PREFERRED = ("notosans", "noto sans", "sourcehan", "dejavusans")
_BOLD = ("bold", "semibold", "medium")
_SLANTED = ("italic", "oblique", "serif", "mono", "condensed", "black", "thin", "light")
_LETTERS = 4000
"""Of a text, as many as are looked up in a font."""
_COMPLEX = ((0x0590, 0x109F), (0x1780, 0x17FF), (0xFB1D, 0xFDFF), (0xFE70, 0xFEFF))
"""Scripts whose letters join, change places or run from right to left."""


def font_for(text: str, wanted: str | None) -> str:
    """The path of a font with all the letters of ``text``.

    Raises SettingError for a font that cannot be used, InstallError where no font of this machine has the letters.
    """
    letters = frozenset(c for c in text[: _LETTERS * 10] if c.isprintable() and not c.isspace())
    if any(low <= ord(c) <= high for c in letters for low, high in _COMPLEX) and not features.check("raqm"):
        raise InstallError("this text needs Raqm, which Pillow's wheels bring; pip install --force-reinstall pillow")
    if wanted is not None:
        return _checked(wanted, letters)
    for path in (*_bundled(), *_installed()):
        if not _missing(path, letters):
            return path
    lacking = min((_missing(path, letters) for path in (*_bundled(), *_installed())), key=len, default=letters)
    shown = "".join(sorted(lacking)[:5])
    raise InstallError(
        f"no font on this machine has {shown}; install one, such as Noto Sans, or give a file: --caption-font"
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
        ImageFont.truetype(path, 12)
        missing = _missing(path, letters)
    except (OSError, ValueError) as error:
        raise SettingError(f"caption font {path!r} cannot be used ({error}); give a TTF or OTF file") from error
    if missing:
        shown = "".join(sorted(missing)[:5])
        raise SettingError(f"caption font {path!r} lacks {shown}; give one that has the letters of the captions")
    return path


def _bundled() -> Iterator[str]:
    import matplotlib

    for name in ("DejaVuSans-Bold.ttf", "DejaVuSans.ttf"):
        yield str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name)


@cache
def _installed() -> tuple[str, ...]:
    """Fonts of the system, those first that captions are usually set in."""
    from matplotlib import font_manager

    found = [path for path in font_manager.findSystemFonts() if path.lower().endswith((".ttf", ".otf", ".ttc"))]
    return tuple(sorted(found, key=_rank))


def _rank(path: str) -> tuple[int, int, int, str]:
    name = os.path.basename(path).lower().replace("-", "").replace("_", "")
    preferred = next((k for k, part in enumerate(_PREFERRED) if part in name), len(_PREFERRED))
    bold = next((k for k, part in enumerate(_BOLD) if part in name), len(_BOLD))
    return any(part in name for part in _SLANTED), preferred, bold, path


def _missing(path: str, letters: frozenset[str]) -> frozenset[str]:
    return frozenset(c for c in letters if ord(c) not in _covered(path) and c not in "\u200c\u200d")


@cache
def _covered(path: str) -> frozenset[int]:
    from fontTools.ttLib import TTFont, TTLibError

    try:
        with TTFont(path, fontNumber=0, lazy=True) as font:
            return frozenset(font.getBestCmap() or ())
    except (OSError, TTLibError, KeyError, ValueError, AssertionError):
        return frozenset()
