"""Pictures to latents and latents to frames, chunk by chunk: nothing of clip length on the device."""

import logging
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sonic.engines.svd.arithmetic import checked, name_of

CHUNK = 8
"""Video frames decoded together, as published: the decoder's temporal layers see no further than a chunk."""
OVERLAP = 0.25
"""Of neighbouring tiles, as a share of a tile."""

_log = logging.getLogger(__name__)


def encode(vae: Any, image: Tensor, *, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Latents (1, 4, H/8, W/8) of a picture (1, 3, H, W) in -1..1: the posterior's mode, unscaled.

    They are float32 on the host. ``vae`` is a diffusers AutoencoderKLTemporalDecoder on ``device`` in ``dtype``.
    """
    with torch.no_grad():
        return _finite(vae, lambda x: vae.encode(x).latent_dist.mode(), image.to(device), dtype).cpu()


def decode(
    vae: Any, latents: Tensor, *, chunk: int = CHUNK, tile: int | None = None, device: torch.device, dtype: torch.dtype
) -> Generator[Tensor, None, None]:
    """Frames (3, 8h, 8w) float32 in 0..1 on the host, one at a time, of latents (N, 4, h, w) on the host.

    ``tile``, in latent px, decodes pictures larger than this in overlapping squares of this side: less memory, nearly
    the same picture (see decode_chunk). A chunk that overflows in ``dtype`` is decoded again in float32. Raises
    SettingError where latents or frames are not finite nevertheless.
    """
    for first in range(0, len(latents), chunk):
        part = checked(latents[first : first + chunk], "denoising", device, dtype)
        frames = decode_chunk(vae, part, tile=tile, device=device, dtype=dtype)
        yield from (frames * 0.5 + 0.5).clamp(0, 1).cpu()


def decode_chunk(
    vae: Any, latents: Tensor, *, tile: int | None = None, device: torch.device, dtype: torch.dtype
) -> Tensor:
    """The decoder's output (n, 3, 8h, 8w), about -1..1, float32 on the device, of latents (n, 4, h, w).

    The decoder's middle block, whose attention spans the picture, always sees all of it. With ``tile`` the blocks
    after it, which take nearly all of the memory, see squares of this side (latent px), whose overlaps are blended.
    What differs from the whole picture are their norms' statistics, which are estimated (see _norms_of_the_whole).
    """
    scaled = latents.to(device) / vae.config.scaling_factor

    def run(z: Tensor) -> Tensor:
        if tile is None or max(z.shape[-2:]) <= tile:
            return vae.decode(z, num_frames=len(z)).sample
        return _tiled(vae.decoder, z, tile)

    with torch.no_grad():
        return _finite(vae, run, scaled, dtype)


def _finite(vae: Any, run: Callable[[Tensor], Tensor], x: Tensor, dtype: torch.dtype) -> Tensor:
    """``run(x)`` as float32; once more with the VAE in float32 where ``dtype`` overflows, which would be black.

    Raises SettingError where float32 does not help. Asking waits for the device, once a chunk of frames.
    """
    result = run(x.to(dtype)).float()
    if dtype == torch.float32:
        return checked(result, "the VAE", x.device, dtype)
    if torch.isfinite(result).all():
        return result
    _log.warning("the VAE left the range of %s; these frames are made again in float32", name_of(dtype))
    vae.to(torch.float32)
    try:
        return checked(run(x.float()), "the VAE", x.device, torch.float32)
    finally:
        vae.to(dtype)


def _tiled(decoder: Any, z: Tensor, tile: int) -> Tensor:
    still = torch.zeros(1, len(z), dtype=z.dtype, device=z.device)  # every frame is one of a video
    middle = decoder.mid_block(decoder.conv_in(z), image_only_indicator=still)
    height, width = z.shape[-2:]
    total = torch.zeros(len(z), 3, 8 * height, 8 * width, dtype=torch.float32, device=z.device)
    weight = torch.zeros(8 * height, 8 * width, dtype=torch.float32, device=z.device)
    with _norms_of_the_whole(decoder, middle, still, tile):
        for top in _starts(height, tile):
            for left in _starts(width, tile):
                part = _after_the_middle(decoder, middle[:, :, top : top + tile, left : left + tile], still)
                share = _hill(part.shape[-2], tile, z.device)[:, None] * _hill(part.shape[-1], tile, z.device)
                rows, columns = slice(8 * top, 8 * (top + tile)), slice(8 * left, 8 * (left + tile))
                total[:, :, rows, columns] += part.float() * share
                weight[rows, columns] += share
    return total / weight


def _after_the_middle(decoder: Any, part: Tensor, still: Tensor) -> Tensor:
    for block in decoder.up_blocks:
        part = block(part, image_only_indicator=still)
    part = decoder.conv_out(decoder.conv_act(decoder.conv_norm_out(part)))
    return decoder.time_conv_out(part.transpose(0, 1)[None])[0].transpose(0, 1)


@contextmanager
def _norms_of_the_whole(decoder: Any, middle: Tensor, still: Tensor, tile: int) -> Iterator[None]:
    """Within, the norms after the middle block use the whole picture's statistics instead of a tile's own.

    These are taken from the picture thinned out to a tile's size: every so many pixels, not averages, which would have
    less contrast.
    """
    norms = [module for module in decoder.up_blocks.modules() if isinstance(module, nn.GroupNorm)]
    norms.append(decoder.conv_norm_out)
    affine: dict[nn.Module, tuple[Tensor, Tensor]] = {}

    def note(norm: nn.Module, inputs: tuple[Tensor], _: Tensor) -> None:
        grouped = inputs[0].float().reshape(len(inputs[0]), norm.num_groups, -1)
        variance, mean = torch.var_mean(grouped, -1, correction=0)
        scale = (variance + norm.eps).rsqrt()
        each = norm.num_channels // norm.num_groups
        scale, shift = scale.repeat_interleave(each, 1), (-mean * scale).repeat_interleave(each, 1)
        affine[norm] = scale * norm.weight, shift * norm.weight + norm.bias

    def apply(norm: nn.Module, inputs: tuple[Tensor], _: Tensor) -> Tensor:
        x = inputs[0]
        scale, shift = (v.to(x.dtype).reshape(*v.shape, *[1] * (x.ndim - 2)) for v in affine[norm])
        return torch.addcmul(shift, x, scale)

    shrink = tile / max(middle.shape[-2:])
    size = [max(1, round(side * shrink)) for side in middle.shape[-2:]]
    with _hooked(norms, note):
        _after_the_middle(decoder, F.interpolate(middle, size, mode="nearest"), still)
    with _hooked(norms, apply):
        yield


@contextmanager
def _hooked(modules: list[nn.Module], hook: Callable[..., Tensor | None]) -> Iterator[None]:
    handles = [module.register_forward_hook(hook) for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _starts(length: int, tile: int) -> list[int]:
    """Where tiles begin that cover ``length`` evenly and overlap by at least OVERLAP of a tile."""
    if length <= tile:
        return [0]
    overlap = round(OVERLAP * tile)
    n = -(-(length - overlap) // (tile - overlap))
    return [round(i * (length - tile) / (n - 1)) for i in range(n)]


def _hill(length: int, tile: int, device: torch.device) -> Tensor:
    """(length,) weights of a tile's pixels: 1, falling to nearly 0 over the overlap at both ends."""
    reach = max(1.0, 8 * OVERLAP * tile)
    ramp = (torch.arange(length, device=device) + 0.5) / reach
    return torch.minimum(ramp, ramp.flip(0)).clamp(max=1.0)
