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
MOVING_SIDE, MOVING_S, MOVING_FPS, MOVING_QUALITY = 384, (0.0, 6.0), 25, 60
"""The moving picture at the top of the README: square side in px, span in s, frames per second, WebP quality."""


def quiet(progress: Progress) -> None:
    """Progress that nobody watches."""


def make_video(out: Path) -> None:
    """The video of ``make demo``."""
    consent = Consent(subject="Sonic's fictional portrait", basis="synthetic", given_on=date(2025, 1, 1))
    generate(DEMO / "portrait.png", DEMO / "speech.flac", out, consent=consent, settings=Settings())


def save_moving(video: Path, name: str) -> None:
    """A few seconds of the video as an endless WebP; without sound, as such pictures are."""
    frames, due_s = [], MOVING_S[0]
    for time_s, rgb in decode_video(video):
        if due_s <= time_s < MOVING_S[1]:
            frames.append(Image.fromarray(_square(rgb, MOVING_SIDE)))
            due_s += 1 / MOVING_FPS
    path = OUT / name
    options = {"duration": round(1000 / MOVING_FPS), "loop": 0, "quality": MOVING_QUALITY, "method": 6}
    frames[0].save(path, save_all=True, append_images=frames[1:], **options)
    print(f"{path.relative_to(ROOT)}  {path.stat().st_size // 1000} kB")


def _square(rgb: U8, side: int) -> U8:
    """The top of a frame, which holds the face and the label."""
    short = min(rgb.shape[:2])
    return np.asarray(cv2.resize(rgb[:short, :short], (side, side), interpolation=cv2.INTER_AREA), np.uint8)


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
