"""Long speech: does the neutral drift, does it jerk where pieces of motion join?"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

import jobs
from report import Target, figure, table
from setting import Bench
from sonic.load import load_photo, load_speech
from sonic.measure import head, lip_opening
from sonic.motion import Motion, join, part
from sonic.settings import Settings
from sonic.types import F64, Portrait
from studio import FPS, Track, portrait_of, rendered

DEMO = Path(__file__).parents[1] / "src" / "sonic" / "assets" / "demo"
MAX_POSE_DRIFT_DEG, MAX_OPENING_DRIFT = 1.0, 0.1
"""Over the whole recording, by the line through the minutes' means: a degree of pose; a tenth of the mean opening."""
NEAR = 2
"""Frames to either side of a join that belong to it."""
PARTS, PART_S = 6, 5.0
"""Rendered: this many stretches of this length, evenly spread, each with a join in the middle if there are joins."""


@dataclass(frozen=True)
class Long:
    """The motion of a long recording."""

    motion: Motion
    joins: list[int]
    """Frames at which a new piece begins."""


def minutes(bench: Bench, length: float) -> list[Target]:
    """``length`` minutes of the demo recording on end."""
    print(f"\n### {length:g} minutes\n")
    portrait = portrait_of(load_photo(DEMO / "portrait.png"))
    made = _made(bench, portrait, length)
    pose, opening = _by_minute(made.motion.pose_deg), _by_minute(made.motion.lip_gap[:, None])
    rows = [[f"{i + 1}", *(figure(v) for v in (*p, *o))] for i, (p, o) in enumerate(zip(pose, opening, strict=True))]
    print(table(("minute", "yaw, deg", "pitch", "roll", "opening, mm"), rows))
    drift_deg = float(np.abs(_drift(pose)).max())
    drift_mm = float(np.abs(_drift(opening)).max() / max(opening.mean(), 1e-6))
    targets = [
        Target("drift of the mean pose over it all", drift_deg, high=MAX_POSE_DRIFT_DEG, unit=" deg"),
        Target("drift of the mean opening, of the mean", 100 * drift_mm, high=100 * MAX_OPENING_DRIFT, unit=" %"),
    ]
    return [*targets, *_seams(made), *_on_pixels(bench, portrait, made)]


def _made(bench: Bench, portrait: Portrait, length: float) -> Long:
    path = jobs.speech_of(60 * length, DEMO / "speech.flac", bench.folder / f"long-{length:g}.wav")
    speech = load_speech(path, lambda line: None)
    pieces = list(bench.engine.drive(portrait, speech, Settings(fps=FPS), 60 * length))
    ends = np.cumsum([len(piece) for piece in pieces])
    return Long(join(pieces), [int(end) for end in ends[:-1]])


def _by_minute(x: np.ndarray) -> F64:
    """(M, C) means of (T, C) over each full minute, or of what there is."""
    n = min(60 * int(FPS), len(x))
    return np.stack([x[i : i + n].mean(0, dtype=np.float64) for i in range(0, len(x) - n + 1, n)])


def _drift(means: F64) -> F64:
    """(C,) change from the first to the last mean along the line through all of them."""
    if len(means) < 2:
        return np.zeros(means.shape[1])
    return np.asarray(np.polyfit(np.arange(len(means)), means, 1)[0] * (len(means) - 1))


def _jerk(track: np.ndarray) -> F64:
    """(T,) length of the second difference of (T, C)."""
    inner = np.linalg.norm(np.diff(track.astype(np.float64), n=2, axis=0), axis=1)
    return np.concatenate([inner[:1], inner, inner[-1:]])


def _seams(made: Long) -> list[Target]:
    """Second differences around joins against those everywhere, for mouth and head."""
    mouth = np.hstack([made.motion.shape, made.motion.lip_gap[:, None]])
    tracks = (("mouth", mouth), ("head", made.motion.pose_deg))
    return [_seam(f"seams, {name}: jitter at joins, of the usual", _jerk(track), made.joins) for name, track in tracks]


def _seam(name: str, jerk: F64, joins: list[int]) -> Target:
    """Median jitter at joins over the median at all places; the note says how far chance takes such a ratio."""
    if not joins:
        return Target(name, 1.0, high=1.0, note="one piece, no join")
    around = np.array([jerk[max(i - NEAR, 0) : i + NEAR].mean() for i in range(len(jerk))])
    usual = float(np.median(around))
    rng = np.random.default_rng(0)
    chance = [np.median(around[rng.integers(0, len(around), len(joins))]) / usual for _ in range(400)]
    low, high = np.percentile(chance, [5, 95])
    note = f"{len(joins)} joins; as many random places give {low:.2f} to {high:.2f}"
    return Target(name, float(np.median(around[joins]) / usual), high=1.0, note=note)


def _on_pixels(bench: Bench, portrait: Portrait, made: Long) -> list[Target]:
    """The same on stretches rendered and tracked anew."""
    n, size = len(made.motion), min(int(PART_S * FPS), len(made.motion))
    wanted = np.linspace(size // 2, n - size // 2, PARTS).astype(int)
    if made.joins:
        wanted = np.array(sorted({min(made.joins, key=lambda j, at=at: abs(j - at)) for at in wanted}))
    starts = np.clip(wanted - size // 2, 0, n - size)
    parts = [part(made.motion, start, start + size) for start in starts]
    names = [f"from {start / float(FPS):.0f} s" for start in starts]
    tasks = [rendered(name, portrait, motion) for name, motion in zip(names, parts, strict=True)]
    tracks = bench.studio.track(tasks)
    rows = []
    for start, track in zip(starts, tracks, strict=True):
        rows.append([f"{start / float(FPS):.0f}", *(figure(v, 3) for v in _figures(track))])
    heads = ("stretch from, s", "mean opening", "mean width of the mouth", "jitter of bone points")
    print(f"\nOn pixels, {PART_S:g} s each, over the outer-eye distance:\n\n{table(heads, rows)}")
    if not made.joins:
        return []
    jerk = np.concatenate([_jerk(lip_opening(t.points)[:, None]) for t in tracks])
    places = [i * size + int(join - start) for i, (join, start) in enumerate(zip(wanted, starts, strict=True))]
    return [_seam("seams on pixels: jitter of the opening at joins, of the usual", jerk, places)]


def _figures(track: Track) -> tuple[float, float, float]:
    points = track.points
    eyes = np.linalg.norm(points[:, 33, :2] - points[:, 263, :2], axis=1)
    width = np.linalg.norm(points[:, 61, :2] - points[:, 291, :2], axis=1) / eyes
    return float(lip_opening(points).mean()), float(width.mean()), head(points)[1]
