"""The language of a recording, found by machine where somebody asks for that: before consent is held against it."""

from contextlib import closing
from pathlib import Path

import numpy as np

from sonic.captions.recogniser import LANGUAGE_S, find_language
from sonic.media.decode import decode_sound
from sonic.pipeline.job import Job
from sonic.settings.common import AUTO_LANGUAGE
from sonic.types import F32, SPEECH_RATE_HZ


def settle_language(job: Job, speech: Path, *, weights: Path | None = None) -> None:
    """Put what is heard in place of the language "auto"; a notice, which goes into the record, says how sure it is.

    What is not clear is not stated. Raises InstallError without the extra ``captions`` and its weights, SpeechError as
    loading the recording would.
    """
    if job.settings.language != AUTO_LANGUAGE:
        return
    heard = find_language(_opening(speech, job.settings.audio_track), folder=weights)
    job.settings = job.settings.replace(language=heard.tag if heard.is_clear else None)
    if heard.is_clear:
        job.observer.notice(f"the language of the recording was found by machine: {heard}")
    else:
        job.observer.notice(
            f"the language of the recording is not clear, {heard} at best, and is not stated; give it: language"
        )


def _opening(speech: Path, track: int | None) -> F32:
    """The first seconds, mono at 16 kHz."""
    wanted = round(LANGUAGE_S * SPEECH_RATE_HZ)
    chunks: list[F32] = []
    with closing(decode_sound(speech, rate_hz=SPEECH_RATE_HZ, channels=1, track=track)) as decoded:
        for chunk in decoded:
            chunks.append(np.nan_to_num(chunk[:, 0]))
            if sum(map(len, chunks)) >= wanted:
                break
    return np.concatenate(chunks)[:wanted] if chunks else np.zeros(SPEECH_RATE_HZ, np.float32)
