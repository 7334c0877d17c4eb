"""Content Credentials into a finished file: the last step, for everything before it is covered by the signature."""

import json
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from sonic.errors import OutputError
from sonic.media.sniff import sniff_file
from sonic.provenance import claims, toolkit
from sonic.provenance.credentials import read_credentials
from sonic.provenance.keys import Identity
from sonic.provenance.manifest import Record
from sonic.types import OnNotice

WHOLE_HASH_BYTES = 32 * 1024**2
"""Larger files are hashed in blocks of BLOCK_KB (a Merkle tree): the library loads what it hashes at once."""
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
    unsigned: Path, signed: Path, *, record: Record, photo_file: Path, title: str, signer: Identity, on_notice: OnNotice
) -> Signed:
    """Write the MP4 ``unsigned`` with Content Credentials to ``signed``.

    The inputs become ingredients, with the Content Credentials that they may bring along; an input that the library
    cannot read is named by its hash alone, with a notice. Without an answer of the signer's time-stamping authority the
    video is signed without an attested time, with a notice. Raises OutputError.
    """
    inputs = (
        _Input("photo", photo_file, record.photo_sha256),
        _Input("speech", record.clip.sound.source, record.audio_sha256),
    )
    definition = claims.definition(record, title)
    for timestamp_url in dict.fromkeys((signer.timestamp_url, None)):

        def embed(timestamp_url: str | None = timestamp_url) -> list[str]:
            return _embed(unsigned, signed, definition, inputs, signer, timestamp_url)

        try:
            for notice in toolkit.call(embed):
                on_notice(notice)
            return Signed(signer, timestamp_url)
        except toolkit.ToolkitError as error:
            if timestamp_url is None:
                raise OutputError(f"the Content Credentials cannot be written ({error}); is the disk full?") from error
            on_notice(
                f"nobody attests the time of the signature: {timestamp_url} does not answer as it should ({error})"
            )
    raise AssertionError("the last attempt returns or raises")


def verify_signature(video: Path, signed: Signed) -> None:
    """Raise OutputError unless the file reads back as intact and signed by this key."""
    found = read_credentials(video)
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


def _embed(
    unsigned: Path,
    signed: Path,
    definition: dict[str, Any],
    inputs: tuple[_Input, ...],
    signer: Identity,
    timestamp_url: str | None,
) -> list[str]:
    """One attempt; returns the notices about inputs."""
    import c2pa

    info = c2pa.C2paSignerInfo(
        signer.algorithm.lower(),
        signer.certificates_pem.encode("ascii"),
        signer.private_key_pem.encode("ascii"),
        timestamp_url,
    )
    blocks = {"merkle_tree_chunk_size_in_kb": BLOCK_KB, "merkle_tree_max_proofs": 0}
    core = blocks if unsigned.stat().st_size > WHOLE_HASH_BYTES else {}
    with (
        toolkit.context(core=core) as context,
        c2pa.Signer.from_info(info) as c2pa_signer,
        c2pa.Builder(json.dumps(definition), context) as builder,
    ):
        notices = [notice for one in inputs if (notice := _add(builder, one))]
        with unsigned.open("rb") as source, signed.open("w+b") as target:
            builder.sign(c2pa_signer, "video/mp4", source, target)
    return notices


def _add(builder: Any, one: _Input) -> str | None:
    """Add an input as an ingredient; returns a notice if it can only be named."""
    import c2pa

    with one.path.open("rb") as file:
        kind = sniff_file(file)
        description = json.dumps(claims.ingredient(one.label, kind, one.sha256))
        reason = "that kind of file holds none"
        if media_type := toolkit.MEDIA_TYPES.get(kind):
            try:
                builder.add_ingredient(description, media_type, file)
                return None
            except c2pa.C2paError as error:
                reason = toolkit.one_line(error)
    # An empty stream of no particular type: the library takes the description as it is.
    builder.add_ingredient(description, "application/octet-stream", BytesIO())
    return f"the {one.label} is named by its hash alone, its own Content Credentials are not taken over: {reason}"
