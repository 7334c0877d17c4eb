"""Arithmetic that fails: a faulty convolution is kept off, and numbers that are not finite become an error."""

import torch
from torch import Tensor, nn

from sonic.errors import SettingError


class StridedConv2d(nn.Conv2d):  # type: ignore[misc]  # torch is not checked
    """A convolution with a stride, computed in float32 where a CPU is asked for bfloat16.

    On Intel processors with AMX, oneDNN's kernel for it (brg_conv_fwd:avx10_1_512_amx in PyTorch 2.13) reads memory
    that nobody wrote where the input is narrow, such as 64 channels of 4x2 pixels: NaN, now and then. Few layers have a
    stride, so that float32 costs nothing that matters, on any processor.
    """

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if x.device.type != "cpu" or x.dtype != torch.bfloat16:
            return super()._conv_forward(x, weight, bias)
        return super()._conv_forward(x.float(), weight.float(), None if bias is None else bias.float()).to(x.dtype)


def replace_strided(network: nn.Module) -> None:
    """Make each convolution with a stride a StridedConv2d, with the same weights."""
    for module in network.modules():
        if type(module) is nn.Conv2d and max(module.stride) > 1:
            module.__class__ = StridedConv2d


def checked(values: Tensor, of: str, device: torch.device, dtype: torch.dtype) -> Tensor:
    """``values``, computed on ``device`` in ``dtype``; SettingError where one is NaN or infinite: it would be black.

    Where ``values`` are still on a GPU this waits for it, so that it is best asked of values on the host.
    """
    if torch.isfinite(values).all():
        return values
    remedy = {
        torch.float16: "set precision to bf16 or fp32, whose range is larger",
        torch.bfloat16: "set precision to fp32",
    }.get(dtype, "run `sonic weights check`, then try another device")
    raise SettingError(f"{of} gave numbers that are not finite in {name_of(dtype)} on {device}; {remedy}")


def name_of(dtype: torch.dtype) -> str:
    """float16, not torch.float16."""
    return str(dtype).removeprefix("torch.")
