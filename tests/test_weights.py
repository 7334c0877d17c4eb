"""The table of weights: verified on load, with a remedy; and the face that it holds."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sonic import weights
from sonic.errors import InstallError
from sonic.faces.model import face_model
from sonic.faces.topology import (
    CHIN_TIP,
    EYES,
    LEFT_BROW,
    LIP_BOTTOM,
    LIP_TOP,
    LOWER_INNER,
    LOWER_OUTER,
    MOUTH_LEFT,
    MOUTH_RIGHT,
    RIGHT_BROW,
    STABLE,
    UPPER_INNER,
    UPPER_OUTER,
)
from sonic.motion import BROWS, MIRRORED, N_SHAPE, SHAPES


@pytest.mark.parametrize("name", weights.TABLE)
def test_every_file_is_there_and_is_the_one_in_the_table(name: str) -> None:
    assert len(weights.read(name)) > 1000
    entry = weights.TABLE[name]
    assert all(getattr(entry, field.name) for field in dataclasses.fields(entry))


def test_all_weights_are_small() -> None:
    assert sum(len(weights.read(name)) for name in weights.TABLE) < 45e6


def test_a_changed_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    other = dataclasses.replace(weights.TABLE["face_model"], sha256="0" * 64)
    monkeypatch.setitem(weights.TABLE, "face_model", other)
    with pytest.raises(InstallError, match=r"face_model.npz have SHA-256 .* reinstall"):
        weights.read("face_model")


def test_a_missing_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    other = dataclasses.replace(weights.TABLE["lips"], file="weights/nowhere.onnx")
    monkeypatch.setitem(weights.TABLE, "lips", other)
    with pytest.raises(InstallError, match=r"nowhere.onnx are missing; reinstall"):
        weights.read("lips")


def test_the_face_keeps_its_promises() -> None:
    face = face_model()
    eyes = [face.template[list(eye.corners)].mean(0) for eye in EYES]
    assert np.linalg.norm(eyes[0] - eyes[1]) == pytest.approx(63, abs=0.01)
    np.testing.assert_allclose(face.template[list(STABLE)].mean(0), 0, atol=1e-3)
    assert face.template[LIP_BOTTOM, 1] > face.template[LEFT_BROW[0], 1]  # y is down
    assert np.linalg.norm(face.template[LIP_TOP] - face.template[LIP_BOTTOM]) < 1.0
    assert face.shapes.shape == (N_SHAPE, 468, 3)


def test_every_shape_moves_what_its_name_says_and_on_its_own_side() -> None:
    """y is down, and the person's left is in the right half of the picture."""
    moves = dict(zip(SHAPES, face_model().shapes, strict=True))
    assert moves["jawOpen"][LIP_BOTTOM, 1] > 25 > 5 > moves["jawOpen"][LIP_TOP, 1]
    assert moves["mouthSmileLeft"][MOUTH_RIGHT, 0] > 5 and moves["mouthSmileLeft"][MOUTH_RIGHT, 1] < -5
    assert np.abs(moves["mouthSmileLeft"][MOUTH_LEFT]).max() < 0.1
    assert moves["mouthPucker"][MOUTH_RIGHT, 0] < -3 and moves["mouthPucker"][LIP_TOP, 2] < -5
    assert moves["mouthStretchRight"][MOUTH_LEFT, 0] < -5
    assert moves["mouthUpperUpLeft"][267, 1] < -3 and moves["mouthLowerDownRight"][84, 1] > 3
    assert moves["mouthRollLower"][LIP_BOTTOM, 2] > 8
    assert moves["jawLeft"][CHIN_TIP, 0] > 5 and moves["mouthRight"][LIP_TOP, 0] < -5
    assert moves["browOuterUpLeft"][list(RIGHT_BROW), 1].mean() < -4
    assert moves["browDownRight"][list(LEFT_BROW), 1].mean() > 2


def test_speech_does_not_move_brows_and_brows_do_not_move_the_mouth() -> None:
    shapes, lips = face_model().shapes, [*UPPER_INNER, *LOWER_INNER, *UPPER_OUTER, *LOWER_OUTER, CHIN_TIP]
    lips_and_jaw = [i for i, name in enumerate(SHAPES) if name.startswith(("jaw", "mouth"))]
    assert np.abs(shapes[lips_and_jaw][:, [*LEFT_BROW, *RIGHT_BROW]]).max() < 0.2
    assert np.abs(shapes[BROWS][:, lips]).max() < 0.2


def test_left_and_right_are_mirror_images() -> None:
    model = face_model()
    flipped = model.shapes[MIRRORED] * np.array([-1, 1, 1], np.float32)
    mirror = np.argmin(((model.template * [-1, 1, 1])[:, None] - model.template[None]) ** 2 @ np.ones(3), 1)
    off_the_lips = np.linalg.norm(model.template[mirror] * [-1, 1, 1] - model.template, axis=1) < 1e-3
    off_the_lips &= np.abs(model.template[:, 1] - model.template[LIP_TOP, 1]) > 12  # there, points coincide
    np.testing.assert_allclose(flipped[:, mirror][:, off_the_lips], model.shapes[:, off_the_lips], atol=1e-3)


def test_the_face_cannot_be_changed_by_accident() -> None:
    with pytest.raises(ValueError, match="read-only"):
        face_model().shapes[0] = 0


def test_nothing_is_reported_to_anybody_and_nothing_kept_in_the_home_folder(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    environment |= {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    statement = "from sonic import weights; weights.session('lips')"
    subprocess.run([sys.executable, "-c", statement], env=environment, check=True)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


FORKED = """
import os, signal, sys
import numpy as np
from sonic.weights import session
def n_heard():
    lips = session("lips")
    return len(lips.run(None, {"features": np.zeros((1, 2000, lips.get_inputs()[0].shape[2]), np.float32)})[0][0])
n_heard()
child = os.fork()
if not child:
    signal.alarm(30)  # ends a process that waits
    n_heard()
    sys.exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), n_heard())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_networks_work_in_a_fork_and_let_it_end() -> None:
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["7", "1000"]
