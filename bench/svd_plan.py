"""What the full-size networks cost by count, and what that makes of a second of video: planned, not measured."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from report import table
from sonic.engines.svd import memory
from sonic.engines.svd.decode import CHUNK, _tiled
from sonic.engines.svd.denoise import Row, Schedule, State, denoise
from sonic.engines.svd.inference import FPS, Inference
from sonic.types import Observer
from svd_count import Count, PlainAttention, count
from svd_networks import FULL, TOKENS, bare_image_encoder, bare_rife, bare_unet, bare_vae, bare_whisper

HALF, SINGLE = torch.float16, torch.float32
SIDES_PX, DURATIONS_S = (512, 768), (10, 60)
STEPS = 25


@dataclass(frozen=True)
class Gpu:
    """Peaks by the manufacturer's data sheet: dense matrix products in fp16 with fp32 sums, and memory traffic."""

    name: str
    flops: float
    bytes_per_s: float


GPUS = (
    Gpu("A100 80 GB SXM", 312e12, 2.04e12),
    Gpu("H100 SXM", 989e12, 3.35e12),
    Gpu("H200 SXM", 989e12, 4.8e12),
    Gpu("RTX 4090", 165e12, 1.01e12),
)
SHARE_OF_FLOPS, SHARE_OF_TRAFFIC = 0.5, 0.75
"""Assumed: what large products and what elementwise kernels reach of these peaks."""

OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("as published", {}),
    ("appearance_guidance 1", {"appearance": (1.0, 1.0)}),
    ("appearance_guidance 1, audio_guidance 1", {"appearance": (1.0, 1.0), "audio": (1.0, 1.0)}),
    ("guidance_refresh 2", {"guidance_refresh": 2}),
    ("guidance_refresh 3", {"guidance_refresh": 3}),
    ("guidance_refresh 5", {"guidance_refresh": 5}),
    ("window_overlap 5", {"overlap": 5}),
    ("noise_strength 0.7", {"strength": 0.7}),
    ("sampler dpm++2m, 16 steps", {"sampler": "dpm++2m", "steps": 16}),
    ("dpm++2m, 16 steps, guidance_refresh 3", {"sampler": "dpm++2m", "steps": 16, "guidance_refresh": 3}),
)


def count_tables() -> str:
    """Each network's count beside what memory.py says of it."""
    rows = [case.cells() for case in _cases()]
    heads = (
        "one call",
        "parameters",
        "10^12 flops",
        "traffic, GB",
        "peak alive, GB",
        "values per unit",
        "memory.py",
        "",
    )
    text = table(heads, rows)
    host = table(
        ("host, copies of the clip's latents", "counted", "memory.py"),
        (
            ("sampler euler", f"{_host_copies():.2f}", str(memory.LATENT_COPIES)),
            ("dpm++2m", f"{_host_copies(sampler='dpm++2m'):.2f}", str(memory.LATENT_COPIES)),
            (
                "dpm++2m, guidance_refresh 2",
                f"{_host_copies(sampler='dpm++2m', guidance_refresh=2):.2f}",
                str(memory.LATENT_COPIES + memory.DIRECTION_COPIES),
            ),
        ),
    )
    return f"{text}\n\n{host}"


@dataclass(frozen=True)
class _Case:
    name: str
    n_parameters: int
    cost: Count
    units: int
    formula: float | None

    def cells(self) -> list[str]:
        values = self.cost.peak_bytes / self.units
        over = f"{100 * (self.formula / values - 1):+.1f} %" if self.formula else ""
        return [
            *(self.name, f"{self.n_parameters:,}", f"{self.cost.flops / 1e12:.2f}"),
            *(f"{self.cost.moved_bytes / 1e9:.1f}", f"{self.cost.peak_bytes / 1e9:.2f}"),
            *(f"{values:,.0f}", f"{self.formula or 0:,.0f}", over),
        ]


def _cases() -> list[_Case]:
    unet, vae, rife, clip, whisper = (
        *(bare_unet(FULL, HALF)[0], bare_vae(FULL, HALF)),
        *(bare_rife(), bare_image_encoder(HALF), bare_whisper()),
    )
    cases = []
    for n_rows, side in ((3, 512), (2, 512), (1, 512), (3, 768), (2, 768)):
        units = n_rows * 25 * (side // 8) ** 2 * 2
        name = f"UNet, {n_rows} rows of 25 frames, {side} px"
        cases.append(_Case(name, _size(unet), unet_call(n_rows, side), units, memory.UNET_PER_LATENT))
    for side, tile in ((512, None), (768, None), (512, memory.TILE), (768, memory.TILE)):
        units = CHUNK * (side // 8) ** 2 * 2
        formula = memory.DECODER_PER_LATENT * ((tile or 1) / (side // 8 if tile else 1)) ** 2
        formula += memory.TILES_PER_LATENT if tile else 0
        name = f"VAE decoder, {CHUNK} frames, {side} px{f', tiles of {8 * tile} px' if tile else ''}"
        cases.append(_Case(name, _size(vae.decoder), decoder_call(vae, side, tile), units, formula))
    for side in SIDES_PX:
        cost = count(lambda side=side: vae.encode(_made(1, 3, side, side)).latent_dist.mode())
        n_values = _size(vae.encoder) + _size(vae.quant_conv)
        cases.append(_Case(f"VAE encoder, {side} px", n_values, cost, side**2 * 2, memory.ENCODER_PER_PIXEL))
        cost = count(lambda side=side: rife(*(_made(1, 3, side, side, dtype=SINGLE) for _ in range(2))))
        cases.append(_Case(f"RIFE, {side} px, fp32", _size(rife), cost, side**2 * 4, memory.RIFE_PER_PIXEL))
    cost = count(lambda: clip(_made(1, 3, 224, 224)).image_embeds)
    cases.append(_Case("CLIP ViT-H", _size(clip), cost, 2, None))
    cost = count(lambda: whisper(_made(1, 80, 3000, dtype=SINGLE), output_hidden_states=True))
    cases.append(_Case("whisper-tiny, 30 s, fp32", _size(whisper), cost, 4, memory.WHISPER_VALUES))
    return cases


def unet_call(n_rows: int, side_px: int, **how: Any) -> Count:
    """One call of the UNet as sonic.engines.svd.denoise.Denoiser makes it, fp16."""
    unet, context = bare_unet(FULL, HALF)
    side, width, n_frames = side_px // 8, FULL.width, 25

    def call() -> Tensor:
        context.image, context.audio = _made(n_rows, n_frames, width), _made(n_rows, n_frames, TOKENS, width)
        context.masks = {(side >> k) ** 2: _made(1, (side >> k) ** 2, 1) for k in range(4)}
        sample, time = _made(n_rows, n_frames, 8, side, side), _made()
        (made,) = unet(sample, time, _made(n_rows, 1, 1), _made(n_rows, 3), return_dict=False)
        return torch.as_tensor(made).float()

    return count(call, **how)


def decoder_call(vae: Any, side_px: int, tile: int | None = None) -> Count:
    """One chunk through the VAE's decoder, fp16."""
    latents = (CHUNK, 4, side_px // 8, side_px // 8)
    if tile:
        return count(lambda: _tiled(vae.decoder, _made(*latents), tile))
    return count(lambda: vae.decode(_made(*latents), num_frames=CHUNK).sample.float())


def plan_tables() -> str:
    """Every table of the plan."""
    calls = {(n, side): unet_call(n, side) for side in SIDES_PX for n in (3, 2, 1)}
    unfused = {(3, side): unet_call(3, side, attention=PlainAttention) for side in SIDES_PX}
    decoder = {side: decoder_call(bare_vae(FULL, HALF), side) for side in SIDES_PX}
    parts = (
        ("One UNet call, attention fused", _call_table(calls)),
        ("The same, attention as matrix products and a softmax", _call_table(unfused)),
        (
            "Options: rows and operations for a second of video, as the engine's own loop asks for them",
            _option_table(calls),
        ),
        ("Weights", _weight_table()),
        ("Peak memory", _memory_table()),
        (
            f"Seconds of computing for a second of video, {STEPS} steps, {SHARE_OF_FLOPS:.0%} of peak flops and "
            f"{SHARE_OF_TRAFFIC:.0%} of peak traffic assumed; planned, not measured",
            _time_table(calls, unfused, decoder),
        ),
    )
    return "\n\n".join(f"### {head}\n\n{text}" for head, text in parts)


def _call_table(calls: dict[tuple[int, int], Count]) -> str:
    rows = []
    for (n_rows, side), cost in calls.items():
        per_s = cost.flops / n_rows * 3 * STEPS / 2  # a window of 25 frames is two seconds
        cells = (f"{side}", f"{n_rows}", f"{cost.flops / 1e12:.1f}", f"{cost.moved_bytes / 1e9:.0f}")
        rows.append(
            [*cells, f"{cost.flops / cost.moved_bytes:.0f}", f"{cost.peak_bytes / 1e9:.1f}", f"{per_s / 1e12:.0f}"]
        )
    heads = (
        "px",
        "rows",
        "10^12 flops",
        "traffic, GB",
        "flops per byte",
        "peak alive, GB",
        "10^12 flops per s of video",
    )
    return table(heads, rows)


def rows_asked(n_frames: int, **options: Any) -> int:
    """Rows that the engine's loop computes for a clip: it runs, with a network that answers with zeros."""
    inference = Inference(**{"steps": STEPS, **options})
    asked: list[Sequence[Row]] = []

    def nothing(rows: Sequence[Row], latents: Tensor, sigma: float, timestep: Tensor) -> Tensor:
        asked.append(rows)
        return torch.zeros(len(rows), inference.window, 4, 1, 1)

    start, levels = State(0, torch.zeros(n_frames, 4, 1, 1)), torch.linspace(9, 0, inference.steps_run + 1)
    schedule = Schedule(levels, levels[:-1])
    denoise([nothing], start, schedule, inference, rows_per_call=3, observer=Observer())
    return sum(len(rows) for rows in asked)


def _option_table(calls: dict[tuple[int, int], Count]) -> str:
    rows = []
    for name, options in OPTIONS:
        cells = [name]
        for seconds in DURATIONS_S:
            n_frames = int(seconds * FPS)
            share = rows_asked(n_frames, **options) / rows_asked(n_frames)
            cells += [f"{rows_asked(n_frames, **options)}", f"{1 / share:.2f}"]
        asked = rows_asked(int(60 * FPS), **options) / 60
        cells += [f"{asked * calls[3, side].flops / 3 / 1e12:.0f}" for side in SIDES_PX]
        rows.append(cells)
    heads = ["option"]
    for seconds in DURATIONS_S:
        heads += [f"rows of {seconds} s", "times fewer"]
    return table([*heads, *(f"10^12 flops per s, {side} px" for side in SIDES_PX)], rows)


def _weight_table() -> str:
    parts = (
        ("UNet", memory.UNET, True),
        ("VAE", memory.VAE, False),
        ("image encoder", memory.IMAGE_ENCODER, False),
        ("whisper, audio networks, RIFE (always fp32)", 0, False),
    )
    small = 4 * (memory.WHISPER + memory.AUDIO_TOKENS + memory.AUDIO_BUCKETS + memory.RIFE)
    rows = []
    for name, n, has_fp8 in parts:
        sizes = (4 * n, 2 * n, (memory.UNET_MATRICES + 2 * (n - memory.UNET_MATRICES)) if has_fp8 else 2 * n)
        rows.append([name, *(f"{(size or small) / 1e9:.2f}" for size in sizes)])
    return table(("weights, GB", "fp32", "fp16 or bf16", "fp8 of the UNet"), rows)


def _memory_table() -> str:
    rows = []
    for side in SIDES_PX:
        for words, plan, fp8 in _plans(side):
            cells = [f"{side}", words]
            found = [_estimate(side, seconds, plan, fp8) for seconds in DURATIONS_S]
            cells += [f"{e.peak.tensors_bytes / 1e9:.2f}" for e in found]
            cells += [f"{found[1].peak.tensors_bytes / found[0].peak.tensors_bytes:.2f}", found[1].peak.name]
            cells += [f"{found[1].device_bytes / 1e9:.1f}", *(f"{e.host_bytes / 1e9:.1f}" for e in found)]
            rows.append(cells)
    heads = (
        "px",
        "how",
        "10 s: tensors, GB",
        "60 s",
        "60 s / 10 s",
        "peak while",
        "with CUDA, GB",
        "host 10 s",
        "host 60 s",
    )
    return table(heads, rows)


def _plans(side_px: int) -> list[tuple[str, memory.Plan, bool]]:
    job = memory.Job(width_px=side_px, height_px=side_px, n_frames=750)
    chosen = memory.fit(job, device_bytes=80 * 10**9, host_bytes=64 * 10**9)
    n = chosen.rows
    return [
        (f"80 GB free: {n} rows, offload none", chosen, False),
        (f"{n} rows, offload models", memory.Plan(rows=n, offload="models"), False),
        ("1 row, offload models", memory.Plan(rows=1, offload="models"), False),
        ("1 row, models, fp8, tiles", memory.Plan(rows=1, offload="models", tile=memory.TILE), True),
        ("1 row, blocks, tiles", memory.Plan(rows=1, offload="blocks", tile=memory.TILE), False),
    ]


def _estimate(side_px: int, seconds: int, plan: memory.Plan, fp8: bool) -> memory.Estimate:
    n_frames = int(seconds * FPS)
    job = memory.Job(width_px=side_px, height_px=side_px, n_frames=n_frames, weight_bytes=1 if fp8 else 2)
    return memory.estimate(job, plan)


def _time_table(
    calls: dict[tuple[int, int], Count], unfused: dict[tuple[int, int], Count], decoder: dict[int, Count]
) -> str:
    rows = []
    rife = {side: count(_rife_call(side)) for side in SIDES_PX}
    for gpu in GPUS:
        for side in SIDES_PX:
            eager, fused = (seconds_of(calls[3, side], gpu, fused=fused) for fused in (False, True))
            after = seconds_of(decoder[side], gpu) * float(FPS) / CHUNK + seconds_of(rife[side], gpu) * float(FPS)
            cells = [gpu.name, f"{side}", f"{1000 * fused:.0f} to {1000 * eager:.0f}", f"{after:.2f}"]
            cells += [f"{t * STEPS / 2 + after:.1f}" for t in (seconds_of(unfused[3, side], gpu), eager)]
            for refresh, steps in ((3, STEPS), (5, STEPS), (3, 16)):
                asked = rows_asked(750, guidance_refresh=refresh, steps=steps) / 60
                best, worst = (asked * t / 3 + after for t in (fused, eager))
                cells.append(f"{best:.1f} to {worst:.1f}")
            rows.append(cells)
    heads = ("GPU", "px", "ms per UNet call of 3 rows", "decode and RIFE, s", "plain, attention not fused", "plain")
    refresh = ("guidance_refresh 3", "guidance_refresh 5", "guidance_refresh 3, 16 steps")
    return table((*heads, *refresh), rows)


def _rife_call(side_px: int) -> Callable[[], Any]:
    rife = bare_rife()
    return lambda: rife(_made(1, 3, side_px, side_px, dtype=SINGLE), _made(1, 3, side_px, side_px, dtype=SINGLE))


def seconds_of(cost: Count, gpu: Gpu, *, fused: bool = False) -> float:
    """Roofline: each operation takes what it computes or what it moves, whichever is longer.

    ``fused``: operations without products cost nothing, which no compiler reaches; the truth lies between.
    """
    total = 0.0
    for (flops, moved), n in cost.operations.items():
        if flops or not fused:
            compute = flops / (gpu.flops * SHARE_OF_FLOPS)
            total += n * max(compute, moved / (gpu.bytes_per_s * SHARE_OF_TRAFFIC))
    return total


def _host_copies(**options: Any) -> float:
    """Copies of the clip's latents that the loop holds at once, with the noise that its caller drew."""
    n_frames, side = 100, 16

    def loop() -> Tensor:
        drawn = torch.zeros(n_frames, 4, side, side)

        def nothing(rows: Sequence[Row], latents: Tensor, sigma: float, timestep: Tensor) -> Tensor:
            return torch.zeros(len(rows), 25, 4, side, side)

        levels = torch.linspace(9, 0, 5)
        inference = Inference(steps=4, **options)
        start = State(0, 1 + drawn)  # kept, as the engine keeps its own
        return denoise([nothing], start, Schedule(levels, levels[:-1]), inference, rows_per_call=3, observer=Observer())

    return count(loop).peak_bytes / (n_frames * 4 * side * side * 4)


def _made(*shape: int, dtype: torch.dtype = HALF) -> Tensor:
    return torch.empty(shape, device="meta", dtype=dtype)


def _size(network: Any) -> int:
    return sum(p.numel() for p in network.parameters())
