"""What the networks see of a portrait: the reference picture, its small copy for CLIP, and where the face is.

The published rules to the pixel: sides are multiples of 64, everything is resized with Pillow's Lanczos filter, and the
face mask is a soft-edged rectangle.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from sonic.engines.svd.inference import SIDE_PX
from sonic.errors import FaceError
from sonic.types import F32, U8

Size = tuple[int, int]
"""(width, height) in px."""
Box = tuple[float, float, float, float]
"""(left, top, width, height) or (left, top, right, bottom) in px; each function says which."""

FACE_AREA = 1.1
"""The face mask is this much wider and higher than the detector's box."""
CLIP_SIDE_PX = 224
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
"""Of the pictures that CLIP was trained on, red, green, blue (Radford et al. 2021)."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A portrait as tensors, float32 on the host; H and W are the working size."""

    reference: Tensor
    """(1, 3, H, W) in [-1, 1]: for the VAE."""
    clip: Tensor
    """(1, 3, 224, 224), normalised: for CLIP."""
    face_mask: Tensor
    """(1, 1, H, W) in [0, 1]: where the audio may move the picture."""

    @property
    def size_px(self) -> Size:
        """(width, height) of the reference."""
        return self.reference.shape[-1], self.reference.shape[-2]


def prepare(rgb: U8, face_xywh: Box, size: Size) -> Picture:
    """A picture (h, w, 3) sRGB at ``size``, its working size, with the face that is at ``face_xywh`` px of ``rgb``.

    Raises FaceError if no pixel of the face lies in the picture.
    """
    image = Image.fromarray(rgb)
    small = _resized(image, size)
    mask = _resized(Image.fromarray(face_mask(face_xywh, image.size)), size)
    return Picture(_planes((_unit(small) - 0.5) / 0.5), clip_pixels(small), _planes(_unit(mask)[..., None]))


def working_size(size: Size, shortest_px: int) -> Size:
    """(width, height) near to ``size`` scaled so that its shorter side is ``shortest_px``, in multiples of 64.

    Each side is rounded by itself, ties to the even multiple, so that the aspect may change a little.
    """
    width, height = (round(side * shortest_px / min(size) / SIDE_PX) * SIDE_PX for side in size)
    return width, height


def clip_pixels(image: Image.Image) -> Tensor:
    """(1, 3, 224, 224) for CLIP: an RGB image squashed to a square, whatever its aspect, and normalised."""
    small = _unit(_resized(image, (CLIP_SIDE_PX, CLIP_SIDE_PX)))
    mean, deviation = np.asarray(CLIP_MEAN, np.float32), np.asarray(CLIP_STD, np.float32)
    return _planes(np.asarray((small - mean) / deviation, np.float32))


def face_mask(face_xywh: Box, size: Size) -> U8:
    """(height, width): 255 on the face's rectangle, 1.1 times the detector's box, 0 elsewhere.

    Raises FaceError if no pixel of it lies in the picture.
    """
    (left, top, width, height), (right_px, bottom_px) = face_xywh, size
    x, y = math.floor((left + left + width) / 2), math.floor((top + top + height) / 2)
    half_x, half_y = math.floor(width * FACE_AREA / 2), math.floor(height * FACE_AREA / 2)
    mask = np.zeros((bottom_px, right_px), np.uint8)
    mask[max(0, y - half_y) : max(0, y + half_y), max(0, x - half_x) : max(0, x + half_x)] = 255
    if not mask.any():
        raise FaceError(
            f"the face at {left:.0f},{top:.0f} of {width:.0f}x{height:.0f} px covers nothing of a picture of "
            f"{right_px}x{bottom_px} px; it must lie in it, use another photo or framing"
        )
    return mask


def square_around(face_xyxy: Box, expand: float, size: Size) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of the square to crop around a face at ``face_xyxy`` in a picture of ``size``.

    The box grows on each side by ``expand`` of its own width or height, as far as the picture goes; its shorter side
    makes the square, moved along the longer one as near to the face's centre as the grown box allows. Rounding each
    corner can make it one or two pixels wider than high.
    """
    grown = _grown(face_xyxy, expand, size)
    side = min(high - low for low, high in grown)
    corners = []
    for axis, (low, high) in enumerate(grown):
        face_centre = (face_xyxy[axis] + face_xyxy[axis + 2]) / 2
        room = (high - low - side) / 2
        centre = (low + high) / 2
        corners.append(centre + min(max(face_centre - centre, -room), room) - side / 2)
    left, top = corners
    return round(left), round(top), round(left + side), round(top + side)


def _grown(face_xyxy: Box, expand: float, size: Size) -> list[tuple[float, float]]:
    """(low, high) along x and y of the box with its margins, inside the picture."""
    spans = []
    for axis in (0, 1):
        low, high = face_xyxy[axis], face_xyxy[axis + 2]
        margin = expand * (high - low)
        spans.append((max(0.0, low - margin), min(float(size[axis]), high + margin)))
    return spans


def _resized(image: Image.Image, size: Size) -> Image.Image:
    """Pillow copies an image that has this size already, instead of filtering it."""
    return image.resize(size, Image.Resampling.LANCZOS)


def _unit(image: Image.Image) -> F32:
    return np.asarray(image, np.float32) / np.float32(255)


def _planes(pixels: F32) -> Tensor:
    """(H, W, C) -> (1, C, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None]
