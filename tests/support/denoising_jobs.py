"""Tiny clips for engine svd, and ways to denoise them."""

from typing import Any

import tiny_svd
import torch

from sonic.engines.svd import networks
from sonic.engines.svd.denoise import LATENT_SCALE, Denoiser, Scene, Schedule, State, denoise
from sonic.engines.svd.inference import Inference
from sonic.types import Observer

CPU = {"device": torch.device("cpu"), "dtype": torch.float32}


def schedule_of(inference: Inference) -> Schedule:
    from diffusers import EulerDiscreteScheduler

    scheduler = EulerDiscreteScheduler.from_config(tiny_svd.SCHEDULER)
    scheduler.set_timesteps(inference.steps)
    run = inference.steps_run
    return Schedule(scheduler.sigmas[-run - 1 :], scheduler.timesteps[-run:])


class Job:
    """A tiny clip, and ways to denoise it."""

    def __init__(self, n_frames: int = 11, inference: Inference | None = None) -> None:
        draw = torch.Generator().manual_seed(3)
        self.inference = inference or Inference(steps=4, window=5, shift=2)
        tokens = torch.randn(n_frames, tiny_svd.TOKENS, tiny_svd.CONTEXT, generator=draw)
        mask = torch.zeros(1, 1, 128, 64)
        mask[..., 30:90, 12:50] = 1
        self.scene = Scene(
            torch.randn(1, tiny_svd.CONTEXT, generator=draw),
            torch.randn(1, 4, 16, 8, generator=draw),
            mask,
            lambda frames: tokens[list(frames)],
            torch.randn(tiny_svd.TOKENS, tiny_svd.CONTEXT, generator=draw),
            20 + 5 * torch.randn(n_frames, 2, generator=draw),
        )
        self.noise = torch.randn(n_frames, 4, 16, 8, generator=draw)

    def denoisers(self, n: int = 1, **how: Any) -> list[Denoiser]:
        state = tiny_svd.state_dicts()["unet"]
        pairs = [networks.unet(tiny_svd.UNET, state) for _ in range(n)]
        return [Denoiser(*pair, self.scene, self.inference, **(CPU | how)) for pair in pairs]

    def start(self) -> State:
        sigma = schedule_of(self.inference).sigmas[0]
        return State(0, LATENT_SCALE * self.scene.image_latents + sigma * self.noise)

    def run(self, *, n_devices: int = 1, rows: int = 3, state: State | None = None, **watching: Any) -> Any:
        observer = Observer(watching.pop("progress", lambda report: None))
        return denoise(
            self.denoisers(n_devices), state or self.start(), schedule_of(self.inference), self.inference,
            rows_per_call=rows, observer=observer, **watching,
        )  # fmt: skip
