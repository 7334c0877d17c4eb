"""Convert MediaPipe's networks, in the root of the repository; four files and their SHA-256.

    uv run --no-project --with pip --with tflite==2.18.0 --with onnx==1.22.0 --with numpy==2.4.6 python -m recipes.faces

fetches the wheel mediapipe 0.10.21 from the package index (or takes it from build/mediapipe) and writes
src/sonic/assets/weights/face_*.onnx and person.onnx, and face_triangles.npy beside that folder: the same bytes every
time. The weights of the networks are not changed.
"""

import ast
import hashlib
import io
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
from recipes.faces import attention, operators
from recipes.faces.graph import Graph
from recipes.faces.tensors import Network

WHEEL = "mediapipe==0.10.21"
FETCHED, OUT = Path("build/mediapipe"), Path("src/sonic/assets/weights")
SOURCES = {
    "face_near": (
        "face_detection/face_detection_short_range.tflite",
        "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
    ),
    "face_far": (
        "face_detection/face_detection_full_range_sparse.tflite",
        "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
    ),
    "face_landmarks": (
        "face_landmark/face_landmark_with_attention.tflite",
        "e06a804e0144f9929eda782122916b35d60c697c3c9344013ca2bbe76a6ce2b4",
    ),
    "person": (
        "selfie_segmentation/selfie_segmentation.tflite",
        "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
    ),
}
"""Name here -> (file below mediapipe/modules, its SHA-256)."""


def converted(data: bytes, name: str, source: str) -> onnx.ModelProto:
    """The network of a TFLite file as ONNX."""
    graph = Graph(Network(data))
    for op in graph.network.operators():
        module = attention if hasattr(attention, op.kind) else operators
        getattr(module, op.kind)(graph, op)
    return graph.model(name, source)


def wheel() -> Path:
    """MediaPipe's wheel, fetched unless it is there; the networks are the same in that of every platform."""
    if not (found := sorted(FETCHED.glob("mediapipe-*.whl"))):
        target = ["--only-binary=:all:", "--python-version=3.12", "--platform=manylinux_2_28_x86_64"]
        command = [sys.executable, "-m", "pip", "download", "--no-deps", *target, "--dest", str(FETCHED), WHEEL]
        subprocess.run(command, check=True)
        found = sorted(FETCHED.glob("mediapipe-*.whl"))
    return found[-1]


def triangles(edges: set[tuple[int, int]]) -> bytes:
    """(852, 3) int16 as .npy: every three landmarks of the face that are joined by edges."""
    edges = {(min(edge), max(edge)) for edge in edges}
    above: dict[int, set[int]] = {}
    for a, b in edges:
        above.setdefault(a, set()).add(b)
    found = {(a, b, c) for a, b in edges for c in above[a] & above.get(b, set())}
    # two triples of edges surround three triangles and are not one
    found -= {(49, 64, 129), (279, 294, 358)}
    file = io.BytesIO()
    np.save(file, np.array(sorted(found), np.int16))
    return file.getvalue()


def tesselation(archive: zipfile.ZipFile) -> set[tuple[int, int]]:
    """The edges of the face's surface, as the wheel lists them."""
    text = archive.read("mediapipe/python/solutions/face_mesh_connections.py").decode()
    listed = re.search(r"FACEMESH_TESSELATION = frozenset\((\[.*?\])\)", text, re.DOTALL)
    assert listed is not None
    return set(ast.literal_eval(listed[1]))


def written(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    print(path, f"{len(data) / 1e6:.2f} MB", hashlib.sha256(data).hexdigest())


def main() -> None:
    with zipfile.ZipFile(wheel()) as archive:
        for name, (file, sha256) in SOURCES.items():
            data = archive.read(f"mediapipe/modules/{file}")
            if hashlib.sha256(data).hexdigest() != sha256:
                raise SystemExit(f"{file} is not the one this recipe is for")
            model = converted(data, name, f"{WHEEL} {file}, Apache-2.0, weights unchanged")
            written(OUT / f"{name}.onnx", model.SerializeToString(deterministic=True))
        written(OUT.parent / "face_triangles.npy", triangles(tesselation(archive)))


if __name__ == "__main__":
    main()
