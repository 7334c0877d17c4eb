"""What is read of the marks in the file that was encoded, before it is signed: the signature says so."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from sonic.errors import OutputError
from sonic.media.video import spread_keyframes
from sonic.provenance.watermark import CERTAIN, content_id_of, presence
from sonic.types import U8, Clip, LabelOverlay

MOST_PICTURES = 8
"""Keyframes that are looked at, however long the video is."""
MIN_LIKENESS = 0.75
"""Correlation of the label's place with the label, from which it is legible; sonic.verification looks for 0.7."""
FAINT_SIDE_PX = 160
"""In pictures with a shorter side the watermark is often too faint to be read."""

_BEHIND = 110  # grey under the plate, which lets a fifth of the picture through


@dataclass(frozen=True, slots=True)
class ReadBack:
    """The marks that were found in the encoded file."""

    label: bool
    watermark: bool
    """False where the picture is too small or too strongly compressed for it."""

    def to_dict(self) -> dict[str, bool]:
        """Plain values, for the credentials and the record."""
        return {"label": self.label, "watermark": self.watermark}


def read_back(video: Path, clip: Clip) -> ReadBack:
    """The marks of this clip as they are in the encoded file.

    Raises OutputError unless the visible label is legible in every picture that is looked at and has to show it.
    """
    pictures: list[U8] = []
    with closing(spread_keyframes(video, MOST_PICTURES)) as frames:
        for time_s, rgb in frames:
            if round(time_s * clip.fps) < clip.label.n_frames and label_likeness(rgb, clip.label) < MIN_LIKENESS:
                raise OutputError(
                    f"the visible label cannot be read in the encoded video, {time_s:.2f} s from its beginning; choose "
                    "a lower crf or a larger picture"
                )
            pictures.append(rgb)
    if not pictures:
        raise OutputError("no picture of the encoded video can be read back; is the disk full?")
    return ReadBack(label=True, watermark=presence(pictures, content_id_of(clip.produce_id)) >= CERTAIN)


def label_likeness(rgb: U8, label: LabelOverlay) -> float:
    """Correlation, -1 to 1, of the (h, w, 3) picture with the label where the label is due."""
    height, width = label.rgba.shape[:2]
    seen = rgb[label.top_px : label.top_px + height, label.left_px : label.left_px + width]
    if seen.shape[:2] != (height, width):
        return -1.0
    alpha = label.rgba[..., 3] / 255
    due = cv2.cvtColor(label.rgba[..., :3], cv2.COLOR_RGB2GRAY) * alpha + _BEHIND * (1 - alpha)
    shown = cv2.cvtColor(np.ascontiguousarray(seen), cv2.COLOR_RGB2GRAY).astype(np.float64)
    due, shown = due - due.mean(), shown - shown.mean()
    return float((due * shown).sum() / max(np.sqrt((due**2).sum() * (shown**2).sum()), 1e-9))
