"""Strangers' files: the content decides, and nothing that a file claims is believed."""

import os
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hostile import (
    NO_MEDIA,
    PCM_F32,
    PCM_S24,
    PCM_U8,
    PLAYLISTS,
    encode_sound,
    encode_tracks,
    encode_video,
    quarters,
    saved,
    tone,
    wav,
    without_packets,
)
from hypothesis import given
from hypothesis import strategies as st

from sonic.errors import MediaError, PhotoError, SpeechError
from sonic.media.clock import LONGEST_GAP_S, SHORTEST_GAP_S, Clock
from sonic.media.container import read_file
from sonic.media.decode import decode_sound, sound_format, sound_tracks
from sonic.media.kinds import DEMUXERS, named
from sonic.media.mono import as_heard
from sonic.media.sniff import sniff
from sonic.media.video import decode_video, video_format
from sonic.types import Sound


def put(folder: Path, data: bytes, name: str = "x.wav") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def sound_of(path: Path, **options: Any) -> np.ndarray:
    return np.concatenate([np.zeros((0, 1), np.float32), *decode_sound(path, **options)][1:] or [np.zeros((0, 1))])


def test_reading_a_whole_file(tmp_path: Path) -> None:
    assert read_file(put(tmp_path, b"abc"), 3, "photo") == b"abc"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder / "missing.png", "cannot be opened"),
        (lambda folder: folder, "not a regular file|cannot be opened"),
        (lambda folder: Path("nul\0byte"), "cannot be opened"),
        (lambda folder: folder / ("x" * 5000), "cannot be opened"),
        (lambda folder: put(folder, b""), "empty"),
        (lambda folder: put(folder, b"12345"), "at most"),
    ],
)
def test_what_cannot_be_read_says_why_in_one_line(tmp_path: Path, make, words: str) -> None:
    with pytest.raises(PhotoError, match=words) as caught:
        read_file(make(tmp_path), 4, "photo", error=PhotoError)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(SpeechError, match="not a regular file"):
        sound_format(tmp_path / "pipe.wav")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (saved(quarters(), "JPEG"), "JPEG"),
        (saved(quarters(), "PNG"), "PNG"),
        (saved(quarters(), "WEBP"), "WebP picture"),
        (saved(quarters(), "BMP"), "BMP"),
        (saved(quarters(), "TIFF"), "TIFF"),
        (saved(quarters(), "GIF"), "GIF"),
        (wav(tone(0.1, 8000), 8000), "WAV"),
        (b"\0\0\0\x18ftypisom", "MP4"),
        (b"\0\0\0\x18ftypheic", "HEIC"),
        *((data, "playlist") for data in PLAYLISTS.values()),
        (NO_MEDIA["text"], "text"),
        (NO_MEDIA["svg"], "SVG"),
        (NO_MEDIA["zeros"], "unknown"),
        (NO_MEDIA["random"], "unknown"),
        (b"", "text"),
    ],
)
def test_sniffing(data: bytes, kind: str) -> None:
    assert sniff(data) == kind


MONO_FORMATS = [("amr", "amr_nb", 8_000), ("3gp", "amr_nb", 8_000)]
FORMATS = [
    ("mp3", "libmp3lame", 44_100), ("flac", "flac", 48_000), ("ogg", "libopus", 48_000), ("mp4", "aac", 44_100),
    ("adts", "aac", 22_050), ("webm", "libopus", 48_000), ("matroska", "pcm_s16le", 16_000),
    ("wav", "pcm_s16le", 11_025), ("aiff", "pcm_s16be", 44_100), ("caf", "pcm_s16be", 44_100),
    ("au", "pcm_s16be", 8_000), ("asf", "wmav2", 44_100), ("mpegts", "mp2", 48_000), ("mpeg", "mp2", 44_100),
    ("avi", "libmp3lame", 44_100), ("flv", "aac", 44_100), ("mov", "alac", 48_000),
]  # fmt: skip


@pytest.mark.parametrize(("container", "codec", "rate_hz"), [*FORMATS, *MONO_FORMATS])
def test_every_accepted_format_sounds_as_it_did(tmp_path: Path, container: str, codec: str, rate_hz: int) -> None:
    # The name says nothing, and is not asked.
    channels = 1 if codec == "amr_nb" else 2
    wave = tone(1.0, rate_hz, channels=channels)
    path = encode_sound(tmp_path / "x.jpg", wave, rate_hz, container=container, codec=codec)
    stored, gaps = sound_format(path), []
    assert (stored.rate_hz, stored.channels) == (rate_hz, channels)
    samples = sound_of(path, rate_hz=16_000, on_gap=gaps.append)
    assert samples.dtype == np.float32
    assert samples.shape[1] == channels
    assert not gaps
    assert stored.claimed_s is None or stored.claimed_s == pytest.approx(len(samples) / 16_000, abs=0.05)
    # AAC files made without an edit list keep their padding; FFmpeg's WMA encoder keeps its last frame.
    assert (0.97 if container == "asf" else 0.99) < len(samples) / 16_000 < 1.1
    steady = samples[3200:12_800, 0]
    assert np.sqrt(2 * np.mean(steady**2)) == pytest.approx(0.5, abs=0.1 if codec == "amr_nb" else 0.03)
    assert np.abs(np.fft.rfft(steady)).argmax() == pytest.approx(200 * 0.6, abs=1)


@pytest.mark.parametrize("kind", [PCM_U8, PCM_S24, PCM_F32])
@pytest.mark.parametrize(("rate_hz", "channels"), [(8000, 1), (192_000, 2), (48_000, 8), (44_100, 32)])
def test_wav_of_any_depth_rate_and_channels(tmp_path: Path, kind: str, rate_hz: int, channels: int) -> None:
    wave = tone(0.25, rate_hz, channels=channels)
    wave[:, 1:] *= 0.5
    samples = sound_of(put(tmp_path, wav(wave, rate_hz, kind)))
    assert samples.shape == wave.shape
    np.testing.assert_allclose(samples, wave, atol=0.02)


def test_frames_of_next_to_nothing_are_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CAF may say that each packet is one sample: decoding a small file would take hours."""
    path = encode_sound(tmp_path / "x", tone(0.2, 44_100), 44_100, container="caf", codec="pcm_s16be")
    data = bytearray(path.read_bytes())
    at = data.index(b"lpcm") + 12
    data[at : at + 4] = b"\0\x82\0\1"
    path.write_bytes(data)
    assert len(sound_of(path)) == 8820
    monkeypatch.setattr("sonic.media.decode.MANY_FRAMES", 1000)
    with pytest.raises(SpeechError, match="damaged CAF"):
        sound_of(path)


@pytest.mark.parametrize("n_channels", range(1, 33))
@pytest.mark.parametrize("asked", [1, 2])
def test_any_number_of_channels_is_mixed_for_a_video(tmp_path: Path, n_channels: int, asked: int) -> None:
    path = put(tmp_path, wav(tone(0.1, 8_000, channels=n_channels), 8_000))
    for rate_hz in (8_000, 16_000):
        samples = sound_of(path, rate_hz=rate_hz, channels=asked)
        assert samples.shape == (rate_hz // 10, asked)
        assert np.abs(samples[rate_hz // 20 :]).max() == pytest.approx(0.5, abs=0.25)


def test_mixing_to_fewer_channels_is_the_callers_choice(tmp_path: Path) -> None:
    path = put(tmp_path, wav(tone(0.2, 16_000, channels=2), 16_000))
    assert sound_of(path, channels=1).shape == (3200, 1)
    path = put(tmp_path, wav(tone(0.2, 16_000, channels=6), 16_000))
    assert sound_of(path, channels=2).shape == (3200, 2)


@pytest.mark.parametrize("data", [*PLAYLISTS.values(), *NO_MEDIA.values()], ids=[*PLAYLISTS, *NO_MEDIA])
@pytest.mark.parametrize("name", ["x.mp4", "x.wav"])
def test_what_is_no_sound_is_refused_whatever_its_name(tmp_path: Path, data: bytes, name: str) -> None:
    with pytest.raises(SpeechError, match="by its content; give a WAV") as caught:
        list(decode_sound(put(tmp_path, data, name)))
    assert "\n" not in str(caught.value)


def test_a_playlist_behind_a_media_header_opens_no_other_file(tmp_path: Path) -> None:
    secret = put(tmp_path, wav(tone(1, 8000), 8000), "secret.wav")
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{secret}\n#EXT-X-ENDLIST\n".encode()
    for start in (b"\0\0\0\x14ftypisom\0\0\0\0", b"OggS", b"RIFF\0\0\0\0WAVE", b"\x1aE\xdf\xa3"):
        with pytest.raises(SpeechError):
            assert not sum(len(chunk) for chunk in decode_sound(put(tmp_path, start + playlist)))
            raise SpeechError("nothing was decoded")


@pytest.mark.parametrize(("container", "codec", "rate_hz"), FORMATS)
@pytest.mark.parametrize("share", [0.02, 0.25, 0.5, 0.99])
def test_a_cut_off_file_gives_what_it_has_or_an_error(
    tmp_path: Path, container: str, codec: str, rate_hz: int, share: float
) -> None:
    path = encode_sound(tmp_path / "x", tone(1.0, rate_hz), rate_hz, container=container, codec=codec)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    try:
        assert len(sound_of(path, rate_hz=16_000)) <= 1.1 * 16_000
    except SpeechError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize(("container", "codec", "rate_hz"), FORMATS)
def test_flipped_bits_never_crash(tmp_path: Path, container: str, codec: str, rate_hz: int) -> None:
    path = encode_sound(tmp_path / "x", tone(0.4, rate_hz), rate_hz, container=container, codec=codec)
    data = np.frombuffer(path.read_bytes(), np.uint8)
    rng = np.random.default_rng(7)
    for _ in range(12):
        broken = data.copy()
        broken[rng.integers(8, len(data), 1 + len(data) // 200)] = rng.integers(0, 256)
        path.write_bytes(broken.tobytes())
        try:
            assert len(sound_of(path, rate_hz=16_000)) < 60 * 16_000
        except SpeechError as error:
            assert "\n" not in str(error)


def test_a_header_may_claim_any_length(tmp_path: Path) -> None:
    wave = tone(1.0, 8000)
    for size in (0, 2**31 - 1, 2**32 - 1):
        samples = sound_of(put(tmp_path, wav(wave, 8000, riff_size=size, data_size=2**32 - 1)))
        assert samples.shape == (8000, 1)
    ten_hours = put(tmp_path, wav(wave, 8000, data_size=36_000 * 16_000))
    assert sound_of(ten_hours).shape == (8000, 1)


def test_more_than_ten_hours_are_refused_while_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sonic.media.decode.MAX_SOUND_S", 1)
    with pytest.raises(SpeechError, match="longer than"):
        sound_of(put(tmp_path, wav(tone(1.5, 8000), 8000)))


@pytest.mark.parametrize(("rate_hz", "channels"), [(1, 1), (2_000_000, 1), (8000, 200)])
def test_absurd_rates_and_channels_are_refused(tmp_path: Path, rate_hz: int, channels: int) -> None:
    with pytest.raises(SpeechError, match=r"accepted|damaged"):
        sound_of(put(tmp_path, wav(np.zeros((400, channels), np.float32), rate_hz)))


@pytest.mark.parametrize(("container", "codec"), [("webm", "libopus"), ("matroska", "aac"), ("mp4", "aac")])
def test_what_was_lost_on_the_way_is_silence_and_the_rest_keeps_its_times(
    tmp_path: Path, container: str, codec: str
) -> None:
    wave = tone(4.0, 48_000)
    wave[3 * 48_000 :] *= 0.5
    path = encode_sound(tmp_path / "x", wave, 48_000, container=container, codec=codec)
    gaps: list[float] = []
    without_packets(path, lambda s: 1 <= s < 2, container=container)
    samples = sound_of(path, rate_hz=16_000, on_gap=gaps.append)
    assert sum(gaps) == pytest.approx(1.0, abs=0.03)
    assert len(samples) == pytest.approx(4 * 16_000, abs=1000)
    loud = [np.abs(samples[round(s * 16_000) :][:800]).max() for s in (0.5, 1.5, 2.5, 3.5)]
    np.testing.assert_allclose(loud, [0.5, 0.0, 0.5, 0.25], atol=0.05)
    for rate_hz, channels in ((48_000, 2), (8_000, 1)):  # the video hears the same
        heard = np.concatenate(list(as_heard(Sound(path, ""), rate_hz=rate_hz, channels=channels)))
        assert len(heard) / rate_hz == pytest.approx(len(samples) / 16_000, abs=0.002)


@given(
    st.lists(st.floats(-0.015, 0.015), min_size=2, max_size=200),
    st.floats(0.9995, 1.0005),
    st.dictionaries(st.integers(1, 100), st.floats(0.05, 5), max_size=4),
)
def test_gaps_are_filled_once_and_jitter_and_drift_are_not(
    jitter_s: list[float], drift: float, lost_s: dict[int, float]
) -> None:
    clock, filled_s, stamp_s, due_s = Clock(0.0), 0.0, 0.0, 0.0
    for index, late_s in enumerate(jitter_s):
        missing_s = lost_s.get(index, 0.0)
        due_s += missing_s
        stamp_s += missing_s
        filled_s += clock.gap_before(stamp_s + (late_s if index else 0), 0.02)
        stamp_s += 0.02 * drift
    # Two stamps that both jitter can look 30 ms apart, each time that something is lost once more.
    assert filled_s == pytest.approx(due_s, abs=0.031 * (len(lost_s) + 1))
    if not lost_s and max(map(abs, jitter_s)) < SHORTEST_GAP_S / 2.1:
        assert filled_s == 0


@pytest.mark.parametrize(
    ("jump_s", "filled_s"),
    [
        (LONGEST_GAP_S - 1, LONGEST_GAP_S - 1),
        (LONGEST_GAP_S + 1, 0),  # the stamps of another file that was joined to this one
        (-30.0, 0),
        (float("inf"), 0),
    ],
)
def test_stamps_that_jump_are_a_gap_or_another_clock(jump_s: float, filled_s: float) -> None:
    clock = Clock(0.0)
    assert clock.gap_before(0.0, 0.02) == 0
    assert clock.gap_before(0.02 + jump_s, 0.02) == pytest.approx(filled_s)
    assert clock.gap_before(0.04 + jump_s, 0.02) == 0
    assert clock.gap_before(None, 0.02) == 0


def test_a_damaged_file_cannot_grow_to_hours() -> None:
    clock = Clock(0.0)
    filled_s = sum(clock.gap_before(50.0 * n, 0.02) for n in range(1000))
    assert filled_s <= LONGEST_GAP_S + 1000 * 0.02


def test_a_frame_that_nothing_can_convert_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One damaged packet of a mono stream decodes to 23 channels, for which no mix exists."""
    path = put(tmp_path, wav(tone(0.5, 24_000), 24_000))

    def frame(channels: int) -> av.AudioFrame:
        made = av.AudioFrame(format="fltp", layout=f"{channels}C", samples=1024)
        made.sample_rate = 24_000
        return made

    for frames in ([frame(23)], [frame(1), frame(23), frame(1)]):
        monkeypatch.setattr("sonic.media.decode.frames_of", lambda *rest, given=frames: iter(given))
        assert len(sound_of(path, rate_hz=24_000)) == 1024 * (len(frames) - 1)


@pytest.mark.parametrize(
    "raised",
    [
        av.error.ArgumentError(22, "Invalid argument"),
        IndexError("list index out of range"),  # PyAV, where a stream appears in the middle of a file
        MemoryError(),
    ],
    ids=repr,
)
def test_whatever_ffmpeg_raises_while_a_file_is_open_is_a_damaged_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: Exception
) -> None:
    def fail(*rest: object) -> Any:
        raise raised

    path = put(tmp_path, wav(tone(0.5, 24_000), 24_000))
    monkeypatch.setattr("sonic.media.decode.frames_of", fail)
    with pytest.raises(SpeechError, match="is a damaged WAV file; save or export it again"):
        sound_of(path)


def test_the_codec_that_is_not_accepted_is_named(tmp_path: Path) -> None:
    path = encode_sound(tmp_path / "x", tone(0.5, 44_100), 44_100, container="matroska", codec="wavpack")
    with pytest.raises(SpeechError, match="the codec wavpack, which is not accepted; export it as WAV or MP3"):
        sound_format(path)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"MThd\0\0\0\x06", "is a MIDI file .it holds notes"),
        (b"wvpk" + bytes(60), "is a WavPack file .convert it to FLAC"),
        (b"MAC \x96\x0f" + bytes(60), "is a Monkey's Audio file"),
        (b".RMF" + bytes(60), "is a RealMedia file"),
        (b"#EXTM3U\n", "is a playlist .it may open other files"),
        (b"GIF89a" + bytes(60), "is a GIF file, by its content"),
    ],
)
def test_a_kind_that_is_not_opened_is_named_with_what_to_do(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(SpeechError, match=words):
        sound_format(put(tmp_path, data))


@pytest.mark.parametrize("kind", DEMUXERS)
def test_kinds_have_the_right_article(kind: str) -> None:
    aloud = {"AIFF", "AU", "AAC", "AMR", "AVI", "OGG", "MP3", "MP4", "MPEG-TS", "MPEG-PS"}
    assert named(kind) == f"{'an' if kind in aloud else 'a'} {kind} file"


def test_a_track_is_chosen_by_its_number(tmp_path: Path) -> None:
    path = encode_tracks(tmp_path / "x", [("Desktop", tone(1, 48_000, channels=2)), ("Mic", 0.2 * tone(1, 48_000))])
    assert [(track.number, track.title, track.channels) for track in sound_tracks(path)] == [
        (1, "Desktop", 2),
        (2, "Mic", 1),
    ]
    assert sound_format(path, 2).channels == 1
    assert np.abs(sound_of(path, track=2)).max() == pytest.approx(0.1, abs=0.02)
    for track in (0, 3, -1):
        with pytest.raises(SpeechError, match=r"has 2; give 1 to 2"):
            sound_format(path, track)


def test_mp3_behind_rubbish(tmp_path: Path) -> None:
    path = encode_sound(tmp_path / "x.mp3", tone(0.5, 44_100), 44_100, container="mp3", codec="libmp3lame")
    path.write_bytes(b"rubbish" * 200 + path.read_bytes())
    assert len(sound_of(path)) == pytest.approx(22_050, rel=0.15)


def test_mp3_with_a_large_tag(tmp_path: Path) -> None:
    path = encode_sound(tmp_path / "x.mp3", tone(0.5, 44_100), 44_100, container="mp3", codec="libmp3lame")
    size = 200_000
    tag = b"ID3\x04\0\0" + bytes(size >> shift & 127 for shift in (21, 14, 7, 0)) + bytes(size)
    path.write_bytes(tag + path.read_bytes())
    assert len(sound_of(path)) == pytest.approx(22_050, rel=0.15)


def test_variable_bit_rate(tmp_path: Path) -> None:
    wave = tone(1.0, 44_100) * np.linspace(0, 1, 44_100, dtype=np.float32)[:, None]
    path = encode_sound(tmp_path / "x", wave, 44_100, container="mp3", codec="libmp3lame", options={"q": "6"})
    assert len(sound_of(path, rate_hz=16_000)) == pytest.approx(16_000, abs=100)


def pictures(n: int, width: int = 64, height: int = 48) -> list[np.ndarray]:
    return [np.full((height, width, 3), 10 * k, np.uint8) for k in range(n)]


def test_video_gives_times_and_pictures(tmp_path: Path) -> None:
    path = encode_video(tmp_path / "x.mp4", pictures(12), 25, tone(0.48, 44_100))
    assert video_format(path).size_px == (64, 48)
    assert video_format(path).fps == 25
    times, frames = zip(*decode_video(path), strict=True)
    np.testing.assert_allclose(times, np.arange(12) / 25, atol=1e-6)
    assert [round(float(frame.mean()) / 10) for frame in frames] == list(range(12))
    assert frames[0].shape == (48, 64, 3)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_video_that_a_phone_turned_is_upright(tmp_path: Path, rotation: int) -> None:
    stored = np.rot90(np.asarray(quarters(96, 128)), -rotation // 90)
    path = encode_video(tmp_path / "x.mp4", [np.ascontiguousarray(stored)] * 2, 25, rotation=rotation)
    assert video_format(path).size_px == (96, 128)
    _, upright = next(decode_video(path))
    corners = [upright[y, x].tolist() for y in (20, -20) for x in (20, -20)]
    np.testing.assert_allclose(corners, [[255, 0, 0], [0, 255, 0], [0, 0, 255], [90, 90, 90]], atol=8)


def test_a_video_with_too_many_pixels_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = encode_video(tmp_path / "x.mp4", pictures(2), 25)
    monkeypatch.setattr("sonic.media.video.MAX_VIDEO_PIXELS", 64 * 48 - 1)
    with pytest.raises(MediaError, match="64x48 px"):
        next(decode_video(path))


def test_the_sound_of_a_video(tmp_path: Path) -> None:
    path = encode_video(tmp_path / "x.mp4", pictures(25), 25, tone(1.0, 44_100, channels=2))
    assert sound_of(path, rate_hz=16_000).shape[0] == pytest.approx(16_000, abs=800)


def test_a_video_without_sound_and_a_sound_without_picture(tmp_path: Path) -> None:
    with pytest.raises(SpeechError, match="no sound"):
        sound_format(encode_video(tmp_path / "silent.mp4", pictures(3), 25))
    path = encode_sound(tmp_path / "x.m4a", tone(0.2, 44_100), 44_100, container="mp4", codec="aac")
    with pytest.raises(MediaError, match="no picture"):
        video_format(path)


def test_closing_the_generator_closes_the_file(tmp_path: Path) -> None:
    path = put(tmp_path, wav(tone(2.0, 48_000), 48_000))
    chunks = decode_sound(path)
    next(chunks)
    chunks.close()  # type: ignore[attr-defined]
    if sys.platform == "linux":
        assert str(path) not in {os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()}
    path.unlink()  # on Windows an open file could not be removed
