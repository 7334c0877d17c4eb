"""What an install weighs, how long it takes, and whether it works with no second command.

    python bench/install.py [PYTHON ...] [--packages]

Method: a wheel is built from this checkout; for each interpreter (default: this one) it is installed by ``pip install``
into an empty virtual environment, and the lock file's packages by ``uv sync`` into another. Sizes are the allocated
blocks of the files of all packages but pip, as they lie after the install; seconds are wall time with whatever the
package caches hold already. Then ``sonic demo`` runs in the first one. ``--packages`` lists the heaviest packages.
"libGL" says whether this machine has the library for which OpenCV's other wheels ask.
"""

import argparse
import ctypes.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.metadata import Distribution, distributions
from pathlib import Path

import machine
from report import Target, table, target_table
from results import of_target, record

ROOT = Path(__file__).parents[1]
MAX_MB = 400
BUILD = ("pip", "setuptools", "wheel")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pythons", nargs="*", default=[sys.executable], metavar="PYTHON")
    parser.add_argument("--packages", action="store_true")
    arguments = parser.parse_args()
    print(machine.describe(), f"\nlibGL: {ctypes.util.find_library('GL') or 'none'}\n")
    rows, targets = [], []
    with tempfile.TemporaryDirectory(prefix="sonic-install-") as folder:
        wheel = _wheel(Path(folder))
        for python in arguments.pythons:
            name = _run([python, "-c", "import platform; print(platform.python_version())"]).strip()
            for way, install in (("pip", _by_pip), ("lock", _by_lock)):
                place = Path(folder, f"{way}-{name}")
                began = time.perf_counter()
                install(Path(python), place, wheel)
                took_s = time.perf_counter() - began
                sizes = _sizes(place)
                demo = _demo(place, Path(folder)) if way == "pip" else "-"
                rows.append([name, way, f"{sum(sizes.values()):.0f}", str(len(sizes)), f"{took_s:.0f}", demo])
                if name.startswith("3.11"):
                    targets.append(Target(f"install by {way}, MB", sum(sizes.values()), high=MAX_MB))
                heaviest = sorted(sizes.items(), key=lambda item: -item[1])[:8]
    print(table(("Python", "by", "MB", "packages", "seconds", "demo"), rows))
    if arguments.packages:
        print("\n" + table(("package", "MB"), [[package, f"{mb:.0f}"] for package, mb in heaviest]))
    for target in targets:
        record(of_target(target, tolerance=0.05))
    print("\n" + target_table(targets))
    return 0


def _wheel(folder: Path) -> Path:
    _run([_uv(), "build", "--quiet", "--wheel", "--out-dir", str(folder), str(ROOT)])
    return next(folder.glob("*.whl"))


def _by_pip(python: Path, place: Path, wheel: Path) -> None:
    _run([str(python), "-m", "venv", str(place)])
    _run([str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-compile", str(wheel)])


def _by_lock(python: Path, place: Path, wheel: Path) -> None:
    more = {"UV_PROJECT_ENVIRONMENT": str(place), "UV_LINK_MODE": "copy", "UV_PYTHON_DOWNLOADS": "never"}
    command = [_uv(), "sync", "--frozen", "--no-dev", "--no-editable", "--quiet", "--python", str(python)]
    _run([*command, "--project", str(ROOT)], **more)


def _uv() -> str:
    return shutil.which("uv") or str(ROOT / ".tools" / "bin" / "uv")


def _run(command: list[str], **more: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | more).stdout


def _sizes(place: Path) -> dict[str, float]:
    """Package -> MB of its files."""
    site = next(place.glob("lib/python3*/site-packages"))
    found = {found.name: _mb(found) for found in distributions(path=[str(site)])}
    return {name: mb for name, mb in found.items() if name not in BUILD}


def _mb(package: Distribution) -> float:
    paths = {Path(str(file.locate())) for file in package.files or []}
    return sum(path.stat().st_blocks * 512 for path in paths if path.is_file()) / 1e6


def _demo(place: Path, folder: Path) -> str:
    done = subprocess.run(
        [place / "bin" / "sonic", "demo", "--quiet", "--out", str(folder / f"{place.name}.mp4")],
        capture_output=True,
        text=True,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
    )
    return "works" if done.returncode == 0 else f"FAILS: {done.stderr.strip()[-80:]}"


if __name__ == "__main__":
    raise SystemExit(main())
