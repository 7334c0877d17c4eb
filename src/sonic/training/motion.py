"""The motion networks over the speech encoder's features: what motion the sound makes us expect, and a diffusion model
of what it leaves open.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from sonic.errors import SettingError
from sonic.training.config import ExpectationRecipe, Recipe
from sonic.training.curves import Curves
from sonic.training.examples import Batch, Examples
from sonic.training.latents import Latents, write_latents
from sonic.training.loop import Plan, train
from sonic.training.networks import N_LATENT, Denoiser, Expectation
from sonic.training.recogniser import sources
from sonic.training.workspace import Workspace, fingerprint, made_from
from sonic.types import Observer

WEIGHTS = "motion.pt"
GAP_WEIGHT = 6.0
"""Of the lip gap in the loss, against 1 for each shape coefficient."""


class MotionModel(nn.Module):  # type: ignore[misc]  # torch is not checked
    """Everything that is trained here."""

    def __init__(self) -> None:
        super().__init__()
        self.expectation = Expectation()
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

    def __init__(self, examples: Examples, options: ExpectationRecipe, device: torch.device) -> None:
        model = Expectation(options.feature_dropout)
        model.standard.fit({id(item.heard): item.heard for item in examples.groups["tracked"]}.values())
        super().__init__(model, examples, device)

    def seed(self, seed: int) -> None:
        """As for every task; what is not heard is drawn by torch's own generator."""
        super().seed(seed)
        torch.manual_seed(seed)

    def loss(self) -> tuple[Tensor, list[float]]:
        """Distance to the tracked motion; the squared error of the lip gap, in units of the latents."""
        batch = self._examples.batch().to(self._device)
        with torch.autocast(self._device.type, torch.bfloat16):
            guess = self.model(batch.features).float()
        gap = (guess - batch.latents)[..., -1].detach() ** 2 * batch.weight
        return distance(guess, batch), [float(gap.sum() / batch.weight.sum().clamp(min=1))]


class DenoiserTask(_WindowTask):
    """Clean latents from noisy ones, around what is expected from the sound."""

    columns: tuple[str, ...] = ()

    def __init__(self, examples: Examples, expectation: nn.Module, device: torch.device) -> None:
        super().__init__(Denoiser(), examples, device)
        self._expectation = expectation.to(device)

    def loss(self) -> tuple[Tensor, list[float]]:
        """Distance to the tracked motion from noise of any strength."""
        batch = self._examples.batch().to(self._device)
        n, like = len(batch.latents), batch.latents.shape
        with torch.no_grad(), torch.autocast(self._device.type, torch.bfloat16):
            expected = self._expectation(batch.features).float()
        t = self._uniform(n)
        noise = torch.randn(like, generator=self._rng).to(self._device)
        angle = (t * torch.pi / 2)[:, None, None]
        noisy = torch.cos(angle) * batch.latents + torch.sin(angle) * noise
        with torch.autocast(self._device.type, torch.bfloat16):
            guess = self.model(noisy, t, expected).float()
        return distance(guess, batch), []


def distance(guess: Tensor, batch: Batch) -> Tensor:
    """Squared error of place and of speed where the motion is known."""
    per_channel = torch.ones(N_LATENT, device=guess.device)
    per_channel[-1] = GAP_WEIGHT
    error = guess - batch.latents
    place = (error**2 * per_channel).mean(-1)
    speed = (error.diff(dim=1) ** 2 * per_channel).mean(-1)
    return (place * batch.weight).mean() + (speed * batch.weight[:, 1:] * batch.weight[:, :-1]).mean()


def train_motion(workspace: Workspace, device: torch.device, observer: Observer) -> None:
    """Train the expectation, then the diffusion model around it, on the tracked clips; leaves motion.pt.

    Raises SettingError before the clips were heard, or if WORK holds a model of another recipe or other data.
    """
    examples, origin = examples_of(workspace, workspace.recipe(), observer)
    observer.notice("motion learns from " + ", ".join(f"{len(v)} {kind}" for kind, v in examples.groups.items()))
    model = fit_motion(
        examples, workspace.recipe(), folder=workspace.motion, origin=origin, device=device, observer=observer
    )
    torch.save(model.cpu().state_dict(), workspace.motion / WEIGHTS)


def examples_of(workspace: Workspace, recipe: Recipe, observer: Observer) -> tuple[Examples, str]:
    """The windows that a recipe learns motion from, and the fingerprint of both."""
    write_latents(workspace, observer)
    found = sources(workspace)
    features = [made_from(workspace.features / source.name) for source in found]
    origin = fingerprint(features, made_from(workspace.latents), recipe)
    return Examples(found, Latents(workspace.latents), recipe), origin


def fit_expectation(
    examples: Examples, recipe: Recipe, *, folder: Path, origin: str, device: torch.device, observer: Observer
) -> nn.Module:
    """The expectation; FOLDER keeps its state and curves."""
    torch.manual_seed(recipe.seed)
    options = recipe.expectation
    task = ExpectationTask(examples, options, device)
    plan = Plan(
        name="expectation", seed=recipe.seed, steps=options.steps, learning_rate=options.learning_rate,
        weight_decay=options.weight_decay, warm_up=0.1, clip=1.0,
    )  # fmt: skip
    curves = Curves(folder, "expected motion", task.columns)
    return train(task, plan, folder, curves=curves, origin=origin, observer=observer)


def fit_motion(
    examples: Examples, recipe: Recipe, *, folder: Path, origin: str, device: torch.device, observer: Observer
) -> MotionModel:
    """Both networks, one after the other; FOLDER keeps their states and curves."""
    common = {"origin": origin, "device": device, "observer": observer}
    expectation = fit_expectation(examples, recipe, folder=folder / "expectation", **common)
    options = recipe.motion
    denoising = DenoiserTask(examples, expectation, device)
    plan = Plan(
        name="motion", seed=recipe.seed, steps=options.steps, learning_rate=options.learning_rate,
        weight_decay=0.02, warm_up=0.05, clip=1.0, average=0.998,
    )  # fmt: skip
    curves = Curves(folder, "diffusion model", denoising.columns)
    denoiser = train(denoising, plan, folder, curves=curves, origin=origin, observer=observer)
    model = MotionModel()
    model.expectation.load_state_dict(expectation.state_dict())
    model.denoiser.load_state_dict(denoiser.state_dict())
    return model


def load_motion(workspace: Workspace) -> MotionModel:
    """The trained model, on the CPU and in evaluation mode. Raises SettingError if there is none."""
    path = workspace.motion / WEIGHTS
    if not path.exists():
        raise SettingError(f"{path} is missing; run `sonic train motion` first")
    model = MotionModel()
    model.load_state_dict(torch.load(path, weights_only=True, map_location="cpu"))
    model.eval()
    return model
