"""generate(), stream() and preview(): one job in a session of its own."""

from pathlib import Path

from sonic.pipeline.captioning import CaptionRequest
from sonic.pipeline.job import Job
from sonic.pipeline.stages import Result
from sonic.provenance.consent import Consent
from sonic.session import Session
from sonic.settings import Settings
from sonic.types import Clip, Frames, Observer, OnFrame, OnNotice, OnProgress

__all__ = ["Result", "generate", "preview", "stream"]


def generate(  # noqa: PLR0913 - the one function of the library: what to make, how, and who observes it
    portrait: str | Path,
    speech: str | Path,
    out: str | Path,
    *,
    consent: Consent,
    settings: Settings | None = None,
    overwrite: bool = False,
    captions: CaptionRequest | None = None,
    on_progress: OnProgress | None = None,
    on_notice: OnNotice | None = None,
    on_frame: OnFrame | None = None,
) -> Result:
    """Make the video ``out`` (.mp4) of ``portrait`` saying ``speech``, with its record beside it.

    The output appears under its final name only when it is complete. It replaces an earlier output, which is a video
    whose hash the record beside it names; any other file is kept, and raises OutputError, unless ``overwrite`` is true.
    With ``captions``, .vtt and .srt lie beside it. ``on_frame`` sees each labelled frame on its way there. Raises a
    SonicError for anything a user can mend.
    For many videos use one Session: engines stay warm.

    Works in any number of threads, and of processes that are spawned, or forked before the first video. A process that
    is forked after it (the default of multiprocessing on Linux before Python 3.14) gets a SonicError: MediaPipe's
    threads do not survive a fork, so take multiprocessing.get_context("spawn").
    """
    with Session() as session:
        job = _job(settings, on_progress, on_notice, on_frame)
        return session.generate(portrait, speech, out, consent=consent, job=job, overwrite=overwrite, captions=captions)


def stream(
    portrait: str | Path,
    speech: str | Path,
    *,
    consent: Consent,
    settings: Settings | None = None,
    on_progress: OnProgress | None = None,
    on_notice: OnNotice | None = None,
) -> Frames:
    """The labelled frames of the video, one at a time, at settings.fps; closing them stops all work.

        with sonic.stream("portrait.jpg", "speech.mp3", consent=consent) as frames:
            for frame in frames:
                show(frame.rgb)

    Sound is not part of the stream: frame i belongs to the sound from i / fps.
    """
    return Session().stream(portrait, speech, consent=consent, job=_job(settings, on_progress, on_notice))


def preview(
    portrait: str | Path,
    speech: str | Path,
    *,
    longest_s: float,
    settings: Settings | None = None,
    on_progress: OnProgress | None = None,
    on_notice: OnNotice | None = None,
) -> Clip:
    """The labelled opening of a video, at most ``longest_s``, for looking at stills."""
    return Session().preview(portrait, speech, longest_s=longest_s, job=_job(settings, on_progress, on_notice))


def _job(
    settings: Settings | None,
    on_progress: OnProgress | None,
    on_notice: OnNotice | None,
    on_frame: OnFrame | None = None,
) -> Job:
    def ignore(report: object) -> None:
        """Nobody observes."""

    return Job(settings or Settings(), Observer(on_progress or ignore, on_notice or ignore, on_frame or ignore))
