"""What a figure was measured on: printed above every table."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("sonic-talk", "numpy", "av", "onnxruntime", "mediapipe", "opencv-python-headless")


def describe(more: tuple[str, ...] = ()) -> str:
    """Processor, cores, memory, Python and package versions, on three lines, ``more`` packages among them."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    packages = ", ".join(f"{name} {version(name)}" for name in (*PACKAGES, *more))
    return (
        f"machine: {_processor()}, {cores} cores used, {memory_gb:.0f} GB; load {os.getloadavg()[0]:.1f}\n"
        f"system: {platform.system()} {platform.machine()}, Python {platform.python_version()}\n"
        f"packages: {packages}"
    )


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
