"""From pickles to safetensors: the same tensors in a format that cannot hold a program, mapped instead of loaded.

Each new file lies beside its source and notes the source's SHA-256 and licence. It appears under its name only when it
is complete, and nothing is overwritten; what an earlier run has finished is recognised by that note.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sonic.engines.svd.weights import tensorfiles
from sonic.engines.svd.weights.catalogue import PARTS
from sonic.engines.svd.weights.checkpoints import pickles
from sonic.errors import InstallError, OutputError
from sonic.files import replacing
from sonic.published import digest

if TYPE_CHECKING:
    from torch import Tensor

HALF_PARTS = ("unet",)
"""Parts that half precision is for: the only one that is large. The published inference halves it anyway."""


@dataclass(frozen=True, slots=True)
class Converted:
    """One file that there is now."""

    part: str
    source: Path
    file: Path
    n_bytes: int
    fresh: bool
    """False: an earlier run made it."""


def convert(
    folder: Path | None = None, *, half: bool = False, on_part: Callable[[str, int, int], None] = lambda *_: None
) -> list[Converted]:
    """Convert every pickle that is found; ``half`` halves the UNet. ``on_part`` hears (part, done, total).

    Needs PyTorch. Raises InstallError if there is none, or one that holds more than tensors; OutputError if another
    file has a target's name, or there is no room.
    """
    found = pickles(folder)
    if not found:
        raise InstallError("there are no .pth or .pkl weights to convert; name their folder, or `sonic weights where`")
    made = []
    for done, (part, source) in enumerate(found.items()):
        on_part(part, done, len(found))
        made.append(_converted(part, source, half=half and part in HALF_PARTS))
    return made


def _converted(part: str, source: Path, *, half: bool) -> Converted:
    target = source.with_name(f"{source.stem}{'.fp16' if half else ''}.safetensors")
    notes = {
        "format": "pt",
        "source": source.name,
        "source_sha256": digest(source),
        "licence": f"{PARTS[part].licence.name}: {PARTS[part].licence.meaning}",
        "licence_url": PARTS[part].licence.url,
        "changed": "single to half precision" if half else "only the file format",
    }
    if target.exists():
        if tensorfiles.metadata(target) != notes:
            raise OutputError(f"{target} exists and was not made from {source.name}; move it away first")
        return Converted(part, source, target, target.stat().st_size, fresh=False)
    _require_room(target.parent, source.stat().st_size)
    state = tensorfiles.tensors(source)
    _save({name: _halved(name, value) if half else value for name, value in state.items()}, target, notes)
    return Converted(part, source, target, target.stat().st_size, fresh=True)


def _save(state: "dict[str, Tensor]", target: Path, notes: dict[str, str]) -> None:
    from safetensors.torch import save_file

    try:
        with replacing(target) as part:
            save_file(_apart(state), part, notes)
    except OSError as error:
        raise OutputError(f"{target} cannot be written: {error.strerror or error}") from error


def _halved(name: str, value: "Tensor") -> "Tensor":
    import torch

    if not value.is_floating_point():
        return value
    halved = value.to(torch.float16)
    if not bool(torch.isfinite(halved).all()):
        raise InstallError(f"weights {name} do not fit half precision; convert without --half")
    return halved


def _apart(state: "dict[str, Tensor]") -> "dict[str, Tensor]":
    """Tensors that share no memory: the format has neither views nor one tensor under two names."""
    seen: set[int] = set()
    apart = {}
    for name, value in state.items():
        storage = value.untyped_storage()
        is_own = storage.nbytes() == value.numel() * value.element_size() and storage.data_ptr() not in seen
        seen.add(storage.data_ptr())
        apart[name] = value.contiguous() if is_own else value.contiguous().clone()
    return apart


def _require_room(folder: Path, n_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < n_bytes:
        raise OutputError(f"{folder} has {free / 1e9:.1f} GB free where {n_bytes / 1e9:.1f} GB are needed; make room")
