"""The wheel's tag and the compiler's target name what the library really runs on."""

import importlib.util
import platform
import shlex
import sys
import sysconfig
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

BUILD = Path(__file__).resolve().parents[2] / "build_kernels.py"


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """build_kernels.py; hatchling, which calls it, is in the isolated build environment alone."""
    stand_in = ModuleType("hatchling.builders.hooks.plugin.interface")
    stand_in.BuildHookInterface = object  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, stand_in.__name__, stand_in)
    for name in ("SONIC_PORTABLE", "ARCHFLAGS", "MACOSX_DEPLOYMENT_TARGET"):
        monkeypatch.delenv(name, raising=False)
    spec = importlib.util.spec_from_file_location("build_kernels", BUILD)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("system", "machine", "python_for", "variables", "tag", "target"),
    [
        ("linux", "x86_64", "linux-x86_64", {}, "linux_x86_64", "x86_64-linux-gnu.2.28"),
        ("win32", "AMD64", "win-amd64", {}, "win_amd64", "x86_64-windows-gnu"),
        # python.org's Python holds two architectures, the library one
        ("darwin", "arm64", "macosx-10.9-universal2", {}, "macosx_11_0_arm64", "aarch64-macos.11.0"),
        ("darwin", "x86_64", "macosx-10.9-universal2", {}, "macosx_10_13_x86_64", "x86_64-macos.10.13"),
        ("darwin", "arm64", "macosx-14.5-arm64", {}, "macosx_14_0_arm64", "aarch64-macos.14.0"),
        (
            *("darwin", "arm64", "macosx-11.0-arm64"),
            {"ARCHFLAGS": "-arch x86_64", "MACOSX_DEPLOYMENT_TARGET": "10.15"},
            *("macosx_10_15_x86_64", "x86_64-macos.10.15"),
        ),
    ],
)
def test_tag_and_target_agree(
    build: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    system: str,
    machine: str,
    python_for: str,
    variables: dict[str, str],
    tag: str,
    target: str,
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(sysconfig, "get_platform", lambda: python_for)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert build.platform_tag() == tag
    monkeypatch.setenv("SONIC_PORTABLE", "1")
    flags = build.target_flags()
    assert flags[flags.index("-target") + 1] == target
    assert any(flag.startswith("-mcpu=") and "native" not in flag for flag in flags)


def test_wheels_are_tested_with_files_that_exist() -> None:
    settings = tomllib.loads((BUILD.parent / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["cibuildwheel"]
    words = [word for command in settings["test-command"] for word in shlex.split(command)]
    named = [*settings["test-sources"], *(word for word in words if word.startswith("tests/"))]
    assert len(named) > len(settings["test-sources"])
    assert [name for name in named if not (BUILD.parent / name).exists()] == []
