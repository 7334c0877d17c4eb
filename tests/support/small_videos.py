"""Small videos of plain frames with a tone, written by the real code."""

import dataclasses
import hashlib
import uuid
import wave
from collections.abc import Callable, Generator
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

import sonic
from sonic.hashing import sha256_of_file
from sonic.pipeline.mark import finish
from sonic.pipeline.write import write
from sonic.provenance.aigc import content_producer
from sonic.provenance.consent import Consent
from sonic.provenance.label import label_pixels
from sonic.provenance.policy import active
from sonic.provenance.record import Record
from sonic.provenance.signer import identity
from sonic.settings import Settings
from sonic.types import F64, U8, Frame, LabelOverlay, Observer, Photo, Progress, Sound

PORTRAIT = Path(sonic.__file__).parent / "assets" / "demo" / "portrait.png"
PHOTO = Photo(np.zeros((8, 8, 3), np.uint8), "ab" * 32, "p.png")


def save_sound(path: Path, samples: F64, rate_hz: int) -> Sound:
    """A WAV of samples (N,) or (N, C) in [-1, 1]."""
    channels = np.atleast_2d(samples.T).T if samples.ndim > 1 else samples[:, None]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes((channels * 32_767).astype("<i2").tobytes())
    return Sound(path, hashlib.sha256(path.read_bytes()).hexdigest())


def tone(duration_s: float, rate_hz: int) -> F64:
    return 0.4 * np.sin(np.arange(round(duration_s * rate_hz)) * (2 * np.pi * 300 / rate_hz))


class Job:
    """One clip of grey frames with a tone, and what writing it needs."""

    def __init__(
        self,
        folder: Path,
        *,
        duration_s: float = 0.6,
        fps: Fraction = Fraction(25),
        size_px: tuple[int, int] = (128, 128),
        draw: Callable[[int, U8], None] | None = None,
        speech: Sound | None = None,
        photo_file: Path = PORTRAIT,
        basis: str = "self",
        label_frames: int | None = None,
        produce_id: str | None = None,
        **settings: Any,
    ) -> None:
        self.speech = speech or save_sound(folder / "speech.wav", tone(duration_s, 16_000), 16_000)
        self.settings = Settings(fps=fps, **settings)
        self.n_frames = max(1, round(duration_s * fps))
        self.taken, self.closed = 0, False
        self.notices: list[str] = []
        self._draw, self._size_px = draw or (lambda index, rgb: None), size_px
        label = LabelOverlay(label_pixels(size_px), 4, 4, label_frames or self.n_frames)
        self.clip = finish(
            self._frames(), size_px=size_px, n_frames=self.n_frames, fps=fps, sound=self.speech,
            duration_s=duration_s, label=label, produce_id=produce_id or uuid.uuid4().hex,
        )  # fmt: skip
        grounds = Consent(subject="Ada Example", basis=basis, given_on=date(2026, 1, 2), evidence="form 17 of Ada")
        grounds = grounds.bound_to(PHOTO).signed(identity())
        self.photo_file = photo_file
        self.record = Record.of(
            consent=grounds, producer=content_producer(active()), photo=PHOTO, sound=self.speech,
            settings=self.settings, clip=self.clip, weights={"motion.onnx": "ef" * 32},
        )  # fmt: skip
        if photo_file.is_file():  # the grounds are for PHOTO, the ingredient is this file
            self.record = dataclasses.replace(self.record, photo_sha256=sha256_of_file(photo_file))

    def _frames(self) -> Generator[Frame, None, None]:
        width, height = self._size_px
        try:
            for index in range(self.n_frames):
                rgb = np.full((height, width, 3), 90, np.uint8)
                self._draw(index, rgb)
                self.taken += 1
                yield Frame(rgb, index)
        finally:
            self.closed = True

    def write(
        self, out: Path, on_progress: Callable[[Progress], None] = lambda progress: None, *, overwrite: bool = False
    ) -> Path:
        return write(
            self.clip, out, record=self.record, photo_file=self.photo_file, signer=identity(), settings=self.settings,
            observer=Observer(on_progress, self.notices.append), overwrite=overwrite,
        )  # fmt: skip
