"""Certificates of a user's own, good and bad, as files."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


def own_files(
    folder: Path,
    *,
    key: Any = None,
    starts_days: float = -2,
    ends_days: float = 365,
    purpose: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.EMAIL_PROTECTION,
    password: bytes | None = None,
    signer: str = "Example Studio",
) -> tuple[Path, Path]:
    """(certificate chain, key) of ``signer``, valid between these days from now."""
    folder.mkdir(parents=True, exist_ok=True)
    authority, key = ec.generate_private_key(ec.SECP256R1()), key or ec.generate_private_key(ec.SECP256R1())
    root, name = _name("Example Authority"), _name(signer)
    ca = _builder(root, root, authority.public_key(), starts_days, ends_days)
    ca = ca.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    ca = ca.add_extension(x509.SubjectKeyIdentifier.from_public_key(authority.public_key()), critical=False)
    leaf = _builder(name, root, key.public_key(), starts_days, ends_days)
    leaf = leaf.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    leaf = leaf.add_extension(
        x509.KeyUsage(
            digital_signature=True, content_commitment=True, key_cert_sign=False, crl_sign=False,
            key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
            decipher_only=False,
        ),
        critical=True,
    )  # fmt: skip
    if purpose is not None:
        leaf = leaf.add_extension(x509.ExtendedKeyUsage([purpose]), critical=True)
    leaf = leaf.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    leaf = leaf.add_extension(issuer, critical=False)
    chain = [leaf.sign(authority, hashes.SHA256()), ca.sign(authority, hashes.SHA256())]
    (folder / "chain.pem").write_bytes(b"".join(c.public_bytes(form.Encoding.PEM) for c in chain))
    lock = form.BestAvailableEncryption(password) if password else form.NoEncryption()
    (folder / "own.key").write_bytes(key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, lock))
    return folder / "chain.pem", folder / "own.key"


def _builder(subject: x509.Name, issuer: x509.Name, key: Any, starts: float, ends: float) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=starts))
        .not_valid_after(now + timedelta(days=ends))
    )


def _name(text: str) -> x509.Name:
    parts = ((NameOID.ORGANIZATION_NAME, f"{text} Ltd"), (NameOID.COMMON_NAME, text))
    return x509.Name([x509.NameAttribute(oid, part) for oid, part in parts])
