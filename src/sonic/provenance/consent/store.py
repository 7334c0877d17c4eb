"""The consents of this machine: a copy of every one that was made or used here.

``consents/<id>.json`` under keys.home() is a copy. The first that is written counts: whoever states the same later, in
whatever process, works with that one. Every copy has an entry in the audit log, made under the same lock.
"""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from sonic.errors import ConsentError, OutputError
from sonic.files import atomic_write
from sonic.provenance import audit
from sonic.provenance.consent.terms import Consent
from sonic.provenance.keys import HOME_VARIABLE, home
from sonic.provenance.signer import our_fingerprints

MIN_PREFIX = 6
"""Fewer digits of an id name none."""
COPY = ".json"


def folder() -> Path:
    """Where the copies lie; it need not exist yet."""
    return home() / "consents"


def keep(consent: Consent) -> Consent:
    """The copy of this signed consent that counts: the one that is here, else this one, with its log entry.

    Raises OutputError if it cannot be kept.
    """
    with audit.opened() as log:
        kept = copy_of(consent.id)
        if kept is not None and kept.is_signed() and kept.signer() in (consent.signer(), *our_fingerprints()):
            return kept
        facts = {"consent": consent.id, "basis": consent.basis, "photo_sha256": consent.photo_sha256}
        log.append("consent", facts | {"signed_by": consent.signer()})
        write_private(folder() / f"{consent.id}{COPY}", consent.to_json())
    return consent


def copy_of(consent_id: str) -> Consent | None:
    """The copy with this id, if there is one that can be read."""
    with suppress(ConsentError):
        return Consent.from_file(folder() / f"{consent_id}{COPY}")
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


def names() -> list[str]:
    """Of everything in the folder. Raises ConsentError where it may not be read."""
    try:
        return os.listdir(folder())  # unlike glob, it says when the folder may not be read
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise unreadable(error) from error


def _copies() -> list[Path]:
    return [folder() / name for name in names() if re.fullmatch(rf"[0-9a-f]{{64}}{re.escape(COPY)}", name)]


def unreadable(error: OSError) -> ConsentError:
    """What is said where the folder may not be read."""
    return ConsentError(
        f"the consents of this machine in {str(folder())!r} cannot be read ({error.strerror}), and so "
        f"nobody knows which hold; give yourself access to that folder, or set {HOME_VARIABLE} to another"
    )


def write_private(path: Path, text: str) -> None:
    """A file under its final name, complete or not at all. Raises OutputError."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        atomic_write(path, text.encode("utf-8"), private=True)
    except OSError as error:
        raise OutputError(
            f"the consents in {str(path.parent)!r} cannot be written ({error.strerror}); set {HOME_VARIABLE} to a "
            "folder that can"
        ) from error
