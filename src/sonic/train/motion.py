"""Step 6: the diffusion model over motion latents, driven by the frozen speech encoder.

    python -m sonic.train.motion --sounds SOUND VOICES --labels L0 L1 --encoder encoder.pt --latents LATENTS --out
    MOTION

Half of the windows come from tracked clips, the rest from motion that the teacher drew for other voices and
languages, and a few are noise without speech under a closed mouth. Resumable: the state is saved every 250 steps.
"""

import argparse
import csv
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sonic.mel import HOP, speech_level
from sonic.train.augment import Augment
from sonic.train.config import Recipe, read_recipe
from sonic.train.encoder import is_test, load_labels
from sonic.train.motiondata import CLOSED, load_face
from sonic.train.networks import N_LATENT, Condition, Denoiser, Encoder
from sonic.train.phones import BILABIALS, SILENCE
from sonic.train.sound import SoundCache
from sonic.types import F32, SPEECH_RATE_HZ, U8

log = logging.getLogger(__name__)

STEP = SPEECH_RATE_HZ // 25
"""Samples per motion frame."""
SHARES = {"tracked": 0.35, "strangers": 0.12, "drawn": 0.48, "noise": 0.05}
"""Where a window comes from: the speaker with most clips, the other tracked speakers, the teacher, noise."""
GAP_WEIGHT = 6.0
"""Of the lip gap in the loss, against 1 for each shape coefficient."""
EDGE = 5
"""Frames at both ends of a window that carry no loss: their context is cut off."""


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


class Examples:
    """Random windows of sound with motion."""

    def __init__(
        self, caches: Sequence[SoundCache], labels: Sequence[list[U8]], latents: Path, signs: F32, recipe: Recipe
    ) -> None:
        self._recipe, self._signs = recipe, signs
        self._latents = np.load(latents / "latents.npy", mmap_mode="r")
        with (latents / "index.csv").open(newline="", encoding="utf-8") as file:
            index = {row["key"]: row for row in csv.DictReader(file)}
        groups: dict[str, list[tuple[SoundCache, int, U8, int, int]]] = {"tracked": [], "strangers": [], "drawn": []}
        for cache, group in zip(caches, labels, strict=True):
            for i in range(len(cache)):
                row = index.get(cache.rows[i]["key"])
                if row is None or is_test(cache[i], recipe.held_out):
                    continue
                kind = "drawn" if row["tracked"] == "0" else "tracked" if cache[i].speaker == "s1" else "strangers"
                groups[kind].append((cache, i, group[i], int(row["start"]), int(row["frames"])))
        self.groups = {kind: items for kind, items in groups.items() if items}
        self.seed(recipe.seed)

    def seed(self, seed: int) -> None:
        """Restart the random choices: a resumed run does not repeat its examples."""
        self._rng = np.random.default_rng(seed)
        self.augment = Augment(seed)

    def batch(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Log-mel (B, 4 T, 80), latents (B, T, 33), weight (B, T), closed (B, T)."""
        options, tempo = self._recipe.motion, self.augment.tempo()
        n = round((options.window + 1) * tempo) + 1
        kinds = [k for k in SHARES if k in self.groups or k == "noise"]
        shares = np.array([SHARES[k] for k in kinds])
        chosen = self._rng.choice(kinds, options.batch, p=shares / shares.sum())
        windows = [self._window(str(kind), n) for kind in chosen]
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
        mel = self.augment.noisy(sound[:, :last], level, 4 * options.window)
        weight = stretched("weight")
        weight[:, :EDGE] = 0
        weight[:, -EDGE:] = 0
        return mel, stretched("latents"), weight, stretched("closed")

    def _window(self, kind: str, n: int) -> Window:
        latents = np.zeros((n, N_LATENT), np.float32)
        latents[:, -1] = CLOSED
        weight, closed = np.ones(n, np.float32), np.ones(n, np.float32)
        sound = np.zeros(n * STEP, np.float32)
        if kind == "noise":
            sound = self._noise(len(sound))
            return Window(sound, speech_level(sound), latents, weight, closed)
        group = self.groups[kind]
        cache, i, labels, start, frames = group[self._rng.integers(len(group))]
        samples = cache[i].samples.astype(np.float32) / 32768
        frames = min(frames, len(samples) // STEP)
        lead = int(self._rng.integers(min(0, n - frames) - 8, max(0, n - frames) + 9))
        a, b = max(lead, 0), max(-lead, 0)
        m = min(frames - b, n - a)
        if m <= 0:
            return Window(sound, speech_level(samples), latents, weight, closed)
        sound[a * STEP : (a + m) * STEP] = samples[b * STEP : (b + m) * STEP]
        latents[a : a + m] = self._latents[start + b : start + b + m]
        if self._rng.random() < 0.5:
            latents *= self._signs
        closed[a : a + m] = must_close(labels, frames, tracked=kind != "drawn")[b : b + m]
        # Where the clip is cut off, the mouth's way to rest is not known.
        weight[max(a - 3, 0) : a + 1] = 0 if b == 0 else weight[max(a - 3, 0) : a + 1]
        weight[a + m - 1 : a + m + 3] = 0
        return Window(sound, speech_level(samples), latents, weight, closed)

    def _noise(self, n: int) -> F32:
        """Noise of a random colour that comes and goes: what a microphone hears when nobody speaks."""
        colour = self._rng.standard_normal(12) * 0.7 ** np.arange(12)
        knots = self._rng.uniform(-1.5, 0, 2 + n // 8000)
        swell = 10 ** np.interp(np.linspace(0, len(knots) - 1, n), np.arange(len(knots)), knots)
        sound = np.convolve(self._rng.standard_normal(n), colour, "same") * swell
        return np.asarray(sound * 10 ** self._rng.uniform(-5, -1), np.float32)


def must_close(labels: U8, frames: int, *, tracked: bool) -> NDArray[np.float32]:
    """(frames,) at 25 Hz: 1 inside bilabials, and inside silences away from speech by 0.2 s."""
    both = labels[: 2 * frames].reshape(-1, 2)
    lips = np.isin(both, BILABIALS).all(1).astype(np.float32)
    silent = (both == SILENCE).all(1)
    deep = np.array([silent[max(j - 5, 0) : j + 6].all() for j in range(len(silent))])
    # A real mouth may rest open in silence; only its bilabials are corrected.
    return lips if tracked else np.maximum(lips, deep.astype(np.float32))


class MotionModel(nn.Module):  # type: ignore[misc]  # torch is not checked
    """Everything that is trained here."""

    def __init__(self, features: int, channels: int = 128) -> None:
        super().__init__()
        self.condition = Condition(features, channels)
        self.denoiser = Denoiser(channels)


def loss_of(
    model: MotionModel, features: Tensor, batch: tuple[Tensor, Tensor, Tensor], recipe: Recipe, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Training loss and, for the log, the squared error of the lip gap from pure noise-ish inputs."""
    latents, weight, closed = batch
    b = len(latents)
    t = torch.rand(b, generator=rng)
    alpha, sigma = torch.cos(t * torch.pi / 2)[:, None, None], torch.sin(t * torch.pi / 2)[:, None, None]
    noisy = alpha * latents + sigma * torch.randn(latents.shape, generator=rng)
    heard = (torch.rand(b, 1, 1, generator=rng) >= recipe.motion.audio_dropout).float()
    with torch.autocast("cpu", torch.bfloat16):
        guess = model.denoiser(noisy, t, model.condition(features) * heard)
    error = guess.float() - latents
    per_channel = torch.ones(N_LATENT)
    per_channel[-1] = GAP_WEIGHT
    place = (error**2 * per_channel).mean(-1)
    speed = (error.diff(dim=1) ** 2 * per_channel).mean(-1)
    heard_frames = weight * heard[:, :, 0]
    lips = torch.relu(guess[..., -1].float() - CLOSED / 2) ** 2 * closed * heard_frames
    total = (place * weight).mean() + (speed * weight[:, 1:] * weight[:, :-1]).mean() + 0.5 * lips.mean()
    late = ((t > 0.8).float() * heard[:, 0, 0])[:, None] * weight
    gap = (error[..., -1].detach() ** 2 * late).sum() / late.sum().clamp(min=1)
    return total, gap


def train(examples: Examples, encoder: Encoder, recipe: Recipe, out: Path) -> MotionModel:
    """The training loop: 1. resume, 2. step, 3. average, 4. save. Returns the averaged model."""
    options = recipe.motion
    torch.manual_seed(recipe.seed)
    with torch.inference_mode():
        width = encoder.features(torch.zeros(1, 8, 80)).shape[-1]
    model, average = MotionModel(width), MotionModel(width)
    average.load_state_dict(model.state_dict())
    optimizer = torch.optim.AdamW(model.parameters(), options.learning_rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, options.learning_rate, options.steps, pct_start=0.05)
    done, state = 0, out / "state.pt"
    if state.exists():
        saved = torch.load(state, weights_only=True)
        done = int(saved["step"])
        for part, name in ((model, "model"), (average, "average"), (optimizer, "optimizer"), (schedule, "schedule")):
            part.load_state_dict(saved[name])
    examples.seed(recipe.seed + done)
    rng = torch.Generator().manual_seed(recipe.seed + done)
    started, losses = time.monotonic(), []
    for step in range(done + 1, options.steps + 1):
        mel, *rest = examples.batch()
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            features = encoder.features(mel)
        loss, gap = loss_of(model, features, (rest[0], rest[1], rest[2]), recipe, rng)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        decay = min(0.998, step / (step + 10))
        with torch.no_grad():
            for ours, theirs in zip(average.parameters(), model.parameters(), strict=True):
                ours.lerp_(theirs, 1 - decay)
        losses.append((float(loss.detach()), float(gap)))
        if step % 50 == 0 or step == options.steps:
            row = [step, *(f"{v:.4f}" for v in np.mean(losses, axis=0)), f"{time.monotonic() - started:.0f}"]
            with (out / "log.csv").open("a", newline="") as file:
                csv.writer(file).writerow(row)
            log.info("step %s of %d: loss %s, late gap error %s, %s s", row[0], options.steps, *row[1:])
            losses = []
        if step % 250 == 0 or step == options.steps:
            parts = {"model": model, "average": average, "optimizer": optimizer, "schedule": schedule}
            torch.save({"step": step, **{k: v.state_dict() for k, v in parts.items()}}, state)
            torch.save(average.state_dict(), out / "motion.pt")
    return average


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="sonic.train.motion", description=__doc__.partition("\n")[0])
    parser.add_argument("--sounds", type=Path, nargs="+", required=True)
    parser.add_argument("--labels", type=Path, nargs="+", required=True)
    parser.add_argument("--encoder", type=Path, required=True)
    parser.add_argument("--face", type=Path, required=True)
    parser.add_argument("--latents", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--recipe", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(options.threads)
    recipe = read_recipe(options.recipe)
    options.out.mkdir(parents=True, exist_ok=True)
    encoder = Encoder()
    encoder.load_state_dict(torch.load(options.encoder, weights_only=True))
    encoder.eval()
    caches = [SoundCache(folder) for folder in options.sounds]
    labels = [load_labels(cache, path) for cache, path in zip(caches, options.labels, strict=True)]
    examples = Examples(caches, labels, options.latents, load_face(options.face).signs, recipe)
    log.info("%s", {kind: len(items) for kind, items in examples.groups.items()})
    train(examples, encoder, recipe, options.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
