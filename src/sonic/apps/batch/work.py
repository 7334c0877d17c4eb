"""One row from beginning to end, and nothing that it can raise stops another: failures become outcomes."""

import time
import traceback
from collections.abc import Callable
from typing import Any

from sonic.apps.batch.desk import Desk
from sonic.apps.batch.outcome import DONE, FAILED, Outcome
from sonic.apps.batch.places import on_disk
from sonic.apps.batch.rows import Row
from sonic.errors import NO_MEMORY, OutputError, SonicError, lacks_memory
from sonic.pipeline.job import Job
from sonic.pipeline.stages import Result
from sonic.session import Session
from sonic.types import Observer, Progress

MEASURES = (
    "lag_ms",
    "lag_certainty",
    "opening_loudness_correlation",
    "silent_lip_deviation",
    "lip_gap_sd",
    "picture_offset_ms",
    "closures_shown",
)
OnShare = Callable[[float], None]


def make(
    row: Row, session: Session, desk: Desk, *, measure: bool = False, overwrite: bool = False, on_share: OnShare
) -> Outcome:
    """Make one row's video. ``on_share`` hears how much of it is done, 0 to 1. Raises nothing but KeyboardInterrupt."""
    began_s = time.monotonic()

    def share(report: Progress) -> None:
        if report.stage == "video" and report.total:
            on_share(report.done / report.total)

    job = Job(row.settings, Observer(share))
    try:
        with desk.holding(row) as here:
            result = _made(here, session, job, overwrite=overwrite)
            measures = _measures(here) if measure else {}
            rest: dict[str, Any] = {"measures": measures, "checks": (*_checks(here), *_cover(here))}
            rest |= desk.deliver(row, here, overwrite=overwrite)
    except Exception as error:
        failure = _failure(error)
        return Outcome.of(
            row, FAILED, kind=type(failure).__name__, message=str(failure), notices=tuple(job.notices),
            wall_s=round(time.monotonic() - began_s, 2),
        )  # fmt: skip
    return Outcome.of(
        row, DONE, language=job.settings.language, notices=result.notices,
        seconds=round(result.duration_s, 3), size_px=result.size_px,
        wall_s=round(time.monotonic() - began_s, 2), **rest,
    )  # fmt: skip


def _made(row: Row, session: Session, job: Job, *, overwrite: bool) -> Result:
    portrait, speech, out = on_disk(row.portrait), on_disk(row.speech), on_disk(row.out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{str(out.parent)!r} cannot be made ({error.strerror}); choose another folder") from error
    captions = row.caption_request(on_disk(row.captions) if row.captions else None)
    return session.generate(portrait, speech, out, consent=row.consent, job=job, overwrite=overwrite, captions=captions)


def _measures(row: Row) -> dict[str, float | None]:
    from sonic.evaluation.video import evaluate_video

    report = evaluate_video(on_disk(row.out), None, on_progress=lambda report: None).to_dict()
    return {name: report[name] for name in MEASURES}


def _checks(row: Row) -> tuple[str, ...]:
    if row.settings.platform is None:
        return ()
    from sonic.evaluation.delivery import check_delivery
    from sonic.settings.platforms import platform

    findings = check_delivery(on_disk(row.out), platform(row.settings.platform)).findings
    return tuple(f"{one.rule}: {one.found}; {one.remedy}" for one in findings if one.state != "ok")


def _cover(row: Row) -> tuple[str, ...]:
    """Write the cover picture, where one is wanted; why it could not be, else nothing: the video is there."""
    if row.cover is None or row.settings.platform is None:
        return ()
    from sonic.evaluation.cover import save_cover
    from sonic.settings.platforms import platform

    try:
        save_cover(on_disk(row.out), platform(row.settings.platform), on_disk(row.cover))
    except SonicError as error:
        return (f"cover: {error}",)
    return ()


def _failure(error: Exception) -> SonicError:
    if isinstance(error, SonicError):
        return error
    if lacks_memory(error):
        return SonicError(NO_MEMORY)
    where = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" in {where[0].name}, line {where[0].lineno}" if where else ""
    return SonicError(f"this is a fault of Sonic ({type(error).__name__}: {error}{place}); please report it")
