"""What this installation is made of and whether it works: for bug reports and for people whose first video failed."""

import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from sonic import __version__
from sonic.engines import engine_names, engine_spec
from sonic.engines.light.renderers.warp import Renderer
from sonic.errors import SonicError
from sonic.faces.portrait import analyse_portrait
from sonic.media.photo import load_photo
from sonic.motion import Motion
from sonic.provenance.policy import active
from sonic.provenance.signer import exposed_keys
from sonic.settings import Settings
from sonic.weights import TABLE, read

PACKAGES = ("numpy", "av", "pillow", "onnxruntime", "opencv-python-headless", "torch")
CODECS = ("libx264", "aac", "mp3", "opus", "flac", "vorbis")
N_TIMED = 50

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Examination:
    """Findings, in the order in which they are printed."""

    sonic: str
    python: str
    system: str
    cores: int
    engines: dict[str, str]
    """Name -> whether it could run here, and what it lacks."""
    packages: dict[str, str]
    codecs: dict[str, bool]
    weights: dict[str, str]
    """File -> size, SHA-256 and licence, or that it is damaged."""
    policy: str
    """What this machine requires of every video, in one line."""
    render_ms_512: float
    """Milliseconds a frame at 512 px, rendering only; 0 if it did not work."""
    problems: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """For --json."""
        return {name: getattr(self, name) for name in self.__slots__}

    def to_text(self) -> str:
        """For a person."""
        lines = [f"sonic {self.sonic}, Python {self.python}, {self.system}, {self.cores} cores"]
        lines += [f"engine    {name}: {state}" for name, state in self.engines.items()]
        lines += [f"package   {name} {found}" for name, found in self.packages.items()]
        lines.append("codecs    " + ", ".join(f"{n}{'' if ok else ' MISSING'}" for n, ok in self.codecs.items()))
        lines += [f"weights   {name} {state}" for name, state in self.weights.items()]
        lines.append(f"policy    {self.policy}")
        if self.render_ms_512:
            lines.append(f"speed     {self.render_ms_512:.1f} ms a frame at 512 px, rendering only")
        lines += [f"PROBLEM   {line}" for line in self.problems] or ["no problems found"]
        return "\n".join(lines)


def examine() -> Examination:
    """Look at versions, codecs and weights, and render the bundled portrait once."""
    problems: list[str] = []
    codecs = {name: _has_codec(name) for name in CODECS}
    problems += [f"codec {name} is missing from PyAV; reinstall av" for name, found in codecs.items() if not found]
    weights = {entry.file: _tried(partial(_described, name), "DAMAGED", problems) for name, entry in TABLE.items()}
    policy = _tried(lambda: active().to_text(), "BROKEN", problems)
    problems += exposed_keys()
    speed_ms = _tried(_render_ms, 0.0, problems)
    return Examination(
        sonic=__version__,
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        engines={name: engine_spec(name).diagnose() for name in engine_names()},
        packages={name: _version(name) for name in PACKAGES},
        codecs=codecs,
        weights=weights,
        policy=policy,
        render_ms_512=speed_ms,
        problems=tuple(problems),
    )


def _tried(find: Callable[[], T], otherwise: T, problems: list[str]) -> T:
    """What was found, or ``otherwise``, with a line among ``problems``."""
    try:
        return find()
    except SonicError as error:
        problems.append(str(error))
        return otherwise


def _described(name: str) -> str:
    """Size, hash and licence of one file of weights. Raises SonicError if it is damaged."""
    entry = TABLE[name]
    return f"{len(read(name)) / 1e6:.1f} MB, SHA-256 {entry.sha256}, {entry.licence}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _has_codec(name: str) -> bool:
    import av

    return name in av.codecs_available


def _render_ms() -> float:
    """Median over a short nod and an open mouth."""
    photo = load_photo(Path(__file__).parent / "assets" / "demo" / "portrait.png")
    portrait = analyse_portrait(photo, Settings(min_resolution=512), lambda line: None)
    motion = Motion.still(N_TIMED, Fraction(25))
    wave = np.sin(np.linspace(0, 12, N_TIMED, dtype=np.float32))
    motion.pose_deg[:, 1] = 3 * wave
    motion.lip_gap[:] = 4 + 4 * wave
    times, began = [], time.perf_counter()
    for _ in Renderer(portrait).render([motion]):
        times.append(time.perf_counter() - began)
        began = time.perf_counter()
    return float(np.median(times[1:]) * 1000)
