"""Reading untrusted weights: names and shapes without their tensors, and tensors without running their code.

A ``.safetensors`` file is eight bytes (the length of its header), a JSON header, and the tensors. ``.pth`` and ``.pkl``
are pickles, which can hold programs; PyTorch reads them here with ``weights_only``, which refuses all but tensors.
"""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonic.errors import InstallError

if TYPE_CHECKING:
    from torch import Tensor

PICKLES = (".pth", ".pkl", ".bin", ".pt", ".ckpt")
MAX_HEADER_BYTES = 100_000_000
_BYTES = {"BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F16": 2, "BF16": 2, "I16": 2, "U16": 2, "F32": 4}
_BYTES |= {"I32": 4, "U32": 4, "F64": 8, "I64": 8, "U64": 8}
REMEDY = "get it again with `sonic weights fetch`"


def shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """Tensor name -> shape, without reading the tensors.

    A pickle needs PyTorch. Raises InstallError if the file is damaged, cut short, or holds more than tensors.
    """
    if file.suffix == ".safetensors":
        return {name: tuple(entry["shape"]) for name, entry in _header(file)[0].items()}
    return {name: tuple(value.shape) for name, value in _unpickle(file, device="meta").items()}


def tensors(file: Path, names: "set[str] | None" = None) -> "dict[str, Tensor]":
    """Name -> tensor on the host, as stored, of all or of ``names``. Needs PyTorch; raises InstallError as shapes."""
    if file.suffix != ".safetensors":
        state = _unpickle(file, device="cpu")
        return state if names is None else {name: state[name] for name in names}
    _header(file)
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt") as opened:
            wanted = opened.keys() if names is None else names
            return {name: opened.get_tensor(name) for name in wanted}
    except SafetensorError as error:
        raise InstallError(f"weights {file} are damaged; {REMEDY}") from error


def metadata(file: Path) -> dict[str, str]:
    """The free-text notes of a safetensors file."""
    return _header(file)[1]


def _header(file: Path) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """(Name -> dtype, shape, data_offsets; notes) of a safetensors file whose every tensor is there."""
    try:
        with file.open("rb") as stream:
            n_header = int.from_bytes(stream.read(8), "little")
            if n_header > MAX_HEADER_BYTES:
                raise ValueError("its header has no end")
            header = json.loads(stream.read(n_header))
        notes = header.pop("__metadata__", {})
        if not isinstance(notes, dict):
            raise ValueError("its notes are no notes")
        n_data = max((_end(entry) for entry in header.values()), default=0)
    except OSError as error:
        raise InstallError(f"weights {file} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise InstallError(f"weights {file} are no safetensors file or are damaged; {REMEDY}") from error
    promised, found = 8 + n_header + n_data, file.stat().st_size
    if found != promised:
        raise InstallError(f"weights {file} have {found:,} bytes where {promised:,} belong; {REMEDY}")
    return header, notes


def _end(entry: dict[str, Any]) -> int:
    """Where a tensor's bytes end. Raises ValueError unless there are as many as its shape and format need."""
    begin, end = entry["data_offsets"]
    counts = [begin, end, *entry["shape"]]
    if not all(isinstance(count, int) and count >= 0 for count in counts):
        raise ValueError("a tensor's place or shape are no counts")
    if end - begin != math.prod(entry["shape"]) * _BYTES[entry["dtype"]]:
        raise ValueError("a tensor's place does not fit its shape")
    return int(end)


def _unpickle(file: Path, device: str) -> "dict[str, Tensor]":
    import pickle
    import warnings
    import zipfile

    import torch

    try:
        with warnings.catch_warnings(action="ignore"):  # of unusual pickles, which are read or refused all the same
            # Mapped, the file is not read twice; PyTorch maps only its format since 1.6, which is a zip archive.
            state = torch.load(file, map_location=device, weights_only=True, mmap=zipfile.is_zipfile(file))
    except OSError as error:
        raise InstallError(f"weights {file} cannot be read: {error.strerror or error}") from error
    except pickle.UnpicklingError as error:
        raise InstallError(
            f"weights {file} are damaged or hold more than tensors, and a program in them is not run; {REMEDY}"
        ) from error
    except (RuntimeError, EOFError, ValueError, KeyError, AttributeError, TypeError, IndexError) as error:
        raise InstallError(f"weights {file} are damaged; {REMEDY}") from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise InstallError(f"weights {file} hold something else than named tensors; {REMEDY}")
    return dict(state)
