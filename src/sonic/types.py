"""What flows between the steps: one frozen dataclass between each two.

Frames of reference: ``photo px`` are pixels of the upright photo; ``crop px`` are pixels of the output picture. Both
have x to the right, y down and the centre of the first pixel at (0, 0). Depth z grows away from the camera.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Waveform = NDArray[np.floating[Any]]
"""(N,) samples of any precision."""


class Samples(Protocol):
    """(N,) mono samples at SPEECH_RATE_HZ that are read in slices: an array, or what a file holds of an hour."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> Waveform: ...


SPEECH_RATE_HZ = 16_000
"""Sample rate of all analysis."""

N_LANDMARKS = 478
"""FaceMesh with refined eyes: 468 surface points and two irises of 5."""


def _check(array: NDArray[np.generic], name: str, shape: tuple[int | None, ...], dtype: type[np.generic]) -> None:
    """Raise ValueError unless ``array`` has this dtype and shape (None: any length)."""
    fits = array.ndim == len(shape) and all(want in (None, got) for want, got in zip(shape, array.shape, strict=True))
    if not fits or array.dtype != dtype:
        want = tuple("N" if n is None else n for n in shape)
        raise ValueError(f"{name} must be {np.dtype(dtype)} of shape {want}, got {array.dtype} of shape {array.shape}")


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture as a person sees it."""

    rgb: U8
    """(H, W, 3) sRGB, upright (EXIF orientation applied), alpha composed on white."""
    sha256: str
    """Of the file's bytes, hexadecimal."""
    name: str
    """File name for messages and records, without folders."""

    def __post_init__(self) -> None:
        _check(self.rgb, "Photo.rgb", (None, None, 3), np.uint8)

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height)."""
        return self.rgb.shape[1], self.rgb.shape[0]


@dataclass(frozen=True, slots=True)
class Sound:
    """The untouched file of a recording; its sound goes into the video at its own rate and channels."""

    source: Path
    sha256: str
    """Of the file's bytes, hexadecimal."""
    track: int | None = None
    """Which audio track of the file, counted from 1; None is the one that players take."""
    gain: float = 1.0
    """What its samples are multiplied by: less than 1 where they exceed full scale."""


@dataclass(frozen=True, slots=True)
class Speech:
    """A recording for analysis, however long: its samples are read as they are needed."""

    samples: Samples
    """(N,) in [-1, 1]: what the motion is made from."""
    sound: Sound

    def __post_init__(self) -> None:
        shape = getattr(self.samples, "shape", (len(self.samples),))
        if len(shape) != 1:
            raise ValueError(f"Speech.samples must be mono, of shape (N,), got {shape}")

    @property
    def duration_s(self) -> float:
        """Length of the decoded sound, not of what a header says."""
        return len(self.samples) / SPEECH_RATE_HZ


@dataclass(frozen=True, slots=True)
class Opening:
    """The first ``n`` samples of a recording, or all if there are fewer; itself Samples."""

    samples: Samples
    n: int

    def __len__(self) -> int:
        return min(self.n, len(self.samples))

    def __getitem__(self, part: slice, /) -> Waveform:
        first, last, step = part.indices(len(self))
        return self.samples[first:last:step]


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """What a person should know about a face before animating it."""

    eye_distance_px: float
    """Between the eye centres, in photo px."""
    sharpness: float
    """0 (a smear) .. 1 (crisp), on the face's own scale."""
    mouth_gap: float
    """Distance of the inner lips over the eye distance; above 0.035 the mouth is open."""
    notices: tuple[str, ...] = ()
    """One line each: what is not ideal and what would make a better photo."""
    mouth_covered: bool = False
    """Something is in front of the mouth: what is there must not be opened."""


@dataclass(frozen=True, slots=True)
class Face:
    """One face found in a picture."""

    points_px: F32
    """(478, 3) FaceMesh landmarks; z in the same px, smaller is nearer."""
    box_px: tuple[float, float, float, float]
    """(left, top, right, bottom) of the landmarks."""
    pose_deg: tuple[float, float, float]
    """(yaw, pitch, roll), signs as in geometry.rotation_from_pose."""
    quality: FaceQuality

    def __post_init__(self) -> None:
        _check(self.points_px, "Face.points_px", (N_LANDMARKS, 3), np.float32)


@dataclass(frozen=True, slots=True)
class Others:
    """Other people in a portrait's picture."""

    boxes_px: tuple[tuple[float, float, float, float], ...]
    """(left, top, right, bottom) of each other face's landmarks, in crop px; may lie outside the picture."""
    still: NDArray[np.bool_]
    """(h, w): the pixels that are theirs or behind them, and equal those of the photo in every frame."""
    room: float = 1.0
    """0..1: how far the head may move; less than 1 where another person is close to the face."""


@dataclass(frozen=True, slots=True)
class Portrait:
    """A photo, framed at the output's size, ready to be animated."""

    photo: Photo
    crop: U8
    """(h, w, 3) sRGB: the output picture at rest; h and w are even."""
    crop_from_photo: F64
    """(2, 3) affine: crop px = A @ (photo px, 1)."""
    face: Face
    """In crop px."""
    matte: F32
    """(h, w) in [0, 1]: how much of a pixel belongs to the person."""
    others: Others | None = None
    """None where the picture shows nobody else."""

    def __post_init__(self) -> None:
        _check(self.crop, "Portrait.crop", (None, None, 3), np.uint8)
        _check(self.crop_from_photo, "Portrait.crop_from_photo", (2, 3), np.float64)
        _check(self.matte, "Portrait.matte", self.crop.shape[:2], np.float32)
        if self.others is not None:
            _check(self.others.still, "Portrait.others.still", self.crop.shape[:2], np.bool_)
        if self.crop.shape[0] % 2 or self.crop.shape[1] % 2:
            raise ValueError(f"Portrait.crop must have even sides for 4:2:0 video, got {self.crop.shape[:2]}")

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height) of the output."""
        return self.crop.shape[1], self.crop.shape[0]


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture of the video."""

    rgb: U8
    """(h, w, 3) sRGB; owned by the receiver, who may draw on it."""
    index: int
    """0-based; shown from index / fps."""


class Frames(Iterator[Frame], ABC):
    """Frames that are made as they are asked for.

    ``close()``, the end of a ``with`` block, or the last frame stops all work behind them.
    """

    @abstractmethod
    def close(self) -> None:
        """Stop; harmless when repeated. No frame follows."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class LabelOverlay:
    """The visible mark, as pixels to be laid over a frame."""

    rgba: U8
    """(h, w, 4) straight alpha."""
    left_px: int
    top_px: int
    n_frames: int
    """Shown on frames 0 .. n_frames - 1."""

    def __post_init__(self) -> None:
        _check(self.rgba, "LabelOverlay.rgba", (None, None, 4), np.uint8)


@dataclass(frozen=True, slots=True)
class Clip:
    """A labelled and watermarked video that has not been written yet."""

    frames: Frames
    """Lazy; already labelled and watermarked. Closing them closes the renderer behind them."""
    n_frames: int
    fps: Fraction
    size_px: tuple[int, int]
    """(width, height)"""
    sound: Sound
    duration_s: float
    """Of picture and sound: the recording's, or less where settings.duration trims it."""
    label: LabelOverlay
    """Not optional: what is drawn on the frames."""
    produce_id: str
    """Unique name of this video, hexadecimal; the watermark in its frames carries the first 12 digits."""


Stage = Literal[
    # of a video, in this order; weights, listen and denoise by engine svd alone
    "analyse", "weights", "listen", "denoise", "drive", "video",
    # of other commands
    "preview", "track", "hash", "pictures", "download", "convert", "check",
    # of training
    "clips", "sound", "encode", "train", "align", "evaluate",
]  # fmt: skip
"""What a piece of work is at."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One report from a running job."""

    stage: Stage
    done: int
    total: int
    """Both count the stage's own units: steps, frames."""


OnProgress = Callable[[Progress], None]
OnNotice = Callable[[str], None]
"""Receives one line that a person should read; not an error."""
OnFrame = Callable[[Frame], None]
"""Sees a read-only copy of each labelled frame before it is encoded."""


def ignore(report: object) -> None:
    """Nobody observes."""


@dataclass(frozen=True, slots=True)
class Observer:
    """Observes a long piece of work."""

    progress: OnProgress = field(default=ignore)
    notice: OnNotice = field(default=ignore)
    frame: OnFrame = field(default=ignore)
