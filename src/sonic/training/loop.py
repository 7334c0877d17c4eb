"""The training loop that every network shares: seeded, resumable after a kill, with its curves on disk.

All random choices are seeded anew from (seed, step) at each checkpoint, so a run that was killed and resumed goes the
same way as one that was not.
"""

import copy
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from sonic.errors import SettingError, SonicError
from sonic.files import replacing
from sonic.training.curves import Curves
from sonic.types import Observer, Progress

STATE = "state.pt"


class Task(Protocol):
    """What is learnt."""

    model: nn.Module
    columns: tuple[str, ...]
    """Names of what ``loss`` reports beside the loss."""

    def seed(self, seed: int) -> None:
        """Restart every random choice."""

    def loss(self) -> tuple[Tensor, list[float]]:
        """Loss of a fresh batch, and the values of ``columns``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How it is learnt: AdamW under one cycle of warm-up and cosine decay."""

    name: str
    """Of the training, in progress lines and curves."""
    seed: int
    steps: int
    learning_rate: float
    weight_decay: float
    warm_up: float
    """Share of the steps in which the rate rises."""
    clip: float = float("inf")
    """Largest norm of the gradient."""
    average: float = 0.0
    """Largest decay of the running mean of the weights, which is the result; 0: the last weights are."""
    log_every: int = 50
    save_every: int = 100
    step_before: int = 0
    """Steps of the parts before this one, for the curves."""


class _Run:
    """Everything that a checkpoint holds."""

    def __init__(self, task: Task, plan: Plan) -> None:
        self.model = task.model
        self.mean = copy.deepcopy(task.model) if plan.average else task.model
        self.optimizer = torch.optim.AdamW(self.model.parameters(), plan.learning_rate, weight_decay=plan.weight_decay)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, plan.learning_rate, total_steps=plan.steps, pct_start=plan.warm_up
        )
        self.step, self.seconds = 0, 0.0

    def save(self, path: Path, origin: str) -> None:
        """Write the whole state; a kill leaves the former file."""
        states = {name: part.state_dict() for name, part in self._parts().items()}
        with replacing(path) as part:
            torch.save({**states, "step": self.step, "seconds": self.seconds, "origin": origin}, part)

    def load(self, path: Path, origin: str) -> None:
        """Continue from a state. Raises SettingError if it belongs to another recipe or other data."""
        saved: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
        if saved["origin"] != origin:
            raise SettingError(
                f"{path.parent} was trained with another recipe or other data; delete that folder to train anew"
            )
        for name, part in self._parts().items():
            part.load_state_dict(saved[name])
        self.step, self.seconds = int(saved["step"]), float(saved["seconds"])

    def advance(self, loss: Tensor, plan: Plan) -> None:
        """One step of the optimizer, and of the running mean."""
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), plan.clip)
        self.optimizer.step()
        self.schedule.step()
        self.step += 1
        if self.mean is not self.model:
            decay = min(plan.average, self.step / (self.step + 10))
            with torch.no_grad():
                for ours, theirs in zip(self.mean.parameters(), self.model.parameters(), strict=True):
                    ours.lerp_(theirs, 1 - decay)

    def _parts(self) -> dict[str, Any]:
        return {"model": self.model, "mean": self.mean, "optimizer": self.optimizer, "schedule": self.schedule}


def train(task: Task, plan: Plan, folder: Path, *, curves: Curves, origin: str, observer: Observer) -> nn.Module:
    """The trained model, in evaluation mode: the running mean of the weights where the plan has one.

    FOLDER keeps the state; ``origin`` is the fingerprint of recipe and data. Raises SettingError if FOLDER belongs to
    other ones, SonicError if the loss is no number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    run, state = _Run(task, plan), folder / STATE
    if state.exists():
        run.load(state, origin)
        going_on = f"resumes at step {run.step} of {plan.steps}"
        observer.notice(f"{plan.name}: {going_on if run.step < plan.steps else 'was trained before'}")
    curves.forget_after(plan.step_before + run.step)
    task.model.train()
    began, first, values = time.monotonic() - run.seconds, run.step, []
    while run.step < plan.steps:
        if run.step % plan.save_every == 0:
            task.seed(plan.seed + run.step)
        loss, others = task.loss()
        run.advance(loss, plan)
        values.append([float(loss.detach()), *others])
        if not np.isfinite(values[-1][0]):
            raise SonicError(f"{plan.name}: the loss is {values[-1][0]} at step {run.step}; lower its learning_rate")
        run.seconds = time.monotonic() - began
        if run.step % plan.log_every == 0 or run.step == plan.steps:
            curves.add(plan.step_before + run.step, np.mean(values, axis=0), run.seconds)
            values = []
        if run.step % plan.save_every == 0 or run.step == plan.steps:
            run.save(state, origin)
            curves.plot()
        observer.progress(Progress("train", run.step - first, plan.steps - first))
    return run.mean.eval()


def pick_device(name: str, threads: int) -> torch.device:
    """Where to train, with so many threads on the CPU; ``auto``: the GPU where there is one.

    Raises SettingError for ``cuda`` without one.
    """
    torch.set_num_threads(threads)
    if name == "cuda" and not torch.cuda.is_available():
        raise SettingError("--device cuda: PyTorch sees no such device; use --device cpu, or install its CUDA build")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)
