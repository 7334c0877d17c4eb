"""What a figure was measured on: printed above every table."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("sonic-talk", "numpy", "av", "onnxruntime", "opencv-python-headless")


def describe(more: tuple[str, ...] = ()) -> str:
    """Processor, cores, memory, Python and package versions, on three lines, ``more`` packages among them."""
    here = kind()
    return (
        f"machine: {here['processor']}, {here['cores']} cores used, {here['memory_gb']} GB; "
        f"load {os.getloadavg()[0]:.1f}\n"
        f"system: {here['system']}, Python {platform.python_version()}\n"
        f"packages: {', '.join(f'{name} {release}' for name, release in packages(more).items())}"
    )


def kind() -> dict[str, str | int]:
    """What two machines must have in common for their figures of speed and memory to be comparable."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return {
        "processor": _processor(),
        "cores": cores,
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "system": f"{platform.system()} {platform.machine()}",
        "python": ".".join(platform.python_version_tuple()[:2]),
    }


def packages(more: tuple[str, ...] = ()) -> dict[str, str]:
    """Versions of the packages that figures depend on."""
    return {name: version(name) for name in (*PACKAGES, *more)}


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown processor"


def device(device: Any) -> str:
    """A torch device in words: a GPU with its memory and CUDA version, or the processor with its threads."""
    import torch

    if device.type != "cuda":
        return f"{device}, {torch.get_num_threads()} threads of torch"
    found = torch.cuda.get_device_properties(device)
    size = f"{found.total_memory / 1e9:.0f} GB"
    return f"{found.name}, {size}, compute {found.major}.{found.minor}, CUDA {torch.version.cuda}"
