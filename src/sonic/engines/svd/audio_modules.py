"""The two small networks of the published model that turn Whisper's features into tokens and motion buckets.

Parameter names and shapes are those of audio2token.pth and audio2bucket.pth; both compute in float32, as published.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sonic.errors import InstallError

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

        def empty() -> AudioToToken:
            (hidden, inputs), (width,) = state["proj1.weight"].shape, state["norm.weight"].shape
            return cls(inputs, hidden, state["proj3.bias"].shape[0] // width, width)

        return _filled(empty, state, "audio2token")

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

        def empty() -> AudioToBucket:
            hidden, inputs = state["proj1.weight"].shape
            return cls(inputs, hidden, state["proj3.bias"].shape[0])

        return _filled(empty, state, "audio2bucket")

    def forward(self, windows: Tensor, image_embed: Tensor) -> Tensor:
        """(F, 50, 1, C) and (1, D) -> (F, 2): head and expression, about -1 .. 7 before they become bucket numbers."""
        x = torch.cat([windows.flatten(1), image_embed.expand(len(windows), -1)], dim=1)
        x = F.silu(self.proj1(x))
        x = F.silu(self.proj2(x))
        return self.proj3(x)


def _filled(empty: Callable[[], Net], state: Mapping[str, Tensor], name: str) -> Net:
    """The network from ``empty`` with these weights; nothing is initialised and nothing copied that is float32."""
    try:
        with torch.device("meta"):
            net: Any = empty()
        net.load_state_dict({key: value.float() for key, value in state.items()}, assign=True)
    except (KeyError, ValueError, ZeroDivisionError, RuntimeError, AttributeError) as error:
        raise InstallError(
            f"weights {name!r} hold {len(state)} tensors that are not those of the published network; "
            "compare them with `sonic weights check`"
        ) from error
    filled: Net = net.requires_grad_(False).eval()
    return filled
