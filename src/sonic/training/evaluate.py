"""How well motion follows sound on people that it was not learnt from, beside loudness alone.

Tracked speakers are judged in folds: each fold is left out of a training of the expected motion of its own. Clips of
``more`` are strangers to everything; they are judged by the exported networks. Correlations compare predicted and
tracked mouths clip by clip, at no lag and at the offset between picture and sound that the clip itself shows. Closure
looks at aligned p, b and m.
"""

import csv
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sonic.engines.light.lips.diffusion import FPS, Networks, speech_latents
from sonic.engines.light.lips.latents import GAP_SCALE_MM
from sonic.errors import MediaError
from sonic.evaluation.metrics import best_lag, closes, correlation, lag_curve
from sonic.faces.model import face_model
from sonic.faces.topology import CHIN_TIP, MOUTH_LEFT, MOUTH_RIGHT
from sonic.motion import MOUTH
from sonic.signals import runs
from sonic.training.clean import loudness
from sonic.training.clips import find_clips
from sonic.training.face import CanonicalClip, canonical_clip
from sonic.training.phones import BILABIALS
from sonic.training.prepare import write_report
from sonic.training.sampler import onnx_networks
from sonic.training.tracks import Tracks, track_all
from sonic.training.workspace import Workspace
from sonic.types import F32, F64, U8, Observer, Progress

if TYPE_CHECKING:
    import torch

FOLDS = 4
MAX_CLIPS = 20
"""Of one speaker that are judged."""
UNSEEN, STRANGERS = "unseen speakers", "strangers"


@dataclass(frozen=True, slots=True)
class Score:
    """One clip; correlations of predicted and tracked lips."""

    clip: str
    group: str
    opening: float
    width: float
    jaw: float
    offset_ms: float
    """Where all three agree best: how much later than the tracked lips the predicted ones are."""
    opening_there: float
    width_there: float
    jaw_there: float
    loudness: float
    """Of the sound's level in dB and the tracked opening: the baseline."""
    spread: float
    """Standard deviation of the predicted over that of the tracked opening."""
    width_spread: float
    closures: int
    """Bilabials in the clip; 0 where the phones are not known."""
    closed: int
    """Those that the prediction closes."""
    closed_real: int
    """Those that the tracked mouth closes."""


def score(name: str, group: str, *, clip: CanonicalClip, samples: F32, latents: F32, labels: U8 | None) -> Score:
    """Judge (T, 33) predicted latents of one clip."""
    n = min(len(latents), len(clip.lip_gap))
    made, real = _made(latents[:n]), _tracked(clip, n)
    curves = [lag_curve(a, b, FPS)[1] for a, b in zip(made, real, strict=True)]
    lags = lag_curve(made[0], real[0], FPS)[0]
    lag, _ = best_lag(lags, np.mean(curves, axis=0))
    now, there = len(lags) // 2, int(np.abs(lags - lag).argmin()) if len(lags) else 0
    found = closures(labels[: 2 * n]) if labels is not None else []
    opening, width, jaw = (float(curve[now]) for curve in curves)
    opening_there, width_there, jaw_there = (float(curve[there]) for curve in curves)
    spread, width_spread = (float(a.std() / max(float(b.std()), 1e-6)) for a, b in zip(made[:2], real[:2], strict=True))
    return Score(
        clip=name, group=group, opening=opening, width=width, jaw=jaw, offset_ms=1000 * lag / FPS,
        opening_there=opening_there, width_there=width_there, jaw_there=jaw_there,
        loudness=correlation(loudness(samples, n), real[0]), spread=spread, width_spread=width_spread,
        closures=len(found), closed=sum(closes(made[0], a, b) for a, b in found),
        closed_real=sum(closes(real[0], a, b) for a, b in found),
    )  # fmt: skip


def _made(latents: F32) -> tuple[F64, F64, F64]:
    """Lip gap, mouth width and jaw of latents, mm."""
    shapes, weights = face_model().shapes[MOUTH].astype(np.float64), latents[:, :-1].astype(np.float64)
    gap = np.maximum(latents[:, -1].astype(np.float64) * GAP_SCALE_MM, 0)
    return gap, weights @ (shapes[:, MOUTH_RIGHT, 0] - shapes[:, MOUTH_LEFT, 0]), weights @ shapes[:, CHIN_TIP, 1]


def _tracked(clip: CanonicalClip, n: int) -> tuple[F64, F64, F64]:
    """The same of a tracked clip."""
    width = np.linalg.norm(clip.points[:n, 291] - clip.points[:n, 61], axis=-1)
    return clip.lip_gap[:n].astype(np.float64), width, clip.points[:n, 152, 1]


def closures(labels: U8) -> list[tuple[float, float]]:
    """(start, end) in frames at 25 fps of each bilabial."""
    return [(a / 2, b / 2) for a, b in zip(*runs(np.isin(labels, BILABIALS)), strict=True)]


def table(scores: Sequence[Score]) -> str:
    """Markdown: one line for each group."""
    lines = [
        "| clips | n | opening | width | jaw | worst tenth | offset, ms (median, range) | opening there | width | jaw |"
        " worst tenth | loudness alone | spread | of width | p b m closed | in the real clips |",
        "|" + "---|" * 16,
    ]
    for group in dict.fromkeys(s.group for s in scores):
        own = [s for s in scores if s.group == group]
        lines.append("| " + " | ".join([group, str(len(own)), *_cells(own)]) + " |")
    return "\n".join(lines)


def _cells(own: Sequence[Score]) -> list[str]:
    def of(name: str) -> F64:
        return np.array([getattr(s, name) for s in own], np.float64)

    def means(*names: str) -> list[str]:
        return [f"{of(name).mean():.2f}" for name in names]

    def worst(name: str) -> str:
        return f"{np.sort(of(name))[: max(1, len(own) // 10)].mean():.2f}"

    offset, total = of("offset_ms"), int(of("closures").sum())
    made, real = int(of("closed").sum()), int(of("closed_real").sum())
    return [
        *means("opening", "width", "jaw"),
        worst("opening"),
        f"{np.median(offset):+.0f} ({offset.min():+.0f} to {offset.max():+.0f})",
        *means("opening_there", "width_there", "jaw_there"),
        worst("opening_there"),
        *means("loudness", "spread", "width_spread"),
        *([f"{made / total:.0%} of {total}", f"{real / total:.0%}"] if total else ["-", "-"]),
    ]


def fold_of(speaker: str) -> int:
    """In which fold a speaker is left out."""
    return zlib.crc32(speaker.encode()) % FOLDS


def evaluate(
    workspace: Workspace,
    weights: Path,
    *,
    steps: int,
    seed: int,
    more: Path | None,
    workers: int,
    device: "torch.device",
    observer: Observer,
) -> list[Score]:
    """Scores of every speaker by a training that left the speaker out, and of ``more``, a folder of strangers.

    ``steps`` and ``seed`` are the sampler's. WORK/scores.csv has every clip. Clips whose lips never close are left out,
    with a notice. Raises MediaError if no clip is left or the weights are missing.
    """
    networks = onnx_networks(weights)
    model = face_model()
    template = model.template.astype(np.float64)
    scores: list[Score] = []
    for name, group, points, samples, latents, labels in [
        *_unseen(workspace, device, observer),
        *(
            _strangers(workspace, more, networks, steps=steps, seed=seed, workers=workers, observer=observer)
            if more
            else []
        ),
    ]:
        clip = canonical_clip(points, template)
        if clip is None:
            observer.notice(f"{name}: the lips never close, left out")
            continue
        scores.append(score(name, group, clip=clip, samples=samples, latents=latents, labels=labels))
    if not scores:
        raise MediaError("no clip can be judged: none of them ever closes its lips; add clips or give --more CLIPS")
    with (workspace.root / "scores.csv").open("w", newline="", encoding="utf-8") as file:
        rows = ([field.name for field in fields(Score)], *(astuple(s) for s in scores))
        csv.writer(file, lineterminator="\n").writerows(rows)
    return scores


Judged = tuple[str, str, F32, F32, F32, U8 | None]
"""Name, group, landmarks, sound, predicted latents and phones of a clip."""


def _unseen(workspace: Workspace, device: "torch.device", observer: Observer) -> Iterator[Judged]:
    """Tracked clips, each with what a training without its speaker expects of it; WORK/folds keeps their lips.onnx."""
    import torch

    from sonic.training.export import write_hearing
    from sonic.training.motion import examples_of, fit_expectation
    from sonic.training.networks import Hearing
    from sonic.training.recogniser import alignments, load_recogniser

    tracks = Tracks(workspace.tracks)
    known, labels = alignments(workspace)
    clips, own = next((s, group) for s, group in zip(known, labels, strict=True) if s.name == "clips")
    index = {row["key"]: i for i, row in enumerate(clips.cache.rows)}
    speakers = {row["speaker"] for row in tracks.rows}
    for fold in range(FOLDS):
        held_out = tuple(sorted(name for name in speakers if fold_of(name) == fold))
        if not held_out or len(held_out) == len(speakers):
            continue
        recipe = replace(workspace.recipe(), held_out=held_out)
        examples, origin = examples_of(workspace, recipe, observer)
        place = workspace.root / "folds" / str(fold)
        model = fit_expectation(examples, recipe, folder=place, origin=origin, device=device, observer=observer).cpu()
        write_hearing(Hearing(load_recogniser(workspace), model).eval(), place)
        used: Counter[str] = Counter()
        for i, row in enumerate(tracks.rows):
            used[row["speaker"]] += 1
            if row["speaker"] not in held_out or used[row["speaker"]] > MAX_CLIPS:
                continue
            features = clips.heard.takes(index[row["key"]])[0].astype(np.float32)
            with torch.inference_mode():
                latents = model(torch.from_numpy(features[: len(features) // 2 * 2])[None])[0].numpy()
            phones = own[index[row["key"]]] if row["text"] else None
            yield row["key"], UNSEEN, tracks.points(i), tracks.samples(i), latents, phones
            observer.progress(Progress("evaluate", fold * len(tracks) + i, FOLDS * len(tracks)))


def _strangers(
    workspace: Workspace, clips: Path, networks: Networks, *, steps: int, seed: int, workers: int, observer: Observer
) -> Iterator[Judged]:
    """The clips of a folder, tracked in WORK/more, with what the exported networks make of their sound."""
    found, folder = find_clips(clips), workspace.root / "more" / clips.resolve().name
    track_all(found, folder, workers=workers, observer=observer)
    write_report(folder, folder / "report.csv")
    store, keys = Tracks(folder), {source.key for source in found}  # it may know other clips
    for i, row in enumerate(store.rows):
        if row["key"] in keys:
            samples = store.samples(i)
            latents = np.concatenate(list(speech_latents(samples, networks, steps=steps, seed=seed)))
            yield row["key"], STRANGERS, store.points(i), samples, latents, None
            observer.progress(Progress("evaluate", i + 1, len(store)))
