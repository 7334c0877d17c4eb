"""From folders of clips and recordings to everything that training reads: tracks, speech, and a report."""

import csv
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sonic.errors import MediaError
from sonic.files import replacing
from sonic.training.clips import find_clips
from sonic.training.noises import noises
from sonic.training.offsets import APART, Offset, estimate, write_offsets
from sonic.training.shards import INDEX, read_index
from sonic.training.sound import TABLE, Utterance, spoken_utterances, tracked_utterances, utterance_table, write_cache
from sonic.training.tracks import Tracks, rejected, track_all
from sonic.training.workspace import Workspace, build, fingerprint
from sonic.types import Observer, Progress

REPORT_FIELDS = ("file", "speaker", "verdict", "reason", "detail", "seconds", "fps", "lag_ms", "lag_correlation")


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of the clips."""

    used: int
    seconds: float
    speakers: int
    moved: int
    """Used, after an offset between picture and sound was removed."""
    reasons: dict[str, int]
    """Rejected clips by reason."""

    def to_text(self) -> str:
        """A few lines for a person."""
        lines = [f"{self.used} clips of {self.speakers} speakers, {self.seconds / 3600:.2f} h, are used"]
        lines += [f"{n:6d} rejected: {reason}" for reason, n in sorted(self.reasons.items(), key=lambda r: -r[1])]
        if self.moved:
            lines.append(f"{self.moved} of them had picture and sound apart, which is removed")
        return "\n".join(lines)


def prepare(
    clips: Sequence[Path], workspace: Workspace, *, speech: Path | None, workers: int, observer: Observer
) -> Summary:
    """Track the clips that are new, write the report, and make anew what depends on them.

    Raises MediaError if there are no clips, no recordings where some were promised, or nothing that can be used.
    """
    workspace.recipe()
    sources = [source for folder in clips for source in find_clips(folder)]
    if speech:
        utterance_table(speech)
    try:
        track_all(sources, workspace.tracks, workers=workers, observer=observer)
    finally:
        summary = write_report(workspace.tracks, workspace.report)
    if not summary.used:
        raise MediaError(f"none of {len(sources)} clips can be used; the reasons are in {workspace.report}")
    align(workspace.tracks, observer)
    derive(workspace, speech=speech, observer=observer)
    return summary


def write_report(tracks: Path, report: Path) -> Summary:
    """Every clip's verdict as CSV, sorted by file, and the summary."""
    rows = read_index(tracks)
    offsets = estimate(rows)
    judged = [_judged(row, offset) for row, offset in zip(rows, offsets, strict=True)]
    used = [row for row in judged if row["verdict"] == "used"]
    refused = [{**row, "verdict": "rejected"} for row in rejected(tracks)]
    refused += [row for row in judged if row["verdict"] != "used"]
    with replacing(report) as part, part.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, REPORT_FIELDS, extrasaction="ignore", lineterminator="\n")
        table.writeheader()
        table.writerows(sorted((*used, *refused), key=lambda row: row["file"]))
    return Summary(
        used=len(used),
        seconds=sum(float(row["seconds"]) for row in used),
        speakers=len({row["speaker"] for row in used}),
        moved=sum(offset.removed_ms != 0 for offset in offsets),
        reasons=dict(Counter(row["reason"] for row in refused)),
    )


def _judged(row: dict[str, str], offset: Offset) -> dict[str, str]:
    """REPORT_FIELDS of a tracked clip."""
    lag = {"lag_ms": f"{offset.lag_ms:.0f}", "lag_correlation": f"{offset.agreement:.2f}"}
    if offset.clear:
        return {**row, **lag, "verdict": "used", "reason": ""}
    return {**row, **lag, "verdict": "rejected", "reason": APART, "detail": f"they agree by {offset.agreement:.2f}"}


def align(tracks: Path, observer: Observer) -> None:
    """Estimate each clip's offset between picture and sound; from now on it is removed when the sound is read."""
    found = estimate(read_index(tracks))
    write_offsets(found, tracks)
    moved = [offset for offset in found if offset.removed_ms]
    if moved:
        low, high = min(o.removed_ms for o in moved), max(o.removed_ms for o in moved)
        observer.notice(f"{len(moved)} of {len(found)} clips: lips {low:+.0f} to {high:+.0f} ms late; that is removed")


def derive(workspace: Workspace, *, speech: Path | None, observer: Observer) -> None:
    """The sound caches, each only if what it is made from has changed."""
    tracks, recipe = Tracks(workspace.tracks), workspace.recipe()
    known = fingerprint(workspace.tracks / INDEX, recipe.held_out)
    of_clips = tracked_utterances(tracks, recipe.held_out)
    build(workspace.sound / "clips", known, lambda out: _write(of_clips, out, len(tracks), observer))
    if speech:
        recordings, n = spoken_utterances(speech, recipe.recordings), recipe.recordings
        build(
            workspace.sound / "speech", fingerprint(speech / TABLE, n), lambda out: _write(recordings, out, n, observer)
        )
    voices = workspace.sound / "voices"
    if recipe.voices:
        from sonic.training.voices import synthetic_utterances

        spoken = synthetic_utterances(recipe.voices, np.random.default_rng(recipe.seed))
        origin = fingerprint(recipe.voices, recipe.seed)
        build(voices, origin, lambda out: _write(spoken, out, recipe.voices, observer))
    else:
        shutil.rmtree(voices, ignore_errors=True)
    if recipe.noises:
        made_up = noises(recipe.noises, np.random.default_rng(recipe.seed))
        origin = fingerprint(recipe.noises, recipe.seed)
        build(workspace.sound / "noise", origin, lambda out: _write(made_up, out, recipe.noises, observer))


def _write(utterances: Iterator[Utterance], folder: Path, total: int, observer: Observer) -> None:
    """A sound cache, with progress."""
    stage = folder.name.removesuffix(".part")

    def counted() -> Iterator[Utterance]:
        for done, utterance in enumerate(utterances, 1):
            yield utterance
            observer.progress(Progress("sound", done, total))

    observer.notice(f"{stage}: sound of {write_cache(counted(), folder)} utterances")
