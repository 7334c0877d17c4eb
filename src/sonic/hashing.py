"""What all records are hashed by: one JSON text for the same values, SHA-256 of texts and of files."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sonic.files import open_regular


def canonical(values: Mapping[str, Any]) -> bytes:
    """The one JSON text of these values that is hashed and signed: sorted names, no spaces, ASCII.

    Raises TypeError, ValueError (NaN) or RecursionError for values that have none.
    """
    return json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def sha256_of(values: Mapping[str, Any]) -> str:
    """Of the canonical text, hexadecimal. Raises as canonical."""
    return hashlib.sha256(canonical(values)).hexdigest()


def sha256_of_file(path: Path, max_bytes: int | None = None) -> str:
    """Of the bytes of a regular file, hexadecimal, read in blocks. Raises OSError as files.open_regular."""
    with open_regular(path, max_bytes) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
