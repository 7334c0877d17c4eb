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
from sonic.engines.svd.model_store import Shelf, Way
from sonic.engines.svd.paste import Paster, Region
from sonic.engines.svd.picture import Picture, prepare, square_around, working_size
from sonic.engines.svd.resume import Unfinished
from sonic.engines.svd.retime import retime
from sonic.engines.svd.rife import interpolator
from sonic.engines.svd.weights.checkpoints import Located, locate
from sonic.errors import SettingError, SpeechError
from sonic.settings import Settings
from sonic.types import Frame, Portrait, Speech, Watch

OWN_SIDE_PX = 512
"""Shorter side of the picture that the model works on, where nobody chose; it was trained at this size."""
SMALL_FACE = 0.25
"""A face less high than this share of the picture's shorter side is made in a square of its own and pasted back."""
SQUARE_EXPAND = 1.0
"""How far that square reaches beyond the face's box, in its sides: room for hair that moves."""
MIN_DURATION_S = 0.08
"""One frame of the model."""


@dataclass(frozen=True, slots=True)
class Take:
    """One video, as decided before any work."""

    settings: Settings
    inference: Inference
    duration_s: float
    region: Region
    """Of portrait.crop: what the model sees."""
    size_px: tuple[int, int]
    """(width, height) of the model's pictures."""
    plan: memory.Plan
    n_out: int
    """Frames of the video, at settings.fps."""


@dataclass(frozen=True, slots=True)
class Latents:
    """A whole clip's motion, as the model has it; the engine's only piece."""

    values: Tensor
    """(N, 4, h, w), N frames at 12.5 a second, float32 on the host."""
    take: Take
    unfinished: Unfinished


class SvdEngine:
    """The published weights. Implements engines.Engine[Latents]."""

    name = "svd"

    def __init__(self) -> None:
        self._shelf: Shelf | None = None

    def weights(self) -> dict[str, str]:
        """File -> SHA-256 of the published files that the last ``drive`` found."""
        return self._shelf.located.digests() if self._shelf else {}

    def drive(
        self, portrait: Portrait, speech: Speech, settings: Settings, duration_s: float, watch: Watch
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
        take = _take(portrait, settings, duration_s, devices, dtype)
        way = Way(devices, dtype, settings.weights_precision, take.plan.offload, settings.compile)
        if self._shelf is None or (self._shelf.located, self._shelf.way) != (located, way):
            self._shelf = Shelf(located, way)
        watch.notice(_what_runs(take, way))
        located.digests(watch.progress)  # for the record; read now, while somebody is told
        return _latents(self._shelf, take, portrait, speech, watch)

    def render(self, portrait: Portrait, motion: Iterator[Latents]) -> Generator[Frame, None, None]:
        """Frames at the size of portrait.crop: decoded, retimed, and pasted back with their colours held."""
        for latents in motion:
            if self._shelf is None:
                raise RuntimeError("render() before drive()")
            with closing(_frames(self._shelf, portrait, latents)) as frames:
                yield from frames
            latents.unfinished.done()

    def close(self) -> None:
        """Take the networks off the device."""
        self._shelf = None
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _take(
    portrait: Portrait, settings: Settings, duration_s: float, devices: Sequence[torch.device], dtype: torch.dtype
) -> Take:
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
    plan = memory.fit(
        job,
        device_bytes=free_device_bytes(devices),
        host_bytes=free_host_bytes(),
        offload=settings.offload,
        tiling=settings.vae_tiling,
        rows=settings.rows_per_call,
    )
    n_out = video_frames(duration_s, settings.fps)
    return Take(settings, inference, duration_s, region, size_px, plan, n_out)


def region_of(portrait: Portrait) -> Region:
    """What the model sees: the whole picture, or a square around a face that is small in it; in crop px."""
    left, top, right, bottom = portrait.face.box_px
    if bottom - top >= SMALL_FACE * min(portrait.size_px):
        return 0, 0, *portrait.size_px
    return square_around((left, top, right, bottom), SQUARE_EXPAND, portrait.size_px)


def _what_runs(take: Take, way: Way) -> str:
    width, height = take.size_px
    where = ", ".join(str(device) for device in way.devices)
    fp8 = ", weights in fp8" if way.weights_precision == "fp8" else ""
    return (
        f"engine svd works at {width}x{height} in {name_of(way.dtype)}{fp8} on {where}, "
        f"{take.plan.rows} rows a call, offload {take.plan.offload}; its weights are for non-commercial use"
    )


def _latents(shelf: Shelf, take: Take, portrait: Portrait, speech: Speech, watch: Watch) -> Iterator[Latents]:
    unfinished = Unfinished(_made_from(shelf, take, portrait, speech), watch.notice)
    with _remedy_for_memory("to denoise"):
        values = _denoised(shelf, take, _picture(portrait, take), speech, unfinished, watch)
    yield Latents(values, take, unfinished)


def _denoised(
    shelf: Shelf, take: Take, picture: Picture, speech: Speech, unfinished: Unfinished, watch: Watch
) -> Tensor:
    settings, inference, way = take.settings, take.inference, shelf.way
    heard = hear(speech.sound, offset_ms=settings.audio_offset_ms, duration_s=take.duration_s)
    with shelf.at_work("whisper") as encoder:
        features = listen(heard, encoder, watch.progress)
    generator = torch.Generator().manual_seed(settings.seed)
    noise = torch.randn(picture.reference.shape, generator=generator)
    with shelf.at_work("audio2token") as hearing:
        scene, start = make_scene(shelf, picture, features, hearing, inference.noise_aug * noise)
        schedule = schedule_of(shelf.located, inference)
        drawn = torch.randn(features.n_frames, *start.shape[1:], generator=generator)
        state = State(0, LATENT_SCALE * start + schedule.sigmas[0] * drawn)
        if found := unfinished.load():
            watch.notice(f"going on after denoising step {found.step} of {len(schedule.timesteps)} of an earlier run")
            state = found
        with shelf.unets() as unets:
            pairs = zip(unets, way.devices, strict=True)
            return denoise(
                [Denoiser(*unet, scene, inference, device=device, dtype=way.dtype) for unet, device in pairs],
                state,
                schedule,
                inference,
                rows_per_call=take.plan.rows,
                watch=watch,
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


def _picture(portrait: Portrait, take: Take) -> Picture:
    x, y, x_end, y_end = take.region
    left, top, right, bottom = portrait.face.box_px
    seen = portrait.crop[y:y_end, x:x_end]
    return prepare(seen, (left - x, top - y, right - left, bottom - top), take.size_px)


def make_scene(
    shelf: Shelf, picture: Picture, features: Features, hearing: AudioToToken, noise: Tensor
) -> tuple[Scene, Tensor]:
    """What the clip is denoised from, and the portrait's latents to start from."""
    device, dtype = shelf.way.devices[0], shelf.way.dtype
    with shelf.at_work("image_encoder") as clip, torch.no_grad():
        embed = clip(picture.clip.to(device, dtype)).image_embeds.float().cpu()
    checked(embed, "the image encoder", device, dtype)
    with shelf.at_work("audio2bucket") as net:
        buckets = torch.from_numpy(features.motion_buckets(net, embed))
    with shelf.at_work("vae") as vae:
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


def _frames(shelf: Shelf, portrait: Portrait, latents: Latents) -> Generator[Frame, None, None]:
    take, way = latents.take, shelf.way
    fps = take.settings.fps
    still = portrait.others.still if portrait.others else None
    paster = Paster(portrait.crop, portrait.matte, portrait.face, take.region, take.size_px, fps=fps, still=still)
    with shelf.at_work("vae") as vae, shelf.at_work("flownet") as flownet:
        made = decode(vae, latents.values, tile=take.plan.tile, device=way.devices[0], dtype=way.dtype)
        timed = retime(made, take.n_out, fps, middle=interpolator(flownet, way.devices[0]))
        with closing(timed), _remedy_for_memory("to decode"):
            for index, frame in enumerate(timed):
                yield Frame(paster.paste(frame.numpy()), index)


def _made_from(shelf: Shelf, take: Take, portrait: Portrait, speech: Speech) -> dict[str, object]:
    """All that the latents depend on."""
    return {
        "photo": portrait.photo.sha256,
        "crop": portrait.crop_from_photo.tolist(),
        "face": portrait.face.box_px,
        "sound": (speech.sound.sha256, speech.sound.track, speech.sound.gain),
        "duration": take.duration_s,
        "offset": take.settings.audio_offset_ms,
        "seed": take.settings.seed,
        "region": take.region,
        "size": take.size_px,
        "inference": repr(take.inference),
        "dtype": shelf.way.dtype,
        "weights": shelf.located.digests(),
    }
