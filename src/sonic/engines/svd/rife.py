"""Frames between frames: the published interpolation network, RIFE in its version HDv3.

Huang et al. 2022, "Real-Time Intermediate Flow Estimation for Video Frame Interpolation" (ECCV). Three blocks estimate,
from coarse to fine, how both frames flow towards the moment in their middle, and how much each of them shows there.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sonic.engines.svd.arithmetic import checked

SCALES = (4, 2, 1)
"""Each block sees the frames at 1/scale of their size."""
MULTIPLE = 16
"""Sides must be multiples of this: the coarsest block halves a quarter of the picture twice."""
_CHANNELS = 90


class Block(nn.Module):  # type: ignore[misc]  # torch is not checked
    """One step of refinement: what is known so far -> a correction of flow and mask."""

    def __init__(self, n_in: int) -> None:
        super().__init__()
        self.conv0 = nn.Sequential(_conv(n_in, _CHANNELS // 2, stride=2), _conv(_CHANNELS // 2, _CHANNELS, stride=2))
        self.convblock0 = nn.Sequential(_conv(_CHANNELS, _CHANNELS), _conv(_CHANNELS, _CHANNELS))
        self.convblock1 = nn.Sequential(_conv(_CHANNELS, _CHANNELS), _conv(_CHANNELS, _CHANNELS))
        self.convblock2 = nn.Sequential(_conv(_CHANNELS, _CHANNELS), _conv(_CHANNELS, _CHANNELS))
        self.convblock3 = nn.Sequential(_conv(_CHANNELS, _CHANNELS), _conv(_CHANNELS, _CHANNELS))
        self.conv1 = _enlarged(4)
        self.conv2 = _enlarged(1)

    def forward(self, seen: Tensor, flow: Tensor, scale: int) -> tuple[Tensor, Tensor]:
        """(B, 7, H, W) pictures and mask, (B, 4, H, W) flow in px -> corrections (B, 4, H, W) in px, (B, 1, H, W)."""
        x = torch.cat([_resized(seen, 1 / scale), _resized(flow, 1 / scale) / scale], 1)
        x = self.conv0(x)
        for layer in (self.convblock0, self.convblock1, self.convblock2, self.convblock3):
            x = x + layer(x)
        return _resized(self.conv1(x), scale) * scale, _resized(self.conv2(x), scale)


class IFNet(nn.Module):  # type: ignore[misc]  # torch is not checked
    """The network of the published ``flownet.pkl``, whose keys carry a leading ``module.`` in the file."""

    def __init__(self) -> None:
        super().__init__()
        self.block0 = Block(7 + 4)
        self.block1 = Block(7 + 4)
        self.block2 = Block(7 + 4)
        self.block_tea = Block(10 + 4)  # the teacher of the training: in the file, not used here

    def forward(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The middle of two pictures (B, 3, H, W) in 0..1, H and W multiples of MULTIPLE.

        Returns the picture (B, 3, H, W) in 0..1, the flow (B, 4, H, W): where the middle looks into the first (x, y)
        and into the second picture, in px, and the mask (B, 1, H, W) in 0..1: how much of it is the first one.
        """
        flow = first.new_zeros(len(first), 4, *first.shape[-2:])
        mask = first.new_zeros(len(first), 1, *first.shape[-2:])
        seen = first, second
        for block, scale in zip((self.block0, self.block1, self.block2), SCALES, strict=True):
            there, there_mask = block(torch.cat([*seen, mask], 1), flow, scale)
            # The same with time reversed; the mean of both treats the two frames alike.
            back, back_mask = block(torch.cat([*seen[::-1], -mask], 1), flow.roll(2, 1), scale)
            flow = flow + (there + back.roll(2, 1)) / 2
            mask = mask + (there_mask - back_mask) / 2
            seen = _warped(first, flow[:, :2]), _warped(second, flow[:, 2:])
        share = torch.sigmoid(mask)
        return (seen[0] * share + seen[1] * (1 - share)).clamp(0, 1), flow, share


def interpolator(net: IFNet, device: torch.device) -> Callable[[Tensor, Tensor], Tensor]:
    """``middle(a, b)`` for retime: frames (3, H, W) float32 0..1 on the host, of any size, and so is the result.

    ``net`` is on ``device`` in float32: half precision moves pixels of a 1080p picture by up to half a pixel.
    """

    def middle(a: Tensor, b: Tensor) -> Tensor:
        height, width = a.shape[-2:]
        padding = (0, -width % MULTIPLE, 0, -height % MULTIPLE)
        first, second = (F.pad(x[None].to(device, torch.float32), padding, mode="replicate") for x in (a, b))
        with torch.no_grad():
            picture: Tensor = net(first, second)[0]
        return checked(picture[0, :, :height, :width].cpu(), "interpolation", device, torch.float32)

    return middle


def _conv(n_in: int, n_out: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(n_in, n_out, 3, stride, 1), nn.PReLU(n_out))


def _enlarged(n_out: int) -> nn.Sequential:
    """Back to four times the size."""
    half = _CHANNELS // 2
    return nn.Sequential(
        nn.ConvTranspose2d(_CHANNELS, half, 4, 2, 1), nn.PReLU(half), nn.ConvTranspose2d(half, n_out, 4, 2, 1)
    )


def _resized(x: Tensor, factor: float) -> Tensor:
    if factor == 1:
        return x
    return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


def _warped(picture: Tensor, flow: Tensor) -> Tensor:
    """The picture (B, 3, H, W) looked at from each pixel along ``flow`` (B, 2, H, W) px; beyond its edge, the edge."""
    height, width = picture.shape[-2:]
    x = torch.arange(width, device=flow.device) + flow[:, 0]
    y = torch.arange(height, device=flow.device)[:, None] + flow[:, 1]
    grid = torch.stack([2 * x / max(width - 1, 1) - 1, 2 * y / max(height - 1, 1) - 1], -1)
    return F.grid_sample(picture, grid, mode="bilinear", padding_mode="border", align_corners=True)
