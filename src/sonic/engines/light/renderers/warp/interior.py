"""The inside of a mouth as a body: rows of teeth on skull and jaw, gums, tongue and cheeks, one mesh for everybody."""

import io
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from sonic.engines.light.renderers.warp.native import I32, MouthMesh
from sonic.errors import InstallError
from sonic.faces.geometry import smoothstep
from sonic.types import F32, F64, U8
from sonic.weights import REMEDY, read

TOOTH, GUM, TONGUE, CHEEK = range(4)
N_ROW = 16
"""Teeth 0..15 are the upper row, from right to left in the picture, 16..31 the lower one."""
_ARCH_MM = 45.0
"""Depth of the point around which the dental arch is curved."""
_TIP_MM, _TIP_REACH_MM = np.array([0.0, 3.5, 18.0]), np.array([13.0, 9.0, 11.0])
"""Where the tip of the tongue lies at rest, and how much of the tongue moves with it."""
_TIP_WITH_JAW = np.array([0.0, 0.94, 0.82])
"""Its motion while the lower incisors sink by 1 mm."""
_FLATTENS = 0.45
"""How far the back of the tongue sinks with each millimetre that the jaw does, beyond its share of that."""


@dataclass(frozen=True, slots=True)
class Interior:
    """Millimetres of the canonical face with the origin where the lips meet, for a mouth of average width, shut."""

    at: F32
    """(N, 3)"""
    normal: F32
    """(N, 3) outward."""
    jaw: F32
    """(N, 3) how far each point moves when the lower incisors sink by 1 mm."""
    across: F32
    along: F32
    """(N,) on a tooth -1..1 between its sides, and mm from its edge; elsewhere mm from the middle and behind."""
    tooth: I32
    """(N,) -1 where there is none."""
    part: U8
    """(N,) TOOTH, GUM, TONGUE or CHEEK."""
    tone: F32
    """(N,) lightness of each tooth against the others."""
    triangles: I32
    """(M, 3); those of upper teeth first."""

    @property
    def n_upper(self) -> int:
        """How many triangles are upper teeth."""
        first = self.tooth[self.triangles[:, 0]]
        return int(((first >= 0) & (first < N_ROW)).sum())

    def mesh(self) -> MouthMesh:
        """What the kernel needs of it."""
        surface = np.column_stack([self.normal, self.across, self.along, self.tone]).astype(np.float32)
        return MouthMesh(np.ascontiguousarray(surface), self.triangles, self.part[self.triangles[:, 0]], self.n_upper)


@cache
def interior() -> Interior:
    """The shipped interior. Raises InstallError if its file is missing or damaged."""
    with np.load(io.BytesIO(read("mouth")), allow_pickle=False) as arrays:
        at, triangles, tooth = arrays["at"], arrays["triangles"].astype(np.int32), arrays["tooth"].astype(np.int32)
        normal = arrays["normal"].astype(np.float32) / np.float32(127)
        jaw, across, along, part = (arrays[name] for name in ("jaw", "across", "along", "part"))
    if not len(at) == len(jaw) == len(normal) == len(tooth) or int(triangles.max(initial=0)) >= len(at):
        raise InstallError(f"mouth.npz is not a mesh; {REMEDY}")
    first = tooth[triangles[:, 0]]
    order = np.argsort(~((first >= 0) & (first < N_ROW)), kind="stable")
    triangles = np.ascontiguousarray(triangles[order])
    return Interior(at, normal, jaw, across, along, tooth, part, np.ones(len(at), np.float32), triangles)


def somebody(shape: Interior, rng: np.random.Generator) -> Interior:
    """Teeth like nobody else's: each a little wider, longer, turned and tinted in its own way, neighbours touching."""
    at, tone = shape.at.astype(np.float64), shape.tone.copy()
    at[:, 0] *= 1 + 0.02 * rng.standard_normal()
    for k in range(2 * N_ROW):
        own = shape.tooth == k
        turn, lean, lift, width, shade = rng.standard_normal(5)
        if own.any():
            at[own] = _individual(at[own], k, turn_deg=1.5 * turn, lean_deg=0.6 * lean, lift_mm=0.13 * lift,
                                  width=1.075 + 0.012 * width)  # fmt: skip
            tone[own] *= np.float32(1 + 0.03 * shade)
    return replace(shape, at=at.astype(np.float32), tone=tone)


def _individual(at: F64, k: int, *, turn_deg: float, lean_deg: float, lift_mm: float, width: float) -> F64:
    """A tooth widened along the arch, turned about its own axis, leaning sideways, longer or shorter."""
    low, high = at.min(0), at.max(0)
    middle = np.array([(low[0] + high[0]) / 2, low[1] if k < N_ROW else high[1], (low[2] + high[2]) / 2])
    angle = np.arctan2(middle[0], _ARCH_MM - middle[2])
    along = np.array([np.cos(angle), 0.0, np.sin(angle)])
    moved = at - middle
    moved += ((width - 1) * (moved @ along))[:, None] * along
    turn, lean = np.deg2rad([turn_deg, lean_deg])
    x, y, z = moved.T
    turned = np.column_stack([x + lean * y - turn * z, y - lean * x + lift_mm, z + turn * x])
    return np.asarray(turned + middle)


@dataclass(frozen=True, slots=True)
class TongueField:
    """How the tongue moves beyond what the jaw does to it."""

    tip: F64
    """(N,) 1 at the tip, 0 away from it and off the tongue."""
    back: F64
    """(N,) 1 where the tongue is highest, 0 at its tip and off it."""

    def displacement(self, drop_mm: float, edge_mm: float, up: float, out: float) -> F64:
        """(N, 3) mm: a tongue that flattens as the jaw sinks.

        ``up`` lays its tip behind the upper teeth, whose edge is at ``edge_mm``, ``out`` puts it between the rows.
        """
        x, y, z = _TIP_MM + drop_mm * _TIP_WITH_JAW
        behind, between = np.array([x, edge_mm - 1.0, 15.0]), np.array([x, edge_mm + 0.4, 0.0])
        tip = up * (behind - [x, y, z]) + out * (between - [x, y, z])
        moved = self.tip[:, None] * tip
        moved[:, 1] += _FLATTENS * drop_mm * self.back
        return np.asarray(moved)


def tongue_field(shape: Interior) -> TongueField:
    """The field of an interior."""
    on = (shape.part == TONGUE).astype(np.float64)
    y, z = shape.at[:, 1].astype(np.float64), shape.at[:, 2].astype(np.float64)
    away = (shape.at - _TIP_MM) / _TIP_REACH_MM
    tip = on * np.exp(-(away**2).sum(1))
    back = on * smoothstep(20, 40, z) * smoothstep(12, 4, y)
    return TongueField(tip, back)
