"""Made videos beside filmed ones: strangers in free speech, and GRID speakers that training held out."""

import csv
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

import methods
from mel_judge import MelJudge, mouth
from report import Target, figure, table
from setting import Bench
from sonic.errors import SonicError
from sonic.evaluation.metrics import (
    MANNERS,
    ClipOffset,
    Report,
    as_heard,
    clip_offset,
    closeness,
    closes,
    correlation,
    lag_curve,
    lip_opening,
    measure,
    mouth_distance,
    moving_mouth_distance,
)
from sonic.motion import Motion
from sonic.training.clips import grid_sentence
from sonic.training.evaluate import fold_of
from sonic.training.phones import GRID_DICTIONARY
from sonic.types import F64, U8, Portrait
from sonic.weights import open_network, session
from tracks import FPS, Filmed, Task, Track, driven, filmed, open_clip, portrait_of, rendered

MODEL, STILL, JAW, TABLE, REDRAWN = "model", "still", "jaw", "table", "redrawn"
REAL = "real"
NEEDS_CLIPS, NEEDS_RECOGNISER = "needs a folder of clips", "needs --recogniser"
NEEDS_FOLDS = "needs a folder of clips and --folds"
BILABIALS = ("P", "B", "M")
SHOWN = {
    "p b m closed": (BILABIALS, 95),
    "f v touching": (("F", "V"), 85),
    "u o w round": (("UW", "UH", "OW", "OY", "W"), 85),
}
"""What lips must show -> its phones and the least share, %. Closed: the opening below 15 % of its range in the clip
(5th to 95th percentile); touching: below CONTACT; round: the width below its 30th percentile in the clip; each within a
frame of the phone."""
CONTACT, ROUND_PERCENTILE = 0.3, 30
Shown = Sequence[tuple[str, dict[str, tuple[bool, ...]]]]
"""What the lips of named clips show."""
MAX_CLIPS = 4
"""Of one GRID speaker."""
OPEN_MOUTH = 0.035
"""types.FaceQuality.mouth_gap above which a photo's mouth is open: the product closes it before it starts."""
LEAST_CLOSE = {"silent lips": 0.92, "lip dynamics": 0.95, "brows": 0.85, "head motion": 0.75, "lip-sync": 0.97}


@dataclass(frozen=True)
class Pair:
    """One filmed clip and what was made from its first picture and sound."""

    clip: Filmed
    portrait: Portrait
    real: Track
    made: dict[str, Track]
    """By method."""
    mel_judge: MelJudge | None = None

    def opening(self, method: str) -> F64:
        return lip_opening(self.made[method].points)

    @property
    def real_opening(self) -> F64:
        return lip_opening(self.real.points)

    @cached_property
    def offset(self) -> ClipOffset:
        """Of the filmed picture against its own sound."""
        return clip_offset(self.clip.samples, self.real.points)

    @cached_property
    def real_there(self) -> F64:
        """The filmed landmarks once that is taken out, where it is clear."""
        n = len(self.real.points)
        places = np.clip(np.arange(n) + (self.offset.ms * float(FPS) / 1000 if self.offset.clear else 0), 0, n - 1)
        left = np.minimum(places.astype(int), n - 2)
        share = (places - left)[:, None, None]
        return np.asarray(self.real.points[left] * (1 - share) + self.real.points[left + 1] * share)

    def r_there(self, method: str) -> float:
        return correlation(self.opening(method), lip_opening(self.real_there))

    def r(self, method: str) -> float:
        return correlation(self.opening(method), self.real_opening)

    @property
    def loudness(self) -> F64:
        return as_heard(self.clip.voice.loudness[: self.clip.n_frames])

    def distance(self, method: str) -> float:
        """In % of the outer-eye distance."""
        real = self.real.points if method == REDRAWN else self.real_there  # redrawn lips are where they were filmed
        return 100 * mouth_distance(self.made[method].points, real)

    @cached_property
    def reports(self) -> dict[str, Report]:
        """Of the real clip and of what keeps its own manner."""
        n, voice = self.clip.n_frames, self.clip.voice
        tracks = {REAL: self.real, **{m: self.made[m] for m in (MODEL, REDRAWN) if m in self.made}}
        sound = {"fps": float(FPS), "loudness": voice.loudness[:n], "speaking": voice.speaking[:n]}
        return {name: measure(track.points.astype(np.float32), **sound) for name, track in tracks.items()}

    @cached_property
    def figures(self) -> dict[str, float | None]:
        """The columns of one clip, by their heads."""
        return _figures(self)


def speakers(bench: Bench, folder: Path | None) -> list[Target]:
    """Strangers in free speech."""
    pairs = _pairs(bench, "Filmed strangers", clips_in(folder)[: bench.limit])
    if not pairs:
        return [Target("strangers: correlation with the real lips", None, low=0.30, note=NEEDS_CLIPS)]
    print(_correlations(pairs))
    print(_manners(pairs))
    return [*_likeness(pairs), *_naturalness(pairs)]


def grid(bench: Bench, folder: Path | None) -> list[Target]:
    """Speakers of the training corpus, each by the networks that were trained without this speaker."""
    name = "unseen GRID speakers: correlation with the real lips"
    if folder is None or bench.folds is None:
        return [Target(name, None, low=0.80, note=NEEDS_FOLDS)]
    clips = dict(list(_speakers(folder).items())[: bench.limit])
    folds = {path: bench.folds / str(fold_of(speaker)) / "lips.onnx" for path, speaker in clips.items()}
    pairs = _pairs(bench, "GRID speakers, each left out of training", list(folds), folds)
    print(_correlations(pairs))
    found = [pair.r(MODEL) for pair in pairs]
    return [Target(name, float(np.mean(found)), low=0.80, note=_below(pairs, found, 0.60)), *_shown(bench, pairs)]


def clips_in(folder: Path | None) -> list[Path]:
    """Videos of a folder, sorted."""
    return sorted(p for p in folder.iterdir() if p.suffix in (".mp4", ".mkv", ".webm", ".mov")) if folder else []


def _speakers(folder: Path | None) -> dict[Path, str]:
    """At most MAX_CLIPS clips of each speaker."""
    found: dict[str, list[Path]] = {}
    if folder is not None:
        with (folder / "clips.csv").open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                found.setdefault(row["speaker"], []).append(folder / row["file"])
    return {path: speaker for speaker, own in found.items() for path in own[:: -(-len(own) // MAX_CLIPS)]}


def _pairs(bench: Bench, title: str, paths: Sequence[Path], folds: Mapping[Path, Path] | None = None) -> list[Pair]:
    """Everything made and tracked; clips that cannot be used are printed with the reason.

    ``folds`` names another lips.onnx for a clip than the shipped one.
    """
    print(f"\n### {title}\n")
    opened, left_out = [], []
    for path in paths:
        try:
            clip = open_clip(path, bench.seconds)
            opened.append((clip, portrait_of(clip.photo)))
        except SonicError as error:
            left_out.append(f"{path.stem} left out: {error}")
    reals = bench.tracker.track([filmed(clip) for clip, _ in opened])
    lips = [(folds or {}).get(clip.path) for clip, _ in opened]
    motions = [_motions(bench, *who, real, own) for who, real, own in zip(opened, reals, lips, strict=True)]
    tasks = [_tasks(clip, portrait, made) for (clip, portrait), made in zip(opened, motions, strict=True)]
    tracks, pairs = iter(bench.tracker.track([task for own in tasks for task in own])), []
    for (clip, portrait), real, names in zip(opened, reals, motions, strict=True):
        made = {name: next(tracks) for name in names}
        lost = {name: t.lost for name, t in (("filmed", real), *made.items()) if not t.usable}
        if lost:
            left_out.append(f"{clip.name} left out: no face in {lost} of {clip.n_frames} frames")
        else:
            pairs.append(Pair(clip, portrait, real, made, bench.mel_judge))
    print("\n".join([*left_out, ""]) if left_out else "", end="")
    return pairs


def _motions(bench: Bench, clip: Filmed, portrait: Portrait, real: Track, lips: Path | None) -> dict[str, Motion]:
    with _networks(lips):
        model = driven(bench.engine, portrait, clip.speech, clip.seconds)
    made = {MODEL: model, STILL: methods.still_picture(model), JAW: methods.loudness_jaw(model, clip.voice)}
    if bench.recogniser:
        heard = bench.recogniser.posteriors(clip.samples)
        made[TABLE] = methods.visemes(model, methods.opening_of_posteriors(heard, len(model), float(FPS)))
    if (lips := methods.redrawn(model, real.points)) is not None:
        made[REDRAWN] = lips
    return made


def _networks(lips: Path | None) -> AbstractContextManager[Any]:
    """The product with another lips.onnx, if there is one."""
    if lips is None:
        return nullcontext()
    network = open_network(str(lips))
    return patch("sonic.engines.light.lips.predict.session", lambda name: network if name == "lips" else session(name))


def _tasks(clip: Filmed, portrait: Portrait, made: dict[str, Motion]) -> list[Task]:
    return [rendered(f"{clip.name}, {name}", portrait, motion) for name, motion in made.items()]


def _correlations(pairs: Sequence[Pair]) -> str:
    """One line a clip and their mean."""
    names = list(pairs[0].figures)
    cells = [[_cell(name, value) for name, value in pair.figures.items()] for pair in pairs]
    rows = [[p.clip.name, _mouth(p.portrait), *own] for p, own in zip(pairs, cells, strict=True)]
    known = [[v for pair in pairs if (v := pair.figures[name]) is not None] for name in names]
    means = [_cell(name, float(np.mean(own)) if own else None) for name, own in zip(names, known, strict=True)]
    return table(["clip", "mouth at first", *names], [*rows, ["**mean**", "", *means]])


def _mouth(portrait: Portrait) -> str:
    gap = portrait.face.quality.mouth_gap
    return f"open {gap:.2f}" if gap > OPEN_MOUTH else "closed"


def _cell(name: str, value: float | None) -> str:
    return f"{value:+.0f}" if "ms" in name and value is not None else figure(value)


def _figures(pair: Pair) -> dict[str, float | None]:
    a, b = pair.opening(MODEL), pair.real_opening
    lags, curve = lag_curve(a, b, float(FPS))
    made = {m: track for m, track in pair.made.items() if m != MODEL}
    return {
        "r": pair.r(MODEL),
        "best r": float(curve.max()),
        "at ms": 1000 * float(lags[np.argmax(curve)] / FPS),
        "own offset, ms": pair.offset.ms if pair.offset.clear else None,
        "r there": pair.r_there(MODEL),
        "width there": correlation(_width(pair.made[MODEL].points), _width(pair.real_there)),
        **{f"r {m}": pair.r_there(m) if m in made else None for m in (JAW, TABLE)},
        f"r {REDRAWN}": pair.r(REDRAWN) if REDRAWN in made else None,
        "r loudness": correlation(pair.loudness, b),
        "distance": pair.distance(MODEL),
        **{f"d. {m}": pair.distance(m) if m in made else None for m in (JAW, TABLE, STILL, REDRAWN)},
        "d. moving part": 100 * moving_mouth_distance(pair.made[MODEL].points, pair.real_there),
        "mel judge": _by_mel(pair, pair.made[MODEL].points, best=False),
        "mel judge, real": _by_mel(pair, pair.real.points, best=True),
        "mean, made / real": float(a.mean() / b.mean()),
        "sd, made / real": float(a.std() / b.std()),
        "width sd": float(_width(pair.made[MODEL].points).std() / _width(pair.real.points).std()),
    }


def _by_mel(pair: Pair, points: F64, *, best: bool) -> float | None:
    """What the other ears say; of filmed lips at the offset where they say most."""
    if pair.mel_judge is None:
        return None
    return pair.mel_judge.agreement(pair.clip.samples, mouth(points))[int(best)]


def _width(points: F64) -> F64:
    """(T,) mouth width over the outer-eye distance."""
    size = np.linalg.norm(points[:, 33, :2] - points[:, 263, :2], axis=-1)
    return np.asarray(np.linalg.norm(points[:, 61, :2] - points[:, 291, :2], axis=-1) / size)


def _worst_tenth(found: Sequence[float]) -> float:
    return float(np.mean(np.sort(found)[: max(1, round(len(found) / 10))]))


def _likeness(pairs: Sequence[Pair]) -> list[Target]:
    found = [pair.r(MODEL) for pair in pairs]
    clear = [pair for pair in pairs if pair.offset.clear]
    there = [pair.r_there(MODEL) for pair in clear]
    distance = {m: float(np.mean([pair.distance(m) for pair in pairs])) for m in (MODEL, JAW, STILL)}
    loud = float(np.mean([correlation(pair.loudness, pair.real_opening) for pair in pairs]))
    unclear = [f"{pair.clip.name} {pair.r(MODEL):.2f}" for pair in pairs if not pair.offset.clear]
    note = f"{len(clear)} clips; left out for want of a clear offset: {', '.join(unclear) or 'none'}"
    widths = [value for pair in pairs if (value := pair.figures["width sd"]) is not None]
    targets = [
        Target("strangers: correlation, offset removed", float(np.mean(there)), low=0.55, note=note),
        Target("strangers: the worst tenth of them", _worst_tenth(there), low=0.30, note=_below(clear, there, 0.3)),
        Target("strangers: correlation at lag 0", float(np.mean(found)), low=0.30, note=f"loudness alone {loud:.2f}"),
        Target("strangers: spread of mouth width, made over real", float(np.median(widths)), low=0.9, high=1.1),
    ]
    for other, least, name in ((JAW, 15, "the loudness-driven jaw"), (STILL, 25, "a still picture")):
        worse = [p for p in pairs if p.distance(MODEL) >= p.distance(other)]
        note = "no clip is farther" if not worse else f"farther in {_names(worse)}"
        below = 100 * (1 - distance[MODEL] / distance[other])
        targets.append(Target(f"strangers: mouth distance below {name}", below, low=least, unit=" %", note=note))
    return targets


def _below(pairs: Sequence[Pair], found: Sequence[float], least: float) -> str:
    low = [pair for pair, r in zip(pairs, found, strict=True) if r < least]
    return f"below {least:g}: {_names(low)}" if low else f"no clip below {least:g}"


def _names(pairs: Sequence[Pair]) -> str:
    return ", ".join(pair.clip.name for pair in pairs)


def _both(pairs: Sequence[Pair], field: str, method: str = MODEL) -> tuple[F64, F64]:
    """(made, real) of the clips in which both can be measured."""
    own = [p.reports for p in pairs if method in p.made]
    values = [(getattr(reports[method], field), getattr(reports[REAL], field)) for reports in own]
    known = np.array([v for v in values if None not in v], np.float64).reshape(-1, 2)
    return known[:, 0], known[:, 1]


def _ceiling(pairs: Sequence[Pair], field: str) -> str:
    """What the filmed lips, redrawn, keep of a measure of lips; head, eyes and brows there are the model's."""
    made, real = _both(pairs, field, REDRAWN)
    lips = "lip" in field or "loudness" in field
    return figure(float(np.median(made) / np.median(real))) if lips and len(made) else "-"


def _manners(pairs: Sequence[Pair]) -> str:
    """THEval's measures of both sides."""
    rows = []
    for name, field in (*MANNERS.items(), ("blinks a minute", "blinks_per_minute")):
        made, real = _both(pairs, field)
        if len(made):
            middles = [figure(float(how(x)), 4) for how in (np.median, np.mean) for x in (made, real)]
            close = [closeness(float(how(made)), float(how(real))) for how in (np.median, np.mean)]
            rows.append([name, str(len(made)), *middles, *(figure(c) for c in close), _ceiling(pairs, field)])
    heads = ["measure", "clips", "made, median", "real, median", "made, mean", "real, mean", "closeness", "(of means)"]
    heads += ["redrawn / real, medians"]
    return "\n" + table(heads, rows)


def _naturalness(pairs: Sequence[Pair]) -> list[Target]:
    targets = []
    for name, field in MANNERS.items():
        made, real = _both(pairs, field)
        close = [closeness(float(how(made)), float(how(real))) if len(made) else None for how in (np.median, np.mean)]
        note = f"of means {figure(close[1])}, {len(made)} clips"
        targets.append(Target(f"closeness to real people: {name}", close[0], low=LEAST_CLOSE[name], note=note))
    seconds = sum(pair.clip.seconds for pair in pairs)
    blinks = sum(p.reports[MODEL].blinks_per_minute * p.clip.seconds for p in pairs) / seconds
    note = f"{seconds / 60:.1f} minutes in all"
    return [*targets, Target("blinks a minute", blinks, low=18, high=26, note=note)]


def _shown(bench: Bench, pairs: Sequence[Pair]) -> list[Target]:
    """Of p b m, f v and u o w in the known sentences."""
    who = "unseen GRID speakers"
    if not bench.recogniser:
        return [
            Target(f"{name}, {who}", None, low=low, unit=" %", note=NEEDS_RECOGNISER)
            for name, (_, low) in SHOWN.items()
        ]
    labels = [(pair, grid_labels(bench.recogniser.labels, pair.clip)) for pair in pairs]
    made, real = (
        [(pair.clip.name, shown_sounds(track(pair), own)) for pair, own in labels if own is not None]
        for track in (lambda pair: pair.made[MODEL].points, lambda pair: pair.real.points)
    )
    return [_shown_target(name, who, made, real) for name in SHOWN]


def _shown_target(name: str, who: str, made: Shown, real: Shown) -> Target:
    found, filmed_ = ([value for _, shown in side for value in shown[name]] for side in (made, real))
    if not found:
        return Target(f"{name}, {who}", None, low=SHOWN[name][1], unit=" %", note="none in a known sentence")
    missed = [f"{clip} {shown[name].count(False)}" for clip, shown in made if not all(shown[name])]
    note = f"of {len(found)}; real lips {100 * np.mean(filmed_):.0f} %; missed in {', '.join(missed) or 'none'}"
    return Target(f"{name}, {who}", 100 * float(np.mean(found)), low=SHOWN[name][1], unit=" %", note=note)


def shown_sounds(points: F64, labels: methods.Labels) -> dict[str, tuple[bool, ...]]:
    """For each of SHOWN, whether (T, 478, 3) tracked lips show each of these phones (50 Hz)."""
    opening, n = lip_opening(points), len(points)
    size = np.linalg.norm(points[:, 33, :2] - points[:, 263, :2], axis=-1)
    width = np.linalg.norm(points[:, 61, :2] - points[:, 291, :2], axis=-1) / size
    low, high = np.percentile(opening, [5, 95])
    narrow = np.percentile(width, ROUND_PERCENTILE)

    def around(track: F64, a: float, b: float) -> float:
        return float(track[max(int(a) - 1, 0) : int(np.ceil(b)) + 1].min())

    def spans(name: str) -> list[tuple[float, float]]:
        return [(a, b) for a, b in methods.spans(labels, SHOWN[name][0], float(FPS)) if a < n]

    return {
        "p b m closed": tuple(closes(opening, *span) for span in spans("p b m closed")),
        "f v touching": tuple(around(opening, *s) <= low + CONTACT * (high - low) for s in spans("f v touching")),
        "u o w round": tuple(around(width, *span) <= narrow for span in spans("u o w round")),
    }


def grid_labels(align: Callable[[F64, str], U8], clip: Filmed) -> U8 | None:
    """Phones at 50 Hz of a clip whose name says its sentence, else None."""
    text = grid_sentence(clip.path.stem)
    known = text and all(word in GRID_DICTIONARY for word in text.split())
    return align(clip.samples, text) if known else None
