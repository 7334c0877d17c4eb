"""Videos in object stores: given their names when they are complete, and known again by the next call.

A store renames nothing together. So a video's record goes there first under a temporary name, then captions, cover and
the video, at last the record under its own name. A video without a record that names it is missing, but the temporary
record tells that it is ours and may be replaced. What the store then says of both, their stamps, is noted in the
results: while they are the same, nothing needs to be read to know that a video is there.
"""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from sonic.apps.batch import stores
from sonic.apps.batch.places import Url
from sonic.apps.batch.rows import COVER_SUFFIX
from sonic.apps.batch.stores import Stat
from sonic.errors import OutputError, SonicError
from sonic.pipeline.captioning import caption_paths
from sonic.pipeline.write import record_path
from sonic.provenance.record import is_record

_MAX_RECORD_BYTES = 4 * 1024 * 1024
Stamps = tuple[str, str]


def publish(video: Path, out: Url, *, replaces: str, overwrite: bool = False) -> Stamps:
    """Upload a finished video with all that lies beside it; returns the stamps of video and record.

    ``replaces`` is the stamp of what was found there. Raises OutputError where it is now something that standing
    refuses, or the store does not take it; what stood there is then still whole, or known to be ours.
    """
    if (there := stores.stat(out, OutputError)) is not None:
        standing(out, {out.name: there}, (replaces, ""), overwrite=overwrite)
    record, marker = record_path(video), _marker(out)
    stores.put_bytes(record.read_bytes(), marker)
    for path in caption_paths(video):
        if path.exists():
            stores.put(path, out.with_suffix(path.suffix))
    if (cover := video.with_suffix(COVER_SUFFIX)).exists():
        stores.put(cover, out.with_suffix(COVER_SUFFIX))
    stamp = stores.put(video, out).stamp
    stamps = stamp, stores.put(record, _record(out)).stamp
    stores.remove(marker)
    return stamps


def standing(out: Url, found: Mapping[str, Stat], stamps: Stamps | None, *, overwrite: bool = False) -> str:
    """The stamp of what may be replaced at ``out`` in a folder that holds ``found``; empty if nothing is there.

    Raises OutputError for a video that is no earlier output, which only ``overwrite`` gives away, and for a .json that
    is no record.
    """
    if (beside := _record(out)).name in found and not is_record(_read(beside)):
        raise OutputError(f"{str(beside)!r} exists and is not the record of a video; give another output name")
    if out.name not in found:
        return ""
    stamp = found[out.name].stamp
    if overwrite or (stamps is not None and stamp and stamp == stamps[0]):
        return stamp
    digest = _digest(out)
    if digest not in (_named_by(_record(out)), _named_by(_marker(out))):
        raise OutputError(
            f"{str(out)!r} exists and is not an earlier output with its record; give another name, or replace it "
            "with --overwrite"
        )
    return stamp


def is_whole(out: Url, found: Mapping[str, Stat], stamps: Stamps) -> bool:
    """Whether the video stands there with its record, both as they were made."""
    record = _record(out)
    if out.name not in found or record.name not in found:
        return False
    if all(stamps) and stamps == (found[out.name].stamp, found[record.name].stamp):
        return True
    return _named_by(record) == _digest(out)


def _record(out: Url) -> Url:
    return out.with_suffix(".json")


def _marker(out: Url) -> Url:
    return out.with_suffix(f".json{stores.TEMPORARY}")


def _digest(out: Url) -> str:
    digest = hashlib.sha256()
    for block in stores.blocks(out):
        digest.update(block)
    return digest.hexdigest()


def _named_by(record: Url) -> str | None:
    """The hash of the video that a record names; None if there is no such record."""
    with suppress(ValueError, KeyError, TypeError, RecursionError):
        values: Any = json.loads(_read(record))
        return str(values["video"]["sha256"])
    return None


def _read(url: Url) -> bytes:
    """Empty if it is not there or too large."""
    try:
        return stores.read(url, _MAX_RECORD_BYTES, OutputError) if stores.stat(url, OutputError) else b""
    except SonicError:
        return b""
