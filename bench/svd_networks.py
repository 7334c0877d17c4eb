"""The published networks at full size, and smaller sets of the same classes: without weights, or with random ones."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sonic.engines.svd.attention import Context, install
from sonic.engines.svd.rife import IFNet
from sonic.engines.svd.weights.catalogue import CONFIGS

TOKENS = 32
"""Audio tokens of a frame."""


@dataclass(frozen=True)
class Size:
    """One set of networks: part -> constructor arguments."""

    name: str
    configs: dict[str, dict[str, Any]]

    @property
    def width(self) -> int:
        """Of an image embedding and of an audio token."""
        return int(self.configs["unet"]["cross_attention_dim"])


def _smaller(name: str, unet: dict[str, Any], vae: dict[str, Any]) -> Size:
    return Size(name, {"unet": CONFIGS["unet"] | unet, "vae": CONFIGS["vae"] | vae})


FULL = Size("full size, random weights", CONFIGS)
HALF = _smaller(
    "half the channels, random weights",
    {"block_out_channels": [160, 320, 640, 640], "cross_attention_dim": 512},
    {"block_out_channels": [64, 128, 256, 256]},
)
"""A fifth of the work: what a processor can measure of switches whose effect is a ratio."""
TINY = _smaller(
    "tiny, random weights: shows that the benchmark works, says nothing of speed",
    {
        "block_out_channels": [32, 32, 64, 64],
        "num_attention_heads": [2, 2, 4, 4],
        "layers_per_block": 1,
        "cross_attention_dim": 32,
        "addition_time_embed_dim": 32,
        "projection_class_embeddings_input_dim": 96,
    },
    {"block_out_channels": [32, 32, 32, 32], "layers_per_block": 1},
)
SIZES = {"full": FULL, "half": HALF, "tiny": TINY}


def bare_unet(size: Size, dtype: torch.dtype) -> tuple[nn.Module, Context]:
    """Shapes alone, on the meta device; the context is what its cross-attention reads."""
    from diffusers import UNetSpatioTemporalConditionModel

    model = _bare(lambda: UNetSpatioTemporalConditionModel.from_config(dict(size.configs["unet"])), dtype)
    with torch.device("meta"):
        context = install(model)
    return nn.Module.to(model, dtype), context


def bare_vae(size: Size, dtype: torch.dtype) -> Any:
    """Shapes alone, on the meta device."""
    from diffusers import AutoencoderKLTemporalDecoder

    return _bare(lambda: AutoencoderKLTemporalDecoder.from_config(dict(size.configs["vae"])), dtype)


def bare_image_encoder(dtype: torch.dtype) -> nn.Module:
    """Full size, shapes alone."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    return _bare(lambda: CLIPVisionModelWithProjection(CLIPVisionConfig(**CONFIGS["image_encoder"])), dtype)


def bare_whisper() -> nn.Module:
    """Full size, shapes alone; it computes in float32."""
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    return _bare(lambda: WhisperEncoder(WhisperConfig(**CONFIGS["whisper"])), torch.float32)


def bare_rife() -> nn.Module:
    """Full size, shapes alone; it computes in float32."""
    return _bare(IFNet, torch.float32)


def _bare(build: Callable[[], nn.Module], dtype: torch.dtype) -> nn.Module:
    with torch.device("meta"):
        model = build()
    # Torch's own method: diffusers' warns of modules to be kept in float32, of which there are none.
    return nn.Module.to(model, "meta", dtype).eval()


class RandomWeights:
    """What sonic.engines.svd.model_store.Shelf asks of files, answered with random numbers: nothing is read."""

    def __init__(self, size: Size, dtype: torch.dtype) -> None:
        self._size, self._dtype = size, dtype
        self._made: dict[str, dict[str, Tensor]] = {}

    def config(self, part: str) -> dict[str, Any]:
        """Constructor arguments."""
        return dict(self._size.configs[part])

    def state(self, part: str) -> dict[str, Tensor]:
        """Weights on the host: made once, which takes longest, and used by every case."""
        if part not in self._made:
            network = {
                "unet": lambda: bare_unet(self._size, self._dtype)[0],
                "vae": lambda: bare_vae(self._size, self._dtype),
                "flownet": bare_rife,
            }[part]()
            generator = torch.Generator().manual_seed(0)
            self._made[part] = {n: _value(n, shape, generator) for n, shape in network.state_dict().items()}
        return self._made[part]


def _value(name: str, like: Tensor, generator: torch.Generator) -> Tensor:
    """Matrices of variance 1 / fan-in, norms about one, small biases: activations stay in range, also in fp16."""
    noise = torch.randn(like.shape, generator=generator, dtype=torch.float32).to(like.dtype)
    if like.ndim > 1:
        return noise.div_(math.sqrt(like[0].numel()))
    return noise.mul_(0.1) if name.endswith("bias") else noise.mul_(0.1).add_(1)
