"""generate(), stream() and preview(): one job in a session of its own, from what a program has at hand."""

from collections.abc import Mapping
from typing import Any, BinaryIO, overload

from sonic.media.inputs import PathInput, PictureInput, SoundInput
from sonic.notebook import progress_bar
from sonic.pipeline.captioning import CaptionRequest
from sonic.pipeline.job import Job
from sonic.pipeline.stages import Result
from sonic.provenance.consent.resolve import ConsentInput
from sonic.session import Delivered, Session
from sonic.settings import Settings
from sonic.settings.presets import settings_from
from sonic.types import Frame, Frames, Observer, OnFrame, OnNotice, OnProgress, ignore

__all__ = ["Delivered", "Result", "generate", "preview", "stream"]

SettingsInput = Settings | Mapping[str, Any] | PathInput | None
"""Settings, a dict of them, the name or the TOML file of a preset, or None for the defaults."""


@overload
def generate(
    portrait: PictureInput,
    speech: SoundInput,
    out: PathInput,
    *,
    consent: ConsentInput,
    settings: SettingsInput = None,
    overwrite: bool = False,
    captions: CaptionRequest | None = None,
    on_progress: OnProgress | None = None,
    on_notice: OnNotice | None = None,
    on_frame: OnFrame | None = None,
    **changes: Any,
) -> Result: ...
@overload
def generate(
    portrait: PictureInput,
    speech: SoundInput,
    out: BinaryIO | None = None,
    *,
    consent: ConsentInput,
    settings: SettingsInput = None,
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
    on_notice: OnNotice | None = None,
    on_frame: OnFrame | None = None,
    **changes: Any,
) -> Delivered: ...
def generate(  # noqa: PLR0913 - the one function of the library: what to make, how, and who observes it
    portrait: Any,
    speech: Any,
    out: Any = None,
    *,
    consent: ConsentInput,
    settings: SettingsInput = None,
    overwrite: bool = False,
    captions: CaptionRequest | None = None,
    on_progress: OnProgress | None = None,
    on_notice: OnNotice | None = None,
    on_frame: OnFrame | None = None,
    **changes: Any,
) -> Result | Delivered:
    """Make the video ``out`` (.mp4) of ``portrait`` saying ``speech``, with its record beside it.

        sonic.generate("ada.jpg", "talk.mp3", "talk.mp4", consent="ada.consent.json", fps=30, seed=4)
        mp4 = sonic.generate(pixels, (samples, 16_000), consent=consent).video

    ``portrait`` is a path, the bytes of a picture file, a binary file object, pixels (H, W, 3 or 4) of uint8, or a
    Pillow image; ``speech`` a path, bytes, a binary file object, or (samples, rate in Hz). Record and hash are about
    these bytes; for pixels and samples about the PNG or WAV that holds them. ``consent`` is a Consent, its file, or the
    id of one that this machine keeps. Settings are given as Settings, as a dict, as a preset, or by their names
    (``changes``), which win.

    With a path the output appears under its final name only when it is complete. It replaces an earlier output, which
    is a video whose hash the record beside it names; any other file is kept, and raises OutputError, unless
    ``overwrite`` is true. With a file object, or without ``out``, the result is Delivered.

    With ``captions``, .vtt and .srt lie beside a video that has a path. ``on_frame`` sees a read-only copy of each
    labelled frame on its way there. Without ``on_progress`` a notebook shows a progress bar, by tqdm if it is
    installed. Raises a SonicError for anything a user can mend. For many videos use one Session: engines stay warm.

    Works in any number of threads and processes, spawned or forked, before the first video or after it.
    """
    job = _job(settings_from(settings, changes), on_progress, on_notice, on_frame)
    with Session() as session:
        made: Result | Delivered = session.generate(
            portrait, speech, out, consent=consent, job=job, overwrite=overwrite, captions=captions
        )
        return made


def stream(
    portrait: PictureInput,
    speech: SoundInput,
    *,
    consent: ConsentInput,
    settings: SettingsInput = None,
    captions: CaptionRequest | None = None,
    on_progress: OnProgress | None = None,
    on_notice: OnNotice | None = None,
    **changes: Any,
) -> Frames:
    """The labelled frames of the video, one at a time, at settings.fps; closing them stops all work.

        with sonic.stream("portrait.jpg", "speech.mp3", consent=consent) as frames:
            for frame in frames:
                show(frame.rgb)

    Takes what ``generate`` takes; captions are drawn if they have a style. Sound is not part of the stream: frame i
    belongs to the sound from i / fps.
    """
    job = _job(settings_from(settings, changes), on_progress, on_notice)
    return Session().stream(portrait, speech, consent=consent, job=job, captions=captions)


def preview(
    portrait: PictureInput,
    speech: SoundInput,
    *,
    n_pictures: int = 8,
    settings: SettingsInput = None,
    on_progress: OnProgress | None = None,
    on_notice: OnNotice | None = None,
    **changes: Any,
) -> tuple[Frame, ...]:
    """Labelled frames of the opening of a video, to look at before there is consent: as Session.preview."""
    job = _job(settings_from(settings, changes), on_progress, on_notice)
    with Session() as session:
        return session.preview(portrait, speech, n_pictures=n_pictures, job=job)


def _job(
    settings: Settings, on_progress: OnProgress | None, on_notice: OnNotice | None, on_frame: OnFrame | None = None
) -> Job:
    return Job(settings, Observer(on_progress or progress_bar() or ignore, on_notice or ignore, on_frame or ignore))
