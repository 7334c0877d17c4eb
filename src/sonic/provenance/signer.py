"""Who signs on this machine: the local key made on first use, or the user's own certificate."""

import os
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
        return certificates.local_identity(home() / "keys", timestamp_url)
    if not (paths[0] and paths[1]):
        raise SettingError(f"only one of {CERTIFICATE_VARIABLE} and {KEY_VARIABLE} is set; set both, or neither")
    return certificates.own_identity(Path(paths[0]), Path(paths[1]), timestamp_url)


def our_fingerprints() -> frozenset[str]:
    """Of the local key, if there is one, and of the own certificate, if one is set; makes nothing, raises nothing."""
    from sonic.provenance import certificates

    return certificates.fingerprints_at(home() / "keys", os.environ.get(CERTIFICATE_VARIABLE))


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
