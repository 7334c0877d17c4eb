"""What each kind of job does, in a worker's thread: through the session, the verification or the evaluation."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sonic.apps.cli.names import fitting
from sonic.apps.studio import consents
from sonic.apps.studio.catalogue import for_preview
from sonic.apps.studio.library import Library, safe_name
from sonic.apps.studio.store import Row, Store
from sonic.captions.draw import style_of
from sonic.errors import FaceError, SonicError
from sonic.hashing import sha256_of_file
from sonic.media.images import save_picture
from sonic.media.video import sample_video
from sonic.pipeline.captioning import AUTO, CaptionRequest, caption_paths
from sonic.pipeline.job import Job
from sonic.session import Session
from sonic.settings import Settings
from sonic.settings.platforms import platform
from sonic.types import U8

COVER, THUMBNAIL = "cover.jpg", "thumbnail.jpg"
THUMBNAIL_PX = 320
N_CURVE = 1500
"""Points of a curve that the page draws."""

Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """What a job works with."""

    session: Session
    library: Library
    store: Store
    folder: Path
    """Of this job's files; it exists."""
    live: Path
    """What can be watched while the video is made."""


def settings_of(row: Row) -> Settings:
    """The settings that a job was ordered with."""
    settings = Settings(**row["request"].get("settings", {}))
    return for_preview(settings) if row["kind"] == "preview" else settings


def video(row: Row, job: Job, place: Place) -> Result:
    """The signed video, its record and its pictures."""
    owner, request = row["owner"], row["request"]
    photo, speech = (place.library.get(owner, request[kind], kind) for kind in ("photo", "speech"))
    # a title is whatever a client says: folders in it would lead elsewhere
    out = place.folder / fitting([safe_name(f"{row['title']}.mp4").removesuffix(".mp4")], ".mp4", place.folder)
    made = place.session.generate(
        place.library.path(photo),
        place.library.path(speech),
        out,
        consent=consents.for_job(place.store, owner, request["consent"]),
        job=job,
        overwrite=True,  # of this folder alone: what a kill left
        live=place.live if request.get("live") else None,
        captions=_captions(row, place),
    )
    if row["kind"] == "video":
        _save_pictures(out, place.folder, job.settings.platform)
    return {
        "file": out.name,
        "duration_s": round(made.duration_s, 3),
        "n_frames": made.n_frames,
        "width": made.size_px[0],
        "height": made.size_px[1],
        "bytes": out.stat().st_size,
        "sha256": sha256_of_file(out),
        "captions": [path.suffix[1:] for path in caption_paths(out) if path.is_file()],
    }


def verification(row: Row, job: Job, place: Place) -> Result:
    """What an uploaded file is."""
    from sonic.verification import verify

    path = place.library.path(place.library.get(row["owner"], row["request"]["media"]))
    found = verify(path, on_progress=job.observer.progress)
    layers = [
        {"name": part.name, "title": part.title, "state": part.state, "found": part.found, "proves": part.proves}
        for part in found.layers
    ]
    return found.to_dict() | {"file": path.name, "layers": layers}


def report(row: Row, job: Job, place: Place) -> Result:
    """The measures of a video that was made here, and the curves behind them."""
    from sonic.evaluation.video import evaluate_video

    made = place.store.row("SELECT * FROM jobs WHERE id = ? AND owner = ?", row["request"]["job"], row["owner"])
    if made is None or not made["result"]:
        raise SonicError("the video was deleted meanwhile")
    path = place.folder.parent / made["id"] / made["result"]["file"]
    found = evaluate_video(path, None, on_progress=job.observer.progress)
    return {
        "measures": found.to_dict(),
        "curves": {
            "seconds": round(len(found.opening) / found.fps, 3),
            "opening": _thinned(found.opening),
            "loudness": _thinned(found.loudness),
        },
    }


WORK: dict[str, Callable[[Row, Job, Place], Result]] = {
    "video": video, "preview": video, "verification": verification, "report": report,
}  # fmt: skip
"""Kind of a job -> what it does."""
LANES = {"video": "slow", "preview": "quick", "verification": "quick", "report": "quick"}
"""What somebody waits for in front of the page does not wait behind videos."""


def _captions(row: Row, place: Place) -> CaptionRequest | None:
    request = row["request"]
    if not request.get("captions"):
        return None
    style = style_of(None, burn_in=request["burn_in"], karaoke=request["karaoke"])
    if request["captions"] == AUTO:
        return CaptionRequest(None, style)
    source = place.library.path(place.library.get(row["owner"], request["captions"], "captions"))
    return CaptionRequest(source, style, begin_s=request.get("captions_from_s", 0.0))


def _save_pictures(video_file: Path, folder: Path, platform_name: str | None) -> None:
    """A cover, labelled like every frame and as large as the platform's covers, and a small one for lists."""
    from sonic.evaluation.cover import cover_of, fitted

    try:
        picture = cover_of(video_file)
    except FaceError:  # too small to be found again
        picture = next(iter(sample_video(video_file, 1)))
    save_picture(smaller(picture, THUMBNAIL_PX), folder / THUMBNAIL)
    if platform_name:
        size = platform(platform_name).cover
        picture = fitted(picture, round(size["width"]), round(size["height"]))
    save_picture(picture, folder / COVER)


def smaller(rgb: U8, side_px: int) -> U8:
    """The picture with this longer side, unless it is smaller already."""
    scale = side_px / max(rgb.shape[:2])
    if scale >= 1:
        return rgb
    return np.asarray(cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def _thinned(values: Any) -> list[float]:
    step = max(1, len(values) // N_CURVE)
    return [round(float(value), 4) for value in values[::step]]
