"""Denoising resumes where it stopped: its state on disk, found again by what the video is made from."""

import hashlib
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sonic.engines.svd.denoise import State
from sonic.engines.svd.samplers import Earlier
from sonic.files import cache_folder, replacing
from sonic.types import OnNotice

FOLDER_VARIABLE = "SONIC_CACHE"
"""Environment variable: folder for work that was not finished."""
KEPT_DAYS = 14
"""States of videos that nobody finished are removed after this time."""
EVERY_S = 60.0
"""A state is written at most this often: after a step, so that a kill costs a minute and a step."""


def unfinished_folder() -> Path:
    """Where unfinished work is kept: FOLDER_VARIABLE, else the platform's folder for what may be deleted."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named) if named else cache_folder()


class Unfinished:
    """The state of one video's denoising, on disk."""

    def __init__(self, made_from: Mapping[str, Any], on_notice: OnNotice) -> None:
        """``made_from``: everything that the latents depend on, as plain values."""
        text = json.dumps(made_from, sort_keys=True, default=str)
        self._path = unfinished_folder() / "svd" / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.safetensors"
        self._on_notice = on_notice
        self._last_s = time.monotonic()
        self._was_told = False
        _forget_old(self._path.parent)

    def load(self) -> State | None:
        """The state of an earlier run, or None; a file that cannot be read counts as none."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self._path, "pt") as file:
                numbers = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
                earlier = Earlier(float(numbers["sigma"]), tensors["clean"])
                return State(int(numbers["step"]), tensors["latents"], earlier, tensors.get("directions"))
        except (OSError, SafetensorError, KeyError, ValueError):
            return None

    def save(self, state: State) -> None:
        """Write the state, if the last one is EVERY_S old; without room for it the work goes on, with a notice."""
        if time.monotonic() - self._last_s >= EVERY_S:
            self.keep(state)

    def keep(self, state: State) -> None:
        """Write the state now."""
        from safetensors.torch import save_file

        if state.earlier is None:
            return
        tensors = {"latents": state.latents, "clean": state.earlier.clean}
        if state.directions is not None:
            tensors["directions"] = state.directions
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            numbers = {"step": str(state.step), "sigma": repr(state.earlier.sigma)}
            with replacing(self._path) as part:
                save_file({name: value.contiguous() for name, value in tensors.items()}, part, metadata=numbers)
            self._tell("if this run is stopped, the same command goes on from its last minute")
        except OSError as error:
            self._tell(f"progress cannot be kept in {str(self._path.parent)!r} ({error.strerror}); a stop loses it")
        self._last_s = time.monotonic()

    def _tell(self, line: str) -> None:
        """Once is enough."""
        if not self._was_told:
            self._on_notice(line)
        self._was_told = True

    def done(self) -> None:
        """The video is finished: nothing is kept."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)


def _forget_old(folder: Path) -> None:
    oldest_s = time.time() - KEPT_DAYS * 24 * 3600
    with suppress(OSError):
        for path in folder.iterdir():
            if path.suffix == ".safetensors" and path.stat().st_mtime < oldest_s:
                path.unlink()
