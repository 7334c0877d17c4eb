"""The speech encoder, a frame-by-frame phone classifier that aligns its own training data.

Part 1 learns from utterances whose phone times are known (synthetic voices). Then every utterance is aligned with its
known phone sequence (Viterbi training), and each further part learns from all of them.
"""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from sonic.errors import MediaError, SettingError
from sonic.speech.mel import HOP, log_mel, speech_level
from sonic.training.align import align
from sonic.training.augment import Augment
from sonic.training.config import EncoderRecipe, Recipe
from sonic.training.curves import Curves
from sonic.training.loop import Plan, train
from sonic.training.networks import Encoder
from sonic.training.phones import BILABIALS, PHONES, SILENCE
from sonic.training.sound import LABEL_HZ, UNKNOWN, SoundCache, Utterance
from sonic.training.workspace import MADE_FROM, Workspace, fingerprint, made_from
from sonic.types import F32, SPEECH_RATE_HZ, U8, Progress, Watch

WEIGHTS = "encoder.pt"


def is_test(utterance: Utterance, held_out: Sequence[str]) -> bool:
    """Kept for testing: a held-out speaker, a corpus's own test split, and every tenth GRID clip of the others."""
    if utterance.split == "test" or utterance.speaker in held_out:
        return True
    return "__" in utterance.key and zlib.crc32(utterance.key.encode()) % 10 == 0


class Windows:
    """Random training windows from utterances whose labels are known."""

    def __init__(self, caches: Sequence[SoundCache], labels: Sequence[list[U8]], recipe: Recipe, seed: int) -> None:
        self.seed(seed)
        self._recipe = recipe
        self._recorded: list[tuple[SoundCache, int, U8]] = []
        self._synthetic: list[tuple[SoundCache, int, U8]] = []
        for cache, group in zip(caches, labels, strict=True):
            for i, exact in enumerate(cache.labels()):
                if (group[i] != UNKNOWN).any() and not is_test(cache[i], recipe.held_out):
                    # Only a synthetic voice knows its phones' times without an alignment.
                    (self._synthetic if (exact != UNKNOWN).any() else self._recorded).append((cache, i, group[i]))
        self.frames = round(recipe.encoder.window_s * LABEL_HZ)

    def __len__(self) -> int:
        return len(self._recorded) + len(self._synthetic)

    def seed(self, seed: int) -> None:
        """Restart the random choices."""
        self._rng = np.random.default_rng(seed)
        self.augment = Augment(seed)

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

    def _picked(self) -> tuple[SoundCache, int, U8]:
        """Recordings and synthetic voices half and half, however many there are of each."""
        kinds = [kind for kind in (self._recorded, self._synthetic) if kind]
        kind = kinds[self._rng.integers(len(kinds))]
        return kind[self._rng.integers(len(kind))]

    def _window(self, n: int) -> tuple[F32, float, U8]:
        """n samples around a random utterance, silence outside, its level and its labels."""
        cache, i, labels = self._picked()
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


class EncoderTask:
    """Phones from sound, frame by frame."""

    columns: tuple[str, ...] = ("frames right in speech",)

    def __init__(self, model: Encoder, windows: Windows, options: EncoderRecipe, device: torch.device) -> None:
        self.model: nn.Module = model
        self._windows, self._device = windows, device
        self._loss_of = nn.CrossEntropyLoss(ignore_index=UNKNOWN, label_smoothing=options.smoothing)

    def seed(self, seed: int) -> None:
        """Restart the windows and their augmentation."""
        self._windows.seed(seed)

    def loss(self) -> tuple[Tensor, list[float]]:
        """Cross entropy of a fresh batch, and the share of frames right."""
        mel, labels = (part.to(self._device) for part in self._windows.batch())
        with torch.autocast(self._device.type, torch.bfloat16):
            logits = self.model(mel)
        loss = self._loss_of(logits.float().reshape(-1, len(PHONES)), labels.reshape(-1))
        spoken = (labels != UNKNOWN) & (labels != SILENCE)
        return loss, [float((logits.argmax(-1) == labels)[spoken].float().mean())]


def posteriors(model: Encoder, cache: SoundCache, wanted: Iterable[int]) -> Iterator[tuple[int, F32]]:
    """(index, (T, 40) log posteriors at 50 Hz) of the wanted utterances."""
    model.eval()
    device = next(model.parameters()).device
    for i in wanted:
        sound = cache[i].samples.astype(np.float32) / 32768
        mel = log_mel(sound, speech_level(sound))
        n = len(mel) // 2
        # Few different lengths: the kernels are compiled anew for each.
        padded = np.pad(mel[: 2 * n], ((0, -2 * n % 320), (0, 0)), constant_values=mel.min())
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16):
            logits = model(torch.from_numpy(padded)[None].to(device))[0, :n].float()
        yield i, torch.log_softmax(logits, -1).cpu().numpy()


def align_cache(model: Encoder, cache: SoundCache, watch: Watch) -> list[U8]:
    """Labels of every utterance: exact where the cache has them, else the alignment; the worst 4 % become UNKNOWN."""
    labels = cache.labels()
    todo = [i for i, row in enumerate(cache.rows) if row["phones"] and (labels[i] == UNKNOWN).all()]
    if not todo:
        return labels
    scores: dict[int, float] = {}
    for done, (i, log_posterior) in enumerate(posteriors(model, cache, todo), 1):
        watch.progress(Progress("align", done, len(todo)))
        path, scores[i] = align(log_posterior, cache.rows[i]["phones"])
        labels[i] = np.append(path, np.full(len(labels[i]) - len(path), SILENCE, np.uint8))
    limit = np.quantile(list(scores.values()), 0.04)
    for i in (i for i, score in scores.items() if not score > limit):
        labels[i] = np.full_like(labels[i], UNKNOWN)
    return labels


def report(model: Encoder, cache: SoundCache, labels: list[U8], recipe: Recipe) -> str:
    """Share of frames right on test utterances, over all phones and over bilabials, against their alignment.

    Empty where nothing with known phones was kept for testing.
    """
    kept = [i for i in range(0, len(cache), 4) if is_test(cache[i], recipe.held_out)]
    right = total = lips = lips_total = 0
    for i, log_posterior in posteriors(model, cache, kept):
        want = labels[i][: len(log_posterior)]
        spoken = (want != UNKNOWN) & (want != SILENCE)
        got = log_posterior.argmax(-1)
        right, total = right + int((got == want)[spoken].sum()), total + int(spoken.sum())
        closed = np.isin(want, BILABIALS)
        lips, lips_total = lips + int(np.isin(got, BILABIALS)[closed].sum()), lips_total + int(closed.sum())
    if not total:
        return ""
    return f"test frames right {right / max(total, 1):.3f}, bilabial frames found {lips / max(lips_total, 1):.3f}"


def save_labels(labels: list[U8], path: Path) -> None:
    """One flat file, in the order of the cache."""
    part = path.with_suffix(".part")
    np.concatenate(labels).tofile(part)
    part.replace(path)


def load_labels(cache: SoundCache, path: Path) -> list[U8]:
    """Inverse of save_labels."""
    flat, sizes = np.fromfile(path, np.uint8), [len(labels) for labels in cache.labels()]
    return list(np.split(flat, np.cumsum(sizes)[:-1]))


def alignments(workspace: Workspace) -> tuple[list[SoundCache], list[list[U8]]]:
    """The sound caches, and the labels that the encoder's last part was trained on.

    Raises SettingError if the encoder was not trained, or not on this sound.
    """
    recipe = workspace.recipe()
    if made_from(workspace.encoder) != _origin(workspace, recipe):
        raise SettingError(
            f"no encoder for the sound and the recipe in {workspace.root}; run `sonic train encoder` first"
        )
    part = max(len(recipe.encoder.parts) - 2, 0)
    caches = [SoundCache(folder) for folder in workspace.sounds]
    paths = [_labels_file(workspace, folder, part) for folder in workspace.sounds]
    return caches, [load_labels(cache, path) for cache, path in zip(caches, paths, strict=True)]


def load_encoder(workspace: Workspace) -> Encoder:
    """The trained encoder, on the CPU and in evaluation mode. Raises SettingError if there is none."""
    path = workspace.encoder / WEIGHTS
    if not path.exists():
        raise SettingError(f"{path} is missing; run `sonic train encoder` first")
    model = Encoder()
    model.load_state_dict(torch.load(path, weights_only=True, map_location="cpu"))
    model.eval()
    return model


def train_encoder(workspace: Workspace, device: torch.device, watch: Watch) -> None:
    """Train all parts, with an alignment after each; leaves encoder.pt and the alignments.

    Raises SettingError if WORK holds an encoder of another recipe or other sound, MediaError without labelled sound.
    """
    recipe, options = workspace.recipe(), workspace.recipe().encoder
    origin = _origin(workspace, recipe)
    caches = [SoundCache(folder) for folder in workspace.sounds]
    labels = [cache.labels() for cache in caches]
    torch.manual_seed(recipe.seed)
    model = Encoder().to(device)
    curves = Curves(workspace.encoder, "speech encoder", EncoderTask.columns)
    for part, steps in enumerate(options.parts):
        windows = Windows(caches, labels, recipe, recipe.seed + part)
        if not len(windows):
            raise MediaError(f"no sound with phone times in {workspace.sound}; set voices above 0 in the recipe")
        plan = Plan(
            name=f"encoder {part + 1}", seed=recipe.seed + part, steps=steps, step_before=sum(options.parts[:part]),
            learning_rate=options.learning_rate, weight_decay=options.weight_decay, warm_up=0.1, clip=1.0,
        )  # fmt: skip
        task, folder = EncoderTask(model, windows, options, device), workspace.encoder / f"part{part}"
        train(task, plan, folder, curves=curves, origin=origin, watch=watch)
        for k, (cache, sound) in enumerate(zip(caches, workspace.sounds, strict=True)):
            target = _labels_file(workspace, sound, part)
            if not target.exists():
                save_labels(align_cache(model, cache, watch), target)
            labels[k] = load_labels(cache, target)
    for cache, sound, group in zip(caches, workspace.sounds, labels, strict=True):
        if line := report(model, cache, group, recipe):
            watch.notice(f"{sound.name}: {line}")
    torch.save(model.cpu().state_dict(), workspace.encoder / WEIGHTS)
    (workspace.encoder / MADE_FROM).write_text(origin + "\n", encoding="utf-8")


def _origin(workspace: Workspace, recipe: Recipe) -> str:
    sounds = [(folder.name, made_from(folder)) for folder in workspace.sounds]
    return fingerprint(sounds, recipe.encoder, recipe.seed, recipe.held_out)


def _labels_file(workspace: Workspace, sound: Path, part: int) -> Path:
    return workspace.encoder / f"labels-{sound.name}-part{part}.u8"
