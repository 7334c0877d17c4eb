"""Between ComfyUI's values and the library's: tensors and files, progress and interruption, engines that stay open.

Everything heavy is imported by the functions that need it.
"""

import logging
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import folder_paths

if TYPE_CHECKING:
    from sonic.pipeline.job import Job
    from sonic.session import Session
    from sonic.settings import Settings
    from sonic.types import Clip, Frame, Progress

PREVIEW_EVERY_S = 0.25
"""A live preview this often: it is a JPEG through a web socket."""
PREVIEW_PX = 512
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step:
    """A value of the library on its way between two nodes."""

    value: Any
    notices: tuple[str, ...] = ()
    """What a person should read about the steps so far."""


@dataclass(frozen=True)
class Chosen:
    """A picture and which face of it."""

    photo_file: Path
    face: int | None = None


@dataclass
class Screen:
    """Progress bar and live preview of the node that runs; each report first asks whether the person has stopped it."""

    pictures: bool = True
    """Whether frames are shown. Not on a node that ends with a video: in some front ends they would stay over it."""
    last_s: float = field(default=0.0)
    done: int = 0
    total: int = 1

    def progress(self, report: "Progress") -> None:
        """Show it. Raises ComfyUI's interruption."""
        self.done, self.total = report.done, report.total
        self._show(None)

    def frame(self, frame: "Frame") -> None:
        """Show a labelled frame. Raises ComfyUI's interruption."""
        self.done = max(self.done, frame.index + 1)
        now_s = time.monotonic()
        is_due = self.pictures and now_s - self.last_s >= PREVIEW_EVERY_S
        if is_due:
            self.last_s = now_s
        self._show(frame.rgb if is_due else None)

    def picture(self, rgb: Any) -> None:
        """Show any picture (h, w, 3)."""
        self._show(rgb)

    def _show(self, rgb: Any) -> None:
        import comfy.model_management
        import comfy.utils

        comfy.model_management.throw_exception_if_processing_interrupted()
        preview = None
        if rgb is not None:
            from PIL import Image

            preview = ("JPEG", Image.fromarray(rgb), PREVIEW_PX)
        comfy.utils.ProgressBar(self.total).update_absolute(self.done, self.total, preview)


def job_of(screen: Screen, settings: "Settings", earlier: Iterable[str] = ()) -> "Job":
    """The work of one node, observed by its screen."""
    from sonic.pipeline.job import Job
    from sonic.types import Observer

    return Job(settings, Observer(screen.progress, _log.info, screen.frame), earlier=earlier)


@cache
def session() -> "Session":
    """The one session of this server: its engines stay open between runs."""
    from sonic.session import Session

    return Session()


@contextmanager
def engine(name: str) -> "Iterator[None]":
    """The session's engine of this name is open; models of others make room for it, and it hands its memory back."""
    import comfy.model_management as management

    session().warm(name)
    if name != "light" and not management.cpu_mode():
        management.unload_all_models()
    try:
        yield
    finally:
        management.soft_empty_cache()


def temporary() -> Path:
    """Where pictures and sound lie as files while ComfyUI runs; it empties this folder when it starts."""
    return Path(folder_paths.get_temp_directory()) / "sonic"


def photo_file(image: Any) -> Path:
    """The one picture of an IMAGE (B, H, W, C) as a file. Raises PhotoError for a batch of several."""
    from sonic.errors import PhotoError
    from sonic.media.arrays import picture_file, pixels_of

    if image.ndim != 4 or image.shape[0] != 1:
        raise PhotoError(f"image holds {len(image)} pictures; give one, for instance through Image From Batch")
    return picture_file(pixels_of(image[0].cpu().numpy()), temporary())


def sound_file(audio: Any) -> Path:
    """The one recording of an AUDIO as a file. Raises SpeechError for a batch of several."""
    from sonic.errors import SpeechError
    from sonic.media.arrays import sound_file as stored

    waveform = audio["waveform"]
    if waveform.ndim != 3 or waveform.shape[0] != 1:
        raise SpeechError(f"audio holds {len(waveform)} recordings; give one")
    return stored(waveform[0].cpu().float().numpy(), int(audio["sample_rate"]), temporary())


def image(*pictures: Any) -> Any:
    """(h, w, 3) uint8 pictures of one size -> IMAGE (B, h, w, 3)."""
    import torch

    return torch.stack([torch.from_numpy(rgb.copy()) for rgb in pictures]).float().div_(255)


def images(clip: "Clip") -> Any:
    """All frames of a clip -> IMAGE (n, h, w, 3). Raises SettingError where they would not fit into memory."""
    import psutil
    import torch

    from sonic.errors import SettingError

    width, height = clip.size_px
    needed, free = clip.n_frames * height * width * 3 * 4, psutil.virtual_memory().available
    if needed > 0.8 * free:
        raise SettingError(
            f"{clip.n_frames} frames of {width}x{height} need {needed / 1e9:.1f} GB as IMAGE, {free / 1e9:.1f} GB are "
            "free; use Sonic Video Output, which needs none, or lower duration or min_resolution"
        )
    frames = torch.empty((clip.n_frames, height, width, 3), dtype=torch.float32)
    for frame in clip.frames:
        frames[frame.index] = torch.from_numpy(frame.rgb).float().div_(255)
    return frames


def audio_of(clip: "Clip") -> dict[str, Any]:
    """The sound of a clip as AUDIO, as long as the clip."""
    import numpy as np
    import torch

    from sonic.counts import samples_of
    from sonic.media.decode import sound_format
    from sonic.media.mono import as_heard

    rate_hz = sound_format(clip.sound.source, clip.sound.track).rate_hz
    samples = np.concatenate(list(as_heard(clip.sound)))[: samples_of(clip.duration_s, rate_hz)]
    return {"waveform": torch.from_numpy(samples.T.copy())[None], "sample_rate": rate_hz}


def output_file(prefix: str, size_px: tuple[int, int]) -> tuple[Path, str]:
    """(a free name for an MP4 in ComfyUI's output folder, its subfolder), numbered as other nodes do it."""
    from sonic.errors import OutputError

    try:
        folder, name, counter, subfolder, _ = folder_paths.get_save_image_path(
            prefix, folder_paths.get_output_directory(), *size_px
        )
    except Exception as error:  # ComfyUI raises a plain one
        raise OutputError(f"filename_prefix {prefix!r} leads out of ComfyUI's output folder; give a name") from error
    while (path := Path(folder) / f"{name}_{counter:05}_.mp4").exists() or path.with_suffix(".json").exists():
        counter += 1
    return path, subfolder


def with_models(settings: "Settings") -> "Settings":
    """Engine svd looks first, where nobody says, into the folder that holds ComfyUI's models."""
    if settings.engine != "svd" or settings.weights_folder or os.environ.get("SONIC_WEIGHTS"):
        return settings
    return settings.replace(weights_folder=str(Path(folder_paths.models_dir).parent))


def video_file(video: Any) -> Path:
    """A VIDEO, or a name, as a file: its own where it is one and not trimmed, else one in the temporary folder.

    Raises OutputError for a name that leads out of ComfyUI's folders.
    """
    import secrets

    from comfy_api.latest import InputImpl

    if isinstance(video, str):
        return _within(Path(video))
    untrimmed = getattr(video, "get_active_trim_window", lambda: (0, 0))() == (0, 0)
    if isinstance(video, InputImpl.VideoFromFile) and untrimmed and isinstance(video.get_stream_source(), str):
        return Path(video.get_stream_source())
    temporary().mkdir(parents=True, exist_ok=True)
    path = temporary() / f"video-{secrets.token_hex(8)}.mp4"
    video.save_to(str(path))
    return path


def _within(path: Path) -> Path:
    from sonic.errors import OutputError

    homes = (folder_paths.get_output_directory(), folder_paths.get_input_directory(), folder_paths.get_temp_directory())
    if not any(path.resolve().is_relative_to(Path(home).resolve()) for home in homes):
        raise OutputError(f"video {str(path)!r} lies outside ComfyUI's folders; connect video or file of a Sonic node")
    return path
