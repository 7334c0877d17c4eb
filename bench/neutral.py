"""Smiling and open-mouthed photos at rest: how close the closed mouth comes to the same person's neutral photo.

    python bench/neutral.py LONDON

LONDON holds the Face Research Lab London Set as neutral_NNN_03.jpg and smiling_NNN_08.jpg. Of it, only the 20 people
that recipes/face/rest.py did not learn from are judged, and of them those whose smile parts the lips.
Method: the renderer's still frame of the smiling photo, tracked anew; lips' landmarks (40) against those of the neutral
photo, both laid on the mean face by the points that speech does not move, mean distance in mm as seen from the front.
SSIM (Wang et al. 2004, Gaussian of 1.5 px) of 64 x 44 mm around the neutral photo's mouth at 3 px a millimetre, in
grey. "closed only" closes the lips without the regression, as before.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from unittest import mock

import cv2
import numpy as np

import machine
from faces import HELD_OUT
from report import table
from sonic.engines.light.renderers.warp import Renderer
from sonic.engines.light.renderers.warp.neutral import CLOSED_GAP_MM, HeadFit, fit_head
from sonic.engines.light.renderers.warp.rest import Rest
from sonic.faces.landmarks import find_faces
from sonic.faces.model import face_model
from sonic.faces.portrait import analyse_portrait
from sonic.faces.topology import LIP_BOTTOM, LIP_TOP, LOWER_INNER, LOWER_OUTER, N_SURFACE, UPPER_INNER, UPPER_OUTER
from sonic.media.photo import load_photo
from sonic.motion import Motion
from sonic.settings import Settings
from sonic.types import F64, U8, Portrait

LIPS = sorted({*UPPER_INNER, *LOWER_INNER, *UPPER_OUTER, *LOWER_OUTER})
HALF_MM, PX_PER_MM = np.array([32.0, 22.0]), 3.0
STATES = ("photo", "closed only", "at rest")


@dataclass(frozen=True)
class Seen:
    """A face in a picture."""

    rgb: U8
    fit: HeadFit
    points_mm: F64

    @classmethod
    def of(cls, rgb: U8) -> "Seen":
        points = find_faces(rgb)[0][:N_SURFACE].astype(np.float64)
        fit = fit_head(points, face_model().template.astype(np.float64))
        return cls(rgb, fit, fit.to_mm(points))

    def patch(self, centre_mm: F64) -> F64:
        """Grey, (132, 192), upright around a place of the mean face."""
        corners = centre_mm + np.array([[-1, -1, 0], [1, -1, 0], [-1, 1, 0]]) * [*HALF_MM, 0]
        size = (2 * HALF_MM * PX_PER_MM).astype(int)
        onto = np.array([[0, 0], [size[0], 0], [0, size[1]]], np.float32)
        affine = cv2.getAffineTransform(self.fit.to_px(corners)[:, :2].astype(np.float32), onto)
        grey = cv2.cvtColor(self.rgb, cv2.COLOR_RGB2GRAY)
        return np.asarray(cv2.warpAffine(grey, affine, size.tolist(), flags=cv2.INTER_AREA), np.float64)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("london", type=Path)
    people = dict(judged(parser.parse_args().london))
    print(machine.describe(), f"\n{len(people)} people\n")
    heads = ("person", *(f"{state}, mm" for state in STATES), *(f"{state}, SSIM" for state in STATES))
    rows = [[name, *(f"{v:.2f}" for v in figures)] for name, figures in people.items()]
    mean = np.mean(list(people.values()), axis=0)
    print(table(heads, [*rows, ["mean", *(f"{v:.2f}" for v in mean)]]))
    print(f"\nat rest against closed only: error {100 * (mean[2] / mean[1] - 1):+.0f} %")


def judged(london: Path) -> Iterator[tuple[str, list[float]]]:
    """(person, errors in mm of STATES, SSIM of STATES)."""
    for person in HELD_OUT:
        portrait = _portrait(london / f"smiling_{person}_08.jpg")
        photo, neutral = Seen.of(portrait.crop), Seen.of(_portrait(london / f"neutral_{person}_03.jpg").crop)
        if np.linalg.norm(photo.points_mm[LIP_TOP] - photo.points_mm[LIP_BOTTOM]) < CLOSED_GAP_MM:
            continue
        with mock.patch("sonic.engines.light.renderers.warp.renderer.find_rest", _no_rest):
            closed = Seen.of(_still(portrait))
        states = [photo, closed, Seen.of(_still(portrait))]
        centre = neutral.points_mm[[LIP_TOP, LIP_BOTTOM]].mean(0)
        errors = [np.linalg.norm((s.points_mm - neutral.points_mm)[LIPS, :2], axis=1).mean() for s in states]
        yield person, [*errors, *(ssim(s.patch(centre), neutral.patch(centre)) for s in states)]


def ssim(a: F64, b: F64) -> float:
    """Mean structural similarity of two grey pictures, 0 .. 255."""

    def mean(x: F64) -> F64:
        return np.asarray(cv2.GaussianBlur(x, (11, 11), 1.5))

    ma, mb = mean(a), mean(b)
    va, vb, cov = mean(a * a) - ma**2, mean(b * b) - mb**2, mean(a * b) - ma * mb
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return float(((2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))).mean())


def _portrait(path: Path) -> Portrait:
    return analyse_portrait(load_photo(path), Settings(), lambda _line: None)


def _still(portrait: Portrait) -> U8:
    return next(Renderer(portrait).render([Motion.still(1, Fraction(25))])).rgb


def _no_rest(face_mm: F64, *_: object) -> Rest:
    return Rest(np.zeros_like(face_mm), np.zeros_like(face_mm), 0.0)


if __name__ == "__main__":
    main()
