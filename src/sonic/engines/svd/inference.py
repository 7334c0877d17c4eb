"""The numbers of the published inference, as settings ask for them, and which frames each window holds at each step."""

from dataclasses import dataclass
from fractions import Fraction

from sonic.settings import Settings

FPS = Fraction(25, 2)
"""Frames a second that the model makes."""
SIDE_PX = 64
"""Sides of its pictures are multiples of this: 8 in the VAE times 8 in the UNet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """Defaults are those of the published program."""

    steps: int = 25
    window: int = 25
    """Frames that the UNet sees at once."""
    overlap: int = 0
    """Frames that neighbouring windows share; what they make of them is averaged."""
    shift: int = 7
    """Frames by which all windows move back from step to step."""
    strength: float = 1.0
    """Share of the steps that are run; less starts nearer to the portrait."""
    appearance: tuple[float, float] = (2.0, 2.0)
    """Guidance towards the portrait, at the first and the last step that is run."""
    audio: tuple[float, float] = (7.5, 7.5)
    """Guidance towards the speech."""
    noise_aug: float = 0.0
    """Noise on the portrait that conditions the frames."""
    fps: float = float(FPS)
    """The model's own micro-condition; it says nothing of the output's rate."""
    motion_scale: float = 1.0
    """Of the first motion bucket: how much the person moves."""
    dynamic_scale: float = 1.0
    """Of the second: how lively face and lips are. The published dynamic scale is both at once."""
    audio_scale: float = 1.0
    sampler: str = "euler"
    guidance_refresh: int = 1
    """Guidance directions are computed anew at every so many-th step."""

    @classmethod
    def of(cls, settings: Settings) -> "Inference":
        """What these settings ask for."""
        return cls(
            steps=settings.inference_steps,
            overlap=settings.window_overlap,
            shift=settings.window_shift,
            strength=settings.noise_strength,
            appearance=_ramp(settings.appearance_guidance_start, settings.appearance_guidance),
            audio=_ramp(settings.audio_guidance_start, settings.audio_guidance),
            motion_scale=settings.motion_scale,
            dynamic_scale=settings.dynamic_scale,
            sampler=settings.sampler,
            guidance_refresh=settings.guidance_refresh,
        )

    @property
    def steps_run(self) -> int:
        """At least one: with a strength so low that the published program would run none, the last."""
        return max(1, min(int(self.steps * self.strength), self.steps))

    def guidance(self, step: int) -> tuple[float, float]:
        """(appearance, audio) at a step of those that are run: it changes evenly from the first to the last."""
        share = step / (self.steps_run - 1) if self.steps_run > 1 else 0.0
        appearance, audio = (first + share * (last - first) for first, last in (self.appearance, self.audio))
        return appearance, audio

    def windows(self, n_frames: int, step: int) -> list[list[int]]:
        """The frames of each window at a step.

        Windows move by ``shift`` from step to step and wrap around, so that no frame is always at an edge: the clip's
        end and start attend to each other, by design. Each is ``window`` long: a shorter clip repeats inside.
        """
        starts = range(0, n_frames, self.window - self.overlap)
        return [[(start - self.shift * step + i) % n_frames for i in range(self.window)] for start in starts]


def _ramp(first: float | None, last: float) -> tuple[float, float]:
    return last if first is None else first, last
