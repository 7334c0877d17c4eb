"""What is left of the lips when the recording is bad: noise, music, a second voice, a room, a telephone, a low rate.

    python bench/noise.py [--recordings FOLDER]

Method: the lips of each recording as it is, and of the same recording made worse, by the shipped networks (25 steps,
seed 0); r is the correlation of the two lip gaps, mean and worst over recordings. It says how much of what the model
does with clean sound survives, not how right that is. Levels are of the disturbance against the speech, over the whole
recording. Without a folder: the bundled recording and fifteen synthetic voices in five languages (espeak-ng).
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

import machine
from sonic.engines.light.lips.predict import lips_from_speech
from sonic.evaluation.metrics import correlation
from sonic.media.recording import load_speech
from sonic.types import F32, F64, SPEECH_RATE_HZ
from spoken import SENTENCES, accompaniment, spoken

DEMO = Path(__file__).parents[1] / "src" / "sonic" / "assets" / "demo" / "speech.flac"
LONGEST_S = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=Path, help="folder of WAV, FLAC or MP4 files")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sounds = [_samples(path) for path in _paths(arguments.recordings, Path(folder))]
    print(machine.describe())
    print(f"{len(sounds)} recordings, at most {LONGEST_S} s of each\n")
    clean = [_gap(sound) for sound in sounds]
    print("| made worse by | r, mean | worst |\n|---|---|---|")
    for name, worsen in conditions(np.random.default_rng(0), sounds).items():
        found = [correlation(_gap(worsen(sound)), gap) for sound, gap in zip(sounds, clean, strict=True)]
        print(f"| {name} | {np.mean(found):.2f} | {np.min(found):.2f} |", flush=True)


def conditions(rng: np.random.Generator, sounds: list[F32]) -> dict[str, Callable[[F32], F32]]:
    """Name -> what it does to (N,) samples."""

    def hiss(x: F32) -> F32:
        return rng.standard_normal(len(x)).astype(np.float32)

    def voice(x: F32) -> F32:
        other = next(s for s in sounds if s is not x and not np.array_equal(s, x))
        return np.resize(other, len(x))

    return {
        "white noise, -20 dB": lambda x: _mixed(x, hiss(x), -20),
        "white noise, -10 dB": lambda x: _mixed(x, hiss(x), -10),
        "white noise, -5 dB": lambda x: _mixed(x, hiss(x), -5),
        "music (chords and a beat), -10 dB": lambda x: _mixed(x, accompaniment(len(x)), -10),
        "music, 0 dB": lambda x: _mixed(x, accompaniment(len(x)), 0),
        "another voice, -10 dB": lambda x: _mixed(x, voice(x), -10),
        "a room of 0.5 s": lambda x: _in_room(x, rng),
        "telephone, 300 to 3400 Hz": lambda x: _band(x, 300, 3400),
        "cut off at 2 kHz": lambda x: _band(x, 0, 2000),
        "clipped at a tenth of the peak": lambda x: np.clip(x, -np.abs(x).max() / 10, np.abs(x).max() / 10),
    }


def _paths(folder: Path | None, work: Path) -> list[Path]:
    if folder:
        return sorted(p for p in folder.iterdir() if p.suffix.lower() in (".wav", ".flac", ".mp4"))
    return [DEMO, *(s.path for s in spoken(work, 3) if s.language in SENTENCES)]


def _samples(path: Path) -> F32:
    speech = load_speech(path, lambda line: None)
    return np.asarray(speech.samples[: LONGEST_S * SPEECH_RATE_HZ], np.float32)


def _gap(samples: F32) -> F32:
    return np.concatenate([gap for _, gap in lips_from_speech(samples, steps=25, seed=0)])


def _mixed(x: F32, other: F32 | F64, decibel: float) -> F32:
    gain = 10 ** (decibel / 20) * np.sqrt((x**2).mean() / (other**2).mean())
    return np.asarray(x + gain * other, np.float32)


def _in_room(x: F32, rng: np.random.Generator) -> F32:
    n = SPEECH_RATE_HZ // 2
    tail = rng.standard_normal(n) * 10 ** (-3 * np.arange(n) / n) * 0.05
    tail[0] = 1.0
    return np.asarray(np.convolve(x, tail)[: len(x)], np.float32)


def _band(x: F32, low_hz: float, high_hz: float) -> F32:
    spectrum = np.fft.rfft(x)
    hz = np.fft.rfftfreq(len(x), 1 / SPEECH_RATE_HZ)
    return np.fft.irfft(spectrum * ((hz >= low_hz) & (hz <= high_hz)), len(x)).astype(np.float32)


if __name__ == "__main__":
    main()
