"""The two small networks of the published model that turn Whisper's features into tokens and motion buckets.

Parameter names and shapes are those of audio2token.pth and audio2bucket.pth; both compute in float32, as published.
"""

from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sonic.engines.svd.networks import filled

Net = TypeVar("Net")


class AudioToToken(nn.Module):  # type: ignore[misc]  # torch is not checked
    """Ten rows of Whisper's features around a video frame -> the audio tokens that its pixels attend to."""

    def __init__(self, inputs: int = 10 * 5 * 384, hidden: int = 1024, tokens: int = 32, width: int = 1024) -> None:
        super().__init__()
        self.proj1 = nn.Linear(inputs, hidden)
        self.proj2 = nn.Linear(hidden, hidden)
        self.proj3 = nn.Linear(hidden, tokens * width)
        self.norm = nn.LayerNorm(width)

    @classmethod
    def for_state(cls, state: Mapping[str, Tensor]) -> "AudioToToken":
        """The network of these weights, whatever its dimensions; float32, without gradients.

        Raises InstallError if they are not the weights of such a network.
        """
        hidden, inputs = _shape(state, "proj1.weight", (1024, 10 * 5 * 384))
        (outputs,), (width,) = _shape(state, "proj3.bias", (32 * 1024,)), _shape(state, "norm.weight", (1024,))
        with torch.device("meta"):
            net = cls(inputs, hidden, outputs // max(width, 1), width)
        return _filled(net, state, "audio2token")

    def forward(self, windows: Tensor) -> Tensor:
        """(F, 10, 5, C) -> (F, tokens, width)."""
        x = F.relu(self.proj1(windows.flatten(1)))
        x = F.relu(self.proj2(x))
        return self.norm(self.proj3(x).unflatten(1, (-1, self.norm.normalized_shape[0])))

    def silence(self) -> Tensor:
        """(tokens, width): what stands for "no audio" in guidance, the tokens of features that are zero."""
        weight = self.proj1.weight
        with torch.no_grad():
            return self(torch.zeros(1, self.proj1.in_features, device=weight.device, dtype=weight.dtype))[0]


class AudioToBucket(nn.Module):  # type: ignore[misc]  # torch is not checked
    """Fifty rows of Whisper's features around a video frame and the portrait's embedding -> how much moves."""

    def __init__(self, inputs: int = 50 * 384 + 1024, hidden: int = 1024, outputs: int = 2) -> None:
        super().__init__()
        self.proj1 = nn.Linear(inputs, hidden)
        self.proj2 = nn.Linear(hidden, hidden)
        self.proj3 = nn.Linear(hidden, outputs)

    @classmethod
    def for_state(cls, state: Mapping[str, Tensor]) -> "AudioToBucket":
        """The network of these weights, whatever its dimensions; float32, without gradients.

        Raises InstallError if they are not the weights of such a network.
        """
        hidden, inputs = _shape(state, "proj1.weight", (1024, 50 * 384 + 1024))
        with torch.device("meta"):
            net = cls(inputs, hidden, *_shape(state, "proj3.bias", (2,)))
        return _filled(net, state, "audio2bucket")

    def forward(self, windows: Tensor, image_embed: Tensor) -> Tensor:
        """(F, 50, 1, C) and (1, D) -> (F, 2): head and expression, about -1 .. 7 before they become bucket numbers."""
        x = torch.cat([windows.flatten(1), image_embed.expand(len(windows), -1)], dim=1)
        x = F.silu(self.proj1(x))
        x = F.silu(self.proj2(x))
        return self.proj3(x)


def _shape(state: Mapping[str, Tensor], name: str, published: tuple[int, ...]) -> tuple[int, ...]:
    """Of this tensor; the published one where it is missing or of another kind, so that the comparison names it."""
    shape = tuple(state[name].shape) if name in state else ()
    return shape if len(shape) == len(published) else published


def _filled(net: Net, state: Mapping[str, Tensor], part: str) -> Net:
    same: Net = filled(net, {name: value.float() for name, value in state.items()}, part)
    return same
