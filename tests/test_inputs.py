"""What a program may give for a portrait, a recording, an output, a consent and settings, and what the record says."""

import hashlib
import io
import json
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

import sonic
from sonic.media.inputs import as_files
from sonic.media.photo import load_photo
from sonic.media.recording import load_speech
from sonic.provenance.consent import store
from sonic.provenance.signer import identity

ASSETS = Path(__file__).parents[1] / "src" / "sonic" / "assets" / "demo"
PORTRAIT, SPEECH = ASSETS / "portrait.png", ASSETS / "speech.flac"
CONSENT = sonic.Consent(basis="synthetic")
QUICK = {"min_resolution": 160, "duration": 0.4, "inference_steps": 1}


def read_photo(given: object) -> sonic.types.Photo:
    with as_files(given, SPEECH) as (photo, _):
        return load_photo(photo)


def heard(given: object) -> np.ndarray:
    with as_files(PORTRAIT, given) as (_, sound):
        speech = load_speech(sound, lambda line: None)
        return np.array(speech.samples[: len(speech.samples)])


def test_bytes_and_file_objects_are_the_file_itself() -> None:
    data = PORTRAIT.read_bytes()
    for given in (data, bytearray(data), io.BytesIO(data)):
        photo = read_photo(given)
        assert photo.sha256 == hashlib.sha256(data).hexdigest()
        assert photo.name.startswith("picture-")


def test_pixels_and_pillow_images_are_what_they_show() -> None:
    rgb = load_photo(PORTRAIT).rgb
    see_through = np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])
    for given in (rgb, see_through, Image.fromarray(rgb), Image.fromarray(see_through), Image.open(PORTRAIT)):
        assert np.array_equal(read_photo(given).rgb, rgb)
    assert read_photo(rgb).sha256 == read_photo(rgb.copy()).sha256


def test_a_pillow_image_is_turned_upright_as_its_file_would_be(tmp_path: Path) -> None:
    turned = Image.fromarray(np.random.default_rng(0).integers(0, 255, (80, 120, 3), np.uint8))
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "turned.png", exif=exif)
    assert np.array_equal(read_photo(Image.open(tmp_path / "turned.png")).rgb, load_photo(tmp_path / "turned.png").rgb)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "F", "I", "I;16"])
def test_pillow_images_of_every_mode_can_be_given(mode: str) -> None:
    image = Image.new(mode, (64, 64))
    assert read_photo(image).size_px == (64, 64)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, np.int32, np.uint8])
def test_samples_of_any_kind_and_layout_sound_the_same(dtype: type) -> None:
    wave = 0.5 * np.sin(np.arange(16_000) * 0.2)
    whole = np.issubdtype(dtype, np.integer)
    scale = np.iinfo(dtype).max // (2 if dtype is np.uint8 else 1) if whole else 1
    samples = (wave * scale + (128 if dtype is np.uint8 else 0)).astype(dtype)
    stereo = np.stack([samples, samples])
    for given in (
        (samples, 16_000),
        (16_000, samples),
        (stereo, 16_000),
        (stereo.T, 16_000),
        (samples, np.int64(16_000)),
    ):
        sound = heard(given)
        assert len(sound) == 16_000
        assert np.corrcoef(sound, wave)[0, 1] > 0.999
        assert np.abs(sound).max() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    ("portrait", "speech", "says"),
    [
        (17, SPEECH, "portrait is 17; give a path"),
        (None, SPEECH, "portrait is None"),
        (np.zeros((64, 64, 3)), SPEECH, "float64 of shape (64, 64, 3); give uint8"),
        (np.zeros((64, 64), np.uint8), SPEECH, "uint8 of shape (64, 64)"),
        (io.StringIO("text"), SPEECH, "file of text; open it with mode 'rb'"),
        (b"not a picture", SPEECH, "by its content; save it as"),
        (PORTRAIT, 17, "speech is 17; give a path"),
        (PORTRAIT, (np.zeros(9), np.zeros(9)), "give a path, bytes, a binary file object, or (samples, rate)"),
        (PORTRAIT, (np.zeros((2, 3, 4)), 16_000), "shape (2, 3, 4)"),
        (PORTRAIT, (np.array(["a", "b"]), 16_000), "give numbers"),
        (PORTRAIT, (np.zeros(16_000), 0), "0 Hz"),
        (PORTRAIT, (np.zeros(16_000),), "(samples, rate)"),
        (PORTRAIT, b"", "speech"),
    ],
)
def test_anything_else_is_one_sentence_and_no_work(portrait: object, speech: object, says: str, tmp_path: Path) -> None:
    with pytest.raises(sonic.SonicError) as caught:
        sonic.generate(portrait, speech, tmp_path / "out.mp4", consent=CONSENT)  # type: ignore[call-overload]
    assert says in str(caught.value) or isinstance(speech, bytes)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_video_comes_back_as_bytes_with_the_record_that_verifies_it(tmp_path: Path) -> None:
    made = sonic.generate(load_photo(PORTRAIT).rgb, SPEECH.read_bytes(), consent=CONSENT, **QUICK)
    record = json.loads(made.record)
    assert record["video"]["sha256"] == hashlib.sha256(made.video).hexdigest()
    assert record["photo"]["name"].startswith("picture-") and record["photo"]["name"].endswith(".png")
    assert record["audio"]["sha256"] == hashlib.sha256(SPEECH.read_bytes()).hexdigest()
    with av.open(io.BytesIO(made.video)) as video:
        assert video.streams.video[0].frames == made.n_frames == 10
    (tmp_path / "video.mp4").write_bytes(made.video)
    (tmp_path / "video.json").write_text(made.record, encoding="utf-8")
    assert sonic.verify(tmp_path / "video.mp4").exit_code == 0


def test_a_file_object_takes_the_video() -> None:
    taken = io.BytesIO()
    made = sonic.generate(PORTRAIT, SPEECH, taken, consent=CONSENT, settings=QUICK)
    assert made.video is None
    assert json.loads(made.record)["video"]["sha256"] == hashlib.sha256(taken.getvalue()).hexdigest()


@pytest.mark.parametrize("out", [17, io.StringIO()])
def test_an_output_that_takes_no_bytes_is_one_sentence(out: object) -> None:
    with pytest.raises(sonic.OutputError, match=r"'wb'|give a path"):
        sonic.generate(PORTRAIT, SPEECH, out, consent=CONSENT, **QUICK)  # type: ignore[call-overload]


def test_frames_stream_from_arrays_and_leave_no_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    pixels = load_photo(PORTRAIT).rgb
    samples = (0.3 * np.sin(np.arange(16_000) * 0.3), 16_000)
    with sonic.stream(pixels, samples, consent=CONSENT, **QUICK) as frames:
        assert next(frames).rgb.shape[2] == 3
    assert not list(tmp_path.iterdir())
    assert len(list(sonic.stream(pixels, samples, consent=CONSENT, **QUICK))) == 10
    assert not list(tmp_path.iterdir())


def test_consents_may_be_objects_files_and_ids(tmp_path: Path) -> None:
    signed = CONSENT.bound_to(load_photo(PORTRAIT)).signed(identity())
    store.keep(signed)
    signed.save(tmp_path / "ada.consent.json")
    for given in (signed, tmp_path / "ada.consent.json", str(tmp_path / "ada.consent.json"), signed.id, signed.id[:12]):
        made = sonic.generate(PORTRAIT, SPEECH, consent=given, **QUICK)
        assert json.loads(made.record)["consent"]["id"] == signed.id


@pytest.mark.parametrize("given", [None, 17, "nobody.json", "abc", {"subject": "Ada"}])
def test_what_is_no_consent_makes_no_video(given: object) -> None:
    with pytest.raises(sonic.ConsentError):
        sonic.generate(PORTRAIT, SPEECH, consent=given)  # type: ignore[call-overload]


def test_a_consent_is_given_today_unless_it_says_when() -> None:
    from datetime import date

    assert sonic.Consent(subject="Ada Example", basis="self").given_on == date.today()


def test_settings_by_name_win_over_a_dict_and_a_preset() -> None:
    def settings_of(settings: object, **changes: object) -> dict[str, object]:
        made = sonic.generate(PORTRAIT, SPEECH, consent=CONSENT, settings=settings, **changes)  # type: ignore[call-overload]
        return json.loads(made.record)["settings"]

    assert settings_of(QUICK | {"seed": 3}, seed=4)["seed"] == 4
    assert settings_of(sonic.Settings(**QUICK, seed=5))["seed"] == 5
    fast = settings_of("fast", **QUICK)
    assert fast["duration"] == QUICK["duration"]


@pytest.mark.parametrize(
    ("settings", "changes", "says"),
    [
        (None, {"moton_scale": 1}, "'moton_scale' is not a setting; did you mean motion_scale?"),
        ({"fps": "many"}, {}, "fps is 'many'; it must be a number"),
        (None, {"seed": -1}, "seed is -1; it must be between 0"),
        (17, {}, "settings are 17; give sonic.Settings, a dict"),
        ("no such preset", {}, "preset 'no such preset' cannot be read"),
    ],
)
def test_settings_that_cannot_be_are_named(settings: object, changes: dict[str, object], says: str) -> None:
    with pytest.raises(sonic.SettingError) as caught:
        sonic.generate(PORTRAIT, SPEECH, consent=CONSENT, settings=settings, **changes)  # type: ignore[call-overload]
    assert says in str(caught.value)
