"""A constant offset between picture and sound of one recording: estimated from all of its clips, and removed."""

import csv
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path, PurePosixPath

import numpy as np

from sonic.training.clean import LAGS_MS, lag_of
from sonic.types import F64

OFFSETS = "offsets.csv"
MIN_SECONDS = 60.0
"""Less footage says too little: the rhythm of one sentence alone can move the best lag by a syllable."""
MIN_LAG_MS = 60.0
"""Lips and loudness of filmed people agree best at 0, give or take a frame."""
MIN_GAIN = 0.1
"""By which the correlation at the best lag must exceed that without one."""


@dataclass(frozen=True, slots=True)
class Offset:
    """What the clips of one folder and speaker say together."""

    speaker: str
    folder: str
    clips: int
    seconds: float
    lag_ms: float
    """How much later the lips are than the loudness."""
    correlation: float
    """Mean over the clips at that lag."""
    gain: float
    """By which that exceeds the mean at no lag."""
    removed_ms: float
    """By how much the sound is delayed when it is read: the lag, or 0 where it is not believed."""


def group(row: dict[str, str]) -> tuple[str, str]:
    """Clips that share it come from one recording: speaker and folder."""
    return row["speaker"], str(PurePosixPath(row["file"]).parent)


def estimate(rows: Sequence[dict[str, str]]) -> list[Offset]:
    """One offset for each group of tracked clips (``Tracks.rows``)."""
    grouped: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        grouped[group(row)].append(row)
    return [_pooled(*names, own) for names, own in sorted(grouped.items())]


def _pooled(speaker: str, folder: str, rows: Sequence[dict[str, str]]) -> Offset:
    seconds = np.array([float(row["seconds"]) for row in rows])
    curves = np.array([[float(v) for v in row["lag_curve"].split()] for row in rows])
    curve: F64 = np.average(curves, axis=0, weights=seconds)
    lag_ms, correlation = lag_of(curve)
    gain = correlation - float(curve[len(LAGS_MS) // 2])
    sure = seconds.sum() >= MIN_SECONDS and abs(lag_ms) >= MIN_LAG_MS and gain >= MIN_GAIN
    numbers = (round(float(v), 3) for v in (seconds.sum(), lag_ms, correlation, gain, lag_ms if sure else 0.0))
    return Offset(speaker, folder, len(rows), *numbers)


def write_offsets(found: Sequence[Offset], folder: Path) -> None:
    """FOLDER/offsets.csv."""
    part = folder / f"{OFFSETS}.part"
    with part.open("w", newline="", encoding="utf-8") as file:
        rows = ([f.name for f in fields(Offset)], *(astuple(offset) for offset in found))
        csv.writer(file, lineterminator="\n").writerows(rows)
    part.replace(folder / OFFSETS)


def read_removed(folder: Path) -> dict[tuple[str, str], float]:
    """Milliseconds by which the sound of each group is delayed; empty where nothing was estimated."""
    path = folder / OFFSETS
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8") as file:
        return {(row["speaker"], row["folder"]): float(row["removed_ms"]) for row in csv.DictReader(file)}
