"""The original format of Stable Video Diffusion, ``svd_xt.safetensors``, as people have it for ComfyUI.

One file holds all networks, named as Stability's own program names them. Of these the autoencoder and the image encoder
are read, under the names that diffusers and transformers have for their tensors. The autoencoder's encoder is the copy
that conditions the frames, ``conditioner.embedders.3``: the one of ``first_stage_model`` lacks the last convolution. On
these names public conversions of the file agree; this module was never tried on the file itself.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonic.engines.svd.weights import tensorfiles
from sonic.engines.svd.weights.signatures import Shapes, differences, expected
from sonic.errors import InstallError

if TYPE_CHECKING:
    from torch import Tensor

_ENCODER = "conditioner.embedders.3.encoder."
_DECODER = "first_stage_model."
_VISION = "conditioner.embedders.0.open_clip.model.visual."
_VAE_RULES = (
    (r"mid_block\.resnets\.(\d+)", lambda m: f"mid.block_{int(m[1]) + 1}"),
    (r"mid_block\.attentions\.0", "mid.attn_1"),
    (r"down_blocks\.(\d+)\.resnets", r"down.\1.block"),
    (r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample"),
    (r"up_blocks\.(\d+)\.resnets", r"up.\1.block"),
    (r"up_blocks\.(\d+)\.upsamplers\.0", r"up.\1.upsample"),
    (r"temporal_res_block\.norm1", "time_stack.in_layers.0"),
    (r"temporal_res_block\.conv1", "time_stack.in_layers.2"),
    (r"temporal_res_block\.norm2", "time_stack.out_layers.0"),
    (r"temporal_res_block\.conv2", "time_stack.out_layers.3"),
    (r"spatial_res_block\.", ""),
    (r"time_mixer\.", ""),
    (r"conv_shortcut", "nin_shortcut"),
    (r"conv_norm_out", "norm_out"),
    (r"time_conv_out", "conv_out.time_mix_conv"),
    (r"group_norm", "norm"),
    (r"to_out\.0", "proj_out"),
    (r"to_([qkv])\b", r"\1"),
)
"""From diffusers' names to the original ones, in this order."""
_VISION_RULES = (
    (r"^vision_model\.embeddings\.class_embedding", "class_embedding"),
    (r"^vision_model\.embeddings\.patch_embedding", "conv1"),
    (r"^vision_model\.embeddings\.position_embedding\.weight", "positional_embedding"),
    (r"^vision_model\.pre_layrnorm", "ln_pre"),
    (r"^vision_model\.post_layernorm", "ln_post"),
    (r"^visual_projection\.weight", "proj"),
    (r"^vision_model\.encoder\.layers", "transformer.resblocks"),
    (r"self_attn\.[qkv]_proj\.", "attn.in_proj_"),
    (r"self_attn", "attn"),
    (r"layer_norm(\d)", r"ln_\1"),
    (r"mlp\.fc1", "mlp.c_fc"),
    (r"mlp\.fc2", "mlp.c_proj"),
)
"""From transformers' names to those of OpenCLIP, in this order."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a tensor comes from."""

    name: str
    third: int | None = None
    """Queries, keys and values lie above one another in the original: 0, 1 or 2."""
    transposed: bool = False


def source(part: str, name: str, n_levels: int) -> Source:
    """The original of a tensor of ``vae`` or ``image_encoder``; ``n_levels``: resolutions of the autoencoder."""
    if part == "vae":
        renamed = _apply(_VAE_RULES, name)
        # Both count from the sides that they come from: the first to be drawn is the coarsest.
        renamed = re.sub(r"\bup\.(\d+)", lambda m: f"up.{n_levels - 1 - int(m[1])}", renamed)
        prefix = _DECODER if name.startswith("decoder.") else _ENCODER
        return Source(prefix + renamed)
    third = re.search(r"self_attn\.([qkv])_proj", name)
    return Source(
        _VISION + _apply(_VISION_RULES, name),
        "qkv".index(third[1]) if third else None,
        transposed=name == "visual_projection.weight",
    )


def shapes(file: Path, part: str, config: Mapping[str, Any]) -> Shapes:
    """Tensor name -> shape of a part, as diffusers or transformers call it. Raises InstallError as ``state`` does."""
    wanted = expected(part, config)
    stored = tensorfiles.shapes(file)
    return {name: _shape(stored[origin.name], origin, wanted[name]) for name, origin in _plan(part, wanted, stored)}


def state(file: Path, part: str, config: Mapping[str, Any]) -> "dict[str, Tensor]":
    """Tensor name -> tensor of a part, as diffusers or transformers call it; no other tensor is read.

    Raises InstallError if a tensor is missing or of another shape than the network of this configuration has.
    """
    wanted = expected(part, config)
    plan = list(_plan(part, wanted, tensorfiles.shapes(file)))
    stored = tensorfiles.tensors(file, {origin.name for _, origin in plan})
    found = {name: _tensor(stored[origin.name], origin, wanted[name]) for name, origin in plan}
    lines = differences({name: tuple(value.shape) for name, value in found.items()}, wanted)
    if lines:
        raise InstallError(f"weights of {part} in {file} are another network's: {'; '.join(lines)}")
    return found


def _plan(part: str, wanted: Shapes, stored: Shapes) -> list[tuple[str, Source]]:
    n_levels = 1 + max((int(m[1]) for m in (re.search(r"up_blocks\.(\d+)", name) for name in wanted) if m), default=0)
    plan = [(name, source(part, name, n_levels)) for name in wanted]
    missing = [origin.name for _, origin in plan if origin.name not in stored]
    if missing:
        raise InstallError(
            f"weights of {part} are not all in the file: {missing[0]} is missing, one of {len(missing)}; "
            "the file must be svd_xt.safetensors as it was published, or give a diffusers folder"
        )
    return plan


def _apply(rules: tuple[tuple[str, Any], ...], name: str) -> str:
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


def _shape(stored: tuple[int, ...], origin: Source, wanted: tuple[int, ...]) -> tuple[int, ...]:
    if origin.third is not None:
        return (stored[0] // 3, *stored[1:])
    if origin.transposed:
        return stored[::-1]
    return stored[:2] if _is_1x1(stored, wanted) else stored


def _tensor(stored: "Tensor", origin: Source, wanted: tuple[int, ...]) -> "Tensor":
    if origin.third is not None:
        return stored.chunk(3)[origin.third].clone()
    if origin.transposed:
        return stored.T.contiguous()
    return stored[..., 0, 0] if _is_1x1(tuple(stored.shape), wanted) else stored


def _is_1x1(stored: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """The original's attention is made of convolutions over single pixels, where diffusers has linear layers."""
    return len(stored) == 4 and len(wanted) == 2 and stored[2:] == (1, 1)
