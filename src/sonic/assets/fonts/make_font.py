"""Recipe of sonic-label.otf: the glyphs of the visible label, cut out of Noto Sans CJK SC Bold.

    apt-get install fonts-noto-cjk        # Debian 12, 1:20220127+repack1-1, SIL Open Font License 1.1
    pip install fonttools==4.68.0
    python make_font.py /usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc

The subset is renamed: under the Open Font License a modified font does not carry on its parent's name.
The same parent and the same fonttools give the same bytes, which tests/provenance/test_label.py compares with a hash.
"""

# mypy: disable-error-code="import-untyped,import-not-found"
# fontTools is needed for this recipe only.

import sys
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTCollection

TEXT = "AI生成AI-generated "
FAMILY = "Sonic Label"
OUT = Path(__file__).with_name("sonic-label.otf")


def main(parent: str) -> None:
    """Write OUT from the face "Noto Sans CJK SC" of the collection ``parent``."""
    faces = TTCollection(parent).fonts
    font = next(face for face in faces if face["name"].getDebugName(1) == "Noto Sans CJK SC")
    options = Options()
    options.layout_features = []
    options.hinting = True
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    options.name_languages = [0x409]
    options.notdef_outline = True
    options.drop_tables += ["vhea", "vmtx", "VORG", "BASE", "DSIG"]
    font.recalcTimestamp = False
    subsetter = Subsetter(options)
    subsetter.populate(text=TEXT)
    subsetter.subset(font)
    names = {1: FAMILY, 2: "Bold", 3: f"{FAMILY} Bold 1", 4: f"{FAMILY} Bold", 6: "SonicLabel-Bold"}
    for name_id, text in names.items():
        font["name"].setName(text, name_id, 3, 1, 0x409)
    cff = font["CFF "].cff
    cff.fontNames[0] = names[6]
    top = cff.topDictIndex[0]
    top.FullName, top.FamilyName = names[4], FAMILY
    for i, part in enumerate(getattr(top, "FDArray", [])):
        part.FontName = f"{names[6]}-{i}"
    font.save(OUT)


if __name__ == "__main__":
    main(*sys.argv[1:])
