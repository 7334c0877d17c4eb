"""Who signs on this machine: the local key made on first use, or the user's own certificate."""

import os
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from sonic.errors import SettingError
from sonic.provenance.keys import CERTIFICATE_VARIABLE, KEY_VARIABLE, Identity, home

TIMESTAMP_VARIABLE = "SONIC_TIMESTAMP_URL"


def identity() -> Identity:
    """Who signs: the user's own certificate if SONIC_SIGN_CERT is set, else the local one, made on first use.

    Certificates of the local key are renewed in time; the key stays. Raises SettingError for a certificate that cannot
    sign (expired, other key, wrong purpose, damaged) and OutputError if the local key cannot be kept.
    """
    from sonic.provenance import certificates

    timestamp_url = _timestamp_url()
    paths = os.environ.get(CERTIFICATE_VARIABLE), os.environ.get(KEY_VARIABLE)
    if not any(paths):
        return local_identity(timestamp_url)
    if not (paths[0] and paths[1]):
        raise SettingError(f"only one of {CERTIFICATE_VARIABLE} and {KEY_VARIABLE} is set; set both, or neither")
    return certificates.own_identity(Path(paths[0]), Path(paths[1]), timestamp_url)


def local_identity(timestamp_url: str | None = None) -> Identity:
    """The local key, whatever certificate is set; made on first use. Raises as ``identity``."""
    from sonic.provenance import certificates
    from sonic.provenance.audit import chain

    if not os.path.lexists(home() / "keys"):
        with chain.opened():
            pass  # it needs a key, and makes one under its lock
    return certificates.local_identity(home() / "keys", timestamp_url)


def local_fingerprint() -> str | None:
    """Of the local key; None if there is none that can be read."""
    from sonic.provenance import certificates

    return next(iter(certificates.fingerprints_at(home() / "keys", None)), None)


def our_fingerprints() -> frozenset[str]:
    """Of the local key, if there is one, and of the own certificate, if one is set; makes nothing, raises nothing."""
    from sonic.provenance import certificates

    return certificates.fingerprints_at(home() / "keys", os.environ.get(CERTIFICATE_VARIABLE))


def exposed_keys() -> tuple[str, ...]:
    """One line for each private key that others on this machine can read; raises nothing. Windows: not looked at."""
    named = os.environ.get(KEY_VARIABLE)
    own, local = [Path(named)] if named else [], [home() / "keys" / name for name in ("leaf.key", "ca.key")]
    told = []
    for path in own or local:
        with suppress(OSError, ValueError):
            if os.name == "posix" and path.stat().st_mode & 0o077:
                told.append(f"the signing key {str(path)!r} can be read by others, who can sign as you; chmod 600 it")
    return tuple(told)


def _timestamp_url() -> str | None:
    url = os.environ.get(TIMESTAMP_VARIABLE, "")
    if not url:
        return None
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and parts.hostname is not None and url.isascii() and url.isprintable()
    except ValueError:
        fits = False
    if not fits:
        raise SettingError(f"{TIMESTAMP_VARIABLE} is {url!r}; it must be the http or https address of an authority")
    return url
