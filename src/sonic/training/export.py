"""The networks as ONNX, with the face model of their latents; PyTorch, onnxruntime and the numpy sampler must agree."""

import hashlib
import shutil
import warnings
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import torch

from sonic.engines.light.lips.diffusion import Networks, speech_latents
from sonic.errors import SonicError
from sonic.speech.encoders import Listener
from sonic.speech.encoders.whisper import WIDTH, WhisperListener, shipped_encode
from sonic.training.motion import load_motion
from sonic.training.networks import N_LATENT, Denoiser, Hearing
from sonic.training.recogniser import load_recogniser
from sonic.training.sampler import onnx_networks
from sonic.training.workspace import Workspace
from sonic.types import F32, SPEECH_RATE_HZ, Samples

TOLERANCE = 2e-4
"""Largest difference that is accepted, in units of the latents and of the condition."""
SECONDS = 20
"""Of the random sound that is compared: more than one piece of the sampler."""
STEPS = 25
NAMES = ("lips.onnx", "denoiser.onnx")
AXES = {0: "batch", 1: "frames"}


@dataclass(frozen=True, slots=True)
class Parity:
    """Largest differences on random input of real length."""

    hearing: float
    """lips.onnx under onnxruntime against PyTorch."""
    denoising: float
    """denoiser.onnx under onnxruntime against PyTorch, one call."""
    motion: float
    """Motion that the numpy sampler draws in pieces with onnxruntime, against PyTorch in one piece."""

    def to_text(self) -> str:
        """One line."""
        return (
            f"parity: lips {self.hearing:.1g}, denoiser {self.denoising:.1g}, sampled motion {self.motion:.1g}"
            f" (at most {TOLERANCE:g})"
        )


def load(workspace: Workspace) -> tuple[Hearing, Denoiser]:
    """The trained networks. Raises SettingError if one of them was not trained."""
    model = load_motion(workspace)
    return Hearing(load_recogniser(workspace), model.expectation).eval(), model.denoiser.eval()


def export(workspace: Workspace, out: Path) -> tuple[dict[str, str], Parity]:
    """Write lips.onnx, denoiser.onnx and the logs to OUT; ({file: SHA-256}, how well they agree).

    Files of an earlier export are replaced only once the new ones have passed. Raises SettingError before the networks
    are trained, SonicError if PyTorch, onnxruntime and the sampler differ by more than TOLERANCE.
    """
    hearing, denoiser = load(workspace)
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        write_onnx(hearing, denoiser, part)
        found = check(hearing, denoiser, part)
        shutil.copyfile(workspace.recogniser / "log.csv", part / "recogniser_log.csv")
        shutil.copyfile(workspace.motion / "expectation" / "log.csv", part / "expectation_log.csv")
        shutil.copyfile(workspace.motion / "log.csv", part / "motion_log.csv")
        out.mkdir(parents=True, exist_ok=True)
        for path in sorted(part.iterdir()):
            path.replace(out / path.name)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in NAMES}, found


def write_onnx(hearing: Hearing, denoiser: Denoiser, folder: Path) -> None:
    """lips.onnx and denoiser.onnx."""
    write_hearing(hearing, folder)
    x, t, condition = torch.randn(2, 100, N_LATENT), torch.rand(2), torch.randn(2, 100, N_LATENT)
    names = ("x", "t", "condition", "clean")
    _write(denoiser, (x, t, condition), folder / NAMES[1], names, {n: AXES for n in names} | {"t": {0: "batch"}})


def write_hearing(hearing: Hearing, folder: Path) -> None:
    """lips.onnx alone."""
    names = ("features", "heard")
    _write(hearing, (torch.randn(1, 200, WIDTH),), folder / NAMES[0], names, dict.fromkeys(names, AXES))


def _write(
    network: torch.nn.Module,
    inputs: tuple[torch.Tensor, ...],
    path: Path,
    names: tuple[str, ...],
    axes: dict[str, dict[int, str]],
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it announces its own end
        # The TorchScript exporter is the one that leaves no traces of the exporting machine in the file.
        torch.onnx.export(
            network, inputs, str(path), opset_version=17, dynamo=False, dynamic_axes=axes,
            input_names=list(names[:-1]), output_names=[names[-1]],
        )  # fmt: skip


def torch_networks(hearing: Hearing, denoiser: Denoiser) -> Networks:
    """The networks under PyTorch, as the numpy sampler calls them."""

    def listen(samples: Samples) -> Listener:
        return WhisperListener(samples, shipped_encode())

    def hear(features: F32) -> F32:
        with torch.inference_mode():
            return np.asarray(hearing(torch.from_numpy(features)[None])[0].numpy())

    def denoise(x: F32, t: float, expected: F32) -> F32:
        with torch.inference_mode():
            time = torch.full((1,), t)
            return np.asarray(denoiser(torch.from_numpy(x)[None], time, torch.from_numpy(expected)[None])[0].numpy())

    return Networks(listen, hear, denoise, N_LATENT)


def check(hearing: Hearing, denoiser: Denoiser, folder: Path) -> Parity:
    """Compare PyTorch, onnxruntime and the sampler. Raises SonicError above TOLERANCE."""
    ours, theirs = torch_networks(hearing, denoiser), onnx_networks(folder)
    rng = np.random.default_rng(0)
    n = 25 * SECONDS
    features = rng.standard_normal((2 * n, WIDTH), dtype=np.float32)
    x, heard = rng.standard_normal((n, N_LATENT), dtype=np.float32), ours.hear(features)
    expected = heard[:, :N_LATENT]
    sound = 0.1 * rng.standard_normal(SECONDS * SPEECH_RATE_HZ, dtype=np.float32)
    whole = np.concatenate(list(speech_latents(sound, ours, steps=STEPS, seed=0, piece=10 * n)))
    pieces = np.concatenate(list(speech_latents(sound, theirs, steps=STEPS, seed=0)))
    found = Parity(
        hearing=float(np.abs(heard - theirs.hear(features)).max()),
        denoising=float(np.abs(ours.denoise(x, 0.5, expected) - theirs.denoise(x, 0.5, expected)).max()),
        motion=float(np.abs(whole - pieces).max()),
    )
    if not max(astuple(found)) <= TOLERANCE:
        raise SonicError(f"{found.to_text()}; the networks or their export have changed: nothing was written")
    return found
