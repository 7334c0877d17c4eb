"""The audit log: what was made on this machine, as lines of JSON of which each holds the hash of the one before.

``audit.jsonl`` under keys.home() only grows. A line:

    n          1, 2, 3 ...
    at         UTC, 2026-05-31T12:00:00Z
    kind       one of KINDS
    facts      what is known, see KINDS; the names of people are in the consents, not here
    previous   ``hash`` of line n - 1; of the first, GENESIS
    hash       SHA-256, hexadecimal, of the rest of the line as canonical JSON (sorted names, no spaces, ASCII)

A line is on the disk before the video that it is about gets its name: a video without a line cannot come of a crash, a
line without a video can. What a crash leaves of a line is moved to ``audit.torn-*`` when the next one is written, and a
line says so. ``audit.head`` holds number and hash of the last line under the seal of the local key, so that lines
missing at the end are noticed, and a missing head too. Whoever can use the key can write a whole new log; a video that
was made beside the old one shows that, for its signed statement holds the hash of the line before it.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from sonic.errors import OutputError
from sonic.hashing import sha256_of
from sonic.provenance.audit.chain import Entry, append, last, opened, ready
from sonic.provenance.audit.read import Verdict, entries, find, verify

if TYPE_CHECKING:
    from sonic.provenance.record import Record

__all__ = [
    "KINDS", "Entry", "Verdict", "append", "entered", "entries", "facts_of", "find", "last", "opened", "ready",
    "verify",
]  # fmt: skip

KINDS = {
    "video": "a video is complete and about to get its name",
    "stream": "frames of a video are given to a program, one by one",
    "unpublished": "a video that has a line did not get its name after all",
    "consent": "a consent was made or first used here",
    "revocation": "a consent was revoked",
    "repair": "the log was found torn or cut off before this line",
    "key": "a new local key was made and seals the log from here on",
}
"""Each kind of line and what it means."""


@contextmanager
def entered(record: "Record", name: str, video_sha256: str) -> Iterator[None]:
    """Around the moment in which the video of this record gets its name: its entry is written before.

    If that moment fails, an entry says so. Raises OutputError, before anything has a name, if there can be no entry.
    """
    append("video", facts_of(record) | {"name": name, "video_sha256": video_sha256})
    try:
        yield
    except Exception:  # being stopped is none: the video may have its name by then
        with suppress(OutputError):  # the first failure is the one to report
            append("unpublished", {"produce_id": record.produce_id, "video_sha256": video_sha256})
        raise


def facts_of(record: "Record") -> dict[str, Any]:
    """What the log keeps of a video: hashes, and no person's name."""
    return {
        "produce_id": record.produce_id,
        "photo_sha256": record.photo_sha256,
        "audio_sha256": record.audio_sha256,
        "consent": record.consent.id,
        "basis": record.consent.basis,
        "engine": record.settings.engine,
        "language": record.settings.language,
        "purpose": record.settings.purpose,
        "settings_sha256": sha256_of(record.settings.to_dict()),
        "weights_sha256": sha256_of(record.weights),
    }
