"""What each choice in the expected motion is worth: the same network trained with one thing changed at a time.

    python bench/ablation.py WORK [--strangers CLIPS] [--only PART ...] [--seeds 2] [--threads 1]

WORK is a folder of ``sonic train`` in which the encoder is trained; it needs the extra ``train``. What is made lies in
WORK/ablation and is used again.

Method. Windows are drawn as the recipe says, as many as the training has steps, and what the frozen encoder hears in
them is stored once; every network is trained on such a store, in an order and with a dropout of its own seed. A network
that takes more steps than the recipe sees windows again, and one that is about the windows has a store of its own.
Judged are means, as predicted, no diffusion: r, Pearson's correlation of predicted and tracked lip opening in each
clip; "20 ms", the same with the prediction moved 20 ms earlier; width, the correlation of mouth widths; spread, the
predicted opening's standard deviation over the tracked one's. All are means over clips and seeds. "Better than
shipped" counts the clips of the last group whose r is above the shipped network's.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import machine
from ablation_data import (
    STAY_STRANGERS,
    Clip,
    Data,
    Windows,
    columns_of,
    encoder_of,
    hear_clip,
    judging_clips,
    stored_windows,
    weights_file,
)
from report import figure, table
from sonic.engines.light.lips.diffusion import FPS
from sonic.engines.light.lips.latents import GAP_SCALE_MM
from sonic.evaluation.metrics import correlation
from sonic.motion import N_SHAPE
from sonic.training.clean import loudness
from sonic.training.config import Recipe
from sonic.training.curves import Curves
from sonic.training.face import FACE_MODEL
from sonic.training.latents import load_face, write_latents
from sonic.training.loop import Plan, pick_device, train
from sonic.training.motion import expectation_loss
from sonic.training.networks import Expectation
from sonic.training.workspace import Workspace, fingerprint
from sonic.types import F32, F64, Watch

NEAR, FAR = (1,), (1, 2, 4, 1)
FAR_S = 2 * sum(FAR) / FPS
EARLIER_S = 0.02
PARTS = (
    "input",
    "context",
    "steps",
    "dropout",
    "speakers",
    "augmentation",
    "spoken",
    "encoder",
    "baseline",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One network, by what differs from the shipped one."""

    part: str
    name: str
    parts: tuple[str, ...] = ("middle", "top", "phones")
    dilations: tuple[int, ...] = NEAR
    """Of its blocks; none: one block that sees a single frame."""
    steps: int | None = None
    dropout: float | None = None
    data: Data = field(default_factory=Data)
    by_few: bool = False
    """Of GRID, only STAY_STRANGERS judge."""


def variants(recipe: Recipe) -> list[Variant]:
    """Every row of the table but the baseline's; the first is what ships."""
    parts = recipe.encoder.parts
    unfinished = f"before its last part: {sum(parts[:-1])} of {sum(parts)} steps"
    others, fifth = "and the few clips of the other GRID speakers", Data(others_share=0.2)
    looser = f"context {FAR_S:.2g} s, dropout 0.1"
    return [
        Variant(part="", name="as shipped"),
        Variant(part="input", name="log-mel alone", parts=("mel",)),
        Variant(part="input", name=f"log-mel alone, context {FAR_S:.2g} s", parts=("mel",), dilations=FAR),
        Variant(part="input", name="the same with dropout 0.1", parts=("mel",), dilations=FAR, dropout=0.1),
        Variant(part="input", name="phone posteriors alone", parts=("phones",)),
        Variant(part="input", name="middle layer alone", parts=("middle",)),
        Variant(part="input", name="top layer alone", parts=("top",)),
        Variant(part="context", name="none beyond the encoder's", dilations=()),
        Variant(part="context", name=f"{FAR_S:.2g} s to either side", dilations=FAR),
        Variant(part="steps", name="80", steps=80),
        Variant(part="steps", name="1200", steps=1200),
        Variant(part="dropout", name="0.1", dropout=0.1),
        Variant(part="speakers", name="one, as shipped", by_few=True),
        Variant(part="speakers", name=others, data=Data(others_share=0.0), by_few=True),
        Variant(part="speakers", name=f"{others}, in a fifth of the windows", data=fifth, by_few=True),
        Variant(part="speakers", name=f"one; {looser}", dilations=FAR, dropout=0.1, by_few=True),
        Variant(
            part="speakers", name=f"others in a fifth; {looser}", data=fifth, dilations=FAR, dropout=0.1, by_few=True
        ),
        Variant(part="augmentation", name="every window", data=Data(plain_share=0.0)),
        Variant(part="spoken", name="none", data=Data(spoken_share=0.0)),
        Variant(part="spoken", name="0.3 of the windows", data=Data(spoken_share=0.3)),
        Variant(part="encoder", name=unfinished, data=Data(finished=False)),
    ]


def network(features: int, dilations: tuple[int, ...]) -> Expectation:
    """The expectation with blocks of these dilations; none: with one block that sees a single frame."""
    model = Expectation(features, dilations=dilations or NEAR)
    if not dilations:
        model.blocks[0].depth = nn.Identity()
    return model


class Learning:
    """sonic.training.motion.ExpectationTask on a store of windows."""

    columns: tuple[str, ...] = ("gap error",)

    def __init__(
        self, windows: Windows, columns: NDArray[np.intp], model: nn.Module, *, dropout: float, batch: int
    ) -> None:
        self.model: nn.Module = model
        self._windows, self._columns, self._dropout, self._batch = windows, columns, dropout, batch
        self.seed(0)

    def seed(self, seed: int) -> None:
        """Restart the order of the windows and the dropout."""
        self._order = np.random.default_rng(seed).permutation(len(self._windows.weight))
        self._rng = torch.Generator().manual_seed(seed)
        self._at = 0

    def loss(self) -> tuple[Tensor, list[float]]:
        """As ExpectationTask's."""
        which = np.take(self._order, np.arange(self._at, self._at + self._batch), mode="wrap")
        self._at += self._batch
        batch = self._windows.batch(which, self._columns)
        kept = (torch.rand(batch.mel.shape, generator=self._rng) >= self._dropout).float()
        with torch.autocast("cpu", torch.bfloat16):
            guess = self.model(batch.mel * kept / (1 - self._dropout)).float()
        loss, gap_error = expectation_loss(guess, batch)
        return loss, [gap_error]


class Bench:
    """Trains variants and judges them by the clips."""

    def __init__(self, workspace: Workspace, clips: list[Clip], seeds: int, watch: Watch) -> None:
        self._workspace, self._seeds, self._watch = workspace, seeds, watch
        self._recipe, self.clips = workspace.recipe(), clips
        basis = load_face(workspace.face / FACE_MODEL).basis
        self._corners: F64 = basis[:, 291, 0] - basis[:, 61, 0]
        self._heard: dict[bool, list[Tensor]] = {}

    def scores(self, variant: Variant) -> F64:
        """(seeds, clips, 4): r, r 20 ms earlier, width, spread."""
        if variant.data.finished not in self._heard:
            encoder = encoder_of(self._workspace, variant.data)
            self._heard[variant.data.finished] = [hear_clip(encoder, c.samples, len(c.lip_gap)) for c in self.clips]
        heard, channels = self._heard[variant.data.finished], encoder_of(self._workspace, variant.data).channels
        columns = columns_of(variant.parts, channels)
        found = []
        for seed in range(self._seeds):
            model = self._trained(variant, columns, self._recipe.seed + 1000 * seed)
            with torch.inference_mode():
                latents = [model(sound[None, :, columns])[0].numpy() for sound in heard]
            gaps = [np.maximum(y[:, -1] * GAP_SCALE_MM, 0) for y in latents]
            widths = [y[:, :N_SHAPE] @ self._corners for y in latents]
            found.append([judged(*three) for three in zip(self.clips, gaps, widths, strict=True)])
        return np.array(found)

    def _trained(self, variant: Variant, columns: NDArray[np.intp], seed: int) -> nn.Module:
        options = self._recipe.expectation
        windows, origin = stored_windows(self._workspace, variant.data, self._watch)
        changed = replace(variant, part="", name="", by_few=False)
        origin = fingerprint(origin, changed, seed)
        folder = self._workspace.root / "ablation" / f"network-{origin[:12]}"
        torch.manual_seed(seed)
        dropout = options.feature_dropout if variant.dropout is None else variant.dropout
        model = network(len(columns), variant.dilations)
        task = Learning(windows, columns, model, dropout=dropout, batch=self._recipe.motion.batch)
        steps = variant.steps or options.steps
        plan = Plan(
            name=f"{variant.part} {variant.name}", seed=seed, steps=steps, learning_rate=options.learning_rate,
            weight_decay=options.weight_decay, warm_up=0.1, clip=1.0, save_every=steps,
        )  # fmt: skip
        curves = Curves(folder, plan.name, task.columns)
        return train(task, plan, folder, curves=curves, origin=origin, watch=self._watch)


def judged(clip: Clip, gap: F32, width: F64) -> list[float]:
    """r, r 20 ms earlier, width, spread."""
    n = min(len(gap), len(clip.lip_gap))
    gap, real = gap[:n], clip.lip_gap[:n]
    earlier = np.interp(np.arange(n) + EARLIER_S * FPS, np.arange(n), gap)
    spread = float(gap.std() / max(real.std(), 1e-6))
    return [correlation(gap, real), correlation(earlier, real), correlation(width[:n], clip.width[:n]), spread]


def by_loudness(clips: Sequence[Clip]) -> F64:
    """(1, clips, 4): what the sound's level in dB says of opening and width."""
    levels = [loudness(clip.samples, len(clip.lip_gap)) for clip in clips]
    scores = [judged(clip, level, level.astype(np.float64)) for clip, level in zip(clips, levels, strict=True)]
    return np.array([[[*row[:3], np.nan] for row in scores]])


def line(variant: Variant, scores: F64, shipped: F64, clips: Sequence[Clip]) -> list[str]:
    """Cells of one row."""
    cells = [variant.part, variant.name]
    last = list(dict.fromkeys(c.group for c in clips))[-1]
    for group in dict.fromkeys(c.group for c in clips):
        few = variant.by_few and any(c.group == group and c.speaker in STAY_STRANGERS for c in clips)
        own = [i for i, c in enumerate(clips) if c.group == group and (not few or c.speaker in STAY_STRANGERS)]
        if few:
            cells[1] += f" (unseen: {len(own)})"
        cells += [figure(v) for v in scores[:, own].mean((0, 1))]
        if group == last:
            better = scores[:, own, 0].mean(0) > shipped[:, own, 0].mean(0)
            cells.append("-" if np.array_equal(scores, shipped) else f"{better.sum()} of {len(own)}")
    return cells


def heads(clips: Sequence[Clip]) -> list[str]:
    """The table's first line."""
    names = ["", "instead"]
    for group in dict.fromkeys(c.group for c in clips):
        n = sum(c.group == group for c in clips)
        names += [f"{group} ({n}): r", "20 ms", "width", "spread"]
    return [*names, "better than shipped"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="folder of sonic train")
    parser.add_argument("--strangers", type=Path, help="folder of filmed people that no stage trained on")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--seeds", type=int, default=2, help="networks of each kind, whose figures are averaged")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    watch = Watch(notice=logging.info)
    pick_device("cpu", options.threads)
    workspace = Workspace(options.work)
    write_latents(workspace, watch)
    clips = judging_clips(workspace, options.strangers, watch)
    bench = Bench(workspace, clips, options.seeds, watch)
    rows, noise, shipped = [], [], None
    for variant in variants(workspace.recipe()):
        if variant.part in ("", *options.only) and weights_file(workspace, variant.data).exists():
            scores = bench.scores(variant)
            shipped = scores if shipped is None else shipped
            rows.append(line(variant, scores, shipped, clips))
            noise.append(_half_range(scores, clips))
            logging.info(" ".join(rows[-1]))
    if "baseline" in options.only and shipped is not None:
        rows.append(line(Variant(part="baseline", name="loudness alone"), by_loudness(clips), shipped, clips))
    print(f"{machine.describe()}, torch {torch.__version__}\n\n{table(heads(clips), rows)}")
    print(f"\n{options.seeds} seeds; r of a group lies within {max(noise):.3f} of the mean of the seeds in every row")
    return 0


def _half_range(scores: F64, clips: Sequence[Clip]) -> float:
    """Largest distance of one seed's mean r in a group from the mean of all seeds."""
    groups = [[i for i, c in enumerate(clips) if c.group == group] for group in {c.group for c in clips}]
    return max(float(np.ptp(scores[:, own, 0].mean(1)) / 2) for own in groups)


if __name__ == "__main__":
    sys.exit(main())
