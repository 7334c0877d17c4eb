"""From noise to the latents of a whole clip: at each step, windows of it through the UNet, guided, merged, stepped.

Everything as long as the clip stays on the host in float32; a device gets windows. Merging what windows make of the
clean latents, before the step, is the same as merging stepped latents, as published: each sampler is linear in them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue

import torch
from torch import Tensor, nn

from sonic.engines.svd.arithmetic import checked
from sonic.engines.svd.attention import Context, level_masks
from sonic.engines.svd.inference import Inference
from sonic.engines.svd.samplers import SAMPLERS, Earlier
from sonic.types import Observer, Progress

LATENT_SCALE = 0.18215
"""Of latents that are denoised; the conditioning ones are not scaled."""

FREE, SEEN, HEARD = range(3)
"""The passes of guidance: neither portrait nor speech, the portrait alone, both."""
PORTRAIT, SPEECH = (-1.0, 1.0, 0.0), (0.0, -1.0, 1.0)
"""What portrait and speech change, as shares of the three passes."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a clip of N frames is denoised from; all on the host, float32."""

    image_embed: Tensor
    """(1, D) of the portrait, by the CLIP vision model."""
    image_latents: Tensor
    """(1, 4, h, w) of the portrait, unscaled."""
    mask: Tensor
    """(1, 1, H, W), 1 where the face is."""
    tokens: Callable[[Sequence[int]], Tensor]
    """Frame numbers -> (F, T, D) audio tokens; made when they are needed, an hour of them would be 6 GB."""
    silence: Tensor
    """(T, D): audio tokens of nothing."""
    buckets: Tensor
    """(N, 2): motion buckets, before any scale."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Noise levels of the steps that are run."""

    sigmas: Tensor
    """(steps + 1,), falling; the last is 0."""
    timesteps: Tensor
    """(steps,): what the UNet is told."""


@dataclass(frozen=True, slots=True)
class Row:
    """One window in one pass of guidance: a row of a batch."""

    frames: list[int]
    kind: int


class Denoiser:
    """A UNet on its device, with the scene that all windows share."""

    def __init__(
        self,
        unet: nn.Module,
        context: Context,
        scene: Scene,
        inference: Inference,
        *,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        """``device`` and ``dtype`` are where and in what the UNet computes; its weights may lie elsewhere meanwhile."""
        self._unet, self._context, self._scene, self._inference = unet, context, scene, inference
        self._device, self._dtype = device, dtype
        masks = level_masks(scene.mask, (scene.image_latents.shape[2], scene.image_latents.shape[3]))
        context.masks = {pixels: self._moved(mask) for pixels, mask in masks.items()}
        context.audio_scale = inference.audio_scale

    def __call__(self, rows: Sequence[Row], latents: Tensor, sigma: float, timestep: Tensor) -> Tensor:
        """Velocities (B, F, 4, h, w), float32 on the host, for B windows of ``latents`` (N, 4, h, w).

        Raises SettingError where they are not finite.
        """
        scaled = torch.stack([latents[row.frames] for row in rows]) / (sigma**2 + 1) ** 0.5
        shown = torch.stack([self._scene.image_latents * (row.kind != FREE) for row in rows]).expand_as(scaled)
        sample = self._moved(torch.cat([scaled, shown], 2))
        embeds = torch.stack([self._scene.image_embed * (row.kind != FREE) for row in rows])
        self._context.image = self._moved(embeds.expand(-1, scaled.shape[1], -1))
        self._context.audio = torch.stack([self._moved(self._tokens(row)) for row in rows])
        ids = self._moved(torch.stack([self._ids(row) for row in rows]))
        # The stock blocks hand this to the cross-attention, which reads the context instead.
        ignored = sample.new_zeros(len(rows), 1, 1)
        with torch.no_grad():
            (made,) = self._unet(sample, timestep.to(self._device), ignored, ids, return_dict=False)
        # Looked at on the host, where they go anyway: no further wait for the device.
        velocity = torch.as_tensor(made).float().cpu()
        return checked(velocity, "a denoising step", self._device, self._dtype)

    def _tokens(self, row: Row) -> Tensor:
        if row.kind == HEARD:
            return self._scene.tokens(row.frames)
        return self._scene.silence.expand(len(row.frames), -1, -1)

    def _ids(self, row: Row) -> Tensor:
        """(3,): rate, motion and expression; the latter two are means over this window's frames."""
        motion, expression = self._scene.buckets[row.frames].mean(0).tolist()
        numbers = self._inference
        return torch.tensor([numbers.fps, motion * numbers.motion_scale, expression * numbers.dynamic_scale])

    def _moved(self, x: Tensor) -> Tensor:
        return x.to(self._device, self._dtype)


@dataclass(frozen=True, slots=True)
class State:
    """Where denoising is after ``step`` steps; enough to go on from."""

    step: int
    latents: Tensor
    """(N, 4, h, w) at the noise level of this step."""
    earlier: Earlier | None = None
    directions: Tensor | None = None
    """(2, N, 4, h, w): what portrait and speech changed when guidance was last computed anew; None: each step anew."""


def denoise(
    denoisers: Sequence[Denoiser],
    state: State,
    schedule: Schedule,
    inference: Inference,
    *,
    rows_per_call: int,
    observer: Observer,
    on_step: Callable[[State], None] = lambda state: None,
) -> Tensor:
    """The clean latents (N, 4, h, w) of the clip, from those of ``state``, at most ``rows_per_call`` rows a call.

    The calls of one step are spread over the denoisers, one a device. ``on_step`` sees the state after each step.
    """
    sampler = SAMPLERS[inference.sampler]
    n_steps = len(schedule.timesteps)
    steps = [_Step.at(step, len(state.latents), inference) for step in range(n_steps)]
    calls = [step.calls(rows_per_call) for step in steps]
    count = _Count(observer, sum(len(of_step) for of_step in calls[state.step :]))
    with _Spread(denoisers) as spread:
        for number in range(state.step, n_steps):
            sigma, following = float(schedule.sigmas[number]), float(schedule.sigmas[number + 1])
            made = spread.predict(calls[number], state.latents, sigma, schedule.timesteps[number])
            rows = (pair for rows, values in zip(calls[number], made, strict=True) for pair in count(rows, values))
            velocity, directions = steps[number].merged(rows, state)
            # v-prediction (Salimans and Ho 2022) as an estimate of the clean latents.
            clean = velocity.mul_(-sigma / (sigma**2 + 1) ** 0.5).add_(state.latents, alpha=1 / (sigma**2 + 1))
            stepped = sampler(state.latents, clean, sigma, following, state.earlier)
            state = State(number + 1, stepped, Earlier(sigma, clean), directions)
            on_step(state)
    return state.latents


@dataclass(frozen=True, slots=True)
class _Step:
    """The windows of one step, and how its passes of guidance are mixed."""

    windows: list[list[int]]
    mixes: tuple[tuple[float, float, float], ...]
    """Shares of the passes in the velocity and, where they are kept for later steps, in the two directions."""
    carried: tuple[float, float]
    """How much of the kept directions is added."""

    @classmethod
    def at(cls, step: int, n_frames: int, inference: Inference) -> "_Step":
        """Velocity = free + appearance * (seen - free) + audio * (heard - seen)."""
        appearance, audio = inference.guidance(step)
        mixes: tuple[tuple[float, float, float], ...] = ((1 - appearance, appearance - audio, audio),)
        carried = (0.0, 0.0)
        if step % inference.guidance_refresh:
            mixes, carried = ((0.0, 0.0, 1.0),), (appearance - 1, audio - 1)
        elif inference.guidance_refresh > 1:
            mixes = (*mixes, PORTRAIT, SPEECH)
        return cls(inference.windows(n_frames, step), mixes, carried)

    def calls(self, rows_per_call: int) -> list[list[Row]]:
        """All rows of this step, a call's worth each; a pass of which nothing is used is left out."""
        kinds = [kind for kind in (FREE, SEEN, HEARD) if any(mix[kind] for mix in self.mixes)]
        rows = [Row(frames, kind) for frames in self.windows for kind in kinds]
        return [rows[i : i + rows_per_call] for i in range(0, len(rows), rows_per_call)]

    def merged(self, rows: Iterable[tuple[Row, Tensor]], state: State) -> tuple[Tensor, Tensor | None]:
        """Velocity (N, 4, h, w) and directions of all frames: the mean over the windows that hold a frame."""
        sums = state.latents.new_zeros(len(self.mixes), *state.latents.shape)
        for row, velocity in rows:
            frames = torch.tensor(row.frames)
            for total, mix in zip(sums, self.mixes, strict=True):
                total.index_add_(0, frames, velocity, alpha=mix[row.kind])
        held = torch.bincount(torch.tensor(self.windows).flatten(), minlength=len(state.latents))
        sums /= held[:, None, None, None]
        directions = sums[1:] if len(sums) > 1 else state.directions
        velocity = sums[0]
        if directions is not None:
            for share, direction in zip(self.carried, directions, strict=True):
                velocity += share * direction
        return velocity, directions


class _Spread:
    """The calls of a step over one or several devices: a call goes to the one that is free first."""

    def __init__(self, denoisers: Sequence[Denoiser]) -> None:
        self._free: SimpleQueue[Denoiser] = SimpleQueue()
        for denoiser in denoisers:
            self._free.put(denoiser)
        self._pool = ThreadPoolExecutor(len(denoisers), "sonic-denoiser")

    def __enter__(self) -> "_Spread":
        return self

    def __exit__(self, *exc: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def predict(self, calls: Sequence[list[Row]], latents: Tensor, sigma: float, timestep: Tensor) -> Iterator[Tensor]:
        """Velocities of each call, in order."""

        def run(rows: list[Row]) -> Tensor:
            denoiser = self._free.get()
            try:
                return denoiser(rows, latents, sigma, timestep)
            finally:
                self._free.put(denoiser)

        return self._pool.map(run, calls)


class _Count:
    """Reports each call that is done."""

    def __init__(self, observer: Observer, total: int) -> None:
        self._watch, self._total, self._done = observer, total, 0
        observer.progress(Progress("denoise", 0, total))

    def __call__(self, rows: list[Row], values: Tensor) -> Iterator[tuple[Row, Tensor]]:
        """The rows of a call with their velocities."""
        self._done += 1
        self._watch.progress(Progress("denoise", self._done, self._total))
        return zip(rows, values, strict=True)
