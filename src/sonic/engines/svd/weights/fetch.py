"""Which of the published weights of engine ``svd`` a machine lacks."""

import os
from pathlib import Path

from sonic.downloads import Wanted
from sonic.engines.svd.weights.catalogue import PARTS
from sonic.engines.svd.weights.checkpoints import search


def missing(folder: Path | None = None, *, half: bool = False) -> list[Wanted]:
    """The files of every part that is not found; ``half``: in half precision where that is published."""
    found = set(search(folder if folder and os.path.isdir(folder) else None).files)
    if "vae" in found:
        found.add("scheduler")  # the published settings are known without the file
    parts = [part for name, part in PARTS.items() if name not in found]
    return [Wanted(part, file) for part in parts for file in (part.half if half and part.half else part.files)]
