"""The table of weights: every file with its SHA-256, licence and training data, verified when it is loaded."""

import hashlib
import os
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from sonic.errors import InstallError, import_failure

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


REMEDY = "reinstall sonic-talk, or run `git checkout src/sonic/assets` in a checkout"


@dataclass(frozen=True, slots=True)
class Weights:
    """One file of trained numbers."""

    file: str
    """Path below assets/."""
    sha256: str
    licence: str
    data: str
    """What it was trained on."""
    purpose: str


_GRID = "GRID (Cooke et al. 2006, CC BY 4.0)"
_ALL = f"{_GRID}, speechocean762 (Zhang et al. 2021), synthetic voices of espeak-ng"
_MEDIAPIPE = ("Apache-2.0 (The MediaPipe Authors)", "pictures of people that Google chose; not published")
TABLE = {
    "face_near": Weights(
        "weights/face_near.onnx",
        "a494ea8123df39cb4c78f0304291a6f25f19586ca36b0536994466d61ce2360c",
        *_MEDIAPIPE,
        "boxes around faces that are close: BlazeFace, short range",
    ),
    "face_far": Weights(
        "weights/face_far.onnx",
        "5df812c197f679cc60ac3d93d7a3d50299592465f2891abaf8f872eae65cf3b9",
        *_MEDIAPIPE,
        "boxes around faces at any distance: BlazeFace, full range, sparse",
    ),
    "face_landmarks": Weights(
        "weights/face_landmarks.onnx",
        "131dd4ce8eca34d86935c122fe38396590e401e30b7031e9d8edec31bfed61ec",
        *_MEDIAPIPE,
        "478 landmarks of a face: FaceMesh with attention",
    ),
    "person": Weights(
        "weights/person.onnx",
        "c064ffa4f3640326f2af6187cba5cfe1dfd00c36d3290d4c95a79de11aa3556e",
        *_MEDIAPIPE,
        "which pixels belong to a person: selfie segmentation, general model",
    ),
    "face_triangles": Weights(
        "face_triangles.npy",
        "4ed7a0818b2b898056d1e50188a19a8d0b104d4b47bced2946740009bf031b44",
        "Apache-2.0 (The MediaPipe Authors)",
        "none: drawn by hand",
        "the surface between the landmarks",
    ),
    "face_model": Weights(
        "face_model.npz",
        "0ee372b6dc413ec9680917ca605b8427747408b938601a678bb388fe0a542a06",
        "Apache-2.0; shapes: MIT (USC Institute for Creative Technologies)",
        f"{_GRID}; ICT-FaceKit (Li et al. 2020, MIT)",
        "mean face and its 41 expression shapes",
    ),
    "rest": Weights(
        "weights/rest.npz",
        "b9b78758fcd28b174535ea1ed8eb202b8da0e7ac20daeff7c72787e6cbae46cc",
        "Apache-2.0",
        "landmarks of 82 people of the Face Research Lab London Set (DeBruine and Jones 2017, CC BY 4.0)",
        "how a smiling or open mouth looks at rest",
    ),
    "components": Weights(
        "weights/components.npz",
        "316667dd063907d194ffc1fb472f13e9a0c9cf4323ba86e651ce57564a6d3ad8",
        "Apache-2.0",
        _GRID,
        "what the two networks mean by their 32 numbers, in expression shapes",
    ),
    "mouth": Weights(
        "weights/mouth.npz",
        "3aefc495ffa05a44244b67fd129a0a087c829663b8b5d611d97836326df526b7",
        "MIT (USC Institute for Creative Technologies)",
        "the modelled head of ICT-FaceKit light, 2020; no data of people of ours",
        "teeth, gums, tongue and cheeks as one mesh",
    ),
    "whisper": Weights(
        "weights/whisper.onnx",
        "0c4dff7d28467d452e7f306a2e486ff0d4cf10acb783cbd9bbfba5290653e4d3",
        "MIT (OpenAI)",
        "680,000 h of speech from the web (Radford et al. 2022)",
        "log-mel to speech features: the first three layers of Whisper base",
    ),
    "lips": Weights(
        "weights/lips.onnx",
        "1a83a43471929cc0d969ef168d1e17d926b1bc7fa20203487b335f68e5d7be08",
        "Apache-2.0",
        _ALL,
        "speech features to the expected mouth motion at 25 Hz, and what the lips must show",
    ),
    "denoiser": Weights(
        "weights/denoiser.onnx",
        "0f9dcaadaef01ddec47686d0d035bf1af782d5ebe87fa31c3898c04b272d48ad",
        "Apache-2.0",
        _ALL,
        "one step of the diffusion over mouth motion around it",
    ),
}
"""Name -> file. `sonic doctor` prints it."""


def read(name: str) -> bytes:
    """The verified bytes of a file in TABLE. Raises InstallError if it is missing or differs from its hash."""
    entry = TABLE[name]
    try:
        data = resources.files("sonic").joinpath("assets", entry.file).read_bytes()
    except OSError as error:
        raise InstallError(f"weights {entry.file} are missing; {REMEDY}") from error
    found = hashlib.sha256(data).hexdigest()
    if found != entry.sha256:
        raise InstallError(f"weights {entry.file} have SHA-256 {found[:12]}..., not {entry.sha256[:12]}...; {REMEDY}")
    return data


@cache
def session(name: str, threads: int = 2) -> "InferenceSession":
    """An onnxruntime session for a network in TABLE, on the CPU; made once. Raises InstallError as read does."""
    read(name)
    # From the file: what is read from bytes stays in memory once more, 30 MB of the largest.
    with resources.as_file(resources.files("sonic").joinpath("assets", TABLE[name].file)) as path:
        return open_network(str(path), threads)


# A session's threads stay behind when the process forks, and the child would wait for them for ever, at its end at the
# latest. So there is no session at that moment; parent and child make theirs again.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=session.cache_clear)


def open_network(model: bytes | str, threads: int = 2) -> "InferenceSession":
    """A session on the CPU for an ONNX model, or for the path of one. Raises errors.import_failure."""
    # Its wheel 1.32 for Linux keeps a device id and a database of events in the home folder, from the import on.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError as error:
        raise import_failure(error, "the motion model", "onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors
    options.enable_mem_pattern = False  # keeps a block for every length of a piece: 19 MB
    # Spinning threads take the cores from the renderer that runs beside them.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
