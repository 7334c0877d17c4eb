"""What a figure was measured on: printed above every table."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("sonic-talk", "numpy", "av", "onnxruntime", "mediapipe", "opencv-python-headless")


def describe() -> str:
    """Processor, cores, memory, Python and package versions, on three lines."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
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
