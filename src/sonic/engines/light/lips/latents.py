"""Units of the motion model's last latent, the gap between the lips."""

GAP_SCALE_MM = 4.0
"""Millimetres of lip gap per unit of the motion model's last latent."""
CLOSED_MM = -1.0
"""What the motion model is taught for closed lips: below zero, so that closed lips come out as exactly 0."""
