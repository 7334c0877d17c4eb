"""A contact sheet: what a video will look like, as one picture in seconds."""

from pathlib import Path

from sonic.api import preview
from sonic.media.images import check_picture_name, save_picture, tile
from sonic.settings import Settings
from sonic.types import OnNotice, OnProgress

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
    pictures = preview(
        portrait, speech, n_pictures=n_frames, settings=draft, on_progress=on_progress, on_notice=on_notice
    )
    save_picture(tile([frame.rgb for frame in pictures], columns=4), out)
    return out
