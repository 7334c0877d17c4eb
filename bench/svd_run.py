"""Engine svd measured on one device: a plain loop, each switch alone, all of them; random weights."""

import argparse
import gc
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

import machine
from report import figure, table
from sonic.engines.svd import memory
from sonic.engines.svd.decode import CHUNK, decode
from sonic.engines.svd.denoise import Denoiser, Scene, Schedule, State, denoise
from sonic.engines.svd.inference import FPS, Inference
from sonic.engines.svd.model_store import ModelStore, Placement
from sonic.engines.svd.rife import interpolator
from sonic.types import Observer, Progress
from svd_networks import SIZES, TOKENS, RandomWeights, Size

STEPS = 25
PAIRS = 2
"""Interpolated frames that are timed."""


@dataclass(frozen=True)
class Case:
    """The plain loop but for what is named here."""

    name: str
    placement: dict[str, str] = field(default_factory=dict)
    inference: dict[str, Any] = field(default_factory=dict)
    rows: int = 3
    tile: int | None = None
    dtype: str = ""
    fused: bool = True
    """Whether attention may be one kernel."""


_ALL: dict[str, Any] = {"guidance_refresh": 5}
CASES = (
    Case("plain"),
    Case("attention not fused", fused=False),
    Case("1 row a call", rows=1),
    Case("2 rows a call", rows=2),
    Case("6 rows a call", rows=6),
    Case("bf16", dtype="bf16"),
    Case("compile", placement={"compile": "on"}),
    Case("appearance_guidance 1", inference={"appearance": (1.0, 1.0)}, rows=2),
    Case("guidance_refresh 3", inference={"guidance_refresh": 3}),
    Case("guidance_refresh 5", inference={"guidance_refresh": 5}),
    Case("dpm++2m, 16 steps", inference={"sampler": "dpm++2m", "steps": 16}),
    Case("fp8 weights", placement={"weights_precision": "fp8"}),
    Case("offload models", placement={"offload": "models"}),
    Case("offload blocks", placement={"offload": "blocks"}),
    Case("vae_tiling", tile=memory.TILE),
    Case("all, same steps: compile, guidance_refresh 5, offload models", {"compile": "on", "offload": "models"}, _ALL),
    Case(
        "all, dpm++2m with 16 steps",
        {"compile": "on", "offload": "models"},
        _ALL | {"sampler": "dpm++2m", "steps": 16},
    ),
    Case("leanest: 1 row, fp8, tiles, offload models", {"weights_precision": "fp8", "offload": "models"}, {}, 1, 40),
)
Weights = dict[str, RandomWeights]
"""Number format -> random weights in it."""
HEADS = (
    *("case", "ms a UNet call", "rows a second", "denoise, s per s", "decode and RIFE, s per s"),
    *("times faster than plain", "peak, GB", "difference"),
)
DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Result:
    """What one case took."""

    case: Case
    side_px: int
    duration_s: float
    ms_per_call: float
    """Time of denoising over its UNet calls."""
    rows_per_s: float
    denoise_s: float
    """Seconds of computing for a second of video: denoising alone."""
    after_s: float
    """The same: decoding and interpolation."""
    peak_gb: float | None
    latents: Tensor

    @property
    def total_s(self) -> float:
        return self.denoise_s + self.after_s


def measure(arguments: argparse.Namespace) -> Iterator[str]:
    """Lines to print: a table for each side and duration, as soon as it is made."""
    size, device = SIZES[arguments.size], torch.device(arguments.device)
    yield f"device: {machine.device(device)}; networks: {size.name}\nmethod: see python bench/svd.py --help"
    wanted = arguments.only or [c.name for c in CASES if device.type == "cuda" or c.placement.get("compile") != "on"]
    cases = [case for case in CASES if case is CASES[0] or case.name in wanted]
    weights = {name: RandomWeights(size, dtype) for name, dtype in DTYPES.items()}
    for side in arguments.sides:
        for seconds in arguments.durations:
            yield f"\n### {side} x {side} px, {seconds:g} s of video\n"
            yield table(HEADS, [])
            plain: Result | None = None
            for case in cases:
                result = _tried(case, size, weights, device, side, seconds, arguments.window)
                plain = plain or (result if isinstance(result, Result) else None)
                cells = _cells(result, plain) if isinstance(result, Result) else [case.name, *["-"] * 6, result]
                yield table(HEADS, [cells]).splitlines()[-1]


def _cells(result: Result, plain: Result | None) -> list[str]:
    plain = plain or result
    comparable = not result.case.inference  # else it takes other steps, and with random weights that says nothing
    span = float(plain.latents.max() - plain.latents.min())
    difference = float((result.latents - plain.latents).abs().max()) / span if comparable else math.nan
    return [
        *(result.case.name, f"{result.ms_per_call:.1f}", f"{result.rows_per_s:.2f}"),
        *(figure(result.denoise_s), figure(result.after_s), figure(plain.total_s / result.total_s)),
        *(figure(result.peak_gb), "-" if math.isnan(difference) else f"{difference:.1e}"),
    ]


def _tried(
    case: Case, size: Size, weights: Weights, device: torch.device, side_px: int, seconds: float, window: int
) -> Result | str:
    """What the case took, or why it could not be run."""
    try:
        return _measured(case, size, weights, device, side_px, seconds, window)
    except (torch.OutOfMemoryError, RuntimeError, NotImplementedError, ImportError) as error:
        return f"failed: {str(error).splitlines()[0][:80]}"
    finally:
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()


def _measured(
    case: Case, size: Size, weights: Weights, device: torch.device, side_px: int, seconds: float, window: int
) -> Result:
    name = case.dtype or ("fp16" if device.type == "cuda" else "fp32")
    dtype = DTYPES[name]
    inference = Inference(**{"steps": STEPS, "window": window, **case.inference})
    n_frames = int(seconds * float(FPS))
    models = ModelStore(weights[name], Placement((device,), dtype, **({"offload": "none"} | case.placement)))  # type: ignore[arg-type]
    scene = _scene(size, side_px, n_frames)
    n_steps = min(inference.guidance_refresh, inference.steps)
    clock = _clock(device)
    with _attention(fused=case.fused):
        with models.unets() as unets:
            denoiser = Denoiser(*unets[0], scene, inference, device=device, dtype=dtype)
            _denoised([denoiser], min(n_frames, 4 * window), side_px, 1, case.rows, inference)  # uncounted
            _reset_peak(device)
            began = clock()
            latents, n_calls = _denoised([denoiser], n_frames, side_px, n_steps, case.rows, inference)
            denoise_s = clock() - began
            del denoiser, unets
        after_s = _after(models, device, dtype, latents, case.tile)
    n_rows = _n_rows(inference, n_frames, n_steps)
    return Result(
        *(case, side_px, seconds, 1000 * denoise_s / n_calls, n_rows / denoise_s),
        *(denoise_s * inference.steps_run / n_steps / seconds, after_s, _peak_gb(device), latents),
    )


def _denoised(
    denoisers: Sequence[Denoiser], n_frames: int, side_px: int, n_steps: int, rows: int, inference: Inference
) -> tuple[Tensor, int]:
    """Latents after the last ``n_steps`` of the schedule, and how many calls that took."""
    from diffusers import EulerDiscreteScheduler

    from sonic.engines.svd.weights.catalogue import CONFIGS

    scheduler = EulerDiscreteScheduler.from_config(CONFIGS["scheduler"])
    scheduler.set_timesteps(inference.steps)
    schedule = Schedule(scheduler.sigmas, scheduler.timesteps)
    first = inference.steps - n_steps
    noise = torch.randn(n_frames, 4, side_px // 8, side_px // 8, generator=torch.Generator().manual_seed(0))
    calls: list[Progress] = []
    state = State(first, noise * float(schedule.sigmas[first]))
    made = denoise(denoisers, state, schedule, inference, rows_per_call=rows, observer=Observer(progress=calls.append))
    return made, len(calls) - 1


def _n_rows(inference: Inference, n_frames: int, n_steps: int) -> int:
    """Of the steps that were run: the first of them asks for every pass, the others for one where guidance is kept."""
    appearance, audio = inference.guidance(0)
    full = sum(share != 0 for share in (1 - appearance, appearance - audio, audio))
    full = 3 if inference.guidance_refresh > 1 else full
    return len(inference.windows(n_frames, 0)) * (full + (n_steps - 1))


def _after(models: ModelStore, device: torch.device, dtype: torch.dtype, latents: Tensor, tile: int | None) -> float:
    """Decoding and interpolation, seconds for a second of video."""
    with models.at_work("vae") as vae, models.at_work("flownet") as flownet:
        clock = _clock(device)
        part = latents[: 2 * CHUNK].clamp(-10, 10)
        list(decode(vae, part[:CHUNK], tile=tile, device=device, dtype=dtype))  # uncounted
        began = clock()
        frames = list(decode(vae, part, tile=tile, device=device, dtype=dtype))
        decode_s = (clock() - began) / len(frames)
        middle = interpolator(flownet, device)
        middle(frames[0], frames[1])
        began = clock()
        for a, b in islice(pairwise(frames), PAIRS):
            middle(a, b)
        return (decode_s + (clock() - began) / PAIRS) * float(FPS)


def _scene(size: Size, side_px: int, n_frames: int) -> Scene:
    made = torch.Generator().manual_seed(1)
    side, width = side_px // 8, size.width

    def tokens(frames: Sequence[int]) -> Tensor:
        return heard[torch.tensor(frames) % len(heard)]

    heard = torch.randn(50, TOKENS, width, generator=made)
    mask = torch.zeros(1, 1, side_px, side_px)
    mask[..., side_px // 4 : -side_px // 4, side_px // 4 : -side_px // 4] = 1
    return Scene(
        image_embed=torch.randn(1, width, generator=made),
        image_latents=torch.randn(1, 4, side, side, generator=made),
        mask=mask,
        tokens=tokens,
        silence=torch.randn(TOKENS, width, generator=made),
        buckets=16 + 16 * torch.rand(n_frames, 2, generator=made),
    )


@contextmanager
def _attention(*, fused: bool) -> Iterator[None]:
    if fused:
        yield
        return
    with sdpa_kernel(SDPBackend.MATH):
        yield


def _clock(device: torch.device) -> Callable[[], float]:
    """Seconds of wall time; on a processor of processor time, which other work on the machine does not stretch."""
    return time.perf_counter if device.type == "cuda" else time.process_time


def _reset_peak(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)


def _peak_gb(device: torch.device) -> float | None:
    return torch.cuda.max_memory_allocated(device) / 1e9 if device.type == "cuda" else None
