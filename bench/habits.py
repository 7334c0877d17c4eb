"""How far people who speak freely move their mouths, beside what the shipped networks expect of the same recordings.

    python bench/habits.py TRACKS

TRACKS is a folder of tracked clips (WORK/more/NAME of `sonic train evaluate --more`). Prints the table HABITS of
sonic/engines/light/lips/articulation.py, both sides together: each shape's weight as rest + slope times the lip gap,
by least squares, in what the networks expect and in what was filmed, once the clip's own offset is taken out; and how
much farther people depart from that line: the ratio of the standard deviations about it, after the tracker's noise,
which closed lips show, is taken from the filmed one. What closed lips seem to show is taken from the filmed rest as
well: they are the neutral. Nothing of it is learnt from a single clip: it is a dozen means.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from sonic.engines.light.lips.latents import COLUMNS, N_LATENT, bare, weights_of_latents
from sonic.evaluation.metrics import clip_offset
from sonic.faces.model import face_model
from sonic.motion import SHAPES
from sonic.speech.encoders.whisper import WhisperListener, shipped_encode
from sonic.training.face import canonical_clip, shape_weights
from sonic.training.tracks import Tracks
from sonic.types import F32, F64
from sonic.weights import session

VOICE = 0.6
"""Posterior above which a frame counts."""


def main(folder: Path) -> None:
    """Print the table."""
    clips = list(_clips(Tracks(folder)))
    gap, seen_gap = (np.concatenate([clip[k] for clip in clips]) for k in (1, 3))
    bend = _opening(gap, seen_gap)
    print(f"# {len(clips)} clips, {len(gap) / 25:.0f} s; gap expected {_about(gap)}, filmed {_about(seen_gap)} mm")
    print(f"# OPENING, BEND = {bend[0]:.3f}, {bend[1]:.2f}")
    names = [bare(SHAPES[k]) for k in COLUMNS]
    for name in dict.fromkeys(names):
        own = [k for k, other in enumerate(names) if other == name]
        (a, b), there = _line([(w[:, own], g) for w, g, _, _ in clips])
        (c, d), here = _line([(w[:, own], g) for _, _, w, g in clips])
        closed = [w[g == 0][:, own].mean(1) for _, _, w, g in clips]
        noise = float(np.concatenate([x - x.mean() for x in closed if len(x) > 3]).std())
        floor = float(np.concatenate(closed).mean())
        spread = np.sqrt(max(here**2 - noise**2, 0)) / max(there, 1e-4)
        line = f"({a:.3f}, {b:.4f}), ({max(c - floor, 0):.3f}, {d:.4f}), {spread:.1f}"
        print(f'    "{name}": Habit({line}),  # {there:.3f} {here:.3f} {noise:.3f} {floor:.3f}')


def _clips(tracks: Tracks) -> Iterator[tuple[F32, F32, F32, F32]]:
    """(expected weights, expected gap, filmed weights, filmed gap) where somebody speaks, clip by clip."""
    face, network = face_model(), session("lips")
    for i in range(len(tracks)):
        points, samples = tracks.points(i), tracks.samples(i)
        clip, offset = canonical_clip(points, face.template.astype(np.float64)), clip_offset(samples, points)
        if clip is None or not offset.clear:
            continue
        n = len(points)
        features = WhisperListener(samples, shipped_encode()).frames(0, 2 * n)
        heard = network.run(None, {"features": features[None]})[0][0]
        made, gap = weights_of_latents(heard[:, :N_LATENT])
        at = np.clip(np.arange(n) + round(offset.ms / 40), 0, n - 1)
        spoken = heard[:, -1] > VOICE
        seen = shape_weights(clip, face)[at]
        yield made[spoken][:, COLUMNS], gap[spoken], seen[spoken][:, COLUMNS], clip.lip_gap[at][spoken]


def _line(clips: Sequence[tuple[F32, F32]]) -> tuple[tuple[float, float], float]:
    """((rest, slope), deviation about them) of the mean of both sides; slope and deviation within each clip."""
    both = [(w.astype(np.float64).mean(1), g.astype(np.float64)) for w, g in clips]
    y, x = (np.concatenate([part - part.mean() for part in side]) for side in zip(*both, strict=True))
    slope = float(x @ y / max(float(x @ x), 1e-9))
    weight, gap = (np.concatenate(side) for side in zip(*both, strict=True))
    return (float(weight.mean() - slope * gap.mean()), slope), float((y - slope * x).std())


def _opening(expected: F32, filmed: F32) -> tuple[float, float]:
    """(factor, power) of the expected gap that give it the mean and the deviation of the filmed one."""
    found: list[tuple[float, float, float]] = []
    for bend in np.arange(0.8, 2.01, 0.05):
        raised: F64 = expected.astype(np.float64) ** bend
        factor = float(filmed.mean() / raised.mean())
        found.append((abs(float((factor * raised).std()) - float(filmed.std())), factor, float(bend)))
    return min(found)[1:]


def _about(gap: F32) -> str:
    return f"{gap.mean():.1f} +- {gap.std():.1f}"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
