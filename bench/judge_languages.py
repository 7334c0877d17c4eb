"""Are the lips on time in every language, and closed where the phones say so?"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import methods
from judge_people import SHOWN, clips_in, grid_labels, shown_sounds
from report import Target, figure, table
from setting import Bench
from sonic.errors import SonicError
from sonic.evaluation.metrics import as_heard, best_lag, lag_curve, lip_opening
from sonic.media.photo import load_photo
from sonic.media.recording import load_speech
from sonic.speech.prosody import prosody
from sonic.types import F64
from spoken import SONG, Spoken, spoken
from tracks import FPS, Track, driven, filmed, open_clip, portrait_of, rendered

PORTRAIT = Path(__file__).parents[1] / "src" / "sonic" / "assets" / "demo" / "portrait.png"
MAX_LAG_MS, MAX_SONG_MS = 20, 40
FILMED = "filmed GRID speakers"
MAX_FILMED = 24
"""Clips of real people in the last row, evenly spread over the folder: what the judge says of lips that are right."""


@dataclass(frozen=True)
class Judged:
    """One recording."""

    language: str
    voice: str
    asked: F64
    """Correlation with the opening that the phones ask for, at each lag."""
    loud: F64
    """Correlation with loudness, at each lag."""
    shown: dict[str, tuple[bool, ...]]
    """Of p b m, f v and u o w: whether the lips show each as they should."""


def languages(bench: Bench, grid: Path | None) -> list[Target]:
    """Lag by language, and closures, against exact phone times."""
    print("\n### Languages\n")
    try:
        recordings = spoken(bench.folder, bench.limit)
    except SonicError as error:
        return [Target("lag, every language", None, note=str(error))]
    found = _of_voices(bench, recordings)
    clear = _of_voices(bench, recordings, articulation="clear")
    people = _of_people(bench, grid) if bench.recogniser and grid else []
    kinds = {kind: [j for j in found if j.language == kind] for kind in dict.fromkeys(j.language for j in found)}
    rows = [_row(kind, own) for kind, own in kinds.items()]
    rows += [_row(FILMED, people)] if people else []
    heads = ("voices", "n", "(a) lag, ms", "r", "each voice, ms", "(b) lag behind loudness, ms", "r", *SHOWN)
    print(table(heads, rows))
    return [
        *(_lag_target(kind, own) for kind, own in kinds.items()),
        *(shown_target(name, found, "synthetic voices") for name in SHOWN),
        *(shown_target(name, clear, "synthetic voices, articulation clear") for name in SHOWN),
    ]


def _of_voices(bench: Bench, recordings: Sequence[Spoken], articulation: str = "natural") -> list[Judged]:
    portrait = portrait_of(load_photo(PORTRAIT))
    tasks, voices = [], []
    for recording in recordings:
        speech = load_speech(recording.path, lambda line: None)
        motion = driven(bench.engine, portrait, speech, speech.duration_s, articulation=articulation)
        tasks.append(rendered(f"{recording.language}, {recording.voice}", portrait, motion))
        voices.append(prosody(speech.samples, FPS).loudness)
    tracks = bench.tracker.track(tasks)
    return [
        _judged((r.language, r.voice), track, r.labels, loudness)
        for r, track, loudness in zip(recordings, tracks, voices, strict=True)
    ]


def _of_people(bench: Bench, folder: Path) -> list[Judged]:
    """Real speakers of known sentences by the same judge: what it says of lips that are right."""
    clips, labels, paths = [], [], clips_in(folder)
    wanted = min(MAX_FILMED, bench.limit, len(paths))
    for path in paths[:: max(1, len(paths) // wanted)][:wanted]:
        clip = open_clip(path, bench.seconds)
        phones = grid_labels(bench.recogniser.labels, clip) if bench.recogniser else None
        if phones is not None:
            clips.append(clip)
            labels.append(phones)
    tracks = bench.tracker.track([filmed(clip) for clip in clips])
    return [
        _judged((FILMED, clip.name), track, phones, clip.voice.loudness)
        for clip, track, phones in zip(clips, tracks, labels, strict=True)
    ]


def _judged(who: tuple[str, str], track: Track, labels: methods.Labels, loudness: F64) -> Judged:
    opening, n = lip_opening(track.points), len(track.points)
    asked = methods.expected_opening(labels, n, float(FPS))
    shown = shown_sounds(track.points, labels)
    curves = [lag_curve(opening, reference, float(FPS))[1] for reference in (asked, as_heard(loudness[:n]))]
    return Judged(*who, *curves, shown)


def _lag_ms(curves: Sequence[F64]) -> tuple[float, float]:
    """(lag, correlation there) of the mean curve."""
    curve = np.mean(curves, axis=0)
    reach = len(curve) // 2
    lag, r = best_lag(np.arange(-reach, reach + 1), curve)
    return 1000 * lag / float(FPS), r


def _row(kind: str, own: Sequence[Judged]) -> list[str]:
    (lag, r), (loud_lag, loud_r) = _lag_ms([j.asked for j in own]), _lag_ms([j.loud for j in own])
    each = ", ".join(f"{_lag_ms([j.asked])[0]:+.0f}" for j in own)
    cells = [kind, str(len(own)), f"{lag:+.0f}", figure(r), each, f"{loud_lag:+.0f}", figure(loud_r)]
    return [*cells, *(_share([s for j in own for s in j.shown[name]]) for name in SHOWN)]


def _share(shown: Sequence[bool]) -> str:
    return f"{np.mean(shown):.0%} of {len(shown)}" if shown else "-"


def _lag_target(kind: str, own: Sequence[Judged]) -> Target:
    most = MAX_SONG_MS if kind == SONG else MAX_LAG_MS
    late = [f"{j.voice} {lag:+.0f}" for j in own if abs(lag := _lag_ms([j.asked])[0]) > most]
    note = f"single voices beyond: {', '.join(late)}" if late else ""
    lag = _lag_ms([j.asked for j in own])[0]
    return Target(f"lag, {kind}", lag, low=-most, high=most, unit=" ms", note=note)


def shown_target(name: str, found: Sequence[Judged], who: str) -> Target:
    shown = [s for j in found for s in j.shown[name]]
    misses = [f"{j.language} {j.voice} {j.shown[name].count(False)}" for j in found if not all(j.shown[name])]
    note = f"of {len(shown)}" + (f"; missed in {', '.join(misses)}" if misses else "")
    share = 100 * float(np.mean(shown)) if shown else None
    return Target(f"{name}, {who}", share, low=SHOWN[name][1], unit=" %", note=note)
