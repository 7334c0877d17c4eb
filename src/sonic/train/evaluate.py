"""Step 8: judge the model on clips that it never saw, beside loudness alone; prints a table in Markdown.

    python -m sonic.train.evaluate --tracks CACHE --weights ASSETS/weights --encoder encoder.pt [--more OTHER_CACHE]

Correlation, lag and spread compare predicted and tracked lip opening clip by clip. Closure looks at aligned p, b and m.
"""

import argparse
import csv
import logging
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np

from sonic.diffusion import Networks, speech_latents
from sonic.mel import log_mel, speech_level
from sonic.motion import N_SHAPE
from sonic.train.config import Recipe, read_recipe
from sonic.train.face import CanonicalClip, canonical_clip
from sonic.train.phones import BILABIALS, GRID_DICTIONARY, sentence_phones
from sonic.types import F32, F64, U8
from sonic.weights import GAP_SCALE_MM, face_model

log = logging.getLogger(__name__)

Predict = Callable[[F32], tuple[F32, F32]]
"""Samples -> (shape, lip_gap) at 25 fps."""
CLOSED_SHARE = 0.15
"""A bilabial is closed when the opening gets below this share of the clip's range (5th to 95th percentile)."""


@dataclass(frozen=True, slots=True)
class Score:
    """One clip."""

    clip: str
    group: str
    correlation: float
    """Of predicted and tracked lip opening."""
    best: float
    """The same at the best lag within 200 ms."""
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


def score(name: str, group: str, *, clip: CanonicalClip, samples: F32, predict: Predict, labels: U8 | None) -> Score:
    """Judge one clip."""
    shape, gap = predict(samples)
    n = min(len(gap), len(clip.lip_gap))
    gap, real = gap[:n], clip.lip_gap[:n]
    face = face_model()
    corners = face.basis[:, 291, 0] - face.basis[:, 61, 0]
    width = np.linalg.norm(clip.points[:n, 291] - clip.points[:n, 61], axis=-1)
    lags = np.array([correlation(np.roll(gap, -k)[8:-8], real[8:-8]) for k in range(-5, 6)])
    found = closures(labels[: 2 * n]) if labels is not None else []
    return Score(
        name,
        group,
        correlation(gap, real),
        float(lags.max()),
        40.0 * _peak(lags) if lags.max() > 0.2 else float("nan"),
        correlation(shape[:n] @ corners, width),
        correlation(loudness(samples, n), real),
        float(gap.std() / max(real.std(), 1e-6)),
        len(found),
        sum(_closes(gap, a, b) for a, b in found),
        sum(_closes(real, a, b) for a, b in found),
    )


def correlation(a: F32 | F64, b: F32 | F64) -> float:
    """Pearson's, 0 where either is constant."""
    if a.std() < 1e-9 or b.std() < 1e-9:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _peak(values: F64) -> float:
    """Place of the maximum from the middle, to a fraction by a parabola."""
    k = int(np.clip(values.argmax(), 1, len(values) - 2))
    a, b, c = values[k - 1 : k + 2]
    bend = a - 2 * b + c
    return k - len(values) // 2 + (float(np.clip(0.5 * (a - c) / bend, -0.5, 0.5)) if bend < 0 else 0.0)


def loudness(samples: F32, n: int) -> F32:
    """(n,) level in dB around each frame at 25 fps."""
    mel = log_mel(samples, speech_level(samples)).mean(1)
    padded = np.pad(mel, (2, 4 * n), mode="edge")
    return np.asarray(padded[: 4 * n].reshape(n, 4).mean(1), np.float32)


def closures(labels: U8) -> list[tuple[float, float]]:
    """(start, end) in frames at 25 fps of each bilabial."""
    lips = np.isin(labels, BILABIALS)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], lips.astype(int), [0]])))
    return [(a / 2, b / 2) for a, b in edges.reshape(-1, 2)]


def _closes(gap: F32, start: float, end: float) -> bool:
    """Whether the opening falls below CLOSED_SHARE of the clip's range between a frame before and a frame after."""
    low, high = np.percentile(gap, [5, 95])
    part = gap[max(int(start) - 1, 0) : int(np.ceil(end)) + 1]
    return bool(len(part) and part.min() <= low + CLOSED_SHARE * (high - low))


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


def test_clips(tracks: Path, recipe: Recipe) -> list[tuple[str, Path]]:
    """(group, file) of the tracked clips that no stage trained on."""
    from sonic.train.encoder import is_test
    from sonic.train.sound import Utterance

    found = []
    for path in sorted(tracks.glob("*.npz")):
        with np.load(path) as clip:
            speaker = str(clip["speaker"])
        nothing = np.zeros(0, np.uint8)
        known = Utterance(path.stem, speaker, "train", nothing.astype(np.int16), "", nothing)
        if is_test(known, recipe.held_out):
            found.append(("unseen speakers" if speaker in recipe.held_out else "seen speakers, unseen clips", path))
    return found


def onnx_networks(folder: Path, guidance: float) -> Networks:
    """Exported networks that need not be the shipped ones."""
    import onnxruntime

    hear, denoise = (onnxruntime.InferenceSession(str(folder / f"{n}.onnx")) for n in ("encoder", "denoiser"))

    def denoised(x: F32, t: float, heard: F32) -> F32:
        inputs = {"x": np.stack([x, x]), "t": np.full(2, t, np.float32), "condition": np.stack([heard, 0 * heard])}
        following, free = denoise.run(None, inputs)[0]
        return np.asarray(free + np.float32(guidance) * (following - free), np.float32)

    return Networks(lambda mel: np.asarray(hear.run(None, {"mel": mel[None]})[0][0]), denoised, N_SHAPE + 1)


class Aligner:
    """Phone labels for clips with a GRID sentence, by the trained encoder."""

    def __init__(self, weights: Path) -> None:
        import torch

        from sonic.train.networks import Encoder

        self._torch = torch
        self._model = Encoder().eval()
        self._model.load_state_dict(torch.load(weights, weights_only=True))

    def __call__(self, samples: F32, text: str) -> U8 | None:
        """(T,) labels at 50 Hz, or None without a known sentence."""
        from sonic.train.align import align

        if not text or any(word not in GRID_DICTIONARY for word in text.split()):
            return None
        mel = log_mel(samples, speech_level(samples))
        with self._torch.inference_mode():
            logits = self._model(self._torch.from_numpy(mel[: len(mel) // 2 * 2])[None])[0]
        return align(self._torch.log_softmax(logits, -1).numpy(), sentence_phones(text))[0]


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="sonic.train.evaluate", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--tracks", type=Path, required=True, help="prepared clips; only those kept for testing are used"
    )
    parser.add_argument("--encoder", type=Path, required=True, help="encoder.pt, which aligns the phones")
    parser.add_argument("--weights", type=Path, required=True, help="folder of encoder.onnx and denoiser.onnx")
    parser.add_argument("--guidance", type=float, default=1.5)
    parser.add_argument("--chance", type=float, default=0.25)
    parser.add_argument("--more", type=Path, help="prepared clips that are all foreign to training")
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--csv", type=Path, help="write every clip's scores here")
    options = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    recipe, aligner = read_recipe(), Aligner(options.encoder)
    clips = test_clips(options.tracks, recipe)
    clips += [("free speech, strangers", path) for path in sorted(options.more.glob("*.npz"))] if options.more else []
    networks = onnx_networks(options.weights, options.guidance)

    def predict(samples: F32) -> tuple[F32, F32]:
        latents = speech_latents(samples, networks, steps=options.steps, seed=options.seed, chance=options.chance)
        return latents[:, :N_SHAPE], np.maximum(latents[:, N_SHAPE] * GAP_SCALE_MM, 0)

    scores = []
    for group, path in clips:
        with np.load(path) as data:
            points, samples, text = data["points"], data["samples"], str(data["text"])
        clip = canonical_clip(points, face_model().template.astype(np.float64))
        if clip is None:
            log.info("%s: the lips never close, left out", path.stem)
            continue
        labels = aligner(samples, text)
        scores.append(score(path.stem, group, clip=clip, samples=samples, predict=predict, labels=labels))
    log.info("%d clips, %d steps, seed %d\n%s", len(scores), options.steps, options.seed, table(scores))
    if options.csv:
        with options.csv.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([[f.name for f in fields(Score)], *(astuple(s) for s in scores)])
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
