"""What bench/ablation.py learns from and judges by: stores of training windows, and clips that no stage trained on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sonic.speech.mel import HOP, N_MELS, log_mel, speech_level
from sonic.training import augment
from sonic.training.clips import find_clips
from sonic.training.encoder import WEIGHTS, alignments, load_encoder
from sonic.training.evaluate import test_clips
from sonic.training.examples import STEP, Batch, Examples, Item
from sonic.training.face import FACE_MODEL, canonical_clip
from sonic.training.latents import Latents, load_face
from sonic.training.loop import STATE
from sonic.training.motion import heard
from sonic.training.networks import Encoder
from sonic.training.phones import PHONES
from sonic.training.prepare import align
from sonic.training.tracks import Tracks, track_all
from sonic.training.workspace import Workspace, build, fingerprint, made_from
from sonic.types import F32, F64, Watch

MEL = 4 * N_MELS
"""Log-mel values in a frame of motion; they stand behind the encoder's features."""
EDGE_FRAMES = 12
"""Of silence around a judged clip, as the product hears it."""
STAY_STRANGERS = ("s16", "s25", "s30", "s33", "lipify", "rk_swiz3n")
"""Held-out GRID speakers that judge the windows of more speakers, which hold one clip of each of the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """How windows differ from the recipe's; None: they do not."""

    finished: bool = True
    """False: heard by the encoder as it was before its last part."""
    plain_share: float | None = None
    spoken_share: float | None = None
    others_share: float | None = None
    """Share of the tracked windows that show other GRID speakers; 0: as often as they have clips."""


@dataclass(frozen=True, slots=True)
class Windows:
    """N windows of T frames with everything that a network may hear, mapped and not loaded."""

    heard: NDArray[np.float16]
    """(N, T, F + MEL)"""
    latents: F32
    weight: F32
    closed: F32

    @classmethod
    def open(cls, folder: Path) -> "Windows":
        """What ``draw`` wrote."""
        return cls(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in cls.__slots__))

    def batch(self, which: NDArray[np.intp], columns: NDArray[np.intp]) -> Batch:
        """Some windows; ``mel`` holds the chosen columns of what is heard, (B, T, len(columns))."""
        chosen = np.stack([self.heard[i][:, columns] for i in which]).astype(np.float32)
        rest = (np.stack([part[i] for i in which]) for part in (self.latents, self.weight, self.closed))
        return Batch(torch.from_numpy(chosen), *(torch.from_numpy(part) for part in rest))


def columns_of(parts: Sequence[str], channels: int) -> NDArray[np.intp]:
    """Places of ``middle``, ``top``, ``phones`` and ``mel`` in what is heard."""
    inner = np.repeat(["middle", "top", "phones"], [channels, channels, len(PHONES)])
    return np.flatnonzero(np.isin(np.concatenate([inner, inner, np.repeat("mel", MEL)]), parts))


def stored_windows(workspace: Workspace, data: Data, watch: Watch) -> tuple[Windows, str]:
    """As many batches as the expectation takes steps, drawn and heard once, and what they were made from."""
    recipe = workspace.recipe()
    origin = fingerprint(weights_file(workspace, data), made_from(workspace.latents), recipe, data)
    folder = workspace.root / "ablation" / f"windows-{origin[:12]}"

    def make(out: Path) -> None:
        watch.notice(f"drawing windows: {data}")
        draw(_examples(workspace, data), encoder_of(workspace, data), recipe.expectation.steps, data, out)

    build(folder, origin, make)
    return Windows.open(folder), origin


def draw(examples: Examples, encoder: Encoder, batches: int, data: Data, out: Path) -> None:
    """Write ``batches`` of windows as Windows.open reads them."""
    share = augment.PLAIN_SHARE if data.plain_share is None else data.plain_share
    names, files, n = Windows.__slots__, {}, 0
    with patch.object(augment, "PLAIN_SHARE", share):
        for k in range(batches):
            batch = examples.batch()
            parts = [_everything(heard(encoder, batch.mel), batch.mel), batch.latents, batch.weight, batch.closed]
            n = len(batch.weight)
            for name, part in zip(names, parts, strict=True):
                values = part.numpy().astype(np.float16 if name == "heard" else np.float32)
                if not k:
                    files[name] = np.lib.format.open_memmap(
                        out / f"{name}.npy", "w+", values.dtype, (batches * n, *values.shape[1:])
                    )
                files[name][k * n : (k + 1) * n] = values
    for file in files.values():
        file.flush()


def _everything(features: Tensor, mel: Tensor) -> Tensor:
    return torch.cat([features, mel.reshape(*features.shape[:2], MEL)], -1)


def _examples(workspace: Workspace, data: Data) -> Examples:
    recipe = workspace.recipe()
    if data.spoken_share is not None:
        recipe = replace(recipe, motion=replace(recipe.motion, spoken_share=data.spoken_share))
    caches, labels = alignments(workspace)
    latents = Latents(workspace.latents)
    examples = Examples(caches, labels, latents, load_face(workspace.face / FACE_MODEL).signs, recipe)
    if data.others_share is not None:
        others = [
            Item(cache, i, group[i], row["key"])
            for cache, group in zip(caches, labels, strict=True)
            for i, row in enumerate(cache.rows)
            if row["key"] in latents and row["speaker"] in set(recipe.held_out) - set(STAY_STRANGERS)
        ]
        own = examples.groups["tracked"]
        wanted = data.others_share / (1 - data.others_share) * len(own)
        own += others * max(1, round(wanted / max(len(others), 1)))
    examples.seed(recipe.seed)
    return examples


def weights_file(workspace: Workspace, data: Data) -> Path:
    """Of the encoder, finished or as it was before its last part."""
    part = len(workspace.recipe().encoder.parts) - 2
    return workspace.encoder / (WEIGHTS if data.finished else f"part{part}/{STATE}")


def encoder_of(workspace: Workspace, data: Data) -> Encoder:
    """The encoder of ``weights_file``, in evaluation mode."""
    encoder = load_encoder(workspace)
    if not data.finished:
        encoder.load_state_dict(torch.load(weights_file(workspace, data), weights_only=True)["mean"])
    return encoder.eval()


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip that judges."""

    key: str
    speaker: str
    group: str
    samples: F32
    lip_gap: F32
    """(T,) mm, tracked"""
    width: F64
    """(T,) mm between the corners of the mouth, tracked"""


def judging_clips(workspace: Workspace, strangers: Path | None, watch: Watch) -> list[Clip]:
    """The clips that were kept for testing and those of ``strangers``, without the ones whose lips never close."""
    tracks = Tracks(workspace.tracks)
    # The seen speaker first: what is farthest from the training comes last.
    todo = [(group, tracks, i) for group, i in sorted(test_clips(tracks, workspace.recipe()))]
    if strangers:
        folder = workspace.root / "more" / strangers.resolve().name
        track_all(find_clips(strangers), folder, workers=1, watch=watch)
        align(folder, watch)
        todo += [("strangers in free speech", store, i) for store in [Tracks(folder)] for i in range(len(store))]
    template = load_face(workspace.face / FACE_MODEL).template
    found = []
    for group, store, i in todo:
        clip, row = canonical_clip(store.points(i), template), store.rows[i]
        if clip is None:
            watch.notice(f"{row['key']}: the lips never close, left out")
            continue
        width = np.linalg.norm(clip.points[:, 291] - clip.points[:, 61], axis=-1)
        found.append(Clip(row["key"], row["speaker"], group, store.samples(i), clip.lip_gap, width))
    return found


def hear_clip(encoder: Encoder, samples: F32, frames: int) -> Tensor:
    """(frames, F + MEL): what a network may hear of a whole clip."""
    edge = np.zeros(EDGE_FRAMES * STEP, np.float32)
    mel = log_mel(np.concatenate([edge, samples, edge]), speech_level(samples))
    mel = mel[: len(mel) // (STEP // HOP) * (STEP // HOP)]
    with torch.inference_mode():
        sound = torch.from_numpy(mel)[None]
        return _everything(encoder.features(sound), sound)[0, EDGE_FRAMES : EDGE_FRAMES + frames]
