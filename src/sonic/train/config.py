"""The training recipe: one TOML file, read into frozen dataclasses."""

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from sonic.errors import SettingError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EncoderRecipe:
    """How the speech encoder is trained."""

    batch: int
    window_s: float
    learning_rate: float
    weight_decay: float
    smoothing: float
    parts: tuple[int, ...]
    """Steps of each part; the training data are aligned anew after each."""


@dataclass(frozen=True, slots=True)
class TeacherRecipe:
    """How the teacher (phones to motion) is trained."""

    steps: int
    batch: int
    learning_rate: float


@dataclass(frozen=True, slots=True)
class MotionRecipe:
    """How the diffusion model is trained."""

    steps: int
    batch: int
    window: int
    """Frames at 25 Hz."""
    learning_rate: float
    audio_dropout: float
    """Share of windows that are trained without audio, for guidance."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that a training run needs besides its data."""

    seed: int
    held_out: tuple[str, ...]
    """Speakers that no stage trains on."""
    encoder: EncoderRecipe
    teacher: TeacherRecipe
    motion: MotionRecipe


def read_recipe(path: Path | None = None) -> Recipe:
    """The recipe in a TOML file; None: the shipped one. Raises SettingError for a missing or unknown entry."""
    path = path or Path(__file__).with_name("recipe.toml")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingError(f"recipe {path} cannot be read ({error}); give a TOML file") from error
    parts = {"encoder": EncoderRecipe, "teacher": TeacherRecipe, "motion": MotionRecipe}
    for name, kind in parts.items():
        table[name] = _filled(kind, table.get(name, {}), f"[{name}]")
    return _filled(Recipe, table, "the top level")


def _filled(kind: type[T], values: dict[str, Any], where: str) -> T:
    names = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    if names != set(values):
        wrong = ", ".join(sorted(names ^ set(values)))
        raise SettingError(f"recipe: {where} must have exactly {', '.join(sorted(names))}; check {wrong}")
    return kind(**{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()})
