"""What the nodes cost in a real ComfyUI on the CPU: loading the pack, whole workflows, memory of the server.

    COMFYUI_PYTHON=ComfyUI/.venv/bin/python python bench/comfyui.py ComfyUI

Method: the server of tests/support/comfyui_client.py, in folders of its own; the time to load the pack is ComfyUI's own
figure; a workflow's time is from its POST until it is in the history, each with another seed so that nothing is cached.
The first of each kind also loads the networks. Memory is the server's resident set after each.
"""

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import machine
from report import table

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from comfyui_client import WORKFLOWS, Server, prompt_of, running

RUNS = {"sonic-fast": (3, {}), "sonic-high-quality": (2, {"duration": 4.0}), "sonic-vertical-short": (2, {})}
"""Workflow -> how often, and with which widgets; without a duration the demo's whole recording, 11.9 s."""


def memory_mb(base: Path) -> int:
    """Resident set of the server in these folders."""
    found = subprocess.run(["pgrep", "-f", f"base-directory {base}"], capture_output=True, text=True, check=True)
    status = Path(f"/proc/{found.stdout.split()[0]}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) // 1024


def rows(server: Server) -> list[list[str]]:
    """workflow, seconds, MB afterwards."""
    (loaded,) = re.findall(r"([\d.]+) seconds: .*sonic-talk", server.log.read_text(errors="replace"))
    made = [["loading the pack", loaded, str(memory_mb(server.base))]]
    workflows = {path.stem: path for path in WORKFLOWS}
    for name, (times, widgets) in RUNS.items():
        for seed in range(times):
            started = time.monotonic()
            history = server.run(prompt_of(workflows[name], seed=seed, **widgets))
            took = time.monotonic() - started
            if history["status"]["status_str"] != "success":
                raise SystemExit(f"{name} failed: {history['status']}")
            shown = ", ".join(f"{key} {value:g}" for key, value in widgets.items())
            made.append([f"{name} {shown}".strip(), f"{took:.1f}", str(memory_mb(server.base))])
    return made


def main(comfyui: Path) -> None:
    """Start, measure, print."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        home.mkdir()
        with running(comfyui.absolute(), Path(folder) / "base", home) as server:
            release = server.call("/system_stats")["system"]["comfyui_version"]
            print(f"{machine.describe()}\nComfyUI {release}\n")
            print(table(["what", "seconds", "server, MB"], rows(server)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
