"""The consents of this machine: a copy of every one that was made or used here, and what was revoked.

``consents/<id>.json`` under keys.home() is a copy; ``consents/<id>.revoked.json`` ends that consent here for good, even
where the file elsewhere is unchanged:

    revocation     "sonic-revocation/1"
    consent        id of the consent
    revoked_at     UTC
    signature      {"public_key", "value"}, as that of a consent: who ended it; without a true one it is ended as well
"""

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from sonic.errors import ConsentError, OutputError
from sonic.files import atomic_write, read_small
from sonic.hashing import canonical
from sonic.provenance.audit import append
from sonic.provenance.consent import validators
from sonic.provenance.consent.terms import Consent, now_text
from sonic.provenance.keys import HOME_VARIABLE, home
from sonic.provenance.signer import identity

KIND = "sonic-revocation/1"
UNKNOWN_DAY = "a day that cannot be read"
MIN_PREFIX = 6
"""Fewer digits of an id name none."""
_COPY, _REVOKED = ".json", ".revoked.json"
_MAX_BYTES = 64 * 1024


def folder() -> Path:
    """Where the copies lie; it need not exist yet."""
    return home() / "consents"


def keep(consent: Consent) -> Path:
    """The copy of this signed consent, made with an entry in the audit log if there is none yet.

    Raises OutputError if it cannot be kept.
    """
    path = folder() / f"{consent.id}{_COPY}"
    if not path.exists():
        facts = {"consent": consent.id, "basis": consent.basis, "photo_sha256": consent.photo_sha256}
        append("consent", facts | {"signed_by": consent.signer()})
        _write(path, consent.to_json())
    return path


def revoke(consent: Consent) -> str:
    """End this consent on this machine; returns when that was. Again and again is the same as once.

    Raises OutputError if it cannot be recorded.
    """
    if before := revoked_at(consent.id):
        return before
    at = now_text()
    values = {"revocation": KIND, "consent": consent.id, "revoked_at": at}
    signer = identity()
    signature = {"public_key": signer.public_key_pem, "value": signer.sign(canonical(values))}
    _write(folder() / f"{consent.id}{_REVOKED}", json.dumps(values | {"signature": signature}, indent=2) + "\n")
    append("revocation", {"consent": consent.id})
    return at


def revoked_at(consent_id: str) -> str | None:
    """When this consent was revoked on this machine, UTC; UNKNOWN_DAY for a damaged revocation, which counts too.

    Raises ConsentError where the folder may not be read: whether it was revoked is then not known.
    """
    path = folder() / f"{consent_id}{_REVOKED}"
    try:
        at = json.loads(read_small(path, _MAX_BYTES))["revoked_at"]
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise _unreadable(error) from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return UNKNOWN_DAY
    return at if isinstance(at, str) and at.isprintable() and len(at) <= validators.MAX_PURPOSE else UNKNOWN_DAY


def copy_of(consent_id: str) -> Consent | None:
    """The copy with this id, if there is one that can be read."""
    with suppress(ConsentError):
        return Consent.from_file(folder() / f"{consent_id}{_COPY}")
    return None


def kept() -> Iterator[Consent]:
    """Every copy that can be read, oldest first. Raises ConsentError where the folder may not be read."""
    found = [path for path in _copies() if path.exists()]
    for path in sorted(found, key=lambda path: (path.stat().st_mtime_ns, path.name)):
        with suppress(ConsentError):
            yield Consent.from_file(path)


def find(prefix: str) -> Consent:
    """The one copy whose id begins with ``prefix``. Raises ConsentError."""
    if not re.fullmatch(rf"[0-9a-f]{{{MIN_PREFIX},64}}", prefix):
        raise ConsentError(f"{prefix!r} is no file and no id; an id has at least {MIN_PREFIX} hexadecimal digits")
    found = [path for path in _copies() if path.name.startswith(prefix)]
    if len(found) != 1:
        how_many = f"{len(found)} consents" if found else "no consent"
        raise ConsentError(f"{how_many} of this machine begin with {prefix}; see them all with: sonic consent list")
    return Consent.from_file(found[0])


def _copies() -> list[Path]:
    try:
        names = os.listdir(folder())  # unlike glob, it says when the folder may not be read
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise _unreadable(error) from error
    return [folder() / name for name in names if re.fullmatch(rf"[0-9a-f]{{64}}{re.escape(_COPY)}", name)]


def _unreadable(error: OSError) -> ConsentError:
    return ConsentError(
        f"the consents of this machine in {str(folder())!r} cannot be read ({error.strerror}), and so "
        f"nobody knows which hold; give yourself access to that folder, or set {HOME_VARIABLE} to another"
    )


def _write(path: Path, text: str) -> None:
    """A new file under its final name, complete or not at all."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        atomic_write(path, text.encode("utf-8"), private=True)
    except OSError as error:
        raise OutputError(
            f"the consents in {str(path.parent)!r} cannot be written ({error.strerror}); set {HOME_VARIABLE} to a "
            "folder that can"
        ) from error
