"""Networks of an exported folder, as the numpy sampler calls them; they need not be the shipped ones."""

from pathlib import Path

import numpy as np

from sonic.diffusion import Networks, guided
from sonic.errors import MediaError
from sonic.motion import N_SHAPE
from sonic.types import F32


def onnx_networks(folder: Path) -> Networks:
    """encoder.onnx and denoiser.onnx under onnxruntime. Raises MediaError if one is missing."""
    import onnxruntime

    paths = [folder / f"{name}.onnx" for name in ("encoder", "denoiser")]
    for path in paths:
        if not path.is_file():
            raise MediaError(f"{path} is missing; run `sonic train export` first, or name the folder with --weights")
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    hear, denoiser = (onnxruntime.InferenceSession(str(path), options) for path in paths)

    def denoise(x: F32, t: F32, condition: F32) -> F32:
        return np.asarray(denoiser.run(None, {"x": x, "t": t, "condition": condition})[0])

    return Networks(lambda mel: np.asarray(hear.run(None, {"mel": mel[None]})[0][0]), guided(denoise), N_SHAPE + 1)
