"""How far motion made in pieces is from motion made whole, by what a piece sees of what follows it.

    python bench/pieces.py [--seconds 50]

Method: the bundled recording, repeated; the shipped networks at 25 steps and the product's guidance; pieces of 10 s
against one piece. Largest and root-mean-square difference of the latents (their spread is about 1, 1 of lip gap is
4 mm). Run it again whenever the networks change: diffusion.AHEAD rests on it.
"""

import argparse
from unittest.mock import patch

import numpy as np

import machine
from sonic.engines.light.lips import diffusion
from sonic.engines.light.lips.latents import GAP_SCALE_MM
from sonic.engines.light.lips.predict import lips_from_speech
from sonic.media.recording import load_speech
from sonic.types import F32, SPEECH_RATE_HZ
from speed import SPEECH


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=50)
    seconds = parser.parse_args().seconds
    samples = np.resize(load_speech(SPEECH, print).samples[:], round(seconds * SPEECH_RATE_HZ))
    whole = _latents(samples, 100_000)
    print(f"{machine.describe()}\n\n{'frames ahead':<14}{'largest':>10}{'rms':>10}{'lip gap, mm':>14}")
    for ahead in (0, 8, 16, 32, 48, 64, 96):
        with patch.object(diffusion, "AHEAD", ahead):
            difference = np.abs(_latents(samples, 250) - whole)
        own = "  the product's" if ahead == diffusion.AHEAD else ""
        rms, gap_mm = np.sqrt((difference**2).mean()), GAP_SCALE_MM * difference[:, -1].max()
        print(f"{ahead:<14}{difference.max():>10.1e}{rms:>10.1e}{gap_mm:>14.1e}{own}")
    return 0


def _latents(samples: F32, piece: int) -> F32:
    """(T, 33) with the lip gap in latents, cut at 0 as the product cuts it."""
    parts = lips_from_speech(samples, steps=25, seed=0, piece=piece)
    return np.concatenate([np.column_stack([shape, gap / GAP_SCALE_MM]) for shape, gap in parts])


if __name__ == "__main__":
    raise SystemExit(main())
