"""Speed and memory of whole commands, medians of several runs.

    python bench/speed.py [--runs 5] [--long]

Method: each figure is one ``sonic`` process timed from outside, after one uncounted run. "video s per s" is the length
of the video over the wall time of the whole command (interpreter start, analysis, motion, rendering, encoding). Peak
memory is the operating system's maximum resident set. "motion" is everything that drive() does, in a process held to
one core: processor time for a second of speech, without loading the networks. ``--long`` adds a video of ten minutes
and the motion of an hour (the demo's recording, repeated); rendering an hour would show no more than ten minutes do.
"""

import argparse
import json
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
from report import Target
from results import of_target, record

ASSETS = Path(__file__).parents[1] / "src" / "sonic" / "assets" / "demo"
PORTRAIT, SPEECH = ASSETS / "portrait.png", ASSETS / "speech.flac"
MAX_HELP_S, MAX_FIRST_FRAME_S, MAX_PEAK_MB, MAX_DISK_MB, MAX_MOTION_MS = 0.5, 2.0, 350, 400, 60
NOISE = {"MB": 0.05, "": 0.05}
"""Share by which a figure of this unit varies between runs; times on a shared machine vary by TIME_NOISE."""
TIME_NOISE = 0.15


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--long", action="store_true", help="also ten minutes and an hour of speech")
    arguments = parser.parse_args()
    print(machine.describe())
    print(f"method: whole commands, medians of {arguments.runs} runs after one uncounted run\n")
    folder = Path(tempfile.mkdtemp(prefix="sonic-bench-"))
    try:
        passed = [*_small(arguments.runs), *_motion(folder, arguments.runs), *_videos(folder, arguments.runs)]
        if arguments.long:
            passed += [*_long_motion(folder), *_long_video(folder)]
    finally:
        shutil.rmtree(folder)
    print(f"\n{sum(passed)} of {len(passed)} targets met")
    return 0


def _row(name: str, value: float, unit: str, target: float, *, at_most: bool) -> bool:
    judged = Target(name, value, high=target) if at_most else Target(name, value, low=target)
    record(of_target(judged, unit=unit, tolerance=NOISE.get(unit, TIME_NOISE)))
    bound = f"{'at most' if at_most else 'at least'} {target:g}"
    print(f"{name:<58} {value:>8.2f} {unit:<14} {bound:<16} {judged.verdict}")
    return judged.verdict == "met"


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


def _motion(folder: Path, runs: int) -> list[bool]:
    minute, ten_min = (jobs.speech_of(n, SPEECH, folder / f"{n}.wav") for n in (60, 600))
    ten_s = jobs.speech_of(10, SPEECH, folder / "10.wav")
    cost = statistics.median(_motion_cost(minute)["ms_per_s"] for _ in range(runs))
    waits = {path: _median(runs, lambda path=path: _first_frame_s(path)) for path in (ten_s, ten_min)}
    return [
        _row("motion for a second of speech, one core, 25 steps", cost, "ms", MAX_MOTION_MS, at_most=True),
        _row("stream of 10 s: first frame, 512 px", waits[ten_s], "s", MAX_FIRST_FRAME_S, at_most=True),
        _row("stream of 10 minutes: first frame, 512 px", waits[ten_min], "s", MAX_FIRST_FRAME_S, at_most=True),
    ]


def _long_motion(folder: Path) -> list[bool]:
    short = _motion_cost(jobs.speech_of(60, SPEECH, folder / "60.wav"))
    hour = _motion_cost(jobs.speech_of(3600, SPEECH, folder / "3600.wav"))
    print(f"{'motion of an hour: the slowest 12 s':<58} {hour['slowest_ms']:>8.2f} ms for a second of speech")
    return [
        _row("motion of an hour: last 5 minutes over first", hour["last_ms"] / hour["first_ms"], "", 1.1, at_most=True),
        _row(
            "motion of an hour: peak memory over a minute's", hour["peak_mb"] / short["peak_mb"], "", 1.1, at_most=True
        ),
    ]


def _motion_cost(recording: Path) -> dict[str, float]:
    script = str(Path(__file__).with_name("motion_cost.py"))
    done = subprocess.run([sys.executable, script, str(recording)], check=True, capture_output=True, text=True)
    cost: dict[str, float] = json.loads(done.stdout)
    return cost


def _first_frame_s(recording: Path) -> float:
    """From the start of a process to the first frame that sonic.stream hands out."""
    code = (
        "import sys; from datetime import date; import sonic\n"
        "consent = sonic.Consent(subject='bench', basis='synthetic', given_on=date(2026, 1, 1))\n"
        "settings = sonic.Settings(min_resolution=512, framing='1:1')\n"
        "next(sonic.stream(sys.argv[1], sys.argv[2], consent=consent, settings=settings))\n"
        "print('frame', flush=True)"
    )
    began = time.perf_counter()
    command = [sys.executable, "-c", code, str(PORTRAIT), str(recording)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        line = process.stdout.readline()
        taken_s = time.perf_counter() - began
    if line != "frame\n":
        raise RuntimeError(f"no frame of {recording.name}")
    return taken_s


def _videos(folder: Path, runs: int) -> list[bool]:
    passed = []
    ten_s = jobs.speech_of(10, SPEECH, folder / "10.wav")
    for side, target in ((512, 3.0), (1024, 1.5)):
        done = [_generate(ten_s, side, folder) for _ in range(runs + 1)][1:]
        peak = statistics.median(job.peak_mb for job in done)
        name = f"generate, 10 s of speech, {side} px, 25 fps"
        speed = 10 / statistics.median(j.wall_s for j in done)
        passed.append(_row(f"{name}: speed", speed, "video s per s", target, at_most=False))
        first = statistics.median(j.first_frame_s or float("nan") for j in done)
        passed.append(_row(f"{name}: first frame", first, "s", MAX_FIRST_FRAME_S, at_most=True))
        if side == 512:
            passed.append(_row(f"{name}: peak memory", peak, "MB", MAX_PEAK_MB, at_most=True))
    return passed


def _long_video(folder: Path) -> list[bool]:
    short = _generate(jobs.speech_of(10, SPEECH, folder / "10.wav"), 512, folder)
    job = _generate(jobs.speech_of(600, SPEECH, folder / "600.wav"), 512, folder)
    print(f"{'10 minutes, 512 px: speed':<58} {600 / job.wall_s:>8.2f} video s per s")
    growth = job.peak_mb / short.peak_mb
    return [_row("peak memory, 10 minutes over 10 seconds, 512 px", growth, "", 1.1, at_most=True)]


def _generate(speech: Path, side: int, folder: Path) -> jobs.Job:
    size = ("--min-resolution", str(side), "--framing", "1:1")
    out = ("-o", str(folder / "out.mp4"))
    return jobs.run(["generate", "--json", str(PORTRAIT), str(speech), *out, *size, *jobs.CONSENT])


if __name__ == "__main__":
    sys.exit(main())
