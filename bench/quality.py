"""Quality on rendered pixels: every portrait of a folder says every recording of a folder; faces are tracked anew.

    python bench/quality.py [--portraits FOLDER] [--recordings FOLDER] [--seconds 8]

Method: frames are taken from the renderer before label and encoding, at most 512 px on the shorter side, and tracked
with FaceMesh as any video would be. "bg" is the largest difference to the source picture outside the box in which the
renderer says anything may move; "box" is that box's share of the picture. "lag_ms" and "r" compare the tracked opening
with the motion that was asked for: what rendering adds to the model's own lag, which bench/motion.py judges by phones
whose times are known. "loud_lag" and "corr" compare it with the loudness, on which filmed people scatter by 100 ms and
more. Without folders the bundled portrait and recording are used. A row that fails a target says which; nothing is left
out.
"""

import argparse
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

import machine
from results import Measure, record
from sonic.engines.light.drive import drive
from sonic.engines.light.renderers.warp import Renderer
from sonic.errors import SonicError
from sonic.evaluation.metrics import Report, lag_and_correlation, lip_opening, mean_ycc, measure
from sonic.faces.landmarks import fill_lost, track_face
from sonic.faces.portrait import analyse_portrait
from sonic.media.photo import load_photo
from sonic.media.recording import load_speech
from sonic.motion import Motion, join
from sonic.settings import Settings
from sonic.speech.prosody import prosody
from sonic.types import U8, Photo, Portrait, Speech

ASSETS = Path(__file__).parents[1] / "src" / "sonic" / "assets" / "demo"
MAX_LAG_MS, MAX_SILENT, MAX_FLICKER = 40.0, 0.03, 0.5
COLUMNS = (
    "lag_ms", "r", "loud_lag", "corr", "silent", "gap_sd", "lips_px", "blinks", "head", "jitter", "flicker", "bg",
    "box", "lost",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One portrait with one recording."""

    report: Report
    lag_ms: float
    """Of the tracked opening against the motion."""
    agreement: float
    """Correlation of the two at that lag."""
    box_share: float
    lost: int

    def misses(self) -> list[str]:
        """Names of the targets that this row does not meet."""
        r = self.report
        checks = {
            "lag": abs(self.lag_ms) <= MAX_LAG_MS,
            "silent lips": (r.silent_lip_deviation or 0.0) <= MAX_SILENT,
            "background": r.background_difference == 0,
            "flicker": (r.flicker_luma or 0.0) <= MAX_FLICKER,
        }
        return [name for name, met in checks.items() if not met]

    def cells(self) -> str:
        r = self.report
        values = (
            f"{self.lag_ms:+.0f}", f"{self.agreement:.2f}", f"{r.lag_ms:+.0f}", f"{r.opening_loudness_correlation:.2f}",
            "-" if r.silent_lip_deviation is None else f"{r.silent_lip_deviation:.3f}", f"{r.lip_gap_sd:.3f}",
            f"{r.lip_dynamics_px:.2f}", f"{r.blinks_per_minute:.0f}", f"{r.head_complexity:.1f}", f"{r.jitter:.4f}",
            f"{r.flicker_luma or 0:.2f}", f"{r.background_difference or 0:.0f}", f"{self.box_share:.0%}",
            f"{self.lost}",
        )  # fmt: skip
        return " ".join(f"{v:>8}" for v in values)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--portraits", type=Path, help="folder of photos")
    parser.add_argument("--recordings", type=Path, help="folder of recordings or videos with sound")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each recording")
    arguments = parser.parse_args()
    print(machine.describe())
    print(f"{'':<48} " + " ".join(f"{c:>8}" for c in COLUMNS))
    portraits = _files(arguments.portraits, ".png .jpg .jpeg .webp") or [ASSETS / "portrait.png"]
    recordings = _files(arguments.recordings, ".wav .flac .ogg .mp3 .m4a .mp4 .mkv") or [ASSETS / "speech.flac"]
    _measure_rendered(portraits, recordings, arguments.seconds)
    return 0


def _measure_rendered(portraits: list[Path], recordings: list[Path], seconds: float) -> None:
    crashes, rows = 0, []
    for photo in portraits:
        for recording in recordings:
            name = f"{photo.stem[:30]} / {recording.stem[:14]}"
            try:
                row = judge(photo, recording, seconds)
            except SonicError as error:
                print(f"{name:<48} refused: {error}")
            except Exception:  # a crash is a result here, not an end
                crashes += 1
                print(f"{name:<48} CRASH {traceback.format_exc().splitlines()[-1]}")
            else:
                rows.append(row)
                print(f"{name:<48} {row.cells()}  {', '.join(row.misses())}", flush=True)
    _print_medians(rows)
    met = sum(not row.misses() for row in rows)
    record(Measure("quality: crashes", crashes, "", "lower", 0, portable=True))
    record(Measure("quality: rows that meet every target", met, f"of {len(rows)}", "higher", 0, portable=True))
    print(f"{crashes} crashes; {met} of {len(rows)} rows meet every target")


def _print_medians(rows: list[Row]) -> None:
    """Of the measures that describe natural motion."""
    reports = [row.report for row in rows]
    for name in ("lip_gap_sd", "lip_dynamics_px", "brow_dynamics", "head_complexity", "blinks_per_minute",
                 "loudness_mismatch", "silent_lip_deviation", "flicker_luma"):  # fmt: skip
        values = [value for report in reports if (value := getattr(report, name)) is not None]
        median = float(np.median(values)) if values else None
        print(f"median {name:<41} {'-' if median is None else f'{median:.4f}'}")
        if name in ("silent_lip_deviation", "flicker_luma"):  # of the others neither more nor less is better
            record(Measure(f"quality: median {name}", median, "", "lower", 0.05, slack=0.002, portable=True))


def _files(folder: Path | None, suffixes: str) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in suffixes.split()) if folder else []


def judge(photo_path: Path, recording: Path, seconds: float) -> Row:
    """Render, track and measure one pair; raises what the product raises."""
    photo, speech = load_photo(photo_path), load_speech(recording, lambda line: None)
    settings = Settings(min_resolution=_side(photo))
    portrait = analyse_portrait(photo, settings, lambda line: None)
    motion = join(list(drive(speech, settings, min(seconds, speech.duration_s))))
    return _measured(portrait, speech, motion)


def _side(photo: Photo) -> int:
    return max(128, min(512, min(photo.size_px)) // 2 * 2)


def _measured(portrait: Portrait, speech: Speech, motion: Motion) -> Row:
    renderer = Renderer(portrait)
    left, top, right, bottom = renderer.moving_box_px
    still = np.ones(portrait.crop.shape[:2], bool)
    still[top:bottom, left:right] = False
    worst, means = 0, []

    def frames() -> Iterator[U8]:
        nonlocal worst
        for frame in renderer.render([motion]):
            difference = np.abs(frame.rgb[still].astype(np.int16) - portrait.crop[still])
            worst = max(worst, int(difference.max(initial=0)))
            means.append(mean_ycc(frame.rgb))
            yield frame.rgb

    points, lost = fill_lost(list(track_face(frames())))
    voice = prosody(speech.samples, Fraction(motion.fps))
    n = len(points)
    report = measure(
        points,
        fps=float(motion.fps),
        loudness=voice.loudness[:n],
        speaking=voice.speaking[:n],
        frame_means=np.stack(means),
        background_difference=float(worst),
    )
    opening = lip_opening(points.astype(np.float64))
    lag_s, agreement = lag_and_correlation(opening, motion.lip_gap[:n], float(motion.fps))
    return Row(report, 1000 * lag_s, agreement, 1 - float(still.mean()), lost)


if __name__ == "__main__":
    sys.exit(main())
