"""Between which lines lids move: those of the photo, or, where it shows an eye shut, the lines of one that is open."""

from dataclasses import dataclass

import numpy as np

from sonic.faces.eyes import NEARLY_SHUT_EYE, SHUT_EYE, eye_openings, shut_eyes
from sonic.faces.geometry import smoothstep
from sonic.faces.topology import EYES, Eye
from sonic.types import F64

_LOWER_RISES = 0.12
"""Of the opening: how far the lower lid comes up in a blink."""
_OVERLAP = 0.02
_WIDEST = 1.12
_RING2, _RING3, _UNDER = 0.62, 0.18, 0.5
"""How far the skin above the upper lid, in two rings, and that below the lower one, follow them."""
_IRIS_OF_EYE = 0.42
"""Width of the iris over that of the eye between its corners; median of 52 people, most .40 to .46."""
_RELAXED = 0.72
"""Distance of the lids over the width of the iris in a relaxed eye. Median of 52 people .82, a quarter below .77:
an eye that nobody has seen open is better a little too narrow than a stare."""
_BELOW_IRIS = 0.43
"""Where the lower lid crosses, in widths of the iris below its middle: it hides the last of it (median .44)."""
_IRIS_ALONG = 0.455
"""Place of the iris between the corners, from the outer one (median)."""


@dataclass(frozen=True, slots=True)
class LidPath:
    """The lids of one eye in canonical mm, each line of 7 points from the outer corner to the inner one."""

    eye: Eye
    open_upper: F64
    open_lower: F64
    shut_upper: F64
    shut_lower: F64
    iris: F64
    """(3,) middle of the iris."""
    iris_radius: float
    opened: bool
    """The photo shows this eye shut; its open lines are not the photo's."""
    follow: float
    """How far the skin around follows: 1 is natural, 0 behind glasses."""

    def move(self, points: F64, d: F64, source: F64, opening: float) -> float:
        """Set the eye in ``points`` (468, 3) mm to ``opening``, where ``source`` is the photo's face and ``d`` how far
        the rest of it has moved. Returns by how many mm the skin below has narrowed it."""
        r = min(opening, _WIDEST)
        eye, upper, lower = self.eye, list(self.eye.upper), list(self.eye.lower)
        # cheeks that rise push the lower lid up, as far as the upper one leaves room
        pushed = self.follow * min(r, 1.0) * d[lower]
        points[lower] = self.shut_lower + r * (self.open_lower - self.shut_lower) + pushed
        points[upper] = self.shut_upper + r * (self.open_upper - self.shut_upper)
        moved = self.follow * (points[upper] - source[upper])
        ring, under = list(eye.upper2), list(eye.lower2)
        points[ring] = source[ring] + d[ring] + _RING2 * moved
        points[list(eye.upper3)] += _RING3 * moved
        points[under] = source[under] + d[under] + _UNDER * self.follow * (points[lower] - pushed - source[lower])
        points[list(eye.corners)] = source[list(eye.corners)]
        return float(np.abs(pushed[:, 1]).max())


def lid_paths(source_mm: F64, template_mm: F64, points_px: F64, px_per_mm: float, *, glasses: bool) -> list[LidPath]:
    """The path of each eye's lids; ``source_mm`` (468, 3) and ``points_px`` (478, 3): the face in the photo.

    A shut eye opens in the form of the other one, or of the mean face's where both are shut.
    """
    follow = 0.0 if glasses else 1.0
    openings, shut = eye_openings(points_px), shut_eyes(points_px)
    paths = []
    for this, eye in enumerate(EYES):
        if not shut[this]:
            paths.append(_as_in_photo(eye, source_mm, _iris_radius(points_px, eye) / px_per_mm, follow))
            continue
        seam, other = float(smoothstep(NEARLY_SHUT_EYE, SHUT_EYE, openings[this])) / 2, EYES[1 - this]
        if not shut[1 - this]:
            radius = _iris_radius(points_px, other) / px_per_mm
            form = _Form.of(other, source_mm * [-1, 1, 1])
        else:
            radius = 0.5 * _IRIS_OF_EYE * _width(eye, source_mm)
            form = _Form.of(eye, template_mm).with_gap(2 * _RELAXED * radius / _width(eye, source_mm))
        paths.append(_opened(eye, source_mm, form, radius, seam, follow))
    return paths


@dataclass(frozen=True, slots=True)
class _Form:
    """The lines of an open eye's lids against the line between its corners, in widths of the eye."""

    along: F64
    """(2, 7) upper and lower, from 0 at the outer corner to 1 at the inner one."""
    off: F64
    """(2, 7, 3)"""

    @classmethod
    def of(cls, eye: Eye, face: F64) -> "_Form":
        first, last = face[list(eye.corners)]
        axis, lids = last - first, face[[list(eye.upper), list(eye.lower)]]
        along = (lids - first) @ axis / (axis @ axis)
        return cls(along, (lids - first - along[..., None] * axis) / np.linalg.norm(axis))

    def with_gap(self, widths: float) -> "_Form":
        """The same, this far open in the middle."""
        return _Form(self.along, self.off * (widths / float(np.linalg.norm(self.off[0, 3] - self.off[1, 3]))))

    def between(self, corners: F64) -> F64:
        """(2, 7, 3) upper and lower line of an eye with these (2, 3) corners."""
        axis = corners[1] - corners[0]
        return np.asarray(corners[0] + self.along[..., None] * axis + self.off * float(np.linalg.norm(axis)))


def _width(eye: Eye, face: F64) -> float:
    return float(np.linalg.norm(face[eye.corners[0]] - face[eye.corners[1]]))


def _iris_radius(points_px: F64, eye: Eye) -> float:
    rim = points_px[eye.iris + 1 : eye.iris + 5, :2] - points_px[eye.iris, :2]
    return max(float(np.linalg.norm(rim, axis=1).mean()), 1.0)


def _as_in_photo(eye: Eye, source: F64, radius: float, follow: float) -> LidPath:
    """The photo's own lids; they meet a little above the lower one."""
    upper, lower = source[list(eye.upper)], source[list(eye.lower)]
    span = upper - lower
    shut = lower + _LOWER_RISES * follow * span
    return LidPath(
        eye,
        upper,
        lower,
        shut - _OVERLAP * span,
        shut,
        _iris(source[list(eye.corners)], lower, radius),
        radius,
        False,
        follow,
    )


def _opened(eye: Eye, source: F64, form: _Form, radius: float, seam: float, follow: float) -> LidPath:
    """Lids that open to this form and shut where the photo's meet: ``seam`` of the way up from its lower lid."""
    upper, lower = form.between(source[list(eye.corners)])
    shut = source[list(eye.lower)] + seam * (source[list(eye.upper)] - source[list(eye.lower)])
    return LidPath(eye, upper, lower, shut, shut, _iris(source[list(eye.corners)], lower, radius), radius, True, follow)


def _iris(corners: F64, lower: F64, radius: float) -> F64:
    """(3,) where the iris stands in an eye with these corners and lower lid, when it looks ahead."""
    middle = corners[0] + _IRIS_ALONG * (corners[1] - corners[0])
    order = np.argsort(lower[:, 0])
    middle[1] = np.interp(middle[0], lower[order, 0], lower[order, 1])
    return np.asarray(middle - np.array([0, 2 * _BELOW_IRIS * radius, 0]))
