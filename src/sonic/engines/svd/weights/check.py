"""Are these the published weights? Names and shapes of each part by its file's header, SHA-256 where one is known."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from sonic.engines.svd.weights import tensorfiles
from sonic.engines.svd.weights.catalogue import PARTS, SINGLE_FILE
from sonic.engines.svd.weights.checkpoints import Located, search
from sonic.engines.svd.weights.signatures import differences, expected
from sonic.errors import InstallError, SonicError
from sonic.published import digest

EXTRA = ("torch", "diffusers", "transformers", "safetensors")
"""Modules that the engine cannot do without."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about one part."""

    part: str
    file: Path | None
    sha256: str
    """Empty if there is no file, or it cannot be read."""
    good: tuple[str, ...]
    unknown: tuple[str, ...]
    """What could not be checked, and why."""
    problems: tuple[str, ...]


def lacking() -> list[str]:
    """Modules of the extra ``gpu`` that are not installed."""
    return [name for name in EXTRA if find_spec(name) is None]


def state() -> str:
    """Whether the engine could run here, and what it lacks, in one line."""
    return lacks() or "weights found; `sonic weights check` compares them with the published ones"


def lacks() -> str:
    """What keeps the engine from running here, in one line; empty where nothing does."""
    try:
        found = search().files
    except SonicError as error:
        return str(error)
    missing = [name for name, part in PARTS.items() if part.n_tensors and name not in found]
    parts = [f"extra gpu is missing ({', '.join(lacking())}); pip install 'sonic-talk[gpu]'"] if lacking() else []
    if missing:
        parts.append(f"weights are missing: {', '.join(missing)}; `sonic weights fetch`")
    return "; ".join(parts)


def check(located: Located, on_part: Callable[[str, int, int], None] = lambda *_: None) -> Iterator[Finding]:
    """A finding for each part that has weights. ``on_part`` hears (part, done, total)."""
    names = [name for name, part in PARTS.items() if part.n_tensors]
    for done, part in enumerate(names):
        on_part(part, done, len(names))
        yield _finding(located, part)


def _finding(located: Located, part: str) -> Finding:
    if part not in located.files:
        return Finding(part, None, "", (), (), ("is missing; `sonic weights fetch` gets it",))
    file = located.files[part]
    good: list[str] = []
    unknown: list[str] = []
    problems: list[str] = []
    sha256 = ""
    try:
        sha256 = digest(file)
        _compare_digest(part, file, sha256, (good, unknown, problems))
        if file.suffix in tensorfiles.PICKLES and lacking():
            unknown.append("names and shapes: reading a pickle needs the extra gpu")
        elif lacking():
            problems += _few_differences(part, located, good, unknown)
        else:
            lines = differences(located.shapes(part), expected(part, located.config(part)))
            problems += lines
            good += [] if lines else ["all names and shapes"]
    except InstallError as error:
        problems.append(str(error))
    return Finding(part, file, sha256, tuple(good), tuple(unknown), tuple(problems))


def _compare_digest(part: str, file: Path, sha256: str, into: tuple[list[str], list[str], list[str]]) -> None:
    good, unknown, problems = into
    known = [f for f in (*PARTS[part].files, *PARTS[part].half, SINGLE_FILE) if Path(f.path).name == file.name]
    wanted = known[0].sha256 if known else None
    if wanted is None:
        unknown.append("SHA-256: none is known")
    elif wanted == sha256:
        good.append("SHA-256")
    else:
        problems.append(f"SHA-256 is {sha256[:12]}..., not the published {wanted[:12]}...")


def _few_differences(part: str, located: Located, good: list[str], unknown: list[str]) -> list[str]:
    """Without the networks at hand: how many tensors and parameters there are, at the published size."""
    file = located.files[part]
    if file.name.startswith("svd_xt"):
        unknown.append("names and shapes: those of a single file need the extra gpu")
        return []
    lines = _count_differences(part, located.shapes(part))
    if not lines:
        good.append("the number of tensors and of parameters")
        unknown.append("each name and shape: needs the extra gpu")
    return lines


def _count_differences(part: str, found: Mapping[str, tuple[int, ...]]) -> list[str]:
    counts = len(found), sum(math.prod(shape) for shape in found.values())
    wanted = PARTS[part].n_tensors, PARTS[part].n_parameters
    if counts == wanted:
        return []
    return [f"holds {counts[0]:,} tensors of {counts[1]:,} numbers where {wanted[0]:,} of {wanted[1]:,} belong"]
