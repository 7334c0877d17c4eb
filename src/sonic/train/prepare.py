"""Step 1: folders of talking-head clips become tracked landmarks at 25 fps with 16 kHz sound.

    python -m sonic.train.prepare CLIPS --out CACHE

Accepted layouts: a flat folder of clips (GRID: a file name that ends in a six-letter sentence code is its own
transcript), ``speaker/video/*.mp4`` with an optional ``.txt`` beside each clip (LRS3, VoxCeleb2), and any other
folder of clips. A ``clips.csv`` with the columns file and speaker, if there is one, names the speakers. The work is
resumable: clips that are already in CACHE are skipped. ``CACHE/clips.csv`` lists every clip with its verdict, so that
nothing vanishes silently.
"""

import argparse
import csv
import logging
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sonic.landmarks import track_face
from sonic.types import F32, F64, SPEECH_RATE_HZ, U8

log = logging.getLogger(__name__)

FPS = 25
"""Rate of all motion in training; equals the motion model's."""
SUFFIXES = (".mp4", ".mkv", ".mov", ".webm", ".avi", ".mpg", ".m4v")
MIN_EYE_DISTANCE_PX = 20
MIN_SECONDS = 1.0
MAX_MISSING = 0.05
"""Clips without a face in more than this share of their frames are rejected."""
MAX_JUMP = 0.35
"""A face that moves by more than this many eye distances between two frames is a cut."""

GRID_CODE = re.compile(r"([bpls])([bgrw])([abiw])([a-vx-z])([0-9z])([apns])$")
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
GRID_WORDS: tuple[dict[str, str], ...] = (
    {"b": "bin", "l": "lay", "p": "place", "s": "set"},
    {"b": "blue", "g": "green", "r": "red", "w": "white"},
    {"a": "at", "b": "by", "i": "in", "w": "with"},
    {},
    dict(zip("z123456789", _DIGITS, strict=True)),
    {"a": "again", "n": "now", "p": "please", "s": "soon"},
)


class RejectedError(Exception):
    """A clip that cannot be used, with the reason as its message."""


@dataclass(frozen=True, slots=True)
class Source:
    """One clip on disk before it is tracked."""

    path: Path
    speaker: str
    text: str
    """Transcript in lower case, or empty."""

    @property
    def key(self) -> str:
        """Name in the cache, unique in the corpus."""
        return f"{self.speaker}__{self.path.parent.name}_{self.path.stem}"


def grid_sentence(stem: str) -> str:
    """The sentence that a GRID file name encodes (``bbaf2n`` -> "bin blue at f two now"), or an empty text."""
    code = GRID_CODE.search(stem)
    if not code:
        return ""
    return " ".join(words.get(letter, letter) for words, letter in zip(GRID_WORDS, code.groups(), strict=True))


def find_clips(root: Path) -> list[Source]:
    """Every clip under ``root`` with its speaker and transcript, sorted by path."""
    paths = sorted(p for p in root.rglob("*") if p.suffix.lower() in SUFFIXES)
    table = root / "clips.csv"
    speakers: dict[str, str] = {}
    if table.is_file():
        with table.open(newline="", encoding="utf-8") as file:
            speakers = {row["file"]: str(row.get("speaker") or Path(row["file"]).stem) for row in csv.DictReader(file)}
    return [Source(path, speakers.get(path.name) or _speaker(root, path), _transcript(path)) for path in paths]


def _speaker(root: Path, path: Path) -> str:
    parts = path.relative_to(root).parts
    return parts[0] if len(parts) > 1 else path.stem


def _transcript(path: Path) -> str:
    beside = path.with_suffix(".txt")
    if beside.is_file():
        first = beside.read_text(encoding="utf-8", errors="replace").partition("\n")[0]
        return first.removeprefix("Text:").strip().lower()
    return grid_sentence(path.stem)


def track_clip(path: Path) -> tuple[F32, F32]:
    """(T, 478, 3) landmarks in px at 25 fps and the samples at 16 kHz that start with the first picture.

    Raises RejectedError if the clip is too short, silent of streams, cut, or shows no usable face.
    """
    samples, sound_s = _decode_sound(path)
    times, frames = [], []
    for time_s, rgb in _decode_pictures(path):
        times.append(time_s)
        frames.append(rgb)
    if len(times) < 2 or times[-1] - times[0] < MIN_SECONDS:
        raise RejectedError(f"shorter than {MIN_SECONDS:g} s")
    points = _complete(list(track_face(frames)))
    at = np.arange(0, times[-1] - times[0] + 1e-6, 1 / FPS)
    points = _resample(points, np.asarray(times) - times[0], at)
    return points, _aligned(samples, times[0] - sound_s, len(at))


def _decode_sound(path: Path) -> tuple[F32, float]:
    import av

    with av.open(str(path)) as container:
        if not container.streams.audio:
            raise RejectedError("no sound")
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=SPEECH_RATE_HZ)
        blocks: list[F32] = []
        start: float | None = None
        for frame in container.decode(audio=0):
            if start is None:
                start = float(frame.time or 0.0)
            blocks += [block.to_ndarray()[0] for block in resampler.resample(frame)]
        blocks += [block.to_ndarray()[0] for block in resampler.resample(None)]
    if not blocks:
        raise RejectedError("no sound")
    return np.concatenate(blocks).astype(np.float32), start or 0.0


def _decode_pictures(path: Path) -> Iterator[tuple[float, U8]]:
    import av

    with av.open(str(path)) as container:
        if not container.streams.video:
            raise RejectedError("no picture")
        for i, frame in enumerate(container.decode(video=0)):
            rate = float(container.streams.video[0].average_rate or FPS)
            time_s = i / rate if frame.time is None else float(frame.time)
            yield time_s, np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)


def _complete(found: list[F32 | None]) -> F32:
    """Fill the few frames without a face by interpolation; reject clips where it cannot be trusted."""
    good = np.flatnonzero([points is not None for points in found])
    if len(good) < (1 - MAX_MISSING) * len(found):
        raise RejectedError(f"no face in {len(found) - len(good)} of {len(found)} frames")
    known = np.stack([p for p in found if p is not None])
    points = _resample(known, good.astype(np.float64), np.arange(len(found), dtype=np.float64))
    eyes = points[:, [33, 133, 263, 362]]
    distance = np.linalg.norm(eyes[:, :2].mean(1) - eyes[:, 2:].mean(1), axis=-1)
    if np.median(distance) < MIN_EYE_DISTANCE_PX:
        raise RejectedError(f"eyes {np.median(distance):.0f} px apart, {MIN_EYE_DISTANCE_PX} needed")
    step = np.linalg.norm(np.diff(points[:, 168, :2], axis=0), axis=-1) / np.median(distance)
    if step.max() > MAX_JUMP:
        raise RejectedError(f"a cut: the face jumps by {step.max():.2f} eye distances")
    return points


def _resample(values: F32 | F64, times: F64, at: F64) -> F32:
    """Linear interpolation along the first axis."""
    right = np.clip(np.searchsorted(times, at, side="right"), 1, len(times) - 1)
    left = right - 1
    share = np.clip((at - times[left]) / (times[right] - times[left]), 0, 1)[:, None, None]
    return np.asarray(values[left] * (1 - share) + values[right] * share, np.float32)


def _aligned(samples: F32, skip_s: float, n_frames: int) -> F32:
    """Cut or pad the sound so that it starts with the first picture and ends with the last one's time."""
    skip = round(skip_s * SPEECH_RATE_HZ)
    samples = samples[skip:] if skip >= 0 else np.concatenate([np.zeros(-skip, np.float32), samples])
    n = n_frames * SPEECH_RATE_HZ // FPS
    return np.pad(samples[:n], (0, max(0, n - len(samples))))


def prepare(root: Path, out: Path) -> Counter[str]:
    """Track every clip under ``root`` into ``out``; returns how many clips were used, reused and rejected."""
    out.mkdir(parents=True, exist_ok=True)
    sources = find_clips(root)
    counts: Counter[str] = Counter()
    rows = []
    for i, source in enumerate(sources):
        verdict, n = _prepare_one(source, out)
        counts[verdict.partition(":")[0]] += 1
        rows.append([source.key, source.speaker, n, verdict, source.text])
        if (i + 1) % 25 == 0 or i + 1 == len(sources):
            log.info("%d of %d clips: %s", i + 1, len(sources), dict(counts))
    with (out / "clips.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["key", "speaker", "frames", "verdict", "text"], *rows])
    return counts


def _prepare_one(source: Source, out: Path) -> tuple[str, int]:
    """(verdict, number of frames); a clip that fails is a row in the report, never the end of the run."""
    target = out / f"{source.key}.npz"
    if target.exists():
        with np.load(target) as done:
            return "used", len(done["points"])
    try:
        points, samples = track_clip(source.path)
    except RejectedError as reason:
        return f"rejected: {reason}", 0
    except (OSError, ValueError) as error:  # PyAV's errors derive from these
        return f"rejected: cannot be decoded ({type(error).__name__})", 0
    part = target.with_suffix(".part.npz")
    np.savez(part, points=points, samples=samples, speaker=source.speaker, text=source.text)
    part.replace(target)
    return "used", len(points)


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="sonic.train.prepare", description=__doc__.partition("\n")[0])
    parser.add_argument("clips", type=Path, help="folder of clips")
    parser.add_argument("--out", type=Path, required=True, help="folder for the tracks")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    counts = prepare(options.clips, options.out)
    log.info("done: %s; reasons in %s", dict(counts), options.out / "clips.csv")
    return 0 if counts["used"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
