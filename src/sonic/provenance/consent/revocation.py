"""The end of a consent on this machine, for good: for its photo and its subject or face, whatever is
stated later.

Two places know of it: ``consents/<id>.revoked.json`` beside the copy of the consent, and an entry of the audit log.
Either is enough, so removing one of them changes nothing (and `sonic log verify` misses it).

    revocation      "sonic-revocation/1"
    consent         id of the consent
    revoked_at      UTC
    signature       {"public_key", "value"}, as that of a consent: who ended it; without a true one it is ended as well

The log's entry has no name: ``who`` is the SHA-256 of the photo's hash and the subject's name.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sonic.files import read_small
from sonic.hashing import canonical, sha256_of
from sonic.provenance import audit
from sonic.provenance.consent import store, validators
from sonic.provenance.consent.face import is_same_place
from sonic.provenance.consent.terms import Consent, now_text
from sonic.provenance.keys import fingerprint_of, signed_by
from sonic.provenance.signer import identity
from sonic.types import Photo

KIND = "sonic-revocation/1"
UNKNOWN_DAY = "a day that cannot be read"
_REVOKED = ".revoked.json"
_MAX_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Revocation:
    """What is known of one."""

    consent_id: str
    at: str
    """UTC, or UNKNOWN_DAY."""
    by: str | None
    """Fingerprint of the key that signed it; None where that is not known."""
    photo_sha256: str | None = None
    who: str | None = None

    def to_text(self) -> str:
        """When and by whom, for a message."""
        return self.at + (f" by the key {self.by[:12]}" if self.by else "")


def revoke(consent: Consent) -> str:
    """End this consent on this machine; returns when that was. Again and again is the same as once.

    Raises OutputError if it cannot be recorded.
    """
    signer = identity()
    with audit.opened() as log:
        if before := revoked(consent.id):
            return before.at
        at = now_text()
        photo = consent.photo_sha256
        facts = {"consent": consent.id, "photo_sha256": photo, "who": _who(photo, consent.subject)}
        log.append("revocation", facts | {"at": at, "by": signer.fingerprint})
        values = {"revocation": KIND, "consent": consent.id, "revoked_at": at}
        signature = {"public_key": signer.public_key_pem, "value": signer.sign(canonical(values))}
        text = json.dumps(values | {"signature": signature}, indent=2) + "\n"
        store.write_private(store.folder() / f"{consent.id}{_REVOKED}", text)
    return at


def revocation_of(consent: Consent, photo: Photo | None = None) -> Revocation | None:
    """What ended this consent: its own revocation, or an earlier one for the same photo and subject.

    ``photo``: the one that is at hand, to know copies. A consent that was confirmed after such an earlier one holds.
    Raises ConsentError where the consents, and OutputError where the log cannot be read.
    """
    if own := revoked(consent.id):
        return own
    for one in logged():
        if _later(consent, one) or not (_same_subject(consent, one) or _same_face(consent, one)):
            continue
        if consent.photo_sha256 == one.photo_sha256 or (photo is not None and _is_copy(one, photo)):
            return one
    return None


def logged() -> Iterator[Revocation]:
    """Every revocation that the audit log has, oldest first. Raises OutputError."""
    for entry in audit.entries("revocation"):
        facts = {name: value for name, value in entry.facts.items() if isinstance(value, str)}
        yield Revocation(
            facts.get("consent", ""), facts.get("at", entry.at), facts.get("by"), facts.get("photo_sha256"),
            facts.get("who"),
        )  # fmt: skip


def filed() -> set[str]:
    """The ids of which a revocation lies in the folder. Raises ConsentError where it may not be read."""
    return {name.removesuffix(_REVOKED) for name in store.names() if re.fullmatch(r"[0-9a-f]{64}\.revoked\.json", name)}


def revoked(consent_id: str) -> Revocation | None:
    """The revocation of this very consent: by its file, which counts even if it is damaged, or by the log.

    Raises as ``revocation_of``.
    """
    path = store.folder() / f"{consent_id}{_REVOKED}"
    try:
        return _read(consent_id, json.loads(read_small(path, _MAX_BYTES)))
    except (FileNotFoundError, NotADirectoryError):
        return next((one for one in logged() if one.consent_id == consent_id), None)
    except PermissionError as error:
        raise store.unreadable(error) from error
    except (OSError, ValueError, RecursionError):
        return Revocation(consent_id, UNKNOWN_DAY, None)


def _read(consent_id: str, values: Any) -> Revocation:
    values = values if isinstance(values, dict) else {}
    at, made = values.get("revoked_at"), values.get("signature")
    readable = isinstance(at, str) and at.isprintable() and len(at) <= validators.MAX_PURPOSE
    by = None
    with suppress(ValueError, TypeError, KeyError, RecursionError):
        signed = canonical({name: value for name, value in values.items() if name != "signature"})
        if signed_by(signed, made["value"], made["public_key"]):
            by = fingerprint_of(made["public_key"])
    return Revocation(consent_id, at if readable else UNKNOWN_DAY, by)


def _later(consent: Consent, one: Revocation) -> bool:
    """Whether it was given and confirmed after that revocation, as a new one is; times are compared as texts."""
    if not consent.confirmed_at or consent.confirmed_at <= one.at:
        return False
    with suppress(ValueError, OverflowError):
        return consent.given_on >= datetime.fromisoformat(one.at).astimezone().date()
    return False


def _same_subject(consent: Consent, one: Revocation) -> bool:
    return one.who is not None and _who(one.photo_sha256, consent.subject) == one.who


def _same_face(consent: Consent, one: Revocation) -> bool:
    """Whether both are for one face, whatever it is called."""
    revoked = store.copy_of(one.consent_id)
    if revoked is None or revoked.face_box is None or consent.face_box is None:
        return False
    return is_same_place(revoked.face_box, consent.face_box)


def _is_copy(one: Revocation, photo: Photo) -> bool:
    """Whether this is the photo of the revoked consent, or a copy of it, as far as the copy of that consent tells."""
    revoked = store.copy_of(one.consent_id)
    return photo.sha256 == one.photo_sha256 or (revoked is not None and revoked.photo_problem(photo) is None)


def _who(photo_sha256: str | None, subject: str) -> str:
    return sha256_of({"photo": photo_sha256, "subject": " ".join(subject.casefold().split())})
