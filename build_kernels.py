"""Build hook: compile the rendering kernels to one shared library beside their source.

The compiler is zig, which arrives as a wheel in the build environment, so that a plain ``pip install`` works without a
system compiler; ``CC`` in the environment replaces it. The library has no Python symbols: it is loaded with ctypes.
"""

import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# What lets the compiler vectorise; the kernels never meet NaN or infinity (tested at their door). Not -ffast-math:
# linked into a library it makes the whole process flush denormal numbers to zero, and MediaPipe fails after that.
MATH = ["-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros", "-ffinite-math-only", "-fassociative-math"]
FLAGS = ["-std=c11", "-O3", *MATH, "-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Werror"]
SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")


class KernelBuildHook(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        folder = Path(self.root, "src", "sonic", "engines", "light", "renderers", "warp")
        library = folder / f"kernels{SUFFIX}"
        compiler = shlex.split(os.environ.get("CC", "")) or [sys.executable, "-m", "ziglang", "cc"]
        libm = [] if sys.platform == "win32" else ["-lm"]
        source = str(folder / "kernels.c")
        subprocess.run([*compiler, *FLAGS, "-o", str(library), source, *libm], check=True)  # noqa: S603
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
