"""The training recipe: one TOML file, read into frozen dataclasses."""

import tomllib
from dataclasses import dataclass, fields
from math import inf
from pathlib import Path
from typing import Any, TypeVar

from sonic.errors import SettingError
from sonic.files import read_small_text

T = TypeVar("T")
_MAX_RECIPE_BYTES = 64 * 1024
MAY_BE_ZERO = ("seed", "voices", "noises")
"""Of the whole numbers: there is no batch of 0."""
SHIPPED_RECIPE = Path(__file__).with_name("recipe.toml")


@dataclass(frozen=True, slots=True)
class RecogniserRecipe:
    """How the phone recogniser is trained."""

    batch: int
    window: int
    """Frames at 50 Hz."""
    learning_rate: float
    weight_decay: float
    smoothing: float
    parts: tuple[int, ...]
    """Steps of each part; the training data are aligned anew after each."""


@dataclass(frozen=True, slots=True)
class ExpectationRecipe:
    """How the expected motion is learnt."""

    steps: int
    learning_rate: float
    weight_decay: float
    feature_dropout: float
    """Share of the features that it does not hear in training: it must not lean on a single one."""


@dataclass(frozen=True, slots=True)
class MotionRecipe:
    """The windows of both motion networks, and how the diffusion model is trained."""

    steps: int
    batch: int
    window: int
    """Frames at 25 Hz."""
    learning_rate: float
    noise_share: float
    """Windows of sound without a voice, under a closed mouth."""
    few: int
    """Clips below which a speaker's windows are drawn more often, ``few_weight`` times."""
    few_weight: float


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that a training run needs besides its data."""

    seed: int
    held_out: tuple[str, ...]
    """Speakers that no stage trains on."""
    recordings: int
    """Recordings of --speech that are used, at most."""
    voices: int
    """Sentences of synthetic voices; 0 needs no espeak-ng, but the recogniser then has no phone times to learn from."""
    noises: int
    """Pieces of sound without a voice, six seconds each."""
    takes: int
    """How often each clip is heard: among other neighbours, elsewhere in a recording, distorted."""
    recogniser: RecogniserRecipe
    expectation: ExpectationRecipe
    motion: MotionRecipe


def read_recipe(path: Path | None = None) -> Recipe:
    """The recipe in a TOML file; None: the shipped one. Raises SettingError for a missing, unknown or unfit entry."""
    path = path or SHIPPED_RECIPE
    try:
        table = tomllib.loads(read_small_text(path, _MAX_RECIPE_BYTES))
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())[:200]
        raise SettingError(f"recipe {str(path)!r} cannot be read ({reason}); give a TOML file") from error
    parts = {"recogniser": RecogniserRecipe, "expectation": ExpectationRecipe, "motion": MotionRecipe}
    for name, kind in parts.items():
        values = table.get(name)
        table[name] = _filled(kind, values if isinstance(values, dict) else {}, f"[{name}]")
    return _filled(Recipe, table, "the top level")


def _filled(kind: type[T], values: dict[str, Any], where: str) -> T:
    wanted: dict[str, Any] = {field.name: field.type for field in fields(kind)}  # type: ignore[arg-type]
    if set(wanted) != set(values):
        wrong = ", ".join(sorted(set(wanted) ^ set(values)))
        raise SettingError(f"recipe: {where} must have exactly {', '.join(sorted(wanted))}; check {wrong}")
    for name, value in values.items():
        if not _fits(value, wanted[name], least=0 if name in MAY_BE_ZERO else 1):
            raise SettingError(f"recipe: {name} in {where} is {value!r}; see the shipped recipe for what it must be")
    return kind(**{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()})


def _fits(value: object, kind: object, *, least: int) -> bool:
    """Whether a value of the file is of this kind: whole numbers of at least ``least``, others not below 0."""
    if kind == tuple[int, ...]:
        return isinstance(value, list) and len(value) > 0 and all(_fits(v, int, least=least) for v in value)
    if kind == tuple[str, ...]:
        return isinstance(value, list) and all(isinstance(v, str) for v in value)
    if kind is int:
        return type(value) is int and value >= least
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < inf
    return True
