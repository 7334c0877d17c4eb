"""The exported model on clips that it never saw, beside loudness alone.

Correlation, lag and spread compare predicted and tracked lip opening clip by clip. Closure looks at aligned p, b and m.
"""

import csv
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np

from sonic.engines.light.lips.diffusion import FPS, speech_latents
from sonic.engines.light.lips.latents import GAP_SCALE_MM
from sonic.errors import MediaError
from sonic.evaluation.metrics import closes, correlation
from sonic.motion import N_SHAPE, estimate_lag
from sonic.signals import runs
from sonic.speech.mel import log_mel, speech_level
from sonic.training.clean import loudness
from sonic.training.clips import find_clips
from sonic.training.config import Recipe
from sonic.training.face import FACE_MODEL, CanonicalClip, canonical_clip
from sonic.training.phones import BILABIALS, GRID_DICTIONARY, sentence_phones
from sonic.training.prepare import align, write_report
from sonic.training.sampler import onnx_networks
from sonic.training.tracks import Tracks, track_all
from sonic.training.workspace import Workspace
from sonic.types import F32, F64, U8, Progress, Watch

Predict = Callable[[F32], tuple[F32, F32]]
"""Samples -> (shape, lip_gap) at 25 fps."""
MIN_AGREEMENT = 0.2
"""Correlation from which a lag says something."""


@dataclass(frozen=True, slots=True)
class Score:
    """One clip."""

    clip: str
    group: str
    correlation: float
    """Of predicted and tracked lip opening."""
    best: float
    """The same at the best lag within 300 ms."""
    lag_ms: float
    """How much later than the tracked lips the predicted ones are."""
    width: float
    """Correlation of predicted and tracked mouth width."""
    loudness: float
    """Correlation of the sound's level in dB with the tracked opening: the baseline."""
    spread: float
    """Standard deviation of the predicted over that of the tracked opening."""
    closures: int
    """Bilabials in the clip; 0 where the phones are not known."""
    closed: int
    """Those that the prediction closes."""
    closed_real: int
    """Those that the tracked mouth closes."""


def score(
    name: str, group: str, *, clip: CanonicalClip, samples: F32, predict: Predict, labels: U8 | None, basis: F64
) -> Score:
    """Judge one clip; ``basis`` is (32, 468, 3) mm per unit of the predicted shape."""
    shape, gap = predict(samples)
    n = min(len(gap), len(clip.lip_gap))
    gap, real = gap[:n], clip.lip_gap[:n]
    corners = basis[:, 291, 0] - basis[:, 61, 0]
    width = np.linalg.norm(clip.points[:n, 291] - clip.points[:n, 61], axis=-1)
    lag = estimate_lag(gap, real, FPS)
    found = closures(labels[: 2 * n]) if labels is not None else []
    return Score(
        name,
        group,
        correlation(gap, real),
        lag.correlation,
        lag.ms if lag.correlation > MIN_AGREEMENT else float("nan"),
        correlation(shape[:n] @ corners, width),
        correlation(loudness(samples, n), real),
        float(gap.std() / max(real.std(), 1e-6)),
        len(found),
        sum(closes(gap, a, b) for a, b in found),
        sum(closes(real, a, b) for a, b in found),
    )


def closures(labels: U8) -> list[tuple[float, float]]:
    """(start, end) in frames at 25 fps of each bilabial."""
    return [(a / 2, b / 2) for a, b in zip(*runs(np.isin(labels, BILABIALS)), strict=True)]


def table(scores: Sequence[Score]) -> str:
    """Markdown: one line for each group."""
    lines = [
        "| clips | n | correlation | at best lag | worst clip | lag, ms (median) | width | loudness alone | spread |"
        " p b m closed | in the real clips |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for group in dict.fromkeys(s.group for s in scores):
        own = [s for s in scores if s.group == group]
        total = sum(s.closures for s in own)

        def mean(name: str, own: list[Score] = own) -> float:
            return float(np.mean([getattr(s, name) for s in own]))

        lags = [s.lag_ms for s in own if np.isfinite(s.lag_ms)]
        lag = f"{np.median(lags):+.0f}" if lags else "-"
        closed = f"{sum(s.closed for s in own) / total:.0%} of {total}" if total else "-"
        real = f"{sum(s.closed_real for s in own) / total:.0%}" if total else "-"
        numbers = [mean("correlation"), mean("best"), min(s.correlation for s in own)]
        cells = [group, str(len(own)), *(f"{v:.2f}" for v in numbers), lag]
        cells += [*(f"{mean(k):.2f}" for k in ("width", "loudness", "spread")), closed, real]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def test_clips(tracks: Tracks, recipe: Recipe) -> list[tuple[str, int]]:
    """(group, index) of the tracked clips that no stage trained on."""
    from sonic.training.encoder import is_test
    from sonic.training.sound import Utterance

    found = []
    nothing = np.zeros(0, np.int16)
    for i, row in enumerate(tracks.rows):
        known = Utterance(row["key"], row["speaker"], row["split"], nothing, "", nothing.astype(np.uint8))
        if is_test(known, recipe.held_out):
            strange = row["speaker"] in recipe.held_out or row["split"] == "test"
            found.append(("unseen speakers" if strange else "seen speakers, unseen clips", i))
    return found


class Aligner:
    """Phone labels for clips with a GRID sentence, by the trained encoder."""

    def __init__(self, workspace: Workspace) -> None:
        import torch

        from sonic.training.encoder import load_encoder

        self._torch = torch
        self._model = load_encoder(workspace)

    def __call__(self, samples: F32, text: str) -> U8 | None:
        """(T,) labels at 50 Hz, or None without a known sentence."""
        from sonic.training.align import align

        if not text or any(word not in GRID_DICTIONARY for word in text.split()):
            return None
        mel = log_mel(samples, speech_level(samples))
        with self._torch.inference_mode():
            logits = self._model(self._torch.from_numpy(mel[: len(mel) // 2 * 2])[None])[0]
        return align(self._torch.log_softmax(logits, -1).numpy(), sentence_phones(text))[0]


def evaluate(
    workspace: Workspace, weights: Path, *, steps: int, seed: int, more: Path | None, workers: int, watch: Watch
) -> list[Score]:
    """Scores of the clips that were kept for testing, and of ``more``: a folder of clips that are all strangers.

    ``steps`` and ``seed`` are the sampler's. WORK/scores.csv has every clip. Clips whose lips never close are left out,
    with a notice. Raises MediaError if no clip is left or the weights are missing.
    """
    tracks = Tracks(workspace.tracks)
    todo = [(group, tracks, i) for group, i in test_clips(tracks, workspace.recipe())]
    todo += _strangers(workspace, more, workers=workers, watch=watch) if more else []
    predict, aligner = _predictor(weights, steps=steps, seed=seed), Aligner(workspace)
    with np.load(workspace.face / FACE_MODEL) as arrays:
        template, basis = (arrays[name].astype(np.float64) for name in ("template", "basis"))
    scores: list[Score] = []
    for done, (group, store, i) in enumerate(todo, 1):
        row, samples = store.rows[i], store.samples(i)
        clip = canonical_clip(store.points(i), template)
        if clip is None:
            watch.notice(f"{row['key']}: the lips never close, left out")
        else:
            labels = aligner(samples, row["text"])
            scores.append(
                score(row["key"], group, clip=clip, samples=samples, predict=predict, labels=labels, basis=basis)
            )
        watch.progress(Progress("evaluate", done, len(todo)))
    if not scores:
        raise MediaError("no clip was kept for testing; name speakers in held_out of the recipe, or give --more CLIPS")
    with (workspace.root / "scores.csv").open("w", newline="", encoding="utf-8") as file:
        rows = ([field.name for field in fields(Score)], *(astuple(s) for s in scores))
        csv.writer(file, lineterminator="\n").writerows(rows)
    return scores


def _strangers(workspace: Workspace, clips: Path, *, workers: int, watch: Watch) -> list[tuple[str, Tracks, int]]:
    """(group, store, index) of the clips of a folder, tracked in WORK/more."""
    found, folder = find_clips(clips), workspace.root / "more" / clips.resolve().name
    track_all(found, folder, workers=workers, watch=watch)
    write_report(folder, folder / "report.csv")
    align(folder, watch)
    store, keys = Tracks(folder), {source.key for source in found}  # it may know other clips
    return [("strangers", store, i) for i, row in enumerate(store.rows) if row["key"] in keys]


def _predictor(weights: Path, *, steps: int, seed: int) -> Predict:
    """What the exported networks make of sound."""
    networks = onnx_networks(weights)

    def predict(samples: F32) -> tuple[F32, F32]:
        latents = np.concatenate(list(speech_latents(samples, networks, steps=steps, seed=seed)))
        return latents[:, :N_SHAPE], np.maximum(latents[:, N_SHAPE] * GAP_SCALE_MM, 0)

    return predict
