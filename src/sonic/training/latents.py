"""Motion latents of the tracked clips: what the diffusion model learns from."""

import csv
from pathlib import Path

import numpy as np

from sonic.engines.light.lips.latents import GAP_SCALE_MM
from sonic.errors import MediaError
from sonic.faces.model import FaceModel, face_model
from sonic.motion import MIRRORED, MOUTH
from sonic.training.face import canonical_clip, mouth_weights
from sonic.training.networks import CLOSED, N_LATENT
from sonic.training.shards import INDEX
from sonic.training.tracks import Tracks
from sonic.training.workspace import Workspace, build, fingerprint
from sonic.types import F32, Observer
from sonic.weights import TABLE

MIRROR_ORDER = np.append(MIRRORED[MOUTH], N_LATENT - 1)
"""(33,) ``latents[:, MIRROR_ORDER]`` are those of the mirror image."""


def latents_of(points_px: F32, face: FaceModel) -> F32 | None:
    """(T, 478, 3) px -> (T, 33) latents, or None if the lips never close."""
    clip = canonical_clip(points_px, face.template.astype(np.float64))
    if clip is None:
        return None
    gap = np.where(clip.lip_gap > 0, clip.lip_gap / GAP_SCALE_MM, CLOSED)
    return np.asarray(np.concatenate([mouth_weights(clip, face), gap[:, None]], 1), np.float32)


class Latents:
    """(T, 33) latents by the key of a tracked clip: mapped, not loaded."""

    def __init__(self, folder: Path) -> None:
        self._values = np.load(folder / "latents.npy", mmap_mode="r")
        with (folder / "index.csv").open(newline="", encoding="utf-8") as file:
            self._rows = {row["key"]: (int(row["start"]), int(row["frames"])) for row in csv.DictReader(file)}

    def __contains__(self, key: str) -> bool:
        return key in self._rows

    def __getitem__(self, key: str) -> F32:
        start, frames = self._rows[key]
        return np.asarray(self._values[start : start + frames])


def write_latents(workspace: Workspace, observer: Observer) -> None:
    """The latents of every tracked clip; nothing to do if that was done with the same inputs.

    Raises MediaError if no clip has closed lips.
    """
    origin = fingerprint(workspace.tracks / INDEX, TABLE["face_model"].sha256)

    def make(out: Path) -> None:
        save_latents(_found(workspace), out)

    if build(workspace.latents, origin, make):
        observer.notice("motion of the tracked clips is written")


def _found(workspace: Workspace) -> dict[str, F32]:
    face, tracks = face_model(), Tracks(workspace.tracks)
    used = [(k, row["key"]) for k, row in enumerate(tracks.rows) if row["key"] not in tracks.apart]
    every = ((key, latents_of(tracks.points(k), face)) for k, key in used)
    found = {key: latents for key, latents in every if latents is not None}
    if not found:
        raise MediaError(f"no clip in {workspace.tracks} has closed lips, from which motion is measured; add clips")
    return found


def save_latents(latents: dict[str, F32], out: Path) -> None:
    """latents.npy and its index: what Latents reads."""
    starts = np.cumsum([0, *(len(values) for values in latents.values())])
    rows = [[key, start, len(values)] for (key, values), start in zip(latents.items(), starts, strict=False)]
    np.save(out / "latents.npy", np.concatenate(list(latents.values())))
    with (out / "index.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["key", "start", "frames"], *rows])
