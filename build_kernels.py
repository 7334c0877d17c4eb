"""Build hook: compile the rendering kernels to one shared library beside their source.

The compiler is zig, which arrives as a wheel in the build environment, so that a plain ``pip install`` works without a
system compiler; ``CC`` in the environment replaces it. The library has no Python symbols: it is loaded with ctypes, and
one wheel serves every Python of a platform.

Built from source, the kernels use whatever this machine's processor can do. ``SONIC_PORTABLE=1`` builds for every
processor and system that the wheel's tag names instead: for wheels that go to other machines.
"""

import os
import platform
import re
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# What lets the compiler vectorise; the kernels never meet NaN or infinity (tested at their door). Not -ffast-math:
# linked into a library it makes the whole process flush denormal numbers to zero, and other libraries fail then.
MATH = ["-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros", "-ffinite-math-only", "-fassociative-math"]
FLAGS = ["-std=c11", "-O3", *MATH, "-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Werror"]
SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
# The oldest processors a portable build runs on: x86-64 with SSE4.2 (2009), as NumPy 2; any 64-bit ARM.
CPU = {"x86_64": "x86_64_v2", "aarch64": "generic"}
GLIBC = "2.28"  # that of manylinux_2_28, which PyAV's wheels ask for too
OLDEST_MACOS = {"x86_64": (10, 13), "aarch64": (11, 0)}


class KernelBuildHook(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        folder = Path(self.root, "src", "sonic", "engines", "light", "renderers", "warp")
        library = folder / f"kernels{SUFFIX}"
        compiler = shlex.split(os.environ.get("CC", "")) or [sys.executable, "-m", "ziglang", "cc", *target_flags()]
        libm = [] if sys.platform == "win32" else ["-lm"]
        source = str(folder / "kernels.c")
        subprocess.run([*compiler, *FLAGS, "-o", str(library), source, *libm], check=True)  # noqa: S603
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform_tag()}"


def target_flags() -> list[str]:
    """What zig is told to compile for; nothing: this machine."""
    if not os.environ.get("SONIC_PORTABLE"):
        return []
    processor, system = _processor(), {"win32": "windows-gnu"}.get(sys.platform, f"linux-gnu.{GLIBC}")
    if sys.platform == "darwin":
        system = f"macos.{_dotted(_macos(), '.')}"
    return ["-target", f"{processor}-{system}", f"-mcpu={CPU[processor]}"]


def platform_tag() -> str:
    """The platform of the wheel's name. The library holds one architecture, also where Python itself holds two."""
    if sys.platform == "darwin":
        return f"macosx_{_dotted(_macos(), '_')}_{'arm64' if _processor() == 'aarch64' else 'x86_64'}"
    return re.sub(r"[-.]", "_", sysconfig.get_platform())


def _processor() -> str:
    """x86_64 or aarch64; on macOS as ARCHFLAGS asks, by which cross-compiling tools say what they want."""
    wanted = re.search(r"-arch\s+(\w+)", os.environ.get("ARCHFLAGS", "")) if sys.platform == "darwin" else None
    name = (wanted[1] if wanted else platform.machine()).lower()
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(name, name)


def _macos() -> tuple[int, int]:
    """The oldest macOS that the library is for: the one Python was built for, but none before the architecture."""
    wanted = os.environ.get("MACOSX_DEPLOYMENT_TARGET") or sysconfig.get_platform().split("-")[1]
    major, _, minor = wanted.partition(".")
    return max((int(major), int(minor or 0)), OLDEST_MACOS[_processor()])


def _dotted(version: tuple[int, int], separator: str) -> str:
    """macOS 11 and later count no minor versions in tags: 11_0, 14_0."""
    major, minor = version
    return f"{major}{separator}{minor if major < 11 else 0}"
