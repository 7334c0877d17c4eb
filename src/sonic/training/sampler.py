"""Networks of an exported folder, as the numpy sampler calls them; they need not be the shipped ones."""

from pathlib import Path

from sonic.engines.light.lips.diffusion import Networks, networks_of
from sonic.errors import MediaError
from sonic.weights import open_network


def onnx_networks(folder: Path) -> Networks:
    """encoder.onnx and denoiser.onnx under onnxruntime. Raises MediaError if one is missing."""
    paths = [folder / f"{name}.onnx" for name in ("encoder", "denoiser")]
    for path in paths:
        if not path.is_file():
            raise MediaError(f"{path} is missing; run `sonic train export` first, or name the folder with --weights")
    encoder, denoiser = (open_network(str(path)) for path in paths)
    return networks_of(encoder, denoiser)
