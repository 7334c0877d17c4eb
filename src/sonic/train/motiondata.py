"""Step 5: what the motion model learns from: latents of tracked clips, and latents that the teacher drew for other
speech.

    python -m sonic.train.motiondata TRACKS --face face_model.npz --sounds SOUND VOICES --labels L0 L1 --out LATENTS

The teacher (phones with times to motion) is fitted to the tracked clips, whose sentences were aligned by the encoder;
then it draws motion for every other utterance with known phones.
"""

import argparse
import csv
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from sonic.train.config import Recipe, read_recipe
from sonic.train.encoder import is_test, load_labels
from sonic.train.face import MIRROR, canonical_clip, coefficients, displacement, lower_face_weight
from sonic.train.networks import Teacher
from sonic.train.phones import BILABIALS, INDEX, LIP_TEETH, SILENCE
from sonic.train.sound import UNKNOWN, SoundCache
from sonic.types import F32, F64, U8
from sonic.weights import CLOSED_MM, GAP_SCALE_MM

log = logging.getLogger(__name__)

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
    """A file written by sonic.train.face."""
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


def fit_teacher(pairs: Sequence[Pair], recipe: Recipe) -> Teacher:
    """Least squares from labelled phones to latents, with random tempo."""
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    model = Teacher()
    options = recipe.teacher
    optimizer = torch.optim.AdamW(model.parameters(), options.learning_rate, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, options.learning_rate, total_steps=options.steps)
    losses = []
    for step in range(1, options.steps + 1):
        picked = [_stretched(pairs[i], 72, rng) for i in rng.integers(0, len(pairs), options.batch)]
        labels = torch.from_numpy(np.stack([p.labels for p in picked]))
        latents = torch.from_numpy(np.stack([p.latents for p in picked]))
        with torch.autocast("cpu", torch.bfloat16):
            drawn = model(labels)
        weight = torch.ones(latents.shape[-1])
        weight[-1] = 4.0
        loss = (((drawn.float() - latents) ** 2) * weight).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(float(loss.detach()))
        if step % 250 == 0:
            log.info("teacher: step %d of %d, loss %.4f", step, options.steps, np.mean(losses[-250:]))
    model.eval()
    return model


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


def drawn(model: Teacher, labels: U8) -> F32:
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


def correlation(pairs: Sequence[Pair], model: Teacher) -> float:
    """Mean over clips of the correlation of drawn and tracked lip opening."""
    found = []
    for pair in pairs:
        with torch.inference_mode():
            got = model(torch.from_numpy(pair.labels)[None])[0, :, -1].float().numpy()
        found.append(np.corrcoef(got, pair.latents[:, -1])[0, 1])
    return float(np.mean(found))


def build_pairs(
    tracks: Path, sound: SoundCache, labels: list[U8], face: FaceFit, recipe: Recipe
) -> tuple[dict[str, F32], list[Pair], list[Pair]]:
    """Latents of every tracked clip by key, and the training and the test pairs that have phones too."""
    rows = {row["key"]: i for i, row in enumerate(sound.rows)}
    latents: dict[str, F32] = {}
    train: list[Pair] = []
    test: list[Pair] = []
    for path in sorted(tracks.glob("*.npz")):
        with np.load(path) as clip:
            found = latents_of(clip["points"], face)
        if found is None:
            continue
        latents[path.stem] = found
        i = rows.get(path.stem)
        if i is not None and (labels[i] != UNKNOWN).any():
            n = min(len(found), len(labels[i]) // 2)
            pair = Pair(stood_in(labels[i][: 2 * n]), found[:n])
            (test if is_test(sound[i], recipe.held_out) else train).append(pair)
    return latents, train, test


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="sonic.train.motiondata", description=__doc__.partition("\n")[0])
    parser.add_argument("tracks", type=Path, help="folder made by sonic.train.prepare")
    parser.add_argument("--face", type=Path, required=True, help="face_model.npz of sonic.train.face")
    parser.add_argument("--sounds", type=Path, nargs="+", required=True, help="as given to sonic.train.encoder")
    parser.add_argument(
        "--labels", type=Path, nargs="+", required=True, help="its alignments, one for each sound folder"
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--recipe", type=Path)
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(2)
    recipe = read_recipe(options.recipe)
    face = load_face(options.face)
    caches = [SoundCache(folder) for folder in options.sounds]
    labels = [load_labels(cache, path) for cache, path in zip(caches, options.labels, strict=True)]
    tracked, train, test = build_pairs(options.tracks, caches[0], labels[0], face, recipe)
    log.info("%d clips tracked; %d to fit the teacher, %d to test it", len(tracked), len(train), len(test))
    teacher = fit_teacher(train, recipe)
    log.info("teacher: correlation of lip opening on unseen clips %.3f", correlation(test, teacher))
    options.out.mkdir(parents=True, exist_ok=True)
    torch.save(teacher.state_dict(), options.out / "teacher.pt")
    rows, blocks, start = [], [], 0
    for cache, group in zip(caches, labels, strict=True):
        for i in range(len(cache)):
            key = cache.rows[i]["key"]
            if key in tracked or (group[i] != UNKNOWN).any():
                block = tracked[key] if key in tracked else drawn(teacher, group[i])
                rows.append([key, start, len(block), int(key in tracked)])
                blocks.append(block)
                start += len(block)
    np.save(options.out / "latents.npy", np.concatenate(blocks))
    with (options.out / "index.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["key", "start", "frames", "tracked"], *rows])
    log.info("wrote %d utterances, %.2f h", len(rows), start / 25 / 3600)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
