"""Long speech: does the neutral drift, does it jerk where pieces of motion join?"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import jobs
from report import Target, figure, table
from setting import Bench
from sonic.evaluation.metrics import head, lip_opening
from sonic.media.photo import load_photo
from sonic.media.recording import load_speech
from sonic.motion import Motion, join, part
from sonic.settings import Settings
from sonic.types import F32, F64, Observer, Portrait
from tracks import FPS, Track, portrait_of, rendered

DEMO = Path(__file__).parents[1] / "src" / "sonic" / "assets" / "demo"
MAX_POSE_DRIFT_DEG, MAX_OPENING_DRIFT = 1.0, 0.1
"""Over the whole recording, by the line through the minutes' means: a degree of pose; a tenth of the mean opening."""
EXCERPT_S = 7.0
"""Of the demo recording, over and over: 12 s, a piece of motion, are no multiple of it, so joins fall on all words."""
NEAR = 2
"""Frames to either side of a join that belong to it."""
AROUND, APART = 25, 8
"""Frames to either side of a join that are looked at; from APART on they have nothing to do with it."""
PAIRS = 8
"""Joins that are rendered, evenly spread, each with the same words elsewhere without a join."""


@dataclass(frozen=True)
class Long:
    """The motion of a long recording."""

    motion: Motion
    joins: list[int]
    """Frames at which a new piece begins."""
    period: float
    """Frames after which the same words come again."""

    def equals(self, join: int) -> list[int]:
        """Where the same words come without a join near by; AROUND inside the recording."""
        n = len(self.motion)
        turns = range(-int(n / self.period) - 1, int(n / self.period) + 2)
        places = [round(join + k * self.period) for k in turns if k]
        apart = [min(abs(p - j) for j in self.joins) > AROUND + APART for p in places]
        return [p for p, free in zip(places, apart, strict=True) if free and AROUND <= p < n - AROUND]

    @property
    def judged(self) -> list[int]:
        """Joins that have equals."""
        inside = [j for j in self.joins if AROUND <= j < len(self.motion) - AROUND]
        return [j for j in inside if self.equals(j)]


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
    path = bench.folder / f"long-{length:g}.wav"
    jobs.speech_of(60 * length, DEMO / "speech.flac", path, excerpt_s=EXCERPT_S)
    speech = load_speech(path, lambda line: None)
    pieces = list(bench.engine.drive(portrait, speech, Settings(fps=FPS), 60 * length, Observer()))
    ends = np.cumsum([len(piece) for piece in pieces])
    return Long(join(pieces), [int(end) for end in ends[:-1]], EXCERPT_S * float(FPS))


def _by_minute(x: F32) -> F64:
    """(M, C) means of (T, C) over each full minute, or of what there is."""
    n = min(60 * int(FPS), len(x))
    return np.stack([x[i : i + n].mean(0, dtype=np.float64) for i in range(0, len(x) - n + 1, n)])


def _drift(means: F64) -> F64:
    """(C,) change from the first to the last mean along the line through all of them."""
    if len(means) < 2:
        return np.zeros(means.shape[1])
    return np.asarray(np.polyfit(np.arange(len(means)), means, 1)[0] * (len(means) - 1))


def _jerk(track: F32 | F64) -> F64:
    """(T,) length of the second difference of (T, C), mean over NEAR frames to either side."""
    inner = np.linalg.norm(np.diff(track.astype(np.float64), n=2, axis=0), axis=1)
    return np.convolve(np.pad(inner, NEAR + 1, mode="edge"), np.full(2 * NEAR + 1, 1 / (2 * NEAR + 1)), mode="valid")


def _seams(made: Long) -> list[Target]:
    """Jitter at joins against that at the same words without a join, for mouth and head."""
    mouth = np.hstack([made.motion.shape, made.motion.lip_gap[:, None]])
    targets = []
    for name, track in (("mouth", mouth), ("head", made.motion.pose_deg)):
        jerk = _jerk(track)
        equals = [np.median([_window(jerk, p) for p in made.equals(j)], axis=0) for j in made.judged]
        ratios = [_window(jerk, j) / np.maximum(e, 1e-9) for j, e in zip(made.judged, equals, strict=True)]
        targets.append(_seam(f"seams, {name}: jitter at joins over that at the same words", ratios))
    return targets


def _window(track: F64, centre: int) -> F64:
    return track[centre - AROUND : centre + AROUND + 1]


def _seam(name: str, ratios: Sequence[F64]) -> Target:
    """Median over joins; what chance allows is what 95 % of the places reach that lie APART from the joins."""
    if not ratios:
        return Target(name, None, high=1.0, note="no join")
    medians = np.median(ratios, axis=0)
    apart = np.abs(np.arange(-AROUND, AROUND + 1)) >= APART
    chance = float(np.percentile(medians[apart], 95))
    note = f"{len(ratios)} joins; the limit is what chance reaches beside them, 1 on the whole"
    return Target(name, float(medians[AROUND]), high=max(1.0, chance), note=note)


def _on_pixels(bench: Bench, portrait: Portrait, made: Long) -> list[Target]:
    """The same on stretches rendered and tracked anew."""
    picked = made.judged[:: max(1, len(made.judged) // PAIRS)][:PAIRS]
    places = [place for j in picked for place in (j, max(made.equals(j), key=lambda p, j=j: abs(p - j)))]
    if not places:
        return []
    names = [f"at {place / float(FPS):.0f} s" for place in places]
    parts = [part(made.motion, place - AROUND, place + AROUND + 1) for place in places]
    tasks = [rendered(name, portrait, motion) for name, motion in zip(names, parts, strict=True)]
    tracks = bench.tracker.track(tasks)
    cells = [[name, *(figure(v, 3) for v in _figures(track))] for name, track in zip(names, tracks, strict=True)]
    heads = ("at a join", "opening", "width", "jitter", "the same words", "opening", "width", "jitter")
    rows = [[*a, *b] for a, b in zip(cells[::2], cells[1::2], strict=True)]
    print(f"\nOn pixels, 2 s each, over the outer-eye distance (jitter: of bone points):\n\n{table(heads, rows)}")
    jerks = [_jerk(lip_opening(track.points)[:, None]) for track in tracks]
    ratios = [a / np.maximum(b, 1e-9) for a, b in zip(jerks[::2], jerks[1::2], strict=True)]
    return [_seam("seams on pixels: the same of the tracked opening", ratios)]


def _figures(track: Track) -> tuple[float, float, float]:
    points = track.points
    eyes = np.linalg.norm(points[:, 33, :2] - points[:, 263, :2], axis=1)
    width = np.linalg.norm(points[:, 61, :2] - points[:, 291, :2], axis=1) / eyes
    return float(lip_opening(points).mean()), float(width.mean()), head(points)[1]
