"""A judge of lips that shares nothing with the model: log-mel to mouth, learnt from real faces alone.

    python bench/mel_judge.py TRACKS OUT.npz          (needs the extra ``train``)

TRACKS is the folder of tracked clips of ``sonic train prepare``. A small network of convolutions learns from the 80
bands of sonic.speech.mel, never from Whisper's features, the lip opening, the mouth's width and the jaw of GRID's
speakers, who read 51 words. It hears strangers badly (docs/log.md has how badly), so a pair of made and real lips
that it ranks alike proves little; but lips that please only a judge with the model's own ears do not get past it.
"""

import sys
from pathlib import Path

import numpy as np

from sonic.evaluation.metrics import lag_curve
from sonic.speech.mel import log_mel, speech_level
from sonic.types import F32, F64, Waveform

CHANNELS, REACH, STEPS, BATCH, WINDOW = 64, 12, 400, 32, 64
"""Frames at 25 Hz; each output hears REACH frames to either side."""


class MelJudge:
    """The trained judge. Raises OSError without its file."""

    def __init__(self, weights: Path) -> None:
        with np.load(weights) as arrays:
            self._weights = [arrays[name] for name in ("w1", "b1", "w2", "b2")]

    def expected(self, samples: Waveform, n: int) -> F64:
        """(n, 3) opening, width and jaw that the sound makes it expect, in standard deviations, at 25 fps."""
        w1, b1, w2, b2 = self._weights
        return np.maximum(_around(_heard(samples, n)) @ w1 + b1, 0) @ w2 + b2

    def agreement(self, samples: Waveform, mouth: F64) -> tuple[float, float, float]:
        """(mean correlation of (n, 3) opening, width and jaw at lag 0, at the best lag, that lag in ms)."""
        expected = self.expected(samples, len(mouth))
        curves = [lag_curve(a, b, 25.0) for a, b in zip(mouth.T, expected.T, strict=True)]
        mean = np.mean([r for _, r in curves], axis=0)
        best = int(mean.argmax())
        return float(mean[len(mean) // 2]), float(mean[best]), 40.0 * float(curves[0][0][best])


def mouth(points: F64) -> F64:
    """(T, 478, 3) landmarks -> (T, 3) opening, width, jaw over the outer-eye distance."""
    pairs = ((13, 14), (61, 291), (168, 152))
    eyes = np.linalg.norm(points[:, 33, :2] - points[:, 263, :2], axis=-1)
    return np.stack([np.linalg.norm(points[:, a, :2] - points[:, b, :2], axis=-1) / eyes for a, b in pairs], 1)


def _heard(samples: Waveform, n: int) -> F32:
    """(n, 320) four frames of log-mel to each of motion."""
    mel = log_mel(samples.astype(np.float32), speech_level(samples))
    mel = np.pad(mel, ((0, max(0, 4 * n - len(mel))), (0, 0)), mode="edge")[: 4 * n]
    return np.asarray(mel.reshape(n, -1), np.float32)


def _around(heard: F32) -> F32:
    """(n, 3 * 320) each frame, and the means of what is before and after it within REACH."""
    padded = np.pad(heard, ((REACH, REACH), (0, 0)), mode="edge")
    views = np.lib.stride_tricks.sliding_window_view(padded, REACH, axis=0)
    n = len(heard)
    near = np.concatenate([padded[REACH - 2 : REACH - 2 + n], padded[REACH + 2 : REACH + 2 + n]], 1)
    return np.concatenate([heard, near, views[:n].mean(-1), views[REACH + 1 :][:n].mean(-1)], 1)


def learn(tracks: Path, out: Path) -> None:
    """Train on every tracked clip: ridge-like weight decay, half of the inputs dropped."""
    import torch

    from sonic.training.tracks import Tracks

    store, rng = Tracks(tracks), np.random.default_rng(0)
    inputs, targets = [], []
    for i in range(len(store)):
        real = mouth(store.points(i).astype(np.float64))
        inputs.append(_around(_heard(store.samples(i), len(real))))
        targets.append((real - np.median(real, 0)) / (real.std(0) + 1e-6))
    x, y = (torch.from_numpy(np.concatenate(part).astype(np.float32)) for part in (inputs, targets))
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(x.shape[1], CHANNELS), torch.nn.ReLU(), torch.nn.Linear(CHANNELS, 3))
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=0.1)
    for _ in range(STEPS):
        rows = torch.from_numpy(rng.integers(0, len(x), BATCH * WINDOW))
        loss = ((model(torch.nn.functional.dropout(x[rows], 0.5)) - y[rows]) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    state = {k: v.detach().numpy() for k, v in model.state_dict().items()}
    np.savez(out, w1=state["0.weight"].T, b1=state["0.bias"], w2=state["2.weight"].T, b2=state["2.bias"])


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    learn(Path(sys.argv[1]), Path(sys.argv[2]))
