"""Any honest photo and recording loads as it is meant; anything else says in one line what to mend."""

import errno
import hashlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hostile import (
    NO_MEDIA,
    ODD_NAMES,
    PCM_F32,
    PCM_S24,
    PCM_U8,
    PLAYLISTS,
    encode_sound,
    encode_tracks,
    encode_video,
    png_of_size,
    quarters,
    saved,
    syllables,
    tone,
    wav,
    without_packets,
)
from PIL import Image, ImageCms

import sonic
from sonic.errors import PhotoError, SonicError, SpeechError
from sonic.media.mono import as_heard
from sonic.media.photo import load_photo
from sonic.media.recording import load_speech
from sonic.types import Opening, Photo, Speech

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF")
COLOURS = ([255, 0, 0], [0, 255, 0], [0, 0, 255], [90, 90, 90])


def photo(folder: Path, data: bytes, name: str = "photo.bin") -> Photo:
    path = folder / name
    path.write_bytes(data)
    return load_photo(path)


def corners(loaded: Photo) -> list[list[int]]:
    """Colours at the top left, top right, bottom left and bottom right."""
    return [loaded.rgb[y, x].tolist() for y in (30, -30) for x in (30, -30)]


def refused(folder: Path, data: bytes, name: str = "photo.jpg") -> str:
    """The message with which a photo is refused, quickly."""
    start = time.monotonic()
    with pytest.raises(PhotoError) as caught:
        photo(folder, data, name)
    assert time.monotonic() - start < 2
    message = str(caught.value)
    assert "\n" not in message
    assert name in message
    return message


@pytest.mark.parametrize("format_name", FORMATS)
def test_every_format(tmp_path: Path, format_name: str) -> None:
    data = saved(quarters(), format_name)
    loaded = photo(tmp_path, data)
    assert loaded.size_px == (120, 200)
    np.testing.assert_allclose(corners(loaded), COLOURS, atol=5)
    assert loaded.sha256 == hashlib.sha256(data).hexdigest()
    assert loaded.name == "photo.bin"


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 65_535])
def test_exif_orientation(tmp_path: Path, format_name: str, orientation: int) -> None:
    """Pillow's own table says how each orientation is stored; what cannot be one counts as upright."""
    stored_as = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    image = quarters()
    if orientation in stored_as:
        image = image.transpose(stored_as[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    loaded = photo(tmp_path, saved(image, format_name, exif=exif))
    assert loaded.size_px == (120, 200)
    np.testing.assert_allclose(corners(loaded), COLOURS, atol=4)


def test_damaged_exif_is_no_reason_to_refuse(tmp_path: Path) -> None:
    data = saved(quarters(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + bytes(40))
    np.testing.assert_allclose(corners(photo(tmp_path, data)), COLOURS, atol=4)


@pytest.mark.parametrize(
    ("mode", "format_name"),
    [("CMYK", "JPEG"), ("CMYK", "TIFF"), ("RGBA", "PNG"), ("RGBA", "TIFF"), ("RGBA", "WEBP"), ("YCbCr", "TIFF")],
)
def test_colour_modes(tmp_path: Path, mode: str, format_name: str) -> None:
    image = quarters().convert(mode)
    options = {"lossless": True} if format_name == "WEBP" else {}
    np.testing.assert_allclose(corners(photo(tmp_path, saved(image, format_name, **options))), COLOURS, atol=4)


def test_palette(tmp_path: Path) -> None:
    image = quarters().quantize(8)
    np.testing.assert_allclose(corners(photo(tmp_path, saved(image, "PNG"))), COLOURS, atol=4)


@pytest.mark.parametrize(
    ("dtype", "white", "format_name"),
    [(np.uint8, 255, "PNG"), (np.uint16, 65_535, "PNG"), (np.uint16, 65_535, "TIFF"), (np.float32, 1.0, "TIFF"),
     (np.int32, 65_535, "TIFF")],
)  # fmt: skip
def test_grey_of_any_depth(tmp_path: Path, dtype: type, white: float, format_name: str) -> None:
    ramp = np.tile(np.linspace(0, white, 200), (100, 1)).astype(dtype)
    rgb = photo(tmp_path, saved(Image.fromarray(ramp), format_name)).rgb
    np.testing.assert_allclose(rgb[50, :, 0], np.linspace(0, 255, 200), atol=2)
    assert (rgb[..., 0] == rgb[..., 1]).all()


def test_black_and_white(tmp_path: Path) -> None:
    rgb = photo(tmp_path, saved(quarters().convert("1"), "PNG")).rgb
    assert set(np.unique(rgb)) <= {0, 255}


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_parts_become_white(tmp_path: Path, mode: str) -> None:
    image = Image.new("RGBA", (100, 100), (10, 10, 10, 255))
    image.paste((10, 10, 10, 0), (0, 0, 50, 100))
    image.paste((10, 10, 10, 128), (50, 0, 60, 100))
    data = saved(image.convert(mode) if mode != "P" else image.quantize(8), "PNG")
    rgb = photo(tmp_path, data).rgb.astype(int)
    assert rgb[50, 20].min() >= 250
    assert rgb[50, 80].max() <= 20
    assert 110 < rgb[50, 55].mean() < 150


def test_a_colour_profile_is_applied(tmp_path: Path) -> None:
    """sRGB's own colours through a profile with another tone curve look different; through sRGB's they stay."""
    grey = Image.new("RGB", (80, 80), (120, 120, 120))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert photo(tmp_path, saved(grey, "PNG", icc_profile=srgb)).rgb[40, 40].tolist() == [120] * 3
    lab = Image.new("LAB", (80, 80), (120, 160, 90))
    assert np.ptp(photo(tmp_path, saved(lab, "TIFF")).rgb[40, 40].astype(int)) > 20


@pytest.mark.parametrize("profile", [b"rubbish", bytes(128), bytes(200_000)])
def test_a_damaged_colour_profile_is_not_used(tmp_path: Path, profile: bytes) -> None:
    np.testing.assert_allclose(corners(photo(tmp_path, saved(quarters(), "PNG", icc_profile=profile))), COLOURS, atol=1)


@pytest.mark.parametrize("format_name", ["PNG", "WEBP", "TIFF", "GIF", "AVIF"])
def test_of_an_animation_the_first_picture(tmp_path: Path, format_name: str) -> None:
    rest = [Image.new("RGB", (120, 200), (k % 256, 0, 0)) for k in range(60 if format_name == "AVIF" else 300)]
    start = time.monotonic()
    data = saved(quarters(), format_name, save_all=True, append_images=rest)
    made_s, start = time.monotonic() - start, time.monotonic()
    np.testing.assert_allclose(corners(photo(tmp_path, data)), COLOURS, atol=4)
    assert time.monotonic() - start < max(0.5, made_s)


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("share", [0.02, 0.25, 0.5, 0.99])
def test_a_cut_off_photo_is_refused(tmp_path: Path, format_name: str, share: float) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (150, 200, 3), dtype=np.uint8))
    data = saved(noise, format_name)
    assert "damaged or cut off" in refused(tmp_path, data[: int(share * len(data))])


@pytest.mark.parametrize("format_name", FORMATS)
def test_flipped_bits_load_or_are_refused(tmp_path: Path, format_name: str) -> None:
    data = np.frombuffer(saved(quarters(), format_name), np.uint8)
    rng = np.random.default_rng(3)
    for _ in range(40):
        broken = data.copy()
        broken[rng.integers(8, len(data), 3)] = rng.integers(0, 256, 3)
        try:
            photo(tmp_path, broken.tobytes())
        except PhotoError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("data", [*PLAYLISTS.values(), *NO_MEDIA.values()], ids=[*PLAYLISTS, *NO_MEDIA])
def test_what_is_no_photo_is_refused_whatever_its_name(tmp_path: Path, data: bytes) -> None:
    assert re.search("by its content; (save it as JPEG|export it|export its page as) ?", refused(tmp_path, data))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\0\0\0\x18ftypheic" + bytes(100), "is a HEIC file.*export it as JPEG.*Most Compatible"),
        (b"\0\0\0\x18ftypmp42" + bytes(100), "is an MP4 file.*take a still"),
        (b"%PDF-1.7\n", "is a PDF file.*export its page as PNG"),
        (b"PK\x03\x04" + bytes(60), "is a ZIP archive, by its content; save it as JPEG"),
        (b"FORM\0\0\0\0AIFF", "is an AIFF file"),
    ],
)
def test_other_kinds_of_files_are_named_with_what_to_do(tmp_path: Path, data: bytes, words: str) -> None:
    assert re.search(words, refused(tmp_path, data))


@pytest.mark.parametrize("format_name", FORMATS)
def test_pixels_of_every_format_are_counted_before_they_are_decoded(
    tmp_path: Path, format_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(image: Image.Image) -> None:
        pytest.fail("it was decoded")

    monkeypatch.setattr("sonic.media.photo.MAX_PHOTO_PIXELS", 120 * 200 - 1)
    data = saved(quarters(), format_name)
    monkeypatch.setattr("sonic.media.photo._on_white", decode)
    assert "120x200" in refused(tmp_path, data)


def test_a_progressive_jpeg_of_thousands_of_scans_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    """Empty scans cost 14 bytes each, and every one passes over all pixels."""
    plain = saved(Image.new("L", (4000, 4000)), "JPEG", progressive=True)
    scan = plain.rindex(b"\xff\xda")
    data = plain[:scan] + 500 * plain[scan:-2] + plain[-2:]
    assert re.search(r"5\d\d scans of 4000x4000 px.*baseline", refused(tmp_path, data))
    assert photo(tmp_path, plain).size_px == (4000, 4000)
    # A motion photo carries a video behind the picture, in which any bytes may stand.
    assert photo(tmp_path, plain + 2000 * b"\xff\xda\0\2").size_px == (4000, 4000)


@pytest.mark.parametrize("size", [(64, 20_000), (20_000, 100)])
def test_a_strip_is_called_so(tmp_path: Path, size: tuple[int, int]) -> None:
    assert f"strip of {size[0]}x{size[1]} px" in refused(tmp_path, saved(Image.new("L", size), "PNG"))


def test_a_panorama_is_none(tmp_path: Path) -> None:
    assert photo(tmp_path, saved(Image.new("L", (6000, 500)), "PNG")).size_px == (6000, 500)


@pytest.mark.parametrize(("width", "height"), [(60_000, 60_000), (9000, 9000), (10_000, 9500), (2**31 - 1, 2**31 - 1)])
def test_pixels_are_counted_before_they_are_decoded(tmp_path: Path, width: int, height: int) -> None:
    assert "MP" in refused(tmp_path, png_of_size(width, height)) or width > 60_000


@pytest.mark.parametrize("size", [(1, 1), (3, 2000), (63, 500)])
def test_tiny_photos_are_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    assert "at least 64 px" in refused(tmp_path, saved(Image.new("RGB", size), "PNG"))


def test_a_large_file_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sonic.media.photo.MAX_PHOTO_BYTES", 100)
    assert "at most" in refused(tmp_path, saved(quarters(), "PNG"))


def odd_names(suffix: str) -> list[str]:
    return [name.format(suffix) for name in ODD_NAMES if os.name == "posix" or name.isalnum()]


@pytest.mark.parametrize("name", odd_names("png"))
def test_a_photo_may_have_any_name(tmp_path: Path, name: str) -> None:
    assert photo(tmp_path, saved(quarters(), "PNG"), name).name == name
    (tmp_path / name).write_bytes(b"hello")
    with pytest.raises(PhotoError) as caught:
        load_photo(tmp_path / name)
    assert "\n" not in str(caught.value)


# Speech


def speech(folder: Path, data: bytes, notices: list[str] | None = None, name: str = "speech.bin") -> Speech:
    path = folder / name
    path.write_bytes(data)
    return load_speech(path, (notices if notices is not None else []).append)


@pytest.mark.parametrize(
    ("rate_hz", "channels", "kind"),
    [(8000, 1, PCM_U8), (192_000, 2, PCM_S24), (48_000, 8, PCM_S24), (16_000, 1, PCM_F32), (44_100, 2, PCM_S24)],
)
def test_speech_of_any_kind_becomes_mono_16_khz(tmp_path: Path, rate_hz: int, channels: int, kind: str) -> None:
    data = wav(tone(1.0, rate_hz, channels=channels), rate_hz, kind)
    notices: list[str] = []
    loaded = speech(tmp_path, data, notices)
    assert loaded.duration_s == pytest.approx(1.0, abs=1e-3)
    assert loaded.sound.sha256 == hashlib.sha256(data).hexdigest()
    assert loaded.sound.source == tmp_path / "speech.bin"
    assert np.abs(loaded.samples[:]).max() == pytest.approx(0.5, abs=0.02)
    assert not notices


@pytest.mark.parametrize(("container", "codec"), [("mp3", "libmp3lame"), ("flac", "flac"), ("mp4", "aac")])
def test_compressed_speech_has_its_length(tmp_path: Path, container: str, codec: str) -> None:
    path = encode_sound(tmp_path / "x", tone(1.0, 44_100), 44_100, container=container, codec=codec)
    assert load_speech(path, print).duration_s == pytest.approx(1.0, abs=0.06)


def heard(path: Path, **choice: int) -> tuple[Speech, str]:
    """The speech of a file, and all notices about it."""
    notices: list[str] = []
    return load_speech(path, notices.append, **choice), "\n".join(notices)


@pytest.mark.parametrize(
    ("container", "codec", "rate_hz"),
    [("mp4", "aac", 44_100), ("webm", "libopus", 48_000), ("flac", "flac", 48_000), ("wav", "pcm_s16le", 16_000)],
)
def test_a_recording_that_ends_before_it_says_so_is_used_and_told(
    tmp_path: Path, container: str, codec: str, rate_hz: int
) -> None:
    wave, first = syllables(4.0, rate_hz), container == "mp4"
    path = encode_sound(tmp_path / "x", wave, rate_hz, container=container, codec=codec, index_first=first)
    assert heard(path)[1] == ""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    loaded, notices = heard(path)
    assert 1 < loaded.duration_s < 3
    assert f"it claims 4.0 s, {loaded.duration_s:.1f} s could be decoded" in notices


def test_what_a_recording_lost_on_its_way_is_told_in_seconds_and_keeps_its_place(tmp_path: Path) -> None:
    path = encode_sound(tmp_path / "x", syllables(4.0, 48_000), 48_000, container="webm", codec="libopus")
    without_packets(path, lambda s: 1 <= s < 2, container="webm")
    loaded, notices = heard(path)
    assert "1.0 of 4.0 s are missing, lost or damaged, and are silent (3.0 s could be decoded)" in notices
    assert np.abs(loaded.samples[17_000:31_000]).max() < 0.01
    assert np.abs(loaded.samples[33_000:]).max() > 0.2


def test_damage_in_the_middle_of_a_file_is_silence(tmp_path: Path) -> None:
    path = encode_sound(tmp_path / "x", syllables(4.0, 48_000), 48_000, container="mp4", codec="aac")
    data = bytearray(path.read_bytes())
    begin = data.index(b"mdat")
    third = (len(data) - begin) // 3
    data[begin + third : begin + 2 * third] = bytes(third)
    path.write_bytes(data)
    loaded, notices = heard(path)
    assert loaded.duration_s == pytest.approx(4.0, abs=0.06)
    assert re.search(r"1\.\d of 4\.0 s are missing", notices)


def test_of_several_tracks_the_one_with_speech_is_heard_here_and_in_the_video(tmp_path: Path) -> None:
    silence, desktop = np.zeros((48_000 * 4, 2), np.float32), tone(4.0, 48_000, channels=2)
    for other in (silence, desktop):
        path = encode_tracks(tmp_path / "x.mkv", [("Desktop", other), ("Mic", syllables(4.0, 48_000))])
        loaded, notices = heard(path)
        assert "2 audio tracks (1 'Desktop', 2 'Mic'); track 2 is used" in notices
        assert "audio_track" in notices
        assert loaded.sound.track == 2
        assert np.concatenate(list(as_heard(loaded.sound))).shape[1] == 1
    loaded, notices = heard(path, audio_track=1)
    assert loaded.sound.track == 1
    assert "audio tracks" not in notices
    with pytest.raises(SpeechError, match="audio_track is 3"):
        heard(path, audio_track=3)


def test_players_choice_stays_where_it_holds_speech_and_one_track_is_no_choice(tmp_path: Path) -> None:
    path = encode_tracks(tmp_path / "x.mkv", [("", syllables(4.0, 48_000)), ("", syllables(4.0, 48_000))])
    loaded, notices = heard(path)
    assert loaded.sound.track == 1
    assert "2 audio tracks (1, 2); track 1 is used, as players do" in notices
    loaded, notices = heard(encode_tracks(tmp_path / "x.mkv", [("Mic", syllables(4.0, 48_000))]))
    assert loaded.sound.track == 1
    assert not notices


def test_a_track_that_cannot_be_decoded_is_passed_over(tmp_path: Path) -> None:
    path = encode_tracks(
        tmp_path / "x.mkv", [("Film", tone(2.5, 48_000)), ("Mic", syllables(2.5, 48_000))], first="wavpack"
    )
    loaded, notices = heard(path)
    assert loaded.sound.track == 2
    assert not notices
    with pytest.raises(SpeechError, match="the codec wavpack"):
        heard(path, audio_track=1)


def test_tracks_without_any_speech_are_no_reason_to_refuse(tmp_path: Path) -> None:
    silence = np.zeros((48_000 * 3, 1), np.float32)
    path = encode_tracks(tmp_path / "x.mkv", [("a", silence), ("b", tone(3.0, 48_000)), ("c", silence)])
    loaded, notices = heard(path)
    assert loaded.sound.track == 2
    assert "none seems to hold speech" in notices


@pytest.mark.parametrize(("level", "told"), [(0.9, False), (1.0, False), (5.0, True), (20_000.0, True)])
def test_floats_beyond_full_scale_are_turned_down_in_the_video_too(tmp_path: Path, level: float, told: bool) -> None:
    path = tmp_path / "x.wav"
    for channels in (1, 2):
        wave = syllables(2.5, 16_000, channels=channels, level=1.0)
        wave *= level / np.abs(wave).max()
        wave[:, 1:] = 0
        path.write_bytes(wav(wave, 16_000, PCM_F32))
        loaded, notices = heard(path)
        assert ("where 1 is full scale; it is turned down" in notices) == told
        samples = np.concatenate(list(as_heard(loaded.sound)))
        assert 0.89 < np.abs(samples).max() <= 1.0
        assert np.mean(np.abs(samples) > 0.999) < 0.002, "hardly anything is cut"
        assert np.corrcoef(samples[:, 0], wave[:, 0])[0, 1] > 0.999


@pytest.mark.parametrize("seconds", [3, 5])
def test_music_before_the_voice_is_told(tmp_path: Path, seconds: int) -> None:
    rate_hz = 16_000
    chord = sum(tone(seconds, rate_hz, hz=hz, level=0.15) for hz in (220, 277, 330))
    voice = syllables(4.0, rate_hz)
    notices: list[str] = []
    speech(tmp_path, wav(np.concatenate([chord, voice]), rate_hz), notices)
    assert f"0.0 to {seconds}.0 s seem to hold no speech but music or noise" in notices[0]
    for wave in (voice, np.concatenate([0.01 * chord, voice]), np.concatenate([np.zeros_like(chord), voice])):
        notices.clear()
        speech(tmp_path, wav(wave, rate_hz), notices)
        assert not notices, "background and silence are none"


@pytest.mark.parametrize("decibels", [5, 10, 20])
def test_a_voice_in_noise_is_still_one(tmp_path: Path, decibels: float) -> None:
    recording = Path(sonic.__file__).parent / "assets" / "demo" / "speech.flac"
    clean = load_speech(recording, print).samples[:]
    noise = np.random.default_rng(0).normal(0, 1, len(clean))
    noisy = clean + noise * np.sqrt(np.mean(clean**2)) * 10 ** (-decibels / 20)
    notices: list[str] = []
    speech(tmp_path, wav((noisy / 2).astype(np.float32)[:, None], 16_000, PCM_F32), notices)
    assert not notices


def test_the_sound_of_a_video(tmp_path: Path) -> None:
    pictures = [np.zeros((48, 64, 3), np.uint8)] * 25
    path = encode_video(tmp_path / "x.mp4", pictures, 25, tone(1.0, 44_100, channels=2))
    assert load_speech(path, print).duration_s == pytest.approx(1.0, abs=0.06)


def test_channels_that_cancel_do_not_silence_the_speech(tmp_path: Path) -> None:
    wave = tone(0.5, 16_000, channels=2)
    wave[:, 1] *= -0.9
    assert np.abs(speech(tmp_path, wav(wave, 16_000)).samples[:]).max() == pytest.approx(0.5, abs=0.02)


def test_one_speaking_channel_of_many_is_heard(tmp_path: Path) -> None:
    wave = np.zeros((8000, 8), np.float32)
    wave[:, 5:6] = tone(0.5, 16_000)
    samples = speech(tmp_path, wav(wave, 16_000)).samples[:]
    assert np.abs(samples).max() > 0.25
    assert np.corrcoef(samples, wave[:, 5])[0, 1] > 0.999


def test_two_speakers_on_two_channels_are_both_heard(tmp_path: Path) -> None:
    wave = np.zeros((16_000, 2), np.float32)
    wave[:8000, :1], wave[8000:, 1:] = tone(0.5, 16_000), tone(0.5, 16_000)
    samples = speech(tmp_path, wav(wave, 16_000)).samples[:]
    assert np.abs(samples[:8000]).max() == pytest.approx(np.abs(samples[8000:]).max(), rel=0.05)


def test_a_constant_offset_is_removed(tmp_path: Path) -> None:
    samples = speech(tmp_path, wav(tone(1.0, 16_000, level=0.4) + 0.5, 16_000)).samples[:]
    assert abs(samples.mean()) < 1e-3


@pytest.mark.parametrize("level", [0.004, 0.05, 1.0, 40.0, 32_768.0])
def test_quiet_and_overscaled_speech_is_brought_to_a_usable_level(tmp_path: Path, level: float) -> None:
    samples = speech(tmp_path, wav(tone(1.0, 16_000, level=level), 16_000, PCM_F32)).samples[:]
    assert 0.25 <= np.abs(samples).max() <= 1.0


@pytest.mark.parametrize("value", [0.0, 1.0, -1.0, 0.0005])
def test_silence_and_a_stuck_microphone_are_noticed(tmp_path: Path, value: float) -> None:
    notices: list[str] = []
    loaded = speech(tmp_path, wav(np.full((16_000, 1), value, np.float32), 16_000, PCM_F32), notices)
    assert "is silent" in notices[0]
    assert np.abs(loaded.samples[:]).max() < 0.01


def test_values_that_are_no_numbers_count_as_silence(tmp_path: Path) -> None:
    wave = tone(1.0, 16_000)
    wave[100], wave[200], wave[300], wave[400] = np.nan, np.inf, -np.inf, 1e30
    notices: list[str] = []
    samples = speech(tmp_path, wav(wave, 16_000, PCM_F32), notices).samples[:]
    assert np.isfinite(samples).all()
    assert 0.3 <= np.abs(samples).max() <= 1.0
    assert "4 samples are no numbers" in notices[0]


@pytest.mark.parametrize("n", [0, 1, 160, 1599])
def test_too_little_sound_is_refused(tmp_path: Path, n: int) -> None:
    with pytest.raises(SpeechError, match=r"at least 100 ms|damaged"):
        speech(tmp_path, wav(tone(1.0, 16_000)[:n], 16_000))


def test_a_header_that_claims_hours_has_the_length_of_its_data(tmp_path: Path) -> None:
    data = wav(tone(1.0, 16_000), 16_000, riff_size=2**32 - 1, data_size=36_000 * 32_000)
    assert speech(tmp_path, data).duration_s == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("data", [*PLAYLISTS.values(), *NO_MEDIA.values(), b""], ids=[*PLAYLISTS, *NO_MEDIA, "empty"])
def test_what_is_no_recording_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(SpeechError) as caught:
        speech(tmp_path, data, name="speech.wav")
    assert "\n" not in str(caught.value)
    assert "speech.wav" in str(caught.value)


@pytest.mark.parametrize("name", odd_names("wav"))
def test_a_recording_may_have_any_name(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = wav(tone(0.2, 16_000), 16_000)
    assert speech(tmp_path, data, name=name).duration_s == pytest.approx(0.2)
    monkeypatch.chdir(tmp_path)  # a name alone must not look like an option or a protocol
    assert load_speech(Path(name), print).duration_s == pytest.approx(0.2)


def test_a_photo_is_no_recording_and_a_recording_no_photo(tmp_path: Path) -> None:
    for load, data in ((speech, saved(quarters(), "PNG")), (photo, wav(tone(1.0, 8000), 8000))):
        with pytest.raises(SonicError, match="by its content"):
            load(tmp_path, data)


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read as Linux counts it")
def test_ten_minutes_cost_no_more_memory_than_one(tmp_path: Path) -> None:
    for name, seconds in (("short.wav", 60), ("long.wav", 600)):
        noise = np.random.default_rng(0).integers(0, 256, (seconds * 16_000, 1)).astype(np.uint8)
        (tmp_path / name).write_bytes(wav(noise / np.float32(127.5) - 1, 16_000, PCM_U8))
    code = (
        "import resource, sys; from pathlib import Path; from sonic.media.recording import load_speech\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "load_speech(Path(sys.argv[1]), str); before = peak()\n"
        "speech = load_speech(Path(sys.argv[2]), str); speech.samples[9_000_000:9_100_000]; print(peak() - before)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "short.wav"), str(tmp_path / "long.wav")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 10, done.stdout


@pytest.mark.parametrize("seconds", [1, 90], ids=["in memory", "in a file"])
def test_samples_are_read_in_slices_and_vanish_with_the_speech(tmp_path: Path, seconds: int) -> None:
    wave = np.random.default_rng(1).uniform(-0.8, 0.8, (seconds * 16_000, 1)).astype(np.float32)
    loaded = speech(tmp_path, wav(wave, 16_000, PCM_F32))
    whole = loaded.samples[:]
    assert len(whole) == len(loaded.samples) == seconds * 16_000
    assert np.corrcoef(whole, wave[:, 0])[0, 1] > 0.9999
    for part in (slice(0, 5), slice(7000, 7000), slice(15_990, 10**9), slice(-3, None)):
        np.testing.assert_array_equal(loaded.samples[part], whole[part])
    with pytest.raises(ValueError, match="one after another"):
        loaded.samples[::2]


@pytest.mark.parametrize("n", [0, 7, 10, 99])
def test_an_opening_ends_where_it_was_asked_to(n: int) -> None:
    samples = np.arange(10, dtype=np.float32)
    opening = Opening(samples, n)
    assert len(opening) == len(samples[:n])
    for part in (slice(None), slice(3, 100), slice(-2, None), slice(8, 9)):
        np.testing.assert_array_equal(opening[part], samples[:n][part])


def test_a_full_disk_is_told_with_its_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: object, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("sonic.media.samples._Unnamed.write", full)
    with pytest.raises(SpeechError, match=r"No space left on device.*TMPDIR"):
        speech(tmp_path, wav(tone(1.0, 16_000), 16_000))
