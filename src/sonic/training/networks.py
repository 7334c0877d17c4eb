"""The two networks. Only convolutions, and normalisation within a frame: every output has a finite receptive field,
so a recording of any length can be processed in pieces with the same result. Layout (B, T, C) throughout.
"""

import torch
from torch import Tensor, nn

from sonic.engines.light.lips.latents import CLOSED_MM, GAP_SCALE_MM
from sonic.motion import N_SHAPE
from sonic.speech.mel import N_MELS
from sonic.training.phones import BILABIALS, PHONES

CLOSED = CLOSED_MM / GAP_SCALE_MM
"""The last latent of closed lips."""
N_LATENT = N_SHAPE + 1
"""Shape coefficients and the scaled lip gap."""
N_WAVES = 16
"""Sine and cosine pairs that describe the diffusion time."""
KERNEL = 5
POSTERIOR_GAIN = 4
"""Of phone posteriors among the features, so that they weigh as much as the others."""
LEAST, SURE = 0.15, 0.35
"""Posterior of p, b and m together from which lips begin to shut, and at which they are shut."""


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


class Encoder(nn.Module):  # type: ignore[misc]  # torch is not checked
    """Log-mel at 100 Hz -> phone logits at 50 Hz and features at 25 Hz.

    Output frame j at 50 Hz is centred on input frame 2 j; feature frame i at 25 Hz joins the inner frames 2 i and 2 i
    + 1.
    """

    def __init__(self, channels: int = 192, inner: int = 320, dilations: tuple[int, ...] = (1, 2, 3, 4) * 2) -> None:
        super().__init__()
        self.inlet = nn.Conv1d(N_MELS, channels, KERNEL, stride=2, padding=KERNEL // 2)
        self.blocks = nn.ModuleList(Block(channels, inner, d) for d in dilations)
        self.outlet = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, len(PHONES)))
        self.channels = channels
        self.middle = len(dilations) * 5 // 8

    def layers(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 2 N, 80) -> middle and top layers, each (B, N, C)."""
        x = self.inlet(mel.transpose(1, 2)).transpose(1, 2)
        middle = x
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i + 1 == self.middle:
                middle = x
        return middle, x

    def forward(self, mel: Tensor) -> Tensor:
        """(B, 2 N, 80) -> phone logits (B, N, 40)."""
        logits: Tensor = self.outlet(self.layers(mel)[1])
        return logits

    def features(self, mel: Tensor) -> Tensor:
        """(B, 4 N, 80) -> (B, N, F): both layers, normalised, and the phone posteriors of the two inner frames."""
        middle, top = self.layers(mel)
        posterior = torch.softmax(self.outlet(top), -1)
        sizes = (self.channels,)
        # Norms without parameters: the encoder is frozen when its features are used.
        norm = nn.functional.layer_norm
        inner = torch.cat([norm(middle, sizes), norm(top, sizes), POSTERIOR_GAIN * posterior], -1)
        return inner.reshape(inner.shape[0], -1, 2 * inner.shape[2])


class Expectation(nn.Module):  # type: ignore[misc]  # torch is not checked
    """Encoder features at 25 Hz -> the mean of all motion that fits the sound: (B, T, F) -> (B, T, 33)."""

    def __init__(self, features: int, channels: int = 128, dilations: tuple[int, ...] = (1,)) -> None:
        super().__init__()
        self.inlet = nn.Linear(features, channels)
        self.blocks = nn.ModuleList(Block(channels, 2 * channels, d) for d in dilations)
        self.outlet = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, N_LATENT))

    def forward(self, features: Tensor) -> Tensor:
        x = self.inlet(features)
        for block in self.blocks:
            x = block(x)
        y: Tensor = self.outlet(x)
        return y


class Hearing(nn.Module):  # type: ignore[misc]  # torch is not checked
    """Log-mel to what the denoiser expects: what encoder.onnx holds. (B, 4 N, 80) -> (B, N, 33)

    A mean of open and closed lips is not closed, so where p, b or m is heard the lip gap goes to CLOSED by rule.
    """

    def __init__(self, encoder: Encoder, expectation: Expectation) -> None:
        super().__init__()
        self.encoder, self.expectation = encoder, expectation

    def forward(self, mel: Tensor) -> Tensor:
        features = self.encoder.features(mel)
        expected = self.expectation(features)
        two = features.reshape(*features.shape[:2], 2, -1)[..., -len(PHONES) :]  # the posteriors of two inner frames
        heard = two[..., list(BILABIALS)].sum(-1).amax(-1) / POSTERIOR_GAIN
        shut = ((heard - LEAST) / (SURE - LEAST)).clamp(0, 1)[..., None]
        gap = expected[..., -1:] * (1 - shut) + shut * CLOSED
        y: Tensor = torch.cat([expected[..., :-1], gap], -1)
        return y


class Denoiser(nn.Module):  # type: ignore[misc]  # torch is not checked
    """Predicts clean motion latents from noisy ones: x (B, T, 33), t (B,) in [0, 1], expected (B, T, 33) -> (B, T, 33).

    The network knows noise and motion only as their difference to what is expected from the sound (residual diffusion,
    Mardani et al. 2023), so all that it adds is what the sound leaves open. Zeros for the expectation mean "no audio".
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
