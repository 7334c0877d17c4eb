"""The fields of a consent, each checked for its kind: they come from programs, or from files that anybody changes."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from sonic.errors import ConsentError
from sonic.provenance.consent import validators


@dataclass(frozen=True, slots=True)
class Signature:
    """Who signed a consent; whether it is true is asked by Consent.is_signed."""

    public_key: str
    """SubjectPublicKeyInfo in PEM."""
    value: str
    """Base64, as keys.Identity.sign makes it."""


def read(values: dict[str, Any]) -> dict[str, Any]:
    """Fields of a Consent from the JSON of a file; those that are plain texts are checked by the Consent itself."""
    fields = {name: value for name, value in values.items() if name != "consent"}
    fields["given_on"] = validators.day("given_on", values["given_on"])
    if values["expires_on"] is not None:
        fields["expires_on"] = validators.day("expires_on", values["expires_on"])
    parts = values["signature"]
    if not isinstance(parts, dict) or set(parts) != {"public_key", "value"}:
        raise ConsentError("its signature must hold public_key and value; it was changed")
    fields["signature"] = Signature(**parts)
    if values.get("face_box") is None and values["consent"] != "sonic-consent/1":
        raise ConsentError("face_box must name a face; it was changed")
    return fields


def checked(values: dict[str, Any]) -> dict[str, Any]:
    """The values of a Consent, each of its kind; None where a field allows it."""
    found = dict(values)
    for name in ("subject", "basis", "evidence", "confirmed_at"):
        if values[name] is not None or name in ("subject", "basis"):
            found[name] = validators.one_line(name, values[name])
    found["evidence"] = found["evidence"] or None
    if values["evidence_name"] is not None:
        found["evidence_name"] = validators.file_name("evidence_name", values["evidence_name"])
    for name in ("photo_sha256", "evidence_sha256"):
        if values[name] is not None:
            found[name] = validators.sha256(name, values[name])
    if values["languages"] is not None:
        found["languages"] = validators.languages("languages", values["languages"])
    if values["purposes"] is not None:
        found["purposes"] = validators.purposes("purposes", values["purposes"])
    for name in ("given_on", "expires_on"):
        if type(values[name]) is not date and (values[name] is not None or name == "given_on"):
            raise ConsentError(f"{name} is {values[name]!r}; it must be a date such as date(2026, 5, 31)")
    _check_signature(values["signature"])
    return found | _checked_pictures(values)


def _checked_pictures(values: dict[str, Any]) -> dict[str, Any]:
    """What is known of photo and face."""
    for name in ("photo_likeness", "face_likeness"):
        _check_likeness(name, values[name])
    box = values["face_box"]
    return {} if box is None else {"face_box": validators.box("face_box", box)}


def _check_likeness(name: str, likeness: Any) -> None:
    """Raise ConsentError unless it is None or can be read."""
    if likeness is not None:
        from sonic.provenance.likeness import Likeness

        try:
            Likeness.from_text(validators.code(name, likeness))
        except ValueError as error:
            raise ConsentError(f"{name} cannot be read ({error}); it was changed, or is newer") from error


def _check_signature(signature: Any) -> None:
    """Raise ConsentError unless it is None or two texts of reasonable length."""
    if signature is not None:
        if not isinstance(signature, Signature):
            raise ConsentError("signature must be a Signature")
        validators.code("public_key", signature.public_key)
        validators.code("signature", signature.value)
