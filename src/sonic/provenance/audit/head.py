"""``audit.head``: number and hash of the log's last line, sealed by this machine's key.

    head        "sonic-head/1"
    n, hash     of the last line; 0 and GENESIS from the moment the key was made until there is one
    at          UTC, when it was sealed
    signature   by the local key, of all the rest as canonical JSON

A key has a head from its first moment on, so a head that is missing was removed. One who has the key can seal another
one: what tells of that is a video or a copy of the head that lies elsewhere.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sonic.files import atomic_write, read_small
from sonic.hashing import canonical
from sonic.provenance.keys import signed_by

if TYPE_CHECKING:
    from sonic.provenance.audit.chain import Entry
    from sonic.provenance.keys import Identity

HEAD, KEYS = "audit.head", "keys"
KIND = "sonic-head/1"
GENESIS = "0" * 64
"""``previous`` of the first line."""
_MAX_BYTES = 64 * 1024


def seal(folder: Path, n: int, hash_: str, at: str, signer: "Identity") -> None:
    """Write the head. Raises OSError."""
    values = {"head": KIND, "n": n, "hash": hash_, "at": at}
    values["signature"] = signer.sign(canonical(values))
    atomic_write(folder / HEAD, json.dumps(values).encode("ascii"), private=True)


def fault(folder: Path, last: "Entry | None", public_key_pem: str | None) -> str:
    """What is wrong with the head beside a log that ends with ``last``; empty if nothing is.

    ``public_key_pem`` is this machine's key; without one nobody knows whether the seal is true.
    """
    have, hash_ = (last.n, last.hash) if last else (0, GENESIS)
    if not (folder / HEAD).exists():
        beside = "a log" if last else "a key" if public_key_pem else ""
        return f"the head of the log is missing, though there is {beside}: lines may be missing too" if beside else ""
    values = _read(folder)
    if values is None:
        return "the head of the log cannot be read: lines may be missing"
    n, expected = values["n"], values["hash"]
    if n > have:
        which = f"entry {n}" if n == have + 1 else f"entries {have + 1} to {n}"
        return f"{which} missing at the end, the log was cut off"
    if n == have and expected != hash_:
        return f"entry {n} is not the one that was written"
    if public_key_pem is not None and not _is_sealed(values, public_key_pem):
        return "the head of the log is not sealed by this machine's key: lines may be missing"
    if n == have - 1 and last is not None and expected == last.previous:
        return ""  # as a crash leaves it, between a line and its head
    return f"the entries from {n + 1} on are not sealed" if n < have else ""


def sealed_by(folder: Path) -> str | None:
    """The public key (PEM) of this machine, by which heads are sealed; None if there is none that can be read."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization as form

    try:
        leaf = x509.load_pem_x509_certificates(read_small(folder / KEYS / "chain.pem", 4 * _MAX_BYTES))[0]
    except (OSError, ValueError):
        return None
    public = leaf.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    return public.decode("ascii")


def _read(folder: Path) -> dict[str, Any] | None:
    try:
        values = json.loads(read_small(folder / HEAD, _MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    fits = isinstance(values, dict) and type(values.get("n")) is int and isinstance(values.get("hash"), str)
    return values if fits else None


def _is_sealed(values: dict[str, Any], public_key_pem: str) -> bool:
    rest = {name: value for name, value in values.items() if name != "signature"}
    try:
        return rest.get("head") == KIND and signed_by(canonical(rest), str(values.get("signature")), public_key_pem)
    except (TypeError, ValueError, RecursionError):
        return False
