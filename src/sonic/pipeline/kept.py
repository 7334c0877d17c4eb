"""A finished video that could not get its name or its log entry is kept, and the same job takes it up again."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from sonic.errors import MediaError
from sonic.files import read_small, rename_over
from sonic.hashing import sha256_of_file
from sonic.provenance.c2pa.credentials import read_credentials
from sonic.provenance.record import Record, core_digest

TAKEN_UP = "the finished video that an earlier run had kept is taken up again; nothing is rendered"
_MAX_RECORD_BYTES = 4 * 1024 * 1024
_OF_THE_RUN = ("produce_id", "watermark", "made_at", "notices", "log_head", "aigc", "credentials", "video")
"""What differs between two videos of one job."""
DRAWN = "drawn into the picture"
"""In the notice of captions that are part of the picture; no record says what they are."""


def kept_names(out: Path) -> tuple[Path, Path]:
    """Where a finished video of ``out`` and its record are kept."""
    return out.with_name(f"{out.stem}.kept{out.suffix}"), out.with_name(f"{out.stem}.kept.json")


def keep(video: Path, beside: Path, out: Path) -> str:
    """Keep both; what to tell about it, empty if they cannot be kept."""
    kept, kept_beside = kept_names(out)
    try:
        rename_over(beside, kept_beside)
        rename_over(video, kept)
    except OSError:
        with suppress(OSError):
            kept_beside.unlink()
        return ""
    return f"; the finished video is kept as {kept.name!r}: mend this, and run the same command again"


def take_up(out: Path, record: Record, fingerprint: str) -> tuple[Path, Path, Record] | None:
    """(video, its record's file, its record) if one is kept of this very job, whole, signed by this key; else None.

    One with captions in its picture, or asked for with them, is made anew: nothing tells which captions they are.
    """
    video, beside = kept_names(out)
    try:
        values = json.loads(read_small(beside, _MAX_RECORD_BYTES))
        produce_id = str(values["produce_id"])
        fits = _of_the_job(values) == _of_the_job(json.loads(json.dumps(record.core())))
        fits = fits and not any(DRAWN in str(notice) for notice in (*values["notices"], *record.notices))
        if not fits or values["video"]["sha256"] != sha256_of_file(video) or values["video"]["name"] != out.name:
            return None
        signed = read_credentials(video)
    except (OSError, ValueError, KeyError, TypeError, RecursionError, MediaError):
        return None
    if signed is None or not (signed.state == "valid" and signed.content_ok and signed.fingerprint == fingerprint):
        return None
    if signed.made.get("record_sha256") != core_digest(values) or signed.made.get("produce_id") != produce_id:
        return None
    return video, beside, replace(record, produce_id=produce_id)


def _of_the_job(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in _OF_THE_RUN}
