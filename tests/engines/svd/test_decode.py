"""Engine svd between pictures and latents: the published numbers, tiles, overflow, and one chunk at a time."""

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from diffusers import AutoencoderKLTemporalDecoder  # noqa: E402
from tiny_svd import VAE  # noqa: E402

from golden import close, needs_golden, tensors, values, weights  # noqa: E402
from sonic.engines.svd.decode import decode, decode_chunk, encode  # noqa: E402
from sonic.errors import SettingError  # noqa: E402

pytestmark = pytest.mark.svd

CPU: dict[str, Any] = {"device": torch.device("cpu"), "dtype": torch.float32}
LOOPS = {"c_loop_w25": 8, "c_loop_w8": 8, "c_loop_w8_overlap": 4, "c_loop_short": 8}


@pytest.fixture(scope="module")
def vae() -> Any:
    torch.manual_seed(0)
    return AutoencoderKLTemporalDecoder(**VAE).eval()


def latents(n: int, height: int = 4, width: int = 6) -> Any:
    return torch.randn(n, 4, height, width, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def golden_vae() -> Any:
    model = AutoencoderKLTemporalDecoder(**values("configs")["vae"])
    model.load_state_dict(weights("vae"))
    return model.eval()


@needs_golden
@pytest.mark.parametrize("loop", LOOPS)
def test_latents_become_the_published_frames(golden_vae: Any, loop: str) -> None:
    want = tensors(loop)
    final, chunk = want["latents_final"][0], LOOPS[loop]
    raw = torch.cat([decode_chunk(golden_vae, final[i : i + chunk], **CPU) for i in range(0, len(final), chunk)])
    assert close(raw.transpose(0, 1)[None], want["frames_raw"])


@needs_golden
def test_frames_lie_between_black_and_white(golden_vae: Any) -> None:
    want = tensors("c_loop_short")
    frames = torch.stack(list(decode(golden_vae, want["latents_final"][0], **CPU)), 1)[None]
    assert close(frames, (want["frames_raw"] * 0.5 + 0.5).clamp(0, 1))


@needs_golden
@pytest.mark.parametrize("loop", LOOPS)
def test_a_picture_becomes_the_published_latents(golden_vae: Any, loop: str) -> None:
    want = tensors(loop)
    assert close(encode(golden_vae, want["in.ref_img"], **CPU), want["ref_latents_mode_unscaled"])


def test_frames_come_one_at_a_time_and_chunk_by_chunk(vae: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    whole = vae.decode
    monkeypatch.setattr(vae, "decode", lambda z, num_frames: (sizes.append(len(z)), whole(z, num_frames))[1])
    frames = decode(vae, latents(7), chunk=3, **CPU)
    first = next(frames)
    assert sizes == [3]
    assert first.shape == (3, 32, 48) and first.dtype == torch.float32
    assert first.min() >= 0 and first.max() <= 1
    assert len(list(frames)) == 6 and sizes == [3, 3, 1]


def test_one_tile_is_the_whole_picture(vae: Any) -> None:
    z = latents(2)
    assert torch.equal(decode_chunk(vae, z, tile=6, **CPU), decode_chunk(vae, z, **CPU))


@pytest.mark.parametrize("size", [(24, 24), (14, 21), (8, 30)])
def test_tiles_cover_every_size_without_seams(vae: Any, size: tuple[int, int]) -> None:
    z = scene(2, *size)
    whole, tiled = decode_chunk(vae, z, **CPU), decode_chunk(vae, z, tile=16, **CPU)
    assert tiled.shape == whole.shape
    # Random weights and one channel to a norm: the hardest case for statistics that are estimated.
    assert (tiled - whole).abs().mean() < 0.03 * (whole.max() - whole.min())
    for axis in (-1, -2):
        step, own = (x.diff(dim=axis).abs().amax() for x in (tiled, whole))
        assert step < 1.5 * own


def test_larger_tiles_are_nearer_to_the_whole_picture(vae: Any) -> None:
    z = scene(1, 24, 24)
    whole = decode_chunk(vae, z, **CPU)
    errors = [float((decode_chunk(vae, z, tile=tile, **CPU) - whole).abs().mean()) for tile in (8, 20)]
    assert errors[1] < errors[0] / 2
    assert errors[1] < 0.005 * (whole.max() - whole.min())


def scene(n: int, height: int, width: int) -> Any:
    """Latents of a picture that is calm on one side and busy on the other, as pictures are."""
    z = 0.3 * latents(n, height, width)
    z[..., width // 2 :] *= 4
    z[..., : width // 3] += 1.5
    return z


def test_tiles_leave_the_decoder_as_it_was(vae: Any) -> None:
    z = latents(1, 12, 12)
    before = decode_chunk(vae, z, **CPU)
    decode_chunk(vae, z, tile=8, **CPU)
    assert torch.equal(decode_chunk(vae, z, **CPU), before)


def test_a_chunk_that_overflows_is_made_again_in_float32(vae: Any, caplog: pytest.LogCaptureFixture) -> None:
    z = latents(2)
    want = decode_chunk(vae, z, **CPU)
    overflowing = vae.to(torch.float16)
    whole = overflowing.decode

    def overflow(x: Any, num_frames: int) -> Any:
        made = whole(x, num_frames)
        if x.dtype == torch.float16:
            made.sample[0, 0, 0, 0] = torch.inf
        return made

    overflowing.decode = overflow
    try:
        frames = decode_chunk(overflowing, z, device=torch.device("cpu"), dtype=torch.float16)
    finally:
        del overflowing.decode
        dtype = overflowing.dtype
        overflowing.to(torch.float32)
    assert dtype == torch.float16
    assert close(frames, want, 0.01)
    assert "float32" in caplog.text


def test_latents_that_are_not_finite_are_an_error_that_says_what_to_do(vae: Any) -> None:
    z = latents(4)
    z[3, 0, 0, 0] = torch.nan
    frames = decode(vae, z, chunk=2, device=torch.device("cpu"), dtype=torch.float32)
    assert torch.isfinite(next(frames)).all()
    next(frames)
    with pytest.raises(SettingError, match=r"denoising gave .* float32 on cpu; run"):
        next(frames)
