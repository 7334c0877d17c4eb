"""Which of several audio tracks holds the speech: screen recorders put the desktop before the microphone."""

from contextlib import suppress
from pathlib import Path

from sonic.errors import SpeechError
from sonic.media.decode import SoundTrack, sound_tracks
from sonic.media.mono import Tally, mono
from sonic.media.samples import StoredSamples
from sonic.speech.voice import listen
from sonic.types import SPEECH_RATE_HZ, OnNotice

MOST_TRACKS = 16
"""Tracks that are listened to; each costs as much as decoding the file."""

Heard = tuple[int, StoredSamples, Tally]
"""Number of the track, its sound at SPEECH_RATE_HZ, and what was found out about it."""


def speaking_track(path: Path, track: int | None, on_notice: OnNotice) -> Heard:
    """The track that was asked for, else the first with speech in the order of players, else the first with sound.

    ``on_notice`` hears which, where there was a choice. Raises SpeechError as decode_sound.
    """
    tracks = sound_tracks(path) if track is None else ()
    if len(tracks) < 2:
        number = tracks[0].number if track is None else track
        return number, *mono(path, SPEECH_RATE_HZ, track=number)
    heard, why = _first_that_speaks(path, tracks[:MOST_TRACKS])
    names = ", ".join(str(t) for t in sorted(tracks, key=lambda t: t.number)[:MOST_TRACKS])
    on_notice(
        f"recording {path.name!r} has {len(tracks)} audio tracks ({names}); track {heard[0]} is used, {why}: "
        "set audio_track for another"
    )
    return heard


def _first_that_speaks(path: Path, tracks: tuple[SoundTrack, ...]) -> tuple[Heard, str]:
    others: list[tuple[bool, Heard]] = []
    for track in tracks:
        with suppress(SpeechError):  # a track that nobody asked for may be damaged
            heard: Heard = (track.number, *mono(path, SPEECH_RATE_HZ, track=track.number))
            voice = listen(heard[1])
            if voice.lively:
                return heard, "as players do" if track is tracks[0] else "the first that holds speech"
            others.append((bool(voice.steady_s), heard))
    if not others:
        raise SpeechError(f"recording {path.name!r} is damaged in all of its audio tracks; save or export it again")
    return max(others, key=lambda pair: pair[0])[1], "though none seems to hold speech"
