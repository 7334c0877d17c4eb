"""Every frame that leaves carries the label, only where the label is; and closing stops the renderer."""

from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from sonic.errors import OutputError
from sonic.pipeline.mark import blend, finish, premultiplied
from sonic.provenance.label import label_pixels
from sonic.types import Clip, Frame, LabelOverlay, Sound

SIZE = (160, 128)
PRODUCE_ID = "0123456789abcdef0123456789abcdef"
FAINT = 3
"""No pixel of a smooth picture is changed by more levels by the watermark."""


class Renderer:
    """Gives grey frames and remembers whether it was closed."""

    def __init__(self, n: int, shape: tuple[int, ...] = (128, 160, 3), fails_at: int = -1) -> None:
        self.given, self.closed = 0, False
        self._n, self._shape, self._fails_at = n, shape, fails_at

    def frames(self) -> Iterator[Frame]:
        try:
            for i in range(self._n):
                if i == self._fails_at:
                    raise MemoryError("renderer")
                self.given += 1
                yield Frame(np.full(self._shape, 90, np.uint8), i)
        finally:
            self.closed = True


def clip_of(frames: Generator[Frame, None, None], n_frames: int, *, shown: int | None = None, left_px: int = 6) -> Clip:
    label = LabelOverlay(label_pixels(SIZE), left_px, 4, n_frames if shown is None else shown)
    sound = Sound(Path("s.wav"), "0" * 64)
    return finish(
        frames, size_px=SIZE, n_frames=n_frames, fps=Fraction(25), sound=sound, duration_s=1.0, label=label,
        produce_id=PRODUCE_ID,
    )  # fmt: skip


def test_the_label_is_on_every_frame_and_nothing_else_is_seen_to_change() -> None:
    clip = clip_of(Renderer(5).frames(), 5)
    frames = list(clip.frames)
    h, w = clip.label.rgba.shape[:2]
    assert [frame.index for frame in frames] == list(range(5))
    for frame in frames:
        changed = (np.abs(frame.rgb.astype(int) - 90) > FAINT).any(axis=2)
        assert frame.rgb[4 : 4 + h, 6 : 6 + w].max() > 240
        changed[4 : 4 + h, 6 : 6 + w] = False
        assert not changed.any()


def test_an_opening_label_ends() -> None:
    labelled = [bool(frame.rgb.max() > 240) for frame in clip_of(Renderer(5).frames(), 5, shown=2).frames]
    assert labelled == [True, True, False, False, False]


@pytest.mark.parametrize("shown", [1, 5])
def test_every_frame_carries_the_watermark_labelled_or_not_and_always_the_same(shown: int) -> None:
    clip = clip_of(Renderer(5).frames(), 5, shown=shown)
    frames = [frame.rgb for frame in clip.frames]
    bare = [frame[64:] for frame in frames]  # below the label
    assert (bare[0] != 90).any()
    assert all((rgb == bare[0]).all() for rgb in bare)
    change = bare[0].astype(int) - 90
    assert (change == change[..., :1]).all(), "luma alone"
    assert clip.produce_id == PRODUCE_ID


def test_frames_are_made_when_asked_for() -> None:
    renderer = Renderer(1000)
    clip = clip_of(renderer.frames(), 1000)
    assert renderer.given == 0
    next(clip.frames)
    assert renderer.given == 1
    clip.frames.close()  # type: ignore[attr-defined]
    assert renderer.closed
    assert next(clip.frames, None) is None


def test_the_renderer_is_closed_at_the_end_and_on_an_error() -> None:
    renderer = Renderer(2)
    list(clip_of(renderer.frames(), 2).frames)
    assert renderer.closed
    failing = Renderer(5, fails_at=3)
    with pytest.raises(MemoryError):
        list(clip_of(failing.frames(), 5).frames)
    assert failing.closed


@pytest.mark.parametrize(
    ("renderer", "words"),
    [
        (Renderer(3), "only 3 frames where 5"),
        (Renderer(6), "more frames where 5"),
        (Renderer(5, (128, 162, 3)), "shape"),
    ],
)
def test_an_engine_that_gives_other_frames_is_named(renderer: Renderer, words: str) -> None:
    with pytest.raises(OutputError, match=words):
        list(clip_of(renderer.frames(), 5).frames)


def test_read_only_frames_are_copied_not_harmed() -> None:
    shared = np.full((128, 160, 3), 90, np.uint8)
    shared.flags.writeable = False
    (frame,) = clip_of((Frame(shared, index) for index in range(1)), 1).frames
    assert frame.rgb.max() > 240
    assert shared.max() == 90


@pytest.mark.parametrize(("left_px", "shown"), [(-1, 5), (150, 5), (6, 0)])
def test_a_label_outside_the_picture_or_never_shown_is_refused(left_px: int, shown: int) -> None:
    with pytest.raises(ValueError, match="label"):
        clip_of(Renderer(5).frames(), 5, left_px=left_px, shown=shown)


def test_blending_is_exactly_rounded() -> None:
    values = np.arange(256)
    rgb = np.broadcast_to(values[:, None, None].astype(np.uint8), (256, 256, 3)).copy()
    rgba = np.empty((256, 256, 4), np.uint8)
    rgba[..., :3], rgba[..., 3] = 200, values[None, :]
    blend(rgb, *premultiplied(rgba))
    exact = (values[:, None] * (255 - values[None, :]) + 200 * values[None, :]) / 255
    np.testing.assert_array_equal(rgb[..., 1], np.round(exact))
