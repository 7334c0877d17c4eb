"""What starting costs: names resolve lazily, and asking for help loads nothing heavy."""

import json
import subprocess
import sys

PROBE = "import sys; {statement}; import json; print(json.dumps(sorted(sys.modules)))"
HEAVY = {"numpy", "cv2", "av", "onnxruntime", "matplotlib", "torch", "c2pa", "cryptography"}


def loaded_by(statement: str) -> set[str]:
    command = [sys.executable, "-c", PROBE.format(statement=statement)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return set(json.loads(printed))


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not loaded_by("import sonic") & HEAVY


def test_building_the_help_loads_nothing_heavy() -> None:
    statement = "from sonic.apps.cli.parser import build_parser; build_parser().format_help()"
    assert not loaded_by(statement) & HEAVY


def test_finding_faces_loads_no_other_framework() -> None:
    find = (
        "import numpy as np; from sonic.faces.landmarks import find_faces; find_faces(np.zeros((64, 64, 3), np.uint8))"
    )
    assert not loaded_by(find) & (HEAVY - {"numpy", "cv2", "onnxruntime"} | {"mediapipe", "tensorflow", "scipy"})


def test_generating_needs_no_torch() -> None:
    assert not loaded_by("from sonic import generate") & {"torch", "matplotlib", "jax", "scipy"}


def test_credentials_and_keys_load_when_they_are_used() -> None:
    statement = (
        "import sonic.provenance.c2pa.signing, sonic.provenance.c2pa.credentials, sonic.provenance.keys, sonic.api"
    )
    assert not loaded_by(statement) & {"c2pa", "cryptography"}
