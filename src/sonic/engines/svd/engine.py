"""Engine ``svd`` as the pipeline sees it: what is decided before any work, then latents, then frames."""

import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from sonic.counts import samples_of, video_frames, whole_frames
from sonic.engines.svd import memory
from sonic.engines.svd.arithmetic import checked, name_of
from sonic.engines.svd.audio import Features, hear, listen
from sonic.engines.svd.audio_modules import AudioToToken
from sonic.engines.svd.decode import decode, encode
from sonic.engines.svd.denoise import LATENT_SCALE, Denoiser, Scene, Schedule, State, denoise
from sonic.engines.svd.devices import devices_of, dtype_of, free_device_bytes, free_host_bytes
from sonic.engines.svd.inference import FPS, Inference
from sonic.engines.svd.model_store import ModelStore, Placement
from sonic.engines.svd.paste import Paster, Region
from sonic.engines.svd.picture import Picture, prepare, square_around, working_size
from sonic.engines.svd.resume import Unfinished
from sonic.engines.svd.retime import retime
from sonic.engines.svd.rife import interpolator
from sonic.engines.svd.weights.checkpoints import Located, locate
from sonic.errors import SettingError, SpeechError
from sonic.settings import Settings
from sonic.types import Frame, Observer, Portrait, Speech

OWN_SIDE_PX = 512
"""Shorter side of the picture that the model works on, where nobody chose; it was trained at this size."""
SMALL_FACE = 0.25
"""A face less high than this share of the picture's shorter side is made in a square of its own and pasted back."""
SQUARE_EXPAND = 1.0
"""How far that square reaches beyond the face's box, in its sides: room for hair that moves."""
MIN_DURATION_S = 0.08
"""One frame of the model."""


@dataclass(frozen=True, slots=True)
class RenderPlan:
    """One video, as decided before any work."""

    settings: Settings
    inference: Inference
    duration_s: float
    region: Region
    """Of portrait.crop: what the model sees."""
    size_px: tuple[int, int]
    """(width, height) of the model's pictures."""
    memory: memory.Plan
    n_out: int
    """Frames of the video, at settings.fps."""


@dataclass(frozen=True, slots=True)
class Latents:
    """A whole clip's motion, as the model has it; the engine's only piece."""

    values: Tensor
    """(N, 4, h, w), N frames at 12.5 a second, float32 on the host."""
    plan: RenderPlan
    unfinished: Unfinished


class SvdEngine:
    """The published weights. Implements engines.Engine[Latents]."""

    name = "svd"

    def __init__(self) -> None:
        self._models: ModelStore | None = None

    def weights(self) -> dict[str, str]:
        """File -> SHA-256 of the published files that the last ``drive`` found."""
        return self._models.located.digests() if self._models else {}

    def drive(
        self, portrait: Portrait, speech: Speech, settings: Settings, duration_s: float, observer: Observer
    ) -> Iterator[Latents]:
        """The latents of the whole clip.

        Raises InstallError if weights are missing, SettingError if the memory is too small or a device is not there,
        SpeechError for less than one frame of sound: all before any weights are read.
        """
        if duration_s < MIN_DURATION_S:
            raise SpeechError(f"the recording has {1000 * duration_s:.0f} ms; engine svd needs at least 80 ms")
        located = locate(Path(settings.weights_folder) if settings.weights_folder else None)
        devices = devices_of(settings.device)
        dtype = dtype_of(settings.precision, devices)
        plan = _plan(portrait, settings, duration_s, devices, dtype)
        placement = Placement(devices, dtype, settings.weights_precision, plan.memory.offload, settings.compile)
        if self._models is None or (self._models.located, self._models.placement) != (located, placement):
            self._models = ModelStore(located, placement)
        observer.notice(_what_runs(plan, placement))
        located.digests(observer.progress)  # for the record; read now, while somebody is told
        return _latents(self._models, plan, portrait, speech, observer)

    def render(self, portrait: Portrait, motion: Iterator[Latents]) -> Generator[Frame, None, None]:
        """Frames at the size of portrait.crop: decoded, retimed, and pasted back with their colours held."""
        for latents in motion:
            if self._models is None:
                raise RuntimeError("render() before drive()")
            with closing(_frames(self._models, portrait, latents)) as frames:
                yield from frames
            latents.unfinished.done()

    def close(self) -> None:
        """Take the networks off the device."""
        self._models = None
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _plan(
    portrait: Portrait, settings: Settings, duration_s: float, devices: Sequence[torch.device], dtype: torch.dtype
) -> RenderPlan:
    inference = Inference.of(settings)
    region = region_of(portrait)
    left, top, right, bottom = region
    wish = settings.min_resolution or OWN_SIDE_PX
    # More than the region holds would only enlarge it, but below its own size the model is out of its depth.
    shortest = min(wish, max(OWN_SIDE_PX, min(right - left, bottom - top)))
    size_px = working_size((right - left, bottom - top), shortest)
    job = memory.Job(
        width_px=size_px[0],
        height_px=size_px[1],
        n_frames=max(1, whole_frames(samples_of(duration_s), FPS)),
        window=inference.window,
        value_bytes=dtype.itemsize,
        weight_bytes=1 if settings.weights_precision == "fp8" else dtype.itemsize,
        keeps_directions=inference.guidance_refresh > 1,
    )
    fitted = memory.fit(
        job,
        device_bytes=free_device_bytes(devices),
        host_bytes=free_host_bytes(),
        offload=settings.offload,
        tiling=settings.vae_tiling,
        rows=settings.rows_per_call,
    )
    n_out = video_frames(duration_s, settings.fps)
    return RenderPlan(settings, inference, duration_s, region, size_px, fitted, n_out)


def region_of(portrait: Portrait) -> Region:
    """What the model sees: the whole picture, or a square around a face that is small in it; in crop px."""
    left, top, right, bottom = portrait.face.box_px
    if bottom - top >= SMALL_FACE * min(portrait.size_px):
        return 0, 0, *portrait.size_px
    return square_around((left, top, right, bottom), SQUARE_EXPAND, portrait.size_px)


def _what_runs(plan: RenderPlan, placement: Placement) -> str:
    width, height = plan.size_px
    where = ", ".join(str(device) for device in placement.devices)
    fp8 = ", weights in fp8" if placement.weights_precision == "fp8" else ""
    return (
        f"engine svd works at {width}x{height} in {name_of(placement.dtype)}{fp8} on {where}, "
        f"{plan.memory.rows} rows a call, offload {plan.memory.offload}; its weights are for non-commercial use"
    )


def _latents(
    models: ModelStore, plan: RenderPlan, portrait: Portrait, speech: Speech, observer: Observer
) -> Iterator[Latents]:
    unfinished = Unfinished(_made_from(models, plan, portrait, speech), observer.notice)
    with _remedy_for_memory("to denoise"):
        values = _denoised(models, plan, _picture(portrait, plan), speech, unfinished, observer)
    yield Latents(values, plan, unfinished)


def _denoised(
    models: ModelStore, plan: RenderPlan, picture: Picture, speech: Speech, unfinished: Unfinished, observer: Observer
) -> Tensor:
    settings, inference, placement = plan.settings, plan.inference, models.placement
    heard = hear(speech.sound, offset_ms=settings.audio_offset_ms, duration_s=plan.duration_s)
    with models.at_work("whisper") as encoder:
        features = listen(heard, encoder, observer.progress)
    generator = torch.Generator().manual_seed(settings.seed)
    noise = torch.randn(picture.reference.shape, generator=generator)
    with models.at_work("audio2token") as hearing:
        scene, start = make_scene(models, picture, features, hearing, inference.noise_aug * noise)
        schedule = schedule_of(models.located, inference)
        drawn = torch.randn(features.n_frames, *start.shape[1:], generator=generator)
        state = State(0, LATENT_SCALE * start + schedule.sigmas[0] * drawn)
        if found := unfinished.load():
            observer.notice(
                f"going on after denoising step {found.step} of {len(schedule.timesteps)} of an earlier run"
            )
            state = found
        with models.unets() as unets:
            pairs = zip(unets, placement.devices, strict=True)
            return denoise(
                [Denoiser(*unet, scene, inference, device=device, dtype=placement.dtype) for unet, device in pairs],
                state,
                schedule,
                inference,
                rows_per_call=plan.memory.rows,
                observer=observer,
                on_step=unfinished.save,
            )


@contextmanager
def _remedy_for_memory(purpose: str) -> Iterator[None]:
    """The estimate was too low, or something else took the memory meanwhile."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise SettingError(
            f"the GPU ran out of memory {purpose}; set rows_per_call to 1, vae_tiling to on, offload to blocks or a "
            "lower min_resolution, or close what else uses the GPU"
        ) from error


def _picture(portrait: Portrait, plan: RenderPlan) -> Picture:
    x, y, x_end, y_end = plan.region
    left, top, right, bottom = portrait.face.box_px
    seen = portrait.crop[y:y_end, x:x_end]
    return prepare(seen, (left - x, top - y, right - left, bottom - top), plan.size_px)


def make_scene(
    models: ModelStore, picture: Picture, features: Features, hearing: AudioToToken, noise: Tensor
) -> tuple[Scene, Tensor]:
    """What the clip is denoised from, and the portrait's latents to start from."""
    device, dtype = models.placement.devices[0], models.placement.dtype
    with models.at_work("image_encoder") as clip, torch.no_grad():
        embed = clip(picture.clip.to(device, dtype)).image_embeds.float().cpu()
    checked(embed, "the image encoder", device, dtype)
    with models.at_work("audio2bucket") as net:
        buckets = torch.from_numpy(features.motion_buckets(net, embed))
    with models.at_work("vae") as vae:
        start = encode(vae, picture.reference, device=device, dtype=dtype)
        shown = encode(vae, picture.reference + noise, device=device, dtype=dtype) if noise.any() else start
    one_at_a_time = threading.Lock()  # features are read from a file, devices ask from their own threads

    def tokens(frames: Sequence[int]) -> Tensor:
        with one_at_a_time:
            return features.tokens(hearing, frames)

    return Scene(embed, shown, picture.face_mask, tokens, hearing.silence(), buckets), start


def schedule_of(located: Located, inference: Inference) -> Schedule:
    """The scheduler's noise levels, those of the steps that are run."""
    from diffusers import EulerDiscreteScheduler

    scheduler = EulerDiscreteScheduler.from_config(located.config("scheduler"))
    scheduler.set_timesteps(inference.steps)
    run = inference.steps_run
    return Schedule(scheduler.sigmas[-run - 1 :], scheduler.timesteps[-run:])


def _frames(models: ModelStore, portrait: Portrait, latents: Latents) -> Generator[Frame, None, None]:
    plan, placement = latents.plan, models.placement
    fps = plan.settings.fps
    still = portrait.others.still if portrait.others else None
    paster = Paster(portrait.crop, portrait.matte, portrait.face, plan.region, plan.size_px, fps=fps, still=still)
    with models.at_work("vae") as vae, models.at_work("flownet") as flownet:
        made = decode(vae, latents.values, tile=plan.memory.tile, device=placement.devices[0], dtype=placement.dtype)
        timed = retime(made, plan.n_out, fps, middle=interpolator(flownet, placement.devices[0]))
        with closing(timed), _remedy_for_memory("to decode"):
            for index, frame in enumerate(timed):
                yield Frame(paster.paste(frame.numpy()), index)


def _made_from(models: ModelStore, plan: RenderPlan, portrait: Portrait, speech: Speech) -> dict[str, object]:
    """All that the latents depend on."""
    return {
        "photo": portrait.photo.sha256,
        "crop": portrait.crop_from_photo.tolist(),
        "face": portrait.face.box_px,
        "sound": (speech.sound.sha256, speech.sound.track, speech.sound.gain),
        "duration": plan.duration_s,
        "offset": plan.settings.audio_offset_ms,
        "seed": plan.settings.seed,
        "region": plan.region,
        "size": plan.size_px,
        "inference": repr(plan.inference),
        "dtype": models.placement.dtype,
        "weights": models.located.digests(),
    }
