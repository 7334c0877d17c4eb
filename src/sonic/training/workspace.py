"""The one folder of a training: where each step leaves its result, from what it was made, and who hears of progress."""

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sonic.errors import OutputError, SettingError
from sonic.training.config import SHIPPED_RECIPE, Recipe, read_recipe

MADE_FROM = "made_from.txt"


@dataclass(frozen=True, slots=True)
class Workspace:
    """The folders below WORK; each belongs to one step."""

    root: Path

    @property
    def recipe_file(self) -> Path:
        """The recipe of this training: a copy, so that it stays what it was."""
        return self.root / "recipe.toml"

    @property
    def report(self) -> Path:
        """Every clip's verdict."""
        return self.root / "report.csv"

    @property
    def tracks(self) -> Path:
        """Tracked clips: sonic.training.tracks.Tracks."""
        return self.root / "tracks"

    @property
    def sound(self) -> Path:
        """Folder of the sound caches."""
        return self.root / "sound"

    @property
    def sounds(self) -> tuple[Path, ...]:
        """The sound caches that exist: of the clips, of recordings, of synthetic voices, of no voice at all."""
        found = (self.sound / name for name in ("clips", "speech", "voices", "noise"))
        return tuple(folder for folder in found if (folder / MADE_FROM).exists())

    @property
    def features(self) -> Path:
        """What the speech encoder heard in each sound cache: sonic.training.hear.Heard."""
        return self.root / "features"

    @property
    def recogniser(self) -> Path:
        """Folder of recogniser.pt and the phone alignments."""
        return self.root / "recogniser"

    @property
    def latents(self) -> Path:
        """Motion latents of the tracked clips."""
        return self.root / "latents"

    @property
    def motion(self) -> Path:
        """Folder of motion.pt."""
        return self.root / "motion"

    @property
    def weights(self) -> Path:
        """Where ``export`` writes unless told otherwise."""
        return self.root / "weights"

    def recipe(self) -> Recipe:
        """Raises SettingError where nothing was prepared, or for a recipe with a mistake."""
        if not self.recipe_file.is_file():
            raise SettingError(f"{self.root} is no training folder; make one with `sonic train prepare`")
        return read_recipe(self.recipe_file)


def open_workspace(root: Path, recipe: Path | None = None) -> Workspace:
    """WORK, created if need be, with its copy of the recipe (None: the shipped one).

    Raises SettingError if WORK was begun with another recipe than the one that is given, OutputError if it cannot be
    made.
    """
    workspace = Workspace(root)
    source = recipe or SHIPPED_RECIPE
    read_recipe(source)
    if workspace.recipe_file.exists():
        if recipe and recipe.read_bytes() != workspace.recipe_file.read_bytes():
            raise SettingError(f"{root} was begun with another recipe than {recipe}; use another folder")
        return workspace
    try:
        root.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, workspace.recipe_file)
    except OSError as error:
        raise OutputError(
            f"training folder {root} cannot be made ({error.strerror}); name another with --work"
        ) from error
    return workspace


def fingerprint(*parts: object) -> str:
    """A digest of what a result is made from: files by their bytes, anything else by its text."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.read_bytes() if isinstance(part, Path) and part.is_file() else str(part).encode()
        digest.update(hashlib.sha256(data).digest())
    return digest.hexdigest()


def made_from(folder: Path) -> str:
    """The fingerprint that a finished folder was made from, or an empty text."""
    stamp = folder / MADE_FROM
    return stamp.read_text(encoding="utf-8").strip() if stamp.exists() else ""


def build(folder: Path, origin: str, make: Callable[[Path], None]) -> bool:
    """Let ``make`` fill ``folder`` unless it is there and was made from ``origin``; returns whether it was made.

    The folder appears when it is complete: an interruption leaves the former one, or none.
    """
    if made_from(folder) == origin:
        return False
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    make(part)
    (part / MADE_FROM).write_text(origin + "\n", encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
    return True
