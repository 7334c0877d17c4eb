"""The certificate that signed a C2PA manifest, from the manifest's bytes: JUMBF boxes (ISO 19566-5), COSE in CBOR.

The library says the signer's name and serial number, which anybody can write into a certificate; which key signed is in
the certificate itself. It has verified the signature with the certificate that is read here, the first of the chain.
"""

from typing import Any

_X5CHAIN = (33, "x5chain")


def signer_certificate(store: bytes, manifest: str) -> bytes | None:
    """DER of the certificate whose key signed ``manifest`` (its label) in this manifest store; None if there is none.

    Anything malformed is None.
    """
    try:
        boxes = dict(_children(store, 0, len(store)))
        claims = boxes["c2pa"]
        signature = dict(_children(store, *dict(_children(store, *claims))[manifest]))["c2pa.signature"]
        start, end = _content(store, *signature, b"cbor")
        return _leaf(_decoded(store[start:end]))
    except (KeyError, IndexError, ValueError, TypeError, OverflowError, RecursionError, MemoryError):
        return None


def _children(data: bytes, start: int, end: int) -> list[tuple[str, tuple[int, int]]]:
    """Label and extent of the content of each superbox between these bytes."""
    found = []
    for kind, first, last in _boxes(data, start, end):
        if kind == b"jumb":
            (inner, a, b), *_ = _boxes(data, first, last)
            if inner == b"jumd":
                label = data[a + 17 : b].split(b"\0", 1)[0]  # behind the type (16 bytes) and the toggles
                found.append((label.decode("utf-8"), (b, last)))
    return found


def _content(data: bytes, start: int, end: int, kind: bytes) -> tuple[int, int]:
    """Extent of the content of the first box of this kind."""
    return next((first, last) for name, first, last in _boxes(data, start, end) if name == kind)


def _boxes(data: bytes, start: int, end: int) -> list[tuple[bytes, int, int]]:
    """Kind and extent of the content of each box; raises ValueError for one that does not fit."""
    found = []
    while start < end:
        size, kind, head = int.from_bytes(data[start : start + 4]), data[start + 4 : start + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[start + 8 : start + 16]), 16
        if size == 0:
            size = end - start
        if size < head or start + size > end:
            raise ValueError("box does not fit")
        found.append((kind, start + head, start + size))
        start += size
    return found


def _decoded(data: bytes) -> Any:
    """One CBOR item (RFC 8949), a COSE tag left out. Raises ValueError for anything else."""
    import cbor2

    try:
        item = cbor2.loads(data)
    except (cbor2.CBORDecodeError, RecursionError, MemoryError) as error:
        raise ValueError("not CBOR") from error
    return item.value if isinstance(item, cbor2.CBORTag) else item


def _leaf(cose: Any) -> bytes:
    """First certificate of a COSE_Sign1: x5chain of the protected header, else of the unprotected one."""
    protected, unprotected = cose[0], cose[1]
    headers = (_decoded(protected) if protected else {}, unprotected)
    chain = next(header[key] for header in headers for key in _X5CHAIN if key in header)
    leaf = chain if isinstance(chain, bytes) else chain[0]
    if not isinstance(leaf, bytes):
        raise ValueError("no certificate")
    return leaf
