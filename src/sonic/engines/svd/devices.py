"""Where the engine computes, in which number format, and how much memory is free there."""

from collections.abc import Sequence

import torch

from sonic.errors import SettingError

DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def devices_of(text: str) -> tuple[torch.device, ...]:
    """The devices that settings.device names; ``auto`` is the first GPU that PyTorch sees, else the CPU.

    Raises SettingError for a device that is not there.
    """
    if text == "auto":
        return (torch.device("cuda:0" if torch.cuda.is_available() else "cpu"),)
    return tuple(_device(name.strip()) for name in text.split(","))


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise SettingError(f"device is {name!r}; give auto, cpu, cuda, or cuda:0,cuda:1 for several") from error
    if device.type == "cuda":
        n_gpus = torch.cuda.device_count()
        if (device.index or 0) >= n_gpus:
            seen = f"{n_gpus} of them" if n_gpus else "none"
            raise SettingError(f"device is {name!r} but PyTorch sees {seen}; give one that is there, or cpu")
        return torch.device("cuda", device.index or 0)
    if device.type != "cpu":
        raise SettingError(f"device is {name!r}; engine svd was made for cuda and cpu")
    return device


def dtype_of(precision: str, devices: Sequence[torch.device]) -> torch.dtype:
    """The number format that settings.precision names; ``auto`` is fp16 on GPUs, as published, and fp32 elsewhere."""
    if precision == "auto":
        return torch.float16 if devices[0].type == "cuda" else torch.float32
    return DTYPES[precision]


def free_device_bytes(devices: Sequence[torch.device]) -> int | None:
    """What the fullest of these GPUs has free; None for the CPU, whose memory is the host's."""
    if devices[0].type != "cuda":
        return None
    return min(int(torch.cuda.mem_get_info(device)[0]) for device in devices)


def free_host_bytes() -> int:
    """What the system can give without swapping."""
    import psutil

    return int(psutil.virtual_memory().available)
