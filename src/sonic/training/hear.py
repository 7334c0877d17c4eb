"""Everything that training hears, heard once by the frozen speech encoder, as the product hears it.

Utterances are strung together with pauses into long recordings, in another order for each take, so that they fall
anywhere on the encoder's grid of windows; the first take is clean, later ones are distorted.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sonic.speech.encoders.whisper import STEP, WIDTH, Encode, WhisperListener, shipped_encode
from sonic.training.distort import distorted
from sonic.training.noises import SPEAKER as NOISE
from sonic.training.shards import Column, Shards, ShardWriter
from sonic.training.sound import SoundCache
from sonic.training.workspace import Workspace, build, fingerprint, made_from
from sonic.types import F32, Observer, Progress
from sonic.weights import TABLE

COLUMNS = (Column("features", np.float16, (WIDTH,)),)
FIELDS = ("key", "utterance", "take")
CHAIN = 20
"""Utterances in one recording."""
PAUSE_FRAMES = (5, 60)
Features = NDArray[np.float16]


class Heard:
    """The features of one sound cache, mapped and not loaded. Raises MediaError for a damaged store."""

    def __init__(self, folder: Path) -> None:
        self._shards = Shards(folder, COLUMNS)
        self._takes: dict[int, list[int]] = {}
        for row, entry in enumerate(self._shards.rows):
            self._takes.setdefault(int(entry["utterance"]), []).append(row)

    def some(self, count: int) -> list[int]:
        """At most so many utterances, evenly picked."""
        known = sorted(self._takes)
        return known[:: max(1, len(known) // count)][:count]

    def takes(self, i: int) -> list[Features]:
        """(n, WIDTH) of utterance i at 50 Hz, once for each take, the clean one first."""
        return [self._shards.array(row, "features") for row in self._takes[i]]


def hear(workspace: Workspace, observer: Observer) -> None:
    """Features of every sound cache, each only if its sound or the encoder has changed."""
    recipe, encode = workspace.recipe(), shipped_encode()
    for folder in workspace.sounds:
        takes = recipe.takes if folder.name == "clips" else 1
        origin = fingerprint(made_from(folder), TABLE["whisper"].sha256, takes, recipe.seed)
        make = partial(
            write_features, SoundCache(folder), encode=encode, takes=takes, seed=recipe.seed, observer=observer
        )
        build(workspace.features / folder.name, origin, make)


def write_features(cache: SoundCache, out: Path, *, encode: Encode, takes: int, seed: int, observer: Observer) -> None:
    """Hear a sound cache ``takes`` times. Speech without pictures is distorted from the first take on."""
    total, done = takes * len(cache), 0
    with ShardWriter(out, COLUMNS, FIELDS) as store:
        for take in range(takes):
            rng = np.random.default_rng([seed, take])
            order = rng.permutation(len(cache))
            for chain in np.array_split(order, max(1, len(order) // CHAIN)):
                for i, features in _chained(cache, chain.tolist(), encode, rng, clean=take == 0 and takes > 1):
                    store.append({"key": f"{i}.{take}", "utterance": i, "take": take}, {"features": features})
                done += len(chain)
                observer.progress(Progress("encode", done, total))


def _chained(
    cache: SoundCache, chain: Sequence[int], encode: Encode, rng: np.random.Generator, *, clean: bool
) -> Iterator[tuple[int, Features]]:
    """(utterance, its features) of utterances in one recording."""
    parts: list[F32] = []
    places: list[tuple[int, int, int]] = []
    at = 0
    for i in chain:
        utterance = cache[i]
        pause, frames = int(rng.integers(*PAUSE_FRAMES)), len(utterance.samples) // STEP
        samples = utterance.samples[: frames * STEP].astype(np.float32) / np.float32(32768)
        parts += [np.zeros(pause * STEP, np.float32)]
        parts += [samples if clean or utterance.speaker == NOISE else distorted(samples, rng)]
        places.append((i, at + pause, frames))
        at += pause + frames
    listener = WhisperListener(np.concatenate(parts), encode)
    for i, first, frames in places:
        yield i, listener.frames(first, first + frames).astype(np.float16)
