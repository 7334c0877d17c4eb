"""Recipe of docs/pictures/studio-*.jpg: screenshots that `make test-studio` left in build/studio, as small files.

python docs/make_studio_pictures.py [FOLDER]
"""

import sys
from pathlib import Path

from PIL import Image

DOCS = Path(__file__).parent
PICTURES = {
    "studio-create": "en-dark-2-framed",
    "studio-create-zh": "zh-light-2-framed",
    "studio-live": "en-dark-5-live",
    "studio-compare": "en-dark-compare",
    "studio-verify": "en-dark-7-verified",
    "studio-verify-zh": "zh-light-7-verified",
    "studio-phone": "en-light-phone-6-done",
    "studio-platform": "en-dark-platform",
    "studio-captions": "en-dark-captioned",
    "studio-report": "en-dark-report",
}
"""Name in docs/pictures -> the screenshot."""
SIDE_PX = 1280


def main(folder: Path) -> None:
    """Write all."""
    for name, shot in PICTURES.items():
        picture = Image.open(folder / f"{shot}.png").convert("RGB")
        picture.thumbnail((SIDE_PX, SIDE_PX), Image.Resampling.LANCZOS)
        picture.save(DOCS / "pictures" / f"{name}.jpg", quality=82, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS.parent / "build" / "studio")
