"""The motion networks over the frozen speech encoder: what motion the sound makes us expect, and a diffusion model
of what it leaves open.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from sonic.errors import SettingError
from sonic.speech.mel import N_MELS
from sonic.training.config import ExpectationRecipe, MotionRecipe, Recipe
from sonic.training.curves import Curves
from sonic.training.encoder import WEIGHTS as ENCODER_WEIGHTS
from sonic.training.encoder import alignments, load_encoder
from sonic.training.examples import Batch, Examples
from sonic.training.face import FACE_MODEL
from sonic.training.latents import Latents, load_face, write_latents
from sonic.training.loop import Plan, train
from sonic.training.networks import CLOSED, N_LATENT, Denoiser, Encoder, Expectation, Hearing
from sonic.training.workspace import Workspace, fingerprint, made_from
from sonic.types import Watch

WEIGHTS = "motion.pt"
GAP_WEIGHT = 6.0
"""Of the lip gap in the loss, against 1 for each shape coefficient."""
CLOSURE_WEIGHT = 0.5
"""Of lips that are open where they must be closed."""


class MotionModel(nn.Module):  # type: ignore[misc]  # torch is not checked
    """Everything that is trained here."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.expectation = Expectation(features)
        self.denoiser = Denoiser()


class _WindowTask:
    """A network that learns from Examples, and its random choices."""

    def __init__(self, model: nn.Module, examples: Examples, device: torch.device) -> None:
        self.model = model.to(device)
        self._examples, self._device = examples, device
        self.seed(0)

    def seed(self, seed: int) -> None:
        """Restart the windows, their augmentation, and what is drawn here: on the CPU, the same on every machine."""
        self._examples.seed(seed)
        self._rng = torch.Generator().manual_seed(seed)

    def _uniform(self, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self._rng).to(self._device)


class ExpectationTask(_WindowTask):
    """The mean of motion, from the encoder's features."""

    columns: tuple[str, ...] = ("gap error",)

    def __init__(self, examples: Examples, encoder: Encoder, options: ExpectationRecipe, device: torch.device) -> None:
        super().__init__(Expectation(feature_width(encoder)), examples, device)
        self._encoder, self._dropout = encoder, options.feature_dropout

    def loss(self) -> tuple[Tensor, list[float]]:
        """Distance to the tracked motion, and lips open where they must be closed; the error of the lip gap."""
        batch = self._examples.batch().to(self._device)
        features = heard(self._encoder, batch.mel)
        kept = (self._uniform(*features.shape) >= self._dropout).float()
        with torch.autocast(self._device.type, torch.bfloat16):
            guess = self.model(features * kept / (1 - self._dropout)).float()
        loss, gap_error = expectation_loss(guess, batch)
        return loss, [gap_error]


class DenoiserTask(_WindowTask):
    """Clean latents from noisy ones, around what is expected from the sound."""

    columns: tuple[str, ...] = ()

    def __init__(self, examples: Examples, hearing: Hearing, options: MotionRecipe, device: torch.device) -> None:
        super().__init__(Denoiser(), examples, device)
        self._hearing, self._audio_dropout = hearing.to(device), options.audio_dropout

    def loss(self) -> tuple[Tensor, list[float]]:
        """Distance to the tracked motion from noise of any strength, for some windows without the sound."""
        batch = self._examples.batch().to(self._device)
        n, like = len(batch.latents), batch.latents.shape
        with torch.no_grad(), torch.autocast(self._device.type, torch.bfloat16):
            expected = self._hearing(batch.mel).float()
        with_sound = (self._uniform(n, 1, 1) >= self._audio_dropout).float()
        t = self._uniform(n)
        noise = torch.randn(like, generator=self._rng).to(self._device)
        angle = (t * torch.pi / 2)[:, None, None]
        noisy = torch.cos(angle) * batch.latents + torch.sin(angle) * noise
        with torch.autocast(self._device.type, torch.bfloat16):
            guess = self.model(noisy, t, expected * with_sound).float()
        return _distance(guess, batch), []


def heard(encoder: Encoder, mel: Tensor) -> Tensor:
    """The frozen encoder's features (B, T, F)."""
    with torch.no_grad(), torch.autocast(mel.device.type, torch.bfloat16):
        return encoder.features(mel).float()


def expectation_loss(guess: Tensor, batch: Batch) -> tuple[Tensor, float]:
    """Of expected motion (B, T, 33): distance to the tracked one, and lips open where they must be closed.

    Also the squared error of the lip gap, in units of the latents.
    """
    lips = torch.relu(guess[..., -1] - CLOSED / 2) ** 2 * batch.closed
    gap = (guess - batch.latents)[..., -1].detach() ** 2 * batch.weight
    loss = _distance(guess, batch) + CLOSURE_WEIGHT * lips.mean()
    return loss, float(gap.sum() / batch.weight.sum().clamp(min=1))


def _distance(guess: Tensor, batch: Batch) -> Tensor:
    """Squared error of place and of speed where the motion is known."""
    per_channel = torch.ones(N_LATENT, device=guess.device)
    per_channel[-1] = GAP_WEIGHT
    error = guess - batch.latents
    place = (error**2 * per_channel).mean(-1)
    speed = (error.diff(dim=1) ** 2 * per_channel).mean(-1)
    return (place * batch.weight).mean() + (speed * batch.weight[:, 1:] * batch.weight[:, :-1]).mean()


def feature_width(encoder: Encoder) -> int:
    """Channels of the encoder's features."""
    device = next(encoder.parameters()).device
    with torch.inference_mode():
        return int(encoder.features(torch.zeros(1, 8, N_MELS, device=device)).shape[-1])


def train_motion(workspace: Workspace, device: torch.device, watch: Watch) -> None:
    """Train the expectation, then the diffusion model around it, on the tracked clips; leaves motion.pt.

    Raises SettingError before the encoder is trained, or if WORK holds a model of another recipe or other data.
    """
    write_latents(workspace, watch)
    recipe = workspace.recipe()
    caches, labels = alignments(workspace)
    face = load_face(workspace.face / FACE_MODEL)
    examples = Examples(caches, labels, Latents(workspace.latents), face.signs, recipe)
    watch.notice("motion learns from " + ", ".join(f"{len(v)} {kind}" for kind, v in examples.groups.items()))
    encoder = load_encoder(workspace).to(device)
    origin = fingerprint(workspace.encoder / ENCODER_WEIGHTS, made_from(workspace.latents), recipe)
    model = fit_motion(examples, encoder, recipe, folder=workspace.motion, origin=origin, device=device, watch=watch)
    torch.save(model.cpu().state_dict(), workspace.motion / WEIGHTS)


def fit_motion(
    examples: Examples,
    encoder: Encoder,
    recipe: Recipe,
    *,
    folder: Path,
    origin: str,
    device: torch.device,
    watch: Watch,
) -> MotionModel:
    """Both networks, one after the other; FOLDER keeps their states and curves."""
    torch.manual_seed(recipe.seed)
    first, second = recipe.expectation, recipe.motion
    expecting = ExpectationTask(examples, encoder, first, device)
    plan = Plan(
        name="expectation", seed=recipe.seed, steps=first.steps, learning_rate=first.learning_rate,
        weight_decay=first.weight_decay, warm_up=0.1, clip=1.0,
    )  # fmt: skip
    place = folder / "expectation"
    curves = Curves(place, "expected motion", expecting.columns)
    expectation = train(expecting, plan, place, curves=curves, origin=origin, watch=watch)
    denoising = DenoiserTask(examples, Hearing(encoder, expectation), second, device)
    plan = Plan(
        name="motion", seed=recipe.seed, steps=second.steps, learning_rate=second.learning_rate,
        weight_decay=0.02, warm_up=0.05, clip=1.0, average=0.998,
    )  # fmt: skip
    curves = Curves(folder, "diffusion model", denoising.columns)
    denoiser = train(denoising, plan, folder, curves=curves, origin=origin, watch=watch)
    model = MotionModel(feature_width(encoder))
    model.expectation.load_state_dict(expectation.state_dict())
    model.denoiser.load_state_dict(denoiser.state_dict())
    return model


def load_motion(workspace: Workspace, encoder: Encoder) -> MotionModel:
    """The trained model, on the CPU and in evaluation mode. Raises SettingError if there is none."""
    path = workspace.motion / WEIGHTS
    if not path.exists():
        raise SettingError(f"{path} is missing; run `sonic train motion` first")
    model = MotionModel(feature_width(encoder))
    model.load_state_dict(torch.load(path, weights_only=True, map_location="cpu"))
    model.eval()
    return model
