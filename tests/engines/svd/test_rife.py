"""Engine svd: frames between frames, by the published network."""

import math

import pytest

torch = pytest.importorskip("torch")

from tiny_svd import flownet  # noqa: E402

from golden import close, needs_golden, tensors, values  # noqa: E402
from sonic.engines.svd.rife import IFNet, interpolator  # noqa: E402

pytestmark = pytest.mark.svd


def formula_net() -> IFNet:
    """The network with the weights that the golden tensors were made with."""
    net = IFNet()
    for k, (name, parameter) in enumerate(net.named_parameters()):
        s = torch.sin(0.37 * torch.arange(parameter.numel(), dtype=torch.float64) + 1.7 * k).reshape(parameter.shape)
        if parameter.ndim == 4:
            s = 1.4 * s / math.sqrt(parameter[0].numel())
        else:
            s = 0.1 * s if name.endswith("bias") else 0.25 + 0.05 * s
        parameter.data.copy_(s)
    return net.eval()


@needs_golden
def test_names_and_shapes_are_those_of_the_published_file() -> None:
    with torch.device("meta"):
        net = IFNet()
    published = next(v for k, v in values("keys_full").items() if k.startswith("RIFE"))
    assert {name: list(p.shape) for name, p in net.state_dict().items()} == dict(published)


def test_names_and_shapes_are_those_of_the_tiny_file() -> None:
    with torch.device("meta"):
        net = IFNet()
    assert {name: tuple(p.shape) for name, p in net.state_dict().items()} == flownet()


@needs_golden
def test_the_middle_is_the_published_one() -> None:
    want = tensors("h_rife")
    with torch.no_grad():
        picture, flow, mask = formula_net()(want["img0"], want["img1"])
    assert close(picture, want["middle"])
    assert close(flow, want["flow_last"])
    assert close(mask, want["mask_last"])


@pytest.mark.parametrize("size", [(64, 64), (50, 70), (17, 33)])
def test_pictures_of_any_size_keep_it(size: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = torch.rand(3, *size, generator=generator), torch.rand(3, *size, generator=generator)
    middle = interpolator(formula_net(), torch.device("cpu"))(a, b)
    assert middle.shape == a.shape and middle.dtype == torch.float32
    assert middle.min() >= 0 and middle.max() <= 1


def test_time_may_run_backwards() -> None:
    """Both frames are treated alike, whatever the weights."""
    generator = torch.Generator().manual_seed(0)
    a, b = torch.rand(3, 48, 64, generator=generator), torch.rand(3, 48, 64, generator=generator)
    middle = interpolator(formula_net(), torch.device("cpu"))
    assert torch.allclose(middle(a, b), middle(b, a), atol=1e-5)


def test_nothing_moves_between_equal_frames_of_one_colour() -> None:
    grey = torch.full((3, 40, 40), 0.4)
    assert torch.allclose(interpolator(formula_net(), torch.device("cpu"))(grey, grey), grey, atol=1e-5)
