"""A contact sheet: what a video will look like, as one picture in seconds."""

from pathlib import Path

import cv2
import numpy as np

from sonic.errors import OutputError
from sonic.load import load_speech
from sonic.pipeline import preview
from sonic.settings import Settings
from sonic.types import U8, Frame, OnNotice, OnProgress, Progress

LONGEST_DRAFT_S = 6.0
"""A sheet shows the opening of the speech: enough to judge mouth, head and label, and quick."""
DRAFT_SIDE_PX = 512
GAP_PX = 6


def contact_sheet(
    portrait: str | Path,
    speech: str | Path,
    out: Path,
    *,
    n_frames: int,
    settings: Settings,
    on_progress: OnProgress,
    on_notice: OnNotice,
) -> Path:
    """Write ``n_frames`` labelled frames, evenly spaced over the opening of the video, to the picture ``out``.

    Raises a SonicError for anything a user can mend; OutputError where ``out`` cannot be written.
    """
    length_s = min(settings.duration or LONGEST_DRAFT_S, LONGEST_DRAFT_S)
    length_s = min(length_s, load_speech(Path(speech), lambda line: None).duration_s)
    draft = settings.replace(
        duration=length_s, min_resolution=min(settings.min_resolution or DRAFT_SIDE_PX, DRAFT_SIDE_PX)
    )
    last = max(1, round(length_s * draft.fps)) - 1
    wanted = set(np.linspace(0, last, n_frames).round().astype(int).tolist())
    kept: list[Frame] = []
    for frame in preview(portrait, speech, settings=draft, on_progress=on_progress, on_notice=on_notice):
        on_progress(Progress("preview", frame.index + 1, last + 1))
        if frame.index in wanted:
            kept.append(frame)
    save_picture(tile([frame.rgb for frame in kept], columns=4), out)
    return out


def tile(pictures: list[U8], *, columns: int) -> U8:
    """Pictures of one size (h, w, 3), row by row on white."""
    height, width = pictures[0].shape[:2]
    rows = -(-len(pictures) // columns)
    shape = (rows * (height + GAP_PX) + GAP_PX, columns * (width + GAP_PX) + GAP_PX, 3)
    sheet = np.full(shape, 255, np.uint8)
    for i, picture in enumerate(pictures):
        top, left = (i // columns) * (height + GAP_PX) + GAP_PX, (i % columns) * (width + GAP_PX) + GAP_PX
        sheet[top : top + height, left : left + width] = picture
    return sheet


def save_picture(rgb: U8, out: Path) -> None:
    """Write a PNG or JPEG; raises OutputError if the folder or the suffix does not allow it."""
    if out.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise OutputError(f"{out.name} is no picture name; end it in .png or .jpg")
    encoded = cv2.imencode(out.suffix.lower(), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))[1]
    try:
        out.write_bytes(encoded.tobytes())
    except OSError as error:
        raise OutputError(f"{out} cannot be written: {error.strerror}; choose another folder with -o") from error
