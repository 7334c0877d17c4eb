"""Step 1, load: the recording of a person becomes a Speech, or a message that says what to mend."""

import hashlib
import io
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np

from sonic.errors import SpeechError
from sonic.media.container import MAX_SOUND_BYTES, open_file
from sonic.media.decode import sound_format
from sonic.media.mono import Tally
from sonic.media.samples import StoredSamples
from sonic.media.tracks import speaking_track
from sonic.speech.voice import Voice, listen
from sonic.types import SPEECH_RATE_HZ, OnNotice, Sound, Speech

MIN_SPEECH_S = 0.1
SILENT_DBFS = -60.0
"""A recording that never exceeds this counts as silent."""
QUIET_PEAK = 0.3
"""Quieter speech is raised to this peak for analysis; the sound track stays as it is."""
OVERSHOOT = 1.25
"""Lossy codecs decode loud speech to a little more than full scale; that is cut, and beyond this all is turned down."""
MISSING_S = 0.2
"""A recording that lacks less than this is complete: encoders pad, and headers round."""
MOSTLY = 0.9
"""A recording that lacks more than this share of itself is damaged."""


def load_speech(path: Path, on_notice: OnNotice, *, audio_track: int | None = None) -> Speech:
    """The recording at ``path``, or the sound of a video, as mono 16 kHz for analysis.

    Of several audio tracks ``audio_track`` is heard, counted from 1, or the first that holds speech. Channels that
    cancel in a mix are replaced by the loudest one; a constant offset is removed and quiet speech is raised, all for
    the analysis alone. Samples beyond full scale are turned down, in the video too. ``on_notice`` is told of silence,
    of repaired values, of what is missing, and of passages without speech. Raises SpeechError.
    """
    with open_file(path, MAX_SOUND_BYTES, "recording", error=SpeechError) as file:
        sha256 = hashlib.file_digest(cast(io.BufferedReader, file), "sha256").hexdigest()
    track, samples, tally = speaking_track(path, audio_track, on_notice)
    _check_length(path, track, len(samples) / SPEECH_RATE_HZ, tally, on_notice)
    if tally.n_broken:
        on_notice(f"recording {path.name!r}: {tally.n_broken} samples are no numbers and count as silence")
    centre, gain = tally.total / len(samples), 1.0
    peak = _peak(samples, centre)
    if not peak:
        on_notice(f"recording {path.name!r} is silent: the mouth will stay closed")
    elif peak < QUIET_PEAK or peak > 1:
        gain = (QUIET_PEAK if peak < QUIET_PEAK else 1.0) / peak
    _tell_of_music(path.name, listen(samples), on_notice)
    sound = Sound(path, sha256, track, _sane_gain(path.name, peak * _loudest(tally), on_notice))
    return Speech(replace(samples, centre=centre, gain=gain), sound)


def _check_length(path: Path, track: int | None, duration_s: float, tally: Tally, on_notice: OnNotice) -> None:
    """Refuse what holds next to no sound, and say what of a recording is missing."""
    decoded_s, claimed_s = duration_s - tally.missing_s, sound_format(path, track).claimed_s or 0.0
    if tally.missing_s > MOSTLY * duration_s:
        raise SpeechError(
            f"recording {path.name!r} is damaged: {max(decoded_s, 0):.1f} of {duration_s:.1f} s can be decoded; save "
            "or export it again"
        )
    if decoded_s < MIN_SPEECH_S:
        raise SpeechError(
            f"recording {path.name!r} holds {max(decoded_s, 0) * 1000:.0f} ms of sound; at least "
            f"{MIN_SPEECH_S * 1000:.0f} ms are needed, record it again"
        )
    if claimed_s - duration_s > MISSING_S:
        on_notice(
            f"recording {path.name!r} is incomplete: it claims {claimed_s:.1f} s, {decoded_s:.1f} s could be decoded, "
            "and the video ends there"
        )
    if tally.missing_s > MISSING_S:
        on_notice(
            f"recording {path.name!r}: {tally.missing_s:.1f} of {duration_s:.1f} s are missing, lost or damaged, and "
            f"are silent ({decoded_s:.1f} s could be decoded)"
        )


def _tell_of_music(name: str, voice: Voice, on_notice: OnNotice) -> None:
    if voice.steady_s:
        begin_s, end_s = voice.steady_s[0]
        more = f" and {len(voice.steady_s) - 1} more passages" if len(voice.steady_s) > 1 else ""
        on_notice(
            f"recording {name!r}: {begin_s:.1f} to {end_s:.1f} s{more} seem to hold no speech but music or noise; the "
            "mouth may move to it, cut it off or use the voice alone"
        )


def _loudest(tally: Tally) -> float:
    """By how much the loudest channel exceeds what was analysed."""
    return max(1.0, float(np.sqrt(tally.power.max() / tally.squares))) if tally.squares else 1.0


def _sane_gain(name: str, peak: float, on_notice: OnNotice) -> float:
    """What brings samples beyond full scale back to it; files of floats may hold any scale."""
    if peak <= OVERSHOOT:
        return 1.0
    on_notice(f"recording {name!r} has sample values up to {peak:.1f}, where 1 is full scale; it is turned down to fit")
    return 1 / peak


def _peak(samples: StoredSamples, centre: float) -> float:
    """Level that one in a thousand of the audible samples exceeds (a click is no loudness); 0 if none is audible."""
    stride, first, audible = max(1, len(samples) // 400_000), 0, [np.zeros(0, np.float32)]
    for block in samples.blocks():
        sparse = np.abs(block[-first % stride :: stride] - np.float32(centre))
        audible.append(sparse[sparse > 10 ** (SILENT_DBFS / 20)])
        first += len(block)
    levels = np.concatenate(audible)
    return float(np.quantile(levels, 0.999)) if len(levels) else 0.0
