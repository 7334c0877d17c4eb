"""A tiny random model with the true signature of the published Sonic weights: names, nesting and file layouts are real.

``make(folder)`` writes about 25 MB. It needs the extra ``gpu``. Every number is random, so a branch that is dropped or
swapped shows, and small enough that outputs stay finite.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import save_file

from sonic.engines.svd.weights.catalogue import CONFIGS

CONTEXT = 32
"""Channels of an image embedding, an audio token and the UNet's cross attention: one number, as in the original."""
UNET: dict[str, Any] = {
    "sample_size": 16,
    "in_channels": 8,
    "out_channels": 4,
    "down_block_types": [*["CrossAttnDownBlockSpatioTemporal"] * 3, "DownBlockSpatioTemporal"],
    "up_block_types": ["UpBlockSpatioTemporal", *["CrossAttnUpBlockSpatioTemporal"] * 3],
    "block_out_channels": [32, 32, 64, 64],
    "addition_time_embed_dim": 32,
    "projection_class_embeddings_input_dim": 96,
    "layers_per_block": 1,
    "cross_attention_dim": CONTEXT,
    "transformer_layers_per_block": 1,
    "num_attention_heads": [2, 2, 4, 4],
    "num_frames": 25,
}
VAE: dict[str, Any] = {
    "in_channels": 3,
    "out_channels": 3,
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "block_out_channels": [32] * 4,
    "layers_per_block": 1,
    "latent_channels": 4,
    "sample_size": 768,
    "scaling_factor": 0.18215,
    "force_upcast": True,
}
IMAGE_ENCODER: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "image_size": 224,
    "patch_size": 32,
    "projection_dim": CONTEXT,
    "hidden_act": "gelu",
}
WHISPER: dict[str, Any] = {
    "vocab_size": 64,
    "num_mel_bins": 80,
    "d_model": 48,
    "encoder_layers": 4,
    "encoder_attention_heads": 4,
    "encoder_ffn_dim": 96,
    "decoder_layers": 1,
    "decoder_attention_heads": 4,
    "decoder_ffn_dim": 96,
    "max_source_positions": 1500,
    "max_target_positions": 16,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 1,
}
SCHEDULER: dict[str, Any] = {"_class_name": "EulerDiscreteScheduler", **CONFIGS["scheduler"]}
EARS = {"feature_extractor_type": "WhisperFeatureExtractor", "feature_size": 80, "n_fft": 400, "sampling_rate": 16000}
HIDDEN = 64
"""Width of the two small audio networks."""
TOKENS, TOKEN_ROWS, BUCKET_ROWS = 32, 10, 50
State = dict[str, torch.Tensor]
Layout = Literal["folder", "comfyui", "hub"]
FILES = {
    "folder": ("Sonic", "RIFE", "stable-video-diffusion-img2vid-xt", "whisper-tiny"),
    "comfyui": (
        "models/sonic",
        "models/sonic/RIFE",
        "models/diffusers/stable-video-diffusion-img2vid-xt",
        "models/sonic/whisper-tiny",
    ),
    "hub": (
        "models--LeonJoe13--Sonic/snapshots/{0}/Sonic",
        "models--LeonJoe13--Sonic/snapshots/{0}/RIFE",
        "models--stabilityai--stable-video-diffusion-img2vid-xt/snapshots/{0}",
        "models--openai--whisper-tiny/snapshots/{0}",
    ),
}
"""Layout -> where the networks of Sonic, RIFE, the SVD folder and whisper-tiny lie."""
REVISION = "0" * 40


def make(
    folder: Path, *, layout: Layout = "folder", seed: int = 0, sonic: Literal["safetensors", "pth"] = "pth"
) -> Path:
    """Write the model below ``folder``, in the layout and file format of a user; returns ``folder``.

    ``layout``: a plain folder, ComfyUI's root, or the hub folder of a Hugging Face cache.
    """
    places = [folder / place.format(REVISION) for place in FILES[layout]]
    for place in places:
        place.mkdir(parents=True, exist_ok=True)
    if layout == "hub":
        _refs(folder)
    networks, rife, svd, whisper = places
    states = state_dicts(seed)
    for name in ("unet", "audio2token", "audio2bucket"):
        _save(states[name], networks / f"{name}.{sonic}")
    _save({f"module.{name}": tensor for name, tensor in states["flownet"].items()}, rife / "flownet.pkl")
    _write(svd / "unet" / "config.json", UNET)
    _write(svd / "scheduler" / "scheduler_config.json", SCHEDULER)
    _network(svd / "vae", VAE, states["vae"], "diffusion_pytorch_model")
    _network(svd / "image_encoder", IMAGE_ENCODER, states["image_encoder"], "model")
    prefixed = {f"model.{name}": tensor for name, tensor in states["whisper"].items()}
    _network(whisper, {"model_type": "whisper", **WHISPER}, prefixed, "model")
    _write(whisper / "preprocessor_config.json", EARS)
    return folder


def state_dicts(seed: int = 0) -> dict[str, State]:
    """Part -> its random state dict, names as a network's own ``state_dict()`` has them."""
    generator = torch.Generator().manual_seed(seed)
    return {name: _random(shapes, generator) for name, shapes in _shapes().items()} | {"flownet": _formula(flownet())}


def _shapes() -> dict[str, dict[str, tuple[int, ...]]]:
    from diffusers import AutoencoderKLTemporalDecoder, UNetSpatioTemporalConditionModel
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection, WhisperConfig, WhisperModel

    with torch.device("meta"):
        networks = {
            "unet": UNetSpatioTemporalConditionModel(**UNET),
            "vae": AutoencoderKLTemporalDecoder(**VAE),
            "image_encoder": CLIPVisionModelWithProjection(CLIPVisionConfig(**IMAGE_ENCODER)),
            "whisper": WhisperModel(WhisperConfig(**WHISPER)),
        }
    shapes = {name: {k: tuple(v.shape) for k, v in net.state_dict().items()} for name, net in networks.items()}
    shapes["unet"] |= adapters(shapes["unet"])
    row = 5 * WHISPER["d_model"]
    shapes["audio2token"] = mlp(TOKEN_ROWS * row, TOKENS * CONTEXT) | {
        "norm.weight": (CONTEXT,),
        "norm.bias": (CONTEXT,),
    }
    shapes["audio2bucket"] = mlp(BUCKET_ROWS * WHISPER["d_model"] + CONTEXT, 2)
    return shapes


def adapters(unet: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """The audio keys and values beside every cross attention: as wide as the image's."""
    found = {}
    for name, shape in unet.items():
        for side in ("k", "v"):
            if name.endswith(f"attn2.to_{side}.weight"):
                found[name.replace(f"to_{side}.weight", f"processor.to_{side}_ip.0.weight")] = shape
    return found


def mlp(n_in: int, n_out: int) -> dict[str, tuple[int, ...]]:
    """Three linear layers, as both audio networks have them."""
    sizes = (n_in, HIDDEN, HIDDEN, n_out)
    names: dict[str, tuple[int, ...]] = {}
    for layer in (1, 2, 3):
        names |= {f"proj{layer}.weight": (sizes[layer], sizes[layer - 1]), f"proj{layer}.bias": (sizes[layer],)}
    return names


def flownet() -> dict[str, tuple[int, ...]]:
    """Names and shapes of RIFE HDv3, full size: three flow blocks, and a fourth that only training used."""
    names: dict[str, tuple[int, ...]] = {}
    for block, n_in in (("block0", 11), ("block1", 11), ("block2", 11), ("block_tea", 14)):
        layers = [("conv0.0", (45, n_in, 3, 3)), ("conv0.1", (90, 45, 3, 3))]
        layers += [(f"convblock{i}.{j}", (90, 90, 3, 3)) for i in range(4) for j in (0, 1)]
        for layer, shape in layers:
            names |= {f"{block}.{layer}.0.weight": shape, f"{block}.{layer}.0.bias": shape[:1]}
            names[f"{block}.{layer}.1.weight"] = shape[:1]
        for layer, channels in (("conv1", 4), ("conv2", 1)):
            names |= {f"{block}.{layer}.0.weight": (90, 45, 4, 4), f"{block}.{layer}.0.bias": (45,)}
            names |= {f"{block}.{layer}.1.weight": (45,), f"{block}.{layer}.2.weight": (45, channels, 4, 4)}
            names[f"{block}.{layer}.2.bias"] = (channels,)
    return names


def _random(shapes: Mapping[str, tuple[int, ...]], generator: torch.Generator) -> State:
    """Weights of gain about one, norms about one, small biases; position tables small."""
    state = {}
    for name, shape in shapes.items():
        noise = torch.randn(shape, generator=generator)
        if name.endswith("mix_factor"):
            state[name] = noise * 0.5
        elif len(shape) == 1:
            is_scale = "norm" in name and name.endswith("weight")
            state[name] = 0.1 * noise + (1.0 if is_scale else 0.0)
        else:
            state[name] = noise * (0.1 if "embed" in name else 0.8 / noise[0].numel() ** 0.5)
    return state


def _formula(shapes: Mapping[str, tuple[int, ...]]) -> State:
    """Sines instead of random numbers: a flow that is smooth and stays small."""
    state = {}
    for k, (name, shape) in enumerate(shapes.items()):
        size = torch.Size(shape).numel()
        s = torch.sin(0.37 * torch.arange(size, dtype=torch.float64) + 1.7 * k).reshape(shape)
        gain, offset = (0.1, 0.0) if name.endswith("bias") else (0.05, 0.25)
        state[name] = (1.4 * s / s[0].numel() ** 0.5 if len(shape) == 4 else gain * s + offset).float()
    return state


def _network(folder: Path, config: dict[str, Any], state: State, stem: str) -> None:
    _write(folder / "config.json", config)
    _save(state, folder / f"{stem}.safetensors")


def _save(state: State, file: Path) -> None:
    if file.suffix == ".safetensors":
        save_file(state, file, metadata={"format": "pt"})
    else:
        torch.save(state, file)


def _write(file: Path, config: dict[str, Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(config, indent=1), encoding="utf-8")


def _refs(folder: Path) -> None:
    for repository in folder.iterdir():
        (repository / "refs").mkdir(exist_ok=True)
        (repository / "refs" / "main").write_text(REVISION, encoding="utf-8")
