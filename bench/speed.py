"""Speed and memory of whole commands, medians of several runs.

    python bench/speed.py [--runs 5] [--long]

Method: each figure is one ``sonic`` process timed from outside, after one uncounted run. "video s per s" is the length
of the video over the wall time of the whole command (interpreter start, analysis, motion, rendering, encoding). Peak
memory is the operating system's maximum resident set. ``--long`` adds ten minutes of speech.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import jobs
import machine

ASSETS = Path(__file__).parents[1] / "src" / "sonic" / "assets" / "demo"
PORTRAIT, SPEECH = ASSETS / "portrait.png", ASSETS / "speech.flac"
MAX_HELP_S, MAX_FIRST_FRAME_S, MAX_PEAK_MB, MAX_DISK_MB = 0.5, 5.0, 900, 800


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--long", action="store_true", help="also ten minutes of speech")
    arguments = parser.parse_args()
    print(machine.describe())
    print(f"method: whole commands, medians of {arguments.runs} runs after one uncounted run\n")
    folder = Path(tempfile.mkdtemp(prefix="sonic-bench-"))
    try:
        passed = [*_small(arguments.runs), *_videos(folder, arguments.runs, long=arguments.long)]
    finally:
        shutil.rmtree(folder)
    print(f"\n{sum(passed)} of {len(passed)} targets met")
    return 0


def _row(name: str, value: float, unit: str, target: float, *, at_most: bool) -> bool:
    met = value <= target if at_most else value >= target
    bound = f"{'at most' if at_most else 'at least'} {target:g}"
    print(f"{name:<58} {value:>8.2f} {unit:<14} {bound:<16} {'met' if met else 'MISSED'}")
    return met


def _median(runs: int, measure: Callable[[], float]) -> float:
    measure()
    return statistics.median(measure() for _ in range(runs))


def _small(runs: int) -> list[bool]:
    def help_s() -> float:
        began = time.perf_counter()
        subprocess.run([jobs.SONIC, "--help"], check=True, capture_output=True)
        return time.perf_counter() - began

    return [
        _row("sonic --help", _median(runs, help_s), "s", MAX_HELP_S, at_most=True),
        _row("base install on disk", _install_mb(), "MB", MAX_DISK_MB, at_most=True),
    ]


def _install_mb() -> float:
    """Allocated size of the packages that the lock file installs without any extra, this project's own included."""
    site = Path(jobs.__file__).parents[1]
    with tempfile.TemporaryDirectory(prefix="sonic-install-") as folder:
        environment = {"UV_PROJECT_ENVIRONMENT": folder, "UV_LINK_MODE": "copy", "UV_PYTHON_DOWNLOADS": "never"}
        uv = shutil.which("uv") or str(site / ".tools" / "bin" / "uv")
        command = [uv, "sync", "--frozen", "--no-dev", "--no-editable", "--quiet", "--project", str(site)]
        subprocess.run([*command, "--python", sys.executable], check=True, env=os.environ | environment)
        files = [p for p in Path(folder).rglob("*") if p.is_file() and not p.is_symlink()]
        return sum(p.stat().st_blocks * 512 for p in files) / 1e6


def _videos(folder: Path, runs: int, *, long: bool) -> list[bool]:
    passed = []
    ten_s = jobs.speech_of(10, SPEECH, folder / "ten.wav")
    peaks: dict[int, float] = {}
    for side, target in ((512, 2.0), (1024, 1.0)):
        done = [_generate(ten_s, side, folder) for _ in range(runs + 1)][1:]
        peaks[side] = statistics.median(job.peak_mb for job in done)
        name = f"generate, 10 s of speech, {side} px, 25 fps"
        passed.append(
            _row(
                f"{name}: speed", 10 / statistics.median(j.wall_s for j in done), "video s per s", target, at_most=False
            )
        )
        first = statistics.median(j.first_frame_s or float("nan") for j in done)
        passed.append(_row(f"{name}: first frame", first, "s", MAX_FIRST_FRAME_S, at_most=True))
        if side == 512:
            passed.append(_row(f"{name}: peak memory", peaks[side], "MB", MAX_PEAK_MB, at_most=True))
    if long:
        job = _generate(jobs.speech_of(600, SPEECH, folder / "long.wav"), 512, folder)
        growth = job.peak_mb / peaks[512]
        passed.append(_row("peak memory, 10 minutes over 10 seconds, 512 px", growth, "", 1.1, at_most=True))
        print(f"{'10 minutes, 512 px: speed':<58} {600 / job.wall_s:>8.2f} video s per s")
    return passed


def _generate(speech: Path, side: int, folder: Path) -> jobs.Job:
    size = ("--min-resolution", str(side), "--framing", "1:1")
    out = ("-o", str(folder / "out.mp4"))
    return jobs.run(["generate", "--json", str(PORTRAIT), str(speech), *out, *size, *jobs.CONSENT])


if __name__ == "__main__":
    sys.exit(main())
