"""Strangers' files: the content decides, and nothing that a file claims is believed."""

import os
from pathlib import Path

import numpy as np
import pytest

from hostile import (
    NO_MEDIA,
    PCM_F32,
    PCM_S24,
    PCM_U8,
    PLAYLISTS,
    encode_sound,
    encode_video,
    quarters,
    saved,
    tone,
    wav,
)
from sonic.errors import MediaError, PhotoError, SpeechError
from sonic.media import decode_sound, decode_video, read_file, sound_format, video_format
from sonic.media.sniff import sniff


def put(folder: Path, data: bytes, name: str = "x.wav") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def sound_of(path: Path, **options: int | None) -> np.ndarray:
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


FORMATS = [
    ("mp3", "libmp3lame", 44_100), ("flac", "flac", 48_000), ("ogg", "libopus", 48_000), ("mp4", "aac", 44_100),
    ("adts", "aac", 22_050), ("webm", "libopus", 48_000), ("matroska", "pcm_s16le", 16_000),
    ("wav", "pcm_s16le", 11_025),
]  # fmt: skip


@pytest.mark.parametrize(("container", "codec", "rate_hz"), FORMATS)
def test_every_accepted_format_sounds_as_it_did(tmp_path: Path, container: str, codec: str, rate_hz: int) -> None:
    # The name says nothing, and is not asked.
    path = encode_sound(tmp_path / "x.jpg", tone(1.0, rate_hz, channels=2), rate_hz, container=container, codec=codec)
    stored = sound_format(path)
    assert (stored.rate_hz, stored.channels) == (rate_hz, 2)
    samples = sound_of(path, rate_hz=16_000)
    assert samples.dtype == np.float32
    assert samples.shape[1] == 2
    assert 0.99 < len(samples) / 16_000 < 1.1  # AAC files made without an edit list keep their padding
    steady = samples[3200:12_800, 0]
    assert np.sqrt(2 * np.mean(steady**2)) == pytest.approx(0.5, abs=0.03)
    assert np.abs(np.fft.rfft(steady)).argmax() == pytest.approx(200 * 0.6, abs=1)


@pytest.mark.parametrize("kind", [PCM_U8, PCM_S24, PCM_F32])
@pytest.mark.parametrize(("rate_hz", "channels"), [(8000, 1), (192_000, 2), (48_000, 8), (44_100, 32)])
def test_wav_of_any_depth_rate_and_channels(tmp_path: Path, kind: str, rate_hz: int, channels: int) -> None:
    wave = tone(0.25, rate_hz, channels=channels)
    wave[:, 1:] *= 0.5
    samples = sound_of(put(tmp_path, wav(wave, rate_hz, kind)))
    assert samples.shape == wave.shape
    np.testing.assert_allclose(samples, wave, atol=0.02)


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
    monkeypatch.setattr("sonic.media.MAX_SOUND_S", 1)
    with pytest.raises(SpeechError, match="longer than"):
        sound_of(put(tmp_path, wav(tone(1.5, 8000), 8000)))


@pytest.mark.parametrize(("rate_hz", "channels"), [(1, 1), (2_000_000, 1), (8000, 200)])
def test_absurd_rates_and_channels_are_refused(tmp_path: Path, rate_hz: int, channels: int) -> None:
    with pytest.raises(SpeechError, match=r"accepted|damaged"):
        sound_of(put(tmp_path, wav(np.zeros((400, channels), np.float32), rate_hz)))


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
    monkeypatch.setattr("sonic.media.MAX_VIDEO_PIXELS", 64 * 48 - 1)
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
    path.unlink()  # on Windows an open file could not be removed
