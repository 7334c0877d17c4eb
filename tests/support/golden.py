"""The golden tensors: what the published inference computes on tiny random models, when they are at hand.

They lie in the folder named by SONIC_GOLDEN, else in tests/golden, which holds what fits into a repository
(tests/golden/README.md); where neither is there, the tests marked with ``needs_golden`` are skipped.
"""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from torch import Tensor

TOLERANCE = 1e-4
"""Of the range of the wanted tensor."""


def _folder() -> Path | None:
    named = os.environ.get("SONIC_GOLDEN")
    folder = Path(named) if named else Path(__file__).parents[1] / "golden"
    return folder if (folder / "configs.json").is_file() else None


GOLDEN = _folder()

needs_golden = pytest.mark.skipif(
    GOLDEN is None, reason="no golden tensors: name their folder in SONIC_GOLDEN or put them into tests/golden"
)


def path(name: str) -> Path:
    """A golden file, such as ``d_wave_6s_16k.wav``; the test is skipped where only the full set has it."""
    if GOLDEN is None:
        raise FileNotFoundError(f"{name}: mark this test with needs_golden")
    if not (GOLDEN / name).is_file():
        pytest.skip(f"{name} is in the full set of golden tensors only: name its folder in SONIC_GOLDEN")
    return GOLDEN / name


def tensors(name: str) -> "dict[str, Tensor]":
    """All tensors of ``name``.safetensors, such as ``d_audio_6s`` or ``e/ex0``."""
    from safetensors.torch import load_file

    return dict(load_file(path(f"{name}.safetensors")))


def weights(name: str) -> "dict[str, Tensor]":
    """The state dict of a tiny model: unet, vae, image_encoder, whisper, audio2token or audio2bucket."""
    return tensors(f"weights/{name}")


def values(name: str) -> Any:
    """What ``name``.json holds, such as ``configs`` or ``e_preprocess``."""
    return json.loads(path(f"{name}.json").read_text(encoding="utf-8"))


def close(got: "Tensor", want: "Tensor", tolerance: float = TOLERANCE) -> bool:
    """Whether the largest difference is at most ``tolerance`` of the range (max - min) of ``want``.

    Raises AssertionError with the figures if not, or if the shapes differ, so that ``assert close(...)`` says why.
    """
    assert got.shape == want.shape, f"shape {tuple(got.shape)}, wanted {tuple(want.shape)}"
    got, want = got.detach().cpu().double(), want.detach().cpu().double()
    worst, extent = float((got - want).abs().max()), float(want.max() - want.min())
    allowed = tolerance * (extent if extent > 0 else max(float(want.abs().max()), 1.0))
    assert worst <= allowed, f"off by {worst:.3g} where {allowed:.3g} is allowed (range {extent:.3g})"
    return True
