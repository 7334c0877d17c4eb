"""Made videos beside filmed ones: strangers in free speech, and GRID speakers that training held out."""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

import methods
from report import Target, figure, table
from setting import Bench
from sonic.errors import SonicError
from sonic.evaluation.metrics import (
    MANNERS,
    Report,
    as_heard,
    best_lag,
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
from sonic.training.config import read_recipe
from sonic.training.phones import GRID_DICTIONARY
from sonic.types import F64, U8, Portrait
from studio import FPS, Filmed, Task, Track, driven, filmed, open_clip, portrait_of, rendered

MODEL, STILL, JAW, TABLE, REDRAWN = "model", "still", "jaw", "table", "redrawn"
REAL = "real"
NEEDS_CLIPS, NEEDS_ENCODER = "needs a folder of clips", "needs --encoder"
BILABIALS = ("P", "B", "M")
OPEN_MOUTH = 0.035
"""types.FaceQuality.mouth_gap above which a photo's mouth is open: the product closes it before it starts."""
LEAST_CLOSE = {"silent lips": 0.90, "lip dynamics": 0.90, "brows": 0.85, "head motion": 0.75, "lip-sync": 0.97}


@dataclass(frozen=True)
class Pair:
    """One filmed clip and what was made from its first picture and sound."""

    clip: Filmed
    portrait: Portrait
    real: Track
    made: dict[str, Track]
    """By method."""

    def opening(self, method: str) -> F64:
        return lip_opening(self.made[method].points)

    @property
    def real_opening(self) -> F64:
        return lip_opening(self.real.points)

    def r(self, method: str) -> float:
        return correlation(self.opening(method), self.real_opening)

    @property
    def loudness(self) -> F64:
        return as_heard(self.clip.voice.loudness[: self.clip.n_frames])

    def distance(self, method: str) -> float:
        """In % of the outer-eye distance."""
        return 100 * mouth_distance(self.made[method].points, self.real.points)

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
    """Speakers of the training corpus who were kept out of training."""
    pairs = _pairs(bench, "GRID speakers held out of training", _held_out(folder)[: bench.limit])
    name = "unseen GRID speakers: correlation with the real lips"
    if not pairs:
        return [Target(name, None, low=0.80, note=NEEDS_CLIPS)]
    print(_correlations(pairs))
    found = [pair.r(MODEL) for pair in pairs]
    return [Target(name, float(np.mean(found)), low=0.80, note=_below(pairs, found, 0.80)), _closures(bench, pairs)]


def clips_in(folder: Path | None) -> list[Path]:
    """Videos of a folder, sorted."""
    return sorted(p for p in folder.iterdir() if p.suffix in (".mp4", ".mkv", ".webm", ".mov")) if folder else []


def _held_out(folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    unseen = set(read_recipe().held_out)
    with (folder / "clips.csv").open(newline="", encoding="utf-8") as file:
        return [folder / row["file"] for row in csv.DictReader(file) if row["speaker"] in unseen]


def _pairs(bench: Bench, title: str, paths: Sequence[Path]) -> list[Pair]:
    """Everything made and tracked; clips that cannot be used are printed with the reason."""
    print(f"\n### {title}\n")
    opened, left_out = [], []
    for path in paths:
        try:
            clip = open_clip(path, bench.seconds)
            opened.append((clip, portrait_of(clip.photo)))
        except SonicError as error:
            left_out.append(f"{path.stem} left out: {error}")
    reals = bench.studio.track([filmed(clip) for clip, _ in opened])
    motions = [_motions(bench, *who, real) for who, real in zip(opened, reals, strict=True)]
    tasks = [_tasks(clip, portrait, made) for (clip, portrait), made in zip(opened, motions, strict=True)]
    tracks, pairs = iter(bench.studio.track([task for own in tasks for task in own])), []
    for (clip, portrait), real, names in zip(opened, reals, motions, strict=True):
        made = {name: next(tracks) for name in names}
        lost = {name: t.lost for name, t in (("filmed", real), *made.items()) if not t.usable}
        if lost:
            left_out.append(f"{clip.name} left out: no face in {lost} of {clip.n_frames} frames")
        else:
            pairs.append(Pair(clip, portrait, real, made))
    print("\n".join([*left_out, ""]) if left_out else "", end="")
    return pairs


def _motions(bench: Bench, clip: Filmed, portrait: Portrait, real: Track) -> dict[str, Motion]:
    model = driven(bench.engine, portrait, clip.speech, clip.seconds)
    made = {MODEL: model, STILL: methods.still_picture(model), JAW: methods.loudness_jaw(model, clip.voice)}
    if bench.recogniser:
        heard = bench.recogniser.posteriors(clip.samples)
        made[TABLE] = methods.visemes(model, methods.opening_of_posteriors(heard, len(model), float(FPS)))
    if (lips := methods.redrawn(model, real.points)) is not None:
        made[REDRAWN] = lips
    return made


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
    own = int(np.searchsorted(lags, round(best_lag(lags, _others(pair))[0])))
    made = {m: track for m, track in pair.made.items() if m != MODEL}
    return {
        "r": pair.r(MODEL),
        "best r": float(curve.max()),
        "at ms": 1000 * float(lags[np.argmax(curve)] / FPS),
        "own offset, ms": 1000 * float(lags[own] / FPS),
        "r there": float(curve[own]),
        **{f"r {m}": pair.r(m) if m in made else None for m in (JAW, TABLE, REDRAWN)},
        "r loudness": correlation(pair.loudness, b),
        "distance": pair.distance(MODEL),
        **{f"d. {m}": pair.distance(m) if m in made else None for m in (JAW, TABLE, STILL, REDRAWN)},
        "d. moving part": 100 * moving_mouth_distance(pair.made[MODEL].points, pair.real.points),
        "mean, made / real": float(a.mean() / b.mean()),
        "sd, made / real": float(a.std() / b.std()),
    }


def _others(pair: Pair) -> F64:
    """Correlation at each lag of everything but the model with the real lips: where they agree best the clip's own
    picture and sound agree, and the model had no say in it."""
    tracks = [pair.opening(m) for m in (JAW, TABLE) if m in pair.made]
    return np.sum([lag_curve(x, pair.real_opening, float(FPS))[1] for x in (*tracks, pair.loudness)], axis=0)


def _likeness(pairs: Sequence[Pair]) -> list[Target]:
    found = [pair.r(MODEL) for pair in pairs]
    distance = {m: float(np.mean([pair.distance(m) for pair in pairs])) for m in (MODEL, JAW, STILL)}
    loud = float(np.mean([correlation(pair.loudness, pair.real_opening) for pair in pairs]))
    there = [r for pair in pairs if (r := pair.figures["r there"]) is not None]
    note = f"loudness alone {loud:.2f}; at each clip's own offset {np.mean(there):.2f}; {_below(pairs, found, 0.0)}"
    targets = [Target("strangers: correlation with the real lips", float(np.mean(found)), low=0.30, note=note)]
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


def _closures(bench: Bench, pairs: Sequence[Pair]) -> Target:
    """Of p, b and m in the known sentences."""
    name = "unseen GRID speakers: p, b, m closed"
    if not bench.recogniser:
        return Target(name, None, low=90, unit=" %", note=NEEDS_ENCODER)
    closed: dict[str, list[bool]] = {"made": [], "real": []}
    open_in = []
    for pair in pairs:
        labels = grid_labels(bench.recogniser.labels, pair.clip)
        for start, end in methods.spans(labels, BILABIALS, float(FPS)) if labels is not None else []:
            closed["made"].append(closes(pair.opening(MODEL), start, end))
            closed["real"].append(closes(pair.real_opening, start, end))
            open_in += [] if closed["made"][-1] else [pair.clip.name]
    if not closed["made"]:
        return Target(name, None, low=90, unit=" %", note="no p, b, m in a known sentence")
    note = f"of {len(closed['made'])}; real lips {100 * np.mean(closed['real']):.0f} %"
    note += f"; open in {', '.join(open_in)}" if open_in else ""
    return Target(name, 100 * float(np.mean(closed["made"])), low=90, unit=" %", note=note)


def grid_labels(align: Callable[[F64, str], U8], clip: Filmed) -> U8 | None:
    """Phones at 50 Hz of a clip whose name says its sentence, else None."""
    text = grid_sentence(clip.path.stem)
    known = text and all(word in GRID_DICTIONARY for word in text.split())
    return align(clip.samples, text) if known else None
