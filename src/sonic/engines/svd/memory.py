"""What a job needs before it starts: bytes on the device and on the host, and the fastest way of working that fits.

The numbers were counted, not guessed: ``python bench/svd.py count`` runs the full-size networks on the meta device and
follows the life of every tensor (bench/svd_count.py); tests/engines/svd/test_memory.py holds these formulas against
such a count. Attention is counted as one fused kernel. Nothing on the device grows with the length of the recording.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from sonic.engines.svd.inference import FPS, SIDE_PX
from sonic.errors import SettingError

GB = 1e9
FRAMES_PER_S = float(FPS)

# Parameters. The UNet's include its 64 adapter tensors.
UNET, UNET_MATRICES = 1_575_741_162, 1_574_741_760
UNET_BLOCKS = 897_426_896
"""The most on the device when blocks take turns: up_blocks.0 at work, .1 coming, and what is not up or down."""
VAE, IMAGE_ENCODER = 97_742_847, 632_076_800
WHISPER, AUDIO_TOKENS, AUDIO_BUCKETS, RIFE = 8_208_384, 54_300_672, 21_762_050, 3_038_015

# Values alive at the peak of a call: times the bytes of one.
UNET_PER_LATENT = 8_980
"""Per row, frame and latent pixel; it is the feed-forward of a temporal block at the finest level."""
DECODER_PER_LATENT = 65_540
"""Per frame of a chunk and latent pixel."""
TILES_PER_LATENT = 900
"""With tiles, for the whole frame besides: what the decoder's middle made, and the tiles' sum."""
ENCODER_PER_PIXEL = 643
RIFE_PER_PIXEL = 72
WHISPER_VALUES = 8_883_000
"""One block of 30 s."""

LATENT_COPIES = 10
"""Host, float32: latents of the whole clip that are alive at once during a step; two fewer with the sampler euler."""
DIRECTION_COPIES = 5
"""More of them when guidance directions are kept between steps."""

# Assumptions about CUDA and the process, to be replaced when they are measured.
CONTEXT_BYTES = int(0.6 * GB)
"""What a CUDA process holds before its first tensor."""
LIBRARY_BYTES = int(0.3 * GB)
"""Workspaces of cuBLAS and cuDNN."""
FRAGMENTATION = 1.08
"""What the allocator holds over what lives in it."""
PROGRAM_BYTES = int(2.0 * GB)
"""Host: interpreter, torch and the other libraries, the video's encoder."""
LOADING_BYTES = UNET * 4
"""Host: the UNet's file in single precision on its way to a GPU."""
FULL_CALL = 3 * 64 * 64
"""Rows x latent pixels of a frame from which a larger call is no faster: 95e12 operations, 0.1 s at an H200's peak."""

MAX_SEQUENCES = 65_535
"""Temporal attention is one sequence for each row and latent pixel, and CUDA's fused kernels take no more (a grid's
second and third dimension; pytorch/pytorch issues 142228 and 146704)."""
TILE = 40
"""Side of a VAE tile, in latent px, where tiling is on."""
OFFLOADS = ("none", "models", "blocks")
"""All networks on the device; only the one at work; of the UNet only the block at work and the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is to be made, and in which numbers."""

    width_px: int
    """Of the picture that the model works on; a multiple of 64."""
    height_px: int
    n_frames: int
    """Video frames of the model, 12.5 a second."""
    window: int = 25
    """Frames that the UNet sees together."""
    value_bytes: int = 2
    """Of an activation and of a weight: 2 for fp16 and bf16, 4 for fp32."""
    weight_bytes: int = 2
    """Of a value in the UNet's matrices: 1 for fp8, else as value_bytes."""
    chunk: int = 8
    """Frames that the VAE decodes together."""
    keeps_directions: bool = False
    """Whether guidance directions are kept between steps: guidance_refresh over 1."""

    def __post_init__(self) -> None:
        for name in ("width_px", "height_px"):
            if (value := getattr(self, name)) < SIDE_PX or value % SIDE_PX:
                raise SettingError(f"{name} is {value}; engine svd works on multiples of {SIDE_PX}; choose one")

    @property
    def latents(self) -> int:
        """Latent pixels of one frame."""
        return self.width_px * self.height_px // 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How the job is done. The result is the same but for rounding, except with tiles."""

    rows: int
    """Of one UNet call; a row is one window in one pass of guidance."""
    offload: str = "none"
    tile: int | None = None
    """Side of the VAE's tiles in latent px, or whole frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What the device holds during one part of the work."""

    name: str
    weights_bytes: int
    activations_bytes: int

    @property
    def tensors_bytes(self) -> int:
        """What ``torch.cuda.max_memory_allocated`` says, but for the libraries' workspaces."""
        return self.weights_bytes + self.activations_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What one job needs, done by one plan."""

    job: Job
    plan: Plan
    stages: tuple[Stage, ...]
    """hear, see, denoise, decode. What hears stays to the end of denoising; it is small, and counted throughout."""
    host_bytes: int
    """The process, and everything of clip length."""

    @property
    def peak(self) -> Stage:
        """The stage that needs most."""
        return max(self.stages, key=lambda stage: stage.tensors_bytes)

    @property
    def device_bytes(self) -> int:
        """Of a GPU, everything included."""
        used = self.peak.weights_bytes + int(self.peak.activations_bytes * FRAGMENTATION)
        return CONTEXT_BYTES + LIBRARY_BYTES + used


def estimate(job: Job, plan: Plan) -> Estimate:
    """Bytes of each stage on the device, and on the host."""
    size, pixels = job.value_bytes, job.width_px * job.height_px
    whole, tile = DECODER_PER_LATENT * job.latents, plan.tile
    decoded = min(DECODER_PER_LATENT * tile**2 + TILES_PER_LATENT * job.latents, whole) if tile else whole
    hearing = (WHISPER + AUDIO_TOKENS) * 4
    parts = {
        "hear": (0, WHISPER_VALUES * 4),
        "see": ((IMAGE_ENCODER + VAE) * size + AUDIO_BUCKETS * 4, ENCODER_PER_PIXEL * pixels * size),
        "denoise": (_unet_bytes(job, plan), UNET_PER_LATENT * plan.rows * job.window * job.latents * size),
        "decode": (
            VAE * size + RIFE * 4,
            decoded * job.chunk * size + RIFE_PER_PIXEL * pixels * 4,
        ),
    }
    together = sum(weights for weights, _ in parts.values()) - VAE * size  # seen and decoded by the same
    stages = (
        Stage(
            name=name, weights_bytes=hearing + (together if plan.offload == "none" else weights), activations_bytes=work
        )
        for name, (weights, work) in parts.items()
    )
    host = PROGRAM_BYTES + _clip_bytes(job)
    return Estimate(job=job, plan=plan, stages=tuple(stages), host_bytes=host)


def fit(
    job: Job,
    *,
    device_bytes: int | None,
    host_bytes: int,
    offload: str = "auto",
    tiling: str = "auto",
    rows: int | None = None,
) -> Plan:
    """The fastest plan for this many free bytes; ``auto`` and None are chosen here, the rest is kept.

    ``device_bytes`` None: the processor does the work, everything lies in the host's memory. Given up one after the
    other: networks that wait on the device, rows of a call (neither changes more than rounding), whole frames in the
    VAE, and last the UNet's place on the device, which costs its transfer with every call. Raises SettingError, as
    ``check`` does, if nothing fits.
    """
    plans = list(_plans(job, offload if device_bytes is not None else "none", tiling, rows))
    for plan in plans:
        if _fits(estimate(job, plan), device_bytes, host_bytes):
            return plan
    check(estimate(job, plans[-1]), device_bytes=device_bytes, host_bytes=host_bytes)
    return plans[-1]


def check(needed: Estimate, *, device_bytes: int | None, host_bytes: int) -> None:
    """Raises SettingError, with the settings that would help, unless this many free bytes are enough (see ``fit``)."""
    if _fits(needed, device_bytes, host_bytes):
        return
    job = needed.job
    if device_bytes is not None and needed.device_bytes > device_bytes:
        where, need, free = "on the GPU", needed.device_bytes, device_bytes
    else:
        where, need, free = "of memory", _host_total(needed, device_bytes), host_bytes
    raise SettingError(
        f"engine svd needs {need / GB:.1f} GB {where} (to {needed.peak.name}) for {job.n_frames / FRAMES_PER_S:.0f} s "
        f"at {job.width_px}x{job.height_px}, {max(free, 0) / GB:.1f} GB are free; "
        f"{_remedy(needed, device_bytes, host_bytes)}"
    )


def _plans(job: Job, offload: str, tiling: str, rows: int | None) -> Iterator[Plan]:
    """From the fastest to the leanest."""
    full = min(-(-FULL_CALL // job.latents), max(MAX_SEQUENCES // job.latents, 1))
    tiles = {"auto": (None, TILE), "on": (TILE,), "off": (None,)}[tiling]
    for placement in OFFLOADS if offload == "auto" else (offload,):
        # Waiting on the host costs a network one transfer a video, less than anything else that could be given up.
        spoilt = offload == "auto" and placement == "none"
        for tile in tiles[:1] if spoilt else tiles:
            for n_rows in (rows,) if rows else range(full, full - 1 if spoilt else 0, -1):
                yield Plan(rows=n_rows, offload=placement, tile=tile)


def _fits(needed: Estimate, device_bytes: int | None, host_bytes: int) -> bool:
    if device_bytes is not None:
        too_many = needed.plan.rows * needed.job.latents > MAX_SEQUENCES
        if too_many or needed.device_bytes > device_bytes:
            return False
    return _host_total(needed, device_bytes) <= host_bytes


def _host_total(needed: Estimate, device_bytes: int | None) -> int:
    if device_bytes is None:
        return needed.host_bytes + needed.peak.tensors_bytes
    # While the UNet is read, a third of the copies is there.
    return max(needed.host_bytes, needed.host_bytes - _clip_bytes(needed.job) * 2 // 3 + LOADING_BYTES)


def _unet_bytes(job: Job, plan: Plan) -> int:
    """Matrices in their own width; norms, biases and mixing factors in that of activations."""
    width = min(job.weight_bytes, job.value_bytes)
    if plan.offload == "blocks":
        return UNET_BLOCKS * width
    return UNET_MATRICES * width + (UNET - UNET_MATRICES) * job.value_bytes


def _clip_bytes(job: Job) -> int:
    """What grows with the recording."""
    copies = LATENT_COPIES + job.keeps_directions * DIRECTION_COPIES
    return job.n_frames * copies * 4 * job.latents * 4


@dataclass(frozen=True, slots=True)
class _Change:
    """One thing that a person can set, and what it does to job and plan."""

    words: str
    job: dict[str, Any] = field(default_factory=dict)
    plan: dict[str, Any] = field(default_factory=dict)


def _remedy(needed: Estimate, device_bytes: int | None, host_bytes: int) -> str:
    """Settings that bring it under: added one after the other, then those dropped that are not needed after all."""

    def enough(changes: list[_Change]) -> bool:
        job, plan = needed.job, needed.plan
        for change in changes:
            job, plan = replace(job, **change.job), replace(plan, **change.plan)
        return _fits(estimate(job, plan), device_bytes, host_bytes)

    chosen: list[_Change] = []
    for change in _changes(needed, device_bytes, host_bytes):
        chosen.append(change)
        if enough(chosen):
            break
    else:
        return "no setting makes it fit; free memory, use a larger machine, or --engine light"
    for change in list(chosen):
        if enough(rest := [c for c in chosen if c is not change]):
            chosen = rest
    return "set " + " and ".join(change.words for change in chosen)


def _changes(needed: Estimate, device_bytes: int | None, host_bytes: int) -> Iterator[_Change]:
    """What may help, cheapest first."""
    job, plan = needed.job, needed.plan
    if plan.rows > 1:
        yield _Change("rows_per_call to 1", plan={"rows": 1})
    if device_bytes is not None:
        yield _Change("offload to models", plan={"offload": "models"})
        yield _Change("precision to fp16", job={"value_bytes": 2, "weight_bytes": min(job.weight_bytes, 2)})
        yield _Change("weights_precision to fp8", job={"weight_bytes": 1})
    yield _Change("vae_tiling to on", plan={"tile": TILE})
    if device_bytes is not None:
        yield _Change("offload to blocks", plan={"offload": "blocks"})
    room = host_bytes - _host_total(needed, device_bytes) + _clip_bytes(job)
    n_frames = room * job.n_frames // _clip_bytes(job)
    if FRAMES_PER_S <= n_frames < job.n_frames:
        yield _Change(f"duration to {int(n_frames / FRAMES_PER_S)}", job={"n_frames": n_frames})
    shorter = min(job.width_px, job.height_px)
    for side in range(shorter - SIDE_PX, 0, -SIDE_PX):
        sides = (max(1, round(s * side / shorter / SIDE_PX)) * SIDE_PX for s in (job.width_px, job.height_px))
        width_px, height_px = sides
        yield _Change(f"min_resolution to {side}", job={"width_px": width_px, "height_px": height_px})
