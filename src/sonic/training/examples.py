"""What the motion networks learn from: random windows of what was heard in tracked clips, with their motion, and of
sound without a voice, under closed lips."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sonic.training.config import Recipe
from sonic.training.hear import Heard
from sonic.training.latents import MIRROR_ORDER, Latents
from sonic.training.networks import CLOSED, N_LATENT
from sonic.training.recogniser import Source
from sonic.training.sound import is_test
from sonic.types import F32

EDGE = 4
"""Frames at both ends of a window that carry no loss: their context is cut off."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Windows of T frames at 25 Hz."""

    features: Tensor
    """(B, 2 T, W)"""
    latents: Tensor
    """(B, T, 33)"""
    weight: Tensor
    """(B, T) 0 where the motion is not known."""

    def to(self, device: torch.device) -> "Batch":
        """The same on a device."""
        return Batch(*(part.to(device) for part in (self.features, self.latents, self.weight)))


@dataclass(frozen=True, slots=True)
class Item:
    """An utterance that windows are cut from."""

    heard: Heard
    index: int
    latents: F32 | None
    """(T, 33), or None: no voice, closed lips."""


class Examples:
    """Random windows of tracked clips and of sound without a voice."""

    def __init__(self, sources: Sequence[Source], latents: Latents, recipe: Recipe) -> None:
        self._options = recipe.motion
        rows = [(s, i, row) for s in sources for i, row in enumerate(s.cache.rows)]
        used = [(s, i, row) for s, i, row in rows if row["key"] in latents and not is_test(row, recipe.held_out)]
        self.groups = {
            "tracked": [Item(s.heard, i, latents[row["key"]]) for s, i, row in used],
            "noise": [Item(s.heard, i, None) for s, i, _ in rows if s.name == "noise"],
        }
        clips = Counter(row["speaker"] for *_, row in used)
        few = [clips[row["speaker"]] < self._options.few for *_, row in used]
        weight = np.where(few, self._options.few_weight, 1.0)
        self._chance = weight / max(weight.sum(), 1e-9)
        self.seed(recipe.seed)

    def seed(self, seed: int) -> None:
        """Restart the random choices: a resumed run does not repeat its examples."""
        self._rng = np.random.default_rng(seed)

    def batch(self) -> Batch:
        """Fresh windows, half of them of mirrored faces."""
        windows = [self._window(self._picked()) for _ in range(self._options.batch)]
        return Batch(*(torch.from_numpy(np.stack(parts)) for parts in zip(*windows, strict=True)))

    def _picked(self) -> Item:
        noise, tracked = self.groups["noise"], self.groups["tracked"]
        if noise and self._rng.random() < self._options.noise_share:
            return noise[self._rng.integers(len(noise))]
        return tracked[self._rng.choice(len(tracked), p=self._chance)]

    def _window(self, item: Item) -> tuple[F32, F32, F32]:
        """(features, latents, weight) of a random part, padded where the clip is short."""
        takes, n = item.heard.takes(item.index), self._options.window
        features = takes[self._rng.integers(len(takes))]
        motion = item.latents
        frames = len(features) // 2 if motion is None else min(len(motion), len(features) // 2)
        first = int(self._rng.integers(max(1, frames - n + 1)))
        last = min(first + n, frames)
        latents = np.zeros((n, N_LATENT), np.float32)
        latents[:, -1] = CLOSED
        if motion is not None:
            latents[: last - first] = motion[first:last]
            latents = latents[:, MIRROR_ORDER] if self._rng.random() < 0.5 else latents
        weight = np.zeros(n, np.float32)
        weight[EDGE if first else 0 : last - first - (EDGE if last < frames else 0)] = 1
        part = features[2 * first : 2 * last].astype(np.float32)
        return np.pad(part, ((0, 2 * n - len(part)), (0, 0)), mode="edge"), latents, weight
