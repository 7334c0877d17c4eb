"""How far people who speak freely move their mouths, beside what the shipped networks expect of the same recordings.

    python bench/habits.py TRACKS

TRACKS is a folder of tracked clips (WORK/more/NAME of `sonic train evaluate --more`). Prints the table HABITS of
sonic/engines/light/lips/articulation.py, both sides together: each shape's weight as rest + slope times the lip gap,
by least squares, in what the networks expect and in what was filmed, once the clip's own offset is taken out; and how
much farther people depart from that line: the ratio of the standard deviations about it, after the tracker's noise,
which closed lips show, is taken from the filmed one. Nothing of it is learnt from a single clip: it is a dozen means.
"""

import sys
from collections.abc import Iterator
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
    expected, gap, seen, seen_gap = (np.concatenate(parts) for parts in zip(*clips, strict=True))
    names = [bare(SHAPES[k]) for k in COLUMNS]
    means = f"mean gap {gap.mean():.2f} mm expected, {seen_gap.mean():.2f} filmed"
    print(f"# {len(clips)} clips, {len(gap) / 25:.0f} s; {means}")
    print(f"# OPENING, BEND = {_opening(gap, seen_gap)}")
    for name in dict.fromkeys(names):
        own = [k for k, other in enumerate(names) if other == name]
        (a, b, there), (c, d, here) = (_line(*side, own) for side in ((expected, gap), (seen, seen_gap)))
        noise = np.mean([seen[seen_gap == 0][:, k].std() for k in own])
        spread = np.sqrt(max(here**2 - noise**2, 0)) / max(there, 1e-4)
        print(
            f'    "{name}": Habit(({a:.3f}, {b:.4f}), ({c:.3f}, {d:.4f}), {spread:.1f}),'
            f"  # closed {np.mean([seen[seen_gap == 0][:, k].mean() for k in own]):.3f} noise {noise:.3f}"
        )


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


def _line(weights: F32, gap: F32, own: list[int]) -> tuple[float, float, float]:
    """(rest, slope, deviation about them) of the mean of both sides."""
    both = weights[:, own].astype(np.float64)
    design = np.stack([np.ones(len(gap)), gap], 1)
    rest, slope = np.linalg.lstsq(design, both.mean(1), rcond=None)[0]
    return float(rest), float(slope), float((both - (rest + slope * gap)[:, None]).std())


def _opening(expected: F32, filmed: F32) -> str:
    """The power of the expected gap that has the mean and the deviation of the filmed one."""
    best: tuple[float, float, float] = (np.inf, 0, 0)
    for bend in np.arange(0.8, 1.61, 0.05):
        raised: F64 = expected.astype(np.float64) ** bend
        factor = float(filmed.mean() / raised.mean())
        best = min(best, (abs(float((factor * raised).std()) - float(filmed.std())), factor, float(bend)))
    return f"{best[1]:.3f}, {best[2]:.2f}"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
