"""Milliseconds a frame for rendering alone, the cost of the motion, and what the compiled kernels weigh.

    python bench/render.py [--frames 150]

Method: the bundled portrait says the bundled recording; processor time of the one rendering thread for each frame,
median and 90th percentile, after one uncounted frame. Encoding is not included. The kernels are also compiled anew,
with the compiler in the environment variable CC (default gcc).
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path

import machine
import sonic.engines.light.renderers.warp
from results import Measure, record
from sonic.engines.light.drive import drive
from sonic.engines.light.renderers.warp import Renderer
from sonic.faces.portrait import analyse_portrait
from sonic.media.photo import load_photo
from sonic.media.recording import load_speech
from sonic.motion import join
from sonic.settings import Settings

ROOT = Path(__file__).parents[1]
ASSETS = ROOT / "src" / "sonic" / "assets" / "demo"
TIME_NOISE = 0.10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=150)
    arguments = parser.parse_args()
    print(machine.describe())
    print(f"method: thread processor time, {arguments.frames} frames of the demo\n")
    for side in (512, 1024):
        print(_row(side, arguments.frames))
    motion_ms = _motion_ms()
    record(Measure("motion for a second of sound, all threads", motion_ms, "ms", "lower", TIME_NOISE))
    print(f"motion: {motion_ms:.0f} ms of processor time for a second of sound, {Settings().inference_steps} steps")
    library = next(Path(sonic.engines.light.renderers.warp.__file__).parent.glob("kernels.[sd]*"))
    print(f"kernels: {library.stat().st_size / 1000:.0f} kB, compiled in {_build_s():.1f} s")
    return 0


def _row(side: int, n_frames: int) -> str:
    settings = Settings(min_resolution=side, framing="1:1")
    portrait = analyse_portrait(load_photo(ASSETS / "portrait.png"), settings, lambda line: None)
    speech = load_speech(ASSETS / "speech.flac", lambda line: None)
    motion = join(list(drive(speech, settings, (n_frames + 1) / 25)))
    began = time.perf_counter()
    renderer = Renderer(portrait)
    ready_ms = 1000 * (time.perf_counter() - began)
    times_ms, last = [], time.thread_time()
    for _ in renderer.render([motion]):
        now = time.thread_time()
        times_ms.append(1000 * (now - last))
        last = now
    times_ms = sorted(times_ms[1:])
    median_ms, slow = statistics.median(times_ms), times_ms[int(0.9 * len(times_ms))]
    record(Measure(f"render a frame, {side} px", median_ms, "ms", "lower", TIME_NOISE))
    return f"{side}x{side}: {median_ms:.1f} ms a frame (90 %: {slow:.1f}), set-up {ready_ms:.0f} ms"


def _motion_ms() -> float:
    """All threads together, after one uncounted run that loads the weights; everything that drive() does."""
    speech = load_speech(ASSETS / "speech.flac", lambda line: None)
    for _ in range(2):
        began = time.process_time()
        deque(drive(speech, Settings(), speech.duration_s), maxlen=0)
    return 1000 * (time.process_time() - began) / speech.duration_s


def _build_s() -> float:
    source = Path(sonic.engines.light.renderers.warp.__file__).with_name("kernels.c")
    compiler = os.environ.get("CC", "gcc").split()
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        command = [*compiler, "-O3", "-fPIC", "-shared", "-o", str(Path(folder, "kernels.so")), str(source), "-lm"]
        subprocess.run(command, check=True)
        return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main())
