"""What every part of bench/motion.py is given."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mel_judge import MelJudge
from methods import Recogniser
from sonic.engines import Engine
from tracks import Tracker


@dataclass(frozen=True)
class Bench:
    """The engine under test and the means to test it."""

    tracker: Tracker
    engine: Engine[Any]
    recogniser: Recogniser | None
    folds: Path | None
    """Networks that a quarter of GRID's speakers each was left out of: WORK/folds of ``sonic train evaluate``."""
    mel_judge: MelJudge | None
    folder: Path
    """For sounds that are made on the way."""
    limit: int
    """Clips of each folder, voices of each language."""
    seconds: float
    """Of each clip."""
