"""What the tensors of each part are called and how they are shaped: the networks say it, built without their numbers.

Needs the extra ``gpu``; without it, a part's number of tensors and of parameters is known (parts.py).
"""

from collections.abc import Mapping
from typing import Any

Shapes = dict[str, tuple[int, ...]]
MAX_LINES = 5


def expected(part: str, config: Mapping[str, Any]) -> Shapes:
    """Tensor name -> shape of a part of this configuration, as its state dict has it."""
    if part == "audio2token":
        width = config["output_dim"]
        tokens = _mlp(config, config["context_tokens"] * width)
        return tokens | {"norm.weight": (width,), "norm.bias": (width,)}
    if part == "audio2bucket":
        return _mlp(config, config["context_tokens"] * config["output_dim"])
    found = _of_network(part, config)
    return found | _adapters(found) if part == "unet" else found


def differences(found: Mapping[str, tuple[int, ...]], wanted: Mapping[str, tuple[int, ...]]) -> list[str]:
    """What is missing, too much or of another shape, a line each, the first few; empty if all is equal."""
    lines = [f"{name} is missing" for name in wanted if name not in found]
    lines += [f"{name} does not belong there" for name in found if name not in wanted]
    lines += [
        f"{name} is {_text(found[name])} where {_text(wanted[name])} belongs"
        for name in wanted
        if name in found and found[name] != wanted[name]
    ]
    return lines if len(lines) <= MAX_LINES else [*lines[:MAX_LINES], f"and {len(lines) - MAX_LINES} more"]


def _of_network(part: str, config: Mapping[str, Any]) -> Shapes:
    import torch

    with torch.device("meta"):
        if part == "flownet":
            from sonic.engines.svd.rife import IFNet

            network: Any = IFNet()
        elif part in ("unet", "vae"):
            import diffusers

            kinds = {"unet": diffusers.UNetSpatioTemporalConditionModel, "vae": diffusers.AutoencoderKLTemporalDecoder}
            network = kinds[part].from_config(dict(config))
        else:
            network = _transformer(part, config)
    return {name: tuple(value.shape) for name, value in network.state_dict().items()}


def _transformer(part: str, config: Mapping[str, Any]) -> Any:
    if part == "image_encoder":
        from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

        return CLIPVisionModelWithProjection(CLIPVisionConfig(**config))
    from transformers import WhisperConfig, WhisperModel

    return WhisperModel(WhisperConfig(**config))


def _adapters(unet: Shapes) -> Shapes:
    """Beside the image's keys and values of every cross-attention, the speech's, equally shaped."""
    return {
        name.replace(f"to_{side}.weight", f"processor.to_{side}_ip.0.weight"): shape
        for name, shape in unet.items()
        for side in ("k", "v")
        if name.endswith(f"attn2.to_{side}.weight")
    }


def _mlp(config: Mapping[str, Any], n_out: int) -> Shapes:
    """Three linear layers over a piece of speech features, and the image embedding where there is one."""
    n_in = config["seq_len"] * config["blocks"] * config["channels"] + config.get("clip_channels", 0)
    sizes = (n_in, config["intermediate_dim"], config["intermediate_dim"], n_out)
    layers = range(1, 4)
    weights = {f"proj{i}.weight": (sizes[i], sizes[i - 1]) for i in layers}
    return weights | {f"proj{i}.bias": (sizes[i],) for i in layers}


def _text(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "a number"
