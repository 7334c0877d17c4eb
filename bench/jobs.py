"""Whole commands, timed from outside: what a person waits for."""

import json
import os
import subprocess
import sys
import time
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sonic.media.recording import load_speech
from sonic.types import SPEECH_RATE_HZ, Waveform

SONIC = str(Path(sys.executable).with_name("sonic"))
CONSENT = ("--consent", "synthetic", "--subject", "bench")


@dataclass(frozen=True)
class Job:
    """One finished command."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    first_frame_s: float | None
    """From the start of the command to the first frame handed to the encoder; None if it makes no video."""


def run(arguments: Sequence[str]) -> Job:
    """Run ``sonic ARGUMENTS --json`` and read the operating system's own account of it.

    Raises RuntimeError with the command's last words if it failed.
    """
    began = time.perf_counter()
    process = subprocess.Popen([SONIC, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    first_frame_s, last = None, ""
    assert process.stdout
    for last in process.stdout:
        if first_frame_s is None and last.startswith('{"event": "progress", "stage": "video"'):
            first_frame_s = time.perf_counter() - began if json.loads(last)["done"] else None
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - began
    if status:
        raise RuntimeError(f"sonic {' '.join(arguments)}: {last}")
    return Job(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, first_frame_s)


def speech_of(seconds: float, source: Path, out: Path, *, excerpt_s: float | None = None) -> Path:
    """A WAV of exactly ``seconds``: the source's sound repeated, or its first ``excerpt_s``."""
    samples = load_speech(source, lambda line: None).samples
    part = samples[: round((excerpt_s or seconds) * SPEECH_RATE_HZ)].astype(np.float32)
    return write_wav(out, np.resize(part, round(seconds * SPEECH_RATE_HZ)))


def write_wav(out: Path, samples: Waveform) -> Path:
    """(N,) in [-1, 1] at SPEECH_RATE_HZ as 16-bit mono."""
    with wave.open(str(out), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SPEECH_RATE_HZ)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return out
