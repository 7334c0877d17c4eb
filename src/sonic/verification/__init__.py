"""What a file is, who allowed it, and what of it is intact: every layer of provenance that survives, judged together.

    import sonic

    found = sonic.verify("out.mp4")
    print(found.to_text())

Also for files of other tools, and for pictures of a video. It never says more than it knows: a signature that fits is
no name, a label or a record can be written by anybody, and the absence of all marks proves nothing.
"""

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from sonic.errors import ConsentError, MediaError, SonicError
from sonic.media.container import open_file
from sonic.media.sniff import sniff_file
from sonic.provenance.c2pa.credentials import read_credentials
from sonic.provenance.c2pa.toolkit import MEDIA_TYPES
from sonic.provenance.watermark import content_id_of
from sonic.types import OnProgress, Progress
from sonic.verification import local_records, pixels
from sonic.verification import verdict as judge
from sonic.verification.findings import Findings, is_id, text
from sonic.verification.messages import layers
from sonic.verification.metadata import PICTURES, TAGGED, read_tag
from sonic.verification.outside import unsigned_bytes
from sonic.verification.report import STATES, VERDICTS, Layer, Verification

__all__ = ["MAX_BYTES", "STATES", "VERDICTS", "Layer", "Verification", "verify"]

MAX_BYTES = 32 * 1024**3
"""Larger files are refused: hashing alone would take minutes."""
LONGEST_S = 60.0
"""For looking at pictures."""
_KINDS = frozenset(MEDIA_TYPES) | frozenset(TAGGED) | {"BMP", "AAC", "AIFF", "AMR", "WMA"}
_CHUNK = 4 * 1024**2
_T = TypeVar("_T")


def verify(
    path: str | os.PathLike[str],
    *,
    on_progress: OnProgress = lambda report: None,
    longest_s: float = LONGEST_S,
) -> Verification:
    """Look at every layer of the file's provenance and say what they prove together.

    Reads videos, pictures and recordings, whatever their names say; nothing is fetched from a network and nothing is
    written. After ``longest_s`` seconds no more pictures are taken. What cannot be read in one layer is said there.
    Raises MediaError if the file is missing, empty, no media, or too damaged for any layer to say anything, and
    SettingError if this machine's trust list or policy cannot be read.
    """
    file = Path(path)
    kind, sha256 = _identified(file, on_progress)
    found = Findings(path=text(str(file), 300), kind=kind, sha256=sha256)
    skipped = {} if kind in (*TAGGED, *PICTURES) else {"metadata": f"it is not read in files of the kind {kind}"}
    found = replace(
        found,
        credentials=read_credentials(file),
        tag=_or_skipped(skipped, "metadata", lambda: read_tag(file, found.kind)),
        beside=local_records.read_beside(file, found.sha256) if kind == "MP4" else None,
    )
    if found.is_sealed and kind == "MP4":
        found = replace(found, n_outside=unsigned_bytes(file, MAX_BYTES))
    found = _with_pixels(found, file, skipped, on_progress, longest_s)
    found = _or_skipped(skipped, "log", lambda: local_records.with_log(found)) or found
    try:
        found = replace(found, permission=local_records.find_permission(found))
    except ConsentError as error:  # those of this machine cannot be read
        skipped["consent"] = str(error)
    found = replace(found, skipped=skipped)
    _check_readable(found)
    return _judged(found)


def _judged(found: Findings) -> Verification:
    conflicts = judge.conflicts(found)
    verdict = judge.verdict(found, conflicts)
    return Verification(
        path=found.path,
        sha256=found.sha256,
        kind=found.kind,
        verdict=verdict,
        headline=judge.headline(found, verdict),
        states_ai=judge.states_ai(found),
        conflicts=conflicts,
        layers=layers(found),
    )


def _identified(file: Path, on_progress: OnProgress) -> tuple[str, str]:
    """(kind, SHA-256); raises MediaError for what is no media."""
    with open_file(file, MAX_BYTES, "file") as opened:
        kind = sniff_file(opened)
        if kind not in _KINDS:
            what = {"text": "a text", "unknown": "no media that Sonic knows"}.get(kind, f"a {kind}")
            raise MediaError(f"file {file.name!r} is {what}, by its content; give a video, a picture or a recording")
        size, digest, done = os.fstat(opened.fileno()).st_size, hashlib.sha256(), 0
        while block := opened.read(_CHUNK):
            digest.update(block)
            done += len(block)
            if size > 64 * _CHUNK:
                on_progress(Progress("hash", done // _CHUNK, -(-size // _CHUNK)))
    return kind, digest.hexdigest()


def _with_pixels(
    found: Findings, file: Path, skipped: dict[str, str], on_progress: OnProgress, longest_s: float
) -> Findings:
    if found.kind not in pixels.PICTURES + pixels.VIDEOS:
        skipped |= dict.fromkeys(("label", "watermark"), f"a file of the kind {found.kind} is not decoded")
        return found
    if "metadata" in skipped and found.kind in TAGGED:  # it cannot even be opened
        skipped |= dict.fromkeys(("label", "watermark"), skipped["metadata"])
        return found
    total = 2 if found.kind in pixels.PICTURES else pixels.LABEL_FRAMES + pixels.WATERMARK_FRAMES
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        on_progress(Progress("pictures", min(done, total - 1), total))

    clock = pixels.Clock(longest_s, count)
    label = _or_skipped(skipped, "label", lambda: pixels.look_for_label(file, found.kind, clock))
    mark = _or_skipped(skipped, "watermark", lambda: pixels.look_for_watermark(file, found.kind, clock))
    if done:
        on_progress(Progress("pictures", total, total))
    if label is not None and not label.n_frames and label.best is None and clock.rang:
        skipped.setdefault("label", f"the time of {longest_s:g} s was over; it may be there")
    found = replace(found, label=label, watermark=mark)
    if mark is None and found.promised.get("watermark") and found.kind in pixels.VIDEOS and is_id(found.signed_id):
        id_, seen = content_id_of(found.signed_id), found.label is not None and found.label.n_frames > 0
        faint = seen and _or_skipped(skipped, "watermark", lambda: pixels.knows_watermark(file, id_, clock))
        found = replace(found, faint=bool(faint))
    if clock.rang and mark is None and not found.faint:
        skipped.setdefault("watermark", f"the time of {longest_s:g} s was over; it may be there")
    return found


def _or_skipped(skipped: dict[str, str], name: str, look: Callable[[], _T | None]) -> _T | None:
    """What ``look`` finds; if the file or the log defies it, None and the reason."""
    try:
        return look()
    except SonicError as error:
        skipped[name] = str(error)
        return None


def _check_readable(found: Findings) -> None:
    """Raise MediaError if the file cannot be decoded and no layer around it says anything either."""
    told = found.credentials or found.tag or found.logged or (found.beside and found.beside.names_this_file)
    layer = "label" if found.kind in pixels.PICTURES else "metadata" if found.kind in TAGGED else ""
    if layer in found.skipped and not told:
        raise MediaError(found.skipped[layer])
