"""Steps of a sampler over noise levels: each is a function of where the latents are and what the model makes of them.

All take ``x`` (latents at ``sigma``), ``clean`` (the model's estimate of noise-free latents) and the next noise level;
x = data + sigma * noise (Karras et al. 2022).
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import expm1, log

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Earlier:
    """What a multistep sampler remembers of the step before."""

    sigma: float
    clean: Tensor


Sampler = Callable[[Tensor, Tensor, float, float, Earlier | None], Tensor]
"""(x, clean, sigma, next sigma, the step before or None) -> x at the next noise level."""


def euler(x: Tensor, clean: Tensor, sigma: float, following: float, earlier: Earlier | None) -> Tensor:
    """The published sampler: a straight line towards ``clean`` (Karras et al. 2022, algorithm 2 without churn)."""
    return x + (x - clean) * ((following - sigma) / sigma)


def dpmpp_2m(x: Tensor, clean: Tensor, sigma: float, following: float, earlier: Earlier | None) -> Tensor:
    """DPM-Solver++(2M) (Lu et al. 2022, algorithm 2) for x = data + sigma * noise: of second order after one step."""
    if following == 0:
        return clean
    step = log(sigma / following)
    estimate = clean
    if earlier is not None:
        ratio = log(earlier.sigma / sigma) / step
        estimate = clean + (clean - earlier.clean) * (1 / (2 * ratio))
    return x * (following / sigma) - estimate * expm1(-step)


SAMPLERS: dict[str, Sampler] = {"euler": euler, "dpm++2m": dpmpp_2m}
"""settings.sampler -> the function."""
