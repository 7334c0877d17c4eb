"""What starting costs: names resolve lazily, and asking for help loads neither numpy nor MediaPipe."""

import json
import subprocess
import sys

PROBE = "import sys; {statement}; import json; print(json.dumps(sorted(sys.modules)))"


def loaded_by(statement: str) -> set[str]:
    command = [sys.executable, "-W", "error", "-c", PROBE.format(statement=statement)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return set(json.loads(printed))


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not loaded_by("import sonic") & {"numpy", "cv2", "av", "mediapipe", "onnxruntime", "matplotlib"}


def test_building_the_help_loads_nothing_heavy() -> None:
    statement = "from sonic.apps.cli.parser import build_parser; build_parser().format_help()"
    assert not loaded_by(statement) & {"numpy", "cv2", "av", "mediapipe", "onnxruntime", "matplotlib"}


def test_generating_needs_no_torch() -> None:
    assert not loaded_by("from sonic import generate") & {"torch", "matplotlib", "jax", "scipy"}
