"""The diffusion model over motion latents, driven by the frozen speech encoder.

Most windows come from tracked clips. Speech without pictures, of many voices and languages, says one thing about the
mouth: lips are closed on p, b and m and in long silence. A few windows are noise under a closed mouth.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sonic.errors import SettingError
from sonic.mel import HOP, N_MELS, speech_level
from sonic.train.augment import Augment
from sonic.train.config import Recipe
from sonic.train.curves import Curves
from sonic.train.encoder import WEIGHTS as ENCODER_WEIGHTS
from sonic.train.encoder import alignments, is_test, load_encoder
from sonic.train.face import FACE_MODEL
from sonic.train.latents import CLOSED, Latents, load_face, write_latents
from sonic.train.loop import Plan, train
from sonic.train.networks import N_LATENT, Condition, Denoiser, Encoder
from sonic.train.phones import BILABIALS, SILENCE
from sonic.train.sound import UNKNOWN, SoundCache
from sonic.train.workspace import Watch, Workspace, fingerprint, made_from
from sonic.types import F32, SPEECH_RATE_HZ, U8

WEIGHTS = "motion.pt"
STEP = SPEECH_RATE_HZ // 25
"""Samples per motion frame."""
GAP_WEIGHT = 6.0
"""Of the lip gap in the loss, against 1 for each shape coefficient."""
EDGE = 5
"""Frames at both ends of a window that carry no loss: their context is cut off."""
DEEP_SILENCE = 15
"""Frames of silence to either side of a frame in which lips must be closed: in short pauses people keep them apart."""
LATE = 0.9
"""Half of the windows are trained from here to pure noise, where the prediction is the mean of all motion that fits the
sound: most of what the sampler returns. All windows without tracked motion are, because there it does not matter."""


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

    def batch(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Log-mel (B, 4 T, 80), latents (B, T, 33), weight (B, T), closed (B, T)."""
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
        mel = self.augment.noisy(sound[:, :last], level, 4 * options.window)
        weight = stretched("weight")
        weight[:, :EDGE] = 0
        weight[:, -EDGE:] = 0
        return mel, stretched("latents"), weight, stretched("closed")

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
        """Noise of a random colour that comes and goes: what a microphone hears when nobody speaks."""
        colour = self._rng.standard_normal(12) * 0.7 ** np.arange(12)
        knots = self._rng.uniform(-1.5, 0, 2 + n // 8000)
        swell = 10 ** np.interp(np.linspace(0, len(knots) - 1, n), np.arange(len(knots)), knots)
        sound = np.convolve(self._rng.standard_normal(n), colour, "same") * swell
        return np.asarray(sound * 10 ** self._rng.uniform(-5, -1), np.float32)


def must_close(labels: U8, frames: int) -> NDArray[np.float32]:
    """(frames,) at 25 Hz: 1 inside bilabials, and in silence that is DEEP_SILENCE frames away from speech."""
    both = np.resize(labels[: 2 * frames], (min(frames, len(labels) // 2), 2))
    both = np.pad(both, ((0, frames - len(both)), (0, 0)), constant_values=UNKNOWN)
    lips = np.isin(both, BILABIALS).all(1)
    silent = (both == SILENCE).all(1)
    deep = np.array([silent[max(j - DEEP_SILENCE, 0) : j + DEEP_SILENCE + 1].all() for j in range(frames)], bool)
    return np.asarray(lips | deep, np.float32)


class MotionModel(nn.Module):  # type: ignore[misc]  # torch is not checked
    """Everything that is trained here."""

    def __init__(self, features: int, channels: int = 128) -> None:
        super().__init__()
        self.condition = Condition(features, channels)
        self.denoiser = Denoiser(channels)


def loss_of(
    model: MotionModel, features: Tensor, batch: tuple[Tensor, Tensor, Tensor], recipe: Recipe, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Training loss and, for the log, the squared error of the lip gap from noise alone, or nearly."""
    latents, weight, closed = batch
    device = latents.device
    t = _times(weight.any(1).cpu(), rng).to(device)
    alpha, sigma = torch.cos(t * torch.pi / 2)[:, None, None], torch.sin(t * torch.pi / 2)[:, None, None]
    # Drawn on the CPU, whose generator is the same on every machine.
    noisy = alpha * latents + sigma * torch.randn(latents.shape, generator=rng).to(device)
    heard = (torch.rand(len(latents), 1, 1, generator=rng) >= recipe.motion.audio_dropout).float().to(device)
    kept = (torch.rand(features.shape, generator=rng) >= recipe.motion.feature_dropout).float().to(device)
    features = features * kept / (1 - recipe.motion.feature_dropout)
    with torch.autocast(device.type, torch.bfloat16):
        guess = model.denoiser(noisy, t, model.condition(features) * heard)
    error = guess.float() - latents
    per_channel = torch.ones(N_LATENT, device=device)
    per_channel[-1] = GAP_WEIGHT
    place = (error**2 * per_channel).mean(-1)
    speed = (error.diff(dim=1) ** 2 * per_channel).mean(-1)
    lips = torch.relu(guess[..., -1].float() - CLOSED / 2) ** 2 * closed * heard[:, :, 0]
    total = (place * weight).mean() + (speed * weight[:, 1:] * weight[:, :-1]).mean() + 0.5 * lips.mean()
    late = ((t > LATE).float() * heard[:, 0, 0])[:, None] * weight
    gap = (error[..., -1].detach() ** 2 * late).sum() / late.sum().clamp(min=1)
    return total, gap


def _times(known: Tensor, rng: torch.Generator) -> Tensor:
    """(B,) diffusion times: over all of [0, 1] for half of the windows whose motion is known, else LATE and later."""
    anywhere = torch.rand(len(known), generator=rng)
    late = LATE + (1 - LATE) * torch.rand(len(known), generator=rng)
    return torch.where(known & (torch.rand(len(known), generator=rng) < 0.5), anywhere, late)


class MotionTask:
    """Clean latents from noisy ones and the encoder's features."""

    columns: tuple[str, ...] = ("late gap error",)

    def __init__(self, examples: Examples, encoder: Encoder, recipe: Recipe, device: torch.device) -> None:
        torch.manual_seed(recipe.seed)
        self._encoder = encoder.to(device)
        self._model = MotionModel(feature_width(encoder)).to(device)
        self.model: nn.Module = self._model
        self._examples, self._recipe, self._device = examples, recipe, device
        self.seed(recipe.seed)

    def seed(self, seed: int) -> None:
        """Restart the windows, their augmentation and the diffusion's noise."""
        self._examples.seed(seed)
        self._rng = torch.Generator().manual_seed(seed)

    def loss(self) -> tuple[Tensor, list[float]]:
        """``loss_of`` a fresh batch."""
        mel, latents, weight, closed = (part.to(self._device) for part in self._examples.batch())
        with torch.no_grad(), torch.autocast(self._device.type, torch.bfloat16):
            features = self._encoder.features(mel)
        loss, gap = loss_of(self._model, features, (latents, weight, closed), self._recipe, self._rng)
        return loss, [float(gap)]


def feature_width(encoder: Encoder) -> int:
    """Channels of the encoder's features."""
    device = next(encoder.parameters()).device
    with torch.inference_mode():
        return int(encoder.features(torch.zeros(1, 8, N_MELS, device=device)).shape[-1])


def train_motion(workspace: Workspace, device: torch.device, watch: Watch) -> None:
    """Train the diffusion model on the latents of the tracked clips; leaves motion.pt.

    Raises SettingError before the encoder is trained, or if WORK holds a model of another recipe or other data.
    """
    write_latents(workspace, watch)
    recipe, options = workspace.recipe(), workspace.recipe().motion
    caches, labels = alignments(workspace)
    face = load_face(workspace.face / FACE_MODEL)
    examples = Examples(caches, labels, Latents(workspace.latents), face.signs, recipe)
    watch.notice("motion learns from " + ", ".join(f"{len(v)} {kind}" for kind, v in examples.groups.items()))
    task = MotionTask(examples, load_encoder(workspace), recipe, device)
    plan = Plan(
        name="motion", seed=recipe.seed, steps=options.steps, learning_rate=options.learning_rate,
        weight_decay=0.02, warm_up=0.05, clip=1.0, average=0.998,
    )  # fmt: skip
    origin = fingerprint(workspace.encoder / ENCODER_WEIGHTS, made_from(workspace.latents), options, recipe.seed)
    curves = Curves(workspace.motion, "diffusion model", task.columns)
    model = train(task, plan, workspace.motion, curves=curves, origin=origin, watch=watch)
    torch.save(model.cpu().state_dict(), workspace.motion / WEIGHTS)


def load_motion(workspace: Workspace, encoder: Encoder) -> MotionModel:
    """The trained model, on the CPU and in evaluation mode. Raises SettingError if there is none."""
    path = workspace.motion / WEIGHTS
    if not path.exists():
        raise SettingError(f"{path} is missing; run `sonic train motion` first")
    model = MotionModel(feature_width(encoder))
    model.load_state_dict(torch.load(path, weights_only=True, map_location="cpu"))
    model.eval()
    return model
