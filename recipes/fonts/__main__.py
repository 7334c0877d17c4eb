"""Make the fonts of captions from Noto Sans (SIL Open Font License 1.1), and print their sizes and SHA-256.

    pip install fonttools==4.68.0
    apt download fonts-noto-core fonts-noto-cjk        # Debian 12: 20201225-1 and 1:20220127+repack1-1
    for f in *.deb; do dpkg-deb -x $f noto; done
    python -m recipes.fonts noto

The same packages and fonttools give the same bytes. All are bold. ``west`` is merged from four fonts: Latin with
Vietnamese, Greek and Cyrillic; Arabic; Devanagari; Thai. The others are of Noto Sans CJK in the shapes of their region,
each with Latin letters.
"""

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path

from fontTools import merge, subset
from fontTools.ttLib import TTFont

OUT = Path(__file__).parents[2] / "src" / "sonic" / "assets" / "fonts"
SOURCES = {
    "west": ("NotoSans-Bold.ttf", "NotoSansArabic-Bold.ttf", "NotoSansDevanagari-Bold.ttf", "NotoSansThai-Bold.ttf"),
}
CJK = "NotoSansCJK-Bold.ttc"
REGIONS = {"sc": "SC", "tc": "TC", "ja": "JP", "ko": "KR"}
ASCENT, DESCENT = 0.98, 0.30
"""Of a line, in em: together the leading of captions (captions.draw.LEADING)."""
LATIN = (
    *range(0x20, 0x7F),
    *range(0xA0, 0x180),
    *range(0x2010, 0x2028),
    *range(0x2030, 0x205F),
    0x20AC,
    0x2122,
    0xFFFD,
)
WESTERN = (
    *LATIN, *range(0x180, 0x250), *range(0x300, 0x370), *range(0x370, 0x400), *range(0x400, 0x530),
    *range(0x1E00, 0x2000), *range(0x20A0, 0x20C0),
)  # fmt: skip
ARABIC = (*range(0x600, 0x700), *range(0x750, 0x780), *range(0xFB50, 0xFE00), *range(0xFE70, 0xFF00), 0x200C, 0x200D)
DEVANAGARI = (*range(0x900, 0x980), *range(0x1CD0, 0x1D00), *range(0xA8E0, 0xA900), 0x200C, 0x200D, 0x25CC)
THAI = (*range(0xE00, 0xE60), 0x25CC)
WIDE = (*range(0x3000, 0x3040), *range(0xFF00, 0xFFF0))
KANA = (*range(0x3040, 0x3100), *range(0x31F0, 0x3200))


def main() -> None:
    """Write all fonts."""
    folder = Path(sys.argv[1])
    made = {"west": _west(folder)}
    for name, letters in _regions().items():
        made[name] = _subset(_of_region(folder, REGIONS[name]), letters)
    for name, font in made.items():
        path = OUT / f"sonic-captions-{name}.{'ttf' if 'glyf' in font else 'otf'}"
        _named(font, name)
        font.save(path)
        print(f"{path.name}  {path.stat().st_size / 1e6:.2f} MB  {len(font.getGlyphOrder())} glyphs  "
              f"{hashlib.sha256(path.read_bytes()).hexdigest()}")  # fmt: skip


def _regions() -> dict[str, Iterable[int]]:
    """The letters of each font of Noto Sans CJK.

    Both levels of GB 2312, the first of Big5, the first of JIS X 0208 with kana, the syllables of KS X 1001.
    """
    basic = (*LATIN, *WIDE)
    return {
        "sc": (*basic, *_coded("gb2312", range(0xB0, 0xF8), range(0xA1, 0xFF))),
        "tc": (*basic, *_coded("big5", range(0xA4, 0xC7), (*range(0x40, 0x7F), *range(0xA1, 0xFF)))),
        "ja": (*basic, *KANA, *_coded("euc_jp", range(0xB0, 0xD0), range(0xA1, 0xFF))),
        "ko": (*basic, *range(0x3130, 0x3190), *_coded("euc_kr", range(0xB0, 0xC9), range(0xA1, 0xFF))),
    }


def _coded(encoding: str, rows: Iterable[int], cells: Iterable[int]) -> list[int]:
    """The letters of these rows and cells of a two-byte encoding."""
    cells = tuple(cells)
    texts = (bytes((row, cell)).decode(encoding, "ignore") for row in rows for cell in cells)
    return [ord(text) for text in texts if len(text) == 1 and text >= "\u4e00"]


def _west(folder: Path) -> TTFont:
    parts = []
    letters = (WESTERN, ARABIC, DEVANAGARI, THAI)
    work = folder / "parts"
    work.mkdir(exist_ok=True)
    for source, wanted in zip(SOURCES["west"], letters, strict=True):
        part = _subset(TTFont(_found(folder, source)), wanted)
        parts.append(work / source)
        part.save(parts[-1])
    merged = merge.Merger().merge([str(path) for path in parts])
    merged["head"].created = TTFont(parts[0])["head"].created
    return merged


def _of_region(folder: Path, region: str) -> TTFont:
    """One face of the collection."""
    path = _found(folder, CJK)
    for number in range(5):
        font = TTFont(path, fontNumber=number)
        if font["name"].getDebugName(1) == f"Noto Sans CJK {region}":
            return font
    raise SystemExit(f"{path} has no Noto Sans CJK {region}")


def _found(folder: Path, name: str) -> Path:
    return next(iter(sorted(folder.rglob(name))))


def _subset(font: TTFont, letters: Iterable[int]) -> TTFont:
    """What these letters need, with the rules that join and place them, without hints."""
    options = subset.Options()
    options.hinting = False
    options.desubroutinize = False
    options.name_IDs = [0, 13, 14]
    options.notdef_outline = True
    options.layout_features = [f for f in subset.Options._layout_features_default if f not in ("vert", "vrt2")]
    if "CFF " in font:  # of one region: no other region's shapes
        options.layout_features = ["kern", "mark", "ccmp"]
    options.drop_tables += ["vhea", "vmtx", "VORG", "BASE", "DSIG", "meta"]
    maker = subset.Subsetter(options)
    maker.populate(unicodes=letters)
    maker.subset(font)
    return font


def _named(font: TTFont, name: str) -> None:
    """A name of its own, one line height for all, and no date of today."""
    per_em = font["head"].unitsPerEm
    for table, above, below in (("hhea", "ascent", "descent"), ("OS/2", "sTypoAscender", "sTypoDescender")):
        setattr(font[table], above, round(ASCENT * per_em))
        setattr(font[table], below, -round(DESCENT * per_em))
    font["hhea"].lineGap = font["OS/2"].sTypoLineGap = 0
    font["OS/2"].usWinAscent, font["OS/2"].usWinDescent = round(ASCENT * per_em), round(DESCENT * per_em)
    family = f"Sonic Captions {name}"
    for number, text in {1: family, 2: "Bold", 3: family, 4: family, 6: family.replace(" ", "")}.items():
        font["name"].setName(text, number, 3, 1, 0x409)
    if "CFF " in font:
        cff = font["CFF "].cff
        cff.fontNames = [family.replace(" ", "")]
        cff.topDictIndex[0].FullName = cff.topDictIndex[0].FamilyName = family
    font["head"].modified = font["head"].created
    font.recalcTimestamp = False


if __name__ == "__main__":
    main()
