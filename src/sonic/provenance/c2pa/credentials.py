"""Reading Content Credentials, ours and other tools', and saying no more about them than is known.

A signature that fits says that the file is as somebody signed it. Who that is, is known only of certificates that lead
to an anchor of trust: of those in SONIC_TRUST_LIST (PEM), if it is set, for none is shipped. The local key that Sonic
makes is on no list: "signed, by nobody that is known". Nothing is fetched from a network.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

from sonic.errors import MediaError, SettingError
from sonic.files import open_regular, read_small
from sonic.provenance.c2pa import toolkit
from sonic.provenance.c2pa.claims import CONSENT, HASH_ID, MADE
from sonic.provenance.c2pa.jumbf import signer_certificate
from sonic.provenance.signer import our_fingerprints

TRUST_VARIABLE = "SONIC_TRUST_LIST"
SHORTEST_LIMIT_S = 20.0
"""Time for reading one file, however small; large ones get a second more for each SLOW_BYTES_S."""
SLOW_BYTES_S = 20_000_000
_MAX_TRUST_BYTES = 4 * 1024**2
_TRACE = b"jumdc2pa"  # how the description of every manifest store begins
_ELSEWHERE = ("c2pa.actions", "c2pa.hash.", "c2pa.ingredient", "c2pa.thumbnail")
_CHANGED = ("claim.", "claimSignature.", "assertion.hashedURI.", "assertion.missing", "assertion.undeclared")
"""Beginnings of the failures that concern what the credentials say, not the content they are bound to."""
_UNKNOWN_FACTS: dict[str, Any] = {
    "signature_ok": False, "content_ok": False, "trusted": False, "signer": None, "issuer": None, "fingerprint": None,
    "ours": False, "signed_at": None, "time_attested": False, "made_with": None, "source_type": None, "actions": (),
    "ingredients": (), "assertions": {},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that was done, as the signer says."""

    name: str
    """Such as c2pa.created."""
    source_type: str | None = None
    """IPTC digital source type, the last part of its address."""
    agent: str | None = None
    """The software that did it."""
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Ingredient:
    """One file that went into this one, as the signer says."""

    title: str | None
    media_type: str | None
    relationship: str | None
    sha256: str | None
    """Of the file, where the signer gives it as we do; None otherwise."""
    has_credentials: bool


@dataclass(frozen=True, slots=True)
class Credentials:
    """The Content Credentials of one file: what they say, and what of that is proved."""

    state: str
    """valid: signature and content fit; invalid: one of them does not, or nothing can be read."""
    signature_ok: bool
    """The signature is that of the certificate's key, over everything that the credentials say."""
    content_ok: bool
    """The file's content is what was signed."""
    trusted: bool
    """The certificate leads to an anchor in SONIC_TRUST_LIST."""
    signer: str | None
    """The name in the certificate; proved only if ``trusted``."""
    issuer: str | None
    """The organisation in the certificate, likewise."""
    fingerprint: str | None
    """SHA-256 of the public key that signed, see keys.Identity; None if the signature does not fit."""
    ours: bool
    """Signed by the key of this user on this machine, or by the certificate that is set."""
    signed_at: datetime | None
    """When, UTC: as the authority attests, or as the signer says."""
    time_attested: bool
    """By a time-stamping authority that leads to an anchor of trust; else the time is what somebody says."""
    made_with: str | None
    """Software that wrote the credentials, as it says."""
    source_type: str | None
    """Digital source type of the creation, the last part of its address, such as trainedAlgorithmicMedia."""
    actions: tuple[Action, ...]
    ingredients: tuple[Ingredient, ...]
    assertions: Mapping[str, Any]
    """Every other assertion: label -> what it holds."""
    codes: tuple[str, ...]
    """What the validation found wrong, in the words of C2PA, such as assertion.bmffHash.mismatch; of a file that cannot
    be read, the library's words.
    """

    @property
    def made(self) -> Mapping[str, Any]:
        """What Sonic says of its own work (claims.MADE); empty in others' credentials."""
        return _mapping(self.assertions.get(MADE))

    @property
    def consent(self) -> Mapping[str, Any]:
        """What Sonic says of the consent (claims.CONSENT); empty in others' credentials."""
        return _mapping(self.assertions.get(CONSENT))


def read_credentials(path: Path, *, longest_s: float | None = None) -> Credentials | None:
    """The Content Credentials of a file of any kind; None if it has none, or is nothing that can hold any.

    Damage is a state, not an error: whatever cannot be read is ``invalid`` with the reason in ``codes``, also if it
    takes longer than ``longest_s`` (default: by size). Raises MediaError if the file itself cannot be read, and
    SettingError if SONIC_TRUST_LIST cannot.
    """
    anchors = _anchors()
    try:
        size, media_type = path.stat().st_size, toolkit.media_type(path) if path.is_file() else None
        if media_type is None:
            return None
        limit_s = SHORTEST_LIMIT_S + size / SLOW_BYTES_S if longest_s is None else longest_s
        found = toolkit.call(lambda: _report(path, media_type, anchors), limit_s)
        return None if found is None else _credentials(*found)
    except toolkit.ToolkitError as error:
        return Credentials(state="invalid", codes=(str(error),), **_UNKNOWN_FACTS)
    except (KeyError, TypeError, RecursionError):
        return Credentials(state="invalid", codes=("the manifest has no meaning",), **_UNKNOWN_FACTS)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        raise MediaError(f"{str(path)!r} cannot be read ({reason}); give a picture, a video or a recording") from error


def _report(path: Path, media_type: str, anchors: str | None) -> tuple[dict[str, Any], bytes] | None:
    """What the library says of the file, and the bytes of the manifests; None if there is no manifest."""
    import c2pa

    trust = {"trust": {"user_anchors": anchors}} if anchors else {}
    with toolkit.context(**trust) as context, open_regular(path) as file:
        try:
            reader = c2pa.Reader(media_type, file, context=context)
        except c2pa.C2paError.ManifestNotFound:
            return None
        except c2pa.C2paError:
            if _holds_nothing(path):
                return None
            raise
        with reader:
            report = _object(reader.json())
            store = BytesIO()
            reader.resource_to_stream(f"/c2pa/{report['active_manifest']}/c2pa.signature", store)
    return report, store.getvalue()


def _object(text: str) -> dict[str, Any]:
    """The library's JSON; raises ToolkitError for what is none, such as numbers of thousands of digits."""
    try:
        values = json.loads(text)
    except ValueError as error:
        raise toolkit.ToolkitError("the manifest cannot be shown") from error
    return dict(values)


def _holds_nothing(path: Path) -> bool:
    """Whether a file that the library cannot read shows no trace of a manifest."""
    with open_regular(path) as file:
        tail = b""
        while block := file.read(1 << 20):
            if _TRACE in tail + block:
                return False
            tail = block[-len(_TRACE) :]
    return True


def _credentials(report: Mapping[str, Any], store: bytes) -> Credentials:
    manifest = report["manifests"][report["active_manifest"]]
    results = _mapping(_mapping(report.get("validation_results")).get("activeManifest"))
    passed, failed = _codes(results, "success"), _codes(results, "failure")
    signature_ok = "claimSignature.validated" in passed and not any(code.startswith(_CHANGED) for code in failed)
    fingerprint = _fingerprint(store, report["active_manifest"]) if signature_ok else None
    info = _mapping(manifest.get("signature_info"))
    actions, when = _actions(manifest)
    return Credentials(
        state="invalid" if report.get("validation_state") == "Invalid" or not signature_ok else "valid",
        signature_ok=signature_ok,
        content_ok=_is_content_ok(passed, failed),
        trusted=signature_ok and "signingCredential.trusted" in passed,
        signer=_text(info.get("common_name")),
        issuer=_text(info.get("issuer")),
        fingerprint=fingerprint,
        ours=fingerprint is not None and fingerprint in our_fingerprints(),
        signed_at=_time(info.get("time")) or when,
        time_attested={"timeStamp.validated", "timeStamp.trusted"} <= passed,
        made_with=_generator(manifest),
        source_type=next((a.source_type for a in actions if a.name == "c2pa.created"), None),
        actions=actions,
        ingredients=tuple(_ingredient(_mapping(one)) for one in _list(manifest.get("ingredients"))),
        assertions={
            one["label"]: one.get("data")
            for one in map(_mapping, _list(manifest.get("assertions")))
            if "label" in one and not str(one["label"]).startswith(_ELSEWHERE)
        },
        codes=tuple(sorted(failed)),
    )


def _codes(results: Mapping[str, Any], kind: str) -> frozenset[str]:
    return frozenset(str(_mapping(one).get("code")) for one in _list(results.get(kind)))


def _is_content_ok(passed: frozenset[str], failed: frozenset[str]) -> bool:
    """Whether a hard binding was checked and none failed."""
    return any(_is_binding(code) and code.endswith(".match") for code in passed) and not any(map(_is_binding, failed))


def _is_binding(code: str) -> bool:
    return code.startswith(
        ("assertion.dataHash", "assertion.bmffHash", "assertion.boxesHash", "assertion.collectionHash")
    )


def _fingerprint(store: bytes, manifest: str) -> str | None:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization as form

    der = signer_certificate(store, manifest)
    try:
        key = x509.load_der_x509_certificate(der or b"").public_key()
    except ValueError:
        return None
    return sha256(key.public_bytes(form.Encoding.DER, form.PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _actions(manifest: Mapping[str, Any]) -> tuple[tuple[Action, ...], datetime | None]:
    """The actions, and when the signer says that the first of them was done."""
    found = [
        _mapping(action)
        for assertion in map(_mapping, _list(manifest.get("assertions")))
        if str(assertion.get("label", "")).startswith("c2pa.actions")
        for action in _list(_mapping(assertion.get("data")).get("actions"))
    ]
    when = next((time for one in found if (time := _time(one.get("when")))), None)
    return tuple(
        Action(
            name=str(one.get("action")),
            source_type=_last_part(one.get("digitalSourceType")),
            agent=_software(one.get("softwareAgent")),
            description=_text(one.get("description")),
        )
        for one in found
    ), when


def _ingredient(one: Mapping[str, Any]) -> Ingredient:
    given = _text(one.get("instance_id")) or ""
    return Ingredient(
        title=_text(one.get("title")),
        media_type=_text(one.get("format")),
        relationship=_text(one.get("relationship")),
        sha256=given.removeprefix(HASH_ID) if given.startswith(HASH_ID) else None,
        has_credentials=one.get("active_manifest") is not None,
    )


def _generator(manifest: Mapping[str, Any]) -> str | None:
    return _software(next(iter(_list(manifest.get("claim_generator_info"))), None)) or _text(
        manifest.get("claim_generator")
    )


def _software(value: Any) -> str | None:
    """ "Name 1.0" of a name, or of an object with name and version."""
    if isinstance(value, Mapping):
        return " ".join(str(value[name]) for name in ("name", "version") if value.get(name)) or None
    return _text(value)


def _anchors() -> str | None:
    """The certificates in SONIC_TRUST_LIST; None if it is not set."""
    if not (given := os.environ.get(TRUST_VARIABLE)):
        return None
    from cryptography import x509

    try:
        data = read_small(given, _MAX_TRUST_BYTES)
        x509.load_pem_x509_certificates(data)
        return data.decode("ascii")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it holds no certificates in PEM"
        raise SettingError(f"{TRUST_VARIABLE} {given!r} cannot be read ({reason}); give a PEM file") from error


def _time(value: Any) -> datetime | None:
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def _last_part(value: Any) -> str | None:
    return value.rsplit("/", 1)[-1] if isinstance(value, str) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
