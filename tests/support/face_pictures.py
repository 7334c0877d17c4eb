"""Pictures of the bundled portrait and of one photo, and a video, whose faces MediaPipe measured once.

recipes/faces/answers.py asked it.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.cbook import get_sample_data
from numpy.typing import NDArray
from PIL import Image

U8 = NDArray[np.uint8]
ROOT = Path(__file__).parents[2]
ANSWERS = ROOT / "tests" / "data" / "mediapipe.npz"
LOST = range(8, 11)
"""Frames of the video that show nobody."""


def portrait() -> U8:
    """(960, 768, 3)."""
    with Image.open(ROOT / "src" / "sonic" / "assets" / "demo" / "portrait.png") as image:
        return np.asarray(image.convert("RGB"))


def photo() -> U8:
    """(600, 512, 3): the public-domain portrait that matplotlib brings along."""
    with get_sample_data("grace_hopper.jpg") as file, Image.open(file) as image:
        return np.asarray(image.convert("RGB"))


def pictures() -> dict[str, U8]:
    """Name -> picture."""
    upright = portrait()
    tilted = Image.fromarray(upright).rotate(25, Image.Resampling.BILINEAR)
    small = Image.fromarray(upright).reduce(4)
    return {
        "upright": upright,
        "tilted": np.asarray(tilted),
        "small": np.asarray(small),
        "cut": upright[150:758, 180:640],
        "two": np.concatenate([upright, upright[:, ::-1]], 1)[::2, ::2],
        "far": np.pad(np.asarray(small), ((300, 500), (500, 580), (0, 0)), constant_values=128),
        "photo": photo(),
        "nobody": upright[700:],
    }


def video() -> Iterator[U8]:
    """20 frames of 480 x 480 in which the portrait moves, comes nearer, and is gone for a while."""
    upright = Image.fromarray(portrait())
    for k in range(20):
        left, top, side = 60 + 5 * k, 40 + 3 * k, 640 - 8 * k
        part = upright.resize((480, 480), Image.Resampling.BILINEAR, (left, top, left + side, top + side))
        yield np.zeros((480, 480, 3), np.uint8) if k in LOST else np.asarray(part)
