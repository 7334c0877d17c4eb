"""Networks of an exported folder over the shipped speech encoder, as the numpy sampler calls them."""

from pathlib import Path

from sonic.engines.light.lips.diffusion import Networks, networks_of
from sonic.errors import MediaError
from sonic.weights import open_network, session


def onnx_networks(folder: Path) -> Networks:
    """lips.onnx and denoiser.onnx under onnxruntime. Raises MediaError if one is missing."""
    paths = [folder / f"{name}.onnx" for name in ("lips", "denoiser")]
    for path in paths:
        if not path.is_file():
            raise MediaError(f"{path} is missing; run `sonic train export` first, or name the folder with --weights")
    lips, denoiser = (open_network(str(path)) for path in paths)
    return networks_of(session("whisper"), lips, denoiser)
