"""Networks go from their files to the device when their turn comes, and leave it when it is over."""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from sonic.engines.svd import networks
from sonic.engines.svd.attention import Context
from sonic.engines.svd.audio_modules import AudioToBucket, AudioToToken
from sonic.engines.svd.weights.checkpoints import Located

PRECISE = frozenset({"whisper", "audio2token", "audio2bucket", "flownet"})
"""Small networks that always compute in float32, as published."""


@dataclass(frozen=True, slots=True)
class Placement:
    """How networks are kept and computed."""

    devices: tuple[torch.device, ...]
    """The first does all but the UNet's windows, which are spread over all."""
    dtype: torch.dtype
    weights_precision: str = "same"
    offload: str = "models"
    """none: a network stays on its device for the next video; models: it leaves after its turn; blocks: of the UNet,
    each block comes when it is at work."""
    compile: str = "off"


class ModelStore:
    """The networks of one set of files."""

    def __init__(self, located: Located, placement: Placement) -> None:
        self.located, self.placement = located, placement
        self._staying: dict[tuple[str, torch.device], Any] = {}

    @contextmanager
    def at_work(self, part: str) -> Iterator[Any]:
        """The network of this part, on the first device, for as long as the block lasts."""
        with self._present(part, self.placement.devices[0]) as network:
            yield network

    @contextmanager
    def unets(self) -> Iterator[Sequence[tuple[Any, Context]]]:
        """A UNet with its context on each device."""
        with ExitStack() as stack:
            yield [stack.enter_context(self._present("unet", device)) for device in self.placement.devices]

    @contextmanager
    def _present(self, part: str, device: torch.device) -> Iterator[Any]:
        network = self._staying.get((part, device))
        if network is None:
            network = self._unet(device) if part == "unet" else self._made(part, device)
            if self.placement.offload == "none":
                self._staying[part, device] = network
        try:
            yield network
        finally:
            if self.placement.offload != "none":
                _emptied(network[0] if part == "unet" else network, device)

    def _made(self, part: str, device: torch.device) -> Any:
        state = self.located.state(part)
        build: dict[str, Callable[[], Any]] = {
            "vae": lambda: networks.vae(self.located.config(part), state),
            "image_encoder": lambda: networks.image_encoder(self.located.config(part), state),
            "whisper": lambda: networks.whisper_encoder(self.located.config(part), state),
            "audio2token": lambda: AudioToToken.for_state(state),
            "audio2bucket": lambda: AudioToBucket.for_state(state),
            "flownet": lambda: networks.flownet(state),
        }
        # torch's own method: diffusers' warns of modules to be kept in float32, of which there are none.
        return nn.Module.to(
            build[part](), device=device, dtype=torch.float32 if part in PRECISE else self.placement.dtype
        )

    def _unet(self, device: torch.device) -> tuple[Any, Context]:
        placement = self.placement
        unet, context = networks.unet(self.located.config("unet"), self.located.state("unet"))
        nn.Module.to(unet, placement.dtype)
        if placement.weights_precision == "fp8":
            unet.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=placement.dtype)
        if placement.offload == "blocks":
            from diffusers.hooks import apply_group_offloading

            apply_group_offloading(
                unet, device, offload_type="block_level", num_blocks_per_group=1, use_stream=device.type == "cuda"
            )
        else:
            nn.Module.to(unet, device)
        return (torch.compile(unet) if placement.compile == "on" else unet), context


def _emptied(network: Any, device: torch.device) -> None:
    """Gives back the memory of the weights, whoever still holds the network."""
    nn.Module.to(network, "meta")
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
