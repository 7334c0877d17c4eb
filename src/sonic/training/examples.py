"""What the motion networks learn from: random windows of sound with motion, of speech alone and of noise.

Most windows come from tracked clips. Speech without pictures, of many voices and languages, says one thing about the
mouth: lips are closed on p, b and m and in long silence. A few windows are noise under a closed mouth.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sonic.engines.light.lips.diffusion import STEP
from sonic.speech.mel import HOP, speech_level
from sonic.training.augment import Augment
from sonic.training.config import Recipe
from sonic.training.encoder import is_test
from sonic.training.latents import Latents
from sonic.training.networks import CLOSED, N_LATENT
from sonic.training.phones import BILABIALS, SILENCE
from sonic.training.sound import UNKNOWN, SoundCache
from sonic.types import F32, U8

EDGE = 5
"""Frames at both ends of a window that carry no loss: their context is cut off."""
DEEP_SILENCE = 15
"""Frames of silence to either side of a frame in which lips must be closed: in short pauses people keep them apart."""


@dataclass(frozen=True, slots=True)
class Window:
    """One training example."""

    sound: F32
    level: float
    latents: F32
    weight: F32
    """(T,) 0 where the motion is not known."""
    closed: F32
    """(T,) 1 where lips must be closed: bilabials and long silence."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Windows of T frames at 25 Hz."""

    mel: Tensor
    """(B, 4 T, 80)"""
    latents: Tensor
    """(B, T, 33)"""
    weight: Tensor
    """(B, T)"""
    closed: Tensor
    """(B, T)"""

    def to(self, device: torch.device) -> "Batch":
        """The same on a device."""
        return Batch(*(part.to(device) for part in (self.mel, self.latents, self.weight, self.closed)))


@dataclass(frozen=True, slots=True)
class Item:
    """An utterance that windows are cut from."""

    cache: SoundCache
    index: int
    labels: U8
    key: str


class Examples:
    """Random windows of sound with motion, of speech alone and of noise."""

    def __init__(
        self, caches: Sequence[SoundCache], labels: Sequence[list[U8]], latents: Latents, signs: F32, recipe: Recipe
    ) -> None:
        self._recipe, self._signs, self._latents = recipe, signs, latents
        groups: dict[str, list[Item]] = {"tracked": [], "spoken": []}
        for cache, group in zip(caches, labels, strict=True):
            for i, row in enumerate(cache.rows):
                if is_test(cache[i], recipe.held_out):
                    continue
                if row["key"] in latents:
                    groups["tracked"].append(Item(cache, i, group[i], row["key"]))
                elif (group[i] != UNKNOWN).any():
                    groups["spoken"].append(Item(cache, i, group[i], row["key"]))
        self.groups = {kind: items for kind, items in groups.items() if items}
        self.seed(recipe.seed)

    def seed(self, seed: int) -> None:
        """Restart the random choices: a resumed run does not repeat its examples."""
        self._rng = np.random.default_rng(seed)
        self.augment = Augment(seed)

    def batch(self) -> Batch:
        """Fresh windows at one random tempo."""
        options, tempo = self._recipe.motion, self.augment.tempo()
        n = round((options.window + 1) * tempo) + 1
        kinds, shares = self._shares()
        windows = [self._window(str(kind), n) for kind in self._rng.choice(kinds, options.batch, p=shares)]
        at = np.arange(options.window) * tempo
        left = at.astype(int)
        share = (at - left).astype(np.float32)

        def stretched(name: str) -> Tensor:
            values = np.stack([getattr(w, name) for w in windows])
            part = share[:, None] if values.ndim == 3 else share
            return torch.from_numpy(values[:, left] * (1 - part) + values[:, left + 1] * part)

        sound = torch.from_numpy(np.stack([w.sound for w in windows]))
        last = round((4 * options.window - 1) * tempo) * HOP
        level = torch.tensor([w.level for w in windows], dtype=torch.float32)
        mel = self.augment.mixed(sound[:, :last], level, 4 * options.window)
        weight = stretched("weight")
        weight[:, :EDGE] = 0
        weight[:, -EDGE:] = 0
        return Batch(mel, stretched("latents"), weight, stretched("closed"))

    def _shares(self) -> tuple[list[str], NDArray[np.float64]]:
        """Where windows come from, and how many of them."""
        options = self._recipe.motion
        share = {"spoken": options.spoken_share, "noise": options.noise_share}
        share["tracked"] = max(0.0, 1 - sum(share.values()))
        kinds = [kind for kind in share if kind == "noise" or kind in self.groups]
        shares = np.array([share[kind] for kind in kinds])
        return kinds, shares / shares.sum()

    def _window(self, kind: str, n: int) -> Window:
        latents = np.zeros((n, N_LATENT), np.float32)
        latents[:, -1] = CLOSED
        weight, closed = np.ones(n, np.float32), np.ones(n, np.float32)
        sound = np.zeros(n * STEP, np.float32)
        if kind == "noise":
            sound = self._noise(len(sound))
            return Window(sound, speech_level(sound), latents, weight, closed)
        item = self.groups[kind][self._rng.integers(len(self.groups[kind]))]
        samples = item.cache[item.index].samples.astype(np.float32) / 32768
        motion = self._latents[item.key] if kind == "tracked" else None
        frames = len(samples) // STEP if motion is None else min(len(motion), len(samples) // STEP)
        lead = int(self._rng.integers(min(0, n - frames) - 8, max(0, n - frames) + 9))
        a, b = max(lead, 0), max(-lead, 0)
        m = min(frames - b, n - a)
        if m <= 0:
            return Window(sound, speech_level(samples), latents, weight, closed)
        sound[a * STEP : (a + m) * STEP] = samples[b * STEP : (b + m) * STEP]
        closed[a : a + m] = must_close(item.labels, frames)[b : b + m]
        if motion is None:
            weight[:] = 0
            return Window(sound, speech_level(samples), latents, weight, closed)
        latents[a : a + m] = motion[b : b + m]
        if self._rng.random() < 0.5:
            latents *= self._signs
        # Where the clip is cut off, the mouth's way to rest is not known.
        weight[max(a - 3, 0) : a + 1] = 0 if b == 0 else weight[max(a - 3, 0) : a + 1]
        weight[a + m - 1 : a + m + 3] = 0
        return Window(sound, speech_level(samples), latents, weight, closed)

    def _noise(self, n: int) -> F32:
        """Noise of a random colour that comes and goes, at times at once: what is heard when nobody speaks."""
        colour = self._rng.standard_normal(12) * 0.7 ** np.arange(12)
        knots = self._rng.uniform(-1.5, 0, 2 + n // 8000)
        swell = 10 ** np.interp(np.linspace(0, len(knots) - 1, n), np.arange(len(knots)), knots)
        sound = np.convolve(self._rng.standard_normal(n), colour, "same") * swell
        if self._rng.random() < 0.5:
            first, last = np.sort(self._rng.integers(0, n, 2))
            sound[:first], sound[last:] = 0.0, 0.0
        return np.asarray(sound * 10 ** self._rng.uniform(-5, -1), np.float32)


def must_close(labels: U8, frames: int) -> NDArray[np.float32]:
    """(frames,) at 25 Hz: 1 inside bilabials, and in silence that is DEEP_SILENCE frames away from speech."""
    known = labels[: 2 * min(frames, len(labels) // 2)]
    both = np.pad(known, (0, 2 * frames - len(known)), constant_values=UNKNOWN).reshape(frames, 2)
    lips = np.isin(both, BILABIALS).all(1)
    silent = (both == SILENCE).all(1)
    deep = np.array([silent[max(j - DEEP_SILENCE, 0) : j + DEEP_SILENCE + 1].all() for j in range(frames)], bool)
    return np.asarray(lips | deep, np.float32)
