"""finish: frames of the renderer -> Clip. Draws the visible label and the watermark; there is no Clip without them."""

from collections.abc import Generator
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from sonic.errors import OutputError
from sonic.provenance.watermark import Watermark, content_id_of
from sonic.types import U8, Clip, Frame, Frames, LabelOverlay, Sound


def finish(
    frames: Generator[Frame, None, None],
    *,
    size_px: tuple[int, int],
    n_frames: int,
    fps: Fraction,
    sound: Sound,
    duration_s: float,
    label: LabelOverlay,
    produce_id: str,
) -> Clip:
    """The clip of these frames, labelled and watermarked one by one as they are asked for.

    ``size_px`` is (width, height) and ``n_frames`` the number that ``frames`` must give. ``clip.frames`` has
    ``close()``, which closes ``frames``; it closes itself at the end and on an error. Raises ValueError for a label
    that does not fit, and, while frames are taken, OutputError if the engine gives other frames than these.
    """
    height, width = label.rgba.shape[:2]
    fits = 0 <= label.left_px <= size_px[0] - width and 0 <= label.top_px <= size_px[1] - height
    if not fits or label.n_frames < 1:
        raise ValueError(
            f"label of {width}x{height} px at {label.left_px, label.top_px} does not lie in a {size_px} picture"
        )
    labelled = LabelledFrames(frames, size_px, n_frames, label, content_id_of(produce_id))
    return Clip(labelled, n_frames, fps, size_px, sound, duration_s, label, produce_id)


class LabelledFrames(Frames):
    """Exactly ``n_frames`` frames of ``size_px``, with the label drawn on and the watermark in them."""

    def __init__(
        self,
        frames: Generator[Frame, None, None],
        size_px: tuple[int, int],
        n_frames: int,
        label: LabelOverlay,
        content_id: int,
    ) -> None:
        self._frames, self._size_px, self._n_frames = frames, size_px, n_frames
        self._label = label
        self._ink, self._keep = premultiplied(label.rgba)
        self._content_id = content_id
        self._watermark: Watermark | None = None
        self._next = 0
        self._closed = False

    def __next__(self) -> Frame:
        if self._closed:
            raise StopIteration
        try:
            frame = self._checked(next(self._frames, None))
        except BaseException:
            self.close()
            raise
        if frame is None:
            self.close()
            raise StopIteration
        self._next += 1
        return self._marked(frame)

    def close(self) -> None:
        """Stop: close the renderer behind the frames. Harmless when repeated."""
        self._closed = True
        self._frames.close()

    def _checked(self, frame: Frame | None) -> Frame | None:
        if (frame is None) != (self._next == self._n_frames):
            got = "more" if frame else f"only {self._next}"
            raise OutputError(
                f"the engine gave {got} frames where {self._n_frames} were due; this is a fault of the engine"
            )
        width, height = self._size_px
        if frame and (
            frame.rgb.shape != (height, width, 3) or frame.rgb.dtype != np.uint8 or frame.index != self._next
        ):
            raise OutputError(
                f"the engine gave frame {frame.index} as {frame.rgb.dtype} of shape {frame.rgb.shape} where frame "
                f"{self._next} of shape {(height, width, 3)} was due; this is a fault of the engine"
            )
        return frame

    def _marked(self, frame: Frame) -> Frame:
        rgb = np.require(frame.rgb, requirements=["C", "W"])  # a copy where these cannot be drawn on
        if self._watermark is None:  # before the label: its edges are no detail to hide the pattern in
            self._watermark = Watermark.of(self._content_id, rgb)
        else:
            self._watermark.follow(rgb)
        if frame.index < self._label.n_frames:
            self._draw_label(rgb)
        self._watermark.embed(rgb)
        return Frame(rgb, frame.index)

    def _draw_label(self, rgb: U8) -> None:
        label = self._label
        height, width = label.rgba.shape[:2]
        blend(rgb[label.top_px : label.top_px + height, label.left_px : label.left_px + width], self._ink, self._keep)


def premultiplied(rgba: U8) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """(h, w, 4) straight alpha -> colour times alpha (h, w, 3) and 255 - alpha (h, w, 1), for ``blend``."""
    alpha = rgba[..., 3:].astype(np.uint16)
    return rgba[..., :3] * alpha, np.uint16(255) - alpha


def blend(rgb: U8, ink: NDArray[np.uint16], keep: NDArray[np.uint16]) -> None:
    """Lay ``premultiplied`` pixels over ``rgb`` (h, w, 3) in place, exactly rounded; alpha 0 changes nothing."""
    total = rgb * keep + ink + np.uint16(128)  # at most 255 * 255 + 128: fits 16 bits
    rgb[...] = (total + (total >> 8)) >> 8  # division by 255, exact for these numbers
