"""Step 7: the networks as ONNX, checked against PyTorch and through the numpy sampler.

python -m sonic.train.export --encoder encoder.pt --motion motion.pt --out ASSETS/weights
"""

import argparse
import hashlib
import logging
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from sonic.diffusion import noise, sample
from sonic.mel import N_MELS
from sonic.train.motion import MotionModel
from sonic.train.networks import N_LATENT, Condition, Denoiser, Encoder
from sonic.types import F32

log = logging.getLogger(__name__)

TOLERANCE = 2e-4
"""Largest difference between PyTorch and onnxruntime that is accepted, in units of the latents."""


class Hearing(nn.Module):  # type: ignore[misc]  # torch is not checked
    """Log-mel to the denoiser's condition: what encoder.onnx holds."""

    def __init__(self, encoder: Encoder, condition: Condition) -> None:
        super().__init__()
        self.encoder, self.condition = encoder, condition

    def forward(self, mel: Tensor) -> Tensor:
        y: Tensor = self.condition(self.encoder.features(mel))
        return y


def load(encoder: Path, motion: Path) -> tuple[Hearing, Denoiser]:
    """The trained networks."""
    ears = Encoder()
    ears.load_state_dict(torch.load(encoder, weights_only=True))
    with torch.inference_mode():
        width = ears.features(torch.zeros(1, 8, N_MELS)).shape[-1]
    model = MotionModel(width)
    model.load_state_dict(torch.load(motion, weights_only=True))
    return Hearing(ears, model.condition).eval(), model.denoiser.eval()


def export(hearing: Hearing, denoiser: Denoiser, out: Path) -> dict[str, str]:
    """Write encoder.onnx and denoiser.onnx; returns their SHA-256."""
    out.mkdir(parents=True, exist_ok=True)
    channels = hearing.condition.norm.normalized_shape[0]
    mel = torch.randn(1, 400, N_MELS)
    x, t, condition = torch.randn(2, 100, N_LATENT), torch.rand(2), torch.randn(2, 100, channels)
    # The TorchScript exporter is the one that leaves no traces of the exporting machine in the file.
    common = {"opset_version": 17, "dynamo": False}
    torch.onnx.export(
        hearing, (mel,), str(out / "encoder.onnx"), input_names=["mel"], output_names=["condition"],
        dynamic_axes={"mel": {0: "batch", 1: "frames"}, "condition": {0: "batch", 1: "frames"}}, **common,
    )  # fmt: skip
    axes = {0: "batch", 1: "frames"}
    torch.onnx.export(
        denoiser, (x, t, condition), str(out / "denoiser.onnx"), input_names=["x", "t", "condition"],
        output_names=["clean"], dynamic_axes={"x": axes, "t": {0: "batch"}, "condition": axes, "clean": axes}, **common,
    )  # fmt: skip
    return {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in ("encoder.onnx", "denoiser.onnx")}


def check(hearing: Hearing, denoiser: Denoiser, out: Path) -> float:
    """Largest difference of a sampled sequence, PyTorch against onnxruntime, both under the numpy sampler.

    Raises ValueError above TOLERANCE.
    """
    import onnxruntime

    mel = np.random.default_rng(0).standard_normal((1, 4 * 60, N_MELS)).astype(np.float32)
    start = noise(60, N_LATENT, np.random.default_rng(1))
    sessions = {n: onnxruntime.InferenceSession(str(out / f"{n}.onnx")) for n in ("encoder", "denoiser")}
    with torch.inference_mode():
        heard = hearing(torch.from_numpy(mel))
        (other,) = sessions["encoder"].run(None, {"mel": mel})

        def in_torch(x: F32, t: float) -> F32:
            y = denoiser(torch.from_numpy(x)[None], torch.tensor([t], dtype=torch.float32), heard)
            return np.asarray(y[0].numpy())

        def in_onnx(x: F32, t: float) -> F32:
            inputs = {"x": x[None], "t": np.array([t], np.float32), "condition": other}
            return np.asarray(sessions["denoiser"].run(None, inputs)[0][0])

        difference = float(np.abs(sample(in_torch, start, 8) - sample(in_onnx, start, 8)).max())
    if difference > TOLERANCE:
        raise ValueError(f"PyTorch and onnxruntime differ by {difference:.2g}, at most {TOLERANCE:g} is accepted")
    return difference


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="sonic.train.export", description=__doc__.partition("\n")[0])
    parser.add_argument("--encoder", type=Path, required=True)
    parser.add_argument("--motion", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    hearing, denoiser = load(options.encoder, options.motion)
    for name, digest in export(hearing, denoiser, options.out).items():
        log.info("%s: %.2f MB, SHA-256 %s", name, (options.out / name).stat().st_size / 1e6, digest)
    log.info("parity: largest difference %.2g", check(hearing, denoiser, options.out))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
