"""What engine svd hears: the waveform, Whisper's features in windows, tokens and motion buckets."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
soxr = pytest.importorskip("soxr")
transformers = pytest.importorskip("transformers")

import tiny_svd  # noqa: E402
from hostile import PCM_F32, encode_sound, tone, wav  # noqa: E402

from golden import close, needs_golden, path, tensors, values, weights  # noqa: E402
from sonic.engines.svd.audio import Features, Heard, hear, listen, log_mel  # noqa: E402
from sonic.engines.svd.audio_modules import AudioToBucket, AudioToToken  # noqa: E402
from sonic.errors import InstallError, SpeechError  # noqa: E402
from sonic.media.samples import store  # noqa: E402
from sonic.types import Progress, Sound  # noqa: E402

pytestmark = pytest.mark.svd

LAYERS, CHANNELS = 5, 48
AUDIO_FRAME = 640


def recording(folder: Path, samples: np.ndarray, rate_hz: int, kind: str = PCM_F32) -> Sound:
    """A WAV file of (n, C) samples."""
    file = folder / "speech.wav"
    file.write_bytes(wav(samples, rate_hz, kind))
    return Sound(file, "")


def noise(n: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal((n, channels))).astype(np.float32)


def all_of(heard: Heard) -> np.ndarray:
    return heard[0 : len(heard)]


def features(n_rows: int) -> Features:
    """Row t of layer l holds 10 t + l + 1 in each channel: a window shows where it comes from."""
    rows = 10 * np.arange(n_rows)[:, None, None] + np.arange(LAYERS)[:, None] + 1
    rows = np.broadcast_to(rows, (n_rows, LAYERS, 3)).astype(np.float32)
    return Features(store([rows.ravel()]), LAYERS, 3)


@pytest.fixture(scope="module")
def encoder() -> Any:
    torch.manual_seed(3)
    return transformers.WhisperModel(transformers.WhisperConfig(**tiny_svd.WHISPER)).encoder.eval()


def ignore(_: Progress) -> None:
    pass


# The waveform


def test_sound_at_16_khz_is_heard_as_it_is(tmp_path: Path) -> None:
    samples = 1.5 * noise(5000)  # also beyond full scale: nothing is clipped or raised
    samples[100] = 1.7
    assert np.array_equal(all_of(hear(recording(tmp_path, samples, 16_000))), samples[:, 0])


@pytest.mark.parametrize("rate_hz", [8000, 11_025, 22_050, 44_100, 48_000, 96_000])
def test_a_resampled_stream_equals_resampling_at_once(tmp_path: Path, rate_hz: int) -> None:
    samples = noise(7 * rate_hz + 13, 2)  # several blocks of the store
    got = all_of(hear(recording(tmp_path, samples, rate_hz)))
    want = soxr.resample(samples.mean(1), rate_hz, 16_000, quality="HQ")
    assert 0 <= len(got) - len(want) <= 1  # one zero, where the lengths do not divide
    assert np.array_equal(got[: len(want)], want)
    assert not got[len(want) :].any()


def test_channels_that_cancel_are_not_heard_as_silence(tmp_path: Path) -> None:
    samples = noise(8000) * np.float32([1, -0.99])
    assert np.array_equal(all_of(hear(recording(tmp_path, samples, 16_000))), samples[:, 0])


def test_what_is_no_number_is_silence(tmp_path: Path) -> None:
    samples = noise(8000)
    samples[10:20] = np.nan
    heard = all_of(hear(recording(tmp_path, samples, 16_000)))
    assert np.isfinite(heard).all()
    assert not heard[10:20].any()


@pytest.mark.parametrize(("offset_ms", "shift"), [(0.0, 0), (25.0, 400), (-25.0, -400), (200.0, 3200)])
def test_the_offset_shifts_the_sound_at_the_same_length(tmp_path: Path, offset_ms: float, shift: int) -> None:
    samples = noise(16_000)[:, 0]
    got = all_of(hear(recording(tmp_path, samples[:, None], 16_000), offset_ms=offset_ms))
    want = np.zeros_like(samples)
    want[max(shift, 0) : 16_000 + min(shift, 0)] = samples[max(-shift, 0) : 16_000 - max(shift, 0)]
    assert np.array_equal(got, want)


def test_a_duration_cuts_the_end_off_but_a_later_offset_reaches_behind_it(tmp_path: Path) -> None:
    samples = noise(16_000)
    sound = recording(tmp_path, samples, 16_000)
    assert np.array_equal(all_of(hear(sound, duration_s=0.5)), samples[:8000, 0])
    assert np.array_equal(all_of(hear(sound, duration_s=0.5, offset_ms=-100)), samples[1600:9600, 0])


def test_the_duration_of_another_resampler_does_not_cost_a_frame(tmp_path: Path) -> None:
    sound = recording(tmp_path, noise(16_000), 16_000)
    assert len(hear(sound, duration_s=15_995 / 16_000)) == 16_000
    assert len(hear(sound, duration_s=2.0)) == 16_000


@pytest.mark.parametrize(("n", "duration_s"), [(1, 9.0), (1279, 9.0), (16_000, 0.04), (16_000, 0.0)])
def test_less_sound_than_a_frame_is_refused(tmp_path: Path, n: int, duration_s: float) -> None:
    with pytest.raises(SpeechError, match=r"'speech.wav' gives \d+ ms .* at least 80 ms, give a longer"):
        hear(recording(tmp_path, noise(n), 16_000), duration_s=duration_s)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"#EXTM3U\nhttp://example.org/a.wav\n", bytes(2000)])
def test_files_that_are_no_sound_are_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "speech.wav"
    file.write_bytes(content)
    with pytest.raises(SpeechError):
        hear(Sound(file, ""))


def test_a_header_that_promises_hours_is_not_believed(tmp_path: Path) -> None:
    file = tmp_path / "speech.wav"
    file.write_bytes(wav(tone(0.5, 8000), 8000, data_size=2**31))
    assert len(hear(Sound(file, ""))) == 8000


def test_compressed_speech_is_heard(tmp_path: Path) -> None:
    file = encode_sound(tmp_path / "a.mp3", tone(1.0, 44_100, channels=2), 44_100, container="mp3", codec="libmp3lame")
    heard = hear(Sound(file, ""))
    assert 1.0 <= len(heard) / 16_000 < 1.1
    assert np.abs(all_of(heard)[4000:12_000]).max() == pytest.approx(0.5, abs=0.05)


# Windows of features


def row_numbers(windows: Any) -> list[list[int]]:
    """Number of the source row of each row of each window; -1 for zeros."""
    return [[round((float(row) - 1) // 10) if row else -1 for row in window[:, -1, 0]] for window in windows]


def test_windows_at_the_start_and_the_end_are_filled_with_zeros() -> None:
    clip = features(2 * 7)  # an odd number of audio frames: 3 video frames, and their windows see the seventh
    assert clip.n_frames == 3
    assert row_numbers(clip.token_windows([0, 1, 2])) == [
        [-1, -1, -1, -1, 0, 1, 2, 3, 4, 5],
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
    ]
    assert row_numbers(clip.bucket_windows([1])) == [[-1] * 20 + list(range(14)) + [-1] * 16]


def test_a_window_holds_all_layers_for_tokens_and_the_last_for_buckets() -> None:
    clip = features(40)
    assert clip.token_windows([1]).shape == (1, 10, LAYERS, 3)
    assert clip.token_windows([1])[0, 0, :, 0].tolist() == [1, 2, 3, 4, 5]
    assert clip.bucket_windows([1]).shape == (1, 50, 1, 3)
    assert clip.bucket_windows([9])[0, 24, 0, 0] == 10 * 36 + 5


@given(st.integers(4, 90), st.lists(st.integers(0, 10_000), max_size=30))
def test_any_frames_in_any_order_give_their_own_windows(n_rows: int, numbers: Sequence[int]) -> None:
    clip = features(n_rows)
    frames = [number % clip.n_frames for number in numbers]
    got = row_numbers(clip.token_windows(frames))
    assert got == [[t if 0 <= t < n_rows else -1 for t in range(4 * i - 4, 4 * i + 6)] for i in frames]
    got = row_numbers(clip.bucket_windows(frames))
    assert got == [[t if 0 <= t < n_rows else -1 for t in range(4 * i - 24, 4 * i + 26)] for i in frames]


@pytest.mark.parametrize("frames", [[-1], [3], [2, 3]])
def test_a_frame_that_is_not_in_the_clip_is_an_error(frames: list[int]) -> None:
    with pytest.raises(IndexError, match="of a recording of 3 frames"):
        features(12).token_windows(frames)


# Listening


def test_frames_follow_the_sound_and_an_odd_audio_frame_is_dropped(encoder: Any) -> None:
    for n, n_frames in ((2 * AUDIO_FRAME, 1), (3 * AUDIO_FRAME, 1), (27 * AUDIO_FRAME + 311, 13)):
        heard = listen(noise(n)[:, 0], encoder, ignore)
        assert heard.n_frames == n_frames
        assert heard.bucket_windows([0])[0, 24:, 0].abs().sum(1).count_nonzero() == min(26, 2 * (n // AUDIO_FRAME))


def test_a_block_is_heard_for_itself(encoder: Any) -> None:
    sound = noise(33 * 16_000)[:, 0]
    reports: list[Progress] = []
    whole = listen(sound, encoder, reports.append)
    assert [(r.stage, r.done, r.total) for r in reports] == [("listen", 0, 2), ("listen", 1, 2), ("listen", 2, 2)]
    first, second = listen(sound[: 30 * 16_000], encoder, ignore), listen(sound[30 * 16_000 :], encoder, ignore)
    assert (whole.n_frames, first.n_frames, second.n_frames) == (412, 375, 37)
    seam = whole.token_windows([375])[0]
    assert torch.equal(seam[:4], first.token_windows([374])[0, 4:8])
    assert torch.equal(seam[4:], second.token_windows([0])[0, 4:])


def test_the_last_layer_is_normalised_and_a_block_passes_the_encoder_once(encoder: Any) -> None:
    calls: list[int] = []
    hook = encoder.register_forward_hook(lambda *_: calls.append(1))
    heard = listen(noise(16_000)[:, 0], encoder, ignore)
    hook.remove()
    last = heard.token_windows([5])[0, :, -1]
    scaled = (last - encoder.layer_norm.bias) / encoder.layer_norm.weight
    assert scaled.mean(-1).abs().max() < 1e-5
    assert len(calls) == 1


def test_a_half_precision_encoder_gives_nearly_the_same(encoder: Any) -> None:
    sound = noise(16_000)[:, 0]
    want = listen(sound, encoder, ignore).token_windows([3])
    got = listen(sound, encoder.to(torch.bfloat16), ignore).token_windows([3])
    encoder.float()
    assert got.dtype == torch.float32
    assert close(got, want, 0.05)


# The networks


States = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def states() -> States:
    return tiny_svd.state_dicts()


def test_tokens_and_buckets_have_their_shapes_and_do_not_depend_on_the_chunk(encoder: Any, states: States) -> None:
    to_token = AudioToToken.for_state(states["audio2token"])
    to_bucket = AudioToBucket.for_state(states["audio2bucket"])
    clip = listen(noise(23 * 16_000)[:, 0], encoder, ignore)
    tokens = clip.tokens(to_token, [286, 0, 1])
    assert tokens.shape == (3, 32, 32)
    assert close(tokens[1], clip.tokens(to_token, [0])[0], 1e-5)
    embed = torch.linspace(-1, 1, 32)[None]
    buckets = clip.motion_buckets(to_bucket, embed)
    assert buckets.shape == (287, 2)
    assert buckets.dtype == np.float32
    want = 16 * to_bucket(clip.bucket_windows([260]), embed) + 16
    assert close(torch.from_numpy(buckets[260:261]), want, 1e-4)


def test_silence_has_tokens_of_its_own(states: States) -> None:
    to_token = AudioToToken.for_state(states["audio2token"])
    assert torch.equal(to_token.silence(), to_token(torch.zeros(1, 10, LAYERS, CHANNELS))[0])
    assert to_token.silence().abs().max() > 0.1


def test_half_precision_weights_are_used_in_full_precision(states: States) -> None:
    state = {name: value.half() for name, value in states["audio2token"].items()}
    net = AudioToToken.for_state(state)
    assert {p.dtype for p in net.parameters()} == {torch.float32}
    assert not any(p.requires_grad for p in net.parameters())


@pytest.mark.parametrize(
    "damage",
    [
        {"proj1.weight": None},
        {"proj2.weight": torch.zeros(3, 3)},
        {"extra": torch.ones(1)},
        {"proj3.bias": torch.ones(())},
    ],
)
def test_other_weights_are_refused(damage: dict[str, Any], states: States) -> None:
    for cls, name in ((AudioToToken, "audio2token"), (AudioToBucket, "audio2bucket")):
        state = {key: value for key, value in (states[name] | damage).items() if value is not None}
        with pytest.raises(InstallError, match=rf"weights of {name} .*: \S+ is .* where .*sonic weights check"):
            cls.for_state(state)


# The golden tensors


@pytest.fixture(scope="module")
def golden_encoder() -> Any:
    model = transformers.WhisperModel(transformers.WhisperConfig(**values("configs")["whisper"]))
    model.load_state_dict(weights("whisper"))
    return model.encoder.eval()


def golden_nets() -> tuple[AudioToToken, AudioToBucket]:
    return AudioToToken.for_state(weights("audio2token")), AudioToBucket.for_state(weights("audio2bucket"))


def golden_embed() -> Any:
    config = transformers.CLIPVisionConfig(**values("configs")["image_encoder"])
    model = transformers.CLIPVisionModelWithProjection(config).eval()
    model.load_state_dict(weights("image_encoder"))
    with torch.no_grad():
        return model(tensors("d_audio_6s")["clip_img"][None]).image_embeds


@needs_golden
def test_golden_modules() -> None:
    want = tensors("a_audio_modules")
    to_token, to_bucket = golden_nets()
    assert close(to_token(want["audio2token.input"].flatten(0, 1)), want["audio2token.output"].flatten(0, 1))
    got = to_bucket(want["audio2bucket.audio"][0], want["audio2bucket.clip"])
    assert close(got, want["audio2bucket.output"][0, :, :, 0])


@needs_golden
@pytest.mark.parametrize("net", [AudioToToken, AudioToBucket])
def test_full_size_names_and_shapes(net: Any) -> None:
    keys = json.loads(path("keys_full.json").read_text())
    want = keys[{AudioToToken: "audio2token.pth", AudioToBucket: "audio2bucket.pth"}[net]]
    with torch.device("meta"):
        full = net()
    assert {name: list(value.shape) for name, value in full.state_dict().items()} == want
    meta = {name: torch.empty(shape, device="meta") for name, shape in want.items()}
    assert {name: list(value.shape) for name, value in net.for_state(meta).state_dict().items()} == want


@needs_golden
def test_golden_waveforms() -> None:
    for wave, name, key in (
        ("d_wave_6s_16k", "d_audio_6s", "waveform"),
        ("d_wave_44k_stereo", "d_audio_44k_stereo", "waveform16k"),
    ):
        got = all_of(hear(Sound(path(f"{wave}.wav"), "")))
        assert np.array_equal(got, tensors(name)[key].numpy())


@needs_golden
def test_golden_spectrograms() -> None:
    for wave, name, key, first in (
        ("d_wave_6s_16k", "d_audio_6s", "mel", 0),
        ("d_wave_44k_stereo", "d_audio_44k_stereo", "mel", 0),
        ("d_wave_31s_16k", "d_audio_31s", "mel_2990_3060", 2990),
    ):
        want = tensors(name)[key]
        got = torch.from_numpy(np.concatenate(list(log_mel(hear(Sound(path(f"{wave}.wav"), "")))), axis=1))
        assert close(got[:, first : first + want.shape[1]], want)


def rows(clip: Features, frames: range) -> Any:
    """Rows 4 * first .. 4 * last + 3 of the features."""
    return clip.token_windows(frames)[:, 4:8].flatten(0, 1)


@needs_golden
def test_golden_features_across_the_seam_of_two_blocks(golden_encoder: Any) -> None:
    want = tensors("d_audio_31s")["hidden_1490_1550"][0]
    got = rows(listen(hear(Sound(path("d_wave_31s_16k.wav"), "")), golden_encoder, ignore), range(373, 387))
    assert close(got, want[2:58])


@needs_golden
def test_golden_features(golden_encoder: Any) -> None:
    want = tensors("d_audio_6s")
    got = listen(hear(Sound(path("d_wave_6s_16k.wav"), "")), golden_encoder, ignore)
    assert got.n_frames == 75
    assert close(rows(got, range(75)), want["hidden_states_first310"][0, :300])
    for frame in (0, 1, 37, 74):
        assert close(got.token_windows([frame]), want[f"window10_frame{frame}"][0])
        assert close(got.bucket_windows([frame]), want[f"window50_frame{frame}"][0])


@needs_golden
@pytest.mark.parametrize(
    ("name", "wave", "n_frames"),
    [
        ("d_audio_6s", "d_wave_6s_16k", 75),
        ("d_audio_odd", "d_wave_odd_16k", 13),
        ("d_audio_31s", "d_wave_31s_16k", 387),
        ("g_end_to_end", "d_wave_odd_16k", 13),
    ],
)
def test_golden_tokens_and_buckets(golden_encoder: Any, name: str, wave: str, n_frames: int) -> None:
    want = tensors(name)
    to_token, to_bucket = golden_nets()
    heard = hear(Sound(path(f"{wave}.wav"), ""))
    assert len(heard) // AUDIO_FRAME == int(want["audio_len"])
    got = listen(heard, golden_encoder, ignore)
    assert got.n_frames == n_frames
    frames = want["frames"].tolist() if "frames" in want else range(n_frames)
    assert close(got.tokens(to_token, frames), want["audio_tokens"])
    buckets = torch.from_numpy(got.motion_buckets(to_bucket, golden_embed()))
    assert close(buckets, want["motion_buckets"][:, 0, :, 0])
    if "uncond_audio_tokens_frame0" in want:
        assert close(to_token.silence(), want["uncond_audio_tokens_frame0"])
