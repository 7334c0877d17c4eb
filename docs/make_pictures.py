"""The pictures of the README and the pages, made by Sonic itself from the bundled, fictional portrait.

python docs/make_pictures.py            rewrites docs/pictures, about a minute
"""

import tempfile
from datetime import date
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from sonic.api import generate
from sonic.evaluation.photo import inspect_photo
from sonic.evaluation.video import evaluate_video
from sonic.media.video import decode_video
from sonic.provenance.consent import Consent
from sonic.settings import Settings
from sonic.types import U8, Progress

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "src/sonic/assets/demo"
OUT = ROOT / "docs/pictures"
JPEG_QUALITY = 85
MOVING_PX, MOVING_S, EVERY_NTH, WEBP_QUALITY = (320, 400), 8.0, 2, 60
"""Size, length, rate and quality of the moving picture: GitHub shows it at once on a slow line, below 1 MB."""


def quiet(progress: Progress) -> None:
    """Progress that nobody watches."""


def make_video(out: Path) -> None:
    """The video of ``make demo``."""
    consent = Consent(subject="Sonic's fictional portrait", basis="synthetic", given_on=date(2025, 1, 1))
    generate(DEMO / "portrait.png", DEMO / "speech.flac", out, consent=consent, settings=Settings())


def save_moving(video: Path, name: str) -> None:
    """The opening of the video as a WebP that loops, its label with it."""
    frames, fps = [], 25
    for i, (_, rgb) in enumerate(decode_video(video)):
        if i >= MOVING_S * fps:
            break
        if i % EVERY_NTH == 0:
            frames.append(Image.fromarray(cv2.resize(rgb, MOVING_PX, interpolation=cv2.INTER_AREA)))
    path = OUT / name
    wait_ms = 1000 * EVERY_NTH // fps
    options = {"quality": WEBP_QUALITY, "method": 6, "duration": wait_ms, "loop": 0, "minimize_size": False}
    frames[0].save(path, save_all=True, append_images=frames[1:], **options)
    print(f"{path.relative_to(ROOT)}  {path.stat().st_size // 1000} kB")


def save_jpeg(rgb: U8, name: str) -> None:
    path = OUT / name
    cv2.imwrite(str(path), rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    print(f"{path.relative_to(ROOT)}  {path.stat().st_size // 1000} kB")


def main() -> None:
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        video, draft = Path(folder) / "demo.mp4", Path(folder) / "drawn.png"
        inspect_photo(DEMO / "portrait.png", draft)
        save_jpeg(_shown(draft, 1100), "inspect.jpg")
        make_video(video)
        save_moving(video, "demo.webp")
        evaluate_video(video, draft, on_progress=quiet)
        save_jpeg(_shown(draft, 1100), "evaluate.jpg")


def _shown(path: Path, width: int) -> U8:
    rgb = cv2.imread(str(path))[..., ::-1]
    height = round(rgb.shape[0] * width / rgb.shape[1])
    return np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


if __name__ == "__main__":
    main()
