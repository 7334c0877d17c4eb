"""Topology of the FaceMesh landmark model: which of its 478 points is what.

Numbers follow MediaPipe's canonical face model (Apache-2.0). "Left" and "right" are those of the picture.
"""

from dataclasses import dataclass

N_SURFACE = 468
"""The first 468 landmarks lie on the face; the others are the irises."""
# fmt: off
OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149,
        150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)
"""Outline of the face, closed, clockwise from the forehead."""
UPPER_INNER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LOWER_INNER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
UPPER_OUTER = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
LOWER_OUTER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
"""Lip contours from the left corner to the right; inner and outer share no corner."""
STABLE = (10, 338, 297, 332, 109, 67, 103, 151, 9, 8, 168, 6, 197, 195, 5, 33, 133, 362, 263, 162, 389, 127, 356, 234,
          454, 21, 251)
"""Points that speech does not move: they carry the pose of the head. Their mean is the canonical origin."""
LEFT_BROW = (70, 63, 105, 66, 107, 46, 53, 52, 65, 55)
RIGHT_BROW = (300, 293, 334, 296, 336, 276, 283, 282, 295, 285)
CHIN = (152, 148, 377, 199, 200, 175, 176, 400)
# fmt: on

LIP_TOP, LIP_BOTTOM = 13, 14
"""Centres of the inner lips."""
MOUTH_LEFT, MOUTH_RIGHT = 61, 291
FOREHEAD, CHIN_TIP = 10, 152
NOSE_ROOT = (168, 6)
"""Between the eyes."""
CHEEK_LEFT, CHEEK_RIGHT = 234, 454
"""Ends of the face width."""


@dataclass(frozen=True, slots=True)
class Eye:
    """Landmarks of one eye; rings run from the first corner to the second, rings 2 and 3 lie outside the lid edge."""

    corners: tuple[int, int]
    upper: tuple[int, ...]
    lower: tuple[int, ...]
    upper2: tuple[int, ...]
    upper3: tuple[int, ...]
    lower2: tuple[int, ...]
    iris: int


LEFT_EYE = Eye(
    corners=(33, 133),
    upper=(246, 161, 160, 159, 158, 157, 173),
    lower=(7, 163, 144, 145, 153, 154, 155),
    upper2=(247, 30, 29, 27, 28, 56, 190),
    upper3=(113, 225, 224, 223, 222, 221, 189),
    lower2=(25, 110, 24, 23, 22, 26, 112),
    iris=468,
)
RIGHT_EYE = Eye(
    corners=(263, 362),
    upper=(466, 388, 387, 386, 385, 384, 398),
    lower=(249, 390, 373, 374, 380, 381, 382),
    upper2=(467, 260, 259, 257, 258, 286, 414),
    upper3=(342, 445, 444, 443, 442, 441, 413),
    lower2=(255, 339, 254, 253, 252, 256, 341),
    iris=473,
)
EYES = (LEFT_EYE, RIGHT_EYE)

# fmt: off
REFINED = (
    (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409, 78, 95, 88, 178,
     87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415, 76, 77, 90, 180, 85, 16, 315, 404,
     320, 307, 306, 184, 74, 73, 72, 11, 302, 303, 304, 408, 62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292,
     183, 42, 41, 38, 12, 268, 271, 272, 407),
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173, 130, 25, 110, 24, 23, 22, 26,
     112, 243, 247, 30, 29, 27, 28, 56, 190, 226, 31, 228, 229, 230, 231, 232, 233, 244, 113, 225, 224, 223, 222,
     221, 189, 35, 124, 46, 53, 52, 65, 143, 111, 117, 118, 119, 120, 121, 128, 245, 156, 70, 63, 105, 66, 107,
     55, 193),
    (263, 249, 390, 373, 374, 380, 381, 382, 362, 466, 388, 387, 386, 385, 384, 398, 359, 255, 339, 254, 253, 252,
     256, 341, 463, 467, 260, 259, 257, 258, 286, 414, 446, 261, 448, 449, 450, 451, 452, 453, 464, 342, 445, 444,
     443, 442, 441, 413, 265, 353, 276, 283, 282, 295, 372, 340, 346, 347, 348, 349, 350, 357, 465, 383, 300, 293,
     334, 296, 336, 285, 417),
    (468, 469, 470, 471, 472),
    (473, 474, 475, 476, 477),
)
# fmt: on
"""Points that the landmark network looks at more closely, in the order of its answers: lips, eyes, irises."""
IRISES = tuple((iris, eye[:16]) for iris, eye in zip(REFINED[3:], REFINED[1:3], strict=True))
"""The points of each iris, and those of its lids, which give it its depth."""
