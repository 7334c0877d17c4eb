"""The published networks as modules: built empty, filled from a checkpoint whose names and shapes must be theirs."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from sonic.engines.svd.arithmetic import replace_strided
from sonic.engines.svd.attention import Context, install
from sonic.errors import InstallError

State = Mapping[str, Tensor]


def unet(config: Mapping[str, Any], state: State) -> tuple[nn.Module, Context]:
    """The UNet with cross-attention to speech, and the context that it reads. ``config`` is diffusers' own."""
    from diffusers import UNetSpatioTemporalConditionModel

    with torch.device("meta"):
        model = UNetSpatioTemporalConditionModel.from_config(dict(config))
        context = install(model)
    return filled(model, state, "unet"), context


def vae(config: Mapping[str, Any], state: State) -> nn.Module:
    """The autoencoder with the temporal decoder."""
    from diffusers import AutoencoderKLTemporalDecoder

    with torch.device("meta"):
        model = AutoencoderKLTemporalDecoder.from_config(dict(config))
    return filled(model, state, "vae")


def image_encoder(config: Mapping[str, Any], state: State) -> nn.Module:
    """The CLIP vision model with its projection."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    with torch.device("meta"):
        model = CLIPVisionModelWithProjection(CLIPVisionConfig(**config))
    # Not saved in checkpoints of today, and saved in older ones.
    known = {name: value for name, value in state.items() if not name.endswith("position_ids")}
    model = filled(model, known, "image_encoder")
    embeddings = model.vision_model.embeddings
    embeddings.position_ids = torch.arange(embeddings.num_positions)[None]
    return model


def whisper_encoder(config: Mapping[str, Any], state: State) -> nn.Module:
    """The encoder half of Whisper; the other half of a checkpoint is left out."""
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    with torch.device("meta"):
        model = WhisperEncoder(WhisperConfig(**config))
    known = {name.removeprefix("model."): value for name, value in state.items()}
    half = {name.removeprefix("encoder."): value for name, value in known.items() if name.startswith("encoder.")}
    return filled(model, half, "whisper")


def flownet(state: State) -> nn.Module:
    """RIFE's interpolation network."""
    from sonic.engines.svd.rife import IFNet

    with torch.device("meta"):
        model = IFNet()
    return filled(model, state, "flownet")


def filled(model: nn.Module, state: State, part: str) -> nn.Module:
    """``model``, for inference, with the tensors of ``state`` themselves; nothing is copied.

    Raises InstallError unless names and shapes are the model's, each one.
    """
    wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in state.items()}
    if wanted != found:
        first = min(name for name, _ in wanted.items() ^ found.items())
        has, wants = (shapes.get(first, "nothing") for shapes in (found, wanted))
        raise InstallError(
            f"weights of {part} are not those of the published model: {first} is {has} where {wants} belongs; "
            "`sonic weights check` tells more"
        )
    model.load_state_dict(dict(state), strict=True, assign=True)
    replace_strided(model)
    return model.eval().requires_grad_(False)
