"""A contact sheet: what a video will look like, as one picture in seconds."""

from pathlib import Path

import numpy as np

from sonic.api import preview
from sonic.media.images import check_picture_name, save_picture, tile
from sonic.settings import Settings
from sonic.types import Frame, OnNotice, OnProgress, Progress

LONGEST_DRAFT_S = 6.0
"""A sheet shows the opening of the speech: enough to judge mouth, head and label, and quick."""
DRAFT_SIDE_PX = 512


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
    check_picture_name(out)
    draft = settings.replace(min_resolution=min(settings.min_resolution or DRAFT_SIDE_PX, DRAFT_SIDE_PX))
    clip = preview(
        portrait, speech, longest_s=LONGEST_DRAFT_S, settings=draft, on_progress=on_progress, on_notice=on_notice
    )
    wanted = set(np.linspace(0, clip.n_frames - 1, n_frames).round().astype(int).tolist())
    kept: list[Frame] = []
    for frame in clip.frames:
        on_progress(Progress("preview", frame.index + 1, clip.n_frames))
        if frame.index in wanted:
            kept.append(frame)
    save_picture(tile([frame.rgb for frame in kept], columns=4), out)
    return out
