"""A frame-by-frame phone classifier over the speech encoder's features, which aligns its own training data.

Part 1 learns from utterances whose phone times are known (synthetic voices, noise). Then every utterance is aligned
with its known phone sequence (Viterbi training), and each further part learns from all of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from sonic.errors import MediaError, SettingError
from sonic.files import replacing
from sonic.training.align import align
from sonic.training.config import Recipe, RecogniserRecipe
from sonic.training.curves import Curves
from sonic.training.hear import Features, Heard
from sonic.training.loop import Plan, train
from sonic.training.networks import Recogniser
from sonic.training.phones import BILABIALS, PHONES, SILENCE
from sonic.training.sound import UNKNOWN, SoundCache, is_test
from sonic.training.workspace import MADE_FROM, Workspace, fingerprint, made_from
from sonic.types import F32, U8, Observer, Progress

WEIGHTS = "recogniser.pt"
REJECTED_SHARE = 0.04
"""Of aligned utterances, those that fit their phones worst."""


@dataclass(frozen=True, slots=True)
class Source:
    """A sound cache with what the encoder heard in it."""

    name: str
    cache: SoundCache
    heard: Heard


class Windows:
    """Random windows of features with their phones, from utterances whose labels are known."""

    def __init__(self, sources: Sequence[Source], labels: Sequence[list[U8]], recipe: Recipe, seed: int) -> None:
        self._options = recipe.recogniser
        self._kinds: dict[str, list[tuple[Heard, int, U8]]] = {}
        for source, group in zip(sources, labels, strict=True):
            rows = source.cache.rows
            items = [
                (source.heard, i, own)
                for i, own in enumerate(group)
                if (own != UNKNOWN).any() and not is_test(rows[i], recipe.held_out)
            ]
            if items:
                self._kinds[source.name] = items
        self.seed(seed)

    def __len__(self) -> int:
        return sum(map(len, self._kinds.values()))

    def seed(self, seed: int) -> None:
        """Restart the random choices."""
        self._rng = np.random.default_rng(seed)

    def batch(self) -> tuple[Tensor, Tensor]:
        """Features (B, T, W) and labels (B, T); each kind of sound as often as every other, noise half as often."""
        names = list(self._kinds)
        shares = np.array([0.5 if name == "noise" else 1.0 for name in names])
        picked = self._rng.choice(len(names), self._options.batch, p=shares / shares.sum())
        windows = [self._window(self._kinds[names[k]]) for k in picked]
        features = torch.from_numpy(np.stack([w[0] for w in windows]).astype(np.float32))
        return features, torch.from_numpy(np.stack([w[1] for w in windows]).astype(np.int64))

    def _window(self, items: Sequence[tuple[Heard, int, U8]]) -> tuple[Features, U8]:
        heard, i, labels = items[int(self._rng.integers(len(items)))]
        takes, n = heard.takes(i), self._options.window
        features = takes[self._rng.integers(len(takes))]
        frames = min(len(features), len(labels))
        first = int(self._rng.integers(max(1, frames - n + 1)))
        part, own = features[first : first + n], labels[first : min(first + n, frames)]
        room = ((0, n - len(part)), (0, 0))
        return np.pad(part, room, mode="edge"), np.pad(own, (0, n - len(own)), constant_values=UNKNOWN)


class RecogniserTask:
    """Phones from features, frame by frame."""

    columns: tuple[str, ...] = ("frames right in speech",)

    def __init__(self, model: Recogniser, windows: Windows, options: RecogniserRecipe, device: torch.device) -> None:
        self.model: nn.Module = model
        self._windows, self._device = windows, device
        self._loss_of = nn.CrossEntropyLoss(ignore_index=UNKNOWN, label_smoothing=options.smoothing)

    def seed(self, seed: int) -> None:
        """Restart the windows."""
        self._windows.seed(seed)

    def loss(self) -> tuple[Tensor, list[float]]:
        """Cross entropy of a fresh batch, and the share of frames right."""
        features, labels = (part.to(self._device) for part in self._windows.batch())
        with torch.autocast(self._device.type, torch.bfloat16):
            logits = self.model(features)
        loss = self._loss_of(logits.float().reshape(-1, len(PHONES)), labels.reshape(-1))
        spoken = (labels != UNKNOWN) & (labels != SILENCE)
        right = (logits.argmax(-1) == labels)[spoken].float()
        return loss, [float(right.mean()) if len(right) else 0.0]


def posteriors(model: Recogniser, source: Source, wanted: Iterable[int]) -> Iterator[tuple[int, F32]]:
    """(index, (T, 40) log posteriors at 50 Hz) of the wanted utterances' first take."""
    model.eval()
    device = next(model.parameters()).device
    for i in wanted:
        features = torch.from_numpy(source.heard.takes(i)[0].astype(np.float32))[None].to(device)
        with torch.inference_mode():
            yield i, torch.log_softmax(model(features)[0].float(), -1).cpu().numpy()


def align_source(model: Recogniser, source: Source, observer: Observer) -> list[U8]:
    """Labels of every utterance: exact where the cache has them, else the alignment; the worst become UNKNOWN."""
    labels, rows = source.cache.labels(), source.cache.rows
    todo = [i for i, row in enumerate(rows) if row["phones"] and (labels[i] == UNKNOWN).all()]
    if not todo:
        return labels
    scores: dict[int, float] = {}
    for done, (i, log_posterior) in enumerate(posteriors(model, source, todo), 1):
        observer.progress(Progress("align", done, len(todo)))
        path, scores[i] = align(log_posterior, rows[i]["phones"])
        labels[i] = np.append(path, np.full(len(labels[i]) - len(path), SILENCE, np.uint8))
    limit = np.quantile(list(scores.values()), REJECTED_SHARE)
    for i in (i for i, score in scores.items() if not score > limit):
        labels[i] = np.full_like(labels[i], UNKNOWN)
    return labels


def report(model: Recogniser, source: Source, labels: list[U8], recipe: Recipe) -> str:
    """Share of frames right on test utterances, over all phones and over bilabials, against their alignment.

    Empty where nothing with known phones was kept for testing.
    """
    kept = [i for i, row in enumerate(source.cache.rows) if is_test(row, recipe.held_out)][::4]
    right = total = lips = lips_total = 0
    for i, log_posterior in posteriors(model, source, kept):
        want = labels[i][: len(log_posterior)]
        got = log_posterior[: len(want)].argmax(-1)
        spoken, closed = (want != UNKNOWN) & (want != SILENCE), np.isin(want, BILABIALS)
        right, total = right + int((got == want)[spoken].sum()), total + int(spoken.sum())
        lips, lips_total = lips + int(np.isin(got, BILABIALS)[closed].sum()), lips_total + int(closed.sum())
    if not total:
        return ""
    return f"test frames right {right / max(total, 1):.3f}, bilabial frames found {lips / max(lips_total, 1):.3f}"


def sources(workspace: Workspace) -> list[Source]:
    """The sound caches that were heard. Raises SettingError where `sonic train hear` has not run on all of them."""
    found = []
    for folder in workspace.sounds:
        if not made_from(workspace.features / folder.name):
            raise SettingError(f"{folder} was not heard by the speech encoder; run `sonic train hear` first")
        found.append(Source(folder.name, SoundCache(folder), Heard(workspace.features / folder.name)))
    return found


def alignments(workspace: Workspace) -> tuple[list[Source], list[list[U8]]]:
    """What was heard, and the labels that the recogniser's last part was trained on.

    Raises SettingError if the recogniser was not trained, or not on this sound.
    """
    recipe = workspace.recipe()
    if made_from(workspace.recogniser) != _origin(workspace, recipe):
        raise SettingError(
            f"no recogniser for the sound and the recipe in {workspace.root}; run `sonic train recogniser` first"
        )
    part, found = len(recipe.recogniser.parts) - 1, sources(workspace)
    return found, [_load_labels(source.cache, _labels_file(workspace, source.name, part)) for source in found]


def load_recogniser(workspace: Workspace) -> Recogniser:
    """The trained recogniser, on the CPU and in evaluation mode. Raises SettingError if there is none."""
    path = workspace.recogniser / WEIGHTS
    if not path.exists():
        raise SettingError(f"{path} is missing; run `sonic train recogniser` first")
    model = Recogniser()
    model.load_state_dict(torch.load(path, weights_only=True, map_location="cpu"))
    model.eval()
    return model


def train_recogniser(workspace: Workspace, device: torch.device, observer: Observer) -> None:
    """Train all parts, with an alignment after each; leaves recogniser.pt and the alignments.

    Raises SettingError if WORK holds a recogniser of another recipe or other sound, MediaError without labelled sound.
    """
    recipe, options = workspace.recipe(), workspace.recipe().recogniser
    origin, heard = _origin(workspace, recipe), sources(workspace)
    labels = [source.cache.labels() for source in heard]
    torch.manual_seed(recipe.seed)
    model = Recogniser().to(device)
    model.standard.fit(source.heard for source in heard)
    curves = Curves(workspace.recogniser, "phone recogniser", RecogniserTask.columns)
    for part, steps in enumerate(options.parts):
        windows = Windows(heard, labels, recipe, recipe.seed + part)
        if not len(windows):
            raise MediaError(f"no sound with phone times in {workspace.sound}; set voices above 0 in the recipe")
        plan = Plan(
            name=f"recogniser {part + 1}", seed=recipe.seed + part, steps=steps, step_before=sum(options.parts[:part]),
            learning_rate=options.learning_rate, weight_decay=options.weight_decay, warm_up=0.1, clip=1.0,
        )  # fmt: skip
        task, folder = RecogniserTask(model, windows, options, device), workspace.recogniser / f"part{part}"
        train(task, plan, folder, curves=curves, origin=origin, observer=observer)
        for k, source in enumerate(heard):
            target = _labels_file(workspace, source.name, part)
            if not target.exists():
                _save_labels(align_source(model, source, observer), target)
            labels[k] = _load_labels(source.cache, target)
    for source, group in zip(heard, labels, strict=True):
        if line := report(model, source, group, recipe):
            observer.notice(f"{source.name}: {line}")
    torch.save(model.cpu().state_dict(), workspace.recogniser / WEIGHTS)
    (workspace.recogniser / MADE_FROM).write_text(origin + "\n", encoding="utf-8")


def _origin(workspace: Workspace, recipe: Recipe) -> str:
    features = [(folder.name, made_from(workspace.features / folder.name)) for folder in workspace.sounds]
    return fingerprint(features, recipe.recogniser, recipe.seed, recipe.held_out)


def _labels_file(workspace: Workspace, name: str, part: int) -> Path:
    return workspace.recogniser / f"labels-{name}-part{part}.u8"


def _save_labels(labels: list[U8], path: Path) -> None:
    """One flat file, in the order of the cache."""
    with replacing(path) as part:
        np.concatenate(labels).tofile(part)


def _load_labels(cache: SoundCache, path: Path) -> list[U8]:
    """Inverse of _save_labels."""
    flat, sizes = np.fromfile(path, np.uint8), [len(labels) for labels in cache.labels()]
    return list(np.split(flat, np.cumsum(sizes)[:-1]))
