"""What a video says about itself: the AIGC metadata inside it and the record beside it.

The record of ``out.mp4`` is ``out.json``: one UTF-8 JSON object. Times are UTC, dates YYYY-MM-DD, hashes
SHA-256 in hexadecimal.

    record          "sonic/1": the kind and version of this format
    produce_id      unique name of this video; the ProduceID of its AIGC metadata
    made_at         when it was made, 2026-05-31T12:00:00Z
    made_with       {"name": "sonic-talk", "version"}
    statement       one sentence for people: the video is AI-generated
    consent         {"id", "subject", "basis", "given_on", "expires_on", "evidence", "evidence_name", "evidence_sha256",
                    "languages", "purposes", "photo_sha256", "signed_by": fingerprint}, see provenance.consent; its
                    photo may be another copy of the same picture
    photo, audio    {"name", "sha256"} of the input files, names without folders
    video           {"name", "sha256", "width", "height", "fps" as a fraction's text, "n_frames", "duration_s",
                    "read_back": {"label", "watermark"}: whether each was read in the encoded file}
    log_head        hash of the last line of this machine's audit log before the video was made
    engine          name of the engine that made it
    weights         {file: sha256} of the weights it used
    seed            the seed
    settings        every setting by name
    label           {"text", "left_px", "top_px", "width_px", "height_px", "n_frames"}: the visible label
    watermark       content id that the pixels carry: the first 12 digits of produce_id
    aigc            the AIGC metadata, as written into the video
    credentials     {"signer", "fingerprint" of the key, "certificate": local or own, "timestamp": authority or null}
    notices         the lines that were shown before it was written

ReservedCode1 of the AIGC metadata is "sha256:" and the hash of the record without "aigc", "credentials" and "video"
(JSON with sorted keys, no spaces, ASCII): the video names its record, the record names its video.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from sonic.hashing import sha256_of
from sonic.provenance.aigc import aigc_json
from sonic.provenance.audit import chain as audit_log
from sonic.provenance.audit.head import GENESIS
from sonic.provenance.consent import Consent
from sonic.provenance.label import SUBTEXT, TEXT
from sonic.provenance.read_back import ReadBack
from sonic.provenance.watermark import content_id_of
from sonic.settings import Settings
from sonic.types import Clip, Photo, Sound

RECORD_KIND = "sonic/1"
STATEMENT = (
    "This video is AI-generated: the face was animated from one photo and one recording. Say so wherever it is shown."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """All that is known of a video before it is written; ``to_dict`` adds the video's own hash."""

    produce_id: str
    producer: str
    made_at: datetime
    consent: Consent
    photo_name: str
    photo_sha256: str
    audio_name: str
    audio_sha256: str
    settings: Settings
    weights: Mapping[str, str]
    """File name -> SHA-256."""
    clip: Clip
    log_head: str
    notices: tuple[str, ...]

    @property
    def watermark(self) -> str:
        """Content id that the pixels carry, hexadecimal."""
        return f"{content_id_of(self.produce_id):012x}"

    @classmethod
    def of(
        cls,
        *,
        consent: Consent,
        producer: str,
        photo: Photo,
        sound: Sound,
        settings: Settings,
        clip: Clip,
        notices: tuple[str, ...] = (),
        weights: Mapping[str, str] | None = None,
    ) -> "Record":
        """A record of this clip, made now; ``producer`` as from aigc.content_producer.

        Raises ConsentError unless the consent holds for this photo.
        """
        return cls(
            produce_id=clip.produce_id,
            producer=producer,
            made_at=datetime.now(UTC).replace(microsecond=0),
            consent=consent.bound_to(photo),
            photo_name=photo.name,
            photo_sha256=photo.sha256,
            audio_name=sound.source.name,
            audio_sha256=sound.sha256,
            settings=settings,
            weights=dict(weights or {}),
            clip=clip,
            log_head=last.hash if (last := audit_log.last()) else GENESIS,
            notices=notices,
        )

    def aigc(self) -> str:
        """The AIGC metadata: one line of JSON in printable ASCII, with the fields of GB 45438-2025, Annex E."""
        return aigc_json(self.producer, self.produce_id, f"sha256:{self.core_sha256()}")

    def core_sha256(self) -> str:
        """The hash by which the video names its record: of all that is known before it is written."""
        return sha256_of(self.core())

    def to_dict(
        self, video_name: str, video_sha256: str, marks: ReadBack, credentials: Mapping[str, str | None]
    ) -> dict[str, Any]:
        """The record of the written video, as described at the top of this module."""
        width, height = self.clip.size_px
        video = {
            "name": video_name,
            "sha256": video_sha256,
            "width": width,
            "height": height,
            "fps": str(self.clip.fps),
            "n_frames": self.clip.n_frames,
            "duration_s": round(self.clip.duration_s, 6),
            "read_back": marks.to_dict(),
        }
        return self.core() | {
            "video": video,
            "aigc": json.loads(self.aigc()),
            "credentials": dict(credentials),
        }

    def to_json(
        self, video_name: str, video_sha256: str, marks: ReadBack, credentials: Mapping[str, str | None]
    ) -> str:
        """``to_dict`` as the text of the file."""
        values = self.to_dict(video_name, video_sha256, marks, credentials)
        return json.dumps(values, indent=2, ensure_ascii=False) + "\n"

    def core(self) -> dict[str, Any]:
        """All that is known before the video is written."""
        label = self.clip.label
        return {
            "record": RECORD_KIND,
            "produce_id": self.produce_id,
            "made_at": self.made_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "made_with": made_with(),
            "statement": STATEMENT,
            "consent": self.consent.summary(),
            "photo": {"name": _text(self.photo_name), "sha256": self.photo_sha256},
            "audio": {"name": _text(self.audio_name), "sha256": self.audio_sha256},
            "log_head": self.log_head,
            "engine": self.settings.engine,
            "weights": dict(self.weights),
            "seed": self.settings.seed,
            "settings": self.settings.to_dict(),
            "label": {
                "text": f"{TEXT} {SUBTEXT}",
                "left_px": label.left_px,
                "top_px": label.top_px,
                "width_px": label.rgba.shape[1],
                "height_px": label.rgba.shape[0],
                "n_frames": label.n_frames,
            },
            "watermark": self.watermark,
            "notices": [_text(line) for line in self.notices],
        }


def made_with() -> dict[str, str]:
    """Name and version of this package."""
    return {"name": "sonic-talk", "version": _version()}


def core_digest(values: Mapping[str, Any]) -> str:
    """``core_sha256`` of a record that was read from a file; empty if it cannot have one."""
    core = {name: value for name, value in values.items() if name not in ("aigc", "credentials", "video")}
    try:
        return sha256_of(core)
    except (TypeError, ValueError, RecursionError):
        return ""


def is_record(data: bytes) -> bool:
    """Whether these bytes are a record of ours, of any version."""
    try:
        values = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(values, dict) and str(values.get("record", "")).startswith("sonic/")


def _text(text: str) -> str:
    """Names that are not Unicode (stray bytes in a file name) as readable escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _version() -> str:
    try:
        return version("sonic-talk")
    except PackageNotFoundError:
        return "unknown"
