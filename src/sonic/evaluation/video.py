"""Measure a video on its own pixels: track the face anew, compare with the sound, report and plot.

Works on any video with one face and sound, made by Sonic or filmed, so that both are judged by the same code.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from sonic.counts import video_frames
from sonic.errors import FaceError, MediaError
from sonic.evaluation.figures import Curve, Panel, draw_chart
from sonic.evaluation.metrics import (
    MANNERS,
    ClipOffset,
    Report,
    background_change,
    best_lag,
    clip_offset,
    closeness,
    closures_shown,
    correlation,
    heard_closures,
    identity,
    lag_curve,
    lip_opening,
    mean_ycc,
    measure,
    mouth_distance,
)
from sonic.faces.landmarks import fill_lost, track_face
from sonic.media.images import check_picture_name, save_picture
from sonic.media.recording import load_speech
from sonic.media.video import decode_video, video_format
from sonic.speech.prosody import prosody
from sonic.types import F32, F64, U8, OnProgress, Progress

MIN_FRAMES = 10
N_STILLS = 100
STILL_PX = 512
"""Stills are thinned to about this longer side, green channel only."""
MOTION_FPS = 25
"""Rate at which the expected mouth is known."""
MAX_LOST = 0.1
"""Share of frames in which the face may be missing."""
MAX_SILENT = 0.1
"""Share of the pictures that may come after the end of the sound; they are not judged."""
CHART_PX = 1210, 462

_UNITS = {"_deg": "°", "_ms": "ms", "_px": "px", "seconds": "s", "_s": "s"}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The measures of one video, and the curves behind them."""

    report: Report
    lost_frames: int
    """Frames without a tracked face, filled from the frame before."""
    fps: float
    opening: F64
    """(T,) lip opening over the outer-eye distance."""
    loudness: F64
    """(T,) linear RMS of 80 to 3000 Hz, relative to loud speech."""
    points: F32
    """(T, 478, 3) landmarks in px of the video."""
    offset: ClipOffset | None = None
    """How far picture and sound are apart; None where that was not measured."""
    closures: float | None = None
    """Share of p b m, as engine light's networks hear them, at which the lips shut; None where there are few."""

    def to_dict(self) -> dict[str, Any]:
        """For --json: the measures, rounded."""
        measures = {name: None if v is None else round(v, 5) for name, v in self.report.to_dict().items()}
        offset_ms = round(self.offset.ms, 1) if self.offset and self.offset.clear else None
        closures = None if self.closures is None else round(self.closures, 3)
        measures |= {"picture_offset_ms": offset_ms, "closures_shown": closures}
        return {**measures, "fps": self.fps, "lost_frames": self.lost_frames}

    def to_text(self) -> str:
        """For a person: one measure a line."""
        lines = []
        for name, value in self.report.to_dict().items():
            unit = next((u for ending, u in _UNITS.items() if name.endswith(ending)), "")
            number = "not measurable" if value is None else f"{value:.3f} {unit}"
            lines.append(f"{name:<30} {number}")
        if self.offset:
            lines.append(f"{'picture after sound':<30} {_told(self.offset)}")
        if self.closures is not None:
            lines.append(f"{'p b m with lips shut':<30} {self.closures:.0%}")
        if self.lost_frames:
            lines.append(f"{'frames without a face':<30} {self.lost_frames}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A made video beside the filmed one of the same person saying the same."""

    mouth_correlation: float
    """Of the two mouth openings, at the same time; filmed people of free speech against good models: 0.3."""
    best_mouth_correlation: float
    """The same at the lag where they agree best, within 300 ms."""
    mouth_lag_ms: float
    """Positive: the made lips come later than the filmed ones."""
    mouth_distance: float
    """Mouth landmark distance over the outer-eye distance."""
    filmed_offset_ms: float
    """How much later than its own sound the filmed mouth moves; 0 where that is not clear."""
    mouth_correlation_there: float
    """Of the two openings once that offset is taken out of the filmed one."""
    mouth_distance_there: float
    """The distance then."""
    closeness: dict[str, float | None]
    """THEval's 1 - |made - real| / real; None where a clip cannot tell."""

    def to_dict(self) -> dict[str, Any]:
        """For --json."""
        return asdict(self)

    def to_text(self) -> str:
        """For a person: one figure a line."""
        rows = {
            "mouth correlation": f"{self.mouth_correlation:.3f}",
            "mouth correlation at best": f"{self.best_mouth_correlation:.3f} at {self.mouth_lag_ms:+.0f} ms",
            "mouth distance": f"{100 * self.mouth_distance:.2f} % of the outer-eye distance",
            "filmed picture after sound": f"{self.filmed_offset_ms:+.0f} ms; with that taken out:",
            "mouth correlation there": f"{self.mouth_correlation_there:.3f}",
            "mouth distance there": f"{100 * self.mouth_distance_there:.2f} % of the outer-eye distance",
            **{f"closeness: {k}": "not measurable" if v is None else f"{v:.2f}" for k, v in self.closeness.items()},
        }
        return "\n".join(f"{name:<30} {value}" for name, value in rows.items())


def compare(made: Evaluation, real: Evaluation) -> Comparison:
    """How like the filmed video the made one is, from their common beginning on; both start with the same sound.

    Raises MediaError if less than MIN_FRAMES are common.
    """
    n = min(len(made.points), int((len(real.points) - 1) * Fraction(made.fps) // Fraction(real.fps)) + 1)
    if n < MIN_FRAMES:
        raise MediaError(f"the videos have {n} frames in common; {MIN_FRAMES} are needed, give the same speech twice")
    ours, theirs = (
        made.points[:n].astype(np.float64),
        _at(real.points, np.arange(n, dtype=np.float64) * (real.fps / made.fps)),
    )
    offset_ms = real.offset.ms if real.offset and real.offset.clear else 0.0
    there = _at(real.points, np.arange(n, dtype=np.float64) * (real.fps / made.fps) + offset_ms * real.fps / 1000)
    openings = lip_opening(ours), lip_opening(theirs)
    lag, best = best_lag(*lag_curve(*openings, made.fps))
    pairs = {name: (getattr(made.report, field), getattr(real.report, field)) for name, field in MANNERS.items()}
    return Comparison(
        correlation(*openings),
        best,
        1000 * lag / made.fps,
        mouth_distance(ours, theirs),
        offset_ms,
        correlation(openings[0], lip_opening(there)),
        mouth_distance(ours, there),
        {name: None if None in (a, b) or not b else closeness(a, b) for name, (a, b) in pairs.items()},
    )


def _told(offset: ClipOffset) -> str:
    """One figure for a person."""
    if not offset.clear:
        return "not clear: the lips do not follow this sound"
    return f"{offset.ms:+.0f} ms (agreement {offset.there:.2f}, {offset.here:.2f} as it is)"


def _at(points: F32, places: F64) -> F64:
    """(T, 478, 3) between the frames, linearly; the ends hold."""
    places = np.clip(places, 0, len(points) - 1)
    left = np.minimum(places.astype(int), len(points) - 2)
    share = (places - left)[:, None, None]
    return np.asarray(points[left] * (1 - share) + points[left + 1] * share)


def evaluate_video(video: Path, plot: Path | None, *, on_progress: OnProgress) -> Evaluation:
    """Track and measure ``video``; ``plot`` receives mouth opening against loudness (PNG or JPEG, None: no plot).

    Raises MediaError if the file has no picture or no sound, FaceError if no face can be followed.
    """
    if plot is not None:
        check_picture_name(plot)
    stored = video_format(video)
    speech = load_speech(video, lambda line: None)
    fps = stored.fps or Fraction(25)
    shrink = max(1, max(stored.size_px) // STILL_PX)
    watched = _watch(video, video_frames(speech.duration_s, fps), shrink, on_progress)
    voice = prosody(speech.samples, fps)
    n = _common(video, len(watched.points), len(voice), fps)
    points, loudness = watched.points[:n], voice.loudness[:n]
    report = measure(
        points,
        fps=float(fps),
        loudness=loudness,
        speaking=voice.speaking[:n],
        frame_means=watched.means[:n],
        background_difference=background_change(watched.stills, watched.still_points),
        identity=identity(watched.stills, watched.still_points),
    )
    at_rate = _at(points, np.arange(int(n / fps * MOTION_FPS), dtype=np.float64) * float(fps / MOTION_FPS))
    offset = clip_offset(speech.samples, at_rate)
    closures = closures_shown(lip_opening(at_rate), heard_closures(speech.samples, len(at_rate)))
    opening = lip_opening(points.astype(np.float64))
    evaluation = Evaluation(report, watched.lost, float(fps), opening, loudness, points, offset, closures)
    if plot is not None:
        save_picture(draw_curves(evaluation, video.name), plot)
    return evaluation


def _common(video: Path, n_pictures: int, n_sounding: int, fps: Fraction) -> int:
    """Frames with picture and sound: many cameras end the sound a little earlier. Raises MediaError for too few."""
    if n_pictures - n_sounding > MAX_SILENT * n_pictures:
        picture_s, sound_s = float(n_pictures / fps), float(n_sounding / fps)
        raise MediaError(
            f"{video.name} has {picture_s:.1f} s of picture but {sound_s:.1f} s of sound; give a video with sound "
            "throughout"
        )
    return min(n_pictures, n_sounding)


@dataclass(frozen=True, slots=True)
class _Watched:
    """What one pass over a video keeps."""

    points: F32
    """(T, 478, 3) landmarks in px of the video."""
    means: F64
    """(T, 3) mean Y Cb Cr of each frame."""
    lost: int
    """Frames without a face."""
    stills: list[U8]
    """Some frames, grey and small."""
    still_points: F64
    """(len(stills), 478, 3) their landmarks, in px of the stills."""


def _watch(video: Path, n_frames: int, shrink: int, on_progress: OnProgress) -> _Watched:
    means: list[F64] = []
    stills: dict[int, U8] = {}
    every = max(1, n_frames // N_STILLS)

    def frames() -> Iterator[U8]:
        for _, rgb in decode_video(video):
            if len(means) % every == 0:
                stills[len(means)] = np.ascontiguousarray(rgb[::shrink, ::shrink, 1])
            means.append(mean_ycc(rgb))
            on_progress(Progress("track", len(means), max(n_frames, len(means))))
            yield rgb

    tracked = list(track_face(frames()))
    on_progress(Progress("track", len(means), len(means)))
    found = sum(points is not None for points in tracked)
    if len(tracked) < MIN_FRAMES or found < (1 - MAX_LOST) * len(tracked):
        raise FaceError(
            f"{video.name}: a face in {found} of {len(tracked)} frames; {1 - MAX_LOST:.0%} of at least "
            f"{MIN_FRAMES} are needed, give a video of one face"
        )
    points, lost = fill_lost(tracked)
    kept = points[list(stills)].astype(np.float64) / shrink
    return _Watched(points, np.stack(means), lost, list(stills.values()), kept)


def draw_curves(evaluation: Evaluation, title: str) -> U8:
    """Mouth opening and loudness over time as a picture (h, w, 3)."""
    time_s = np.arange(len(evaluation.opening)) / evaluation.fps
    report = evaluation.report
    curves = (
        Curve(time_s, evaluation.loudness, "#c9d6e8", "loudness (80 to 3000 Hz), relative", filled=True),
        Curve(time_s, evaluation.opening, "#b3312c", "mouth opening / eye distance", right=True),
    )
    told = f"{title}: lag {report.lag_ms:+.0f} ms, correlation {report.opening_loudness_correlation:.2f}"
    return draw_chart([Panel(curves, low=0)], CHART_PX, title=told, x_name="seconds")
