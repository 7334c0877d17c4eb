"""What each layer of a file's provenance turned out to be, before anybody judges it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sonic.provenance.audit import Entry
from sonic.provenance.c2pa.credentials import Credentials
from sonic.provenance.consent import Consent
from sonic.provenance.watermark import Found
from sonic.verification.labels import LabelFound


@dataclass(frozen=True, slots=True)
class Tag:
    """The AIGC metadata of a file (GB 45438-2025, Annex E), written by whomever."""

    place: str
    """Where it was found."""
    fields: Mapping[str, str]
    """As written, each a text without control characters; empty if it cannot be read."""

    @property
    def label(self) -> str:
        """Label: 1, 2, 3, or whatever else it says."""
        return self.fields.get("Label", "")

    @property
    def produce_id(self) -> str:
        """ProduceID; empty if there is none."""
        return self.fields.get("ProduceID", "")

    @property
    def record_sha256(self) -> str:
        """The digest of the record that Sonic writes into ReservedCode1; empty if there is none."""
        kind, _, digest = self.fields.get("ReservedCode1", "").partition(":")
        return digest if kind == "sha256" else ""


@dataclass(frozen=True, slots=True)
class Beside:
    """The record beside a video, if there is one."""

    name: str
    values: Mapping[str, Any] = field(default_factory=dict)
    """The record; empty if it cannot be read as one."""
    digest: str = ""
    """Of its core, as the video names it."""
    names_this_file: bool = False
    """Its video's SHA-256 is that of the file."""

    @property
    def produce_id(self) -> str:
        """As the record says; empty if it does not."""
        return text(self.values.get("produce_id"))


@dataclass(frozen=True, slots=True)
class Logged:
    """What this machine's audit log knows of a file."""

    entry: Entry
    by: str
    """sha256: of the very file; produce_id: of the id that the file states; watermark: of the id in its pixels."""
    n_problems: int
    """Of the whole log: lines that were changed or are missing."""
    unpublished: bool
    """A later entry says that the video never got its name."""


@dataclass(frozen=True, slots=True)
class Permission:
    """The consent behind a video, as far as it is known here."""

    source: str
    """Who names it: credentials, record or log."""
    stated: Mapping[str, Any]
    """What that source says of it."""
    consent: Consent | None = None
    """The copy in this machine's store; None if there is none."""
    problems: tuple[tuple[str, str], ...] = ()
    """(kind as in consent.check.PROBLEMS, message), of the copy, today; a revocation also where there is no copy."""


@dataclass(frozen=True, slots=True)
class LabelSeen:
    """Where the visible label was looked for, and was."""

    n_frames: int
    """Pictures that were looked at."""
    n_labelled: int
    best: LabelFound | None
    """The most alike; None if no picture is large enough."""


@dataclass(frozen=True, slots=True)
class Findings:
    """All layers of one file. Where a layer could not be looked at, ``skipped`` says why, under its name."""

    path: str
    kind: str
    """As media.sniff names it."""
    sha256: str
    credentials: Credentials | None = None
    tag: Tag | None = None
    beside: Beside | None = None
    watermark: Found | None = None
    n_outside: int = 0
    """Bytes in the file that a signature of this kind does not cover."""
    faint: bool = False
    """The watermark of signed_id is there, though too faint to be found by who does not know it."""
    label: LabelSeen | None = None
    logged: Logged | None = None
    by_local_key: bool = False
    """Signed by the key that was made on this machine; a certificate of the user's own may sign elsewhere too."""
    log_forgot: bool = False
    """The log of this machine lacks the line that the signed statement says was its last before the video."""
    permission: Permission | None = None
    skipped: Mapping[str, str] = field(default_factory=dict)

    @property
    def watermark_id(self) -> str:
        """The content id in the pixels, 12 hexadecimal digits; empty without one."""
        return f"{self.watermark.content_id:012x}" if self.watermark else ""

    @property
    def is_sealed(self) -> bool:
        """Whether the content is bound by a signature that fits, whoever signed."""
        return self.credentials is not None and self.credentials.signature_ok and self.credentials.content_ok

    @property
    def is_vouched(self) -> bool:
        """Whether a known key signed this very content: what it names is no stronger than that."""
        return self.is_sealed and self.credentials is not None and (self.credentials.ours or self.credentials.trusted)

    @property
    def promised(self) -> Mapping[str, bool]:
        """Marks that a signature that fits says were read in this very content: label, watermark -> whether."""
        if not self.is_sealed or self.credentials is None or not self.credentials.made:
            return {}
        told = self.credentials.made.get("read_back")
        told = told if isinstance(told, Mapping) else {}
        return {name: told.get(name) is not False for name in ("label", "watermark")}

    @property
    def signed_id(self) -> str:
        """The produce_id in Content Credentials whose signature fits; empty without one."""
        signed = self.credentials is not None and self.credentials.signature_ok
        return text(self.credentials.made.get("produce_id")) if signed and self.credentials else ""


def is_id(name: str) -> bool:
    """Whether this can be a produce_id: 32 hexadecimal digits."""
    return len(name) == 32 and frozenset("0123456789abcdef").issuperset(name)


def text(value: object, longest: int = 120) -> str:
    """A text out of a stranger's file, fit for a terminal: no control characters, not longer than this; else empty."""
    if not isinstance(value, str):
        return ""
    clean = "".join(letter if letter.isprintable() else "�" for letter in value[: longest + 1])
    return clean if len(clean) <= longest else clean[: longest - 3] + "..."
