"""What the motion model learns from: latents of tracked clips, and latents that the teacher drew for other speech.

The teacher (phones with times to motion) is fitted to the tracked clips, whose sentences were aligned by the encoder;
then it draws motion for every other utterance with known phones.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sonic.errors import MediaError
from sonic.train.config import Recipe
from sonic.train.curves import Curves
from sonic.train.encoder import WEIGHTS, alignments, is_test
from sonic.train.face import FACE_MODEL, MIRROR, canonical_clip, coefficients, displacement, lower_face_weight
from sonic.train.loop import Plan, train
from sonic.train.networks import Teacher
from sonic.train.phones import BILABIALS, INDEX, LIP_TEETH, SILENCE
from sonic.train.sound import UNKNOWN, SoundCache
from sonic.train.tracks import Tracks
from sonic.train.workspace import Watch, Workspace, build, fingerprint, made_from
from sonic.types import F32, F64, U8
from sonic.weights import CLOSED_MM, GAP_SCALE_MM

STAND_INS = {"SH": "CH", "ZH": "JH", "UH": "UW", "NG": "N", "HH": "AH", "ER": "R", "OY": "AO"}
"""Phones outside GRID's words, by those inside whose lips they share."""
CLOSED = CLOSED_MM / GAP_SCALE_MM


@dataclass(frozen=True, slots=True)
class FaceFit:
    """The face model as training needs it."""

    template: F64
    basis: F64
    signs: F32
    """(33,) factor of each latent in a mirrored face: 1 symmetric, -1 antisymmetric."""


def load_face(path: Path) -> FaceFit:
    """The face model that sonic.train.face wrote."""
    with np.load(path) as arrays:
        template, basis, mirror = (arrays[k].astype(np.float64) for k in ("template", "basis", "mirror"))
    flipped = basis[:, mirror.astype(int)] * MIRROR
    signs = np.sign((flipped * basis).sum((1, 2)))
    return FaceFit(template, basis, np.append(signs, 1).astype(np.float32))


def latents_of(points_px: F32, face: FaceFit) -> F32 | None:
    """(T, 478, 3) px -> (T, 33) latents, or None if the lips never close."""
    clip = canonical_clip(points_px, face.template)
    if clip is None:
        return None
    shape = coefficients(displacement(clip, lower_face_weight(face.template)), face.basis)
    gap = np.where(clip.lip_gap > 0, clip.lip_gap, CLOSED_MM) / GAP_SCALE_MM
    return np.asarray(np.concatenate([shape, gap[:, None]], 1), np.float32)


def stood_in(labels: U8) -> NDArray[np.int64]:
    """Labels that the teacher knows."""
    table = np.arange(256)
    table[UNKNOWN] = SILENCE
    for phone, other in STAND_INS.items():
        table[INDEX[phone]] = INDEX[other]
    return np.asarray(table[labels], np.int64)


@dataclass(frozen=True, slots=True)
class Pair:
    """A tracked clip with its phones."""

    labels: NDArray[np.int64]
    """(2 T,) at 50 Hz."""
    latents: F32
    """(T, 33) at 25 Hz."""


class TeacherTask:
    """Least squares from labelled phones to latents, with random tempo."""

    columns: tuple[str, ...] = ()

    def __init__(self, model: Teacher, pairs: Sequence[Pair], recipe: Recipe, device: torch.device) -> None:
        self.model: nn.Module = model
        self._pairs, self._batch, self._device = pairs, recipe.teacher.batch, device
        self.seed(recipe.seed)

    def seed(self, seed: int) -> None:
        """Restart the choice of windows and tempi."""
        self._rng = np.random.default_rng(seed)

    def loss(self) -> tuple[Tensor, list[float]]:
        """Weighted squared error of a fresh batch."""
        rng = self._rng
        picked = [_stretched(self._pairs[i], 72, rng) for i in rng.integers(0, len(self._pairs), self._batch)]
        labels = torch.from_numpy(np.stack([p.labels for p in picked])).to(self._device)
        latents = torch.from_numpy(np.stack([p.latents for p in picked])).to(self._device)
        with torch.autocast(self._device.type, torch.bfloat16):
            drawn = self.model(labels)
        weight = torch.ones(latents.shape[-1], device=self._device)
        weight[-1] = 4.0
        return (((drawn.float() - latents) ** 2) * weight).mean(), []


def _stretched(pair: Pair, frames: int, rng: np.random.Generator) -> Pair:
    """A random window of the pair at a random tempo."""
    tempo = float(np.exp(rng.uniform(-0.25, 0.25)))
    n = len(pair.latents)
    start = rng.uniform(-5, max(n - frames * tempo, 0) + 5)
    at = np.clip(start + np.arange(frames) * tempo, 0, n - 1)
    fine = np.clip(np.round(2 * (start + np.arange(2 * frames) / 2 * tempo)), 0, len(pair.labels) - 1).astype(int)
    left = np.minimum(at.astype(int), n - 2)
    share = (at - left)[:, None].astype(np.float32)
    return Pair(pair.labels[fine], pair.latents[left] * (1 - share) + pair.latents[left + 1] * share)


def drawn(model: nn.Module, labels: U8) -> F32:
    """(T, 33) latents for labels at 50 Hz; lips are closed on every bilabial and nearly so between lip and teeth."""
    n = len(labels) // 2
    with torch.inference_mode():
        guess = model(torch.from_numpy(stood_in(labels[: 2 * n]))[None])[0]
    latents: F32 = guess.float().numpy().copy()
    both = labels[: 2 * n].reshape(n, 2)
    closed = np.isin(both, BILABIALS).all(1) | (
        np.isin(both, BILABIALS).any(1) & _lone(np.isin(both, BILABIALS).any(1))
    )
    latents[closed, -1] = CLOSED
    narrow = np.isin(both, LIP_TEETH).all(1)
    latents[narrow, -1] = np.minimum(latents[narrow, -1], 1.2 / GAP_SCALE_MM)
    return latents


def _lone(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where a run of True is one frame long."""
    padded = np.pad(mask, 1)
    return np.asarray(mask & ~padded[:-2] & ~padded[2:])


def correlation(pairs: Sequence[Pair], model: nn.Module) -> float:
    """Mean over clips of the correlation of drawn and tracked lip opening."""
    found = []
    for pair in pairs:
        with torch.inference_mode():
            got = model(torch.from_numpy(pair.labels)[None])[0, :, -1].float().numpy()
        found.append(np.corrcoef(got, pair.latents[:, -1])[0, 1])
    return float(np.mean(found))


def build_pairs(
    tracks: Tracks, sound: SoundCache, labels: list[U8], face: FaceFit, recipe: Recipe
) -> tuple[dict[str, F32], list[Pair], list[Pair]]:
    """Latents of every tracked clip by key, and the training and the test pairs that have phones too."""
    rows = {row["key"]: i for i, row in enumerate(sound.rows)}
    latents: dict[str, F32] = {}
    train: list[Pair] = []
    test: list[Pair] = []
    for k, row in enumerate(tracks.rows):
        key = row["key"]
        found = latents_of(tracks.points(k), face)
        if found is None:
            continue
        latents[key] = found
        i = rows.get(key)
        if i is not None and (labels[i] != UNKNOWN).any():
            n = min(len(found), len(labels[i]) // 2)
            pair = Pair(stood_in(labels[i][: 2 * n]), found[:n])
            (test if is_test(sound[i], recipe.held_out) else train).append(pair)
    return latents, train, test


def draw_motion(workspace: Workspace, device: torch.device, watch: Watch) -> None:
    """Fit the teacher and write the latents of all speech; nothing to do if that was done with the same inputs.

    Raises SettingError before the encoder is trained, MediaError if no tracked clip has phones.
    """
    recipe = workspace.recipe()
    caches, labels = alignments(workspace)
    origin = fingerprint(
        *(workspace.encoder / WEIGHTS, made_from(workspace.face), [made_from(folder) for folder in workspace.sounds]),
        *(recipe.teacher, recipe.seed, recipe.held_out),
    )
    if made_from(workspace.latents) == origin:
        return
    face = load_face(workspace.face / FACE_MODEL)
    tracked, pairs, test = build_pairs(Tracks(workspace.tracks), caches[0], labels[0], face, recipe)
    watch.notice(f"{len(tracked)} clips tracked; {len(pairs)} to fit the teacher, {len(test)} to test it")
    if not pairs:
        raise MediaError("no clip has both closed lips and a sentence of GRID's words: the teacher needs some of GRID")
    torch.manual_seed(recipe.seed)
    task = TeacherTask(Teacher().to(device), pairs, recipe, device)
    plan = Plan(
        name="teacher", seed=recipe.seed, steps=recipe.teacher.steps, learning_rate=recipe.teacher.learning_rate,
        weight_decay=0.05, warm_up=0.3,
    )  # fmt: skip
    curves = Curves(workspace.teacher, "teacher", task.columns)
    teacher = train(task, plan, workspace.teacher, curves=curves, origin=origin, watch=watch).cpu()
    if test:
        watch.notice(f"teacher: correlation of lip opening on unseen clips {correlation(test, teacher):.3f}")
    build(workspace.latents, origin, lambda out: _write_latents(out, caches, labels, tracked, teacher, watch))


def _write_latents(
    out: Path,
    caches: Sequence[SoundCache],
    labels: Sequence[list[U8]],
    tracked: dict[str, F32],
    teacher: nn.Module,
    watch: Watch,
) -> None:
    """latents.npy and its index: tracked motion where there is some, drawn motion where phones are known."""
    rows: list[list[object]] = []
    blocks, start = [], 0
    for cache, group in zip(caches, labels, strict=True):
        for i in range(len(cache)):
            key = cache.rows[i]["key"]
            if key in tracked or (group[i] != UNKNOWN).any():
                block = tracked[key] if key in tracked else drawn(teacher, group[i])
                rows.append([key, start, len(block), int(key in tracked)])
                blocks.append(block)
                start += len(block)
    watch.notice(f"{len(tracked)} utterances with tracked motion, {len(rows) - len(tracked)} with drawn motion")
    np.save(out / "latents.npy", np.concatenate(blocks))
    with (out / "index.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["key", "start", "frames", "tracked"], *rows])
