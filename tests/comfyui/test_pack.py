"""The pack as people install it: what the folder and its ZIP hold, and what its requirements install."""

import importlib.util
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

RECIPE = Path(__file__).parents[2] / "recipes" / "comfyui" / "make_pack.py"


@pytest.fixture(scope="module")
def recipe() -> Any:
    spec = importlib.util.spec_from_file_location("make_pack", RECIPE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_zip_is_a_pack_that_needs_nothing_beside_it(recipe: Any, tmp_path: Path) -> None:
    wheel = tmp_path / "sonic_talk-0.1.0-py3-none-manylinux_2_28_x86_64.whl"
    wheel.write_bytes(b"a wheel")
    with zipfile.ZipFile(recipe.make_pack(tmp_path / "sonic-talk-nodes", [wheel])) as pack:
        names = {name.removeprefix("sonic-talk-nodes/") for name in pack.namelist()}
        lines = pack.read("sonic-talk-nodes/requirements.txt").decode().split("\n")
    assert {"__init__.py", "README.md", "LICENSE", "NOTICE", "pyproject.toml", f"wheels/{wheel.name}"} <= names
    assert any(name.startswith("example_workflows/") for name in names)
    assert any(name.startswith("locales/zh/") for name in names)
    assert not [name for name in names if "make_" in name or name.endswith((".pyc", "words_zh.toml"))]
    assert lines[0].startswith("# Run pip in this folder")
    assert lines[1:] == [f"./wheels/{wheel.name} ; sys_platform == 'linux' and platform_machine == 'x86_64'", ""]


@pytest.mark.parametrize(
    ("tag", "system", "machine"),
    [
        ("manylinux_2_28_x86_64", "linux", "x86_64"),
        ("manylinux_2_17_aarch64.manylinux2014_aarch64", "linux", "aarch64"),
        ("macosx_11_0_arm64", "darwin", "arm64"),
        ("macosx_10_15_x86_64", "darwin", "x86_64"),
        ("win_amd64", "win32", "AMD64"),
    ],
)
def test_each_wheel_is_for_its_platform_alone(recipe: Any, tag: str, system: str, machine: str) -> None:
    line = recipe.requirement(Path(f"sonic_talk-0.1.0-py3-none-{tag}.whl"))
    marker = Requirement(f"sonic-talk ; {line.split(' ; ')[1].strip()}").marker
    assert marker and marker.evaluate({"sys_platform": system, "platform_machine": machine})
    assert not marker.evaluate({"sys_platform": "sunos5", "platform_machine": machine})


def test_a_wheel_for_nowhere_is_refused(recipe: Any) -> None:
    with pytest.raises(ValueError, match="musllinux"):
        recipe.requirement(Path("sonic_talk-0.1.0-py3-none-musllinux_1_2_x86_64.whl"))
