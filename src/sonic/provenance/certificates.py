"""The certificates behind keys.identity(): the local authority with its leaf, and the checks of a user's own chain.

The folder of the local key, mode 700, holds ca.key and leaf.key (PKCS #8, mode 600) and chain.pem (leaf, then the
authority). It is made under another name and renamed, under the lock of the audit log, so that it is complete or absent
and there is one, whoever else is at it.
"""

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as form
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from sonic.errors import OutputError, SettingError
from sonic.files import atomic_write, flush_to_disk, read_small
from sonic.provenance.keys import CERTIFICATE_VARIABLE, HOME_VARIABLE, KEY_VARIABLE, Identity

LOCAL_ORGANISATION = "Sonic local key (self-made, identity not verified)"
"""Subject of every local certificate; readers show it as the issuer of the signature."""
LEAF_YEARS, AUTHORITY_YEARS = 10, 25
RENEW_YEARS = 5
"""A leaf is renewed when fewer are left: without an attested time a signature counts only while its leaf is valid."""
SIGNING_PURPOSES = (
    ExtendedKeyUsageOID.EMAIL_PROTECTION,
    ObjectIdentifier("1.3.6.1.5.5.7.3.36"),  # document signing
    ObjectIdentifier("1.3.6.1.4.1.62558.2.1"),  # C2PA claim signing
)
"""Extended key usages of which a certificate needs one to sign Content Credentials."""
_YEAR = timedelta(days=365)
_MAX_BYTES = 256 * 1024


def local_identity(folder: Path, timestamp_url: str | None) -> Identity:
    """The key in ``folder``, with certificates that are valid for some years to come.

    Raises SettingError if it cannot be read, and OutputError if its certificates cannot be renewed.
    """
    try:
        authority, leaf = (_private_key(_read(folder / name)) for name in ("ca.key", "leaf.key"))
        chain = x509.load_pem_x509_certificates(_read(folder / "chain.pem"))
        if not isinstance(authority, ec.EllipticCurvePrivateKey) or not isinstance(leaf, ec.EllipticCurvePrivateKey):
            raise ValueError("other kind of key")
        if [_der(c.public_key()) for c in chain] != [_der(k.public_key()) for k in (leaf, authority)]:
            raise ValueError("other keys")
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is damaged"
        raise SettingError(
            f"the local signing key in {str(folder)!r} cannot be read ({reason}); restore the folder, or move it away: "
            "a new key is made then"
        ) from error
    if not _lasts(chain):
        chain = _certificates(authority, leaf)
        with _kept(folder):
            atomic_write(folder / "chain.pem", _pem(chain), private=True)
    return _identity("local", leaf, chain, timestamp_url)


def own_identity(certificate: Path, key: Path, timestamp_url: str | None) -> Identity:
    """The user's certificate chain and key. Raises SettingError unless they can sign now."""
    try:
        chain = x509.load_pem_x509_certificates(_setting_file(CERTIFICATE_VARIABLE, certificate))
    except ValueError as error:
        raise SettingError(
            f"{CERTIFICATE_VARIABLE} {str(certificate)!r} holds no certificate in PEM; convert it with openssl x509"
        ) from error
    try:
        private = _private_key(_setting_file(KEY_VARIABLE, key))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        rule = "is encrypted" if isinstance(error, TypeError) else "holds no private key in PEM"
        raise SettingError(
            f"{KEY_VARIABLE} {str(key)!r} {rule}; write it with openssl pkey -in KEY -out FILE"
        ) from error
    _check(certificate, chain, private)
    return _identity("own", private, chain, timestamp_url)


def fingerprints_at(folder: Path, certificate: str | None) -> frozenset[str]:
    """SHA-256 of the public keys of these leaves, as far as they can be read."""
    found = set()
    for path in (folder / "chain.pem", certificate and Path(certificate)):
        with suppress(OSError, ValueError):
            if path:
                leaf = x509.load_pem_x509_certificates(_read(path))[0]
                found.add(hashlib.sha256(_der(leaf.public_key())).hexdigest())
    return frozenset(found)


@contextmanager
def making(folder: Path) -> Iterator[Identity]:
    """A new local key, complete on the disk, that takes its place in ``folder`` at the end of the block; one at a time.

    Raises OutputError if it cannot be kept.
    """
    authority, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    chain = _certificates(authority, leaf)
    building = folder.with_name(f".{folder.name}-{secrets.token_hex(6)}.part")
    with _kept(folder):
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        for abandoned in folder.parent.glob(f".{folder.name}-*.part"):  # by a kill: nobody else is at it
            shutil.rmtree(abandoned, ignore_errors=True)
        building.mkdir(mode=0o700)
    try:
        with _kept(folder):
            _write(building / "ca.key", _key_pem(authority))
            _write(building / "leaf.key", _key_pem(leaf))
            _write(building / "chain.pem", _pem(chain))
        yield _identity("local", leaf, chain, None)
        with _kept(folder):
            building.rename(folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _certificates(authority: ec.EllipticCurvePrivateKey, leaf: ec.EllipticCurvePrivateKey) -> list[x509.Certificate]:
    """Leaf and authority, valid from a day ago (clocks differ)."""
    root = _subject("Sonic local authority")
    key_id = hashlib.sha256(_der(leaf.public_key())).hexdigest()[:16]
    ca = (
        _builder(root, root, authority.public_key(), AUTHORITY_YEARS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority.public_key()), critical=False)
        .sign(authority, hashes.SHA256())
    )
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    end = (
        _builder(_subject(f"Sonic local signer {key_id}"), root, leaf.public_key(), LEAF_YEARS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(leaf.public_key()), critical=False)
        .add_extension(issuer, critical=False)
        .sign(authority, hashes.SHA256())
    )
    return [end, ca]


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, years: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + years * _YEAR)
    )


def _subject(name: str) -> x509.Name:
    parts = ((NameOID.ORGANIZATION_NAME, LOCAL_ORGANISATION), (NameOID.COMMON_NAME, name))
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in parts])


def _usage(*, certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certificates, content_commitment=not certificates, key_cert_sign=certificates,
        crl_sign=certificates, key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _lasts(chain: list[x509.Certificate]) -> bool:
    """Whether these are valid now and for some years."""
    now = datetime.now(UTC)
    return all(c.not_valid_before_utc <= now and now + RENEW_YEARS * _YEAR < c.not_valid_after_utc for c in chain)


def _check(path: Path, chain: list[x509.Certificate], key: PrivateKeyTypes) -> None:
    """Raise SettingError unless the first certificate is valid now, is this key's, and is meant for signing."""
    leaf, now, what = chain[0], datetime.now(UTC), f"{CERTIFICATE_VARIABLE} {str(path)!r}"
    if _der(leaf.public_key()) != _der(key.public_key()):
        raise SettingError(f"the first certificate of {what} is for another key than {KEY_VARIABLE}; leaf first")
    if now < leaf.not_valid_before_utc:
        raise SettingError(
            f"{what} is valid from {leaf.not_valid_before_utc:%Y-%m-%d}, today is {now:%Y-%m-%d}; check the clock"
        )
    if now > leaf.not_valid_after_utc:
        raise SettingError(f"{what} expired on {leaf.not_valid_after_utc:%Y-%m-%d}; renew it, or unset the variable")
    try:
        purposes = list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        purposes = []
    if not set(purposes) & set(SIGNING_PURPOSES):
        raise SettingError(
            f"{what} lacks an extended key usage for signing; it needs emailProtection, documentSigning or C2PA claim "
            "signing"
        )
    with suppress(x509.ExtensionNotFound):
        if leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
            raise SettingError(f"the first certificate of {what} is an authority; put the signer's certificate first")


def _identity(kind: str, key: PrivateKeyTypes, chain: list[x509.Certificate], timestamp_url: str | None) -> Identity:
    subject = chain[0].subject
    names = [
        *subject.get_attributes_for_oid(NameOID.COMMON_NAME),
        *subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME),
    ]
    public = key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)
    return Identity(
        kind=kind,
        name=str(names[0].value) if names else "unnamed",
        algorithm=_algorithm(key),
        certificates_pem=_pem(chain).decode("ascii"),
        public_key_pem=public.decode("ascii"),
        private_key_pem=_key_pem(key).decode("ascii"),
        timestamp_url=timestamp_url,
    )


def _algorithm(key: PrivateKeyTypes) -> str:
    """The signature algorithm of C2PA for this key; raises SettingError if there is none."""
    match key:
        case ec.EllipticCurvePrivateKey(curve=ec.SECP256R1()):
            return "ES256"
        case ec.EllipticCurvePrivateKey(curve=ec.SECP384R1()):
            return "ES384"
        case ec.EllipticCurvePrivateKey(curve=ec.SECP521R1()):
            return "ES512"
        case ed25519.Ed25519PrivateKey():
            return "ED25519"
        case rsa.RSAPrivateKey(key_size=size) if size >= 2048:
            return "PS256"
    raise SettingError(
        f"{KEY_VARIABLE} is a key that C2PA does not sign with; use EC P-256, P-384 or P-521, Ed25519, or RSA from 2048"
    )


def _private_key(data: bytes) -> PrivateKeyTypes:
    return form.load_pem_private_key(data, password=None)


def _key_pem(key: PrivateKeyTypes) -> bytes:
    return key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())


def _pem(chain: list[x509.Certificate]) -> bytes:
    return b"".join(certificate.public_bytes(form.Encoding.PEM) for certificate in chain)


def _der(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(form.Encoding.DER, form.PublicFormat.SubjectPublicKeyInfo)


def _setting_file(variable: str, path: Path) -> bytes:
    try:
        return _read(path)
    except OSError as error:
        raise SettingError(f"{variable} {str(path)!r} cannot be read ({error.strerror}); give a PEM file") from error


def _read(path: Path) -> bytes:
    return read_small(path, _MAX_BYTES)


def _write(path: Path, data: bytes) -> None:
    """A new file that only this user can read, on the disk when this returns."""
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        flush_to_disk(file.fileno())


@contextmanager
def _kept(folder: Path) -> Iterator[None]:
    """Errors of the file system as OutputError."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"the local signing key cannot be kept in {str(folder)!r} ({error.strerror}); set {HOME_VARIABLE} to a "
            "folder that can be written"
        ) from error
