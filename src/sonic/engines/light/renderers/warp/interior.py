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
_TIP_MM, _TIP_REACH_MM = 17.0, 13.0
"""Where the tip of the tongue lies at rest, and how much of the tongue moves with it."""


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
            at[own] = _individual(at[own], k, turn_deg=2.0 * turn, lean_deg=0.9 * lean, lift_mm=0.14 * lift,
                                  width=1.045 + 0.012 * width)  # fmt: skip
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
    """How the tip of the tongue moves."""

    weight: F64
    """(N, 1) 1 at the tip, 0 away from it and off the tongue."""
    body: F64
    """(N, 1) the same for the whole blade, which rises as the jaw sinks."""

    def displacement(self, drop_mm: float, up: float, out: float) -> F64:
        """(N, 3) mm: a tongue that stays near the palate while the jaw sinks.

        ``up`` lays its tip behind the upper teeth, ``out`` puts it between the rows.
        """
        rest = self.body * [0.0, -(1.0 + 0.34 * drop_mm), 0.0]
        return np.asarray(rest + self.weight * ([0.0, -(4.5 + 0.60 * drop_mm) * up, -3.0 * up])
                          + self.weight * ([0.0, -(3.0 + 0.30 * drop_mm) * out, -14.0 * out]))  # fmt: skip


def tongue_field(shape: Interior) -> TongueField:
    """The field of an interior."""
    on = (shape.part == TONGUE).astype(np.float64)
    z = shape.at[:, 2].astype(np.float64)
    tip = np.exp(-((np.maximum(z - _TIP_MM, 0) / _TIP_REACH_MM) ** 2))
    return TongueField((on * tip)[:, None], (on * smoothstep(40, 14, z))[:, None])
