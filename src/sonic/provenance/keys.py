"""Who signs on this machine: a local key made on first use, or the user's own certificate.

    SONIC_HOME            folder of everything that Sonic keeps for a user; default: the platform's data folder
    SONIC_SIGN_CERT       own certificate chain, PEM, leaf first
    SONIC_SIGN_KEY        its private key, PEM, not encrypted
    SONIC_TIMESTAMP_URL   RFC 3161 time-stamping authority; without one nothing is sent anywhere

The local key proves that two things were signed on the same machine by the same user, and nothing about who that is:
its certificates are made here and are on nobody's trust list. They hold no name of a person.
"""

import base64
import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sonic.errors import SettingError
from sonic.files import data_folder

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes


HOME_VARIABLE = "SONIC_HOME"
CERTIFICATE_VARIABLE = "SONIC_SIGN_CERT"
KEY_VARIABLE = "SONIC_SIGN_KEY"


@dataclass(frozen=True, slots=True)
class Identity:
    """A private key with the certificates that name it."""

    kind: str
    """local: made by Sonic on this machine; own: the user's certificate."""
    name: str
    """Common name of the certificate, else its organisation; of a local one, a name that says nothing of the user."""
    algorithm: str
    """As C2PA names it: ES256, ES384, ES512, PS256 or ED25519."""
    certificates_pem: str
    """Leaf first, then who issued it."""
    public_key_pem: str
    """SubjectPublicKeyInfo of the leaf."""
    private_key_pem: str = field(repr=False)
    timestamp_url: str | None = None
    """Time-stamping authority; None: signatures carry no attested time."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the public key (SubjectPublicKeyInfo, DER), hexadecimal; stays when certificates are renewed."""
        return fingerprint_of(self.public_key_pem)

    def sign(self, data: bytes) -> str:
        """Base64 of the signature over ``data``: ECDSA or RSA-PSS with SHA-256, or Ed25519, as the key is."""
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        key = load_pem_private_key(self.private_key_pem.encode("ascii"), password=None)
        return base64.b64encode(_signature(key, data)).decode("ascii")


def home() -> Path:
    """The folder of everything that Sonic keeps for this user; it need not exist yet.

    Raises SettingError if SONIC_HOME is not an absolute path, or unset where the user has no home folder.
    """
    if not (given := os.environ.get(HOME_VARIABLE)):
        try:
            return data_folder()
        except RuntimeError as error:
            raise SettingError(f"this user has no home folder; set {HOME_VARIABLE} to a folder for keys") from error
    if not os.path.isabs(given):
        raise SettingError(f"{HOME_VARIABLE} is {given!r}; it must be an absolute path")
    return Path(given)


def fingerprint_of(public_key_pem: str) -> str:
    """SHA-256 of a public key in PEM (SubjectPublicKeyInfo). Raises ValueError if it is none."""
    from cryptography.hazmat.primitives import serialization as form

    key = form.load_pem_public_key(public_key_pem.encode("ascii"))
    der = key.public_bytes(form.Encoding.DER, form.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def signed_by(data: bytes, signature: str, public_key_pem: str) -> bool:
    """Whether ``signature`` (base64, of Identity.sign) over ``data`` was made with the private half of this key.

    Anything malformed is no signature: False.
    """
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(public_key_pem.encode("ascii"))
        _verify(key, base64.b64decode(signature, validate=True), data)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


def _signature(key: "PrivateKeyTypes", data: bytes) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

    match key:
        case ec.EllipticCurvePrivateKey():
            return key.sign(data, ec.ECDSA(hashes.SHA256()))
        case rsa.RSAPrivateKey():
            return key.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        case ed25519.Ed25519PrivateKey():
            return key.sign(data)
    raise TypeError(f"{type(key).__name__} does not sign")


def _verify(key: "PublicKeyTypes", signature: bytes, data: bytes) -> None:
    """The inverse of _signature; raises InvalidSignature."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

    match key:
        case ec.EllipticCurvePublicKey():
            return key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        case rsa.RSAPublicKey():
            return key.verify(signature, data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
        case ed25519.Ed25519PublicKey():
            return key.verify(signature, data)
    raise TypeError(f"{type(key).__name__} does not sign")
