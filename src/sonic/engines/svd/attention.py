"""Cross-attention to portrait and speech, for every ``attn2`` of diffusers' stock UNetSpatioTemporalConditionModel.

The published UNet is Stable Video Diffusion with a second pair of projections for audio tokens, ``to_k_ip.0`` and
``to_v_ip.0`` (the decoupled cross-attention of IP-Adapter, Ye et al. 2023). What the layers see does not fit through
the stock forward: one embed and many tokens a frame, and a mask. They read it from a Context that all of them share,
and ignore what the stock blocks pass.
"""

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

N_LEVELS = 4
"""Resolutions of the UNet: the latents' own, then each time half."""


@dataclass
class Context:
    """What the cross-attention of one UNet sees during one call; B rows of F frames each."""

    image: Tensor = field(default_factory=lambda: torch.empty(0))
    """(B, F, D): the portrait's embed; zeros where a guidance pass goes without."""
    audio: Tensor = field(default_factory=lambda: torch.empty(0))
    """(B, F, T, D): audio tokens."""
    masks: dict[int, Tensor] = field(default_factory=dict)
    """Number of pixels of a level -> (1, pixels, 1): where the speech is heard. Empty: everywhere."""
    audio_scale: float = 1.0


class _CrossAttention(nn.Module):  # type: ignore[misc]  # torch is not checked
    """to_out(to_v(image) + scale * mask * attention(query, audio)).

    The portrait is one token, so its softmax is 1 whatever the query: the term is its value alone.
    """

    def __init__(self, token_dim: int, inner_dim: int, context: Context) -> None:
        super().__init__()
        self.to_k_ip = nn.ModuleList([nn.Linear(token_dim, inner_dim, bias=False)])
        self.to_v_ip = nn.ModuleList([nn.Linear(token_dim, inner_dim, bias=False)])
        self.context = context

    def heard(self, attn: nn.Module, query: Tensor, audio: Tensor) -> Tensor:
        """(n, Q, C) queries, (n, T, D) tokens -> (n, Q, C)."""
        keys, values = self.to_k_ip[0](audio), self.to_v_ip[0](audio)
        heads = attn.heads
        parts = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (query, keys, values))
        return F.scaled_dot_product_attention(*parts).transpose(1, 2).flatten(2)


class SpatialCrossAttention(_CrossAttention):
    """Each frame sees its own embed and tokens; the speech only where the mask lets it."""

    def forward(self, attn: nn.Module, hidden_states: Tensor, *_: object, **__: object) -> Tensor:
        """(B F, h w, C) -> the same shape."""
        context = self.context
        seen = attn.to_v(context.image.flatten(0, 1)[:, None])
        heard = self.heard(attn, attn.to_q(hidden_states), context.audio.flatten(0, 1))
        if context.masks:
            heard = heard * context.masks[hidden_states.shape[1]]
        return attn.to_out[1](attn.to_out[0](seen + context.audio_scale * heard))


class TemporalCrossAttention(_CrossAttention):
    """All frames of a window see the mean of their embeds and of their tokens; there is no mask.

    Stock diffusers takes the first frame's context instead. One key and value serves all pixels of a row, so pixels are
    laid side by side as queries rather than the tokens repeated for each.
    """

    def forward(self, attn: nn.Module, hidden_states: Tensor, *_: object, **__: object) -> Tensor:
        """(B h w, F, C) -> the same shape."""
        context = self.context
        rows = context.image.shape[0]
        pixels = hidden_states.shape[0] // rows
        seen = attn.to_v(context.image.mean(1, keepdim=True)).repeat_interleave(pixels, 0)
        query = attn.to_q(hidden_states).unflatten(0, (rows, pixels)).flatten(1, 2)
        heard = self.heard(attn, query, context.audio.mean(1)).view_as(hidden_states)
        return attn.to_out[1](attn.to_out[0](seen + context.audio_scale * heard))


def install(unet: nn.Module) -> Context:
    """Give every ``attn2`` of the UNet its processor; returns the Context that they read."""
    context = Context()
    token_dim = unet.config.cross_attention_dim
    processors = dict(unet.attn_processors)
    for name in processors:
        if name.endswith("attn2.processor"):
            kind = TemporalCrossAttention if ".temporal_transformer_blocks." in name else SpatialCrossAttention
            attention = unet.get_submodule(name.removesuffix(".processor"))
            processors[name] = kind(token_dim, attention.to_q.out_features, context)
    unet.set_attn_processor(processors)
    return context


def level_masks(mask: Tensor, latent_size: tuple[int, int]) -> dict[int, Tensor]:
    """The face mask (1, 1, H, W) at each level of the UNet, by its number of pixels, as Context.masks.

    Bicubic without antialiasing, which may overshoot 0..1, from the picture's own size each time, as published.
    """
    height, width = latent_size
    masks = {}
    for level in range(N_LEVELS):
        size = (-(-height // 2**level), -(-width // 2**level))
        small = F.interpolate(mask, size, mode="bicubic", align_corners=False)
        masks[size[0] * size[1]] = small.flatten(2).transpose(1, 2)
    return masks
