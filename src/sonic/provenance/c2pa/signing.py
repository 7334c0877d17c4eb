"""Content Credentials into a finished file: the last step, for everything before it is covered by the signature."""

import json
import math
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from sonic.errors import OutputError
from sonic.files import open_regular
from sonic.media.sniff import sniff_file
from sonic.provenance.c2pa import claims, toolkit
from sonic.provenance.c2pa.credentials import read_credentials
from sonic.provenance.keys import Identity
from sonic.provenance.read_back import ReadBack
from sonic.provenance.record import Record
from sonic.types import OnNotice

WHOLE_HASH_BYTES = 32 * 1024**2
"""Larger files are hashed in blocks of BLOCK_KB (a Merkle tree): the library loads what it hashes at once. With version
0.91.3 blocks go wrong, now and then, in files with more than one box of media data; what is written here has one.
"""
BLOCK_KB = 4096


@dataclass(frozen=True, slots=True)
class Signed:
    """Who signed a video, for its record."""

    signer: Identity
    timestamp_url: str | None
    """The authority that attested the time; None: nobody did."""

    def to_dict(self) -> dict[str, str | None]:
        """``credentials`` of the record."""
        return {
            "signer": self.signer.name,
            "fingerprint": self.signer.fingerprint,
            "certificate": self.signer.kind,
            "timestamp": self.timestamp_url,
        }


def sign(
    unsigned: Path,
    signed: Path,
    *,
    record: Record,
    marks: ReadBack,
    photo_file: Path,
    title: str,
    signer: Identity,
    on_notice: OnNotice,
) -> Signed:
    """Write the MP4 ``unsigned``, in which these ``marks`` were read, with Content Credentials to ``signed``.

    The inputs become ingredients, with the Content Credentials that they may bring along; an input that the library
    cannot read is named by its hash alone, with a notice. Without a timestamp of the signer's authority that reads
    back as valid, the video is signed without one, with a notice. Raises OutputError.
    """
    inputs = (
        _Input("photo", photo_file, record.photo_sha256),
        _Input("speech", record.clip.sound.source, record.audio_sha256),
    )
    work = _Work(unsigned, signed, claims.definition(record, title, marks), inputs, signer)
    if signer.timestamp_url is not None:
        try:
            made = work.done(signer.timestamp_url, on_notice)
            verify_signature(signed, made)
            return made
        except OutputError as error:
            reason = error.__cause__ or error
            on_notice(f"nobody attests the time of the signature: {signer.timestamp_url} is of no help ({reason})")
    return work.done(None, on_notice)


def verify_signature(video: Path, signed: Signed) -> None:
    """Raise OutputError unless the file reads back as intact and signed by this key."""
    found = read_credentials(video, longest_s=math.inf)  # a slow disk is no reason to throw a video away
    if found is None or not (found.state == "valid" and found.content_ok):
        codes = ", ".join(found.codes) if found else "there are none"
        raise OutputError(f"the Content Credentials do not read back ({codes}); no video without them")
    if found.fingerprint != signed.signer.fingerprint:
        raise OutputError("the Content Credentials read back with another key than they were signed with")


@dataclass(frozen=True, slots=True)
class _Input:
    """A file that the video was made from."""

    label: str
    """photo or speech, by which the actions name it."""
    path: Path
    sha256: str


@dataclass(frozen=True, slots=True)
class _Work:
    """One file to sign."""

    unsigned: Path
    signed: Path
    definition: dict[str, Any]
    inputs: tuple[_Input, ...]
    signer: Identity

    def done(self, timestamp_url: str | None, on_notice: OnNotice) -> Signed:
        try:
            notices = toolkit.call(lambda: self._embed(timestamp_url))
        except (toolkit.ToolkitError, OSError) as error:
            raise OutputError(f"the Content Credentials cannot be written ({error}); is the disk full?") from error
        for notice in notices:
            on_notice(notice)
        return Signed(self.signer, timestamp_url)

    def _embed(self, timestamp_url: str | None) -> list[str]:
        """Returns the notices about inputs."""
        import c2pa

        signer = self.signer
        info = c2pa.C2paSignerInfo(
            signer.algorithm.lower(),
            signer.certificates_pem.encode("ascii"),
            signer.private_key_pem.encode("ascii"),
            timestamp_url,
        )
        blocks = {"merkle_tree_chunk_size_in_kb": BLOCK_KB, "merkle_tree_max_proofs": 0}
        core = blocks if self.unsigned.stat().st_size > WHOLE_HASH_BYTES else {}
        with (
            toolkit.context(core=core) as context,
            c2pa.Signer.from_info(info) as c2pa_signer,
            c2pa.Builder(json.dumps(self.definition), context) as builder,
        ):
            notices = [notice for one in self.inputs if (notice := _add(builder, one))]
            with self.unsigned.open("rb") as source, self.signed.open("w+b") as target:
                builder.sign(c2pa_signer, "video/mp4", source, target)
        return notices


def _add(builder: Any, one: _Input) -> str | None:
    """Add an input as an ingredient; returns a notice if it can only be named."""
    import c2pa

    kind, reason = "unknown", "that kind of file holds none"
    try:
        with open_regular(one.path) as file:
            kind = sniff_file(file)
            if media_type := toolkit.MEDIA_TYPES.get(kind):
                builder.add_ingredient(_description(one, kind), media_type, file)
                return None
    except (OSError, c2pa.C2paError) as error:
        reason = toolkit.one_line(error)
    # An empty stream of no particular type: the library takes the description as it is.
    builder.add_ingredient(_description(one, kind), "application/octet-stream", BytesIO())
    return f"the {one.label} is named by its hash alone, its own Content Credentials are not taken over: {reason}"


def _description(one: _Input, kind: str) -> str:
    return json.dumps(claims.ingredient(one.label, kind, one.sha256))
