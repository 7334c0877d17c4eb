"""Arithmetic that fails: processors whose bfloat16 convolution is wrong, networks that leave the range of numbers."""

from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the extra gpu")
pytest.importorskip("diffusers", reason="needs the extra gpu")

import tiny_svd  # noqa: E402
from denoising_jobs import Job, schedule_of  # noqa: E402

from sonic.engines.svd import networks  # noqa: E402
from sonic.engines.svd.arithmetic import checked  # noqa: E402
from sonic.engines.svd.decode import decode, encode  # noqa: E402
from sonic.engines.svd.denoise import Denoiser, denoise  # noqa: E402
from sonic.engines.svd.rife import interpolator  # noqa: E402
from sonic.errors import SettingError  # noqa: E402
from sonic.types import Observer  # noqa: E402

pytestmark = pytest.mark.svd
CPU = torch.device("cpu")


def denoised(dtype: Any, **watching: Any) -> Any:
    job = Job()
    unet, context = networks.unet(tiny_svd.UNET, tiny_svd.state_dicts()["unet"])
    denoiser = Denoiser(unet.to(dtype), context, job.scene, job.inference, device=CPU, dtype=dtype)
    schedule = schedule_of(job.inference)
    return denoise([denoiser], job.start(), schedule, job.inference, rows_per_call=3, observer=Observer(), **watching)


def spoil(monkeypatch: pytest.MonkeyPatch, dtypes: tuple[Any, ...], *, strided_only: bool) -> None:
    """Convolutions in these formats give NaN, as some processors' do."""
    whole = torch.nn.functional.conv2d

    def conv2d(x: Any, weight: Any, bias: Any = None, stride: Any = 1, *others: Any, **named: Any) -> Any:
        made = whole(x, weight, bias, stride, *others, **named)
        return made * torch.nan if x.dtype in dtypes and (not strided_only or stride not in (1, (1, 1))) else made

    monkeypatch.setattr(torch.nn.functional, "conv2d", conv2d)


def test_a_processor_whose_strided_bfloat16_convolution_is_wrong_gives_the_right_latents(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wanted = denoised(torch.float32)
    spoil(monkeypatch, (torch.bfloat16,), strided_only=True)
    made = denoised(torch.bfloat16)
    assert float((made - wanted).norm() / wanted.norm()) < 0.1


def test_the_same_for_the_portrait(monkeypatch: pytest.MonkeyPatch) -> None:
    vae = networks.vae(tiny_svd.VAE, tiny_svd.state_dicts()["vae"])
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    wanted = encode(vae, image, device=CPU, dtype=torch.float32)
    spoil(monkeypatch, (torch.bfloat16,), strided_only=True)
    warned: list[Any] = []
    monkeypatch.setattr("sonic.engines.svd.decode._log.warning", lambda *parts: warned.append(parts))
    made = encode(vae.to(torch.bfloat16), image, device=CPU, dtype=torch.bfloat16)
    assert float((made - wanted).norm() / wanted.norm()) < 0.1
    assert not warned, "nothing had to be made again"


@pytest.mark.parametrize(
    ("dtype", "remedy"),
    [
        (torch.float16, "precision to bf16 or fp32"),
        (torch.bfloat16, "precision to fp32"),
        (torch.float32, "weights check"),
    ],
)
def test_a_step_that_is_not_finite_names_device_precision_and_remedy(
    dtype: Any, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, (dtype,), strided_only=False)
    kept: list[Any] = []
    with pytest.raises(SettingError, match=f"denoising step .* {str(dtype)[6:]} on cpu; .*{remedy}"):
        denoised(dtype, on_step=kept.append)
    assert not kept, "what is wrong is not kept for a later run"


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_one_number_is_enough(value: float) -> None:
    values = torch.zeros(2, 3, 4)
    assert checked(values, "a step", CPU, torch.float16) is values
    values[1, 2, 3] = value
    with pytest.raises(SettingError, match="a step gave"):
        checked(values, "a step", CPU, torch.float16)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_frames_that_the_vae_cannot_make_are_an_error_not_black(dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    vae = networks.vae(tiny_svd.VAE, tiny_svd.state_dicts()["vae"]).to(dtype)
    spoil(monkeypatch, (torch.float32, dtype), strided_only=False)
    with pytest.raises(SettingError, match=r"the VAE gave .* float32 on cpu"):
        next(decode(vae, torch.zeros(2, 4, 4, 4), device=CPU, dtype=dtype))
    assert vae.dtype == dtype


def test_frames_between_frames_too(monkeypatch: pytest.MonkeyPatch) -> None:
    net = networks.flownet(tiny_svd.state_dicts()["flownet"])
    spoil(monkeypatch, (torch.float32,), strided_only=False)
    with pytest.raises(SettingError, match="interpolation gave"):
        interpolator(net, CPU)(torch.zeros(3, 32, 32), torch.ones(3, 32, 32))  # type: ignore[arg-type]
