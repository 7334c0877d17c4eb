"""Each clip's offset between picture and sound: estimated, and removed when the sound is read.

What the lips do is compared with what the clip's sound makes the shipped networks expect
(sonic.evaluation.metrics.offset). A short clip says it to a frame or two, so the clips of one recording help each
other: at each lag, a clip's own agreement and the mean over its folder and speaker count alike. A clip whose lips
agree with its sound at no lag is not learnt from.
"""

import csv
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path, PurePosixPath

import numpy as np

from sonic.errors import MediaError
from sonic.evaluation.metrics.offset import N_LAGS, offset_of
from sonic.files import replacing
from sonic.types import F64

OFFSETS = "offsets.csv"
MIN_LAG_MS = 40.0
"""Of GRID's clips, whose picture and sound agree, one in twenty seems as far apart by itself: less is not removed."""
APART = "picture and sound disagree"
"""Why a clip is rejected whose lips agree with its sound at no lag."""


@dataclass(frozen=True, slots=True)
class Offset:
    """What one clip says."""

    key: str
    speaker: str
    folder: str
    lag_ms: float
    """How much later the lips are than the sound."""
    agreement: float
    """Mean correlation of opening, width and jaw with what the sound makes us expect, at that lag."""
    here: float
    """The same at none."""
    clear: int
    """1 where that is more than chance."""
    removed_ms: float
    """By how much the sound is delayed when it is read: the lag, or 0 where it is small or not clear."""


def group(row: dict[str, str]) -> tuple[str, str]:
    """Clips that share it come from one recording: speaker and folder."""
    return row["speaker"], str(PurePosixPath(row["file"]).parent)


def estimate(rows: Sequence[dict[str, str]]) -> list[Offset]:
    """One offset for each tracked clip (``Tracks.rows``). Raises MediaError for clips that an older version tracked."""
    curves = [np.array(row["lag_curve"].split(), np.float64) for row in rows]
    if any(len(curve) != N_LAGS for curve in curves):
        raise MediaError("these clips were tracked by an older version; delete the folder tracks and prepare again")
    together: dict[tuple[str, str], list[F64]] = defaultdict(list)
    for row, curve in zip(rows, curves, strict=True):
        together[group(row)].append(curve)
    means = {name: np.mean(own, axis=0) for name, own in together.items()}
    return [_one(row, curve, means[group(row)]) for row, curve in zip(rows, curves, strict=True)]


def _one(row: dict[str, str], own: F64, mean: F64) -> Offset:
    found = offset_of(own, round(25 * float(row["seconds"])), help_=mean)
    removed = found.ms if found.clear and abs(found.ms) >= MIN_LAG_MS else 0.0
    return Offset(
        row["key"], *group(row), round(found.ms, 1), round(found.there, 3), round(found.here, 3), int(found.clear),
        round(removed, 1),
    )  # fmt: skip


def write_offsets(found: Sequence[Offset], folder: Path) -> None:
    """FOLDER/offsets.csv."""
    with replacing(folder / OFFSETS) as part, part.open("w", newline="", encoding="utf-8") as file:
        rows = ([f.name for f in fields(Offset)], *(astuple(offset) for offset in found))
        csv.writer(file, lineterminator="\n").writerows(rows)


def read_removed(folder: Path) -> dict[str, float]:
    """Milliseconds by which the sound of each clip is delayed; empty where nothing was estimated."""
    return {row["key"]: float(row["removed_ms"]) for row in _read(folder)}


def read_apart(folder: Path) -> set[str]:
    """Keys of the clips whose lips agree with their sound at no lag."""
    return {row["key"] for row in _read(folder) if row["clear"] == "0"}


def _read(folder: Path) -> list[dict[str, str]]:
    path = folder / OFFSETS
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if "key" in row]
