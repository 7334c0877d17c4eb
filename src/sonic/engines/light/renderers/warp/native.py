"""The C kernels as functions on arrays: shapes, types and NaN are checked here, bounds are clipped in kernels.c."""

import ctypes
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sonic.errors import InstallError
from sonic.types import F32, U8

I32 = NDArray[np.int32]
U32 = NDArray[np.uint32]

_ABI_VERSION = 6
_SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")


class MouthScene(ctypes.Structure):
    """How sonic_paint_mouth colours and lights; mirrors ``Scene`` in kernels.c.

    Colours are linear RGB, directions unit vectors in the axes of the normals.
    """

    _fields_ = (
        ("teeth_rgb", ctypes.c_float * 3),
        ("gum_rgb", ctypes.c_float * 3),
        ("tongue_rgb", ctypes.c_float * 3),
        ("cheek_rgb", ctypes.c_float * 3),
        ("cavity_rgb", ctypes.c_float * 3),
        ("light", ctypes.c_float * 3),
        ("half", ctypes.c_float * 3),
        ("viewer", ctypes.c_float * 3),
        ("wrap", ctypes.c_float),
        ("gloss", ctypes.c_float),
        ("detail", ctypes.c_float),
        ("lip_light", ctypes.c_float),
        ("lip_reach_mm", ctypes.c_float),
    )


@dataclass(frozen=True, slots=True)
class MouthMesh:
    """The interior's surfaces, without where they are."""

    surface: F32
    """(N, 6) outward normal, place across and along its part, tone: ``Surface`` in kernels.c."""
    triangles: I32
    """(M, 3)"""
    parts: U8
    """(M,) of each triangle: tooth, gum, tongue, cheek."""
    n_upper: int
    """The first so many triangles are upper teeth."""

    def __post_init__(self) -> None:
        _checked(self.surface, np.float32, 2, "surface")
        _checked(self.triangles, np.int32, 2, "triangles")
        _checked(self.parts, np.uint8, 1, "parts")
        _check_corners(self.triangles, len(self.surface))
        if self.surface.shape[1] != 6 or self.parts.shape != self.triangles.shape[:1]:
            raise ValueError(f"surface {self.surface.shape} or parts {self.parts.shape} do not fit the triangles")


def warp(vertices: F32, triangles: I32, n_face: int, source: U32, out: U8, *, folds: U8, scratch: F32) -> None:
    """Draw ``source`` through the moved mesh into ``out``; pixels that do not move are left alone.

    ``vertices`` (N, 5): x, y, depth now, and the shift from there to the source, in px of ``out``. ``triangles``
    (M, 3); those from ``n_face`` on are skipped where nothing moves. ``source`` (2 h, 2 w) packed RGBX, see
    source.dense. ``out`` (h, w, 3), a view into a picture is fine. ``folds`` (h, w) receives 255 where the map jumps.
    ``scratch``: scratch_floats(w) floats.
    Raises ValueError for wrong shapes, indices outside, or vertices that are not finite.
    """
    height, width = out.shape[:2]
    _check_mesh(vertices, triangles)
    _check_picture(out, (height, width))
    _checked(source, np.uint32, 2, "source")
    _checked(folds, np.uint8, 2, "folds")
    _checked(scratch, np.float32, 1, "scratch")
    fits = source.shape == (2 * height, 2 * width) and folds.shape == (height, width)
    if not fits or scratch.size < scratch_floats(width):
        raise ValueError(
            f"source {source.shape}, folds {folds.shape}, scratch {scratch.size} do not fit out {out.shape}"
        )
    _library().sonic_warp(
        _pointer(vertices), _pointer(triangles), len(triangles), n_face, _pointer(source), width, height,
        _pointer(out), out.strides[0], _pointer(folds), _pointer(scratch),
    )  # fmt: skip


def scratch_floats(width: int) -> int:
    """Length of the scratch array that warp() needs for a picture of this width."""
    return 3 * width * (int(_library().sonic_band_rows()) + 1)


def raster(vertices: F32, triangles: I32, size: tuple[int, int]) -> tuple[F32, F32]:
    """The map that ``warp`` samples by, alone: (shift (h, w, 2), depth (h, w)) on a picture of ``size`` (w, h).

    Where the mesh is absent they are 0 and 1e30. Tests hold the exactness of the map to it.
    """
    width, height = size
    _check_mesh(vertices, triangles)
    shift, depth = np.empty((height, width, 2), np.float32), np.empty((height, width), np.float32)
    _library().sonic_raster(
        _pointer(vertices), _pointer(triangles), len(triangles), width, height, _pointer(shift), _pointer(depth)
    )
    return shift, depth


def soften(out: U8, marks: U8) -> None:
    """Smooth ``out`` (h, w, 3) in place at the marked pixels with the 3 x 3 binomial filter."""
    height, width = out.shape[:2]
    _check_picture(out, (height, width))
    if marks.shape != (height, width):
        raise ValueError(f"marks {marks.shape} do not fit out {out.shape}")
    rows = np.empty(6 * width, np.uint8)
    _checked(marks, np.uint8, 2, "marks")
    _library().sonic_soften(_pointer(out), out.strides[0], _pointer(marks), width, height, _pointer(rows))


def paint_mouth(
    scene: MouthScene, mesh: MouthMesh, places: F32, *, inside_mm: F32, below_mm: F32, reach_mm: float, samples: int
) -> tuple[F32, F32]:
    """((h, w, 3) linear RGB of what is seen through the lips, (h, w) share of each pixel that is upper teeth).

    ``places`` (N, 4): x, y, depth of the mesh's points in px of the buffer, and the light that reaches them.
    ``inside_mm`` (h, w): distance to the lips' edge, negative outside; ``below_mm``: distance below the upper lip.
    Pixels more than ``reach_mm`` outside are 0. ``samples``: to a side of each pixel, 1 to 8.
    Raises ValueError for wrong shapes, places that are not finite, or other numbers of samples.
    """
    height, width = inside_mm.shape
    if below_mm.shape != inside_mm.shape:
        raise ValueError(f"below_mm {below_mm.shape} does not fit inside_mm {inside_mm.shape}")
    _checked(inside_mm, np.float32, 2, "inside_mm")
    _checked(below_mm, np.float32, 2, "below_mm")
    _checked(places, np.float32, 2, "places")
    if places.shape != (len(mesh.surface), 4) or not np.isfinite(places).all():
        raise ValueError(f"places must be finite ({len(mesh.surface)}, 4), got {places.shape}")
    if not 1 <= samples <= int(_library().sonic_most_mouth_samples()):
        raise ValueError(f"{samples} samples to a side of a pixel are too few or too many")
    n = samples * samples * width * height
    depth, seen, spans = np.empty(n, np.float32), np.empty(n, np.int32), np.empty(2 * height, np.int32)
    out, upper = np.empty((height, width, 3), np.float32), np.empty((height, width), np.float32)
    _library().sonic_paint_mouth(
        ctypes.byref(scene), _pointer(mesh.surface), _pointer(places), _pointer(mesh.triangles), _pointer(mesh.parts),
        len(mesh.triangles), mesh.n_upper, _pointer(inside_mm), _pointer(below_mm), reach_mm, samples, width, height,
        _pointer(depth), _pointer(seen), _pointer(spans), _pointer(out), _pointer(upper),
    )  # fmt: skip
    return out, upper


def lay(out: U8, mouth: F32, *, alpha: F32, shade: F32) -> None:
    """Lay ``mouth`` (h, w, 3, linear) over ``out`` (sRGB) with opacity ``alpha``; ``shade`` darkens ``out``."""
    height, width = out.shape[:2]
    _check_picture(out, (height, width))
    if mouth.shape != out.shape or alpha.shape != (height, width) or shade.shape != (height, width):
        raise ValueError(f"mouth {mouth.shape}, alpha {alpha.shape} or shade {shade.shape} do not fit out {out.shape}")
    for name, array, n_axes in (("mouth", mouth, 3), ("alpha", alpha, 2), ("shade", shade, 2)):
        _checked(array, np.float32, n_axes, name)
    linear, srgb = colour_tables()
    _library().sonic_lay(
        _pointer(out), out.strides[0], _pointer(mouth), _pointer(alpha), _pointer(shade), width, height,
        _pointer(linear), _pointer(srgb), len(srgb),
    )  # fmt: skip


@cache
def colour_tables() -> tuple[F32, U8]:
    """(linear light of each sRGB byte, sRGB byte of 4096 steps of linear light), IEC 61966-2-1."""
    s = np.arange(256) / 255
    linear = np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)
    steps = np.arange(4096) / 4095
    srgb = np.where(steps <= 0.0031308, 12.92 * steps, 1.055 * steps ** (1 / 2.4) - 0.055)
    return linear.astype(np.float32), np.round(srgb * 255).astype(np.uint8)


def _pointer(array: NDArray[np.generic]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _checked(array: NDArray[np.generic], dtype: type[np.generic], n_axes: int, name: str) -> NDArray[np.generic]:
    if array.dtype != dtype or array.ndim != n_axes or not array.flags.c_contiguous:
        raise ValueError(
            f"{name} must be contiguous {np.dtype(dtype)} with {n_axes} axes, got {array.dtype} {array.shape}"
        )
    return array


def _check_picture(out: U8, size: tuple[int, int]) -> None:
    if out.dtype != np.uint8 or out.shape != (*size, 3) or out.strides[1:] != (3, 1) or not out.flags.writeable:
        raise ValueError(f"out must be writeable uint8 (h, w, 3) with packed rows, got {out.dtype} {out.shape}")


def _check_mesh(vertices: F32, triangles: I32) -> None:
    _checked(vertices, np.float32, 2, "vertices")
    _checked(triangles, np.int32, 2, "triangles")
    if vertices.shape[1] != 5 or triangles.shape[1] != 3:
        raise ValueError(f"vertices must be (N, 5) and triangles (M, 3), got {vertices.shape} and {triangles.shape}")
    if not np.isfinite(vertices).all():
        raise ValueError("vertices must be finite")
    _check_corners(triangles, len(vertices))


def _check_corners(triangles: I32, n_vertices: int) -> None:
    if len(triangles) and not 0 <= int(triangles.min()) <= int(triangles.max()) < n_vertices:
        raise ValueError(f"triangles name vertices outside 0..{n_vertices - 1}")


@cache
def _library() -> ctypes.CDLL:
    """The compiled kernels; raises InstallError where they are missing or of another version."""
    path = Path(__file__).with_name(f"kernels{_SUFFIX}")
    remedy = "reinstall it: pip install --force-reinstall sonic-talk"
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise InstallError(f"{path.name} cannot be loaded ({error}); {remedy}") from error
    found = int(library.sonic_abi_version())
    if found != _ABI_VERSION:
        raise InstallError(f"{path.name} is version {found}, version {_ABI_VERSION} is needed; {remedy}")
    p, i, size, f = ctypes.c_void_p, ctypes.c_int, ctypes.c_ssize_t, ctypes.c_float
    signatures = {
        "sonic_warp": (p, p, i, i, p, i, i, p, size, p, p),
        "sonic_raster": (p, p, i, i, i, p, p),
        "sonic_soften": (p, size, p, i, i, p),
        "sonic_paint_mouth": (p, p, p, p, p, i, i, p, p, f, i, i, i, p, p, p, p, p),
        "sonic_lay": (p, size, p, p, p, i, i, p, p, i),
    }
    for name, arguments in signatures.items():
        function = getattr(library, name)
        function.argtypes, function.restype = arguments, None
    return library
