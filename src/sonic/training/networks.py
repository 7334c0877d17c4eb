"""The networks over the speech encoder's features. Only convolutions, and normalisation within a frame: every output
has a finite receptive field, so a recording of any length can be processed in pieces with the same result. Layout
(B, T, C) throughout.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from sonic.engines.light.lips.latents import CLOSED_MM, GAP_SCALE_MM
from sonic.motion.shapes import MOUTH_SHAPES
from sonic.speech.encoders.whisper import WIDTH
from sonic.training.phones import BILABIALS, LIP_TEETH, PHONES, ROUND_VOWELS, SILENCE

if TYPE_CHECKING:
    from sonic.training.hear import Heard

CLOSED = CLOSED_MM / GAP_SCALE_MM
"""The last latent of closed lips."""
N_LATENT = len(MOUTH_SHAPES) + 1
"""Shape coefficients and the scaled lip gap."""
N_WAVES = 16
"""Sine and cosine pairs that describe the diffusion time."""
KERNEL = 5
LARGEST = 8.0
"""Standard deviations beyond which a feature is cut off."""
SAMPLES = 200
"""Utterances of each source from which features are standardised."""
HEARD_AS = (BILABIALS, LIP_TEETH, ROUND_VOWELS)
"""Phones of the first three of sonic.motion.SOUNDS; the fourth is any of a voice."""


class Block(nn.Module):  # type: ignore[misc]  # torch is not checked
    """Residual, after ConvNeXt (Liu et al. 2022): dilated depthwise convolution, norm, two pointwise layers."""

    def __init__(self, channels: int, inner: int, dilation: int) -> None:
        super().__init__()
        self.reach = dilation * (KERNEL // 2)
        self.depth = nn.Conv1d(channels, channels, KERNEL, padding=self.reach, dilation=dilation, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.spread = nn.Linear(channels, inner)
        self.act = nn.GELU(approximate="tanh")
        self.mix = nn.Linear(inner, channels)

    def forward(self, x: Tensor, gain: Tensor | None = None, shift: Tensor | None = None) -> Tensor:
        y = self.norm(self.depth(x.transpose(1, 2)).transpose(1, 2))
        if gain is not None and shift is not None:
            y = y * (1 + gain) + shift
        return x + self.mix(self.act(self.spread(y)))


class Standard(nn.Module):  # type: ignore[misc]  # torch is not checked
    """Features with zero mean and unit variance in each channel, without the encoder's few huge values."""

    def __init__(self, width: int = WIDTH) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))

    def fit(self, heard: Iterable["Heard"]) -> None:
        """Measure them on the first take of some hundred utterances of each source."""
        parts = [h.takes(i)[0] for h in heard for i in h.some(SAMPLES)]
        values = torch.from_numpy(np.concatenate(parts).astype(np.float32))
        self.mean.copy_(values.mean(0))
        self.scale.copy_(1 / values.std(0).clamp(min=1e-3))

    def forward(self, features: Tensor) -> Tensor:
        y: Tensor = ((features - self.mean) * self.scale).clamp(-LARGEST, LARGEST)
        return y


class Recogniser(nn.Module):  # type: ignore[misc]  # torch is not checked
    """Features at 50 Hz -> phone logits: (B, T, W) -> (B, T, 40)."""

    def __init__(self, channels: int = 128, dilations: tuple[int, ...] = (1, 2)) -> None:
        super().__init__()
        self.standard = Standard()
        self.inlet = nn.Linear(WIDTH, channels)
        self.blocks = nn.ModuleList(Block(channels, 2 * channels, d) for d in dilations)
        self.outlet = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, len(PHONES)))

    def forward(self, features: Tensor) -> Tensor:
        x = self.inlet(self.standard(features))
        for block in self.blocks:
            x = block(x)
        y: Tensor = self.outlet(x)
        return y


class Expectation(nn.Module):  # type: ignore[misc]  # torch is not checked
    """Features -> the mean of all motion that fits the sound: (B, 2 T, W) at 50 Hz -> (B, T, 33) at 25 Hz.

    In training a share ``dropout`` of the features is not heard: the network must not lean on a single one.
    """

    def __init__(self, dropout: float = 0.0, channels: int = 96, dilations: tuple[int, ...] = (1, 2)) -> None:
        super().__init__()
        self.standard, self.dropout = Standard(), nn.Dropout(dropout)
        self.inlet = nn.Linear(2 * WIDTH, channels)
        self.blocks = nn.ModuleList(Block(channels, 2 * channels, d) for d in dilations)
        self.outlet = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, N_LATENT))

    def forward(self, features: Tensor) -> Tensor:
        x = self.standard(features)
        x = self.inlet(self.dropout(x.reshape(x.shape[0], -1, 2 * WIDTH)))
        for block in self.blocks:
            x = block(x)
        y: Tensor = self.outlet(x)
        return y


class Hearing(nn.Module):  # type: ignore[misc]  # torch is not checked
    """What lips.onnx holds: features (B, 2 N, W) -> (B, N, 33 + 4), the expected motion and the posteriors of SOUNDS.

    Of the two inner frames of each frame the one counts that says it louder; for the voice, both together.
    """

    def __init__(self, recogniser: Recogniser, expectation: Expectation) -> None:
        super().__init__()
        self.recogniser, self.expectation = recogniser, expectation

    def forward(self, features: Tensor) -> Tensor:
        posterior = torch.softmax(self.recogniser(features), -1)
        two = posterior.reshape(posterior.shape[0], -1, 2, len(PHONES))
        sounds = [two[..., list(phones)].sum(-1).amax(-1) for phones in HEARD_AS]
        voice = 1 - two[..., SILENCE].mean(-1)
        y: Tensor = torch.cat([self.expectation(features), torch.stack([*sounds, voice], -1)], -1)
        return y


class Denoiser(nn.Module):  # type: ignore[misc]  # torch is not checked
    """Predicts clean motion latents from noisy ones: x (B, T, 33), t (B,) in [0, 1], expected (B, T, 33) -> (B, T, 33).

    The network knows noise and motion only as their difference to what is expected from the sound (residual diffusion,
    Mardani et al. 2023), so all that it adds is what the sound leaves open.
    Time enters as a shift and a gain on each block (FiLM, Perez et al. 2018).
    """

    def __init__(self, channels: int = 128, dilations: tuple[int, ...] = (1, 2, 4, 1, 2, 4, 1, 1)) -> None:
        super().__init__()
        self.inlet = nn.Linear(N_LATENT, channels)
        self.hear = nn.Linear(N_LATENT, channels)
        self.blocks = nn.ModuleList(Block(channels, 2 * channels, d) for d in dilations)
        self.film = nn.Sequential(nn.Linear(2 * N_WAVES, channels), nn.SiLU(), nn.Linear(channels, 2 * channels))
        self.films = nn.ModuleList(nn.Linear(2 * channels, 2 * channels) for _ in dilations)
        self.outlet = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, N_LATENT))
        self.register_buffer("waves", torch.exp(torch.linspace(0.0, 5.0, N_WAVES)), persistent=False)

    def forward(self, x: Tensor, t: Tensor, expected: Tensor) -> Tensor:
        angle = t[:, None] * self.waves
        time = self.film(torch.cat([torch.sin(angle), torch.cos(angle)], -1))
        y = self.inlet(x - torch.cos(t * torch.pi / 2)[:, None, None] * expected) + self.hear(expected)
        for block, film in zip(self.blocks, self.films, strict=True):
            gain, shift = film(time)[:, None].chunk(2, -1)
            y = block(y, gain, shift)
        out: Tensor = expected + self.outlet(y)
        return out
