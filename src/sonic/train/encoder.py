"""Step 4: the speech encoder, a frame-by-frame phone classifier that aligns its own training data.

    python -m sonic.train.encoder SOUND [VOICES ...] --out ENCODER

Part 1 learns from utterances whose phone times are known (synthetic voices). Then every utterance is aligned with its
known phone sequence (Viterbi training), and each further part learns from all of them. Resumable after each part;
ENCODER holds the weights, the alignments (``labels_N.u8`` for each sound cache) and ``log.csv``.
"""

import argparse
import csv
import logging
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sonic.mel import HOP, log_mel, speech_level
from sonic.train.align import align
from sonic.train.augment import Augment
from sonic.train.config import Recipe, read_recipe
from sonic.train.networks import Encoder
from sonic.train.phones import BILABIALS, PHONES, SILENCE
from sonic.train.sound import LABEL_HZ, UNKNOWN, SoundCache, Utterance
from sonic.types import F32, SPEECH_RATE_HZ, U8

log = logging.getLogger(__name__)


def is_test(utterance: Utterance, held_out: Sequence[str]) -> bool:
    """Kept for testing: a held-out speaker, a corpus's own test split, and every tenth GRID clip of the others."""
    if utterance.split == "test" or utterance.speaker in held_out:
        return True
    return "__" in utterance.key and zlib.crc32(utterance.key.encode()) % 10 == 0


class Windows:
    """Random training windows from utterances whose labels are known."""

    def __init__(self, caches: Sequence[SoundCache], labels: Sequence[list[U8]], recipe: Recipe, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self.augment = Augment(seed)
        self._recipe = recipe
        self._items = [
            (cache, i, group[i])
            for cache, group in zip(caches, labels, strict=True)
            for i in range(len(cache))
            if (group[i] != UNKNOWN).any() and not is_test(cache[i], recipe.held_out)
        ]
        self.frames = round(recipe.encoder.window_s * LABEL_HZ)

    def __len__(self) -> int:
        return len(self._items)

    def batch(self) -> tuple[Tensor, Tensor]:
        """Log-mel (B, 2 N, 80) and labels (B, N); UNKNOWN frames carry no loss."""
        tempo = self.augment.tempo()
        n = round(2 * self.frames * tempo) * HOP
        picked = [self._window(n) for _ in range(self._recipe.encoder.batch)]
        sound = torch.from_numpy(np.stack([p[0] for p in picked]))
        level = torch.tensor([p[1] for p in picked], dtype=torch.float32)
        at = np.minimum(np.round(np.arange(self.frames) * tempo).astype(int), n // (2 * HOP) - 1)
        labels = torch.from_numpy(np.stack([p[2][at] for p in picked]).astype(np.int64))
        mel = self.augment.noisy(sound[:, : n - HOP], level, 2 * self.frames)
        return mel, labels

    def _window(self, n: int) -> tuple[F32, float, U8]:
        """n samples around a random utterance, silence outside, its level and its labels."""
        cache, i, labels = self._items[self._rng.integers(len(self._items))]
        sound = cache[i].samples.astype(np.float32) / 32768
        step = SPEECH_RATE_HZ // LABEL_HZ
        lead = int(self._rng.integers(min(0, n - len(sound)) - 8000, max(0, n - len(sound)) + 8000)) // step * step
        window, targets = np.zeros(n, np.float32), np.full(n // step, SILENCE, np.uint8)
        a, b = max(lead, 0), max(-lead, 0)
        part = sound[b : b + n - a]
        window[a : a + len(part)] = part
        known = labels[b // step :][: len(targets) - a // step]
        targets[a // step : a // step + len(known)] = known
        return window, speech_level(sound), targets


def train_part(model: Encoder, windows: Windows, steps: int, recipe: Recipe, table: Path) -> None:
    """One cycle of training: warm-up, cosine decay, logged every 50 steps."""
    options = recipe.encoder
    optimizer = torch.optim.AdamW(model.parameters(), options.learning_rate, weight_decay=options.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, options.learning_rate, total_steps=steps, pct_start=0.1)
    loss_of = torch.nn.CrossEntropyLoss(ignore_index=UNKNOWN, label_smoothing=options.smoothing)
    model.train()
    started, losses, hits = time.monotonic(), [], []
    for step in range(1, steps + 1):
        mel, labels = windows.batch()
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(mel)
        loss = loss_of(logits.float().reshape(-1, len(PHONES)), labels.reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        spoken = (labels != UNKNOWN) & (labels != SILENCE)
        losses.append(float(loss.detach()))
        hits.append(float((logits.argmax(-1) == labels)[spoken].float().mean()))
        if step % 50 == 0 or step == steps:
            row = [step, f"{np.mean(losses):.4f}", f"{np.mean(hits):.4f}", f"{time.monotonic() - started:.0f}"]
            with table.open("a", newline="") as file:
                csv.writer(file).writerow(row)
            log.info("step %s of %d: loss %s, frames right in speech %s, %s s", row[0], steps, *row[1:])
            losses, hits = [], []


def posteriors(model: Encoder, cache: SoundCache) -> Iterator[tuple[int, F32]]:
    """(index, (T, 40) log posteriors at 50 Hz) of every utterance."""
    model.eval()
    for i in range(len(cache)):
        sound = cache[i].samples.astype(np.float32) / 32768
        mel = log_mel(sound, speech_level(sound))
        n = len(mel) // 2
        # Few different lengths: the kernels are compiled anew for each.
        padded = np.pad(mel[: 2 * n], ((0, -2 * n % 320), (0, 0)), constant_values=mel.min())
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            logits = model(torch.from_numpy(padded)[None])[0, :n].float()
        yield i, torch.log_softmax(logits, -1).numpy()


def align_cache(model: Encoder, cache: SoundCache) -> list[U8]:
    """Labels of every utterance: exact where the cache has them, else the alignment; the worst 4 % become UNKNOWN."""
    labels = [cache[i].labels for i in range(len(cache))]
    todo = [i for i in range(len(cache)) if (labels[i] == UNKNOWN).all()]
    if not todo:
        return labels
    scores = np.full(len(cache), np.nan)
    for i, log_posterior in posteriors(model, cache):
        path, scores[i] = align(log_posterior, cache[i].phones)
        if (i + 1) % 1000 == 0:
            log.info("aligned %d of %d", i + 1, len(cache))
        labels[i] = np.append(path, np.full(len(labels[i]) - len(path), SILENCE, np.uint8))
    limit = np.quantile(scores, 0.04)
    for i in np.flatnonzero(~(scores > limit)):
        labels[i] = np.full_like(labels[i], UNKNOWN)
    log.info("aligned %d utterances, mean score %.3f, median %.3f", len(todo), scores.mean(), np.median(scores))
    return labels


def report(model: Encoder, cache: SoundCache, labels: list[U8], recipe: Recipe) -> str:
    """Share of frames right on test utterances, over all phones and over bilabials, against their alignment."""
    right = total = lips = lips_total = 0
    for i, log_posterior in posteriors(model, cache):
        if not is_test(cache[i], recipe.held_out) or i % 4:
            continue
        want = labels[i][: len(log_posterior)]
        spoken = (want != UNKNOWN) & (want != SILENCE)
        got = log_posterior.argmax(-1)
        right, total = right + int((got == want)[spoken].sum()), total + int(spoken.sum())
        closed = np.isin(want, BILABIALS)
        lips, lips_total = lips + int(np.isin(got, BILABIALS)[closed].sum()), lips_total + int(closed.sum())
    return f"test frames right {right / max(total, 1):.3f}, bilabial frames found {lips / max(lips_total, 1):.3f}"


def save_labels(labels: list[U8], path: Path) -> None:
    """One flat file, in the order of the cache."""
    np.concatenate(labels).tofile(path)


def load_labels(cache: SoundCache, path: Path) -> list[U8]:
    """Inverse of save_labels."""
    flat, sizes = np.fromfile(path, np.uint8), [len(cache[i].labels) for i in range(len(cache))]
    return list(np.split(flat, np.cumsum(sizes)[:-1]))


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="sonic.train.encoder", description=__doc__.partition("\n")[0])
    parser.add_argument("sounds", type=Path, nargs="+", help="folders made by sonic.train.sound")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--recipe", type=Path, help="TOML file; default: the shipped recipe")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(options.threads)
    recipe = read_recipe(options.recipe)
    torch.manual_seed(recipe.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    caches = [SoundCache(folder) for folder in options.sounds]
    labels = [[cache[i].labels for i in range(len(cache))] for cache in caches]
    model = Encoder()
    log.info("%.2f M parameters", sum(p.numel() for p in model.parameters()) / 1e6)
    for part, steps in enumerate(recipe.encoder.parts):
        weights = options.out / f"part{part}.pt"
        if weights.exists():
            model.load_state_dict(torch.load(weights, weights_only=True))
        else:
            windows = Windows(caches, labels, recipe, recipe.seed + part)
            log.info("part %d: %d utterances", part, len(windows))
            train_part(model, windows, steps, recipe, options.out / "log.csv")
            torch.save(model.state_dict(), weights)
        for k, cache in enumerate(caches):
            target = options.out / f"labels_{k}_part{part}.u8"
            if not target.exists():
                save_labels(align_cache(model, cache), target)
            labels[k] = load_labels(cache, target)
            if recipe.encoder.parts[part + 1 :] == ():
                log.info("%s: %s", options.sounds[k].name, report(model, cache, labels[k], recipe))
    torch.save(model.state_dict(), options.out / "encoder.pt")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
