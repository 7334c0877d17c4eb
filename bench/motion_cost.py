"""What the motion of one recording costs on one core, as JSON: bench/speed.py starts this as a process of its own.

python bench/motion_cost.py RECORDING
"""

import json
import os
import resource
import sys
import time
from itertools import pairwise
from pathlib import Path

from sonic.engines.light.drive import drive
from sonic.media.recording import load_speech
from sonic.settings import Settings

STRETCH_S = 300
"""At the beginning and at the end, whose costs are compared."""


def main() -> int:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    speech = load_speech(Path(sys.argv[1]), lambda line: None)
    settings = Settings()
    marks = [(0.0, time.process_time())]  # seconds of motion, processor time
    for piece in drive(speech, settings, speech.duration_s):
        marks.append((marks[-1][0] + float(len(piece) / settings.fps), time.process_time()))
    at_s, cpu_s = zip(*marks[1:], strict=True)  # the first piece also loads the networks
    steady_ms = 1000 * (cpu_s[-1] - cpu_s[0]) / max(at_s[-1] - at_s[0], 1e-9)
    costs = [(start[0], 1000 * (end[1] - start[1]) / (end[0] - start[0])) for start, end in pairwise(marks[1:])]
    first = [ms for at, ms in costs if at < STRETCH_S]
    last = [ms for at, ms in costs if at >= at_s[-1] - STRETCH_S]
    print(
        json.dumps(
            {
                "ms_per_s": steady_ms,
                "first_ms": sum(first) / max(len(first), 1),
                "last_ms": sum(last) / max(len(last), 1),
                "slowest_ms": max((ms for _, ms in costs), default=0.0),
                "peak_mb": peak_mb(),
            }
        )
    )
    return 0


def peak_mb() -> float:
    """Largest resident set of this program; what getrusage says begins with that of the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main())
