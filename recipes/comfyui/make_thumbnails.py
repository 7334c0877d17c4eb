"""Recipe of example_workflows/*.jpg: stills of the videos that the workflows themselves made, for the templates.

python recipes/comfyui/make_thumbnails.py OUTPUT_FOLDER/sonic

Frames for other nodes are no file: what its report measured, temp/sonic/video-*.mp4, is copied there as
frames-for-other-nodes_1.mp4.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from sonic import demo
from sonic.media.images import tile
from sonic.media.video import decode_video
from sonic.types import U8

FOLDER = Path(__file__).parents[2] / "comfyui" / "example_workflows"
HEIGHT_PX = 360
STILLS = {"sonic-high-quality": 2, "sonic-many-languages": 3}
"""Stills side by side; else one."""
AT = (0.42, 0.62, 0.22)
"""Where in the video they are from."""


def stills(video: Path, n: int) -> list[U8]:
    """``n`` labelled frames of a video, HEIGHT_PX high."""
    frames = [rgb for _, rgb in decode_video(video)]
    pictures = []
    for share in AT[:n]:
        picture = Image.fromarray(frames[int(share * len(frames))])
        width = round(picture.width * HEIGHT_PX / picture.height)
        pictures.append(np.asarray(picture.resize((width, HEIGHT_PX), Image.Resampling.LANCZOS)))
    return pictures


def card(text: str) -> Image.Image:
    """The example's photo above a line of text: for a workflow whose weights are not everybody's."""
    photo = Image.open(demo.PORTRAIT).convert("RGB")
    picture = photo.resize((round(photo.width * HEIGHT_PX / photo.height), HEIGHT_PX), Image.Resampling.LANCZOS)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, HEIGHT_PX - 44, picture.width, HEIGHT_PX), fill=(24, 24, 28))
    draw.text((picture.width / 2, HEIGHT_PX - 22), text, fill="white", anchor="mm", font=ImageFont.load_default(17))
    return picture


def main(made: Path) -> None:
    """A thumbnail for each workflow that left a video in ``made``, and a card for the one that needs a GPU."""
    card("published weights, on a GPU").save(FOLDER / "sonic-official-weights.jpg", quality=82)
    for workflow in sorted(FOLDER.glob("*.json")):
        videos = sorted(made.glob(f"{workflow.stem.removeprefix('sonic-').removeprefix('many-').rstrip('s')}*_*.mp4"))
        if not videos:
            continue
        n = STILLS.get(workflow.stem, 1)
        Image.fromarray(tile(stills(videos[-1], n), columns=n)).save(workflow.with_suffix(".jpg"), quality=82)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
