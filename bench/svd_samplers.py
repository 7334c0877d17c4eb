"""How near the samplers of engine svd come with few steps, where the exact answer is known."""

from itertools import pairwise

import torch

from report import table
from sonic.engines.svd.samplers import SAMPLERS, Earlier

STEPS = (8, 10, 12, 15, 17, 20, 25, 50)
DEVIATIONS = (0.5, 1.0, 2.0)
"""Of the data; the published latents' lies near 1."""
SIGMA_MAX, SIGMA_MIN, RHO = 700.0, 0.002, 7
"""The published noise levels (Karras et al. 2022, equation 5)."""


def samplers_table() -> str:
    """Errors over the data's deviation: one line for each number of steps."""
    heads = ["steps", *(f"{name}, {deviation:g}" for deviation in DEVIATIONS for name in SAMPLERS)]
    rows = [
        [f"{n}", *(f"{_error(name, _sigmas(n), deviation):.3f}" for deviation in DEVIATIONS for name in SAMPLERS)]
        for n in STEPS
    ]
    return table(heads, rows)


def _sigmas(n: int) -> list[float]:
    ramp = torch.linspace(0, 1, n, dtype=torch.float64)
    roots = SIGMA_MAX ** (1 / RHO) + ramp * (SIGMA_MIN ** (1 / RHO) - SIGMA_MAX ** (1 / RHO))
    return [*(roots**RHO).tolist(), 0.0]


def _error(name: str, sigmas: list[float], deviation: float) -> float:
    """Of one sample of normally distributed data, for which the best denoiser and the exact path are known."""
    x = torch.tensor((sigmas[0] ** 2 + deviation**2) ** 0.5, dtype=torch.float64)
    earlier = None
    for sigma, following in pairwise(sigmas):
        clean = x * deviation**2 / (deviation**2 + sigma**2)
        x, earlier = SAMPLERS[name](x, clean, sigma, following, earlier), Earlier(sigma, clean)
    return abs(float(x) - deviation) / deviation
