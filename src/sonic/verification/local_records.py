"""What this machine knows of a file: the record beside it, its audit log, and the consents that it keeps."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from sonic.errors import MediaError
from sonic.media.container import read_file
from sonic.pipeline.write import record_path
from sonic.provenance import audit
from sonic.provenance.audit import Entry
from sonic.provenance.audit.head import GENESIS
from sonic.provenance.c2pa.claims import consent_sha256
from sonic.provenance.consent import Consent, store
from sonic.provenance.consent.check import problems
from sonic.provenance.consent.revocation import revoked
from sonic.provenance.policy import active
from sonic.provenance.record import core_digest, is_record
from sonic.provenance.signer import local_fingerprint
from sonic.unfinished import standing
from sonic.verification.findings import Beside, Findings, Logged, Permission, is_id, text

MAX_RECORD_BYTES = 4 * 1024**2
_DIGITS = frozenset("0123456789abcdef")


def read_beside(path: Path, sha256: str) -> Beside | None:
    """The record beside the file with this hash; None if nothing has its name."""
    beside = record_path(path)
    if beside == path or not os.path.exists(beside):  # unlike Path.exists, False for a name that is too long
        return None
    try:
        counts = standing(beside)
        data = read_file(counts, MAX_RECORD_BYTES, "record") if counts else b""
    except (MediaError, OSError):
        return Beside(beside.name)
    if not is_record(data):
        return Beside(beside.name)
    values: dict[str, Any] = json.loads(data)
    video = values.get("video")
    named = video.get("sha256") if isinstance(video, dict) else None
    return Beside(beside.name, values, core_digest(values), named == sha256)


def with_log(found: Findings) -> Findings:
    """With what this machine's log knows of the file, and whether it should know it. Raises OutputError."""
    signed = found.credentials
    by_us = signed is not None and bool(signed.made) and signed.fingerprint == local_fingerprint() is not None
    before = text(signed.made.get("log_head")) if by_us and signed is not None else ""
    forgot = before not in ("", GENESIS) and all(entry.hash != before for entry in audit.entries())
    return replace(found, logged=find_logged(found), by_local_key=by_us, log_forgot=forgot)


def find_logged(found: Findings) -> Logged | None:
    """The entry of this machine's log about the file: by hash, else by the id that it states, else by its watermark.

    Raises OutputError if the log cannot be read.
    """
    ids = [name for name in (found.signed_id, found.tag.produce_id if found.tag else "") if is_id(name)]
    by_hash = by_id = by_watermark = None
    dropped = set()
    for entry in audit.entries():
        facts = entry.facts
        if entry.kind == "unpublished":
            dropped.add(str(facts.get("produce_id")))  # a line may have been changed to hold anything
        if entry.kind not in ("video", "stream"):
            continue
        made = str(facts.get("produce_id", ""))
        if facts.get("video_sha256") == found.sha256:
            by_hash = entry
        if made in ids:
            by_id = entry
        if found.watermark_id and made.startswith(found.watermark_id):
            by_watermark = entry
    for by, match in (("sha256", by_hash), ("produce_id", by_id), ("watermark", by_watermark)):
        if match is not None:
            return Logged(match, by, len(audit.verify().problems), str(match.facts.get("produce_id")) in dropped)
    return None


def find_permission(found: Findings) -> Permission | None:
    """The consent that the file, its record or the log names, and what is known of it here; None if none does.

    Raises SettingError if the policy of this machine cannot be read.
    """
    claim = found.credentials.consent if found.credentials and found.credentials.signature_ok else {}
    recorded = found.beside.values.get("consent") if found.beside else None
    stated: dict[str, Any] = recorded if isinstance(recorded, dict) and _belongs(found) else {}
    entry = found.logged.entry if found.logged else None
    if claim:
        merged = {**stated, **claim}
        return _known(Permission("credentials", merged), lambda one: consent_sha256(one) == claim.get("sha256"))
    if stated:
        return _known(Permission("record", stated), lambda one: one.id == stated.get("id"))
    if entry is not None:
        facts = _of_entry(entry)
        return _known(Permission("log", facts), lambda one: one.id == facts["id"])
    return None


def _known(permission: Permission, is_it: Callable[[Consent], bool]) -> Permission:
    """With the copy of this machine's store, and what keeps it from holding today."""
    copy = next((one for one in store.kept() if is_it(one)), None)
    if copy is not None:
        told = tuple((one.kind, one.message) for one in problems(copy, policy=active(), today=date.today()))
        return replace(permission, consent=copy, problems=told)
    name = permission.stated.get("id")
    ended = revoked(name) if isinstance(name, str) and _is_hash(name) else None
    told = (("revoked", f"it was revoked on {ended.to_text()}"),) if ended else ()
    return replace(permission, problems=told)


def _belongs(found: Findings) -> bool:
    """Whether the record beside is the file's: it names its hash, or the file names the record's."""
    beside = found.beside
    if beside is None:
        return False
    return beside.names_this_file or (found.tag is not None and beside.digest == found.tag.record_sha256)


def _of_entry(entry: Entry) -> dict[str, Any]:
    return {"id": entry.facts.get("consent"), "basis": entry.facts.get("basis")}


def _is_hash(name: str) -> bool:
    return len(name) == 64 and _DIGITS.issuperset(name)


def subject_of(permission: Permission) -> str | None:
    """Who allowed it, by the copy of this machine or by what the record says."""
    if isinstance(permission.consent, Consent):
        return permission.consent.subject
    subject = permission.stated.get("subject")
    return subject if isinstance(subject, str) else None
